/* SPDX-License-Identifier: MIT */
/* What the files of net/link share. */
#ifndef NET_LINK_INTERNAL_H
#define NET_LINK_INTERNAL_H

#include "core/epochlist.h"
#include "net/link/netif.h"
#include "net/net.h"

/* Tells all listeners. Under config_lock. */
void netif_tell(struct netif *nif, enum netif_event event);
/* A name as Linux takes it: 1 to 15 characters, without blanks, slashes and colons. */
bool netif_name_is_valid(const char *name);

/* Calls every tap of the interface and of its stack. Epoch, bottom halves off. */
void netif_show_taps(struct netif *nif, const struct pkt *p);

static inline bool
netif_has_taps(const struct netif *nif)
{
	return !epoch_list_empty(&nif->taps) || !epoch_list_empty(&nif->net->taps);
}

static inline struct netif_stats *
netif_my_stats(struct netif *nif)
{
	return &nif->stats[this_cpu()->id];
}

static inline bool
netif_is_up(const struct netif *nif)
{
	return (atomic_load_explicit(&nif->flags, memory_order_relaxed) & IFF_UP) != 0;
}

/*
 * The rest of the way of a frame that was counted as NET_LINK_IN: steered to its flow's CPU, or (link_deliver) shown to
 * taps and given to its protocol on this CPU. Takes over p. Softirq.
 */
void link_steer(struct netif *nif, struct pkt *p);
void link_deliver(struct netif *nif, struct pkt *p);

/* Counts a frame, or several that the device made one of, as they come from the driver. Softirq. */
static inline void
link_count_in(struct netif *nif, const struct pkt *p)
{
	struct netif_stats *s = netif_my_stats(nif);
	s->rx_packets++;
	s->rx_bytes += p->len;
	net_count(nif->net, NET_LINK_IN);
}

#endif
