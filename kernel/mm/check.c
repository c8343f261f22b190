/* SPDX-License-Identifier: MIT */
/*
 * Debug build: walks a space and compares what it claims with what is there: the areas' order, gaps and sums, the
 * page tables' entries against the areas that should hold them, and the counters.
 */
#include "core/panic.h"
#include "core/sched.h"
#include "mm/space_impl.h"

#ifdef SWOS_DEBUG

struct tally {
	int64_t anon, file, shmem;
	uint64_t total, locked;
	uint32_t areas;
	bool truncated; /* others may take private pages away beside the walk */
};

static uint64_t
max_gap_below(const struct rb_node *n)
{
	return n != NULL ? area_of(n)->max_gap : 0;
}

static void
check_tree(const struct vm_space *s, const struct vm_area *a, const struct vm_area *prev)
{
	uint64_t bottom = prev != NULL ? prev->end : 0;
	uint64_t gap = a->start - bottom, guard = a->flags & VM_GROWSDOWN ? AREA_STACK_GUARD : 0;
	uint64_t left = max_gap_below(a->node.left), right = max_gap_below(a->node.right);
	uint64_t below = left > right ? left : right;
	ASSERT(a->space == s && a->start < a->end && a->end <= USER_END && a->start >= bottom);
	ASSERT(is_aligned(a->start | a->end | a->offset, PAGE_SIZE));
	ASSERT(a->gap == (gap > guard ? gap - guard : 0));
	ASSERT(a->max_gap == (a->gap > below ? a->gap : below));
	ASSERT((a->flags & (VM_WRITE | VM_EXEC | VM_WX)) != (VM_WRITE | VM_EXEC));
}

static void
check_entry(const struct vm_area *a, pte_t pte, uint64_t va, struct tally *t)
{
	struct page *p = phys_to_page(pte_paddr(pte));
	uint8_t kind = page_kind_of(p);
	ASSERT(!pte_writable(pte) || (a->flags & VM_WRITE));
	ASSERT(!pte_exec(pte) || (a->flags & VM_EXEC));
	if (kind == PAGE_ANON) {
		ASSERT(!(a->flags & VM_SHARED) && atomic_load(&a->has_anon));
		ASSERT(!pte_writable(pte) || refcount_read(&p->refs) == 1);
		t->anon++;
	} else if (kind == PAGE_OBJECT) {
		ASSERT(a->object != NULL && p->index == area_offset_at(a, va) >> PAGE_SHIFT);
		ASSERT(p->object == a->object ||
			p->object == NULL); /* NULL: truncation is on its way here */
		ASSERT(!pte_writable(pte) || (a->flags & VM_SHARED));
		*(a->object->flags & OBJ_RECLAIMABLE ? &t->file : &t->shmem) += 1;
	} else {
		ASSERT(p == vm_zero_page && !pte_writable(pte) && a->object == NULL);
	}
}

/* One leaf table from va on; areas are looked up as the walk meets entries. Returns where the table ends. */
static uint64_t
check_leaf(struct vm_space *s, struct page *table, pte_t *slot, uint64_t va, struct tally *t)
{
	uint64_t end = leaf_end(va, USER_END);
	uint32_t used = 0;
	spin_lock(&table->table_lock);
	for (; va < end; va += PAGE_SIZE, slot++) {
		pte_t pte = pte_read(slot);
		if (!pte_present(pte))
			continue;
		used++;
		const struct vm_area *a = area_find(&s->areas, va);
		ASSERT(a != NULL && a->start <= va);
		if (a->object == NULL || !(a->object->flags & OBJ_DEVICE))
			check_entry(a, pte, va, t);
	}
	ASSERT(used == table->table_used);
	spin_unlock(&table->table_lock);
	return end;
}

void
vm_space_check(struct vm_space *s)
{
	struct tally t = {0};
	rw_write_lock(&s->lock); /* no faults meanwhile */
	const struct vm_area *prev = NULL;
	for (const struct vm_area *a = area_first(&s->areas); a != NULL;
		prev = a, a = area_next(a)) {
		check_tree(s, a, prev);
		uint64_t pages = (a->end - a->start) >> PAGE_SHIFT;
		t.areas++;
		t.total += pages;
		t.locked += a->flags & VM_LOCKED ? pages : 0;
		t.truncated |= a->object != NULL && !(a->flags & VM_SHARED) &&
			!(a->object->flags & OBJ_RECLAIMABLE);
	}
	ASSERT(t.areas == s->nr_areas && t.total == s->total_vm && t.locked == s->locked_vm);
	for (uint64_t va = 0; va < USER_END;) {
		struct page *table;
		uint64_t next;
		pte_t *slot = arch_pt_find(s, va, &table, &next);
		va = slot != NULL ? check_leaf(s, table, slot, va, &t) : next;
		sched_point();
	}
	/* Reclaim and truncation change objects' counts beside this walk; private pages go by truncation only. */
	ASSERT(t.truncated || t.anon == atomic_load(&s->rss_anon));
	rw_write_unlock(&s->lock);
}

#else

void
vm_space_check(struct vm_space *s)
{
}

#endif
