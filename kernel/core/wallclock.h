/* SPDX-License-Identifier: MIT */
/*
 * The wall clock: an offset from monotonic time, read from the real-time clock at boot and changed by clock_settime()
 * and its kin; and timers for moments of it. Who waits for a moment waits until the clock shows it: when the clock is
 * set, forwards or backwards, every timer that runs for such a moment is started anew.
 *
 * Lock: one for the clock and the list of timers, irq-safe, outer to cpu->timer_lock and to wait queues.
 */
#ifndef CORE_WALLCLOCK_H
#define CORE_WALLCLOCK_H

#include "base/list.h"
#include "core/timer.h"
#include "core/types.h"

nsec_t time_realtime(void);          /* nanoseconds since 1970 UTC */
uint64_t time_realtime_offset(void); /* realtime minus monotonic */
/* Sets the clock; moves it by a difference, in two's complement. -EINVAL: the machine would have started before 1970, or be out of numbers in 30 years. */
int wall_clock_set(nsec_t now) MUST_CHECK;
int wall_clock_step(int64_t by) MUST_CHECK;
/* How often the clock has been set. Any context. */
uint64_t wall_clock_sets(void);

/* What a time that somebody waits for is counted on. */
enum time_base {
	TIME_MONOTONIC,
	TIME_WALL,
};

static inline nsec_t
time_on(enum time_base base)
{
	return base == TIME_WALL ? time_realtime() : time_now();
}

/* A timer for a time on either base. */
struct wall_timer;
typedef void wall_timer_fn(struct wall_timer *t);

struct wall_timer {
	struct timer timer;
	struct list_node
		node; /* [wall_lock] among those that run for a moment of the wall clock, or empty */
	nsec_t moment;     /* [wall_lock] */
	wall_timer_fn *fn; /* [I] */
	_Atomic bool wall; /* what it was started for last */
};

void wall_timer_init(struct wall_timer *t, wall_timer_fn *fn);
/*
 * (Re)starts t for a time on a base. As with timers, fn runs in interrupt context; a call from before a restart may
 * still be on its way, so it looks whether it is time. Any context; starts and cancels of one timer do not race with
 * each other (its owner's lock sees to that).
 */
void wall_timer_start(struct wall_timer *t, enum time_base base, nsec_t at);
void wall_timer_cancel(struct wall_timer *t);
/* And waits until fn has returned: not under locks that it takes. */
void wall_timer_cancel_sync(struct wall_timer *t);

/* Called, under the lock above, each time that the clock has been set: it may wake, and little else. */
struct wall_watch;
typedef void wall_watch_fn(struct wall_watch *w);

struct wall_watch {
	struct list_node node; /* [wall_lock] */
	wall_watch_fn *fn;     /* [I] */
};

void wall_watch_add(struct wall_watch *w, wall_watch_fn *fn);
void wall_watch_remove(struct wall_watch *w);

#endif
