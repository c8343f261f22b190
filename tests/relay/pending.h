/* SPDX-License-Identifier: MIT */
/* Frames under way: what is due first comes out first, and of what is due at once, what went in first. */
#ifndef TESTS_RELAY_PENDING_H
#define TESTS_RELAY_PENDING_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 2048u

struct frame {
	uint64_t at, order; /* ns; when it was put in */
	uint32_t to, len;   /* the end that it goes to */
	uint8_t bytes[FRAME_MAX];
};

/* A binary heap; zeroed, it is empty. */
struct pending {
	struct frame **heap;
	size_t count, room;
	uint64_t order;
};

/* Takes a copy of the bytes. Ends the program when memory runs out. */
void pending_add(struct pending *p, uint64_t at, uint32_t to, const uint8_t *bytes, uint32_t len);
/* NULL: none. */
const struct frame *pending_first(const struct pending *p);
void pending_drop_first(struct pending *p);

#endif
