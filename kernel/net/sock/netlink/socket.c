/* SPDX-License-Identifier: MIT */
/* Netlink sockets as such: made, bound, joined to groups, written to, read from, closed. */
#include <string.h>

#include "core/softirq.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "net/ip/ioctl.h"
#include "net/sock/cmsg.h"
#include "net/sock/netlink/netlink.h"
#include "proc/process.h"

static struct slab_cache *sock_cache;
static const struct sock_ops netlink_ops;

int
netlink_stack_init(struct net_stack *net)
{
	struct netlink_stack *st = kzalloc(sizeof(*st));
	if (st == NULL)
		return -ENOMEM;
	st->net = net;
	spin_init(&st->lock, "netlink stack");
	list_init(&st->sockets);
	net->netlink = st;
	nl_notify_init(st);
	return 0;
}

static caps_t
netlink_need(int type, int protocol)
{
	return CAP_NET;
}

static int
netlink_create(struct net_stack *net, int type, int protocol, struct sock **out)
{
	*out = NULL;
	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG)
		return -EPROTONOSUPPORT;
	struct netlink_sock *nl = slab_alloc(sock_cache, KM_ZERO);
	if (nl == NULL)
		return -ENOMEM;
	sock_init(&nl->s, &netlink_ops, net, type, protocol);
	nl->stack = net->netlink;
	spin_init(&nl->lock, "netlink");
	mutex_init(&nl->dump_lock, "netlink dump");
	spin_lock_bh(&nl->stack->lock);
	list_add_tail(&nl->stack->sockets, &nl->node);
	spin_unlock_bh(&nl->stack->lock);
	*out = &nl->s;
	return 0;
}

/* --- Numbers and groups --- */

/* [stack lock] */
static struct netlink_sock *
find_port(struct netlink_stack *st, uint16_t protocol, uint32_t portid)
{
	struct netlink_sock *nl;
	list_for_each_entry (nl, &st->sockets, node) {
		if (nl->s.protocol == protocol && netlink_portid(nl) == portid)
			return nl;
	}
	return NULL;
}

/* 0, -EADDRINUSE, or -EINVAL: it has another number. */
static int
take_port(struct netlink_sock *nl, uint32_t portid)
{
	int err = 0;
	spin_lock_bh(&nl->stack->lock);
	uint32_t has = netlink_portid(nl);
	if (has != 0)
		err = has == portid ? 0 : -EINVAL;
	else if (find_port(nl->stack, nl->s.protocol, portid) != NULL)
		err = -EADDRINUSE;
	else
		atomic_store_explicit(&nl->portid, portid, memory_order_relaxed);
	spin_unlock_bh(&nl->stack->lock);
	return err;
}

/* The process's number, as programs expect; if another socket has it, any above those of processes. */
static int
autobind(struct netlink_sock *nl)
{
	uint32_t portid = (uint32_t)current_process()->pid;
	while (netlink_portid(nl) == 0) {
		int err = take_port(nl, portid);
		if (err != -EADDRINUSE)
			return err == -EINVAL ? 0 : err; /* another thread was faster */
		portid = (uint32_t)random_u64() | 0x80000000u;
	}
	return 0;
}

/* [stack lock] */
static void
count_groups(struct netlink_stack *st)
{
	struct netlink_sock *nl;
	uint64_t all = 0;
	list_for_each_entry (nl, &st->sockets, node) {
		if (nl->s.protocol == NETLINK_ROUTE)
			all |= atomic_load_explicit(&nl->groups, memory_order_relaxed);
	}
	atomic_store_explicit(&st->groups, all, memory_order_relaxed);
}

static void
set_groups(struct netlink_sock *nl, uint64_t clear, uint64_t set)
{
	spin_lock_bh(&nl->stack->lock);
	uint64_t now = atomic_load_explicit(&nl->groups, memory_order_relaxed);
	atomic_store_explicit(&nl->groups, (now & ~clear) | set, memory_order_relaxed);
	count_groups(nl->stack);
	spin_unlock_bh(&nl->stack->lock);
}

