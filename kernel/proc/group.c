/* SPDX-License-Identifier: MIT */
/*
 * Process groups and sessions: job control's units.
 *
 * A group is referenced by its members, by terminals whose foreground it is, and by lookers; a session by its groups
 * and terminals. All membership is under tree_lock; memory is freed by the last *_put(), outside it.
 */
#include "mm/slab.h"
#include "proc/internal.h"
#include "syscall_protos.h"

static struct session *
session_create(struct view *v, struct process *leader)
{
	struct session *s = kzalloc(sizeof(*s));
	if (s == NULL)
		return NULL;
	refcount_init(&s->refs, 1);
	s->view = view_get(v);
	s->leader = leader;
	return s;
}

void
session_put(struct session *s)
{
	if (!refcount_put(&s->refs))
		return;
	if (s->pid != NULL) {
		uint64_t flags = spin_lock_irq_save(&tree_lock);
		s->pid->session = NULL;
		pid_settle_locked(s->pid);
		spin_unlock_irq_restore(&tree_lock, flags);
	}
	view_put(s->view);
	kfree(s);
}

/* Takes over the reference on the session. */
static struct process_group *
group_create(struct session *s)
{
	struct process_group *g = kzalloc(sizeof(*g));
	if (g == NULL)
		return NULL;
	refcount_init(&g->refs, 1);
	list_init(&g->members);
	g->session = s;
	return g;
}

static bool
put_unless_last(refcount_t *r)
{
	uint32_t old = refcount_read(r);
	while (old > 1)
		if (atomic_compare_exchange_weak_explicit(
			    &r->count, &old, old - 1, memory_order_release, memory_order_relaxed))
			return true;
	return false;
}

/* The last reference goes under tree_lock and the name with it: what has a name is there, and its number is free if not. */
void
process_group_put(struct process_group *g)
{
	if (put_unless_last(&g->refs))
		return;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	bool last = refcount_put(&g->refs);
	if (last && g->pid != NULL) {
		g->pid->group = NULL;
		pid_settle_locked(g->pid);
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	if (!last)
		return;
	session_put(g->session);
	kfree(g);
}

void
process_join_group_locked(struct process *p, struct process_group *g)
{
	process_group_get(g);
	p->group = g;
	list_add_tail(&g->members, &p->group_node);
}

struct process_group *
process_leave_group_locked(struct process *p)
{
	struct process_group *g = p->group;
	list_del_init(&p->group_node);
	p->group = NULL;
	return g;
}

static void
group_name_locked(struct process_group *g, struct pid *pid)
{
	g->id = pid->nr;
	g->pid = pid;
	pid->group = g;
}

/* A group that only terminals know, as their foreground, does not keep its number from others. */
static void
group_unname_empty_locked(struct pid *pid)
{
	if (pid->group == NULL || !list_empty(&pid->group->members))
		return;
	pid->group->pid = NULL;
	pid->group = NULL;
}

/*
 * Makes p the leader of a new session and group with its own number. -EPERM if a group has that number already (p
 * leads one, or led one that lives on).
 */
int
process_start_session(struct process *p, struct pid *pid)
{
	struct session *s = session_create(p->view, p);
	if (s == NULL)
		return -ENOMEM;
	struct process_group *g = group_create(s), *old = NULL;
	if (g == NULL) {
		session_put(s);
		return -ENOMEM;
	}
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	group_unname_empty_locked(pid);
	int err = pid->group != NULL || pid->session != NULL ? -EPERM : 0;
	if (err == 0) {
		s->id = pid->nr;
		s->pid = pid;
		pid->session = s;
		group_name_locked(g, pid);
		if (p->group != NULL)
			old = process_leave_group_locked(p);
		process_join_group_locked(p, g);
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	process_group_put(g);
	if (old != NULL)
		process_group_put(old);
	return err;
}

int64_t
sys_setsid(void)
{
	struct process *p = current_process();
	int err = process_start_session(p, p->pid_entry);
	return err == 0 ? p->pid : err;
}

struct process_group *
process_group_current(void)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct process_group *g = current_process()->group;
	process_group_get(g);
	spin_unlock_irq_restore(&tree_lock, flags);
	return g;
}

static struct process_group *
group_find_locked(pid_t id)
{
	struct pid *pid = pid_lookup_locked(current_view(), id);
	struct process_group *g = pid != NULL ? pid->group : NULL;
	if (g != NULL)
		process_group_get(g);
	return g;
}

struct process_group *
process_group_find(pid_t id)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct process_group *g = group_find_locked(id);
	spin_unlock_irq_restore(&tree_lock, flags);
	return g;
}

/* Whose session the number stands for: that of the group's members, else of the process or thread; NULL: none. */
static struct session *
session_of_number_locked(struct pid *pid)
{
	if (pid->group != NULL && !list_empty(&pid->group->members))
		return pid->group->session;
	struct process *p = pid->task != NULL ? pid->task->process : pid->process;
	return p != NULL && p->group != NULL ? p->group->session : NULL;
}

static bool
names_somebody(const struct pid *pid)
{
	return pid->process != NULL || pid->task != NULL || pid->session != NULL ||
		(pid->group != NULL && !list_empty(&pid->group->members));
}

