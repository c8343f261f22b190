/* SPDX-License-Identifier: MIT */
/*
 * The fragments of one datagram, as ranges of its payload: which are there, and whether that is all. Pure; for both
 * versions. The owner embeds a struct frag_range in whatever holds the bytes.
 *
 * Fragments that overlap void the datagram (RFC 5722; for IPv4 the same), but an exact copy of one that is there is
 * merely superfluous (RFC 8200, 4.5).
 */
#ifndef NET_IP_FRAG_CORE_H
#define NET_IP_FRAG_CORE_H

#include <stdbool.h>
#include <stdint.h>

#define FRAG_COUNT_MAX 128u /* of a datagram */

struct frag_range {
	struct frag_range *next; /* by start */
	uint32_t start, end;     /* bytes of the payload, [start, end) */
};

struct frag_list {
	struct frag_range *first, *last;
	uint32_t total; /* length of the payload; 0: the last fragment has not come */
	uint32_t have;  /* bytes */
	uint32_t count;
};

enum frag_verdict {
	FRAG_ADDED,     /* it is on the list, more must come */
	FRAG_COMPLETE,  /* it is on the list, nothing is missing */
	FRAG_DUPLICATE, /* not on the list; drop it alone */
	FRAG_VOID, /* not on the list; drop the datagram: overlap, contradicting lengths, too many pieces */
};

/* more: fragments follow it. r->start and r->end are set, end > start. */
enum frag_verdict frag_add(struct frag_list *l, struct frag_range *r, bool more);

#endif
