/* SPDX-License-Identifier: MIT */
/*
 * ppoll and pselect6: one engine that waits for any of a set of files.
 *
 * Each call asks every file once, hooking onto its queues unless something was ready already; then it sleeps, and asks
 * again when a hook was told of an event that it waits for. The files stay borrowed until the end. Small sets live on
 * the stack.
 */
#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "proc/time.h"
#include "syscall_protos.h"
#include "vfs/file.h"
#include "vfs/poll.h"

#include <string.h>

/* A file that is waited for. */
struct poll_item {
	struct file_ref ref; /* file NULL: nothing to ask */
	uint32_t wanted;     /* events that count */
	uint32_t ready;
};

struct poll_call;

struct poll_entry {
	struct poll_hook hook;
	struct poll_call *call;
	uint32_t wanted;
};

#define ENTRIES_FAST 8u /* on the stack */
#define ENTRIES_MORE 56u

struct poll_chunk {
	struct poll_chunk *next;
	uint32_t used;
	struct poll_entry entries[ENTRIES_MORE];
};

struct poll_call {
	struct poll_table table;
	uint32_t wanted;        /* of the item that is being asked */
	_Atomic bool triggered; /* a hook was told something */
	int err;                /* -ENOMEM: hooks are missing */
	uint32_t used;          /* of fast */
	struct poll_chunk *more;
	struct poll_entry fast[ENTRIES_FAST];
};
/* Uninitialised on purpose: entries are written when they are used, and are most of it. */
#define POLL_CALL_ON_STACK(c) struct poll_call c __attribute__((uninitialized))

static bool
entry_wake(struct waiter *w, uint32_t events)
{
	struct poll_entry *e = container_of(w, struct poll_entry, hook.waiter);
	if (events != 0 && (events & e->wanted) == 0)
		return false;
	atomic_store_explicit(&e->call->triggered, true, memory_order_release);
	arch_mb(); /* before the look at the sleeper's state; pairs with wait_prepare() */
	return waiter_wake_thread(w, events);
}

static struct poll_entry *
entry_alloc(struct poll_call *c)
{
	if (c->used < ENTRIES_FAST)
		return &c->fast[c->used++];
	if (c->more == NULL || c->more->used == ENTRIES_MORE) {
		struct poll_chunk *chunk = kmalloc(sizeof(*chunk), 0);
		if (chunk == NULL)
			return NULL;
		chunk->next = c->more;
		chunk->used = 0;
		c->more = chunk;
	}
	return &c->more->entries[c->more->used++];
}

static void
call_add(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct poll_call *c = container_of(pt, struct poll_call, table);
	struct poll_entry *e = entry_alloc(c);
	if (e == NULL) {
		c->err = -ENOMEM;
		return;
	}
	waiter_init(&e->hook.waiter, arch_current(), 0);
	e->hook.waiter.wake = entry_wake;
	e->hook.queue = q;
	e->call = c;
	e->wanted = c->wanted;
	wait_queue_add(q, &e->hook.waiter);
}

static void
call_begin(struct poll_call *c)
{
	c->table.add = call_add;
	c->wanted = 0;
	atomic_store_explicit(&c->triggered, false, memory_order_relaxed);
	c->err = 0;
	c->used = 0;
	c->more = NULL;
}

static void
call_end(struct poll_call *c)
{
	for (uint32_t i = 0; i < c->used; i++)
		poll_hook_remove(&c->fast[i].hook);
	for (struct poll_chunk *chunk = c->more, *next; chunk != NULL; chunk = next) {
		for (uint32_t i = 0; i < chunk->used; i++)
			poll_hook_remove(&chunk->entries[i].hook);
		next = chunk->next;
		kfree(chunk);
	}
}

/* Asks every file; how many are ready. *pt is dropped once one is: then there will be no sleep. */
static uint32_t
ask_all(struct poll_call *c, struct poll_item *items, uint32_t n, struct poll_table **pt)
{
	uint32_t ready = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct poll_item *item = &items[i];
		struct file *f = item->ref.file;
		if (f == NULL) {
			ready += item->ready != 0; /* POLLNVAL */
		} else {
			c->wanted = item->wanted;
			uint32_t now = f->ops->poll != NULL ? f->ops->poll(f, *pt) : POLL_ALWAYS;
			item->ready = now & item->wanted;
			ready += item->ready != 0;
		}
		if (ready != 0)
			*pt = NULL;
		if (i % 64 == 63)
			sched_point();
	}
	return ready;
}

