/* SPDX-License-Identifier: MIT */
/*
 * Access to the memory of a space that need not be the running one: page by page, through the linear map, with the
 * page's leaf table locked, so that the page stays and stays where it is.
 */
#include <string.h>

#include "mm/space_impl.h"

/* Whether an entry can serve the access as it is: a private page is written only by its sole owner. */
static bool
entry_usable(const struct vm_area *a, pte_t pte, bool write)
{
	if (!pte_present(pte))
		return false;
	if (!write)
		return true;
	if (a->flags & VM_SHARED)
		return pte_writable(pte);
	struct page *p = phys_to_page(pte_paddr(pte));
	return page_kind_of(p) == PAGE_ANON && refcount_read(&p->refs) == 1;
}

static void
copy_piece(pte_t pte, uint64_t within, void *buf, size_t n, bool write)
{
	uint8_t *at = (uint8_t *)phys_to_virt(pte_paddr(pte)) + within;
	if (!write) {
		memcpy(buf, at, n);
		return;
	}
	memcpy(at, buf, n);
	if (pte_exec(pte))
		arch_sync_icache(at, n);
}

/* Copies what lies in one page if its entry allows; s->lock is held. */
static bool
try_piece(struct vm_area *a, uint64_t addr, void *buf, size_t n, bool write)
{
	struct page *table;
	uint64_t next;
	pte_t *slot = arch_pt_find(a->space, addr, &table, &next);
	if (slot == NULL)
		return false;
	spin_lock(&table->table_lock);
	pte_t pte = pte_read(slot);
	bool usable = entry_usable(a, pte, write);
	if (usable)
		copy_piece(pte, addr & PAGE_MASK, buf, n, write);
	spin_unlock(&table->table_lock);
	return usable;
}

static bool
access_allowed(const struct vm_area *a, bool write)
{
	if (a->object != NULL && (a->object->flags & OBJ_DEVICE))
		return false;
	if (!write)
		return (a->flags & VM_MAYREAD) != 0;
	return (a->flags & VM_WRITE) || (a->flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}

/* One page's part: 0 or -errno. */
static int
access_piece(struct vm_space *s, uint64_t addr, void *buf, size_t n, bool write)
{
	int err;
	bool done = false;
	do {
		rw_read_lock(&s->lock);
		struct vm_area *a = area_find(&s->areas, addr);
		err = a != NULL && a->start <= addr && access_allowed(a, write) ? 0 : -EFAULT;
		if (err == 0 && !(done = try_piece(a, addr, buf, n, write)))
			err = fault_in_area(a, round_down(addr, PAGE_SIZE),
				(write ? PROT_BIT_WRITE : PROT_BIT_READ));
		bool grow =
			err == -EFAULT && a != NULL && addr < a->start && (a->flags & VM_GROWSDOWN);
		rw_read_unlock(&s->lock);
		if (grow)
			err = space_grow_stack(s, addr);
	} while (!done && (err == 0 || err == -EAGAIN));
	return err;
}

ssize_t
vm_access(struct vm_space *s, uint64_t addr, void *buf, size_t n, bool write)
{
	size_t done = 0;
	if (addr >= USER_END)
		return -EFAULT;
	n = min(n, (size_t)(USER_END - addr));
	while (done < n) {
		uint64_t at = addr + done;
		size_t piece = min(n - done, PAGE_SIZE - (size_t)(at & PAGE_MASK));
		if (access_piece(s, at, (uint8_t *)buf + done, piece, write) != 0)
			break;
		done += piece;
	}
	return done != 0 || n == 0 ? (ssize_t)done : -EFAULT;
}
