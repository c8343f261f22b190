/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads of execution, as the scheduler sees them. A user thread is a struct task (proc/task.h) that
 * begins with a struct thread; a kernel thread is a struct thread alone.
 *
 * State changes: a thread marks itself asleep (core/wait.h) and calls schedule(); anyone may sched_wake() it. What
 * is on a CPU, on a run queue or off both is guarded by the lock of the run queue of thread->cpu, which schedule()
 * holds until the next thread runs: so whoever holds it sees a thread that has left its stack completely.
 */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include "arch/cpu.h"
#include "arch/thread.h"
#include "base/list.h"
#include "base/rbtree.h"
#include "core/cpumask.h"
#include "core/lockdep.h"
#include "core/types.h"

struct cpu;
struct process;
struct vm_space;

#define KSTACK_SIZE ((size_t)16384)

enum thread_state {
	THREAD_RUNNING,        /* on a CPU or a run queue */
	THREAD_SLEEPING,       /* interruptible */
	THREAD_SLEEPING_KILL,  /* only fatal signals end it */
	THREAD_SLEEPING_UNINT, /* nothing but its wake-up ends it */
	THREAD_STOPPED,        /* job control or a tracer; SIGCONT and SIGKILL end it */
	THREAD_DEAD,           /* off its stack for good once the run-queue lock is free */
};

/* thread->flags: tested as one word on entry from and return to user mode. */
#define TF_RESCHED      (1u << 0) /* call schedule() */
#define TF_SIGNAL       (1u << 1) /* a signal may be deliverable */
#define TF_NOTIFY       (1u << 2) /* deferred work of its own (task_work) */
#define TF_EXIT         (1u << 3) /* the process is going: thread_exit at the next exit to user */
#define TF_RESTORE_MASK (1u << 4) /* sigsuspend, ppoll: saved mask to be restored */
#define TF_EXIT_WORK    (TF_RESCHED | TF_SIGNAL | TF_NOTIFY | TF_EXIT | TF_RESTORE_MASK)
#define TF_TRACE        (1u << 8) /* APPEND=trace= */
#define TF_SECCOMP      (1u << 9)
#define TF_ENTRY_WORK   (TF_TRACE | TF_SECCOMP)
#define TF_KILLED       (1u << 16) /* a fatal signal is pending: killable sleeps end */

/* In thread->policy: SCHED_RESET_ON_FORK. */
#define THREAD_POLICY_RESETS 0x80u

struct thread {
	struct arch_thread arch; /* at offset 0: arch assembly reaches it from the thread pointer */
	struct cpu *_Atomic cpu; /* [rq lock of cpu to change] where it runs, ran or is queued */
	_Atomic uint32_t flags;  /* TF_* */
	_Atomic uint32_t state;  /* enum thread_state; see above */
	struct process *process; /* [I] NULL for a kernel thread */
	struct vm_space *space;  /* [own] NULL for a kernel thread */
	void *kstack;            /* [I] lowest address of the kernel stack */

	struct rb_node rq_node; /* [rq lock] */
	bool on_rq;             /* [rq lock] queued or running */
	bool wake_pending;      /* [rq lock] */
	uint8_t policy; /* [rq lock] SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, | THREAD_POLICY_RESETS */
	int8_t nice;    /* [rq lock] -20..19 */
	uint32_t weight;   /* [rq lock] from policy and nice */
	uint64_t vruntime; /* [rq lock] weighted nanoseconds */
	_Atomic uint64_t
		run_start;  /* [rq lock to change] when it was last put on a CPU or accounted */
	uint64_t run_total; /* [rq lock] nanoseconds on a CPU */
	/* [its CPU to change] Slice ends that found it in user mode, in the kernel. */
	_Atomic uint64_t user_samples, system_samples;
	uint64_t slice_start; /* [rq lock] run_total at the start of this turn */
	_Atomic uint64_t nr_voluntary, nr_involuntary; /* [own to change] context switches */
	struct cpumask affinity;                       /* [rq lock] */
	char name[16];                                 /* [own] NUL-terminated comm */

	struct timer *sleep_timer; /* [own] the deadline it sleeps under */
	uint32_t syscall_nr;       /* [own] for the log and the tracer */
	int32_t spin_depth;        /* [own] debug build: spin locks held */
#ifdef SWOS_DEBUG
	struct lockdep_held held[LOCKDEP_HELD_MAX]; /* [own] the first spin_depth of them */
#endif
};

static inline struct thread *
current_thread(void)
{
	return arch_current();
}

static inline bool
thread_test_flags(const struct thread *t, uint32_t flags)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&t->flags, memory_order_relaxed) &
		       flags) != 0;
}

static inline void
thread_set_flags(struct thread *t, uint32_t flags)
{
	atomic_fetch_or_explicit(&t->flags, flags, memory_order_release);
}

static inline void
thread_clear_flags(struct thread *t, uint32_t flags)
{
	atomic_fetch_and_explicit(&t->flags, ~flags, memory_order_acq_rel);
}

/*
 * Prepares t (zeroed memory of the caller's) to run on a fresh kernel stack: entry(arg) for a kernel thread.
 * Inherits nice and affinity from the running thread. Returns 0 or -ENOMEM. It runs once sched_start(t) is called.
 * A struct task's creator sets arch.* for a return to user mode instead (arch/thread.h).
 */
int thread_init(struct thread *t, const char *name, void (*entry)(void *), void *arg) MUST_CHECK;
/* Copies at most 15 bytes of name and pads with zeroes. */
void thread_set_name(struct thread *t, const char *name);
/* Frees what thread_init() got. The thread never ran, or is THREAD_DEAD and off its stack (thread_wait_off_cpu). */
void thread_destroy(struct thread *t);
/* Waits until a dead thread has left its stack and CPU. */
void thread_wait_off_cpu(struct thread *t);

/* A kernel thread of its own: allocates, starts, and frees it when entry returns. NULL when out of memory. */
struct thread *kthread_start(const char *name, void (*entry)(void *), void *arg);

#endif
