/* SPDX-License-Identifier: MIT */
/* Reading an image from memory or from a block device. */
#include <string.h>

#include "dev/block/block.h"
#include "fs/base/internal.h"
#include "mm/slab.h"

#define BOUNCE_SIZE ((size_t)64 << 10)

static bool
in_linear_map(const void *buf)
{
	uint64_t at = (uint64_t)buf;
	return at >= LINEAR_BASE && at < LINEAR_BASE + LINEAR_MAX;
}

/* Devices reach the linear map only: what lies elsewhere (the metadata's copy) is read in pieces. */
static int
read_bounced(struct block_device *dev, uint8_t *buf, uint64_t offset, size_t n)
{
	void *bounce = kmalloc(min(n, BOUNCE_SIZE), 0);
	if (bounce == NULL)
		return -ENOMEM;
	int err = 0;
	while (n != 0 && err == 0) {
		size_t part = min(n, BOUNCE_SIZE);
		err = block_read(dev, bounce, offset, part);
		if (err == 0)
			memcpy(buf, bounce, part);
		buf += part;
		offset += part;
		n -= part;
	}
	kfree(bounce);
	return err;
}

int
source_read(const struct image_source *src, void *buf, uint64_t offset, size_t n)
{
	if (offset > src->size || n > src->size - offset)
		return -EIO;
	if (src->memory != NULL) {
		memcpy(buf, (const char *)src->memory + offset, n);
		return 0;
	}
	if (in_linear_map(buf))
		return block_read(src->block, buf, offset, n);
	return read_bounced(src->block, buf, offset, n);
}

struct page *
source_page(const struct image_source *src, uint64_t offset)
{
	if (src->memory == NULL || !is_aligned((uint64_t)src->memory | offset, PAGE_SIZE))
		return NULL;
	if (offset > src->size || PAGE_SIZE > src->size - offset)
		return NULL;
	return virt_to_page((const char *)src->memory + offset);
}
