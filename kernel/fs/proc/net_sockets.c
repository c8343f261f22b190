/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/net: tcp, udp, icmp, raw and their IPv6 sisters. Sockets are walked inside an epoch, where text cannot be
 * made: so many at a time are copied out, in pieces that begin where the piece before ended. What comes or goes
 * meanwhile may be missed or seen twice, nothing else.
 *
 * The cursor: how many sockets of the walk are behind us, and in its upper half how many lines.
 */
#include "fs/proc/net.h"
#include "mm/slab.h"
#include "net/sock/raw.h"
#include "net/tcp/core.h"
#include "net/tcp/tcp.h"
#include "net/udp/udp.h"

#define ROWS 256u /* that are copied out at once */

struct batch;

struct proc_net_sockets {
	enum net_format format;
	bool ipv6;
	void (*collect)(struct net_stack *net, struct batch *b);
};

struct batch {
	const struct proc_net_sockets *what;
	uint32_t skip;  /* sockets that were seen in pieces before */
	uint32_t seen;  /* in this walk */
	uint32_t done;  /* that need not be seen again */
	uint32_t count; /* of rows */
	bool full;
	struct net_socket_row rows[ROWS];
};

/* Where the next socket's row goes, all zeroes; NULL: it is none of ours, or there is no room. */
static struct net_socket_row *
next_row(struct batch *b, uid_t uid, bool ipv6)
{
	uint32_t at = b->seen++;
	if (at < b->skip || b->full)
		return NULL;
	bool wanted = ipv6 == b->what->ipv6 && proc_net_may_see(uid);
	if (wanted && b->count == ROWS) {
		b->full = true;
		return NULL;
	}
	b->done = at + 1;
	if (!wanted)
		return NULL;
	struct net_socket_row *r = &b->rows[b->count++];
	*r = (struct net_socket_row){.uid = uid};
	return r;
}

/* --- TCP. --- */

static uint32_t
ticks_of_ms(uint32_t ms)
{
	return ms / 10;
}

static void
add_tcp(const struct tcp_row *t, void *ctx)
{
	struct net_socket_row *r = next_row(ctx, t->uid, t->ipv6);
	if (r == NULL)
		return;
	r->local = t->flow.local;
	r->remote = t->flow.remote;
	r->local_port = t->flow.local_port;
	r->remote_port = t->flow.remote_port;
	r->ino = t->ino;
	r->timer = t->timer;
	r->timer_ticks = PROC_TICKS(t->timer_left);
	/* A listener's backlog is not told here. */
	r->tx_queue = t->state == TCP_LISTEN ? 0 : t->tx_queue;
	r->rx_queue = t->rx_queue;
	r->refs = t->refs;
	r->retransmits = t->retransmits;
	r->probes = t->probes;
	r->rto_ticks = ticks_of_ms(t->rto_ms);
	r->ato_ticks = ticks_of_ms(t->ato_ms);
	r->cwnd = t->cwnd_segments;
	r->ssthresh = t->ssthresh_segments;
	r->state = t->state;
	r->bare = t->s == NULL;
}

static void
collect_tcp(struct net_stack *net, struct batch *b)
{
	tcp_for_each(net, add_tcp, b);
}

/* --- UDP and ping sockets. --- */

static void
add_udp(const struct udp_end *end, void *ctx)
{
	struct udp_end_info info;
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&end->flags, memory_order_relaxed);
	struct net_socket_row *r = next_row(ctx, end->uid, (flags & UDP_END_IPV6) != 0);
	if (r == NULL)
		return;
	udp_describe(end, &info);
	r->local = end->flow.local;
	r->remote = end->flow.remote;
	r->local_port = end->flow.local_port;
	r->remote_port = end->flow.remote_port;
	r->state = net_addr_is_any(&end->flow.remote) ? TCP_CLOSE : TCP_ESTABLISHED;
	r->tx_queue = info.tx_queue;
	r->rx_queue = info.rx_queue;
	r->drops = info.drops;
	r->refs = info.refs;
	r->ino = info.ino;
}

static void
collect_udp(struct net_stack *net, struct batch *b)
{
	udp_for_each(net, UDP_KIND_UDP, add_udp, b);
}

static void
collect_ping(struct net_stack *net, struct batch *b)
{
	udp_for_each(net, UDP_KIND_PING, add_udp, b);
}

/* --- Raw sockets: the protocol is in the port's place. --- */

static void
add_raw(const struct raw_row *raw, void *ctx)
{
	struct net_socket_row *r = next_row(ctx, raw->uid, raw->ipv6);
	if (r == NULL)
		return;
	r->local = raw->local;
	r->remote = raw->remote;
	r->local_port = net_swap16(raw->protocol);
	r->state = net_addr_is_any(&raw->remote) ? TCP_CLOSE : TCP_ESTABLISHED;
	r->rx_queue = raw->rx_queue;
	r->drops = raw->drops;
	r->refs = raw->refs;
	r->ino = raw->ino;
}

static void
collect_raw(struct net_stack *net, struct batch *b)
{
	raw_for_each(net, add_raw, b);
}

/* --- Files. --- */

const struct proc_net_sockets proc_net_tcp4 = {NET_FORMAT_TCP4, false, collect_tcp};
const struct proc_net_sockets proc_net_tcp6 = {NET_FORMAT_TCP6, true, collect_tcp};
const struct proc_net_sockets proc_net_udp4 = {NET_FORMAT_UDP4, false, collect_udp};
const struct proc_net_sockets proc_net_udp6 = {NET_FORMAT_UDP6, true, collect_udp};
const struct proc_net_sockets proc_net_icmp4 = {NET_FORMAT_PING4, false, collect_ping};
const struct proc_net_sockets proc_net_icmp6 = {NET_FORMAT_UDP6, true, collect_ping};
const struct proc_net_sockets proc_net_raw4 = {NET_FORMAT_RAW4, false, collect_raw};
const struct proc_net_sockets proc_net_raw6 = {NET_FORMAT_RAW6, true, collect_raw};

int
proc_show_net_sockets(struct proc_node *n, struct proc_text *t)
{
	const struct proc_net_sockets *what = n->entry->data;
	char line[NET_LINE_MAX];
	if (t->cursor == 0)
		proc_write_text(
			t, line, net_format_sockets_header(line, sizeof(line), what->format));
	struct batch *b = kvmalloc(sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	uint32_t index = (uint32_t)(t->cursor >> 32);
	b->what = what;
	b->skip = (uint32_t)t->cursor;
	b->seen = b->count = 0;
	b->done = b->skip;
	b->full = false;
	what->collect(proc_net_of(n), b);
	for (uint32_t i = 0; i < b->count; i++)
		proc_write_text(t, line,
			net_format_socket(line, sizeof(line), what->format, index++, &b->rows[i]));
	t->cursor = (uint64_t)index << 32 | b->done;
	t->more = b->full;
	kvfree(b);
	return 0;
}
