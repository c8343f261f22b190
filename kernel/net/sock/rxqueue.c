/* SPDX-License-Identifier: MIT */
#include "net/sock/rxqueue.h"

#include "core/softirq.h"
#include "net/sock/msg.h"
#include "net/sock/pktio.h"

/* The first packet, taken off the queue and the charge, or (peek) left there; read_lock is held. */
static struct pkt *
take_first(struct sock *s, struct sock_rxqueue *q, bool peek)
{
	spin_lock_bh(&s->lock);
	struct pkt *p = peek ? q->queue.first : pkt_queue_take(&q->queue);
	if (p != NULL && !peek)
		sock_uncharge_rcv(s, p->truesize);
	atomic_store_explicit(&q->queued, q->queue.count, memory_order_release);
	spin_unlock_bh(&s->lock);
	return p;
}

static bool
is_shut(const struct sock *s)
{
	return (__atomic_load_n(&s->shut, __ATOMIC_ACQUIRE) & SOCK_SHUT_RD) != 0;
}

/* 0: the end; 1: look now; -errno. */
static int
wait_for_packet(struct sock *s, struct sock_rxqueue *q, nsec_t deadline)
{
	int err = sock_take_error(s);
	if (err != 0)
		return err;
	if (!sock_rxqueue_is_empty(q))
		return 1;
	if (is_shut(s))
		return 0;
	err = sock_wait(s, SOCK_READ_EVENTS, deadline, 0,
		!sock_rxqueue_is_empty(q) || is_shut(s) ||
			atomic_load_explicit(&s->error, memory_order_acquire) != 0);
	return err != 0 ? err : 1;
}

static ssize_t
give(struct sock *s, const struct pkt *p, struct sock_msg *msg, sock_rxqueue_describe_fn *describe)
{
	uint32_t n = (uint32_t)min((size_t)p->len, msg->iter->count);
	if (n < p->len)
		msg->out_flags |= MSG_TRUNC;
	if (pktio_copy(p, 0, n, msg->iter) != n)
		return -EFAULT;
	if (msg->addr != NULL || msg->cmsg != NULL)
		describe(s, p, msg);
	return (msg->flags & MSG_TRUNC) ? (ssize_t)p->len : (ssize_t)n;
}

ssize_t
sock_rxqueue_recv(struct sock *s, struct sock_rxqueue *q, struct sock_msg *msg,
	sock_rxqueue_describe_fn *describe)
{
	const bool peek = (msg->flags & MSG_PEEK) != 0;
	nsec_t deadline = sock_deadline(s->rcvtimeo, msg->flags);
	for (;;) {
		int err = wait_for_packet(s, q, deadline);
		if (err <= 0)
			return err;
		mutex_lock(&s->read_lock);
		struct pkt *p = take_first(s, q, peek);
		ssize_t n = p != NULL ? give(s, p, msg, describe) : 0;
		mutex_unlock(&s->read_lock);
		if (p == NULL)
			continue;
		if (!peek)
			pkt_free(p);
		return n;
	}
}

uint32_t
sock_rxqueue_first_len(struct sock *s, struct sock_rxqueue *q)
{
	spin_lock_bh(&s->lock);
	uint32_t n = q->queue.first != NULL ? q->queue.first->len : 0;
	spin_unlock_bh(&s->lock);
	return n;
}

void
sock_rxqueue_purge(struct sock *s, struct sock_rxqueue *q)
{
	if (q->queue.truesize != 0)
		sock_uncharge_rcv(s, q->queue.truesize);
	pkt_queue_purge(&q->queue);
	atomic_store_explicit(&q->queued, 0, memory_order_release);
}
