/* SPDX-License-Identifier: MIT */
/* Interfaces: what is configured, under config_lock, and carriers, which come and go by themselves. */
#define LOG_SOURCE "net"
#include <string.h>

#include "core/log.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/wait.h"
#include "mm/slab.h"
#include "net/link/internal.h"
#include "wire/ether.h"

static void
change_flags(struct netif *nif, uint32_t clear, uint32_t set)
{
	atomic_fetch_and_explicit(&nif->flags, ~clear, memory_order_relaxed);
	atomic_fetch_or_explicit(&nif->flags, set, memory_order_relaxed);
}

/* IFF_RUNNING and IFF_LOWER_UP: the link of an interface that is up. */
static void
show_carrier(struct netif *nif)
{
	bool carrier = atomic_load_explicit(&nif->carrier, memory_order_relaxed);
	bool up = carrier && netif_is_up(nif);
	change_flags(nif, up ? 0 : IFF_RUNNING | IFF_LOWER_UP, up ? IFF_RUNNING | IFF_LOWER_UP : 0);
}

static int
bring_up(struct netif *nif)
{
	int err = nif->ops->open != NULL ? nif->ops->open(nif) : 0;
	if (err != 0)
		return err;
	change_flags(nif, 0, IFF_UP);
	show_carrier(nif);
	netif_tell(nif, NETIF_EVENT_UP);
	return 0;
}

static void
bring_down(struct netif *nif)
{
	change_flags(nif, IFF_UP, 0);
	show_carrier(nif);
	if (nif->ops->stop != NULL)
		nif->ops->stop(nif);
	netif_tell(nif, NETIF_EVENT_DOWN);
}

static void
receive_mode_changed(struct netif *nif)
{
	if (nif->ops->set_receive_mode != NULL)
		nif->ops->set_receive_mode(nif);
}

static void
show_promiscuous(struct netif *nif)
{
	uint32_t before = atomic_load_explicit(&nif->flags, memory_order_relaxed);
	bool on = nif->wants_promiscuous || nif->promiscuous != 0;
	change_flags(nif, on ? 0 : IFF_PROMISC, on ? IFF_PROMISC : 0);
	if (((before & IFF_PROMISC) != 0) != on)
		receive_mode_changed(nif);
}

int
netif_set_flags(struct netif *nif, uint32_t flags, uint32_t mask)
{
	uint32_t before = atomic_load_explicit(&nif->flags, memory_order_relaxed);
	uint32_t change = (before ^ flags) & mask;
	if ((mask & IFF_PROMISC) != 0) {
		nif->wants_promiscuous = (flags & IFF_PROMISC) != 0;
		show_promiscuous(nif);
	}
	if ((change & IFF_ALLMULTI) != 0) {
		change_flags(nif, IFF_ALLMULTI, flags & IFF_ALLMULTI);
		receive_mode_changed(nif);
	}
	if ((change & IFF_UP) == 0)
		return 0;
	if ((flags & IFF_UP) != 0)
		return bring_up(nif);
	bring_down(nif);
	return 0;
}

void
netif_add_promiscuous(struct netif *nif)
{
	nif->promiscuous++;
	show_promiscuous(nif);
}

void
netif_remove_promiscuous(struct netif *nif)
{
	ASSERT(nif->promiscuous > 0);
	nif->promiscuous--;
	show_promiscuous(nif);
}

int
netif_set_mtu(struct netif *nif, uint32_t mtu)
{
	if (mtu < nif->min_mtu || mtu > nif->max_mtu)
		return -EINVAL;
	if (mtu == atomic_load_explicit(&nif->mtu, memory_order_relaxed))
		return 0;
	int err = nif->ops->set_mtu != NULL ? nif->ops->set_mtu(nif, mtu) : 0;
	if (err != 0)
		return err;
	atomic_store_explicit(&nif->mtu, mtu, memory_order_relaxed);
	netif_tell(nif, NETIF_EVENT_MTU);
	return 0;
}

