/* SPDX-License-Identifier: MIT */
/* UDP and ping sockets: made, bound, connected, asked, closed. */
#include "net/udp/udp_sock.h"

#include <string.h>

#include "arch/uaccess.h"
#include "mm/slab.h"
#include "net/sock/msg.h"

static struct slab_cache *cache;
static const struct sock_ops udp_ops4, udp_ops6;
static void describe(const struct udp_end *end, struct udp_end_info *out);
static const struct udp_end_ops end_ops = {
	.deliver = udp_sock_deliver, .error = udp_sock_error, .describe = describe};

void
udp_sock_init(void)
{
	cache = slab_cache_create("udp_sock", sizeof(struct udp_sock), 0);
}

/* What the tables look at, from the socket's options. */
static void
take_options(struct udp_sock *u)
{
	uint32_t opts = atomic_load_explicit(&u->i.s.opts, memory_order_relaxed), flags;
	flags = atomic_load_explicit(&u->end.flags, memory_order_relaxed) &
		(UDP_END_GRO | UDP_END_NO_CHECK6);
	if (opts & SOCK_OPT_REUSEADDR)
		flags |= UDP_END_REUSEADDR;
	if (opts & SOCK_OPT_REUSEPORT)
		flags |= UDP_END_REUSEPORT;
	if (u->i.s.family == AF_INET6)
		flags |= UDP_END_IPV6;
	if (inet_has(&u->i, INET_V6ONLY))
		flags |= UDP_END_V6ONLY;
	atomic_store_explicit(&u->end.flags, flags, memory_order_relaxed);
}

static void
describe(const struct udp_end *end, struct udp_end_info *out)
{
	struct udp_sock *u = container_of((struct udp_end *)end, struct udp_sock, end);
	struct sock *s = &u->i.s;
	spin_lock_bh(&s->lock);
	out->s = s;
	out->rx_queue = s->rcv_used;
	out->tx_queue = atomic_load_explicit(&s->in_flight, memory_order_relaxed);
	spin_unlock_bh(&s->lock);
	out->drops = atomic_load_explicit(&u->rx.drops, memory_order_relaxed);
	out->refs = refcount_read(&s->refs);
	out->ino = s->ino;
}

int
udp_sock_create(
	struct net_stack *net, uint16_t family, enum udp_kind kind, int protocol, struct sock **out)
{
	struct udp_sock *u = slab_alloc(cache, KM_ZERO);
	*out = NULL;
	if (u == NULL)
		return -ENOMEM;
	const struct sock_ops *ops = family == AF_INET ? &udp_ops4 : &udp_ops6;
	sock_init(&u->i.s, ops, net, SOCK_DGRAM, protocol);
	inet_init(&u->i);
	u->kind = kind;
	udp_end_init(&u->end, net, &end_ops, u->i.s.uid);
	u->end.flow.local = u->bound_local = inet_any(&u->i.s);
	take_options(u);
	*out = &u->i.s;
	return 0;
}

int
udp_sock_autobind(struct udp_sock *u)
{
	if (u->end.flow.local_port != 0)
		return 0;
	take_options(u);
	struct net_addr local = u->end.flow.local; /* any, or what it was bound to without a port */
	uint32_t bound_if = u->i.s.bound_if;
	return udp_bind(
		&u->end, u->kind, &local, 0, bound_if != 0 ? bound_if : u->end.flow.ifindex);
}

static int
udp_sock_bind(struct sock *s, const struct sock_addr *addr)
{
	struct udp_sock *u = udp_of(s);
	struct inet_addr a;
	int err = inet_addr_decode_on_link(s, addr, 0, &a);
	if (err == 0)
		err = inet_may_bind(&u->i, &a);
	if (err != 0)
		return err;
	uint32_t ifindex = s->bound_if != 0 ? s->bound_if : a.scope;
	spin_lock_bh(&s->lock);
	take_options(u);
	if (u->end.flow.local_port != 0) {
		err = -EINVAL;
	} else if (a.port == 0 && inet_has(&u->i, INET_BIND_NO_PORT)) {
		u->end.flow.local = a.addr;
		u->end.flow.ifindex = ifindex;
	} else {
		err = udp_bind(&u->end, u->kind, &a.addr, a.port, ifindex);
		u->port_was_bound = err == 0 && a.port != 0;
	}
	if (err == 0)
		u->bound_local = a.addr;
	spin_unlock_bh(&s->lock);
	return err == -EAGAIN ? -EADDRINUSE : err;
}

