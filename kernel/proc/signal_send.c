/* SPDX-License-Identifier: MIT */
/*
 * Sending signals: what a signal does the moment it is sent (stops undone, processes doomed, sleepers woken), the
 * queues, and taking a signal out of them.
 *
 * Everything here runs under process->lock, with interrupts masked, from any context.
 */
#include <string.h>

#include "core/cpu.h"
#include "core/sched.h"
#include "mm/slab.h"
#include "proc/internal.h"

static struct slab_cache *entry_cache, *actions_cache;

#define WAKE_SIGNAL (1u << THREAD_SLEEPING)
#define WAKE_KILL   (1u << THREAD_SLEEPING | 1u << THREAD_SLEEPING_KILL | 1u << THREAD_STOPPED)

/* The flags are set: makes t look at them, wherever it is. */
void
signal_wake_task(struct task *t, uint32_t states)
{
	if (&t->thread == arch_current() || sched_wake_states(&t->thread, states))
		return;
	arch_mb(); /* the flags before the look at who runs; a thread that starts to run tests them itself */
	struct cpu *cpu = relaxed_read(&t->thread.cpu);
	if (cpu != NULL && cpu != this_cpu() && relaxed_read(&cpu->current) == &t->thread)
		cpu_send_ipi(cpu, IPI_RESCHEDULE);
}

/* The disposition of sig; a racing change is as if the signal had come before or after it. */
static uint64_t
action_handler(struct process *p, int sig)
{
	struct signal_actions *a = atomic_load_explicit(&p->actions, memory_order_acquire);
	return *(volatile uint64_t *)&a->action[sig - 1].handler;
}

static bool
handler_ignores(uint64_t handler, int sig)
{
	return handler == SIG_IGN ||
		(handler == SIG_DFL && (SIGMASK(sig) & DEFAULT_IGNORED_SIGNALS));
}

static bool
signal_is_ignored(struct process *p, struct task *t, int sig, uint32_t flags)
{
	uint64_t handler = action_handler(p, sig);
	if ((t->sig.blocked | t->sig.real_blocked) & SIGMASK(sig))
		return false; /* it may be unblocked, and handled, or waited for: by init too */
	if ((process_flags(p) & PROCESS_UNKILLABLE) && handler == SIG_DFL && !(flags & SIG_FORCE))
		return true;
	return handler_ignores(handler, sig);
}

void
signal_recalc_locked(struct task *t)
{
	sigmask_t set = (t->sig.pending.set | t->process->pending.set) & ~t->sig.blocked;
	if (set != 0 || t->sig.stop_pending)
		thread_set_flags(&t->thread, TF_SIGNAL);
	else if (thread_test_flags(&t->thread, TF_SIGNAL))
		thread_clear_flags(&t->thread, TF_SIGNAL);
}

bool
signal_charge(struct user_account *a, uint64_t limit)
{
	if (atomic_fetch_add_explicit(&a->nr_signals, 1, memory_order_relaxed) < limit) {
		refcount_get(&a->refs);
		return true;
	}
	atomic_fetch_sub_explicit(&a->nr_signals, 1, memory_order_relaxed);
	return false;
}

void
signal_uncharge(struct user_account *a)
{
	atomic_fetch_sub_explicit(&a->nr_signals, 1, memory_order_relaxed);
	user_account_put(a);
}

static void
entry_free(struct signal_entry *e, struct task *owner)
{
	list_del(&e->node);
	if (e->timer != NULL)
		posix_timer_put(e->timer);
	if (owner != NULL && e == &owner->sig.spare) {
		owner->sig.spare_used = false;
		return;
	}
	if (e->account != NULL)
		signal_uncharge(e->account);
	slab_free(entry_cache, e);
}

