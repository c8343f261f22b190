/* SPDX-License-Identifier: MIT */
/* Addresses out of prefixes: stable private interface identifiers (RFC 7217) and lifetimes (RFC 4862, 5.5.3). Pure. */
#ifndef NET_IP_SLAAC_CORE_H
#define NET_IP_SLAAC_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

#define SLAAC_RETRIES 3u /* other identifiers after a duplicate: RFC 7217's IDGEN_RETRIES */

/*
 * The address of a /64 prefix on an interface: always the same for the same secret, prefix, interface and number of
 * duplicates so far; unrelated to that of any other prefix.
 */
struct net_addr slaac_address(const struct net_addr *prefix, const uint64_t secret[2],
	const uint8_t mac[6], uint32_t duplicates);

/*
 * The moment until which an address is valid when a router announces `announced` seconds (0xffffffff: for ever) and it
 * was valid until `until` so far (0: it is new). Moments are nanoseconds, UINT64_MAX: for ever. A router cannot
 * shorten what is left below two hours.
 */
uint64_t slaac_valid_until(uint64_t now, uint64_t until, uint32_t announced);
/* seconds from now as a moment. */
uint64_t slaac_moment(uint64_t now, uint32_t seconds);

#endif
