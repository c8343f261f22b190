/* SPDX-License-Identifier: MIT */
/*
 * Raw sockets. Softirq shows each packet that is for this host to all of them, before its protocol gets it; each keeps a
 * clone. IPv4's come with their IP header, IPv6's without.
 *
 * Locks: raw_lock (bottom halves off) guards the list, which softirq walks in its epoch; sock.lock a socket's queue and
 * addresses.
 */
#include "net/sock/raw.h"

#include <string.h>

#include "arch/uaccess.h"
#include "core/epochlist.h"
#include "core/wallclock.h"
#include "mm/slab.h"
#include "net/sock/filter.h"
#include "net/sock/inet.h"
#include "net/sock/inet_cork.h"
#include "net/sock/msg.h"
#include "net/sock/pktio.h"
#include "net/sock/rxqueue.h"

#define ICMP6_FILTER_WORDS 8u

struct raw_sock {
	struct inet_sock i;     /* first */
	struct list_node node;  /* [raw_lock, epoch] */
	struct net_addr local;  /* [lock] unspecified: any */
	struct net_addr remote; /* [lock] with connected */
	bool connected;         /* [lock] */
	bool closed;            /* [lock] */
	struct sock_rxqueue rx;
	struct inet_cork *_Atomic cork; /* MSG_MORE */
	_Atomic int32_t
		checksum_at;  /* IPV6_CHECKSUM: where the checksum is; -1: not our business */
	uint32_t icmp_filter; /* ICMP types that are not wanted */
	uint32_t icmp6_filter[ICMP6_FILTER_WORDS]; /* the same of ICMPv6 */
	struct epoch_head epoch;
};

static struct spinlock raw_lock = SPINLOCK_INIT("raw.sockets");
static struct list_node raws = LIST_INIT(raws); /* [raw_lock, epoch] of all stacks */
static const struct sock_ops raw_ops4, raw_ops6;

const uint32_t raw_sock_size = sizeof(struct raw_sock);

static struct raw_sock *
raw_of(struct sock *s)
{
	return container_of(s, struct raw_sock, i.s);
}

/* --- In --- */

static bool
type_is_blocked(const struct raw_sock *r, const struct pkt *p)
{
	uint8_t type = p->head_len != 0 ? p->head[p->head_off] : 0;
	if (r->i.s.protocol == IPPROTO_ICMP)
		return type < 32 && (r->icmp_filter >> type & 1);
	if (r->i.s.protocol == IPPROTO_ICMPV6)
		return r->icmp6_filter[type / 32] >> (type % 32) & 1;
	return false;
}

static bool
checksum_is_good(const struct raw_sock *r, const struct pkt *p, const struct net_flow *flow)
{
	return atomic_load_explicit(&r->checksum_at, memory_order_relaxed) < 0 ||
		p->csum == PKT_CSUM_GOOD ||
		pkt_checksum(p, 0, p->len, ip_pseudo_sum(flow, p->len, p->protocol)) == 0xffff;
}

static bool
wants(const struct raw_sock *r, const struct netif *nif, const struct pkt *p, bool v4,
	const struct net_flow *flow)
{
	const struct sock *s = &r->i.s;
	if (s->net != nif->net || (s->family == AF_INET) != v4 || s->protocol != p->protocol)
		return false;
	if (s->bound_if != 0 && s->bound_if != nif->index)
		return false;
	if (!net_addr_is_any(&r->local) && !net_addr_equal(&r->local, &flow->local))
		return false;
	if (r->connected && !net_addr_equal(&r->remote, &flow->remote))
		return false;
	return !r->closed && inet_group_wanted(&r->i, flow) && !type_is_blocked(r, p) &&
		checksum_is_good(r, p, flow);
}

/* The packet as the socket sees it; NULL: out of memory. */
static struct pkt *
copy_for(const struct pkt *p, bool v4)
{
	struct pkt *c = pkt_clone(p);
	if (c != NULL && v4)
		pkt_push(c, (uint32_t)(c->head_off - c->net_off));
	return c;
}

/* SO_ATTACH_FILTER: cuts off what it does not want; false: that is all. */
static bool
filter(struct sock *s, struct pkt *p)
{
	if (!sock_has_filter(s))
		return true;
	uint32_t wanted = sock_filter_run(s, p, 0);
	if (wanted < p->len)
		pkt_trim(p, wanted);
	return wanted != 0;
}

