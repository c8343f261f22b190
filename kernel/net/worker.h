/* SPDX-License-Identifier: MIT */
/*
 * What softirqs and timers find out but only a thread may do: changes under config_lock. One thread serves all; a work
 * item is queued at most once and may be raised again from the moment its function begins.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "core/types.h"

struct net_work;
typedef void net_work_fn(struct net_work *w);

struct net_work {
	struct net_work *next; /* [queue lock] */
	net_work_fn *fn;       /* [I] may sleep */
	bool queued;           /* [queue lock] */
};

static inline void
net_work_init(struct net_work *w, net_work_fn *fn)
{
	*w = (struct net_work){.fn = fn};
}

/* Any context but interrupts. */
void net_work_raise(struct net_work *w);
void net_worker_init(void);

#endif
