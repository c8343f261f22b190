/* SPDX-License-Identifier: MIT */
/* The generic timer's virtual counter and timer (Arm ARM, chapter D12). */
#define LOG_SOURCE "time"
#include "arch/time.h"

#include <errno.h>

#include "core/irq.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/timer.h"
#include "fdt/platform.h"

#include <aarch64/sysregs.h>

#define CTL_ENABLE 1u
#define CTL_IMASK  2u

static uint32_t timer_intid; /* [I] */

void
arch_time_init(const struct platform_timer *timer)
{
	uint64_t frequency = sysreg_read(cntfrq_el0);
	if (frequency == 0)
		frequency = timer->frequency;
	if (frequency == 0)
		panic("the timer's frequency is unknown: neither CNTFRQ_EL0 nor the device tree "
		      "has it");
	time_scale.frequency = frequency;
	time_scale.mult = (NSEC_PER_SEC << 32) / frequency;
	time_scale.base_ticks = arch_counter_read(); /* the counter may go on over a warm reset */
}

static void
timer_irq(void *arg)
{
	timer_interrupt();
}

void
arch_timer_init(const struct platform_timer *timer)
{
	timer_intid = timer->virtual.intid;
	sysreg_write(cntv_ctl_el0, CTL_IMASK);
	/* Each CPU has one of its own: a private peripheral's. */
	bool private = timer_intid >= 16 && timer_intid < 32;
	int err = private ? irq_request(timer_intid, timer_irq, NULL, 0, "timer") : -EINVAL;
	if (err != 0)
		panic("no virtual timer interrupt: the device tree has no usable timer node (%d)",
			err);
}

void
arch_timer_init_cpu(void)
{
	sysreg_write(cntv_ctl_el0, CTL_IMASK);
	irq_enable_private(timer_intid);
}

/* Rounded up, so that the interrupt does not come a tick before the deadline. */
static uint64_t
ns_to_ticks(nsec_t ns)
{
	unsigned __int128 ticks = (unsigned __int128)ns * time_scale.frequency;
	uint64_t whole = (uint64_t)(ns / NSEC_PER_SEC * time_scale.frequency);
	uint64_t part =
		(ns % NSEC_PER_SEC * time_scale.frequency + NSEC_PER_SEC - 1) / NSEC_PER_SEC;
	return ticks >> 64 >= NSEC_PER_SEC ? UINT64_MAX : whole + part + 1;
}

void
arch_timer_set(nsec_t deadline)
{
	sysreg_write(cntv_cval_el0, time_scale.base_ticks + ns_to_ticks(deadline));
	sysreg_write(cntv_ctl_el0, CTL_ENABLE);
	__asm__ volatile("isb");
}

void
arch_timer_stop(void)
{
	sysreg_write(cntv_ctl_el0, CTL_IMASK);
	__asm__ volatile("isb");
}
