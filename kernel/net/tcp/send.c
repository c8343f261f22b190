/* SPDX-License-Identifier: MIT */
/*
 * Writing. Writers take turns under user_lock, copy from user memory without sock.lock, and append under it. A short
 * write goes behind the last one's bytes; a long one into pages of its own, that packets then refer to.
 */
#include <string.h>

#include "mm/page.h"
#include "net/sock/msg.h"
#include "net/tcp/tcp_impl.h"

#define WRITE_EVENTS (POLLOUT | POLLWRNORM | POLLWRBAND | POLLHUP | POLLERR)
#define CHUNK_MAX    65536u /* bytes of one turn: as much as a segment before it is cut */
#define TAIL_MIN     256u   /* room in the last page that a long write begins with */

/* --- Room --- */

static bool
has_memory(const struct tcp_sock *t)
{
	const struct sock *s = &t->i.s;
	uint32_t lowat = t->notsent_lowat;
	uint32_t used = __atomic_load_n(&s->snd_used, __ATOMIC_RELAXED);
	if (used >= __atomic_load_n(&s->sndbuf, __ATOMIC_RELAXED))
		return false;
	/* A little is every socket's, whatever the others hold: its acknowledgement wakes who waits for more. */
	if (unlikely(used >= SOCK_SNDBUF_MIN && net_memory_is_short(s->net)))
		return false;
	if (lowat == UINT32_MAX)
		lowat = tcp_sysctl(s->net)->notsent_lowat;
	return lowat == UINT32_MAX || t->c.write_seq - t->c.snd_nxt < lowat;
}

bool
tcp_is_writable(const struct tcp_sock *t)
{
	const struct sock *s = &t->i.s;
	uint32_t used = __atomic_load_n(&s->snd_used, __ATOMIC_RELAXED);
	/* As Linux: room for half of what is there, so that a writer is not woken for every segment. */
	return (uint64_t)used + used / 2 <= __atomic_load_n(&s->sndbuf, __ATOMIC_RELAXED) &&
		has_memory(t);
}

void
tcp_fit_sndbuf(struct tcp_sock *t)
{
	struct sock *s = &t->i.s;
	if (atomic_load_explicit(&s->opts, memory_order_relaxed) & SOCK_OPT_SNDBUF_LOCKED)
		return;
	uint32_t window = max(t->c.cwnd, TCP_INIT_SEGMENTS * t->c.mss);
	/* Two windows: one in flight, one to follow; and what pages and descriptors cost. */
	uint64_t want = 2ull * (window + window / 8 + 4096);
	struct tcp_sysctl *ctl = tcp_sysctl(s->net);
	if (want > s->sndbuf)
		s->sndbuf = (uint32_t)max(min(want, (uint64_t)ctl->wmem[2]), (uint64_t)s->sndbuf);
	else if (unlikely(want < s->sndbuf / 4))
		s->sndbuf = min(s->sndbuf, max((uint32_t)want * 2, ctl->wmem[1]));
}

/* --- May it be written at all? --- */

static bool
is_open(const struct tcp_sock *t)
{
	uint8_t state = tcp_state(t);
	return (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT) &&
		(__atomic_load_n(&t->i.s.shut, __ATOMIC_RELAXED) & SOCK_SHUT_WR) == 0;
}

static bool
is_opening(const struct tcp_sock *t)
{
	uint8_t state = tcp_state(t);
	return (state == TCP_SYN_SENT || state == TCP_SYN_RECV) &&
		(__atomic_load_n(&t->i.s.shut, __ATOMIC_RELAXED) & SOCK_SHUT_WR) == 0;
}

static bool
has_error(const struct tcp_sock *t)
{
	return atomic_load_explicit((_Atomic int32_t *)&t->i.s.error, memory_order_acquire) != 0;
}

/* 0; -EPIPE, or the pending error; -errno of waiting for the connection. */
static int
check_open(struct tcp_sock *t, nsec_t deadline)
{
	struct sock *s = &t->i.s;
	if (likely(is_open(t) && !has_error(t)))
		return 0;
	if (is_opening(t) && !has_error(t)) {
		int err = sock_wait(s, WRITE_EVENTS, deadline, 0, !is_opening(t) || has_error(t));
		if (err != 0)
			return err;
	}
	int err = sock_take_error(s);
	if (err != 0)
		return err;
	return is_open(t) ? 0 : -EPIPE;
}

