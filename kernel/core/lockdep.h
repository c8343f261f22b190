/* SPDX-License-Identifier: MIT */
/*
 * The debug build's lock checker: reports, by a panic that names both locks, what could deadlock on some day, the first
 * time the order is seen:
 *   - spin locks taken in an order whose reverse has been seen (by class: the name given to spin_init());
 *   - a lock taken twice; two of one class in descending order of address, unless its name ends with LOCKDEP_NESTED:
 *     then whoever takes two keeps an order that is not that of their places;
 *   - a lock that an interrupt may wait for, taken elsewhere with interrupts enabled;
 *   - the same for softirq functions and their locks (core/softirq.h);
 *   - sleeping, or taking a sleeping lock, with a spin lock held, in an interrupt or softirq, or as an epoch's reader.
 * run_queue locks are exempt: they pass from one thread to the next across a switch.
 */
#ifndef CORE_LOCKDEP_H
#define CORE_LOCKDEP_H

#define LOCKDEP_NESTED "/nested"

#ifdef SWOS_DEBUG

#include "core/types.h"

/* Spin locks that a thread can hold at once, those of interrupts on top of it included. */
#define LOCKDEP_HELD_MAX 24

struct lockdep_held {
	const void *lock;
	uint32_t class;
};

/* Panics if the running thread may not sleep now. */
void lockdep_check_sleep(void);

#else

static inline void
lockdep_check_sleep(void)
{
}

#endif
#endif
