/* SPDX-License-Identifier: MIT */
/*
 * Neighbours: hosts on a link and their link addresses, for ARP and neighbour discovery alike (RFC 826, RFC 4861).
 *
 * The protocol is a pure core (link/neigh_core.h); this is the table around it: keyed, resizable, read inside epochs,
 * bounded. A neighbour in use holds a reference of its user; an unused one is collected, those first that nobody
 * answered for, so that a scan of a prefix neither exhausts memory nor evicts whom we talk to.
 *
 * Locks: a neighbour's lock (bottom halves off) guards its state and queue; the table's lock its membership, taken
 * inside. What sending needs is read without a lock.
 */
#ifndef NET_LINK_NEIGH_H
#define NET_LINK_NEIGH_H

#include "core/epoch.h"
#include "core/refcount.h"
#include "core/spinlock.h"
#include "core/timerwheel.h"
#include "core/types.h"
#include "net/addr.h"
#include "net/hash.h"
#include "net/link/neigh_core.h"
#include "net/link/netif.h"
#include "net/net.h"
#include "net/pkt.h"

struct neigh {
	struct net_hash_node hash; /* [table lock, epoch] */
	_Atomic uint32_t ready; /* head0, head1 may be used as they are: a use changes no state */
	refcount_t refs;        /* the table, routes, the timer while it runs */
	_Atomic uint64_t head0; /* bytes 0..7 of the link header */
	uint64_t head1;         /* [I] bytes 6..13: our address, EtherType */
	_Atomic uint64_t confirmed; /* when it was last known to be reachable (route_confirm()) */
	struct netif *netif;        /* [I] referenced */
	struct net_addr addr;       /* [I] */
	struct spinlock lock;
	struct neigh_core core; /* [lock] state, probes */
	struct pkt_queue queue; /* [lock] waiting for its address, at most NEIGH_QUEUE_MAX */
	struct wheel_timer timer;
	struct epoch_head epoch;
	struct list_node gc; /* [table lock] */
	bool dead;           /* [lock] it has left the table for good */
	bool in_table;       /* [table lock] */
	bool v4;             /* [I] */
	_Atomic bool
		is_one_of_several; /* a gateway that routes were chosen for: ways depend on its state */
};

#define NEIGH_QUEUE_MAX 3u

/* From netif_receive(): an ARP packet (data at the ARP header). Takes over p. Softirq. */
void arp_input(struct netif *nif, struct pkt *p);

/*
 * The neighbour for a next hop on an interface, made if need be, referenced. NULL: the table is full of what is in use,
 * or out of memory. Groups, broadcast and interfaces without ARP get one that needs no resolution. Any context but
 * interrupts, inside an epoch.
 */
struct neigh *neigh_get_for(struct netif *nif, const struct net_addr *next_hop) MUST_CHECK;
void neigh_put(struct neigh *n);

/* What is known of a gateway, from the worst to the best. */
enum neigh_hope {
	NEIGH_SILENT,  /* it was asked and did not answer */
	NEIGH_UNKNOWN, /* it was not asked, or may yet answer */
	NEIGH_THERE,   /* it has answered, or spoken */
};
/* *failed: when it was given up (SILENT). Takes the neighbour's lock. Epoch. */
enum neigh_hope neigh_hope_of(struct netif *nif, const struct net_addr *a, nsec_t *failed);
/* Asks for a neighbour that is known, as if there were a packet for it. Epoch, any context but interrupts. */
void neigh_probe(struct netif *nif, const struct net_addr *a);

/* Sends what is complete down to the IP header; resolves the address first if need be. Takes over p. Epoch, bh off. */
void neigh_output_slow(struct neigh *n, struct pkt *p);

/* The straight line: link header in front, out. */
static inline void
neigh_output(struct neigh *n, struct netif *nif, struct pkt *p)
{
	if (unlikely(!atomic_load_explicit(&n->ready, memory_order_acquire))) {
		neigh_output_slow(n, p);
		return;
	}
	uint64_t head0 = atomic_load_explicit(&n->head0, memory_order_relaxed);
	uint8_t *at = pkt_push(p, 14);
	__builtin_memcpy(at, &head0, 8);
	__builtin_memcpy(at + 6, &n->head1, 8);
	netif_transmit(nif, p);
}

/* Configuration (netlink NEWNEIGH, DELNEIGH, SIOCSARP). Under config_lock. */
#define NEIGH_REPLACE 1u /* may override what is there; else -EEXIST */
#define NEIGH_CREATE  2u /* else -ENOENT when there is none */
int neigh_set(struct netif *nif, const struct net_addr *addr, const uint8_t *mac,
	uint16_t nud_state, uint32_t how) MUST_CHECK;
int neigh_delete(struct netif *nif, const struct net_addr *addr) MUST_CHECK;

/* A dump: fn for every neighbour, inside one epoch; fn may not sleep. */
struct neigh_info {
	struct net_addr addr;
	uint8_t mac[6];
	bool has_mac, is_router;
	uint16_t state; /* NUD_* */
	uint32_t ifindex, probes, refs, queued;
	nsec_t confirmed, updated; /* monotonic */
};
/* One, as it is now; its lock is taken. */
void neigh_describe(struct neigh *n, struct neigh_info *info);
void neigh_for_each(
	struct net_stack *net, void (*fn)(const struct neigh_info *info, void *ctx), void *ctx);

/* The link address or state of everything on an interface is void (down, carrier lost, new MAC). Under config_lock. */
void neigh_flush_netif(struct net_stack *net, struct netif *nif);
/* Tells the link our addresses: gratuitous ARP, unsolicited NA. config_lock or softirq. */
void arp_announce(struct netif *nif, const struct net_addr *addr);

int neigh_stack_init(struct net_stack *net) MUST_CHECK;
void neigh_init(void);

#endif
