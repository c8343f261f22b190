/* SPDX-License-Identifier: MIT */
/*
 * Routes: where a packet to an address goes, from which source address, through which interface and neighbour.
 *
 * Transports keep a struct route_ref, resolve it once and send with it (ip_output() does the rest). A reference is
 * valid as long as its generation is the table's: any change of routes, addresses, interfaces or path MTUs begins a
 * new generation, and what it made unreachable is freed a grace period later. So inside an epoch a reference of the
 * present generation may be followed without further ado.
 *
 * The table itself is a pure core (ip/fib.h). It is changed under net_stack.config_lock and read inside epochs.
 */
#ifndef NET_IP_ROUTE_H
#define NET_IP_ROUTE_H

#include "core/cpu.h"
#include "core/types.h"
#include "net/addr.h"
#include "net/ip/fib.h"
#include "net/net.h"

struct neigh;
struct netif;

/* route_ref.flags: the owner's choices; set them at any time. */
#define ROUTE_DF \
	1u /* IPv4: Don't Fragment; packets above the path MTU: -EMSGSIZE (TCP, PMTUDISC_DO) */
#define ROUTE_PROBE     2u  /* PMTUDISC_PROBE: DF, and the interface's MTU instead of the path's */
#define ROUTE_ONLINK    4u  /* SO_DONTROUTE: only to hosts on a link of ours */
#define ROUTE_NO_LOOP   8u  /* multicast: nothing back to this host (IP_MULTICAST_LOOP 0) */
#define ROUTE_BROADCAST 16u /* SO_BROADCAST: -EACCES without it for a broadcast address */
#define ROUTE_IFMTU     32u /* PMTUDISC_INTERFACE: the interface's MTU */
#define ROUTE_ANY_SRC   64u /* IP_FREEBIND, IP_HDRINCL: the source need not be ours */
#define ROUTE_NO_DF \
	128u /* PMTUDISC_DONT, INTERFACE: DF is never set; without this, on what fits the path MTU */

/*
 * A cached way to one destination. Its owner serialises (a socket's lock, or it lies on the stack). Zero it with
 * route_ref_init(), give its neighbour back with route_ref_drop(); a byte copy needs a reference of its own.
 */
struct route_ref {
	uint32_t generation; /* when it was resolved; 0: it is not */
	uint32_t mtu;        /* path MTU: bytes of a frame's payload, IP header included */
	struct netif *netif; /* valid while the generation is */
	struct neigh *neigh; /* referenced: the next hop */
	uint8_t type;        /* enum route_type: UNICAST, LOCAL, BROADCAST or MULTICAST */
	uint8_t flags;       /* ROUTE_* */
	uint8_t mcast_ttl;   /* IP_MULTICAST_TTL, hop limit of groups; 0: 1 */
	uint8_t scope;       /* of the route that was taken */
	uint32_t mcast_if;   /* IP_MULTICAST_IF: interface index; 0: by route */
};

static inline void
route_ref_init(struct route_ref *ref)
{
	*ref = (struct route_ref){0};
}

/* Forgets the way and gives the neighbour back; flags and multicast choices stay. Any context. */
void route_ref_drop(struct route_ref *ref);

/* net_stack.routes4 and routes6. */
struct route_table {
	struct fib fib;
	struct net_stack *net;
	struct route_foreign *foreign; /* [I] ROUTE_FOREIGN for each CPU */
};

/* Sources of packets that were looked up and are not this host's: a CPU's own, bottom halves off. */
#define ROUTE_FOREIGN 32u
struct route_foreign {
	struct net_addr addr;
	uint32_t generation; /* of the table, as of then; 0: none */
};

bool route_is_foreign_slowly(
	struct route_table *t, const struct net_addr *a, struct route_foreign *known);

/* Generation of the tables of a version; never 0. */
static inline uint32_t
route_generation(struct net_stack *net, bool v4)
{
	return fib_generation(&(v4 ? net->routes4 : net->routes6)->fib);
}

