/* SPDX-License-Identifier: MIT */
/*
 * Coarse timers, very many of them: retransmission, keep-alive, reclamation. Starting and cancelling take constant
 * time and most are cancelled; each CPU has its own wheel, which asks for no interrupt while it is empty. For exact
 * deadlines, and few, there is core/timer.h.
 *
 * A function runs as a softirq on the CPU that started its timer, never before the deadline and late by at most
 * 1 ms + 1/7 of the time that was asked for. It may start its own timer again or free what holds it.
 *
 * Starts of one timer must not race with each other (its owner's lock sees to that, taken with spin_lock_bh()); cancel
 * may race with anything.
 */
#ifndef CORE_TIMERWHEEL_H
#define CORE_TIMERWHEEL_H

#include "core/types.h"

struct cpu;
struct wheel_timer;
typedef void wheel_fn(struct wheel_timer *t);

struct wheel_timer {
	struct wheel_timer *next;  /* [wheel lock] */
	struct wheel_timer **link; /* [wheel lock] what points to it */
	wheel_fn *fn;              /* [I] */
	uint32_t expires;          /* [wheel lock] in milliseconds, modulo 2^32 */
	_Atomic uint16_t
		cpu; /* whose wheel it is in, plus 1; 0: none. Changes under that wheel's lock */
	uint16_t bucket; /* [wheel lock] */
};

static inline void
wheel_timer_init(struct wheel_timer *t, wheel_fn *fn)
{
	*t = (struct wheel_timer){.fn = fn};
}

/* (Re)starts t on this CPU for a deadline in monotonic time, at most 24 days ahead. Any context but interrupts. */
void wheel_start(struct wheel_timer *t, nsec_t deadline);
/* Stops t; returns whether it was in a wheel. Its function may be running elsewhere. Any context but interrupts. */
bool wheel_cancel(struct wheel_timer *t);
/* As wheel_cancel(), and waits until no CPU runs its function. Not from it, and under no lock that it takes. */
bool wheel_cancel_sync(struct wheel_timer *t);

static inline bool
wheel_is_queued(const struct wheel_timer *t)
{
	return atomic_load_explicit((_Atomic uint16_t *)&t->cpu, memory_order_relaxed) != 0;
}

void wheel_init(void);
/* Gives a CPU its wheel. 0 or -ENOMEM. */
int wheel_init_cpu(struct cpu *cpu) MUST_CHECK;

#endif
