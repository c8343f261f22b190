/* SPDX-License-Identifier: MIT */
/* Interfaces: allocation, registration, look-up, taps, listeners, statistics. */
#define LOG_SOURCE "net"
#include "net/link/netif.h"

#include <string.h>

#include "base/fmt.h"
#include "core/cpu.h"
#include "core/epochlist.h"
#include "core/panic.h"
#include "mm/slab.h"
#include "net/link/internal.h"
#include "net/net.h"

struct netif *
netif_alloc(void)
{
	struct netif *nif = kzalloc(sizeof(*nif));
	if (nif == NULL)
		return NULL;
	nif->stats = kcalloc(cpu_count, sizeof(*nif->stats));
	if (nif->stats == NULL) {
		kfree(nif);
		return NULL;
	}
	refcount_init(&nif->refs, 1);
	list_init(&nif->taps);
	list_init(&nif->groups);
	nif->tx_queues = nif->rx_queues = 1;
	return nif;
}

static void
free_netif(struct epoch_head *head)
{
	struct netif *nif = container_of(head, struct netif, epoch);
	kfree(nif->stats);
	kfree(nif);
}

void
netif_put(struct netif *nif)
{
	if (refcount_put(&nif->refs))
		epoch_call(&nif->epoch, free_netif);
}

/* --- Look-ups. --- */

struct netif *
netif_by_index(struct net_stack *net, uint32_t index)
{
	struct netif *nif;
	epoch_list_for_each_entry(nif, &net->netifs, node) if (nif->index == index) return nif;
	return NULL;
}

struct netif *
netif_after(struct net_stack *net, uint32_t index)
{
	struct netif *nif;
	epoch_list_for_each_entry(nif, &net->netifs, node) if (nif->index > index) return nif;
	return NULL;
}

struct netif *
netif_by_name(struct net_stack *net, const char *name)
{
	struct netif *nif;
	epoch_list_for_each_entry(nif, &net->netifs,
		node) if (strncmp(nif->name, name, NETIF_NAME_MAX) == 0) return nif;
	return NULL;
}

/* --- Registration. --- */

bool
netif_name_is_valid(const char *name)
{
	size_t n = strnlen(name, NETIF_NAME_MAX);
	if (n == 0 || n == NETIF_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] == '/' || name[i] == ':' || (uint8_t)name[i] <= ' ' || name[i] == 0x7f)
			return false;
	return true;
}

/* The format with the first number that makes a free name. */
static int
choose_name(struct net_stack *net, const char *format, char name[NETIF_NAME_MAX])
{
	const char *number = strstr(format, "%d");
	if (number == NULL) {
		base_snprintf(name, NETIF_NAME_MAX, "%s", format);
		return netif_by_name(net, name) == NULL ? 0 : -EEXIST;
	}
	for (uint32_t i = 0;; i++) {
		base_snprintf(name, NETIF_NAME_MAX, "%.*s%u%s", (int)(number - format), format, i,
			number + 2);
		if (netif_by_name(net, name) == NULL)
			return 0;
	}
}

int
netif_register(struct net_stack *net, struct netif *nif, const char *name_format)
{
	char name[NETIF_NAME_MAX];
	ASSERT(nif->ops != NULL && nif->ops->transmit != NULL);
	mutex_lock(&net->config_lock);
	int err = choose_name(net, name_format, name);
	if (err == 0 && !netif_name_is_valid(name))
		err = -EINVAL;
	if (err == 0) {
		memcpy(nif->name, name, sizeof(name));
		nif->net = net;
		nif->index = net->next_ifindex++;
		atomic_store_explicit(&nif->features, nif->hw_features, memory_order_relaxed);
		epoch_list_add_tail(&net->netifs, &nif->node);
		netif_tell(nif, NETIF_EVENT_REGISTER);
	}
	mutex_unlock(&net->config_lock);
	return err;
}

/* --- Who is told, who sees. --- */

void
netif_add_listener(struct net_stack *net, struct netif_listener *l)
{
	mutex_lock(&net->config_lock);
	list_add_tail(&net->netif_listeners, &l->node);
	mutex_unlock(&net->config_lock);
}

void
netif_tell(struct netif *nif, enum netif_event event)
{
	struct netif_listener *l;
	list_for_each_entry (l, &nif->net->netif_listeners, node)
		l->event(l, nif, event);
}

void
netif_add_tap(struct net_stack *net, struct netif_tap *tap)
{
	epoch_list_add_tail(tap->netif != NULL ? &tap->netif->taps : &net->taps, &tap->node);
}

void
netif_remove_tap(struct netif_tap *tap)
{
	epoch_list_del(&tap->node);
}

void
netif_show_taps(struct netif *nif, const struct pkt *p)
{
	struct netif_tap *tap;
	epoch_list_for_each_entry(tap, &nif->taps, node) tap->see(tap, nif, p);
	epoch_list_for_each_entry(tap, &nif->net->taps, node) tap->see(tap, nif, p);
}

/* --- Statistics. --- */

void
netif_get_stats(struct netif *nif, struct netif_stats *out)
{
	_Static_assert(sizeof(*out) % sizeof(uint64_t) == 0, "counters only");
	uint64_t *sum = (uint64_t *)out;
	*out = (struct netif_stats){0};
	for_each_cpu (i) {
		const uint64_t *one = (const uint64_t *)&nif->stats[i];
		for (size_t k = 0; k < sizeof(*out) / sizeof(*sum); k++)
			sum[k] += __atomic_load_n(&one[k], __ATOMIC_RELAXED);
	}
}
