/* SPDX-License-Identifier: MIT */
/*
 * Neighbour discovery messages (RFC 4861) and their options, those of RFC 4191 (routes) and RFC 8106 (DNS) included.
 * Pure. Addresses are 16 bytes as on the wire, times in seconds and milliseconds as the messages have them.
 */
#ifndef WIRE_ND_H
#define WIRE_ND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ND_HOP_LIMIT 255u
#define ND_FOREVER   0xffffffffu /* a lifetime */

#define ND_OPT_SOURCE_LINK 1u
#define ND_OPT_TARGET_LINK 2u
#define ND_OPT_PREFIX      3u
#define ND_OPT_MTU         5u
#define ND_OPT_NONCE       14u
#define ND_OPT_ROUTE       24u
#define ND_OPT_RDNSS       25u
#define ND_OPT_DNSSL       31u

/* NS and NA, RFC 4861, 4.3 and 4.4. */
struct nd_neighbour {
	uint8_t target[16];
	bool router, solicited, override; /* NA's flags */
	bool has_mac;                     /* source (NS) or target (NA) link-layer address */
	uint8_t mac[6];
	bool has_nonce; /* RFC 7527 */
	uint8_t nonce[6];
};

/* RA, RFC 4861, 4.2: its head; options are walked with nd_next_option(). */
struct nd_router {
	uint8_t hop_limit; /* 0: unspecified */
	bool managed, other;
	int8_t preference;                 /* RFC 4191: 1 high, 0 medium, -1 low */
	uint16_t lifetime;                 /* seconds; 0: not a default router */
	uint32_t reachable_ms, retrans_ms; /* 0: unspecified */
	bool has_mac;
	uint8_t mac[6];
	uint32_t mtu;           /* 0: none */
	const uint8_t *options; /* validated: lengths fit */
	size_t options_len;
};

struct nd_prefix {
	uint8_t prefix[16]; /* bits beyond len are 0 */
	uint8_t len;
	bool on_link, autonomous;
	uint32_t valid, preferred; /* seconds, ND_FOREVER */
};

struct nd_route {
	uint8_t prefix[16]; /* bits beyond len are 0 */
	uint8_t len;
	int8_t preference;
	uint32_t lifetime;
};

/* An option as it lies there. */
struct nd_option {
	uint8_t type;
	uint8_t len; /* units of 8 bytes, at least 1 */
	const uint8_t *at;
};

/*
 * at: the ICMPv6 message from its type on, n bytes, type already known. hop limit, code and checksum are the caller's.
 * false: truncated, an option of length 0 or beyond the end, a target that is a group.
 */
bool nd_decode_neighbour(const uint8_t *at, size_t n, struct nd_neighbour *out);
bool nd_decode_router_advert(const uint8_t *at, size_t n, struct nd_router *out);
/* RS: has a source link-layer address? */
bool nd_decode_router_solicit(const uint8_t *at, size_t n, bool *has_mac, uint8_t mac[6]);

/* The next of [*at, *at + *left), which it steps over; false: none, or what follows is malformed. */
bool nd_next_option(const uint8_t **at, size_t *left, struct nd_option *out);
/* false: its length or contents are not those of such an option (it is ignored then). */
bool nd_decode_prefix(const struct nd_option *o, struct nd_prefix *out);
bool nd_decode_route(const struct nd_option *o, struct nd_route *out);
bool nd_rdnss_is_valid(const struct nd_option *o);
bool nd_dnssl_is_valid(const struct nd_option *o);

/* Messages with a checksum of 0; their length. mac or nonce NULL: no such option. */
#define ND_MESSAGE_MAX 40u
size_t nd_encode_neighbour_solicit(uint8_t at[ND_MESSAGE_MAX], const uint8_t target[16],
	const uint8_t *mac, const uint8_t *nonce);
size_t nd_encode_neighbour_advert(uint8_t at[ND_MESSAGE_MAX], const struct nd_neighbour *a);
size_t nd_encode_router_solicit(uint8_t at[ND_MESSAGE_MAX], const uint8_t *mac);

#endif
