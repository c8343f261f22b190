/* SPDX-License-Identifier: MIT */
/* /proc/PID/net: the network of the process's view, in Linux's formats; and the counters of /proc/swos/net. */
#include <string.h>

#include "core/epochlist.h"
#include "fs/proc/internal.h"
#include "net/link/netif.h"
#include "net/net.h"
#include "net/sock/charge.h"
#include "proc/view.h"

static struct net_stack *
net_of(const struct proc_node *n)
{
	return n->key.process != NULL ? n->key.process->view->net : current_net();
}

/* --- dev. --- */

static void
show_device(struct proc_text *t, const char *name, const struct netif_stats *s)
{
	proc_printf(t,
		"%6s: %7llu %7llu %4llu %4llu    0     0          0 %9llu %8llu %7llu %4llu %4llu"
		"    0     0       0          0\n",
		name, (unsigned long long)s->rx_bytes, (unsigned long long)s->rx_packets,
		(unsigned long long)s->rx_errors, (unsigned long long)s->rx_dropped,
		(unsigned long long)s->multicast, (unsigned long long)s->tx_bytes,
		(unsigned long long)s->tx_packets, (unsigned long long)s->tx_errors,
		(unsigned long long)s->tx_dropped);
}

/* The interface with the lowest index above *index, copied out, since writing text sleeps. */
static bool
next_device(struct net_stack *net, uint32_t *index, char name[NETIF_NAME_MAX],
	struct netif_stats *stats)
{
	struct netif *nif;
	bool found = false;
	epoch_enter();
	epoch_list_for_each_entry(nif, &net->netifs, node)
	{
		if (nif->index <= *index)
			continue;
		*index = nif->index;
		memcpy(name, nif->name, NETIF_NAME_MAX);
		name[NETIF_NAME_MAX - 1] = '\0';
		netif_get_stats(nif, stats);
		found = true;
		break;
	}
	epoch_exit();
	return found;
}

static int
show_dev(struct proc_node *n, struct proc_text *t)
{
	char name[NETIF_NAME_MAX];
	struct netif_stats stats;
	uint32_t index = 0;
	proc_printf(t,
		"Inter-|   Receive                                                |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		"packets "
		"errs drop fifo colls carrier compressed\n");
	while (next_device(net_of(n), &index, name, &stats))
		show_device(t, name, &stats);
	return 0;
}

/* --- Counters. --- */

int
proc_show_net_counters(struct proc_node *n, struct proc_text *t)
{
	static const struct {
		const char *group, *label;
	} names[] = {
#define NET_COUNTER(name, group, label) {group, label},
#include "net/counters.def"
#undef NET_COUNTER
	};
	_Static_assert(ARRAY_SIZE(names) == NET_COUNTERS, "one name for each counter");
	for (uint32_t i = 0; i < NET_COUNTERS; i++)
		proc_printf(t, "%s %s %llu\n", names[i].group, names[i].label,
			(unsigned long long)net_counter_sum(net_of(n), (enum net_counter)i));
	proc_printf(t, "Memory held %lld\nMemory limit %lld\n",
		(long long)net_memory_held(net_of(n)),
		(long long)atomic_load_explicit(&net_of(n)->memory_limit, memory_order_relaxed));
	return 0;
}

static const struct proc_entry net_entries[] = {
	{"dev", S_IFREG | 0444, .show = show_dev},
};
const struct proc_dir proc_net_dir = {.id = PROC_DIR_NET, PROC_ENTRIES(net_entries)};
