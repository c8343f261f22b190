/* SPDX-License-Identifier: MIT */
/*
 * Spin locks: held for a few instructions, never across a sleep.
 *
 * A lock that an interrupt handler takes is taken with spin_lock_irq_save() everywhere else. The holder of a spin
 * lock may not sleep; the debug build checks that, and the order of locks (core/lockdep.c).
 */
#ifndef CORE_SPINLOCK_H
#define CORE_SPINLOCK_H

#include "arch/cpu.h"
#include "core/types.h"

struct CAPABILITY("spinlock") spinlock {
	_Atomic uint32_t locked; /* 0 free, 1 held */
#ifdef SWOS_DEBUG
	const char *name; /* the lock's class, for the order checker */
#endif
};

#ifdef SWOS_DEBUG
#define SPINLOCK_INIT(n) {.locked = 0, .name = (n)}
void lockdep_acquire(const void *lock, const char *name);
/* The same for a lock that was not waited for: taking it there says nothing about order or interrupts. */
void lockdep_acquire_try(const void *lock, const char *name);
void lockdep_release(const void *lock);
#else
#define SPINLOCK_INIT(n) {.locked = 0}
#endif

static inline void
spin_init(struct spinlock *l, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(name);
	(void)name;
}

/* The slow path of spin_lock(): waits until the lock looks free, then tries again. */
void spin_lock_contended(struct spinlock *l) NO_LOCK_ANALYSIS;

static inline void
spin_lock(struct spinlock *l) ACQUIRES(*l) NO_LOCK_ANALYSIS
{
#ifdef SWOS_DEBUG
	lockdep_acquire(l, l->name);
#endif
	uint32_t expected = 0;
	if (unlikely(!atomic_compare_exchange_weak_explicit(
		    &l->locked, &expected, 1, memory_order_acquire, memory_order_relaxed)))
		spin_lock_contended(l);
}

static inline bool
spin_trylock(struct spinlock *l) NO_LOCK_ANALYSIS
{
	uint32_t expected = 0;
	bool got = atomic_compare_exchange_strong_explicit(
		&l->locked, &expected, 1, memory_order_acquire, memory_order_relaxed);
#ifdef SWOS_DEBUG
	if (got)
		lockdep_acquire_try(l, l->name);
#endif
	return got;
}

static inline void
spin_unlock(struct spinlock *l) RELEASES(*l) NO_LOCK_ANALYSIS
{
#ifdef SWOS_DEBUG
	lockdep_release(l);
#endif
	atomic_store_explicit(&l->locked, 0, memory_order_release);
}

static inline uint64_t
spin_lock_irq_save(struct spinlock *l) ACQUIRES(*l) NO_LOCK_ANALYSIS
{
	uint64_t flags = arch_irq_save();
	spin_lock(l);
	return flags;
}

static inline void
spin_unlock_irq_restore(struct spinlock *l, uint64_t flags) RELEASES(*l) NO_LOCK_ANALYSIS
{
	spin_unlock(l);
	arch_irq_restore(flags);
}

static inline bool
spin_is_locked(struct spinlock *l)
{
	return atomic_load_explicit(&l->locked, memory_order_relaxed) != 0;
}

#endif
