/* SPDX-License-Identifier: MIT */
/* What goes along with datagrams of IP: control messages both ways, the queue of errors. */
#include <string.h>

#include "mm/slab.h"
#include "net/sock/inet.h"
#include "net/sock/pktio.h"
#include "proc/time.h"
#include "wire/ip4.h"

void
inet_pkt_addresses(const struct pkt *p, struct net_addr *src, struct net_addr *dst)
{
	const uint8_t *h = p->head + p->net_off;
	if ((h[0] >> 4) == 4) {
		uint32_t a[2];
		memcpy(a, h + 12, sizeof(a));
		*src = net_addr_v4(a[0]);
		*dst = net_addr_v4(a[1]);
	} else {
		memcpy(src->b, h + 8, sizeof(src->b));
		memcpy(dst->b, h + 24, sizeof(dst->b));
	}
}

static int
send_pktinfo4(struct inet_sock *i, const struct cmsg_item *item, struct inet_send *out)
{
	struct in_pktinfo_user info;
	if (item->len < sizeof(info))
		return -EINVAL;
	memcpy(&info, item->data, sizeof(info));
	if (info.ifindex != 0)
		out->flow.ifindex = (uint32_t)info.ifindex;
	if (info.spec_dst != 0)
		out->flow.local = net_addr_v4(info.spec_dst);
	return 0;
}

static int
send_pktinfo6(const struct cmsg_item *item, struct inet_send *out)
{
	struct in6_pktinfo_user info;
	struct net_addr a;
	if (item->len < sizeof(info))
		return -EINVAL;
	memcpy(&info, item->data, sizeof(info));
	memcpy(a.b, info.addr, sizeof(a.b));
	if (info.ifindex != 0)
		out->flow.ifindex = info.ifindex;
	if (!net_addr_is_any(&a))
		out->flow.local = a;
	return 0;
}

/* An integer that a control message carries, within bounds. */
static int
number(const struct cmsg_item *item, int32_t low, int32_t high, int32_t *v)
{
	if (item->len == 1) {
		*v = item->data[0];
	} else {
		if (item->len < sizeof(*v))
			return -EINVAL;
		memcpy(v, item->data, sizeof(*v));
	}
	return *v >= low && *v <= high ? 0 : -EINVAL;
}

/* What a message may carry though it is nothing to this socket, and Linux passes over: AF_UNIX's, other levels'. */
static bool
is_for_others(const struct inet_sock *i, const struct cmsg_item *item)
{
	switch (item->level) {
	case SOL_IP:
	case SOL_UDP:
		return false;
	case SOL_IPV6:
		return i->s.family == AF_INET;
	case SOL_SOCKET:
		return item->type == SCM_RIGHTS || item->type == SCM_CREDENTIALS;
	default:
		return true;
	}
}

static int
send_item(struct inet_sock *i, const struct cmsg_item *item, struct inet_send *out)
{
	int32_t v = 0;
	int err;
	if (is_for_others(i, item))
		return 0;
	if (item->level == SOL_UDP && item->type == UDP_SEGMENT) {
		if (item->len != sizeof(out->gso_size))
			return -EINVAL;
		memcpy(&out->gso_size, item->data, sizeof(out->gso_size));
		return 0;
	}
	if (item->level == SOL_IP && item->type == IP_PKTINFO)
		return send_pktinfo4(i, item, out);
	if (item->level == SOL_IPV6 &&
		(item->type == IPV6_PKTINFO || item->type == IPV6_2292PKTINFO))
		return send_pktinfo6(item, out);
	bool hops = (item->level == SOL_IP && item->type == IP_TTL) ||
		(item->level == SOL_IPV6 &&
			(item->type == IPV6_HOPLIMIT || item->type == IPV6_2292HOPLIMIT));
	bool tos = (item->level == SOL_IP && item->type == IP_TOS) ||
		(item->level == SOL_IPV6 && item->type == IPV6_TCLASS);
	if (!hops && !tos)
		return -EINVAL;
	err = number(item, hops ? 1 : 0, 255, &v);
	if (err == 0 && hops)
		out->ttl = (uint8_t)v;
	else if (err == 0)
		out->tos = (uint8_t)v;
	return err;
}

int
inet_send_cmsg(struct inet_sock *i, const struct cmsg_buffer *b, struct inet_send *out)
{
	uint32_t at = 0;
	struct cmsg_item item;
	int more = 0, err = 0;
	while (err == 0 && (more = cmsg_next(b, &at, &item)) > 0)
		err = send_item(i, &item, out);
	return err != 0 ? err : more;
}