/* Copies an address of the family. -EINVAL: it is none. */
static int
decode_addr(const struct sock_addr *a, struct sockaddr_nl *out)
{
	if (a->len < sizeof(*out) || a->family != AF_NETLINK)
		return -EINVAL;
	memcpy(out, a->bytes, sizeof(*out));
	return 0;
}

static int
netlink_bind(struct sock *s, const struct sock_addr *addr)
{
	struct netlink_sock *nl = netlink_of(s);
	struct sockaddr_nl a;
	int err = decode_addr(addr, &a);
	if (err == 0)
		err = a.nl_pid != 0 ? take_port(nl, a.nl_pid) : autobind(nl);
	if (err == 0)
		set_groups(nl, UINT32_MAX, a.nl_groups);
	return err;
}

static int
netlink_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags)
{
	struct netlink_sock *nl = netlink_of(s);
	struct sockaddr_nl a = {0};
	if (addr->len < sizeof(addr->family))
		return -EINVAL;
	int err = addr->family == AF_UNSPEC ? 0 : decode_addr(addr, &a);
	if (err == 0 && (a.nl_pid != 0 || a.nl_groups != 0) && !current_has_caps(CAP_NETADMIN))
		err = -EPERM;
	if (err == 0 && addr->family != AF_UNSPEC)
		err = autobind(nl);
	if (err != 0)
		return err;
	mutex_lock(&nl->dump_lock);
	nl->dst_portid = a.nl_pid;
	nl->dst_groups = a.nl_groups;
	mutex_unlock(&nl->dump_lock);
	return 0;
}

static void
fill_addr(struct sock_addr *out, uint32_t pid, uint32_t groups)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = pid, .nl_groups = groups};
	memcpy(out->bytes, &a, sizeof(a));
	out->len = sizeof(a);
}

static int
netlink_getname(struct sock *s, bool peer, struct sock_addr *out)
{
	struct netlink_sock *nl = netlink_of(s);
	if (peer) {
		mutex_lock(&nl->dump_lock);
		fill_addr(out, nl->dst_portid, nl->dst_groups);
		mutex_unlock(&nl->dump_lock);
		return 0;
	}
	fill_addr(out, netlink_portid(nl),
		(uint32_t)atomic_load_explicit(&nl->groups, memory_order_relaxed));
	return 0;
}

/* --- Data --- */

/* Programs do not talk to each other here: the kernel is the only one that answers. */
static int
check_destination(struct netlink_sock *nl, const struct sock_msg *msg)
{
	struct sockaddr_nl a = {.nl_pid = __atomic_load_n(&nl->dst_portid, __ATOMIC_RELAXED),
		.nl_groups = __atomic_load_n(&nl->dst_groups, __ATOMIC_RELAXED)};
	int err = 0;
	if (msg->addr != NULL && msg->addr->len != 0)
		err = decode_addr(msg->addr, &a);
	if (err == 0 && (a.nl_pid != 0 || a.nl_groups != 0))
		err = current_has_caps(CAP_NETADMIN) ? -ECONNREFUSED : -EPERM;
	return err;
}

static ssize_t
netlink_send(struct sock *s, struct sock_msg *msg)
{
	struct netlink_sock *nl = netlink_of(s);
	size_t n = msg->iter->count;
	if (msg->flags & MSG_OOB)
		return -EOPNOTSUPP;
	int err = check_destination(nl, msg);
	if (err == 0)
		err = autobind(nl);
	if (err != 0)
		return err;
	if (n > s->sndbuf - 32)
		return -EMSGSIZE;
	uint8_t *bytes = kvmalloc(n != 0 ? n : 1);
	if (bytes == NULL)
		return -ENOBUFS;
	if (iter_copy_from(msg->iter, bytes, n) != n)
		err = -EFAULT;
	else
		nl_run(nl, bytes, (uint32_t)n);
	kvfree(bytes);
	return err != 0 ? err : (ssize_t)n;
}

