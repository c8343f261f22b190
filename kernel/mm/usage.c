/* SPDX-License-Identifier: MIT */
/* Counts what of an area is in memory, from its page tables. */
#include "mm/usage.h"

#include "core/sched.h"
#include "mm/space_impl.h"

static void
count_page(const struct vm_area *a, pte_t pte, struct vm_usage *u)
{
	const struct page *p = phys_to_page(pte_paddr(pte));
	uint8_t kind = page_kind_of(p);
	if (kind != PAGE_ANON && kind != PAGE_OBJECT)
		return;
	uint32_t refs = refcount_read(&p->refs), mappings = refs;
	bool dirty = true; /* there is no other copy of private and tmpfs memory */
	if (kind == PAGE_ANON) {
		u->anon++;
	} else {
		mappings = max(refs, 2u) - 1; /* one is the object's */
		if (a->object != NULL && (a->object->flags & OBJ_RECLAIMABLE))
			dirty = atomic_load_explicit(&p->flags, memory_order_relaxed) & PG_DIRTY;
	}
	if (mappings > 1)
		*(dirty ? &u->shared_dirty : &u->shared_clean) += 1;
	else
		*(dirty ? &u->private_dirty : &u->private_clean) += 1;
	u->referenced += pte_young(pte);
	u->share += PAGE_SIZE / max(mappings, 1u);
}

void
vm_area_usage(const struct vm_area *a, struct vm_usage *sum)
{
	if (a->object != NULL && (a->object->flags & OBJ_DEVICE))
		return;
	for (uint64_t va = a->start; va < a->end;) {
		struct page *table;
		uint64_t next;
		const pte_t *slot = arch_pt_find(a->space, va, &table, &next);
		if (slot == NULL) {
			va = next;
			continue;
		}
		uint64_t end = leaf_end(va, a->end);
		spin_lock(&table->table_lock);
		for (; va < end; va += PAGE_SIZE, slot++) {
			pte_t pte = pte_read(slot);
			if (pte_present(pte))
				count_page(a, pte, sum);
		}
		spin_unlock(&table->table_lock);
		sched_point();
	}
}
