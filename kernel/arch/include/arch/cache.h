/* SPDX-License-Identifier: MIT */
/* Data cache maintenance by address. */
#ifndef ARCH_CACHE_H
#define ARCH_CACHE_H

#include "core/types.h"

/* Writes [p, p+n) back to memory and drops it from the caches (point of coherency). Any context. */
void arch_cache_clean(const void *p, size_t n);

#endif
