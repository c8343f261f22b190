/* SPDX-License-Identifier: MIT */
/*
 * An image in a file or on a block device, opened by the rules that the kernel has. Functions that return an int
 * return 0, or -1 after saying on standard error what is wrong.
 */
#ifndef TOOLS_IMAGE_IMAGEFILE_H
#define TOOLS_IMAGE_IMAGEFILE_H

#include "image/tree.h"

#define CACHED_NODES 16

/* A tree node in memory; more of them than a path through a tree has. */
struct cached_node {
	uint64_t offset;
	uint64_t used; /* when, in reads */
	uint32_t holders, flags;
	uint8_t bytes[IMAGE_BLOCK_SIZE];
};

struct image_file {
	int fd;
	const char *path;
	uint8_t *metadata;
	struct image img;
	uint64_t reads;
	struct cached_node nodes[CACHED_NODES];
};

/* Opens the image; with `count` keys, its signature must be by one of them, with none it is not looked at. */
int image_file_open(
	struct image_file *r, const char *path, const struct image_key *keys, size_t count);
void image_file_close(struct image_file *r);

/* Reads block `index` of a content and checks it. Says so, with `name`, if that fails. */
int image_file_block(struct image_file *r, const struct image_content *c, uint64_t index,
	uint8_t *block, const char *name);

/*
 * Calls `visit` for every entry, each directory before what it holds, in the order of names; `path` begins with a
 * slash. Goes on after a -1 and gives it back at the end.
 */
int image_file_walk(struct image_file *r,
	int (*visit)(
		struct image_file *r, const char *path, const struct image_entry *e, void *ctx),
	void *ctx);

/* Prints bytes with everything but printable ASCII, and the backslash, as octal escapes. */
void print_escaped(const char *text, size_t length);

#endif
