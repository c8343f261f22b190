/* SPDX-License-Identifier: MIT */
/* The PL031 real-time clock (Arm DDI 0224): seconds since 1970, read once at boot. */
#ifndef DEV_TIMER_PL031_H
#define DEV_TIMER_PL031_H

struct platform_rtc;

/* Sets the wall clock, if there is such a device. */
void pl031_init(const struct platform_rtc *rtc);

#endif
