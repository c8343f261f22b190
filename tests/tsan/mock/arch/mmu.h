/* SPDX-License-Identifier: MIT */
/* arch/mmu.h for the tests of files on the host: physical addresses are the host's virtual ones. */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include "core/types.h"

#define LINEAR_BASE  0ULL
#define VMEMMAP_BASE 0x100000000000ULL

#define PROT_BIT_READ  1u
#define PROT_BIT_WRITE 2u
#define PROT_BIT_EXEC  4u

struct arch_space {
	paddr_t root;
};

static inline void *
phys_to_virt(paddr_t pa)
{
	return (void *)pa;
}

static inline paddr_t
virt_to_phys(const void *va)
{
	return (paddr_t)va;
}

#endif
