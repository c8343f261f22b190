/* SPDX-License-Identifier: MIT */
/* connect(): a way, a port, a SYN; then waiting for what becomes of it. And back: connect(AF_UNSPEC). */
#include <string.h>

#include "net/sock/msg.h"
#include "net/tcp/tcp_impl.h"

#define ANY_LINK     1u /* a group is refused in any case, but not for this */
#define WRITE_EVENTS (POLLOUT | POLLWRNORM | POLLWRBAND)

void
tcp_wait_for_readers(struct tcp_sock *t)
{
	if (t->was_found)
		epoch_synchronize();
	t->was_found = false;
}

/* Back to what socket() made, but for options; what bind() chose is kept. After tcp_wait_for_readers(); lock held. */
static void
forget_peer(struct tcp_sock *t)
{
	struct tcp_conn old = t->c;
	tcp_sock_init_conn(t);
	tcp_options_copy(&t->c, &old);
	t->e.flow.local = t->bound_local;
	if (!t->bound_by_user)
		t->e.flow.local_port = 0;
	t->e.flow.remote = (struct net_addr){0};
	t->e.flow.remote_port = 0;
	t->e.flow.ifindex = t->i.s.bound_if;
	t->urgent_valid = false;
	__atomic_store_n(&t->call, (uint8_t)TCP_CALL_NONE, __ATOMIC_RELAXED);
	__atomic_store_n(&t->i.s.shut, (uint8_t)0, __ATOMIC_RELEASE);
}

/* The way to the peer and a local address; then the flow's place in the table. lock held. */
static int
find_way(struct tcp_sock *t, const struct inet_addr *a, uint32_t *min_iss)
{
	struct net_flow *flow = &t->e.flow, before = *flow;
	struct sock *s = &t->i.s;
	flow->remote = a->addr;
	flow->remote_port = a->port;
	if (flow->ifindex == 0)
		flow->ifindex = s->bound_if != 0 ? s->bound_if : a->scope;
	if (net_addr_is_any(&flow->local))
		flow->local = (struct net_addr){0};
	route_ref_drop(&t->i.ref);
	int err = tcp_tx_route(t);
	if (err == 0 && t->i.ref.type != ROUTE_TYPE_UNICAST && t->i.ref.type != ROUTE_TYPE_LOCAL)
		err = -ENETUNREACH;
	if (err == 0) {
		tcp_port_set_flags(s->net, &t->owner, tcp_owner_flags(t));
		err = tcp_port_connect(s->net, &t->owner, &t->e, min_iss);
	}
	if (err != 0) {
		*flow = before;
		route_ref_drop(&t->i.ref);
	}
	return err;
}

static int
start_connect(struct tcp_sock *t, const struct inet_addr *a)
{
	struct sock *s = &t->i.s;
	uint32_t min_iss = 0;
	tcp_wait_for_readers(t);
	t->was_found = true;
	spin_lock_bh(&s->lock);
	int err = find_way(t, a, &min_iss);
	if (err != 0) {
		spin_unlock_bh(&s->lock);
		return err;
	}
	sock_get(s); /* the table's */
	struct tcp_env env = tcp_env_of(t);
	uint32_t iss = tcp_secret_isn(s->net, &t->e.flow);
	if (min_iss != 0 && !tcp_seq_before(min_iss, iss))
		iss = min_iss + 1;
	__atomic_store_n(&t->call, (uint8_t)TCP_CALL_CONNECTING, __ATOMIC_RELAXED);
	atomic_store_explicit(&s->error, 0, memory_order_relaxed);
	__atomic_store_n(&s->shut, (uint8_t)0, __ATOMIC_RELEASE);
	tcp_recvq_update_space(t);
	tcp_connect(&t->c, &env, iss, tcp_secret_ts_offset(s->net, &t->e.flow),
		(uint32_t)((uint64_t)tcp_sysctl(s->net)->rmem[2] * t->rcv_ratio / 256));
	net_count(s->net, NET_TCP_ACTIVE_OPENS);
	tcp_push(t, &env);
	tcp_timer_update(t);
	spin_unlock_bh(&s->lock);
	return 0;
}

