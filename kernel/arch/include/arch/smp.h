/* SPDX-License-Identifier: MIT */
/* Starting, stopping and naming CPUs; turning the machine off. */
#ifndef ARCH_SMP_H
#define ARCH_SMP_H

#include "core/types.h"

struct platform;

/* Starts all CPUs of the platform but this one; returns when each runs its idle thread or has failed to (logged). */
void arch_start_cpus(const struct platform *platform);
/* Halts this CPU for ever (another one panics or resets). */
void arch_cpu_stop(void) NORETURN;

/* Power. Return only if firmware refuses or there is none. Callable in a panic. */
void arch_power_init(const struct platform *platform);
void arch_system_off(void);
void arch_system_reset(void);

#endif
