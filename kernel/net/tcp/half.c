/* SPDX-License-Identifier: MIT */
/*
 * What a SYN makes until its handshake is complete, small because floods make many: an entry of the table of
 * connections that is on its listener's list, and repeats the SYN-ACK by a timer.
 */
#include "mm/slab.h"
#include "net/link/netif.h"
#include "net/tcp/listen_impl.h"

static struct slab_cache *half_cache; /* [I after boot] */

void
tcp_half_init_cache(void)
{
	half_cache = slab_cache_create("tcp_half", sizeof(struct tcp_half), 0);
}

static void
free_half(struct epoch_head *head)
{
	slab_free(half_cache, container_of(head, struct tcp_half, epoch));
}

/* It is over, or a child takes its place in the table: its listener's lock is held. */
void
tcp_half_end(struct tcp_half *h, struct tcp_listener *l, struct net_stack *net)
{
	h->gone = true;
	list_del(&h->node);
	tcp_listener_count(&l->nr_halves, -1);
	(void)tcp_table_remove(net, &h->e);
	(void)wheel_cancel(&h->timer);
	atomic_fetch_sub_explicit(&net->tcp->halves, 1, memory_order_relaxed);
	epoch_call(&h->epoch, free_half);
}

static struct tcp_env
env_without_socket(const struct tcp_half *h)
{
	return (struct tcp_env){
		.now = time_now(), .mss = h->r.adv_mss, .memory = &tcp_kernel_memory};
}

static void
send_to(struct net_stack *net, const struct tcp_half *h, struct tcp_segment *out)
{
	tcp_tx_reply(net, &h->e.flow, out, h->tos);
}

/* Locks the listener that h belongs to now. NULL: none any more; h is gone. Epoch, softirq. */
static struct tcp_listener *
lock_listener(struct tcp_half *h, struct tcp_sock **sock) NO_LOCK_ANALYSIS
{
	for (;;) {
		struct tcp_sock *t = atomic_load_explicit(&h->listener, memory_order_acquire);
		struct tcp_listener *l = t == NULL ? NULL : tcp_listener_of(t);
		if (l == NULL) {
			if (t == atomic_load_explicit(&h->listener, memory_order_acquire))
				return NULL;
			continue;
		}
		spin_lock(&l->lock);
		/* In this order: whoever moves it names the new listener first. */
		bool moving = atomic_load_explicit(&h->moving, memory_order_acquire);
		bool here =
			!moving && t == atomic_load_explicit(&h->listener, memory_order_relaxed);
		bool gone = here && h->gone;
		if (likely(here && !gone)) {
			*sock = t;
			return l;
		}
		spin_unlock(&l->lock);
		if (gone)
			return NULL;
	}
}

static void
half_timer(struct wheel_timer *w) NO_LOCK_ANALYSIS
{
	struct tcp_half *h = container_of(w, struct tcp_half, timer);
	struct tcp_sock *t;
	struct tcp_segment out;
	struct tcp_listener *l = lock_listener(h, &t);
	if (l == NULL)
		return;
	struct net_stack *net = t->i.s.net;
	struct tcp_env env = env_without_socket(h);
	uint32_t retries = tcp_sysctl(net)->synack_retries;
	enum tcp_verdict v = tcp_request_timer(&h->r, &env, (uint8_t)retries, &out);
	if (v == TCP_VERDICT_KILL)
		tcp_half_end(h, l, net);
	else if (!wheel_is_queued(&h->timer))
		wheel_start(&h->timer, h->r.retry_at);
	/* Who acknowledged already, and waits for room or sends nothing yet, is reminded by the same. */
	if (v == TCP_VERDICT_REPLY) {
		net_count(net, NET_TCP_RETRANS_SEGS);
		send_to(net, h, &out);
	}
	spin_unlock(&l->lock);
}

void
tcp_half_error(struct tcp_half *h, uint32_t seq) NO_LOCK_ANALYSIS
{
	struct tcp_sock *t;
	bh_disable();
	struct tcp_listener *l = lock_listener(h, &t);
	if (l != NULL) {
		if (seq == h->r.iss)
			tcp_half_end(h, l, t->i.s.net);
		spin_unlock(&l->lock);
	}
	bh_enable();
}

/*
 * A segment that would complete the handshake. The child, or NULL: it stays half open, the segment is lost. Listener's
 * lock held.
 */
