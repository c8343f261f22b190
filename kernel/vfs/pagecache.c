/* SPDX-License-Identifier: MIT */
/* File operations over a page cache: pages are copied straight to the reader and mapped as they are. */
#include "abi/linux/fcntl.h"
#include "core/sched.h"
#include "mm/object.h"
#include "mm/space.h"
#include "proc/task.h"
#include "vfs/mount.h"
#include "vfs/vfs.h"

#define READ_BATCH 16u /* pages looked up under one lock */

uint32_t
object_find_pages(struct vm_object *o, uint64_t index, uint32_t n, struct page **out)
{
	uint32_t found = 0;
	spin_lock(&o->lock);
	for (; found < n; found++) {
		struct page *p = radix_lookup(&o->pages, index + found);
		if (p == NULL)
			break;
		uint32_t flags = vm_page_flags(p);
		if (!(flags & PG_UPTODATE))
			break;
		if ((flags & (PG_LRU | PG_REFERENCED)) == PG_LRU)
			atomic_fetch_or_explicit(&p->flags, PG_REFERENCED, memory_order_relaxed);
		out[found] = page_get(p);
	}
	spin_unlock(&o->lock);
	return found;
}

/* Copies from n pages, which it puts; bytes, fewer than asked after a fault. */
static size_t
copy_pages(struct iter *to, struct page **pages, uint32_t n, size_t within, size_t bytes)
{
	size_t done = 0;
	for (uint32_t i = 0; i < n; i++) {
		size_t part = min(PAGE_SIZE - within, bytes - done);
		if (likely(part != 0)) {
			size_t copied =
				iter_copy_to(to, (uint8_t *)page_to_virt(pages[i]) + within, part);
			done += copied;
			if (unlikely(copied != part))
				bytes = done;
		}
		within = 0;
		page_put(pages[i]);
	}
	return done;
}

/* A page that is not there: zeroes where there is nothing to fill it from, so that reading makes no pages. */
static ssize_t
read_missing(struct vm_object *o, struct iter *to, uint64_t at, size_t bytes)
{
	size_t within = at & PAGE_MASK;
	size_t part = min(PAGE_SIZE - within, bytes);
	if (o->ops->page_in == NULL && o->ops->supply == NULL) {
		size_t zeroed = iter_zero(to, part);
		return zeroed != 0 ? (ssize_t)zeroed : -EFAULT;
	}
	struct page *p;
	int err = vm_object_get_page(o, at >> PAGE_SHIFT, OBJ_GET_CREATE, &p);
	if (err != 0)
		return err;
	size_t copied = copy_pages(to, &p, 1, within, part);
	return copied != 0 ? (ssize_t)copied : -EFAULT;
}

ssize_t
generic_file_read(struct file *f, struct iter *to, uint64_t *pos)
{
	struct vm_object *o = f->inode->object;
	uint64_t at = *pos, size = atomic_load_explicit(&o->size, memory_order_acquire);
	if (at >= size || to->count == 0) {
		if (to->count != 0)
			file_accessed(f); /* finding the end is access too */
		return 0;
	}
	size_t want = min(to->count, size - at), done = 0;
	ssize_t got = 0;
	while (done < want) {
		/* Uninitialised: only the first n are used. */
		struct page *pages[READ_BATCH] __attribute__((uninitialized));
		size_t within = at & PAGE_MASK;
		uint64_t span = (within + want - done + PAGE_MASK) >> PAGE_SHIFT;
		uint32_t n = object_find_pages(
			o, at >> PAGE_SHIFT, (uint32_t)min(span, (uint64_t)READ_BATCH), pages);
		size_t expect;
		if (likely(n != 0)) {
			expect = min(n * PAGE_SIZE - within, want - done);
			got = (ssize_t)copy_pages(to, pages, n, within, expect);
			if (got == 0)
				got = -EFAULT;
		} else {
			expect = min(PAGE_SIZE - within, want - done);
			got = read_missing(o, to, at, want - done);
		}
		if (unlikely(got < 0))
			break;
		done += (size_t)got;
		at += (uint64_t)got;
		if (unlikely((size_t)got != expect))
			break;
		sched_point();
	}
	*pos = at;
	file_accessed(f);
	return done != 0 ? (ssize_t)done : got;
}

/* The page at index, which is not there, with a reference; the page of zeroes where there is nothing to fill it from. */
static int
get_missing(struct vm_object *o, uint64_t index, struct page **out)
{
	if (o->ops->page_in != NULL || o->ops->supply != NULL)
		return vm_object_get_page(o, index, OBJ_GET_CREATE, out);
	*out = page_get(vm_zero_page);
	return 0;
}

ssize_t
generic_file_get_pages(struct file *f, uint64_t pos, size_t n, struct page **pages, uint32_t max)
{
	struct vm_object *o = f->inode->object;
	uint64_t size = atomic_load_explicit(&o->size, memory_order_acquire);
	file_accessed(f);
	if (pos >= size)
		return 0;
	size_t within = pos & PAGE_MASK;
	n = min(n, size - pos);
	n = min(n, max * PAGE_SIZE - within);
	uint32_t want = (uint32_t)((within + n + PAGE_MASK) >> PAGE_SHIFT), got = 0;
	int err = 0;
	while (got < want && err == 0) {
		uint64_t index = (pos >> PAGE_SHIFT) + got;
		uint32_t found = object_find_pages(o, index, want - got, pages + got);
		got += found;
		if (found == 0)
			err = get_missing(o, index, &pages[got]);
		if (found == 0 && err == 0)
			got++;
	}
	if (got == 0)
		return err;
	return (ssize_t)min(n, got * PAGE_SIZE - within);
}

int64_t
generic_file_seek(struct file *f, int64_t offset, int whence)
{
	uint64_t size = 0;
	if (f->inode->object != NULL)
		size = atomic_load_explicit(&f->inode->object->size, memory_order_relaxed);
	int64_t pos;
	switch (whence) {
	case SEEK_SET:
		pos = offset;
		break;
	case SEEK_CUR:
		if (add_overflow((int64_t)f->pos, offset, &pos))
			return -EINVAL;
		break;
	case SEEK_END:
		if (add_overflow((int64_t)size, offset, &pos))
			return -EINVAL;
		break;
	case SEEK_DATA:
	case SEEK_HOLE: /* holes are not told: all is data up to the end, where a hole begins */
		if (offset < 0 || (uint64_t)offset >= size)
			return -ENXIO;
		pos = whence == SEEK_DATA ? offset : (int64_t)size;
		break;
	default:
		return -EINVAL;
	}
	if (pos < 0)
		return -EINVAL;
	f->pos = (uint64_t)pos;
	return pos;
}

int
generic_file_mmap(struct file *f, struct vm_map_request *req)
{
	struct inode *i = f->inode;
	if (i->object == NULL)
		return -ENODEV;
	bool noexec = f->path.mount != NULL && (mount_flags(f->path.mount) & MS_NOEXEC);
	if (noexec || ((i->flags & INODE_UNSIGNED) && !(vfs_cred()->caps & CAP_UNSIGNED)))
		req->may &= ~VM_MAYEXEC;
	req->object = i->object;
	file_accessed(f);
	return 0;
}
