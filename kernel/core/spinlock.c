/* SPDX-License-Identifier: MIT */
/* Spin locks: the contended path; misused reference counts. */
#include "core/spinlock.h"

#include "core/panic.h"
#include "core/refcount.h"

void
spin_lock_contended(struct spinlock *l)
{
	uint32_t expected;
	do {
		while (atomic_load_explicit(&l->locked, memory_order_relaxed) != 0)
			arch_relax();
		expected = 0;
	} while (!atomic_compare_exchange_weak_explicit(
		&l->locked, &expected, 1, memory_order_acquire, memory_order_relaxed));
}

void
refcount_misused(void)
{
	panic("a reference count was raised from zero or dropped below it");
}
