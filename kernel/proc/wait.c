/* SPDX-License-Identifier: MIT */
/*
 * wait4 and waitid: what children have to tell.
 *
 * The waiter sleeps on its process's child_wait, which every exit, stop and continuation of a child wakes; it looks
 * under tree_lock, and takes a zombie out of the tree under the same lock, so that one waiter gets each.
 */
#include <string.h>

#include "abi/linux/wait.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "proc/internal.h"
#include "syscall_protos.h"

struct wait_request {
	int type; /* P_* */
	pid_t id;
	int options;
};

struct wait_result {
	pid_t pid; /* 0: nothing yet */
	uid_t uid;
	int status; /* wait status */
	int code;   /* CLD_* */
	struct rusage_sum usage;
	struct process *reaped;      /* to be put */
	struct process_group *group; /* to be put */
};

static bool
is_eligible(const struct process *child, const struct wait_request *r)
{
	if (r->type == P_PID && child->pid != r->id)
		return false;
	if (r->type == P_PGID && (child->group == NULL || child->group->id != r->id))
		return false;
	if ((r->options & __WNOTHREAD) && child->parent_tid != current_task()->tid)
		return false;
	bool clone_child = child->exit_signal != SIGCHLD;
	return (r->options & __WALL) || clone_child == ((r->options & __WCLONE) != 0);
}

static uid_t
uid_of(struct process *p)
{
	const struct cred *c = process_cred(p);
	uid_t uid = c != NULL ? c->uid : 0;
	if (c != NULL)
		cred_put(c);
	return uid;
}

/* A zombie, under tree_lock: reports it and, unless asked not to, takes it out of the tree. */
static void
take_zombie(struct process *child, const struct wait_request *r, struct wait_result *out)
{
	out->pid = child->pid;
	out->uid = child->exit_cred->uid;
	out->status = child->exit_status;
	out->code = (child->exit_status & 0x7f) ? CLD_KILLED : CLD_EXITED;
	out->usage = child->dead;
	rusage_add(&out->usage, &child->children_sum);
	if (r->options & WNOWAIT)
		return;
	rusage_add(&child->parent->children_sum, &out->usage);
	process_reap_locked(child, &out->group);
	out->reaped = child;
}

/* A stop or continuation to report, under tree_lock. */
static void
take_news(struct process *child, const struct wait_request *r, struct wait_result *out)
{
	spin_lock(&child->lock);
	uint32_t flags = process_flags(child), seen = 0;
	if ((r->options & WSTOPPED) && (flags & PROCESS_STOP_NEWS)) {
		out->status = child->news_status;
		out->code = CLD_STOPPED;
		seen = PROCESS_STOP_NEWS;
	} else if ((r->options & WCONTINUED) && (flags & PROCESS_CONT_NEWS)) {
		out->status = STATUS_CONTINUED;
		out->code = CLD_CONTINUED;
		seen = PROCESS_CONT_NEWS;
	}
	if (seen != 0 && !(r->options & WNOWAIT))
		atomic_fetch_and_explicit(&child->flags, ~seen, memory_order_relaxed);
	spin_unlock(&child->lock);
	if (seen != 0) {
		out->pid = child->pid;
		out->uid = uid_of(child);
	}
}

/*
 * Looks at one child, under tree_lock. Whether it is one that the request may wait for: a zombie neither stops nor
 * continues any more.
 */
static bool
look_at(struct process *child, const struct wait_request *r, struct wait_result *out)
{
	if (!is_eligible(child, r))
		return false;
	if (child->state == PROCESS_ZOMBIE) {
		if (!(r->options & WEXITED))
			return false;
		take_zombie(child, r, out);
	} else if (r->options & (WSTOPPED | WCONTINUED)) {
		take_news(child, r, out);
	}
	return true;
}

/* 0 with out->pid set if there is something to report, or 0 if there may be later; -ECHILD. */
static int
scan(const struct wait_request *r, struct wait_result *out)
{
	struct process *self = current_process(), *child;
	int err = -ECHILD;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	if (r->type == P_PID) {
		struct pid *pid = pid_lookup_locked(self->view, r->id);
		child = pid != NULL ? pid->process : NULL;
		if (child != NULL && child->parent == self && look_at(child, r, out))
			err = 0;
	} else {
		list_for_each_entry (child, &self->children, sibling) {
			if (look_at(child, r, out))
				err = 0;
			if (out->pid != 0)
				break;
		}
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	return err;
}

static int
wait_for_children(const struct wait_request *r, struct wait_result *out)
{
	struct process *self = current_process();
	int scan_err;
	if (r->options & WNOHANG)
		return scan(r, out);
	int err = wait_event(&self->child_wait, WAIT_INTERRUPTIBLE, DEADLINE_NEVER,
		(scan_err = scan(r, out)) != 0 || out->pid != 0);
	return scan_err != 0 ? scan_err : err;
}

/* Frees what a reaped child still has. */
static void
finish(struct wait_result *out)
{
	if (out->reaped == NULL)
		return;
	process_group_put(out->group);
	process_put(out->reaped);
	tasks_reap();
}

static int
usage_to_user(uaddr_t to, const struct wait_result *w)
{
	struct rusage_user u;
	if (uaddr_is_null(to))
		return 0;
	rusage_to_user_format(&w->usage, &u);
	return copy_to_user(to, &u, sizeof(u));
}

int64_t
sys_wait4(int pid, uaddr_t status, int options, uaddr_t rusage)
{
	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	struct wait_request r = {.type = P_ALL, .options = options | WEXITED};
	if (pid > 0) {
		r.type = P_PID;
		r.id = pid;
	} else if (pid != -1) {
		r.type = P_PGID;
		r.id = pid == 0 ? (pid_t)sys_getpgid(0) : -pid;
	}
	struct wait_result w = {0};
	int err = wait_for_children(&r, &w);
	finish(&w);
	if (err != 0 || w.pid == 0)
		return err;
	if (!uaddr_is_null(status) && put_user_u32(status, (uint32_t)w.status) != 0)
		return -EFAULT;
	err = usage_to_user(rusage, &w);
	return err != 0 ? err : w.pid;
}

static int
siginfo_status(const struct wait_result *w)
{
	switch (w->code) {
	case CLD_EXITED:
	case CLD_STOPPED:
		return (w->status >> 8) & 0xff;
	case CLD_KILLED:
		return w->status & 0x7f;
	default:
		return SIGCONT;
	}
}

int64_t
sys_waitid(int type, int id, uaddr_t info, int options, uaddr_t rusage)
{
	if ((options &
		    ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE |
			    __WALL)) ||
		!(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	struct wait_request r = {.type = type, .id = id, .options = options};
	if (type == P_PGID && id == 0)
		r.id = (pid_t)sys_getpgid(0);
	else if (type == P_PGID ? id < 0 : type == P_PID ? id <= 0 : type != P_ALL)
		return -EINVAL;
	struct wait_result w = {0};
	int err = wait_for_children(&r, &w);
	finish(&w);
	if (err != 0)
		return err;
	if (w.pid != 0 && usage_to_user(rusage, &w) != 0)
		return -EFAULT;
	if (uaddr_is_null(info))
		return 0;
	struct siginfo s = {0};
	if (w.pid != 0)
		s = (struct siginfo){.signo = SIGCHLD,
			.code = w.code,
			.pid = w.pid,
			.uid = w.uid,
			.status = siginfo_status(&w)};
	/* Linux writes these fields and leaves the rest of the siginfo_t alone. */
	return copy_to_user(info, &s, offsetof(struct siginfo, status) + sizeof(s.status));
}
