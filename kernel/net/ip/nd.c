/* SPDX-License-Identifier: MIT */
/* Neighbour solicitation and advertisement (RFC 4861, 7). */
#include "net/ip/nd.h"

#include <string.h>

#define LOG_SOURCE "net"
#include "core/log.h"
#include "core/softirq.h"
#include "mm/slab.h"
#include "net/ip/mcast.h"
#include "net/ip/nd_impl.h"
#include "net/link/neigh_impl.h"
#include "wire/ip6.h"
#include "wire/nd.h"

struct net_addr
nd_solicited_node(const struct net_addr *a)
{
	return (struct net_addr){
		.b = {0xff, 2, [11] = 1, [12] = 0xff, a->b[13], a->b[14], a->b[15]}};
}

void
nd_get_times(const struct netif *nif, uint32_t *reachable, uint32_t *retrans)
{
	struct in6_device *in6 = (struct in6_device *)in_device_of(nif, false);
	if (in6 == NULL)
		return;
	uint32_t r = atomic_load_explicit(&in6->reachable_ms, memory_order_relaxed);
	uint32_t t = atomic_load_explicit(&in6->retrans_ms, memory_order_relaxed);
	if (r != 0)
		*reachable = r;
	if (t != 0)
		*retrans = t;
}

static uint32_t
flags_of(const struct ip_addr *a)
{
	return atomic_load_explicit((_Atomic uint32_t *)&a->flags, memory_order_relaxed);
}

static bool
is_settled(const struct ip_addr *a)
{
	return (flags_of(a) & (IP_ADDR_TENTATIVE | IP_ADDR_DADFAILED)) == 0;
}

/* --- Asking --- */

/* Whom the question comes from: the source of what waits if it is ours, else what suits the target. */
static bool
source_for(struct neigh *n, struct net_addr *src)
{
	struct net_addr waiting = {0};
	spin_lock_bh(&n->lock);
	struct pkt *p = n->queue.first;
	if (p != NULL && !ip_pkt_is_v4(p))
		memcpy(&waiting, p->head + p->net_off + IP6_AT_SOURCE, 16);
	spin_unlock_bh(&n->lock);
	const struct ip_addr *own = ip_addr_find(n->netif, &waiting);
	if (own != NULL && is_settled(own)) {
		*src = waiting;
		return true;
	}
	return ip_select_source(n->netif->net, n->netif, &n->addr, src);
}

void
nd_solicit(struct neigh *n, const uint8_t *mac)
{
	uint8_t m[ND_MESSAGE_MAX];
	struct net_addr src, dst = mac != NULL ? n->addr : nd_solicited_node(&n->addr);
	if (!nd_is_usable(n->netif) || !source_for(n, &src))
		return;
	size_t len = nd_encode_neighbour_solicit(m, n->addr.b, n->netif->mac, NULL);
	icmp6_send_link(n->netif, &src, &dst, m, len, mac, false);
}

/* --- Answering --- */

static void
advertise(struct netif *nif, const struct net_addr *own, const struct net_addr *dst, bool solicited)
{
	uint8_t m[ND_MESSAGE_MAX];
	struct nd_neighbour a = {.solicited = solicited, .override = true, .has_mac = true};
	memcpy(a.target, own, 16);
	memcpy(a.mac, nif->mac, 6);
	size_t len = nd_encode_neighbour_advert(m, &a);
	icmp6_send_link(nif, own, dst, m, len, NULL, false);
}

static const struct net_addr all_nodes = {.b = {0xff, 2, [15] = 1}};

/* The packet's addresses, as one who receives it sees them. */
static struct net_flow
flow_of(const struct pkt *p)
{
	struct net_flow f;
	ip_flow_of(p, &f);
	return f;
}

/* What a neighbour on this link may be: link-local, or in a prefix that our routes say is here. */
static bool
is_on_link(const struct netif *nif, const struct net_addr *a)
{
	if (net_addr_is_link_local(a))
		return true;
	const struct fib_spec *s = fib_lookup(&nif->net->routes6->fib, a, nif->index);
	return s != NULL && s->type == ROUTE_TYPE_UNICAST && s->netif == nif && !s->has_gateway;
}

