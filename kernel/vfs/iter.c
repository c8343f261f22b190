/* SPDX-License-Identifier: MIT */
/* I/O iterators. User ranges go through uaccess, which checks and bounds each of them again. */
#include "arch/uaccess.h"
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
