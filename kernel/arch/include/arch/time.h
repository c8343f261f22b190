/* SPDX-License-Identifier: MIT */
/* The counter that time is read from, and the one-shot timer interrupt of each CPU. */
#ifndef ARCH_TIME_H
#define ARCH_TIME_H

#include "core/types.h"

struct platform_timer;
struct time_scale;

/* The free-running counter: the same on all CPUs, never back. */
static inline uint64_t arch_counter_read(void);

/* Boot CPU: fills time_scale. Then on each CPU: enables its timer interrupt. */
void arch_time_init(const struct platform_timer *timer);
void arch_timer_init(const struct platform_timer *timer);
void arch_timer_init_cpu(void);
/* Interrupts this CPU at (or right after) a monotonic time; replaces the former request. */
void arch_timer_set(nsec_t deadline);
void arch_timer_stop(void);

#include <aarch64/time_impl.h>

#endif
