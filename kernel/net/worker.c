/* SPDX-License-Identifier: MIT */
#include "net/worker.h"

#define LOG_SOURCE "net"
#include "core/log.h"
#include "core/softirq.h"
#include "core/thread.h"
#include "core/wait.h"

static struct spinlock queue_lock = SPINLOCK_INIT("net_worker");
static struct net_work *first, *last; /* [queue_lock] */
static struct wait_queue pending;
static _Atomic uint32_t waiting; /* items queued */

void
net_work_raise(struct net_work *w)
{
	spin_lock_bh(&queue_lock);
	if (!w->queued) {
		w->queued = true;
		w->next = NULL;
		if (first == NULL)
			first = w;
		else
			last->next = w;
		last = w;
		atomic_fetch_add_explicit(&waiting, 1, memory_order_release);
	}
	spin_unlock_bh(&queue_lock);
	wake_all(&pending, 0);
}

static struct net_work *
take(void)
{
	spin_lock_bh(&queue_lock);
	struct net_work *w = first;
	if (w != NULL) {
		first = w->next;
		w->queued = false;
		atomic_fetch_sub_explicit(&waiting, 1, memory_order_relaxed);
	}
	spin_unlock_bh(&queue_lock);
	return w;
}

static void
run(void *arg)
{
	for (;;) {
		/* Nothing can interrupt this wait, and nobody ends the thread. */
		(void)wait_event(&pending, WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER,
			atomic_load_explicit(&waiting, memory_order_acquire) != 0);
		for (struct net_work *w; (w = take()) != NULL;)
			w->fn(w);
	}
}

void
net_worker_init(void)
{
	wait_queue_init(&pending, "net_worker");
	if (kthread_start("netconfig", run, NULL) == NULL)
		log_err("net: no thread for automatic configuration: out of memory");
}