/* The same with user_lock held, which is given up while it waits. */
static int
check_open_unlocked(struct tcp_sock *t, nsec_t deadline) NO_LOCK_ANALYSIS
{
	if (likely(is_open(t) && !has_error(t)))
		return 0;
	mutex_unlock(&t->user_lock);
	int err = check_open(t, deadline);
	mutex_lock(&t->user_lock);
	return err;
}

/* --- Appending --- */

/* What was appended is told to the core, and goes out. lock held. */
static void
written(struct tcp_sock *t, uint32_t n, uint32_t write_flags)
{
	struct tcp_env env = tcp_env_of(t);
	tcp_write(&t->c, &env, n, write_flags);
	tcp_push(t, &env);
	tcp_timer_update(t);
}

/* Room behind the last chunk's bytes for n more, or NULL. lock held. */
static uint8_t *
tail_room(struct tcp_sock *t, uint32_t n)
{
	struct tcp_chunk *ch = t->sendq.last;
	if (ch == NULL || ch->room < n)
		return NULL;
	uint8_t *start = ch->page == NULL ? ch->small : page_to_virt(ch->page);
	return start + ch->offset + ch->len;
}

static void
extend_tail(struct tcp_sock *t, uint32_t n)
{
	t->sendq.last->len += n;
	t->sendq.last->room -= n;
}

/* A short write: through the stack. Bytes or -errno. */
static ssize_t
send_short(struct tcp_sock *t, struct iter *from, uint32_t n, uint32_t write_flags)
{
	struct sock *s = &t->i.s;
	uint8_t bytes[TCP_CHUNK_SMALL] __attribute__((uninitialized));
	struct tcp_chunk *ch = NULL;
	if (unlikely(iter_copy_from(from, bytes, n) != n))
		return -EFAULT;
	/* Racy: the tail may go meanwhile. */
	struct tcp_chunk *last = __atomic_load_n(&t->sendq.last, __ATOMIC_RELAXED);
	if (last == NULL) {
		ch = tcp_chunk_alloc_small(0);
		if (ch == NULL)
			return -ENOBUFS;
	}
	for (;;) {
		spin_lock_bh(&s->lock);
		if (unlikely(!is_open(t)))
			break;
		uint8_t *room = tail_room(t, n);
		if (room != NULL) {
			memcpy(room, bytes, n);
			extend_tail(t, n);
		} else if (ch != NULL) {
			memcpy(ch->small, bytes, n);
			ch->len = n;
			ch->room -= n;
			s->snd_used += ch->charge;
			tcp_sendq_add(&t->sendq, ch, t->c.write_seq);
			ch = NULL;
		} else {
			spin_unlock_bh(&s->lock);
			ch = tcp_chunk_alloc_small(0);
			if (ch == NULL)
				return -ENOBUFS;
			continue;
		}
		written(t, n, write_flags);
		tcp_unlock(s);
		if (unlikely(ch != NULL))
			tcp_chunk_free(ch);
		return n;
	}
	spin_unlock_bh(&s->lock);
	if (ch != NULL)
		tcp_chunk_free(ch);
	return -EPIPE;
}

/* Chunks that are not in the queue yet. */
struct pages {
	struct tcp_chunk *first, *last;
	uint32_t len, charge;
};

static void
add_chunk(struct pages *list, struct tcp_chunk *ch)
{
	if (list->last == NULL)
		list->first = ch;
	else
		list->last->next = ch;
	list->last = ch;
	list->len += ch->len;
	list->charge += ch->charge;
}

static void
free_chunks(struct tcp_chunk *ch)
{
	for (struct tcp_chunk *next; ch != NULL; ch = next) {
		next = ch->next;
		tcp_chunk_free(ch);
	}
}

