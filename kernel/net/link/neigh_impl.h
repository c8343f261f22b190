/* SPDX-License-Identifier: MIT */
/* Between the table of neighbours (neigh.c), ARP (arp.c) and neighbour discovery (ip/nd*.c). */
#ifndef NET_LINK_NEIGH_IMPL_H
#define NET_LINK_NEIGH_IMPL_H

#include "net/ip/internal.h"
#include "net/link/neigh.h"

/* Referenced, or NULL. Epoch. */
struct neigh *neigh_find(struct netif *nif, const struct net_addr *a);
/* An answer about a neighbour, asked for or not: see neigh_core_advert(). Nobody is created. Softirq. */
void neigh_advert(struct netif *nif, const struct net_addr *a, const uint8_t *mac, uint32_t flags);
/* A question or announcement told its own address: see neigh_core_heard(). Softirq. */
void neigh_heard(struct netif *nif, const struct net_addr *a, const uint8_t *mac, bool create);

void neigh_timer(struct wheel_timer *timer);

/* Asks for n's link address: all of the link, or (mac) the one that had it. Bottom halves off, no lock. */
void neigh_solicit(struct neigh *n, const uint8_t *mac);
void arp_solicit(struct neigh *n, const uint8_t *mac);
void nd_solicit(struct neigh *n, const uint8_t *mac);

bool neigh_is_subnet_broadcast(const struct netif *nif, const struct net_addr *a);
/* Base reachable time and retransmission timer of an interface, as routers have announced them: milliseconds. */
void nd_get_times(const struct netif *nif, uint32_t *reachable, uint32_t *retrans);
/* A neighbour says that it is no router (any more). */
void nd_router_gone(struct netif *nif, const struct net_addr *a);

#endif