/* Gives a message to the caller. Bytes, or with MSG_TRUNC its length. */
static ssize_t
give(struct netlink_sock *nl, const struct nl_message *m, struct sock_msg *msg)
{
	uint32_t n = (uint32_t)min((size_t)m->len, msg->iter->count);
	if (n < m->len)
		msg->out_flags |= MSG_TRUNC;
	if (iter_copy_to(msg->iter, m->data, n) != n)
		return -EFAULT;
	uint32_t bit = m->group != 0 && m->group <= 32 ? 1u << (m->group - 1) : 0;
	if (msg->addr != NULL)
		fill_addr(msg->addr, 0, bit);
	if (msg->cmsg != NULL && netlink_has(nl, NL_OPT_PKTINFO))
		cmsg_put(msg->cmsg, SOL_NETLINK, NETLINK_PKTINFO, &m->group, sizeof(m->group));
	return (msg->flags & MSG_TRUNC) ? (ssize_t)m->len : (ssize_t)n;
}

/* Takes and gives the first message, then has a dump go on. *found: there was one. */
static ssize_t
read_one(struct netlink_sock *nl, struct sock_msg *msg, bool *found)
{
	bool peek = (msg->flags & MSG_PEEK) != 0;
	mutex_lock(&nl->s.read_lock);
	struct nl_message *m = nl_queue_take(nl, peek);
	ssize_t n = m != NULL ? give(nl, m, msg) : 0;
	if (m != NULL && !peek)
		nl_message_free(nl->s.net, m);
	mutex_unlock(&nl->s.read_lock);
	*found = m != NULL;
	if (peek && *found)
		return n;
	int err = nl_dump_continue(nl);
	if (err != 0 && *found)
		nl_queue_lost(nl);
	return *found ? n : err;
}

static void
note_room(struct netlink_sock *nl, size_t n)
{
	uint32_t room = (uint32_t)min(n, (size_t)NL_PIECE_MAX);
	if (room > atomic_load_explicit(&nl->room, memory_order_relaxed))
		atomic_store_explicit(&nl->room, room, memory_order_relaxed);
}

static ssize_t
netlink_recv(struct sock *s, struct sock_msg *msg)
{
	struct netlink_sock *nl = netlink_of(s);
	nsec_t deadline = sock_deadline(s->rcvtimeo, msg->flags);
	if (msg->flags & (MSG_OOB | MSG_ERRQUEUE))
		return (msg->flags & MSG_OOB) ? -EOPNOTSUPP : -EAGAIN;
	if (msg->addr != NULL)
		msg->addr->len = 0;
	note_room(nl, msg->iter->count);
	for (;;) {
		bool found;
		int err = sock_take_error(s);
		if (err != 0)
			return err;
		ssize_t n = read_one(nl, msg, &found);
		if (found || n < 0)
			return n;
		err = sock_wait(s, SOCK_READ_EVENTS, deadline, 0,
			!nl_queue_is_empty(nl) ||
				atomic_load_explicit(&s->error, memory_order_acquire) != 0);
		if (err != 0)
			return err;
	}
}

static uint32_t
netlink_poll(struct sock *s, struct poll_table *pt)
{
	struct netlink_sock *nl = netlink_of(s);
	uint32_t ready = POLLOUT | POLLWRNORM | POLLWRBAND;
	if (atomic_load_explicit(&s->error, memory_order_acquire) != 0)
		ready |= POLLERR;
	if (!nl_queue_is_empty(nl) || nl_dump_is_running(nl))
		ready |= POLLIN | POLLRDNORM;
	return ready;
}

/* --- Options --- */

static uint32_t
option_of(int name)
{
	switch (name) {
	case NETLINK_CAP_ACK:
		return NL_OPT_CAP_ACK;
	case NETLINK_EXT_ACK:
		return NL_OPT_EXT_ACK;
	case NETLINK_GET_STRICT_CHK:
		return NL_OPT_STRICT;
	case NETLINK_NO_ENOBUFS:
		return NL_OPT_NO_ENOBUFS;
	case NETLINK_PKTINFO:
		return NL_OPT_PKTINFO;
	default:
		return 0;
	}
}

static int
change_membership(struct netlink_sock *nl, uint32_t group, bool join)
{
	if (group < 1 || group > NL_GROUPS)
		return -EINVAL;
	int err = join ? autobind(nl) : 0;
	uint64_t bit = 1ULL << (group - 1);
	if (err == 0)
		set_groups(nl, bit, join ? bit : 0);
	return err;
}

