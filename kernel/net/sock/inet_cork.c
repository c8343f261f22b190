/* SPDX-License-Identifier: MIT */
/* Datagrams that several sends make. */
#include "net/sock/inet_cork.h"

#include "mm/slab.h"
#include "net/sock/charge.h"
#include "net/sock/pktio.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

struct inet_cork *
inet_cork_get(struct inet_cork *_Atomic *slot)
{
	struct inet_cork *c = inet_cork_peek(slot), *none = NULL;
	if (c != NULL)
		return c;
	c = kzalloc(sizeof(*c));
	if (c == NULL)
		return NULL;
	mutex_init(&c->lock, "inet.cork");
	if (atomic_compare_exchange_strong_explicit(
		    slot, &none, c, memory_order_acq_rel, memory_order_acquire))
		return c;
	kfree(c);
	return none;
}

static void
discard(struct inet_cork *c)
{
	pkt_free(c->pkt);
	c->pkt = NULL;
	route_ref_drop(&c->out.ref);
}

void
inet_cork_drop(struct inet_cork *_Atomic *slot)
{
	struct inet_cork *c = atomic_exchange_explicit(slot, NULL, memory_order_acq_rel);
	if (c == NULL)
		return;
	if (c->pkt != NULL)
		discard(c);
	kfree(c);
}

int
inet_cork_begin(struct inet_sock *i, struct inet_cork *c, const struct inet_send *out)
{
	struct inet_send with = *out;
	struct pkt *p = pkt_alloc();
	if (p == NULL)
		return -ENOBUFS;
	bh_disable();
	inet_send_options(i, &with);
	int err = route_check(i->s.net, &with.ref, &with.flow);
	bh_enable();
	if (err != 0) {
		pkt_free(p);
		return err;
	}
	c->pkt = p;
	c->out = *out; /* the socket's options are looked at again when it is sent */
	c->out.flow = with.flow;
	c->out.ref = with.ref;
	return 0;
}

/* Charges what the packet holds now. */
static void
recharge(struct inet_sock *i, struct pkt *p)
{
	if (p->charge != 0)
		pkt_uncharge_owner(p);
	p->owner = &i->s;
	pkt_hold(p);
}

/* The most that a datagram may hold, behind the transport's header. */
static uint32_t
limit_of(const struct inet_cork *c, uint32_t header)
{
	const struct route_ref *ref = &c->out.ref;
	bool v4 = net_addr_is_v4(&c->out.flow.remote), segmented = c->out.gso_size != 0;
	uint32_t ip_header = v4 ? IP4_HEADER : IP6_HEADER;
	if ((ref->flags & (ROUTE_DF | ROUTE_PROBE)) != 0 && !segmented)
		return min(ref->mtu, PKT_LEN_MAX) - ip_header - header;
	return PKT_LEN_MAX - header - (v4 || segmented ? ip_header : 0);
}

int
inet_cork_add(struct inet_sock *i, struct inet_cork *c, struct iter *from, uint32_t header)
{
	struct pkt *p = c->pkt;
	size_t n = from->count;
	int err = 0;
	if (n > PKT_LEN_MAX || p->len + n > limit_of(c, header))
		err = -EMSGSIZE;
	else if (sock_in_flight(&i->s) > 2ULL * i->s.sndbuf || net_memory_is_short(i->s.net))
		err = -ENOBUFS;
	else
		err = pktio_append(p, from, (uint32_t)n);
	if (err == -EMSGSIZE && inet_has(i, INET_RECVERR | INET_RECVERR6))
		inet_queue_local_error(i, EMSGSIZE, c->out.ref.mtu, &c->out.flow);
	if (err != 0)
		discard(c);
	else
		recharge(i, p);
	return err;
}

struct pkt *
inet_cork_take(struct inet_sock *i, struct inet_cork *c)
{
	struct pkt *p = c->pkt;
	c->pkt = NULL;
	if (p->charge != 0)
		pkt_uncharge_owner(p);
	p->owner = &i->s;
	return p;
}
