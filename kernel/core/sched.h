/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: fair shares by weight (virtual run time) on a run queue per CPU, wake-up placement on idle CPUs,
 * stealing by CPUs that would go idle, periodic balance, reschedule IPIs, no tick on an idle CPU.
 * Locks: run_queue.lock, irq-safe, inner to every lock but timer_lock and the log's.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/cpu.h"
#include "core/thread.h"
#include "core/wait.h"

void sched_init_cpu(struct cpu *cpu);

/* Gives up the CPU; returns when this thread runs again. If the thread is marked asleep it is taken off the queue. */
void schedule(void);
/* Ends the running thread: marks it dead and switches away for good. Its memory is the caller's business. */
void sched_exit(void) NORETURN;
/* Makes a new thread runnable for the first time. */
void sched_start(struct thread *t);
/* Makes t runnable if it is in one of the states (a bit set of 1u << enum thread_state). Returns whether it was. */
bool sched_wake_states(struct thread *t, uint32_t states);
#define SCHED_WAKE_ANY \
	(1u << THREAD_SLEEPING | 1u << THREAD_SLEEPING_KILL | 1u << THREAD_SLEEPING_UNINT)

/*
 * Between the two, wake-ups interrupt other CPUs only at the end. For use around a spin lock under which threads are
 * woken: interrupting takes long on a virtual CPU, which may lose its turn over it, and who was woken would find the
 * lock taken all that time. May be nested; no sleep in between.
 */
void sched_hold_kicks(void);
void sched_release_kicks(void);

static inline bool
sched_wake(struct thread *t)
{
	return sched_wake_states(t, SCHED_WAKE_ANY);
}

/* A preemption point for loops on user-sized work. May switch threads; call with no spin lock held. */
static inline void
sched_point(void)
{
	if (unlikely(thread_test_flags(arch_current(), TF_RESCHED)))
		schedule();
}

void sched_yield_thread(void);                   /* sched_yield(2) */
void sched_set_nice(struct thread *t, int nice); /* -20..19 */
/* SCHED_OTHER, SCHED_BATCH (the same), or SCHED_IDLE: what is left over. With THREAD_POLICY_RESETS or'ed as it may be. */
void sched_set_policy(struct thread *t, uint8_t policy);
int sched_set_affinity(
	struct thread *t, const struct cpumask *mask) MUST_CHECK; /* -EINVAL: no online CPU */
void sched_get_affinity(struct thread *t, struct cpumask *mask);
uint64_t sched_runtime(struct thread *t); /* nanoseconds on a CPU, up to now */
void sched_ipi(void);                     /* from IPI_RESCHEDULE */
void sched_idle(void) NORETURN;           /* what a CPU's boot thread becomes */
void sched_thread_init(struct thread *t); /* weight and affinity of a thread without a parent */

/* What a new thread gets of the running one: policy, nice value and weight; whoever is reset on fork is an ordinary one. */
void sched_inherit(struct thread *t);

struct sched_load {
	uint64_t idle_ns; /* summed over CPUs */
	uint64_t nr_switches;
	uint32_t nr_running;
	uint32_t avg[3]; /* load averages, 16.16 fixed point, 1, 5, 15 minutes */
};
void sched_get_load(struct sched_load *out);
/* The exponentially decayed number of runnable threads: core/loadavg.c. */
void load_average_get(uint32_t avg[3], nsec_t now);

#endif
