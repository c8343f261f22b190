/* SPDX-License-Identifier: MIT */
/* core/spinlock.h for a whole IP stack on the host: taking one twice, or giving one back twice, ends the program. */
#ifndef CORE_SPINLOCK_H
#define CORE_SPINLOCK_H

#include <stdlib.h>

#include "core/types.h"

struct CAPABILITY("spinlock") spinlock {
	bool held;
};

static inline void
spin_init(struct spinlock *l, const char *name)
{
	l->held = false;
}

static inline void
spin_lock_bh(struct spinlock *l) ACQUIRES(*l) NO_LOCK_ANALYSIS
{
	if (l->held)
		abort();
	l->held = true;
}

static inline void
spin_unlock_bh(struct spinlock *l) RELEASES(*l) NO_LOCK_ANALYSIS
{
	if (!l->held)
		abort();
	l->held = false;
}

#endif
