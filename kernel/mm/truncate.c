/* SPDX-License-Identifier: MIT */
/*
 * Pages leave their object: truncation, hole punching, the object's end; and dirty pages are written back.
 *
 * Truncation against faults: the size shrinks first, then pages leave the tree, then mappings go. A fault maps a page
 * under the leaf lock and object->lock, after a look at size and tree, so it either comes too late to find the page or
 * early enough for its entry to be found.
 */
#include <string.h>

#include "core/sched.h"
#include "mm/object_impl.h"

/* Waits, whatever happens, until somebody else's PG_LOCKED is gone. */
static void
wait_locked_page(struct page *p)
{
	while (vm_page_wait_unlocked(p, WAIT_UNINTERRUPTIBLE) != 0)
		;
}

void
vm_object_drop_range(struct vm_object *o, uint64_t first, uint64_t last)
{
	int64_t dropped = 0;
	for (uint64_t index = first;;) {
		spin_lock(&o->lock);
		struct page *p = index <= last ? radix_next(&o->pages, &index) : NULL;
		if (p == NULL || index > last) {
			spin_unlock(&o->lock);
			break;
		}
		if (!vm_page_trylock(p)) {
			page_get(p);
			spin_unlock(&o->lock);
			wait_locked_page(p);
			page_put(p);
			continue;
		}
		bool borrowed = vm_page_flags(p) & PG_BORROWED;
		vm_object_remove_locked(o, p);
		spin_unlock(&o->lock);
		vm_lru_remove(p);
		vm_page_unlock(p);
		page_put(p);
		dropped += borrowed ? 0 : 1;
		if (index++ == UINT64_MAX)
			break;
		sched_point();
	}
	if (dropped != 0 && o->ops->charge != NULL)
		(void)o->ops->charge(o, -dropped);
}

/* Bytes behind the end of the last page would show when the object grows again, or through a mapping. */
static void
zero_tail(struct vm_object *o, uint64_t size)
{
	uint64_t within = size & PAGE_MASK;
	struct page *p = within != 0 ? vm_object_find_page(o, size >> PAGE_SHIFT) : NULL;
	if (p == NULL)
		return;
	memset((uint8_t *)page_to_virt(p) + within, 0, PAGE_SIZE - within);
	vm_page_written(p);
	page_put(p);
}

void
vm_object_truncate(struct vm_object *o, uint64_t size)
{
	uint64_t old = atomic_load_explicit(&o->size, memory_order_relaxed);
	if (size >= old) {
		zero_tail(o, old);
		atomic_store_explicit(&o->size, size, memory_order_release);
		return;
	}
	atomic_store_explicit(&o->size, size, memory_order_release);
	uint64_t first = vm_object_page_count(o);
	vm_object_drop_range(o, first, UINT64_MAX);
	vm_rmap_unmap_range(o, first, UINT64_MAX, true);
	zero_tail(o, size);
}

void
vm_object_punch(struct vm_object *o, uint64_t start, uint64_t end)
{
	if (start >= end)
		return;
	uint64_t first = start >> PAGE_SHIFT, last = (end >> PAGE_SHIFT) - 1;
	vm_object_drop_range(o, first, last);
	vm_rmap_unmap_range(o, first, last, false);
}

/* --- Write-back. --- */

#define SCAN_BATCH 64 /* pages looked at before the object's lock is let go */

/* The first dirty page at or after *index within a batch, with a reference; *index is where to go on if there is none. */
static struct page *
scan_dirty(struct vm_object *o, uint64_t *index, uint64_t last)
{
	struct page *found = NULL;
	spin_lock(&o->lock);
	for (int i = 0; i < SCAN_BATCH && found == NULL; i++) {
		struct page *p = *index <= last ? radix_next(&o->pages, index) : NULL;
		if (p == NULL)
			*index = UINT64_MAX;
		else if (*index <= last && (vm_page_flags(p) & PG_DIRTY))
			found = page_get(p);
		else
			++*index;
		if (p == NULL)
			break;
	}
	spin_unlock(&o->lock);
	return found;
}

/* From here on, whoever writes marks it dirty again: the flag goes before the mappings become read-only. */
static int
write_back_locked(struct vm_object *o, struct page *p)
{
	atomic_fetch_and_explicit(&p->flags, (uint16_t)~PG_DIRTY, memory_order_acq_rel);
	vm_rmap_write_protect(o, p);
	int err = o->ops->write_back(o, p);
	if (err != 0)
		atomic_fetch_or_explicit(&p->flags, PG_DIRTY, memory_order_relaxed);
	return err;
}

int
vm_object_write_back(struct vm_object *o, uint64_t first, uint64_t last)
{
	if (!vm_object_tracks_dirty(o))
		return 0;
	last = min(last, (uint64_t)UINT32_MAX);
	int result = 0;
	for (uint64_t index = first; index <= last; sched_point()) {
		struct page *p = scan_dirty(o, &index, last);
		if (p == NULL)
			continue;
		if (!vm_page_trylock(p)) {
			wait_locked_page(p);
		} else {
			/* It may have left the object, or been written back, before it was locked. */
			int err = p->object == o && (vm_page_flags(p) & PG_DIRTY)
				? write_back_locked(o, p)
				: 0;
			vm_page_unlock(p);
			result = result == 0 ? err : result;
			index++;
		}
		page_put(p);
	}
	return result;
}