/* Waits until something is ready or the deadline (0: has passed). How many items are, 0, or -errno. */
static int64_t
poll_items(struct poll_item *items, uint32_t n, nsec_t deadline)
{
	POLL_CALL_ON_STACK(c);
	call_begin(&c);
	struct poll_table *pt = deadline != 0 ? &c.table : NULL;
	int64_t result;
	int err = deadline != 0 ? 0 : -ETIMEDOUT;
	for (;;) {
		atomic_store_explicit(&c.triggered, false, memory_order_relaxed);
		arch_mb(); /* before the looks at the files: what changes after them sets it again */
		result = ask_all(&c, items, n, &pt);
		if (result != 0)
			break;
		pt = NULL;
		if (err == 0)
			err = c.err;
		if (err != 0) {
			result = err == -ETIMEDOUT ? 0 : err;
			break;
		}
		wait_prepare(WAIT_INTERRUPTIBLE);
		if (!atomic_load_explicit(&c.triggered, memory_order_acquire))
			err = wait_sleep(WAIT_INTERRUPTIBLE, deadline);
		wait_finish();
	}
	call_end(&c);
	return result == -ERESTARTSYS ? -ERESTARTNOHAND : result;
}

int
file_wait_events(struct file *f, uint32_t events)
{
	struct poll_item item = {.ref.file = f, .wanted = events | POLLERR | POLLHUP};
	int64_t result = poll_items(&item, 1, DEADLINE_NEVER);
	if (result > 0)
		return 0;
	return result == -ERESTARTNOHAND ? -ERESTARTSYS : (int)result;
}

/* A relative timeout as both calls take it. *deadline: 0 for none left. */
static int
timeout_begin(uaddr_t timeout, nsec_t *deadline)
{
	*deadline = DEADLINE_NEVER;
	if (uaddr_is_null(timeout))
		return 0;
	struct timespec_user ts;
	int err = timespec_from_user(timeout, &ts);
	if (err != 0)
		return err;
	nsec_t length = timespec_to_ns(&ts);
	*deadline = length == 0 ? 0 : deadline_after(length);
	return 0;
}

/* Writes back what is left. A restarted call would find it; where it cannot be written, the call is not restarted. */
static int64_t
timeout_end(uaddr_t timeout, nsec_t deadline, int64_t result)
{
	if (uaddr_is_null(timeout))
		return result;
	nsec_t now = time_now();
	nsec_t left = deadline > now ? deadline - now : 0;
	if (deadline == DEADLINE_NEVER)
		return result;
	if (timespec_to_user(timeout, left) != 0 && result == -ERESTARTNOHAND)
		return -EINTR;
	return result;
}

#define ITEMS_FAST 16u

struct pollfd_user {
	int32_t fd;
	int16_t events;
	int16_t revents;
};

/* Whatever belongs to one ppoll() call of n files. */
struct poll_set {
	struct pollfd_user *fds;
	struct poll_item *items;
	struct pollfd_user fast_fds[ITEMS_FAST];
	struct poll_item fast_items[ITEMS_FAST];
};
#define POLL_SET_ON_STACK(s) \
	struct poll_set s __attribute__((uninitialized)) /* as POLL_CALL_ON_STACK */

static void
set_free(struct poll_set *s)
{
	if (s->fds != s->fast_fds)
		kvfree(s->fds);
	if (s->items != s->fast_items)
		kvfree(s->items);
}

static int
set_alloc(struct poll_set *s, uint32_t n)
{
	s->fds = s->fast_fds;
	s->items = s->fast_items;
	if (n <= ITEMS_FAST)
		return 0;
	s->fds = kvmalloc(n * sizeof(*s->fds));
	s->items = kvmalloc(n * sizeof(*s->items));
	if (s->fds != NULL && s->items != NULL)
		return 0;
	set_free(s);
	return -ENOMEM;
}

