/* SPDX-License-Identifier: MIT */
/* Monotonic time: the architecture's counter, by multiplication. */
#include "core/timer.h"

#include "arch/time.h"

struct time_scale time_scale;

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