/* Removes the signals of set from a queue; owner: the task whose queue it is, or NULL for a process's. */
void
signal_flush_locked(struct process *p, struct signal_pending *q, sigmask_t set, struct task *owner)
{
	if ((q->set & set) == 0)
		return;
	q->set &= ~set;
	struct signal_entry *e, *tmp;
	list_for_each_entry_safe (e, tmp, &q->queue, node)
		if (SIGMASK(e->info.signo) & set)
			entry_free(e, owner);
}

static void
flush_everywhere(struct process *p, sigmask_t set)
{
	struct task *t;
	signal_flush_locked(p, &p->pending, set, NULL);
	list_for_each_entry (t, &p->tasks, process_node)
		signal_flush_locked(p, &t->sig.pending, set, t);
}

/* An entry for a signal to p, counted against its user. NULL: over the limit (unless the kernel sends) or no memory. */
static struct signal_entry *
entry_alloc(struct process *p, struct task *t, bool thread_directed, bool limited)
{
	bool none = limited && p->limits[RLIMIT_SIGPENDING].cur == 0;
	if (thread_directed && !t->sig.spare_used && !none) {
		t->sig.spare_used = true;
		t->sig.spare.account = NULL;
		return &t->sig.spare;
	}
	struct user_account *a = t->cred->account;
	if (!signal_charge(a, limited ? p->limits[RLIMIT_SIGPENDING].cur : UINT64_MAX))
		return NULL;
	struct signal_entry *e = slab_alloc(entry_cache, KM_ATOMIC);
	if (e != NULL)
		e->account = a;
	else
		signal_uncharge(a);
	return e;
}

static void
info_fill_default(struct siginfo *out, int sig)
{
	*out = (struct siginfo){.signo = sig, .code = SI_KERNEL};
}

/* An entry for a timer's signal, which its user was charged for when it made the timer. */
static struct signal_entry *
timer_entry_alloc(void)
{
	struct signal_entry *e = slab_alloc(entry_cache, KM_ATOMIC);
	if (e != NULL)
		e->account = NULL;
	return e;
}

/* Queues sig's info. -EAGAIN: a real-time signal, sent with data, that cannot be queued. */
static int
enqueue(struct process *p, struct task *t, bool thread_directed, int sig,
	const struct siginfo *info, uint32_t flags)
{
	struct signal_pending *q = thread_directed ? &t->sig.pending : &p->pending;
	if (sig < SIGRTMIN && (q->set & SIGMASK(sig)))
		return 0; /* one is enough */
	bool from_user = info != NULL && info->code <= 0;
	bool limited =
		sig >= SIGRTMIN || !(info == NULL || info->code >= 0 || info->code == SI_TKILL);
	struct signal_entry *e = sig == SIGKILL ? NULL
		: flags & SIG_OF_TIMER          ? timer_entry_alloc()
						: entry_alloc(p, t, thread_directed, limited);
	if (e != NULL) {
		e->timer = NULL;
		if (info != NULL)
			e->info = *info;
		else
			info_fill_default(&e->info, sig);
		e->info.signo = sig;
		list_add_tail(&q->queue, &e->node);
	} else if (sig >= SIGRTMIN && from_user && info->code != SI_USER) {
		return -EAGAIN;
	}
	q->set |= SIGMASK(sig);
	return 0;
}

/* Dooms p: every task exits when it next looks; status is what wait(2) will report. */
void
signal_kill_locked(struct process *p, int status)
{
	if (process_flags(p) & PROCESS_EXITING)
		return;
	atomic_fetch_or_explicit(&p->flags, PROCESS_EXITING, memory_order_relaxed);
	atomic_fetch_and_explicit(&p->flags, ~PROCESS_JOB_CONTROL, memory_order_relaxed);
	p->group_exit_status = status;
	p->stop_signal = 0;
	struct task *t;
	list_for_each_entry (t, &p->tasks, process_node) {
		t->sig.stop_pending = false;
		thread_set_flags(&t->thread, TF_EXIT | TF_KILLED);
		signal_wake_task(t, WAKE_KILL);
	}
}

