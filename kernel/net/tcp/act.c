/* SPDX-License-Identifier: MIT */
/*
 * From the core's decisions to deeds: buffers are freed and grown, segments sent, waiters woken, timers started,
 * connections ended. What wakes or frees waits until the lock is released (tcp_finish()).
 */
#include "mm/slab.h"
#include "net/tcp/tcp_impl.h"
#include "vfs/async.h"

static void *
memory_alloc(void *ctx, size_t n)
{
	return kmalloc_any(n, KM_ATOMIC);
}

static void
memory_free(void *ctx, void *p, size_t n)
{
	kfree(p);
}

const struct tcp_memory tcp_kernel_memory = {.alloc = memory_alloc, .free = memory_free};

/* --- The timer --- */

void
tcp_timer_update(struct tcp_sock *t)
{
	nsec_t at = tcp_deadline(&t->c);
	if (at == UINT64_MAX || (t->timer_started && t->timer_at <= at))
		return;
	if (!t->timer_started) {
		if (!t->e.hashed) /* it has ended: whatever the core had planned */
			return;
		sock_get(&t->i.s);
	}
	t->timer_started = true;
	t->timer_at = at;
	wheel_start(&t->timer, at);
}

void
tcp_timer_fn(struct wheel_timer *w)
{
	struct tcp_sock *t = container_of(w, struct tcp_sock, timer);
	struct tcp_after after = {.puts = 1};
	spin_lock(&t->i.s.lock);
	if (wheel_is_queued(w)) { /* started again meanwhile: that is its reference */
		spin_unlock(&t->i.s.lock);
		return;
	}
	t->timer_started = false;
	struct tcp_env env = tcp_env_of(t);
	if (t->e.hashed && tcp_deadline(&t->c) <= env.now) {
		struct tcp_actions act;
		uint8_t kind = t->c.timer;
		uint32_t retrans = t->c.backoff;
		tcp_timer(&t->c, &env, &act);
		if (kind == TCP_TIMER_RTO && t->c.backoff != retrans)
			net_count(t->i.s.net, NET_TCP_TIMEOUTS);
		tcp_act(t, &env, &act, &after);
	}
	if (t->e.hashed)
		tcp_timer_update(t);
	sock_account(&t->i.s);
	spin_unlock(&t->i.s.lock);
	tcp_finish(t, &after);
}

/* --- Sending --- */

void
tcp_push(struct tcp_sock *t, const struct tcp_env *env)
{
	struct tcp_segment seg;
	uint32_t before = t->c.stats.retrans;
	if (unlikely(!route_is_valid(t->i.s.net, &t->i.ref, net_addr_is_v4(&t->e.flow.remote)))) {
		uint32_t mss = t->path_mss;
		if (tcp_tx_route(t) == 0 && t->path_mss != mss) {
			struct tcp_env fresh = tcp_env_of(t);
			tcp_options_changed(&t->c, &fresh);
		}
	}
	while (tcp_output(&t->c, env, &seg))
		tcp_tx(t, &seg);
	if (unlikely(t->c.stats.retrans != before))
		net_count_n(t->i.s.net, NET_TCP_RETRANS_SEGS, t->c.stats.retrans - before);
}

/* --- The end --- */

void
tcp_sock_end(struct tcp_sock *t, struct tcp_after *after)
{
	struct sock *s = &t->i.s;
	if (tcp_table_remove(s->net, &t->e))
		after->puts++;
	if (t->timer_started && wheel_cancel(&t->timer)) {
		t->timer_started = false;
		after->puts++;
	}
	if (!t->bound_by_user || t->closed)
		tcp_port_release(s->net, &t->owner);
	s->snd_used -= tcp_sendq_purge(&t->sendq);
	tcp_conn_free(&t->c, &tcp_kernel_memory);
	t->c.sent_count = 0;
	if (t->orphan_counted) {
		t->orphan_counted = false;
		atomic_fetch_sub_explicit(&s->net->tcp->orphans, 1, memory_order_relaxed);
	}
	__atomic_store_n(&t->c.state, (uint8_t)TCP_CLOSE, __ATOMIC_RELEASE);
	__atomic_store_n(&s->shut, (uint8_t)(SOCK_SHUT_RD | SOCK_SHUT_WR), __ATOMIC_RELEASE);
	after->wake |= SOCK_ALL_EVENTS;
}

