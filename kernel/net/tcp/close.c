/* SPDX-License-Identifier: MIT */
/* The end of a socket's use: shutdown(), close() with or without lingering, and what nobody accepted. */
#include "net/tcp/tcp_impl.h"

void
tcp_abandon(struct tcp_sock *t)
{
	struct tcp_after after = {.puts = 1};
	struct tcp_actions act;
	spin_lock_bh(&t->i.s.lock);
	t->closed = true;
	struct tcp_env env = tcp_env_of(t);
	tcp_close(&t->c, &env, TCP_CLOSE_ABORT, &act);
	if (t->e.hashed)
		tcp_act(t, &env, &act, &after);
	tcp_recvq_purge(t);
	tcp_unlock(&t->i.s);
	tcp_finish(t, &after);
}

int
tcp_sock_shutdown(struct sock *s, int how)
{
	struct tcp_sock *t = tcp_of(s);
	struct tcp_after after = {.wake = SOCK_ALL_EVENTS};
	struct tcp_actions act;
	uint8_t bits = (uint8_t)(how + 1); /* SHUT_* to SOCK_SHUT_* */
	int err = 0;
	mutex_lock(&t->user_lock);
	if (tcp_state(t) == TCP_LISTEN && (bits & SOCK_SHUT_RD)) {
		tcp_listener_stop(t);
		mutex_unlock(&t->user_lock);
		sock_wake(s, SOCK_ALL_EVENTS);
		return 0;
	}
	spin_lock_bh(&s->lock);
	if (t->c.state == TCP_CLOSE || t->c.state == TCP_LISTEN) {
		err = t->c.state == TCP_CLOSE ? -ENOTCONN : 0;
	} else {
		__atomic_store_n(&s->shut, (uint8_t)(s->shut | bits), __ATOMIC_RELEASE);
		bool opening = t->c.state == TCP_SYN_SENT;
		if (opening)
			atomic_store_explicit(&s->error, ECONNRESET, memory_order_release);
		if (s->shut == (SOCK_SHUT_RD | SOCK_SHUT_WR))
			t->c.flags |= TCPF_DEAF;
		if (opening || (bits & SOCK_SHUT_WR)) {
			struct tcp_env env = tcp_env_of(t);
			tcp_shutdown(&t->c, &env, &act);
			tcp_act(t, &env, &act, &after);
		}
	}
	tcp_unlock(s);
	mutex_unlock(&t->user_lock);
	tcp_finish(t, &after);
	return err;
}

/* Too many connections that no process has a handle to: the next to be one is reset. */
static bool
too_many_orphans(struct net_stack *net)
{
	struct tcp_stack *tcp = net->tcp;
	return atomic_load_explicit(&tcp->orphans, memory_order_relaxed) >=
		atomic_load_explicit(&tcp->sysctl.max_orphans, memory_order_relaxed);
}

static void
close_locked(struct tcp_sock *t, bool abort, struct tcp_after *after)
{
	struct sock *s = &t->i.s;
	struct tcp_actions act;
	t->closed = true;
	__atomic_store_n(&s->shut, (uint8_t)(SOCK_SHUT_RD | SOCK_SHUT_WR), __ATOMIC_RELEASE);
	bool unread = atomic_load_explicit(&t->rcv_avail, memory_order_relaxed) != 0;
	if (!t->e.hashed)
		return;
	struct tcp_env env = tcp_env_of(t);
	if (!abort && too_many_orphans(s->net)) {
		abort = true;
		net_count(s->net, NET_TCP_ABORT_ON_MEMORY);
	}
	if (t->linger2_s < 0 && t->c.state == TCP_FIN_WAIT2)
		abort = true;
	if (unread)
		net_count(s->net, NET_TCP_ABORT_ON_CLOSE);
	t->orphan_counted = true;
	atomic_fetch_add_explicit(&s->net->tcp->orphans, 1, memory_order_relaxed);
	tcp_close(&t->c, &env, abort ? TCP_CLOSE_ABORT : unread ? TCP_CLOSE_UNREAD : 0, &act);
	tcp_act(t, &env, &act, after);
}

/* SO_LINGER: waits until everything is acknowledged, our FIN too. */
static void
linger(struct tcp_sock *t, uint32_t seconds)
{
	struct sock *s = &t->i.s;
	nsec_t deadline = time_now() + seconds * NSEC_PER_SEC;
	(void)sock_wait(s, SOCK_ALL_EVENTS, deadline, 0,
		tcp_state(t) == TCP_CLOSE || tcp_state(t) == TCP_FIN_WAIT2 ||
			tcp_state(t) == TCP_TIME_WAIT);
}

void
tcp_sock_close(struct sock *s)
{
	struct tcp_sock *t = tcp_of(s);
	struct tcp_after after = {0};
	uint32_t opts = atomic_load_explicit(&s->opts, memory_order_relaxed);
	mutex_lock(&t->user_lock);
	if (tcp_state(t) == TCP_LISTEN)
		tcp_listener_stop(t);
	spin_lock_bh(&s->lock);
	bool lingers = (opts & SOCK_OPT_LINGER) && t->e.hashed;
	uint32_t seconds = s->linger_s;
	close_locked(t, lingers && seconds == 0, &after);
	tcp_unlock(s);
	tcp_finish(t, &after);
	if (lingers && seconds != 0)
		linger(t, seconds);
	spin_lock_bh(&s->lock);
	if (!t->e.hashed)
		tcp_port_release(s->net, &t->owner);
	tcp_recvq_purge(t);
	tcp_unlock(s);
	mutex_unlock(&t->user_lock);
	/* Groups and errors; the way to the peer is still needed by what remains. */
	inet_end(&t->i);
}
