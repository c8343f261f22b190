/* SPDX-License-Identifier: MIT */
/* What the files of kernel/proc share with each other and with nobody else. */
#ifndef PROC_INTERNAL_H
#define PROC_INTERNAL_H

#include "proc/completion.h"
#include "proc/process.h"

/* pid.c */
struct pid *pid_create(
	struct view *v, int *err) MUST_CHECK; /* a free number that names nothing yet */
struct pid *pid_lookup_locked(struct view *v, pid_t nr);
void pid_settle_locked(struct pid *pid); /* gives the number back if it names nothing */
void pid_discard(struct pid *pid); /* as pid_settle_locked(), for a number that was never used */
void pid_init(void);

/* process.c */
struct process *process_create(
	struct process *parent) MUST_CHECK; /* limits and such are inherited; not in the tree */
void process_attach_locked(struct process *p, struct process *parent, struct pid *pid);
const struct cred *process_cred_locked(struct process *p); /* no reference; p->lock held */
void process_init(void);
/* A number names a session or group; both under tree_lock. The group's last member or looker frees it. */
void process_join_group_locked(struct process *p, struct process_group *g);
/* Returns the group left, for process_group_put() after the lock is dropped. */
struct process_group *process_leave_group_locked(struct process *p) MUST_CHECK;
int process_start_session(struct process *p, struct pid *pid) MUST_CHECK;

/* task.c */
struct task *task_create(
	const char *name, int *err) MUST_CHECK; /* thread and kernel stack; nothing else */
void task_destroy_unused(struct task *t);
void task_bury(struct task *t); /* the running task: its memory is freed once it is off its stack */
void task_init(void);

/* exit.c */
void exit_detach_space(struct task *t);
void exit_release_memory(
	struct task *t); /* what others wait for in the memory that the running task leaves */
void vfork_complete(struct task *t);
/* Unlinks a zombie; under tree_lock. The caller drops the tree's reference with process_put() and *group afterwards. */
void process_reap_locked(struct process *p, struct process_group **group);
void exit_orphaned_group_locked(
	struct process_group *g, struct session *s, struct process *leaving);

/* signal_send.c */
#define SIG_FROM_KERNEL 0u
#define SIG_FORCE       1u /* reaches init, SIGKILL included */
#define SIG_OF_TIMER    2u /* counts against no limit: its timer does */
#define SIG_TO_SEVERAL  4u /* a group, or all; tree_lock held */
/* Counts a queued signal or a timer against a user, with a reference on it. False: limit or more are there. */
bool signal_charge(struct user_account *a, uint64_t limit) MUST_CHECK;
void signal_uncharge(struct user_account *a);
int signal_send_locked(
	struct process *p, struct task *t, int sig, const struct siginfo *info, uint32_t flags);
void signal_kill_locked(struct process *p, int status);
void signal_wake_task(struct task *t, uint32_t states);
void signal_recalc_locked(struct task *t);
void signal_flush_locked(
	struct process *p, struct signal_pending *q, sigmask_t set, struct task *spare_of);
int signal_dequeue_locked(struct task *t, sigmask_t set, struct siginfo *info);
void signal_retarget_locked(struct process *p, struct task *leaving, sigmask_t was_blocked);
void signal_notify_parent_locked(
	struct process *p, int why, int status); /* SIGCHLD; under tree_lock */
bool signal_parent_ignores_exit_locked(struct process *p);
bool signal_send_timer_locked(
	struct process *p, struct task *t, struct posix_timer *timer, const struct siginfo *info);
struct signal_actions *signal_actions_create(void) MUST_CHECK;
struct signal_actions *signal_actions_copy(struct signal_actions *from) MUST_CHECK;
void signal_actions_put(struct signal_actions *a);
bool signal_unshare_actions(struct process *p, struct signal_actions *fresh) MUST_CHECK;
void signal_flush_timers(
	struct task *t); /* exec: what timers sent goes with them; own task, the only one */
void signal_reset_handlers(struct process *p);
void signal_reset_to_default(
	struct signal_actions *a); /* CLONE_CLEAR_SIGHAND: nobody else has it yet */
void signal_init(void);

/* signal_deliver.c */
void signal_leave_stop_locked(struct process *p, struct task *t);