/* --- What the core said --- */

static void
acked(struct tcp_sock *t, uint32_t n, struct tcp_after *after)
{
	struct sock *s = &t->i.s;
	s->snd_used -= tcp_sendq_ack(&t->sendq, n);
	route_confirm(&t->i.ref);
	tcp_fit_sndbuf(t);
	if (t->no_space && tcp_is_writable(t)) {
		t->no_space = false;
		after->wake |= POLLOUT | POLLWRNORM | POLLWRBAND;
	}
}

/* The file cannot go before its release has taken the lock. */
static void
signal_urgent(struct tcp_sock *t)
{
	struct file *f = atomic_load_explicit(&t->i.s.file, memory_order_acquire);
	if (f != NULL)
		file_owner_urgent(f);
}

static void
connected(struct tcp_sock *t, struct tcp_after *after)
{
	tcp_fit_sndbuf(t);
	after->wake |= POLLOUT | POLLWRNORM | POLLWRBAND;
}

static void
ended(struct tcp_sock *t, const struct tcp_env *env, const struct tcp_actions *act,
	struct tcp_after *after)
{
	if (act->what & TCP_DO_ERROR) {
		bool opening = t->call == TCP_CALL_CONNECTING;
		atomic_store_explicit(&t->i.s.error, act->error, memory_order_release);
		net_count(t->i.s.net,
			opening                           ? NET_TCP_ATTEMPT_FAILS
				: act->error == ETIMEDOUT ? NET_TCP_ABORT_ON_TIMEOUT
							  : NET_TCP_ESTAB_RESETS);
	}
	if ((act->what & TCP_DO_TIME_WAIT) && tcp_tw_begin(t, env))
		after->puts++; /* the table's */
	tcp_sock_end(t, after);
}

void
tcp_act(struct tcp_sock *t, const struct tcp_env *env, const struct tcp_actions *act,
	struct tcp_after *after)
{
	uint32_t what = act->what;
	if (act->acked != 0)
		acked(t, act->acked, after);
	if (unlikely(what & (TCP_DO_CONNECTED | TCP_DO_FIT | TCP_DO_RDHUP | TCP_DO_URGENT))) {
		if (what & TCP_DO_CONNECTED)
			connected(t, after);
		if (what & TCP_DO_FIT)
			tcp_recvq_fit(t, act->fit_to);
		if (what & TCP_DO_RDHUP) {
			__atomic_store_n(&t->i.s.shut, (uint8_t)(t->i.s.shut | SOCK_SHUT_RD),
				__ATOMIC_RELEASE);
			after->wake |= POLLIN | POLLRDNORM | POLLRDHUP;
		}
		if (what & TCP_DO_URGENT) {
			after->wake |= POLLPRI;
			signal_urgent(t);
		}
	}
	if (what & TCP_DO_OUTPUT)
		tcp_push(t, env);
	if (unlikely(what & (TCP_DO_CLOSED | TCP_DO_TIME_WAIT))) {
		ended(t, env, act, after);
		return;
	}
	tcp_timer_update(t);
}

void
tcp_finish(struct tcp_sock *t, struct tcp_after *after)
{
	if (after->wake != 0)
		sock_wake(&t->i.s, after->wake);
	for (struct pkt *p = after->free, *next; p != NULL; p = next) {
		next = p->next;
		pkt_free(p);
	}
	for (; after->puts != 0; after->puts--)
		sock_put(&t->i.s);
}