int
process_group_for_terminal(pid_t id, struct process_group **out)
{
	struct process_group *fresh = group_create(NULL);
	*out = NULL;
	if (fresh == NULL)
		return -ENOMEM;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct session *own = current_process()->group->session;
	struct pid *pid = pid_lookup_locked(current_view(), id);
	int err = 0;
	if (pid == NULL || !names_somebody(pid))
		err = -ESRCH;
	else if (session_of_number_locked(pid) != own)
		err = -EPERM;
	if (err == 0 && pid->group == NULL) {
		session_get(own);
		fresh->session = own;
		group_name_locked(fresh, pid);
		*out = fresh;
		fresh = NULL;
	} else if (err == 0) {
		*out = pid->group;
		process_group_get(*out);
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	kfree(fresh);
	return err;
}

struct session *
session_current(void)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct session *s = current_process()->group->session;
	session_get(s);
	spin_unlock_irq_restore(&tree_lock, flags);
	return s;
}

bool
session_is_leader(void)
{
	struct process *p = current_process();
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	bool leads = p->group->session->leader == p;
	spin_unlock_irq_restore(&tree_lock, flags);
	return leads;
}

static bool
group_is_orphaned_locked(struct process_group *g, struct process *leaving)
{
	struct process *p;
	list_for_each_entry (p, &g->members, group_node) {
		if (p == leaving || p->state != PROCESS_LIVE || p->parent == NULL)
			continue;
		struct process *parent = p->parent;
		if (parent->group != NULL && parent != p->view->init && parent->group != g &&
			parent->group->session == g->session)
			return false;
	}
	return true;
}

bool
process_group_is_orphaned(struct process_group *g)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	bool orphaned = group_is_orphaned_locked(g, NULL);
	spin_unlock_irq_restore(&tree_lock, flags);
	return orphaned;
}

/*
 * A process leaves (or a child of one that does): if nobody remains who could continue the group's stopped members,
 * they are hung up and continued.
 */
void
exit_orphaned_group_locked(struct process_group *g, struct session *s, struct process *leaving)
{
	if (g->session != s || !group_is_orphaned_locked(g, leaving))
		return;
	struct process *p;
	bool stopped = false;
	list_for_each_entry (p, &g->members, group_node)
		stopped |= p != leaving && (process_flags(p) & PROCESS_STOPPED) != 0;
	if (!stopped)
		return;
	list_for_each_entry (p, &g->members, group_node) {
		signal_send_member_locked(p, SIGHUP, NULL);
		signal_send_member_locked(p, SIGCONT, NULL);
	}
}

/* The process with that number (0: the caller) if it is the caller or its child. */
static struct process *
setpgid_target_locked(pid_t pid, int *err)
{
	struct process *self = current_process(), *p = self;
	if (pid != 0) {
		struct pid *entry = pid_lookup_locked(self->view, pid);
		p = entry != NULL ? entry->process : NULL;
	}
	*err = -ESRCH;
	if (p == NULL || p->state != PROCESS_LIVE || (p != self && p->parent != self))
		return NULL;
	*err = -EPERM;
	if (p->group->session != self->group->session || p->group->session->leader == p)
		return NULL;
	*err = -EACCES;
	if (p != self && (process_flags(p) & PROCESS_HAS_EXECED))
		return NULL;
	*err = 0;
	return p;
}

/* Takes over the reference on g; the caller puts the former group, which it returns. */
static struct process_group *
change_group_locked(struct process *p, struct process_group *g)
{
	struct process_group *old = process_leave_group_locked(p);
	p->group = g;
	list_add_tail(&g->members, &p->group_node);
	return old;
}

/* Moves pid into group pgid; fresh is used if the group is to be made, and *old is what the caller puts. */
static int
setpgid_locked(pid_t pid, pid_t pgid, struct process_group *fresh, struct process_group **old)
{
	int err;
	struct process *p = setpgid_target_locked(pid, &err);
	if (p == NULL)
		return err;
	if (pgid == 0)
		pgid = p->pid;
	if (pgid == p->pid && p->pid_entry->group == NULL) {
		session_get(p->group->session);
		fresh->session = p->group->session;
		group_name_locked(fresh, p->pid_entry);
		process_group_get(fresh);
		*old = change_group_locked(p, fresh);
		return 0;
	}
	struct process_group *g = group_find_locked(pgid);
	if (g == NULL)
		return -EPERM;
	if (g->session != p->group->session || (pgid != p->pid && list_empty(&g->members))) {
		*old = g;
		return -EPERM;
	}
	*old = g != p->group ? change_group_locked(p, g) : g;
	return 0;
}

int64_t
sys_setpgid(int pid, int pgid)
{
	if (pgid < 0 || (pgid == 0 && pid < 0))
		return -EINVAL;
	struct process_group *fresh = group_create(NULL), *old = NULL;
	if (fresh == NULL)
		return -ENOMEM;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	int err = setpgid_locked(pid, pgid, fresh, &old);
	spin_unlock_irq_restore(&tree_lock, flags);
	if (old != NULL)
		process_group_put(old);
	if (fresh->session != NULL)
		process_group_put(fresh);
	else
		kfree(fresh);
	return err;
}

/* The group of a process by its number, 0: the caller's; NULL: there is none, or it has ended. Under tree_lock. */
static struct process_group *
group_of_locked(int pid)
{
	struct process *p = current_process();
	if (pid != 0) {
		struct pid *entry = pid_lookup_locked(p->view, pid);
		p = entry != NULL ? entry->process : NULL;
	}
	return p != NULL ? p->group : NULL;
}

int64_t
sys_getpgid(int pid)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct process_group *g = group_of_locked(pid);
	int64_t id = g != NULL ? g->id : -ESRCH;
	spin_unlock_irq_restore(&tree_lock, flags);
	return id;
}

int64_t
sys_getsid(int pid)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct process_group *g = group_of_locked(pid);
	int64_t id = g != NULL ? g->session->id : -ESRCH;
	spin_unlock_irq_restore(&tree_lock, flags);
	return id;
}

int64_t
sys_getppid(void)
{
	return *(volatile pid_t *)&current_process()->ppid;
}