static bool
offer(struct raw_sock *r, const struct netif *nif, const struct pkt *p, bool v4,
	const struct net_flow *flow)
{
	struct sock *s = &r->i.s;
	bool kept = false;
	spin_lock(&s->lock);
	bool wanted = wants(r, nif, p, v4, flow);
	struct pkt *c = wanted ? copy_for(p, v4) : NULL;
	if (c != NULL && filter(s, c)) {
		inet_pkt_keep_ifindex(c, nif->index);
		if (c->tstamp == 0 && (s->opts & SOCK_OPT_TIMESTAMPS))
			c->tstamp = time_realtime();
		kept = sock_rxqueue_add(s, &r->rx, c) == 0;
	}
	spin_unlock(&s->lock);
	if (kept)
		sock_wake(s, POLLIN | POLLRDNORM);
	else
		pkt_free(c); /* a copy that nobody wanted: the packet itself goes on */
	return wanted;
}

static bool
raw_see(struct netif *nif, const struct pkt *p)
{
	bool v4 = ip_pkt_is_v4(p), taken = false;
	struct net_flow flow;
	struct raw_sock *r;
	ip_flow_of(p, &flow);
	epoch_list_for_each_entry(r, &raws, node)
	{
		taken |= offer(r, nif, p, v4, &flow);
	}
	return taken;
}

static void
describe(struct sock *s, const struct pkt *p, struct sock_msg *msg)
{
	if (msg->addr != NULL) {
		struct net_addr src, dst;
		inet_pkt_addresses(p, &src, &dst);
		inet_addr_encode(s, &src, 0, inet_pkt_ifindex(p), msg->addr);
	}
	if (msg->cmsg != NULL)
		inet_recv_cmsg(inet_of(s), p, msg->cmsg);
}

static ssize_t
raw_recv(struct sock *s, struct sock_msg *msg)
{
	struct raw_sock *r = raw_of(s);
	if (msg->flags & MSG_ERRQUEUE)
		return inet_recv_error(&r->i, msg);
	if (msg->flags & MSG_OOB)
		return -EOPNOTSUPP;
	return sock_rxqueue_recv(s, &r->rx, msg, describe);
}

/* --- Out --- */

/* A checksum over IPv6's addresses is made once these are known. -EINVAL: no room for it there; p was dropped. */
static int
finish_checksum(struct sock *s, struct pkt *p, struct inet_send *out, uint32_t offset)
{
	int err = route_check(s->net, &out->ref, &out->flow);
	if (err == 0 && (p->len < offset + 2 || !pkt_pull_up(p, offset + 2)))
		err = -EINVAL;
	if (err != 0) {
		pkt_free(p); /* never sent: an error is all that the sender gets */
		return err;
	}
	uint8_t *at = (uint8_t *)pkt_data(p) + offset;
	at[0] = at[1] = 0;
	uint16_t pseudo = ip_pseudo_sum(&out->flow, p->len, (uint8_t)s->protocol);
	uint16_t sum = (uint16_t)~pkt_checksum(p, 0, p->len, pseudo);
	if (sum == 0 && s->protocol == IPPROTO_UDP)
		sum = 0xffff; /* zero would say that there is none (RFC 8200, 8.1) */
	memcpy(at, &sum, sizeof(sum));
	return 0;
}

static bool
user_makes_header(const struct raw_sock *r)
{
	return r->i.s.protocol == IPPROTO_RAW || inet_has(&r->i, INET_HDRINCL);
}

/* p is taken in any case. */
static int
transmit(struct raw_sock *r, struct pkt *p, struct inet_send *out)
{
	struct sock *s = &r->i.s;
	bool whole = user_makes_header(r);
	int32_t checksum_at = atomic_load_explicit(&r->checksum_at, memory_order_relaxed);
	int err = 0;
	bh_disable();
	inet_send_options(&r->i, out);
	if (whole)
		out->ref.flags |= ROUTE_ANY_SRC;
	if (!whole && checksum_at >= 0)
		err = finish_checksum(s, p, out, (uint32_t)checksum_at);
	if (err == 0 && !whole && p->head_len != 0 &&
		(s->protocol == IPPROTO_ICMP || s->protocol == IPPROTO_ICMPV6))
		icmp_count(s->net, s->family == AF_INET, ICMP_WAY_OUT, pkt_data(p)[0]);
	if (err == 0)
		err = whole ? ip_output_raw(s->net, &out->ref, p, &out->flow)
			    : ip_output(s->net, &out->ref, p, &out->flow, out->tos, out->ttl,
				      (uint8_t)s->protocol);
	route_ref_drop(&out->ref);
	bh_enable();
	return err;
}

