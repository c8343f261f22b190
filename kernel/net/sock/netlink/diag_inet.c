/* SPDX-License-Identifier: MIT */
/* NETLINK_SOCK_DIAG: the sockets of the internet families: TCP's, UDP's and raw ones. */
#include <string.h>

#include "abi/linux/inet_diag.h"
#include "abi/linux/tcp.h"
#include "net/sock/inet.h"
#include "net/sock/netlink/diag.h"
#include "net/sock/raw.h"
#include "net/tcp/core.h"
#include "net/tcp/tcp.h"
#include "net/udp/udp.h"

/* One of them; what it does not have is 0. */
struct inet_row {
	const struct net_addr *local, *remote;
	uint16_t local_port, remote_port; /* network order */
	uint32_t ifindex;
	struct sock *s; /* NULL: half open, TIME_WAIT */
	uint64_t ino;
	uint32_t uid, rx_queue, tx_queue;
	uint32_t timer_ms;
	uint8_t state, timer, retransmits;
	bool ipv6;
};

static void
copy_addr(uint32_t to[4], const struct net_addr *a, uint8_t family)
{
	if (family == NL_AF_INET)
		to[0] = a->w[3];
	else
		memcpy(to, a->b, 16);
}

static bool
wants(const struct diag_walk *w, uint32_t attribute)
{
	return diag_shows(w, 1u << (attribute - 1));
}

static void
put_details(const struct diag_walk *w, const struct inet_row *r)
{
	struct sock *s = r->s;
	struct nl_buf *b = w->b;
	nl_put_u8(b, INET_DIAG_SHUTDOWN, __atomic_load_n(&s->shut, __ATOMIC_RELAXED));
	if (r->ipv6 && (r->state == TCP_LISTEN || r->state == TCP_CLOSE))
		nl_put_u8(b, INET_DIAG_SKV6ONLY, inet_has(inet_of(s), INET_V6ONLY));
	if (wants(w, INET_DIAG_SKMEMINFO))
		diag_put_memory(b, INET_DIAG_SKMEMINFO, s);
	if (s->type == SOCK_RAW)
		nl_put_u8(b, INET_DIAG_PROTOCOL, (uint8_t)s->protocol);
	if (s->type != SOCK_STREAM)
		return;
	if (wants(w, INET_DIAG_INFO)) {
		struct tcp_info_user info;
		tcp_get_info(s, &info);
		nl_put(b, INET_DIAG_INFO, &info, sizeof(info));
	}
	if (wants(w, INET_DIAG_CONG))
		nl_put_string(b, INET_DIAG_CONG, tcp_cc_name(tcp_cc_of(s)));
}

static bool
encode(const struct diag_walk *w, const struct inet_row *r)
{
	uint64_t cookie = r->ino != 0 ? r->ino : (uint64_t)r->local_port << 16 | r->remote_port;
	uint8_t family = r->ipv6 ? NL_AF_INET6 : NL_AF_INET;
	struct inet_diag_msg m = {.idiag_family = family,
		.idiag_state = r->state,
		.idiag_timer = r->timer,
		.idiag_retrans = r->retransmits,
		.id = {.idiag_sport = r->local_port,
			.idiag_dport = r->remote_port,
			.idiag_if = r->ifindex,
			.idiag_cookie = {(uint32_t)cookie, (uint32_t)(cookie >> 32)}},
		.idiag_expires = r->timer_ms,
		.idiag_rqueue = r->rx_queue,
		.idiag_wqueue = r->tx_queue,
		.idiag_uid = r->uid,
		.idiag_inode = (uint32_t)r->ino};
	copy_addr(m.id.idiag_src, r->local, family);
	if (!net_addr_is_any(r->remote))
		copy_addr(m.id.idiag_dst, r->remote, family);
	uint32_t at = nl_begin(w->b, &w->d->header, &m, sizeof(m));
	if (r->s != NULL)
		put_details(w, r);
	return nl_end(w->b, at);
}

static void
tell(struct diag_walk *w, const struct inet_row *r)
{
	struct nl_dump *d = w->d;
	uint16_t local = (uint16_t)d->extra[DIAG_PORTS];
	uint16_t remote = (uint16_t)(d->extra[DIAG_PORTS] >> 16);
	if (!diag_next(w, r->uid, r->state))
		return;
	bool wanted = r->ipv6 == (d->want.family == NL_AF_INET6) &&
		(local == 0 || local == r->local_port) && (remote == 0 || remote == r->remote_port);
	diag_told(w, !wanted || encode(w, r));
}

static void
tell_tcp(const struct tcp_row *t, void *ctx)
{
	struct inet_row r = {.local = &t->flow.local,
		.remote = &t->flow.remote,
		.local_port = t->flow.local_port,
		.remote_port = t->flow.remote_port,
		.ifindex = t->flow.ifindex,
		.s = t->s,
		.ino = t->ino,
		.uid = t->uid,
		.rx_queue = t->rx_queue,
		.tx_queue = t->tx_queue,
		.timer_ms = (uint32_t)(t->timer_left / NSEC_PER_MSEC),
		.state = t->state,
		.timer = t->timer,
		.retransmits = (uint8_t)(t->timer == 4 ? t->probes : t->retransmits),
		.ipv6 = t->ipv6};
	tell(ctx, &r);
}

static void
tell_udp(const struct udp_end *end, void *ctx)
{
	struct udp_end_info info;
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&end->flags, memory_order_relaxed);
	udp_describe(end, &info);
	struct inet_row r = {.local = &end->flow.local,
		.remote = &end->flow.remote,
		.local_port = end->flow.local_port,
		.remote_port = end->flow.remote_port,
		.ifindex = end->flow.ifindex,
		.s = info.s,
		.ino = info.ino,
		.uid = end->uid,
		.rx_queue = info.rx_queue,
		.tx_queue = info.tx_queue,
		.state = end->flow.remote_port != 0 ? TCP_ESTABLISHED : TCP_CLOSE,
		.ipv6 = (flags & UDP_END_IPV6) != 0};
	tell(ctx, &r);
}

/* The protocol is in the port's place. */
static void
tell_raw(const struct raw_row *raw, void *ctx)
{
	struct inet_row r = {.local = &raw->local,
		.remote = &raw->remote,
		.local_port = net_swap16(raw->protocol),
		.s = raw->s,
		.ino = raw->ino,
		.uid = raw->uid,
		.rx_queue = raw->rx_queue,
		.state = net_addr_is_any(&raw->remote) ? TCP_CLOSE : TCP_ESTABLISHED,
		.ipv6 = raw->ipv6};
	tell(ctx, &r);
}

bool
diag_fill_inet(struct nl_dump *d, struct nl_buf *b)
{
	struct diag_walk w = {.d = d, .b = b};
	if (d->extra[DIAG_PROTOCOL] == IPPROTO_TCP)
		tcp_for_each(d->net, tell_tcp, &w);
	else if (d->extra[DIAG_PROTOCOL] == IPPROTO_UDP)
		udp_for_each(d->net, UDP_KIND_UDP, tell_udp, &w);
	else
		raw_for_each(d->net, tell_raw, &w);
	return !w.full;
}
