/* SPDX-License-Identifier: MIT */
/*
 * What softirqs and timers find out but only a thread may do: changes under config_lock. One thread serves all; a work
 * item is queued at most once and may be raised again from the moment its function begins.
 */
#ifndef NET_IP_WORKER_H
#define NET_IP_WORKER_H

#include "core/types.h"

struct ip_work;
typedef void ip_work_fn(struct ip_work *w);

struct ip_work {
	struct ip_work *next; /* [queue lock] */
	ip_work_fn *fn;       /* [I] may sleep */
	bool queued;          /* [queue lock] */
};

static inline void
ip_work_init(struct ip_work *w, ip_work_fn *fn)
{
	*w = (struct ip_work){.fn = fn};
}

/* Any context but interrupts. */
void ip_work_raise(struct ip_work *w);
void ip_worker_init(void);

#endif
