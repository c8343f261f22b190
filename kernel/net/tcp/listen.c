/* SPDX-License-Identifier: MIT */
/* Listeners: found, made, asked for connections, stopped. */
#include "mm/slab.h"
#include "net/ip/port_match.h"
#include "net/tcp/listen_impl.h"

/* --- Finding --- */

/* How well a listener fits a packet; 0: not at all. */
static uint32_t
score_of(const struct tcp_sock *t, const struct net_flow *packet)
{
	struct port_match m = {.flow = t->e.flow,
		.ipv6 = t->i.s.family == AF_INET6,
		.v6only = inet_has(&t->i, INET_V6ONLY)};
	return port_match_score(&m, packet, true);
}

/* The best, and of several equal ones that share the port the one that the flow's hash falls to. */
struct tcp_sock *
tcp_find_listener(struct net_stack *net, const struct net_flow *flow)
{
	const struct net_hash_buckets *b = net_hash_read(&net->tcp->listeners);
	uint32_t hash = tcp_listen_hash(flow->local_port);
	struct port_choice choice = {0};
	net_hash_for_chain(b, n, hash)
	{
		struct tcp_sock *t = container_of(n, struct tcp_sock, listen_node);
		port_choice_see(&choice, t, score_of(t, flow), tcp_shares_port(t));
	}
	if (!port_choice_is_open(&choice))
		return choice.found;
	port_choice_begin(&choice, tcp_hash_flow(net, flow));
	net_hash_for_chain(b, n, hash)
	{
		struct tcp_sock *t = container_of(n, struct tcp_sock, listen_node);
		if (port_choice_falls_to(&choice, score_of(t, flow), tcp_shares_port(t)))
			return t;
	}
	return choice.found;
}

uint32_t
tcp_listener_ready(const struct tcp_sock *t)
{
	epoch_enter();
	const struct tcp_listener *l = tcp_listener_of(t);
	uint32_t n = l == NULL ? 0 : tcp_listener_read(&l->ready);
	epoch_exit();
	return n;
}

uint32_t
tcp_listener_backlog(const struct tcp_sock *t)
{
	epoch_enter();
	const struct tcp_listener *l = tcp_listener_of(t);
	uint32_t n = l == NULL ? 0 : l->backlog;
	epoch_exit();
	return n;
}

/* --- The calls --- */

static struct tcp_listener *
create(void)
{
	struct tcp_listener *l = kzalloc(sizeof(*l));
	if (l == NULL)
		return NULL;
	spin_init(&l->lock, "tcp.listener");
	list_init(&l->halves);
	return l;
}

static int
start_listening(struct tcp_sock *t, uint32_t backlog)
{
	struct sock *s = &t->i.s;
	struct net_stack *net = s->net;
	int err = 0;
	tcp_wait_for_readers(t);
	tcp_port_set_flags(net, &t->owner, tcp_owner_flags(t));
	if (t->e.flow.local_port == 0) {
		struct net_addr local = t->e.flow.local;
		err = tcp_port_claim(net, &t->owner, &t->e.flow, &local, 0, s->bound_if);
	}
	if (err == 0)
		err = tcp_port_listen(net, &t->owner);
	if (err != 0)
		return err;
	struct tcp_listener *l = create();
	if (l == NULL) {
		tcp_port_unlisten(net, &t->owner);
		return -ENOBUFS;
	}
	atomic_init(&l->backlog, backlog);
	t->was_found = true;
	spin_lock_bh(&s->lock);
	__atomic_store_n(&s->shut, (uint8_t)0, __ATOMIC_RELEASE);
	__atomic_store_n(&t->listener, l, __ATOMIC_RELEASE);
	__atomic_store_n(&t->c.state, (uint8_t)TCP_LISTEN, __ATOMIC_RELEASE);
	tcp_recvq_update_space(t);
	spin_unlock_bh(&s->lock);
	spin_lock_bh(&net->tcp->port_lock);
	net_hash_add(&net->tcp->listeners, &t->listen_node, tcp_listen_hash(t->e.flow.local_port));
	spin_unlock_bh(&net->tcp->port_lock);
	return 0;
}

