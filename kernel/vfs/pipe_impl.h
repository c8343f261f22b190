/* SPDX-License-Identifier: MIT */
/*
 * The ring of a pipe, for what moves bytes (pipe.c) and what moves pages (pipe_move.c).
 *
 * head and tail count bytes for ever; page number position / PAGE_SIZE lies in slot (number mod slots). Writers
 * take write_lock and alone advance head; readers take read_lock and alone advance tail: so copies to and from user
 * memory, which may sleep, never hold up the other side, and each side publishes with one store. A slot's page comes
 * when head enters it and goes when tail leaves it, one of them through `spare` to the next. A page that is left
 * before it is full (packets, and a writer that needs all of an empty pipe) has its `end` cut.
 *
 * A slot may hold part of somebody else's page (of a file, of another pipe) instead of its own. Head goes past it at
 * once, so that nothing can be appended to it. A pipe's own page may be lent: who got references sees bytes before
 * head, which nobody writes again, and the page never becomes the spare one.
 *
 * Sleepers: readers on rd_wait while it is empty, writers on wr_wait while not even PIPE_BUF bytes fit, nobody with a
 * lock. Each is woken alone (exclusive), and whoever leaves something for the next one wakes it.
 * Lock order: fifo_lock; write_lock, read_lock, wait queues.
 */
#ifndef VFS_PIPE_IMPL_H
#define VFS_PIPE_IMPL_H

#include "mm/page.h"
#include "proc/cred.h"
#include "vfs/pipe.h"
#include "vfs/poll.h"
#include "vfs/vfs.h"

#define PIPE_BUF      4096u /* bytes that a write moves in one piece */
#define SLOTS_DEFAULT 16u
_Static_assert(PIPE_BUF == PAGE_SIZE, "a packet fills at most a page");

struct pipe_slot {
	char *data;    /* where its bytes begin, in a page on which it has a reference, or NULL */
	uint32_t end;  /* bytes in it, once head is past it */
	uint8_t flags; /* SLOT_*; all are set anew whenever head enters it */
};
#define SLOT_PACKET 1u /* it is one packet: a read takes nothing beyond it */
#define SLOT_SHARED \
	2u /* others refer to its page too: nothing that they may see is written there, now or later */

struct pipe {
	_Atomic uint64_t head;             /* [write_lock to change] */
	_Atomic uint64_t tail;             /* [read_lock to change] */
	_Atomic uint32_t nr_slots;         /* [both locks to change] a power of two */
	_Atomic uint32_t readers, writers; /* open ends; [fifo_lock to raise, in FIFOs] */
	struct pipe_slot *slots;           /* [both locks to change] */
	struct mutex read_lock, write_lock;
	struct wait_queue rd_wait, wr_wait;
	char *_Atomic spare;                 /* a page for the next slot */
	refcount_t files;                    /* [fifo_lock too, in FIFOs] */
	_Atomic uint32_t r_opened, w_opened; /* how often each end was opened */
	struct wait_queue open_wait;         /* fifo_open() */
	const struct inode *fifo;            /* [I] the FIFO's inode, or NULL */
	struct list_node fifo_node;          /* [fifo_lock] */
	struct user_account *account;        /* [I] referenced; counts nr_slots */
	uint64_t ino;                        /* [I] */
	uid_t uid;                           /* [I] */
	gid_t gid;                           /* [I] */
	struct ktimespec created;            /* [I] */
	struct pipe_slot inline_slots[SLOTS_DEFAULT];
};

static inline uint64_t
pipe_head(const struct pipe *p)
{
	return atomic_load_explicit((_Atomic uint64_t *)&p->head, memory_order_acquire);
}

static inline uint64_t
pipe_tail(const struct pipe *p)
{
	return atomic_load_explicit((_Atomic uint64_t *)&p->tail, memory_order_acquire);
}

static inline uint32_t
pipe_slots(const struct pipe *p)
{
	return atomic_load_explicit((_Atomic uint32_t *)&p->nr_slots, memory_order_relaxed);
}

static inline bool
has_readers(const struct pipe *p)
{
	return atomic_load_explicit((_Atomic uint32_t *)&p->readers, memory_order_acquire) != 0;
}

static inline bool
has_writers(const struct pipe *p)
{
	return atomic_load_explicit((_Atomic uint32_t *)&p->writers, memory_order_acquire) != 0;
}

/* Never true of an empty pipe, also while realign() moves both ends: it moves tail first. */
static inline bool
has_data(const struct pipe *p)
{
	return (int64_t)(pipe_head(p) - pipe_tail(p)) > 0;
}

