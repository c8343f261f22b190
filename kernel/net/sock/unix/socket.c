/* SPDX-License-Identifier: MIT */
/* AF_UNIX sockets as such: made, freed, asked what they are and whether they are ready. */
#include "net/sock/unix/unix.h"

#include "arch/uaccess.h"
#include "core/panic.h"
#include "mm/slab.h"
#include "net/sock/unix/rights.h"
#include "proc/process.h"

static struct slab_cache *sock_cache;
static const struct sock_ops stream_ops, dgram_ops, seqpacket_ops;

void
unix_lock_two(struct unix_sock *a, struct unix_sock *b) NO_LOCK_ANALYSIS
{
	spin_lock(a < b ? &a->s.lock : &b->s.lock);
	if (a != b)
		spin_lock(a < b ? &b->s.lock : &a->s.lock);
}

void
unix_unlock_two(struct unix_sock *a, struct unix_sock *b) NO_LOCK_ANALYSIS
{
	spin_unlock(&a->s.lock);
	if (a != b)
		spin_unlock(&b->s.lock);
}

struct ucred_user
unix_own_cred(void)
{
	const struct cred *c = current_cred();
	return (struct ucred_user){current_process()->pid, c->euid, c->egid};
}

struct unix_sock *
unix_create_for(struct net_stack *net, int type)
{
	const struct sock_ops *ops = type == SOCK_STREAM ? &stream_ops
		: type == SOCK_DGRAM                     ? &dgram_ops
							 : &seqpacket_ops;
	struct unix_sock *u = slab_alloc(sock_cache, KM_ZERO);
	if (u == NULL)
		return NULL;
	sock_init(&u->s, ops, net, type, 0);
	spin_init(&u->s.lock, "unix");
	wait_queue_init(&u->space, "unix.space");
	waiter_init(&u->relay, NULL, 0);
	u->relay.wake = unix_relay_wake;
	u->peercred = (struct ucred_user){0, UINT32_MAX, UINT32_MAX};
	list_init(&u->gc_node);
	unix_stack_add(u);
	return u;
}

