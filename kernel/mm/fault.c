/* SPDX-License-Identifier: MIT */
/*
 * Page faults.
 *
 * A fault holds s->lock for reading throughout, so areas stand still; other faults of the space, truncation and
 * reclaim change entries beside it. So each path prepares what may sleep (a page, a page's content), locks the leaf
 * table, looks again whether the entry is still what it was, and then sets it; if not, the access is just repeated.
 */
#include "mm/fault_impl.h"

static struct spinlock exec_sync_lock = SPINLOCK_INIT("exec_sync"); /* a leaf */

void
page_sync_exec(struct page *p)
{
	const uint32_t both = PG_EXEC_SYNCED | PG_EXEC_SYNCING;
	if (likely((vm_page_flags(p) & both) == PG_EXEC_SYNCED))
		return;
	spin_lock(
		&exec_sync_lock); /* who else maps it, in whatever space, waits until it is done */
	if (!(vm_page_flags(p) & PG_EXEC_SYNCED)) {
		/* The mark first: a write that comes in between takes it off again. */
		atomic_fetch_or_explicit(&p->flags, (uint16_t)both, memory_order_acq_rel);
		arch_mb();
		arch_sync_icache(page_to_virt(p), PAGE_SIZE);
		atomic_fetch_and_explicit(
			&p->flags, (uint16_t)~PG_EXEC_SYNCING, memory_order_release);
	}
	spin_unlock(&exec_sync_lock);
}

/* Notes that fork has entries to copy here. Many faults may do so at once. */
static inline void
mark_anon(struct vm_area *a)
{
	if (!atomic_load_explicit(&a->has_anon, memory_order_relaxed))
		atomic_store_explicit(&a->has_anon, true, memory_order_relaxed);
}

/*
 * Under the leaf lock, so that truncation, which unmaps after it took the page away, finds what is installed now. Nor may
 * it be a page that came to be behind the end meanwhile, of which truncation does not know.
 */
static bool
source_is_gone(const struct fault *f)
{
	if (likely(f->source == NULL))
		return false;
	struct vm_object *o = f->area->object;
	spin_lock(&o->lock);
	bool gone = f->source->object != o ||
		area_offset_at(f->area, f->va) >> PAGE_SHIFT >= vm_object_page_count(o);
	spin_unlock(&o->lock);
	return gone;
}

/* The page that an entry held loses that reference. */
static void
drop_replaced(struct vm_area *a, pte_t entry)
{
	struct page *old = phys_to_page(pte_paddr(entry));
	uint8_t kind = page_kind_of(old);
	if (kind == PAGE_ANON) {
		fault_count(&a->space->rss_anon, -1);
		page_put(old);
	} else if (kind == PAGE_OBJECT) {
		fault_count(space_object_rss(a->space, a->object), -1);
		page_put(old);
	}
}

int
fault_install_private(struct fault *f, pte_t expected, struct page *p)
{
	struct vm_area *a = f->area;
	pte_t entry = fault_entry(p, area_prot(a));
	mark_anon(a);
	spin_lock(&f->table->table_lock);
	bool gone = source_is_gone(f);
	if (unlikely(gone || pte_read(f->slot) != expected)) {
		spin_unlock(&f->table->table_lock);
		page_put(p);
		return gone ? -EAGAIN : 0;
	}
	if (likely(expected == 0)) {
		f->table->table_used++;
	} else {
		/* Break before make: no CPU may see two pages at one address. */
		pte_set_lazy(f->slot, 0);
		arch_tlb_flush_page(a->space, f->va);
	}
	arch_wmb(); /* the content before the entry */
	pte_set(f->slot, entry);
	spin_unlock(&f->table->table_lock);
	fault_count(&a->space->rss_anon, 1);
	if (unlikely(expected != 0))
		drop_replaced(a, expected);
	return 0;
}

/* The first touch of anonymous memory: a fresh page for a write, the shared zeroes for a read. */
static int
fault_anon(struct fault *f)
{
	if (likely(f->access & PROT_BIT_WRITE)) {
		struct page *p = page_alloc(0, PAGE_ZERO, PAGE_ANON);
		return p != NULL ? fault_install_private(f, 0, p) : -ENOMEM;
	}
	pte_t entry = fault_entry(vm_zero_page, area_prot(f->area) & ~PROT_BIT_WRITE);
	spin_lock(&f->table->table_lock);
	if (!pte_present(pte_read(f->slot))) {
		f->table->table_used++;
		pte_set(f->slot, entry);
	}
	spin_unlock(&f->table->table_lock);
	return 0;
}

