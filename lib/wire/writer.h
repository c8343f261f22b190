/* SPDX-License-Identifier: MIT */
/*
 * Writing numbers into bytes, most significant first: the counterpart of base/reader.h. A writer that was given more than
 * there is room for stays failed and writes nothing more, so that an encoder may check once, at its end.
 */
#ifndef WIRE_WRITER_H
#define WIRE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
	uint8_t *bytes;
	size_t used, size;
	bool failed;
};

static inline struct writer
writer_on(void *bytes, size_t size)
{
	return (struct writer){.bytes = bytes, .size = size};
}

/* Room for n bytes, and steps over it; NULL, and the writer has failed, if there is less. */
static inline uint8_t *
writer_take(struct writer *w, size_t n)
{
	if (w->failed || n > w->size - w->used) {
		w->failed = true;
		return NULL;
	}
	uint8_t *at = w->bytes + w->used;
	w->used += n;
	return at;
}

static inline void
writer_bytes(struct writer *w, const void *from, size_t n)
{
	uint8_t *at = writer_take(w, n);
	if (at != NULL && n != 0)
		memcpy(at, from, n);
}

static inline void
writer_zero(struct writer *w, size_t n)
{
	uint8_t *at = writer_take(w, n);
	if (at != NULL && n != 0)
		memset(at, 0, n);
}

static inline void
writer_u8(struct writer *w, uint8_t v)
{
	writer_bytes(w, &v, 1);
}

static inline void
writer_be16(struct writer *w, uint16_t v)
{
	uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
	writer_bytes(w, b, sizeof(b));
}

static inline void
writer_be32(struct writer *w, uint32_t v)
{
	writer_be16(w, (uint16_t)(v >> 16));
	writer_be16(w, (uint16_t)v);
}

#endif
