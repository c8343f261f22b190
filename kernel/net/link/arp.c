/* SPDX-License-Identifier: MIT */
/*
 * ARP (RFC 826): asking, answering, announcing. We answer for an address only on the interface that has it (Linux's
 * arp_ignore=1), and learn from others' packets only what RFC 826 has us learn: of a neighbour that is in the table
 * already, or of one that asks for us and lies on that link.
 */
#include "wire/arp.h"

#include <string.h>

#include "core/softirq.h"
#include "net/link/neigh_impl.h"
#include "wire/ether.h"

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static bool
uses_arp(const struct netif *nif)
{
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed);
	return (flags & (IFF_UP | IFF_LOOPBACK | IFF_NOARP)) == IFF_UP && nif->type == 1;
}

/* target_mac: in the packet; to: in the link header. */
static void
arp_send(struct netif *nif, uint16_t op, uint32_t sender, uint32_t target,
	const uint8_t target_mac[6], const uint8_t to[6])
{
	struct pkt *p = pkt_alloc();
	if (p == NULL) {
		net_count(nif->net, NET_DROP_NO_MEMORY);
		return;
	}
	struct arp a = {.op = op, .sender = sender, .target = target};
	memcpy(a.sender_mac, nif->mac, 6);
	memcpy(a.target_mac, target_mac, 6);
	arp_encode(pkt_put(p, ARP_PACKET), &a);
	p->net_off = p->head_off;
	p->netif = nif;
	p->ethertype = ETHER_TYPE_ARP;
	ether_write(pkt_push(p, ETHER_HEADER), to, nif->mac, ETHER_TYPE_ARP);
	netif_transmit(nif, p);
}

/* The address to ask from: that of the packet that waits, if it is ours; else one of the interface. */
static uint32_t
sender_for(struct neigh *n)
{
	uint32_t waiting = 0;
	spin_lock_bh(&n->lock);
	struct pkt *p = n->queue.first;
	if (p != NULL && ip_pkt_is_v4(p))
		memcpy(&waiting, p->head + p->net_off + 12, 4);
	spin_unlock_bh(&n->lock);
	struct net_addr a = net_addr_v4(waiting), chosen;
	if (waiting != 0 && ip_addr_find(n->netif, &a) != NULL)
		return waiting;
	if (ip_select_source(n->netif->net, n->netif, &n->addr, &chosen))
		return chosen.w[3];
	return 0;
}

void
arp_solicit(struct neigh *n, const uint8_t *mac)
{
	static const uint8_t unknown[6];
	uint32_t sender = sender_for(n);
	if (sender == 0 || !uses_arp(n->netif))
		return;
	arp_send(n->netif, ARP_REQUEST, sender, n->addr.w[3], unknown,
		mac != NULL ? mac : broadcast);
}

void
neigh_solicit(struct neigh *n, const uint8_t *mac)
{
	if (n->v4)
		arp_solicit(n, mac);
	else
		nd_solicit(n, mac);
}

void
arp_announce(struct netif *nif, const struct net_addr *a)
{
	static const uint8_t unknown[6];
	if (!uses_arp(nif))
		return;
	bh_disable();
	arp_send(nif, ARP_REQUEST, a->w[3], a->w[3], unknown, broadcast);
	bh_enable();
}

bool
neigh_is_subnet_broadcast(const struct netif *nif, const struct net_addr *a)
{
	const struct fib_spec *s = fib_lookup(&nif->net->routes4->fib, a, nif->index);
	return s != NULL && s->type == ROUTE_TYPE_BROADCAST;
}

/* Whether an address lies on this link by our routes: what may be learnt there. */
static bool
is_on_link(const struct netif *nif, const struct net_addr *a)
{
	const struct fib_spec *s = fib_lookup(&nif->net->routes4->fib, a, 0);
	return s != NULL && s->type == ROUTE_TYPE_UNICAST && s->netif == nif && !s->has_gateway;
}

/* Nobody may be taught about these. */
static bool
is_bad_sender(const struct netif *nif, const struct net_addr *a)
{
	return net_addr_is_any(a) || net_addr_is_multicast(a) || net_addr_is_loopback(a) ||
		a->w[3] == UINT32_MAX || ip_addr_find(nif, a) != NULL;
}

static void
handle(struct netif *nif, const struct arp *a, bool to_us_alone)
{
	struct net_addr sender = net_addr_v4(a->sender), target = net_addr_v4(a->target);
	bool for_us = ip_addr_find(nif, &target) != NULL;
	if (a->op == ARP_REQUEST && for_us && a->sender != a->target)
		arp_send(nif, ARP_REPLY, a->target, a->sender, a->sender_mac, a->sender_mac);
	if (is_bad_sender(nif, &sender))
		return;
	if (a->op == ARP_REPLY || a->sender == a->target) {
		bool asked = a->op == ARP_REPLY && for_us && to_us_alone &&
			ether_equal(a->target_mac, nif->mac);
		neigh_advert(nif, &sender, a->sender_mac,
			NEIGH_OVERRIDE | (asked ? NEIGH_SOLICITED : 0));
		return;
	}
	neigh_heard(nif, &sender, a->sender_mac, for_us && is_on_link(nif, &sender));
}

void
arp_input(struct netif *nif, struct pkt *p)
{
	struct arp a;
	bool to_us_alone = (p->flags & (PKT_BROADCAST | PKT_MULTICAST)) == 0;
	if ((p->flags & PKT_OTHERHOST) != 0) {
		pkt_drop(nif->net, p, NET_DROP_OTHER_HOST);
		return;
	}
	if (p->len < ARP_PACKET || (p->head_len < ARP_PACKET && !pkt_pull_up(p, ARP_PACKET))) {
		pkt_drop(nif->net, p, NET_DROP_TOO_SHORT);
		return;
	}
	if (!arp_decode(pkt_data(p), p->head_len, &a) || !uses_arp(nif)) {
		pkt_drop(nif->net, p, NET_DROP_ARP_INVALID);
		return;
	}
	handle(nif, &a, to_us_alone);
	pkt_free(p);
}
