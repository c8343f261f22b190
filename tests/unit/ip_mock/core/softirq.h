/* SPDX-License-Identifier: MIT */
#ifndef CORE_SOFTIRQ_H
#define CORE_SOFTIRQ_H

#include "core/cpu.h"

static inline void
bh_disable(void)
{
}

static inline void
bh_enable(void)
{
}

#endif
