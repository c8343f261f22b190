/* SPDX-License-Identifier: MIT */
/*
 * The system calls on signals: kill and its kin, dispositions, masks, waiting, alternate stacks.
 *
 * Whom a number names is found, asked for permission and signalled under one hold of tree_lock.
 */
#include <string.h>

#include "abi/linux/time.h"
#include "arch/thread.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "core/timer.h"
#include "proc/internal.h"
#include "proc/time.h"
#include "syscall_protos.h"

static struct siginfo
info_from_self(int sig, int code)
{
	struct task *t = current_task();
	return (struct siginfo){
		.signo = sig, .code = code, .pid = t->process->pid, .uid = t->cred->uid};
}

/* Whether the running task may send sig to p. SIGCONT is allowed within a session. tree_lock held. */
static int
may_signal_locked(struct process *p, int sig)
{
	struct process *self = current_process();
	if (p == self)
		return 0;
	spin_lock(&p->lock);
	const struct cred *c = process_cred_locked(p);
	bool may = c == NULL || cred_may_signal(c); /* NULL: hardly there any more */
	spin_unlock(&p->lock);
	if (!may && sig == SIGCONT && p->group != NULL)
		may = p->group->session == self->group->session;
	return may ? 0 : -EPERM;
}

/* tree_lock held: by the same hold p was found, so that it is who has the number now, or one of the group. */
static int
send_checked_locked(struct process *p, int sig, const struct siginfo *info,
	int (*send)(struct process *, int, const struct siginfo *))
{
	int err = may_signal_locked(p, sig);
	return err != 0 || sig == 0 ? err : send(p, sig, info);
}

/* To the process of that number, or that has a thread of that number. */
static int
send_to_process(pid_t nr, int sig, const struct siginfo *info)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct pid *pid = pid_lookup_locked(current_view(), nr);
	struct process *p = NULL;
	if (pid != NULL)
		p = pid->process == NULL && pid->task != NULL ? pid->task->process : pid->process;
	int err = p != NULL ? send_checked_locked(p, sig, info, signal_send_process) : -ESRCH;
	spin_unlock_irq_restore(&tree_lock, flags);
	return err;
}

/*
 * To those of a group (0: the caller's), all under one hold of tree_lock: a fork is over, and the child is in the group,
 * or it is not, and the child will have what was sent to its parent (clone.c). Succeeds if one could be signalled.
 */
static int
send_to_group(pid_t nr, int sig, const struct siginfo *info)
{
	int result = -ESRCH;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct pid *pid = pid_lookup_locked(current_view(), nr);
	struct process_group *g = nr == 0 ? current_process()->group
		: pid != NULL             ? pid->group
					  : NULL;
	struct process *p;
	if (g != NULL)
		list_for_each_entry (p, &g->members, group_node) {
			int err = send_checked_locked(p, sig, info, signal_send_member_locked);
			if (err == 0 || result == -ESRCH)
				result = err;
		}
	spin_unlock_irq_restore(&tree_lock, flags);
	return result;
}

/* To all but init and the caller, as to a group. That there are only some who may not be signalled is no error. */
static int
send_to_all(int sig, const struct siginfo *info)
{
	int result = -ESRCH;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct view *v = current_view();
	uint64_t index = 0;
	for (struct pid *pid; (pid = radix_next(&v->pids, &index)) != NULL; index++) {
		struct process *p = pid->process;
		if (p == NULL || p == v->init || p == current_process())
			continue;
		int err = send_checked_locked(p, sig, info, signal_send_member_locked);
		if (err != -EPERM || result == -ESRCH)
			result = err == -EPERM ? 0 : err;
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	return result;
}

int64_t
sys_kill(int pid, int sig)
{
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	struct siginfo info = info_from_self(sig, SI_USER);
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid == -1)
		return send_to_all(sig, &info);
	return pid > 0 ? send_to_process(pid, sig, &info) : send_to_group(-pid, sig, &info);
}

