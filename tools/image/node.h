/* SPDX-License-Identifier: MIT */
/*
 * The tree that becomes an image, in memory: read from directories, changed by a manifest. Functions that return an
 * int return 0, or -1 after saying on standard error what is wrong; memory running out ends the program.
 */
#ifndef TOOLS_IMAGE_NODE_H
#define TOOLS_IMAGE_NODE_H

#include <stddef.h>
#include <stdint.h>
#include "image/image.h"

struct node {
	char *name;
	size_t name_length;
	uint32_t mode, uid, gid, attributes;
	int64_t mtime_ns;
	char *target; /* symlink */
	char *source; /* file: its path on this machine */
	struct node *parent;
	struct node **children; /* sorted by name */
	size_t count, capacity;
	uint32_t index;   /* of its entry, once the layout is made */
	uint32_t content; /* file: likewise */
};

/* Reads the tree below `path`. Times later than `latest_ns` become that. */
int node_scan(const char *path, int64_t latest_ns, struct node **out);

/* Merges `from` into directory `into`, and frees what is left of it. */
void node_merge(struct node *into, struct node *from);

/* The node at a path from the root, or NULL. */
struct node *node_find(struct node *root, const char *path);

/* Applies the lines of a manifest; all of them, also after one that is wrong. */
int node_apply_manifest(struct node *root, const char *path);

/* Applies one line, `length` bytes and a NUL, which it cuts into words: line `number` of `file`. */
int node_apply_manifest_line(
	struct node *root, char *line, size_t length, const char *file, unsigned long number);

void node_free(struct node *node);

void *must_have(void *memory);

#endif
