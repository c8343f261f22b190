/* SPDX-License-Identifier: MIT */
/*
 * User threads (tasks) and what they run in. A task has a thread, credentials, a handle table, a place in the file
 * system, signal state; a process (process.h) is the tasks that share a pid.
 */
#ifndef PROC_TASK_H
#define PROC_TASK_H

#include "core/thread.h"
#include "core/spinlock.h"
#include "proc/cred.h"
#include "proc/signal.h"
#include "vfs/path.h"

struct handle_table;
struct process;
struct view;

/* What CLONE_FS shares. */
struct fs_context {
	refcount_t refs;
	struct spinlock lock;
	struct path root, cwd; /* [lock] referenced */
	uint32_t umask;        /* [lock] */
};

#define TIMER_SLACK_DEFAULT 50000u /* nanoseconds; Linux's */

struct fs_context *fs_context_copy(struct fs_context *from) MUST_CHECK; /* NULL: out of memory */
void fs_context_put(struct fs_context *fs);

struct task {
	struct thread thread; /* first */
	refcount_t refs;      /* being alive, and whoever looked it up */
	pid_t tid; /* [own; tree_lock and process->lock to change: exec makes it the leader] */
	struct pid *pid_entry;         /* [tree_lock] */
	struct process *process;       /* [I] */
	struct list_node process_node; /* [process->lock] */
	const struct cred *cred;       /* [own; others under process->lock] */
	struct handle_table *handles;  /* [own; others under process->lock] */
	struct fs_context *fs;         /* [own; others under process->lock] */
	struct view *view; /* [I] referenced: root of the name space, pids, host name, network */
	struct task_signals sig; /* proc/signal.h */
	void (*start)(void);     /* [own] runs on the first way to user mode; NULL: nothing does */
	uaddr_t set_child_tid;   /* [own] written on the first way to user mode, then null */
	uaddr_t clear_child_tid; /* [own] */
	uaddr_t robust_list;     /* [own] */
	int exit_code;           /* [own] wait status */
	bool over_nproc; /* [own] became a user who had more than RLIMIT_NPROC tasks: exec looks again */
	int pdeath_signal; /* [process->lock] PR_SET_PDEATHSIG; 0: none */
	struct completion
		*vfork_done;    /* [process->lock] the vforking parent waits on it; NULL: none */
	struct task *dead_next; /* [dead list's lock] exited, memory not yet freed */
	struct restart_block { /* [own] restart_syscall(2): what ERESTART_RESTARTBLOCK goes on with */
		int64_t (*fn)(struct restart_block *);
		uint64_t args[6];
	} restart;
	uint64_t min_flt, maj_flt;                 /* [own] */
	uint64_t timer_slack, default_timer_slack; /* [own] PR_SET_TIMERSLACK; nanoseconds */
};

static inline struct task *
current_task(void)
{
	return container_of(
		arch_current(), struct task, thread); /* only in a user thread's context */
}

static inline const struct cred *
current_cred(void)
{
	return current_task()->cred;
}

static inline bool
current_has_caps(caps_t caps)
{
	return (current_cred()->caps & caps) == caps;
}

/* The running process's soft limit (RLIMIT_*); RLIM_INFINITY is UINT64_MAX. */
uint64_t current_rlimit(uint32_t resource);

#endif