static int
destination(struct raw_sock *r, const struct sock_msg *msg, struct inet_send *out)
{
	struct sock *s = &r->i.s;
	struct inet_addr a = {0};
	bool given = msg->addr != NULL && msg->addr->len != 0;
	int err = given ? inet_addr_decode(s, msg->addr, &a) : 0;
	spin_lock_bh(&s->lock);
	if (err == 0 && !given && !r->connected)
		err = -EDESTADDRREQ;
	out->flow.remote = given ? a.addr : r->remote;
	if (err == 0 && s->family == AF_INET6 && net_addr_is_v4(&out->flow.remote))
		err = -ENETUNREACH;
	out->flow.ifindex = inet_interface_to(&r->i, &out->flow.remote, a.scope);
	if (!net_addr_is_any(&r->local))
		out->flow.local = r->local;
	spin_unlock_bh(&s->lock);
	return err;
}

/* With MSG_MORE, or after it: each send says where to, of which the first counts, as on Linux. */
static ssize_t
send_corked(struct raw_sock *r, struct sock_msg *msg, const struct inet_send *out)
{
	struct inet_cork *c = inet_cork_get(&r->cork);
	if (c == NULL)
		return -ENOBUFS;
	size_t n = msg->iter->count;
	mutex_lock(&c->lock);
	int err = c->pkt == NULL ? inet_cork_begin(&r->i, c, out) : 0;
	if (err == 0)
		err = inet_cork_add(&r->i, c, msg->iter, 0);
	if (err == 0 && !(msg->flags & MSG_MORE)) {
		struct pkt *p = inet_cork_take(&r->i, c);
		err = transmit(r, p, &c->out);
	}
	mutex_unlock(&c->lock);
	return err != 0 ? err : (ssize_t)n;
}

static ssize_t
raw_send(struct sock *s, struct sock_msg *msg)
{
	struct raw_sock *r = raw_of(s);
	struct inet_send out = {0};
	size_t n = msg->iter->count;
	if (msg->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (n > PKT_LEN_MAX)
		return -EMSGSIZE;
	int err = destination(r, msg, &out);
	if (err == 0 && msg->cmsg != NULL)
		err = inet_send_cmsg(&r->i, msg->cmsg, &out);
	if (err == 0)
		err = sock_take_error(s);
	if (err == 0)
		err = sock_wait_to_send(s, msg->flags);
	if (err == 0 && inet_cork_wants(&r->cork, msg->flags) && !user_makes_header(r))
		return send_corked(r, msg, &out);
	struct pkt *p;
	if (err == 0)
		err = pktio_make(msg->iter, (uint32_t)n, &p);
	if (err != 0)
		return err;
	p->owner = s;
	err = transmit(r, p, &out);
	return err != 0 ? err : (ssize_t)n;
}

/* --- The rest --- */

static int
raw_bind(struct sock *s, const struct sock_addr *addr)
{
	struct raw_sock *r = raw_of(s);
	struct inet_addr a;
	int err = inet_addr_decode_on_link(s, addr, 0, &a);
	a.port = 0;
	if (err == 0)
		err = inet_may_bind(&r->i, &a);
	if (err != 0)
		return err;
	spin_lock_bh(&s->lock);
	r->local = a.addr;
	if (a.scope != 0)
		s->bound_if = a.scope;
	spin_unlock_bh(&s->lock);
	return 0;
}

static int
raw_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags)
{
	struct raw_sock *r = raw_of(s);
	struct inet_addr a = {0};
	if (addr->len < sizeof(addr->family))
		return -EINVAL;
	bool leave = addr->family == AF_UNSPEC;
	int err = leave ? 0 : inet_addr_decode_on_link(s, addr, r->i.mcast_if, &a);
	if (err != 0)
		return err;
	spin_lock_bh(&s->lock);
	r->remote = a.addr;
	r->connected = !leave;
	spin_unlock_bh(&s->lock);
	return 0;
}

