/* SPDX-License-Identifier: MIT */
/*
 * VM objects: the pages of something that can be mapped: a file's page cache, tmpfs file, shared anonymous memory,
 * a device window. read(2), exec and mmap all see the same pages.
 *
 * Locks: object->lock (spin) guards the page tree. A page leaves its object, is filled or is written back only by
 * whoever holds its PG_LOCKED, so page->object and page->index are stable for that one and under object->lock.
 * object->map_lock (rwmutex) guards the list of areas that map it (reverse map). Order: vm_space->lock,
 * PG_LOCKED, map_lock, leaf table lock, object->lock, LRU lock.
 *
 * ops run without any of these held but PG_LOCKED (page_in, write_back). They may be called from a page fault, so
 * also from within a copy to or from user memory: they must not take locks that are held across such copies.
 */
#ifndef MM_OBJECT_H
#define MM_OBJECT_H

#include "base/list.h"
#include "base/radix.h"
#include "core/mutex.h"
#include "core/refcount.h"
#include "mm/page.h"

struct vm_object;

struct vm_object_ops {
	/*
	 * Fills a new page (PG_LOCKED, not yet PG_UPTODATE, page->index set). 0 or -errno (-EIO: bad device or hash).
	 * May sleep. NULL: pages begin as zeroes.
	 */
	int (*page_in)(struct vm_object *o, struct page *p);
	/*
	 * Begins to fill n (at most VM_READ_MAX) pages with consecutive indices, as page_in does but for the check, and
	 * calls vm_page_read_done() once for each, then or later, in any order and context. Does not sleep for the
	 * device. NULL: nothing is read ahead.
	 */
	void (*start_read)(struct vm_object *o, struct page **pages, uint32_t n);
	/*
	 * Checks a page that start_read filled (PG_LOCKED), for the first who wants it: 0 or -errno. May sleep. NULL:
	 * there is nothing to check.
	 */
	int (*check)(struct vm_object *o, struct page *p);
	/*
	 * Names the page of memory that already holds index's content, verified (an initrd's). It takes no reference:
	 * the object marks the page PG_BORROWED and PAGE_OBJECT and counts references itself. -ENOENT: there is none,
	 * page_in is used, as also when another object has that page. Other errors fail the look-up. NULL: none ever.
	 */
	int (*supply)(struct vm_object *o, uint32_t index, struct page **p);
	/* Writes a dirty page back. NULL: pages are the only copy (tmpfs): never reclaimed. */
	int (*write_back)(struct vm_object *o, struct page *p);
	/* Charges (n > 0) or uncharges (n < 0) pages to whoever bounds the object (tmpfs size); -ENOSPC. NULL: unbounded,
	 * as is every OBJ_RECLAIMABLE object. */
	int (*charge)(struct vm_object *o, int64_t n);
	/* The last reference is gone; pages have been dropped. Frees the object. */
	void (*destroy)(struct vm_object *o);
};

#define OBJ_RECLAIMABLE 1u /* clean pages may be dropped under pressure and read again */
#define OBJ_SHARED_ANON 2u
#define OBJ_DEVICE      4u /* maps device memory: no page descriptors; device_base */

struct vm_object {
	refcount_t refs;
	uint32_t flags;                  /* [I] OBJ_* */
	const struct vm_object_ops *ops; /* [I] */
	struct spinlock lock;
	struct radix pages; /* [lock] index -> struct page *, each with a reference */
	uint64_t nr_pages;  /* [lock] */
	/* bytes; faults past the last page get SIGBUS. Owner's lock serialises changes */
	_Atomic uint64_t size;
	struct rwmutex map_lock;
	struct list_node areas;         /* [map_lock] struct vm_area.object_node */
	_Atomic uint32_t writable_maps; /* shared writable mappings (deny-write for exec, seals) */
	paddr_t device_base;            /* [I] OBJ_DEVICE */
	void *owner;                    /* [I] the inode or whoever embeds it */
};

/* One reference for the caller, no pages, size 0. */
void vm_object_init(
	struct vm_object *o, const struct vm_object_ops *ops, uint32_t flags, void *owner);
void vm_object_get(struct vm_object *o);
void vm_object_put(struct vm_object *o);

/*
 * The page at index, filled and up to date, with a reference for the caller (page_put()). Creates and fills it if
 * needed (OBJ_GET_CREATE), or returns -ENOENT. -EIO, -ENOMEM, -ENOSPC, -EFBIG, -ERESTARTSYS (killed while waiting).
 * May sleep.
 *
 * OBJ_GET_OVERWRITE (with CREATE): the caller will overwrite all of it, so a page that has to be created is neither
 * filled nor zeroed, and is not in the object yet: it comes back without PG_UPTODATE (vm_page_uptodate()), nobody
 * else sees it, and the caller fills it (all: what a failed copy from user memory left out, with zeroes), then calls
 * vm_object_commit_page(); or vm_object_cancel_page() to drop it. A page that exists comes back as without the flag.
 *
 * OBJ_GET_INSIDE (with CREATE): a page that has to be created must not lie behind the object's end: -EFBIG. For who does
 * not keep others from truncating it, as faults.
 */