static struct tcp_sock *
complete(struct tcp_half *h, struct tcp_sock *t, struct tcp_listener *l,
	const struct tcp_segment *seg)
{
	struct net_stack *net = t->i.s.net;
	/* Deferred: until there is data, or the SYN-ACK went out so often. */
	if (h->defer_rounds > h->r.retries && seg->len == 0 && !(seg->flags & TCP_FIN)) {
		h->r.acked = 1;
		return NULL;
	}
	struct tcp_sock *child =
		tcp_listener_has_room(l) ? tcp_child_make(t, h, &h->e.flow, &h->r) : NULL;
	if (child == NULL) {
		h->r.acked = 1;
		net_count(net, NET_TCP_LISTEN_OVERFLOWS);
		net_count(net, NET_TCP_LISTEN_DROPS);
		return NULL;
	}
	tcp_listener_count(&l->pending, 1);
	tcp_half_end(h, l, net);
	return child;
}

bool
tcp_rx_half(struct tcp_half *h, const struct tcp_segment *seg, struct pkt *p) NO_LOCK_ANALYSIS
{
	struct tcp_sock *t, *child = NULL;
	struct tcp_segment out;
	struct tcp_listener *l = lock_listener(h, &t);
	if (l == NULL)
		return false;
	struct net_stack *net = t->i.s.net;
	struct tcp_env env = env_without_socket(h);
	switch (tcp_request_input(&h->r, &env, seg, &out)) {
	case TCP_VERDICT_REPLY:
		send_to(net, h, &out);
		break;
	case TCP_VERDICT_RESET:
		tcp_tx_reset(net, &h->e.flow, seg);
		break;
	case TCP_VERDICT_ABORT:
		tcp_tx_reset(net, &h->e.flow, seg);
		tcp_half_end(h, l, net);
		break;
	case TCP_VERDICT_KILL:
		tcp_half_end(h, l, net);
		net_count(net, NET_TCP_ATTEMPT_FAILS);
		break;
	case TCP_VERDICT_ACCEPT:
		child = complete(h, t, l, seg);
		break;
	default:
		break;
	}
	spin_unlock(&l->lock);
	if (child != NULL)
		tcp_child_start(t, child, seg, p);
	else if (seg->len != 0)
		pkt_drop(net, p, NET_DROP_TCP_HALF_OPEN);
	else
		pkt_free(p);
	return true;
}

/* --- SYNs --- */

struct tcp_request_config
tcp_request_config_of(const struct tcp_sock *t, const struct net_flow *flow, const struct pkt *p)
{
	struct net_stack *net = t->i.s.net;
	uint32_t mtu = atomic_load_explicit(&p->netif->mtu, memory_order_relaxed);
	uint32_t mss = tcp_path_mss_of(mtu, net_addr_is_v4(&flow->remote));
	if (t->c.user_mss != 0)
		mss = min(mss, (uint32_t)t->c.user_mss);
	uint32_t most = tcp_sysctl(net)->rmem[2];
	if (t->i.s.opts & SOCK_OPT_RCVBUF_LOCKED)
		most = t->i.s.rcvbuf;
	return (struct tcp_request_config){
		.ts_offset = tcp_secret_ts_offset(net, flow),
		.rcv_buffer = t->c.rcv_buffer,
		.rcv_max = (uint32_t)((uint64_t)most * t->rcv_ratio / 256),
		.adv_mss = (uint16_t)min(mss, 65535u),
	};
}

/* The flow's entry: interface only where it matters. */
static struct net_flow
flow_for(const struct tcp_sock *t, const struct net_flow *packet)
{
	struct net_flow flow = *packet;
	if (!net_addr_is_link_local(&flow.remote))
		flow.ifindex = t->i.s.bound_if;
	return flow;
}

/* Rounds of the SYN-ACK that seconds of waiting for data are worth. */
static uint8_t
defer_rounds(uint32_t seconds)
{
	uint8_t n = 0;
	for (uint32_t period = 1, waited = 1; seconds != 0 && n < 255; n++) {
		if (waited >= seconds)
			return (uint8_t)(n + 1);
		period = min(period * 2, 64u);
		waited += period;
	}
	return n;
}

static uint8_t
tos_of(const struct tcp_sock *t)
{
	return t->i.s.family == AF_INET ? t->i.tos : t->i.tclass;
}