int
tcp_listen(struct sock *s, int backlog)
{
	struct tcp_sock *t = tcp_of(s);
	uint32_t most = s->net->core.somaxconn;
	uint32_t n = min((uint32_t)backlog, most);
	int err = 0;
	mutex_lock(&t->user_lock);
	if (tcp_state(t) == TCP_LISTEN)
		atomic_store_explicit(&t->listener->backlog, n, memory_order_relaxed);
	else if (tcp_state(t) != TCP_CLOSE || t->call != TCP_CALL_NONE)
		err = -EINVAL;
	else
		err = start_listening(t, n);
	mutex_unlock(&t->user_lock);
	return err;
}

/* The first that waits to be accepted. NULL: none. */
static struct tcp_sock *
take_child(struct tcp_sock *t)
{
	struct tcp_sock *child = NULL;
	bh_disable();
	struct tcp_listener *l = tcp_listener_of(t);
	if (l != NULL) {
		spin_lock(&l->lock);
		child = l->first;
		if (child != NULL) {
			l->first = child->accept_next;
			if (l->first == NULL)
				l->last = NULL;
			tcp_listener_count(&l->pending, -1);
			tcp_listener_count(&l->ready, -1);
		}
		spin_unlock(&l->lock);
	}
	bh_enable();
	return child;
}

int
tcp_accept(struct sock *s, uint32_t flags, struct sock **out)
{
	struct tcp_sock *t = tcp_of(s), *child;
	*out = NULL;
	if (tcp_state(t) != TCP_LISTEN)
		return -EINVAL;
	nsec_t deadline = sock_deadline(s->rcvtimeo, (flags & O_NONBLOCK) ? MSG_DONTWAIT : 0);
	while ((child = take_child(t)) == NULL) {
		if (tcp_state(t) != TCP_LISTEN)
			return -EINVAL;
		int err = sock_wait(s, SOCK_READ_EVENTS, deadline, WAITER_EXCLUSIVE,
			tcp_listener_ready(t) != 0 || tcp_state(t) != TCP_LISTEN);
		if (err != 0)
			return err;
	}
	/* The wake-up may have been for one; who else waits may find the next connection. */
	if (tcp_listener_ready(t) != 0)
		wake_one(&s->wait, POLLIN | POLLRDNORM);
	*out = &child->i.s;
	return 0;
}

/* --- Stopping --- */

static void
free_listener(struct epoch_head *head)
{
	kfree(container_of(head, struct tcp_listener, epoch));
}

void
tcp_listener_stop(struct tcp_sock *t)
{
	struct sock *s = &t->i.s;
	struct net_stack *net = s->net;
	struct tcp_listener *l = t->listener;
	spin_lock_bh(&net->tcp->port_lock);
	net_hash_remove(&net->tcp->listeners, &t->listen_node);
	spin_unlock_bh(&net->tcp->port_lock);
	bh_disable();
	spin_lock(&l->lock);
	l->closed = true;
	struct tcp_sock *children = l->first;
	l->first = l->last = NULL;
	atomic_store_explicit(&l->ready, 0, memory_order_relaxed);
	spin_unlock(&l->lock);
	tcp_migrate_halves(t, l);
	tcp_migrate_children(t, children);
	bh_enable();
	spin_lock_bh(&s->lock);
	__atomic_store_n(&t->listener, NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&t->c.state, (uint8_t)TCP_CLOSE, __ATOMIC_RELEASE);
	spin_unlock_bh(&s->lock);
	tcp_port_unlisten(net, &t->owner);
	if (!t->bound_by_user) {
		tcp_wait_for_readers(t);
		tcp_port_release(net, &t->owner);
		t->e.flow.local_port = 0;
	}
	epoch_call(&l->epoch, free_listener);
}
