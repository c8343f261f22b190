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

/* A read that nobody waits for. */
struct ahead {
	struct block_request req;
	uint32_t n;
	struct page *pages[VM_READ_MAX];
	struct block_segment segments[VM_READ_MAX];
};

static void
end_pages(struct page **pages, uint32_t n, int err)
{
	for (uint32_t i = 0; i < n; i++)
		vm_page_read_done(pages[i], err);
}

static void
ahead_done(struct block_request *req, int err)
{
	struct ahead *a = container_of(req, struct ahead, req);
	end_pages(a->pages, a->n, err);
	kfree(a);
}

/* Pages that lie side by side in memory make one segment. */
static uint32_t
make_segments(struct block_segment *out, struct page **pages, uint32_t n)
{
	uint32_t made = 0;
	for (uint32_t i = 0; i < n; i++) {
		paddr_t at = page_to_phys(pages[i]);
		if (made != 0 && out[made - 1].addr + out[made - 1].len == at)
			out[made - 1].len += PAGE_SIZE;
		else
			out[made++] = (struct block_segment){at, PAGE_SIZE};
	}
	return made;
}

void
source_start_read(const struct image_source *src, uint64_t offset, struct page **pages, uint32_t n)
{
	struct ahead *a = kmalloc(sizeof(*a), KM_ATOMIC);
	int err = -ENOMEM;
	if (a != NULL) {
		memcpy(a->pages, pages, n * sizeof(pages[0]));
		a->n = n;
		a->req = (struct block_request){
			.op = BLOCK_READ,
			.offset = offset,
			.segments = a->segments,
			.nr_segments = make_segments(a->segments, pages, n),
			.done = ahead_done,
		};
		err = block_submit(src->block, &a->req);
	}
	if (err == 0)
		return;
	/* Nothing was begun: whoever wants one of the pages reads it himself. */
	end_pages(pages, n, err);
	kfree(a);
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
