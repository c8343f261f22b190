/* SPDX-License-Identifier: MIT */
/* TCP's sockets: made, named, connected, shut down, closed. */
#include <string.h>

#include "arch/uaccess.h"
#include "mm/slab.h"
#include "net/sock/msg.h"
#include "net/tcp/tcp_impl.h"

#define WRITE_EVENTS (POLLOUT | POLLWRNORM | POLLWRBAND)

static struct slab_cache *cache; /* [I after boot] */
static const struct sock_ops tcp_ops4, tcp_ops6;

void
tcp_sock_init(void)
{
	cache = slab_cache_create("tcp_sock", sizeof(struct tcp_sock), 64);
}

static struct net_addr
any_of(const struct sock *s)
{
	return s->family == AF_INET ? net_addr_v4(0) : (struct net_addr){0};
}

uint32_t
tcp_owner_flags(const struct tcp_sock *t)
{
	uint32_t opts =
		atomic_load_explicit((_Atomic uint32_t *)&t->i.s.opts, memory_order_relaxed);
	return ((opts & SOCK_OPT_REUSEADDR) ? TCP_OWNER_REUSEADDR : 0) |
		((opts & SOCK_OPT_REUSEPORT) ? TCP_OWNER_REUSEPORT : 0) |
		(t->i.s.family == AF_INET6 ? TCP_OWNER_IPV6 : 0) |
		(inet_has(&t->i, INET_V6ONLY) ? TCP_OWNER_V6ONLY : 0);
}

/* The core's defaults, as the stack's tunables say. */
static void
init_conn(struct tcp_sock *t)
{
	const struct tcp_sysctl *ctl = tcp_sysctl(t->i.s.net);
	tcp_conn_init(&t->c);
	t->c.cc = (uint8_t)atomic_load_explicit(
		(_Atomic uint32_t *)&ctl->congestion, memory_order_relaxed);
	t->c.syn_count = (uint8_t)ctl->syn_retries;
	t->c.keep_idle_s = (uint16_t)ctl->keepalive_time;
	t->c.keep_interval_s = (uint16_t)ctl->keepalive_intvl;
	t->c.keep_count = (uint8_t)ctl->keepalive_probes;
	if (ctl->ecn == 1)
		t->c.flags |= TCPF_ECN_ASK;
	tcp_recvq_update_space(t);
}

static struct tcp_sock *
allocate(struct net_stack *net, uint16_t family, uint32_t km)
{
	struct tcp_sock *t = slab_alloc(cache, km | KM_ZERO);
	if (t == NULL)
		return NULL;
	const struct sock_ops *ops = family == AF_INET ? &tcp_ops4 : &tcp_ops6;
	struct sock *s = &t->i.s;
	sock_init(s, ops, net, SOCK_STREAM, IPPROTO_TCP);
	inet_init(&t->i);
	s->rcvbuf = tcp_sysctl(net)->rmem[1];
	s->sndbuf = tcp_sysctl(net)->wmem[1];
	mutex_init(&t->user_lock, "tcp.user");
	wheel_timer_init(&t->timer, tcp_timer_fn);
	t->e.kind = TCP_ENTRY_SOCK;
	t->e.flow.local = t->bound_local = any_of(s);
	t->owner.flow = &t->e.flow;
	t->owner.uid = s->uid;
	t->notsent_lowat = UINT32_MAX;
	t->rcv_ratio = 128;
	t->path_mss = TCP_MSS_DEFAULT;
	atomic_fetch_add_explicit(&net->tcp->sockets, 1, memory_order_relaxed);
	return t;
}

int
tcp_sock_create(struct net_stack *net, uint16_t family, struct sock **out)
{
	struct tcp_sock *t = allocate(net, family, 0);
	*out = NULL;
	if (t == NULL)
		return -ENOMEM;
	init_conn(t);
	*out = &t->i.s;
	return 0;
}

struct tcp_sock *
tcp_sock_for(struct tcp_sock *listener, const struct net_flow *flow)
{
	struct sock *ls = &listener->i.s;
	struct tcp_sock *t = allocate(ls->net, ls->family, KM_ATOMIC);
	if (t == NULL)
		return NULL;
	t->i.s.uid = t->owner.uid = ls->uid;
	t->e.flow = *flow;
	tcp_options_inherit(t, listener);
	tcp_recvq_update_space(t);
	t->call = TCP_CALL_CONNECTED;
	return t;
}

