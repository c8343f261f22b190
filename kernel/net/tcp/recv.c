/* SPDX-License-Identifier: MIT */
/*
 * Reading. Readers take turns under read_lock and copy without sock.lock: what lies in the first rcv_avail bytes of the
 * queue does not change. What was copied is taken off the queue, and the window opened, under the lock afterwards.
 */
#include "net/sock/msg.h"
#include "net/sock/pktio.h"
#include "net/tcp/tcp_impl.h"

static uint32_t
available(const struct tcp_sock *t)
{
	return atomic_load_explicit((_Atomic uint32_t *)&t->rcv_avail, memory_order_acquire);
}

static bool
has_ended(const struct tcp_sock *t)
{
	return (__atomic_load_n(&t->i.s.shut, __ATOMIC_ACQUIRE) & SOCK_SHUT_RD) != 0;
}

static int32_t
pending_error(const struct tcp_sock *t)
{
	return atomic_load_explicit((_Atomic int32_t *)&t->i.s.error, memory_order_acquire);
}

/* One call's progress. */
struct reading {
	size_t done, target;
	uint32_t passed; /* bytes that a look passed over: the urgent one */
	nsec_t stamp;    /* when the last of them came, if that is known */
	bool peek, discard;
	bool stop; /* a fault, or the urgent mark */
};

/* Where in the queue it goes on. */
static uint32_t
ahead_of(const struct reading *r)
{
	return r->peek ? (uint32_t)r->done + r->passed : 0;
}

/* Copies n bytes, skip bytes behind the queue's beginning; read_lock held. Bytes; fewer at a fault. */
static uint32_t
copy(struct tcp_sock *t, uint32_t skip, uint32_t n, struct sock_msg *msg, nsec_t *stamp)
{
	struct pkt *p = __atomic_load_n(&t->rcv_first, __ATOMIC_RELAXED);
	uint32_t done = 0;
	while (done < n) {
		uint32_t at = tcp_recvq_consumed(p);
		uint32_t len = __atomic_load_n(&p->len, __ATOMIC_RELAXED) - at;
		if (skip >= len) {
			skip -= len;
		} else {
			uint32_t part = min(n - done, len - skip);
			uint32_t copied = pktio_copy(p, at + skip, part, msg->iter);
			skip = 0;
			*stamp = __atomic_load_n(&p->tstamp, __ATOMIC_RELAXED);
			done += copied;
			if (copied != part)
				break;
		}
		if (done < n)
			p = __atomic_load_n(&p->next, __ATOMIC_RELAXED);
	}
	return done;
}

/* When the byte came that lies so far behind the queue's beginning; read_lock held. */
static nsec_t
stamp_of(const struct tcp_sock *t, uint32_t at)
{
	struct pkt *p = __atomic_load_n(&t->rcv_first, __ATOMIC_RELAXED);
	at += tcp_recvq_consumed(p);
	while (at >= __atomic_load_n(&p->len, __ATOMIC_RELAXED)) {
		at -= __atomic_load_n(&p->len, __ATOMIC_RELAXED);
		p = __atomic_load_n(&p->next, __ATOMIC_RELAXED);
	}
	return __atomic_load_n(&p->tstamp, __ATOMIC_RELAXED);
}

/* n bytes were read, or are to be skipped: makes room for others. */
static void
consume(struct tcp_sock *t, uint32_t n)
{
	struct tcp_after after = {0};
	struct tcp_actions act = {0};
	spin_lock_bh(&t->i.s.lock);
	tcp_recvq_consume(t, n, &after);
	if (likely(t->e.hashed)) {
		struct tcp_env env = tcp_env_of(t);
		tcp_recvq_update_space(t);
		tcp_read(&t->c, &env, n, &act);
		if (unlikely(act.what != 0)) {
			if (act.what & TCP_DO_FIT) {
				tcp_recvq_fit(t, act.fit_to);
				tcp_recvq_update_space(t);
				act.what &= ~TCP_DO_FIT;
			}
			tcp_act(t, &env, &act, &after);
		}
	} else {
		t->c.read_seq += n;
	}
	tcp_unlock(&t->i.s);
	tcp_finish(t, &after);
}

/*
 * How many of n bytes lie before the urgent byte, which is not part of the stream unless SO_OOBINLINE says so. *skip:
 * it comes next and is to be passed over.
 */
static uint32_t
before_mark(struct tcp_sock *t, const struct reading *r, uint32_t ahead, uint32_t n, bool *skip)
{
	*skip = false;
	spin_lock_bh(&t->i.s.lock);
	bool inline_ = (atomic_load_explicit(&t->i.s.opts, memory_order_relaxed) &
			       SOCK_OPT_OOBINLINE) != 0;
	uint32_t distance = t->c.rcv_up - (t->c.read_seq + ahead);
	if ((t->c.flags & (TCPF_URG_IN | TCPF_URG_HERE)) == (TCPF_URG_IN | TCPF_URG_HERE)) {
		if (distance == 0 && !inline_ && r->done == 0) {
			*skip = true;
			if (!r->peek)
				t->urgent_valid = false;
		}
		if (distance == 0)
			n = inline_ && r->done == 0 ? n : 0;
		else if (distance < n)
			n = distance;
	}
	spin_unlock_bh(&t->i.s.lock);
	return n;
}

