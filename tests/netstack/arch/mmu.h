/* SPDX-License-Identifier: MIT */
/* arch/mmu.h for the network on the host: RAM is an array, and there are no address spaces. */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include "core/types.h"

struct vm_space;

extern uint8_t netstack_ram[];
extern uint8_t netstack_pages[]; /* a descriptor for each page of it */

#define LINEAR_BASE  ((uintptr_t)netstack_ram)
#define VMEMMAP_BASE ((uintptr_t)netstack_pages)

struct arch_space {
	paddr_t root;
};

void arch_space_switch(struct vm_space *space);

static inline void *
phys_to_virt(paddr_t pa)
{
	return netstack_ram + pa;
}

static inline paddr_t
virt_to_phys(const void *va)
{
	return (paddr_t)((const uint8_t *)va - netstack_ram);
}

#endif
