/* SPDX-License-Identifier: MIT */
/* The PL031 real-time clock. */
#define LOG_SOURCE "rtc"
#include "dev/timer/pl031.h"

#include "core/log.h"
#include "core/wallclock.h"
#include "fdt/platform.h"
#include "mm/kmap.h"

#define RTC_DR 0x00
#define RTC_CR 0x0c

#define CR_START 1u

void
pl031_init(const struct platform_rtc *rtc)
{
	if (rtc->registers.base == 0) {
		log_info("no real-time clock: the date is 1970");
		return;
	}
	volatile uint32_t *registers = kmap_device(rtc->registers.base, PAGE_SIZE);
	if (registers == NULL) {
		log_err("the real-time clock cannot be mapped: the date is 1970");
		return;
	}
	if ((registers[RTC_CR / 4] & CR_START) == 0)
		registers[RTC_CR / 4] = CR_START;
	uint32_t seconds = registers[RTC_DR / 4];
	kmap_unmap((void *)registers, PAGE_SIZE);
	if (wall_clock_set(seconds * NSEC_PER_SEC) != 0)
		log_warn("the real-time clock is before the start of the machine: ignored");
}
