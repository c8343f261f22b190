/* SPDX-License-Identifier: MIT */
/*
 * Listeners: what a SYN makes until its handshake is complete (struct tcp_half), SYN cookies where there is no room for
 * that, the queue of connections to be accepted, and what becomes of all of it when the listener closes: another one of
 * the same SO_REUSEPORT group takes it over, or it ends.
 */
#include "crypto/siphash.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "net/link/netif.h"
#include "net/tcp/tcp_impl.h"

#define COOKIE_MINUTE   (60 * NSEC_PER_SEC)
#define COOKIE_LIFETIME (2 * COOKIE_MINUTE) /* after the last one was sent, none is looked for */

struct tcp_listener {
	struct spinlock lock;
	struct list_node halves;       /* [lock] struct tcp_half */
	uint32_t nr_halves;            /* [lock] */
	uint32_t pending;              /* [lock] children made and not accepted yet */
	_Atomic uint32_t backlog;      /* of pending, at most */
	struct tcp_sock *first, *last; /* [lock] to be accepted */
	_Atomic uint32_t ready;        /* [lock to change] how many those are */
	_Atomic nsec_t cookie_sent;    /* when one was sent last; 0: never */
	bool closed;                   /* [lock] */
	struct epoch_head epoch;
};

/* A connection that is half open: in the table of connections, and on its listener's list. */
struct tcp_half {
	struct tcp_entry e;   /* first */
	struct tcp_request r; /* [listener's lock] */
	struct tcp_sock
		*_Atomic listener; /* changes under both listeners' locks, one after the other */
	struct list_node node;     /* [listener's lock] */
	struct wheel_timer timer;
	struct epoch_head epoch;
	bool gone;   /* [listener's lock] */
	bool moving; /* [the lock of the listener that it leaves] from one listener to another */
	uint8_t tos;
	uint8_t defer_rounds; /* TCP_DEFER_ACCEPT: SYN-ACKs to be sent before a bare ACK counts */
};
_Static_assert(sizeof(struct tcp_half) <= 256, "floods make many");

static struct slab_cache *half_cache; /* [I after boot] */

void
tcp_listen_init_cache(void)
{
	half_cache = slab_cache_create("tcp_half", sizeof(struct tcp_half), 0);
}

/* --- Finding --- */

static uint32_t
hash_of(uint16_t port)
{
	return (uint32_t)port * 2654435761u;
}

/* How well a listener fits a packet; 0: not at all. */
static uint32_t
score_of(const struct tcp_sock *t, const struct net_flow *packet)
{
	const struct net_flow *own = &t->e.flow;
	bool v4 = net_addr_is_v4(&packet->local), six = t->i.s.family == AF_INET6;
	uint32_t score = six ? 1 : 2;
	if (own->local_port != packet->local_port || (v4 && six && inet_has(&t->i, INET_V6ONLY)))
		return 0;
	if (!net_addr_is_any(&own->local)) {
		if (!net_addr_equal(&own->local, &packet->local))
			return 0;
		score += 4;
	} else if (!v4 && !six) {
		return 0;
	}
	if (own->ifindex != 0) {
		if (own->ifindex != packet->ifindex)
			return 0;
		score += 4;
	}
	return score;
}

static bool
shares_port(const struct tcp_sock *t)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&t->i.s.opts, memory_order_relaxed) &
		       SOCK_OPT_REUSEPORT) != 0;
}

/* The best, and of several equal ones that share the port the one that the flow's hash falls to; not `but`. */
static struct tcp_sock *
find_but(struct net_stack *net, const struct net_flow *flow, const struct tcp_sock *but)
{
	const struct net_hash_buckets *b = net_hash_read(&net->tcp->listeners);
	uint32_t hash = hash_of(flow->local_port), best = 0, sharing = 0;
	struct tcp_sock *found = NULL;
	net_hash_for_chain(b, n, hash)
	{
		struct tcp_sock *t = container_of(n, struct tcp_sock, listen_node);
		uint32_t score = t == but ? 0 : score_of(t, flow);
		if (score > best) {
			best = score;
			found = t;
			sharing = shares_port(t) ? 1 : 0;
		} else if (score != 0 && score == best && sharing != 0 && shares_port(t)) {
			sharing++;
		}
	}
	if (sharing <= 1)
		return found;
	uint32_t chosen = (uint32_t)((uint64_t)tcp_hash_flow(net, flow) * sharing >> 32);
	net_hash_for_chain(b, n, hash)
	{
		struct tcp_sock *t = container_of(n, struct tcp_sock, listen_node);
		if (t != but && score_of(t, flow) == best && shares_port(t) && chosen-- == 0)
			return t;
	}
	return found;
}

