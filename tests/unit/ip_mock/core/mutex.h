/* SPDX-License-Identifier: MIT */
#ifndef CORE_MUTEX_H
#define CORE_MUTEX_H

#include "core/spinlock.h"

struct mutex {
	struct spinlock l;
};

static inline void
mutex_lock(struct mutex *m)
{
	spin_lock_bh(&m->l);
}

static inline void
mutex_unlock(struct mutex *m)
{
	spin_unlock_bh(&m->l);
}

#endif
