/* SPDX-License-Identifier: MIT */
/*
 * The memory that sockets hold. It is charged twice, at its true size (descriptors, whole pages): to the socket, against
 * rcvbuf and sndbuf, and to the stack, where net_stack.memory_limit bounds what all of its sockets hold together. What
 * is charged is held and what is held is charged: at the end of all sockets the stack's charge is 0.
 *
 * The stack's charge is kept per CPU, in single atomic words, and flows into net_stack.memory in large pieces: any
 * context may change it. Whoever makes a socket hold more asks net_memory_is_short() first, so that the limit is
 * passed by no more than what is under way at that moment. It refuses with -ENOBUFS, or drops with
 * NET_DROP_MEMORY_LIMIT; whoever cannot refuse charges all the same.
 *
 * What a socket holds, and how it is charged:
 *  - its receive queue: sock_charge_rcv(), sock_uncharge_rcv(), under its lock;
 *  - packets on their way for it, in a neighbour's or a device's queue: struct pkt's owner. A datagram's sender sets it,
 *    whoever lets the packet wait calls pkt_hold(), and pkt_free() gives the charge back and wakes writers;
 *  - a stream's queues, whose sizes rcv_used and snd_used its family adds up under its lock: sock_account() before the
 *    lock is let go. Its packets have no owner, since the queue holds what they share.
 */
#ifndef NET_SOCK_CHARGE_H
#define NET_SOCK_CHARGE_H

#include "net/net.h"
#include "net/pkt.h"
#include "net/sock/sock.h"

#define NET_MEMORY_BATCH (64 * 1024) /* bytes that one CPU keeps to itself */

void net_memory_flush(struct net_stack *net, _Atomic int64_t *own, int64_t n);
/* Exactly what is charged now. */
int64_t net_memory_held(struct net_stack *net);
bool net_memory_is_short_exactly(struct net_stack *net);

/* Charges n bytes, or takes them off again (n < 0). */
static inline void
net_memory_add(struct net_stack *net, int64_t n)
{
	_Atomic int64_t *own = &net->counters[this_cpu()->id].memory;
	int64_t sum = atomic_fetch_add_explicit(own, n, memory_order_relaxed) + n;
	if (unlikely(sum >= NET_MEMORY_BATCH || sum <= -NET_MEMORY_BATCH))
		net_memory_flush(net, own, sum);
}

/* Whether no socket may hold more. */
static inline bool
net_memory_is_short(struct net_stack *net)
{
	int64_t known = atomic_load_explicit(&net->memory, memory_order_relaxed);
	int64_t limit = atomic_load_explicit(&net->memory_limit, memory_order_relaxed);
	return unlikely(known + (int64_t)cpu_count * NET_MEMORY_BATCH >= limit) &&
		net_memory_is_short_exactly(net);
}

/* For what is about to be received: whether n more bytes fit rcvbuf and the stack. 0, or the reason to drop it. */
static inline uint16_t
sock_refuses_rcv(const struct sock *s, uint32_t n)
{
	if (unlikely(s->rcv_used + n > s->rcvbuf))
		return NET_DROP_SOCKET_FULL;
	return net_memory_is_short(s->net) ? NET_DROP_MEMORY_LIMIT : 0;
}

/* s->lock is held. */
static inline void
sock_charge_rcv(struct sock *s, uint32_t n)
{
	s->rcv_used += n;
	net_memory_add(s->net, n);
}

static inline void
sock_uncharge_rcv(struct sock *s, uint32_t n)
{
	s->rcv_used -= n;
	net_memory_add(s->net, -(int64_t)n);
}

/* Brings the stack's charge to rcv_used + snd_used; s->lock is held. */
static inline void
sock_account(struct sock *s)
{
	uint32_t held = s->rcv_used + s->snd_used;
	if (held == s->accounted)
		return;
	net_memory_add(s->net, (int64_t)held - s->accounted);
	s->accounted = held;
}

/* --- Senders of datagrams --- */

/* Bytes of its packets that are on their way: SIOCOUTQ. */
static inline uint32_t
sock_in_flight(const struct sock *s)
{
	return atomic_load_explicit((_Atomic uint32_t *)&s->in_flight, memory_order_acquire);
}

/* Whether poll says that it may be written to. A send itself only waits while nothing at all may go. */
static inline bool
sock_is_writable(const struct sock *s)
{
	return (uint64_t)sock_in_flight(s) * 2 <= __atomic_load_n(&s->sndbuf, __ATOMIC_RELAXED);
}

static inline bool
sock_has_room(const struct sock *s)
{
	return sock_in_flight(s) < __atomic_load_n(&s->sndbuf, __ATOMIC_RELAXED);
}

/*
 * Waits, as msg_flags and sndtimeo say, until one more datagram may go. 0; -EAGAIN, -ERESTARTSYS, -EINTR; -ENOBUFS: the
 * stack's sockets hold too much; a pending error; -EPIPE: it was shut down meanwhile. No lock is held.
 */
int sock_wait_to_send_slowly(struct sock *s, uint32_t msg_flags) MUST_CHECK;

MUST_CHECK static inline int
sock_wait_to_send(struct sock *s, uint32_t msg_flags)
{
	if (likely(sock_has_room(s) && !net_memory_is_short(s->net)))
		return 0;
	return sock_wait_to_send_slowly(s, msg_flags);
}

#endif
