/* SPDX-License-Identifier: MIT */
/* AArch64: arch/cache.h. */
#include "arch/cache.h"

#include <aarch64/sysregs.h>

#define CTR_DMINLINE_SHIFT 16

void
arch_cache_clean(const void *p, size_t n)
{
	uint64_t line = 4ULL << (sysreg_read(ctr_el0) >> CTR_DMINLINE_SHIFT & 15);
	for (uint64_t va = round_down((uint64_t)p, line); va < (uint64_t)p + n; va += line)
		__asm__ volatile("dc civac, %0" : : "r"(va) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}
