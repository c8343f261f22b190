/* SPDX-License-Identifier: MIT */
/* The IPv6 header and its extension headers (RFC 8200). Pure. Addresses are 16 bytes as on the wire. */
#ifndef WIRE_IP6_H
#define WIRE_IP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP6_HEADER          40u
#define IP6_FRAGMENT_HEADER 8u
#define IP6_MIN_MTU         1280u

#define IP6_AT_PAYLOAD_LEN 4u
#define IP6_AT_NEXT        6u
#define IP6_AT_HOP_LIMIT   7u
#define IP6_AT_SOURCE      8u
#define IP6_AT_DEST        24u

/* Extension headers that are walked: a packet with more is dropped (RFC 8504, 5.3 lets a host bound them). */
#define IP6_EXTENSIONS_MAX 8u
#define IP6_OPTIONS_MAX    16u /* in one options header, padding not counted */

struct ip6_header {
	uint8_t src[16], dst[16];
	uint32_t flow_label;
	uint16_t payload_len;
	uint8_t traffic_class, next, hop_limit;
};

struct ip6_fragment {
	uint32_t id;
	uint16_t offset; /* bytes */
	bool more;
};

enum ip6_error {
	IP6_OK,
	IP6_SHORT, /* the bytes that are there linearly do not suffice, or the packet is truncated */
	IP6_VERSION,
	IP6_BAD_FIELD, /* parameter problem, code 0, at .pointer */
	IP6_BAD_NEXT, /* parameter problem, code 1, at .pointer: an extension header where none may be */
	IP6_BAD_OPTION, /* parameter problem, code 2, at .pointer; the option says whether to tell */
	IP6_TOO_MANY,   /* more extension headers or options than are walked */
	IP6_DISCARD,    /* an option says: drop silently */
};

/* What the walk over the extension headers found. */
struct ip6_walk {
	uint16_t
		transport; /* offset of what is not an extension header, from the IPv6 header; or of the fragment's data */
	uint16_t next_at;     /* offset of the next-header field that names it */
	uint16_t fragment_at; /* offset of the fragment header; 0: none */
	uint16_t
		fragment_next_at; /* offset of the next-header field that names the fragment header */
	uint8_t protocol;         /* what it is; of a fragment: what the fragment header says */
	struct ip6_fragment fragment;
	bool router_alert; /* hop-by-hop option 5 with value 0 (MLD) */
	bool jumbo;
	uint32_t pointer;    /* of an error: offset in the packet */
	bool tell_multicast; /* of IP6_BAD_OPTION: also when the destination is a group (action 10) */
};

enum ip6_error ip6_decode(const uint8_t *at, size_t n, size_t packet_len, struct ip6_header *out);

/*
 * Walks the extension headers behind the IPv6 header at [at, at + n). Stops at a fragment header that is not atomic;
 * goes on behind an atomic one. Destination options and routing headers are checked, and skipped if they say nothing
 * (segments left 0).
 */
enum ip6_error ip6_walk(const uint8_t *at, size_t n, struct ip6_walk *out);

/*
 * The same without judging anything, for packets that came back in ICMP errors: where the transport header begins.
 * 0: not within n bytes, or it is not the first fragment.
 */
size_t ip6_find_transport(const uint8_t *at, size_t n, uint8_t *protocol);

void ip6_encode(uint8_t at[IP6_HEADER], const struct ip6_header *h);
void ip6_encode_fragment(
	uint8_t at[IP6_FRAGMENT_HEADER], uint8_t next, const struct ip6_fragment *f);

#endif
