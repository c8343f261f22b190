/* SPDX-License-Identifier: MIT */
/* Sleeping locks: the contended paths. */
#include "core/mutex.h"

#define RW_WRITER 0x80000000u /* held by a writer; the other bits count readers */

void
mutex_init(struct mutex *m, const char *name)
{
	atomic_store_explicit(&m->state, 0, memory_order_relaxed);
	m->owner = NULL;
	wait_queue_init(&m->waiters, name);
}

void
mutex_lock_contended(struct mutex *m)
{
	/* Taken as "maybe waited for": whoever slept cannot know that nobody else does. */
	(void)wait_event_exclusive(&m->waiters, WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER,
		atomic_exchange_explicit(&m->state, 2, memory_order_acquire) == 0);
}

void
mutex_unlock_contended(struct mutex *m)
{
	wake_one(&m->waiters, 0);
}

void
rwmutex_init(struct rwmutex *m, const char *name)
{
	atomic_store_explicit(&m->state, 0, memory_order_relaxed);
	atomic_store_explicit(&m->writers_waiting, 0, memory_order_relaxed);
	wait_queue_init(&m->waiters, name);
}

bool
rw_read_trylock(struct rwmutex *m)
{
	uint32_t old = atomic_load_explicit(&m->state, memory_order_relaxed);
	do {
		if ((old & RW_WRITER) ||
			atomic_load_explicit(&m->writers_waiting, memory_order_relaxed) != 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&m->state, &old, old + 1, memory_order_acquire, memory_order_relaxed));
	return true;
}

static bool
rw_write_trylock(struct rwmutex *m)
{
	uint32_t expected = 0;
	return atomic_compare_exchange_strong_explicit(
		&m->state, &expected, RW_WRITER, memory_order_acquire, memory_order_relaxed);
}

void
rw_read_lock(struct rwmutex *m) NO_LOCK_ANALYSIS
{
	if (unlikely(!rw_read_trylock(m)))
		(void)wait_event(
			&m->waiters, WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER, rw_read_trylock(m));
}

void
rw_read_unlock(struct rwmutex *m) NO_LOCK_ANALYSIS
{
	if (atomic_fetch_sub_explicit(&m->state, 1, memory_order_release) == 1)
		wake_all(&m->waiters, 0);
}

void
rw_write_lock(struct rwmutex *m) NO_LOCK_ANALYSIS
{
	if (likely(rw_write_trylock(m)))
		return;
	atomic_fetch_add_explicit(&m->writers_waiting, 1, memory_order_relaxed);
	(void)wait_event(&m->waiters, WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER, rw_write_trylock(m));
	atomic_fetch_sub_explicit(&m->writers_waiting, 1, memory_order_relaxed);
}

void
rw_write_unlock(struct rwmutex *m) NO_LOCK_ANALYSIS
{
	atomic_store_explicit(&m->state, 0, memory_order_release);
	wake_all(&m->waiters, 0);
}
