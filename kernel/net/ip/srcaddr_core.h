/* SPDX-License-Identifier: MIT */
/* Which of our IPv6 addresses a packet comes from: RFC 6724, section 5. Pure. */
#ifndef NET_IP_SRCADDR_CORE_H
#define NET_IP_SRCADDR_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

struct src_candidate {
	struct net_addr addr;
	uint8_t prefix; /* length of its on-link prefix: bounds what rule 8 compares */
	bool on_output; /* assigned to the interface that the packet leaves by (rule 5) */
	bool deprecated, temporary;
};

/* RFC 4007's scopes: 1 interface, 2 link, 5 site, 14 global; of groups their own. */
uint32_t srcaddr_scope(const struct net_addr *a);
/* The label of RFC 6724's default policy table. */
uint32_t srcaddr_label(const struct net_addr *a);
/* Whether a is to be preferred to b for dst. */
bool srcaddr_is_better(
	const struct net_addr *dst, const struct src_candidate *a, const struct src_candidate *b);

#endif
