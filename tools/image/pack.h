/* SPDX-License-Identifier: MIT */
/* Turns a tree of nodes into a signed image. */
#ifndef TOOLS_IMAGE_PACK_H
#define TOOLS_IMAGE_PACK_H

#include "tools/image/node.h"
#include "tools/key/keyfile.h"

struct pack_identity {
	uint32_t kind, flags;
	uint64_t generation;
	const char *name;
};

/*
 * Writes the image of `root` to `path`, which appears whole or not at all. Files are read twice: to hash them, then to
 * copy them. Returns 0, or -1 after saying on standard error what is wrong.
 */
int pack_image(struct node *root, const struct pack_identity *identity, const struct key_file *key,
	const char *path);

#endif
