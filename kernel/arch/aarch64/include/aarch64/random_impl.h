/* SPDX-License-Identifier: MIT */
/* AArch64: RNDRRS (Arm ARM, D17.2.117: reseeds before each read; clears PSTATE.Z when it has a number). */
#ifndef AARCH64_RANDOM_IMPL_H
#define AARCH64_RANDOM_IMPL_H

#include <aarch64/features.h>

static inline bool
arch_random_present(void)
{
	return cpu_features.rndr;
}

static inline bool
arch_random_u64(uint64_t *out)
{
	uint64_t value = 0;
	uint32_t got = 0;
	if (cpu_features.rndr)
		__asm__ volatile("mrs %0, s3_3_c2_c4_1\n\tcset %w1, ne"
			: "=r"(value), "=r"(got)
			:
			: "cc");
	*out = value;
	return got != 0;
}

#endif
