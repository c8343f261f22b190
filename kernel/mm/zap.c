/* SPDX-License-Identifier: MIT */
/*
 * Removing pages from page tables. An entry is cleared under its leaf table's lock; the page it held is freed only
 * after the TLBs have forgotten it, in batches: one flush for up to ZAP_BATCH pages.
 */
#include "core/sched.h"
#include "mm/space_impl.h"

struct zap_counts {
	int32_t anon, object;
};

/* Clears one entry, if it is to go, and collects its page. */
static inline bool
zap_entry(struct zap *z, pte_t *slot, uint32_t what, struct zap_counts *counts)
{
	pte_t pte = pte_read(slot);
	if (!pte_present(pte))
		return false;
	struct page *p = phys_to_page(pte_paddr(pte));
	uint8_t kind = page_kind_of(p);
	if ((what & ZAP_OBJECT_PAGES) && kind != PAGE_OBJECT)
		return false;
	pte_set_lazy(slot, 0);
	if (kind == PAGE_ANON) {
		counts->anon++;
		z->pages[z->count++] = p;
	} else if (kind == PAGE_OBJECT) {
		counts->object++;
		z->pages[z->count++] = p;
	}
	return true;
}

/*
 * Steps over empty entries, eight at a time: most of a large area is never touched. What the last seven hold is looked
 * at one by one.
 */
static inline uint64_t
skip_empty(pte_t **slot, uint64_t va, uint64_t end)
{
	const pte_t *p = *slot;
	while (end - va >= 8 * PAGE_SIZE &&
		(p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) == 0) {
		p += 8;
		va += 8 * PAGE_SIZE;
	}
	*slot = (pte_t *)p;
	return va;
}

/* Clears entries from va on within one leaf table, until end or until the batch is full; returns where it stopped. */
static uint64_t
zap_leaf(struct zap *z, struct page *table, pte_t *slot, uint64_t va, uint64_t end, uint32_t what,
	struct zap_counts *counts)
{
	uint64_t first = UINT64_MAX, last = 0;
	spin_lock(&table->table_lock);
	uint16_t used = table->table_used;
	for (; va < end && used != 0 && z->count < ZAP_BATCH; va += PAGE_SIZE, slot++) {
		if (pte_read(slot) == 0) {
			va = skip_empty(&slot, va, end);
			if (va == end)
				break;
		}
		if (!zap_entry(z, slot, what, counts))
			continue;
		used--;
		first = min(first, va);
		last = va + PAGE_SIZE;
	}
	if (used == 0)
		va = end;
	table->table_used = used;
	if (!(what & ZAP_BESIDE_FAULTS)) {
		z->start = min(z->start, first);
		z->end = max(z->end, last);
	} else if (first < last) {
		arch_tlb_flush_range(z->space, first, last);
	}
	spin_unlock(&table->table_lock);
	return va;
}

void
zap_finish(struct zap *z)
{
	if (z->start < z->end)
		arch_tlb_flush_range(z->space, z->start, z->end);
	for (uint32_t i = 0; i < z->count; i++)
		page_put(z->pages[i]);
	zap_begin(z, z->space);
}

/* Device memory has no descriptors: its entries are just cleared. */
static void
zap_device(struct zap *z, struct page *table, pte_t *slot, uint64_t va, uint64_t end)
{
	spin_lock(&table->table_lock);
	for (uint64_t at = va; at < end; at += PAGE_SIZE, slot++) {
		if (pte_present(pte_clear(slot)))
			table->table_used--;
	}
	spin_unlock(&table->table_lock);
	z->start = min(z->start, va);
	z->end = max(z->end, end);
}

void
zap_range(struct zap *z, struct vm_area *a, uint64_t start, uint64_t end, uint32_t what)
{
	bool device = a->object != NULL && (a->object->flags & OBJ_DEVICE);
	struct vm_space *s = a->space;
	struct zap_counts counts = {0};
	for (uint64_t va = start; va < end;) {
		struct page *table;
		uint64_t next;
		pte_t *slot = arch_pt_find(s, va, &table, &next);
		if (slot == NULL) {
			va = next;
			continue;
		}
		uint64_t stop = leaf_end(va, end);
		if (device) {
			zap_device(z, table, slot, va, stop);
			va = stop;
			continue;
		}
		va = zap_leaf(z, table, slot, va, stop, what, &counts);
		if (z->count == ZAP_BATCH)
			zap_finish(z);
		if (va < end)
			sched_point();
	}
	if (counts.anon != 0)
		atomic_fetch_sub_explicit(&s->rss_anon, counts.anon, memory_order_relaxed);
	if (counts.object != 0)
		atomic_fetch_sub_explicit(
			space_object_rss(s, a->object), counts.object, memory_order_relaxed);
}

/*
 * No lock and no flush: nobody else walks the tables, and what TLBs hold belongs to an ASID that no thread runs with
 * again. Entries are cleared all the same: a table that is known to be empty is used again without being zeroed.
 */
void
zap_dead_area(struct vm_area *a)
{
	if (a->object != NULL && (a->object->flags & OBJ_DEVICE))
		return;
	for (uint64_t va = a->start; va < a->end;) {
		struct page *table;
		uint64_t next;
		pte_t *slot = arch_pt_find(a->space, va, &table, &next);
		if (slot == NULL) {
			va = next;
			continue;
		}
		uint64_t stop = leaf_end(va, a->end);
		uint16_t used = table->table_used;
		for (; va < stop && used != 0; va += PAGE_SIZE, slot++) {
			pte_t pte = pte_read(slot);
			if (pte == 0) {
				va = skip_empty(&slot, va, stop);
				if (va == stop)
					break;
				pte = pte_read(slot);
			}
			if (!pte_present(pte))
				continue;
			used--;
			pte_set_lazy(slot, 0);
			struct page *p = phys_to_page(pte_paddr(pte));
			uint8_t kind = page_kind_of(p);
			if (kind == PAGE_ANON || kind == PAGE_OBJECT)
				page_put(p);
		}
		table->table_used = used;
		va = stop;
		sched_point();
	}
}