/* SIGCONT ends a stop, and what would stop p again is forgotten; a stop signal cancels a SIGCONT. */
static void
prepare_stop_and_continue(struct process *p, int sig)
{
	if (SIGMASK(sig) & STOP_SIGNALS) {
		flush_everywhere(p, SIGMASK(SIGCONT));
		return;
	}
	flush_everywhere(p, STOP_SIGNALS);
	struct task *t;
	list_for_each_entry (t, &p->tasks, process_node)
		t->sig.stop_taken = false;
	if (p->stop_signal == 0)
		return;
	p->stop_signal = 0;
	p->stop_count = 0;
	atomic_fetch_and_explicit(
		&p->flags, ~(PROCESS_STOPPED | PROCESS_STOP_NEWS), memory_order_relaxed);
	atomic_fetch_or_explicit(
		&p->flags, PROCESS_CONT_NEWS | PROCESS_CONT_TELL, memory_order_relaxed);
	list_for_each_entry (t, &p->tasks, process_node) {
		t->sig.stop_pending = false;
		thread_set_flags(&t->thread, TF_SIGNAL); /* the first to look tells the parent */
		sched_wake_states(&t->thread, 1u << THREAD_STOPPED);
	}
}

/* A stopped task takes nothing but SIGKILL: the rest stays pending until it goes on. */
static bool
wants(const struct task *t, int sig)
{
	if ((t->sig.blocked & SIGMASK(sig)) || t->sig.exiting)
		return false;
	return sig == SIGKILL ||
		atomic_load_explicit((_Atomic uint32_t *)&t->thread.state, memory_order_relaxed) !=
		THREAD_STOPPED;
}

/* Whom a signal to the process goes to: the first task (the leader, as long as it lives) if it takes it. */
static struct task *
choose_task(struct process *p, int sig)
{
	struct task *t;
	list_for_each_entry (t, &p->tasks, process_node)
		if (wants(t, sig))
			return t;
	return NULL;
}

/* Whether sig, delivered to p now, would end it: then nobody needs to run a handler first. */
static bool
is_fatal(struct process *p, const struct task *t, int sig, uint32_t flags)
{
	if (sig == SIGKILL)
		return true;
	if ((SIGMASK(sig) & (STOP_SIGNALS | DEFAULT_IGNORED_SIGNALS | CORE_SIGNALS)) ||
		action_handler(p, sig) != SIG_DFL)
		return false;
	return !(t->sig.real_blocked & SIGMASK(sig)) &&
		(!(process_flags(p) & PROCESS_UNKILLABLE) || (flags & SIG_FORCE));
}

static bool
poke_waiter(struct process *p, int sig)
{
	struct task *t;
	list_for_each_entry (t, &p->tasks, process_node)
		if ((t->sig.real_blocked & SIGMASK(sig)) && !t->sig.exiting) {
			thread_set_flags(&t->thread, TF_SIGNAL);
			signal_wake_task(t, WAKE_SIGNAL);
			return true;
		}
	return false;
}

/*
 * The child of a fork that is under way is one of those whom sig is sent to: it finds it pending (clone.c). A stop and
 * a SIGCONT undo each other there as well.
 */
static void
keep_for_forks(struct process *p, int sig)
{
	sigmask_t undone = sig == SIGCONT     ? STOP_SIGNALS
		: SIGMASK(sig) & STOP_SIGNALS ? SIGMASK(SIGCONT)
					      : 0;
	struct task *t;
	list_for_each_entry (t, &p->tasks, process_node)
		t->sig.during_fork = (t->sig.during_fork & ~undone) | SIGMASK(sig);
}

