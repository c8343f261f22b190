/* SPDX-License-Identifier: MIT */
/*
 * Sleeping locks. mutex: one holder. rwmutex: many readers or one writer; a waiting writer holds up new readers.
 * Both may be taken only in thread context with no spin lock held. Not interruptible, not recursive.
 */
#ifndef CORE_MUTEX_H
#define CORE_MUTEX_H

#include "core/lockdep.h"
#include "core/wait.h"

struct CAPABILITY("mutex") mutex {
	_Atomic uint32_t state; /* 0 free, 1 held, 2 held and maybe waited for */
	struct wait_queue waiters;
	struct thread *owner; /* debugging: who holds it */
};

void mutex_init(struct mutex *m, const char *name);
void mutex_lock_contended(struct mutex *m) NO_LOCK_ANALYSIS;
void mutex_unlock_contended(struct mutex *m) NO_LOCK_ANALYSIS;

static inline bool
mutex_trylock(struct mutex *m) NO_LOCK_ANALYSIS
{
	uint32_t expected = 0;
	return atomic_compare_exchange_strong_explicit(
		&m->state, &expected, 1, memory_order_acquire, memory_order_relaxed);
}

static inline void
mutex_lock(struct mutex *m) ACQUIRES(*m) NO_LOCK_ANALYSIS
{
	lockdep_check_sleep();
	if (unlikely(!mutex_trylock(m)))
		mutex_lock_contended(m);
}

static inline void
mutex_unlock(struct mutex *m) RELEASES(*m) NO_LOCK_ANALYSIS
{
	if (unlikely(atomic_exchange_explicit(&m->state, 0, memory_order_release) == 2))
		mutex_unlock_contended(m);
}

struct CAPABILITY("rwmutex") rwmutex {
	_Atomic uint32_t state; /* readers, RWMUTEX_WRITER, RWMUTEX_WAITING */
	struct wait_queue waiters;
	_Atomic uint32_t writers_waiting;
};

void rwmutex_init(struct rwmutex *m, const char *name);
void rw_read_lock(struct rwmutex *m) ACQUIRES(*m);
void rw_read_unlock(struct rwmutex *m) RELEASES(*m);
bool rw_read_trylock(struct rwmutex *m);
void rw_write_lock(struct rwmutex *m) ACQUIRES(*m);
void rw_write_unlock(struct rwmutex *m) RELEASES(*m);

#endif