static int
unix_create(struct net_stack *net, int type, int protocol, struct sock **out)
{
	*out = NULL;
	if (protocol != 0 && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = SOCK_DGRAM; /* as BSD had it, and Linux has */
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	struct unix_sock *u = unix_create_for(net, type);
	if (u == NULL)
		return -ENOMEM;
	*out = &u->s;
	return 0;
}

static void
unix_destroy(struct sock *s)
{
	struct unix_sock *u = unix_of(s);
	unix_addr_put(u->addr);
	if (u->path.dentry != NULL)
		path_put(&u->path);
	slab_free(sock_cache, u);
}

static int
unix_getname(struct sock *s, bool peer, struct sock_addr *out)
{
	struct unix_sock *u = unix_of(s);
	if (!peer) {
		unix_fill_name(u, out);
		return 0;
	}
	spin_lock(&s->lock);
	struct unix_sock *p = u->peer;
	if (p != NULL)
		unix_get(p);
	spin_unlock(&s->lock);
	if (p == NULL)
		return -ENOTCONN;
	unix_fill_name(p, out);
	unix_put(p);
	return 0;
}

void
unix_get_peercred(struct sock *s, struct ucred_user *out)
{
	spin_lock(&s->lock);
	*out = unix_of(s)->peercred;
	spin_unlock(&s->lock);
}

uint32_t
unix_outstanding(const struct unix_sock *u)
{
	if (!unix_is_connection(u))
		return atomic_load_explicit((_Atomic uint32_t *)&u->sent, memory_order_acquire);
	const struct unix_sock *p = unix_peer(u);
	return p == NULL ? 0
			 : atomic_load_explicit((_Atomic uint32_t *)&p->used, memory_order_acquire);
}

bool
unix_writable(const struct unix_sock *u)
{
	return unix_state(u) != UNIX_LISTENING && (uint64_t)unix_outstanding(u) * 4 <= u->s.sndbuf;
}

static bool
unix_is_listening(struct sock *s)
{
	return unix_state(unix_of(s)) == UNIX_LISTENING;
}

static uint32_t
unix_poll(struct sock *s, struct poll_table *pt)
{
	struct unix_sock *u = unix_of(s);
	uint32_t ready = 0, state = unix_state(u), shut = unix_shut(u);
	if (atomic_load_explicit(&s->error, memory_order_acquire) != 0)
		ready |= POLLERR;
	if (shut == (SOCK_SHUT_RD | SOCK_SHUT_WR))
		ready |= POLLHUP;
	if (shut & SOCK_SHUT_RD)
		ready |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (unix_first(u) != NULL ||
		atomic_load_explicit(&u->nr_waiting, memory_order_acquire) != 0)
		ready |= POLLIN | POLLRDNORM;
	if (state == UNIX_UNCONNECTED && unix_is_connection(u))
		ready |= POLLHUP;
	if (unix_writable(u))
		ready |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return ready;
}

uint32_t
unix_readable(struct unix_sock *u)
{
	uint32_t n = 0;
	spin_lock(&u->s.lock);
	for (const struct unix_msg *m = u->first; m != NULL; m = m->next) {
		n += m->len - m->pos;
		if (u->s.type != SOCK_STREAM)
			break;
	}
	spin_unlock(&u->s.lock);
	return n;
}

static int64_t
unix_ioctl(struct sock *s, uint32_t cmd, uint64_t arg)
{
	struct unix_sock *u = unix_of(s);
	switch (cmd) {
	case SIOCINQ:
		if (unix_state(u) == UNIX_LISTENING)
			return -EINVAL;
		return put_user_u32((uaddr_t){arg}, unix_readable(u));
	case SIOCOUTQ:
		return put_user_u32((uaddr_t){arg}, unix_outstanding(u));
	default:
		return -ENOTTY;
	}
}

static int
unix_setsockopt(struct sock *s, int level, int name, const void *value, uint32_t len)
{
	return level == SOL_SOCKET ? -ENOPROTOOPT : -EOPNOTSUPP;
}

static int
unix_getsockopt(struct sock *s, int level, int name, void *value, uint32_t *len)
{
	return level == SOL_SOCKET ? -ENOPROTOOPT : -EOPNOTSUPP;
}

static int
dgram_listen(struct sock *s, int backlog)
{
	return -EOPNOTSUPP;
}

static int
dgram_accept(struct sock *s, uint32_t flags, struct sock **out)
{
	return -EOPNOTSUPP;
}

#define UNIX_OPS_COMMON                                                                           \
	.family = AF_UNIX, .bind = unix_bind, .shutdown = unix_shutdown, .getname = unix_getname, \
	.pair = unix_pair, .ioctl = unix_ioctl, .setsockopt = unix_setsockopt,                    \
	.getsockopt = unix_getsockopt, .close = unix_close, .destroy = unix_destroy,              \
	.is_listening = unix_is_listening

static const struct sock_ops stream_ops = {
	UNIX_OPS_COMMON,
	.listen = unix_listen,
	.connect = unix_connect,
	.accept = unix_accept,
	.send = unix_stream_send,
	.send_pages = unix_stream_send_pages,
	.recv = unix_stream_recv,
	.poll = unix_poll,
};

static const struct sock_ops seqpacket_ops = {
	UNIX_OPS_COMMON,
	.listen = unix_listen,
	.connect = unix_connect,
	.accept = unix_accept,
	.send = unix_seqpacket_send,
	.recv = unix_dgram_recv,
	.poll = unix_poll,
};

static const struct sock_ops dgram_ops = {
	UNIX_OPS_COMMON,
	.listen = dgram_listen,
	.connect = unix_dgram_connect,
	.accept = dgram_accept,
	.send = unix_dgram_send,
	.recv = unix_dgram_recv,
	.poll = unix_dgram_poll,
};

static caps_t
unix_need(int type, int protocol)
{
	return 0;
}

static struct sock_family unix_family = {
	.family = AF_UNIX,
	.need = unix_need,
	.create = unix_create,
};

void
unix_boot(void)
{
	sock_cache = slab_cache_create("unix_sock", sizeof(struct unix_sock), 0);
	unix_msg_init_cache();
	unix_gc_init();
	if (unix_names_boot() != 0)
		panic("no memory for the names of sockets");
	sock_register_family(&unix_family);
}
