/* SPDX-License-Identifier: MIT */
/* getrandom(2), and reads of any length for it and the devices. */
#include "abi/linux/random.h"

#include <string.h>

#include "core/sched.h"
#include "core/wait.h"
#include "crypto/chacha20.h"
#include "dev/rng/random.h"
#include "syscall_protos.h"
#include "vfs/iter.h"

#define SMALL_READ 64
#define CHUNK      512
#define READ_MAX   0x7ffff000 /* what Linux transfers at most in one call */

/* Copies n bytes to *it and wipes them here. */
static size_t
give(struct iter *it, uint8_t *bytes, size_t n)
{
	size_t done = iter_copy_to(it, bytes, n);
	memset(bytes, 0, n);
	__asm__ volatile("" : : "r"(bytes) : "memory");
	return done;
}

static ssize_t
read_small(struct iter *it, size_t n)
{
	/* Written before it is read, and on the path of programs' short reads. */
	uint8_t bytes[SMALL_READ] __attribute__((uninitialized));
	random_fill(bytes, n);
	size_t done = give(it, bytes, n);
	return done == 0 && n != 0 ? -EFAULT : (ssize_t)done;
}

/* A key of its own for the whole read, a chunk of its stream at a time. */
static ssize_t
read_large(struct iter *it, size_t n)
{
	static const uint8_t nonce[CHACHA20_NONCE_SIZE];
	uint8_t bytes[CHUNK] __attribute__((uninitialized));
	uint32_t key[8];
	size_t done = 0;
	random_fill(key, sizeof(key));
	while (done < n) {
		size_t want = min(n - done, sizeof(bytes));
		chacha20_stream(key, done / CHACHA20_BLOCK_SIZE, nonce, bytes, want);
		size_t got = give(it, bytes, want);
		done += got;
		if (got < want)
			break;
		if (done % PAGE_SIZE == 0) {
			if (thread_test_flags(current_thread(), TF_SIGNAL | TF_EXIT))
				break;
			sched_point();
		}
	}
	memset(key, 0, sizeof(key));
	__asm__ volatile("" : : "r"(key) : "memory");
	return done == 0 ? -EFAULT : (ssize_t)done;
}

ssize_t
random_read(struct iter *it)
{
	size_t n = min(it->count, (size_t)READ_MAX);
	return n <= SMALL_READ ? read_small(it, n) : read_large(it, n);
}

int64_t
sys_getrandom(uaddr_t buf, size_t len, uint32_t flags)
{
	if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) != 0 ||
		(flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if (unlikely(!random_ready()) && (flags & GRND_INSECURE) == 0) {
		if ((flags & GRND_NONBLOCK) != 0)
			return -EAGAIN;
		int err = random_wait(WAIT_INTERRUPTIBLE);
		if (err != 0)
			return err;
	}
	struct iter it = iter_user(buf, len);
	return random_read(&it);
}
