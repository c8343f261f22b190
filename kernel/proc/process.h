/* SPDX-License-Identifier: MIT */
/*
 * Processes: the tasks that share a pid, their place in the tree, their groups and sessions.
 *
 * Locks, outer to inner: tree_lock (one for all, irq-safe): parents, children, groups, sessions, numbers, what
 * wait(2) reports. process->lock (irq-safe): the list of tasks, signals, stops, and what others may read of a task
 * (credentials, handles, fs). signal_actions.lock. Run-queue locks.
 * Memory: a process is referenced by its tasks, its children's parent pointers are plain (under tree_lock), and by
 * whoever looked it up (process_put()). It is reaped (its number freed) by wait(2) or at once if nobody may wait.
 */
#ifndef PROC_PROCESS_H
#define PROC_PROCESS_H

#include "abi/linux/resource.h"
#include "core/timer.h"
#include "core/wait.h"
#include "proc/task.h"
#include "proc/view.h"

struct tty;
struct posix_timer;

extern struct spinlock tree_lock;

/* A number and what it names; freed when it names nothing. [tree_lock] but for what is fixed. */
struct pid {
	pid_t nr;                /* [I] */
	struct view *view;       /* [I] plain */
	struct task *task;       /* with this tid, until it has exited */
	struct process *process; /* until it is reaped */
	struct process_group *group;
	struct session *session;
};

struct session {
	refcount_t refs;        /* groups, terminals */
	pid_t id;               /* [I] */
	struct pid *pid;        /* [tree_lock] */
	struct view *view;      /* [I] */
	struct process *leader; /* [tree_lock] plain; NULL: it has exited */
	/* [tree_lock] the tty code's: the controlling terminal, a reference of its own */
	struct tty *ctty;
};

struct process_group {
	refcount_t refs;          /* members, terminals, lookers */
	pid_t id;                 /* [I] */
	struct pid *pid;          /* [tree_lock] */
	struct session *session;  /* [I] referenced */
	struct list_node members; /* [tree_lock] struct process.group_node */
};

/* Guarded by what it stands in. */
struct rusage_sum {
	uint64_t utime_ns, stime_ns;
	uint64_t min_flt, maj_flt;
	uint64_t nr_voluntary, nr_involuntary;
	uint64_t max_rss; /* KiB */
};

/* A timer that sends signals: setitimer's, in real or CPU time (proc/itimer.c). */
struct interval_timer {
	struct timer timer; /* [process->lock to set] */
	nsec_t interval;    /* [process->lock] 0: one shot */
	nsec_t expires;     /* [process->lock] on its clock; 0: off */
};
enum { ITIMERS = 3 };

enum process_state { PROCESS_LIVE, PROCESS_ZOMBIE, PROCESS_REAPED };

#define PROCESS_EXITING      (1u << 0) /* exit_group or a fatal signal: all tasks are going */
#define PROCESS_EXECING      (1u << 1) /* exec_task waits for the others to go */
#define PROCESS_UNKILLABLE   (1u << 2) /* init: signals without a handler do nothing */
#define PROCESS_SUBREAPER    (1u << 3)
#define PROCESS_HAS_EXECED   (1u << 4) /* setpgid by the parent is too late */
#define PROCESS_STOPPED      (1u << 5) /* all tasks are in a stop */
#define PROCESS_STOP_NEWS    (1u << 6) /* WUNTRACED has it to report */
#define PROCESS_CONT_NEWS    (1u << 7) /* WCONTINUED has it to report */
#define PROCESS_NOT_DUMPABLE (1u << 8) /* PR_SET_DUMPABLE 0, or exec of a set-id program */
#define PROCESS_MEMBARRIER   (1u << 9) /* registered for private expedited */
#define PROCESS_TIMERS_ON \
	(1u << 10) /* cpu_timer has been armed: it may be, or its function may still run */
#define PROCESS_CONT_TELL (1u << 11) /* the first task to look tells the parent of a continuation */

/* What job control has to tell of a process: nothing any more once it is doomed. */
#define PROCESS_JOB_CONTROL \
	(PROCESS_STOPPED | PROCESS_STOP_NEWS | PROCESS_CONT_NEWS | PROCESS_CONT_TELL)

struct process {
	refcount_t refs;
	pid_t pid;             /* [I] */
	struct view *view;     /* [I] referenced */
	struct pid *pid_entry; /* [tree_lock] */

	struct process *parent; /* [tree_lock] never NULL but for init and the reaped */
	pid_t ppid;             /* [tree_lock to change] its number */
	/* [tree_lock] the parent's task that made it, or took it over; 0: none that will stay */
	pid_t parent_tid;
	struct list_node children;    /* [tree_lock] zombies first */
	struct list_node sibling;     /* [tree_lock] */
	struct process_group *group;  /* [tree_lock] referenced */
	struct list_node group_node;  /* [tree_lock] */
	enum process_state state;     /* [tree_lock] */
	int exit_status;              /* [tree_lock] wait status, once a zombie */
	int exit_signal;              /* [tree_lock] what the parent gets; 0: none */
	int news_status;              /* [lock] of STOP_NEWS */
	struct wait_queue child_wait; /* wait(2) sleeps here */
	struct wait_queue exit_wait;  /* pidfd pollers */

