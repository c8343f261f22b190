/* SPDX-License-Identifier: MIT */
/*
 * The end of tasks and processes.
 *
 * task_exit() gives back, in this order: what others wait for in its memory (robust futexes, clear_child_tid), the
 * address space, files, its place in the tree, its number, itself. The last task turns the process into a zombie, or
 * reaps it if the parent does not care.
 */
#include <string.h>

#include "arch/uaccess.h"
#include "core/panic.h"
#include "core/sched.h"
#include "mm/space.h"
#include "obj/handle.h"
#include "proc/internal.h"
#include "syscall_protos.h"

void
vfork_complete(struct task *t)
{
	if (t->vfork_done == NULL)
		return; /* it only ever becomes NULL */
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	struct completion *done = t->vfork_done;
	if (done != NULL) {
		t->vfork_done = NULL;
		atomic_store_explicit(&done->done, true, memory_order_release);
		wake_all(&done->queue, 0);
	}
	spin_unlock_irq_restore(&t->process->lock, flags);
}

/* The first word of goodbye: from here on nobody signals the task or counts on it. Whether it is the last. */
static bool
begin_exit(struct task *t, struct process *p)
{
	bool stopped = false;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	t->sig.exiting = true;
	if (p->pending.set != 0 && p->nr_tasks > 1)
		signal_retarget_locked(p, t, ~t->sig.blocked);
	if (t->sig.stop_pending) {
		signal_leave_stop_locked(p, t);
		stopped = (process_flags(p) & PROCESS_STOPPED) != 0;
	}
	bool last = ++p->nr_exiting == p->nr_tasks;
	if (last)
		p->last_status = t->exit_code;
	spin_unlock_irq_restore(&p->lock, flags);
	if (unlikely(stopped)) {
		flags = spin_lock_irq_save(&tree_lock);
		if (p->parent != NULL)
			signal_notify_parent_locked(p, CLD_STOPPED, p->stop_signal);
		spin_unlock_irq_restore(&tree_lock, flags);
	}
	return last;
}

void
exit_release_memory(struct task *t)
{
	struct vm_space *s = t->thread.space;
	if (s == NULL)
		return;
	if (!uaddr_is_null(t->robust_list))
		futex_exit_robust(t);
	if (!uaddr_is_null(t->clear_child_tid) && refcount_read(&s->users) > 1) {
		if (put_user_u32(t->clear_child_tid, 0) == 0)
			futex_wake_address(t->clear_child_tid, 1);
	}
	t->robust_list = t->clear_child_tid = (uaddr_t){0};
	struct process *p = t->process;
	uint64_t rss = vm_space_max_rss(s) * (PAGE_SIZE / 1024);
	uint64_t flags = spin_lock_irq_save(&p->lock);
	p->dead.max_rss = max(p->dead.max_rss, rss);
	spin_unlock_irq_restore(&p->lock, flags);
}

static void
leave_space(struct task *t)
{
	if (t->thread.space == NULL)
		return;
	exit_release_memory(t);
	exit_detach_space(t);
	vfork_complete(t);
}

/* Takes the running task off its address space; drops its use of it. */
void
exit_detach_space(struct task *t)
{
	struct vm_space *s = t->thread.space;
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	t->thread.space = NULL;
	arch_space_switch(NULL);
	spin_unlock_irq_restore(&t->process->lock, flags);
	vm_space_put(s);
}

static void
leave_files(struct task *t)
{
	struct process *p = t->process;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	struct handle_table *handles = t->handles;
	struct fs_context *fs = t->fs;
	t->handles = NULL;
	t->fs = NULL;
	spin_unlock_irq_restore(&p->lock, flags);
	if (handles != NULL)
		handle_table_put_user(handles);
	if (fs != NULL)
		fs_context_put(fs);
}

/* Who adopts p's children: the nearest living ancestor that asked for it, or init. */
static struct process *
find_reaper_locked(struct process *p)
{
	struct process *init = p->view->init;
	for (struct process *q = p->parent; q != NULL && q != init; q = q->parent)
		if ((process_flags(q) & PROCESS_SUBREAPER) && q->state == PROCESS_LIVE &&
			q->nr_exiting < q->nr_tasks)
			return q;
	return init;
}