struct tcp_sock *
tcp_find_listener(struct net_stack *net, const struct net_flow *flow)
{
	return find_but(net, flow, NULL);
}

/* What it listens with; NULL once it has stopped. Epoch. */
static struct tcp_listener *
listener_of(const struct tcp_sock *t)
{
	return __atomic_load_n(&t->listener, __ATOMIC_ACQUIRE);
}

uint32_t
tcp_listener_ready(const struct tcp_sock *t)
{
	epoch_enter();
	const struct tcp_listener *l = listener_of(t);
	uint32_t n = l == NULL
		? 0
		: atomic_load_explicit((_Atomic uint32_t *)&l->ready, memory_order_acquire);
	epoch_exit();
	return n;
}

uint32_t
tcp_listener_backlog(const struct tcp_sock *t)
{
	epoch_enter();
	const struct tcp_listener *l = listener_of(t);
	uint32_t n = l == NULL ? 0 : l->backlog;
	epoch_exit();
	return n;
}

/* --- Half-open connections --- */

static void
free_half(struct epoch_head *head)
{
	slab_free(half_cache, container_of(head, struct tcp_half, epoch));
}

/* It is over, or a child takes its place in the table: its listener's lock is held. */
static void
end_half(struct tcp_half *h, struct tcp_listener *l, struct net_stack *net)
{
	h->gone = true;
	list_del(&h->node);
	l->nr_halves--;
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
		struct tcp_listener *l = t == NULL ? NULL : listener_of(t);
		if (l == NULL) {
			if (t == atomic_load_explicit(&h->listener, memory_order_acquire))
				return NULL;
			continue;
		}
		spin_lock(&l->lock);
		bool here = t == atomic_load_explicit(&h->listener, memory_order_relaxed);
		bool gone = here && h->gone, moving = here && h->moving;
		if (likely(here && !gone && !moving)) {
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
		end_half(h, l, net);
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
			end_half(h, l, t->i.s.net);
		spin_unlock(&l->lock);
	}
	bh_enable();
}

/* --- Children --- */

/* A socket of the connection, in the place of h (or of nothing) in the table. NULL: no memory, or it is there. */
static struct tcp_sock *
make_child(struct tcp_sock *listener, struct tcp_half *h, const struct net_flow *flow,
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
	bool there = way &&
		(h != NULL ? tcp_table_replace(net, &h->e, &child->e)
			   : tcp_table_add(net, &child->e));
	if (!there) {
		sock_put(&child->i.s);
		sock_put(&child->i.s);
		return NULL;
	}
	tcp_port_share(net, &child->owner, &listener->owner);
	net_count(net, NET_TCP_PASSIVE_OPENS);
	return child;
}

/* A child whose handshake is complete is to be accepted; its reference goes to the queue. */
static void
queue_child(struct tcp_sock *t, struct tcp_sock *child)
{
	struct tcp_listener *l = listener_of(t);
	bool open = false;
	if (l != NULL) {
		spin_lock(&l->lock);
		open = !l->closed;
		if (open) {
			child->accept_next = NULL;
			if (l->last == NULL)
				l->first = child;
			else
				l->last->accept_next = child;
			l->last = child;
			atomic_store_explicit(&l->ready,
				atomic_load_explicit(&l->ready, memory_order_relaxed) + 1,
				memory_order_release);
		}
		spin_unlock(&l->lock);
	}
	if (open)
		sock_wake(&t->i.s, POLLIN | POLLRDNORM);
	else
		tcp_abandon(child);
}

/* The child processes what completed its handshake, then waits to be accepted. p is taken over. */
static void
start_child(
	struct tcp_sock *t, struct tcp_sock *child, const struct tcp_segment *seg, struct pkt *p)
{
	if (!tcp_rx_sock(child, seg, p))
		pkt_drop(t->i.s.net, p, NET_DROP_TCP_CLOSED);
	queue_child(t, child);
}

