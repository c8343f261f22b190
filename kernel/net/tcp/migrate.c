/* SPDX-License-Identifier: MIT */
/*
 * A listener closes: another one of the same SO_REUSEPORT group takes over the connections that are half open and those
 * that wait to be accepted; without one, they end.
 */
#include "net/tcp/listen_impl.h"

struct tcp_sock *
tcp_successor(const struct tcp_sock *t, const struct net_flow *flow)
{
	struct tcp_sock *to = tcp_shares_port(t) ? tcp_find_listener(t->i.s.net, flow) : NULL;
	return to != NULL && tcp_shares_port(to) ? to : NULL;
}

/* Puts a half-open connection of a closed listener on another's list. false: that one has closed too. */
static bool
move_half(struct tcp_half *h, struct tcp_sock *to)
{
	struct tcp_listener *l = tcp_listener_of(to);
	if (l == NULL)
		return false;
	spin_lock(&l->lock);
	bool open = !l->closed;
	if (open) {
		list_add_tail(&l->halves, &h->node);
		tcp_listener_count(&l->nr_halves, 1);
		atomic_store_explicit(&h->listener, to, memory_order_relaxed);
		atomic_store_explicit(&h->moving, false, memory_order_release);
	}
	spin_unlock(&l->lock);
	return open;
}

void
tcp_migrate_halves(struct tcp_sock *t, struct tcp_listener *l)
{
	struct net_stack *net = t->i.s.net;
	for (;;) {
		spin_lock(&l->lock);
		if (list_empty(&l->halves)) {
			spin_unlock(&l->lock);
			return;
		}
		struct tcp_half *h = container_of(l->halves.next, struct tcp_half, node);
		struct tcp_sock *to = tcp_successor(t, &h->e.flow);
		if (to == NULL) {
			tcp_half_end(h, l, net);
			spin_unlock(&l->lock);
			continue;
		}
		/* Off this list; until it is on another, lock_listener() waits. */
		atomic_store_explicit(&h->moving, true, memory_order_relaxed);
		list_del(&h->node);
		tcp_listener_count(&l->nr_halves, -1);
		spin_unlock(&l->lock);
		if (move_half(h, to)) {
			net_count(net, NET_TCP_MIGRATED);
			continue;
		}
		spin_lock(&l->lock);
		list_add_tail(&l->halves, &h->node);
		tcp_listener_count(&l->nr_halves, 1);
		atomic_store_explicit(&h->moving, false, memory_order_relaxed);
		spin_unlock(&l->lock);
	}
}

void
tcp_migrate_children(struct tcp_sock *t, struct tcp_sock *child)
{
	for (struct tcp_sock *next; child != NULL; child = next) {
		next = child->accept_next;
		tcp_child_migrate(t, child);
	}
}
