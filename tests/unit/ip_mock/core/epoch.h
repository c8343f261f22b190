/* SPDX-License-Identifier: MIT */
/* core/epoch.h for a whole IP stack on the host: a grace period ends when the test lets time pass. */
#ifndef CORE_EPOCH_H
#define CORE_EPOCH_H

#include "core/cpu.h"

struct epoch_head;
typedef void epoch_fn(struct epoch_head *head);

struct epoch_head {
	struct epoch_head *next;
	epoch_fn *fn;
};

static inline void
epoch_enter(void)
{
}

static inline void
epoch_exit(void)
{
}

void epoch_call(struct epoch_head *head, epoch_fn *fn);

#endif
