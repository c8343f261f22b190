/* SPDX-License-Identifier: MIT */
/*
 * The vDSO's functions, under the names that arm64's C libraries look up. They run in user mode, see no memory but
 * their arguments and the data page, and leave everything else to the system call.
 *
 * The data page lies right below the image, which is one page (asserted by the linker script): so the page that
 * holds this code tells where the data is, without a relocation.
 */
#include "abi/linux/time.h"
#include "data.h"

#define EXPORT __attribute__((visibility("default")))

#define NSEC_PER_SEC     1000000000ULL
#define NR_CLOCK_GETTIME 113
#define NR_CLOCK_GETRES  114
#define NR_GETTIMEOFDAY  169
#define MONOTONIC_LIKE                                                                      \
	(1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_MONOTONIC_COARSE | \
		1u << CLOCK_BOOTTIME)
#define REALTIME_LIKE (1u << CLOCK_REALTIME | 1u << CLOCK_REALTIME_COARSE | 1u << CLOCK_TAI)

struct timeval {
	int64_t sec, usec;
};

int __kernel_clock_gettime(int clock, struct timespec_user *ts);
int __kernel_clock_getres(int clock, struct timespec_user *res);
int __kernel_gettimeofday(struct timeval *tv, struct timezone_user *tz);

static inline long
call2(long number, long a, long b)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
	return x0;
}

static inline const volatile struct vdso_data *
data_page(void)
{
	uintptr_t code;
	__asm__("adrp %0, ." : "=r"(code));
	return (const volatile struct vdso_data *)(code - 4096);
}

/* Monotonic nanoseconds; *offset: what makes them real time. */
static inline uint64_t
read_clock(uint64_t *offset)
{
	const volatile struct vdso_data *d = data_page();
	for (;;) {
		uint32_t seq = d->seq;
		__asm__ volatile("dmb ishld" : : : "memory");
		uint64_t base = d->base_ticks, mult = d->mult, ticks;
		*offset = d->realtime_offset;
		__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
		__asm__ volatile("dmb ishld" : : : "memory");
		if (!(seq & 1) && seq == d->seq)
			return (uint64_t)((unsigned __int128)(ticks - base) * mult >> 32);
	}
}

EXPORT int
__kernel_clock_gettime(int clock, struct timespec_user *ts)
{
	uint32_t bit = (uint32_t)clock < 32 ? 1u << clock : 0;
	if (!(bit & (MONOTONIC_LIKE | REALTIME_LIKE)))
		return (int)call2(NR_CLOCK_GETTIME, clock, (long)ts);
	uint64_t offset, ns = read_clock(&offset);
	if (bit & REALTIME_LIKE)
		ns += offset;
	ts->sec = (int64_t)(ns / NSEC_PER_SEC);
	ts->nsec = (int64_t)(ns % NSEC_PER_SEC);
	return 0;
}

EXPORT int
__kernel_gettimeofday(struct timeval *tv, struct timezone_user *tz)
{
	if (tz != 0)
		return (int)call2(NR_GETTIMEOFDAY, (long)tv, (long)tz);
	if (tv != 0) {
		uint64_t offset, ns = read_clock(&offset);
		ns += offset;
		tv->sec = (int64_t)(ns / NSEC_PER_SEC);
		tv->usec = (int64_t)(ns % NSEC_PER_SEC / 1000);
	}
	return 0;
}

EXPORT int
__kernel_clock_getres(int clock, struct timespec_user *res)
{
	uint32_t bit = (uint32_t)clock < 32 ? 1u << clock : 0;
	if (!(bit & (MONOTONIC_LIKE | REALTIME_LIKE)))
		return (int)call2(NR_CLOCK_GETRES, clock, (long)res);
	if (res != 0) {
		res->sec = 0;
		res->nsec = 1;
	}
	return 0;
}
