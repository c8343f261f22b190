/* SPDX-License-Identifier: MIT */
/*
 * Reading without locks, and freeing what such readers may still see.
 *
 * A reader brackets its look-up with epoch_enter() and epoch_exit() and does not sleep in between; any context but
 * that of an idle CPU asleep. A writer makes an object unreachable, under a lock of its own, and gives it to
 * epoch_call(): the callback runs when every reader that could have found the object has left.
 *
 * The kernel is not preempted, so entering costs nothing: a CPU that switches threads, is interrupted in user mode or
 * sleeps has no reader. A grace period ends when each CPU has done one of these since it began. CPUs that run
 * something are asked at their tick; those that sleep are not woken, and none has a tick because of this.
 *
 * Pointers that readers follow are _Atomic: stored with memory_order_release by writers, loaded with
 * memory_order_acquire by readers.
 */
#ifndef CORE_EPOCH_H
#define CORE_EPOCH_H

#include "core/cpu.h"

struct epoch_head;
typedef void epoch_fn(struct epoch_head *head);

/* Embedded in what is to be freed. */
struct epoch_head {
	struct epoch_head *next;
	epoch_fn *fn;
};

static inline void
epoch_enter(void)
{
#ifdef SWOS_DEBUG
	this_cpu()->epoch.depth++;
#endif
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void
epoch_exit(void)
{
	atomic_signal_fence(memory_order_seq_cst);
#ifdef SWOS_DEBUG
	this_cpu()->epoch.depth--;
#endif
}

/*
 * Calls fn(head) after a grace period, as a softirq on this CPU: it may not sleep, and kfree() is what it is for. Any
 * context, also inside a reader. Callbacks of one CPU run in the order of the calls.
 */
void epoch_call(struct epoch_head *head, epoch_fn *fn);

/* Waits for a grace period: readers that began before have ended. Sleeps; not inside a reader. */
void epoch_synchronize(void);

void epoch_init(void);
void epoch_init_cpu(struct cpu *cpu);

extern _Atomic uint64_t epoch_started; /* number of the grace period that began last */
void epoch_report(struct cpu *cpu);

/* Whether a grace period may wait for this CPU to pass one of its points below. Interrupts masked. */
static inline bool
epoch_is_due(const struct cpu *cpu)
{
	return cpu->epoch.seen != atomic_load_explicit(&epoch_started, memory_order_relaxed);
}

/* A point where this CPU has no reader: at a switch, or at an interrupt from user mode. Interrupts masked. */
static inline void
epoch_quiescent(struct cpu *cpu)
{
	if (unlikely(epoch_is_due(cpu)))
		epoch_report(cpu);
}

/* Around an idle CPU's wait for an interrupt, with interrupts masked. */
static inline void
epoch_sleep(struct cpu *cpu)
{
	atomic_store_explicit(&cpu->epoch.asleep, true, memory_order_release);
	arch_mb(); /* either who begins a grace period sees this CPU asleep, or it is seen here */
	epoch_quiescent(cpu);
}

static inline void
epoch_awake(struct cpu *cpu)
{
	atomic_store_explicit(&cpu->epoch.asleep, false, memory_order_relaxed);
	arch_mb(); /* before anything is read: who saw this CPU asleep had made its object unreachable */
}

#endif