/* tgid 0: any process. A leader that has exited while its process lives on is still there to be asked for. */
static int
send_thread(pid_t tgid, pid_t tid, int sig, const struct siginfo *info)
{
	struct task *self = current_task();
	if (tid == self->tid && (tgid == 0 || tgid == self->process->pid))
		return sig == 0 ? 0 : signal_send_task(self, sig, info);
	int err = -ESRCH;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct pid *pid = pid_lookup_locked(current_view(), tid);
	struct task *t = pid != NULL ? pid->task : NULL;
	struct process *p = t != NULL ? t->process : pid != NULL ? pid->process : NULL;
	if (p != NULL && (tgid == 0 || p->pid == tgid)) {
		err = may_signal_locked(p, sig);
		if (err == 0 && sig != 0 && t != NULL)
			err = signal_send_task(t, sig, info);
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	return err;
}

int64_t
sys_tgkill(int tgid, int tid, int sig)
{
	if (tgid <= 0 || tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	struct siginfo info = info_from_self(sig, SI_TKILL);
	return send_thread(tgid, tid, sig, &info);
}

int64_t
sys_tkill(int tid, int sig)
{
	if (tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	struct siginfo info = info_from_self(sig, SI_TKILL);
	return send_thread(0, tid, sig, &info);
}

/* A siginfo of the caller's making. Only to itself may it claim to come from the kernel or from kill(2). */
static int
read_siginfo(struct siginfo *info, uaddr_t from, int sig, bool to_self)
{
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	if (copy_from_user(info, from, sizeof(*info)) != 0)
		return -EFAULT;
	info->signo = sig;
	if ((info->code >= 0 || info->code == SI_TKILL) && !to_self)
		return -EPERM;
	return 0;
}

int64_t
sys_rt_sigqueueinfo(int pid, int sig, uaddr_t from)
{
	struct siginfo info;
	int err = read_siginfo(&info, from, sig, pid == current_process()->pid);
	if (err != 0)
		return err;
	return send_to_process(pid, sig, &info);
}

int64_t
sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, uaddr_t from)
{
	struct siginfo info;
	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	int err = read_siginfo(&info, from, sig, tid == current_task()->tid);
	return err != 0 ? err : send_thread(tgid, tid, sig, &info);
}

/* Setting a disposition to ignore discards what is pending. p->lock held. */
static void
discard_if_ignored(struct process *p, int sig, uint64_t handler)
{
	if (handler != SIG_IGN && !(handler == SIG_DFL && (SIGMASK(sig) & DEFAULT_IGNORED_SIGNALS)))
		return;
	struct task *t;
	signal_flush_locked(p, &p->pending, SIGMASK(sig), NULL);
	list_for_each_entry (t, &p->tasks, process_node)
		signal_flush_locked(p, &t->sig.pending, SIGMASK(sig), t);
}

#define SA_KNOWN                                                                                   \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS | SA_RESTORER | SA_ONSTACK | \
		SA_RESTART | SA_NODEFER | SA_RESETHAND)

int64_t
sys_rt_sigaction(int sig, uaddr_t new, uaddr_t old, size_t size)
{
	struct sigaction_user act, former;
	if (size != sizeof(sigmask_t) || sig < 1 || sig > NSIG)
		return -EINVAL;
	bool change = !uaddr_is_null(new);
	if (change && copy_from_user(&act, new, sizeof(act)) != 0)
		return -EFAULT;
	if (change && (SIGMASK(sig) & UNBLOCKABLE_SIGNALS))
		return -EINVAL;
	struct process *p = current_process();
	struct signal_actions *a = atomic_load_explicit(&p->actions, memory_order_relaxed);
	uint64_t flags = spin_lock_irq_save(&p->lock);
	spin_lock(&a->lock);
	former = a->action[sig - 1];
	if (change) {
		act.flags &= SA_KNOWN;
		act.mask &= ~UNBLOCKABLE_SIGNALS;
		a->action[sig - 1] = act;
	}
	spin_unlock(&a->lock);
	if (change)
		discard_if_ignored(p, sig, act.handler);
	spin_unlock_irq_restore(&p->lock, flags);
	return uaddr_is_null(old) ? 0 : copy_to_user(old, &former, sizeof(former));
}

int64_t
sys_rt_sigprocmask(int how, uaddr_t set, uaddr_t old, size_t size)
{
	struct task *t = current_task();
	sigmask_t former = t->sig.blocked, mask;
	if (size != sizeof(mask))
		return -EINVAL;
	if (!uaddr_is_null(set)) {
		if (get_user_u64(&mask, set) != 0)
			return -EFAULT;
		if (how == SIG_BLOCK)
			mask |= former;
		else if (how == SIG_UNBLOCK)
			mask = former & ~mask;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		signal_set_mask(mask);
	}
	return uaddr_is_null(old) ? 0 : put_user_u64(old, former);
}

sigmask_t
signal_pending_set(void)
{
	struct task *t = current_task();
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	sigmask_t set = t->sig.pending.set | t->process->pending.set;
	spin_unlock_irq_restore(&t->process->lock, flags);
	return set;
}

int64_t
sys_rt_sigpending(uaddr_t set, size_t size)
{
	if (size > sizeof(sigmask_t))
		return -EINVAL;
	sigmask_t pending = signal_pending_set() & current_task()->sig.blocked;
	return copy_to_user(set, &pending, size);
}

int64_t
sys_rt_sigsuspend(uaddr_t mask, size_t size)
{
	if (uaddr_is_null(mask))
		return -EFAULT;
	int err = signal_begin_mask_user(mask, size);
	if (err != 0)
		return err;
	while (!signal_pending()) {
		wait_prepare(WAIT_INTERRUPTIBLE);
		if (wait_sleep(WAIT_INTERRUPTIBLE, DEADLINE_NEVER) != 0)
			break;
	}
	wait_finish();
	return -ERESTARTNOHAND; /* the mask is restored after the handler, by TF_RESTORE_MASK */
}

/*
 * Sleeps until one of the signals comes, and takes it. Meanwhile they are not blocked, so that a sender wakes us; what
 * else came of them is for others, if they want it. *sig: 0 if none came.
 */
static int
wait_for_signal(struct task *t, sigmask_t set, nsec_t deadline, struct siginfo *info, int *sig)
{
	struct process *p = t->process;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	t->sig.real_blocked = t->sig.blocked;
	t->sig.blocked &= ~set;
	signal_recalc_locked(t);
	spin_unlock_irq_restore(&p->lock, flags);

	wait_prepare(WAIT_INTERRUPTIBLE);
	int err = signal_pending() ? -EINTR : wait_sleep(WAIT_INTERRUPTIBLE, deadline);
	wait_finish();

	flags = spin_lock_irq_save(&p->lock);
	*sig = signal_dequeue_locked(t, set, info);
	sigmask_t again = t->sig.real_blocked & ~t->sig.blocked;
	t->sig.blocked = t->sig.real_blocked;
	t->sig.real_blocked = 0;
	signal_retarget_locked(p, t, again);
	signal_recalc_locked(t);
	spin_unlock_irq_restore(&p->lock, flags);
	return err;
}

int64_t
sys_rt_sigtimedwait(uaddr_t set_user, uaddr_t info_user, uaddr_t timeout, size_t size)
{
	sigmask_t set;
	nsec_t deadline;
	if (size != sizeof(set))
		return -EINVAL;
	if (get_user_u64(&set, set_user) != 0)
		return -EFAULT;
	int err = deadline_from_user(timeout, &deadline);
	if (err != 0)
		return err;
	set &= ~UNBLOCKABLE_SIGNALS;
	struct siginfo info;
	int sig = signal_dequeue(set, &info);
	if (sig == 0 && deadline > time_now())
		err = wait_for_signal(current_task(), set, deadline, &info, &sig);
	if (sig == 0)
		return err != 0 && err != -ETIMEDOUT ? -EINTR : -EAGAIN;
	if (!uaddr_is_null(info_user) && siginfo_to_user(info_user, &info) != 0)
		return -EFAULT;
	return sig;
}

static bool
altstack_in_use(const struct task *t)
{
	uint64_t sp = arch_thread_frame((struct thread *)&t->thread)->sp;
	return !(t->sig.alt_flags & SS_AUTODISARM) && t->sig.alt_size != 0 && sp > t->sig.alt_sp &&
		sp - t->sig.alt_sp <= t->sig.alt_size;
}

static int
set_altstack(struct task *t, const struct sigaltstack_user *s)
{
	uint32_t mode = s->flags & ~SS_AUTODISARM;
	if (altstack_in_use(t))
		return -EPERM;
	if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		t->sig.alt_sp = t->sig.alt_size = 0;
		t->sig.alt_flags = s->flags;
		return 0;
	}
	if (s->size < MINSIGSTKSZ)
		return -ENOMEM;
	t->sig.alt_sp = s->sp;
	t->sig.alt_size = s->size;
	t->sig.alt_flags = s->flags;
	return 0;
}

void
signal_restore_altstack(const struct sigaltstack_user *s)
{
	struct task *t = current_task();
	if (t->sig.alt_sp == s->sp && t->sig.alt_size == s->size)
		return;
	(void)!set_altstack(t, s);
}

int64_t
sys_sigaltstack(uaddr_t new, uaddr_t old)
{
	struct task *t = current_task();
	struct sigaltstack_user s, former = {.sp = t->sig.alt_sp, .size = t->sig.alt_size};
	former.flags = t->sig.alt_size == 0 ? SS_DISABLE : altstack_in_use(t) ? SS_ONSTACK : 0;
	former.flags |= t->sig.alt_flags & SS_AUTODISARM;
	if (!uaddr_is_null(new)) {
		if (copy_from_user(&s, new, sizeof(s)) != 0)
			return -EFAULT;
		int err = set_altstack(t, &s);
		if (err != 0)
			return err;
	}
	return uaddr_is_null(old) ? 0 : copy_to_user(old, &former, sizeof(former));
}

int64_t
sys_restart_syscall(void)
{
	struct restart_block *r = &current_task()->restart;
	return r->fn != NULL ? r->fn(r) : -EINTR;
}
