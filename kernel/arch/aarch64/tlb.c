/* SPDX-License-Identifier: MIT */
/*
 * TLB maintenance for user addresses. The architecture broadcasts it: each flush first makes the changed entries
 * visible to all table walkers (dsb ishst), and waits for its completion everywhere (dsb ish).
 *
 * The identifier is read after the first barrier. A space without one was never installed, so there is nothing to
 * flush; one whose identifier is of an old generation is flushed under its old number, which at worst costs the
 * number's new owner some misses: what CPUs cached for the space itself goes with the rollover's flush.
 */
#include "arch/mmu.h"

#include "mm/space.h"

#define RANGE_PAGES_MAX 64u /* beyond that, the whole identifier is cheaper */
#define PAGE_BITS       ((1ULL << 44) - 1)

/* The identifier in the place where tlbi operands have it; 0: none. */
static inline uint64_t
asid_operand(struct vm_space *space)
{
	pte_barrier();
	return atomic_load_explicit(&space->arch.asid, memory_order_relaxed) << 48;
}

static inline void
flush_done(void)
{
	__asm__ volatile("dsb ish" : : : "memory");
}

static inline void
flush_one(uint64_t asid, uint64_t va)
{
	__asm__ volatile("tlbi vale1is, %0"
		:
		: "r"(asid | (va >> PAGE_SHIFT & PAGE_BITS))
		: "memory");
}

void
arch_tlb_flush_page(struct vm_space *space, uint64_t va)
{
	uint64_t asid = asid_operand(space);
	if (asid == 0)
		return;
	flush_one(asid, va);
	flush_done();
}

void
arch_tlb_flush_space(struct vm_space *space)
{
	uint64_t asid = asid_operand(space);
	if (asid == 0)
		return;
	__asm__ volatile("tlbi aside1is, %0" : : "r"(asid) : "memory");
	flush_done();
}

void
arch_tlb_flush_range(struct vm_space *space, uint64_t start, uint64_t end)
{
	if ((end - start) >> PAGE_SHIFT > RANGE_PAGES_MAX) {
		arch_tlb_flush_space(space);
		return;
	}
	uint64_t asid = asid_operand(space);
	if (asid == 0)
		return;
	for (uint64_t va = start; va < end; va += PAGE_SIZE)
		flush_one(asid, va);
	flush_done();
}
