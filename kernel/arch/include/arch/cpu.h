/* SPDX-License-Identifier: MIT */
/*
 * What portable code may ask of the running CPU: who runs on it, its interrupt mask, barriers, idling.
 *
 * The kernel is not preempted: a thread in the kernel keeps its CPU until it sleeps, calls sched_point() or
 * returns to user mode. So per-CPU data is safe to use between two such points against other threads; against
 * interrupts it needs irq_save().
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "core/types.h"

struct thread;
struct cpu;

/* The running thread. Constant for the code that asks, so the compiler may keep it. */
static inline struct thread *arch_current(void);

/* Masks interrupts on this CPU; returns the former mask for arch_irq_restore(). */
static inline uint64_t arch_irq_save(void);
static inline void arch_irq_restore(uint64_t flags);
static inline void arch_irq_enable(void);
static inline void arch_irq_disable(void);
static inline bool arch_irq_disabled(void);

/* Full, load and store barriers between CPUs; _device variants order against devices too. */
static inline void arch_mb(void);
static inline void arch_rmb(void);
static inline void arch_wmb(void);
static inline void arch_mb_device(void);

/* In a spin loop: lets the other hardware thread or the emulator run. */
static inline void arch_relax(void);
/* Waits for an event (arch_event_send or an unlocking store to a monitored word) or an interrupt. */
static inline void arch_event_wait(void);
static inline void arch_event_send(void);

/* Sleeps until an interrupt is pending; called and returns with interrupts masked. */
static inline void arch_idle(void);

#include <aarch64/cpu_impl.h>

#endif
