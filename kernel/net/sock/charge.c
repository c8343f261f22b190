/* SPDX-License-Identifier: MIT */
/* What sockets hold: the stack's sum, and packets on their way. */
#include "net/sock/charge.h"

void
net_memory_flush(struct net_stack *net, _Atomic int64_t *own, int64_t n)
{
	atomic_fetch_sub_explicit(own, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&net->memory, n, memory_order_relaxed);
}

int64_t
net_memory_held(struct net_stack *net)
{
	int64_t sum = atomic_load_explicit(&net->memory, memory_order_relaxed);
	for_each_cpu (i)
		sum += atomic_load_explicit(&net->counters[i].memory, memory_order_relaxed);
	return sum;
}

bool
net_memory_is_short_exactly(struct net_stack *net)
{
	return net_memory_held(net) >=
		atomic_load_explicit(&net->memory_limit, memory_order_relaxed);
}

void
pkt_charge_owner(struct pkt *p)
{
	struct sock *s = sock_get(p->owner);
	p->charge = p->truesize;
	atomic_fetch_add_explicit(&s->in_flight, p->charge, memory_order_relaxed);
	net_memory_add(s->net, p->charge);
}

/*
 * Writers are woken as the socket becomes writable, by whoever takes the charge over that edge: a writer looks at
 * in_flight after it has begun to wait, so it sees what was taken off before, or is woken by what is taken off later.
 */
void
pkt_uncharge_owner(struct pkt *p)
{
	struct sock *s = p->owner;
	uint32_t n = p->charge;
	uint32_t was = atomic_fetch_sub_explicit(&s->in_flight, n, memory_order_acq_rel);
	uint64_t limit = __atomic_load_n(&s->sndbuf, __ATOMIC_RELAXED);
	net_memory_add(s->net, -(int64_t)n);
	p->owner = NULL;
	p->charge = 0;
	if (unlikely((uint64_t)was * 2 > limit && (uint64_t)(was - n) * 2 <= limit))
		sock_wake(s, POLLOUT | POLLWRNORM | POLLWRBAND);
	sock_put(s);
}

static bool
may_go_on(struct sock *s)
{
	return sock_has_room(s) || atomic_load_explicit(&s->error, memory_order_acquire) != 0 ||
		(__atomic_load_n(&s->shut, __ATOMIC_ACQUIRE) & SOCK_SHUT_WR) != 0;
}

int
sock_wait_to_send_slowly(struct sock *s, uint32_t msg_flags)
{
	int err = sock_wait(
		s, SOCK_WRITE_EVENTS, sock_deadline(s->sndtimeo, msg_flags), 0, may_go_on(s));
	if (err == 0)
		err = sock_take_error(s);
	if (err == 0 && (__atomic_load_n(&s->shut, __ATOMIC_ACQUIRE) & SOCK_SHUT_WR))
		err = -EPIPE;
	if (err == 0 && net_memory_is_short(s->net))
		err = -ENOBUFS;
	return err;
}
