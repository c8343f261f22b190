/* SPDX-License-Identifier: MIT */
/* Builds the hash tree of a file whose blocks arrive in order; memory is one node per level. */
#ifndef TOOLS_IMAGE_VERITY_H
#define TOOLS_IMAGE_VERITY_H

#include "image/tree.h"

struct verity {
	struct image_tree layout;
	/* Takes node `number`, in stored order; may be NULL. Returns 0 or -1, which verity_final() gives back. */
	int (*emit)(void *ctx, uint64_t number, const uint8_t *node);
	void *ctx;
	int result;
	uint8_t root[IMAGE_DIGEST_SIZE];
	uint32_t slots[IMAGE_TREE_LEVELS];
	uint64_t done[IMAGE_TREE_LEVELS];
	uint8_t node[IMAGE_TREE_LEVELS][IMAGE_BLOCK_SIZE];
};

void verity_init(struct verity *v, uint64_t size,
	int (*emit)(void *ctx, uint64_t number, const uint8_t *node), void *ctx);
/* Takes the next block: 4096 bytes, the last one filled up with zeros. */
void verity_block(struct verity *v, const uint8_t *block);
/* After the last block: v->root is the root digest. Returns 0, or what emit returned. */
int verity_final(struct verity *v);

#endif