/* The first task of p that stays; 0: none. */
static pid_t
staying_task_locked(struct process *p)
{
	pid_t tid = 0;
	struct task *t;
	spin_lock(&p->lock);
	list_for_each_entry (t, &p->tasks, process_node)
		if (!t->sig.exiting) {
			tid = t->tid;
			break;
		}
	spin_unlock(&p->lock);
	return tid;
}

/* What the child's tasks asked for (PR_SET_PDEATHSIG), if the running task, which made it and goes, may send it. */
static void
send_death_signals_locked(struct process *child)
{
	struct task *t, *self = current_task();
	struct siginfo info = {.code = SI_USER, .pid = self->process->pid, .uid = self->cred->uid};
	spin_lock(&child->lock);
	list_for_each_entry (t, &child->tasks, process_node)
		if (t->pdeath_signal != 0 && cred_may_signal(process_cred_locked(child)))
			(void)signal_send_locked(
				child, NULL, t->pdeath_signal, &info, SIG_FROM_KERNEL);
	spin_unlock(&child->lock);
}

/* A task of p leaves: the children that it made are another one's, and told. */
static void
hand_on_children_locked(struct process *p, struct task *leaving)
{
	struct process *child;
	if (list_empty(&p->children))
		return;
	pid_t heir = staying_task_locked(p);
	list_for_each_entry (child, &p->children, sibling)
		if (child->parent_tid == leaving->tid) {
			send_death_signals_locked(child);
			child->parent_tid = heir;
		}
}

/* p's children get another parent; zombies among them that nobody will wait for go to *reaped. */
static void
give_away_children_locked(struct process *p, struct list_node *reaped)
{
	struct process *child, *tmp, *reaper = find_reaper_locked(p);
	pid_t heir = staying_task_locked(reaper);
	list_for_each_entry_safe (child, tmp, &p->children, sibling) {
		child->parent = reaper;
		child->ppid = reaper->pid;
		child->parent_tid = heir;
		child->exit_signal = SIGCHLD;
		list_del(&child->sibling);
		if (child->state == PROCESS_ZOMBIE) {
			bool ignored = signal_parent_ignores_exit_locked(child);
			list_add(&reaper->children, &child->sibling);
			int status = child->exit_status;
			signal_notify_parent_locked(child,
				(status & 0x7f) ? CLD_KILLED : CLD_EXITED,
				(status & 0x7f) ? status & 0x7f : status >> 8);
			if (ignored) {
				/* At once, as a wait for its number could find it; bury_reaped() puts the group. */
				struct process_group *group;
				process_reap_locked(child, &group);
				child->group = group;
				list_add_tail(reaped, &child->sibling);
			}
			continue;
		}
		list_add_tail(&reaper->children, &child->sibling);
		if (child->group != p->group && child->group != NULL)
			exit_orphaned_group_locked(child->group, p->group->session, p);
	}
}

void
process_reap_locked(struct process *p, struct process_group **group)
{
	p->state = PROCESS_REAPED;
	list_del_init(&p->sibling);
	*group = process_leave_group_locked(p);
	struct pid *pid = p->pid_entry;
	p->pid_entry = NULL;
	pid->process = NULL;
	pid_settle_locked(pid);
}

/* The last task has left: p is a zombie, or gone if the parent does not want to know. Whether it was reaped. */
static bool
become_zombie_locked(
	struct process *p, int status, struct list_node *reaped, struct process_group **group)
{
	if (!list_empty(&p->children))
		give_away_children_locked(p, reaped);
	p->exit_status = status;
	p->state = PROCESS_ZOMBIE;
	struct process_group *g = p->group;
	if (g->session->leader == p)
		g->session->leader = NULL;
	if (p->parent->group != g)
		exit_orphaned_group_locked(
			g, p->parent->group != NULL ? p->parent->group->session : NULL, p);
	bool ignored = signal_parent_ignores_exit_locked(p);
	/* Zombies first, so that wait(2) finds them at once. */
	list_del(&p->sibling);
	list_add(&p->parent->children, &p->sibling);
	signal_notify_parent_locked(p, (status & 0x7f) ? CLD_KILLED : CLD_EXITED,
		(status & 0x7f) ? status & 0x7f : status >> 8);
	wake_all(&p->exit_wait, 0);
	if (ignored)
		process_reap_locked(p, group);
	return ignored;
}

