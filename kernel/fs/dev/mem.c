/* SPDX-License-Identifier: MIT */
/* The memory devices, with Linux's numbers (major 1). */
#include "fs/dev/mem.h"

#include "abi/linux/stat.h"
#include "core/panic.h"
#include "core/sched.h"
#include "dev/rng/random.h"
#include "fs/dev/devfs.h"
#include "vfs/poll.h"

#define RNDGETENTCNT     0x80045200u
#define RANDOM_POOL_BITS 256u /* a generator that was seeded stays good */

static ssize_t
null_read(struct file *f, struct iter *to, uint64_t *pos)
{
	return 0;
}

static ssize_t
null_write(struct file *f, struct iter *from, uint64_t *pos)
{
	size_t n = from->count;
	from->count = from->len = 0;
	from->nr_next = 0;
	return (ssize_t)n;
}

static ssize_t __attribute__((noinline))
zero_much(struct iter *to)
{
	size_t done = 0;
	while (to->count > 0) {
		size_t want = min(to->count, (size_t)65536);
		size_t n = iter_zero(to, want);
		done += n;
		if (n < want)
			return done != 0 ? (ssize_t)done : -EFAULT;
		if (signal_pending())
			break;
		sched_point();
	}
	return (ssize_t)done;
}

static ssize_t
zero_read(struct file *f, struct iter *to, uint64_t *pos)
{
	size_t want = to->count;
	if (unlikely(want > 65536))
		return zero_much(to);
	size_t n = iter_zero(to, want);
	return likely(n != 0 || want == 0) ? (ssize_t)n : -EFAULT;
}

static int
zero_mmap(struct file *f, struct vm_map_request *req)
{
	if (!req->shared) {
		req->object = NULL; /* anonymous memory is what a private mapping of zeroes is */
		return 0;
	}
	req->object = vm_object_create_anon(req->length);
	req->offset = 0;
	req->object_owned = true;
	return req->object == NULL ? -ENOMEM : 0;
}

static ssize_t
full_write(struct file *f, struct iter *from, uint64_t *pos)
{
	return -ENOSPC;
}

static ssize_t
random_dev_read(struct file *f, struct iter *to, uint64_t *pos)
{
	uint8_t bytes[256] __attribute__((uninitialized)); /* filled before it is used */
	size_t done = 0;
	while (to->count > 0) {
		size_t want = min(to->count, sizeof(bytes));
		random_fill(bytes, want);
		size_t n = iter_copy_to(to, bytes, want);
		done += n;
		if (n < want)
			return done != 0 ? (ssize_t)done : -EFAULT;
		if (signal_pending())
			break;
		sched_point();
	}
	return (ssize_t)done;
}

/* /dev/random: as getrandom(), it waits until the generator has been seeded once. */
static ssize_t
blocking_random_read(struct file *f, struct iter *to, uint64_t *pos)
{
	if (!random_ready()) {
		if (file_nonblock(f))
			return -EAGAIN;
		int err = random_wait(WAIT_INTERRUPTIBLE);
		if (err != 0)
			return err;
	}
	return random_dev_read(f, to, pos);
}

/* Mixed in, never credited: anyone may write. */
static ssize_t
random_write(struct file *f, struct iter *from, uint64_t *pos)
{
	uint8_t bytes[256];
	size_t done = 0;
	while (from->count > 0) {
		size_t want = min(from->count, sizeof(bytes));
		size_t n = iter_copy_from(from, bytes, want);
		random_add_seed(bytes, n, 0);
		done += n;
		if (n < want)
			return done != 0 ? (ssize_t)done : -EFAULT;
		sched_point();
	}
	return (ssize_t)done;
}

static uint32_t
blocking_random_poll(struct file *f, struct poll_table *pt)
{
	poll_wait(pt, f, random_waiters());
	return POLLOUT | POLLWRNORM | (random_ready() ? POLLIN | POLLRDNORM : 0);
}

static int64_t
random_ioctl(struct file *f, uint32_t cmd, uint64_t arg)
{
	if (cmd != RNDGETENTCNT)
		return -ENOTTY;
	return put_user_u32((uaddr_t){arg}, random_ready() ? RANDOM_POOL_BITS : 0);
}

static int64_t
seek_nowhere(struct file *f, int64_t offset, int whence)
{
	return 0;
}

/* Without a poll operation they are always ready, and epoll refuses them, as on Linux. */
static const struct file_ops null_ops = {
	.read = null_read, .write = null_write, .seek = seek_nowhere};
static const struct file_ops zero_ops = {
	.read = zero_read, .write = null_write, .mmap = zero_mmap, .seek = seek_nowhere};
static const struct file_ops full_ops = {
	.read = zero_read, .write = full_write, .mmap = zero_mmap, .seek = seek_nowhere};
static const struct file_ops random_ops = {.read = blocking_random_read,
	.write = random_write,
	.poll = blocking_random_poll,
	.ioctl = random_ioctl,
	.seek = seek_nowhere};
static const struct file_ops urandom_ops = {.read = random_dev_read,
	.write = random_write,
	.ioctl = random_ioctl,
	.seek = seek_nowhere};

void
mem_devices_register(void)
{
	static const struct {
		const char *name;
		uint32_t minor;
		const struct file_ops *ops;
	} devices[] = {
		{"null", 3, &null_ops},
		{"zero", 5, &zero_ops},
		{"full", 7, &full_ops},
		{"random", 8, &random_ops},
		{"urandom", 9, &urandom_ops},
	};
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		int err = devfs_register(devices[i].name, S_IFCHR | 0666,
			DEV_MAKE(1, devices[i].minor), devices[i].ops, NULL);
		if (err != 0)
			panic("cannot register /dev/%s: error %d", devices[i].name, -err);
	}
}