struct page *
fault_copy_page(struct page *from)
{
	if (from == NULL)
		return page_alloc(0, PAGE_ZERO, PAGE_ANON);
	struct page *p = page_alloc(0, 0, PAGE_ANON);
	if (p != NULL)
		arch_copy_page(page_to_virt(p), page_to_virt(from));
	return p;
}

/* A write to a private page that is mapped read-only. The leaf table is locked, and is not when this returns. */
static int
write_private(struct fault *f, pte_t pte) NO_LOCK_ANALYSIS
{
	struct page *p = phys_to_page(pte_paddr(pte));
	if (page_kind_of(p) == PAGE_ANON && refcount_read(&p->refs) == 1) {
		/* Nobody else has it: it need not be copied. A debugger's write needs no more than that. */
		if (f->area->flags & VM_WRITE) {
			pte_set_lazy(f->slot, pte_mkwrite(pte_mkyoung(pte)));
			arch_tlb_flush_page(f->area->space, f->va);
		}
		spin_unlock(&f->table->table_lock);
		return 0;
	}
	struct page *from = p != vm_zero_page ? page_get(p) : NULL;
	spin_unlock(&f->table->table_lock);
	struct page *copy = fault_copy_page(from);
	int err = copy != NULL ? fault_install_private(f, pte, copy) : -ENOMEM;
	if (from != NULL)
		page_put(from);
	return err;
}

/* Something is mapped: it lacks the write permission, or is old, or another CPU's change is not seen here yet. */
static int
fault_present(struct fault *f) NO_LOCK_ANALYSIS
{
	spin_lock(&f->table->table_lock);
	pte_t pte = pte_read(f->slot);
	if (pte_present(pte)) {
		bool write = (f->access & PROT_BIT_WRITE) && !pte_writable(pte);
		if (write && !(f->area->flags & VM_SHARED))
			return write_private(f, pte);
		if (write)
			fault_make_shared_writable(f);
		else if (!pte_young(pte))
			pte_set(f->slot, pte_mkyoung(pte));
	}
	spin_unlock(&f->table->table_lock);
	return 0;
}

int
fault_in_area(struct vm_area *a, uint64_t va, uint32_t access)
{
	struct fault f = {.area = a, .va = va, .access = access};
	f.slot = arch_pt_alloc(a->space, va, &f.table);
	if (unlikely(f.slot == NULL))
		return -ENOMEM;
	if (pte_present(pte_read(f.slot)))
		return fault_present(&f);
	if (likely(a->object == NULL))
		return fault_anon(&f);
	if (a->object->flags & OBJ_DEVICE)
		return fault_device(&f);
	if ((access & PROT_BIT_WRITE) && !(a->flags & VM_SHARED))
		return fault_copy_object(&f);
	return fault_object(&f);
}

/* The area that holds addr, most often the one of the last fault; NULL: none does. */
static inline struct vm_area *
area_at(struct vm_space *s, uint64_t addr)
{
	struct vm_area *a = atomic_load_explicit(&s->hint, memory_order_relaxed);
	if (likely(a != NULL && addr >= a->start && addr < a->end))
		return a;
	a = area_find(&s->areas, addr);
	if (a == NULL)
		return NULL;
	if (a->start <= addr)
		atomic_store_explicit(&s->hint, a, memory_order_relaxed);
	return a;
}

int
vm_fault(struct vm_space *s, uint64_t addr, uint32_t access)
{
	if (unlikely(addr >= USER_END))
		return -EFAULT;
	for (;;) {
		rw_read_lock(&s->lock);
		struct vm_area *a = area_at(s, addr);
		bool grow = a != NULL && addr < a->start && (a->flags & VM_GROWSDOWN);
		int err = -EFAULT;
		if (likely(a != NULL && addr >= a->start)) {
			err = area_check_access(a, access);
			if (likely(err == 0))
				err = fault_in_area(a, round_down(addr, PAGE_SIZE), access);
		}
		rw_read_unlock(&s->lock);
		if (unlikely(grow)) {
			err = space_grow_stack(s, addr);
			if (err == 0)
				continue;
		}
		if (likely(err != -EAGAIN))
			return err;
	}
}
