/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/net: route, ipv6_route, if_inet6, arp. Routes and addresses are walked under config_lock, which lets text be
 * made; neighbours inside an epoch, so that they are copied out a number at a time.
 */
#include <string.h>

#include "core/timer.h"
#include "fs/proc/net.h"
#include "mm/slab.h"
#include "net/ip/internal.h"
#include "net/link/neigh.h"
#include "net/net.h"

/* --- Routes. --- */

static struct net_route_row
route_row(const struct fib_spec *s)
{
	struct net_route_row r = {.dst = s->dst,
		.prefix = s->prefix,
		.flags = NET_RTF_UP,
		.metric = s->metric,
		.mtu = s->mtu,
		.device = s->netif != NULL ? s->netif->name : NULL};
	if (s->has_gateway) {
		r.gateway = s->gateway;
		r.flags |= NET_RTF_GATEWAY;
	}
	if (s->v4 && s->prefix == 32)
		r.flags |= NET_RTF_HOST;
	if (s->type == ROUTE_TYPE_UNREACHABLE || s->type == ROUTE_TYPE_PROHIBIT ||
		(!s->v4 && s->type == ROUTE_TYPE_BLACKHOLE))
		r.flags |= NET_RTF_REJECT;
	return r;
}

static uint32_t
flags6(const struct fib_spec *s, uint32_t flags)
{
	if (s->proto == ROUTE_PROTO_RA) {
		flags |= NET_RTF_ADDRCONF;
		flags |= s->prefix == 0 ? NET_RTF_DEFAULT : s->has_gateway ? 0 : NET_RTF_PREFIX_RT;
	}
	if (s->expires != 0)
		flags |= NET_RTF_EXPIRES;
	if (s->type == ROUTE_TYPE_LOCAL)
		flags |= NET_RTF_LOCAL | NET_RTF_NONEXTHOP;
	return flags;
}

/* Table main, and neither broadcasts nor groups: what was asked for, not what follows from it. */
static bool
is_shown4(const struct fib_spec *s)
{
	return (s->table == 0 || s->table == ROUTE_TABLE_MAIN) && s->type != ROUTE_TYPE_BROADCAST &&
		s->type != ROUTE_TYPE_MULTICAST;
}

static void
show_one(struct proc_text *t, const struct fib_spec *s)
{
	char line[NET_LINE_MAX];
	if (s->expires != 0 && s->expires <= time_now())
		return;
	struct net_route_row r = route_row(s);
	if (s->v4) {
		if (is_shown4(s))
			proc_write_text(t, line, net_format_route4(line, sizeof(line), &r));
		return;
	}
	r.flags = flags6(s, r.flags);
	proc_write_text(t, line, net_format_route6(line, sizeof(line), &r));
}

/* From the cursor on, which counts routes. */
static int
show_routes(struct net_stack *net, struct fib *f, struct proc_text *t)
{
	struct fib_cursor at = {0};
	const struct fib_spec *s;
	uint64_t index = 0;
	mutex_lock(&net->config_lock);
	while ((s = fib_next(f, &at)) != NULL) {
		if (index++ < t->cursor)
			continue;
		if (proc_text_full(t)) {
			t->more = true;
			break;
		}
		show_one(t, s);
		t->cursor = index;
	}
	mutex_unlock(&net->config_lock);
	return 0;
}

int
proc_show_net_route(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	char line[NET_LINE_MAX];
	if (t->cursor == 0)
		proc_write_text(t, line, net_format_route4_header(line, sizeof(line)));
	return show_routes(net, &net->routes4->fib, t);
}

int
proc_show_net_route6(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	return show_routes(net, &net->routes6->fib, t);
}

/* --- Addresses. --- */

int
proc_show_net_if_inet6(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	const struct netif *nif;
	char line[NET_LINE_MAX];
	mutex_lock(&net->config_lock);
	list_for_each_entry (nif, &net->netifs, node) {
		for (const struct ip_addr *a = ip_addr_first(nif, false); a != NULL;
			a = ip_addr_next(a)) {
			uint32_t flags = atomic_load_explicit(
				(_Atomic uint32_t *)&a->flags, memory_order_relaxed);
			proc_write_text(t, line,
				net_format_if_inet6(line, sizeof(line), &a->conf.addr, nif->index,
					a->conf.prefix, (uint8_t)flags, nif->name));
		}
	}
	mutex_unlock(&net->config_lock);
	return 0;
}

/* --- Neighbours. --- */

#define NEIGHS 128u

struct neighs {
	uint64_t skip, seen, done;
	uint32_t count;
	bool full;
	struct neigh_info rows[NEIGHS];
};

static void
add_neigh(const struct neigh_info *info, void *ctx)
{
	struct neighs *all = ctx;
	uint64_t at = all->seen++;
	if (at < all->skip || all->full)
		return;
	/* Groups, broadcast, what needs no resolution: never asked for. */
	bool wanted = net_addr_is_v4(&info->addr) && (info->state & NUD_NOARP) == 0 &&
		info->state != NUD_NONE;
	if (wanted && all->count == NEIGHS) {
		all->full = true;
		return;
	}
	all->done = at + 1;
	if (wanted)
		all->rows[all->count++] = *info;
}

static void
show_neigh(struct net_stack *net, struct proc_text *t, const struct neigh_info *info)
{
	char line[NET_LINE_MAX], name[NETIF_NAME_MAX] = "";
	uint16_t type = 0;
	epoch_enter();
	const struct netif *nif = netif_by_index(net, info->ifindex);
	if (nif != NULL) {
		memcpy(name, nif->name, sizeof(name) - 1);
		type = nif->type;
	}
	epoch_exit();
	bool valid =
		(info->state &
			(NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)) != 0;
	uint32_t flags = (valid && info->has_mac ? NET_ATF_COM : 0) |
		((info->state & NUD_PERMANENT) ? NET_ATF_PERM : 0);
	if (nif != NULL)
		proc_write_text(t, line,
			net_format_arp(line, sizeof(line), &info->addr, type, flags,
				info->has_mac ? info->mac : NULL, name));
}

int
proc_show_net_arp(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	struct neighs *all = kvmalloc(sizeof(*all));
	if (all == NULL)
		return -ENOMEM;
	if (t->cursor == 0)
		proc_printf(t,
			"IP address       HW type     Flags       HW address            Mask     "
			"Device\n");
	all->skip = all->done = t->cursor;
	all->seen = 0;
	all->count = 0;
	all->full = false;
	neigh_for_each(net, add_neigh, all);
	for (uint32_t i = 0; i < all->count; i++)
		show_neigh(net, t, &all->rows[i]);
	t->cursor = all->done;
	t->more = all->full;
	kvfree(all);
	return 0;
}
