/* SPDX-License-Identifier: MIT */
/*
 * Signals as the receiver sees them: on its way to user mode a task runs handlers, stops, dies, or has an
 * interrupted call restarted.
 */
#include <string.h>

#include "arch/signal.h"
#include "arch/uaccess.h"
#include "core/panic.h"
#include "core/sched.h"
#include "proc/internal.h"

int
siginfo_to_user(uaddr_t to, const struct siginfo *info)
{
	uint8_t buf[SIGINFO_USER_SIZE];
	memcpy(buf, info, sizeof(*info));
	memset(buf + sizeof(*info), 0, sizeof(buf) - sizeof(*info));
	return copy_to_user(to, buf, sizeof(buf));
}

/* Called with p->lock held. */
static void
set_mask_locked(struct task *t, sigmask_t mask)
{
	sigmask_t more = mask & ~t->sig.blocked;
	t->sig.blocked = mask;
	if (more != 0 && t->process->nr_tasks > 1)
		signal_retarget_locked(t->process, t, more);
	signal_recalc_locked(t);
}

void
signal_set_mask(sigmask_t mask)
{
	struct task *t = current_task();
	mask &= ~UNBLOCKABLE_SIGNALS;
	if (mask == t->sig.blocked)
		return;
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	set_mask_locked(t, mask);
	spin_unlock_irq_restore(&t->process->lock, flags);
}

int
signal_begin_mask_user(uaddr_t user, uint64_t size)
{
	sigmask_t mask;
	if (uaddr_is_null(user))
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, user, sizeof(mask)) != 0)
		return -EFAULT;
	struct task *t = current_task();
	t->sig.saved = t->sig.blocked;
	thread_set_flags(&t->thread, TF_RESTORE_MASK);
	signal_set_mask(mask);
	return 0;
}

void
signal_end_mask(bool interrupted)
{
	struct task *t = current_task();
	if (!thread_test_flags(&t->thread, TF_RESTORE_MASK) || (interrupted && signal_pending()))
		return;
	thread_clear_flags(&t->thread, TF_RESTORE_MASK);
	signal_set_mask(t->sig.saved);
}

/* The mask that a handler's return restores. */
static sigmask_t
mask_to_save(struct task *t)
{
	if (!thread_test_flags(&t->thread, TF_RESTORE_MASK))
		return t->sig.blocked;
	thread_clear_flags(&t->thread, TF_RESTORE_MASK);
	return t->sig.saved;
}

void
signal_fault(int sig, int code, uint64_t addr)
{
	struct task *t = current_task();
	struct process *p = t->process;
	struct siginfo info = {.signo = sig, .code = code, .addr = arch_fault_untag(addr)};
	struct signal_actions *a = atomic_load_explicit(&p->actions, memory_order_relaxed);
	uint64_t flags = spin_lock_irq_save(&p->lock);
	spin_lock(&a->lock);
	struct sigaction_user *act = &a->action[sig - 1];
	if (act->flags & SA_EXPOSE_TAGBITS)
		info.addr = addr;
	bool blocked = (t->sig.blocked & SIGMASK(sig)) != 0;
	if (blocked || act->handler == SIG_IGN)
		act->handler = SIG_DFL;
	bool fatal = act->handler == SIG_DFL;
	spin_unlock(&a->lock);
	if (blocked)
		t->sig.blocked &= ~SIGMASK(sig);
	if (fatal)
		atomic_fetch_and_explicit(&p->flags, ~PROCESS_UNKILLABLE, memory_order_relaxed);
	signal_send_locked(p, t, sig, &info, SIG_FORCE);
	signal_recalc_locked(t);
	spin_unlock_irq_restore(&p->lock, flags);
}

/*
 * The task stops, as part of a stop of the process; p->lock held, released on return. The last one to stop tells
 * the parent.
 */
static void
take_part_in_stop(struct process *p, struct task *t, uint64_t irq_flags) NO_LOCK_ANALYSIS
{
	int sig = p->stop_signal;
	t->sig.stop_pending = false;
	bool last = p->stop_count != 0 && --p->stop_count == 0;
	if (last) {
		atomic_fetch_or_explicit(
			&p->flags, PROCESS_STOPPED | PROCESS_STOP_NEWS, memory_order_relaxed);
		p->news_status = STATUS_STOPPED(sig);
	}
	/* Under the lock, so that SIGCONT and SIGKILL find a sleeper or come first. */
	atomic_store_explicit(&t->thread.state, THREAD_STOPPED, memory_order_seq_cst);
	spin_unlock_irq_restore(&p->lock, irq_flags);
	if (last) {
		uint64_t flags = spin_lock_irq_save(&tree_lock);
		if (p->parent != NULL)
			signal_notify_parent_locked(p, CLD_STOPPED, sig);
		spin_unlock_irq_restore(&tree_lock, flags);
	}
	if (signal_killed())
		atomic_store_explicit(&t->thread.state, THREAD_RUNNING, memory_order_relaxed);
	else
		schedule();
}

