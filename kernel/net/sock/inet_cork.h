/* SPDX-License-Identifier: MIT */
/*
 * Corks: a datagram that is made by several sends (MSG_MORE, UDP_CORK), of UDP and raw sockets. Where it goes is what the
 * first of them said.
 *
 * A socket gets one when it first corks, and has it until it is closed. What is gathered is charged to the socket as
 * packets on their way are (charge.h). Lock order: inet_cork.lock (sleeping; held while user memory is copied), sock.lock.
 */
#ifndef NET_SOCK_INET_CORK_H
#define NET_SOCK_INET_CORK_H

#include "core/mutex.h"
#include "net/sock/inet.h"

struct inet_cork {
	struct mutex lock;
	struct pkt *pkt;      /* [lock] what there is so far; NULL: nothing was begun */
	struct inet_send out; /* [lock] where it goes; its route is held */
	_Atomic bool always;  /* UDP_CORK: as if each send said MSG_MORE */
};

/* The socket's cork, made if there is none yet; NULL: out of memory. May sleep. */
struct inet_cork *inet_cork_get(struct inet_cork *_Atomic *slot);
/* At the end of the socket: what was gathered is lost. Nobody sends any more. */
void inet_cork_drop(struct inet_cork *_Atomic *slot);
/*
 * Begins a datagram to *out, whose flow is complete but for what routes choose. 0, or why it cannot go there
 * (route_resolve()), -ENOBUFS. lock held.
 */
int inet_cork_begin(
	struct inet_sock *i, struct inet_cork *c, const struct inet_send *out) MUST_CHECK;
/*
 * Adds all of the bytes to what was begun, in front of which `header` bytes of a transport's, and IP's, will come. 0;
 * -EMSGSIZE, -ENOBUFS, -EFAULT: all that was gathered is lost, as on Linux. lock held; may sleep.
 */
int inet_cork_add(
	struct inet_sock *i, struct inet_cork *c, struct iter *from, uint32_t header) MUST_CHECK;
/* Ends the datagram: hands over its packet, owned by the socket; c->out says where it goes, its route is to be dropped. */
struct pkt *inet_cork_take(struct inet_sock *i, struct inet_cork *c);

static inline struct inet_cork *
inet_cork_peek(struct inet_cork *_Atomic *slot)
{
	return atomic_load_explicit(slot, memory_order_acquire);
}

/* Whether a send goes on with a datagram or begins one. */
static inline bool
inet_cork_wants(struct inet_cork *_Atomic *slot, uint32_t msg_flags)
{
	return unlikely((msg_flags & MSG_MORE) != 0 || inet_cork_peek(slot) != NULL);
}

#endif