/* How the path's MTU is minded. */
static uint8_t
discovery_flags(const struct inet_sock *i)
{
	switch (i->pmtudisc) {
	case IP_PMTUDISC_DO:
		return ROUTE_DF;
	case IP_PMTUDISC_PROBE:
		return ROUTE_DF | ROUTE_PROBE;
	case IP_PMTUDISC_INTERFACE:
	case IP_PMTUDISC_OMIT:
		return ROUTE_IFMTU;
	default:
		return 0;
	}
}

uint8_t
inet_route_flags(const struct inet_sock *i)
{
	uint32_t opts = atomic_load_explicit((_Atomic uint32_t *)&i->s.opts, memory_order_relaxed);
	uint8_t flags = discovery_flags(i);
	if (opts & SOCK_OPT_BROADCAST)
		flags |= ROUTE_BROADCAST;
	if (opts & SOCK_OPT_DONTROUTE)
		flags |= ROUTE_ONLINK;
	if (inet_has(i, INET_MCAST_NO_LOOP))
		flags |= ROUTE_NO_LOOP;
	if (inet_has(i, INET_FREEBIND))
		flags |= ROUTE_ANY_SRC;
	if (inet_has(i, INET_DONTFRAG))
		flags |= ROUTE_DF;
	return flags;
}

void
inet_send_options(struct inet_sock *i, struct inet_send *out)
{
	bool v4 = net_addr_is_v4(&out->flow.remote);
	if (out->tos == 0)
		out->tos = v4 ? i->tos : i->tclass;
	if (out->ttl == 0 && !net_addr_is_multicast(&out->flow.remote))
		out->ttl = v4 ? i->ttl : i->hops;
	out->ref.flags = inet_route_flags(i);
	out->ref.mcast_ttl = i->mcast_ttl;
	out->ref.mcast_if = i->mcast_if;
}

static void
put_int(struct cmsg_buffer *out, int level, int type, int32_t v)
{
	cmsg_put(out, level, type, &v, sizeof(v));
}

/* The header's options as they came, if it has any; what would go back is the same, since source routes are dropped. */
static void
put_options(const struct inet_sock *i, const struct pkt *p, struct cmsg_buffer *out)
{
	const uint8_t *h = p->head + p->net_off;
	uint32_t n = (h[0] & 15u) * 4 - IP4_HEADER;
	if (n != 0 && inet_has(i, INET_RECVOPTS))
		cmsg_put(out, SOL_IP, IP_RECVOPTS, h + IP4_HEADER, n);
	if (n != 0 && inet_has(i, INET_RETOPTS))
		cmsg_put(out, SOL_IP, IP_RETOPTS, h + IP4_HEADER, n);
}

static void
put_v4(const struct inet_sock *i, const struct pkt *p, const struct net_addr *dst,
	struct cmsg_buffer *out)
{
	if (inet_has(i, INET_PKTINFO)) {
		struct in_pktinfo_user info = {(int32_t)inet_pkt_ifindex(p), dst->w[3], dst->w[3]};
		cmsg_put(out, SOL_IP, IP_PKTINFO, &info, sizeof(info));
	}
	if (inet_has(i, INET_RECVTTL))
		put_int(out, SOL_IP, IP_TTL, p->ttl);
	if (inet_has(i, INET_RECVTOS))
		cmsg_put(out, SOL_IP, IP_TOS, &p->tos, 1);
	if (unlikely(inet_has(i, INET_RECVOPTS | INET_RETOPTS)))
		put_options(i, p, out);
}

