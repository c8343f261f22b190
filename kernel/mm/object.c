/* SPDX-License-Identifier: MIT */
/*
 * VM objects: life, page look-up, creation and filling. Removal of pages: mm/truncate.c; under pressure: mm/reclaim.c.
 */
#include "mm/object.h"

#include "core/panic.h"
#include "core/sched.h"
#include "mm/object_impl.h"
#include "mm/slab.h"

#define PAGE_QUEUES 64 /* where threads wait for PG_LOCKED, by the page's hash */

static struct wait_queue page_queues[PAGE_QUEUES];
static struct slab_cache *anon_cache, *node_cache;
static struct spinlock borrow_lock =
	SPINLOCK_INIT("page_borrow"); /* pages that are given, see supply */

static struct radix_node *
node_alloc(void *ctx)
{
	return slab_alloc(node_cache, KM_ATOMIC | KM_ZERO);
}

static void
node_free(void *ctx, struct radix_node *node)
{
	slab_free(node_cache, node);
}

static const struct radix_memory node_memory = {.alloc = node_alloc, .free = node_free};

void
vm_object_system_init(void)
{
	anon_cache = slab_cache_create("vm_object", sizeof(struct vm_object), 0);
	node_cache = slab_cache_create("radix_node", sizeof(struct radix_node), 0);
	for (size_t i = 0; i < PAGE_QUEUES; i++)
		wait_queue_init(&page_queues[i], "page_queue");
}

void
vm_object_init(struct vm_object *o, const struct vm_object_ops *ops, uint32_t flags, void *owner)
{
	refcount_init(&o->refs, 1);
	o->flags = flags;
	o->ops = ops;
	spin_init(&o->lock, "vm_object");
	radix_init(&o->pages);
	o->nr_pages = 0;
	atomic_init(&o->size, 0);
	rwmutex_init(&o->map_lock, "vm_object_maps");
	list_init(&o->areas);
	atomic_init(&o->writable_maps, 0);
	o->device_base = 0;
	o->owner = owner;
}

void
vm_object_get(struct vm_object *o)
{
	refcount_get(&o->refs);
}

void
vm_object_put(struct vm_object *o)
{
	if (!refcount_put(&o->refs))
		return;
	DEBUG_ASSERT(list_empty(&o->areas));
	vm_object_drop_range(o, 0, UINT64_MAX);
	o->ops->destroy(o);
}

static void
anon_destroy(struct vm_object *o)
{
	slab_free(anon_cache, o);
}

static const struct vm_object_ops anon_ops = {.destroy = anon_destroy};

struct vm_object *
vm_object_create_anon(uint64_t size)
{
	struct vm_object *o = slab_alloc(anon_cache, 0);
	if (o == NULL)
		return NULL;
	vm_object_init(o, &anon_ops, OBJ_SHARED_ANON, NULL);
	atomic_init(&o->size, size);
	return o;
}

/* --- PG_LOCKED. --- */

static struct wait_queue *
page_queue(const struct page *p)
{
	return &page_queues[(page_to_pfn(p) * 0x9e3779b97f4a7c15ULL) >> 58];
}

_Static_assert(PAGE_QUEUES == 1 << (64 - 58), "the hash takes the top bits");

int
vm_page_wait_unlocked(struct page *p, uint32_t mode)
{
	return wait_event(page_queue(p), mode, DEADLINE_NEVER, !(vm_page_flags(p) & PG_LOCKED));
}

void
vm_page_unlock(struct page *p)
{
	atomic_fetch_and_explicit(&p->flags, (uint16_t)~PG_LOCKED, memory_order_release);
	wake_all(page_queue(p), 0);
}

/* --- Look-up. --- */

static void
mark_referenced(struct page *p, uint32_t flags)
{
	if ((flags & (PG_LRU | PG_REFERENCED)) == PG_LRU)
		atomic_fetch_or_explicit(&p->flags, PG_REFERENCED, memory_order_relaxed);
}

/* The page at index in whatever state, with a reference, or NULL. */
static struct page *
lookup(struct vm_object *o, uint64_t index)
{
	spin_lock(&o->lock);
	struct page *p = radix_lookup(&o->pages, index);
	if (p != NULL)
		page_get(p);
	spin_unlock(&o->lock);
	return p;
}