/* The connection, of whatever state, ends at once; the socket may be used anew. */
static int
disconnect(struct tcp_sock *t)
{
	struct sock *s = &t->i.s;
	struct tcp_after after = {.wake = SOCK_ALL_EVENTS}; /* who accepts or polls looks again */
	struct tcp_actions act;
	if (tcp_state(t) == TCP_LISTEN)
		tcp_listener_stop(t);
	mutex_lock(&s->read_lock);
	spin_lock_bh(&s->lock);
	struct tcp_env env = tcp_env_of(t);
	bool ends = t->e.hashed && t->c.state != TCP_LISTEN;
	if (t->e.hashed) {
		tcp_close(&t->c, &env, TCP_CLOSE_ABORT, &act);
		tcp_act(t, &env, &act, &after);
	}
	spin_unlock_bh(&s->lock);
	tcp_wait_for_readers(t);
	spin_lock_bh(&s->lock);
	if (!t->bound_by_user)
		tcp_port_release(s->net, &t->owner);
	tcp_recvq_purge(t);
	route_ref_drop(&t->i.ref);
	forget_peer(t);
	/* Who waited for the peer is told, as on Linux. */
	atomic_store_explicit(&s->error, ends ? ECONNRESET : 0, memory_order_relaxed);
	tcp_unlock(s);
	mutex_unlock(&s->read_lock);
	tcp_finish(t, &after);
	return 0;
}

static bool
is_opening(const struct tcp_sock *t)
{
	uint8_t state = tcp_state(t);
	return state == TCP_SYN_SENT || state == TCP_SYN_RECV;
}

/* Starts what connect() asks for. 0: wait for it; -errno. user_lock held. */
static int
connect_locked(struct tcp_sock *t, const struct inet_addr *a, bool *begun)
{
	switch (t->call) {
	case TCP_CALL_CONNECTED:
		return -EISCONN;
	case TCP_CALL_CONNECTING:
		return 0;
	default:
		break;
	}
	if (tcp_state(t) != TCP_CLOSE)
		return -EISCONN;
	*begun = true;
	return start_connect(t, a);
}

/* What became of it, once it is no longer opening. */
static int
connect_result(struct tcp_sock *t)
{
	struct sock *s = &t->i.s;
	int err = 0;
	mutex_lock(&t->user_lock);
	spin_lock_bh(&s->lock);
	if (t->call == TCP_CALL_CONNECTING && t->c.state == TCP_CLOSE) {
		spin_unlock_bh(&s->lock);
		tcp_wait_for_readers(t);
		spin_lock_bh(&s->lock);
	}
	if (t->call == TCP_CALL_CONNECTING) {
		if (t->c.state == TCP_CLOSE) {
			err = sock_take_error(s);
			if (err == 0)
				err = -ECONNABORTED;
			route_ref_drop(&t->i.ref);
			forget_peer(t);
		} else {
			__atomic_store_n(&t->call, (uint8_t)TCP_CALL_CONNECTED, __ATOMIC_RELAXED);
		}
	}
	spin_unlock_bh(&s->lock);
	mutex_unlock(&t->user_lock);
	return err;
}

int
tcp_sock_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags)
{
	struct tcp_sock *t = tcp_of(s);
	struct inet_addr a = {0};
	bool begun = false;
	if (addr->len < sizeof(addr->family))
		return -EINVAL;
	bool unspec = addr->family == AF_UNSPEC;
	int err = unspec ? 0 : inet_addr_decode_on_link(s, addr, ANY_LINK, &a);
	if (err != 0) /* what has a peer needs no address to refuse another */
		return t->call == TCP_CALL_CONNECTED || tcp_state(t) == TCP_LISTEN ? -EISCONN : err;
	inet_resolve_any(s, &a.addr);
	if (net_addr_is_multicast(&a.addr))
		return -ENETUNREACH;
	mutex_lock(&t->user_lock);
	err = unspec ? disconnect(t) : connect_locked(t, &a, &begun);
	mutex_unlock(&t->user_lock);
	if (unspec || err != 0)
		return err;
	/* Who does not wait is told that it is in progress even if it is over already: programs rely on one way. */
	if (begun && (flags & O_NONBLOCK))
		return -EINPROGRESS;
	if (is_opening(t)) {
		int late = begun ? -EINPROGRESS : -EALREADY;
		nsec_t deadline =
			sock_deadline(s->sndtimeo, (flags & O_NONBLOCK) ? MSG_DONTWAIT : 0);
		if (deadline == 0)
			return late;
		err = sock_wait(s, WRITE_EVENTS | POLLHUP | POLLERR, deadline, 0, !is_opening(t));
		if (err == -EAGAIN)
			return late;
		if (err != 0)
			return err;
	}
	return connect_result(t);
}
