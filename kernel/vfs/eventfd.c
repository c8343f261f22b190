/* SPDX-License-Identifier: MIT */
/*
 * Event counters (eventfd2): a 64-bit count that writers add to and readers take, whole or by ones.
 *
 * Readers sleep on `queue` while the count is 0, writers while it would overflow.
 */
#include "mm/slab.h"
#include "syscall_protos.h"
#include "vfs/file.h"
#include "vfs/poll.h"

#define EFD_SEMAPHORE 1u
#define COUNT_MAX     (UINT64_MAX - 1)

struct event {
	struct spinlock lock;
	uint64_t count; /* [lock] */
	uint32_t flags; /* [I] EFD_SEMAPHORE or 0 */
	struct wait_queue queue;
};

static const struct file_ops event_ops;

/* Takes the count, or one of it, into *taken; false: it is 0. */
static bool
event_take(struct event *ev, uint64_t *taken)
{
	spin_lock(&ev->lock);
	*taken = (ev->flags & EFD_SEMAPHORE) ? ev->count != 0 : ev->count;
	ev->count -= *taken;
	spin_unlock(&ev->lock);
	return *taken != 0;
}

static bool
event_add(struct event *ev, uint64_t n)
{
	spin_lock(&ev->lock);
	bool fits = n <= COUNT_MAX - ev->count;
	if (fits)
		ev->count += n;
	spin_unlock(&ev->lock);
	return fits;
}

static inline bool
may_not_wait(const struct file *f, const struct iter *it)
{
	return file_nonblock(f) || (it->flags & ITER_NOWAIT) != 0;
}

static ssize_t
event_read(struct file *f, struct iter *to, uint64_t *pos)
{
	struct event *ev = f->priv;
	uint64_t taken;
	if (to->count < sizeof(taken))
		return -EINVAL;
	if (!event_take(ev, &taken)) {
		if (may_not_wait(f, to))
			return -EAGAIN;
		int err = wait_event_exclusive(
			&ev->queue, WAIT_INTERRUPTIBLE, DEADLINE_NEVER, event_take(ev, &taken));
		if (err != 0)
			return err;
	}
	wake_all(&ev->queue, POLLOUT);
	return iter_copy_to(to, &taken, sizeof(taken)) == sizeof(taken) ? (ssize_t)sizeof(taken)
									: -EFAULT;
}

static ssize_t
event_write(struct file *f, struct iter *from, uint64_t *pos)
{
	struct event *ev = f->priv;
	uint64_t n;
	if (from->count < sizeof(n))
		return -EINVAL;
	if (iter_copy_from(from, &n, sizeof(n)) != sizeof(n))
		return -EFAULT;
	if (n == UINT64_MAX)
		return -EINVAL;
	if (!event_add(ev, n)) {
		if (may_not_wait(f, from))
			return -EAGAIN;
		int err = wait_event(
			&ev->queue, WAIT_INTERRUPTIBLE, DEADLINE_NEVER, event_add(ev, n));
		if (err != 0)
			return err;
	}
	if (n != 0)
		wake_all(&ev->queue, POLLIN);
	return sizeof(n);
}

static uint32_t
event_poll(struct file *f, struct poll_table *pt)
{
	struct event *ev = f->priv;
	poll_wait(pt, f, &ev->queue);
	spin_lock(&ev->lock);
	uint64_t count = ev->count;
	spin_unlock(&ev->lock);
	return (count != 0 ? POLLIN : 0) | (count < COUNT_MAX ? POLLOUT : 0);
}

static void
event_release(struct file *f)
{
	kfree(f->priv);
}

static const struct file_ops event_ops = {
	.read = event_read,
	.write = event_write,
	.poll = event_poll,
	.release = event_release,
	.anon_name = "anon_inode:[eventfd]",
};

int64_t
sys_eventfd2(uint32_t count, uint32_t flags)
{
	if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	struct event *ev = kmalloc(sizeof(*ev), 0);
	if (ev == NULL)
		return -ENOMEM;
	spin_init(&ev->lock, "eventfd");
	ev->count = count;
	ev->flags = flags & EFD_SEMAPHORE;
	wait_queue_init(&ev->queue, "eventfd");
	struct file *f = file_create(&event_ops, ev, O_RDWR | (flags & O_NONBLOCK), FILE_STREAM);
	if (f == NULL) {
		kfree(ev);
		return -ENOMEM;
	}
	return file_install(f, file_rights_for(O_RDWR), flags);
}