void
nd_solicit_input(struct netif *nif, struct pkt *p)
{
	struct nd_neighbour nb;
	struct net_flow f = flow_of(p);
	struct net_addr target;
	if (p->len != p->head_len || !nd_decode_neighbour(pkt_data(p), p->head_len, &nb) ||
		!nd_is_usable(nif))
		return;
	memcpy(&target, nb.target, 16);
	bool dad = net_addr_is_any(&f.remote);
	if (dad && (nb.has_mac || f.local.b[0] != 0xff || f.local.b[11] != 1))
		return; /* RFC 4861, 7.1.1 */
	struct ip_addr *own = ip_addr_find(nif, &target);
	if (own == NULL)
		return;
	if (!is_settled(own)) {
		if (dad)
			dad_conflict(nif, own, nb.has_nonce ? nb.nonce : NULL);
		return;
	}
	if (dad) {
		advertise(nif, &target, &all_nodes, false);
		return;
	}
	if (ip_addr_find(nif, &f.remote) != NULL)
		return; /* from ourselves, or from one who says so */
	if (nb.has_mac)
		neigh_heard(nif, &f.remote, nb.mac, is_on_link(nif, &f.remote));
	advertise(nif, &target, &f.remote, true);
}

void
nd_advert_input(struct netif *nif, struct pkt *p)
{
	struct nd_neighbour nb;
	struct net_flow f = flow_of(p);
	struct net_addr target;
	if (p->len != p->head_len || !nd_decode_neighbour(pkt_data(p), p->head_len, &nb) ||
		!nd_is_usable(nif) || (net_addr_is_multicast(&f.local) && nb.solicited))
		return;
	memcpy(&target, nb.target, 16);
	struct ip_addr *own = ip_addr_find(nif, &target);
	if (own != NULL) {
		if (!is_settled(own))
			dad_conflict(nif, own, NULL);
		return;
	}
	neigh_advert(nif, &target, nb.has_mac ? nb.mac : NULL,
		NEIGH_IS_NA | (nb.solicited ? NEIGH_SOLICITED : 0) |
			(nb.override ? NEIGH_OVERRIDE : 0) | (nb.router ? NEIGH_ROUTER : 0));
}

/* --- An interface's and its addresses' life --- */

struct nd_device *
nd_device_make(struct netif *nif)
{
	struct nd_device *nd = kzalloc(sizeof(*nd));
	if (nd == NULL)
		return NULL;
	nd->netif = nif;
	spin_init(&nd->lock, "nd_device");
	net_work_init(&nd->ra_work, nd_ra_work);
	net_work_init(&nd->state_work, nd_state_work);
	wheel_timer_init(&nd->life_timer, nd_life_timer);
	wheel_timer_init(&nd->solicit, nd_solicit_timer);
	return nd;
}

void
nd_addr_added(struct ip_addr *a)
{
	struct net_addr group = nd_solicited_node(&a->conf.addr);
	if (!nd_is_usable(a->netif))
		return;
	int err = ip_group_join(a->netif->net, a->netif, &group);
	if (err != 0)
		log_warn("net: %s: neighbours cannot ask for an address: error %d", a->netif->name,
			-err);
	dad_begin(a);
	nd_lifetimes_changed(a->netif);
}

void
nd_addr_removed(struct ip_addr *a)
{
	struct net_addr group = nd_solicited_node(&a->conf.addr);
	dad_cancel(a);
	(void)ip_group_leave(
		a->netif->net, a->netif, &group); /* it may have been down all the time */
}

void
nd_netif_up(struct netif *nif)
{
	if (!nd_is_usable(nif) || nd_device_of(nif) == NULL)
		return;
	mcast_netif_up(nif);
	for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL; a = ip_addr_next(a))
		nd_addr_added(a);
	nd_add_link_local(nif);
	nd_start_soliciting(nif);
}

void
nd_netif_down(struct netif *nif)
{
	struct nd_device *nd = nd_device_of(nif);
	if (nd == NULL)
		return;
	(void)wheel_cancel_sync(&nd->solicit);
	(void)wheel_cancel_sync(&nd->life_timer);
	for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL; a = ip_addr_next(a)) {
		struct net_addr group = nd_solicited_node(&a->conf.addr);
		dad_cancel(a);
		(void)ip_group_leave(nif->net, nif, &group);
	}
}

void
nd_carrier_up(struct netif *nif)
{
	if (!nd_is_usable(nif))
		return;
	bh_disable();
	for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL; a = ip_addr_next(a)) {
		if (is_settled(a))
			advertise(nif, &a->conf.addr, &all_nodes, false);
	}
	bh_enable();
	nd_start_soliciting(nif);
}