/* Where it came to, by the name that the socket knows it by: RFC 3542's, or the older RFC 2292's, or both. */
static void
put_pktinfo6(const struct inet_sock *i, const struct pkt *p, const struct net_addr *dst,
	struct cmsg_buffer *out)
{
	struct in6_pktinfo_user info = {.ifindex = inet_pkt_ifindex(p)};
	memcpy(info.addr, dst->b, sizeof(info.addr));
	if (inet_has(i, INET_PKTINFO6))
		cmsg_put(out, SOL_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	if (inet_has(i, INET_OLD_PKTINFO6))
		cmsg_put(out, SOL_IPV6, IPV6_2292PKTINFO, &info, sizeof(info));
}

void
inet_recv_cmsg(struct inet_sock *i, const struct pkt *p, struct cmsg_buffer *out)
{
	struct net_addr src, dst;
	inet_pkt_addresses(p, &src, &dst);
	sock_put_timestamp(&i->s, p->tstamp, out);
	if (net_addr_is_v4(&dst))
		put_v4(i, p, &dst, out);
	if (i->s.family != AF_INET6)
		return;
	put_pktinfo6(i, p, &dst, out);
	if (inet_has(i, INET_HOPLIMIT6) && !net_addr_is_v4(&dst))
		put_int(out, SOL_IPV6, IPV6_HOPLIMIT, p->ttl);
	if (inet_has(i, INET_OLD_HOPLIMIT6) && !net_addr_is_v4(&dst))
		put_int(out, SOL_IPV6, IPV6_2292HOPLIMIT, p->ttl);
	if (inet_has(i, INET_TCLASS6) && !net_addr_is_v4(&dst))
		put_int(out, SOL_IPV6, IPV6_TCLASS, p->tos);
}

static void
enqueue(struct inet_sock *i, struct inet_error *e)
{
	e->next = NULL;
	if (i->errors == NULL)
		__atomic_store_n(&i->errors, e, __ATOMIC_RELEASE);
	else
		i->errors_last->next = e;
	i->errors_last = e;
	i->nr_errors++;
}

void
inet_queue_error(struct inet_sock *i, const struct ip_error *from)
{
	struct inet_error *e =
		i->nr_errors < INET_ERRORS_MAX ? kmalloc(sizeof(*e), KM_ATOMIC | KM_ZERO) : NULL;
	if (e == NULL)
		return; /* as Linux: what there is no room for is not told */
	bool local = from->pkt == NULL;
	e->ee = (struct sock_extended_err_user){
		.err = (uint32_t)from->error,
		.origin = local    ? SO_EE_ORIGIN_LOCAL
			: from->v4 ? SO_EE_ORIGIN_ICMP
				   : SO_EE_ORIGIN_ICMP6,
		.type = from->type,
		.code = from->code,
		.info = from->mtu,
	};
	e->offender = from->offender;
	e->has_offender = !local;
	e->v4 = from->v4;
	e->dst = from->flow.remote;
	e->dst_port = from->flow.remote_port;
	/* Behind the transport's header, as far as it came back. */
	uint32_t skip = min(from->transport_len, 8u);
	e->len = min(from->transport_len - skip, (uint32_t)sizeof(e->data));
	memcpy(e->data, from->transport + skip, e->len);
	enqueue(i, e);
}

void
inet_queue_local_error(struct inet_sock *i, int error, uint32_t info, const struct net_flow *flow)
{
	struct inet_error *e = kmalloc(sizeof(*e), KM_ZERO);
	if (e == NULL)
		return;
	e->ee = (struct sock_extended_err_user){
		.err = (uint32_t)error, .origin = SO_EE_ORIGIN_LOCAL, .info = info};
	e->v4 = net_addr_is_v4(&flow->remote);
	e->dst = flow->remote;
	e->dst_port = flow->remote_port;
	spin_lock_bh(&i->s.lock);
	bool room = i->nr_errors < INET_ERRORS_MAX;
	if (room)
		enqueue(i, e);
	spin_unlock_bh(&i->s.lock);
	if (!room)
		kfree(e);
}

ssize_t
inet_recv_error(struct inet_sock *i, struct sock_msg *msg)
{
	spin_lock_bh(&i->s.lock);
	struct inet_error *e = i->errors;
	if (e != NULL) {
		__atomic_store_n(&i->errors, e->next, __ATOMIC_RELEASE);
		i->nr_errors--;
		i->s.error = e->next != NULL ? (int32_t)e->next->ee.err : 0;
	}
	spin_unlock_bh(&i->s.lock);
	if (e == NULL)
		return -EAGAIN;
	uint32_t n = (uint32_t)min((size_t)e->len, msg->iter->count);
	ssize_t result = iter_copy_to(msg->iter, e->data, n) == n ? (ssize_t)n : -EFAULT;
	msg->out_flags |= MSG_ERRQUEUE | (n < e->len ? MSG_TRUNC : 0);
	if (msg->addr != NULL)
		inet_addr_encode(&i->s, &e->dst, e->dst_port, 0, msg->addr);
	if (msg->cmsg != NULL) {
		struct {
			struct sock_extended_err_user ee;
			uint8_t offender[28];
		} body = {.ee = e->ee};
		bool six = i->s.family == AF_INET6 && !e->v4;
		struct sock_addr a = {0};
		if (e->has_offender)
			inet_addr_encode(&i->s, &e->offender, 0, 0, &a);
		memcpy(body.offender, a.bytes, min(a.len, (uint32_t)sizeof(body.offender)));
		cmsg_put(msg->cmsg, six ? SOL_IPV6 : SOL_IP, six ? IPV6_RECVERR : IP_RECVERR, &body,
			(uint32_t)sizeof(body.ee) + (i->s.family == AF_INET6 ? 28u : 16u));
	}
	kfree(e);
	return result;
}