static void
item_begin(struct poll_item *item, const struct pollfd_user *fd)
{
	item->ref = (struct file_ref){0};
	item->wanted = (uint16_t)fd->events | POLLERR | POLLHUP;
	item->ready = 0;
	if (fd->fd < 0)
		return;
	if (file_borrow(fd->fd, 0, &item->ref) != 0) {
		item->ready = POLLNVAL;
	} else if (item->ref.file->kind & FILE_PATH_ONLY) {
		file_return(&item->ref);
		item->ref.file = NULL;
		item->ready = POLLNVAL;
	}
}

static void
items_end(struct poll_item *items, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (items[i].ref.file != NULL)
			file_return(&items[i].ref);
	}
}

static int
put_revents(uaddr_t fds, const struct poll_item *items, struct pollfd_user *copy, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		copy[i].revents = (int16_t)items[i].ready;
	return copy_to_user(fds, copy, n * sizeof(*copy));
}

static int64_t
poll_fds(uaddr_t fds, uint32_t n, nsec_t deadline)
{
	POLL_SET_ON_STACK(s);
	int err = set_alloc(&s, n);
	if (err != 0)
		return err;
	int64_t result = copy_from_user(s.fds, fds, n * sizeof(*s.fds));
	if (result == 0) {
		for (uint32_t i = 0; i < n; i++)
			item_begin(&s.items[i], &s.fds[i]);
		result = poll_items(s.items, n, deadline);
		items_end(s.items, n);
		if (result >= 0) {
			err = put_revents(fds, s.items, s.fds, n);
			if (err != 0)
				result = err;
		}
	}
	set_free(&s);
	return result;
}

int64_t
sys_ppoll(uaddr_t fds, uint32_t nfds, uaddr_t timeout, uaddr_t sigmask, size_t sigsetsize)
{
	nsec_t deadline;
	int err = timeout_begin(timeout, &deadline);
	if (err != 0)
		return err;
	if (nfds > current_process()->limits[RLIMIT_NOFILE].cur || nfds > HANDLES_MAX)
		return -EINVAL;
	err = signal_begin_mask_user(sigmask, sigsetsize);
	if (err != 0)
		return err;
	int64_t result = poll_fds(fds, nfds, deadline);
	signal_end_mask(result == -ERESTARTNOHAND);
	return timeout_end(timeout, deadline, result);
}

/*
 * select: three bit sets, in words of 64 bits, in and out.
 */
enum { SET_READ, SET_WRITE, SET_EXCEPT, SETS };

static const uint32_t set_events[SETS] = {
	[SET_READ] = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR,
	[SET_WRITE] = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR,
	[SET_EXCEPT] = POLLPRI,
};

#define WORDS_FAST 8u /* 512 descriptors: what nearly everybody stays below */

struct select_call {
	uint32_t n, words; /* descriptors; words in each set */
	uint32_t nr_items;
	uint64_t *bits[SETS];    /* one after the other */
	struct poll_item *items; /* of the descriptors in any set, ascending */
	int *fds;                /* theirs */
	uint64_t fast_bits[SETS * WORDS_FAST];
};

static int
select_copy_in(struct select_call *s, const uaddr_t user[SETS])
{
	for (int k = 0; k < SETS; k++) {
		memset(s->bits[k], 0, s->words * sizeof(uint64_t));
		if (uaddr_is_null(user[k]))
			continue;
		int err = copy_from_user(s->bits[k], user[k], s->words * sizeof(uint64_t));
		if (err != 0)
			return err;
		if (s->n % 64 != 0)
			s->bits[k][s->words - 1] &= (1ULL << (s->n % 64)) - 1;
	}
	return 0;
}

static uint32_t
select_count(const struct select_call *s)
{
	uint32_t count = 0;
	for (uint32_t w = 0; w < s->words; w++)
		count += (uint32_t)__builtin_popcountll(
			s->bits[SET_READ][w] | s->bits[SET_WRITE][w] | s->bits[SET_EXCEPT][w]);
	return count;
}

static bool
select_bit(const struct select_call *s, int k, int fd)
{
	return (s->bits[k][fd / 64] >> (fd % 64)) & 1;
}

