/* SPDX-License-Identifier: MIT */
/* Radix trees against a plain array, at both ends of the index space, and with an allocator that fails. */
#include <errno.h>
#include <stdlib.h>
#include "base/radix.h"
#include "tests/unit/test.h"

static int nodes;
static int nodes_allowed;

static struct radix_node *
node_alloc(void *ctx)
{
	if (nodes >= nodes_allowed)
		return NULL;
	nodes++;
	return calloc(1, sizeof(struct radix_node));
}

static void
node_free(void *ctx, struct radix_node *n)
{
	for (unsigned i = 0; i < RADIX_SLOTS; i++)
		CHECK(n->slots[i] == NULL ||
			n->used == 1); /* a collapsing root still has its one */
	nodes--;
	free(n);
}

static const struct radix_memory memory = {node_alloc, node_free, NULL};

static void *
item(uint64_t index)
{
	return (void *)(index * 16 + 8);
}

TEST(radix_finds_what_was_inserted)
{
	struct radix r;
	const uint64_t at[] = {0, 1, 63, 64, 4095, 4096, 1ULL << 20, 1ULL << 36, UINT64_MAX / 64,
		1ULL << 60, UINT64_MAX - 1, UINT64_MAX};
	nodes_allowed = 1000;
	radix_init(&r);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		CHECK(radix_lookup(&r, at[i]) == NULL);
		CHECK_EQ(radix_insert(&r, at[i], item(i + 1), &memory), 0);
		CHECK_EQ(radix_insert(&r, at[i], item(99), &memory), -EEXIST);
		for (size_t k = 0; k < ARRAY_SIZE(at); k++)
			CHECK(radix_lookup(&r, at[k]) == (k <= i ? item(k + 1) : NULL));
	}
	uint64_t index = 0;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		CHECK(radix_next(&r, &index) == item(i + 1));
		CHECK_EQ(index, at[i]);
		index++;
	}
	CHECK(radix_replace(&r, 64, item(7)) == item(4));
	CHECK(radix_lookup(&r, 64) == item(7));
	CHECK(radix_replace(&r, 65, item(7)) == NULL);
	CHECK(radix_lookup(&r, 65) == NULL);
	for (size_t i = ARRAY_SIZE(at); i-- > 0;) {
		CHECK(radix_remove(&r, at[i], &memory) == (at[i] == 64 ? item(7) : item(i + 1)));
		CHECK(radix_remove(&r, at[i], &memory) == NULL);
	}
	CHECK(radix_empty(&r));
	CHECK_EQ(nodes, 0);
}

TEST(radix_lone_entry_at_zero_needs_no_node)
{
	struct radix r;
	nodes_allowed = 0;
	radix_init(&r);
	CHECK_EQ(radix_insert(&r, 0, item(1), &memory), 0);
	uint64_t index = 0;
	CHECK(radix_next(&r, &index) == item(1));
	index = 1;
	CHECK(radix_next(&r, &index) == NULL);
	CHECK_EQ(index, 1);
	CHECK(radix_remove(&r, 0, &memory) == item(1));
	CHECK(radix_empty(&r));
}

/* Random operations on a sparse range, compared with an array; every allocation may fail. */
TEST(radix_agrees_with_an_array)
{
	enum { RANGE = 20000 };
	static void *model[RANGE];
	struct radix r;
	uint32_t seed = 7;
	radix_init(&r);
	for (int step = 0; step < 200000; step++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t at = (seed >> 9) % (seed & 0x100 ? RANGE : 200);
		nodes_allowed = seed & 0x80 ? nodes + (int)(seed % 2) : 10000;
		if (model[at] != NULL) {
			CHECK(radix_remove(&r, at, &memory) == model[at]);
			model[at] = NULL;
		} else {
			int had = nodes;
			int err = radix_insert(&r, at, item(at), &memory);
			if (err == 0)
				model[at] = item(at);
			else
				CHECK_EQ(err, -ENOMEM);
			CHECK(err == 0 || nodes == had);
		}
		CHECK(radix_lookup(&r, at) == model[at]);
	}
	uint64_t index = 0;
	for (uint32_t i = 0; i < RANGE; i++) {
		if (model[i] == NULL)
			continue;
		CHECK(radix_next(&r, &index) == model[i]);
		CHECK_EQ(index, i);
		index++;
	}
	CHECK(radix_next(&r, &index) == NULL);
	for (uint32_t i = 0; i < RANGE; i++)
		if (model[i] != NULL)
			CHECK(radix_remove(&r, i, &memory) == model[i]);
	CHECK(radix_empty(&r));
	CHECK_EQ(nodes, 0);
}

TEST(radix_leaf_shows_the_neighbours)
{
	struct radix r;
	nodes_allowed = 1000;
	radix_init(&r);
	CHECK(radix_leaf(&r, 0) == NULL);
	CHECK_EQ(radix_insert(&r, 0, item(1), &memory), 0);
	CHECK(radix_leaf(&r, 0) == NULL && radix_lookup(&r, 0) == item(1));
	CHECK_EQ(radix_insert(&r, 70, item(71), &memory), 0);
	CHECK_EQ(radix_insert(&r, 127, item(128), &memory), 0);
	void **slots = radix_leaf(&r, 64);
	CHECK(slots != NULL && slots == radix_leaf(&r, 127));
	for (uint64_t i = 64; i < 128; i++)
		CHECK(slots[i % RADIX_SLOTS] == radix_lookup(&r, i));
	CHECK(radix_leaf(&r, 128) == NULL && radix_leaf(&r, UINT64_MAX) == NULL);
	CHECK(radix_remove(&r, 0, &memory) && radix_remove(&r, 70, &memory) &&
		radix_remove(&r, 127, &memory));
	CHECK_EQ(nodes, 0);
}
