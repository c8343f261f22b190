/* SPDX-License-Identifier: MIT */
/*
 * New tasks: fork, vfork, threads.
 *
 * Everything that can fail happens before the task is in the tree; what was acquired until then is given back in
 * reverse order. Once attached it can be found, signalled and killed like any other, and it is started.
 */
#include <string.h>

#include "abi/linux/sched.h"
#include "arch/thread.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/space.h"
#include "obj/handle.h"
#include "proc/internal.h"
#include "syscall_protos.h"
#include "syscall/trace.h"

#define CLONE_NAMESPACES                                                                \
	(CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
		CLONE_NEWNET | CLONE_NEWTIME)
#define CLONE_KNOWN                                                                                \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PTRACE | CLONE_VFORK |          \
		CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | \
		CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID |      \
		CLONE_IO | CLONE_CLEAR_SIGHAND)

static int
check_flags(uint64_t flags)
{
	if (flags & CLONE_NEWNS)
		return flags & CLONE_FS ? -EINVAL : -EPERM;
	if (flags & (CLONE_NAMESPACES | ~CLONE_KNOWN))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && (!(flags & CLONE_VM) || (flags & CLONE_CLEAR_SIGHAND)))
		return -EINVAL;
	if ((flags & CLONE_PARENT) && current_process() == current_view()->init)
		return -EINVAL; /* nobody may become init's sibling */
	return 0;
}

/* Counts the task against its user; a reference on the credentials. */
static int
share_credentials(struct task *t, struct task *self)
{
	const struct cred *c = current_cred();
	uint32_t n = atomic_fetch_add_explicit(&c->account->nr_tasks, 1, memory_order_relaxed);
	if (unlikely(n >= current_rlimit(RLIMIT_NPROC) && c->uid != 0 &&
		    !cred_can(c, LINUX_CAP_SYS_RESOURCE) && !cred_can(c, LINUX_CAP_SYS_ADMIN))) {
		atomic_fetch_sub_explicit(&c->account->nr_tasks, 1, memory_order_relaxed);
		return -EAGAIN;
	}
	cred_get(c);
	t->cred = c;
	t->over_nproc = self->over_nproc;
	self->over_nproc = false; /* one more was allowed: so it is not, or it may exceed it */
	return 0;
}

static int
share_space(struct task *t, struct task *self, uint64_t flags)
{
	if (!(flags & CLONE_VM))
		return vm_space_fork(self->thread.space, &t->thread.space);
	vm_space_get(self->thread.space);
	t->thread.space = self->thread.space;
	return 0;
}

static int
share_files(struct task *t, struct task *self, uint64_t flags)
{
	if (flags & CLONE_FILES) {
		handle_table_get_user(self->handles);
		t->handles = self->handles;
	} else if ((t->handles = handle_table_copy(self->handles)) == NULL) {
		return -ENOMEM;
	}
	return 0;
}

static int
share_fs(struct task *t, struct task *self, uint64_t flags)
{
	if (flags & CLONE_FS) {
		refcount_get(&self->fs->refs);
		t->fs = self->fs;
	} else if ((t->fs = fs_context_copy(self->fs)) == NULL) {
		return -ENOMEM;
	}
	return 0;
}

static int
share_process(struct task *t, struct task *self, const struct clone_request *r)
{
	struct process *own = self->process, *p = own;
	if (r->flags & CLONE_THREAD) {
		process_get(p);
	} else {
		p = process_create(own);
		if (p == NULL)
			return -ENOMEM;
		struct signal_actions *a =
			atomic_load_explicit(&own->actions, memory_order_relaxed);
		if (r->flags & CLONE_SIGHAND)
			refcount_get(&a->refs);
		else
			a = signal_actions_copy(a);
		if (a == NULL) {
			process_put(p);
			return -ENOMEM;
		}
		atomic_init(&p->actions, a);
		p->exit_signal = r->exit_signal;
		if (r->flags & CLONE_CLEAR_SIGHAND)
			signal_reset_to_default(a);
	}
	t->process = t->thread.process = p;
	t->view = p->view;
	return 0;
}

