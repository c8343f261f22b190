/* SPDX-License-Identifier: MIT */
/*
 * Numbers in bytes: loads of either byte order from any alignment, a store, and a cursor that cannot leave its
 * buffer. A cursor that was asked for more than there is stays failed and gives zeros, so that a decoder may check
 * once, at its end.
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t
load_le16(const void *at)
{
	const uint8_t *p = at;
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline void
store_le16(void *at, uint32_t v)
{
	uint8_t *p = at;
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline uint32_t
load_le32(const void *at)
{
	const uint8_t *p = at;
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t
load_le64(const void *at)
{
	return load_le32(at) | (uint64_t)load_le32((const uint8_t *)at + 4) << 32;
}

static inline uint16_t
load_be16(const void *at)
{
	const uint8_t *p = at;
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
load_be32(const void *at)
{
	const uint8_t *p = at;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
load_be64(const void *at)
{
	return (uint64_t)load_be32(at) << 32 | load_be32((const uint8_t *)at + 4);
}

struct reader {
	const uint8_t *at;
	size_t left;
	bool failed;
};

static inline struct reader
reader_on(const void *bytes, size_t n)
{
	return (struct reader){.at = bytes, .left = n};
}

/* The next n bytes, and steps over them; NULL, and the reader has failed, if there are fewer. */
static inline const uint8_t *
reader_take(struct reader *r, size_t n)
{
	if (r->failed || n > r->left) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->at;
	r->at += n;
	r->left -= n;
	return p;
}

static inline uint8_t
reader_u8(struct reader *r)
{
	const uint8_t *p = reader_take(r, 1);
	return p ? *p : 0;
}

#define READER_NUMBER(bits, order)                                          \
	static inline uint##bits##_t reader_##order##bits(struct reader *r) \
	{                                                                   \
		const uint8_t *p = reader_take(r, bits / 8);                \
		return p ? load_##order##bits(p) : 0;                       \
	}
READER_NUMBER(16, le)
READER_NUMBER(32, le)
READER_NUMBER(64, le)
READER_NUMBER(16, be)
READER_NUMBER(32, be)
READER_NUMBER(64, be)
#undef READER_NUMBER

#endif
