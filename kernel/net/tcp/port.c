/* SPDX-License-Identifier: MIT */
/*
 * Local ports: who has claimed which, what may be claimed beside it (as Linux decides about SO_REUSEADDR and
 * SO_REUSEPORT), and the choice of a port for a connection (RFC 6056, algorithm 3: by destination, so that successive
 * ports to one peer do not collide with what lingers, and nobody else can foresee them).
 */
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "net/ip/port_match.h"
#include "net/tcp/tcp_impl.h"

static struct slab_cache *port_cache; /* [I after boot] */

void
tcp_port_init_cache(void)
{
	port_cache = slab_cache_create("tcp_port", sizeof(struct tcp_port), 0);
}

static uint32_t
hash_of(uint16_t port)
{
	return (uint32_t)port * 2654435761u;
}

static struct tcp_port *
find_port(const struct tcp_stack *tcp, uint16_t number)
{
	const struct net_hash_buckets *b = net_hash_read(&tcp->ports);
	net_hash_for_chain(b, n, hash_of(number))
	{
		struct tcp_port *p = container_of(n, struct tcp_port, node);
		if (p->number == number)
			return p;
	}
	return NULL;
}

/* The port, made if nobody has it yet. NULL: out of memory. port_lock held. */
static struct tcp_port *
get_port(struct tcp_stack *tcp, uint16_t number)
{
	struct tcp_port *p = find_port(tcp, number);
	if (p != NULL)
		return p;
	p = slab_alloc(port_cache, KM_ATOMIC | KM_ZERO);
	if (p == NULL)
		return NULL;
	list_init(&p->owners);
	p->number = number;
	net_hash_add(&tcp->ports, &p->node, hash_of(number));
	return p;
}

static void
free_port(struct epoch_head *head)
{
	slab_free(port_cache, container_of(head, struct tcp_port, epoch));
}

static void
drop_if_unused(struct tcp_stack *tcp, struct tcp_port *p)
{
	if (!list_empty(&p->owners))
		return;
	net_hash_remove(&tcp->ports, &p->node);
	epoch_call(&p->epoch, free_port);
}

static void
link_owner(struct tcp_port *p, struct tcp_owner *o)
{
	o->port = p;
	list_add_tail(&p->owners, &o->node);
	if ((o->flags & TCP_OWNER_CHOSEN) == 0)
		p->claimed++;
}

static void
unlink_owner(struct tcp_owner *o)
{
	if ((o->flags & TCP_OWNER_CHOSEN) == 0)
		o->port->claimed--;
	list_del(&o->node);
	o->port = NULL;
}

/* --- What excludes each other --- */

static struct port_match
match_of(const struct tcp_owner *o, const struct net_addr *local, uint32_t ifindex)
{
	return (struct port_match){.flow = {.local = *local, .ifindex = ifindex},
		.ipv6 = (o->flags & TCP_OWNER_IPV6) != 0,
		.v6only = (o->flags & TCP_OWNER_V6ONLY) != 0,
		.reuseaddr = (o->flags & TCP_OWNER_REUSEADDR) != 0,
		.reuseport = (o->flags & TCP_OWNER_REUSEPORT) != 0,
		.listens = (o->flags & TCP_OWNER_LISTENS) != 0,
		.uid = o->uid};
}

static bool
conflicts(const struct tcp_port *p, const struct tcp_owner *o, const struct net_addr *local,
	uint32_t ifindex)
{
	const struct port_match want = match_of(o, local, ifindex);
	const struct tcp_owner *other;
	list_for_each_entry (other, &p->owners, node) {
		struct port_match m = match_of(other, &other->flow->local, other->flow->ifindex);
		if (other != o && port_match_conflict(&want, &m))
			return true;
	}
	return false;
}

/* --- Claims --- */

/* port_lock held. */
static int
claim(struct tcp_stack *tcp, struct tcp_owner *o, struct net_flow *flow,
	const struct net_addr *local, uint16_t number, uint32_t ifindex)
{
	struct tcp_port *p = get_port(tcp, number);
	if (p == NULL)
		return -ENOMEM;
	if (conflicts(p, o, local, ifindex))
		return -EADDRINUSE;
	flow->local = *local;
	flow->local_port = number;
	flow->ifindex = ifindex;
	link_owner(p, o);
	return 0;
}

static int
claim_any(struct net_stack *net, struct tcp_owner *o, struct net_flow *flow,
	const struct net_addr *local, uint32_t ifindex)
{
	struct ip_port_range r = ip_port_range(net);
	uint32_t at = (uint32_t)(random_u64() % r.n);
	/* First what nobody has at all, then what may be shared. */
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < r.n; i++) {
			uint16_t number = net_swap16((uint16_t)(r.low + at));
			at = at + 1 == r.n ? 0 : at + 1;
			if (round == 0 && find_port(net->tcp, number) != NULL)
				continue;
			int err = claim(net->tcp, o, flow, local, number, ifindex);
			if (err != -EADDRINUSE)
				return err;
		}
	}
	return -EADDRINUSE;
}