/* A page with the next n bytes of the caller's, as a chunk. */
static int
copy_page(struct iter *from, uint32_t n, struct pages *list)
{
	struct page *page = page_alloc(0, 0, PAGE_KERNEL);
	if (page == NULL)
		return -ENOBUFS;
	uint32_t copied = (uint32_t)iter_copy_from(from, page_to_virt(page), n);
	struct tcp_chunk *ch =
		copied != 0 ? tcp_chunk_alloc_page(page, 0, copied, PAGE_SIZE) : NULL;
	if (ch == NULL) {
		page_put(page);
		return copied == 0 ? -EFAULT : -ENOBUFS;
	}
	ch->room = PAGE_SIZE - copied;
	add_chunk(list, ch);
	return copied == n ? 0 : -EFAULT;
}

/* The page that ends the queue, if it has room for a long write's beginning. Referenced. */
static struct page *
borrow_tail(struct tcp_sock *t, uint32_t *offset, uint32_t *room)
{
	struct page *page = NULL;
	spin_lock_bh(&t->i.s.lock);
	const struct tcp_chunk *ch = t->sendq.last;
	if (ch != NULL && ch->page != NULL && ch->room >= TAIL_MIN) {
		page = ch->page;
		page_get(page);
		*offset = ch->offset + ch->len;
		*room = ch->room;
	}
	spin_unlock_bh(&t->i.s.lock);
	return page;
}

/* The beginning goes into the tail's room: nobody but this writer, who has user_lock, touches that. */
static int
copy_tail(struct tcp_sock *t, struct iter *from, uint32_t *n, struct pages *list)
{
	uint32_t offset, room;
	struct page *page = borrow_tail(t, &offset, &room);
	if (page == NULL)
		return 0;
	uint32_t part = min(room, *n);
	uint32_t copied =
		(uint32_t)iter_copy_from(from, (uint8_t *)page_to_virt(page) + offset, part);
	struct tcp_chunk *ch = copied != 0 ? tcp_chunk_alloc_page(page, offset, copied, 0) : NULL;
	if (ch == NULL) {
		page_put(page);
		return copied == 0 ? -EFAULT : -ENOBUFS;
	}
	ch->room = room - copied;
	add_chunk(list, ch);
	*n -= copied;
	return copied == part ? 0 : -EFAULT;
}

/* Puts the chunks behind the queue. They are taken over. 0 or -EPIPE. */
static int
append(struct tcp_sock *t, struct pages *list, uint32_t write_flags)
{
	struct sock *s = &t->i.s;
	spin_lock_bh(&s->lock);
	if (unlikely(!is_open(t))) {
		spin_unlock_bh(&s->lock);
		free_chunks(list->first);
		return -EPIPE;
	}
	uint32_t seq = t->c.write_seq;
	for (struct tcp_chunk *ch = list->first, *next; ch != NULL; ch = next) {
		next = ch->next;
		if (t->sendq.last != NULL)
			t->sendq.last->room = 0;
		tcp_sendq_add(&t->sendq, ch, seq);
		seq += ch->len;
	}
	s->snd_used += list->charge;
	written(t, list->len, write_flags);
	tcp_unlock(s);
	return 0;
}

static ssize_t
send_long(struct tcp_sock *t, struct iter *from, uint32_t n, uint32_t write_flags)
{
	struct pages list = {0};
	uint32_t left = n;
	int err = copy_tail(t, from, &left, &list);
	while (left != 0 && err == 0) {
		uint32_t part = min(left, (uint32_t)PAGE_SIZE);
		err = copy_page(from, part, &list);
		left -= part;
	}
	if (list.len == 0)
		return err;
	ssize_t len = list.len;
	/* What was copied before a fault counts. */
	err = append(t, &list, write_flags);
	return err != 0 ? err : len;
}

/* --- The calls --- */

/* More of this call follows, or the user says so; the last byte is urgent. */
static uint32_t
write_flags_of(uint32_t flags, bool last)
{
	return (!last || (flags & MSG_MORE) ? TCP_WRITE_MORE : 0) |
		(last && (flags & MSG_OOB) ? TCP_WRITE_OOB : 0);
}

/* What the cork of a call that goes on holds back must not wait while the call does. lock not held. */
static void
uncork(struct tcp_sock *t)
{
	struct sock *s = &t->i.s;
	spin_lock_bh(&s->lock);
	t->no_space = true;
	if (t->e.hashed && (t->c.flags & TCPF_MORE)) {
		struct tcp_env env = tcp_env_of(t);
		t->c.flags &= ~TCPF_MORE;
		tcp_options_changed(&t->c, &env);
		tcp_push(t, &env);
		tcp_timer_update(t);
	}
	spin_unlock_bh(&s->lock);
}

