/* SPDX-License-Identifier: MIT */
/* Page faults in mappings of objects: see mm/fault.c. */
#include "mm/fault_impl.h"

static inline uint64_t
object_index(const struct fault *f)
{
	return area_offset_at(f->area, f->va) >> PAGE_SHIFT;
}

/* What an object's page may be mapped with: private ones are copied when written, tracked ones marked dirty first. */
static inline uint32_t
object_prot(const struct vm_area *a)
{
	uint32_t prot = area_prot(a);
	if (!(a->flags & VM_SHARED) || vm_object_tracks_dirty(a->object))
		prot &= ~PROT_BIT_WRITE;
	return prot;
}

#define AROUND_PAGES 16u /* a fault maps what is cached of an aligned run of so many pages */
_Static_assert(LEAF_SPAN % (AROUND_PAGES * PAGE_SIZE) == 0, "a run lies in one leaf table");

/*
 * Maps the cached pages around f->va, which lies within the object, where nothing is mapped yet. Leaf table and
 * object are locked. Returns how many.
 */
static uint32_t
map_around(struct fault *f)
{
	struct vm_area *a = f->area;
	uint64_t va = max(round_down(f->va, AROUND_PAGES * PAGE_SIZE), a->start);
	uint64_t end =
		min(round_down(f->va, AROUND_PAGES * PAGE_SIZE) + AROUND_PAGES * PAGE_SIZE, a->end);
	uint64_t index = area_offset_at(a, va) >> PAGE_SHIFT;
	uint64_t left = vm_object_page_count(a->object) - index;
	uint64_t n = min((end - va) >> PAGE_SHIFT, left);
	pte_t *slot = f->slot - ((f->va - va) >> PAGE_SHIFT);
	uint32_t prot = object_prot(a), mapped = 0;
	void **cached = NULL;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = index + i;
		if (i == 0 || at % RADIX_SLOTS == 0)
			cached = radix_leaf(&a->object->pages, at);
		struct page *p = cached != NULL ? cached[at % RADIX_SLOTS]
						: radix_lookup(&a->object->pages, at);
		if (p == NULL || !vm_page_uptodate(p) || pte_present(pte_read(&slot[i])))
			continue;
		page_get(p);
		pte_set_lazy(&slot[i], fault_entry(p, prot));
		mapped++;
	}
	f->table->table_used += (uint16_t)mapped;
	pte_barrier();
	return mapped;
}

/* The entry maps a shared page read-only so far. The leaf table is locked. */
void
fault_make_shared_writable(struct fault *f)
{
	pte_t pte = pte_read(f->slot);
	if (vm_object_tracks_dirty(f->area->object))
		vm_page_written(phys_to_page(pte_paddr(pte)));
	pte_set_lazy(f->slot, pte_mkwrite(pte_mkyoung(pte)));
	arch_tlb_flush_page(f->area->space, f->va);
}

/* Maps the object's page if it is cached, and its neighbours. -EAGAIN: it is not; -ENXIO: it lies past the end. */
static int
map_cached(struct fault *f)
{
	struct vm_object *o = f->area->object;
	uint64_t index = object_index(f);
	uint32_t mapped = 0;
	int err = 0;
	spin_lock(&f->table->table_lock);
	if (!pte_present(pte_read(f->slot))) {
		spin_lock(&o->lock);
		struct page *p = radix_lookup(&o->pages, index);
		if (index >= vm_object_page_count(o))
			err = -ENXIO;
		else if (p == NULL || !vm_page_uptodate(p))
			err = -EAGAIN;
		else
			mapped = map_around(f);
		spin_unlock(&o->lock);
	}
	if (err == 0 && (f->access & PROT_BIT_WRITE) && !pte_writable(pte_read(f->slot)))
		fault_make_shared_writable(f);
	spin_unlock(&f->table->table_lock);
	if (mapped != 0)
		fault_count(space_object_rss(f->area->space, o), mapped);
	return err;
}

/* Errors of getting an object's page, as faults report them. */
static int
page_error(int err)
{
	if (err == -ENOMEM || err == -ERESTARTSYS)
		return err;
	return err == -EFBIG ? -ENXIO : -EIO;
}

int
fault_object(struct fault *f)
{
	struct page *held = NULL;
	int err;
	/* What was read in is held until it is mapped, so that reclaim does not take it away again. */
	while ((err = map_cached(f)) == -EAGAIN) {
		if (held != NULL)
			page_put(held);
		err = vm_object_get_page(
			f->area->object, object_index(f), OBJ_GET_CREATE | OBJ_GET_INSIDE, &held);
		if (err != 0)
			return page_error(err);
	}
	if (held != NULL)
		page_put(held);
	return err;
}

/* A write to a private mapping where nothing is mapped yet: copies the page without mapping the original first. */
int
fault_copy_object(struct fault *f)
{
	struct vm_object *o = f->area->object;
	uint64_t index = object_index(f);
	if (index >= vm_object_page_count(o))
		return -ENXIO;
	struct page *from;
	int err = vm_object_get_page(o, index, OBJ_GET_CREATE | OBJ_GET_INSIDE, &from);
	if (err != 0)
		return page_error(err);
	f->source = from;
	struct page *copy = fault_copy_page(from);
	err = copy != NULL ? fault_install_private(f, 0, copy) : -ENOMEM;
	page_put(from);
	return err;
}

int
fault_device(struct fault *f)
{
	struct vm_area *a = f->area;
	if (object_index(f) >= vm_object_page_count(a->object))
		return -ENXIO;
	uint32_t prot = (area_prot(a) & ~PROT_BIT_EXEC) | PROT_BIT_DEVICE;
	spin_lock(&f->table->table_lock);
	if (!pte_present(pte_read(f->slot))) {
		f->table->table_used++;
		pte_set(f->slot, pte_make(a->object->device_base + area_offset_at(a, f->va), prot));
	}
	spin_unlock(&f->table->table_lock);
	return 0;
}
