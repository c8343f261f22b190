/* SPDX-License-Identifier: MIT */
/*
 * Signal-driven I/O: a file's owner (F_SETOWN) gets SIGIO, or what F_SETSIG says, when the file becomes ready while
 * O_ASYNC is set. Hooks onto the queues that the file's poll operation names do it, as epoll's do.
 *
 * Lock: owner->lock (mutex) for changes; owner->target_lock (irq-safe) guards what a hook reads. It is taken with a
 * queue's lock held, and process->lock within it.
 */
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "vfs/async.h"
#include "vfs/poll.h"

struct owner_hook {
	struct poll_hook hook;
	struct file_owner *owner;
	struct owner_hook *next;
};

/* Who gets the signal; at most one pointer is set, referenced. */
struct owner_target {
	int32_t type; /* F_OWNER_* */
	int32_t id;   /* 0: nobody */
	struct task *task;
	struct process *process;
	struct process_group *group;
};

struct file_owner {
	struct mutex lock;
	struct spinlock target_lock;
	struct owner_target target; /* [lock and target_lock to change] */
	int signal;                 /* [as target] 0: SIGIO without details */
	int fd; /* [lock] what siginfo shows; changes only while there is no hook */
	struct owner_hook *hooks; /* [lock] with O_ASYNC */
};

static void
target_put(struct owner_target *t)
{
	if (t->task != NULL)
		task_put(t->task);
	if (t->process != NULL)
		process_put(t->process);
	if (t->group != NULL)
		process_group_put(t->group);
}

/* The file's, made now if it has none yet. NULL: out of memory. */
static struct file_owner *
owner_get(struct file *f)
{
	struct file_owner *o = atomic_load_explicit(&f->owner, memory_order_acquire);
	if (o != NULL)
		return o;
	o = kmalloc(sizeof(*o), KM_ZERO);
	if (o == NULL)
		return NULL;
	mutex_init(&o->lock, "file.owner");
	spin_init(&o->target_lock, "file.owner.target");
	o->target.type = F_OWNER_PID;
	struct file_owner *other = NULL;
	if (atomic_compare_exchange_strong_explicit(
		    &f->owner, &other, o, memory_order_acq_rel, memory_order_acquire))
		return o;
	kfree(o);
	return other;
}

/* 0, or -errno of a signal that could not be queued. target_lock held. */
static int
target_signal(const struct owner_target *t, int sig, const struct siginfo *info)
{
	if (t->task != NULL)
		return signal_send_task(t->task, sig, info);
	if (t->process != NULL)
		return signal_send_process(t->process, sig, info);
	if (t->group != NULL)
		signal_send_group(t->group, sig, info);
	return 0;
}

static void
owner_signal(const struct file_owner *o, uint32_t events)
{
	struct siginfo info = {
		.signo = o->signal,
		.code = (events & POLLIN) ? POLL_IN : POLL_OUT,
		.band = events != 0 ? events : POLLIN | POLLOUT,
		.fd = o->fd,
	};
	/* A real-time signal that cannot be queued is replaced by SIGIO, so that the event is not lost. */
	for (int sig = o->signal != 0 ? o->signal : SIGIO, err;; sig = SIGIO) {
		const struct siginfo *what = sig == o->signal ? &info : NULL;
		err = target_signal(&o->target, sig, what);
		if (err == 0 || sig == SIGIO)
			return;
	}
}

void
file_owner_urgent(struct file *f)
{
	struct file_owner *o = atomic_load_explicit(&f->owner, memory_order_acquire);
	if (o == NULL)
		return;
	uint64_t irq = spin_lock_irq_save(&o->target_lock);
	(void)target_signal(&o->target, SIGURG, NULL);
	spin_unlock_irq_restore(&o->target_lock, irq);
}

static bool
owner_wake(struct waiter *w, uint32_t events)
{
	struct file_owner *o = container_of(w, struct owner_hook, hook.waiter)->owner;
	uint64_t irq = spin_lock_irq_save(&o->target_lock);
	owner_signal(o, events);
	spin_unlock_irq_restore(&o->target_lock, irq);
	return false;
}

struct owner_table {
	struct poll_table table;
	struct file_owner *owner;
	int err;
};

static void
owner_add_hook(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct owner_table *t = container_of(pt, struct owner_table, table);
	struct owner_hook *h = kmalloc(sizeof(*h), 0);
	if (h == NULL) {
		t->err = -ENOMEM;
		return;
	}
	waiter_init(&h->hook.waiter, NULL, 0);
	h->hook.waiter.wake = owner_wake;
	h->hook.queue = q;
	h->owner = t->owner;
	h->next = t->owner->hooks;
	t->owner->hooks = h;
	wait_queue_add(q, &h->hook.waiter);
}

static void
remove_hooks(struct file_owner *o)
{
	for (struct owner_hook *h = o->hooks, *next; h != NULL; h = next) {
		next = h->next;
		poll_hook_remove(&h->hook);
		kfree(h);
	}
	o->hooks = NULL;
}

