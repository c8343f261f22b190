/* SPDX-License-Identifier: MIT */
/* Creation and destruction of threads; kernel threads. */
#include "core/thread.h"

#include <string.h>

#include "core/panic.h"
#include "core/sched.h"
#include "core/spinlock.h"
#include "mm/kmap.h"
#include "mm/slab.h"

void
thread_set_name(struct thread *t, const char *name)
{
	size_t n = min(strlen(name), sizeof(t->name) - 1);
	memcpy(t->name, name, n);
	memset(t->name + n, 0, sizeof(t->name) - n);
}

int
thread_init(struct thread *t, const char *name, void (*entry)(void *), void *arg)
{
	const struct thread *self = arch_current();
	t->kstack = kstack_alloc();
	if (t->kstack == NULL)
		return -ENOMEM;
	t->state = THREAD_RUNNING;
	t->cpu = this_cpu(); /* whose lock guards it; sched_start() chooses where it runs */
	sched_inherit(t);
	t->affinity = self->affinity;
	thread_set_name(t, name);
	if (entry != NULL)
		arch_thread_setup_kernel(t, entry, arg);
	return 0;
}

void
thread_destroy(struct thread *t)
{
	kstack_free(t->kstack);
	t->kstack = NULL;
}

struct kthread {
	struct thread thread;
	void (*entry)(void *);
	void *arg;
	struct list_node dead; /* [reap_lock] */
};

/* Kernel threads that have ended; the next one that starts or ends frees them once they are off their stacks. */
static struct spinlock reap_lock = SPINLOCK_INIT("kthread_reap");
static struct list_node dead_threads = LIST_INIT(dead_threads);

static void
reap_dead(void)
{
	struct list_node dead;
	list_init(&dead);
	spin_lock(&reap_lock);
	list_splice_tail(&dead, &dead_threads);
	spin_unlock(&reap_lock);
	struct kthread *k, *next;
	list_for_each_entry_safe (k, next, &dead, dead) {
		thread_wait_off_cpu(&k->thread);
		thread_destroy(&k->thread);
		kfree(k);
	}
}

static void
kthread_main(void *arg)
{
	struct kthread *k = arg;
	k->entry(k->arg);
	reap_dead();
	spin_lock(&reap_lock);
	list_add(&dead_threads, &k->dead);
	spin_unlock(&reap_lock);
	sched_exit();
}

struct thread *
kthread_start(const char *name, void (*entry)(void *), void *arg)
{
	reap_dead();
	struct kthread *k = kzalloc(sizeof(*k));
	if (k == NULL)
		return NULL;
	k->entry = entry;
	k->arg = arg;
	if (thread_init(&k->thread, name, kthread_main, k) != 0) {
		kfree(k);
		return NULL;
	}
	for (int i = 0; i < CPUMASK_WORDS; i++)
		k->thread.affinity.w[i] = UINT64_MAX;
	sched_start(&k->thread);
	return &k->thread;
}
