/* SPDX-License-Identifier: MIT */
/*
 * The TCP header and its options (RFC 9293, 3.1; 2018; 7323): decoding and encoding. Pure.
 *
 * struct tcp_segment is a segment without its payload: what a decoder gives to the core, and what the core gives to
 * an encoder. Ports are in network byte order, everything else in the host's.
 */
#ifndef WIRE_TCP_H
#define WIRE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_HEADER_MIN 20u
#define TCP_HEADER_MAX 60u
#define TCP_SACK_MAX   4u  /* blocks that fit; 3 beside timestamps */
#define TCP_WSCALE_MAX 14u /* RFC 7323, 2.3 */
#define TCP_OPT_TS_LEN 12u /* timestamps as they are padded on the wire */

/* tcp_segment.flags: the header's bits. */
#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_URG 0x20u
#define TCP_ECE 0x40u
#define TCP_CWR 0x80u
#define TCP_AE  0x100u

/* tcp_segment.opts: which options there are. */
#define TCP_HAS_MSS    1u
#define TCP_HAS_WSCALE 2u
#define TCP_HAS_SACKOK 4u
#define TCP_HAS_TS     8u
#define TCP_HAS_SACK   16u /* nr_sack > 0 */

/* tcp_segment.ip: what the IP header says, or is to say. */
#define TCP_IP_CE  1u /* in: congestion was experienced */
#define TCP_IP_ECT 2u /* in: the sender can ECN. out: mark it ECT(0) */

/* Sequence numbers [start, end). */
struct tcp_range {
	uint32_t start, end;
};

struct tcp_segment {
	uint32_t seq, ack;
	uint32_t len; /* payload bytes */
	uint16_t wnd; /* as in the header: not scaled */
	uint16_t urgent;
	uint16_t flags; /* TCP_FIN ... */
	uint16_t
		gso_size; /* payload bytes of each piece, where several travel (or came) as one; 0: it is one */
	uint16_t src_port, dst_port; /* network byte order */
	uint8_t header_len;          /* in: bytes, options included */
	uint8_t opts;                /* TCP_HAS_*: those of the fields below that count */
	uint8_t ip;                  /* TCP_IP_* */
	uint8_t wscale;
	uint16_t mss;
	uint8_t nr_sack;
	uint32_t tsval, tsecr;
	struct tcp_range sack[TCP_SACK_MAX];
};

/*
 * Decodes the header at the start of n bytes that hold the whole segment; len becomes what follows the header.
 * Options of a wrong length are ignored; an option list that runs over its end is cut there. Of an option that comes
 * twice the last counts; WSCALE above 14 is 14. The checksum is the caller's business; ip and gso_size become 0.
 * false: shorter than its header claims, or the claim is below 20 bytes.
 */
bool tcp_decode(const uint8_t *bytes, size_t n, struct tcp_segment *out);

/*
 * Writes header and options to at (TCP_HEADER_MAX bytes of room), checksum 0. Returns the header's length, a multiple
 * of 4. SACK blocks that do not fit are left out.
 */
uint32_t tcp_encode(const struct tcp_segment *s, uint8_t *at);

/* The length that tcp_encode() will return. */
uint32_t tcp_header_length(const struct tcp_segment *s);

/* Ports of a header that lies in n bytes (an ICMP error quotes 8): false: fewer than 8. seq is at bytes 4 to 7. */
bool tcp_decode_quoted(
	const uint8_t *bytes, size_t n, uint16_t *src_port, uint16_t *dst_port, uint32_t *seq);

#endif