int
file_set_async(struct file *f, int fd, bool on)
{
	if (!(f->kind & FILE_SIGIO))
		return 0; /* the flag is kept and means nothing, as on Linux */
	struct file_owner *o = owner_get(f);
	if (o == NULL)
		return -ENOMEM;
	struct owner_table t = {.table.add = owner_add_hook, .owner = o};
	mutex_lock(&o->lock);
	remove_hooks(o);
	o->fd = fd; /* no hook is there to read it */
	if (on) {
		(void)f->ops->poll(f, &t.table);
		if (t.err != 0)
			remove_hooks(o);
	}
	mutex_unlock(&o->lock);
	return t.err;
}

void
file_owner_free(struct file *f)
{
	struct file_owner *o = f->owner;
	remove_hooks(o);
	target_put(&o->target);
	kfree(o);
}

/* Whether the running task may have signals sent to one with these credentials. */
static bool
may_target(const struct cred *target)
{
	const struct cred *own = current_cred();
	return target == NULL || cred_can(own, LINUX_CAP_KILL) || own->uid == target->uid ||
		own->uid == target->suid || own->euid == target->uid || own->euid == target->suid;
}

static int
check_target(const struct cred *c)
{
	bool may = may_target(c);
	if (c != NULL)
		cred_put(c);
	return may ? 0 : -EPERM;
}

/* Finds who type and id name. -ESRCH, -EPERM, -EINVAL; references in *t (target_put()) also then. */
static int
target_find(int32_t type, int32_t id, struct owner_target *t)
{
	*t = (struct owner_target){.type = type, .id = id};
	if (id < 0)
		return -EINVAL;
	if (id == 0)
		return 0;
	switch (type) {
	case F_OWNER_TID:
		t->task = task_find(id);
		return t->task == NULL ? -ESRCH : check_target(task_cred(t->task));
	case F_OWNER_PID:
		t->process = process_find(id);
		return t->process == NULL ? -ESRCH : check_target(process_cred(t->process));
	case F_OWNER_PGRP: {
		t->group = process_group_find(id);
		if (t->group == NULL)
			return -ESRCH;
		struct session *own = session_current();
		bool same = own == t->group->session;
		session_put(own);
		return same || cred_can(current_cred(), LINUX_CAP_KILL) ? 0 : -EPERM;
	}
	default:
		return -EINVAL;
	}
}

static int64_t
set_target(struct file_owner *o, int32_t type, int32_t id)
{
	struct owner_target t;
	int err = target_find(type, id, &t);
	if (err == 0) {
		mutex_lock(&o->lock);
		uint64_t irq = spin_lock_irq_save(&o->target_lock);
		struct owner_target old = o->target;
		o->target = t;
		spin_unlock_irq_restore(&o->target_lock, irq);
		mutex_unlock(&o->lock);
		t = old;
	}
	target_put(&t);
	return err;
}

static int64_t
set_signal(struct file_owner *o, uint64_t sig)
{
	if (sig > NSIG)
		return -EINVAL;
	uint64_t irq = spin_lock_irq_save(&o->target_lock);
	o->signal = (int)sig;
	spin_unlock_irq_restore(&o->target_lock, irq);
	return 0;
}

/* F_SETOWN's way: a process, or minus a group. */
static int64_t
set_target_signed(struct file_owner *o, int32_t who)
{
	if (who == INT32_MIN)
		return -EINVAL;
	return who < 0 ? set_target(o, F_OWNER_PGRP, -who) : set_target(o, F_OWNER_PID, who);
}

static int64_t
set_target_user(struct file_owner *o, uaddr_t arg)
{
	struct linux_f_owner_ex who;
	int err = copy_from_user(&who, arg, sizeof(who));
	return err != 0 ? err : set_target(o, who.type, who.pid);
}

/* The commands that only look; o may be NULL: nothing was ever set. */
static int64_t
owner_show(const struct file_owner *o, uint32_t cmd, uint64_t arg)
{
	struct linux_f_owner_ex who = {.type = F_OWNER_PID};
	if (o != NULL)
		who = (struct linux_f_owner_ex){o->target.type, o->target.id};
	switch (cmd) {
	case F_GETOWN:
		return who.type == F_OWNER_PGRP ? -who.pid : who.pid;
	case F_GETOWN_EX:
		return copy_to_user((uaddr_t){arg}, &who, sizeof(who));
	case F_GETSIG:
		return o != NULL ? o->signal : 0;
	default:
		return -EINVAL;
	}
}

int64_t
file_owner_fcntl(struct file *f, uint32_t cmd, uint64_t arg)
{
	if (cmd == F_GETOWN || cmd == F_GETOWN_EX || cmd == F_GETSIG)
		return owner_show(atomic_load_explicit(&f->owner, memory_order_acquire), cmd, arg);
	struct file_owner *o = owner_get(f);
	if (o == NULL)
		return -ENOMEM;
	switch (cmd) {
	case F_SETOWN:
		return set_target_signed(o, (int32_t)arg);
	case F_SETOWN_EX:
		return set_target_user(o, (uaddr_t){arg});
	case F_SETSIG:
		return set_signal(o, arg);
	default:
		return -EINVAL;
	}
}
