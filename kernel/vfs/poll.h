/* SPDX-License-Identifier: MIT */
/*
 * Readiness: poll, ppoll, select, epoll. A file's poll operation calls poll_wait() for each queue that announces a
 * change, then returns what is ready now.
 */
#ifndef VFS_POLL_H
#define VFS_POLL_H

#include "core/wait.h"

#define POLLIN     0x001u
#define POLLPRI    0x002u
#define POLLOUT    0x004u
#define POLLERR    0x008u
#define POLLHUP    0x010u
#define POLLNVAL   0x020u
#define POLLRDNORM 0x040u
#define POLLRDBAND 0x080u
#define POLLWRNORM 0x100u
#define POLLWRBAND 0x200u
#define POLLRDHUP  0x2000u

/* What a file without a poll operation is: always ready. */
#define POLL_ALWAYS (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

struct file;

struct poll_table {
	void (*add)(struct poll_table *pt, struct file *f, struct wait_queue *q);
};

static inline void
poll_wait(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	if (pt != NULL)
		pt->add(pt, f, q);
}

/*
 * A place on a queue that the holder of a poll table keeps: poll's, epoll's. Owners embed it; the queue must live until
 * it is removed.
 */
struct poll_hook {
	struct waiter waiter;
	struct wait_queue *queue;
};

static inline void
poll_hook_remove(struct poll_hook *h)
{
	wait_queue_remove(h->queue, &h->waiter);
}

#endif
