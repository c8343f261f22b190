/* SPDX-License-Identifier: MIT */
/* The UDP header (RFC 768). Pure. Ports in network byte order, as look-up wants them. */
#ifndef WIRE_UDP_H
#define WIRE_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UDP_HEADER      8u
#define UDP_AT_LENGTH   4u
#define UDP_AT_CHECKSUM 6u

struct udp_header {
	uint16_t src_port, dst_port; /* network byte order */
	uint16_t length;             /* header included, host byte order; <= the bytes there are */
	uint16_t checksum;           /* as it lies in memory; 0: none */
};

/* packet_len: bytes from the UDP header to the packet's end. false: truncated, or a length that cannot be. */
static inline bool
udp_decode(const uint8_t *at, size_t n, size_t packet_len, struct udp_header *out)
{
	*out = (struct udp_header){0};
	if (n < UDP_HEADER)
		return false;
	memcpy(&out->src_port, at, 2);
	memcpy(&out->dst_port, at + 2, 2);
	memcpy(&out->checksum, at + UDP_AT_CHECKSUM, 2);
	out->length = (uint16_t)(at[4] << 8 | at[5]);
	return out->length >= UDP_HEADER && out->length <= packet_len;
}

static inline void
udp_encode(uint8_t at[UDP_HEADER], const struct udp_header *h)
{
	memcpy(at, &h->src_port, 2);
	memcpy(at + 2, &h->dst_port, 2);
	at[4] = (uint8_t)(h->length >> 8);
	at[5] = (uint8_t)h->length;
	memcpy(at + UDP_AT_CHECKSUM, &h->checksum, 2);
}

#endif