struct page *
vm_object_find_page(struct vm_object *o, uint64_t index)
{
	struct page *p = lookup(o, index);
	if (p == NULL)
		return NULL;
	uint32_t flags = vm_page_flags(p);
	if (!(flags & PG_UPTODATE)) {
		page_put(p);
		return NULL;
	}
	mark_referenced(p, flags);
	return p;
}

/* --- Creation. --- */

static int
charge(struct vm_object *o, int64_t n)
{
	return o->ops->charge != NULL ? o->ops->charge(o, n) : 0;
}

/*
 * Truncation makes the object smaller before it takes the lock to remove pages: what is inserted earlier is found, and who
 * comes later sees the size.
 */
static int
insert_locked(struct vm_object *o, struct page *p, uint32_t flags)
{
	bool behind = (flags & OBJ_GET_INSIDE) && p->index >= vm_object_page_count(o);
	p->object = o;
	int err = behind ? -EFBIG : radix_insert(&o->pages, p->index, p, &node_memory);
	if (err == 0)
		o->nr_pages++;
	else
		p->object = NULL;
	return err;
}

static int
insert(struct vm_object *o, struct page *p, uint32_t flags)
{
	int err;
	do {
		spin_lock(&o->lock);
		err = insert_locked(o, p, flags);
		spin_unlock(&o->lock);
	} while (err == -ENOMEM && vm_reclaim(16) != 0);
	return err;
}

int
vm_object_insert(struct vm_object *o, struct page *p)
{
	return insert(o, p, 0);
}

void
vm_object_remove_locked(struct vm_object *o, struct page *p)
{
	struct page *removed = radix_remove(&o->pages, p->index, &node_memory);
	ASSERT(removed == p);
	o->nr_pages--;
	p->object = NULL;
}

/*
 * Makes memory that a supply op named a page of the object: returns false when another object has it. A borrowed
 * page has no owner that frees it, so its count may go from 0 to 1 here.
 */
static bool
borrow(struct vm_object *o, struct page *p, uint32_t index)
{
	spin_lock(&borrow_lock);
	bool free = p->object == NULL;
	if (free) {
		if (!refcount_get_unless_zero(&p->refs))
			refcount_init(&p->refs, 1);
		p->object = o;
		p->index = index;
		atomic_store_explicit(&p->flags, PG_UPTODATE | PG_BORROWED, memory_order_relaxed);
		atomic_store_explicit(&p->kind, PAGE_OBJECT, memory_order_relaxed);
	}
	spin_unlock(&borrow_lock);
	return free;
}

/* -ENOENT: the object has no memory of its own for index. */
static int
create_supplied(struct vm_object *o, uint32_t index, struct page **out)
{
	struct page *p = NULL;
	int err = o->ops->supply(o, index, &p);
	if (err != 0)
		return err;
	/* What is not there now is there when the thread that borrowed it for this place has inserted it. */
	if (!borrow(o, p, index))
		return p->object == o && p->index == index ? -EEXIST : -ENOENT;
	page_get(p);
	err = vm_object_insert(o, p);
	if (err != 0) {
		page_put(p);
		page_put(p);
		return err;
	}
	*out = p;
	return 0;
}

/* Fills a page that is in the object, locked, or checks one that was read ahead; a failed one leaves it again. */
static int
fill(struct vm_object *o, struct page *p)
{
	uint32_t state = vm_page_flags(p);
	int err = state & PG_READ ? o->ops->check(o, p) : o->ops->page_in(o, p);
	if (likely(err == 0)) {
		atomic_fetch_or_explicit(&p->flags, PG_UPTODATE, memory_order_release);
		if ((o->flags & OBJ_RECLAIMABLE) && !(state & PG_LRU))
			vm_lru_add(p);
		vm_page_unlock(p);
		return 0;
	}
	vm_lru_remove(p);
	spin_lock(&o->lock);
	vm_object_remove_locked(o, p);
	spin_unlock(&o->lock);
	charge(o, -1);
	vm_page_unlock(p);
	page_put(p);
	page_put(p);
	return err == -ENOMEM ? -ENOMEM : -EIO;
}

