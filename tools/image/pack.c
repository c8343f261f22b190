/* SPDX-License-Identifier: MIT */
/* Writing an image: payload and tree nodes to their places, then the signed metadata, then the name. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/image/layout.h"
#include "tools/image/verity.h"

struct copy {
	int fd;
	const char *path; /* of the image, for messages */
	const struct image_content *content;
	struct verity verity;
};

static int
write_at(int fd, const char *path, const uint8_t *data, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pwrite(fd, data, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			warn("cannot write %s", path);
			return -1;
		}
		data += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int
copy_block(void *ctx, uint64_t index, const uint8_t *block)
{
	struct copy *copy = ctx;
	verity_block(&copy->verity, block);
	return write_at(copy->fd, copy->path, block, IMAGE_BLOCK_SIZE,
		copy->content->payload_offset + index * IMAGE_BLOCK_SIZE);
}

static int
copy_node(void *ctx, uint64_t number, const uint8_t *node)
{
	const struct copy *copy = ctx;
	return write_at(copy->fd, copy->path, node, IMAGE_BLOCK_SIZE,
		copy->content->tree_offset + number * IMAGE_BLOCK_SIZE);
}

static int
write_content(const struct packed_content *c, int fd, const char *path)
{
	struct copy *copy = must_have(malloc(sizeof(*copy)));
	*copy = (struct copy){.fd = fd, .path = path, .content = &c->content};
	verity_init(&copy->verity, c->content.size, copy_node, copy);
	int result = source_read(c->source, c->content.size, copy_block, copy);
	if (result == 0)
		result = verity_final(&copy->verity);
	if (result == 0 && memcmp(copy->verity.root, c->content.root, IMAGE_DIGEST_SIZE) != 0) {
		warnx("%s changed while it was packed; pack again when nothing writes to it",
			c->source);
		result = -1;
	}
	free(copy);
	return result;
}

/* The image must be one that its readers take: what they would refuse is found here, not at the next boot. */
static int
check_own_work(const uint8_t *metadata, const struct layout *l, const struct key_file *key)
{
	struct image_error why;
	struct image img;
	char text[160];
	int result = image_open(metadata, image_metadata_length(&l->header), l->header.total_length,
		&key->key, 1, &img, &why);
	if (result)
		warnx("the image would be refused: %s", image_error_text(&why, text, sizeof(text)));
	return result ? -1 : 0;
}

static int
write_metadata(const struct layout *l, const struct key_file *key, int fd, const char *path)
{
	size_t size = image_metadata_length(&l->header);
	uint8_t *metadata = must_have(calloc(1, size));
	layout_encode(l, metadata);
	key_sign(key, metadata, l->header.signed_length, metadata + l->header.signed_length);
	int result = check_own_work(metadata, l, key);
	if (result == 0)
		result = write_at(fd, path, metadata, size, 0);
	free(metadata);
	return result;
}

static int
write_image(const struct layout *l, const struct key_file *key, int fd, const char *path)
{
	if (ftruncate(fd, (off_t)l->header.total_length) != 0) {
		warn("cannot make %s %llu bytes long", path,
			(unsigned long long)l->header.total_length);
		return -1;
	}
	for (uint32_t i = 0; i < l->content_count; i++)
		if (write_content(l->contents[i], fd, path) != 0)
			return -1;
	return write_metadata(l, key, fd, path);
}

static mode_t
default_mode(void)
{
	mode_t mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

static int
write_file(const struct layout *l, const struct key_file *key, const char *path)
{
	char *temporary = NULL;
	if (key_check_replaceable(path) != 0)
		return -1;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		err(1, "out of memory");
	int result = -1;
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		warn("cannot create a file beside %s", path);
		goto out;
	}
	result = write_image(l, key, fd, path);
	if (result == 0 && fchmod(fd, default_mode()) != 0) {
		warn("cannot set the mode of %s", temporary);
		result = -1;
	}
	if (close(fd) != 0 && result == 0) {
		warn("cannot write %s", path);
		result = -1;
	}
	if (result == 0 && rename(temporary, path) != 0) {
		warn("cannot write %s", path);
		result = -1;
	}
	if (result)
		unlink(temporary);
out:
	free(temporary);
	return result;
}

int
pack_image(struct node *root, const struct pack_identity *identity, const struct key_file *key,
	const char *path)
{
	struct layout l;
	int result = layout_make(&l, root, identity, &key->key);
	if (result == 0)
		result = write_file(&l, key, path);
	layout_free(&l);
	return result;
}
