/* SPDX-License-Identifier: MIT */
/* arch/mmu.h for the tests of files on the host: RAM is an array. */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include "core/types.h"

extern uint8_t mock_ram[];
extern uint8_t mock_pages[]; /* a descriptor for each page of it */

#define LINEAR_BASE  ((uintptr_t)mock_ram)
#define VMEMMAP_BASE ((uintptr_t)mock_pages)

#define PROT_BIT_READ  1u
#define PROT_BIT_WRITE 2u
#define PROT_BIT_EXEC  4u

struct arch_space {
	paddr_t root;
};

static inline void *
phys_to_virt(paddr_t pa)
{
	return mock_ram + pa;
}

static inline paddr_t
virt_to_phys(const void *va)
{
	return (paddr_t)((uintptr_t)va - LINEAR_BASE);
}

#endif
