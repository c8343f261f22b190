/* SPDX-License-Identifier: MIT */
/* arch/mmu.h for mm_test.c: the kernel's regions at addresses that a host process has free. */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include "core/types.h"

struct vm_space;

#define LINEAR_BASE  0x200000000000ULL
#define VMEMMAP_BASE 0x280000000000ULL
#define KMAP_BASE    0x300000000000ULL
#define KMAP_END     0x380000000000ULL
#define LINEAR_MAX   (1ULL << 40)

static inline void *
phys_to_virt(paddr_t pa)
{
	return (void *)(LINEAR_BASE + pa);
}

static inline paddr_t
virt_to_phys(const void *va)
{
	return (paddr_t)va - LINEAR_BASE;
}

#define PROT_BIT_READ   1u
#define PROT_BIT_WRITE  2u
#define PROT_BIT_DEVICE 16u

int kernel_map(uint64_t va, paddr_t pa, size_t size, uint32_t prot) MUST_CHECK;
void kernel_unmap(uint64_t va, size_t size);
uint64_t arch_pt_drain(void);
void arch_clear_page(void *page);

struct arch_space {
	paddr_t root;
};

#endif
