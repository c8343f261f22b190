/* SPDX-License-Identifier: MIT */
/* /proc/PID/net: unix, netlink, packet: the sockets of families that no address of the internet names. */
#include <string.h>

#include "core/sched.h"
#include "fs/proc/net.h"
#include "mm/slab.h"
#include "net/net.h"
#include "net/sock/netlink/netlink.h"
#include "net/sock/packet/packet.h"
#include "net/sock/unix/unix.h"
#include "wire/ether.h"

#define NO_POINTER   "0000000000000000"
#define ACCEPTS_FLAG 0x10000u /* Linux's __SO_ACCEPTCON */
#define UNCONNECTED  1u       /* Linux's SS_* */
#define CONNECTED    3u

/* --- unix. --- */

/* The path, or an abstract name with an @ for each NUL; nothing for a socket without a name. */
static void
show_unix_name(struct proc_text *t, const struct unix_addr *a)
{
	char name[sizeof(a->bytes) + 1];
	if (a == NULL || a->len <= UNIX_ADDR_MIN)
		return;
	size_t n = a->len - UNIX_ADDR_MIN;
	const uint8_t *from = a->bytes + UNIX_ADDR_MIN;
	if (from[0] != '\0')
		n = strnlen((const char *)from, n);
	for (size_t i = 0; i < n; i++)
		name[i] = from[i] == '\0' ? '@' : (char)from[i];
	proc_write_text(t, " ", 1);
	proc_write_text(t, name, n);
}

static void
show_unix_socket(struct proc_text *t, const struct unix_sock *u)
{
	uint32_t state = unix_state(u);
	bool connected = state == UNIX_CONNECTED || unix_peer(u) != NULL;
	/* Ours is one more. */
	proc_printf(t, NO_POINTER ": %08X %08X %08X %04X %02X %5llu", refcount_read(&u->s.refs) - 1,
		0u, state == UNIX_LISTENING ? ACCEPTS_FLAG : 0u, u->s.type,
		connected ? CONNECTED : UNCONNECTED, (unsigned long long)u->s.ino);
	show_unix_name(t,
		atomic_load_explicit((struct unix_addr * _Atomic *)&u->addr, memory_order_acquire));
	proc_write_text(t, "\n", 1);
}

int
proc_show_net_unix(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	struct unix_sock *u = NULL;
	uint64_t at = 0;
	if (t->cursor == 0)
		proc_printf(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	while ((u = unix_next(net, u)) != NULL) {
		if (at++ < t->cursor)
			continue;
		if (proc_text_full(t)) {
			t->more = true;
			unix_put(u);
			break;
		}
		if (proc_net_may_see(u->s.uid))
			show_unix_socket(t, u);
		t->cursor = at;
		sched_point();
	}
	return 0;
}

/* --- netlink: few; copied out, since they are walked under a spin lock. --- */

struct netlink_row {
	uint64_t ino, groups;
	uint32_t portid, used, refs, drops;
	uint16_t protocol;
	bool dump;
};

struct netlink_rows {
	uint32_t room, count; /* count may be more: then there was no room */
	struct netlink_row rows[];
};

static void
add_netlink(struct netlink_sock *nl, void *ctx)
{
	struct netlink_rows *all = ctx;
	if (!proc_net_may_see(nl->s.uid) || all->count++ >= all->room)
		return;
	all->rows[all->count - 1] = (struct netlink_row){.ino = nl->s.ino,
		.groups = atomic_load_explicit(&nl->groups, memory_order_relaxed),
		.portid = netlink_portid(nl),
		.used = PROC_READ(nl->used),
		.refs = refcount_read(&nl->s.refs),
		.drops = atomic_load_explicit(&nl->drops, memory_order_relaxed),
		.protocol = nl->s.protocol,
		.dump = PROC_READ(nl->dump) != NULL};
}

/* All of them. NULL: out of memory. */
static struct netlink_rows *
collect_netlink(struct net_stack *net)
{
	for (uint32_t room = 32;; room *= 2) {
		struct netlink_rows *all = kvmalloc(sizeof(*all) + room * sizeof(all->rows[0]));
		if (all == NULL)
			return NULL;
		*all = (struct netlink_rows){.room = room};
		netlink_for_each(net, add_netlink, all);
		if (all->count <= room)
			return all;
		kvfree(all);
	}
}

int
proc_show_net_netlink(struct proc_node *n, struct proc_text *t)
{
	struct netlink_rows *all = collect_netlink(proc_net_of(n));
	if (all == NULL)
		return -ENOMEM;
	proc_printf(t,
		"sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    "
		"Drops    Inode\n");
	for (uint32_t i = 0; i < all->count; i++) {
		const struct netlink_row *r = &all->rows[i];
		proc_printf(t, NO_POINTER " %-3u %-10u %08x %-8u %-8u %-5u %-8u %-8u %-8llu\n",
			r->protocol, r->portid, (uint32_t)r->groups, r->used, 0u, r->dump, r->refs,
			r->drops, (unsigned long long)r->ino);
	}
	kvfree(all);
	return 0;
}

/* --- packet. --- */

int
proc_show_net_packet(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	const struct packet_sock *ps;
	proc_printf(t, "%-17sRefCnt Type Proto  Iface R Rmem   User   Inode\n", "sk");
	mutex_lock(&net->config_lock);
	list_for_each_entry (ps, &net->packet_socks, node) {
		if (!proc_net_may_see(ps->s.uid))
			continue;
		proc_printf(t, NO_POINTER " %-6u %-4u %04x   %-5u %1d %-6u %-6u %-6llu\n",
			refcount_read(&ps->s.refs), ps->s.type,
			atomic_load_explicit(
				(_Atomic uint32_t *)&ps->ethertype, memory_order_relaxed),
			ps->netif != NULL ? ps->netif->index : 0, ps->tapped,
			PROC_READ(ps->s.rcv_used), ps->s.uid, (unsigned long long)ps->s.ino);
	}
	mutex_unlock(&net->config_lock);
	return 0;
}

/* --- ptype: who takes frames, taps first. That somebody listens is no secret. --- */

static void
show_ptype(struct proc_text *t, uint32_t type, const char *device, const char *function)
{
	if (type == ETH_P_ALL)
		proc_printf(t, "ALL ");
	else
		proc_printf(t, "%04x", type);
	proc_printf(t, " %-8s %s\n", device, function);
}

int
proc_show_net_ptype(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	const struct packet_sock *ps;
	proc_printf(t, "Type Device      Function\n");
	mutex_lock(&net->config_lock);
	list_for_each_entry (ps, &net->packet_socks, node) {
		if (ps->tapped)
			show_ptype(t,
				atomic_load_explicit(
					(_Atomic uint32_t *)&ps->ethertype, memory_order_relaxed),
				ps->netif != NULL ? ps->netif->name : "", "packet_see");
	}
	mutex_unlock(&net->config_lock);
	show_ptype(t, ETHER_TYPE_IP4, "", "ip4_input");
	show_ptype(t, ETHER_TYPE_ARP, "", "arp_input");
	show_ptype(t, ETHER_TYPE_IP6, "", "ip6_input");
	return 0;
}
