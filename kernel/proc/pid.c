/* SPDX-License-Identifier: MIT */
/*
 * Process numbers and the initial view.
 *
 * A number names a task, a process, a group and a session, any of them, and is free again when it names none. The
 * search for a free one goes upwards from the last one given, so that numbers are reused late.
 */
#include <string.h>

#include "core/panic.h"
#include "mm/slab.h"
#include "proc/internal.h"

#define PID_RESERVED 300 /* after the first round numbers below stay with the system's own */

struct spinlock tree_lock = SPINLOCK_INIT("tree");

static struct slab_cache *pid_cache, *radix_cache;
static struct view initial_view;

static struct radix_node *
radix_node_alloc(void *ctx)
{
	return slab_alloc(radix_cache, KM_ZERO | KM_ATOMIC);
}

static void
radix_node_free(void *ctx, struct radix_node *n)
{
	slab_free(radix_cache, n);
}

static const struct radix_memory pid_memory = {.alloc = radix_node_alloc, .free = radix_node_free};

/* The first free number at or after from and below end; 0: none. Ends: there are fewer tasks than numbers. */
static pid_t
pid_search_locked(struct view *v, pid_t from, pid_t end)
{
	while (from < end && radix_lookup(&v->pids, (uint64_t)from) != NULL)
		from++;
	return from < end ? from : 0;
}

struct pid *
pid_create(struct view *v, int *err)
{
	struct pid *pid = slab_alloc(pid_cache, KM_ZERO);
	if (pid == NULL) {
		*err = -ENOMEM;
		return NULL;
	}
	pid->view = v;
	pid_t max = atomic_load_explicit(&v->pid_max, memory_order_relaxed);
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	pid_t nr = pid_search_locked(v, v->next_pid, max);
	if (nr == 0)
		nr = pid_search_locked(v, PID_RESERVED, max);
	*err = nr == 0 ? -EAGAIN : radix_insert(&v->pids, (uint64_t)nr, pid, &pid_memory);
	if (*err == 0) {
		pid->nr = nr;
		v->next_pid = nr + 1;
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	if (*err == 0)
		return pid;
	slab_free(pid_cache, pid);
	return NULL;
}

struct pid *
pid_lookup_locked(struct view *v, pid_t nr)
{
	return nr > 0 ? radix_lookup(&v->pids, (uint64_t)nr) : NULL;
}

void
pid_settle_locked(struct pid *pid)
{
	if (pid->task != NULL || pid->process != NULL || pid->group != NULL || pid->session != NULL)
		return;
	radix_remove(&pid->view->pids, (uint64_t)pid->nr, &pid_memory);
	slab_free(pid_cache, pid);
}

void
pid_discard(struct pid *pid)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	pid_settle_locked(pid);
	spin_unlock_irq_restore(&tree_lock, flags);
}

struct process *
process_find(pid_t nr)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct pid *pid = pid_lookup_locked(current_view(), nr);
	struct process *p = pid != NULL ? pid->process : NULL;
	if (p != NULL)
		process_get(p);
	spin_unlock_irq_restore(&tree_lock, flags);
	return p;
}

struct task *
task_find(pid_t tid)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct pid *pid = pid_lookup_locked(current_view(), tid);
	struct task *t = pid != NULL ? pid->task : NULL;
	if (t != NULL)
		task_get(t);
	spin_unlock_irq_restore(&tree_lock, flags);
	return t;
}

struct process *
process_next(struct view *v, pid_t *nr)
{
	struct process *p = NULL;
	uint64_t index = *nr < 1 ? 1 : (uint64_t)*nr;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	for (struct pid *pid; (pid = radix_next(&v->pids, &index)) != NULL; index++)
		if ((p = pid->process) != NULL) {
			process_get(p);
			*nr = (pid_t)index;
			break;
		}
	spin_unlock_irq_restore(&tree_lock, flags);
	return p;
}

struct view *
view_initial(void)
{
	return &initial_view;
}

struct view *
current_view(void)
{
	return current_process()->view;
}

void
view_put(struct view *v)
{
	if (refcount_put(&v->refs))
		panic("the initial view has lost its last reference");
}

void
pid_init(void)
{
	pid_cache = slab_cache_create("pid", sizeof(struct pid), 0);
	radix_cache = slab_cache_create("pid_node", sizeof(struct radix_node), 0);
	struct view *v = &initial_view;
	refcount_init(&v->refs, 1);
	radix_init(&v->pids);
	v->next_pid = 1;
	atomic_init(&v->pid_max, PID_MAX);
	spin_init(&v->lock, "view");
	memcpy(v->hostname, "swos", 5);
	memcpy(v->domainname, "(none)", 7);
}
