/* SPDX-License-Identifier: MIT */
/*
 * A map from 64-bit indices to pointers, for dense and sparse sets alike: a tree of 64-way nodes, as high as the
 * largest index needs; a lone entry at index 0 needs no node.
 * No locking: the owner says which lock guards it. Nodes come from the caller's allocator, which is called under
 * that lock; a failed insertion changes nothing.
 */
#ifndef BASE_RADIX_H
#define BASE_RADIX_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define RADIX_BITS   6u
#define RADIX_SLOTS  (1u << RADIX_BITS)
#define RADIX_LEVELS 11u /* 64 bits of index */

struct radix_node {
	uint32_t used; /* slots that are not NULL */
	void *slots[RADIX_SLOTS];
};

struct radix {
	void *root;      /* height 0: the item at index 0; else a node */
	uint32_t height; /* covers indices below 64^height */
};

/* alloc returns a zeroed node or NULL. */
struct radix_memory {
	struct radix_node *(*alloc)(void *ctx);
	void (*free)(void *ctx, struct radix_node *node);
	void *ctx;
};

static inline void
radix_init(struct radix *r)
{
	*r = (struct radix){0};
}

static inline int
radix_empty(const struct radix *r)
{
	return r->root == NULL;
}

/* Whether a tree of that height has a place for index. */
static inline int
radix_covers(uint32_t height, uint64_t index)
{
	return height >= RADIX_LEVELS || (index >> (height * RADIX_BITS)) == 0;
}

/* The item at index, or NULL. */
static inline void *
radix_lookup(const struct radix *r, uint64_t index)
{
	if (!radix_covers(r->height, index))
		return NULL;
	void *at = r->root;
	for (uint32_t shift = r->height * RADIX_BITS; shift != 0 && at != NULL;) {
		shift -= RADIX_BITS;
		at = ((struct radix_node *)at)->slots[(index >> shift) % RADIX_SLOTS];
	}
	return at;
}

/*
 * The slots of the lowest node on the way to index, of which slot index % RADIX_SLOTS is index's: for look-ups of
 * neighbours. NULL: there is no such node (but radix_lookup() may find a lone item at index 0).
 */
static inline void **
radix_leaf(const struct radix *r, uint64_t index)
{
	if (r->height == 0 || !radix_covers(r->height, index))
		return NULL;
	struct radix_node *at = r->root;
	for (uint32_t shift = (r->height - 1) * RADIX_BITS; shift != 0 && at != NULL;
		shift -= RADIX_BITS)
		at = at->slots[(index >> shift) % RADIX_SLOTS];
	return at != NULL ? at->slots : NULL;
}

/* Puts item (not NULL) at index. 0, -EEXIST if there is one, -ENOMEM. */
int radix_insert(struct radix *r, uint64_t index, void *item, const struct radix_memory *mem);
/* Replaces the item at index, which exists, and returns the former one; NULL (and no change) if there is none. */
void *radix_replace(struct radix *r, uint64_t index, void *item);
/* Removes and returns the item at index; NULL if there is none. Frees nodes that become empty. */
void *radix_remove(struct radix *r, uint64_t index, const struct radix_memory *mem);
/* The first item at or after *index, and its index in *index; NULL (and *index unchanged) if there is none. */
void *radix_next(const struct radix *r, uint64_t *index);

#endif
