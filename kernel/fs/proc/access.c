/* SPDX-License-Identifier: MIT */
/* Who may see which process, and what nodes take from processes that may be exiting. */
#include "fs/proc/internal.h"
#include "mm/space.h"

static bool
same_principal(const struct cred *me, const struct cred *other)
{
	return me->principal == other->principal || (me->caps & CAP_INSPECT) != 0;
}

bool
proc_visible(struct process *p)
{
	const struct cred *me = vfs_cred();
	if ((me->caps & CAP_INSPECT) || p == arch_current()->process)
		return true;
	const struct cred *c = process_cred(p);
	if (c == NULL)
		return false;
	bool visible = same_principal(me, c);
	cred_put(c);
	return visible;
}

/*
 * As Linux decides who may trace whom: all ids alike and nothing hidden, or root. A process with capabilities that the
 * reader lacks is closed to it all the same, since its open files and memory stand for them.
 */
static bool
may_access(const struct cred *me, const struct cred *target, bool dumpable)
{
	if (!same_principal(me, target))
		return false;
	if ((target->caps & ~me->caps) != 0 && !(me->caps & CAP_INSPECT))
		return false;
	if (cred_can(me, LINUX_CAP_SYS_PTRACE))
		return true;
	return dumpable && target->uid == me->fsuid && target->euid == me->fsuid &&
		target->suid == me->fsuid && target->gid == me->fsgid &&
		target->egid == me->fsgid && target->sgid == me->fsgid;
}

static bool
is_dumpable(const struct process *p)
{
	return !(process_flags(p) & PROCESS_NOT_DUMPABLE);
}

int
proc_check_access(const struct proc_node *n)
{
	struct process *p = n->key.process;
	if (p == NULL || p == arch_current()->process)
		return 0;
	const struct cred *c = proc_node_cred(n);
	if (c == NULL)
		return -ESRCH;
	bool may = may_access(vfs_cred(), c, is_dumpable(p));
	cred_put(c);
	return may ? 0 : -EACCES;
}

bool
proc_gone(const struct proc_node *n)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	const struct task *t = n->key.task;
	bool gone = t != NULL ? t->pid_entry == NULL || t->tid != n->key.tid
			      : n->key.process->state == PROCESS_REAPED;
	spin_unlock_irq_restore(&tree_lock, flags);
	return gone;
}

struct task *
proc_node_task(const struct proc_node *n)
{
	if (n->key.task == NULL)
		return process_any_task(n->key.process);
	if (proc_gone(n))
		return NULL;
	task_get(n->key.task);
	return n->key.task;
}

const struct cred *
proc_node_cred(const struct proc_node *n)
{
	return n->key.task != NULL ? task_cred(n->key.task) : process_cred(n->key.process);
}

/* The thread that n is about, or the first of its process that has an address space; NULL: none. process->lock held. */
static struct task *
task_with_space_locked(const struct proc_node *n)
{
	struct task *t, *one = n->key.task;
	if (one != NULL)
		return one->thread.space != NULL && one->tid == n->key.tid ? one : NULL;
	list_for_each_entry (t, &n->key.process->tasks, process_node)
		if (t->thread.space != NULL)
			return t;
	return NULL;
}

/* Exec changes memory, credentials and dumpability at once, under the lock: so who may look is asked under it too. */
struct vm_space *
proc_node_space(const struct proc_node *n)
{
	struct process *p = n->key.process;
	struct vm_space *s = NULL;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	struct task *t = task_with_space_locked(n);
	if (t != NULL &&
		(!(n->entry->flags & PROC_PRIVATE) || p == arch_current()->process ||
			may_access(vfs_cred(), t->cred, is_dumpable(p)))) {
		s = t->thread.space;
		vm_space_get(s);
	}
	spin_unlock_irq_restore(&p->lock, flags);
	return s;
}

struct handle_table *
proc_node_handles(const struct proc_node *n)
{
	struct task *t = proc_node_task(n);
	if (t == NULL)
		return NULL;
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	struct handle_table *h = t->handles;
	if (h != NULL)
		handle_table_get(h);
	spin_unlock_irq_restore(&t->process->lock, flags);
	task_put(t);
	return h;
}
