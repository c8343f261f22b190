/* SPDX-License-Identifier: MIT */
/* Connections whose handshake was completed: their sockets, and the queue from which they are accepted. */
#include "net/tcp/listen_impl.h"

/* A socket of the connection, in the place of h (or of nothing) in the table. NULL: no memory, or it is there. */
struct tcp_sock *
tcp_child_make(struct tcp_sock *listener, struct tcp_half *h, const struct net_flow *flow,
	const struct tcp_request *r)
{
	struct net_stack *net = listener->i.s.net;
	struct tcp_sock *child = tcp_sock_for(listener, flow);
	if (child == NULL)
		return NULL;
	/* Nobody else knows it yet: its lock is not needed. */
	bool way = tcp_tx_route(child) == 0;
	struct tcp_env env = tcp_env_of(child);
	tcp_conn_from_request(&child->c, &env, r);
	sock_get(&child->i.s); /* the table's */
	/* Before it is in the table, where it may end as soon as it is found. */
	tcp_port_share(net, &child->owner, &listener->owner);
	bool there = way &&
		(h != NULL ? tcp_table_replace(net, &h->e, &child->e)
			   : tcp_table_add(net, &child->e));
	if (!there) {
		tcp_port_release(net, &child->owner);
		sock_put(&child->i.s);
		sock_put(&child->i.s);
		return NULL;
	}
	net_count(net, NET_TCP_PASSIVE_OPENS);
	return child;
}

/* flags of enqueue() */
#define COUNTED 1u /* it is among l->pending already */

/* false: t has stopped listening. */
static bool
enqueue(struct tcp_sock *t, struct tcp_sock *child, uint32_t flags)
{
	struct tcp_listener *l = tcp_listener_of(t);
	if (l == NULL)
		return false;
	spin_lock(&l->lock);
	bool open = !l->closed;
	if (open) {
		child->accept_next = NULL;
		if (l->last == NULL)
			l->first = child;
		else
			l->last->accept_next = child;
		l->last = child;
		if ((flags & COUNTED) == 0)
			tcp_listener_count(&l->pending, 1);
		tcp_listener_count(&l->ready, 1);
	}
	spin_unlock(&l->lock);
	if (open)
		sock_wake(&t->i.s, POLLIN | POLLRDNORM);
	return open;
}

void
tcp_child_queue(struct tcp_sock *t, struct tcp_sock *child)
{
	if (!enqueue(t, child, COUNTED))
		tcp_child_migrate(t, child);
}

void
tcp_child_migrate(struct tcp_sock *t, struct tcp_sock *child)
{
	struct tcp_sock *to;
	while ((to = tcp_successor(t, &child->e.flow)) != NULL) {
		if (enqueue(to, child, 0)) {
			net_count(child->i.s.net, NET_TCP_MIGRATED);
			return;
		}
	}
	tcp_abandon(child);
}

/* The child processes what completed its handshake, then waits to be accepted. p is taken over. */
void
tcp_child_start(
	struct tcp_sock *t, struct tcp_sock *child, const struct tcp_segment *seg, struct pkt *p)
{
	if (!tcp_rx_sock(child, seg, p))
		pkt_drop(t->i.s.net, p, NET_DROP_TCP_CLOSED);
	tcp_child_queue(t, child);
}
