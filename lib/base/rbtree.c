/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees, after Cormen, Leiserson, Rivest, Stein, "Introduction to Algorithms", chapter 13.
 */
#include "base/rbtree.h"

#define RB_BLACK ((uintptr_t)1)

static bool
is_red(const struct rb_node *n)
{
	return n != NULL && (n->parent_color & RB_BLACK) == 0;
}

static void
set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->parent_color = (uintptr_t)parent | (n->parent_color & RB_BLACK);
}

static void
set_black(struct rb_node *n)
{
	n->parent_color |= RB_BLACK;
}

static void
set_red(struct rb_node *n)
{
	n->parent_color &= ~RB_BLACK;
}

static void
copy_color(struct rb_node *n, const struct rb_node *from)
{
	n->parent_color = (n->parent_color & ~RB_BLACK) | (from->parent_color & RB_BLACK);
}

/* Makes the link that pointed to old (from parent, or the root) point to n. */
static void
replace_child(struct rb_root *root, struct rb_node *parent, struct rb_node *old, struct rb_node *n)
{
	if (parent == NULL)
		root->node = n;
	else if (parent->left == old)
		parent->left = n;
	else
		parent->right = n;
}

static void
rotate(struct rb_root *root, struct rb_node *n, bool left, rb_augment_fn *augment)
{
	struct rb_node *up = left ? n->right : n->left;
	struct rb_node *inner = left ? up->left : up->right;
	struct rb_node *parent = rb_parent(n);

	if (left) {
		n->right = inner;
		up->left = n;
	} else {
		n->left = inner;
		up->right = n;
	}
	if (inner != NULL)
		set_parent(inner, n);
	set_parent(up, parent);
	set_parent(n, up);
	replace_child(root, parent, n, up);
	if (augment != NULL) {
		augment(n);
		augment(up);
	}
}

void
rb_propagate(struct rb_node *n, rb_augment_fn *augment)
{
	while (n != NULL && augment(n))
		n = rb_parent(n);
}

/* Recomputes every summary from n to the root, changed or not: rotations may have disturbed any of them. */
static void
augment_path(struct rb_node *n, rb_augment_fn *augment)
{
	for (; n != NULL; n = rb_parent(n))
		augment(n);
}

void
rb_insert(struct rb_root *root, struct rb_node *n, rb_augment_fn *augment)
{
	if (augment != NULL)
		augment_path(n, augment);
	struct rb_node *parent;
	while ((parent = rb_parent(n)) != NULL && is_red(parent)) {
		struct rb_node *grand = rb_parent(parent); /* a red parent is never the root */
		bool parent_left = grand->left == parent;
		struct rb_node *uncle = parent_left ? grand->right : grand->left;
		if (is_red(uncle)) {
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			n = grand;
			continue;
		}
		if (n == (parent_left ? parent->right : parent->left)) {
			rotate(root, parent, parent_left, augment);
			n = parent;
			parent = rb_parent(n);
		}
		set_black(parent);
		set_red(grand);
		rotate(root, grand, !parent_left, augment);
	}
	set_black(root->node);
}

/* Restores the black height below parent, whose child n (maybe NULL) is one black node short. */
static void
erase_fixup(struct rb_root *root, struct rb_node *n, struct rb_node *parent, rb_augment_fn *augment)
{
	while (n != root->node && !is_red(n)) {
		bool left = parent->left == n;
		struct rb_node *sibling = left ? parent->right : parent->left;
		if (is_red(sibling)) {
			set_black(sibling);
			set_red(parent);
			rotate(root, parent, left, augment);
			sibling = left ? parent->right : parent->left;
		}
		/* It exists: what lies below it has a black node more than the short side. */
		// NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
		struct rb_node *near = left ? sibling->left : sibling->right;
		struct rb_node *far = left ? sibling->right : sibling->left;
		if (!is_red(near) && !is_red(far)) {
			set_red(sibling);
			n = parent;
			parent = rb_parent(n);
			continue;
		}
		if (!is_red(far)) {
			set_black(near);
			set_red(sibling);
			rotate(root, sibling, !left, augment);
			sibling = left ? parent->right : parent->left;
			far = left ? sibling->right : sibling->left;
		}
		copy_color(sibling, parent);
		set_black(parent);
		set_black(far);
		rotate(root, parent, left, augment);
		n = root->node;
		break;
	}
	if (n != NULL)
		set_black(n);
}

void
rb_erase(struct rb_root *root, struct rb_node *n, rb_augment_fn *augment)
{
	struct rb_node *child, *parent;
	bool removed_black;

	if (n->left != NULL && n->right != NULL) {
		struct rb_node *next = n->right;
		while (next->left != NULL)
			next = next->left;
		child = next->right;
		removed_black = !is_red(next);
		parent = rb_parent(next);
		if (parent == n) {
			parent = next;
		} else {
			parent->left = child;
			if (child != NULL)
				set_parent(child, parent);
			next->right = n->right;
			set_parent(n->right, next);
		}
		replace_child(root, rb_parent(n), n, next);
		next->parent_color = n->parent_color;
		next->left = n->left;
		set_parent(n->left, next);
	} else {
		child = n->left != NULL ? n->left : n->right;
		parent = rb_parent(n);
		removed_black = !is_red(n);
		replace_child(root, parent, n, child);
		if (child != NULL)
			set_parent(child, parent);
	}
	if (augment != NULL)
		augment_path(parent, augment);
	if (removed_black)
		erase_fixup(root, child, parent, augment);
}

struct rb_node *
rb_first(const struct rb_root *root)
{
	struct rb_node *n = root->node;
	while (n != NULL && n->left != NULL)
		n = n->left;
	return n;
}

struct rb_node *
rb_last(const struct rb_root *root)
{
	struct rb_node *n = root->node;
	while (n != NULL && n->right != NULL)
		n = n->right;
	return n;
}

struct rb_node *
rb_next(const struct rb_node *n)
{
	if (n->right != NULL) {
		struct rb_node *next = n->right;
		while (next->left != NULL)
			next = next->left;
		return next;
	}
	struct rb_node *parent = rb_parent(n);
	while (parent != NULL && n == parent->right) {
		n = parent;
		parent = rb_parent(n);
	}
	return parent;
}

struct rb_node *
rb_prev(const struct rb_node *n)
{
	if (n->left != NULL) {
		struct rb_node *prev = n->left;
		while (prev->right != NULL)
			prev = prev->right;
		return prev;
	}
	struct rb_node *parent = rb_parent(n);
	while (parent != NULL && n == parent->left) {
		n = parent;
		parent = rb_parent(n);
	}
	return parent;
}
