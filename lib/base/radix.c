/* SPDX-License-Identifier: MIT */
#include "base/radix.h"

#include <errno.h>

static uint32_t
slot_of(uint64_t index, uint32_t level)
{
	return (uint32_t)(index >> (level * RADIX_BITS)) % RADIX_SLOTS;
}

/* Makes the tree one level higher: the old root becomes slot 0 of a new one. */
static int
grow(struct radix *r, const struct radix_memory *mem)
{
	if (r->root != NULL) {
		struct radix_node *n = mem->alloc(mem->ctx);
		if (n == NULL)
			return -ENOMEM;
		n->slots[0] = r->root;
		n->used = 1;
		r->root = n;
	}
	r->height++;
	return 0;
}

/* Drops roots that only lead to their slot 0, so that a small tree is a low one. */
static void
shrink(struct radix *r, const struct radix_memory *mem)
{
	while (r->height > 0) {
		struct radix_node *n = r->root;
		if (n != NULL && (n->used != 1 || n->slots[0] == NULL))
			return;
		r->root = NULL;
		r->height = n != NULL ? r->height - 1 : 0;
		if (n != NULL) {
			r->root = n->slots[0];
			mem->free(mem->ctx, n);
		}
	}
}

/* Frees empty nodes from level upwards. path[i] is the node at level i on the way to index. */
static void
prune(struct radix *r, uint64_t index, struct radix_node **path, uint32_t level,
	const struct radix_memory *mem)
{
	for (; level < r->height && path[level]->used == 0; level++) {
		mem->free(mem->ctx, path[level]);
		if (level + 1 == r->height) {
			r->root = NULL;
			break;
		}
		path[level + 1]->slots[slot_of(index, level + 1)] = NULL;
		path[level + 1]->used--;
	}
	shrink(r, mem);
}

int
radix_insert(struct radix *r, uint64_t index, void *item, const struct radix_memory *mem)
{
	struct radix_node *path[RADIX_LEVELS], *parent = NULL;
	while (!radix_covers(r->height, index)) {
		if (grow(r, mem) != 0) {
			shrink(r, mem);
			return -ENOMEM;
		}
	}
	void **slot = &r->root;
	uint32_t level = r->height;
	while (level > 0) {
		if (*slot == NULL) {
			*slot = mem->alloc(mem->ctx);
			if (*slot == NULL) {
				prune(r, index, path, level, mem);
				return -ENOMEM;
			}
			if (parent != NULL)
				parent->used++;
		}
		parent = path[--level] = *slot;
		slot = &parent->slots[slot_of(index, level)];
	}
	if (*slot != NULL)
		return -EEXIST;
	*slot = item;
	if (parent != NULL)
		parent->used++;
	return 0;
}

/* The slot of index if it holds an item, else NULL. path may be NULL. */
static void **
find(struct radix *r, uint64_t index, struct radix_node **path)
{
	if (!radix_covers(r->height, index))
		return NULL;
	void **slot = &r->root;
	for (uint32_t level = r->height; level > 0 && *slot != NULL;) {
		struct radix_node *n = *slot;
		level--;
		if (path != NULL)
			path[level] = n;
		slot = &n->slots[slot_of(index, level)];
	}
	return *slot != NULL ? slot : NULL;
}

void *
radix_replace(struct radix *r, uint64_t index, void *item)
{
	void **slot = find(r, index, NULL);
	if (slot == NULL)
		return NULL;
	void *old = *slot;
	*slot = item;
	return old;
}

void *
radix_remove(struct radix *r, uint64_t index, const struct radix_memory *mem)
{
	struct radix_node *path[RADIX_LEVELS];
	void **slot = find(r, index, path);
	if (slot == NULL)
		return NULL;
	void *item = *slot;
	*slot = NULL;
	if (r->height > 0)
		path[0]->used--;
	prune(r, index, path, 0, mem);
	return item;
}

/*
 * Looks for the first item at or after *at. Returns it; or NULL with *at at the first index past a node that has
 * none (0: past all indices).
 */
static void *
next_from(const struct radix *r, uint64_t *at)
{
	void *item = r->root;
	for (uint32_t level = r->height; level > 0;) {
		struct radix_node *n = item;
		uint32_t shift = --level * RADIX_BITS;
		uint32_t first = slot_of(*at, level), s = first;
		while (s < RADIX_SLOTS && n->slots[s] == NULL)
			s++;
		if (s != first)
			*at = ((*at >> shift) + (s - first)) << shift;
		if (s == RADIX_SLOTS)
			return NULL;
		item = n->slots[s];
	}
	return item;
}

void *
radix_next(const struct radix *r, uint64_t *index)
{
	uint64_t at = *index;
	if (r->root == NULL)
		return NULL;
	while (radix_covers(r->height, at)) {
		void *item = next_from(r, &at);
		if (item != NULL) {
			*index = at;
			return item;
		}
		if (at == 0)
			break;
	}
	return NULL;
}
