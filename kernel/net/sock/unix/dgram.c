/* SPDX-License-Identifier: MIT */
/*
 * Datagrams and sequenced packets: messages with boundaries. A datagram's receiver takes a few before its senders have
 * to wait, each sender has its sndbuf on top; packets have one sender, and its sndbuf alone.
 */
#include "core/wallclock.h"
#include "dev/rng/random.h"
#include "net/sock/cmsg.h"
#include "net/sock/filter.h"
#include "net/sock/msg.h"
#include "net/sock/unix/rights.h"
#include "net/sock/unix/unix.h"

#define MESSAGE_OVERHEAD 32u /* of sndbuf: a message of the rest is the largest */

/* A datagram socket's receiver that is not its partner takes this many more at most. */
static bool
is_full(const struct unix_sock *p, const struct unix_sock *from)
{
	return !unix_is_connection(p) && unix_peer(p) != from &&
		__atomic_load_n(&p->queued, __ATOMIC_ACQUIRE) > UNIX_DGRAM_QUEUE;
}

static bool
has_room(const struct unix_sock *u)
{
	return unix_outstanding(u) < u->s.sndbuf;
}

/* Tells who polls u that the receiver has room; the receiver's queue lock is held. */
bool
unix_relay_wake(struct waiter *w, uint32_t events)
{
	struct unix_sock *u = container_of(w, struct unix_sock, relay);
	sock_wake(&u->s, POLLOUT | POLLWRNORM | POLLWRBAND);
	return false;
}

void
unix_relay_stop(struct unix_sock *u)
{
	spin_lock(&u->s.lock);
	struct unix_sock *p = u->relay_on;
	u->relay_on = NULL;
	if (p != NULL)
		wait_queue_remove(&p->space, &u->relay);
	spin_unlock(&u->s.lock);
	if (p != NULL)
		unix_put(p);
}

/* Has u told when p has room. */
static void
relay_start(struct unix_sock *u, struct unix_sock *p)
{
	unix_relay_stop(u);
	spin_lock(&u->s.lock);
	if (u->relay_on == NULL) {
		unix_get(p);
		u->relay_on = p;
		wait_queue_add(&p->space, &u->relay);
	}
	spin_unlock(&u->s.lock);
}

uint32_t
unix_dgram_poll(struct sock *s, struct poll_table *pt)
{
	struct unix_sock *u = unix_of(s);
	uint32_t ready = 0, shut = unix_shut(u);
	if (atomic_load_explicit(&s->error, memory_order_acquire) != 0)
		ready |= POLLERR;
	if (shut == (SOCK_SHUT_RD | SOCK_SHUT_WR))
		ready |= POLLHUP;
	if (shut & SOCK_SHUT_RD)
		ready |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (unix_first(u) != NULL)
		ready |= POLLIN | POLLRDNORM;
	if (!unix_writable(u))
		return ready;
	struct unix_sock *p = unix_peer_get(u);
	bool full = p != NULL && is_full(p, u);
	if (full) {
		relay_start(u, p);
		full = is_full(p, u); /* looked at after it would be told */
	}
	if (p != NULL)
		unix_put(p);
	return full ? ready : ready | POLLOUT | POLLWRNORM | POLLWRBAND;
}

/* What the other side of a change of peer sees: what it had sent is lost. The old peer's reference is put. */
static void
leave_peer(struct unix_sock *u, struct unix_sock *old)
{
	unix_relay_stop(u);
	unix_queue_purge(u);
	if (unix_peer(old) == u)
		sock_set_error(&old->s, ECONNRESET);
	unix_put(old);
}

