/* SPDX-License-Identifier: MIT */
/* I/O iterators. User ranges go through uaccess, which checks and bounds each of them again. */
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "vfs/iter.h"

#include <string.h>

/* Goes on by n bytes of the current segment, and past empty segments. */
static inline void
step(struct iter *it, size_t n)
{
	it->base += n;
	it->len -= n;
	it->count -= n;
	while (unlikely(it->len == 0 && it->nr_next != 0)) {
		it->base = it->next->base;
		it->len = min(it->next->len, it->count);
		it->next++;
		it->nr_next--;
	}
}

void
iter_advance(struct iter *it, size_t n)
{
	while (n != 0 && it->len != 0) {
		size_t part = min(n, it->len);
		step(it, part);
		n -= part;
	}
}

size_t
iter_copy_to_any(struct iter *it, const void *src, size_t n)
{
	size_t done = 0;
	while (done < n && it->len != 0) {
		size_t part = min(n - done, it->len), left = 0;
		const char *from = (const char *)src + done;
		if (unlikely(it->kernel))
			memcpy((void *)it->base, from, part);
		else
			left = copy_to_user_partial((uaddr_t){it->base}, from, part);
		step(it, part - left);
		done += part - left;
		if (unlikely(left != 0))
			break;
	}
	return done;
}

size_t
iter_copy_from_any(struct iter *it, void *dst, size_t n)
{
	size_t done = 0;
	while (done < n && it->len != 0) {
		size_t part = min(n - done, it->len), left = 0;
		char *to = (char *)dst + done;
		if (unlikely(it->kernel))
			memcpy(to, (const void *)it->base, part);
		else
			left = copy_from_user_partial(to, (uaddr_t){it->base}, part);
		step(it, part - left);
		done += part - left;
		if (unlikely(left != 0))
			break;
	}
	return done;
}

size_t
iter_zero_any(struct iter *it, size_t n)
{
	size_t done = 0;
	while (done < n && it->len != 0) {
		size_t part = min(n - done, it->len), left = 0;
		if (unlikely(it->kernel))
			memset((void *)it->base, 0, part);
		else
			left = clear_user_partial((uaddr_t){it->base}, part);
		step(it, part - left);
		done += part - left;
		if (unlikely(left != 0))
			break;
	}
	return done;
}

/* A write access that leaves the byte's word as it is. */
static int
touch(uint64_t addr, bool write)
{
	uint8_t byte;
	uaddr_t u = {addr};
	if (!write)
		return get_user_u8(&byte, u);
	uint32_t value, seen;
	u.addr &= ~3ULL;
	int err = get_user_u32(&value, u);
	if (err == 0)
		err = user_cmpxchg_u32(u, value, value, &seen);
	return err == -EAGAIN ? 0 : err; /* lost every race: others write there, so it is there */
}

int
iter_prefault(struct iter *it, size_t n, bool write)
{
	struct iter look = *it;
	while (n != 0 && look.len != 0) {
		size_t to_page_end = PAGE_SIZE - (look.base & PAGE_MASK);
		size_t part = min(n, look.len);
		part = min(part, to_page_end);
		int err = look.kernel ? 0 : touch(look.base, write);
		if (err != 0)
			return err;
		step(&look, part);
		n -= part;
	}
	return 0;
}

void
iter_vector_put(struct iter_vector *v)
{
	if (v->segments != v->fast)
		kfree(v->segments);
}

/* Checks n segments and cuts them to what one call moves; the bytes in all of them, or -EINVAL, -EFAULT. */
static int64_t
check_segments(struct iovec_user *segments, uint64_t n)
{
	uint64_t total = 0;
	for (uint64_t i = 0; i < n; i++) {
		struct iovec_user *s = &segments[i];
		if ((int64_t)s->len < 0)
			return -EINVAL;
		if (!user_range_ok((uaddr_t){s->base}, s->len))
			return -EFAULT;
		s->len = min(s->len, ITER_TRANSFER_MAX - total);
		total += s->len;
	}
	return (int64_t)total;
}

int
iter_vector_get(struct iter_vector *v, uaddr_t iov, uint64_t n, struct iter *it)
{
	*it = (struct iter){0};
	v->segments = v->fast;
	if (n > ITER_SEGMENTS_MAX)
		return -EINVAL;
	if (n > ITER_SEGMENTS_FAST) {
		v->segments = kmalloc(n * sizeof(*v->segments), 0);
		if (v->segments == NULL)
			return -ENOMEM;
	}
	int64_t result = copy_from_user(v->segments, iov, n * sizeof(*v->segments));
	if (result == 0)
		result = check_segments(v->segments, n);
	if (result < 0) {
		iter_vector_put(v);
		return (int)result;
	}
	uint64_t i = 0;
	while (i < n && v->segments[i].len == 0)
		i++;
	if (i < n)
		*it = (struct iter){
			.base = v->segments[i].base,
			.len = v->segments[i].len,
			.count = (size_t)result,
			.next = &v->segments[i + 1],
			.nr_next = (uint32_t)(n - i - 1),
		};
	return 0;
}
