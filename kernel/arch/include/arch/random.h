/* SPDX-License-Identifier: MIT */
/* The processor's own random number generator, where it has one. Any context. */
#ifndef ARCH_RANDOM_H
#define ARCH_RANDOM_H

#include "core/types.h"

/* Whether the boot CPU has one. Constant once the CPU's features are known. */
static inline bool arch_random_present(void);

/* 64 bits straight from the generator's reseeded output into *out; false: none just now, or no generator. */
static inline bool arch_random_u64(uint64_t *out);

#include <aarch64/random_impl.h>

#endif