/* t NULL: to the process. */
int
signal_send_locked(
	struct process *p, struct task *t, int sig, const struct siginfo *info, uint32_t flags)
{
	bool thread_directed = t != NULL;
	if ((process_flags(p) & PROCESS_EXITING) || list_empty(&p->tasks) ||
		(t != NULL && t->sig.exiting))
		return 0;
	if (SIGMASK(sig) & (STOP_SIGNALS | SIGMASK(SIGCONT)))
		prepare_stop_and_continue(p, sig);
	struct task *main =
		thread_directed ? t : list_first_entry(&p->tasks, struct task, process_node);
	if (signal_is_ignored(p, main, sig, flags))
		return 0;
	int err = enqueue(p, main, thread_directed, sig, info, flags);
	if (err != 0)
		return err;
	if (flags & SIG_TO_SEVERAL)
		keep_for_forks(p, sig);
	wake_all(&p->signal_wait, 0);
	struct task *target = thread_directed ? (wants(t, sig) ? t : NULL) : choose_task(p, sig);
	if (target == NULL) {
		if (!thread_directed)
			poke_waiter(p, sig);
		return 0;
	}
	if (is_fatal(p, target, sig, flags)) {
		signal_kill_locked(p, sig);
		return 0;
	}
	thread_set_flags(&target->thread, TF_SIGNAL);
	signal_wake_task(target, WAKE_SIGNAL);
	return 0;
}

int
signal_send_task(struct task *t, int sig, const struct siginfo *info)
{
	struct process *p = t->process;
	sched_hold_kicks();
	uint64_t flags = spin_lock_irq_save(&p->lock);
	int err = signal_send_locked(p, t, sig, info, SIG_FROM_KERNEL);
	spin_unlock_irq_restore(&p->lock, flags);
	sched_release_kicks();
	return err;
}

static int
send_process(struct process *p, int sig, const struct siginfo *info, uint32_t how)
{
	sched_hold_kicks();
	uint64_t flags = spin_lock_irq_save(&p->lock);
	int err = signal_send_locked(p, NULL, sig, info, how);
	spin_unlock_irq_restore(&p->lock, flags);
	sched_release_kicks();
	return err;
}

int
signal_send_process(struct process *p, int sig, const struct siginfo *info)
{
	return send_process(p, sig, info, SIG_FROM_KERNEL);
}

int
signal_send_member_locked(struct process *p, int sig, const struct siginfo *info)
{
	return send_process(p, sig, info, SIG_FROM_KERNEL | SIG_TO_SEVERAL);
}

void
signal_send_group(struct process_group *g, int sig, const struct siginfo *info)
{
	struct process *p;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	list_for_each_entry (p, &g->members, group_node)
		signal_send_member_locked(p, sig, info);
	spin_unlock_irq_restore(&tree_lock, flags);
}

void
signal_send_self(int sig)
{
	struct task *t = current_task();
	struct siginfo info = {
		.signo = sig, .code = SI_USER, .pid = t->process->pid, .uid = t->cred->uid};
	signal_send_task(t, sig, &info);
}

bool
signal_is_ignored_or_blocked(int sig)
{
	struct task *t = current_task();
	return (t->sig.blocked & SIGMASK(sig)) || action_handler(t->process, sig) == SIG_IGN;
}

/* A task leaves, or blocks more: what it would have taken from the process goes to another. */
void
signal_retarget_locked(struct process *p, struct task *leaving, sigmask_t which)
{
	which &= p->pending.set;
	struct task *t;
	if (which == 0)
		return;
	list_for_each_entry (t, &p->tasks, process_node) {
		if (t == leaving || t->sig.exiting || (which & ~t->sig.blocked) == 0)
			continue;
		which &= t->sig.blocked;
		thread_set_flags(&t->thread, TF_SIGNAL);
		signal_wake_task(t, WAKE_SIGNAL);
		if (which == 0)
			return;
	}
}

static int
first_signal(sigmask_t set)
{
	sigmask_t urgent = set & SYNCHRONOUS_SIGNALS;
	return __builtin_ctzll(urgent != 0 ? urgent : set) + 1;
}

