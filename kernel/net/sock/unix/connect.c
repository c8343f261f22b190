/* SPDX-License-Identifier: MIT */
/* Connections of AF_UNIX: made in pairs, or from a listener's queue; shut down, ended. */
#include "net/sock/unix/rights.h"
#include "net/sock/unix/unix.h"

static void
set_state(struct unix_sock *u, enum unix_state state)
{
	atomic_store_explicit(&u->state, state, memory_order_release);
}

static void
set_shut(struct unix_sock *u, uint8_t bits)
{
	__atomic_store_n(&u->s.shut, (uint8_t)(u->s.shut | bits), __ATOMIC_RELEASE);
}

/* Points a to b, with a reference; a's lock is held, or nobody knows a yet. */
static void
set_peer(struct unix_sock *a, struct unix_sock *b)
{
	unix_get(b);
	atomic_store_explicit(&a->peer, b, memory_order_release);
}

int
unix_pair(struct sock *a, struct sock *b)
{
	struct unix_sock *ua = unix_of(a), *ub = unix_of(b);
	set_peer(ua, ub);
	set_peer(ub, ua);
	ua->peercred = ub->peercred = unix_own_cred();
	if (unix_is_connection(ua)) {
		set_state(ua, UNIX_CONNECTED);
		set_state(ub, UNIX_CONNECTED);
	}
	return 0;
}

int
unix_listen(struct sock *s, int backlog)
{
	struct unix_sock *u = unix_of(s);
	if (atomic_load_explicit(&u->addr, memory_order_acquire) == NULL)
		return -EINVAL;
	spin_lock(&s->lock);
	uint32_t state = unix_state(u);
	bool may = state == UNIX_UNCONNECTED || state == UNIX_LISTENING;
	bool more = may && (uint32_t)backlog > u->backlog;
	if (may) {
		u->backlog = (uint32_t)backlog;
		u->peercred = unix_own_cred();
		set_state(u, UNIX_LISTENING);
	}
	spin_unlock(&s->lock);
	if (more)
		wake_all(&u->space, POLLOUT);
	return may ? 0 : -EINVAL;
}

static bool
accepts_more(const struct unix_sock *l)
{
	return atomic_load_explicit((_Atomic uint32_t *)&l->nr_waiting, memory_order_acquire) <=
		l->backlog;
}

/* The end that the listener's side will get, knowing its peer. */
static struct unix_sock *
make_child(struct unix_sock *listener, struct unix_sock *client)
{
	struct unix_sock *c = unix_create_for(listener->s.net, listener->s.type);
	if (c == NULL)
		return NULL;
	set_peer(c, client);
	c->peercred = unix_own_cred();
	c->s.sndbuf = listener->s.sndbuf;
	c->s.rcvbuf = listener->s.rcvbuf;
	atomic_store_explicit(&c->s.opts,
		atomic_load_explicit(&listener->s.opts, memory_order_relaxed) & SOCK_OPT_PASSCRED,
		memory_order_relaxed);
	struct unix_addr *a = atomic_load_explicit(&listener->addr, memory_order_acquire);
	refcount_get(&a->refs);
	atomic_store_explicit(&c->addr, a, memory_order_release);
	set_state(c, UNIX_CONNECTED);
	return c;
}

/* What keeps u from connecting to l now; both are locked. -EAGAIN: l's queue is full. */
static int
may_connect(const struct unix_sock *u, const struct unix_sock *l)
{
	uint32_t state = unix_state(u);
	if (state == UNIX_CONNECTED)
		return -EISCONN;
	if (state != UNIX_UNCONNECTED)
		return -EINVAL;
	if (unix_state(l) != UNIX_LISTENING || (unix_shut(l) & SOCK_SHUT_RD))
		return -ECONNREFUSED;
	return accepts_more(l) ? 0 : -EAGAIN;
}

/* Puts the child into l's queue (its reference) and connects u to it, if that is possible. */
static int
join(struct unix_sock *u, struct unix_sock *l, struct unix_sock *child)
{
	unix_lock_two(u, l);
	int err = may_connect(u, l);
	if (err == 0) {
		set_peer(u, child);
		u->peercred = l->peercred;
		set_state(u, UNIX_CONNECTED);
		if (l->waiting == NULL)
			l->waiting = child;
		else
			l->waiting_last->next_waiting = child;
		l->waiting_last = child;
		atomic_store_explicit(&l->nr_waiting, l->nr_waiting + 1, memory_order_release);
	}
	unix_unlock_two(u, l);
	if (err == 0)
		wake_one(&l->s.wait, POLLIN | POLLRDNORM);
	return err;
}

/* Connects to a listener, waiting for room in its queue. -ECONNREFUSED: it has closed: the name may have a new owner. */
static int
connect_to(struct unix_sock *u, struct unix_sock *l, struct unix_sock *child, nsec_t deadline)
{
	int err;
	while ((err = join(u, l, child)) == -EAGAIN) {
		err = sock_wait_on(&l->space, POLLOUT, deadline, 0,
			accepts_more(l) || unix_state(l) != UNIX_LISTENING ||
				(unix_shut(l) & SOCK_SHUT_RD));
		if (err != 0)
			break;
	}
	return err;
}

/* Undoes make_child(). */
static void
drop_child(struct unix_sock *c)
{
	struct unix_sock *client = c->peer;
	atomic_store_explicit(&c->peer, NULL, memory_order_release);
	unix_put(client);
	unix_unbind(c);
	unix_put(c);
}

