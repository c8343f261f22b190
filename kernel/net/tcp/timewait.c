/* SPDX-License-Identifier: MIT */
/*
 * What is left of a connection that has ended: an entry that acknowledges the peer's FIN again, keeps old segments away
 * from a new connection of the same flow, and gives way to one that is safe (RFC 6191). FIN_WAIT2 without a socket too.
 */
#include "mm/slab.h"
#include "net/tcp/tcp_impl.h"

struct tcp_tw {
	struct tcp_entry e; /* first */
	struct tcp_owner owner;
	struct spinlock lock;
	struct tcp_timewait tw; /* [lock] */
	struct wheel_timer timer;
	struct epoch_head epoch;
	struct net_stack *net; /* [I] */
	bool gone;             /* [lock] */
	uint8_t tos;           /* [I] */
	bool ipv6;             /* [I] an AF_INET6 socket's */
};
#ifndef SWOS_DEBUG
_Static_assert(sizeof(struct tcp_tw) <= 256, "servers have very many");
#endif

static struct slab_cache *cache; /* [I after boot] */

void
tcp_tw_init_cache(void)
{
	cache = slab_cache_create("tcp_tw", sizeof(struct tcp_tw), 0);
}

static struct tcp_tw *
tw_of(struct tcp_entry *e)
{
	return container_of(e, struct tcp_tw, e);
}

static void
free_later(struct epoch_head *head)
{
	slab_free(cache, container_of(head, struct tcp_tw, epoch));
}

/* Out of the table, once; the port is the caller's to give back when it has released the lock. lock held. */
static bool
end(struct tcp_tw *x)
{
	if (x->gone)
		return false;
	x->gone = true;
	(void)tcp_table_remove(x->net, &x->e);
	(void)wheel_cancel(&x->timer);
	atomic_fetch_sub_explicit(&x->net->tcp->timewaits, 1, memory_order_relaxed);
	return true;
}

static void
release(struct tcp_tw *x)
{
	tcp_port_release(x->net, &x->owner);
	epoch_call(&x->epoch, free_later);
}

static void
tw_timer(struct wheel_timer *w)
{
	struct tcp_tw *x = container_of(w, struct tcp_tw, timer);
	bool ended = false;
	spin_lock(&x->lock);
	if (!x->gone && !wheel_is_queued(w)) {
		if (x->tw.expires <= time_now())
			ended = end(x);
		else
			wheel_start(&x->timer, x->tw.expires);
	}
	spin_unlock(&x->lock);
	if (ended)
		release(x);
}

static bool
is_full(const struct tcp_stack *tcp)
{
	return atomic_load_explicit((_Atomic uint32_t *)&tcp->timewaits, memory_order_relaxed) >=
		atomic_load_explicit(
			(_Atomic uint32_t *)&tcp->sysctl.max_tw_buckets, memory_order_relaxed);
}

/* FIN_WAIT2 lasts as long as the socket or the stack says. */
static void
set_expiry(struct tcp_tw *x, const struct tcp_sock *t, nsec_t now)
{
	if (x->tw.state != TCP_FIN_WAIT2)
		return;
	uint32_t seconds =
		t->linger2_s > 0 ? (uint32_t)t->linger2_s : tcp_sysctl(x->net)->fin_timeout;
	x->tw.expires = now + seconds * NSEC_PER_SEC;
}

bool
tcp_tw_begin(struct tcp_sock *t, const struct tcp_env *env)
{
	struct net_stack *net = t->i.s.net;
	struct tcp_tw *x = is_full(net->tcp) ? NULL : slab_alloc(cache, KM_ATOMIC | KM_ZERO);
	if (x == NULL) {
		net_count(net, NET_TCP_TW_OVERFLOW);
		return false;
	}
	x->e.kind = TCP_ENTRY_TW;
	x->owner.flow = &x->e.flow;
	spin_init(&x->lock, "tcp.timewait");
	wheel_timer_init(&x->timer, tw_timer);
	x->net = net;
	x->ipv6 = t->i.s.family == AF_INET6;
	x->tos = x->ipv6 ? t->i.tclass : t->i.tos;
	tcp_timewait_init(&x->tw, env, &t->c);
	set_expiry(x, t, env->now);
	/* The owner's flow must be right before others see it. */
	x->e.flow = t->e.flow;
	tcp_port_inherit(net, &x->owner, &t->owner);
	spin_lock(&x->lock);
	bool replaced = tcp_table_replace(net, &t->e, &x->e);
	if (replaced) {
		wheel_start(&x->timer, x->tw.expires);
		atomic_fetch_add_explicit(&net->tcp->timewaits, 1, memory_order_relaxed);
		net_count(net, NET_TCP_TW);
	}
	spin_unlock(&x->lock);
	if (!replaced)
		release(x);
	return replaced;
}

enum tcp_tw_result
tcp_rx_tw(struct tcp_entry *e, const struct net_flow *flow, const struct tcp_segment *seg,
	struct pkt *p, uint32_t *min_iss)
{
	struct tcp_tw *x = tw_of(e);
	struct tcp_segment out;
	spin_lock(&x->lock);
	if (x->gone) {
		spin_unlock(&x->lock);
		return TCP_TW_GONE;
	}
	struct net_stack *net = x->net;
	struct tcp_env env = {.now = time_now(), .mss = TCP_MSS_DEFAULT};
	enum tcp_verdict v = tcp_timewait_input(&x->tw, &env, seg, &out, min_iss);
	/* Without a listener a SYN is no reason to forget. */
	if (v == TCP_VERDICT_NEW_SYN && tcp_find_listener(net, flow) == NULL)
		v = TCP_VERDICT_RESET;
	bool ended =
		(v == TCP_VERDICT_KILL || v == TCP_VERDICT_ABORT || v == TCP_VERDICT_NEW_SYN) &&
		end(x);
	spin_unlock(&x->lock);
	if (v == TCP_VERDICT_REPLY)
		tcp_tx_reply(net, flow, &out, x->tos);
	else if (v == TCP_VERDICT_ABORT || v == TCP_VERDICT_RESET)
		tcp_tx_reset(net, flow, seg);
	if (ended)
		release(x);
	if (v == TCP_VERDICT_NEW_SYN)
		return TCP_TW_NEW_SYN;
	*min_iss = 0;
	if (seg->len != 0)
		pkt_drop(net, p, NET_DROP_TCP_CLOSED);
	else
		pkt_free(p);
	return TCP_TW_DONE;
}

bool
tcp_tw_reuse(struct net_stack *net, struct tcp_entry *e, uint32_t *min_iss)
{
	struct tcp_tw *x = tw_of(e);
	struct tcp_env env = {.now = time_now(), .mss = TCP_MSS_DEFAULT};
	spin_lock(&x->lock);
	bool ended = !x->gone && tcp_timewait_reusable(&x->tw, &env, min_iss) && end(x);
	spin_unlock(&x->lock);
	if (ended) {
		tcp_port_unlink(&x->owner);
		epoch_call(&x->epoch, free_later);
		net_count(net, NET_TCP_TW_REUSED);
	}
	return ended;
}

void
tcp_tw_row(const struct tcp_entry *e, struct tcp_row *row)
{
	struct tcp_tw *x = tw_of((struct tcp_entry *)e);
	spin_lock_bh(&x->lock);
	nsec_t now = time_now();
	row->state = x->tw.state;
	row->timer = 3;
	row->timer_left = x->tw.expires > now ? x->tw.expires - now : 0;
	spin_unlock_bh(&x->lock);
	row->ipv6 = x->ipv6;
}
