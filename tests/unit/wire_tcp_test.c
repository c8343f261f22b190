/* SPDX-License-Identifier: MIT */
/* The TCP header and its options: vectors, and every header that was encoded is decoded to the same. */
#include "lib/wire/tcp.h"

#include <stdlib.h>
#include <string.h>
#include "base/macros.h"
#include "tests/unit/test.h"

/* A SYN as Linux sends it: MSS 1460, SACK permitted, timestamps, window scale 7. */
static const uint8_t syn[] = {0xa4, 0x8e, 0x00, 0x50, 0x4b, 0x4c, 0x8a, 0x31, 0x00, 0x00, 0x00,
	0x00, 0xa0, 0x02, 0xfa, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02,
	0x08, 0x0a, 0x5d, 0x11, 0x22, 0x33, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07};

TEST(wire_tcp_decodes_a_syn)
{
	struct tcp_segment s;
	CHECK(tcp_decode(syn, sizeof(syn), &s));
	CHECK_EQ(s.src_port, 0x8ea4);
	CHECK_EQ(s.dst_port, 0x5000);
	CHECK_EQ(s.seq, 0x4b4c8a31);
	CHECK_EQ(s.ack, 0);
	CHECK_EQ(s.flags, TCP_SYN);
	CHECK_EQ(s.wnd, 0xfaf0);
	CHECK_EQ(s.len, 0);
	CHECK_EQ(s.header_len, 40);
	CHECK_EQ(s.opts, TCP_HAS_MSS | TCP_HAS_SACKOK | TCP_HAS_TS | TCP_HAS_WSCALE);
	CHECK_EQ(s.mss, 1460);
	CHECK_EQ(s.wscale, 7);
	CHECK_EQ(s.tsval, 0x5d112233);
	CHECK_EQ(s.tsecr, 0);
	uint8_t again[TCP_HEADER_MAX];
	CHECK_EQ(tcp_header_length(&s), sizeof(syn));
	CHECK_EQ(tcp_encode(&s, again), sizeof(syn));
	CHECK_MEM(again, syn, sizeof(syn));
}

TEST(wire_tcp_refuses_what_is_cut_short)
{
	struct tcp_segment s;
	for (size_t n = 0; n < sizeof(syn); n++)
		CHECK(!tcp_decode(syn, n, &s));
	uint8_t bad[sizeof(syn)];
	memcpy(bad, syn, sizeof(syn));
	bad[12] = 0x40; /* a header of 16 bytes */
	CHECK(!tcp_decode(bad, sizeof(bad), &s));
	bad[12] = 0x50;
	CHECK(tcp_decode(bad, sizeof(bad), &s));
	CHECK_EQ(s.len, 20);
	CHECK_EQ(s.opts, 0);
}

/* Decodes 20 bytes of options. */
static struct tcp_segment
options(const uint8_t *bytes, size_t n)
{
	uint8_t header[TCP_HEADER_MAX] = {0};
	struct tcp_segment s;
	memcpy(header + 20, bytes, n);
	header[12] = (uint8_t)((20 + round_up(n, 4)) / 4 << 4);
	CHECK(tcp_decode(header, 20 + round_up(n, 4), &s));
	return s;
}

