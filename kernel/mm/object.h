/* SPDX-License-Identifier: MIT */
/*
 * VM objects: the pages of something that can be mapped: a file's page cache, tmpfs file, shared anonymous memory,
 * a device window. read(2), exec and mmap all see the same pages.
 *
 * Locks: object->lock (spin) guards the page tree and pages' object/index; page filling happens with PG_LOCKED and
 * no lock. object->map_lock (rwmutex) guards the list of areas that map it (reverse map). Order: vm_space->lock,
 * map_lock, leaf table lock, object->lock.
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
	 * May sleep. NULL: pages begin as zeroes. An op may instead give its own page: see supply.
	 */
	int (*page_in)(struct vm_object *o, struct page *p);
	/* Gives an existing page of memory for index, verified and uptodate (an initrd's), or -errno; *p gets a reference. NULL: none. */
	int (*supply)(struct vm_object *o, uint32_t index, struct page **p);
	/* Writes a dirty page back. NULL: pages are the only copy (tmpfs): never reclaimed. */
	int (*write_back)(struct vm_object *o, struct page *p);
	/* Charges (n > 0) or uncharges (n < 0) pages to whoever bounds the object (tmpfs size); -ENOSPC. NULL: unbounded. */
	int (*charge)(struct vm_object *o, int64_t n);
	/* The last reference is gone; pages have been dropped. Frees the object. */
	void (*destroy)(struct vm_object *o);
};

#define OBJ_RECLAIMABLE 1u /* clean pages may be dropped under pressure and read again */
#define OBJ_SHARED_ANON 2u
#define OBJ_DEVICE      4u /* maps device memory: no page descriptors; device_base */

struct vm_object {
	refcount_t refs;
	uint32_t flags;                   /* [I] OBJ_* */
	const struct vm_object_ops *ops;  /* [I] */
	struct spinlock lock;
	struct radix pages;               /* [lock] index -> struct page * */
	uint64_t nr_pages;                /* [lock] */
	_Atomic uint64_t size;            /* bytes; faults at or past the last page get SIGBUS. Owner's lock serialises changes */
	struct rwmutex map_lock;
	struct list_node areas;           /* [map_lock] struct vm_area.object_node */
	_Atomic uint32_t writable_maps;   /* shared writable mappings (deny-write for exec, seals) */
	paddr_t device_base;              /* [I] OBJ_DEVICE */
	void *owner;                      /* [I] the inode or whoever embeds it */
};

void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops, uint32_t flags, void *owner);
void vm_object_get(struct vm_object *o);
void vm_object_put(struct vm_object *o);

/*
 * The page at index, filled and up to date, with a reference for the caller (page_put()). Creates and fills it if
 * needed (OBJ_GET_CREATE), or returns -ENOENT. -EIO, -ENOMEM, -ENOSPC, -ERESTARTSYS (killed while waiting). May sleep.
 */
#define OBJ_GET_CREATE    1u
#define OBJ_GET_OVERWRITE 2u /* the caller will overwrite all of it: do not fill a new page; caller marks it uptodate */
int vm_object_get_page(struct vm_object *o, uint64_t index, uint32_t flags, struct page **out) MUST_CHECK;
/* The page if it is present and up to date, with a reference; else NULL. Never sleeps. */
struct page *vm_object_find_page(struct vm_object *o, uint64_t index);

/* Drops pages wholly past size, zeroes the rest of the last one, unmaps them everywhere, sets o->size. */
void vm_object_truncate(struct vm_object *o, uint64_t size);
/* Drops clean, unmapped pages; returns how many. For reclaim and drop_caches. */
uint64_t vm_object_drop_clean(struct vm_object *o);
/* Punches [start, end) (page aligned) out: unmapped everywhere, dropped. */
void vm_object_punch(struct vm_object *o, uint64_t start, uint64_t end);

/* Shared anonymous memory of size bytes (MAP_SHARED|MAP_ANONYMOUS); one reference. NULL: out of memory. */
struct vm_object *vm_object_create_anon(uint64_t size) MUST_CHECK;

/* Tries to free n pages of page cache (LRU, second chance), then slabs; returns how many it freed. May sleep. */
uint64_t vm_reclaim(uint64_t n);
/* Drops every clean page-cache page that is not in use; for leak checks (/proc/sys/vm/drop_caches). */
void vm_drop_caches(void);

#endif
