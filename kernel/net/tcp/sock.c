/* SPDX-License-Identifier: MIT */
/* TCP's sockets: made, named, asked what they are ready for. */
#include <string.h>

#include "arch/uaccess.h"
#include "mm/slab.h"
#include "net/sock/filter.h"
#include "net/sock/msg.h"
#include "net/tcp/tcp_impl.h"

const uint32_t tcp_sock_size = sizeof(struct tcp_sock);
static struct slab_cache *cache; /* [I after boot] */
static const struct sock_ops tcp_ops4, tcp_ops6;

void
tcp_sock_init(void)
{
	cache = slab_cache_create("tcp_sock", sizeof(struct tcp_sock), 64);
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
void
tcp_sock_init_conn(struct tcp_sock *t)
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
	t->e.flow.local = t->bound_local = inet_any(s);
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
	tcp_sock_init_conn(t);
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
	t->was_found = true;
	tcp_options_inherit(t, listener);
	sock_filter_inherit(&t->i.s, ls);
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
	sock_account(s);
	route_ref_drop(&t->i.ref);
	atomic_fetch_sub_explicit(&s->net->tcp->sockets, 1, memory_order_relaxed);
	epoch_call(&t->epoch, free_later);
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
	int err = inet_addr_decode_on_link(s, addr, 0, &a);
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
	/* One that is being accepted tells its peer though it may have ended. */
	bool accepting = atomic_load_explicit(&s->file, memory_order_relaxed) == NULL;
	if (flow.remote_port == 0 || state == TCP_LISTEN || state == TCP_SYN_SENT ||
		(state == TCP_CLOSE && !accepting))
		return -ENOTCONN;
	inet_addr_encode(s, &flow.remote, flow.remote_port, flow.ifindex, out);
	return 0;
}

/* --- What it is ready for --- */

static uint32_t
readable_events(const struct tcp_sock *t)
{
	uint32_t avail =
		atomic_load_explicit((_Atomic uint32_t *)&t->rcv_avail, memory_order_acquire);
	uint32_t target = t->i.s.rcvlowat;
	int32_t offered = (int32_t)(t->c.rcv_wup + t->c.rcv_wnd - t->c.rcv_nxt);
	if (target > 1 && offered <= (int32_t)t->c.rcv_mss)
		target = 1; /* no more will come before some of it is read */
	if (t->urgent_valid && t->c.rcv_up == t->c.read_seq &&
		(t->i.s.opts & SOCK_OPT_OOBINLINE) == 0)
		target++; /* the urgent byte is in the queue, but not to be read */
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
		value = has_stream(t) ? tcp_send_end(&t->c) - t->c.snd_nxt : 0;
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
