/* SPDX-License-Identifier: MIT */
/*
 * IGMP and MLD as a host: telling routers which groups an interface listens to. The machine is mcast_core.h; a timer
 * per interface and version serves all its groups. Lock: mcast_device.lock (bottom halves off) guards the cores.
 */
#ifndef NET_IP_MCAST_H
#define NET_IP_MCAST_H

#include "core/epoch.h"
#include "net/ip/internal.h"
#include "net/ip/mcast_core.h"

struct ip_group {
	struct epoch_head epoch;
	struct ip_group *_Atomic next; /* [config_lock, epoch] in_device.groups */
	struct netif *netif;           /* [I] */
	struct net_addr addr;          /* [I] */
	_Atomic uint32_t users;        /* written under config_lock; 0: being left */
	struct mcast_core core;        /* [mcast_device.lock] */
};

static inline struct ip_group *
ip_group_first(const struct in_device *in)
{
	return atomic_load_explicit(&((struct in_device *)in)->groups, memory_order_acquire);
}

static inline struct ip_group *
ip_group_next(const struct ip_group *g)
{
	return atomic_load_explicit(&((struct ip_group *)g)->next, memory_order_acquire);
}

struct mcast_device *mcast_device_make(struct netif *nif, bool v4); /* NULL: out of memory */
void mcast_joined(struct ip_group *g);
void mcast_left(struct ip_group *g);
bool mcast_is_done(struct ip_group *g);
/* The version of IGMP that routers about an interface make it speak: 1, 2 or 3. */
uint32_t igmp_version(const struct in_device *in);
/* The interface came up: everything is told again. */
void mcast_netif_up(struct netif *nif);

/* IGMP: an IPv4 protocol's input. MLD: an ICMPv6 message, data at its type; borrowed. Softirq. */
void igmp_input(struct netif *nif, struct pkt *p);
void mld_input(struct netif *nif, struct pkt *p);

#endif
