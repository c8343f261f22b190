/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/net: the network of the process's view, in Linux's formats. Interfaces, routes, neighbours and counters are
 * for everybody to read; a socket for who made it and for CAP_INSPECT.
 */
#include <string.h>

#include "fs/proc/net.h"
#include "net/link/netif.h"
#include "net/net.h"
#include "proc/view.h"

struct net_stack *
proc_net_of(const struct proc_node *n)
{
	return n->key.process != NULL ? n->key.process->view->net : current_net();
}

bool
proc_net_may_see(uid_t uid)
{
	const struct cred *me = vfs_cred();
	return me->fsuid == uid || (me->caps & CAP_INSPECT) != 0;
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
	epoch_enter();
	struct netif *nif = netif_after(net, *index);
	if (nif != NULL) {
		*index = nif->index;
		memcpy(name, nif->name, NETIF_NAME_MAX);
		name[NETIF_NAME_MAX - 1] = '\0';
		netif_get_stats(nif, stats);
	}
	epoch_exit();
	return nif != NULL;
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
	while (next_device(proc_net_of(n), &index, name, &stats))
		show_device(t, name, &stats);
	return 0;
}

/* --- The table. --- */

#define SOCKETS(name, what) \
	{name, S_IFREG | 0444, .show = proc_show_net_sockets, .data = &proc_net_##what}

static const struct proc_entry net_entries[] = {
	{"arp", S_IFREG | 0444, .show = proc_show_net_arp},
	{"dev", S_IFREG | 0444, .show = show_dev},
	{"dev_mcast", S_IFREG | 0444, .show = proc_show_net_dev_mcast},
	SOCKETS("icmp", icmp4),
	SOCKETS("icmp6", icmp6),
	{"if_inet6", S_IFREG | 0444, .show = proc_show_net_if_inet6},
	{"igmp", S_IFREG | 0444, .show = proc_show_net_igmp},
	{"igmp6", S_IFREG | 0444, .show = proc_show_net_igmp6},
	{"ipv6_route", S_IFREG | 0444, .show = proc_show_net_route6},
	{"netlink", S_IFREG | 0444, .show = proc_show_net_netlink},
	{"netstat", S_IFREG | 0444, .show = proc_show_net_netstat},
	{"packet", S_IFREG | 0444, .show = proc_show_net_packet},
	{"protocols", S_IFREG | 0444, .show = proc_show_net_protocols},
	{"ptype", S_IFREG | 0444, .show = proc_show_net_ptype},
	SOCKETS("raw", raw4),
	SOCKETS("raw6", raw6),
	{"route", S_IFREG | 0444, .show = proc_show_net_route},
	{"snmp", S_IFREG | 0444, .show = proc_show_net_snmp},
	{"snmp6", S_IFREG | 0444, .show = proc_show_net_snmp6},
	{"sockstat", S_IFREG | 0444, .show = proc_show_net_sockstat},
	{"sockstat6", S_IFREG | 0444, .show = proc_show_net_sockstat6},
	SOCKETS("tcp", tcp4),
	SOCKETS("tcp6", tcp6),
	SOCKETS("udp", udp4),
	SOCKETS("udp6", udp6),
	{"unix", S_IFREG | 0444, .show = proc_show_net_unix},
};
const struct proc_dir proc_net_dir = {.id = PROC_DIR_NET, PROC_ENTRIES(net_entries)};
