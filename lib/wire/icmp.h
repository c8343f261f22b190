/* SPDX-License-Identifier: MIT */
/*
 * ICMP (RFC 792) and ICMPv6 (RFC 4443): types, what an error is about, and which errno it means. Pure.
 * Checksums are the caller's: ICMPv6 has a pseudo header.
 */
#ifndef WIRE_ICMP_H
#define WIRE_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ICMP_HEADER 8u /* both versions: type, code, checksum, four bytes by type */

#define ICMP_ECHO_REPLY    0
#define ICMP_UNREACHABLE   3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT      5
#define ICMP_ECHO          8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER     12
#define ICMP_TIMESTAMP     13

#define ICMP_NET_UNREACHABLE      0
#define ICMP_HOST_UNREACHABLE     1
#define ICMP_PROTOCOL_UNREACHABLE 2
#define ICMP_PORT_UNREACHABLE     3
#define ICMP_FRAG_NEEDED          4
#define ICMP_REASSEMBLY_TIME      1 /* code of TIME_EXCEEDED */

#define ICMP6_UNREACHABLE    1
#define ICMP6_TOO_BIG        2
#define ICMP6_TIME_EXCEEDED  3
#define ICMP6_PARAMETER      4
#define ICMP6_ECHO           128
#define ICMP6_ECHO_REPLY     129
#define ICMP6_MLD_QUERY      130
#define ICMP6_MLD_REPORT     131
#define ICMP6_MLD_DONE       132
#define ICMP6_ROUTER_SOLICIT 133
#define ICMP6_ROUTER_ADVERT  134
#define ICMP6_NEIGH_SOLICIT  135
#define ICMP6_NEIGH_ADVERT   136
#define ICMP6_REDIRECT       137
#define ICMP6_MLD2_REPORT    143

#define ICMP6_NO_ROUTE         0
#define ICMP6_ADDR_UNREACHABLE 3
#define ICMP6_PORT_UNREACHABLE 4
#define ICMP6_BAD_FIELD        0 /* codes of PARAMETER */
#define ICMP6_BAD_NEXT         1
#define ICMP6_BAD_OPTION       2

struct icmp_header {
	uint8_t type, code;
	uint16_t id, seq; /* of echo messages, host byte order */
	uint32_t word;    /* the four bytes by type: pointer, MTU */
};

/* false: fewer than 8 bytes. */
bool icmp_decode(const uint8_t *at, size_t n, struct icmp_header *out);
/* The header with a checksum of 0. */
void icmp_encode(uint8_t at[ICMP_HEADER], const struct icmp_header *h);

/* Types that report about another packet. */
bool icmp4_is_error(uint8_t type);
bool icmp6_is_error(uint8_t type);

/* What an error is about: the packet that came back. Addresses v4-mapped are the caller's business. */
struct icmp_inner {
	const uint8_t *src, *dst; /* 4 or 16 bytes */
	const uint8_t *transport; /* what came back of it: at least 8 bytes */
	size_t transport_len;
	uint8_t protocol;
};

/* at: behind the ICMP header. false: truncated, not of this version, or a later fragment. */
bool icmp4_decode_inner(const uint8_t *at, size_t n, struct icmp_inner *out);
bool icmp6_decode_inner(const uint8_t *at, size_t n, struct icmp_inner *out);

/* The positive errno of an error as Linux maps it, 0 for what is not to be told. *hard: it ends attempts to connect. */
int icmp4_errno(uint8_t type, uint8_t code, bool *hard);
int icmp6_errno(uint8_t type, uint8_t code, bool *hard);

/* The next hop's MTU that a "fragmentation needed" carries; guessed from the packet's length if it says 0 (RFC 1191). */
uint32_t icmp4_mtu(const struct icmp_header *h, uint32_t inner_total_len);

#endif