static int
raw_getname(struct sock *s, bool peer, struct sock_addr *out)
{
	struct raw_sock *r = raw_of(s);
	spin_lock_bh(&s->lock);
	struct net_addr a = peer ? r->remote : r->local;
	bool connected = r->connected;
	spin_unlock_bh(&s->lock);
	if (peer && !connected)
		return -ENOTCONN;
	inet_addr_encode(s, &a, peer ? 0 : net_swap16(s->protocol), s->bound_if, out);
	return 0;
}

static uint32_t
raw_poll(struct sock *s, struct poll_table *pt)
{
	struct raw_sock *r = raw_of(s);
	uint32_t ready = sock_is_writable(s) ? POLLOUT | POLLWRNORM | POLLWRBAND : 0;
	if (atomic_load_explicit(&s->error, memory_order_acquire) != 0 || inet_has_errors(&r->i))
		ready |= POLLERR;
	if (!sock_rxqueue_is_empty(&r->rx))
		ready |= POLLIN | POLLRDNORM;
	return ready | inet_shut_events(s);
}

static int64_t
raw_ioctl(struct sock *s, uint32_t cmd, uint64_t arg)
{
	struct raw_sock *r = raw_of(s);
	if (cmd == SIOCINQ)
		return put_user_u32((uaddr_t){arg}, sock_rxqueue_first_len(s, &r->rx));
	if (cmd == SIOCOUTQ)
		return put_user_u32((uaddr_t){arg}, sock_in_flight(s));
	return -ENOTTY;
}

static bool
names_checksum(const struct sock *s, int level, int name)
{
	return s->family == AF_INET6 && (level == SOL_RAW || level == SOL_IPV6) &&
		name == IPV6_CHECKSUM;
}

/* As Linux: ICMPv6's place is its own business for SOL_IPV6, as RFC 3542 (3.1) says, and takes any value for SOL_RAW. */
static int
set_checksum(struct raw_sock *r, int level, int32_t v, uint32_t len)
{
	if (len < sizeof(v) || (v > 0 && (v & 1) != 0) ||
		(level == SOL_IPV6 && r->i.s.protocol == IPPROTO_ICMPV6))
		return -EINVAL;
	atomic_store_explicit(&r->checksum_at, v < 0 ? -1 : v, memory_order_relaxed);
	return 0;
}

static int
raw_setsockopt(struct sock *s, int level, int name, const void *value, uint32_t len)
{
	struct raw_sock *r = raw_of(s);
	int32_t v = 0;
	memcpy(&v, value, min(len, (uint32_t)sizeof(v)));
	if (level == SOL_IP && name == IP_HDRINCL && s->family == AF_INET) {
		if (v != 0)
			atomic_fetch_or_explicit(&r->i.flags, INET_HDRINCL, memory_order_relaxed);
		else
			atomic_fetch_and_explicit(&r->i.flags, ~INET_HDRINCL, memory_order_relaxed);
		return 0;
	}
	if (names_checksum(s, level, name))
		return set_checksum(r, level, v, len);
	if (level == SOL_RAW && name == ICMP_FILTER && s->protocol == IPPROTO_ICMP) {
		r->icmp_filter = (uint32_t)v;
		return len < sizeof(v) ? -EINVAL : 0;
	}
	if (level == SOL_ICMPV6 && name == ICMP6_FILTER && s->protocol == IPPROTO_ICMPV6) {
		memcpy(r->icmp6_filter, value, min(len, (uint32_t)sizeof(r->icmp6_filter)));
		return 0;
	}
	int err = inet_setsockopt(&r->i, level, name, value, len);
	return err == 1 ? -ENOPROTOOPT : err;
}

static int
raw_getsockopt(struct sock *s, int level, int name, void *value, uint32_t *len)
{
	struct raw_sock *r = raw_of(s);
	if (level == SOL_ICMPV6 && name == ICMP6_FILTER && s->protocol == IPPROTO_ICMPV6) {
		return sock_answer(value, len, r->icmp6_filter, sizeof(r->icmp6_filter));
	}
	int32_t v;
	if (level == SOL_IP && name == IP_HDRINCL && s->family == AF_INET)
		v = user_makes_header(r);
	else if (level == SOL_RAW && name == ICMP_FILTER && s->protocol == IPPROTO_ICMP)
		v = (int32_t)r->icmp_filter;
	else if (names_checksum(s, level, name))
		v = atomic_load_explicit(&r->checksum_at, memory_order_relaxed);
	else {
		int err = inet_getsockopt(&r->i, level, name, value, len);
		if (err == 1)
			err = level == SOL_RAW ? -ENOPROTOOPT : inet_has_no_level(&r->i, level);
		return err;
	}
	return sock_answer(value, len, &v, sizeof(v));
}

