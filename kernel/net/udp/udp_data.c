/* SPDX-License-Identifier: MIT */
/* UDP and ping sockets: datagrams in and out. */
#include <string.h>

#include "core/wallclock.h"
#include "net/sock/charge.h"
#include "net/sock/filter.h"
#include "net/sock/msg.h"
#include "net/sock/pktio.h"
#include "net/udp/udp_sock.h"
#include "wire/udp.h"

/* --- In --- */

/* The flow that a packet belongs to, seen from here; data at the payload (ping: at the ICMP header). */
static void
flow_of(const struct udp_sock *u, const struct pkt *p, struct net_flow *flow)
{
	ip_flow_of(p, flow);
	flow->remote_port = p->cb.udp.remote_port;
	flow->local_port = u->end.flow.local_port;
	if (u->kind == UDP_KIND_UDP)
		memcpy(&flow->local_port, p->head + p->transport_off + 2, sizeof(flow->local_port));
}

/* Whether the socket takes p; lock held. */
static bool
takes(struct udp_sock *u, const struct pkt *p)
{
	struct net_flow flow;
	flow_of(u, p, &flow);
	if (u->closed || !udp_end_matches(&u->end, &flow))
		return false;
	return !net_addr_is_multicast(&flow.local) || inet_group_wanted(&u->i, &flow);
}

/* SO_ATTACH_FILTER, which sees the header, as on Linux: cuts what it does not want of the payload. Whether it wants p. */
static bool
filter(struct udp_sock *u, struct pkt *p)
{
	if (!sock_has_filter(&u->i.s))
		return true;
	uint32_t header = u->kind == UDP_KIND_UDP ? UDP_HEADER : 0;
	pkt_push(p, header);
	uint32_t wanted = sock_filter_run(&u->i.s, p, 0);
	pkt_pull(p, header);
	if (wanted < p->len + header)
		pkt_trim(p, max(wanted, header) - header);
	return wanted != 0;
}

void
udp_sock_deliver(struct udp_end *end, struct pkt *p)
{
	struct udp_sock *u = container_of(end, struct udp_sock, end);
	struct sock *s = &u->i.s;
	uint32_t opts = atomic_load_explicit(&s->opts, memory_order_relaxed);
	if (unlikely(opts & SOCK_OPT_TIMESTAMPS) && p->tstamp == 0)
		p->tstamp = time_realtime();
	spin_lock(&s->lock);
	uint16_t reason = NET_DROP_NO_SOCKET;
	if (likely(takes(u, p))) {
		inet_pkt_keep_ifindex(p, p->netif->index);
		reason = filter(u, p) ? sock_rxqueue_add(s, &u->rx, p) : NET_DROP_SOCKET_FILTER;
	}
	spin_unlock(&s->lock);
	if (likely(reason == 0)) {
		sock_wake(s, POLLIN | POLLRDNORM);
		return;
	}
	if (reason != NET_DROP_NO_SOCKET && reason != NET_DROP_SOCKET_FILTER)
		net_count(s->net, NET_UDP_RCVBUF_ERRORS);
	pkt_drop(s->net, p, reason);
}

void
udp_sock_error(struct udp_end *end, const struct ip_error *e)
{
	struct udp_sock *u = container_of(end, struct udp_sock, end);
	struct sock *s = &u->i.s;
	bool queues = inet_has(&u->i, e->v4 ? INET_RECVERR : INET_RECVERR6);
	spin_lock_bh(&s->lock);
	bool connected = u->end.connected;
	if (queues && !u->closed)
		inet_queue_error(&u->i, e);
	spin_unlock_bh(&s->lock);
	if (queues || (connected && e->hard))
		sock_set_error(s, e->error);
}

static void
describe(struct sock *s, const struct pkt *p, struct sock_msg *msg)
{
	struct udp_sock *u = udp_of(s);
	if (msg->addr != NULL) {
		struct net_addr src, dst;
		inet_pkt_addresses(p, &src, &dst);
		inet_addr_encode(s, &src, p->cb.udp.remote_port, inet_pkt_ifindex(p), msg->addr);
	}
	if (msg->cmsg != NULL) {
		inet_recv_cmsg(&u->i, p, msg->cmsg);
		int32_t size = p->gso_size;
		if (size != 0 && p->len > p->gso_size)
			cmsg_put(msg->cmsg, SOL_UDP, UDP_GRO, &size, sizeof(size));
	}
}

