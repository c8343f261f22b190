/* SPDX-License-Identifier: MIT */
/*
 * A UDP datagram over IPv4 in one piece (RFC 791, 768), for programs that speak before they have an address: DHCP.
 * Pure. Addresses in network byte order, ports in the host's.
 */
#ifndef WIRE_DATAGRAM4_H
#define WIRE_DATAGRAM4_H

#include <stddef.h>
#include <stdint.h>

#define DATAGRAM4_HEADERS 28u

struct datagram4 {
	uint32_t source, destination;
	uint16_t source_port, destination_port;
	const uint8_t *payload;
	size_t payload_len;
};

/*
 * Decodes a packet that begins with its IPv4 header; bytes behind the datagram (a frame's padding) do not count.
 * 0; -EBADMSG: not a whole, unfragmented UDP datagram, or a checksum is wrong (checksums_known: somebody has vouched for
 * UDP's, which may not be filled in yet).
 */
[[nodiscard]] int datagram4_decode(
	const void *bytes, size_t n, _Bool checksums_known, struct datagram4 *out);

/* Writes headers and payload; bytes written, 0: it does not fit. */
[[nodiscard]] size_t datagram4_encode(const struct datagram4 *d, void *bytes, size_t size);

#endif
