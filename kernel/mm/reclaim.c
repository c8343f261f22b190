/* SPDX-License-Identifier: MIT */
/*
 * Memory comes back from the page cache: pages of reclaimable objects stand on one list, oldest first. Reclaim takes
 * them from the front; a page that was used since it was last looked at goes to the back once more.
 *
 * A page is examined under its PG_LOCKED, taken under the LRU lock: nothing takes a locked page out of its object, so
 * the object lives meanwhile. Reclaim waits for no lock, since whoever runs out of memory may hold any of them.
 */
#include "arch/mmu.h"
#include "core/sched.h"
#include "mm/kmap.h"
#include "mm/object_impl.h"
#include "mm/slab.h"

static struct spinlock lru_lock = SPINLOCK_INIT("lru");
static struct list_node lru = LIST_INIT(lru); /* [lru_lock] */
static uint64_t lru_count;                    /* [lru_lock] */

static struct mutex shrinker_lock;
static struct list_node shrinkers = LIST_INIT(shrinkers); /* [shrinker_lock] */

#define RECLAIM_IDLE  1u /* only pages that nobody maps; used or not */
#define RECLAIM_BATCH 32u

void
vm_reclaim_init(void)
{
	mutex_init(&shrinker_lock, "shrinkers");
}

void
vm_lru_add(struct page *p)
{
	if (vm_page_flags(p) & PG_BORROWED)
		return;
	spin_lock(&lru_lock);
	atomic_fetch_or_explicit(&p->flags, PG_LRU, memory_order_relaxed);
	list_add_tail(&lru, &p->lru);
	lru_count++;
	spin_unlock(&lru_lock);
}

void
vm_lru_remove(struct page *p)
{
	if (!(vm_page_flags(p) & PG_LRU))
		return;
	spin_lock(&lru_lock);
	if (vm_page_flags(p) & PG_LRU) {
		atomic_fetch_and_explicit(&p->flags, (uint16_t)~PG_LRU, memory_order_relaxed);
		list_del(&p->lru);
		lru_count--;
	}
	spin_unlock(&lru_lock);
}

uint64_t
vm_lru_pages(void)
{
	spin_lock(&lru_lock);
	uint64_t n = lru_count;
	spin_unlock(&lru_lock);
	return n;
}

/*
 * The oldest page that is not locked, off the list, locked, with a reference. *budget bounds how many pages are
 * looked at; those passed over go to the back. NULL: none.
 */
static struct page *
isolate(uint64_t *budget)
{
	struct page *found = NULL;
	spin_lock(&lru_lock);
	while (found == NULL && *budget != 0 && !list_empty(&lru)) {
		--*budget;
		struct page *p = list_first_entry(&lru, struct page, lru);
		list_del(&p->lru);
		if (!vm_page_trylock(p)) {
			list_add_tail(&lru, &p->lru);
			continue;
		}
		atomic_fetch_and_explicit(&p->flags, (uint16_t)~PG_LRU, memory_order_relaxed);
		lru_count--;
		found = page_get(p);
	}
	spin_unlock(&lru_lock);
	return found;
}

/* Takes a locked page that only the object and the caller refer to out of the object. */
static bool
try_drop(struct vm_object *o, struct page *p)
{
	spin_lock(&o->lock);
	bool drop = refcount_read(&p->refs) == 2 && !(vm_page_flags(p) & PG_DIRTY);
	if (drop)
		vm_object_remove_locked(o, p);
	spin_unlock(&o->lock);
	return drop;
}

/* Whether a page may go now: it has not been used lately, is clean, and could be unmapped. */
static bool
reclaimable(struct vm_object *o, struct page *p, uint32_t flags)
{
	uint32_t state = vm_page_flags(p);
	if (state & PG_DIRTY)
		return false;
	if (flags & RECLAIM_IDLE)
		return true;
	if (state & PG_REFERENCED) {
		atomic_fetch_and_explicit(
			&p->flags, (uint16_t)~PG_REFERENCED, memory_order_relaxed);
		return false;
	}
	return refcount_read(&p->refs) == 2 || vm_rmap_try_unmap_page(o, p);
}

static uint64_t
reclaim_pages(uint64_t n, uint32_t flags)
{
	spin_lock(&lru_lock);
	/* Twice round the list: once to clear the marks, once to take. */
	uint64_t budget = lru_count * (flags & RECLAIM_IDLE ? 1 : 2);
	spin_unlock(&lru_lock);
	uint64_t freed = 0;
	struct page *p;
	while (freed < n && (p = isolate(&budget)) != NULL) {
		struct vm_object *o = p->object;
		bool dropped = reclaimable(o, p, flags) && try_drop(o, p);
		if (!dropped)
			vm_lru_add(p);
		/* The object may be gone from here on: the lock on its page is what kept it. */
		vm_page_unlock(p);
		if (dropped) {
			page_put(p);
			freed++;
		}
		page_put(p);
	}
	return freed;
}

static uint64_t
run_shrinkers(uint64_t n) NO_LOCK_ANALYSIS
{
	uint64_t freed = 0;
	if (!mutex_trylock(&shrinker_lock))
		return 0;
	struct vm_shrinker *s;
	list_for_each_entry (s, &shrinkers, node)
		freed += s->shrink(n);
	mutex_unlock(&shrinker_lock);
	return freed;
}

void
vm_register_shrinker(struct vm_shrinker *s)
{
	mutex_lock(&shrinker_lock);
	list_add_tail(&shrinkers, &s->node);
	mutex_unlock(&shrinker_lock);
}

uint64_t
vm_reclaim(uint64_t n)
{
	uint64_t freed = reclaim_pages(n, 0);
	if (freed < n) {
		freed += run_shrinkers(max(n - freed, (uint64_t)RECLAIM_BATCH));
		freed += slab_drain();
	}
	return freed;
}

void
vm_drop_caches(void)
{
	run_shrinkers(UINT64_MAX);
	reclaim_pages(UINT64_MAX, RECLAIM_IDLE);
	kstack_drain();
	slab_drain();
	arch_pt_drain();
}

uint64_t
vm_object_drop_clean(struct vm_object *o)
{
	uint64_t dropped = 0;
	if (!(o->flags & OBJ_RECLAIMABLE))
		return 0;
	for (uint64_t index = 0;; index++) {
		spin_lock(&o->lock);
		struct page *p = radix_next(&o->pages, &index);
		if (p == NULL) {
			spin_unlock(&o->lock);
			break;
		}
		bool drop = refcount_read(&p->refs) == 1 &&
			!(vm_page_flags(p) & (PG_DIRTY | PG_BORROWED)) && vm_page_trylock(p);
		if (drop)
			vm_object_remove_locked(o, p);
		spin_unlock(&o->lock);
		if (drop) {
			vm_lru_remove(p);
			vm_page_unlock(p);
			page_put(p);
			dropped++;
		}
		sched_point();
	}
	return dropped;
}