static void
free_later(struct epoch_head *head)
{
	slab_free(cache, container_of(head, struct tcp_sock, epoch));
}

void
tcp_sock_destroy(struct sock *s)
{
	struct tcp_sock *t = tcp_of(s);
	tcp_recvq_purge(t);
	route_ref_drop(&t->i.ref);
	atomic_fetch_sub_explicit(&s->net->tcp->sockets, 1, memory_order_relaxed);
	epoch_call(&t->epoch, free_later);
}

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
	spin_unlock_bh(&t->i.s.lock);
	tcp_finish(t, &after);
}

/* --- Names --- */

static int
bind_locked(struct tcp_sock *t, const struct inet_addr *a)
{
	struct sock *s = &t->i.s;
	if (t->e.flow.local_port != 0 || tcp_state(t) != TCP_CLOSE || t->call != TCP_CALL_NONE)
		return -EINVAL;
	uint32_t ifindex = s->bound_if != 0 ? s->bound_if : a->scope;
	if (a->port == 0 && inet_has(&t->i, INET_BIND_NO_PORT)) {
		t->bound_local = t->e.flow.local = a->addr;
		t->e.flow.ifindex = ifindex;
		return 0;
	}
	tcp_port_set_flags(s->net, &t->owner, tcp_owner_flags(t));
	int err = tcp_port_claim(s->net, &t->owner, &t->e.flow, &a->addr, a->port, ifindex);
	if (err == 0) {
		t->bound_by_user = true;
		t->bound_local = a->addr;
	}
	return err;
}

static int
tcp_bind(struct sock *s, const struct sock_addr *addr)
{
	struct tcp_sock *t = tcp_of(s);
	struct inet_addr a;
	int err = inet_addr_decode(s, addr, &a);
	if (err == 0 && net_addr_is_multicast(&a.addr))
		err = -EADDRNOTAVAIL;
	if (err == 0)
		err = inet_may_bind(&t->i, &a);
	if (err != 0)
		return err;
	mutex_lock(&t->user_lock);
	err = bind_locked(t, &a);
	mutex_unlock(&t->user_lock);
	return err;
}

static int
tcp_getname(struct sock *s, bool peer, struct sock_addr *out)
{
	struct tcp_sock *t = tcp_of(s);
	spin_lock_bh(&s->lock);
	struct net_flow flow = t->e.flow;
	uint8_t state = t->c.state;
	spin_unlock_bh(&s->lock);
	if (!peer) {
		inet_addr_encode(s, &flow.local, flow.local_port, flow.ifindex, out);
		return 0;
	}
	if (flow.remote_port == 0 || state == TCP_CLOSE || state == TCP_LISTEN ||
		state == TCP_SYN_SENT)
		return -ENOTCONN;
	inet_addr_encode(s, &flow.remote, flow.remote_port, flow.ifindex, out);
	return 0;
}

/* --- Connecting --- */

/* Back to what socket() made, but for options; what bind() chose is kept. lock held. */
static void
forget_peer(struct tcp_sock *t)
{
	struct tcp_conn *c = &t->c, old = *c;
	init_conn(t);
	c->flags = old.flags & (TCPF_NODELAY | TCPF_CORK | TCPF_KEEPALIVE | TCPF_ECN_ASK);
	c->cc = old.cc;
	c->user_mss = old.user_mss;
	c->user_timeout_ms = old.user_timeout_ms;
	c->keep_idle_s = old.keep_idle_s;
	c->keep_interval_s = old.keep_interval_s;
	c->keep_count = old.keep_count;
	c->syn_count = old.syn_count;
	c->pacing_rate = old.pacing_rate;
	t->e.flow.local = t->bound_local;
	if (!t->bound_by_user)
		t->e.flow.local_port = 0;
	t->e.flow.remote = (struct net_addr){0};
	t->e.flow.remote_port = 0;
	t->e.flow.ifindex = t->i.s.bound_if;
	t->urgent_valid = false;
	t->call = TCP_CALL_NONE;
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
	t->call = TCP_CALL_CONNECTING;
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
	struct tcp_after after = {0};
	struct tcp_actions act;
	if (tcp_state(t) == TCP_LISTEN)
		tcp_listener_stop(t);
	mutex_lock(&s->read_lock);
	spin_lock_bh(&s->lock);
	struct tcp_env env = tcp_env_of(t);
	if (t->e.hashed) {
		tcp_close(&t->c, &env, TCP_CLOSE_ABORT, &act);
		tcp_act(t, &env, &act, &after);
	}
	if (!t->bound_by_user)
		tcp_port_release(s->net, &t->owner);
	tcp_recvq_purge(t);
	route_ref_drop(&t->i.ref);
	forget_peer(t);
	atomic_store_explicit(&s->error, 0, memory_order_relaxed);
	spin_unlock_bh(&s->lock);
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
	if (t->call == TCP_CALL_CONNECTING) {
		if (t->c.state == TCP_CLOSE) {
			err = sock_take_error(s);
			if (err == 0)
				err = -ECONNABORTED;
			route_ref_drop(&t->i.ref);
			forget_peer(t);
		} else {
			t->call = TCP_CALL_CONNECTED;
		}
	}
	spin_unlock_bh(&s->lock);
	mutex_unlock(&t->user_lock);
	return err;
}