/* Waits until there is room. user_lock is given up meanwhile. 0 or -errno. */
static int
wait_for_room(struct tcp_sock *t, nsec_t deadline) NO_LOCK_ANALYSIS
{
	struct sock *s = &t->i.s;
	uncork(t);
	mutex_unlock(&t->user_lock);
	int err = sock_wait(
		s, WRITE_EVENTS, deadline, 0, tcp_is_writable(t) || !is_open(t) || has_error(t));
	mutex_lock(&t->user_lock);
	return err;
}

static ssize_t
send_chunk(struct tcp_sock *t, struct sock_msg *msg, uint32_t n)
{
	uint32_t write_flags = write_flags_of(msg->flags, n == msg->iter->count);
	return n <= TCP_CHUNK_SMALL ? send_short(t, msg->iter, n, write_flags)
				    : send_long(t, msg->iter, n, write_flags);
}

ssize_t
tcp_send(struct sock *s, struct sock_msg *msg)
{
	struct tcp_sock *t = tcp_of(s);
	ssize_t done = 0;
	int err;
	nsec_t deadline = sock_deadline(s->sndtimeo, msg->flags);
	if (unlikely(msg->flags & MSG_FASTOPEN))
		return -EOPNOTSUPP;
	mutex_lock(&t->user_lock);
	err = check_open_unlocked(t, deadline);
	while (msg->iter->count != 0 && err == 0) {
		if (unlikely(!has_memory(t))) {
			err = wait_for_room(t, deadline);
			if (err == 0)
				err = check_open(t, 0);
			continue;
		}
		/* Racy, but once each: acknowledgements change both. */
		uint32_t used = __atomic_load_n(&s->snd_used, __ATOMIC_RELAXED);
		uint32_t limit = __atomic_load_n(&s->sndbuf, __ATOMIC_RELAXED);
		uint32_t room = limit > used ? limit - used : 1;
		uint32_t most = min(room, CHUNK_MAX);
		uint32_t n = (uint32_t)min(msg->iter->count, (size_t)most);
		ssize_t part = send_chunk(t, msg, n);
		if (likely(part >= 0))
			done += part;
		else
			err = (int)part;
	}
	if (unlikely(err != 0 && done != 0))
		uncork(t);
	mutex_unlock(&t->user_lock);
	if (done != 0)
		return done;
	return err == -EPIPE ? sock_broken_pipe(msg->flags) : err;
}

/* One page of a file, by reference. */
static int
add_file_page(struct page *page, uint32_t offset, uint32_t n, struct pages *list)
{
	page_get(page);
	struct tcp_chunk *ch = tcp_chunk_alloc_page(page, offset, n, PAGE_SIZE);
	if (ch == NULL) {
		page_put(page);
		return -ENOBUFS;
	}
	add_chunk(list, ch);
	return 0;
}

ssize_t
tcp_send_pages(struct sock *s, struct page **pages, uint32_t offset, size_t n, uint32_t flags)
{
	struct tcp_sock *t = tcp_of(s);
	struct pages list = {0};
	nsec_t deadline = sock_deadline(s->sndtimeo, flags);
	mutex_lock(&t->user_lock);
	int err = check_open_unlocked(t, deadline);
	while (err == 0 && !has_memory(t)) {
		err = wait_for_room(t, deadline);
		if (err == 0)
			err = check_open(t, 0);
	}
	uint32_t most = (uint32_t)min(n, (size_t)CHUNK_MAX);
	for (uint32_t i = 0; err == 0 && list.len < most; i++) {
		uint32_t part = min(most - list.len, (uint32_t)PAGE_SIZE - offset);
		err = add_file_page(pages[i], offset, part, &list);
		offset = 0;
	}
	ssize_t len = list.len;
	if (len != 0)
		err = append(t, &list, write_flags_of(flags, (size_t)len == n));
	mutex_unlock(&t->user_lock);
	if (len != 0 && err == 0)
		return len;
	return err == -EPIPE ? sock_broken_pipe(flags) : err;
}