static int
create_page(struct vm_object *o, uint32_t index, uint32_t flags, struct page **out)
{
	if (o->ops->supply != NULL) {
		int err = create_supplied(o, index, out);
		if (err != -ENOENT)
			return err;
	}
	int err = charge(o, 1);
	if (err != 0)
		return err;
	bool overwrite = flags & OBJ_GET_OVERWRITE, zeroes = !overwrite && o->ops->page_in == NULL;
	struct page *p = page_alloc(0, zeroes ? PAGE_ZERO : 0, PAGE_OBJECT);
	if (p == NULL) {
		charge(o, -1);
		return -ENOMEM;
	}
	p->index = index;
	*out = p;
	if (overwrite)
		return 0;
	atomic_store_explicit(&p->flags, zeroes ? PG_UPTODATE : PG_LOCKED, memory_order_release);
	page_get(p);
	err = insert(o, p, flags);
	if (err == 0)
		return zeroes ? 0 : fill(o, p);
	charge(o, -1);
	page_put(p);
	page_put(p);
	return err;
}

/*
 * Makes p, which was found not to be up to date, so: waits for who fills it, or, when nobody does, fills it. -EAGAIN:
 * look again (it may have left the object: who wants it then learns himself what keeps it from being filled). The
 * caller's reference remains only if this returns 0.
 */
static int
await_page(struct vm_object *o, struct page *p)
{
	if (vm_page_trylock(p)) {
		if (p->object == o && !vm_page_uptodate(p))
			return fill(o, p);
		vm_page_unlock(p);
		page_put(p);
		return -EAGAIN;
	}
	int err = vm_page_wait_unlocked(p, WAIT_KILLABLE);
	page_put(p);
	return err != 0 ? err : -EAGAIN;
}

int
vm_object_get_page(struct vm_object *o, uint64_t index, uint32_t flags, struct page **out)
{
	*out = NULL;
	for (;;) {
		struct page *p = lookup(o, index);
		if (p != NULL) {
			uint32_t state = vm_page_flags(p);
			if (likely(state & PG_UPTODATE)) {
				mark_referenced(p, state);
				*out = p;
				return 0;
			}
			int err = await_page(o, p);
			if (err == -EAGAIN)
				continue;
			*out = err == 0 ? p : NULL;
			return err;
		}
		if (!(flags & OBJ_GET_CREATE))
			return -ENOENT;
		if (index > UINT32_MAX)
			return -EFBIG;
		int err = create_page(o, (uint32_t)index, flags, out);
		if (err != -EEXIST) {
			if (err != 0)
				*out = NULL;
			return err;
		}
		sched_yield_thread(); /* whoever borrowed the page may still be on the way to insert it */
	}
}

/* --- Pages that were created to be overwritten. --- */

void
vm_object_cancel_page(struct vm_object *o, struct page *p)
{
	charge(o, -1);
	page_put(p);
}

int
vm_object_commit_page(struct vm_object *o, struct page *p)
{
	/* Locked, so that it cannot leave the object before it is on the list. */
	atomic_store_explicit(&p->flags, PG_UPTODATE | PG_DIRTY | PG_LOCKED, memory_order_release);
	for (;;) {
		page_get(p);
		int err = vm_object_insert(o, p);
		if (err == 0) {
			if (o->flags & OBJ_RECLAIMABLE)
				vm_lru_add(p);
			vm_page_unlock(p);
			return 0;
		}
		page_put(p);
		struct page *other = NULL;
		if (err == -EEXIST)
			err = vm_object_get_page(o, p->index, 0, &other);
		if (err == -ENOENT)
			continue;
		if (err != 0) {
			vm_page_unlock(p);
			vm_object_cancel_page(o, p);
			return err;
		}
		arch_copy_page(page_to_virt(other), page_to_virt(p));
		vm_page_written(other);
		page_put(other);
		vm_page_unlock(p); /* nobody ever saw it */
		charge(o, -1);
		return 0;
	}
}
