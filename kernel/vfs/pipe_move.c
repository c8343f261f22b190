/* SPDX-License-Identifier: MIT */
/*
 * Moving data into and out of pipes without a caller's memory, for splice, tee and sendfile: pages by reference where
 * both sides can, else by a function that copies to or from the ring's pages. Lock: the side's that it moves; who may
 * be waited for meanwhile: pipe.h.
 */
#include "proc/signal.h"
#include "vfs/pipe_impl.h"

/* Puts a reference on n bytes of a page into a slot that head enters. write_lock is held. */
static void
slot_put(struct pipe *p, struct pipe_slot *s, struct page *page, uint32_t offset, uint32_t n,
	uint8_t flags)
{
	slot_leave(p, s); /* a write that failed may have left its page */
	page_get(page);
	s->data = (char *)page_to_virt(page) + offset;
	s->end = n;
	s->flags = SLOT_SHARED | flags;
}

/* Puts in as many of the pages as there are free slots, and publishes them; bytes. write_lock is held. */
static size_t
put_pages(struct pipe *p, struct page **pages, uint32_t offset, size_t n, uint8_t flags)
{
	(void)room_for(p, (size_t)pipe_slots(p) * PAGE_SIZE); /* an empty one has all its slots */
	uint64_t head = atomic_load_explicit(&p->head, memory_order_relaxed);
	uint64_t at = round_up(head, PAGE_SIZE), tail = pipe_tail(p);
	size_t done = 0;
	while (done < n && room(p, at, tail) >= (int64_t)PAGE_SIZE) {
		uint32_t part = (uint32_t)min(n - done, (size_t)PAGE_SIZE - offset);
		slot_put(p, slot_at(p, at), *pages++, offset, part, flags);
		done += part;
		offset = 0;
		at += PAGE_SIZE;
	}
	if (done == 0)
		return 0;
	if (head % PAGE_SIZE != 0)
		slot_at(p, head)->end = head % PAGE_SIZE;
	atomic_store_explicit(&p->head, at, memory_order_release);
	return done;
}

ssize_t
pipe_send_pages(struct file *f, struct page **pages, uint32_t offset, size_t n, uint32_t flags)
{
	struct pipe *p = f->priv;
	const uint8_t slot_flags = (flags & FILE_SEND_PACKET) ? SLOT_PACKET : 0;
	bool waited = false;
	size_t done = 0;
	ssize_t err = 0;
	while (done == 0 && err == 0) {
		mutex_lock(&p->write_lock);
		if (has_readers(p))
			done = put_pages(p, pages, offset, n, slot_flags);
		else
			err = -EPIPE;
		mutex_unlock(&p->write_lock);
		if (done == 0 && err == 0) {
			waited = true;
			err = pipe_wait_for_room(p, f, (flags & FILE_SEND_NOWAIT) != 0);
		}
	}
	if (done != 0)
		wake_readers(p);
	if (waited)
		pass_room_on(p);
	if (err == -EPIPE)
		signal_send_self(SIGPIPE);
	return done != 0 ? (ssize_t)done : err;
}

/* The valid bytes of the page at a place, from there on; *past: the writer is done with it. */
static size_t
piece_at(struct pipe *p, uint64_t at, uint64_t head, bool *past)
{
	uint64_t base = round_down(at, PAGE_SIZE);
	*past = head - base >= PAGE_SIZE;
	return (size_t)((*past ? base + slot_at(p, at)->end : head) - at);
}

/* Pages that go on without a gap, as send_pages wants them. */
struct run {
	size_t bytes;
	uint32_t offset, nr; /* where they begin in the first page; pages */
	bool packet;         /* it is one, alone */
	struct page *pages[FILE_SEND_PAGES];
};

/* The next run, up to n bytes; its slots are marked as lent. read_lock is held. */
static void
gather(struct pipe *p, uint64_t at, uint64_t head, size_t n, struct run *r)
{
	bool past = true, full = true;
	r->bytes = 0;
	r->offset = r->nr = 0;
	r->packet = false;
	while (at != head && r->bytes < n && r->nr < FILE_SEND_PAGES && past && full) {
		struct pipe_slot *s = slot_at(p, at);
		size_t piece = min(piece_at(p, at, head, &past), n - r->bytes);
		char *data = s->data + at % PAGE_SIZE;
		uint32_t offset = (uint32_t)((uintptr_t)data & PAGE_MASK);
		at = round_down(at, PAGE_SIZE) + PAGE_SIZE;
		if (piece == 0)
			continue;
		if (r->nr == 0)
			r->offset = offset;
		else if (offset != 0 || (s->flags & SLOT_PACKET))
			break;
		s->flags |= SLOT_SHARED;
		r->pages[r->nr++] = virt_to_page(data);
		r->bytes += piece;
		r->packet = (s->flags & SLOT_PACKET) != 0;
		full = offset + piece == PAGE_SIZE && !r->packet;
	}
}

