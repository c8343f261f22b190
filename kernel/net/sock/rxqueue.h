/* SPDX-License-Identifier: MIT */
/*
 * The receive queue of sockets that receive packet by packet (UDP, ping, raw, AF_PACKET): softirq adds, readers take
 * turns under read_lock and copy without sock.lock. What is queued is charged to the socket (charge.h).
 */
#ifndef NET_SOCK_RXQUEUE_H
#define NET_SOCK_RXQUEUE_H

#include "net/sock/charge.h"
#include "net/sock/sock.h"

struct sock_rxqueue {
	struct pkt_queue queue;  /* [sock.lock] */
	_Atomic uint32_t queued; /* [sock.lock to change] packets in it */
	_Atomic uint32_t drops;  /* for want of room */
};

static inline bool
sock_rxqueue_is_empty(const struct sock_rxqueue *q)
{
	return atomic_load_explicit((_Atomic uint32_t *)&q->queued, memory_order_acquire) == 0;
}

/* Adds p, if it fits: 0; else the reason to drop it, which is counted with the queue, and p is the caller's still. Under
 * sock.lock; sock_wake() is the caller's too, without it. */
static inline uint16_t
sock_rxqueue_add(struct sock *s, struct sock_rxqueue *q, struct pkt *p)
{
	uint16_t reason = sock_refuses_rcv(s, p->truesize);
	if (unlikely(reason != 0)) {
		atomic_fetch_add_explicit(&q->drops, 1, memory_order_relaxed);
		return reason;
	}
	sock_charge_rcv(s, p->truesize);
	pkt_queue_add(&q->queue, p);
	atomic_store_explicit(&q->queued, q->queue.count, memory_order_release);
	return 0;
}

/* Says what a packet's source and control messages are: msg->addr and msg->cmsg, where they are not NULL. */
typedef void sock_rxqueue_describe_fn(struct sock *s, const struct pkt *p, struct sock_msg *msg);

/*
 * recv: waits for a packet as msg->flags and rcvtimeo say, and takes it, or looks at it (MSG_PEEK). The bytes copied (with
 * MSG_TRUNC: the packet's), 0 also after the read half was shut down, or -errno; a pending error comes first. May sleep.
 */
ssize_t sock_rxqueue_recv(struct sock *s, struct sock_rxqueue *q, struct sock_msg *msg,
	sock_rxqueue_describe_fn *describe);
/* Length of the first packet; 0: none. FIONREAD. */
uint32_t sock_rxqueue_first_len(struct sock *s, struct sock_rxqueue *q);
/* Drops all, as delivered: the socket's end. sock.lock is held. */
void sock_rxqueue_purge(struct sock *s, struct sock_rxqueue *q);

#endif
