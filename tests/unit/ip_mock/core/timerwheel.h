/* SPDX-License-Identifier: MIT */
/* core/timerwheel.h for a whole IP stack on the host: a list, run as virtual time passes. */
#ifndef CORE_TIMERWHEEL_H
#define CORE_TIMERWHEEL_H

#include "core/types.h"

/* The kernel's own are in the same program (timerwheel_test.c). */
#define wheel_start  ip_mock_wheel_start
#define wheel_cancel ip_mock_wheel_cancel

struct wheel_timer;
typedef void wheel_fn(struct wheel_timer *t);

struct wheel_timer {
	struct wheel_timer *next;
	wheel_fn *fn;
	nsec_t deadline;
	bool queued;
};

static inline void
wheel_timer_init(struct wheel_timer *t, wheel_fn *fn)
{
	*t = (struct wheel_timer){.fn = fn};
}

void wheel_start(struct wheel_timer *t, nsec_t deadline);
bool wheel_cancel(struct wheel_timer *t);

static inline bool
wheel_cancel_sync(struct wheel_timer *t)
{
	return wheel_cancel(t);
}

static inline bool
wheel_is_queued(const struct wheel_timer *t)
{
	return t->queued;
}

#endif