static int
tcp_sock_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags)
{
	struct tcp_sock *t = tcp_of(s);
	struct inet_addr a = {0};
	bool begun = false;
	if (addr->len < sizeof(addr->family))
		return -EINVAL;
	bool unspec = addr->family == AF_UNSPEC;
	int err = unspec ? 0 : inet_addr_decode(s, addr, &a);
	if (err != 0)
		return err;
	if (net_addr_is_any(&a.addr)) /* this host, as BSD has it */
		a.addr = s->family == AF_INET || net_addr_is_v4(&a.addr)
			? net_addr_v4(net_swap32(0x7f000001))
			: (struct net_addr){.b = {[15] = 1}};
	if (net_addr_is_multicast(&a.addr))
		return -ENETUNREACH;
	mutex_lock(&t->user_lock);
	err = unspec ? disconnect(t) : connect_locked(t, &a, &begun);
	mutex_unlock(&t->user_lock);
	if (unspec || err != 0)
		return err;
	if (is_opening(t)) {
		nsec_t deadline =
			sock_deadline(s->sndtimeo, (flags & O_NONBLOCK) ? MSG_DONTWAIT : 0);
		if (deadline == 0)
			return begun ? -EINPROGRESS : -EALREADY;
		err = sock_wait(s, WRITE_EVENTS | POLLHUP | POLLERR, deadline, 0, !is_opening(t));
		if (err == -EAGAIN)
			return -EINPROGRESS;
		if (err != 0)
			return err;
	}
	return connect_result(t);
}

/* --- The end --- */

static int
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
		if ((bits & SOCK_SHUT_WR) && t->c.state != TCP_SYN_SENT) {
			struct tcp_env env = tcp_env_of(t);
			tcp_shutdown(&t->c, &env, &act);
			tcp_act(t, &env, &act, &after);
		} else if (t->c.state == TCP_SYN_SENT) {
			struct tcp_env env = tcp_env_of(t);
			tcp_shutdown(&t->c, &env, &act);
			atomic_store_explicit(&s->error, ECONNRESET, memory_order_release);
			tcp_act(t, &env, &act, &after);
		}
	}
	spin_unlock_bh(&s->lock);
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

static void
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
	spin_unlock_bh(&s->lock);
	tcp_finish(t, &after);
	if (lingers && seconds != 0)
		linger(t, seconds);
	spin_lock_bh(&s->lock);
	if (!t->e.hashed)
		tcp_port_release(s->net, &t->owner);
	tcp_recvq_purge(t);
	spin_unlock_bh(&s->lock);
	mutex_unlock(&t->user_lock);
	/* Groups and errors; the way to the peer is still needed by what remains. */
	inet_end(&t->i);
}

/* --- What it is ready for --- */

static uint32_t
readable_events(const struct tcp_sock *t)
{
	uint32_t avail =
		atomic_load_explicit((_Atomic uint32_t *)&t->rcv_avail, memory_order_acquire);
	uint32_t target = t->i.s.rcvlowat;
	if (target > 1) /* never more than what the buffer lets in */
		target = max(min(target, t->c.rcv_buffer), 1u);
	return avail >= target ? POLLIN | POLLRDNORM : 0;
}

