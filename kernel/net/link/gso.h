/* SPDX-License-Identifier: MIT */
/*
 * What devices do when they segment and sum up, in software, for those that do not. Pure: packets in, packets out.
 *
 * A packet to be cut begins with its link header; net_off is at the IP header (without extension headers),
 * csum_start at the TCP or UDP header, gso_size bytes of payload go into each segment; csum is PKT_CSUM_PARTIAL.
 */
#ifndef NET_LINK_GSO_H
#define NET_LINK_GSO_H

#include "net/pkt.h"

/*
 * Cuts p into segments, put on out in order, their checksums PKT_CSUM_PARTIAL; they share p's pages, p stays the
 * caller's. false: out of memory, or p is not what its fields say; then out is as it was.
 */
bool gso_segment(const struct pkt *p, struct pkt_queue *out) MUST_CHECK;

/* PKT_CSUM_PARTIAL to PKT_CSUM_NONE: writes the checksum. */
void gso_complete_checksum(struct pkt *p);

#endif
