/* SPDX-License-Identifier: MIT */
/* What mm/fault.c and mm/fault_object.c share. */
#ifndef MM_FAULT_IMPL_H
#define MM_FAULT_IMPL_H

#include "mm/space_impl.h"

struct fault {
	struct vm_area *area;
	uint64_t va;     /* page aligned */
	uint32_t access; /* PROT_BIT_* */
	pte_t *slot;
	struct page *table;  /* the leaf table's */
	struct page *source; /* the object's page that a new private one is a copy of, or NULL */
};

static inline void
fault_count(_Atomic int64_t *counter, int64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline pte_t
fault_entry(struct page *p, uint32_t prot)
{
	if (unlikely(prot & PROT_BIT_EXEC))
		page_sync_exec(p);
	return pte_make(page_to_phys(p), prot);
}

/*
 * Puts a private page, complete, where the entry still is what it was (0: empty); takes over its reference. The page
 * that was there loses the entry's. Returns 0 also when another thread was faster, and -EAGAIN when f->source has
 * left its object: then the page was dropped.
 */
int fault_install_private(struct fault *f, pte_t expected, struct page *p) MUST_CHECK;
/* A private copy of a page that the caller holds a reference to (NULL: of the zero page). NULL: out of memory. */
struct page *fault_copy_page(struct page *from) MUST_CHECK;

int fault_object(struct fault *f) MUST_CHECK;
int fault_copy_object(struct fault *f) MUST_CHECK;
int fault_device(struct fault *f) MUST_CHECK;
void fault_make_shared_writable(struct fault *f);

#endif