/*
 * Bytes that fit behind head: the page in which tail stands is not free before it is left. Less than 0: tail is as it
 * was before others read, and writers have gone on since.
 */
static inline int64_t
room(const struct pipe *p, uint64_t head, uint64_t tail)
{
	return (int64_t)((uint64_t)pipe_slots(p) * PAGE_SIZE -
		(head - round_down(tail, PAGE_SIZE)));
}

/* Whether a write of up to PIPE_BUF bytes need not wait when the ends are there. */
static inline bool
is_writable_at(const struct pipe *p, uint64_t head, uint64_t tail)
{
	return (int64_t)(head - tail) <= 0 || room(p, head, tail) >= (int64_t)PIPE_BUF;
}

static inline bool
is_writable(const struct pipe *p)
{
	uint64_t tail = pipe_tail(p);
	return is_writable_at(p, pipe_head(p), tail);
}

static inline struct pipe_slot *
slot_at(struct pipe *p, uint64_t position)
{
	return &p->slots[(position / PAGE_SIZE) & (pipe_slots(p) - 1)];
}

/* Takes the page out of a slot that tail leaves, for the next that head enters if it is nobody else's. */
static inline void
slot_leave(struct pipe *p, struct pipe_slot *s)
{
	char *data = s->data, *none = NULL;
	s->data = NULL;
	if (data == NULL)
		return;
	if (unlikely((s->flags & SLOT_SHARED) != 0))
		page_put(virt_to_page(data));
	else if (!atomic_compare_exchange_strong_explicit(
			 &p->spare, &none, data, memory_order_acq_rel, memory_order_relaxed))
		page_free(virt_to_page(data), 0);
}

/* Readies the slot that head enters. -ENOMEM. */
static inline int
slot_enter(struct pipe *p, struct pipe_slot *s)
{
	if (s->data == NULL) {
		s->data = atomic_load_explicit(&p->spare, memory_order_relaxed) == NULL
			? NULL
			: atomic_exchange_explicit(&p->spare, NULL, memory_order_acquire);
		if (s->data == NULL) {
			struct page *page = page_alloc(0, 0, PAGE_KERNEL);
			if (page == NULL)
				return -ENOMEM;
			s->data = page_to_virt(page);
		}
	}
	s->end = PAGE_SIZE;
	s->flags = 0;
	return 0;
}

/* Starts an empty pipe at a fresh page, so that all of its size is there to be written; write_lock is held. */
void pipe_realign(struct pipe *p);

/* Room for a write of n bytes; realigns an empty pipe if that makes more of it. write_lock is held. */
static inline uint64_t
room_for(struct pipe *p, size_t n)
{
	uint64_t head = atomic_load_explicit(&p->head, memory_order_relaxed), tail = pipe_tail(p);
	uint64_t free = (uint64_t)room(p, head, tail);
	if (unlikely(free < n && head == tail && head % PAGE_SIZE != 0)) {
		pipe_realign(p);
		head = atomic_load_explicit(&p->head, memory_order_relaxed);
		free = (uint64_t)room(p, head, pipe_tail(p));
	}
	return free;
}

static inline void
wake_readers(struct pipe *p)
{
	wake_one(&p->rd_wait, POLLIN | POLLRDNORM);
}

static inline void
wake_writers(struct pipe *p)
{
	wake_one(&p->wr_wait, POLLOUT | POLLWRNORM);
}

/*
 * After tail left `before`: tells writers, and edge-triggered pollers, if that is what made room. A writer that sleeps
 * for room has moved head before it looked at tail, so head as it is now shows whether there was any.
 */
static inline void
tell_writers(struct pipe *p, uint64_t before)
{
	if (wait_queue_active(&p->wr_wait) && !is_writable_at(p, pipe_head(p), before) &&
		is_writable(p))
		wake_writers(p);
}

/* Waits, unless that is not wanted, until a write may go on. 0: look again; -EAGAIN, -ERESTARTSYS. No lock is held. */
ssize_t pipe_wait_for_room(struct pipe *p, struct file *f, bool nowait) MUST_CHECK;

/*
 * The next writer, if a reader made room for both. For those who have been on the queue, as a wake-up may have been
 * theirs alone; whoever has not must not give pollers an edge that is none.
 */
static inline void
pass_room_on(struct pipe *p)
{
	if (unlikely(!list_empty(&p->wr_wait.waiters)) && is_writable(p))
		wake_writers(p);
}

/* file_ops.send_pages: references instead of copies, each in a slot of its own. */
ssize_t pipe_send_pages(
	struct file *f, struct page **pages, uint32_t offset, size_t n, uint32_t flags) MUST_CHECK;

#endif
