/* SPDX-License-Identifier: MIT */
/*
 * Receive coalescing: TCP segments of one flow that follow each other become one packet of up to 64 KiB, with gso_size
 * and gso_segs set, as if its sender had segmented it here; its checksum is vouched for, and the field holds the pseudo
 * header's sum. Cutting it up again (link/gso.h) gives the segments' own bytes. Pure: one struct gro per CPU, its user
 * serialises; packets in, packets out.
 *
 * Joined are frames without IPv4 options or IPv6 extension headers, equal in Ethernet header, addresses, ports, TOS,
 * TTL, DF, acknowledgement, window, flags (but PSH, which ends a packet) and options, with good checksums, and of
 * the same size but for the last. Everything else goes up at once, and before it what was held of its flow.
 */
#ifndef NET_LINK_GRO_H
#define NET_LINK_GRO_H

#include "net/pkt.h"

#define GRO_HELD 8u /* flows at a time */

struct gro {
	struct pkt *held[GRO_HELD]; /* the oldest first */
	uint32_t count;
};

/*
 * Takes p, which begins with its Ethernet header and has netif set. What is to go up now is put on up, in order.
 * Returns whether p became part of another packet.
 */
bool gro_add(struct gro *g, struct pkt *p, struct pkt_queue *up);
/* Nothing is held any more. */
void gro_take_all(struct gro *g, struct pkt_queue *up);

#endif
