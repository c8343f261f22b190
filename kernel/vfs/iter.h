/* SPDX-License-Identifier: MIT */
/*
 * I/O iterators: the memory a read or write transfers to or from, user or kernel, one segment or many. A file
 * operation advances the iterator by what it transferred.
 */
#ifndef VFS_ITER_H
#define VFS_ITER_H

#include "arch/uaccess.h"
#include "core/types.h"

struct iovec_user { /* Linux's struct iovec */
	uint64_t base;
	uint64_t len;
};

struct iter {
	uint64_t base;                 /* of the rest of the current segment */
	size_t len;                    /* bytes left in the current segment */
	size_t count;                  /* bytes left in all segments */
	const struct iovec_user *next; /* following segments; their ranges were checked */
	uint32_t nr_next;
	bool kernel;   /* base and segments are kernel addresses */
	uint8_t flags; /* ITER_* */
};
#define ITER_APPEND 1u /* this write appends (file_appends()) */
#define ITER_NOWAIT 2u /* do not wait for other things than locks: -EAGAIN */

static inline struct iter
iter_user(uaddr_t base, size_t n)
{
	return (struct iter){.base = base.addr, .len = n, .count = n};
}

static inline struct iter
iter_kernel(const void *base, size_t n)
{
	return (struct iter){.base = (uint64_t)base, .len = n, .count = n, .kernel = true};
}

/*
 * Copy to (a read's destination) or from (a write's source) the iterator's memory and advance. Return the bytes
 * copied: less than n at the iterator's end or at a fault (then the caller returns what it has, or -EFAULT if none).
 */
size_t iter_copy_to_any(struct iter *it, const void *src, size_t n) MUST_CHECK;
size_t iter_copy_from_any(struct iter *it, void *dst, size_t n) MUST_CHECK;
size_t iter_zero_any(struct iter *it, size_t n) MUST_CHECK;

/* Whether n bytes are one piece of user memory, as they nearly always are. */
static inline bool
iter_is_simple(const struct iter *it, size_t n)
{
	return likely(n <= it->len && it->nr_next == 0 && !it->kernel);
}

static inline size_t
iter_simple_end(struct iter *it, size_t done)
{
	it->base += done;
	it->len -= done;
	it->count = it->len;
	return done;
}

MUST_CHECK static inline size_t
iter_copy_to(struct iter *it, const void *src, size_t n)
{
	if (!iter_is_simple(it, n))
		return iter_copy_to_any(it, src, n);
	return iter_simple_end(it, n - copy_to_user_partial((uaddr_t){it->base}, src, n));
}

MUST_CHECK static inline size_t
iter_copy_from(struct iter *it, void *dst, size_t n)
{
	if (!iter_is_simple(it, n))
		return iter_copy_from_any(it, dst, n);
	return iter_simple_end(it, n - copy_from_user_partial(dst, (uaddr_t){it->base}, n));
}

MUST_CHECK static inline size_t
iter_zero(struct iter *it, size_t n)
{
	if (!iter_is_simple(it, n))
		return iter_zero_any(it, n);
	return iter_simple_end(it, n - clear_user_partial((uaddr_t){it->base}, n));
}

void iter_advance(struct iter *it, size_t n); /* n <= count */
/* Touches the next n bytes so that a following copy under a spin lock rarely faults. -EFAULT. */
int iter_prefault(struct iter *it, size_t n, bool write) MUST_CHECK;

#define ITER_TRANSFER_MAX  0x7ffff000ULL /* what one call moves at most */
#define ITER_SEGMENTS_MAX  1024u
#define ITER_SEGMENTS_FAST 8u /* on the stack */

/* A user's vector of segments (struct iovec), copied and checked. */
struct iter_vector {
	struct iovec_user *segments; /* fast, or allocated */
	struct iovec_user fast[ITER_SEGMENTS_FAST];
};
/* Uninitialised on purpose: iter_vector_get() fills what is used. */
#define ITER_VECTOR_ON_STACK(v) struct iter_vector v __attribute__((uninitialized))

/* Fills *it from the user's vector; the iterator uses v. 0 (then iter_vector_put()), -EINVAL, -EFAULT, -ENOMEM. */
int iter_vector_get(struct iter_vector *v, uaddr_t iov, uint64_t n, struct iter *it) MUST_CHECK;
void iter_vector_put(struct iter_vector *v);

#endif