ssize_t
udp_sock_recv(struct sock *s, struct sock_msg *msg)
{
	struct udp_sock *u = udp_of(s);
	if (msg->flags & MSG_ERRQUEUE)
		return inet_recv_error(&u->i, msg);
	if (msg->flags & MSG_OOB)
		return -EOPNOTSUPP;
	return sock_rxqueue_recv(s, &u->rx, msg, describe);
}

/* --- Out --- */

/* Hands p (taken in any case) to UDP or ICMP. lock held. */
static int
transmit(struct udp_sock *u, struct route_ref *ref, struct pkt *p, struct inet_send *out)
{
	struct net_stack *net = u->i.s.net;
	if (u->kind == UDP_KIND_PING)
		return ping_send(net, ref, p, &out->flow, out->tos, out->ttl);
	uint32_t opts = atomic_load_explicit(&u->i.s.opts, memory_order_relaxed);
	return udp_send(net, ref, p, &out->flow, out->tos, out->ttl,
		(opts & SOCK_OPT_NO_CHECK) ? UDP_SEND_NO_CHECK : 0);
}

/* Where a message goes: the address given, or the peer. */
static inline __attribute__((always_inline)) int
destination(struct udp_sock *u, const struct sock_msg *msg, struct inet_send *out, bool *to_peer)
{
	struct sock *s = &u->i.s;
	*to_peer = msg->addr == NULL || msg->addr->len == 0;
	if (*to_peer)
		return __atomic_load_n(&u->end.connected, __ATOMIC_RELAXED) ? 0 : -EDESTADDRREQ;
	struct inet_addr a;
	int err = inet_addr_decode(s, msg->addr, &a);
	if (err != 0)
		return err;
	if (a.port == 0 && u->kind == UDP_KIND_UDP)
		return -EINVAL;
	inet_resolve_any(s, &a.addr);
	out->flow.remote = a.addr;
	out->flow.remote_port = a.port;
	out->flow.ifindex = a.scope;
	return 0;
}

/* Fills in what the socket says of where it goes. 0, or why it could not be bound. lock held. */
static inline __attribute__((always_inline)) int
address(struct udp_sock *u, struct inet_send *out, bool to_peer)
{
	int err = 0;
	if (unlikely(u->end.flow.local_port == 0))
		err = udp_sock_autobind(u);
	const struct net_flow *own = &u->end.flow;
	out->flow.local_port = own->local_port;
	if (to_peer) {
		out->flow.remote = own->remote;
		out->flow.remote_port = own->remote_port;
	}
	if (net_addr_equal(&out->flow.local, &(struct net_addr){0}) &&
		!net_addr_is_any(&own->local))
		out->flow.local = own->local;
	out->flow.ifindex = inet_interface_to(&u->i, &out->flow.remote, out->flow.ifindex);
	if (out->flow.ifindex == 0)
		out->flow.ifindex = own->ifindex;
	return err;
}

/* Fills in what the socket says and sends; p is taken in any case. */
static int
send_packet(struct udp_sock *u, struct pkt *p, struct inet_send *out, bool to_peer, bool special)
{
	struct sock *s = &u->i.s;
	spin_lock_bh(&s->lock);
	int err = address(u, out, to_peer);
	inet_send_options(&u->i, out);
	if (err != 0)
		pkt_free(p);
	else
		err = transmit(u, to_peer && !special ? &u->i.ref : &out->ref, p, out);
	spin_unlock_bh(&s->lock);
	route_ref_drop(&out->ref);
	return err;
}

/* Looks at all that a message says but its bytes. 0: it may go; -errno; -EPIPE is the caller's to signal. */
static inline __attribute__((always_inline)) int
prepare(struct udp_sock *u, const struct sock_msg *msg, struct inet_send *out, bool *to_peer)
{
	struct sock *s = &u->i.s;
	int err = destination(u, msg, out, to_peer);
	if (err == 0 && msg->cmsg != NULL)
		err = inet_send_cmsg(&u->i, msg->cmsg, out);
	if (err == 0)
		err = sock_take_error(s);
	if (err == 0 && (__atomic_load_n(&s->shut, __ATOMIC_ACQUIRE) & SOCK_SHUT_WR))
		return -EPIPE;
	return err != 0 ? err : sock_wait_to_send(s, msg->flags);
}

static void
say_too_long(struct udp_sock *u, int err, const struct inet_send *out)
{
	if (err == -EMSGSIZE && inet_has(&u->i, INET_RECVERR | INET_RECVERR6))
		inet_queue_local_error(&u->i, EMSGSIZE, out->ref.mtu, &out->flow);
}

