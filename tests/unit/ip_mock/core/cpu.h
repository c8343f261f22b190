/* SPDX-License-Identifier: MIT */
/* core/cpu.h for a whole IP stack on the host: one CPU. */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include "core/spinlock.h"
#include "core/types.h"

struct cpu {
	uint32_t id;
};

static const uint32_t cpu_count = 1;

static inline struct cpu *
this_cpu(void)
{
	static struct cpu only;
	return &only;
}

#endif
