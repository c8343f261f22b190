/* SPDX-License-Identifier: MIT */
/*
 * NETLINK_SOCK_DIAG: the sockets of the internet families, for `ss`. Only dumps; a filter's bytecode is not run, since
 * who sends one filters again. Others' sockets are for those with CAP_INSPECT.
 */
#include <string.h>

#include "abi/linux/inet_diag.h"
#include "abi/linux/tcp.h"
#include "mm/slab.h"
#include "net/sock/netlink/netlink.h"
#include "net/tcp/tcp.h"
#include "net/udp/udp.h"
#include "proc/process.h"
#include "vfs/vfs.h"

/* nl_dump.extra */
enum { EXTRA_STATES, EXTRA_UID, EXTRA_ALL, EXTRA_PROTOCOL, EXTRA_ATTRIBUTES };

struct walk {
	struct nl_dump *d;
	struct nl_buf *b;
	uint32_t seen;
	bool full;
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
encode(struct nl_buf *b, const struct nlmsghdr *h, const struct udp_end *end, uint8_t family)
{
	struct udp_end_info info;
	bool connected = end->flow.remote_port != 0;
	uint64_t cookie = (uint64_t)end->flow.local_port << 16 | end->flow.remote_port;
	udp_describe(end, &info);
	if (info.ino != 0)
		cookie = info.ino;
	struct inet_diag_msg m = {.idiag_family = family,
		.idiag_state = connected ? INET_DIAG_ESTABLISHED : INET_DIAG_CLOSE,
		.id = {.idiag_sport = end->flow.local_port,
			.idiag_dport = end->flow.remote_port,
			.idiag_if = end->flow.ifindex,
			.idiag_cookie = {(uint32_t)cookie, (uint32_t)(cookie >> 32)}},
		.idiag_rqueue = info.rx_queue,
		.idiag_wqueue = info.tx_queue,
		.idiag_uid = end->uid,
		.idiag_inode = (uint32_t)info.ino};
	copy_addr(m.id.idiag_src, &end->flow.local, family);
	if (connected)
		copy_addr(m.id.idiag_dst, &end->flow.remote, family);
	uint32_t at = nl_begin(b, h, &m, sizeof(m));
	nl_put_u8(b, INET_DIAG_SHUTDOWN, 0);
	if (family == NL_AF_INET6)
		nl_put_u8(b, INET_DIAG_SKV6ONLY,
			(atomic_load_explicit(
				 (_Atomic uint32_t *)&end->flags, memory_order_relaxed) &
				UDP_END_V6ONLY) != 0);
	return nl_end(b, at);
}

static void
tell(const struct udp_end *end, void *ctx)
{
	struct walk *w = ctx;
	struct nl_dump *d = w->d;
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&end->flags, memory_order_relaxed);
	uint8_t family = (flags & UDP_END_IPV6) != 0 ? NL_AF_INET6 : NL_AF_INET;
	uint32_t state = end->flow.remote_port != 0 ? INET_DIAG_ESTABLISHED : INET_DIAG_CLOSE;
	if (w->full || w->seen++ < d->index)
		return;
	if (d->want.family == family && (d->extra[EXTRA_STATES] >> state & 1) != 0 &&
		(d->extra[EXTRA_ALL] != 0 || d->extra[EXTRA_UID] == end->uid) &&
		!encode(w->b, &d->header, end, family)) {
		w->full = true;
		return;
	}
	d->index = w->seen;
}

/* --- TCP --- */

static bool
wants(const struct nl_dump *d, uint32_t attribute)
{
	return (d->extra[EXTRA_ATTRIBUTES] >> (attribute - 1) & 1) != 0;
}

static void
put_tcp_details(const struct nl_dump *d, struct nl_buf *b, struct sock *s)
{
	nl_put_u8(b, INET_DIAG_SHUTDOWN, s->shut);
	if (wants(d, INET_DIAG_INFO)) {
		struct tcp_info_user info;
		tcp_get_info(s, &info);
		nl_put(b, INET_DIAG_INFO, &info, sizeof(info));
	}
	if (wants(d, INET_DIAG_CONG))
		nl_put_string(b, INET_DIAG_CONG, tcp_cc_name(tcp_cc_of(s)));
}