int
tcp_port_claim(struct net_stack *net, struct tcp_owner *o, struct net_flow *flow,
	const struct net_addr *local, uint16_t port, uint32_t ifindex)
{
	struct tcp_stack *tcp = net->tcp;
	spin_lock_bh(&tcp->port_lock);
	int err = port == 0 ? claim_any(net, o, flow, local, ifindex)
			    : claim(tcp, o, flow, local, port, ifindex);
	spin_unlock_bh(&tcp->port_lock);
	return err;
}

int
tcp_port_listen(struct net_stack *net, struct tcp_owner *o)
{
	struct tcp_stack *tcp = net->tcp;
	int err = 0;
	spin_lock_bh(&tcp->port_lock);
	o->flags |= TCP_OWNER_LISTENS;
	if (conflicts(o->port, o, &o->flow->local, o->flow->ifindex)) {
		o->flags &= ~TCP_OWNER_LISTENS;
		err = -EADDRINUSE;
	}
	spin_unlock_bh(&tcp->port_lock);
	return err;
}

void
tcp_port_unlisten(struct net_stack *net, struct tcp_owner *o)
{
	spin_lock_bh(&net->tcp->port_lock);
	o->flags &= ~TCP_OWNER_LISTENS;
	spin_unlock_bh(&net->tcp->port_lock);
}

void
tcp_port_share(struct net_stack *net, struct tcp_owner *o, const struct tcp_owner *from)
{
	struct tcp_stack *tcp = net->tcp;
	spin_lock_bh(&tcp->port_lock);
	if (from->port != NULL)
		link_owner(from->port, o);
	spin_unlock_bh(&tcp->port_lock);
}

void
tcp_port_inherit(struct net_stack *net, struct tcp_owner *o, const struct tcp_owner *from)
{
	o->uid = from->uid;
	o->flags = from->flags;
	tcp_port_share(net, o, from);
}

void
tcp_port_release(struct net_stack *net, struct tcp_owner *o)
{
	struct tcp_stack *tcp = net->tcp;
	spin_lock_bh(&tcp->port_lock);
	struct tcp_port *p = o->port;
	if (p != NULL) {
		unlink_owner(o);
		drop_if_unused(tcp, p);
	}
	o->flags &= ~(TCP_OWNER_LISTENS | TCP_OWNER_CHOSEN);
	spin_unlock_bh(&tcp->port_lock);
}

void
tcp_port_unlink(struct tcp_owner *o)
{
	if (o->port != NULL)
		unlink_owner(o);
}

void
tcp_port_set_flags(struct net_stack *net, struct tcp_owner *o, uint32_t flags)
{
	struct tcp_stack *tcp = net->tcp;
	spin_lock_bh(&tcp->port_lock);
	o->flags = flags | (o->flags & (TCP_OWNER_LISTENS | TCP_OWNER_CHOSEN));
	spin_unlock_bh(&tcp->port_lock);
}

/* --- Connections --- */

/* Puts e, with a local port set, into the table, in the place of what may be reused. */
static bool
take_flow(struct net_stack *net, struct tcp_entry *e, uint32_t *min_iss)
{
	*min_iss = 0;
	if (tcp_table_add(net, e))
		return true;
	struct tcp_entry *old = tcp_find(net, &e->flow);
	if (old != NULL && (old->kind != TCP_ENTRY_TW || !tcp_tw_reuse(net, old, min_iss)))
		return false;
	return tcp_table_add(net, e);
}

/* Tries one port for a connection. port_lock held. 0, -EADDRINUSE, -ENOMEM. */
static int
try_port(struct net_stack *net, struct tcp_owner *o, struct tcp_entry *e, uint16_t number,
	uint32_t *min_iss)
{
	struct tcp_port *p = find_port(net->tcp, number);
	if (p != NULL && p->claimed != 0)
		return -EADDRINUSE;
	p = get_port(net->tcp, number);
	if (p == NULL)
		return -ENOMEM;
	e->flow.local_port = number;
	if (!take_flow(net, e, min_iss)) {
		e->flow.local_port = 0;
		drop_if_unused(net->tcp, p);
		return -EADDRINUSE;
	}
	o->flags |= TCP_OWNER_CHOSEN;
	link_owner(p, o);
	return 0;
}

static int
choose_port(struct net_stack *net, struct tcp_owner *o, struct tcp_entry *e, uint32_t *min_iss)
{
	struct ip_port_range r = ip_port_range(net);
	uint32_t step = atomic_fetch_add_explicit(&net->tcp->port_counter, 1, memory_order_relaxed);
	uint32_t at = (tcp_secret_port(net, &e->flow) + step) % r.n;
	for (uint32_t i = 0; i < r.n; i++) {
		int err = try_port(net, o, e, net_swap16((uint16_t)(r.low + at)), min_iss);
		if (err != -EADDRINUSE)
			return err;
		at = at + 1 == r.n ? 0 : at + 1;
	}
	return -EADDRNOTAVAIL;
}

int
tcp_port_connect(struct net_stack *net, struct tcp_owner *o, struct tcp_entry *e, uint32_t *min_iss)
{
	struct tcp_stack *tcp = net->tcp;
	int err = 0;
	spin_lock_bh(&tcp->port_lock);
	if (e->flow.local_port == 0)
		err = choose_port(net, o, e, min_iss);
	else if (!take_flow(net, e, min_iss))
		err = -EADDRNOTAVAIL;
	spin_unlock_bh(&tcp->port_lock);
	return err;
}
