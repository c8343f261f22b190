/* SPDX-License-Identifier: MIT */
/* arch/cpu.h for the tests of locks and waiting on the host: a CPU is a host thread, and nothing interrupts it. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "core/types.h"

struct thread;

extern _Thread_local struct thread *mock_current;

static inline struct thread *
arch_current(void)
{
	return mock_current;
}

static inline uint64_t
arch_irq_save(void)
{
	return 0;
}

static inline void
arch_irq_restore(uint64_t flags)
{
}

static inline void
arch_relax(void)
{
}

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
