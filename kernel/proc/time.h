/* SPDX-License-Identifier: MIT */
/* Times as calls take and give them. Lengths and points in nanoseconds; what is too long is for ever. */
#ifndef PROC_TIME_H
#define PROC_TIME_H

#include "abi/linux/time.h"
#include "core/wallclock.h"
#include "core/types.h"

static inline bool
timespec_valid(const struct timespec_user *ts)
{
	return ts->sec >= 0 && ts->nsec >= 0 && ts->nsec < (int64_t)NSEC_PER_SEC;
}

/* A valid timespec's nanoseconds, at most INT64_MAX. */
static inline nsec_t
timespec_to_ns(const struct timespec_user *ts)
{
	nsec_t ns;
	if (mul_overflow((uint64_t)ts->sec, NSEC_PER_SEC, &ns) ||
		add_overflow(ns, (uint64_t)ts->nsec, &ns) || ns > INT64_MAX)
		return INT64_MAX;
	return ns;
}

static inline struct timespec_user
ns_to_timespec(nsec_t ns)
{
	return (struct timespec_user){(int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC)};
}

/* From now, in monotonic time. */
static inline nsec_t
deadline_after(nsec_t length)
{
	nsec_t at;
	return add_overflow(time_now(), length, &at) || length >= INT64_MAX ? DEADLINE_NEVER : at;
}

/* A relative timeout in user memory (null: for ever) to a deadline. -EFAULT, -EINVAL. */
int deadline_from_user(uaddr_t timeout, nsec_t *deadline) MUST_CHECK;
int timespec_from_user(
	uaddr_t from, struct timespec_user *ts) MUST_CHECK; /* checked: -EFAULT, -EINVAL */
int timespec_to_user(uaddr_t to, nsec_t ns) MUST_CHECK;

/* What a clock says; negative pids' clocks too. -EINVAL: no such clock. */
int clock_read(int clock, nsec_t *now) MUST_CHECK;

#endif
