/* SPDX-License-Identifier: MIT */
/* arch/mmu.h for the tests of CPUs on the host: there are no address spaces. */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include "core/types.h"

#define LINEAR_BASE  0ULL
#define VMEMMAP_BASE 0x100000000000ULL

struct vm_space;

struct arch_space {
	paddr_t root;
};

void arch_space_switch(struct vm_space *space);

#endif