static int
netlink_setsockopt(struct sock *s, int level, int name, const void *value, uint32_t len)
{
	struct netlink_sock *nl = netlink_of(s);
	uint32_t v = 0, option = option_of(name);
	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (len >= sizeof(v))
		memcpy(&v, value, sizeof(v));
	else if (option == 0 || len != 0)
		return -EINVAL;
	if (name == NETLINK_ADD_MEMBERSHIP || name == NETLINK_DROP_MEMBERSHIP)
		return change_membership(nl, v, name == NETLINK_ADD_MEMBERSHIP);
	if (option == 0)
		return -ENOPROTOOPT;
	if (v != 0)
		atomic_fetch_or_explicit(&nl->options, option, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&nl->options, ~option, memory_order_relaxed);
	return 0;
}

static int
netlink_getsockopt(struct sock *s, int level, int name, void *value, uint32_t *len)
{
	struct netlink_sock *nl = netlink_of(s);
	uint32_t option = option_of(name);
	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (name == NETLINK_LIST_MEMBERSHIPS) {
		uint64_t groups = atomic_load_explicit(&nl->groups, memory_order_relaxed);
		uint32_t n = min(*len, (uint32_t)sizeof(groups)) & ~3u;
		memcpy(value, &groups, n);
		*len = n;
		return 0;
	}
	if (option == 0)
		return -ENOPROTOOPT;
	uint32_t v = netlink_has(nl, option);
	if (*len < sizeof(v))
		return -EINVAL;
	memcpy(value, &v, sizeof(v));
	*len = sizeof(v);
	return 0;
}

/* --- The rest --- */

static int
netlink_listen(struct sock *s, int backlog)
{
	return -EOPNOTSUPP;
}

static int
netlink_accept(struct sock *s, uint32_t flags, struct sock **out)
{
	return -EOPNOTSUPP;
}

static int
netlink_shutdown(struct sock *s, int how)
{
	return -EOPNOTSUPP;
}

static int64_t
netlink_ioctl(struct sock *s, uint32_t cmd, uint64_t arg)
{
	return ip_ioctl_is_known(cmd) ? ip_ioctl(s->net, AF_INET, cmd, arg) : -ENOTTY;
}

static void
netlink_close(struct sock *s)
{
	struct netlink_sock *nl = netlink_of(s);
	spin_lock_bh(&nl->stack->lock);
	list_del(&nl->node);
	count_groups(nl->stack);
	spin_unlock_bh(&nl->stack->lock);
	nl_dump_end(nl);
	nl_queue_purge(nl);
}

static void
netlink_destroy(struct sock *s)
{
	slab_free(sock_cache, netlink_of(s));
}

void
netlink_for_each(struct net_stack *net, void (*fn)(struct netlink_sock *nl, void *ctx), void *ctx)
{
	struct netlink_sock *nl;
	spin_lock_bh(&net->netlink->lock);
	list_for_each_entry (nl, &net->netlink->sockets, node)
		fn(nl, ctx);
	spin_unlock_bh(&net->netlink->lock);
}

static const struct sock_ops netlink_ops = {
	.family = AF_NETLINK,
	.bind = netlink_bind,
	.listen = netlink_listen,
	.connect = netlink_connect,
	.accept = netlink_accept,
	.shutdown = netlink_shutdown,
	.getname = netlink_getname,
	.send = netlink_send,
	.recv = netlink_recv,
	.poll = netlink_poll,
	.ioctl = netlink_ioctl,
	.setsockopt = netlink_setsockopt,
	.getsockopt = netlink_getsockopt,
	.close = netlink_close,
	.destroy = netlink_destroy,
};

static struct sock_family netlink_family = {
	.family = AF_NETLINK,
	.need = netlink_need,
	.create = netlink_create,
};

void
netlink_boot(void)
{
	sock_cache = slab_cache_create("netlink_sock", sizeof(struct netlink_sock), 0);
	sock_register_family(&netlink_family);
}