int
netif_set_mac(struct netif *nif, const uint8_t mac[6])
{
	if (nif->ops->set_mac == NULL)
		return -EOPNOTSUPP;
	if (!ether_is_station(mac))
		return -EADDRNOTAVAIL;
	int err = nif->ops->set_mac(nif, mac);
	if (err != 0)
		return err;
	memcpy(nif->mac, mac, ETHER_ADDR);
	netif_tell(nif, NETIF_EVENT_MAC);
	return 0;
}

int
netif_set_name(struct netif *nif, const char *name)
{
	if (netif_is_up(nif))
		return -EBUSY;
	if (!netif_name_is_valid(name))
		return -EINVAL;
	struct netif *other = netif_by_name(nif->net, name);
	if (other != NULL)
		return other == nif ? 0 : -EEXIST;
	memset(nif->name, 0, sizeof(nif->name));
	memcpy(nif->name, name, strlen(name));
	netif_tell(nif, NETIF_EVENT_NAME);
	return 0;
}

/* --- Multicast link addresses. --- */

static struct netif_group *
find_group(struct netif *nif, const uint8_t mac[6])
{
	struct netif_group *g;
	list_for_each_entry (g, &nif->groups, node)
		if (ether_equal(g->mac, mac))
			return g;
	return NULL;
}

int
netif_add_group(struct netif *nif, const uint8_t mac[6])
{
	struct netif_group *g = find_group(nif, mac);
	if (g == NULL) {
		g = kzalloc(sizeof(*g));
		if (g == NULL)
			return -ENOMEM;
		memcpy(g->mac, mac, sizeof(g->mac));
		list_add_tail(&nif->groups, &g->node);
	}
	if (g->count++ == 0)
		receive_mode_changed(nif);
	return 0;
}

void
netif_remove_group(struct netif *nif, const uint8_t mac[6])
{
	struct netif_group *g = find_group(nif, mac);
	ASSERT(g != NULL);
	if (--g->count != 0)
		return;
	list_del(&g->node);
	kfree(g);
	receive_mode_changed(nif);
}

/* --- Carriers: a thread tells of them, since listeners sleep and drivers are interrupts. --- */

static struct spinlock events_lock = SPINLOCK_INIT("netif events"); /* irq-safe leaf */
static struct netif *events_first; /* [events_lock] linked by events_next, referenced */
static struct wait_queue events_wait;

void
netif_set_carrier(struct netif *nif, bool up)
{
	if (atomic_exchange_explicit(&nif->carrier, up, memory_order_acq_rel) == up)
		return;
	show_carrier(nif);
	if (atomic_exchange_explicit(&nif->carrier_told, true, memory_order_acq_rel))
		return;
	uint64_t flags = spin_lock_irq_save(&events_lock);
	nif->events_next = events_first;
	events_first = netif_get(nif);
	spin_unlock_irq_restore(&events_lock, flags);
	wake_all(&events_wait, 0);
}

static struct netif *
take_event(void)
{
	uint64_t flags = spin_lock_irq_save(&events_lock);
	struct netif *nif = events_first;
	if (nif != NULL)
		events_first = nif->events_next;
	spin_unlock_irq_restore(&events_lock, flags);
	return nif;
}

static void
announce_carrier(struct netif *nif)
{
	mutex_lock(&nif->net->config_lock);
	/* Before the look at the carrier: what changes later queues it again. */
	atomic_store_explicit(&nif->carrier_told, false, memory_order_seq_cst);
	bool up = atomic_load_explicit(&nif->carrier, memory_order_seq_cst);
	show_carrier(nif);
	log_info("%s: link is %s", nif->name, up ? "up" : "down");
	netif_tell(nif, NETIF_EVENT_CARRIER);
	mutex_unlock(&nif->net->config_lock);
	netif_put(nif);
}

static void
tell_events(void *arg)
{
	for (;;) {
		struct netif *nif;
		(void)!wait_event(&events_wait, WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER,
			(nif = take_event()) != NULL);
		announce_carrier(nif);
	}
}

void
netif_init(void)
{
	wait_queue_init(&events_wait, "netif events");
	if (kthread_start("netifd", tell_events, NULL) == NULL)
		panic("no memory for the network's thread");
}
