/* SPDX-License-Identifier: MIT */
/* What the files of mm that deal with objects' pages share. */
#ifndef MM_OBJECT_IMPL_H
#define MM_OBJECT_IMPL_H

#include "core/wait.h"
#include "mm/object.h"

void vm_object_system_init(void);
void vm_reclaim_init(void);

/* PG_LOCKED. Whoever holds it also holds a reference to the page. */
static inline bool
vm_page_trylock(struct page *p)
{
	return (atomic_fetch_or_explicit(&p->flags, PG_LOCKED, memory_order_acquire) & PG_LOCKED) ==
		0;
}
void vm_page_unlock(struct page *p);
int vm_page_wait_unlocked(struct page *p, uint32_t mode) MUST_CHECK;

/*
 * Puts p, complete but for its place (p->index), into the object, which takes over one reference. -EEXIST: another
 * came first. -ENOMEM. After both p belongs to no object. May reclaim.
 */
int vm_object_insert(struct vm_object *o, struct page *p) MUST_CHECK;
/* Takes p out of the object: o->lock and p's PG_LOCKED are held. The object's reference passes to the caller. */
void vm_object_remove_locked(struct vm_object *o, struct page *p) REQUIRES(o->lock);
/* Drops pages first to last (inclusive), wherever they are mapped (which stays). May sleep. */
void vm_object_drop_range(struct vm_object *o, uint64_t first, uint64_t last);

/* The page cache's list: a page goes on it when it is filled, and leaves it before it leaves its object. */
void vm_lru_add(struct page *p);
void vm_lru_remove(struct page *p);

/* Number of pages that hold the object's bytes. */
static inline uint64_t
vm_object_page_count(const struct vm_object *o)
{
	uint64_t size = atomic_load_explicit((_Atomic uint64_t *)&o->size, memory_order_relaxed);
	return (size >> PAGE_SHIFT) + ((size & PAGE_MASK) != 0);
}

static inline bool
vm_object_tracks_dirty(const struct vm_object *o)
{
	return o->ops->write_back != NULL;
}

/*
 * Reverse map: o's areas that map pages [first, last]. even_private: also private copies of them (truncation).
 * May sleep: takes map_lock.
 */
void vm_rmap_unmap_range(struct vm_object *o, uint64_t first, uint64_t last, bool even_private);
/* Write-protects the page wherever it is mapped; takes map_lock. */
void vm_rmap_write_protect(struct vm_object *o, struct page *p);
/*
 * Unmaps p everywhere, unless it has been used since last asked, is locked in memory or map_lock is taken. The
 * caller holds PG_LOCKED. Returns whether p may be unmapped everywhere now (the caller looks at refs).
 */
bool vm_rmap_try_unmap_page(struct vm_object *o, struct page *p);

#endif
