/* SPDX-License-Identifier: MIT */
/*
 * A machine of several CPUs on the host, for the kernel's own scheduler, timers, deferred work and epochs.
 *
 * A kernel thread is a host thread that waits while it has no CPU; arch_switch() hands the CPU on. An interrupt is a
 * line of its CPU that is seen where interrupts become unmasked, in machine_user() and in an idle CPU's wait. So on each
 * CPU one host thread runs at a time, and CPUs run at the same time: what TSan calls a race here is one on a machine.
 */
#ifndef TESTS_TSAN_CPUS_MACHINE_H
#define TESTS_TSAN_CPUS_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cpu.h"

#define MACHINE_CPUS 4u

/* Once: the calling host thread becomes a kernel thread on CPU 0, all the CPUs run. */
void machine_boot(void);

/* Runs as if in user mode for n steps: interrupts come, and the end of a slice gives the CPU away. */
void machine_user(uint32_t n);

/* A number below bound, of a sequence of the calling thread's own. */
uint32_t machine_random(uint32_t bound);

/* A kernel thread that the test waits for with machine_join(), which returns when all have ended. */
void machine_start(void (*fn)(void *), void *arg);
void machine_join(void);

#endif
