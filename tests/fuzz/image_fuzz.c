/* SPDX-License-Identifier: MIT */
/*
 * Images. Bit 0 of the input's first byte says how to read the rest: as an image, or as changes to a good image, four
 * bytes each (offset, size and value), which reach the rules that arbitrary bytes would seldom get to. Bit 1: read
 * blocks too, which takes a hundred times as long as the rest. The signature is left out, since no change would pass
 * it; with it, the same bytes must never be accepted.
 *
 * Whatever image_open_unsigned() accepts must be safe to walk, look up, and read by blocks: every name, target and
 * extent is touched, and the tree must be one.
 */
#include <errno.h>
#include "tests/unit/image_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void
must(bool condition)
{
	if (!condition)
		abort();
}

struct source {
	const uint8_t *bytes;
	size_t size;
	bool read_blocks;
	int held;
};

static const uint8_t *
at(const struct source *s, uint64_t offset, uint64_t size)
{
	must(offset <= s->size && size <= s->size - offset);
	return s->bytes + offset;
}

static int
node_get(void *ctx, uint64_t offset, const uint8_t **node, uint32_t *flags)
{
	struct source *s = ctx;
	*node = at(s, offset, IMAGE_BLOCK_SIZE);
	*flags = 0;
	s->held++;
	return 0;
}

static void
node_put(void *ctx, uint64_t offset, const uint8_t *node, uint32_t flags)
{
	struct source *s = ctx;
	s->held--;
}

static void
use_content(struct source *s, const struct image *img, uint32_t index)
{
	static const struct image_tree_ops ops = {.node_get = node_get, .node_put = node_put};
	struct image_content c;
	must(index < img->header.content_count);
	image_content_read(img, index, &c);
	uint64_t blocks = c.size / IMAGE_BLOCK_SIZE + (c.size % IMAGE_BLOCK_SIZE != 0);
	if (blocks)
		at(s, c.payload_offset, blocks * IMAGE_BLOCK_SIZE);
	for (uint64_t i = 0; s->read_blocks && i < blocks; i += i < 2 ? 1 : 61) {
		const uint8_t *block =
			at(s, c.payload_offset + i * IMAGE_BLOCK_SIZE, IMAGE_BLOCK_SIZE);
		int err = image_verify_block(&c, i, block, &ops, s, NULL);
		must(err == 0 || err == -EBADMSG);
		must(s->held == 0);
	}
}

static void
use_bytes(const char *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		sink += (uint8_t)bytes[i];
}

static void
use_dir(const struct image *img, uint32_t index, const struct image_entry *dir)
{
	for (uint32_t i = 0; i < dir->child_count; i++) {
		struct image_entry child;
		uint32_t found;
		image_entry_read(img, dir->first_child + i, &child);
		must(dir->first_child + i > index && child.parent == index);
		must(image_entry_name_ok(child.name, child.name_length));
		must(image_lookup(img, index, child.name, child.name_length, &found) == 0);
		must(found == dir->first_child + i);
	}
}

static void
use_image(struct source *s, const struct image *img)
{
	uint64_t children = 0;
	for (uint32_t i = 0; i < img->header.entry_count; i++) {
		struct image_entry e;
		image_entry_read(img, i, &e);
		use_bytes(e.name, e.name_length);
		use_bytes(e.target, e.target_length);
		if ((e.mode & IMAGE_TYPE_MASK) == IMAGE_TYPE_DIR)
			use_dir(img, i, &e);
		if ((e.mode & IMAGE_TYPE_MASK) == IMAGE_TYPE_FILE)
			use_content(s, img, e.content);
		children += e.child_count;
	}
	must(children == img->header.entry_count - 1);
}

static void
try_image(const uint8_t *bytes, size_t size, bool read_blocks)
{
	struct source s = {.bytes = bytes, .size = size, .read_blocks = read_blocks};
	struct image img;
	struct image_error why = {};
	struct image_key key = {.kind = IMAGE_BASE};
	char text[160];
	int err = image_open_unsigned(bytes, size, size, &img, &why);
	if (err) {
		must(why.what != NULL);
		use_bytes(text, (uint32_t)strlen(image_error_text(&why, text, sizeof(text))));
		return;
	}
	use_image(&s, &img);
	memcpy(key.id, img.header.key_id, sizeof(key.id));
	must(image_open(bytes, size, size, &key, 1, &img, NULL) != 0);
}

/* Offsets count in steps that let 16 bits reach the metadata byte by byte, and beyond it each 4 KiB or so. */
static void
change(uint8_t *image, const uint8_t *p)
{
	uint32_t where = load_le16(p), bytes = 1u << (p[2] >> 6 & 3);
	size_t offset = where < SAMPLE_TREE ? where : (size_t)where * 17 % SAMPLE_SIZE;
	static const uint64_t extremes[] = {
		0, 1, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX, UINT64_MAX - 4095, 4096};
	uint64_t value = p[2] & 0x20 ? extremes[p[3] % 8] : p[3];
	for (uint32_t i = 0; i < bytes && offset + i < SAMPLE_SIZE; i++)
		image[offset + i] = (uint8_t)(value >> (8 * i));
}

static const uint8_t *
sample(void)
{
	static uint8_t *made;
	if (!made)
		made = sample_make();
	return made;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] & 1) {
		uint8_t *copy = malloc(size);
		memcpy(copy, data + 1, size - 1);
		try_image(copy, size - 1, data[0] & 2);
		free(copy);
		return 0;
	}
	uint8_t *image = malloc(SAMPLE_SIZE);
	memcpy(image, sample(), SAMPLE_SIZE);
	for (size_t i = 1; i + 4 <= size; i += 4)
		change(image, data + i);
	try_image(image, SAMPLE_SIZE, data[0] & 2);
	free(image);
	return 0;
}