	struct spinlock lock;          /* irq-safe */
	_Atomic uint32_t flags;        /* [lock to change] PROCESS_* */
	struct list_node tasks;        /* [lock] struct task.process_node */
	uint32_t nr_tasks;             /* [lock] */
	uint32_t nr_exiting;           /* [lock] of them, in task_exit() */
	int group_exit_status;         /* [lock] with EXITING */
	int last_status;               /* [lock] of the last task that began to exit */
	char name[16];                 /* [lock] of the leader that has exited; for /proc */
	struct wait_queue exec_wait;   /* with EXECING: it waits here until it is the only task */
	struct signal_pending pending; /* [lock] */
	struct signal_actions *_Atomic actions; /* [lock to change] referenced */
	struct wait_queue signal_wait;          /* signalfd pollers */
	int stop_signal;     /* [lock] of the stop that is under way or lasts; 0: none */
	uint32_t stop_count; /* [lock] tasks that have yet to stop */

	struct rlimit_user limits[RLIM_NLIMITS]; /* [lock; own process may read a field] */
	struct interval_timer itimers[ITIMERS];
	struct list_node posix_timers; /* [lock] */
	int32_t next_timer_id;         /* [lock] */
	struct timer cpu_timer; /* looks at CPU-time limits and timers when they may be due */
	uint64_t cpu_warn_ns;   /* [lock] CPU time at which SIGXCPU comes next */

	struct rusage_sum dead;         /* [lock] of tasks that have exited */
	struct rusage_sum children_sum; /* [tree_lock] of children that were waited for */
	nsec_t start_time;              /* [I] monotonic */
	const struct cred *exit_cred;   /* [lock] once there is no task */
	_Atomic int32_t oom_score_adj;  /* written by its own tasks */
};

static inline struct process *
current_process(void)
{
	return arch_current()->process;
}

static inline uint32_t
process_flags(const struct process *p)
{
	return atomic_load_explicit((_Atomic uint32_t *)&p->flags, memory_order_relaxed);
}

static inline struct process *
process_get(struct process *p)
{
	refcount_get(&p->refs);
	return p;
}
void process_put(struct process *p); /* not under spin locks */

void task_get(struct task *t);
void task_put(struct task *t); /* not under spin locks */

/* By number in the running process's view, with a reference; NULL: none. Zombies are found as processes. */
struct process *process_find(pid_t pid) MUST_CHECK;
struct task *task_find(pid_t tid) MUST_CHECK;
/* The process whose number is the first >= *nr (which is set to it), with a reference; NULL: no more. For /proc. */
struct process *process_next(struct view *v, pid_t *nr) MUST_CHECK;
/* The task of p whose tid is the first >= *nr, with a reference; NULL: no more. */
struct task *process_task_next(struct process *p, pid_t *nr) MUST_CHECK;
/* What others may hold of a process or task: with references; NULL when it has exited. */
const struct cred *process_cred(struct process *p) MUST_CHECK;
const struct cred *task_cred(struct task *t) MUST_CHECK;
struct vm_space *process_space(struct process *p) MUST_CHECK; /* vm_space_put() */
/* Any live task of p (the leader if it lives), with a reference; NULL: a zombie. */
struct task *process_any_task(struct process *p) MUST_CHECK;

/* Groups and sessions, for terminals. With references: process_group_put(), session_put(). */
struct process_group *process_group_current(void) MUST_CHECK;
struct process_group *process_group_find(pid_t id) MUST_CHECK; /* NULL: none */
/*
 * What a terminal's foreground becomes by a number, as on Linux: a group of the running process's session; or one
 * without members, if the number is that of a process or thread of the session. -ESRCH: nobody has it; -EPERM: of
 * another session; -ENOMEM.
 */
int process_group_for_terminal(pid_t id, struct process_group **out) MUST_CHECK;
struct session *session_current(void) MUST_CHECK;
static inline void
process_group_get(struct process_group *g)
{
	refcount_get(&g->refs);
}
void process_group_put(struct process_group *g);
static inline void
session_get(struct session *s)
{
	refcount_get(&s->refs);
}
void session_put(struct session *s);
bool session_is_leader(void); /* the running process leads its session */
/* Whether no member's parent is outside the group but in its session: nobody can continue it. */
bool process_group_is_orphaned(struct process_group *g);
/*
 * Set by the terminal code at boot: a session leader with a controlling terminal exits (hangup: SIGHUP, SIGCONT to
 * the foreground group) . Called in the leader's context, no locks held; it clears s->ctty.
 */
extern void (*session_leader_exit_hook)(struct session *s);

/* Starts the end of the running process: all its tasks go, with this wait status. Then task_exit(). */
void process_exit_group(int status) NORETURN;
/* Ends the running task. status: a wait status. */
void task_exit(int status) NORETURN;
/* Kills another process at once, as SIGKILL does (out of memory). */
void process_kill(struct process *p);
/*
 * A fault of the running task found no memory: has the process that uses the most of it killed (proc/oom.c). true: that
 * is under way, try again; false: the running one has to go, or goes already. May sleep; no spin locks held.
 */
bool process_out_of_memory(void);

/* Processes and tasks in the system now, and the limit that memory sets. */
uint32_t tasks_count(void);
uint32_t tasks_limit(void);
/* Frees the memory of tasks that have exited and left their CPU. */
void tasks_reap(void);

/* Creates pid 1, which executes /sbin/init or what init= on the command line names, with /dev/console as 0, 1, 2. */
void task_start_init(void);
/* Boot: log records name the running process from now on. */
void proc_log_init(void);
/* Boot, once memory and threads work. */
void proc_init(void);

/* CPU time and other sums of a live process or task. */
void process_rusage(struct process *p, struct rusage_sum *out);
void task_rusage(struct task *t, struct rusage_sum *out);

#endif
