/* SPDX-License-Identifier: MIT */
/* core/timer.h for a whole IP stack on the host: time is what the test says. */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "core/types.h"

#define time_now    ip_mock_time_now
#define time_recent ip_mock_time_recent
nsec_t time_now(void);
nsec_t time_recent(void);

#endif