/* Takes one instance of sig out of q. */
static void
collect(struct signal_pending *q, int sig, struct siginfo *info, struct task *owner)
{
	struct signal_entry *e, *found = NULL;
	bool more = false;
	list_for_each_entry (e, &q->queue, node) {
		if (e->info.signo != sig)
			continue;
		if (found != NULL) {
			more = true;
			break;
		}
		found = e;
	}
	if (!more)
		q->set &= ~SIGMASK(sig);
	if (found == NULL) {
		*info = (struct siginfo){.signo = sig, .code = SI_USER};
		return;
	}
	*info = found->info;
	if (found->timer != NULL)
		posix_timer_requeue(found->timer, info);
	entry_free(found, owner);
}

int
signal_dequeue_locked(struct task *t, sigmask_t set, struct siginfo *info)
{
	struct signal_pending *q = &t->sig.pending;
	struct task *owner = t;
	if ((q->set & set) == 0) {
		q = &t->process->pending;
		owner = NULL;
		if ((q->set & set) == 0)
			return 0;
	}
	int sig = first_signal(q->set & set);
	collect(q, sig, info, owner);
	return sig;
}

int
signal_dequeue(sigmask_t set, struct siginfo *info)
{
	struct task *t = current_task();
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	int sig = signal_dequeue_locked(t, set, info);
	if (sig != 0)
		signal_recalc_locked(t);
	spin_unlock_irq_restore(&t->process->lock, flags);
	return sig;
}

/* A timer's signal: one entry at most; the timer counts what it overruns. Returns whether it was queued. */
bool
signal_send_timer_locked(
	struct process *p, struct task *t, struct posix_timer *timer, const struct siginfo *info)
{
	if (signal_send_locked(p, t, info->signo, info, SIG_FROM_KERNEL | SIG_OF_TIMER) != 0)
		return false;
	struct signal_pending *q = t != NULL ? &t->sig.pending : &p->pending;
	if (list_empty(&q->queue))
		return false;
	struct signal_entry *e = list_last_entry(&q->queue, struct signal_entry, node);
	if (e->timer != NULL || e->info.signo != info->signo || e->info.code != SI_TIMER)
		return false;
	posix_timer_get(timer);
	e->timer = timer;
	return true;
}

/* Whether the parent wants no zombie: it ignores SIGCHLD, or has SA_NOCLDWAIT. */
bool
signal_parent_ignores_exit_locked(struct process *p)
{
	if (p->exit_signal != SIGCHLD)
		return false;
	struct signal_actions *a = atomic_load_explicit(&p->parent->actions, memory_order_acquire);
	const volatile struct sigaction_user *act = &a->action[SIGCHLD - 1];
	return act->handler == SIG_IGN || (act->flags & SA_NOCLDWAIT);
}

/* Whether the parent has asked not to be signalled; the default, which ignores, is not asking: it may wait for it. */
static bool
parent_declines(struct process *parent, int sig, bool job_control)
{
	struct signal_actions *a = atomic_load_explicit(&parent->actions, memory_order_acquire);
	const volatile struct sigaction_user *act = &a->action[SIGCHLD - 1];
	if (sig != SIGCHLD)
		return false;
	return act->handler == SIG_IGN || (job_control && (act->flags & SA_NOCLDSTOP));
}

/* Tells the parent of an exit (why CLD_EXITED, KILLED), a stop or a continuation, and wakes its waits. */
void
signal_notify_parent_locked(struct process *p, int why, int status)
{
	struct process *parent = p->parent;
	bool job_control = why == CLD_STOPPED || why == CLD_CONTINUED;
	int sig = job_control ? SIGCHLD : p->exit_signal;
	if (sig != 0 && !parent_declines(parent, sig, job_control)) {
		const struct cred *c = p->exit_cred;
		struct siginfo info = {
			.signo = sig,
			.code = why,
			.pid = p->pid,
			.uid = c != NULL ? c->uid : current_cred()->uid,
			.status = status,
			.utime = ns_to_ticks(p->dead.utime_ns),
			.stime = ns_to_ticks(p->dead.stime_ns),
		};
		signal_send_process(parent, sig, &info);
	}
	wake_all(&parent->child_wait, 0);
}