/* Makes p (a reference taken over; NULL: nobody) u's peer. -EPERM: p talks to another. */
static int
change_peer(struct unix_sock *u, struct unix_sock *p)
{
	int err = 0;
	unix_lock_two(u, p != NULL ? p : u);
	struct unix_sock *old = u->peer;
	if (p != NULL && p != u && p->peer != NULL && p->peer != u)
		err = -EPERM;
	else
		atomic_store_explicit(&u->peer, p, memory_order_release);
	unix_unlock_two(u, p != NULL ? p : u);
	if (err != 0) {
		unix_put(p);
		return err;
	}
	if (old != NULL && old != p)
		leave_peer(u, old);
	else if (old != NULL)
		unix_put(old);
	sock_wake(&u->s, POLLOUT | POLLWRNORM | POLLWRBAND);
	return 0;
}

int
unix_dgram_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags)
{
	struct unix_sock *u = unix_of(s), *p = NULL;
	if (addr->len < sizeof(addr->family))
		return -EINVAL;
	if (addr->family == AF_UNSPEC)
		return change_peer(u, NULL);
	int err = 0;
	if (atomic_load_explicit(&s->opts, memory_order_relaxed) & SOCK_OPT_PASSCRED)
		err = unix_autobind(u);
	if (err == 0)
		err = unix_find(s->net, addr, s->type, &p);
	return err != 0 ? err : change_peer(u, p);
}

/* The receiver was closed: a partner is forgotten. */
static int
refused(struct unix_sock *u, struct unix_sock *p)
{
	if (unix_is_connection(u))
		return -EPIPE;
	spin_lock(&u->s.lock);
	bool partner = u->peer == p;
	if (partner)
		atomic_store_explicit(&u->peer, NULL, memory_order_release);
	spin_unlock(&u->s.lock);
	if (partner)
		leave_peer(u, p);
	return -ECONNREFUSED;
}

enum { DELIVER_FULL = 1, DELIVER_CLOSED };

/* Hands m over. 0: taken; DELIVER_*, -EPIPE, -EPERM: not. */
static int
deliver(struct unix_sock *u, struct unix_sock *p, struct unix_msg *m)
{
	int result = 0;
	spin_lock(&p->s.lock);
	const struct unix_sock *partner = p->peer;
	if (unix_state(p) == UNIX_CLOSED)
		result = DELIVER_CLOSED;
	else if (unix_shut(p) & SOCK_SHUT_RD)
		result = -EPIPE;
	else if (partner != NULL && partner != u)
		result = -EPERM;
	else if (is_full(p, u))
		result = DELIVER_FULL;
	else
		unix_queue_add(p, m);
	spin_unlock(&p->s.lock);
	return result;
}

/* Delivers m (taken in any case), waiting while the receiver is full. */
static int
deliver_waiting(struct unix_sock *u, struct unix_sock *p, struct unix_msg *m, nsec_t deadline)
{
	int err;
	while ((err = deliver(u, p, m)) == DELIVER_FULL) {
		err = sock_wait_on(&p->space, POLLOUT, deadline, 0,
			!is_full(p, u) || unix_state(p) == UNIX_CLOSED ||
				(unix_shut(p) & SOCK_SHUT_RD));
		if (err != 0)
			break;
	}
	if (err == 0) {
		sock_wake(&p->s, POLLIN | POLLRDNORM);
		return 0;
	}
	unix_msg_free(m);
	return err == DELIVER_CLOSED ? refused(u, p) : err;
}

/* The message of a send, charged and with what goes along. */
static int
make_message(struct unix_sock *u, struct sock_msg *msg, struct unix_msg **out)
{
	struct scm_rights *rights = NULL;
	int err = unix_msg_make(u, msg->iter, (uint32_t)msg->iter->count, out);
	struct unix_msg *m = *out;
	if (err != 0)
		return err;
	if (msg->cmsg != NULL) {
		err = unix_cmsg_begin(msg->cmsg, &rights, &m->creds);
		if (err != 0) {
			unix_msg_free(m);
			return err;
		}
	}
	m->rights = rights;
	if (!unix_is_connection(u)) {
		unix_get(u);
		m->sender = u;
		atomic_fetch_add_explicit(&u->sent, m->truesize, memory_order_relaxed);
	}
	return 0;
}