/* Borrows each file in a set. -EBADF: one is not open (what was borrowed is in items). */
static int
select_borrow(struct select_call *s)
{
	for (uint32_t w = 0; w < s->words; w++) {
		uint64_t any =
			s->bits[SET_READ][w] | s->bits[SET_WRITE][w] | s->bits[SET_EXCEPT][w];
		for (; any != 0; any &= any - 1) {
			int fd = (int)(w * 64 + (uint32_t)__builtin_ctzll(any));
			struct poll_item *item = &s->items[s->nr_items];
			int err = file_borrow(fd, 0, &item->ref);
			if (err != 0)
				return -EBADF;
			s->fds[s->nr_items++] = fd;
			if (item->ref.file->kind & FILE_PATH_ONLY)
				return -EBADF;
			item->ready = item->wanted = 0;
			for (int k = 0; k < SETS; k++)
				item->wanted |= select_bit(s, k, fd) ? set_events[k] : 0;
		}
	}
	return 0;
}

/* Leaves in the sets what is ready; how many bits that is. */
static int64_t
select_collect(struct select_call *s)
{
	int64_t count = 0;
	for (uint32_t i = 0; i < s->nr_items; i++) {
		int fd = s->fds[i];
		for (int k = 0; k < SETS; k++) {
			if (!select_bit(s, k, fd))
				continue;
			if (s->items[i].ready & set_events[k])
				count++;
			else
				s->bits[k][fd / 64] &= ~(1ULL << (fd % 64));
		}
	}
	return count;
}

static int64_t
select_copy_out(const struct select_call *s, const uaddr_t user[SETS], int64_t result)
{
	for (int k = 0; k < SETS; k++) {
		if (uaddr_is_null(user[k]))
			continue;
		int err = copy_to_user(user[k], s->bits[k], s->words * sizeof(uint64_t));
		if (err != 0)
			return err;
	}
	return result;
}

/* With the sets and room for the items at hand. */
static int64_t
select_run(struct select_call *s, const uaddr_t user[SETS], nsec_t deadline)
{
	int64_t result = select_borrow(s);
	if (result == 0)
		result = poll_items(s->items, s->nr_items, deadline);
	items_end(s->items, s->nr_items);
	if (result < 0)
		return result;
	result = select_collect(s);
	return select_copy_out(s, user, result);
}

static int64_t
select_sets(uint32_t n, const uaddr_t user[SETS], nsec_t deadline)
{
	struct select_call s
		__attribute__((uninitialized)); /* select_copy_in() fills what is used */
	s.n = n;
	s.words = (n + 63) / 64;
	s.nr_items = 0;
	uint64_t *bits = s.fast_bits;
	if (s.words > WORDS_FAST) {
		bits = kvmalloc(SETS * s.words * sizeof(uint64_t));
		if (bits == NULL)
			return -ENOMEM;
	}
	for (int k = 0; k < SETS; k++)
		s.bits[k] = bits + (uint32_t)k * s.words;
	int64_t result = select_copy_in(&s, user);
	if (result == 0) {
		uint32_t count = max(select_count(&s), 1u);
		s.items = kvmalloc(count * (sizeof(*s.items) + sizeof(*s.fds)));
		s.fds = (int *)(s.items + count);
		result = s.items == NULL ? -ENOMEM : select_run(&s, user, deadline);
		kvfree(s.items);
	}
	if (bits != s.fast_bits)
		kvfree(bits);
	return result;
}

int64_t
sys_pselect6(int nfds, uaddr_t readfds, uaddr_t writefds, uaddr_t exceptfds, uaddr_t timeout,
	uaddr_t sigmask)
{
	uint64_t mask[2] = {0, 0}; /* a pointer to the mask, and its size */
	if (!uaddr_is_null(sigmask)) {
		int err = copy_from_user(mask, sigmask, sizeof(mask));
		if (err != 0)
			return err;
	}
	nsec_t deadline;
	int err = timeout_begin(timeout, &deadline);
	if (err != 0)
		return err;
	if (nfds < 0)
		return -EINVAL;
	err = signal_begin_mask_user((uaddr_t){mask[0]}, mask[1]);
	if (err != 0)
		return err;
	const uaddr_t user[SETS] = {readfds, writefds, exceptfds};
	int64_t result = select_sets((uint32_t)min(nfds, (int)HANDLES_MAX), user, deadline);
	signal_end_mask(result == -ERESTARTNOHAND);
	return timeout_end(timeout, deadline, result);
}
