/* SPDX-License-Identifier: MIT */
/*
 * Reassembly of both versions around frag_core.h: queues by (source, destination, identifier, protocol), bounded in
 * memory for the stack and for each source, timed out with an ICMP message if the first fragment is there.
 *
 * One lock, bottom halves off, innermost. Fragments are rare; what follows them is not.
 */
#ifndef NET_IP_FRAG_H
#define NET_IP_FRAG_H

#include "net/net.h"
#include "net/pkt.h"

struct ip4_header;
struct ip6_walk;
struct netif;

int frag_stack_init(struct net_stack *net) MUST_CHECK;

/*
 * Takes over a fragment (data at its IP header). Returns the whole datagram when this was what was missing, with the
 * data at its IP header, whose lengths and fragment field are those of the whole; else NULL. Softirq.
 */
struct pkt *ip4_reassemble(struct netif *nif, struct pkt *p, const struct ip4_header *h) MUST_CHECK;
struct pkt *ip6_reassemble(struct netif *nif, struct pkt *p, const struct ip6_walk *w) MUST_CHECK;

/* Bytes held now, and how many datagrams are incomplete: /proc/net/sockstat. */
void frag_get_usage(struct net_stack *net, uint64_t *bytes, uint32_t *datagrams);

#endif