/*
 * Whether no address and no broadcast address of this host is a, which a packet came from: what is asked for every
 * packet, and so remembered until routes change. Bottom halves off.
 */
static inline bool
route_is_foreign(struct route_table *t, const struct net_addr *a)
{
	uint32_t hash = (a->w[1] ^ a->w[2] ^ a->w[3]) * 0x9e3779b1u;
	struct route_foreign *known =
		&t->foreign[this_cpu()->id * ROUTE_FOREIGN + hash / (1u << 27)];
	if (likely(known->generation == fib_generation(&t->fib) && net_addr_equal(&known->addr, a)))
		return true;
	return route_is_foreign_slowly(t, a, known);
}

/* v4: whether the destination is IPv4. Inside an epoch. */
static inline bool
route_is_valid(struct net_stack *net, const struct route_ref *ref, bool v4)
{
	return ref->generation == route_generation(net, v4);
}

/*
 * Resolves the way to flow->remote; flow->ifindex: bound interface or scope, 0: any. If flow->local is unspecified, or
 * {0}, it is chosen and written there (RFC 6724; IPv4: preferred source, else the first address of the interface whose
 * scope suffices); a local address that was given must be ours unless ROUTE_ANY_SRC. Inside an epoch or bottom halves
 * off. 0, -ENETUNREACH, -EHOSTUNREACH, -EACCES (prohibited; broadcast not allowed), -EINVAL (blackhole; source not
 * ours), -EADDRNOTAVAIL (no source), -ENETDOWN, -ENOBUFS. *ref is unresolved after an error.
 */
int route_resolve(struct net_stack *net, struct route_ref *ref, struct net_flow *flow) MUST_CHECK;
/* The same for who only asks: makes no neighbour, and *ref cannot be sent with. */
int route_ask(struct net_stack *net, struct route_ref *ref, struct net_flow *flow) MUST_CHECK;
/* The link that serves IPv6's groups for who did not say which: the first that is up. NULL: none. config_lock or epoch. */
struct netif *route_first_link(struct net_stack *net);

/* Resolves anew if a new generation has begun; the fast case is one comparison. Errors as route_resolve(). */
static inline int
route_check(struct net_stack *net, struct route_ref *ref, struct net_flow *flow)
{
	if (likely(route_is_valid(net, ref, net_addr_is_v4(&flow->remote))))
		return 0;
	return route_resolve(net, ref, flow);
}

/* The peer was heard from over this way (new data acknowledged): its neighbour is reachable. Cheap. Epoch. */
void route_confirm(struct route_ref *ref);

/*
 * Somebody trustworthy (the transport has checked sequence or port) says that packets to dst above mtu do not pass.
 * Floors: 552 and 1280. Expires after 10 minutes; the oldest of too many exceptions give way. Bottom halves off.
 */
void route_update_pmtu(struct net_stack *net, const struct net_addr *dst, uint32_t mtu);

/* Configuration, under config_lock; may sleep. */

/* spec->netif NULL and a gateway: its interface is found. 0, -EEXIST, -ESRCH, -EINVAL, -ENETUNREACH (gateway), -ENOMEM. */
int route_change(struct net_stack *net, const struct fib_spec *spec, uint32_t how) MUST_CHECK;
int route_delete(struct net_stack *net, const struct fib_spec *spec) MUST_CHECK;
/* Everything that goes through an interface, because it went down (addresses' routes come back when it is up). */
void route_flush_netif(struct net_stack *net, struct netif *nif);
void route_flush_netif6(struct net_stack *net, struct netif *nif); /* IPv6's alone */
/* What a router announced, or an administrator added, for a time that is over. When the next one's is, or never. */
nsec_t route_flush_expired(struct net_stack *net);
/* Starts a new generation: something that cached ways depend on has changed. Any context. */
void route_new_generation(struct net_stack *net);

/* Boot, from ip_stack_init(). */
int route_stack_init(struct net_stack *net) MUST_CHECK;

#endif