TEST(wire_tcp_ignores_options_of_a_wrong_length)
{
	struct tcp_segment s = options((uint8_t[]){2, 3, 9, 3, 4, 7, 7, 4, 3, 0, 8, 4, 1, 1}, 14);
	CHECK_EQ(s.opts, 0);
	/* Lengths 0 and 1 end the list: what follows has no beginning. */
	CHECK_EQ(options((uint8_t[]){9, 0, 2, 4, 5, 0xb4}, 6).opts, 0);
	CHECK_EQ(options((uint8_t[]){9, 1, 2, 4, 5, 0xb4}, 6).opts, 0);
	/* An unknown one is stepped over; one that leaves the header is cut. */
	CHECK_EQ(options((uint8_t[]){9, 4, 2, 4, 2, 4, 5, 0xb4}, 8).opts, TCP_HAS_MSS);
	CHECK_EQ(options((uint8_t[]){1, 1, 1, 8, 10, 1, 2, 3}, 8).opts, 0);
	CHECK_EQ(options((uint8_t[]){1, 1, 1, 8}, 4).opts, 0);
	/* After the end mark nothing counts. */
	CHECK_EQ(options((uint8_t[]){0, 2, 4, 5, 0xb4}, 5).opts, 0);
	CHECK_EQ(options((uint8_t[]){3, 3, 200}, 3).wscale, 14);
	/* SACK: whole blocks only. */
	CHECK_EQ(options((uint8_t[]){5, 9, 0, 0, 0, 1, 0, 0, 0}, 9).nr_sack, 0);
	CHECK_EQ(options((uint8_t[]){5, 2}, 2).opts, 0);
}

TEST(wire_tcp_keeps_the_blocks_that_fit)
{
	struct tcp_segment s = {.flags = TCP_ACK, .opts = TCP_HAS_SACK | TCP_HAS_TS, .nr_sack = 4},
			   d;
	uint8_t at[TCP_HEADER_MAX];
	for (uint32_t i = 0; i < 4; i++)
		s.sack[i] = (struct tcp_range){100 * i, 100 * i + 50};
	CHECK_EQ(tcp_encode(&s, at), 60);
	CHECK(tcp_decode(at, 60, &d));
	CHECK_EQ(d.nr_sack, 3);
	s.opts = TCP_HAS_SACK;
	CHECK_EQ(tcp_encode(&s, at), 56);
	CHECK(tcp_decode(at, 56, &d));
	CHECK_EQ(d.nr_sack, 4);
	CHECK_EQ(d.sack[3].end, 350);
}

TEST(wire_tcp_decodes_what_it_encodes)
{
	uint32_t seed = 1;
	for (int i = 0; i < 20000; i++) {
		struct tcp_segment s = {0}, d;
		uint8_t at[TCP_HEADER_MAX];
		uint32_t r[8];
		for (int k = 0; k < 8; k++)
			r[k] = seed = seed * 1664525 + 1013904223;
		s.seq = r[0], s.ack = r[1], s.wnd = (uint16_t)(r[2] >> 8),
		s.flags = (r[3] >> 9) & 0x1ff;
		s.opts =
			(r[4] >> 13) & (TCP_HAS_MSS | TCP_HAS_WSCALE | TCP_HAS_SACKOK | TCP_HAS_TS);
		s.mss = (uint16_t)(r[5] >> 11), s.wscale = (r[6] >> 20) % 15, s.tsval = r[7];
		s.urgent = (uint16_t)(r[6] >> 8);
		uint32_t n = tcp_encode(&s, at);
		CHECK_EQ(n, tcp_header_length(&s));
		CHECK(tcp_decode(at, n, &d));
		CHECK(d.seq == s.seq && d.ack == s.ack && d.wnd == s.wnd && d.flags == s.flags);
		CHECK(d.opts == s.opts && d.urgent == s.urgent);
		CHECK(!(s.opts & TCP_HAS_MSS) || d.mss == s.mss);
		CHECK(!(s.opts & TCP_HAS_WSCALE) || d.wscale == s.wscale);
		CHECK(!(s.opts & TCP_HAS_TS) || d.tsval == s.tsval);
	}
}

TEST(wire_tcp_reads_what_an_error_quotes)
{
	uint16_t src, dst;
	uint32_t seq;
	CHECK(!tcp_decode_quoted(syn, 7, &src, &dst, &seq));
	CHECK(tcp_decode_quoted(syn, 8, &src, &dst, &seq));
	CHECK(src == 0x8ea4 && dst == 0x5000 && seq == 0x4b4c8a31);
}
