/* SPDX-License-Identifier: MIT */
/*
 * Deferred interrupt work. A handler does what cannot wait and raises a softirq; its function runs soon after, on the
 * same CPU, with interrupts enabled: on the way out of the outermost interrupt, at the end of the outermost
 * bh_disable() section, or at once when a thread raises it. At most one softirq function runs on a CPU at a time,
 * never nested, so that functions need no lock for what belongs to their CPU.
 *
 * Functions may not sleep, touch user memory or use FP registers. They run on a stack of the CPU's own. What keeps
 * coming longer than a budget is handed to the thread softirqd/N, which competes for the CPU like any other; until it
 * has caught up, interrupts leave the work to it.
 *
 * A lock that softirq functions take is taken with spin_lock_bh() by threads (with spin_lock_irq_save() if interrupt
 * handlers take it too); the debug build checks that. The kernel is not preempted, so bh_disable() is a count of the
 * CPU's, and whoever disables may not sleep until it has enabled again.
 */
#ifndef CORE_SOFTIRQ_H
#define CORE_SOFTIRQ_H

#include "core/cpu.h"
#include "core/panic.h"
#include "core/spinlock.h"

/* In the order in which they run. */
enum softirq {
	SOFTIRQ_TIMER,  /* the timer wheel's functions (core/timerwheel.h) */
	SOFTIRQ_NET_TX, /* sent packets' memory, queues that may go on */
	SOFTIRQ_NET_RX, /* received packets */
	SOFTIRQ_EPOCH,  /* reclamation (core/epoch.h); last: it has no hurry */
	SOFTIRQ_COUNT,
};

typedef void softirq_fn(void);

/* Once per number, at boot, before it is raised. */
void softirq_register(enum softirq nr, softirq_fn *fn);

/*
 * Makes nr's function run on this CPU, once for any number of raises before it starts; one while it runs makes it run
 * again. Any context. From a thread that neither masks interrupts nor disables softirqs it has run on return, unless
 * softirqd has it; so no lock may be held that the function takes.
 */
void softirq_raise(enum softirq nr);
/* The same on another CPU (or this one), which is interrupted. Any context. */
void softirq_raise_on(struct cpu *cpu, enum softirq nr);

/* The end of the outermost interrupt, or of a bh_disable() section, on a CPU that has pending work. */
void softirq_irq_exit(struct cpu *cpu);
void softirq_bh_exit(struct cpu *cpu);
/* The loop over what is pending, on the stack that the architecture switched to (arch/thread.h). */
void softirq_run(void);
/* One round of softirqd/N on its CPU; whether there is more to do. */
bool softirq_thread_round(struct cpu *cpu);

/* Gives a CPU its stack, before its first interrupt. 0 or -ENOMEM. */
int softirq_init_cpu(struct cpu *cpu) MUST_CHECK;
/* Starts the threads, one per CPU that is online. Before that, nothing is handed over. */
void softirq_start_threads(void);

/* Whether a softirq function is being run on this CPU (perhaps below an interrupt). */
static inline bool
in_softirq(void)
{
	return this_cpu()->in_softirq;
}

/* Keeps softirq functions off this CPU until the outermost bh_enable(). No sleeping in between. Not in interrupts. */
static inline void
bh_disable(void)
{
	this_cpu()->bh_count++;
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void
bh_enable(void)
{
	struct cpu *cpu = this_cpu();
	atomic_signal_fence(memory_order_seq_cst);
	DEBUG_ASSERT(cpu->bh_count > 0);
	cpu->bh_count--;
	atomic_signal_fence(memory_order_seq_cst);
	if (unlikely(cpu->bh_count == 0 &&
		    atomic_load_explicit(&cpu->softirq_pending, memory_order_relaxed) != 0))
		softirq_bh_exit(cpu);
}

static inline void
spin_lock_bh(struct spinlock *l) ACQUIRES(*l) NO_LOCK_ANALYSIS
{
	bh_disable();
	spin_lock(l);
}

static inline void
spin_unlock_bh(struct spinlock *l) RELEASES(*l) NO_LOCK_ANALYSIS
{
	spin_unlock(l);
	bh_enable();
}

#endif
