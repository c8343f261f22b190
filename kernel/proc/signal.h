/* SPDX-License-Identifier: MIT */
/*
 * Signals: what is pending, blocked and handled, and how to send one.
 *
 * Locks: process->lock (irq-safe) guards what is pending for the process and each of its tasks, their masks, and
 * stops; signal_actions.lock (irq-safe, inside it) the dispositions. Sending is allowed from any context, interrupts
 * included, unless said otherwise; only with the caller's references on the target.
 */
#ifndef PROC_SIGNAL_H
#define PROC_SIGNAL_H

#include "abi/linux/signal.h"
#include "base/list.h"
#include "core/refcount.h"
#include "core/spinlock.h"
#include "core/thread.h"
#include "core/types.h"

struct process;
struct process_group;
struct task;
struct trap_frame;
struct user_account;

/*
 * A queued signal. Signals below SIGRTMIN that find no memory are still pending, without their siginfo.
 * [process->lock] as the queue that it is on.
 */
struct signal_entry {
	struct list_node node;
	struct siginfo info;
	struct user_account *account; /* whose RLIMIT_SIGPENDING it counts against; referenced */
	/* SI_TIMER: asked for its overrun count when taken; referenced; else NULL */
	struct posix_timer *timer;
};

/* [process->lock] of a task, or of a process. */
struct signal_pending {
	sigmask_t set;
	struct list_node queue; /* struct signal_entry, oldest first */
};

/* The dispositions, shared by CLONE_SIGHAND. */
struct signal_actions {
	refcount_t refs;
	struct spinlock lock;               /* irq-safe */
	struct sigaction_user action[NSIG]; /* [lock] */
};

/* A task's share. */
struct task_signals {
	struct signal_pending pending; /* [process->lock] */
	sigmask_t blocked;             /* [process->lock; own may read] */
	sigmask_t
		real_blocked; /* [process->lock] sigtimedwait: the mask without what it waits for */
	/* [process->lock; tree_lock to read] what came to several since its last fork began */
	sigmask_t during_fork;
	sigmask_t saved; /* [own] TF_RESTORE_MASK: what the next return to user mode puts back */
	uint64_t alt_sp, alt_size; /* [own] sigaltstack */
	uint32_t alt_flags;        /* [own] SS_DISABLE, SS_AUTODISARM */
	bool stop_pending;         /* [process->lock] to take part in a stop */
	bool stop_taken; /* [process->lock] has taken a stop signal that is yet to act; SIGCONT undoes it */
	bool exiting;              /* [process->lock] takes no more signals */
	bool spare_used;           /* [process->lock] */
	struct signal_entry spare; /* [process->lock] so that the common case allocates nothing */
};

/* Whether an interruptible wait of the running thread should end. */
static inline bool
signal_pending(void)
{
	return thread_test_flags(arch_current(), TF_SIGNAL | TF_EXIT | TF_KILLED);
}

/* Whether the running thread is being killed. */
static inline bool
signal_killed(void)
{
	return thread_test_flags(arch_current(), TF_EXIT | TF_KILLED);
}

/*
 * Sending without permission checks. info NULL: SI_KERNEL. 0, or -EAGAIN when a real-time signal with siginfo of a
 * user's making cannot be queued. A task or process that is gone is not an error.
 */
int signal_send_task(struct task *t, int sig, const struct siginfo *info);
int signal_send_process(struct process *p, int sig, const struct siginfo *info);
/* To each process of a group (struct process_group *g, referenced by the caller). */
void signal_send_group(struct process_group *g, int sig, const struct siginfo *info);
/* To one of several who are sent it under one hold of tree_lock: what it forks meanwhile gets it too. */
int signal_send_member_locked(struct process *p, int sig, const struct siginfo *info);
/* To the running task: SIGPIPE, SIGXFSZ … */
void signal_send_self(int sig);
/* A fault of the running task's own making: cannot be blocked or ignored; kills if it is. */
void signal_fault(int sig, int code, uint64_t addr);
/* For job control by terminals: whether the running task ignores or blocks sig (SIGTTIN, SIGTTOU). */
bool signal_is_ignored_or_blocked(int sig);

/* Takes the first pending signal in set from the running task or its process into *info; 0 if there is none. */
int signal_dequeue(sigmask_t set, struct siginfo *info);
/* What is pending for the running task and its process. */
sigmask_t signal_pending_set(void);

/* Sets the running task's mask (SIGKILL and SIGSTOP are left out) and looks whether that frees a pending one. */
void signal_set_mask(sigmask_t mask);
/*
 * For calls with a temporary mask (ppoll, pselect, epoll_pwait): reads it (size must be 8: -EINVAL; a null pointer
 * is nothing), installs it, remembers the old one.
 */
int signal_begin_mask_user(uaddr_t mask, uint64_t size) MUST_CHECK;
/* At such a call's end: puts the old mask back now, or, if interrupted, after the handler has run. */
void signal_end_mask(bool interrupted);

/* sigreturn: what sigaltstack(2) would do with the stack that the frame kept; nothing if it makes no sense. */
void signal_restore_altstack(const struct sigaltstack_user *s);

/* Writes a siginfo_t (128 bytes). */
int siginfo_to_user(uaddr_t to, const struct siginfo *info) MUST_CHECK;

/* Called on the way to user mode while TF_EXIT_WORK flags are set; returns with none, interrupts on. */
void task_exit_to_user_work(struct trap_frame *frame);

#endif
