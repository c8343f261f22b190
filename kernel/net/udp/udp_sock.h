/* SPDX-License-Identifier: MIT */
/*
 * UDP and ping sockets: the upper half. What a datagram's way through IP is: udp.h; what options mean: sock/inet.h.
 *
 * Locks: sock.lock with bottom halves off guards the queue and the binding; softirq delivers under it. Readers take
 * turns under read_lock and copy to the caller's memory without sock.lock. The socket is freed a grace period after it
 * has left the tables.
 */
#ifndef NET_UDP_UDP_SOCK_H
#define NET_UDP_UDP_SOCK_H

#include "net/sock/inet.h"
#include "net/sock/inet_cork.h"
#include "net/sock/rxqueue.h"
#include "net/udp/udp.h"

struct udp_sock {
	struct inet_sock i; /* first */
	struct udp_end end;
	enum udp_kind kind; /* [I] */
	struct sock_rxqueue rx;
	struct inet_cork *_Atomic cork; /* MSG_MORE, UDP_CORK */
	uint16_t gso_size;              /* UDP_SEGMENT */
	bool closed;                    /* [lock] */
	bool port_was_bound;            /* [lock] bind() named it: it stays when the peer goes */
	struct net_addr bound_local;    /* [lock] what bind() named, or any address */
	struct epoch_head epoch;
};

void udp_sock_init(void);
/* A socket; -ENOMEM. */
int udp_sock_create(struct net_stack *net, uint16_t family, enum udp_kind kind, int protocol,
	struct sock **out);

/* udp_data.c: sending and receiving. */
ssize_t udp_sock_send(struct sock *s, struct sock_msg *msg);
/* UDP_CORK; taken away, what was gathered goes out. 0, -ENOBUFS. May sleep. */
int udp_sock_cork(struct udp_sock *u, bool on) MUST_CHECK;
ssize_t udp_sock_recv(struct sock *s, struct sock_msg *msg);
void udp_sock_deliver(struct udp_end *end, struct pkt *p);
void udp_sock_error(struct udp_end *end, const struct ip_error *e);
/* Binds to any address and an ephemeral port unless it is bound. lock held. */
int udp_sock_autobind(struct udp_sock *u);

static inline bool
udp_sock_is_corked(struct udp_sock *u)
{
	struct inet_cork *c = inet_cork_peek(&u->cork);
	return c != NULL && atomic_load_explicit(&c->always, memory_order_relaxed);
}

static inline struct udp_sock *
udp_of(struct sock *s)
{
	return container_of(s, struct udp_sock, i.s);
}

#endif