#define OBJ_GET_CREATE    1u
#define OBJ_GET_OVERWRITE 2u
#define OBJ_GET_INSIDE    4u
int vm_object_get_page(
	struct vm_object *o, uint64_t index, uint32_t flags, struct page **out) MUST_CHECK;
/* Makes it the object's page at its index; a page that got there meanwhile takes over its content. Keeps the caller's
 * reference (page_put() as ever). -ENOMEM, -EIO, -ERESTARTSYS: the page was dropped with its reference. */
int vm_object_commit_page(struct vm_object *o, struct page *p) MUST_CHECK;
void vm_object_cancel_page(struct vm_object *o, struct page *p); /* drops the reference too */

/*
 * Read-ahead (mm/readahead.c), for objects with start_read. vm_object_read_ahead() is called from page_in and check
 * with the index that is wanted now: if the pages before it were read too, those behind it are begun to be read.
 * vm_object_will_need() begins to read what is missing of n pages from first on. Both stop where memory gets scarce.
 */
#define VM_READ_MAX 30u /* what one virtio-blk request carries, however the pages lie */
void vm_object_read_ahead(struct vm_object *o, uint64_t index);
void vm_object_will_need(struct vm_object *o, uint64_t first, uint64_t n);
/* A page of start_read is read (err 0) or could not be: then whoever wants it tries again. Any context. */
void vm_page_read_done(struct page *p, int err);

/* The page if it is present and up to date, with a reference; else NULL. Never sleeps. */
struct page *vm_object_find_page(struct vm_object *o, uint64_t index);

static inline uint32_t
vm_page_flags(const struct page *p)
{
	return atomic_load_explicit((_Atomic uint16_t *)&p->flags, memory_order_acquire);
}

static inline bool
vm_page_uptodate(const struct page *p)
{
	return (vm_page_flags(p) & PG_UPTODATE) != 0;
}

/* After the kernel wrote to an object's page through its own mapping (write(2)): it is dirty, its code is stale. */
static inline void
vm_page_written(struct page *p)
{
	arch_mb(); /* the bytes before the look: whoever sets or takes a mark now sees them */
	uint32_t flags = vm_page_flags(p);
	if (unlikely(flags & PG_EXEC_SYNCED))
		atomic_fetch_and_explicit(
			&p->flags, (uint16_t)~PG_EXEC_SYNCED, memory_order_relaxed);
	if (!(flags & PG_DIRTY))
		atomic_fetch_or_explicit(&p->flags, PG_DIRTY, memory_order_relaxed);
}

/* Drops pages wholly past size, zeroes the rest of the last one, unmaps them everywhere, sets o->size. */
void vm_object_truncate(struct vm_object *o, uint64_t size);
/*
 * Writes back what is dirty in pages first to last (inclusive), one page after the other; the first error, after
 * all were tried. For msync, fsync, and flushers. May sleep.
 */
int vm_object_write_back(struct vm_object *o, uint64_t first, uint64_t last) MUST_CHECK;
/* Drops clean, unmapped pages; returns how many. For reclaim and drop_caches. */
uint64_t vm_object_drop_clean(struct vm_object *o);
/* Punches bytes [start, end) (page aligned) out: unmapped but for private copies, dropped. */
void vm_object_punch(struct vm_object *o, uint64_t start, uint64_t end);

/* A page of zeroes, never written: what is read where there is no page. Whoever maps it takes no reference. */
extern struct page *vm_zero_page;

/* Shared anonymous memory of size bytes (MAP_SHARED|MAP_ANONYMOUS); one reference. NULL: out of memory. */
struct vm_object *vm_object_create_anon(uint64_t size) MUST_CHECK;

/*
 * Tries to free n pages: page cache (LRU, second chance), then what the shrinkers give, then slabs; returns how many
 * it freed. May sleep; takes no sleeping lock but by trying, so it may be called with any held.
 */
uint64_t vm_reclaim(uint64_t n);

/* A cache outside mm that can give memory back (names, inodes): shrink(n) frees about n things without waiting for locks. */
struct vm_shrinker {
	struct list_node node;
	uint64_t (*shrink)(uint64_t n); /* how many it freed */
};
void vm_register_shrinker(struct vm_shrinker *s); /* for ever; at boot or later */

/* How many pages of the cache reclaim looks at: those that can be read again. */
uint64_t vm_lru_pages(void);

/* Drops every clean page-cache page that is not in use; for leak checks (/proc/sys/vm/drop_caches). */
void vm_drop_caches(void);

#endif
