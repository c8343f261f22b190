/* SPDX-License-Identifier: MIT */
/*
 * AArch64: arch/mmu.h's leaf entries.
 *
 * The hardware updates nothing (no hardware access flag, no DBM): an old entry has AF clear and faults when it is
 * touched; a page is dirty once its entry has been writable (PTE_SW_DIRTY). An entry that user mode may not access
 * at all (PROT_NONE) is present but not valid, so that the kernel cannot be made to access it either.
 */
#ifndef AARCH64_MMU_IMPL_H
#define AARCH64_MMU_IMPL_H

#include <aarch64/mmu_regs.h>

/* The TTBR1 root: boot code fills in the image and the linear map, kernel_map() the rest. */
extern pte_t kernel_root_table[512];

static inline pte_t
pte_attributes(uint32_t prot)
{
	if (prot & PROT_BIT_DEVICE)
		return PTE_ATTR(MAIR_DEVICE);
	if (prot & PROT_BIT_NOCACHE)
		return PTE_ATTR(MAIR_NC) | PTE_SH_INNER;
	return PTE_ATTR(MAIR_NORMAL) | PTE_SH_INNER;
}

/* Finds out about ASIDs and PAN, installs the empty user table: once, after page_init(), before any user space. */
void mmu_init(void);

/* prot: PROT_BIT_*. WRITE and EXEC imply READ; PROT_BIT_USER alone is PROT_NONE. */
static inline pte_t
pte_make(paddr_t pa, uint32_t prot)
{
	pte_t p = pa | PTE_SW_PRESENT | PTE_TABLE | PTE_AF | pte_attributes(prot);
	if (prot & PROT_BIT_USER) {
		p |= PTE_NG | PTE_PXN;
		if (prot & (PROT_BIT_READ | PROT_BIT_WRITE | PROT_BIT_EXEC))
			p |= PTE_VALID | PTE_USER;
		p |= (prot & PROT_BIT_EXEC) && !(prot & PROT_BIT_DEVICE) ? 0 : PTE_UXN;
	} else {
		p |= PTE_VALID | PTE_UXN;
		p |= (prot & PROT_BIT_EXEC) && !(prot & PROT_BIT_DEVICE) ? PTE_GP : PTE_PXN;
	}
	p |= prot & PROT_BIT_WRITE ? PTE_SW_DIRTY : PTE_RDONLY;
	return p;
}

static inline bool
pte_present(pte_t p)
{
	return (p & PTE_SW_PRESENT) != 0;
}

static inline bool
pte_writable(pte_t p)
{
	return (p & (PTE_VALID | PTE_RDONLY)) == PTE_VALID;
}

/* Whether user mode may execute it. */
static inline bool
pte_exec(pte_t p)
{
	return (p & (PTE_VALID | PTE_UXN)) == PTE_VALID;
}

static inline bool
pte_young(pte_t p)
{
	return (p & PTE_AF) != 0;
}

static inline bool
pte_dirty(pte_t p)
{
	return (p & PTE_SW_DIRTY) != 0;
}

static inline paddr_t
pte_paddr(pte_t p)
{
	return p & PTE_ADDR_MASK;
}

/* Keeps the entry dirty if it was. */
static inline pte_t
pte_wrprotect(pte_t p)
{
	return p | PTE_RDONLY;
}

static inline pte_t
pte_mkwrite(pte_t p)
{
	return (p & ~PTE_RDONLY) | PTE_SW_DIRTY;
}

/* Clean and therefore read-only: the next write faults and makes it dirty again. */
static inline pte_t
pte_mkclean(pte_t p)
{
	return (p & ~PTE_SW_DIRTY) | PTE_RDONLY;
}

static inline pte_t
pte_mkold(pte_t p)
{
	return p & ~PTE_AF;
}

static inline pte_t
pte_mkyoung(pte_t p)
{
	return p | PTE_AF;
}

static inline pte_t
pte_read(const pte_t *slot)
{
	return *(const volatile pte_t *)slot;
}

static inline void
pte_set_lazy(pte_t *slot, pte_t p)
{
	*(volatile pte_t *)slot = p;
}

static inline void
pte_barrier(void)
{
	__asm__ volatile("dsb ishst" : : : "memory");
}

static inline void
pte_set(pte_t *slot, pte_t p)
{
	pte_set_lazy(slot, p);
	pte_barrier();
}

/* No exchange: nobody but the holder of the table's lock writes entries. */
static inline pte_t
pte_clear(pte_t *slot)
{
	pte_t old = pte_read(slot);
	pte_set_lazy(slot, 0);
	return old;
}

#endif
