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

int
proc_check_access(const struct proc_node *n)
{
	struct process *p = n->key.process;
	if (p == NULL || p == arch_current()->process)
		return 0;
	const struct cred *c = proc_node_cred(n);
	if (c == NULL)
		return -ESRCH;
	bool may = may_access(vfs_cred(), c, !(process_flags(p) & PROCESS_NOT_DUMPABLE));
	cred_put(c);
	return may ? 0 : -EACCES;
}

bool
proc_gone(const struct proc_node *n)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	bool gone = n->key.task != NULL ? n->key.task->pid_entry == NULL
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

struct vm_space *
proc_node_space(const struct proc_node *n)
{
	return n->key.task != NULL ? task_space(n->key.task) : process_space(n->key.process);
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
