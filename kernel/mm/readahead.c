/* SPDX-License-Identifier: MIT */
/*
 * Read-ahead: pages that will be wanted soon are read before they are.
 *
 * Who reads in order is told by the cache itself: the longer the run of pages before the one that is wanted, the more
 * is read behind it. So any number of readers of one object are seen apart, and nothing has to be remembered.
 *
 * Pages on their way are in the object, locked. When they have arrived they are unlocked, and not up to date before
 * whoever wants one first has checked it (vm_object_ops.check): a page that nobody wants costs no check, and is
 * reclaimed as any other.
 */
#include "mm/object_impl.h"

#define AHEAD_MIN 4u
#define AHEAD_MAX 120u /* pages: as far as reading goes ahead of the reader */
#define RUN_LONG  64u  /* pages before the wanted one that give AHEAD_MAX */
#define RUN_PARTS \
	4u /* a window goes out in so many reads: as one part is used up, the next goes out */

/* How far to read ahead of index, by the run of pages before it; 0: not at all. */
static uint32_t
window(struct vm_object *o, uint64_t index) REQUIRES(o->lock)
{
	uint32_t run = 0;
	for (uint32_t back = 1; back <= RUN_LONG && back <= index; back *= 2) {
		if (radix_lookup(&o->pages, index - back) == NULL)
			break;
		run = back;
	}
	return run == 0 ? 0 : max(AHEAD_MIN, min(2 * run, AHEAD_MAX));
}

/* The first page in [from, to) that is not there; to: all are. */
static uint64_t
first_missing(struct vm_object *o, uint64_t from, uint64_t to) REQUIRES(o->lock)
{
	while (from < to && radix_lookup(&o->pages, from) != NULL)
		from++;
	return from;
}

/* Puts a locked page into the object at index; NULL: no memory to spare, or there is one. The reference is the caller's. */
static struct page *
create_locked(struct vm_object *o, uint64_t index)
{
	struct page *p = page_alloc(0, PAGE_SPARE, PAGE_OBJECT);
	if (p == NULL)
		return NULL;
	p->index = (uint32_t)index;
	atomic_store_explicit(&p->flags, PG_LOCKED, memory_order_release);
	page_get(p);
	if (vm_object_insert(o, p) != 0) {
		page_put(p);
		page_put(p);
		return NULL;
	}
	vm_lru_add(p);
	return p;
}

/* Reads what is missing of a run from first on, up to end; returns where the next run may begin. */
static uint64_t
read_run(struct vm_object *o, uint64_t first, uint64_t end)
{
	struct page *pages[VM_READ_MAX] __attribute__((uninitialized));
	uint32_t n = 0;
	while (n < VM_READ_MAX && first + n < end &&
		(pages[n] = create_locked(o, first + n)) != NULL)
		n++;
	if (n != 0)
		o->ops->start_read(o, pages, n);
	return n != 0 ? first + n : end;
}

void
vm_object_read_ahead(struct vm_object *o, uint64_t index)
{
	uint64_t count = min(vm_object_page_count(o), (uint64_t)UINT32_MAX);
	spin_lock(&o->lock);
	uint32_t n = window(o, index);
	uint64_t end = min(index + 1 + n, count);
	/* Enough is on its way when but the last part of the window is there. */
	uint64_t enough = index + 1 + n - n / RUN_PARTS;
	uint64_t from = end;
	if (index + 1 < end && radix_lookup(&o->pages, min(enough, end) - 1) == NULL)
		from = first_missing(o, index + 1, end);
	spin_unlock(&o->lock);
	while (from < end)
		from = read_run(o, from, end);
}

void
vm_object_will_need(struct vm_object *o, uint64_t first, uint64_t n)
{
	if (o->ops->start_read == NULL)
		return;
	uint64_t count = min(vm_object_page_count(o), (uint64_t)UINT32_MAX), end;
	if (add_overflow(first, n, &end) || end > count)
		end = count;
	while (first < end) {
		spin_lock(&o->lock);
		first = first_missing(o, first, end);
		spin_unlock(&o->lock);
		if (first < end)
			first = read_run(o, first, end);
	}
}

void
vm_page_read_done(struct page *p, int err)
{
	uint16_t state = p->object->ops->check != NULL ? PG_READ : PG_UPTODATE;
	if (err == 0)
		atomic_fetch_or_explicit(&p->flags, state, memory_order_release);
	vm_page_unlock(p);
	page_put(p);
}
