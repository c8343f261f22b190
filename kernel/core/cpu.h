/* SPDX-License-Identifier: MIT */
/*
 * The CPUs: a struct cpu each, allocated when the CPU is found, never freed. this_cpu() is stable between two
 * points where the thread may sleep or be rescheduled (arch/cpu.h).
 */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include "base/list.h"
#include "base/rbtree.h"
#include "core/cpumask.h"
#include "core/relaxed.h"
#include "core/spinlock.h"
#include "core/thread.h"
#include "core/types.h"

struct epoch_head;
struct page;
struct timer_wheel;
struct vm_space;

/* A CPU's share of the page allocator: single pages, touched with interrupts masked (mm/page.c). */
struct page_cache_percpu {
	struct page *free; /* linked by words[0] */
	uint32_t count;
	int64_t kinds[8]; /* pages allocated less pages freed on this CPU, by enum page_kind */
};

/* A CPU's run queue: runnable threads by virtual run time (core/sched.c). */
struct run_queue {
	struct spinlock lock;    /* irq-safe; two are taken in address order */
	struct rb_root tree;     /* [lock] by vruntime, the running thread not in it */
	struct thread *leftmost; /* [lock] */
	_Atomic uint32_t
		nr_running; /* [lock to change] runnable threads, the running one included, idle not */
	uint64_t load;      /* [lock] sum of their weights */
	_Atomic uint64_t min_vruntime; /* [lock to change] never goes back */
	bool misplaced; /* [lock] it may hold threads whose affinity excludes this CPU */
};

/* A CPU's part in epochs, and the callbacks that wait on it (core/epoch.c). */
struct epoch_cpu {
	uint64_t seen; /* [this CPU, irqs masked] the grace period that it last reported for */
	_Atomic bool asleep; /* it waits for an interrupt: whatever it reads, it reads afresh */
	uint32_t depth;      /* [this CPU] debug build: nested epoch_enter() */
	uint64_t wanted;     /* [epoch_lock] the grace period that `waiting` waits for; 0: none */
	struct epoch_head *done;               /* [this CPU, irqs masked] to be called */
	struct epoch_head *waiting;            /* [this CPU, irqs masked] */
	struct epoch_head *fresh, **fresh_end; /* [this CPU, irqs masked] of no grace period yet */
};

struct cpu {
	struct thread *_Atomic current; /* [rq.lock to change] */
	void *overflow_stack; /* [I] top of the stack for a kernel stack overflow; entry.S knows the offset */
	uint32_t id; /* [I] index in cpus[], 0 is the boot CPU */
	_Atomic bool online;
	uint64_t hwid;          /* [I] MPIDR affinity */
	struct thread *idle;    /* [I] */
	struct vm_space *space; /* [this CPU] whose tables TTBR0 holds, referenced; NULL: none */
	struct run_queue rq;
	struct rb_root timers;     /* [timer_lock] core/timer.c */
	struct timer *timer_first; /* [timer_lock] */
	struct spinlock timer_lock;
	struct page_cache_percpu pages; /* [this CPU, irqs masked] */
	uint32_t irq_depth;             /* [this CPU] */
	bool irq_from_user; /* [this CPU] whom the interrupt being handled interrupted */
	/* [this CPU to change] Statistics; slice ends that found it in user mode, in the kernel. */
	_Atomic uint64_t user_samples, system_samples;
	_Atomic uint64_t idle_ns, nr_switches, nr_irqs;
	void *arch; /* [I] struct arch_cpu */
	void *slab; /* [this CPU] slab allocator's per-CPU magazines (mm/slab.c) */
	_Atomic uint32_t ipi_pending;
	uint32_t kicks_held; /* [this CPU] nested sched_hold_kicks() */
	struct cpu *kick;    /* [this CPU, irqs masked] to be interrupted when none holds it back */

	/* Deferred work: core/softirq.c. */
	_Atomic uint32_t softirq_pending; /* a bit for each that is due */
	uint32_t bh_count;                /* [this CPU] nested bh_disable() */
	bool in_softirq;                  /* [this CPU] */
	uint64_t softirq_time;   /* [this CPU] when the round of softirqs began: time_recent() */
	bool softirq_handed;     /* [this CPU, irqs masked] what is pending is softirqd's to run */
	struct thread *softirqd; /* [I] once it runs */
	void *softirq_stack;     /* [I] top */

	struct epoch_cpu epoch;
	struct timer_wheel *wheel; /* [I] core/timerwheel.c */
};

extern struct cpu *cpus[CPUS_MAX]; /* [I] after boot: cpus[0 .. cpu_count) */
extern uint32_t cpu_count;

static inline struct cpu *
this_cpu(void)
{
	/* Nobody changes it while the thread has a CPU, so that the compiler may keep it. */
	return *(struct cpu **)&arch_current()->cpu;
}

#define for_each_cpu(i) for (uint32_t i = 0; i < cpu_count; i++)

/* Inter-processor requests; delivered by SGI, handled in interrupt context (core/ipi.c). */
#define IPI_RESCHEDULE 1u
#define IPI_CALL       2u
#define IPI_STOP       4u
#define IPI_SOFTIRQ    8u /* nothing but the end of an interrupt is wanted */
void cpu_send_ipi(struct cpu *cpu, uint32_t what);
/* Runs fn(arg) on every other online CPU, in interrupt context, and waits until all have. Interrupts on. */
void cpu_call_others(void (*fn)(void *), void *arg);
/* Halts every other CPU for ever; does not wait for them. Any context. */
void cpu_stop_others(void);
void ipi_init(void);

#endif