/* false: the listener has stopped. */
static bool
add_half(struct tcp_sock *t, struct tcp_listener *l, const struct net_flow *flow,
	const struct tcp_segment *seg, const struct tcp_request_config *config)
{
	struct net_stack *net = t->i.s.net;
	struct tcp_segment out;
	struct tcp_half *h = slab_alloc(half_cache, KM_ATOMIC | KM_ZERO);
	if (h == NULL) {
		net_count(net, NET_TCP_LISTEN_DROPS);
		return true;
	}
	struct tcp_env env = {.now = time_now(), .mss = config->adv_mss};
	h->e.kind = TCP_ENTRY_HALF;
	h->e.flow = *flow;
	h->tos = tos_of(t);
	h->defer_rounds = t->defer_accept_s != 0 ? defer_rounds(t->defer_accept_s) : 0;
	wheel_timer_init(&h->timer, half_timer);
	atomic_store_explicit(&h->listener, t, memory_order_relaxed);
	tcp_request_init(&h->r, &env, seg, config);
	if (tcp_sysctl(net)->ecn == 0)
		h->r.ecn = 0;
	tcp_request_synack(&h->r, &env, &out);
	spin_lock(&l->lock);
	bool closed = l->closed;
	if (closed || !tcp_table_add(net, &h->e)) {
		spin_unlock(&l->lock);
		slab_free(half_cache, h);
		return !closed;
	}
	list_add_tail(&l->halves, &h->node);
	tcp_listener_count(&l->nr_halves, 1);
	atomic_fetch_add_explicit(&net->tcp->halves, 1, memory_order_relaxed);
	wheel_start(&h->timer, h->r.retry_at);
	uint8_t tos = h->tos;
	spin_unlock(&l->lock);
	tcp_tx_reply(net, flow, &out, tos);
	return true;
}

/* p is taken over, unless it returns false: the listener has stopped. */
static bool
input_syn(struct tcp_sock *t, struct tcp_listener *l, const struct net_flow *flow,
	const struct tcp_segment *seg, struct pkt *p, uint32_t min_iss)
{
	struct net_stack *net = t->i.s.net;
	const struct tcp_sysctl *ctl = tcp_sysctl(net);
	uint32_t backlog = tcp_listener_read(&l->backlog);
	uint32_t halves = tcp_listener_read(&l->nr_halves);
	bool full = halves >= max(min(backlog, ctl->max_syn_backlog), 1u);
	bool cookie = ctl->syncookies == 2 || (full && ctl->syncookies == 1);
	/* Nobody accepts: more clients would only wait longer. */
	bool overflows = tcp_listener_read(&l->pending) > backlog;
	if (overflows || (full && !cookie)) {
		if (overflows)
			net_count(net, NET_TCP_LISTEN_OVERFLOWS);
		net_count(net, NET_TCP_LISTEN_DROPS);
		pkt_free(p);
		return true;
	}
	struct tcp_request_config config = tcp_request_config_of(t, flow, p);
	if (cookie) {
		tcp_cookie_send(t, flow, seg, &config, tos_of(t));
	} else {
		config.iss = tcp_secret_isn(net, flow);
		if (min_iss != 0 && !tcp_seq_before(min_iss, config.iss))
			config.iss = min_iss + 1;
		if (!add_half(t, l, flow, seg, &config))
			return false;
	}
	pkt_free(p);
	return true;
}

bool
tcp_rx_listener(struct tcp_sock *t, const struct net_flow *packet, const struct tcp_segment *seg,
	struct pkt *p, uint32_t min_iss)
{
	struct net_stack *net = t->i.s.net;
	struct tcp_listener *l = tcp_listener_of(t);
	struct net_flow flow = flow_for(t, packet);
	uint32_t kind = seg->flags & (TCP_SYN | TCP_ACK | TCP_RST);
	if (unlikely(l == NULL))
		return false;
	if (likely(kind == TCP_SYN && !(seg->flags & TCP_FIN)))
		return input_syn(t, l, &flow, seg, p, min_iss);
	if (kind == TCP_ACK && tcp_cookie_input(t, l, &flow, seg, p))
		return true;
	if (seg->flags & TCP_ACK)
		tcp_tx_refuse(net, packet, seg);
	pkt_drop(net, p, NET_DROP_NO_SOCKET);
	return true;
}

/* --- Asked --- */

void
tcp_half_row(const struct tcp_entry *e, struct tcp_row *row) NO_LOCK_ANALYSIS
{
	struct tcp_half *h = (struct tcp_half *)e;
	struct tcp_sock *t;
	row->state = TCP_SYN_RECV;
	row->timer = 1;
	bh_disable();
	struct tcp_listener *l = lock_listener(h, &t);
	if (l != NULL) {
		nsec_t now = time_now();
		row->timer_left = h->r.retry_at > now ? h->r.retry_at - now : 0;
		row->retransmits = h->r.retries;
		row->uid = t->i.s.uid;
		row->ipv6 = t->i.s.family == AF_INET6;
		spin_unlock(&l->lock);
	}
	bh_enable();
}
