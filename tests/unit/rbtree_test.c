/* SPDX-License-Identifier: MIT */
/* Red-black trees: order, balance and summaries after every one of many random changes. */
#include "base/rbtree.h"
#include "tests/unit/test.h"

enum { KEYS = 300 };

struct item {
	struct rb_node node;
	uint32_t key, weight, heaviest;
	bool in;
};

static struct item items[KEYS];

static struct item *
item_of(struct rb_node *n)
{
	return n != NULL ? rb_entry(n, struct item, node) : NULL;
}

static bool
augment(struct rb_node *n)
{
	struct item *i = item_of(n);
	uint32_t h = i->weight;
	if (n->left != NULL)
		h = max(h, item_of(n->left)->heaviest);
	if (n->right != NULL)
		h = max(h, item_of(n->right)->heaviest);
	bool changed = h != i->heaviest;
	i->heaviest = h;
	return changed;
}

static void
insert(struct rb_root *root, struct item *i)
{
	struct rb_node **link = &root->node, *parent = NULL;
	while (*link != NULL) {
		parent = *link;
		link = i->key < item_of(parent)->key ? &parent->left : &parent->right;
	}
	rb_link(&i->node, parent, link);
	rb_insert(root, &i->node, augment);
	i->in = true;
}

/* Checks the subtree and returns its black height. */
static int
check(struct rb_node *n, struct rb_node *parent, bool parent_red)
{
	if (n == NULL)
		return 1;
	bool red = (n->parent_color & 1) == 0;
	struct item *i = item_of(n);
	CHECK(rb_parent(n) == parent);
	CHECK(!(red && parent_red));
	CHECK(n->left == NULL || item_of(n->left)->key < i->key);
	CHECK(n->right == NULL || item_of(n->right)->key > i->key);
	uint32_t h = i->heaviest;
	CHECK(!augment(n) && i->heaviest == h);
	int left = check(n->left, n, red), right = check(n->right, n, red);
	CHECK_EQ(left, right);
	return left + !red;
}

TEST(rbtree_stays_ordered_balanced_and_summarised)
{
	struct rb_root root = {NULL};
	uint32_t seed = 3;
	for (uint32_t i = 0; i < KEYS; i++)
		items[i] = (struct item){.key = i};
	for (int step = 0; step < 20000; step++) {
		seed = seed * 1664525 + 1013904223;
		struct item *i = &items[(seed >> 8) % KEYS];
		if (i->in && (seed & 3) == 0) {
			i->weight = seed >> 4;
			rb_propagate(&i->node, augment);
		} else if (i->in) {
			rb_erase(&root, &i->node, augment);
			i->in = false;
		} else {
			i->weight = i->heaviest = seed >> 4;
			insert(&root, i);
		}
		CHECK(root.node == NULL || (root.node->parent_color & 1) != 0);
		check(root.node, NULL, true);
	}
	struct rb_node *n = rb_first(&root);
	for (uint32_t i = 0; i < KEYS; i++) {
		if (!items[i].in)
			continue;
		CHECK(n == &items[i].node);
		n = rb_next(n);
	}
	CHECK(n == NULL);
	n = rb_last(&root);
	for (uint32_t i = KEYS; i-- > 0;) {
		if (!items[i].in)
			continue;
		CHECK(n == &items[i].node);
		n = rb_prev(n);
	}
	CHECK(n == NULL);
}
