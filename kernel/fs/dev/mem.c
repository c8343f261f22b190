/* SPDX-License-Identifier: MIT */
/* The devices that need no hardware: null, zero, full, random, urandom. */
#include "abi/linux/stat.h"
#include "core/panic.h"
#include "core/sched.h"
#include "dev/rng/random.h"
#include "fs/dev/devfs.h"
#include "proc/signal.h"
#include "vfs/poll.h"
#include "vfs/vfs.h"

static ssize_t
null_read(struct file *f, struct iter *to, uint64_t *pos)
{
	return 0;
}

static ssize_t
null_write(struct file *f, struct iter *from, uint64_t *pos)
{
	return (ssize_t)from->count;
}

static int64_t
null_seek(struct file *f, int64_t offset, int whence)
{
	return f->pos = 0;
}

static ssize_t
zero_read_long(struct iter *to)
{
	size_t done = 0;
	while (to->count != 0) {
		size_t part = min(to->count, 16 * PAGE_SIZE);
		size_t zeroed = iter_zero(to, part);
		done += zeroed;
		if (zeroed != part)
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
	size_t n = to->count;
	if (unlikely(n > PAGE_SIZE))
		return zero_read_long(to);
	size_t zeroed = iter_zero(to, n);
	return likely(zeroed != 0 || n == 0) ? (ssize_t)zeroed : -EFAULT;
}

static int
zero_mmap(struct file *f, struct vm_map_request *req)
{
	req->object = NULL; /* anonymous memory */
	return 0;
}

static ssize_t
full_write(struct file *f, struct iter *from, uint64_t *pos)
{
	return from->count != 0 ? -ENOSPC : 0;
}

static ssize_t
urandom_read(struct file *f, struct iter *to, uint64_t *pos)
{
	return random_read(to);
}

/* Waits until there is something that nobody can guess. */
static ssize_t
strong_read(struct file *f, struct iter *to, uint64_t *pos)
{
	if (!random_ready()) {
		if (file_nonblock(f))
			return -EAGAIN;
		int err = random_wait(WAIT_INTERRUPTIBLE);
		if (err != 0)
			return err;
	}
	return random_read(to);
}

/* What is written is stirred in, and counts for nothing. */
static ssize_t
random_write(struct file *f, struct iter *from, uint64_t *pos)
{
	uint8_t chunk[64];
	size_t done = 0;
	while (from->count != 0) {
		size_t n = iter_copy_from(from, chunk, min(from->count, sizeof(chunk)));
		if (n == 0)
			return done != 0 ? (ssize_t)done : -EFAULT;
		random_add_seed(chunk, n, 0);
		done += n;
		if (signal_pending())
			break;
		sched_point();
	}
	return (ssize_t)done;
}

static const struct file_ops null_ops = {.read = null_read, .write = null_write, .seek = null_seek};
static const struct file_ops zero_ops = {
	.read = zero_read, .write = null_write, .seek = null_seek, .mmap = zero_mmap};
static const struct file_ops full_ops = {
	.read = zero_read, .write = full_write, .seek = null_seek, .mmap = zero_mmap};
static const struct file_ops random_ops = {
	.read = strong_read, .write = random_write, .seek = null_seek};
static const struct file_ops urandom_ops = {
	.read = urandom_read, .write = random_write, .seek = null_seek};

void
devices_init(void)
{
	static const struct {
		const char *name;
		uint32_t minor;
		const struct file_ops *ops;
	} devices[] = {{"null", 3, &null_ops}, {"zero", 5, &zero_ops}, {"full", 7, &full_ops},
		{"random", 8, &random_ops}, {"urandom", 9, &urandom_ops}};
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (devfs_register(devices[i].name, S_IFCHR | 0666, DEV_MAKE(1, devices[i].minor),
			    devices[i].ops, NULL) != 0)
			panic("no memory for /dev/%s", devices[i].name);
}