int
unix_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags)
{
	struct unix_sock *u = unix_of(s), *l;
	if ((atomic_load_explicit(&s->opts, memory_order_relaxed) & SOCK_OPT_PASSCRED)) {
		int err = unix_autobind(u);
		if (err != 0)
			return err;
	}
	int err = unix_find(s->net, addr, s->type, &l);
	if (err != 0)
		return err;
	struct unix_sock *child = unix_state(l) == UNIX_LISTENING ? make_child(l, u) : NULL;
	if (child != NULL)
		err = connect_to(u, l, child,
			sock_deadline(s->sndtimeo, (flags & O_NONBLOCK) ? MSG_DONTWAIT : 0));
	else
		err = unix_state(l) == UNIX_LISTENING ? -ENOMEM : -ECONNREFUSED;
	if (err != 0 && child != NULL)
		drop_child(child);
	unix_put(l);
	return err;
}

static struct unix_sock *
take_waiting(struct unix_sock *l)
{
	spin_lock(&l->s.lock);
	struct unix_sock *c = l->waiting;
	if (c != NULL) {
		l->waiting = c->next_waiting;
		c->next_waiting = NULL;
		atomic_store_explicit(&l->nr_waiting, l->nr_waiting - 1, memory_order_release);
	}
	spin_unlock(&l->s.lock);
	return c;
}

int
unix_accept(struct sock *s, uint32_t flags, struct sock **out)
{
	struct unix_sock *l = unix_of(s), *c;
	nsec_t deadline = sock_deadline(s->rcvtimeo, (flags & O_NONBLOCK) ? MSG_DONTWAIT : 0);
	*out = NULL;
	if (unix_state(l) != UNIX_LISTENING)
		return -EINVAL;
	while ((c = take_waiting(l)) == NULL) {
		if (unix_shut(l) & SOCK_SHUT_RD)
			return -EINVAL;
		int err = sock_wait(s, SOCK_READ_EVENTS, deadline, WAITER_EXCLUSIVE,
			atomic_load_explicit(&l->nr_waiting, memory_order_acquire) != 0 ||
				(unix_shut(l) & SOCK_SHUT_RD));
		if (err != 0)
			return err;
	}
	/* The wake-up was for one; who else waits may find the next connection. */
	if (atomic_load_explicit(&l->nr_waiting, memory_order_acquire) != 0)
		wake_one(&s->wait, POLLIN | POLLRDNORM);
	wake_all(&l->space, POLLOUT);
	*out = &c->s;
	return 0;
}

struct unix_sock *
unix_peer_get(struct unix_sock *u)
{
	spin_lock(&u->s.lock);
	struct unix_sock *p = u->peer;
	if (p != NULL)
		unix_get(p);
	spin_unlock(&u->s.lock);
	return p;
}

int
unix_shutdown(struct sock *s, int how)
{
	struct unix_sock *u = unix_of(s);
	uint8_t bits = (uint8_t)(how + 1); /* SHUT_* to SOCK_SHUT_* */
	uint8_t across = (uint8_t)(((bits & SOCK_SHUT_RD) ? SOCK_SHUT_WR : 0) |
		((bits & SOCK_SHUT_WR) ? SOCK_SHUT_RD : 0));
	struct unix_sock *p = unix_is_connection(u) ? unix_peer_get(u) : NULL;
	spin_lock(&s->lock);
	set_shut(u, bits);
	spin_unlock(&s->lock);
	if (p != NULL) {
		spin_lock(&p->s.lock);
		set_shut(p, across);
		spin_unlock(&p->s.lock);
		sock_wake(&p->s, SOCK_ALL_EVENTS);
		unix_put(p);
	}
	sock_wake(s, SOCK_ALL_EVENTS);
	wake_all(&u->space, POLLOUT);
	return 0;
}

/* Tells the peer that u is gone; error: what its calls are to say, or 0. */
static void
hang_up(struct unix_sock *p, int error)
{
	spin_lock(&p->s.lock);
	set_shut(p, SOCK_SHUT_RD | SOCK_SHUT_WR);
	if (error != 0)
		atomic_store_explicit(&p->s.error, error, memory_order_release);
	spin_unlock(&p->s.lock);
	sock_wake(&p->s, SOCK_ALL_EVENTS);
}

/* Ends u: a socket that its file left, or (orphan) a connection that nobody accepted. The reference is the caller's. */
static void
end(struct unix_sock *u, bool orphan)
{
	unix_unbind(u);
	spin_lock(&u->s.lock);
	set_state(u, UNIX_CLOSED);
	set_shut(u, SOCK_SHUT_RD | SOCK_SHUT_WR);
	struct unix_sock *p = u->peer;
	bool unread = u->first != NULL;
	spin_unlock(&u->s.lock);
	wake_all(&u->space, POLLOUT);
	if (p != NULL && unix_is_connection(u))
		hang_up(p, orphan || unread ? ECONNRESET : 0);
	spin_lock(&u->s.lock);
	atomic_store_explicit(&u->peer, NULL, memory_order_release);
	spin_unlock(&u->s.lock);
	if (p != NULL)
		unix_put(p);
	unix_queue_purge(u);
}

void
unix_close(struct sock *s)
{
	struct unix_sock *u = unix_of(s), *c;
	bool listened = unix_state(u) == UNIX_LISTENING;
	if (!unix_is_connection(u))
		unix_relay_stop(u);
	end(u, false);
	while (listened && (c = take_waiting(u)) != NULL) {
		end(c, true);
		unix_put(c);
	}
	unix_gc(false, NULL);
}

void
unix_handle_closed(struct sock *s, const struct file *f)
{
	/* Its last handle may be this one, while it lies in queues that only it leads to. */
	if (__atomic_load_n(&unix_of(s)->in_flight, __ATOMIC_RELAXED) != 0)
		unix_gc(false, f);
}