/* Away from the peer, and from the address and port that were chosen because of it; lock held. */
static void
disconnect(struct udp_sock *u)
{
	route_ref_drop(&u->i.ref);
	if (u->end.flow.local_port != 0)
		udp_connect(&u->end, u->kind, &u->bound_local, NULL, 0);
	if (!u->port_was_bound)
		udp_unbind(&u->end, u->kind);
}

/* Finds the way and the local address, then connects; lock held. */
static int
connect_locked(struct udp_sock *u, const struct inet_addr *a)
{
	struct inet_sock *i = &u->i;
	int err = udp_sock_autobind(u);
	if (err != 0)
		return err;
	if (a->scope != 0 && i->s.bound_if != 0 && a->scope != i->s.bound_if)
		return -EINVAL;
	struct net_flow flow = {
		.local = u->end.flow.local,
		.remote = a->addr,
		.local_port = u->end.flow.local_port,
		.remote_port = u->kind == UDP_KIND_PING ? 0 : a->port,
		.ifindex = inet_interface_to(i, &a->addr, a->scope),
	};
	/* A peer of the other version: what was chosen for the last one does not count. */
	if (net_addr_is_v4(&flow.local) != net_addr_is_v4(&a->addr))
		flow.local = u->bound_local;
	if (net_addr_is_any(&flow.local))
		flow.local = (struct net_addr){0};
	route_ref_drop(&i->ref);
	i->ref.flags = inet_route_flags(i);
	i->ref.mcast_ttl = i->mcast_ttl;
	i->ref.mcast_if = i->mcast_if;
	err = route_resolve(i->s.net, &i->ref, &flow);
	if (err == 0)
		udp_connect(&u->end, u->kind, &flow.local, &a->addr, flow.remote_port);
	return err;
}

static int
udp_sock_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags)
{
	struct udp_sock *u = udp_of(s);
	struct inet_addr a;
	int err = 0;
	if (addr->len < sizeof(addr->family))
		return -EINVAL;
	if (addr->family == AF_UNSPEC) {
		spin_lock_bh(&s->lock);
		disconnect(u);
		spin_unlock_bh(&s->lock);
		return 0;
	}
	err = inet_addr_decode_on_link(s, addr, u->i.mcast_if, &a);
	if (err != 0)
		return err;
	inet_resolve_any(s, &a.addr);
	spin_lock_bh(&s->lock);
	err = connect_locked(u, &a);
	spin_unlock_bh(&s->lock);
	return err;
}

static int
udp_sock_getname(struct sock *s, bool peer, struct sock_addr *out)
{
	struct udp_sock *u = udp_of(s);
	spin_lock_bh(&s->lock);
	struct net_flow flow = u->end.flow;
	bool connected = u->end.connected;
	spin_unlock_bh(&s->lock);
	if (peer && !connected)
		return -ENOTCONN;
	if (peer)
		inet_addr_encode(s, &flow.remote, flow.remote_port, flow.ifindex, out);
	else
		inet_addr_encode(s, &flow.local, flow.local_port, flow.ifindex, out);
	return 0;
}

static int
udp_sock_shutdown(struct sock *s, int how)
{
	return inet_shutdown(s, __atomic_load_n(&udp_of(s)->end.connected, __ATOMIC_RELAXED), how);
}

static uint32_t
udp_sock_poll(struct sock *s, struct poll_table *pt)
{
	struct udp_sock *u = udp_of(s);
	uint32_t ready = sock_is_writable(s) ? POLLOUT | POLLWRNORM | POLLWRBAND : 0;
	if (atomic_load_explicit(&s->error, memory_order_acquire) != 0 || inet_has_errors(&u->i))
		ready |= POLLERR;
	if (!sock_rxqueue_is_empty(&u->rx))
		ready |= POLLIN | POLLRDNORM;
	return ready | inet_shut_events(s);
}

static int64_t
udp_sock_ioctl(struct sock *s, uint32_t cmd, uint64_t arg)
{
	struct udp_sock *u = udp_of(s);
	if (cmd == SIOCINQ)
		return put_user_u32((uaddr_t){arg}, sock_rxqueue_first_len(s, &u->rx));
	if (cmd == SIOCOUTQ)
		return put_user_u32((uaddr_t){arg}, sock_in_flight(s));
	return -ENOTTY;
}

