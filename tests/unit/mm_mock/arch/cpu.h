/* SPDX-License-Identifier: MIT */
/* arch/cpu.h for mm_test.c: the running thread is a variable, interrupts are a flag. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "core/types.h"

struct thread;

extern struct thread *mock_current;
extern bool mock_irqs_masked;

static inline struct thread *
arch_current(void)
{
	return mock_current;
}

static inline uint64_t
arch_irq_save(void)
{
	bool was = mock_irqs_masked;
	mock_irqs_masked = true;
	return was;
}

static inline void
arch_irq_restore(uint64_t flags)
{
	mock_irqs_masked = flags != 0;
}

static inline void
arch_mb(void)
{
}

#endif
