/* SPDX-License-Identifier: MIT */
/* tmpfs: regular files. Writers hold inode->lock; user memory is copied straight into the object's pages. */
#include <string.h>

#include "core/sched.h"
#include "fs/tmp/tmpfs.h"
#include "mm/object.h"
#include "mm/space.h"
#include "proc/task.h"

#define WRITE_BATCH 16u /* pages looked up under one lock */
#define SEEK_BATCH  64u

static inline uint32_t
seals_of(const struct inode *i)
{
	return atomic_load_explicit(&tmpfs_node_of(i)->seals, memory_order_relaxed);
}

static inline uint64_t
size_of(const struct inode *i)
{
	return atomic_load_explicit(&i->object->size, memory_order_relaxed);
}

/* Fills pages that exist, and puts them; bytes, fewer than asked after a fault. */
static size_t
fill_pages(struct iter *from, struct page **pages, uint32_t n, size_t within, size_t bytes)
{
	size_t done = 0;
	for (uint32_t i = 0; i < n; i++) {
		size_t part = min(PAGE_SIZE - within, bytes - done);
		if (likely(part != 0)) {
			size_t copied = iter_copy_from(
				from, (uint8_t *)page_to_virt(pages[i]) + within, part);
			vm_page_written(pages[i]);
			done += copied;
			if (unlikely(copied != part))
				bytes = done;
		}
		within = 0;
		page_put(pages[i]);
	}
	return done;
}

/* A page that is not there yet. One that is written whole is not cleared first. Bytes or -errno. */
static ssize_t
fill_new_page(struct vm_object *o, struct iter *from, uint64_t at, size_t part)
{
	struct page *p;
	uint32_t flags = OBJ_GET_CREATE | (part == PAGE_SIZE ? OBJ_GET_OVERWRITE : 0);
	int err = vm_object_get_page(o, at >> PAGE_SHIFT, flags, &p);
	if (unlikely(err != 0))
		return err;
	uint8_t *to = (uint8_t *)page_to_virt(p) + (at & PAGE_MASK);
	size_t copied = iter_copy_from(from, to, part);
	if (vm_page_uptodate(p)) {
		vm_page_written(p);
	} else if (copied == 0) {
		vm_object_cancel_page(o, p);
		return -EFAULT;
	} else {
		memset(to + copied, 0, part - copied);
		err = vm_object_commit_page(o, p);
		if (err != 0)
			return err;
	}
	page_put(p);
	return copied != 0 ? (ssize_t)copied : -EFAULT;
}

/* Bytes written, or -errno if none. */
static ssize_t
write_object(struct vm_object *o, struct iter *from, uint64_t at, size_t want)
{
	size_t done = 0;
	while (done < want) {
		/* Uninitialised: only the first n are used. */
		struct page *pages[WRITE_BATCH] __attribute__((uninitialized));
		size_t within = at & PAGE_MASK, left = want - done;
		uint64_t span = (within + left + PAGE_MASK) >> PAGE_SHIFT;
		uint32_t n = object_find_pages(
			o, at >> PAGE_SHIFT, (uint32_t)min(span, (uint64_t)WRITE_BATCH), pages);
		ssize_t got;
		size_t expect;
		if (likely(n != 0)) {
			expect = min(n * PAGE_SIZE - within, left);
			got = (ssize_t)fill_pages(from, pages, n, within, expect);
			if (unlikely(got == 0))
				got = -EFAULT;
		} else {
			expect = min(PAGE_SIZE - within, left);
			got = fill_new_page(o, from, at, expect);
		}
		if (unlikely(got < 0))
			return done != 0 ? (ssize_t)done : got;
		done += (size_t)got;
		at += (uint64_t)got;
		if (unlikely((size_t)got != expect))
			break;
		sched_point();
	}
	return (ssize_t)done;
}

