/* SPDX-License-Identifier: MIT */
/*
 * mprotect: area by area, each completely or not at all; what lies before a hole or a refusal stays changed, as on
 * Linux. Entries that gain permissions gain them by faults, except for reading and executing.
 */
#include "core/sched.h"
#include "mm/space_impl.h"

/* The entry for a page under a new protection. Write permission comes by the next write's fault, if at all. */
static pte_t
protected_entry(const struct vm_area *a, pte_t pte, uint32_t prot)
{
	bool device = a->object != NULL && (a->object->flags & OBJ_DEVICE);
	if (device)
		return pte_make(pte_paddr(pte), (prot & ~PROT_BIT_EXEC) | PROT_BIT_DEVICE);
	if (!pte_writable(pte))
		prot &= ~PROT_BIT_WRITE;
	if (prot & PROT_BIT_EXEC)
		page_sync_exec(phys_to_page(pte_paddr(pte)));
	pte_t entry = pte_make(pte_paddr(pte), prot);
	return pte_young(pte) ? entry : pte_mkold(entry);
}

/* Rewrites the entries of one leaf table; *first and *last grow over what must be flushed. */
static void
protect_leaf(const struct vm_area *a, struct page *table, pte_t *slot, uint64_t va, uint64_t end,
	uint64_t *first, uint64_t *last)
{
	uint32_t prot = area_prot(a);
	spin_lock(&table->table_lock);
	uint32_t left = table->table_used;
	for (; va < end && left != 0; va += PAGE_SIZE, slot++) {
		pte_t pte = pte_read(slot);
		if (!pte_present(pte))
			continue;
		left--;
		pte_t entry = protected_entry(a, pte, prot);
		if (entry == pte)
			continue;
		pte_set_lazy(slot, entry);
		*first = min(*first, va);
		*last = max(*last, va + PAGE_SIZE);
	}
	spin_unlock(&table->table_lock);
}

static void
protect_pages(struct vm_area *a)
{
	uint64_t first = UINT64_MAX, last = 0;
	for (uint64_t va = a->start; va < a->end;) {
		struct page *table;
		uint64_t next, stop = leaf_end(va, a->end);
		pte_t *slot = arch_pt_find(a->space, va, &table, &next);
		if (slot == NULL) {
			va = next;
			continue;
		}
		protect_leaf(a, table, slot, va, stop, &first, &last);
		va = stop;
		sched_point();
	}
	if (first < last)
		arch_tlb_flush_range(a->space, first, last);
}

/* Whether the area may get the protection; its flags with it. 0, -EACCES, -ENOMEM. */
static int
check_protect(const struct vm_space *s, const struct vm_area *a, uint64_t start, uint64_t end,
	uint32_t prot, uint32_t *flags)
{
	*flags = (a->flags & ~VM_PROT_MASK) | prot;
	if ((prot << VM_MAY_SHIFT) & ~a->flags)
		return -EACCES;
	int err = space_check_wx(s, flags);
	if (err != 0)
		return err;
	bool becomes_data = (prot & VM_WRITE) && !(a->flags & (VM_WRITE | VM_SHARED));
	if (!becomes_data)
		return 0;
	uint64_t len = min(a->end, end) - max(a->start, start);
	if (s->data_vm + (len >> PAGE_SHIFT) > s->limit_data >> PAGE_SHIFT)
		return -ENOMEM;
	return space_check_commit(*flags, a->object, len);
}

/* Changes the part of [start, end) that lies in *area, which becomes the area that part is in. */
static int
protect_area(struct vm_space *s, struct vm_area **area, uint64_t start, uint64_t end, uint32_t prot,
	struct list_node *dead)
{
	uint32_t flags;
	int err = check_protect(s, *area, start, end, prot, &flags);
	if (err != 0 || flags == (*area)->flags)
		return err;
	err = space_isolate(s, area, start, end);
	if (err != 0)
		return err;
	space_set_flags(s, *area, flags);
	protect_pages(*area);
	*area = space_merge_below(s, *area, dead);
	return 0;
}

static int
protect_locked(
	struct vm_space *s, uint64_t start, uint64_t end, uint32_t prot, struct list_node *dead)
{
	struct vm_area *a = area_find(&s->areas, start);
	for (uint64_t at = start; at < end; at = a->end, a = area_next(a)) {
		if (a == NULL || a->start > at)
			return -ENOMEM;
		int err = protect_area(s, &a, at, end, prot, dead);
		if (err != 0)
			return err;
		if (a->end >= end)
			break;
	}
	space_merge_at(s, end, dead);
	return 0;
}

int
vm_protect(struct vm_space *s, uint64_t addr, uint64_t len, uint32_t prot)
{
	uint64_t end;
	if (prot & ~VM_PROT_MASK)
		return -EINVAL;
	int err = user_pages(addr, len, &end);
	if (err != 0 || end == addr)
		return err == -EINVAL && is_aligned(addr, PAGE_SIZE) ? -ENOMEM : err;
	/* Before anything is changed: never both, not even where the first areas could not have it anyway. */
	uint32_t flags = prot;
	err = space_check_wx(s, &flags);
	if (err != 0)
		return err;
	struct list_node dead = LIST_INIT(dead);
	rw_write_lock(&s->lock);
	err = protect_locked(s, addr, end, prot, &dead);
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	return err;
}
