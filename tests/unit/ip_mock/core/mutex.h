/* SPDX-License-Identifier: MIT */
#ifndef CORE_MUTEX_H
#define CORE_MUTEX_H

#include "core/spinlock.h"

struct CAPABILITY("mutex") mutex {
	struct spinlock l;
};

static inline void
mutex_lock(struct mutex *m) ACQUIRES(*m) NO_LOCK_ANALYSIS
{
	spin_lock_bh(&m->l);
}

static inline void
mutex_unlock(struct mutex *m) RELEASES(*m) NO_LOCK_ANALYSIS
{
	spin_unlock_bh(&m->l);
}

#endif
