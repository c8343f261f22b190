/* SPDX-License-Identifier: MIT */
/* Between UDP's look-up (lookup.c, bind.c), the protocols (udp.c, ping.c) and ICMP. */
#ifndef NET_UDP_UDP_IMPL_H
#define NET_UDP_UDP_IMPL_H

#include "net/udp/udp.h"

/*
 * Who is bound, of one kind. by_port holds the ends without a peer, connected_by_port those with one (only binding
 * looks there: a port with thousands of connections costs an unconnected datagram nothing), by_flow the latter by all
 * four numbers.
 */
struct udp_table {
	struct spinlock lock;
	struct net_hash by_port;           /* [lock, epoch] */
	struct net_hash connected_by_port; /* [lock, epoch] */
	struct net_hash by_flow;           /* [lock, epoch] */
};

struct udp_stack {
	struct udp_table tables[UDP_KINDS];
};

static inline struct udp_table *
udp_table_of(struct net_stack *net, enum udp_kind kind)
{
	return &net->udp->tables[kind];
}

uint32_t udp_hash_port(struct net_stack *net, uint16_t port);
uint32_t udp_hash_flow(struct net_stack *net, const struct net_flow *flow);

/* The end for a packet's flow as seen from here. Epoch. NULL: none. */
struct udp_end *udp_lookup(struct net_stack *net, enum udp_kind kind, const struct net_flow *flow);

/* Echo replies and errors about echo requests. Softirq. ping_input() takes over p (data at the ICMP header). */
void ping_input(struct netif *nif, struct pkt *p, uint16_t id);
void ping_error(struct net_stack *net, const struct ip_error *e);

#endif
