/* SPDX-License-Identifier: MIT */
/*
 * Kernel instructions that may fault on user addresses, and where control goes when the fault cannot be resolved.
 * The trap handler asks for every data abort that the kernel takes: an instruction that is not here is a bug.
 */
#ifndef AARCH64_EXTABLE_H
#define AARCH64_EXTABLE_H

/* In the low bit of an entry's fixup: go to the fixup at once, resolve nothing. */
#define EX_NOFAULT 1

#ifndef __ASSEMBLER__
#include "core/types.h"

/* The fixup for the instruction at pc, or 0; *flags is EX_* then. Any context. */
uint64_t extable_find(uint64_t pc, uint32_t *flags);
/* Finds out about PAN and checks the table's order; mmu_init() calls it. */
void uaccess_init(void);
#endif

#endif