/* Reads what there is. 1: something, or the mark; 0: nothing there; -errno. read_lock held. */
static int
read_some(struct tcp_sock *t, struct sock_msg *msg, struct reading *r)
{
	uint32_t ahead = ahead_of(r), avail = available(t);
	uint32_t n = (uint32_t)min((size_t)(avail > ahead ? avail - ahead : 0), msg->iter->count);
	if (n == 0)
		return 0;
	if (unlikely(__atomic_load_n(&t->c.flags, __ATOMIC_RELAXED) & TCPF_URG_IN)) {
		bool skip;
		n = before_mark(t, r, ahead, n, &skip);
		if (skip) {
			if (r->peek)
				r->passed = 1;
			else
				consume(t, 1);
			return 1;
		}
		if (n == 0) {
			r->stop = true;
			return 1;
		}
	}
	uint32_t done = n;
	if (unlikely(r->discard)) {
		msg->iter->count -= n;
		r->stamp = stamp_of(t, ahead + n - 1);
	} else {
		done = copy(t, ahead, n, msg, &r->stamp);
		if (done < n)
			r->stop = true;
		if (done == 0)
			return r->done != 0 ? 1 : -EFAULT;
	}
	if (!r->peek)
		consume(t, done);
	r->done += done;
	return 1;
}

/* Whether there is something to be done about an empty queue but to wait. */
static bool
is_ready(const struct tcp_sock *t, uint32_t ahead)
{
	return available(t) > ahead || has_ended(t) || pending_error(t) != 0 ||
		tcp_state(t) == TCP_CLOSE;
}

/* Nothing is there. 0: return what there is; 1: look again; -errno. */
static int
wait_for_bytes(struct tcp_sock *t, const struct reading *r, nsec_t deadline)
{
	uint32_t ahead = ahead_of(r);
	if (r->done >= r->target && r->done != 0)
		return 0;
	if (r->done == 0) {
		int err = sock_take_error(&t->i.s);
		if (err != 0)
			return err;
	}
	if (has_ended(t) || tcp_state(t) == TCP_CLOSE) {
		if (available(t) > ahead)
			return 1; /* it came before the end did */
		bool was = __atomic_load_n(&t->call, __ATOMIC_RELAXED) != TCP_CALL_NONE;
		return was || has_ended(t) ? 0 : -ENOTCONN;
	}
	int err = sock_wait(&t->i.s, SOCK_READ_EVENTS, deadline, 0, is_ready(t, ahead));
	return err != 0 ? err : 1;
}

static ssize_t
recv_urgent(struct tcp_sock *t, struct sock_msg *msg)
{
	struct sock *s = &t->i.s;
	uint8_t byte = 0;
	int err = 0;
	spin_lock_bh(&s->lock);
	bool inline_ =
		(atomic_load_explicit(&s->opts, memory_order_relaxed) & SOCK_OPT_OOBINLINE) != 0;
	if (inline_ || (!(t->c.flags & TCPF_URG_IN) && !t->urgent_valid)) {
		err = -EINVAL;
	} else if (t->c.state == TCP_CLOSE && t->call == TCP_CALL_NONE) {
		err = -ENOTCONN;
	} else if (!t->urgent_valid) {
		err = (t->c.flags & TCPF_URG_HERE) ? -EINVAL
			: (s->shut & SOCK_SHUT_RD) ? 0
						   : -EAGAIN;
		if (err == 0)
			msg->iter->count = 0;
	} else {
		byte = t->urgent_byte;
		if (!(msg->flags & MSG_PEEK))
			t->urgent_valid = false;
	}
	spin_unlock_bh(&s->lock);
	if (err != 0)
		return err;
	msg->out_flags |= MSG_OOB;
	if (msg->iter->count == 0) {
		msg->out_flags |= MSG_TRUNC;
		return 0;
	}
	return iter_copy_to(msg->iter, &byte, 1) == 1 ? 1 : -EFAULT;
}

ssize_t
tcp_recv(struct sock *s, struct sock_msg *msg)
{
	struct tcp_sock *t = tcp_of(s);
	if (unlikely(msg->addr != NULL))
		msg->addr->len = 0; /* a stream's bytes have no source of their own */
	if (unlikely(msg->flags & (MSG_ERRQUEUE | MSG_OOB)))
		return (msg->flags & MSG_ERRQUEUE) ? inet_recv_error(&t->i, msg)
						   : recv_urgent(t, msg);
	if (unlikely(tcp_state(t) == TCP_LISTEN))
		return -ENOTCONN;
	struct reading r = {
		.target = (msg->flags & MSG_WAITALL) ? msg->iter->count
						     : min((size_t)s->rcvlowat, msg->iter->count),
		.peek = (msg->flags & MSG_PEEK) != 0,
		.discard = (msg->flags & MSG_TRUNC) != 0,
	};
	nsec_t deadline = sock_deadline(s->rcvtimeo, msg->flags);
	int err = available(t) != 0 ? 1 : wait_for_bytes(t, &r, deadline);
	while (err == 1 && msg->iter->count != 0 && !r.stop) {
		mutex_lock(&s->read_lock);
		do
			err = read_some(t, msg, &r);
		while (err == 1 && msg->iter->count != 0 && !r.stop);
		mutex_unlock(&s->read_lock);
		if (err == 0)
			err = wait_for_bytes(t, &r, deadline);
	}
	if (unlikely(r.stamp != 0) && r.done != 0 && msg->cmsg != NULL)
		sock_put_timestamp(s, r.stamp, msg->cmsg);
	return r.done != 0 || err >= 0 ? (ssize_t)r.done : err;
}
