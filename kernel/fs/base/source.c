/* SPDX-License-Identifier: MIT */
/* Reading an image from memory or from a block device. */
#include <string.h>

#include "dev/block/block.h"
#include "fs/base/internal.h"

int
source_read(const struct image_source *src, void *buf, uint64_t offset, size_t n)
{
	if (offset > src->size || n > src->size - offset)
		return -EIO;
	if (src->memory != NULL) {
		memcpy(buf, (const char *)src->memory + offset, n);
		return 0;
	}
	return block_read(src->block, buf, offset, n);
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
