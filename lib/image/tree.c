/* SPDX-License-Identifier: MIT */
/* Layout of a content's hash tree, and the check of one block by the way from its leaf to the root. */
#include "crypto/sha256.h"
#include "image/internal.h"
#include "image/tree.h"

static uint64_t
blocks_of(uint64_t size)
{
	return size / IMAGE_BLOCK_SIZE + (size % IMAGE_BLOCK_SIZE != 0);
}

void
image_tree_layout(uint64_t size, struct image_tree *out)
{
	uint64_t count[IMAGE_TREE_LEVELS] = {};
	memset(out, 0, sizeof(*out));
	out->blocks = blocks_of(size);
	for (uint64_t n = out->blocks; n > 1 && out->levels < IMAGE_TREE_LEVELS;) {
		n = (n + IMAGE_NODE_SLOTS - 1) >> IMAGE_NODE_SHIFT;
		count[out->levels++] = n;
	}
	for (uint32_t level = out->levels; level-- > 0;) {
		out->level_start[level] = out->nodes;
		out->nodes += count[level];
	}
}

/* The nodes between a block and the first node that is known to be good, or the root. */
struct path {
	uint32_t length;
	uint32_t trusted; /* 1 if the last one is known to be good */
	uint64_t offset[IMAGE_TREE_LEVELS];
	const uint8_t *node[IMAGE_TREE_LEVELS];
};

static int
path_get(const struct image_content *c, const struct image_tree *t, uint64_t index,
	const struct image_tree_ops *ops, void *ctx, struct path *path)
{
	for (uint32_t level = 0; level < t->levels && !path->trusted; level++) {
		uint64_t number =
			t->level_start[level] + (index >> (IMAGE_NODE_SHIFT * (level + 1)));
		uint64_t offset = c->tree_offset + number * IMAGE_BLOCK_SIZE;
		uint32_t flags = 0;
		int err = ops->node_get(ctx, offset, &path->node[level], &flags);
		if (err)
			return err;
		path->offset[level] = offset;
		path->length++;
		path->trusted = (flags & IMAGE_NODE_VERIFIED) != 0;
	}
	return 0;
}

static void
path_put(const struct path *path, uint32_t good_from, const struct image_tree_ops *ops, void *ctx)
{
	for (uint32_t level = 0; level < path->length; level++)
		ops->node_put(ctx, path->offset[level], path->node[level],
			level >= good_from ? IMAGE_NODE_VERIFIED : 0);
}

static const uint8_t *
slot(const struct path *path, uint32_t level, uint64_t index)
{
	uint64_t number = (index >> (IMAGE_NODE_SHIFT * level)) % IMAGE_NODE_SLOTS;
	return path->node[level] + number * IMAGE_DIGEST_SIZE;
}

static bool
matches(const uint8_t *block, const uint8_t *wanted)
{
	uint8_t digest[IMAGE_DIGEST_SIZE];
	sha256(block, IMAGE_BLOCK_SIZE, digest);
	return memcmp(digest, wanted, sizeof(digest)) == 0;
}

/* From the root down: each node is trusted only once its digest has been found in one that is. */
static int
check_path(const struct image_content *c, uint64_t index, const uint8_t *block,
	const struct path *path, uint32_t *good_from, struct image_error *why)
{
	const uint8_t *wanted = c->root;
	uint32_t level = path->length;
	*good_from = level;
	while (level-- > 0) {
		bool known = path->trusted && level == path->length - 1;
		if (!known && !matches(path->node[level], wanted))
			return image_fail(why, IMAGE_WHERE_NODE, path->offset[level],
				"does not match its digest");
		*good_from = level;
		wanted = slot(path, level, index);
	}
	if (!matches(block, wanted))
		return image_fail(why, IMAGE_WHERE_BLOCK, index, "does not match its digest");
	return 0;
}

int
image_verify_block(const struct image_content *c, uint64_t index, const uint8_t *block,
	const struct image_tree_ops *ops, void *ctx, struct image_error *why)
{
	struct image_tree t;
	struct path path = {};
	uint32_t good_from = IMAGE_TREE_LEVELS;
	image_tree_layout(c->size, &t);
	if (index >= t.blocks) {
		image_fail(why, IMAGE_WHERE_BLOCK, index, "beyond the end of its file");
		return -ERANGE;
	}
	int err = path_get(c, &t, index, ops, ctx, &path);
	if (err)
		image_fail(why, IMAGE_WHERE_BLOCK, index, "tree node cannot be read");
	else
		err = check_path(c, index, block, &path, &good_from, why);
	path_put(&path, good_from, ops, ctx);
	return err;
}

void
image_verity_descriptor(
	uint64_t size, const uint8_t root[IMAGE_DIGEST_SIZE], uint8_t out[IMAGE_DESCRIPTOR_SIZE])
{
	memset(out, 0, IMAGE_DESCRIPTOR_SIZE);
	out[0] = 1;  /* version of the descriptor */
	out[1] = 1;  /* SHA-256 */
	out[2] = 12; /* log2 of the block size */
	image_put_u64(out + 8, size);
	memcpy(out + 16, root, IMAGE_DIGEST_SIZE);
}
