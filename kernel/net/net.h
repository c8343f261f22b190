/* SPDX-License-Identifier: MIT */
/*
 * A network stack: all that a view's network consists of. Nothing of the network lives in a global but caches of the
 * allocator and tables of functions: whoever needs a stack reaches it from its socket, its interface or its view.
 *
 * Each part owns a member, a struct of its own that its init function allocates; the parts do not look into each
 * other's. Counters are per CPU, written with bottom halves off.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/list.h"
#include "core/cpu.h"
#include "core/mutex.h"
#include "core/relaxed.h"
#include "core/types.h"

enum net_counter {
#define NET_COUNTER(name, group, label) NET_##name,
#include "net/counters.def"
#undef NET_COUNTER
	NET_COUNTERS,
};

struct net_counters {
	_Atomic uint64_t n[NET_COUNTERS]; /* [its CPU writes] relaxed_add() */
	_Atomic int64_t memory;           /* this CPU's share of net_stack.memory (sock/charge.h) */
};

/* Keys of hashes, sequence numbers, ports, IP ids, cookies, timestamps: random at creation, never shown. */
struct net_secrets {
	uint64_t hash[2];      /* SipHash keys */
	uint64_t isn[2];       /* RFC 6528 */
	uint64_t ts_offset[2]; /* timestamp offsets */
	uint64_t port[2];      /* RFC 6056, algorithm 3 */
	uint64_t ip_id[2];
	uint64_t stable_iid[2]; /* RFC 7217 */
	uint64_t cookie[2];     /* SYN cookies */
};

/* Settings of sockets and CPUs (net.core.*), read without locks. */
struct net_core_sysctl {
	_Atomic uint32_t rmem_default, rmem_max, wmem_default, wmem_max; /* bytes */
	_Atomic uint32_t somaxconn;
	_Atomic uint32_t max_backlog; /* packets that wait on a CPU, of each kind */
};

struct net_stack {
	struct mutex config_lock;         /* interfaces, addresses, routes: docs/network.md */
	struct list_node netifs;          /* [config_lock, epoch] */
	struct list_node netif_listeners; /* [config_lock] */
	struct list_node taps;         /* [config_lock, epoch] AF_PACKET sockets of any interface */
	struct list_node packet_socks; /* [config_lock] all AF_PACKET sockets */
	uint32_t next_ifindex;         /* [config_lock] */
	struct netif *loopback;        /* [I after boot] */
	struct net_secrets secrets;    /* [I] but cookie, which its owner renews */
	struct net_counters *counters; /* [I] one per CPU */
	struct net_core_sysctl core;
	/* Each owned by the part that its type names. [I after boot] */
	struct neigh_table *neigh;   /* link/neigh.h: ARP and ND */
	struct route_table *routes4; /* ip/route.h */
	struct route_table *routes6;
	struct frag_table *frags; /* ip/frag.h */
	struct ip4_stack *ip4;
	struct ip6_stack *ip6;
	struct tcp_stack *tcp;
	struct udp_stack *udp; /* UDP, ping and raw sockets */
	struct unix_stack *unix_names;
	struct netlink_stack *netlink;
	_Atomic int64_t memory; /* bytes that sockets hold, with the CPUs' shares (sock/charge.h) */
	_Atomic int64_t memory_limit; /* bytes; from the machine's memory at boot */
};

/* The initial view's, made at boot; later views get their own. NULL: out of memory. */
struct net_stack *net_stack_create(void) MUST_CHECK;
void net_init(void);   /* boot: caches, softirqs, then the initial view's stack */
void net_report(void); /* boot, after devices were looked for: says so if there is none */

/* The running process's view's. */
struct net_stack *current_net(void);

/* Bottom halves off (or the count may go to a neighbouring CPU's: harmless, but lost updates are possible). */
static inline void
net_count(struct net_stack *net, enum net_counter c)
{
	relaxed_add(&net->counters[this_cpu()->id].n[c], 1);
}

static inline void
net_count_n(struct net_stack *net, enum net_counter c, uint64_t n)
{
	relaxed_add(&net->counters[this_cpu()->id].n[c], n);
}

uint64_t net_counter_sum(struct net_stack *net, enum net_counter c);

#endif
