/* SPDX-License-Identifier: MIT */
/*
 * The reverse map: from an object's pages to the page tables that map them, by the list of areas. An area's tables
 * live as long as it is on the list.
 */
#include "mm/space_impl.h"

/* The addresses in a at which it maps pages [first, last]; false if there are none. */
static bool
area_maps(const struct vm_area *a, uint64_t first, uint64_t last, uint64_t *start, uint64_t *end)
{
	uint64_t from = a->offset >> PAGE_SHIFT, pages = (a->end - a->start) >> PAGE_SHIFT;
	if (last < from || first >= from + pages)
		return false;
	*start = a->start + (first > from ? (first - from) << PAGE_SHIFT : 0);
	*end = last - from < pages ? a->start + ((last - from + 1) << PAGE_SHIFT) : a->end;
	return true;
}

void
vm_rmap_unmap_range(struct vm_object *o, uint64_t first, uint64_t last, bool even_private)
{
	__attribute__((uninitialized)) struct zap z; /* see zap_begin() */
	rw_read_lock(&o->map_lock);
	struct vm_area *a;
	list_for_each_entry (a, &o->areas, object_node) {
		uint64_t start, end;
		if (!area_maps(a, first, last, &start, &end))
			continue;
		zap_begin(&z, a->space);
		zap_range(&z, a, start, end,
			ZAP_BESIDE_FAULTS | (even_private ? ZAP_ALL : ZAP_OBJECT_PAGES));
		zap_finish(&z);
	}
	rw_read_unlock(&o->map_lock);
}

/* A page's entry in one area, its leaf table locked. */
struct mapping {
	struct page *table;
	pte_t *slot;
	uint64_t va;
};

/* Finds where a maps p, and locks; false (nothing locked): it does not. */
static bool
mapping_lock(const struct vm_area *a, const struct page *p, struct mapping *m) NO_LOCK_ANALYSIS
{
	uint64_t end, next;
	if (!area_maps(a, p->index, p->index, &m->va, &end))
		return false;
	m->slot = arch_pt_find(a->space, m->va, &m->table, &next);
	if (m->slot == NULL)
		return false;
	spin_lock(&m->table->table_lock);
	pte_t pte = pte_read(m->slot);
	if (pte_present(pte) && pte_paddr(pte) == page_to_phys(p))
		return true;
	spin_unlock(&m->table->table_lock);
	return false;
}

void
vm_rmap_write_protect(struct vm_object *o, struct page *p) NO_LOCK_ANALYSIS
{
	rw_read_lock(&o->map_lock);
	struct vm_area *a;
	list_for_each_entry (a, &o->areas, object_node) {
		struct mapping m;
		if (!(a->flags & VM_SHARED) || !mapping_lock(a, p, &m))
			continue;
		pte_t pte = pte_read(m.slot);
		bool writable = pte_writable(pte);
		if (writable)
			pte_set_lazy(m.slot, pte_wrprotect(pte));
		spin_unlock(&m.table->table_lock);
		if (writable)
			arch_tlb_flush_page(a->space, m.va);
	}
	rw_read_unlock(&o->map_lock);
}

/* Unmaps p from one area, or only marks its entry old when it was used. Returns false in that case. */
static bool
unmap_unless_used(struct vm_area *a, struct page *p) NO_LOCK_ANALYSIS
{
	struct mapping m;
	if (!mapping_lock(a, p, &m))
		return true;
	pte_t pte = pte_read(m.slot);
	bool unmap = !pte_young(pte) && !(a->flags & VM_LOCKED);
	if (unmap) {
		pte_set_lazy(m.slot, 0);
		m.table->table_used--;
	} else {
		pte_set_lazy(m.slot, pte_mkold(pte));
	}
	/*
	 * Without this an entry that was marked old would keep being used unnoticed. Under the lock: a fault may make
	 * the entry anew at once, with another page.
	 */
	arch_tlb_flush_page(a->space, m.va);
	spin_unlock(&m.table->table_lock);
	if (!unmap)
		return false;
	atomic_fetch_sub_explicit(space_object_rss(a->space, a->object), 1, memory_order_relaxed);
	page_put(p);
	return true;
}

bool
vm_rmap_try_unmap_page(struct vm_object *o, struct page *p) NO_LOCK_ANALYSIS
{
	if (!rw_read_trylock(&o->map_lock))
		return false;
	bool unmapped = true;
	struct vm_area *a;
	list_for_each_entry (a, &o->areas, object_node)
		unmapped &= unmap_unless_used(a, p);
	rw_read_unlock(&o->map_lock);
	return unmapped;
}
