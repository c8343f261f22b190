/* SPDX-License-Identifier: MIT */
/*
 * Streams: bytes without boundaries, but for those that handles and changing credentials draw.
 */
#include "net/sock/cmsg.h"
#include "net/sock/msg.h"
#include "net/sock/unix/rights.h"
#include "net/sock/unix/unix.h"

#include <string.h>

/* Adds a short message's bytes to the one that stands last and has not been read yet; the peer's lock is held. */
static bool
coalesce(struct unix_sock *p, const struct unix_msg *m)
{
	struct unix_msg *last = p->last;
	if (p->first == NULL || last->rights != NULL || last->nr_pages != 0 ||
		last->len + m->len > UNIX_MSG_DATA ||
		memcmp(&last->creds, &m->creds, sizeof(m->creds)) != 0)
		return false;
	memcpy(last->data + last->len, m->data, m->len);
	last->len += m->len;
	return true;
}

static bool
has_room(const struct unix_sock *u, const struct unix_sock *p)
{
	return atomic_load_explicit((_Atomic uint32_t *)&p->used, memory_order_acquire) <
		u->s.sndbuf;
}

static bool
is_broken(const struct unix_sock *p)
{
	return (unix_shut(p) & SOCK_SHUT_RD) != 0;
}

/* Hands a message over (taken in any case). -EPIPE: nobody reads. */
static int
push(struct unix_sock *p, struct unix_msg *m)
{
	struct unix_msg *unused = NULL;
	spin_lock(&p->s.lock);
	bool open = !is_broken(p);
	if (unlikely(!open) ||
		(m->len <= UNIX_COALESCE_MAX && m->rights == NULL && m->nr_pages == 0 &&
			coalesce(p, m)))
		unused = m;
	else
		unix_queue_add(p, m);
	spin_unlock(&p->s.lock);
	if (unused != NULL)
		unix_msg_free(unused);
	if (unlikely(!open))
		return -EPIPE;
	sock_wake(&p->s, POLLIN | POLLRDNORM);
	return 0;
}

/* Waits until one more message may go. 0; -EPIPE: none ever; -EAGAIN and what interrupts the wait. */
static int
wait_for_room(struct unix_sock *u, struct unix_sock *p, nsec_t deadline)
{
	int err = 0;
	if (unlikely(!has_room(u, p)))
		err = sock_wait(&u->s, SOCK_WRITE_EVENTS, deadline, 0,
			has_room(u, p) || is_broken(p) || (unix_shut(u) & SOCK_SHUT_WR));
	if (unlikely(err != 0))
		return err;
	return unlikely(is_broken(p) || (unix_shut(u) & SOCK_SHUT_WR)) ? -EPIPE : 0;
}

/* One message's worth: waits for room, copies, hands over. Bytes or -errno. *rights go with it. */
static ssize_t
send_chunk(struct unix_sock *u, struct unix_sock *p, const struct sock_msg *msg,
	const struct ucred_user *creds, struct scm_rights **rights, nsec_t deadline)
{
	int err = wait_for_room(u, p, deadline);
	if (unlikely(err != 0))
		return err;
	uint32_t n = (uint32_t)min(msg->iter->count, (size_t)UNIX_CHUNK);
	struct unix_msg *m;
	err = unix_msg_make(u, msg->iter, n, &m);
	if (unlikely(err != 0))
		return err;
	if (creds != NULL)
		m->creds = *creds;
	m->rights = *rights;
	*rights = NULL;
	err = push(p, m);
	return err != 0 ? err : (ssize_t)n;
}

