/* SPDX-License-Identifier: MIT */
/*
 * Fields with one writer at a time (their CPU, or the holder of a lock) that others read as they are, without it: for
 * statistics, and for guesses that are checked under the lock before anything follows from them.
 */
#ifndef CORE_RELAXED_H
#define CORE_RELAXED_H

#include <stdatomic.h>
#include <stdint.h>

#define relaxed_read(p)     atomic_load_explicit((p), memory_order_relaxed)
#define relaxed_write(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* For the writer: two instructions, none of them exclusive. */
static inline void
relaxed_add(_Atomic uint64_t *p, uint64_t n)
{
	relaxed_write(p, relaxed_read(p) + n);
}

#endif
