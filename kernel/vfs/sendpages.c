/* SPDX-License-Identifier: MIT */
/*
 * Sending a file by reference: its pages go to a socket or a pipe as they are and stay while they are on their way, whatever
 * becomes of the file. What is written to the file before they have been read at the other end may show there, and what
 * is cut off a page's end shows as zeroes, as on Linux.
 *
 * Lock: none; get_pages and send_pages take what they need.
 */
#include "core/sched.h"
#include "mm/object.h"
#include "proc/signal.h"
#include "vfs/vfs.h"

static void
put_pages(struct page **pages, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		page_put(pages[i]);
}

/* Whether the file goes on at pos. Files whose pages can be had have an object. */
static bool
goes_on(const struct file *f, uint64_t pos)
{
	return pos < atomic_load_explicit(&f->inode->object->size, memory_order_relaxed);
}

/* What one call takes; bytes, 0: the file has ended, -errno. */
static ssize_t
send_some(struct file *in, uint64_t pos, struct file *out, size_t n, uint32_t flags)
{
	struct page *pages[FILE_SEND_PAGES] __attribute__((uninitialized));
	ssize_t got = in->ops->get_pages(in, pos, n, pages, FILE_SEND_PAGES);
	if (got <= 0)
		return got;
	size_t within = pos & PAGE_MASK, bytes = (size_t)got;
	if (bytes < n && goes_on(in, pos + bytes))
		flags |= FILE_SEND_MORE;
	ssize_t sent = out->ops->send_pages(out, pages, (uint32_t)within, bytes, flags);
	put_pages(pages, (uint32_t)((within + bytes + PAGE_MASK) >> PAGE_SHIFT));
	return sent;
}

ssize_t
file_send_pages(struct file *in, uint64_t *pos, struct file *out, size_t n, uint32_t flags)
{
	if (in->ops->get_pages == NULL || out->ops->send_pages == NULL)
		return -EOPNOTSUPP;
	size_t done = 0;
	ssize_t sent = 0;
	while (done < n) {
		sent = send_some(in, *pos, out, n - done, flags);
		if (sent <= 0)
			break;
		done += (size_t)sent;
		*pos += (uint64_t)sent;
		if (signal_pending())
			break;
		sched_point();
	}
	return done != 0 ? (ssize_t)done : sent;
}