static int
set_udp(struct udp_sock *u, int name, const void *value, uint32_t len)
{
	int32_t v;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	switch (name) {
	case UDP_CORK:
		return udp_sock_cork(u, v != 0);
	case UDP_SEGMENT:
		if ((uint32_t)v > UINT16_MAX)
			return -EINVAL;
		u->gso_size = (uint16_t)v;
		return 0;
	case UDP_GRO:
		if (v != 0)
			atomic_fetch_or_explicit(&u->end.flags, UDP_END_GRO, memory_order_relaxed);
		else
			atomic_fetch_and_explicit(
				&u->end.flags, ~UDP_END_GRO, memory_order_relaxed);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int
udp_sock_setsockopt(struct sock *s, int level, int name, const void *value, uint32_t len)
{
	struct udp_sock *u = udp_of(s);
	/* Which versions it takes is settled with its port. */
	if (level == SOL_IPV6 && name == IPV6_V6ONLY && s->family == AF_INET6 &&
		__atomic_load_n(&u->end.bound, __ATOMIC_RELAXED))
		return -EINVAL;
	int err = inet_setsockopt(&u->i, level, name, value, len);
	if (err == 1 && level == SOL_UDP && u->kind == UDP_KIND_UDP)
		return set_udp(u, name, value, len);
	if (err == 0) { /* what of it the way to the peer depends on */
		spin_lock_bh(&s->lock);
		u->i.ref.flags = inet_route_flags(&u->i);
		u->i.ref.mcast_ttl = u->i.mcast_ttl;
		u->i.ref.mcast_if = u->i.mcast_if;
		spin_unlock_bh(&s->lock);
	}
	return err == 1 ? -ENOPROTOOPT : err;
}

static int
udp_sock_getsockopt(struct sock *s, int level, int name, void *value, uint32_t *len)
{
	struct udp_sock *u = udp_of(s);
	int err = inet_getsockopt(&u->i, level, name, value, len);
	if (err != 1)
		return err;
	int32_t v;
	if (level != SOL_UDP || u->kind != UDP_KIND_UDP)
		return inet_has_no_level(&u->i, level);
	switch (name) {
	case UDP_SEGMENT:
		v = u->gso_size;
		break;
	case UDP_GRO:
		v = (atomic_load_explicit(&u->end.flags, memory_order_relaxed) & UDP_END_GRO) != 0;
		break;
	case UDP_CORK:
		v = udp_sock_is_corked(u);
		break;
	default:
		return -ENOPROTOOPT;
	}
	return sock_answer(value, len, &v, sizeof(v));
}

static int
udp_sock_listen(struct sock *s, int backlog)
{
	return -EOPNOTSUPP;
}

static int
udp_sock_accept(struct sock *s, uint32_t flags, struct sock **out)
{
	return -EOPNOTSUPP;
}

static void
udp_sock_close(struct sock *s)
{
	struct udp_sock *u = udp_of(s);
	spin_lock_bh(&s->lock);
	u->closed = true;
	udp_unbind(&u->end, u->kind);
	sock_rxqueue_purge(s, &u->rx);
	spin_unlock_bh(&s->lock);
	inet_cork_drop(&u->cork);
	inet_end(&u->i);
}

static void
free_later(struct epoch_head *head)
{
	slab_free(cache, container_of(head, struct udp_sock, epoch));
}

static void
udp_sock_destroy(struct sock *s)
{
	epoch_call(&udp_of(s)->epoch, free_later);
}

#define UDP_OPS                                                                                \
	.bind = udp_sock_bind, .listen = udp_sock_listen, .connect = udp_sock_connect,         \
	.accept = udp_sock_accept, .shutdown = udp_sock_shutdown, .getname = udp_sock_getname, \
	.send = udp_sock_send, .recv = udp_sock_recv, .poll = udp_sock_poll,                   \
	.ioctl = udp_sock_ioctl, .setsockopt = udp_sock_setsockopt,                            \
	.getsockopt = udp_sock_getsockopt, .close = udp_sock_close, .destroy = udp_sock_destroy

static const struct sock_ops udp_ops4 = {.family = AF_INET, UDP_OPS};
static const struct sock_ops udp_ops6 = {.family = AF_INET6, UDP_OPS};
