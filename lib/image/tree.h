/* SPDX-License-Identifier: MIT */
/*
 * The hash tree of a content, in the form of fs-verity (Linux, Documentation/filesystems/fsverity.rst): SHA-256,
 * blocks of 4096 bytes, no salt.
 *
 * Level 0 holds the digests of the data blocks, 128 in a node; each level above, those of the nodes below it. The
 * level with a single node is the last; that node's digest is the root. The last data block and the last node of a
 * level are filled up with zeros. A content of one block has no node, and the block's digest is the root; an empty
 * content has a root of zeros. Nodes are stored from the top level down.
 */
#ifndef IMAGE_TREE_H
#define IMAGE_TREE_H

#include "image/image.h"

struct image_tree {
	uint64_t blocks; /* of data */
	uint64_t nodes;  /* of all levels */
	uint32_t levels;
	uint64_t level_start
		[IMAGE_TREE_LEVELS]; /* number of the level's first node, in stored order */
};

/* Where the nodes of a content of `size` bytes (at most IMAGE_LENGTH_MAX) lie. */
void image_tree_layout(uint64_t size, struct image_tree *out);

/*
 * What image_verify_block() needs of its caller, each with the ctx that it was given.
 *
 * node_get: gives the tree node at byte `offset` of the image, 4096 bytes that stay unchanged until node_put, and
 * whether they were verified before (a node_put with IMAGE_NODE_VERIFIED has been seen for the same memory). Returns 0
 * or -errno. It is called for a block's leaf first, then upwards until a verified node comes, at most
 * IMAGE_TREE_LEVELS nodes; then node_put for each, in any case.
 */
#define IMAGE_NODE_VERIFIED 0x1u

struct image_tree_ops {
	int (*node_get)(void *ctx, uint64_t offset, const uint8_t **node, uint32_t *flags);
	void (*node_put)(void *ctx, uint64_t offset, const uint8_t *node, uint32_t flags);
};

/*
 * Checks that `block` is block `index` of content `c`: 4096 bytes, the last one with the zeros that follow the data.
 * Returns 0; -EBADMSG if it or a tree node does not match (*why says which); -ERANGE if the content has no such
 * block; node_get's error. Sleeps where ops do.
 */
[[nodiscard]] int image_verify_block(const struct image_content *c, uint64_t index,
	const uint8_t *block, const struct image_tree_ops *ops, void *ctx, struct image_error *why);

/* fs-verity's descriptor of a content: its SHA-256 is what `fsverity digest` prints for the file. */
#define IMAGE_DESCRIPTOR_SIZE 256
void image_verity_descriptor(
	uint64_t size, const uint8_t root[IMAGE_DIGEST_SIZE], uint8_t out[IMAGE_DESCRIPTOR_SIZE]);

#endif