#define SYNCHRONOUS_SIGNALS                                                        \
	(SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) | \
		SIGMASK(SIGFPE) | SIGMASK(SIGSYS))
#define UNBLOCKABLE_SIGNALS (SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))
#define STOP_SIGNALS        (SIGMASK(SIGSTOP) | SIGMASK(SIGTSTP) | SIGMASK(SIGTTIN) | SIGMASK(SIGTTOU))
#define DEFAULT_IGNORED_SIGNALS \
	(SIGMASK(SIGCONT) | SIGMASK(SIGCHLD) | SIGMASK(SIGWINCH) | SIGMASK(SIGURG))
#define CORE_SIGNALS                                                                     \
	(SIGMASK(SIGQUIT) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) | SIGMASK(SIGABRT) |      \
		SIGMASK(SIGFPE) | SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | SIGMASK(SIGSYS) | \
		SIGMASK(SIGXCPU) | SIGMASK(SIGXFSZ))

/* Wait statuses. */
#define STATUS_EXITED(code) (((code) & 0xff) << 8)
#define STATUS_STOPPED(sig) ((sig) << 8 | 0x7f)
#define STATUS_CONTINUED    0xffff
/* No cores are written, so the core bit (0x80) is never set. */

/* futex.c */
void futex_exit_robust(struct task *t);
void futex_wake_address(uaddr_t u, uint32_t n); /* shared key of the running space */
void futex_init(void);

/* clone.c */
struct clone_request {
	uint64_t flags; /* CLONE_* without the exit signal */
	int exit_signal;
	uaddr_t child_tid, parent_tid;
	uint64_t stack, tls; /* stack: the new stack pointer, 0: the parent's */
};
int64_t clone_task(const struct clone_request *r);

/* exec.c */
int exec_kernel(const char *path, const char *const *argv, const char *const *envp) MUST_CHECK;

/* itimer.c, posix_timer.c */
void itimers_init(struct process *p);
void itimers_stop(struct process *p); /* exit: nothing fires afterwards */
void posix_timers_delete_all(struct process *p);
void posix_timer_requeue(struct posix_timer *t, struct siginfo *info);
void posix_timer_get(struct posix_timer *t);
void posix_timer_put(struct posix_timer *t);
void posix_timers_init(void);
void cpu_timer_rearm(
	struct process *p); /* after a CPU-time limit or timer changed, or a task came */
uint64_t process_cpu_ns(struct process *p, uint64_t *user_ns);
uint64_t process_cpu_ns_locked(struct process *p, uint64_t *user_ns);
bool posix_timers_check_cpu_locked(
	struct process *p, uint64_t total, uint64_t user, uint64_t *next);

/* cred.c */
struct user_account *user_account_get(uid_t uid) MUST_CHECK; /* NULL: out of memory */
/* Whether the running task may signal, or change, one with these credentials. */
bool cred_may_signal(const struct cred *target);
void cred_changed_ids(
	struct cred *c, const struct cred *old); /* DESIGN §1.3: what is left of the capabilities */
bool cred_may_exceed_memlock(void);
/* Whether c's user has more tasks than the running process's RLIMIT_NPROC, whatever it may exceed. */
bool cred_tasks_over_limit(const struct cred *c);

/* Linux's capabilities (proc/linux_caps.c): what uid has at first; after changes of ids in c, a private copy of old. */
void linux_caps_of_uid(struct linux_caps *caps, uid_t uid);
void linux_caps_changed_uids(struct cred *c, const struct cred *old);
void linux_caps_changed_fsuid(struct cred *c, const struct cred *old);
/* What a program has that c's task execs with the effective uid euid. */
void linux_caps_exec(struct linux_caps *out, const struct cred *c, uid_t euid);
/* prctl's options on them. */
int64_t linux_caps_read_bounding(uint64_t cap);
int linux_caps_drop_bounding(uint64_t cap);
int linux_caps_set_keep(uint64_t keep);
struct cred *cred_create_initial(void) MUST_CHECK;
void cred_init(void);

/* rusage of a reaped child, as wait reports it */
struct rusage_user;
void rusage_to_user_format(const struct rusage_sum *r, struct rusage_user *out);
void rusage_add(struct rusage_sum *to, const struct rusage_sum *r);
int64_t ns_to_ticks(uint64_t ns); /* clock_t: 100 a second */

void oom_init(void); /* oom.c */

#endif
