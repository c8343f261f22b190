/* SPDX-License-Identifier: MIT */
/* Reference counts that saturate instead of wrapping, so that a leak is a leak and never a use after free. */
#ifndef CORE_REFCOUNT_H
#define CORE_REFCOUNT_H

#include "core/types.h"

#define REFCOUNT_SATURATED 0x80000000u

typedef struct {
	_Atomic uint32_t count;
} refcount_t;

void refcount_misused(void); /* panics: a count was raised from 0 or dropped below it */

static inline void
refcount_init(refcount_t *r, uint32_t n)
{
	atomic_store_explicit(&r->count, n, memory_order_relaxed);
}

static inline uint32_t
refcount_read(const refcount_t *r)
{
	return atomic_load_explicit((_Atomic uint32_t *)&r->count, memory_order_relaxed);
}

static inline void
refcount_get(refcount_t *r)
{
	uint32_t old = atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);
	if (unlikely(old == 0 || old >= REFCOUNT_SATURATED))
		refcount_misused();
}

/* Takes a reference unless the count has reached 0 (the object is being destroyed); returns whether it did. */
static inline bool
refcount_get_unless_zero(refcount_t *r)
{
	uint32_t old = refcount_read(r);
	do {
		if (old == 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&r->count, &old, old + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

/* Drops a reference; returns true to exactly one caller: the one that must destroy the object. */
static inline bool MUST_CHECK
refcount_put(refcount_t *r)
{
	uint32_t old = atomic_fetch_sub_explicit(&r->count, 1, memory_order_release);
	if (unlikely(old == 0 || old >= REFCOUNT_SATURATED))
		refcount_misused();
	if (old != 1)
		return false;
	(void)atomic_load_explicit(
		&r->count, memory_order_acquire); /* sees what the other holders wrote */
	return true;
}

#endif
