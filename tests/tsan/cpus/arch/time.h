/* SPDX-License-Identifier: MIT */
/* arch/time.h for the tests of CPUs on the host: a CPU's timer is a deadline that it looks at. */
#ifndef ARCH_TIME_H
#define ARCH_TIME_H

#include "core/types.h"

void arch_timer_set(nsec_t deadline);
void arch_timer_stop(void);

#endif