/* Whether the queue of connections to be accepted has room for one more. Listener's lock held. */
static bool
has_room(const struct tcp_listener *l)
{
	return l->pending <=
		atomic_load_explicit((_Atomic uint32_t *)&l->backlog, memory_order_relaxed);
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
	struct tcp_sock *child = has_room(l) ? make_child(t, h, &h->e.flow, &h->r) : NULL;
	if (child == NULL) {
		h->r.acked = 1;
		net_count(net, NET_TCP_LISTEN_OVERFLOWS);
		net_count(net, NET_TCP_LISTEN_DROPS);
		return NULL;
	}
	l->pending++;
	end_half(h, l, net);
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
		end_half(h, l, net);
		break;
	case TCP_VERDICT_KILL:
		end_half(h, l, net);
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
		start_child(t, child, seg, p);
	else if (seg->len != 0)
		pkt_drop(net, p, NET_DROP_TCP_HALF_OPEN);
	else
		pkt_free(p);
	return true;
}

/* --- SYNs --- */

/* What the listener's sockets will offer, on the way that a packet's flow takes. */
static struct tcp_request_config
config_of(const struct tcp_sock *t, const struct net_flow *flow, struct pkt *p)
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
		.iss = tcp_secret_isn(net, flow),
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

/* A hash of the flow and the client's sequence number, by the key of a generation of cookies. */
static uint64_t
cookie_hash(struct net_stack *net, const struct net_flow *f, uint32_t irs, uint32_t generation)
{
	uint64_t words[6] = {f->local.d[0], f->local.d[1], f->remote.d[0], f->remote.d[1],
		(uint64_t)f->local_port << 48 | (uint64_t)f->remote_port << 32 | irs, generation};
	return siphash_words(net->secrets.cookie[0], words, 6);
}

static uint32_t
cookie_generation(void)
{
	return (uint32_t)(time_now() / COOKIE_MINUTE);
}

static void
send_cookie(struct tcp_sock *t, struct tcp_listener *l, const struct net_flow *flow,
	const struct tcp_segment *seg, const struct tcp_request_config *config, uint8_t tos)
{
	struct net_stack *net = t->i.s.net;
	struct tcp_env env = {.now = time_now(), .mss = config->adv_mss};
	struct tcp_request r;
	struct tcp_segment out;
	uint32_t generation = cookie_generation();
	tcp_request_init(&r, &env, seg, config);
	tcp_cookie_seal(&r, &env, cookie_hash(net, flow, seg->seq, generation), generation);
	tcp_request_synack(&r, &env, &out);
	atomic_store_explicit(&l->cookie_sent, env.now, memory_order_relaxed);
	net_count(net, NET_TCP_SYNCOOKIES_SENT);
	tcp_tx_reply(net, flow, &out, tos);
}