/* A task that will not take part any more (it exits); p->lock held. Whether the stop is now complete. */
void
signal_leave_stop_locked(struct process *p, struct task *t)
{
	if (!t->sig.stop_pending)
		return;
	t->sig.stop_pending = false;
	if (p->stop_count != 0 && --p->stop_count == 0 && p->stop_signal != 0) {
		atomic_fetch_or_explicit(
			&p->flags, PROCESS_STOPPED | PROCESS_STOP_NEWS, memory_order_relaxed);
		p->news_status = STATUS_STOPPED(p->stop_signal);
	}
}

/* The default action of a stop signal; p->lock held: all tasks are asked to stop. */
static void
begin_stop(struct process *p, int sig)
{
	struct task *t;
	if (p->stop_signal != 0)
		return;
	p->stop_signal = sig;
	p->stop_count = 0;
	atomic_fetch_and_explicit(&p->flags, ~PROCESS_CONT_NEWS, memory_order_relaxed);
	list_for_each_entry (t, &p->tasks, process_node) {
		if (t->sig.exiting)
			continue;
		t->sig.stop_pending = true;
		p->stop_count++;
		thread_set_flags(&t->thread, TF_SIGNAL);
		signal_wake_task(t, 1u << THREAD_SLEEPING);
	}
}

static bool
stop_has_no_effect(struct process *p, int sig)
{
	if (sig == SIGSTOP)
		return false;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct process_group *g = p->group;
	process_group_get(g);
	spin_unlock_irq_restore(&tree_lock, flags);
	bool orphaned = process_group_is_orphaned(g);
	process_group_put(g);
	return orphaned;
}

static void
tell_parent_of_continuation(struct process *p)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	if (p->parent != NULL)
		signal_notify_parent_locked(p, CLD_CONTINUED, SIGCONT);
	spin_unlock_irq_restore(&tree_lock, flags);
}

/* What to do with a signal that was taken. */
enum verdict { VERDICT_IGNORE, VERDICT_HANDLE, VERDICT_STOP, VERDICT_DIE };

/* p->lock held. *act is the disposition at this moment. */
static enum verdict
judge(struct process *p, int sig, struct sigaction_user *act)
{
	struct signal_actions *a = atomic_load_explicit(&p->actions, memory_order_relaxed);
	struct sigaction_user *live = &a->action[sig - 1];
	spin_lock(&a->lock);
	*act = *live;
	if (act->handler > SIG_IGN && (act->flags & SA_RESETHAND))
		live->handler = SIG_DFL; /* the flags stay, as on Linux */
	spin_unlock(&a->lock);
	if (act->handler == SIG_IGN)
		return VERDICT_IGNORE;
	if (act->handler != SIG_DFL)
		return VERDICT_HANDLE;
	if ((SIGMASK(sig) & DEFAULT_IGNORED_SIGNALS) || (process_flags(p) & PROCESS_UNKILLABLE))
		return VERDICT_IGNORE;
	return (SIGMASK(sig) & STOP_SIGNALS) ? VERDICT_STOP : VERDICT_DIE;
}

static void
adjust_interrupted_call(struct trap_frame *f, const struct sigaction_user *act)
{
	switch (arch_syscall_interrupted(f)) {
	case 0:
		return;
	case ERESTARTNOINTR:
		arch_syscall_restart(f);
		return;
	case ERESTARTSYS:
		if (act->flags & SA_RESTART) {
			arch_syscall_restart(f);
			return;
		}
		break;
	default:
		break;
	}
	arch_syscall_set_eintr(f);
}

/* The handler's mask is already in force. */
static void
run_handler(struct trap_frame *f, int sig, const struct siginfo *info,
	const struct sigaction_user *act, sigmask_t saved)
{
	adjust_interrupted_call(f, act);
	if (likely(arch_signal_push(f, sig, info, act, saved) == 0))
		return;
	if (sig == SIGSEGV)
		process_exit_group(SIGSEGV); /* its own handler cannot be reached: no way out */
	signal_fault(SIGSEGV, SI_KERNEL, 0);
}

