/* SPDX-License-Identifier: MIT */
/* The way in: from a frame to its protocol. Every frame ends here in exactly one way, and is counted so. */
#include "net/ip/ip.h"
#include "net/link/internal.h"
#include "net/link/neigh.h"
#include "net/pkt.h"
#include "wire/ether.h"

/* Whom a frame is for, as its flags say it. */
static uint8_t
addressee(const struct netif *nif, const uint8_t *header)
{
	if (likely(!ether_is_multicast(header)))
		return ether_equal(header, nif->mac) ? 0 : PKT_OTHERHOST;
	return ether_is_broadcast(header) ? PKT_BROADCAST : PKT_MULTICAST;
}

/* To the protocol; p begins with its header. */
static void
deliver_to_protocol(struct netif *nif, struct pkt *p)
{
	switch (p->ethertype) {
	case ETHER_TYPE_IP4:
		net_count(nif->net, NET_LINK_DELIVERED);
		ip4_input(nif, p);
		break;
	case ETHER_TYPE_IP6:
		net_count(nif->net, NET_LINK_DELIVERED);
		ip6_input(nif, p);
		break;
	case ETHER_TYPE_ARP:
		net_count(nif->net, NET_LINK_DELIVERED);
		arp_input(nif, p);
		break;
	default:
		pkt_drop(nif->net, p, NET_DROP_ETHERTYPE);
	}
}

void
link_deliver(struct netif *nif, struct pkt *p)
{
	if (unlikely(!netif_is_up(nif))) {
		pkt_drop(nif->net, p, NET_DROP_INTERFACE_DOWN);
		return;
	}
	if (unlikely(!pkt_pull_up(p, ETHER_HEADER))) {
		netif_my_stats(nif)->rx_errors++;
		pkt_drop(nif->net, p, NET_DROP_TOO_SHORT);
		return;
	}
	const uint8_t *header = pkt_data(p);
	p->netif = nif;
	p->ethertype = ether_type(header);
	if ((p->flags & PKT_LOOPBACK) == 0)
		p->flags |= addressee(nif, header);
	if (unlikely((p->flags & (PKT_MULTICAST | PKT_BROADCAST)) != 0))
		netif_my_stats(nif)->multicast++;
	p->link_off = p->head_off;
	if (unlikely(netif_has_taps(nif)))
		netif_show_taps(nif, p);
	if (unlikely((p->flags & PKT_OTHERHOST) != 0)) {
		pkt_drop(nif->net, p, NET_DROP_OTHER_HOST);
		return;
	}
	pkt_pull(p, ETHER_HEADER);
	p->net_off = p->head_off;
	deliver_to_protocol(nif, p);
}

void
netif_receive(struct netif *nif, struct pkt *p)
{
	link_count_in(nif, p);
	link_steer(nif, p);
}
