/* SPDX-License-Identifier: MIT */
/* Writing, flushing and reading back: exercise.h. One request has as many segments as pages, in no order of memory. */
#include "dev/block/exercise.h"

#ifdef SWOS_DEBUG
#include <errno.h>
#include <string.h>

#include "dev/block/block.h"
#include "mm/page.h"
#include "mm/slab.h"

#define PAGES 32u
#define CHUNK (PAGES * PAGE_SIZE) /* divides a MiB */

struct exercise {
	struct block_device *dev;
	uint64_t first, end, seed; /* bytes */
	struct page *page[PAGES];
	struct block_segment segment[2 * PAGES];
};

static struct block_device *
device_named(const char *name, size_t len)
{
	struct block_device *d = NULL;
	while ((d = block_next(d)) != NULL)
		if (strlen(d->name) == len && memcmp(d->name, name, len) == 0)
			return d;
	return NULL;
}

/* Takes a number and the blanks before it off the text. False: there is none. */
static bool
take_number(const char **text, uint64_t *out)
{
	while (**text == ' ')
		(*text)++;
	*out = 0;
	const char *from = *text;
	for (; **text >= '0' && **text <= '9'; (*text)++)
		*out = *out * 10 + (uint64_t)(**text - '0');
	return *text != from && *text - from < 10;
}

static int
parse(struct exercise *e, const char *text)
{
	size_t len = 0;
	while (text[len] != '\0' && text[len] != ' ')
		len++;
	uint64_t first, count;
	const char *rest = text + len;
	if (!take_number(&rest, &first) || !take_number(&rest, &count) ||
		!take_number(&rest, &e->seed))
		return -EINVAL;
	e->dev = device_named(text, len);
	e->first = MIB(first);
	e->end = e->first + MIB(count);
	return e->dev == NULL ? -ENODEV : 0;
}

/* Every page is a segment, or two where the device has smaller blocks. The last page comes first on the disk. */
static uint32_t
make_segments(struct exercise *e, bool halves)
{
	uint32_t n = 0,
		 len = halves && e->dev->block_size <= PAGE_SIZE / 2 ? PAGE_SIZE / 2 : PAGE_SIZE;
	for (uint32_t i = PAGES; i-- > 0;)
		for (uint32_t at = 0; at < PAGE_SIZE; at += len)
			e->segment[n++] =
				(struct block_segment){page_to_phys(e->page[i]) + at, len};
	return n;
}

static uint64_t *
words_of(struct exercise *e, uint32_t nth_on_disk)
{
	return page_to_virt(e->page[PAGES - 1 - nth_on_disk]);
}

static int
write_chunk(struct exercise *e, uint64_t offset)
{
	for (uint32_t i = 0; i < PAGES; i++)
		for (uint32_t at = 0; at < PAGE_SIZE; at += 8)
			words_of(e, i)[at / 8] = (offset + i * PAGE_SIZE + at) ^ e->seed;
	uint32_t n = make_segments(e, false);
	return block_transfer(e->dev, BLOCK_WRITE, offset, e->segment, n);
}

static int
check_chunk(struct exercise *e, uint64_t offset)
{
	for (uint32_t i = 0; i < PAGES; i++)
		memset(words_of(e, i), 0, PAGE_SIZE);
	uint32_t n = make_segments(e, true);
	int err = block_transfer(e->dev, BLOCK_READ, offset, e->segment, n);
	for (uint32_t i = 0; err == 0 && i < PAGES; i++)
		for (uint32_t at = 0; at < PAGE_SIZE; at += 8)
			if (words_of(e, i)[at / 8] != ((offset + i * PAGE_SIZE + at) ^ e->seed))
				return -EILSEQ;
	return err;
}

static int
exercise(struct exercise *e)
{
	int err = 0;
	for (uint64_t at = e->first; err == 0 && at < e->end; at += CHUNK)
		err = write_chunk(e, at);
	if (err == 0)
		err = block_flush(e->dev);
	for (uint64_t at = e->first; err == 0 && at < e->end; at += CHUNK)
		err = check_chunk(e, at);
	return err;
}

int
block_exercise(const char *text)
{
	struct exercise *e = kzalloc(sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	int err = parse(e, text);
	uint32_t n = 0;
	while (err == 0 && n < PAGES) {
		e->page[n] = page_alloc(0, 0, PAGE_KERNEL);
		if (e->page[n] == NULL)
			err = -ENOMEM;
		else
			n++;
	}
	if (err == 0)
		err = exercise(e);
	while (n > 0)
		page_put(e->page[--n]);
	kfree(e);
	return err;
}
#endif