static uint32_t
tcp_sock_poll(struct sock *s, struct poll_table *pt)
{
	struct tcp_sock *t = tcp_of(s);
	uint32_t ready = 0;
	uint8_t state = tcp_state(t);
	if (state == TCP_LISTEN)
		return tcp_listener_ready(t) != 0 ? POLLIN | POLLRDNORM : 0;
	spin_lock_bh(&s->lock);
	state = t->c.state;
	if (s->shut == (SOCK_SHUT_RD | SOCK_SHUT_WR) || state == TCP_CLOSE)
		ready |= POLLHUP;
	if (s->shut & SOCK_SHUT_RD)
		ready |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (state != TCP_SYN_SENT && state != TCP_SYN_RECV) {
		ready |= readable_events(t);
		if ((s->shut & SOCK_SHUT_WR) || state == TCP_CLOSE || tcp_is_writable(t))
			ready |= POLLOUT | POLLWRNORM;
		else
			t->no_space = true;
		if (t->urgent_valid)
			ready |= POLLPRI;
	}
	spin_unlock_bh(&s->lock);
	if (atomic_load_explicit(&s->error, memory_order_acquire) != 0 || inet_has_errors(&t->i))
		ready |= POLLERR;
	return ready;
}

static bool
at_mark(const struct tcp_sock *t)
{
	return t->urgent_valid && t->c.rcv_up == t->c.read_seq;
}

/* Whether its sequence numbers count bytes. */
static bool
has_stream(const struct tcp_sock *t)
{
	return t->c.state != TCP_CLOSE && t->c.state != TCP_SYN_SENT && t->c.state != TCP_SYN_RECV;
}

static int64_t
tcp_sock_ioctl(struct sock *s, uint32_t cmd, uint64_t arg)
{
	struct tcp_sock *t = tcp_of(s);
	uint32_t value = 0;
	if (cmd != SIOCINQ && cmd != SIOCOUTQ && cmd != SIOCOUTQNSD && cmd != SIOCATMARK)
		return -ENOTTY;
	if (tcp_state(t) == TCP_LISTEN && cmd != SIOCATMARK)
		return -EINVAL;
	spin_lock_bh(&s->lock);
	bool urgent = (t->c.flags & TCPF_URG_IN) && t->urgent_valid;
	switch (cmd) {
	case SIOCINQ:
		value = atomic_load_explicit(&t->rcv_avail, memory_order_relaxed);
		if (urgent && !(s->opts & SOCK_OPT_OOBINLINE) && value != 0 &&
			t->c.rcv_up - t->c.read_seq < value)
			value = t->c.rcv_up == t->c.read_seq ? value - 1
							     : t->c.rcv_up - t->c.read_seq;
		break;
	case SIOCOUTQ:
		value = has_stream(t) ? tcp_unacked(&t->c) : 0;
		break;
	case SIOCOUTQNSD:
		value = has_stream(t) ? t->c.write_seq - t->c.snd_nxt : 0;
		break;
	default:
		value = at_mark(t);
		break;
	}
	spin_unlock_bh(&s->lock);
	return put_user_u32((uaddr_t){arg}, value);
}

static bool
tcp_is_listening(struct sock *s)
{
	return tcp_state(tcp_of(s)) == TCP_LISTEN;
}

#define TCP_OPS                                                                                    \
	.bind = tcp_bind, .listen = tcp_listen, .connect = tcp_sock_connect, .accept = tcp_accept, \
	.shutdown = tcp_sock_shutdown, .getname = tcp_getname, .send = tcp_send, .recv = tcp_recv, \
	.send_pages = tcp_send_pages, .poll = tcp_sock_poll, .ioctl = tcp_sock_ioctl,              \
	.setsockopt = tcp_setsockopt, .getsockopt = tcp_getsockopt,                                \
	.option_changed = tcp_option_changed, .is_listening = tcp_is_listening,                    \
	.close = tcp_sock_close, .destroy = tcp_sock_destroy

static const struct sock_ops tcp_ops4 = {.family = AF_INET, TCP_OPS};
static const struct sock_ops tcp_ops6 = {.family = AF_INET6, TCP_OPS};