struct signal_actions *
signal_actions_create(void)
{
	struct signal_actions *a = slab_alloc(actions_cache, KM_ZERO);
	if (a == NULL)
		return NULL;
	refcount_init(&a->refs, 1);
	spin_init(&a->lock, "signal_actions");
	return a;
}

struct signal_actions *
signal_actions_copy(struct signal_actions *from)
{
	struct signal_actions *a = slab_alloc(actions_cache, 0);
	if (a == NULL)
		return NULL;
	refcount_init(&a->refs, 1);
	spin_init(&a->lock, "signal_actions");
	uint64_t flags = spin_lock_irq_save(&from->lock);
	memcpy(a->action, from->action, sizeof(a->action));
	spin_unlock_irq_restore(&from->lock, flags);
	return a;
}

void
signal_actions_put(struct signal_actions *a)
{
	if (refcount_put(&a->refs))
		slab_free(actions_cache, a);
}

/*
 * exec: dispositions of its own, as no other process may change them any more. The running process has one task, so
 * nobody looks at p->actions but senders, who hold p->lock or tree_lock. Whether fresh was taken for that; NULL: they
 * are known to be its own.
 */
bool
signal_unshare_actions(struct process *p, struct signal_actions *fresh)
{
	struct signal_actions *old = atomic_load_explicit(&p->actions, memory_order_relaxed);
	if (fresh == NULL || refcount_read(&old->refs) == 1)
		return false;
	uint64_t flags = spin_lock_irq_save(&old->lock);
	memcpy(fresh->action, old->action, sizeof(fresh->action));
	spin_unlock_irq_restore(&old->lock, flags);
	flags = spin_lock_irq_save(&tree_lock);
	spin_lock(&p->lock);
	atomic_store_explicit(&p->actions, fresh, memory_order_release);
	spin_unlock(&p->lock);
	spin_unlock_irq_restore(&tree_lock, flags);
	signal_actions_put(old);
	return true;
}

static void
flush_timers_of(struct signal_pending *q, struct task *owner)
{
	struct signal_entry *e, *tmp;
	sigmask_t gone = 0, left = 0;
	list_for_each_entry_safe (e, tmp, &q->queue, node) {
		sigmask_t bit = SIGMASK(e->info.signo);
		if (e->timer == NULL) {
			left |= bit;
			continue;
		}
		gone |= bit;
		entry_free(e, owner);
	}
	q->set &= ~(gone & ~left);
}

void
signal_flush_timers(struct task *t)
{
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	flush_timers_of(&t->sig.pending, t);
	flush_timers_of(&t->process->pending, NULL);
	signal_recalc_locked(t);
	spin_unlock_irq_restore(&t->process->lock, flags);
}

/* exec: handlers are gone with the program; ignored stays ignored. */
void
signal_reset_handlers(struct process *p)
{
	struct signal_actions *a = atomic_load_explicit(&p->actions, memory_order_relaxed);
	uint64_t flags = spin_lock_irq_save(&a->lock);
	for (int i = 0; i < NSIG; i++) {
		uint64_t handler = a->action[i].handler;
		if (handler != SIG_DFL || a->action[i].flags != 0)
			a->action[i] = (struct sigaction_user){
				.handler = handler == SIG_IGN ? SIG_IGN : SIG_DFL};
	}
	spin_unlock_irq_restore(&a->lock, flags);
}

void
signal_reset_to_default(struct signal_actions *a)
{
	for (int i = 0; i < NSIG; i++)
		if (a->action[i].handler != SIG_IGN)
			a->action[i] = (struct sigaction_user){.handler = SIG_DFL};
}

void
signal_init(void)
{
	entry_cache = slab_cache_create("signal_entry", sizeof(struct signal_entry), 0);
	actions_cache = slab_cache_create("signal_actions", sizeof(struct signal_actions), 0);
}
