/* SPDX-License-Identifier: MIT */
/* Frames out of a fuzzer's input: records of { length (2 bytes), flags, frame }. */
#ifndef FUZZ_FRAMES_H
#define FUZZ_FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 2048u /* lengths are taken modulo this */

struct frame {
	uint8_t *bytes; /* on the heap, without a byte beyond them: free() */
	size_t n;
	uint8_t flags;
};

/* Takes the next frame off the input; false: there is none. */
static inline bool
frame_next(const uint8_t **data, size_t *size, struct frame *f)
{
	if (*size < 3)
		return false;
	const uint8_t *at = *data;
	size_t left = *size - 3, n = (at[0] | (size_t)at[1] << 8) % FRAME_MAX;
	f->flags = at[2];
	f->n = n < left ? n : left;
	f->bytes = malloc(f->n + (f->n == 0));
	if (f->bytes == NULL)
		abort();
	memcpy(f->bytes, at + 3, f->n);
	*data = at + 3 + f->n;
	*size = left - f->n;
	return true;
}

#endif
