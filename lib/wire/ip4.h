/* SPDX-License-Identifier: MIT */
/*
 * The IPv4 header (RFC 791). Pure. Addresses stay in network byte order, everything else is the host's.
 * Options are recognised, not interpreted: they are skipped, but for source routes, which are named.
 */
#ifndef WIRE_IP4_H
#define WIRE_IP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP4_HEADER     20u
#define IP4_HEADER_MAX 60u
#define IP4_MIN_MTU    68u

#define IP4_AT_TOTAL_LEN 2u
#define IP4_AT_ID        4u
#define IP4_AT_FRAGMENT  6u
#define IP4_AT_TTL       8u
#define IP4_AT_PROTOCOL  9u
#define IP4_AT_CHECKSUM  10u
#define IP4_AT_SOURCE    12u
#define IP4_AT_DEST      16u

#define IP4_DF 0x4000u
#define IP4_MF 0x2000u

struct ip4_header {
	uint32_t src, dst;   /* network byte order */
	uint16_t header_len; /* options included */
	uint16_t total_len;  /* <= the bytes there are */
	uint16_t id;
	uint16_t offset; /* of this fragment, bytes */
	bool dont_fragment, more;
	bool source_route; /* has a loose or strict source route option */
	uint8_t tos, ttl, protocol;
};

enum ip4_error {
	IP4_OK,
	IP4_SHORT, /* fewer bytes than a header, or than its lengths say */
	IP4_VERSION,
	IP4_LENGTHS, /* header below 20 bytes, or above the total */
	IP4_CHECKSUM,
	IP4_OPTIONS,  /* an option's length is wrong */
	IP4_FRAGMENT, /* a fragment that cannot be: not a multiple of 8, or beyond 65,535 bytes */
};

/*
 * Decodes the header at [at, at + n), n being what lies there linearly and packet_len what there is in all. Checks
 * everything that can be checked without knowing whose packet it is.
 */
enum ip4_error ip4_decode(const uint8_t *at, size_t n, size_t packet_len, struct ip4_header *out);

/* Writes a header of 20 bytes with its checksum. */
void ip4_encode(uint8_t at[IP4_HEADER], const struct ip4_header *h);

/* The checksum field of the first header_len bytes, the field itself taken as 0; as it lies in memory. */
uint16_t ip4_checksum(const uint8_t *at, size_t header_len);

/*
 * Copies to dst those options of a header (IP4_HEADER_MAX bytes at most) that every fragment carries (RFC 791, the
 * copied flag), padded; returns the length of the header that results.
 */
size_t ip4_fragment_header(uint8_t dst[IP4_HEADER_MAX], const uint8_t *header, size_t header_len);

#endif