/* Takes the task off its process's list and adds up its times. Whether it was the last. p->lock held. */
static bool
leave_process_locked(struct task *t, struct process *p)
{
	struct rusage_sum used = {0};
	task_rusage(t, &used);
	rusage_add(&p->dead, &used);
	if (t->tid == p->pid)
		memcpy(p->name, t->thread.name, sizeof(p->name));
	list_del_init(&t->process_node);
	p->nr_tasks--;
	p->nr_exiting--;
	signal_flush_locked(p, &t->sig.pending, ~0ULL, t);
	if (p->nr_tasks == 0) {
		atomic_fetch_and_explicit(&p->flags, ~PROCESS_JOB_CONTROL, memory_order_relaxed);
		p->exit_cred = t->cred;
		cred_get(t->cred);
		signal_flush_locked(p, &p->pending, ~0ULL, NULL);
		return true;
	}
	if ((process_flags(p) & PROCESS_EXECING) && p->nr_tasks == 1)
		wake_all(&p->exec_wait, 0);
	return false;
}

/* What is left of children that nobody waits for: they were reaped, but for the references that stood for that. */
static void
bury_reaped(struct list_node *reaped)
{
	struct process *p, *tmp;
	list_for_each_entry_safe (p, tmp, reaped, sibling) {
		uint64_t flags = spin_lock_irq_save(&tree_lock);
		struct process_group *group = p->group;
		p->group = NULL;
		list_del_init(&p->sibling);
		spin_unlock_irq_restore(&tree_lock, flags);
		process_group_put(group);
		process_put(p);
	}
}

static void
leave_tree(struct task *t, struct process *p)
{
	struct list_node reaped = LIST_INIT(reaped);
	struct process_group *group = NULL;
	bool gone = false;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	spin_lock(&p->lock);
	bool last = leave_process_locked(t, p);
	spin_unlock(&p->lock);
	t->pid_entry->task = NULL;
	if (t->tid != p->pid)
		pid_settle_locked(t->pid_entry);
	hand_on_children_locked(p, t);
	if (last) {
		int status = (process_flags(p) & PROCESS_EXITING) ? p->group_exit_status
								  : p->last_status;
		gone = become_zombie_locked(p, status, &reaped, &group);
	}
	t->pid_entry = NULL;
	spin_unlock_irq_restore(&tree_lock, flags);
	if (gone) {
		process_group_put(group);
		process_put(p);
	}
	if (!list_empty(&reaped))
		bury_reaped(&reaped);
}

/* What belongs to the process as a whole, once no task will use it any more. */
static void
last_task_exits(struct process *p, int status)
{
	if (p == p->view->init) {
		if (process_flags(p) & PROCESS_EXITING)
			status = p->group_exit_status;
		if (status & 0x7f)
			panic("init was killed by signal %d", status & 0x7f);
		panic("init exited with status %d", status >> 8);
	}
	itimers_stop(p);
	posix_timers_delete_all(p);
	struct session *s = NULL;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	if (p->group->session->leader == p && p->group->session->ctty != NULL) {
		s = p->group->session;
		session_get(s);
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	if (s != NULL) {
		if (session_leader_exit_hook != NULL)
			session_leader_exit_hook(s);
		session_put(s);
	}
}

void
task_exit(int status)
{
	struct task *t = current_task();
	struct process *p = t->process;
	t->exit_code = status;
	tasks_reap();
	if (begin_exit(t, p))
		last_task_exits(p, status);
	leave_space(t);
	leave_files(t);
	leave_tree(t, p);
	task_bury(t);
	sched_exit();
}

void
process_exit_group(int status)
{
	struct process *p = current_process();
	uint64_t flags = spin_lock_irq_save(&p->lock);
	if (process_flags(p) & PROCESS_EXITING)
		status = p->group_exit_status;
	else if (p->nr_tasks > 1)
		signal_kill_locked(p, status);
	else {
		atomic_fetch_or_explicit(&p->flags, PROCESS_EXITING, memory_order_relaxed);
		p->group_exit_status = status;
	}
	spin_unlock_irq_restore(&p->lock, flags);
	task_exit(status);
}

int64_t
sys_exit(int status)
{
	task_exit(STATUS_EXITED(status));
}

int64_t
sys_exit_group(int status)
{
	process_exit_group(STATUS_EXITED(status));
}
