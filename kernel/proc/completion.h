/* SPDX-License-Identifier: MIT */
/* A one-way event that one thread waits for and another announces. */
#ifndef PROC_COMPLETION_H
#define PROC_COMPLETION_H

#include "core/wait.h"

struct completion {
	struct wait_queue queue;
	_Atomic bool done; /* becomes true once */
};

static inline void
completion_init(struct completion *c)
{
	wait_queue_init(&c->queue, "completion");
	atomic_store_explicit(&c->done, false, memory_order_relaxed);
}

static inline bool
completion_is_done(struct completion *c)
{
	return atomic_load_explicit(&c->done, memory_order_acquire);
}

#endif
