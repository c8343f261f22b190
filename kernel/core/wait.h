/* SPDX-License-Identifier: MIT */
/*
 * Wait queues: threads (and poll's callbacks) that wait for a condition which somebody else makes true.
 *
 * The waker makes the condition true, then calls wake_all() or wake_one(); the waiter is on the queue and marked
 * asleep before it looks at the condition, so no wake-up is lost. A woken waiter looks again: wake-ups may be
 * spurious. wake_*() may be called with spin locks held and from interrupts (the queue's lock is an irq-safe leaf,
 * but for run-queue locks inside it).
 *
 * wait_event() is what nearly everyone uses; a thread leaves every queue before wait_event() returns, also when
 * it is killed.
 */
#ifndef CORE_WAIT_H
#define CORE_WAIT_H

#include "base/list.h"
#include "core/spinlock.h"
#include "core/types.h"

struct thread;
struct waiter;

/* Called with the queue's lock held, interrupts masked. Returns whether it woke a thread (counts for wake_one). */
typedef bool wait_wake_fn(struct waiter *w, uint32_t events);

struct wait_queue {
	struct spinlock lock;
	struct list_node waiters; /* [lock] */
};

struct waiter {
	struct list_node node; /* [queue's lock] on its queue, or empty */
	struct thread *thread; /* [I] who is to be woken */
	wait_wake_fn *wake;    /* [I] waiter_wake_thread, or poll's and epoll's own */
	uint32_t flags;        /* [I] WAITER_* */
};
#define WAITER_EXCLUSIVE 1u /* wake_one() and wake_n() stop after it */

#define WAIT_UNINTERRUPTIBLE 0u
#define WAIT_INTERRUPTIBLE   1u /* any signal ends the wait: -ERESTARTSYS */
#define WAIT_KILLABLE        2u /* only a fatal signal does */

void wait_queue_init(struct wait_queue *q, const char *name);
bool waiter_wake_thread(struct waiter *w, uint32_t events);

static inline void
waiter_init(struct waiter *w, struct thread *t, uint32_t flags)
{
	list_init(&w->node);
	w->thread = t;
	w->wake = waiter_wake_thread;
	w->flags = flags;
}

/* Adds w (exclusive ones at the end); removes it (harmless when it is on no queue). */
void wait_queue_add(struct wait_queue *q, struct waiter *w);
void wait_queue_remove(struct wait_queue *q, struct waiter *w);

/* The slow halves of the wake functions below. events is passed to each waiter's wake function (POLLIN etc.). */
void wake_up_slow(struct wait_queue *q, uint32_t exclusive, uint32_t events);

static inline bool
wait_queue_active(const struct wait_queue *q)
{
	arch_mb(); /* the condition's store before the look at the list; pairs with wait_prepare() */
	return !list_empty(&q->waiters);
}

/* Wakes all non-exclusive waiters and at most n exclusive ones. */
static inline void
wake_n(struct wait_queue *q, uint32_t n, uint32_t events)
{
	if (wait_queue_active(q))
		wake_up_slow(q, n, events);
}

static inline void
wake_all(struct wait_queue *q, uint32_t events)
{
	wake_n(q, UINT32_MAX, events);
}

static inline void
wake_one(struct wait_queue *q, uint32_t events)
{
	wake_n(q, 1, events);
}

/* Marks the running thread as about to sleep (before it looks at its condition) and as running again. */
void wait_prepare(uint32_t mode);
void wait_finish(void);
/*
 * Sleeps unless woken since wait_prepare(). deadline: nanoseconds since boot, or DEADLINE_NEVER.
 * Returns 0 when woken (look again), -ERESTARTSYS when a signal of the mode's kind is pending, -ETIMEDOUT.
 */
int wait_sleep(uint32_t mode, nsec_t deadline) MUST_CHECK;
/* The same until a moment of the wall clock, in nanoseconds since 1970: however often that is set meanwhile. */
int wait_sleep_wall(uint32_t mode, nsec_t moment) MUST_CHECK;

/*
 * Sleeps on q until cond is true. Evaluates to 0, -ERESTARTSYS or -ETIMEDOUT; cond wins over both.
 * wait_event_exclusive() is for those of whom wake_one() wakes one: who gives up may have been the one that was chosen
 * meanwhile, so it looks once more when nobody can choose it any more.
 */
#define wait_event(q, mode, deadline, cond) wait_event_(q, mode, deadline, 0, cond, false)
#define wait_event_exclusive(q, mode, deadline, cond) \
	wait_event_(q, mode, deadline, WAITER_EXCLUSIVE, cond, cond)

#define wait_event_(q, mode, deadline, wflags, cond, last_look)             \
	({                                                                  \
		int wait_err_ = 0;                                          \
		if (!(cond)) {                                              \
			struct waiter wait_w_;                              \
			waiter_init(&wait_w_, arch_current(), (wflags));    \
			wait_queue_add((q), &wait_w_);                      \
			for (;;) {                                          \
				wait_prepare(mode);                         \
				if (cond) {                                 \
					wait_err_ = 0;                      \
					break;                              \
				}                                           \
				if (wait_err_ != 0)                         \
					break;                              \
				wait_err_ = wait_sleep((mode), (deadline)); \
			}                                                   \
			wait_finish();                                      \
			wait_queue_remove((q), &wait_w_);                   \
			if (wait_err_ != 0 && (last_look))                  \
				wait_err_ = 0;                              \
		}                                                           \
		wait_err_;                                                  \
	})

#endif
