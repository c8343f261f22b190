/* SPDX-License-Identifier: MIT */
/* Where everything of an image lies, worked out before a byte of it is written. */
#ifndef TOOLS_IMAGE_LAYOUT_H
#define TOOLS_IMAGE_LAYOUT_H

#include "tools/image/pack.h"

struct packed_content {
	/* offsets count from the start of tree and payload until layout_make() is done */
	struct image_content content;
	const char *source;
	uint32_t index;
};

struct layout {
	struct image_header header;
	struct node **nodes; /* in the order of entries */
	uint32_t node_count;
	struct packed_content **contents;
	uint32_t content_count;
	char *names;
	const char **strings; /* distinct names and targets, sorted */
	uint32_t *string_offsets;
	size_t string_count;
};

/* Numbers the nodes, hashes the files, places names, tree nodes and payload. Returns 0, or -1 and a message. */
int layout_make(struct layout *l, struct node *root, const struct pack_identity *identity,
	const struct image_key *key);
/* Header, entries, contents, names and zeros: header.signed_length bytes at `out`, which are all zero before. */
void layout_encode(const struct layout *l, uint8_t *out);
void layout_free(struct layout *l);

/*
 * Reads the file at `source` in blocks, the last one filled up with zeros, and hands each to `take`, whose -1 ends it.
 * A file that is not `size` bytes long is an error. Returns 0, or -1 and a message.
 */
int source_read(const char *source, uint64_t size,
	int (*take)(void *ctx, uint64_t index, const uint8_t *block), void *ctx);

#endif
