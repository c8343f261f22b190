/* SPDX-License-Identifier: MIT */
/* The hash tree, level by level as its nodes fill. */
#include <string.h>
#include "crypto/sha256.h"
#include "tools/image/verity.h"

void
verity_init(struct verity *v, uint64_t size,
	int (*emit)(void *ctx, uint64_t number, const uint8_t *node), void *ctx)
{
	memset(v, 0, sizeof(*v));
	image_tree_layout(size, &v->layout);
	v->emit = emit;
	v->ctx = ctx;
}

/* Hands the digest of a block or node to the level above it, which may fill the node there, and so on. */
static void
add_digest(struct verity *v, uint32_t level, const uint8_t *block)
{
	while (level < v->layout.levels) {
		uint8_t *node = v->node[level];
		sha256(block, IMAGE_BLOCK_SIZE, node + v->slots[level] * IMAGE_DIGEST_SIZE);
		if (++v->slots[level] < IMAGE_NODE_SLOTS)
			return;
		uint64_t number = v->layout.level_start[level] + v->done[level]++;
		if (v->emit && !v->result)
			v->result = v->emit(v->ctx, number, node);
		v->slots[level++] = 0;
		block = node;
	}
	sha256(block, IMAGE_BLOCK_SIZE, v->root);
}

void
verity_block(struct verity *v, const uint8_t *block)
{
	add_digest(v, 0, block);
}

int
verity_final(struct verity *v)
{
	for (uint32_t level = 0; level < v->layout.levels; level++) {
		uint32_t used = v->slots[level];
		if (!used)
			continue;
		uint8_t *node = v->node[level];
		memset(node + used * IMAGE_DIGEST_SIZE, 0,
			(IMAGE_NODE_SLOTS - used) * IMAGE_DIGEST_SIZE);
		uint64_t number = v->layout.level_start[level] + v->done[level]++;
		if (v->emit && !v->result)
			v->result = v->emit(v->ctx, number, node);
		v->slots[level] = 0;
		add_digest(v, level + 1, node);
	}
	return v->result;
}
