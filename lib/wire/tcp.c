/* SPDX-License-Identifier: MIT */
/* See lib/wire/tcp.h. */
#include "lib/wire/tcp.h"

#include <string.h>

#include "base/macros.h"
#include "base/reader.h"

enum {
	KIND_END = 0,
	KIND_NOP = 1,
	KIND_MSS = 2,
	KIND_WSCALE = 3,
	KIND_SACKOK = 4,
	KIND_SACK = 5,
	KIND_TS = 8,
};

#define TS_PADDED \
	0x0101080au /* NOP NOP TS 10: how everybody sends it, and alone in most segments */

static void
decode_sack(const uint8_t *value, size_t n, struct tcp_segment *s)
{
	if (n == 0 || n % 8 != 0)
		return;
	s->nr_sack = (uint8_t)min(n / 8, (size_t)TCP_SACK_MAX);
	for (unsigned i = 0; i < s->nr_sack; i++) {
		s->sack[i].start = load_be32(value + 8 * i);
		s->sack[i].end = load_be32(value + 8 * i + 4);
	}
	s->opts |= TCP_HAS_SACK;
}

/* value: n bytes after kind and length. */
static void
decode_option(uint8_t kind, const uint8_t *value, size_t n, struct tcp_segment *s)
{
	if (kind == KIND_MSS && n == 2) {
		s->mss = load_be16(value);
		s->opts |= TCP_HAS_MSS;
	} else if (kind == KIND_WSCALE && n == 1) {
		s->wscale = (uint8_t)min(*value, (uint8_t)TCP_WSCALE_MAX);
		s->opts |= TCP_HAS_WSCALE;
	} else if (kind == KIND_SACKOK && n == 0) {
		s->opts |= TCP_HAS_SACKOK;
	} else if (kind == KIND_SACK) {
		decode_sack(value, n, s);
	} else if (kind == KIND_TS && n == 8) {
		s->tsval = load_be32(value);
		s->tsecr = load_be32(value + 4);
		s->opts |= TCP_HAS_TS;
	}
}

static void
decode_options(const uint8_t *at, size_t n, struct tcp_segment *s)
{
	struct reader r = reader_on(at, n);
	while (r.left > 0) {
		uint8_t kind = reader_u8(&r);
		if (kind == KIND_END)
			return;
		if (kind == KIND_NOP)
			continue;
		uint8_t length = reader_u8(&r);
		const uint8_t *value = length < 2 ? NULL : reader_take(&r, length - 2u);
		if (value == NULL)
			return;
		decode_option(kind, value, length - 2u, s);
	}
}

bool
tcp_decode(const uint8_t *bytes, size_t n, struct tcp_segment *out)
{
	out->opts = out->nr_sack = 0;
	out->header_len = 0;
	if (n < TCP_HEADER_MIN)
		return false;
	uint32_t header_len = (bytes[12] >> 4) * 4u;
	if (header_len < TCP_HEADER_MIN || header_len > n)
		return false;
	memcpy(&out->src_port, bytes, 2);
	memcpy(&out->dst_port, bytes + 2, 2);
	out->seq = load_be32(bytes + 4);
	out->ack = load_be32(bytes + 8);
	out->flags = (uint16_t)(bytes[13] | (bytes[12] & 1) << 8);
	out->wnd = load_be16(bytes + 14);
	out->urgent = load_be16(bytes + 18);
	out->header_len = (uint8_t)header_len;
	out->len = (uint32_t)(n - header_len);
	out->gso_size = 0;
	out->ip = 0;
	if (header_len == TCP_HEADER_MIN + TCP_OPT_TS_LEN && load_be32(bytes + 20) == TS_PADDED) {
		out->tsval = load_be32(bytes + 24);
		out->tsecr = load_be32(bytes + 28);
		out->opts = TCP_HAS_TS;
	} else if (header_len > TCP_HEADER_MIN) {
		decode_options(bytes + TCP_HEADER_MIN, header_len - TCP_HEADER_MIN, out);
	}
	return true;
}