static bool
load(const void *packet, int64_t offset, uint32_t n, uint8_t *out)
{
	const struct unix_msg *m = packet;
	if (offset < 0 || offset + n > m->len)
		return false;
	struct iter to = iter_kernel(out, n);
	return unix_msg_copy(m, (uint32_t)offset, n, &to) == n;
}

static uint32_t
number(const void *packet, uint32_t which)
{
	return which == BPF_AD_CPU       ? this_cpu()->id
		: which == BPF_AD_RANDOM ? (uint32_t)random_u64()
					 : 0;
}

/* The receiver's SO_ATTACH_FILTER: cuts off what it does not want; false: that is all. */
static bool
filter(struct unix_sock *p, struct unix_msg *m)
{
	if (!sock_has_filter(&p->s))
		return true;
	struct bpf_input in = {.packet = m, .len = m->len, .load = load, .number = number};
	epoch_enter();
	uint32_t wanted = sock_filter_run_on(&p->s, &in);
	epoch_exit();
	m->len = min(m->len, wanted);
	return wanted != 0;
}

static bool
wants_stamps(const struct unix_sock *p)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&p->s.opts, memory_order_relaxed) &
		       SOCK_OPT_TIMESTAMPS) != 0;
}

static ssize_t
send_to(struct unix_sock *u, struct unix_sock *p, struct sock_msg *msg)
{
	struct sock *s = &u->s;
	size_t n = msg->iter->count;
	if (n > s->sndbuf - MESSAGE_OVERHEAD)
		return -EMSGSIZE;
	nsec_t deadline = sock_deadline(s->sndtimeo, msg->flags);
	if ((unix_shut(u) & SOCK_SHUT_WR))
		return -EPIPE;
	int err = sock_wait(s, SOCK_WRITE_EVENTS, deadline, 0,
		has_room(u) || (unix_shut(u) & SOCK_SHUT_WR) || unix_state(p) == UNIX_CLOSED);
	struct unix_msg *m;
	if (err == 0)
		err = (unix_shut(u) & SOCK_SHUT_WR) ? -EPIPE : make_message(u, msg, &m);
	if (err == 0 && unlikely(wants_stamps(p)))
		m->stamp = time_realtime();
	if (err == 0 && filter(p, m))
		err = deliver_waiting(u, p, m, deadline);
	else if (err == 0)
		unix_msg_free(m); /* the sender does not learn of it, as on Linux */
	return err != 0 ? err : (ssize_t)n;
}

ssize_t
unix_dgram_send(struct sock *s, struct sock_msg *msg)
{
	struct unix_sock *u = unix_of(s), *p;
	if (msg->flags & MSG_OOB)
		return -EOPNOTSUPP;
	int err = 0;
	if (atomic_load_explicit(&s->opts, memory_order_relaxed) & SOCK_OPT_PASSCRED)
		err = unix_autobind(u);
	if (err == 0 && msg->addr != NULL && msg->addr->len != 0) {
		err = unix_find(s->net, msg->addr, s->type, &p);
	} else if (err == 0) {
		err = sock_take_error(s);
		p = err == 0 ? unix_peer_get(u) : NULL;
		if (err == 0 && p == NULL)
			err = -ENOTCONN;
	}
	if (err != 0)
		return err;
	ssize_t n = send_to(u, p, msg);
	unix_put(p);
	return n;
}

ssize_t
unix_seqpacket_send(struct sock *s, struct sock_msg *msg)
{
	struct unix_sock *u = unix_of(s), *p = unix_peer(u);
	if (msg->flags & MSG_OOB)
		return -EOPNOTSUPP;
	int err = sock_take_error(s);
	if (err != 0)
		return err;
	return p == NULL ? -ENOTCONN : send_to(u, p, msg);
}

/* Takes the first message, or (peek) leaves it there; read_lock is held. NULL: none. */
static struct unix_msg *
take_first(struct unix_sock *u, bool peek)
{
	spin_lock(&u->s.lock);
	struct unix_msg *m = peek ? u->first : unix_queue_take(u);
	spin_unlock(&u->s.lock);
	return m;
}

