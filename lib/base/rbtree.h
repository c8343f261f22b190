/* SPDX-License-Identifier: MIT */
/*
 * Intrusive red-black trees with optional augmentation. The caller walks the tree itself to find a place, links
 * the node there with rb_link() and rebalances with rb_insert(); comparison is thus inlined where it is used.
 * With an augment callback, a node's summary is recomputed from its children whenever they change; the callback
 * returns false when the node's summary did not change, which ends the walk to the root.
 * No locking: the tree's owner says which lock guards it.
 */
#ifndef BASE_RBTREE_H
#define BASE_RBTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct rb_node {
	uintptr_t parent_color; /* parent's address; bit 0 set: black */
	struct rb_node *left, *right;
};

struct rb_root {
	struct rb_node *node;
};

/* Recomputes n's summary from itself and its children; returns whether it changed. */
typedef bool rb_augment_fn(struct rb_node *n);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)

static inline struct rb_node *
rb_parent(const struct rb_node *n)
{
	return (struct rb_node *)(n->parent_color & ~(uintptr_t)1);
}

/* Hangs n, red and childless, below parent at *link (a null child pointer of parent, or the root's). */
static inline void
rb_link(struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
	n->parent_color = (uintptr_t)parent;
	n->left = n->right = NULL;
	*link = n;
}

/* Rebalances after rb_link(n). augment may be NULL. */
void rb_insert(struct rb_root *root, struct rb_node *n, rb_augment_fn *augment);
/* Removes n. augment may be NULL. */
void rb_erase(struct rb_root *root, struct rb_node *n, rb_augment_fn *augment);
/* Recomputes summaries from n up to the root, after n's own key or span was changed in place. */
void rb_propagate(struct rb_node *n, rb_augment_fn *augment);

struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

#endif
