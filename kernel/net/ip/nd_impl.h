/* SPDX-License-Identifier: MIT */
/* Between nd.c, dad.c and ra.c: an interface's state of neighbour discovery. */
#ifndef NET_IP_ND_IMPL_H
#define NET_IP_ND_IMPL_H

#include "core/spinlock.h"
#include "core/timerwheel.h"
#include "net/ip/dad_core.h"
#include "net/ip/nd.h"
#include "net/worker.h"

#define ND_RA_QUEUE      8u /* router advertisements that wait for the worker */
#define ND_RA_SIZE_MAX   9216u
#define ND_ADDRESSES_MAX 16u /* automatic addresses of an interface */
#define ND_ROUTES_MAX    32u /* routes of an interface that routers announced */

struct in6_dad {
	struct spinlock lock;
	struct dad_core core; /* [lock] */
	struct wheel_timer timer;
	struct ip_addr *addr; /* [I] */
};

struct nd_ra { /* a router advertisement on its way to the worker */
	struct nd_ra *next;
	struct net_addr router;
	uint32_t len;
	bool gone; /* it is none that came: the router says that it is one no more */
	uint8_t bytes[];
};

struct nd_device {
	struct netif *netif; /* [I] */
	struct spinlock lock;
	struct nd_ra *ra_first, *ra_last; /* [lock] */
	uint32_t ra_count, gone_count; /* [lock] of these: advertisements, what neighbours said */
	struct net_work ra_work;
	struct net_work state_work;    /* addresses that changed by themselves: DAD, lifetimes */
	struct wheel_timer life_timer; /* the next address's or route's lifetime */
	struct wheel_timer solicit;    /* router solicitations */
	bool is_soliciting;            /* [lock] no router has answered yet */
	nsec_t solicit_wait; /* [lock] from the last solicitation to the next; 0: none was sent */
	uint32_t duplicates; /* [config_lock] of automatic identifiers, RFC 7217's counter */
};

static inline struct nd_device *
nd_device_of(const struct netif *nif)
{
	struct in6_device *in6 = (struct in6_device *)in_device_of(nif, false);
	return in6 != NULL ? in6->nd : NULL;
}

void nd_ra_work(struct net_work *w);
void nd_state_work(struct net_work *w);
void nd_life_timer(struct wheel_timer *t);
void nd_solicit_timer(struct wheel_timer *t);
/* Starts asking for routers. */
void nd_start_soliciting(struct netif *nif);
void nd_add_link_local(struct netif *nif);
void dad_begin(struct ip_addr *a);
void dad_cancel(struct ip_addr *a);

static inline bool
nd_is_usable(const struct netif *nif)
{
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed);
	return (flags & (IFF_UP | IFF_LOOPBACK | IFF_NOARP)) == IFF_UP && !in6_is_disabled(nif);
}

#endif
