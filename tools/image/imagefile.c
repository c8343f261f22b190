/* SPDX-License-Identifier: MIT */
/* Opening an image, reading blocks through a small cache of tree nodes, walking the tree. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/image/node.h"
#include "tools/image/imagefile.h"

static int
read_at(const struct image_file *r, uint8_t *out, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pread(r->fd, out, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		out += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int
refuse(const struct image_file *r, const struct image_error *why)
{
	char text[160];
	warnx("%s: %s", r->path, image_error_text(why, text, sizeof(text)));
	return -1;
}

static int
read_metadata(struct image_file *r, uint64_t length, size_t *size)
{
	uint8_t first[IMAGE_HEADER_SIZE] = {};
	struct image_header h;
	struct image_error why;
	size_t available = length < sizeof(first) ? (size_t)length : sizeof(first);
	int error = read_at(r, first, available, 0);
	if (!error && image_header_decode(first, available, &h, &why) != 0)
		return refuse(r, &why);
	if (!error) {
		*size = image_metadata_length(&h);
		if (*size > length)
			*size = (size_t)length;
		r->metadata = must_have(malloc(*size));
		error = read_at(r, r->metadata, *size, 0);
	}
	if (!error)
		return 0;
	errno = -error;
	warn("cannot read %s", r->path);
	return -1;
}

int
image_file_open(struct image_file *r, const char *path, const struct image_key *keys, size_t count)
{
	struct image_error why;
	size_t size = 0;
	memset(r, 0, sizeof(*r));
	r->path = path;
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t length = r->fd < 0 ? -1 : lseek(r->fd, 0, SEEK_END);
	if (length < 0) {
		warn("cannot read %s", path);
		image_file_close(r);
		return -1;
	}
	int result = read_metadata(r, (uint64_t)length, &size);
	if (result == 0) {
		result = count
			? image_open(
				  r->metadata, size, (uint64_t)length, keys, count, &r->img, &why)
			: image_open_unsigned(r->metadata, size, (uint64_t)length, &r->img, &why);
		if (result)
			result = refuse(r, &why);
	}
	if (result)
		image_file_close(r);
	return result;
}

void
image_file_close(struct image_file *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->metadata);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

static struct cached_node *
find_node(struct image_file *r, uint64_t offset)
{
	struct cached_node *oldest = NULL;
	for (size_t i = 0; i < CACHED_NODES; i++) {
		struct cached_node *n = &r->nodes[i];
		if (n->offset == offset)
			return n;
		if (!n->holders && (!oldest || n->used < oldest->used))
			oldest = n;
	}
	return oldest;
}

/* Offset 0 is the header's, never a node's, and so marks a free place. */
static int
node_get(void *ctx, uint64_t offset, const uint8_t **bytes, uint32_t *flags)
{
	struct image_file *r = ctx;
	struct cached_node *n = find_node(r, offset);
	if (n->offset != offset) {
		n->offset = n->flags = 0;
		int error = read_at(r, n->bytes, sizeof(n->bytes), offset);
		if (error)
			return error;
		n->offset = offset;
	}
	n->used = ++r->reads;
	n->holders++;
	*bytes = n->bytes;
	*flags = n->flags;
	return 0;
}

static void
node_put(void *ctx, uint64_t offset, const uint8_t *bytes, uint32_t flags)
{
	struct cached_node *n = find_node(ctx, offset);
	n->holders--;
	n->flags |= flags;
}

int
image_file_block(struct image_file *r, const struct image_content *c, uint64_t index,
	uint8_t *block, const char *name)
{
	static const struct image_tree_ops ops = {.node_get = node_get, .node_put = node_put};
	struct image_error why;
	char text[160];
	int error =
		read_at(r, block, IMAGE_BLOCK_SIZE, c->payload_offset + index * IMAGE_BLOCK_SIZE);
	if (error) {
		errno = -error;
		warn("%s: cannot read %s", r->path, name);
		return -1;
	}
	if (image_verify_block(c, index, block, &ops, r, &why) == 0)
		return 0;
	warnx("%s: %s: %s", r->path, name, image_error_text(&why, text, sizeof(text)));
	return -1;
}

struct visitor {
	struct image_file *r;
	int (*visit)(
		struct image_file *r, const char *path, const struct image_entry *e, void *ctx);
	void *ctx;
	char path[PATH_MAX];
};

/* The recursion ends with the path: a directory deeper than a path is long cannot be reached on any system. */
static int
walk(struct visitor *v, uint32_t index, size_t length)
{
	struct image_entry e;
	image_entry_read(&v->r->img, index, &e);
	int result = v->visit(v->r, length ? v->path : "/", &e, v->ctx);
	for (uint32_t i = 0; i < e.child_count; i++) {
		struct image_entry child;
		image_entry_read(&v->r->img, e.first_child + i, &child);
		if (length + 1 + child.name_length >= sizeof(v->path)) {
			warnx("%s: paths below %.64s... are too long", v->r->path, v->path);
			return -1;
		}
		v->path[length] = '/';
		memcpy(v->path + length + 1, child.name, child.name_length);
		v->path[length + 1 + child.name_length] = '\0';
		if (walk(v, e.first_child + i, length + 1 + child.name_length) != 0)
			result = -1;
	}
	v->path[length] = '\0';
	return result;
}

int
image_file_walk(struct image_file *r,
	int (*visit)(
		struct image_file *r, const char *path, const struct image_entry *e, void *ctx),
	void *ctx)
{
	struct visitor *v = must_have(calloc(1, sizeof(*v)));
	v->r = r;
	v->visit = visit;
	v->ctx = ctx;
	int result = walk(v, IMAGE_ROOT, 0);
	free(v);
	return result;
}

void
print_escaped(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c > ' ' && c < 0x7f && c != '\\')
			putchar(c);
		else
			printf("\\%03o", c);
	}
}
