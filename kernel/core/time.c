/* SPDX-License-Identifier: MIT */
/*
 * What time it is. Monotonic time comes from the architecture's counter by multiplication; wall-clock time is an
 * offset from it, read from the real-time clock at boot and set by clock_settime().
 */
#include "core/timer.h"

#include "arch/time.h"
#include "arch/vdso.h"
#include "core/spinlock.h"

struct time_scale time_scale;
static _Atomic uint64_t realtime_offset; /* nanoseconds since 1970 at monotonic time 0 */

uint64_t
time_ticks_to_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * time_scale.mult >> 32);
}

nsec_t
time_now(void)
{
	return time_ticks_to_ns(arch_counter_read() - time_scale.base_ticks);
}

uint64_t
time_realtime_offset(void)
{
	return atomic_load_explicit(&realtime_offset, memory_order_relaxed);
}

nsec_t
time_realtime(void)
{
	return time_now() + time_realtime_offset();
}

void
time_set_realtime(nsec_t now)
{
	atomic_store_explicit(&realtime_offset, now - time_now(), memory_order_relaxed);
	vdso_update(&time_scale, time_realtime_offset());
}
