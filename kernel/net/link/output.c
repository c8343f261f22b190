/* SPDX-License-Identifier: MIT */
/* The way out: from a frame to its device, with what the device cannot do done before. */
#include "net/link/gso.h"
#include "net/link/internal.h"
#include "net/pkt.h"

/* The features that a packet needs from the device to be sent as it is. */
static uint32_t
needed_features(const struct pkt *p)
{
	static const uint8_t by_kind[] = {
		[PKT_GSO_NONE] = 0,
		[PKT_GSO_TCP4] = NETIF_TSO4,
		[PKT_GSO_TCP6] = NETIF_TSO6,
		[PKT_GSO_UDP] = NETIF_USO,
	};
	uint32_t need = p->csum == PKT_CSUM_PARTIAL ? NETIF_TX_CSUM : 0;
	need |= by_kind[p->gso];
	return need | ((p->flags & PKT_TSO_ECN) != 0 ? NETIF_TSO_ECN : 0);
}

static void
give_to_device(struct netif *nif, struct pkt *p)
{
	struct netif_stats *s = netif_my_stats(nif);
	s->tx_packets++;
	s->tx_bytes += p->len;
	nif->ops->transmit(nif, p);
}

static void
complete_and_give(struct netif *nif, struct pkt *p)
{
	if (p->csum == PKT_CSUM_PARTIAL &&
		(atomic_load_explicit(&nif->features, memory_order_relaxed) & NETIF_TX_CSUM) == 0)
		gso_complete_checksum(p);
	give_to_device(nif, p);
}

static void
segment_and_give(struct netif *nif, struct pkt *p)
{
	struct pkt_queue segments;
	pkt_queue_init(&segments);
	if (!gso_segment(p, &segments)) {
		netif_my_stats(nif)->tx_dropped++;
		pkt_drop(nif->net, p, NET_DROP_SEGMENTATION);
		return;
	}
	for (struct pkt *s; (s = pkt_queue_take(&segments)) != NULL;) {
		s->netif = nif;
		s->owner = p->owner;
		complete_and_give(nif, s);
	}
	pkt_free(p); /* last: its charge is what keeps the segments' owner */
}

void
netif_transmit(struct netif *nif, struct pkt *p)
{
	p->netif = nif;
	p->link_off = p->head_off;
	if (unlikely(!netif_is_up(nif))) {
		netif_my_stats(nif)->tx_dropped++;
		pkt_drop(nif->net, p, NET_DROP_INTERFACE_DOWN);
		return;
	}
	if (unlikely(netif_has_taps(nif))) {
		p->flags |= PKT_OUTGOING;
		netif_show_taps(nif, p);
		p->flags &= (uint8_t)~PKT_OUTGOING;
	}
	uint32_t have = atomic_load_explicit(&nif->features, memory_order_relaxed);
	uint32_t missing = needed_features(p) & ~have;
	if (likely(missing == 0))
		give_to_device(nif, p);
	else if (p->gso != PKT_GSO_NONE)
		segment_and_give(nif, p);
	else
		complete_and_give(nif, p);
}
