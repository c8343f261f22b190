/* SPDX-License-Identifier: MIT */
/* AArch64: the virtual counter (Arm ARM, chapter D12). */
#ifndef AARCH64_TIME_IMPL_H
#define AARCH64_TIME_IMPL_H

static inline uint64_t
arch_counter_read(void)
{
	uint64_t ticks;
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
}

#endif