/* Registers, masks and addresses: nothing of it can fail. */
static void
copy_user_state(struct task *t, struct task *self, const struct clone_request *r)
{
	struct trap_frame *f = arch_thread_frame(&t->thread);
	arch_thread_copy_user(&t->thread);
	*f = *arch_thread_frame(&self->thread);
	f->x[0] = 0;
	f->syscall = -1;
	if (r->stack != 0)
		f->sp = r->stack;
	if (r->flags & CLONE_SETTLS)
		t->thread.arch.tls = r->tls;
	arch_thread_setup_user(&t->thread);

	t->sig.blocked = thread_test_flags(&self->thread, TF_RESTORE_MASK) ? self->sig.saved
									   : self->sig.blocked;
	if (!(r->flags & CLONE_VM) || (r->flags & CLONE_VFORK)) {
		t->sig.alt_sp = self->sig.alt_sp;
		t->sig.alt_size = self->sig.alt_size;
		t->sig.alt_flags = self->sig.alt_flags;
	}
	if (r->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = r->child_tid;
	if (r->flags & CLONE_CHILD_SETTID) {
		t->set_child_tid = r->child_tid;
		thread_set_flags(&t->thread, TF_NOTIFY);
	}
}

static void
attach_process_locked(struct task *t, struct task *self, uint64_t flags)
{
	struct process *own = self->process;
	struct process *parent = (flags & CLONE_PARENT) ? own->parent : own;
	if (flags & CLONE_PARENT)
		t->process->exit_signal = own->exit_signal;
	t->process->parent_tid = (flags & CLONE_PARENT) ? own->parent_tid : self->tid;
	process_attach_locked(t->process, parent, t->pid_entry);
	process_join_group_locked(t->process, own->group);
}

/*
 * Signals that came before are taken before: the call is done again afterwards. Those that come from here on to several
 * are kept for the child, so that none of them needs to wait until it is there.
 */
static int
begin(struct task *self)
{
	struct process *own = self->process;
	uint64_t irq_flags = spin_lock_irq_save(&own->lock);
	self->sig.during_fork = 0;
	if (unlikely(own->nr_tasks > 1))
		/* What another task was woken to take is not taken yet: it is this one's too. */
		signal_recalc_locked(self);
	spin_unlock_irq_restore(&own->lock, irq_flags);
	return signal_pending() ? -ERESTARTNOINTR : 0;
}

/*
 * Enters the task. Who sends to several holds tree_lock: a new process is one of them now, or has what its parent was
 * sent meanwhile. What ends the caller ends the call.
 */
static int
attach(struct task *t, struct task *self, uint64_t flags)
{
	struct process *p = t->process, *own = self->process;
	int err = 0;
	uint64_t irq_flags = spin_lock_irq_save(&tree_lock);
	spin_lock(&p->lock);
	if (signal_killed()) {
		err = -ERESTARTNOINTR;
	} else {
		t->pid_entry->task = t;
		if (!(flags & CLONE_THREAD))
			attach_process_locked(t, self, flags);
		list_add_tail(&p->tasks, &t->process_node);
		p->nr_tasks++;
		if (unlikely(p->stop_signal != 0)) { /* of a thread: it takes part */
			t->sig.stop_pending = true;
			p->stop_count++;
			thread_set_flags(&t->thread, TF_SIGNAL);
		}
		if (p != own && unlikely(self->sig.during_fork != 0)) {
			p->pending.set = self->sig.during_fork;
			signal_recalc_locked(t);
		}
	}
	spin_unlock(&p->lock);
	spin_unlock_irq_restore(&tree_lock, irq_flags);
	return err;
}

/* Builds the task up to the point where it can be attached. On failure nothing is left. */
static struct task *
build(struct task *self, const struct clone_request *r, int *err)
{
	struct task *t = task_create(self->thread.name, err);
	if (t == NULL)
		return NULL;
	if ((*err = share_credentials(t, self)) != 0)
		goto free_task;
	if ((*err = share_process(t, self, r)) != 0)
		goto free_task;
	if ((*err = share_fs(t, self, r->flags)) != 0)
		goto free_task;
	if ((*err = share_files(t, self, r->flags)) != 0)
		goto put_fs;
	if ((*err = share_space(t, self, r->flags)) != 0)
		goto put_files;
	t->pid_entry = pid_create(t->view, err);
	if (t->pid_entry == NULL)
		goto put_space;
	t->tid = t->pid_entry->nr;
	t->timer_slack = t->default_timer_slack = self->timer_slack;
	copy_user_state(t, self, r);
	return t;

put_space:
	vm_space_put(t->thread.space);
	t->thread.space = NULL;
put_files:
	handle_table_put_user(t->handles);
put_fs:
	fs_context_put(t->fs);
free_task:
	task_destroy_unused(t);
	return NULL;
}

static void
unbuild(struct task *t)
{
	pid_discard(t->pid_entry);
	vm_space_put(t->thread.space);
	t->thread.space = NULL;
	handle_table_put_user(t->handles);
	fs_context_put(t->fs);
	task_destroy_unused(t);
}

/* The child completes it under its process's lock; a parent that is killed takes it away under the same lock. */
static void
vfork_wait(struct task *child, struct completion *done)
{
	if (wait_event(&done->queue, WAIT_KILLABLE, DEADLINE_NEVER, completion_is_done(done)) !=
		0) {
		uint64_t flags = spin_lock_irq_save(&child->process->lock);
		child->vfork_done = NULL;
		spin_unlock_irq_restore(&child->process->lock, flags);
	}
	/* The child announces under the lock: it has let go of *done once we had the lock. */
	uint64_t flags = spin_lock_irq_save(&child->process->lock);
	spin_unlock_irq_restore(&child->process->lock, flags);
}

/* The new task's tid, or -errno. */
int64_t
clone_task(const struct clone_request *r)
{
	struct task *self = current_task();
	int err = check_flags(r->flags);
	if (err != 0 || (err = begin(self)) != 0)
		return err;
	tasks_reap();
	struct task *t = build(self, r, &err);
	if (t == NULL)
		return err;
	struct completion done;
	if (r->flags & CLONE_VFORK) {
		completion_init(&done);
		t->vfork_done = &done;
		task_get(t);
	}
	pid_t tid = t->tid;
	err = attach(t, self, r->flags);
	if (err != 0) {
		if (r->flags & CLONE_VFORK)
			refcount_init(&t->refs, 1);
		unbuild(t);
		return err;
	}
	if (r->flags & CLONE_PARENT_SETTID)
		(void)!put_user_u32(
			r->parent_tid, (uint32_t)tid); /* too late to fail, as on Linux */
	if (unlikely((process_flags(t->process) & PROCESS_TIMERS_ON) ||
		    t->process->limits[RLIMIT_CPU].cur != RLIM_INFINITY))
		cpu_timer_rearm(t->process);
	if (unlikely(trace_wants(t->process->pid)))
		thread_set_flags(&t->thread, TF_TRACE);
	sched_start(&t->thread);
	if (r->flags & CLONE_VFORK) {
		vfork_wait(t, &done);
		task_put(t);
	}
	return tid;
}

int64_t
sys_clone(uint64_t flags, uaddr_t stack, uaddr_t parent_tid, uint64_t tls, uaddr_t child_tid)
{
	uint64_t low = flags & UINT32_MAX; /* the upper half is not clone's */
	if (low & CLONE_PIDFD)
		return -EINVAL; /* there are no pidfds */
	struct clone_request r = {
		.flags = low & ~CSIGNAL,
		.exit_signal = (int)(low & CSIGNAL),
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.stack = stack.addr,
		.tls = tls,
	};
	if (r.exit_signal > NSIG)
		r.exit_signal = 0; /* Linux sends nothing then */
	return clone_task(&r);
}

/* Any bytes past what we know must be zero. */
static int
check_tail(uaddr_t at, size_t n)
{
	uint8_t buf[64];
	while (n > 0) {
		size_t part = min(n, sizeof(buf));
		if (copy_from_user(buf, at, part) != 0)
			return -EFAULT;
		for (size_t i = 0; i < part; i++)
			if (buf[i] != 0)
				return -E2BIG;
		at = uaddr_offset(at, part);
		n -= part;
	}
	return 0;
}

int64_t
sys_clone3(uaddr_t user, size_t size)
{
	struct clone_args_user a = {0};
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_MIN)
		return -EINVAL;
	if (copy_from_user(&a, user, min(size, sizeof(a))) != 0)
		return -EFAULT;
	if (size > sizeof(a)) {
		int err = check_tail(uaddr_offset(user, sizeof(a)), size - sizeof(a));
		if (err != 0)
			return err;
	}
	if (a.set_tid != 0 || a.set_tid_size != 0 || a.exit_signal > NSIG ||
		(a.flags &
			(CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME) | CLONE_PIDFD |
				CLONE_INTO_CGROUP)))
		return -EINVAL;
	if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal != 0)
		return -EINVAL;
	if ((a.stack == 0) != (a.stack_size == 0) ||
		(a.stack != 0 && !user_range_ok((uaddr_t){a.stack}, a.stack_size)))
		return -EINVAL;
	struct clone_request r = {
		.flags = a.flags,
		.exit_signal = (int)a.exit_signal,
		.parent_tid = {a.parent_tid},
		.child_tid = {a.child_tid},
		.stack = a.stack != 0 ? a.stack + a.stack_size : 0,
		.tls = a.tls,
	};
	return clone_task(&r);
}
