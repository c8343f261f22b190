/* SPDX-License-Identifier: MIT */
/*
 * Between the files of listeners: the listener (listen.c), connections that are half open (half.c), SYN cookies
 * (cookie.c), children (child.c), and what becomes of them when a listener closes (migrate.c).
 */
#ifndef NET_TCP_LISTEN_IMPL_H
#define NET_TCP_LISTEN_IMPL_H

#include "net/tcp/tcp_impl.h"

struct tcp_listener {
	struct spinlock lock;
	struct list_node halves;       /* [lock] struct tcp_half */
	_Atomic uint32_t nr_halves;    /* [lock to change] */
	_Atomic uint32_t pending;      /* [lock to change] children made and not accepted yet */
	_Atomic uint32_t backlog;      /* of pending, at most */
	struct tcp_sock *first, *last; /* [lock] to be accepted */
	_Atomic uint32_t ready;        /* [lock to change] how many those are */
	bool closed;                   /* [lock] */
	struct epoch_head epoch;
};

/* A connection that is half open: in the table of connections, and on its listener's list. */
struct tcp_half {
	struct tcp_entry e;                /* first */
	struct tcp_request r;              /* [listener's lock] */
	struct tcp_sock *_Atomic listener; /* changes under the lock of the one that it comes to */
	struct list_node node;             /* [listener's lock] */
	struct wheel_timer timer;
	struct epoch_head epoch;
	bool gone; /* [listener's lock] */
	/* From one listener to another: set under the lock of the one that it leaves, cleared after listener has changed. */
	_Atomic bool moving;
	uint8_t tos;
	uint8_t defer_rounds; /* TCP_DEFER_ACCEPT: SYN-ACKs to be sent before a bare ACK counts */
};
_Static_assert(sizeof(struct tcp_half) <= 256, "floods make many");

static inline uint32_t
tcp_listen_hash(uint16_t port)
{
	return (uint32_t)port * 2654435761u;
}

/* What it listens with; NULL once it has stopped. Epoch. */
static inline struct tcp_listener *
tcp_listener_of(const struct tcp_sock *t)
{
	return __atomic_load_n(&t->listener, __ATOMIC_ACQUIRE);
}

/* Changes a count of a listener's whose lock is held: others only read it. */
static inline void
tcp_listener_count(_Atomic uint32_t *count, int32_t n)
{
	uint32_t now = atomic_load_explicit(count, memory_order_relaxed) + (uint32_t)n;
	atomic_store_explicit(count, now, memory_order_release);
}

static inline uint32_t
tcp_listener_read(const _Atomic uint32_t *count)
{
	return atomic_load_explicit((_Atomic uint32_t *)count, memory_order_acquire);
}

static inline bool
tcp_shares_port(const struct tcp_sock *t)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&t->i.s.opts, memory_order_relaxed) &
		       SOCK_OPT_REUSEPORT) != 0;
}

/* Whether the queue of connections to be accepted has room for one more. Listener's lock held. */
static inline bool
tcp_listener_has_room(const struct tcp_listener *l)
{
	return tcp_listener_read(&l->pending) <= tcp_listener_read(&l->backlog);
}

/* half.c */
void tcp_half_init_cache(void);
/* It is over, or a child takes its place in the table. Listener's lock held. */
void tcp_half_end(struct tcp_half *h, struct tcp_listener *l, struct net_stack *net);
/* What the listener's sockets will offer, on the way that a packet's flow takes; all but iss, which a cookie replaces. */
struct tcp_request_config tcp_request_config_of(
	const struct tcp_sock *t, const struct net_flow *flow, const struct pkt *p);

/* child.c. Softirq or bottom halves off. */
/* A socket of the connection, in the place of h (or of nothing) in the table. NULL: no memory, or it is there. */
struct tcp_sock *tcp_child_make(struct tcp_sock *listener, struct tcp_half *h,
	const struct net_flow *flow, const struct tcp_request *r);
/* The child processes what completed its handshake, then waits to be accepted. p is taken over. */
void tcp_child_start(
	struct tcp_sock *t, struct tcp_sock *child, const struct tcp_segment *seg, struct pkt *p);
/* It is to be accepted, from t or if that has stopped from its successor; its reference goes to the queue. */
void tcp_child_queue(struct tcp_sock *t, struct tcp_sock *child);
/* t has stopped: its successor gets the child, or nobody, and it ends. */
void tcp_child_migrate(struct tcp_sock *t, struct tcp_sock *child);

/* cookie.c. Softirq. */
void tcp_cookie_send(struct tcp_sock *t, const struct net_flow *flow, const struct tcp_segment *seg,
	const struct tcp_request_config *config, uint8_t tos);
/* An ACK that nobody waits for: one of our cookies, perhaps. Whether p was taken over. */
bool tcp_cookie_input(struct tcp_sock *t, struct tcp_listener *l, const struct net_flow *flow,
	const struct tcp_segment *seg, struct pkt *p);

/* migrate.c: gives what a stopped listener had to others of its group, or ends it. Bottom halves off. */
/*
 * Another listener of t's group for a flow; NULL: there is none. It may have stopped by the time it is asked; whoever
 * finds that out asks again: a listener that has stopped was taken out of the table before, and is not found twice.
 */
struct tcp_sock *tcp_successor(const struct tcp_sock *t, const struct net_flow *flow);
void tcp_migrate_halves(struct tcp_sock *t, struct tcp_listener *l);
void tcp_migrate_children(struct tcp_sock *t, struct tcp_sock *first);

#endif