/* What is checked of a write of *want bytes at at, which may get shorter. */
static int
check_write(struct inode *i, uint64_t at, uint64_t size, size_t *want)
{
	uint32_t seals = seals_of(i);
	if (unlikely(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return -EPERM;
	if (unlikely((seals & F_SEAL_GROW) && at + *want > size)) {
		if (at >= size)
			return -EPERM;
		*want = size - at;
	}
	if (unlikely(at > INT64_MAX - *want)) {
		if (at >= INT64_MAX)
			return -EFBIG;
		*want = INT64_MAX - at;
	}
	return 0;
}

/* Writing takes the set-id bits off. */
static void
remove_set_ids(struct inode *i)
{
	if (likely(!(i->mode & (S_ISUID | S_ISGID))) || cred_can(vfs_cred(), LINUX_CAP_FSETID))
		return;
	i->mode &= ~S_ISUID;
	if (i->mode & 010)
		i->mode &= ~S_ISGID;
}

static ssize_t
tmpfs_write(struct file *f, struct iter *from, uint64_t *pos)
{
	struct inode *i = f->inode;
	struct vm_object *o = i->object;
	size_t want = from->count;
	if (want == 0)
		return 0;
	rw_write_lock(&i->lock);
	uint64_t size = size_of(i);
	uint64_t at = unlikely(file_appends(f, from)) ? size : *pos;
	ssize_t done = check_write(i, at, size, &want);
	if (unlikely(done != 0))
		goto out;
	/* What a mapping may have left behind the end becomes visible when the file grows over it. */
	if (unlikely(at > size))
		vm_object_truncate(o, size);
	done = write_object(o, from, at, want);
	if (likely(done > 0)) {
		at += (uint64_t)done;
		if (at > size)
			atomic_store_explicit(&o->size, at, memory_order_release);
		*pos = at;
		remove_set_ids(i);
		ktime_now(&i->mtime);
		i->ctime = i->mtime;
	}
out:
	rw_write_unlock(&i->lock);
	return done;
}

/*
 * A shared mapping that may become writable, of a file that may be sealed: counted first, then the seals are looked at;
 * who seals does it the other way round (memfd.c), so one of the two sees the other.
 */
static int
mmap_sealable(struct file *f, struct vm_map_request *req)
{
	struct inode *i = f->inode;
	atomic_fetch_add(&i->object->writable_maps, 1);
	if (likely(!(atomic_load(&tmpfs_node_of(i)->seals) &
		    (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))) {
		req->counted = true;
		return 0;
	}
	atomic_fetch_sub(&i->object->writable_maps, 1);
	if (req->prot & PROT_BIT_WRITE)
		return -EPERM;
	req->may &= ~VM_MAYWRITE;
	return 0;
}

static int
tmpfs_mmap(struct file *f, struct vm_map_request *req)
{
	int err = 0;
	if (req->shared && (req->may & VM_MAYWRITE) && unlikely(seals_of(f->inode) != F_SEAL_SEAL))
		err = mmap_sealable(f, req);
	return err != 0 ? err : generic_file_mmap(f, req);
}

/* Zeroes [start, end), which lies within one page, if the page is there. */
static void
zero_within(struct vm_object *o, uint64_t start, uint64_t end)
{
	struct page *p = start < end ? vm_object_find_page(o, start >> PAGE_SHIFT) : NULL;
	if (p == NULL)
		return;
	memset((uint8_t *)page_to_virt(p) + (start & PAGE_MASK), 0, end - start);
	vm_page_written(p);
	page_put(p);
}

static void
punch(struct vm_object *o, uint64_t start, uint64_t end)
{
	uint64_t first = round_up(start, (uint64_t)PAGE_SIZE),
		 last = round_down(end, (uint64_t)PAGE_SIZE);
	if (first > last) { /* all in one page */
		zero_within(o, start, end);
		return;
	}
	zero_within(o, start, first);
	vm_object_punch(o, first, last);
	zero_within(o, last, end);
}

/* The next page at or after *index, which becomes its index; false: there is none. */
static bool
next_page(struct vm_object *o, uint64_t *index)
{
	spin_lock(&o->lock);
	bool found = radix_next(&o->pages, index) != NULL;
	spin_unlock(&o->lock);
	return found;
}

/* The next index from index on where no page is. */
static uint64_t
next_gap(struct vm_object *o, uint64_t index)
{
	for (bool gap = false; !gap; sched_point()) {
		spin_lock(&o->lock);
		for (uint32_t n = 0; n < SEEK_BATCH && !gap; n++) {
			gap = radix_lookup(&o->pages, index) == NULL;
			index += !gap;
		}
		spin_unlock(&o->lock);
	}
	return index;
}

/* SEEK_DATA and SEEK_HOLE: a page that is there is data, whatever is in it. */
static int64_t
tmpfs_seek(struct file *f, int64_t offset, int whence)
{
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return generic_file_seek(f, offset, whence);
	struct vm_object *o = f->inode->object;
	uint64_t size = size_of(f->inode), from = (uint64_t)offset;
	if (offset < 0 || from >= size)
		return -ENXIO;
	uint64_t index = from >> PAGE_SHIFT;
	if (whence == SEEK_HOLE)
		index = next_gap(o, index);
	else if (!next_page(o, &index) || index << PAGE_SHIFT >= size)
		return -ENXIO;
	f->pos = min(max(from, index << PAGE_SHIFT), size);
	return (int64_t)f->pos;
}

/* Makes the pages of [start, end); those that it made before it failed are there. */
static int
allocate(struct vm_object *o, uint64_t start, uint64_t end)
{
	for (uint64_t at = round_down(start, (uint64_t)PAGE_SIZE); at < end; at += PAGE_SIZE) {
		struct page *p;
		int err = vm_object_get_page(o, at >> PAGE_SHIFT, OBJ_GET_CREATE, &p);
		if (err != 0)
			return err;
		page_put(p);
		if (signal_pending())
			return -EINTR;
		sched_point();
	}
	return 0;
}

static int
tmpfs_fallocate(struct file *f, uint32_t mode, uint64_t offset, uint64_t len)
{
	struct inode *i = f->inode;
	uint64_t end = offset + len; /* at most INT64_MAX: checked by the caller */
	bool hole = mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	if (!hole && (mode & ~FALLOC_FL_KEEP_SIZE) != 0)
		return -EOPNOTSUPP;
	rw_write_lock(&i->lock);
	uint64_t size = size_of(i);
	uint32_t seals = seals_of(i);
	bool grows = !(mode & FALLOC_FL_KEEP_SIZE) && end > size;
	int err = 0;
	if ((hole && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))) ||
		(grows && (seals & F_SEAL_GROW)))
		err = -EPERM;
	else if (hole)
		punch(i->object, offset, min(end, max(size, offset)));
	else
		err = allocate(i->object, offset, end);
	/* What it made behind the end goes; before it, holes stay filled: somebody may have written there meanwhile. */
	if (err != 0 && !hole && end > size)
		vm_object_punch(i->object, round_up(max(offset, size), (uint64_t)PAGE_SIZE),
			round_up(end, (uint64_t)PAGE_SIZE));
	if (err == 0 && grows)
		vm_object_truncate(i->object, end);
	if (err == 0) {
		ktime_now(&i->mtime);
		i->ctime = i->mtime;
	}
	rw_write_unlock(&i->lock);
	return err;
}

const struct file_ops tmpfs_file_ops = {
	.read = generic_file_read,
	.get_pages = generic_file_get_pages,
	.write = tmpfs_write,
	.mmap = tmpfs_mmap,
	.seek = tmpfs_seek,
	.fallocate = tmpfs_fallocate,
};