static ssize_t
send_now(struct udp_sock *u, struct sock_msg *msg)
{
	struct inet_send out = {.gso_size = u->gso_size};
	size_t n = msg->iter->count;
	bool to_peer;
	if (n > PKT_LEN_MAX)
		return -EMSGSIZE;
	bool special = msg->cmsg != NULL || (msg->flags & MSG_DONTROUTE) != 0;
	int err = prepare(u, msg, &out, &to_peer);
	struct pkt *p;
	if (err == 0)
		err = pktio_make(msg->iter, (uint32_t)n, &p);
	if (err != 0)
		return err;
	p->owner = &u->i.s;
	p->gso_size = out.gso_size;
	err = send_packet(u, p, &out, to_peer, special);
	say_too_long(u, err, &out);
	return err != 0 ? err : (ssize_t)n;
}

/* --- Corked --- */

/* Begins a datagram to where a message goes. The cork's lock is held. */
static int
begin(struct udp_sock *u, struct inet_cork *c, const struct sock_msg *msg)
{
	struct inet_send out = {.gso_size = u->gso_size};
	bool to_peer;
	int err = prepare(u, msg, &out, &to_peer);
	if (err != 0)
		return err;
	spin_lock_bh(&u->i.s.lock);
	err = address(u, &out, to_peer);
	spin_unlock_bh(&u->i.s.lock);
	return err != 0 ? err : inet_cork_begin(&u->i, c, &out);
}

/* Sends what was gathered. The cork's lock is held. */
static int
flush(struct udp_sock *u, struct inet_cork *c)
{
	struct sock *s = &u->i.s;
	struct pkt *p = inet_cork_take(&u->i, c);
	p->gso_size = c->out.gso_size;
	spin_lock_bh(&s->lock);
	inet_send_options(&u->i, &c->out);
	int err = transmit(u, &c->out.ref, p, &c->out);
	spin_unlock_bh(&s->lock);
	route_ref_drop(&c->out.ref);
	say_too_long(u, err, &c->out);
	return err;
}

/*
 * A send that begins a datagram, adds to one or ends one; only the first one's address and control messages count.
 * *whole: it is none of these, and nothing was done.
 */
static ssize_t __attribute__((noinline))
send_corked(struct udp_sock *u, struct sock_msg *msg, bool *whole)
{
	struct inet_cork *c = inet_cork_get(&u->cork);
	if (c == NULL)
		return -ENOBUFS;
	size_t n = msg->iter->count;
	int err = 0;
	mutex_lock(&c->lock);
	bool more = (msg->flags & MSG_MORE) || udp_sock_is_corked(u);
	*whole = c->pkt == NULL && !more;
	if (*whole) {
		mutex_unlock(&c->lock);
		return 0;
	}
	if (n > PKT_LEN_MAX)
		err = -EMSGSIZE;
	else if (c->pkt == NULL)
		err = begin(u, c, msg);
	if (err == 0)
		err = inet_cork_add(&u->i, c, msg->iter, UDP_HEADER);
	if (err == 0 && !more)
		err = flush(u, c);
	mutex_unlock(&c->lock);
	return err != 0 ? err : (ssize_t)n;
}

int
udp_sock_cork(struct udp_sock *u, bool on)
{
	struct inet_cork *c = on ? inet_cork_get(&u->cork) : inet_cork_peek(&u->cork);
	if (c == NULL)
		return on ? -ENOBUFS : 0;
	atomic_store_explicit(&c->always, on, memory_order_relaxed);
	if (on)
		return 0;
	mutex_lock(&c->lock);
	if (c->pkt != NULL)
		(void)flush(u, c); /* nobody waits for its error, as on Linux */
	mutex_unlock(&c->lock);
	return 0;
}

ssize_t
udp_sock_send(struct sock *s, struct sock_msg *msg)
{
	struct udp_sock *u = udp_of(s);
	if (msg->flags & MSG_OOB)
		return -EOPNOTSUPP;
	bool whole = true;
	ssize_t n = 0;
	/* Ping sockets send at once, whatever is said, as on Linux. */
	if (inet_cork_wants(&u->cork, msg->flags) && u->kind == UDP_KIND_UDP)
		n = send_corked(u, msg, &whole);
	if (likely(whole))
		n = send_now(u, msg);
	return n == -EPIPE ? sock_broken_pipe(msg->flags) : n;
}
