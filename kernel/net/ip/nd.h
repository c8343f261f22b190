/* SPDX-License-Identifier: MIT */
/*
 * Neighbour discovery around its cores: solicitations and advertisements (nd.c), duplicate address detection (dad.c),
 * routers, prefixes and automatic addresses (ra.c).
 */
#ifndef NET_IP_ND_H
#define NET_IP_ND_H

#include "net/ip/internal.h"

struct nd_device *nd_device_make(struct netif *nif); /* NULL: out of memory */

/* Of an interface's life, under config_lock. */
void nd_netif_up(struct netif *nif);
void nd_netif_down(struct netif *nif);
void nd_carrier_up(struct netif *nif);

/* Of an address's life, under config_lock. */
bool nd_needs_dad(const struct netif *nif, const struct ip_addr_config *c);
void nd_addr_added(struct ip_addr *a);
void nd_addr_removed(struct ip_addr *a);
void nd_lifetimes_changed(struct netif *nif);

/* Frees what detection needed, a grace period after the address is gone. */
void dad_free(struct ip_addr *a);

/* The group that is asked for an address (RFC 4291, 2.7.1). */
struct net_addr nd_solicited_node(const struct net_addr *a);

/* ICMPv6 messages with hop limit 255 and code 0, linear; borrowed. Softirq. */
void nd_solicit_input(struct netif *nif, struct pkt *p);
void nd_advert_input(struct netif *nif, struct pkt *p);
void nd_router_advert_input(struct netif *nif, struct pkt *p);

/* Somebody uses, or is about to use, an address that is tentative here. Softirq. */
void dad_conflict(struct netif *nif, struct ip_addr *a, const uint8_t *nonce);

#endif
