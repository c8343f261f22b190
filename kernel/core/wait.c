/* SPDX-License-Identifier: MIT */
/* Wait queues and timed sleeps. */
#include "core/wait.h"

#include "core/sched.h"
#include "core/timer.h"
#include "core/wallclock.h"

void
wait_queue_init(struct wait_queue *q, const char *name)
{
	spin_init(&q->lock, name);
	list_init(&q->waiters);
}

bool
waiter_wake_thread(struct waiter *w, uint32_t events)
{
	return sched_wake(w->thread);
}

void
wait_queue_add(struct wait_queue *q, struct waiter *w)
{
	uint64_t flags = spin_lock_irq_save(&q->lock);
	if (w->flags & WAITER_EXCLUSIVE)
		list_add_tail(&q->waiters, &w->node);
	else
		list_add(&q->waiters, &w->node);
	spin_unlock_irq_restore(&q->lock, flags);
}

void
wait_queue_remove(struct wait_queue *q, struct waiter *w)
{
	uint64_t flags = spin_lock_irq_save(&q->lock);
	list_del_init(&w->node);
	spin_unlock_irq_restore(&q->lock, flags);
}

void
wake_up_slow(struct wait_queue *q, uint32_t exclusive, uint32_t events)
{
	sched_hold_kicks();
	uint64_t flags = spin_lock_irq_save(&q->lock);
	struct waiter *w, *tmp;
	list_for_each_entry_safe (w, tmp, &q->waiters, node) {
		bool counts = (w->flags & WAITER_EXCLUSIVE) != 0;
		if (w->wake(w, events) && counts && --exclusive == 0)
			break;
	}
	spin_unlock_irq_restore(&q->lock, flags);
	sched_release_kicks();
}

static const uint8_t mode_state[] = {
	[WAIT_UNINTERRUPTIBLE] = THREAD_SLEEPING_UNINT,
	[WAIT_INTERRUPTIBLE] = THREAD_SLEEPING,
	[WAIT_KILLABLE] = THREAD_SLEEPING_KILL,
};

void
wait_prepare(uint32_t mode)
{
	atomic_store_explicit(&arch_current()->state, mode_state[mode], memory_order_relaxed);
	arch_mb(); /* the state before the look at the condition; pairs with wait_queue_active() */
}

void
wait_finish(void)
{
	atomic_store_explicit(&arch_current()->state, THREAD_RUNNING, memory_order_relaxed);
}

struct sleep_timer {
	struct timer timer;
	struct thread *thread;
};

static void
sleep_over(struct timer *t)
{
	sched_wake(container_of(t, struct sleep_timer, timer)->thread);
}

static bool
must_not_sleep(uint32_t mode)
{
	const struct thread *self = arch_current();
	if (mode == WAIT_INTERRUPTIBLE)
		return thread_test_flags(self, TF_SIGNAL | TF_EXIT | TF_KILLED);
	return mode == WAIT_KILLABLE && thread_test_flags(self, TF_EXIT | TF_KILLED);
}

int
wait_sleep(uint32_t mode, nsec_t deadline)
{
	if (must_not_sleep(mode))
		return -ERESTARTSYS;
	if (deadline == DEADLINE_NEVER) {
		schedule();
		return must_not_sleep(mode) ? -ERESTARTSYS : 0;
	}
	if (time_now() >= deadline)
		return -ETIMEDOUT;
	struct sleep_timer s = {.thread = arch_current()};
	timer_init(&s.timer, sleep_over);
	timer_start(&s.timer, deadline);
	schedule();
	timer_cancel_sync(&s.timer);
	if (must_not_sleep(mode))
		return -ERESTARTSYS;
	return time_now() >= deadline ? -ETIMEDOUT : 0;
}

struct wall_sleep {
	struct wall_timer timer;
	struct thread *thread;
};

static void
wall_sleep_over(struct wall_timer *t)
{
	sched_wake(container_of(t, struct wall_sleep, timer)->thread);
}

int
wait_sleep_wall(uint32_t mode, nsec_t moment)
{
	if (must_not_sleep(mode))
		return -ERESTARTSYS;
	if (time_realtime() >= moment)
		return -ETIMEDOUT;
	struct wall_sleep s = {.thread = arch_current()};
	wall_timer_init(&s.timer, wall_sleep_over);
	wall_timer_start(&s.timer, TIME_WALL, moment);
	schedule();
	wall_timer_cancel_sync(&s.timer);
	if (must_not_sleep(mode))
		return -ERESTARTSYS;
	return time_realtime() >= moment ? -ETIMEDOUT : 0;
}
