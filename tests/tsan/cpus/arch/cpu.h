/* SPDX-License-Identifier: MIT */
/*
 * arch/cpu.h for the tests of CPUs on the host (tests/tsan/cpus/machine.c): each kernel thread has a host thread, whose
 * mask decides whether it takes its CPU's interrupts; they come where it unmasks them.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "core/types.h"

struct thread;

struct thread *arch_current(void);
uint64_t arch_irq_save(void);
void arch_irq_restore(uint64_t flags);
void arch_irq_enable(void);
void arch_irq_disable(void);
bool arch_irq_disabled(void);
void arch_idle(void);
void arch_relax(void);

static inline void
arch_rmb(void)
{
	atomic_thread_fence(memory_order_acquire);
}

static inline void
arch_mb(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

#endif