ssize_t
unix_stream_send(struct sock *s, struct sock_msg *msg)
{
	struct unix_sock *u = unix_of(s), *p = unix_peer(u);
	if (unlikely(msg->flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(msg->addr != NULL && msg->addr->len != 0))
		return unix_state(u) == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	if (unlikely(p == NULL))
		return -ENOTCONN;
	struct scm_rights *rights = NULL;
	struct ucred_user creds = {0};
	const struct ucred_user *claimed = NULL;
	ssize_t done = 0, err = 0;
	if (unlikely(msg->cmsg != NULL)) {
		creds = unix_own_cred();
		creds.uid = current_cred()->uid;
		creds.gid = current_cred()->gid;
		err = unix_cmsg_begin(msg->cmsg, &rights, &creds);
		claimed = &creds;
		if (err != 0)
			return err;
	}
	if (unlikely(unix_shut(u) & SOCK_SHUT_WR))
		err = -EPIPE;
	nsec_t deadline = sock_deadline(s->sndtimeo, msg->flags);
	while (msg->iter->count != 0 && err == 0) {
		ssize_t n = send_chunk(u, p, msg, claimed, &rights, deadline);
		if (likely(n >= 0))
			done += n;
		else
			err = n;
	}
	if (unlikely(rights != NULL))
		rights_free(rights);
	if (done != 0)
		return done;
	return err == -EPIPE ? sock_broken_pipe(msg->flags) : err;
}

/* Bytes of a file's pages that sndbuf has room for, at least the first page's. */
static size_t
room_for_pages(const struct unix_sock *u, const struct unix_sock *p, uint32_t offset)
{
	uint32_t used = atomic_load_explicit((_Atomic uint32_t *)&p->used, memory_order_relaxed);
	size_t room = u->s.sndbuf > used ? u->s.sndbuf - used : 0;
	return max(round_down(room, PAGE_SIZE), PAGE_SIZE) - offset;
}

ssize_t
unix_stream_send_pages(
	struct sock *s, struct page **pages, uint32_t offset, size_t n, uint32_t flags)
{
	struct unix_sock *u = unix_of(s), *p = unix_peer(u);
	if (p == NULL)
		return -ENOTCONN;
	int err = wait_for_room(u, p, sock_deadline(s->sndtimeo, flags));
	if (err == 0) {
		n = min(n, room_for_pages(u, p, offset));
		struct unix_msg *m;
		err = unix_msg_of_pages(u, pages, offset, (uint32_t)n, &m);
		if (err == 0)
			err = push(p, m);
	}
	if (err == 0)
		return (ssize_t)n;
	return err == -EPIPE ? sock_broken_pipe(flags) : err;
}

/* What a read has gathered so far. */
struct stream_read {
	size_t done, target;
	uint32_t skip; /* MSG_PEEK: bytes of the queue that were looked at */
	bool stop;     /* a boundary, or a fault */
	bool any;      /* creds is set */
	struct ucred_user creds;
	struct scm_rights *rights;
};

/* The message to read from, and how far it was read (or looked at). NULL: none. read_lock is held. */
static struct unix_msg *
find_unread(struct unix_sock *u, const struct stream_read *r, uint32_t *pos, uint32_t *avail)
{
	uint32_t skip = r->skip;
	spin_lock(&u->s.lock);
	struct unix_msg *m = u->first;
	while (m != NULL && skip != 0 && skip >= m->len - m->pos) {
		skip -= m->len - m->pos;
		m = m->next;
	}
	if (m != NULL) {
		*pos = m->pos + skip;
		*avail = m->len - *pos;
	}
	spin_unlock(&u->s.lock);
	return m;
}

/* Takes n bytes that were read off the first message, and it off the queue when it is empty. */
static void
consume(struct unix_sock *u, struct unix_msg *m, uint32_t n)
{
	struct unix_sock *p = unix_peer(u);
	bool gone, was = true;
	spin_lock(&u->s.lock);
	m->pos += n;
	gone = m->pos == m->len;
	if (gone) {
		was = (uint64_t)u->used * 4 <= (p != NULL ? p->s.sndbuf : UINT32_MAX);
		(void)unix_queue_take(u);
	}
	spin_unlock(&u->s.lock);
	if (!gone)
		return;
	unix_msg_free(m);
	if (unlikely(!was) && p != NULL && unix_writable(p))
		sock_wake(&p->s, POLLOUT | POLLWRNORM | POLLWRBAND);
}

/* Rights that the first bytes of a message carry: taken, or (peek) copied. */
static int
pick_rights(struct unix_sock *u, struct unix_msg *m, bool peek, struct stream_read *r)
{
	if (peek) {
		r->rights = rights_copy(m->rights);
		return r->rights != NULL ? 0 : -ENOMEM;
	}
	spin_lock(&u->s.lock);
	r->rights = m->rights;
	m->rights = NULL;
	spin_unlock(&u->s.lock);
	return 0;
}

/* Reads from one message. 1: something or a boundary; 0: nothing there; -errno. read_lock is held. */
static int
read_one(struct unix_sock *u, struct sock_msg *msg, struct stream_read *r)
{
	const bool peek = (msg->flags & MSG_PEEK) != 0;
	uint32_t pos, avail;
	struct unix_msg *m = find_unread(u, r, &pos, &avail);
	if (m == NULL)
		return 0;
	if (r->any &&
		(atomic_load_explicit(&u->s.opts, memory_order_relaxed) & SOCK_OPT_PASSCRED) &&
		memcmp(&r->creds, &m->creds, sizeof(r->creds)) != 0) {
		r->stop = true; /* bytes of different senders never come together */
		return 1;
	}
	r->creds = m->creds;
	r->any = true;
	uint32_t n = (uint32_t)min((size_t)avail, msg->iter->count);
	uint32_t copied = unix_msg_copy(m, pos, n, msg->iter);
	if (unlikely(copied == 0)) {
		r->stop = true;
		return r->done != 0 ? 1 : -EFAULT;
	}
	if (unlikely(m->rights != NULL)) {
		int err = pick_rights(u, m, peek, r);
		if (err != 0)
			return err;
		r->stop = true;
	}
	r->done += copied;
	if (copied < n)
		r->stop = true;
	if (unlikely(peek))
		r->skip += copied;
	else
		consume(u, m, copied);
	return 1;
}

static bool
readable(const struct unix_sock *u)
{
	return unix_first(u) != NULL || (unix_shut(u) & SOCK_SHUT_RD) != 0 ||
		atomic_load_explicit((_Atomic int32_t *)&u->s.error, memory_order_acquire) != 0;
}

/* Nothing is there. 0: the end, or enough was read; 1: look again; -errno. */
static int
wait_for_bytes(struct unix_sock *u, const struct stream_read *r, nsec_t deadline)
{
	if (r->done >= r->target && r->done != 0)
		return 0;
	int err = r->done == 0 ? sock_take_error(&u->s) : 0;
	if (err != 0)
		return err;
	if (unix_shut(u) & SOCK_SHUT_RD)
		return unix_first(u) != NULL; /* looked at after the end was seen */
	err = sock_wait(&u->s, SOCK_READ_EVENTS, deadline, 0, readable(u));
	return err != 0 ? err : 1;
}

ssize_t
unix_stream_recv(struct sock *s, struct sock_msg *msg)
{
	struct unix_sock *u = unix_of(s);
	if (unlikely(unix_state(u) != UNIX_CONNECTED))
		return -EINVAL;
	if (unlikely(msg->flags & (MSG_OOB | MSG_ERRQUEUE)))
		return (msg->flags & MSG_OOB) ? -EOPNOTSUPP : -EAGAIN;
	struct stream_read r = {
		.target = (msg->flags & MSG_WAITALL) ? msg->iter->count
						     : min((size_t)s->rcvlowat, msg->iter->count),
	};
	nsec_t deadline = sock_deadline(s->rcvtimeo, msg->flags);
	int err = 1;
	if (unix_first(u) == NULL)
		err = wait_for_bytes(u, &r, deadline);
	while (err == 1 && msg->iter->count != 0 && !r.stop) {
		mutex_lock(&s->read_lock);
		do
			err = read_one(u, msg, &r);
		while (err == 1 && msg->iter->count != 0 && !r.stop);
		mutex_unlock(&s->read_lock);
		if (err == 0)
			err = (msg->flags & MSG_PEEK) && r.done != 0
				? 0
				: wait_for_bytes(u, &r, deadline);
	}
	if (msg->addr != NULL) {
		if (r.any)
			unix_fill_name(unix_peer(u), msg->addr);
		else
			msg->addr->len = 0;
	}
	if (unlikely(msg->cmsg != NULL || r.rights != NULL) && r.any)
		unix_cmsg_deliver(u, msg, &r.creds, r.rights);
	return r.done != 0 || err >= 0 ? (ssize_t)r.done : err;
}
