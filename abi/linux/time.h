/* SPDX-License-Identifier: MIT */
/* Clocks, timers and times as Linux programs see them. */
#ifndef ABI_LINUX_TIME_H
#define ABI_LINUX_TIME_H

#include <stdint.h>

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define CLOCK_TAI                11

/* Clocks of others: ~pid << 3, bit 2: of a thread, low bits: what is measured. */
#define CPUCLOCK_PER_THREAD 4
#define CPUCLOCK_MASK       3
#define CPUCLOCK_PROF       0
#define CPUCLOCK_VIRT       1
#define CPUCLOCK_SCHED      2

#define TIMER_ABSTIME 1u

#define ITIMER_REAL    0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF    2

struct timespec_user {
	int64_t sec, nsec;
};
struct itimerspec_user {
	struct timespec_user interval, value;
};
struct itimerval_user {
	struct {
		int64_t sec, usec;
	} interval, value;
};
struct timezone_user {
	int32_t minutes_west, dst;
};
struct tms_user {
	int64_t utime, stime, cutime, cstime;
};
struct timex_user {
	uint32_t modes, pad;
	int64_t offset, freq, maxerror, esterror;
	int32_t status, pad2;
	int64_t constant, precision, tolerance;
	struct {
		int64_t sec, usec;
	} time;
	int64_t tick, ppsfreq, jitter;
	int32_t shift, pad3;
	int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
	int32_t tai;
	int32_t pad4[11];
};
_Static_assert(sizeof(struct timex_user) == 208, "struct timex");
#define ADJ_SETOFFSET      0x0100
#define ADJ_MICRO          0x1000
#define ADJ_NANO           0x2000
#define ADJ_OFFSET_SS_READ 0xa001 /* adjtime(NULL, ...): what is left of a slow adjustment */
#define STA_UNSYNC         0x40
#define STA_NANO           0x2000
#define TIME_ERROR         5

#endif
