/* SPDX-License-Identifier: MIT */
/* Sets of CPUs. */
#ifndef CORE_CPUMASK_H
#define CORE_CPUMASK_H

#include "core/types.h"

#define CPUS_MAX      256 /* as many as a GICv3 with one affinity-2 level of 16 clusters of 16 */
#define CPUMASK_WORDS (CPUS_MAX / 64)

struct cpumask {
	uint64_t w[CPUMASK_WORDS];
};

static inline void
cpumask_set(struct cpumask *m, uint32_t cpu)
{
	m->w[cpu / 64] |= 1ULL << (cpu % 64);
}

static inline void
cpumask_clear(struct cpumask *m, uint32_t cpu)
{
	m->w[cpu / 64] &= ~(1ULL << (cpu % 64));
}

static inline bool
cpumask_test(const struct cpumask *m, uint32_t cpu)
{
	return (m->w[cpu / 64] >> (cpu % 64)) & 1;
}

static inline bool
cpumask_empty(const struct cpumask *m)
{
	uint64_t any = 0;
	for (int i = 0; i < CPUMASK_WORDS; i++)
		any |= m->w[i];
	return any == 0;
}

#endif