/* Room was made: who waits for it, and the sender of packets, is told. */
static void
tell_room(struct unix_sock *u, bool was_writable)
{
	wake_all(&u->space, POLLOUT | POLLWRNORM | POLLWRBAND);
	struct unix_sock *p = unix_is_connection(u) ? unix_peer(u) : NULL;
	if (!was_writable && p != NULL && unix_writable(p))
		sock_wake(&p->s, POLLOUT | POLLWRNORM | POLLWRBAND);
}

/* Nothing is there. 0: the end; 1: look again; -errno. */
static int
wait_for_message(struct unix_sock *u, nsec_t deadline)
{
	int err = sock_take_error(&u->s);
	if (err != 0)
		return err;
	if (unix_shut(u) & SOCK_SHUT_RD) {
		if (unix_first(u) != NULL)
			return 1;
		return unix_is_connection(u) || deadline != 0 ? 0 : -EAGAIN;
	}
	err = sock_wait(&u->s, SOCK_READ_EVENTS, deadline, 0,
		unix_first(u) != NULL || (unix_shut(u) & SOCK_SHUT_RD) != 0 ||
			atomic_load_explicit(&u->s.error, memory_order_acquire) != 0);
	return err != 0 ? err : 1;
}

/* Gives a message's bytes and what came along to the caller. Bytes, or with MSG_TRUNC its length; -EFAULT, -ENOMEM. */
static ssize_t
give(struct unix_sock *u, struct unix_msg *m, struct sock_msg *msg)
{
	struct scm_rights *rights = m->rights;
	uint32_t n = (uint32_t)min((size_t)m->len, msg->iter->count);
	if (n < m->len)
		msg->out_flags |= MSG_TRUNC;
	if (unix_msg_copy(m, 0, n, msg->iter) != n)
		return -EFAULT;
	if (rights != NULL && (msg->flags & MSG_PEEK)) {
		rights = rights_copy(rights);
		if (rights == NULL)
			return -ENOMEM;
	} else {
		m->rights = NULL;
	}
	if (msg->addr != NULL)
		unix_fill_name(unix_is_connection(u) ? unix_peer(u) : m->sender, msg->addr);
	if (unlikely(wants_stamps(u)) && msg->cmsg != NULL) {
		if (m->stamp == 0) /* sent before anybody asked */
			m->stamp = time_realtime();
		sock_put_timestamp(&u->s, m->stamp, msg->cmsg);
	}
	if (msg->cmsg != NULL || rights != NULL)
		unix_cmsg_deliver(u, msg, &m->creds, rights);
	return (msg->flags & MSG_TRUNC) ? (ssize_t)m->len : (ssize_t)n;
}

ssize_t
unix_dgram_recv(struct sock *s, struct sock_msg *msg)
{
	struct unix_sock *u = unix_of(s);
	const bool peek = (msg->flags & MSG_PEEK) != 0;
	nsec_t deadline = sock_deadline(s->rcvtimeo, msg->flags);
	if (unix_is_connection(u) && unix_state(u) != UNIX_CONNECTED)
		return -ENOTCONN;
	if (msg->flags & (MSG_OOB | MSG_ERRQUEUE))
		return (msg->flags & MSG_OOB) ? -EOPNOTSUPP : -EAGAIN;
	if (msg->addr != NULL)
		msg->addr->len = 0;
	for (;;) {
		bool was = true;
		mutex_lock(&s->read_lock);
		if (unix_is_connection(u) && unix_peer(u) != NULL)
			was = unix_writable(unix_peer(u));
		struct unix_msg *m = take_first(u, peek);
		ssize_t n = m != NULL ? give(u, m, msg) : 0;
		mutex_unlock(&s->read_lock);
		if (m != NULL && !peek) {
			unix_msg_free(m);
			tell_room(u, was);
		}
		if (m != NULL)
			return n;
		int err = wait_for_message(u, deadline);
		if (err <= 0)
			return err;
	}
}
