/* SPDX-License-Identifier: MIT */
/*
 * Processes: memory, inheritance, the tree, looking at others.
 *
 * A process has a reference for standing in the tree (until it is reaped) and one for each of its tasks (until the
 * task's memory is freed); the one from its creation is its first task's.
 */
#include <string.h>

#include "core/panic.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "proc/internal.h"

static struct slab_cache *process_cache;

void (*session_leader_exit_hook)(struct session *s);

static void
process_set_initial_limits(struct process *p)
{
	for (int i = 0; i < RLIM_NLIMITS; i++)
		p->limits[i] = (struct rlimit_user){RLIM_INFINITY, RLIM_INFINITY};
	uint64_t tasks = tasks_limit() / 2;
	p->limits[RLIMIT_STACK].cur = MIB(8);
	p->limits[RLIMIT_CORE] = (struct rlimit_user){0, 0};
	p->limits[RLIMIT_NPROC] = (struct rlimit_user){tasks, tasks};
	p->limits[RLIMIT_NOFILE] = (struct rlimit_user){1024, 1048576};
	p->limits[RLIMIT_MEMLOCK] = (struct rlimit_user){MIB(8), MIB(8)};
	p->limits[RLIMIT_SIGPENDING] = (struct rlimit_user){tasks, tasks};
	p->limits[RLIMIT_MSGQUEUE] = (struct rlimit_user){819200, 819200};
	p->limits[RLIMIT_NICE] = (struct rlimit_user){0, 0};
	p->limits[RLIMIT_RTPRIO] = (struct rlimit_user){0, 0};
}

/*
 * A process that stands nowhere yet. parent: whose limits and such it inherits; NULL: the first one.
 * Dispositions are the caller's to give. NULL: out of memory.
 */
struct process *
process_create(struct process *parent)
{
	struct process *p = slab_alloc(process_cache, KM_ZERO);
	if (p == NULL)
		return NULL;
	refcount_init(&p->refs, 1);
	spin_init(&p->lock, "process");
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->group_node);
	list_init(&p->tasks);
	list_init(&p->pending.queue);
	list_init(&p->posix_timers);
	wait_queue_init(&p->child_wait, "child_wait");
	wait_queue_init(&p->exit_wait, "exit_wait");
	wait_queue_init(&p->signal_wait, "signal_wait");
	wait_queue_init(&p->exec_wait, "exec_wait");
	itimers_init(p);
	p->start_time = time_now();
	if (parent == NULL) {
		p->view = view_get(view_initial());
		process_set_initial_limits(p);
		return p;
	}
	p->view = view_get(parent->view);
	memcpy(p->limits, parent->limits, sizeof(p->limits));
	atomic_init(&p->oom_score_adj,
		atomic_load_explicit(&parent->oom_score_adj, memory_order_relaxed));
	atomic_init(&p->flags, process_flags(parent) & PROCESS_NOT_DUMPABLE);
	return p;
}

static void
process_free(struct process *p)
{
	struct signal_actions *a = atomic_load_explicit(&p->actions, memory_order_relaxed);
	if (a != NULL)
		signal_actions_put(a);
	if (p->exit_cred != NULL)
		cred_put(p->exit_cred);
	view_put(p->view);
	slab_free(process_cache, p);
}

void
process_put(struct process *p)
{
	if (refcount_put(&p->refs))
		process_free(p);
}

/* Puts p into the tree, with its first task's number, in its parent's group. */
void
process_attach_locked(struct process *p, struct process *parent, struct pid *pid)
{
	p->pid = pid->nr;
	p->pid_entry = pid;
	pid->process = process_get(p);
	p->parent = parent;
	p->ppid = parent != NULL ? parent->pid : 0;
	if (parent != NULL)
		list_add_tail(&parent->children, &p->sibling);
	else
		p->view->init = p;
}

/* The task of p whose tid is the first >= *nr. */
struct task *
process_task_next(struct process *p, pid_t *nr)
{
	struct task *found = NULL, *t;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	list_for_each_entry (t, &p->tasks, process_node)
		if (t->tid >= *nr && (found == NULL || t->tid < found->tid))
			found = t;
	if (found != NULL) {
		task_get(found);
		*nr = found->tid;
	}
	spin_unlock_irq_restore(&p->lock, flags);
	return found;
}

struct task *
process_any_task(struct process *p)
{
	struct task *found = NULL, *t;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	list_for_each_entry (t, &p->tasks, process_node) {
		found = t;
		break;
	}
	if (found != NULL)
		task_get(found);
	spin_unlock_irq_restore(&p->lock, flags);
	return found;
}

const struct cred *
task_cred(struct task *t)
{
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	const struct cred *c = t->cred;
	cred_get(c);
	spin_unlock_irq_restore(&t->process->lock, flags);
	return c;
}

const struct cred *
process_cred_locked(struct process *p)
{
	return list_empty(&p->tasks) ? p->exit_cred
				     : list_first_entry(&p->tasks, struct task, process_node)->cred;
}

const struct cred *
process_cred(struct process *p)
{
	uint64_t flags = spin_lock_irq_save(&p->lock);
	const struct cred *c = process_cred_locked(p);
	if (c != NULL)
		cred_get(c);
	spin_unlock_irq_restore(&p->lock, flags);
	return c;
}

struct vm_space *
process_space(struct process *p)
{
	struct vm_space *s = NULL;
	struct task *t;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	list_for_each_entry (t, &p->tasks, process_node)
		if ((s = t->thread.space) != NULL) {
			vm_space_get(s);
			break;
		}
	spin_unlock_irq_restore(&p->lock, flags);
	return s;
}

void
process_kill(struct process *p)
{
	uint64_t flags = spin_lock_irq_save(&p->lock);
	signal_kill_locked(p, SIGKILL);
	spin_unlock_irq_restore(&p->lock, flags);
}

uint64_t
current_rlimit(uint32_t resource)
{
	return current_process()->limits[resource].cur;
}

void
process_init(void)
{
	process_cache = slab_cache_create("process", sizeof(struct process), 0);
}