static uint8_t *
store_be16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static uint8_t *
store_be32(uint8_t *at, uint32_t v)
{
	return store_be16(store_be16(at, v >> 16), v);
}

/* Blocks that fit beside the other options. */
static uint32_t
sack_blocks(const struct tcp_segment *s, uint32_t used)
{
	if (!(s->opts & TCP_HAS_SACK) || s->nr_sack == 0)
		return 0;
	uint32_t room = TCP_HEADER_MAX - TCP_HEADER_MIN - used;
	uint32_t wanted = s->nr_sack < TCP_SACK_MAX ? s->nr_sack : TCP_SACK_MAX;
	return room < 12 ? 0 : min(wanted, (room - 4) / 8);
}

static uint32_t
fixed_options(const struct tcp_segment *s)
{
	uint32_t n = 0;
	if (s->opts & TCP_HAS_MSS)
		n += 4;
	if (s->opts & TCP_HAS_WSCALE)
		n += 4;
	if (s->opts & TCP_HAS_TS)
		n += TCP_OPT_TS_LEN;
	else if (s->opts & TCP_HAS_SACKOK)
		n += 4;
	return n;
}

uint32_t
tcp_header_length(const struct tcp_segment *s)
{
	uint32_t n = fixed_options(s);
	uint32_t blocks = sack_blocks(s, n);
	return TCP_HEADER_MIN + n + (blocks > 0 ? 4 + 8 * blocks : 0);
}

static uint8_t *
encode_options(const struct tcp_segment *s, uint8_t *at)
{
	if (s->opts & TCP_HAS_MSS)
		at = store_be32(at, KIND_MSS << 24 | 4 << 16 | s->mss);
	if (s->opts & TCP_HAS_TS) {
		/* SACK-permitted takes the place of the two bytes of padding. */
		uint32_t pad =
			s->opts & TCP_HAS_SACKOK ? KIND_SACKOK << 8 | 2 : KIND_NOP << 8 | KIND_NOP;
		at = store_be32(at, pad << 16 | KIND_TS << 8 | 10);
		at = store_be32(at, s->tsval);
		at = store_be32(at, s->tsecr);
	} else if (s->opts & TCP_HAS_SACKOK) {
		at = store_be32(at, KIND_NOP << 24 | KIND_NOP << 16 | KIND_SACKOK << 8 | 2);
	}
	if (s->opts & TCP_HAS_WSCALE)
		at = store_be32(at, KIND_NOP << 24 | KIND_WSCALE << 16 | 3 << 8 | s->wscale);
	uint32_t blocks = sack_blocks(s, fixed_options(s));
	if (blocks > 0) {
		uint32_t length = 2 + 8 * blocks;
		at = store_be32(at, KIND_NOP << 24 | KIND_NOP << 16 | KIND_SACK << 8 | length);
		for (uint32_t i = 0; i < blocks; i++) {
			at = store_be32(at, s->sack[i].start);
			at = store_be32(at, s->sack[i].end);
		}
	}
	return at;
}

uint32_t
tcp_encode(const struct tcp_segment *s, uint8_t *at)
{
	memcpy(at, &s->src_port, 2);
	memcpy(at + 2, &s->dst_port, 2);
	store_be32(at + 4, s->seq);
	store_be32(at + 8, s->ack);
	store_be32(store_be16(at + 14, s->wnd), s->urgent); /* checksum 0, then the pointer */
	uint8_t *end = s->opts ? encode_options(s, at + TCP_HEADER_MIN) : at + TCP_HEADER_MIN;
	uint32_t n = (uint32_t)(end - at);
	store_be16(at + 12, n / 4 << 12 | (s->flags & 0x1ffu));
	return n;
}

bool
tcp_decode_quoted(
	const uint8_t *bytes, size_t n, uint16_t *src_port, uint16_t *dst_port, uint32_t *seq)
{
	*src_port = *dst_port = 0;
	*seq = 0;
	if (n < 8)
		return false;
	memcpy(src_port, bytes, 2);
	memcpy(dst_port, bytes + 2, 2);
	*seq = load_be32(bytes + 4);
	return true;
}
