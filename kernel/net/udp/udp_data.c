/* SPDX-License-Identifier: MIT */
/* UDP and ping sockets: datagrams in and out. */
#include <string.h>

#include "core/wallclock.h"
#include "net/sock/charge.h"
#include "net/sock/msg.h"
#include "net/sock/pktio.h"
#include "net/udp/udp_sock.h"
#include "wire/udp.h"

#define DATAGRAM_MAX 65507u /* IPv4: what 65,535 bytes leave */

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
	if (likely(atomic_load_explicit(&u->filter, memory_order_relaxed) == NULL))
		return true;
	uint32_t header = u->kind == UDP_KIND_UDP ? UDP_HEADER : 0;
	pkt_push(p, header);
	uint32_t wanted = sock_filter_run(&u->filter, p, 0);
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
static int
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

/* Fills in what the socket says and sends; p is taken in any case. */
static int
send_packet(struct udp_sock *u, struct pkt *p, struct inet_send *out, bool to_peer, bool special)
{
	struct sock *s = &u->i.s;
	int err = 0;
	spin_lock_bh(&s->lock);
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
	if (out->flow.ifindex == 0)
		out->flow.ifindex = inet_interface_to(&u->i, &out->flow.remote);
	if (out->flow.ifindex == 0)
		out->flow.ifindex = own->ifindex;
	inet_send_options(&u->i, out);
	if (err != 0)
		pkt_free(p);
	else
		err = transmit(u, to_peer && !special ? &u->i.ref : &out->ref, p, out);
	spin_unlock_bh(&s->lock);
	route_ref_drop(&out->ref);
	return err;
}

ssize_t
udp_sock_send(struct sock *s, struct sock_msg *msg)
{
	struct udp_sock *u = udp_of(s);
	struct inet_send out = {.gso_size = u->gso_size};
	size_t n = msg->iter->count;
	bool to_peer;
	if (msg->flags & (MSG_OOB | MSG_MORE))
		return -EOPNOTSUPP;
	if (n > DATAGRAM_MAX)
		return -EMSGSIZE;
	int err = destination(u, msg, &out, &to_peer);
	bool special = msg->cmsg != NULL || (msg->flags & MSG_DONTROUTE) != 0;
	if (err == 0 && msg->cmsg != NULL)
		err = inet_send_cmsg(&u->i, msg->cmsg, &out);
	if (err == 0)
		err = sock_take_error(s);
	if (err == 0 && (__atomic_load_n(&s->shut, __ATOMIC_ACQUIRE) & SOCK_SHUT_WR))
		return sock_broken_pipe(msg->flags);
	if (err == 0)
		err = sock_wait_to_send(s, msg->flags);
	struct pkt *p;
	if (err == 0)
		err = pktio_make(msg->iter, (uint32_t)n, &p);
	if (err != 0)
		return err == -EPIPE ? sock_broken_pipe(msg->flags) : err;
	p->owner = s;
	p->gso_size = out.gso_size;
	err = send_packet(u, p, &out, to_peer, special);
	if (err == -EMSGSIZE && inet_has(&u->i, INET_RECVERR | INET_RECVERR6))
		inet_queue_local_error(&u->i, EMSGSIZE, out.ref.mtu, &out.flow);
	return err != 0 ? err : (ssize_t)n;
}
