/* SPDX-License-Identifier: MIT */
/* What programs may know of the CPU: AT_HWCAP and AT_HWCAP2. */
#ifndef ARCH_HWCAP_H
#define ARCH_HWCAP_H

#include <aarch64/features.h>

static inline uint64_t
arch_hwcap(void)
{
	return cpu_features.hwcap;
}

static inline uint64_t
arch_hwcap2(void)
{
	return cpu_features.hwcap2;
}

#endif