static int
raw_shutdown(struct sock *s, int how)
{
	return inet_shutdown(s, raw_of(s)->connected, how);
}

static int
raw_listen(struct sock *s, int backlog)
{
	return -EOPNOTSUPP;
}

static int
raw_accept(struct sock *s, uint32_t flags, struct sock **out)
{
	return -EOPNOTSUPP;
}

static void
fill_row(struct raw_sock *r, struct raw_row *row)
{
	struct sock *s = &r->i.s;
	*row = (struct raw_row){.s = s,
		.ino = s->ino,
		.uid = s->uid,
		.refs = refcount_read(&s->refs),
		.drops = atomic_load_explicit(&r->rx.drops, memory_order_relaxed),
		.protocol = s->protocol,
		.ipv6 = s->family == AF_INET6};
	spin_lock_bh(&s->lock);
	row->local = r->local;
	if (r->connected)
		row->remote = r->remote;
	row->rx_queue = s->rcv_used;
	spin_unlock_bh(&s->lock);
}

void
raw_for_each(struct net_stack *net, void (*fn)(const struct raw_row *row, void *ctx), void *ctx)
{
	struct raw_sock *r;
	epoch_enter();
	epoch_list_for_each_entry(r, &raws, node)
	{
		struct raw_row row;
		if (r->i.s.net != net)
			continue;
		fill_row(r, &row);
		fn(&row, ctx);
	}
	epoch_exit();
}

static void
raw_close(struct sock *s)
{
	struct raw_sock *r = raw_of(s);
	spin_lock_bh(&raw_lock);
	epoch_list_del(&r->node);
	spin_unlock_bh(&raw_lock);
	ip_raw_count(s->net, s->family == AF_INET, -1);
	spin_lock_bh(&s->lock);
	r->closed = true;
	sock_rxqueue_purge(s, &r->rx);
	spin_unlock_bh(&s->lock);
	inet_cork_drop(&r->cork);
	inet_end(&r->i);
}

static void
free_later(struct epoch_head *head)
{
	kfree(container_of(head, struct raw_sock, epoch));
}

static void
raw_destroy(struct sock *s)
{
	epoch_call(&raw_of(s)->epoch, free_later);
}

#define RAW_OPS                                                                               \
	.bind = raw_bind, .listen = raw_listen, .connect = raw_connect, .accept = raw_accept, \
	.shutdown = raw_shutdown, .getname = raw_getname, .send = raw_send, .recv = raw_recv, \
	.poll = raw_poll, .ioctl = raw_ioctl, .setsockopt = raw_setsockopt,                   \
	.getsockopt = raw_getsockopt, .close = raw_close, .destroy = raw_destroy

static const struct sock_ops raw_ops4 = {.family = AF_INET, RAW_OPS};
static const struct sock_ops raw_ops6 = {.family = AF_INET6, RAW_OPS};

int
raw_create(struct net_stack *net, uint16_t family, int protocol, struct sock **out)
{
	*out = NULL;
	if (protocol == 0)
		return -EPROTONOSUPPORT;
	struct raw_sock *r = kzalloc(sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	sock_init(&r->i.s, family == AF_INET ? &raw_ops4 : &raw_ops6, net, SOCK_RAW, protocol);
	inet_init(&r->i);
	r->local = family == AF_INET ? net_addr_v4(0) : (struct net_addr){0};
	r->checksum_at = family == AF_INET6 && protocol == IPPROTO_ICMPV6 ? 2 : -1;
	spin_lock_bh(&raw_lock);
	epoch_list_add_tail(&raws, &r->node);
	spin_unlock_bh(&raw_lock);
	ip_raw_count(net, family == AF_INET, 1);
	*out = &r->i.s;
	return 0;
}

void
raw_init(void)
{
	ip_register_raw(raw_see);
}
