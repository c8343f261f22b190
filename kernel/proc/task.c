/* SPDX-License-Identifier: MIT */
/*
 * Tasks: their memory, from the first allocation to the moment when the last page of a dead one is free again.
 *
 * A task that exits cannot free the stack it stands on: it puts itself on the list of the dead, and whoever comes by
 * next (a clone, an exit, a wait) frees what is off its CPU. So at most a few dead tasks linger.
 */
#include <string.h>

#include "core/sched.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "syscall_protos.h"

static struct slab_cache *task_cache, *fs_cache;
static _Atomic uint32_t nr_tasks;
static uint32_t max_tasks;
static struct spinlock dead_lock = SPINLOCK_INIT("dead_tasks");
static struct task *_Atomic dead_tasks; /* [dead_lock to change] */

uint32_t
tasks_count(void)
{
	return atomic_load_explicit(&nr_tasks, memory_order_relaxed);
}

uint32_t
tasks_limit(void)
{
	return max_tasks;
}

/* A task with a thread and a kernel stack. The rest is the caller's to give before it starts. */
struct task *
task_create(const char *name, int *err)
{
	*err = -EAGAIN;
	if (atomic_fetch_add_explicit(&nr_tasks, 1, memory_order_relaxed) >= max_tasks)
		goto uncount;
	*err = -ENOMEM;
	struct task *t = slab_alloc(task_cache, KM_ZERO);
	if (t == NULL)
		goto uncount;
	*err = thread_init(&t->thread, name, NULL, NULL);
	if (*err != 0)
		goto free;
	t->thread.cpu = this_cpu(); /* others may look at it before it is started */
	refcount_init(&t->refs, 1);
	list_init(&t->process_node);
	list_init(&t->sig.pending.queue);
	t->timer_slack = t->default_timer_slack = TIMER_SLACK_DEFAULT;
	return t;
free:
	slab_free(task_cache, t);
uncount:
	atomic_fetch_sub_explicit(&nr_tasks, 1, memory_order_relaxed);
	return NULL;
}

static void
task_free(struct task *t)
{
	if (t->cred != NULL) {
		atomic_fetch_sub_explicit(&t->cred->account->nr_tasks, 1, memory_order_relaxed);
		cred_put(t->cred);
	}
	if (t->process != NULL)
		process_put(t->process);
	slab_free(task_cache, t);
	atomic_fetch_sub_explicit(&nr_tasks, 1, memory_order_relaxed);
}

/* One that never ran; its references are gone but for credentials and process. */
void
task_destroy_unused(struct task *t)
{
	thread_destroy(&t->thread);
	task_free(t);
}

void
task_get(struct task *t)
{
	refcount_get(&t->refs);
}

void
task_put(struct task *t)
{
	if (refcount_put(&t->refs))
		task_free(t);
}

void
task_bury(struct task *t)
{
	spin_lock(&dead_lock);
	t->dead_next = atomic_load_explicit(&dead_tasks, memory_order_relaxed);
	atomic_store_explicit(&dead_tasks, t, memory_order_relaxed);
	spin_unlock(&dead_lock);
}

void
tasks_reap(void)
{
	if (atomic_load_explicit(&dead_tasks, memory_order_relaxed) == NULL)
		return;
	spin_lock(&dead_lock);
	struct task *t = atomic_exchange_explicit(&dead_tasks, NULL, memory_order_relaxed);
	spin_unlock(&dead_lock);
	while (t != NULL) {
		struct task *next = t->dead_next;
		thread_wait_off_cpu(&t->thread);
		thread_destroy(&t->thread);
		task_put(t);
		t = next;
	}
}

struct fs_context *
fs_context_copy(struct fs_context *from)
{
	struct fs_context *fs = slab_alloc(fs_cache, 0);
	if (fs == NULL)
		return NULL;
	refcount_init(&fs->refs, 1);
	spin_init(&fs->lock, "fs_context");
	spin_lock(&from->lock);
	fs->root = from->root;
	fs->cwd = from->cwd;
	fs->umask = from->umask;
	path_get(&fs->root);
	path_get(&fs->cwd);
	spin_unlock(&from->lock);
	return fs;
}

void
fs_context_put(struct fs_context *fs)
{
	if (!refcount_put(&fs->refs))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	slab_free(fs_cache, fs);
}

int64_t
sys_gettid(void)
{
	return current_task()->tid;
}

int64_t
sys_getpid(void)
{
	return current_process()->pid;
}

int64_t
sys_set_tid_address(uaddr_t tidptr)
{
	struct task *t = current_task();
	t->clear_child_tid = tidptr;
	return t->tid;
}

void
task_init(void)
{
	task_cache = slab_cache_create("task", sizeof(struct task), 64);
	fs_cache = slab_cache_create("fs_context", sizeof(struct fs_context), 0);
	struct page_stats stats;
	page_get_stats(&stats);
	/* Kernel stacks may take an eighth of memory. */
	uint64_t n = stats.total * PAGE_SIZE / 8 / KSTACK_SIZE;
	max_tasks = (uint32_t)max(min(n, (uint64_t)PID_MAX / 2), (uint64_t)64);
}