/* Where tail comes to by n bytes more, leaving the slots on the way unless they are kept. read_lock is held. */
static uint64_t
advance(struct pipe *p, uint64_t at, uint64_t head, size_t n, uint32_t flags)
{
	do {
		bool past;
		size_t piece = piece_at(p, at, head, &past), part = min(piece, n);
		n -= part;
		if (!past || part != piece) {
			at += part;
			continue;
		}
		if (!(flags & PIPE_MOVE_KEEP))
			slot_leave(p, slot_at(p, at));
		at = round_down(at, PAGE_SIZE) + PAGE_SIZE;
	} while (n != 0);
	if (!(flags & PIPE_MOVE_KEEP))
		atomic_store_explicit(&p->tail, at, memory_order_release);
	return at;
}

/* Begins to take out: read_lock is held from here on. Where what is there begins, and *head, where it ends. */
static uint64_t
begin_out(struct pipe *p, uint64_t *head) ACQUIRES(p->read_lock)
{
	mutex_lock(&p->read_lock);
	*head = pipe_head(p);
	return atomic_load_explicit(&p->tail, memory_order_relaxed);
}

static void
end_out(struct pipe *p, uint64_t start) RELEASES(p->read_lock)
{
	mutex_unlock(&p->read_lock);
	tell_writers(p, start);
}

ssize_t
pipe_move_pages(struct file *f, size_t n, uint32_t flags, struct file *out)
{
	struct pipe *p = f->priv;
	struct run r __attribute__((uninitialized));
	if (out->ops->send_pages == NULL)
		return -EOPNOTSUPP;
	uint64_t head, at = begin_out(p, &head);
	const uint64_t start = at;
	size_t done = 0;
	ssize_t sent = 0;
	while (at != head && done < n) {
		gather(p, at, head, n - done, &r);
		if (r.bytes == 0)
			break; /* never: behind a page that was left without bytes there is one with some */
		done += r.bytes;
		uint64_t end = advance(p, at, head, r.bytes, PIPE_MOVE_KEEP);
		bool more = (flags & PIPE_MOVE_MORE) || (done < n && end != head);
		sent = out->ops->send_pages(out, r.pages, r.offset, r.bytes,
			FILE_SEND_NOWAIT | (more ? FILE_SEND_MORE : 0) |
				(r.packet ? FILE_SEND_PACKET : 0));
		done -= r.bytes;
		if (sent <= 0)
			break;
		done += (size_t)sent;
		at = advance(p, at, head, (size_t)sent, flags);
		if ((size_t)sent < r.bytes)
			break;
	}
	end_out(p, start);
	return done != 0 ? (ssize_t)done : sent;
}

ssize_t
pipe_move_out(struct file *f, size_t n, pipe_move_fn *fn, void *ctx)
{
	struct pipe *p = f->priv;
	uint64_t head, at = begin_out(p, &head);
	const uint64_t start = at;
	size_t done = 0;
	ssize_t err = 0;
	while (at != head && done < n) {
		bool past;
		size_t part = min(piece_at(p, at, head, &past), n - done);
		err = part != 0 ? fn(ctx, slot_at(p, at)->data + at % PAGE_SIZE, part) : 0;
		if (err < 0)
			break;
		done += (size_t)err;
		at = advance(p, at, head, (size_t)err, 0);
		if ((size_t)err < part)
			break;
	}
	end_out(p, start);
	return done != 0 ? (ssize_t)done : min(err, (ssize_t)0);
}

ssize_t
pipe_move_in(struct file *f, size_t n, pipe_move_fn *fn, void *ctx)
{
	struct pipe *p = f->priv;
	mutex_lock(&p->write_lock);
	uint64_t left = min(room_for(p, n), (uint64_t)n);
	ssize_t err = left != 0 ? 0 : -ENOBUFS;
	if (!has_readers(p)) {
		err = -EPIPE;
		left = 0;
	}
	size_t done = 0;
	while (left != 0) {
		uint64_t head = atomic_load_explicit(&p->head, memory_order_relaxed);
		struct pipe_slot *s = slot_at(p, head);
		uint32_t offset = head % PAGE_SIZE;
		err = offset == 0 ? slot_enter(p, s) : 0;
		if (err != 0)
			break;
		size_t part = min(left, (uint64_t)(PAGE_SIZE - offset));
		err = fn(ctx, s->data + offset, part);
		if (err <= 0)
			break;
		done += (size_t)err;
		left -= (uint64_t)err;
		atomic_store_explicit(&p->head, head + (uint64_t)err, memory_order_release);
		if ((size_t)err < part)
			break;
	}
	mutex_unlock(&p->write_lock);
	if (done != 0)
		wake_readers(p);
	if (err == -EPIPE && done == 0)
		signal_send_self(SIGPIPE);
	return done != 0 ? (ssize_t)done : min(err, (ssize_t)0);
}