/* An ACK that nobody waits for: one of our cookies, perhaps. Whether p was taken over. */
static bool
open_cookie(struct tcp_sock *t, struct tcp_listener *l, const struct net_flow *flow,
	const struct tcp_segment *seg, struct pkt *p)
{
	struct net_stack *net = t->i.s.net;
	nsec_t sent = atomic_load_explicit(&l->cookie_sent, memory_order_relaxed);
	if (sent == 0 || time_now() - sent > COOKIE_LIFETIME)
		return false;
	struct tcp_env env = {.now = time_now(), .memory = &tcp_kernel_memory};
	struct tcp_request_config config = config_of(t, flow, p);
	struct tcp_request r;
	uint32_t generation = cookie_generation();
	bool good = false;
	env.mss = config.adv_mss;
	for (uint32_t i = 0; i < 2 && !good; i++, generation--)
		good = tcp_cookie_open(&r, &env, seg, &config,
			cookie_hash(net, flow, seg->seq - 1, generation), generation);
	if (!good) {
		net_count(net, NET_TCP_SYNCOOKIES_FAILED);
		return false;
	}
	net_count(net, NET_TCP_SYNCOOKIES_RECV);
	spin_lock(&l->lock);
	struct tcp_sock *child = !l->closed && has_room(l) ? make_child(t, NULL, flow, &r) : NULL;
	if (child != NULL)
		l->pending++;
	spin_unlock(&l->lock);
	if (child != NULL) {
		start_child(t, child, seg, p);
		return true;
	}
	net_count(net, NET_TCP_LISTEN_OVERFLOWS);
	pkt_drop(net, p, NET_DROP_TCP_HALF_OPEN);
	return true;
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

static void
add_half(struct tcp_sock *t, struct tcp_listener *l, const struct net_flow *flow,
	const struct tcp_segment *seg, const struct tcp_request_config *config)
{
	struct net_stack *net = t->i.s.net;
	struct tcp_segment out;
	struct tcp_half *h = slab_alloc(half_cache, KM_ATOMIC | KM_ZERO);
	if (h == NULL) {
		net_count(net, NET_TCP_LISTEN_DROPS);
		return;
	}
	struct tcp_env env = {.now = time_now(), .mss = config->adv_mss};
	h->e.kind = TCP_ENTRY_HALF;
	h->e.flow = *flow;
	h->tos = t->i.s.family == AF_INET ? t->i.tos : t->i.tclass;
	h->defer_rounds = t->defer_accept_s != 0 ? defer_rounds(t->defer_accept_s) : 0;
	wheel_timer_init(&h->timer, half_timer);
	atomic_store_explicit(&h->listener, t, memory_order_relaxed);
	tcp_request_init(&h->r, &env, seg, config);
	if (tcp_sysctl(net)->ecn == 0)
		h->r.ecn = 0;
	tcp_request_synack(&h->r, &env, &out);
	spin_lock(&l->lock);
	if (l->closed || !tcp_table_add(net, &h->e)) {
		spin_unlock(&l->lock);
		slab_free(half_cache, h);
		return;
	}
	list_add_tail(&l->halves, &h->node);
	l->nr_halves++;
	atomic_fetch_add_explicit(&net->tcp->halves, 1, memory_order_relaxed);
	wheel_start(&h->timer, h->r.retry_at);
	uint8_t tos = h->tos;
	spin_unlock(&l->lock);
	tcp_tx_reply(net, flow, &out, tos);
}

static void
input_syn(struct tcp_sock *t, struct tcp_listener *l, const struct net_flow *flow,
	const struct tcp_segment *seg, struct pkt *p, uint32_t min_iss)
{
	struct net_stack *net = t->i.s.net;
	const struct tcp_sysctl *ctl = tcp_sysctl(net);
	uint32_t backlog = atomic_load_explicit(&l->backlog, memory_order_relaxed);
	uint32_t halves = __atomic_load_n(&l->nr_halves, __ATOMIC_RELAXED);
	bool full = halves >= max(min(backlog, ctl->max_syn_backlog), 1u);
	struct tcp_request_config config = config_of(t, flow, p);
	if (min_iss != 0 && !tcp_seq_before(min_iss, config.iss))
		config.iss = min_iss + 1;
	if (__atomic_load_n(&l->pending, __ATOMIC_RELAXED) > backlog) {
		/* Nobody accepts: more clients would only wait longer. */
		net_count(net, NET_TCP_LISTEN_OVERFLOWS);
		net_count(net, NET_TCP_LISTEN_DROPS);
	} else if (ctl->syncookies == 2 || (full && ctl->syncookies == 1)) {
		uint8_t tos = t->i.s.family == AF_INET ? t->i.tos : t->i.tclass;
		send_cookie(t, l, flow, seg, &config, tos);
	} else if (full) {
		net_count(net, NET_TCP_LISTEN_DROPS);
	} else {
		add_half(t, l, flow, seg, &config);
	}
	pkt_free(p);
}

void
tcp_rx_listener(struct tcp_sock *t, const struct net_flow *packet, const struct tcp_segment *seg,
	struct pkt *p, uint32_t min_iss)
{
	struct net_stack *net = t->i.s.net;
	struct tcp_listener *l = listener_of(t);
	struct net_flow flow = flow_for(t, packet);
	uint32_t kind = seg->flags & (TCP_SYN | TCP_ACK | TCP_RST);
	if (likely(l != NULL && kind == TCP_SYN && !(seg->flags & TCP_FIN))) {
		input_syn(t, l, &flow, seg, p, min_iss);
		return;
	}
	if (l != NULL && kind == TCP_ACK && open_cookie(t, l, &flow, seg, p))
		return;
	if (seg->flags & TCP_ACK || l == NULL)
		tcp_tx_reset(net, packet, seg);
	pkt_drop(net, p, NET_DROP_NO_SOCKET);
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
	spin_lock_bh(&s->lock);
	__atomic_store_n(&s->shut, (uint8_t)0, __ATOMIC_RELEASE);
	__atomic_store_n(&t->listener, l, __ATOMIC_RELEASE);
	__atomic_store_n(&t->c.state, (uint8_t)TCP_LISTEN, __ATOMIC_RELEASE);
	tcp_recvq_update_space(t);
	spin_unlock_bh(&s->lock);
	spin_lock_bh(&net->tcp->port_lock);
	net_hash_add(&net->tcp->listeners, &t->listen_node, hash_of(t->e.flow.local_port));
	spin_unlock_bh(&net->tcp->port_lock);
	return 0;
}

int
tcp_listen(struct sock *s, int backlog)
{
	struct tcp_sock *t = tcp_of(s);
	uint32_t most = tcp_sysctl(s->net)->somaxconn;
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
	struct tcp_listener *l = listener_of(t);
	if (l != NULL) {
		spin_lock(&l->lock);
		child = l->first;
		if (child != NULL) {
			l->first = child->accept_next;
			if (l->first == NULL)
				l->last = NULL;
			l->pending--;
			atomic_store_explicit(&l->ready,
				atomic_load_explicit(&l->ready, memory_order_relaxed) - 1,
				memory_order_release);
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

/* --- Closing --- */

/* Puts a half-open connection of a closed listener on another's list. false: that one has closed too. */
static bool
move_half(struct tcp_half *h, struct tcp_sock *to)
{
	struct tcp_listener *l = listener_of(to);
	if (l == NULL)
		return false;
	spin_lock(&l->lock);
	bool open = !l->closed;
	if (open) {
		list_add_tail(&l->halves, &h->node);
		l->nr_halves++;
		h->moving = false;
		atomic_store_explicit(&h->listener, to, memory_order_release);
	}
	spin_unlock(&l->lock);
	return open;
}

static void
rehome_halves(struct tcp_sock *t, struct tcp_listener *l)
{
	struct net_stack *net = t->i.s.net;
	for (;;) {
		spin_lock(&l->lock);
		if (list_empty(&l->halves)) {
			spin_unlock(&l->lock);
			return;
		}
		struct tcp_half *h = container_of(l->halves.next, struct tcp_half, node);
		struct tcp_sock *to = shares_port(t) ? find_but(net, &h->e.flow, t) : NULL;
		if (to == NULL || !shares_port(to)) {
			end_half(h, l, net);
			spin_unlock(&l->lock);
			continue;
		}
		/* Off this list; until it is on another, lock_listener() waits. */
		h->moving = true;
		list_del(&h->node);
		l->nr_halves--;
		spin_unlock(&l->lock);
		if (move_half(h, to)) {
			net_count(net, NET_TCP_MIGRATED);
			continue;
		}
		spin_lock(&l->lock);
		list_add_tail(&l->halves, &h->node);
		l->nr_halves++;
		h->moving = false;
		spin_unlock(&l->lock);
	}
}

static void
rehome_children(struct tcp_sock *t, struct tcp_sock *child)
{
	struct net_stack *net = t->i.s.net;
	for (struct tcp_sock *next; child != NULL; child = next) {
		next = child->accept_next;
		struct tcp_sock *to = shares_port(t) ? find_but(net, &child->e.flow, t) : NULL;
		struct tcp_listener *l = to != NULL && shares_port(to) ? listener_of(to) : NULL;
		if (l == NULL) {
			tcp_abandon(child);
			continue;
		}
		spin_lock(&l->lock);
		l->pending++;
		spin_unlock(&l->lock);
		net_count(net, NET_TCP_MIGRATED);
		queue_child(to, child);
	}
}

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
	rehome_halves(t, l);
	rehome_children(t, children);
	bh_enable();
	spin_lock_bh(&s->lock);
	__atomic_store_n(&t->listener, NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&t->c.state, (uint8_t)TCP_CLOSE, __ATOMIC_RELEASE);
	spin_unlock_bh(&s->lock);
	tcp_port_unlisten(net, &t->owner);
	if (!t->bound_by_user) {
		tcp_port_release(net, &t->owner);
		t->e.flow.local_port = 0;
	}
	epoch_call(&l->epoch, free_listener);
}

/* --- Asked --- */

void
tcp_half_row(const struct tcp_entry *e, struct tcp_row *row)
{
	const struct tcp_half *h = (const struct tcp_half *)e;
	const struct tcp_sock *t = h->listener;
	nsec_t now = time_now();
	row->state = TCP_SYN_RECV;
	row->timer = 1;
	row->timer_left = h->r.retry_at > now ? h->r.retry_at - now : 0;
	row->retransmits = h->r.retries;
	row->refs = 0;
	if (t != NULL) {
		row->uid = t->i.s.uid;
		row->ipv6 = t->i.s.family == AF_INET6;
	}
}
