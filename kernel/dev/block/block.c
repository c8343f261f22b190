/* SPDX-License-Identifier: MIT */
/* The list of block devices, checks of requests, and sleeping until one is done. */
#include "dev/block/block.h"

#include "arch/mmu.h"
#include "core/sched.h"
#include "core/spinlock.h"

#define CHUNK_MAX ((size_t)1 << 30) /* of a segment's length: a multiple of every block size */

static struct spinlock list_lock = SPINLOCK_INIT("block devices");
static struct block_device *_Atomic first; /* [list_lock to change] */
static uint32_t count;                     /* [list_lock] */

/* vda to vdz, vdaa and so on. */
static void
make_name(char *name, size_t size, uint32_t number)
{
	char letters[6];
	size_t n = 0, at = 0;
	do {
		letters[n++] = (char)('a' + number % 26);
		number /= 26;
	} while (number-- != 0 && n < sizeof(letters));
	name[at++] = 'v';
	name[at++] = 'd';
	while (n > 0 && at + 1 < size)
		name[at++] = letters[--n];
	name[at] = '\0';
}

void
block_register(struct block_device *dev)
{
	spin_lock(&list_lock);
	make_name(dev->name, sizeof(dev->name), count++);
	struct block_device *_Atomic *link = &first;
	struct block_device *d;
	while ((d = atomic_load_explicit(link, memory_order_relaxed)) != NULL)
		link = &d->next;
	atomic_store_explicit(link, dev, memory_order_release);
	spin_unlock(&list_lock);
}

struct block_device *
block_next(struct block_device *prev)
{
	return atomic_load_explicit(prev == NULL ? &first : &prev->next, memory_order_acquire);
}

/* The length of all segments, or 0 when one of them is not made of whole blocks. */
static uint64_t
request_length(const struct block_device *dev, const struct block_request *req)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < req->nr_segments; i++) {
		uint32_t len = req->segments[i].len;
		if (len == 0 || !is_aligned(len, dev->block_size))
			return 0;
		n += len;
	}
	return n;
}

static int
check(const struct block_device *dev, const struct block_request *req)
{
	if (req->op == BLOCK_FLUSH)
		return req->nr_segments == 0 ? 0 : -EINVAL;
	if (req->op == BLOCK_IDENTIFY)
		return req->nr_segments == 1 && req->segments->len == BLOCK_SERIAL_SIZE ? 0
											: -EINVAL;
	uint64_t n = request_length(dev, req), capacity = block_capacity(dev);
	if (n == 0 || !is_aligned(req->offset, (uint64_t)dev->block_size))
		return -EINVAL;
	if (req->offset > capacity || n > capacity - req->offset)
		return -EINVAL;
	if (req->op == BLOCK_WRITE && (dev->flags & BLOCK_READ_ONLY) != 0)
		return -EROFS;
	return 0;
}

int
block_submit(struct block_device *dev, struct block_request *req)
{
	int err = check(dev, req);
	if (err != 0)
		return err;
	list_init(&req->node);
	req->next_segment = 0;
	req->segment_done = 0;
	req->position = req->offset;
	req->outstanding = 0;
	req->issued = false;
	req->err = 0;
	if (req->op == BLOCK_FLUSH && (dev->flags & BLOCK_HAS_CACHE) == 0) {
		req->done(req, 0);
		return 0;
	}
	return dev->ops->submit(dev, req);
}

/* A request that a thread sleeps for, on that thread's stack. */
struct sleeper {
	struct block_request req;
	struct thread *thread; /* [I] */
	struct spinlock lock;
	_Atomic bool done; /* [lock to change] */
	int err;           /* [lock] */
};

static void
wake_sleeper(struct block_request *req, int err)
{
	struct sleeper *s = container_of(req, struct sleeper, req);
	uint64_t flags = spin_lock_irq_save(&s->lock);
	s->err = err;
	atomic_store_explicit(&s->done, true, memory_order_release);
	sched_wake(s->thread);
	spin_unlock_irq_restore(&s->lock, flags);
}

/* A device that stays away does not keep us for ever: its driver ends every request in time. */
static int
sleep_until_done(struct sleeper *s)
{
	for (;;) {
		wait_prepare(WAIT_UNINTERRUPTIBLE);
		if (atomic_load_explicit(&s->done, memory_order_acquire))
			break;
		(void)!wait_sleep(WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER);
	}
	wait_finish();
	/* Whoever woke us has let go of *s once the lock is free. */
	uint64_t flags = spin_lock_irq_save(&s->lock);
	int err = s->err;
	spin_unlock_irq_restore(&s->lock, flags);
	return err;
}

int
block_transfer(struct block_device *dev, enum block_op op, uint64_t offset,
	const struct block_segment *segments, uint32_t nr_segments)
{
	struct sleeper s = {
		.req =
			{
				.op = op,
				.offset = offset,
				.segments = segments,
				.nr_segments = nr_segments,
				.done = wake_sleeper,
			},
		.thread = current_thread(),
	};
	spin_init(&s.lock, "block request");
	int err = block_submit(dev, &s.req);
	return err == 0 ? sleep_until_done(&s) : err;
}

static bool
in_linear_map(const void *buf, size_t n)
{
	uint64_t at = (uint64_t)buf;
	return at >= LINEAR_BASE && n <= LINEAR_MAX && at - LINEAR_BASE <= LINEAR_MAX - n;
}

static int
transfer_buffer(
	struct block_device *dev, enum block_op op, const void *buf, uint64_t offset, size_t n)
{
	if (!in_linear_map(buf, n))
		return -EINVAL;
	paddr_t at = virt_to_phys(buf);
	while (n > 0) {
		struct block_segment segment = {at, (uint32_t)min(n, CHUNK_MAX)};
		int err = block_transfer(dev, op, offset, &segment, 1);
		if (err != 0)
			return err;
		at += segment.len;
		offset += segment.len;
		n -= segment.len;
	}
	return 0;
}

int
block_read(struct block_device *dev, void *buf, uint64_t offset, size_t n)
{
	return transfer_buffer(dev, BLOCK_READ, buf, offset, n);
}

int
block_write(struct block_device *dev, const void *buf, uint64_t offset, size_t n)
{
	return transfer_buffer(dev, BLOCK_WRITE, buf, offset, n);
}

int
block_flush(struct block_device *dev)
{
	return block_transfer(dev, BLOCK_FLUSH, 0, NULL, 0);
}