/* Takes one signal and acts on it. Returns false when there was nothing more to take. */
static bool
deliver_one(struct trap_frame *f) NO_LOCK_ANALYSIS
{
	struct task *t = current_task();
	struct process *p = t->process;
	struct siginfo info __attribute__((uninitialized)); /* set when a signal is taken */
	struct sigaction_user act __attribute__((uninitialized));
	uint64_t irq_flags = spin_lock_irq_save(&p->lock);
	if (unlikely(process_flags(p) & PROCESS_CONT_TELL)) {
		atomic_fetch_and_explicit(&p->flags, ~PROCESS_CONT_TELL, memory_order_relaxed);
		spin_unlock_irq_restore(&p->lock, irq_flags);
		tell_parent_of_continuation(p);
		return true;
	}
	if (unlikely(t->sig.stop_pending)) {
		take_part_in_stop(p, t, irq_flags);
		return true;
	}
	int sig = signal_dequeue_locked(t, ~t->sig.blocked, &info);
	if (sig == 0) {
		signal_recalc_locked(t);
		spin_unlock_irq_restore(&p->lock, irq_flags);
		return false;
	}
	enum verdict verdict = judge(p, sig, &act);
	if (verdict == VERDICT_HANDLE) {
		sigmask_t saved = mask_to_save(t);
		sigmask_t mask = t->sig.blocked | act.mask;
		if (!(act.flags & SA_NODEFER))
			mask |= SIGMASK(sig);
		set_mask_locked(t, mask & ~UNBLOCKABLE_SIGNALS);
		spin_unlock_irq_restore(&p->lock, irq_flags);
		run_handler(f, sig, &info, &act, saved);
		return true;
	}
	if (verdict == VERDICT_STOP) {
		t->sig.stop_taken = true;
		spin_unlock_irq_restore(&p->lock, irq_flags);
		bool stops = !stop_has_no_effect(p, sig);
		irq_flags = spin_lock_irq_save(&p->lock);
		if (stops && t->sig.stop_taken && !(process_flags(p) & PROCESS_EXITING))
			begin_stop(p, sig);
		t->sig.stop_taken = false;
	}
	if (verdict == VERDICT_DIE && p->nr_tasks > 1)
		signal_kill_locked(
			p, sig); /* before another task, which sees no signal, may fork */
	spin_unlock_irq_restore(&p->lock, irq_flags);
	if (verdict == VERDICT_DIE)
		process_exit_group(sig);
	return true;
}

/* The task, or its process, is going. */
static void
exit_if_asked(struct task *t)
{
	if (!thread_test_flags(&t->thread, TF_EXIT))
		return;
	struct process *p = t->process;
	task_exit((process_flags(p) & PROCESS_EXITING) ? p->group_exit_status : 0);
}

static void
restart_without_handler(struct trap_frame *f)
{
	switch (arch_syscall_interrupted(f)) {
	case 0:
		return;
	case ERESTART_RESTARTBLOCK:
		arch_syscall_restart_block(f);
		return;
	default:
		arch_syscall_restart(f);
	}
}

static void
signal_work(struct trap_frame *f)
{
	struct task *t = current_task();
	int before = arch_syscall_interrupted(f);
	do
		exit_if_asked(t);
	while (thread_test_flags(&t->thread, TF_SIGNAL | TF_EXIT) && deliver_one(f));
	if (before != 0)
		restart_without_handler(f); /* does nothing if a handler's frame was pushed */
	if (thread_test_flags(&t->thread, TF_RESTORE_MASK)) {
		thread_clear_flags(&t->thread, TF_RESTORE_MASK);
		signal_set_mask(t->sig.saved);
	}
}

/* What a task does once, on its first way to user mode. */
static void
first_steps(struct task *t)
{
	void (*start)(void) = t->start;
	t->start = NULL;
	if (start != NULL)
		start();
	if (uaddr_is_null(t->set_child_tid))
		return;
	/* A bad address is the caller's business: Linux ignores it too. */
	(void)!put_user_u32(t->set_child_tid, (uint32_t)t->tid);
	t->set_child_tid = (uaddr_t){0};
}

void
task_exit_to_user_work(struct trap_frame *frame)
{
	struct thread *self = arch_current();
	while (thread_test_flags(self, TF_EXIT_WORK)) {
		if (thread_test_flags(self, TF_RESCHED))
			schedule();
		if (thread_test_flags(self, TF_NOTIFY)) {
			thread_clear_flags(self, TF_NOTIFY);
			first_steps(current_task());
		}
		if (thread_test_flags(self, TF_SIGNAL | TF_EXIT | TF_RESTORE_MASK))
			signal_work(frame);
	}
}