static bool
encode_tcp(const struct nl_dump *d, struct nl_buf *b, const struct tcp_row *row)
{
	uint64_t cookie = row->ino != 0
		? row->ino
		: (uint64_t)row->flow.local_port << 16 | row->flow.remote_port;
	uint8_t family = row->ipv6 ? NL_AF_INET6 : NL_AF_INET;
	struct inet_diag_msg m = {.idiag_family = family,
		.idiag_state = row->state,
		.idiag_timer = row->timer,
		.idiag_retrans = (uint8_t)(row->timer == 4 ? row->probes : row->retransmits),
		.id = {.idiag_sport = row->flow.local_port,
			.idiag_dport = row->flow.remote_port,
			.idiag_if = row->flow.ifindex,
			.idiag_cookie = {(uint32_t)cookie, (uint32_t)(cookie >> 32)}},
		.idiag_expires = (uint32_t)(row->timer_left / NSEC_PER_MSEC),
		.idiag_rqueue = row->rx_queue,
		.idiag_wqueue = row->tx_queue,
		.idiag_uid = row->uid,
		.idiag_inode = (uint32_t)row->ino};
	copy_addr(m.id.idiag_src, &row->flow.local, family);
	if (row->flow.remote_port != 0)
		copy_addr(m.id.idiag_dst, &row->flow.remote, family);
	uint32_t at = nl_begin(b, &d->header, &m, sizeof(m));
	if (row->s != NULL)
		put_tcp_details(d, b, row->s);
	return nl_end(b, at);
}

static void
tell_tcp(const struct tcp_row *row, void *ctx)
{
	struct walk *w = ctx;
	struct nl_dump *d = w->d;
	uint8_t family = row->ipv6 ? NL_AF_INET6 : NL_AF_INET;
	if (w->full || w->seen++ < d->index)
		return;
	if (d->want.family == family && (d->extra[EXTRA_STATES] >> row->state & 1) != 0 &&
		(d->extra[EXTRA_ALL] != 0 || d->extra[EXTRA_UID] == row->uid) &&
		!encode_tcp(d, w->b, row)) {
		w->full = true;
		return;
	}
	d->index = w->seen;
}

static bool
fill_sockets(struct nl_dump *d, struct nl_buf *b)
{
	struct walk w = {.d = d, .b = b};
	if (d->extra[EXTRA_PROTOCOL] == IPPROTO_UDP)
		udp_for_each(d->net, UDP_KIND_UDP, tell, &w);
	else
		tcp_for_each(d->net, tell_tcp, &w);
	return !w.full;
}

int
nl_diag_request(struct nl_call *c)
{
	struct inet_diag_req_v2 r;
	const struct nlmsghdr *h = &c->request->header;
	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return -EINVAL;
	if (c->request->len < sizeof(r))
		return nl_refuse(&c->extack, -EINVAL, "the message is too short");
	memcpy(&r, c->request->body, sizeof(r));
	bool ip = r.sdiag_family == NL_AF_INET || r.sdiag_family == NL_AF_INET6;
	if (!ip || (r.sdiag_protocol != IPPROTO_UDP && r.sdiag_protocol != IPPROTO_TCP))
		return nl_refuse(&c->extack, -ENOENT, "these sockets are not listed here");
	if ((h->nlmsg_flags & NLM_F_DUMP) == 0)
		return nl_refuse(&c->extack, -EOPNOTSUPP, "only lists are given");
	struct nl_dump *d = kzalloc(sizeof(*d));
	if (d == NULL)
		return -ENOBUFS;
	d->net = c->net;
	d->thing = NL_SOCKETS;
	d->fill = fill_sockets;
	d->want.family = r.sdiag_family;
	d->extra[EXTRA_STATES] = r.idiag_states;
	d->extra[EXTRA_UID] = vfs_cred()->fsuid;
	d->extra[EXTRA_ALL] = current_has_caps(CAP_INSPECT);
	d->extra[EXTRA_PROTOCOL] = r.sdiag_protocol;
	d->extra[EXTRA_ATTRIBUTES] = r.idiag_ext;
	d->header = nl_answer_header(c, SOCK_DIAG_BY_FAMILY);
	d->header.nlmsg_flags = NLM_F_MULTI;
	int err = nl_dump_start(c->nl, d);
	if (err != 0)
		kfree(d);
	return err != 0 ? err : -EINTR;
}
