/* SPDX-License-Identifier: MIT */
/* Who is bound where: binding, connecting and finding. See udp.h and udp_impl.h. */
#include "core/softirq.h"
#include "crypto/siphash.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "net/udp/udp_impl.h"
#include "net/ip/port_match.h"

#define BUCKETS     64u
#define BUCKETS_MAX 65536u

uint32_t
udp_hash_port(struct net_stack *net, uint16_t port)
{
	uint64_t word = port;
	return (uint32_t)siphash_words(net->secrets.hash, &word, 1);
}

uint32_t
udp_hash_flow(struct net_stack *net, const struct net_flow *f)
{
	uint64_t words[5] = {f->local.d[0], f->local.d[1], f->remote.d[0], f->remote.d[1],
		(uint64_t)f->local_port << 16 | f->remote_port};
	return (uint32_t)siphash_words(net->secrets.hash, words, 5);
}

void
udp_end_init(
	struct udp_end *end, struct net_stack *net, const struct udp_end_ops *ops, uint32_t uid)
{
	*end = (struct udp_end){.ops = ops, .net = net, .uid = uid};
}

static struct port_match
match_of(const struct udp_end *end)
{
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&end->flags, memory_order_relaxed);
	return (struct port_match){.flow = end->flow,
		.connected = end->connected,
		.ipv6 = (flags & UDP_END_IPV6) != 0,
		.v6only = (flags & UDP_END_V6ONLY) != 0,
		.reuseaddr = (flags & UDP_END_REUSEADDR) != 0,
		.reuseport = (flags & UDP_END_REUSEPORT) != 0,
		.uid = end->uid};
}

/* --- Binding --- */

static bool
conflicts_in(const struct net_hash *t, const struct udp_end *end, const struct port_match *want,
	uint32_t hash)
{
	const struct net_hash_buckets *b = net_hash_read(t);
	net_hash_for_chain(b, n, hash)
	{
		struct udp_end *other = container_of(n, struct udp_end, by_port);
		if (other == end || other->flow.local_port != want->flow.local_port)
			continue;
		struct port_match m = match_of(other);
		if (port_match_conflict(want, &m))
			return true;
	}
	return false;
}

/* Takes a port if it is free for this end. */
static bool
try_port(struct udp_table *t, struct udp_end *end, struct port_match *want, uint16_t port)
{
	uint32_t hash = udp_hash_port(end->net, port);
	want->flow.local_port = port;
	spin_lock_bh(&t->lock);
	bool free = !conflicts_in(&t->by_port, end, want, hash) &&
		!conflicts_in(&t->connected_by_port, end, want, hash);
	if (free) {
		end->flow = want->flow;
		end->bound = true;
		net_hash_add(&t->by_port, &end->by_port, hash);
	}
	spin_unlock_bh(&t->lock);
	return free;
}

/* From a random place on, all of the range (RFC 6056, algorithm 1). */
static int
bind_ephemeral(struct udp_table *t, struct udp_end *end, struct port_match *want)
{
	struct ip_port_range r = ip_port_range(end->net);
	uint32_t at = (uint32_t)(random_u64() % r.n);
	for (uint32_t i = 0; i < r.n; i++) {
		if (try_port(t, end, want, net_swap16((uint16_t)(r.low + at))))
			return 0;
		at = at + 1 == r.n ? 0 : at + 1;
	}
	return -EAGAIN;
}

int
udp_bind(struct udp_end *end, enum udp_kind kind, const struct net_addr *local, uint16_t port,
	uint32_t ifindex)
{
	struct udp_table *t = udp_table_of(end->net, kind);
	if (end->bound)
		return -EINVAL;
	struct port_match want = match_of(end);
	want.connected = false;
	want.flow = (struct net_flow){.local = *local, .ifindex = ifindex};
	if (port == 0)
		return bind_ephemeral(t, end, &want);
	return try_port(t, end, &want, port) ? 0 : -EADDRINUSE;
}

/* [table lock] From one table of ports to the other. */
static void
move(struct udp_table *t, struct udp_end *end, bool to_connected)
{
	struct net_hash *from = to_connected ? &t->by_port : &t->connected_by_port;
	struct net_hash *to = to_connected ? &t->connected_by_port : &t->by_port;
	net_hash_remove(from, &end->by_port);
	net_hash_add(to, &end->by_port, udp_hash_port(end->net, end->flow.local_port));
}

void
udp_connect(struct udp_end *end, enum udp_kind kind, const struct net_addr *local,
	const struct net_addr *remote, uint16_t remote_port)
{
	struct udp_table *t = udp_table_of(end->net, kind);
	bool in_flows = kind == UDP_KIND_UDP; /* echo replies come with no second number */
	spin_lock_bh(&t->lock);
	if (end->connected && in_flows) {
		net_hash_remove(&t->by_flow, &end->by_flow);
		move(t, end, false);
	}
	end->connected = remote != NULL;
	end->flow.local = *local;
	end->flow.remote = remote != NULL ? *remote : (struct net_addr){0};
	end->flow.remote_port = remote != NULL ? remote_port : 0;
	if (end->connected && in_flows) {
		net_hash_add(&t->by_flow, &end->by_flow, udp_hash_flow(end->net, &end->flow));
		move(t, end, true);
	}
	spin_unlock_bh(&t->lock);
}

void
udp_unbind(struct udp_end *end, enum udp_kind kind)
{
	struct udp_table *t = udp_table_of(end->net, kind);
	spin_lock_bh(&t->lock);
	if (end->bound) {
		bool in_flows = end->connected && kind == UDP_KIND_UDP;
		if (in_flows)
			net_hash_remove(&t->by_flow, &end->by_flow);
		net_hash_remove(in_flows ? &t->connected_by_port : &t->by_port, &end->by_port);
		end->bound = end->connected = false;
		end->flow.local_port = end->flow.remote_port = 0;
	}
	spin_unlock_bh(&t->lock);
}

/* --- Finding --- */

bool
udp_end_matches(const struct udp_end *end, const struct net_flow *flow)
{
	struct port_match m = match_of(end);
	return end->bound && port_match_score(&m, flow, m.flow.remote_port != 0) != 0;
}

static struct udp_end *
lookup_connected(struct udp_table *t, const struct net_flow *f, uint32_t hash)
{
	const struct net_hash_buckets *b = net_hash_read(&t->by_flow);
	net_hash_for_chain(b, n, hash)
	{
		struct udp_end *end = container_of(n, struct udp_end, by_flow);
		const struct net_flow *e = &end->flow;
		if (n->hash == hash && e->local_port == f->local_port &&
			e->remote_port == f->remote_port &&
			net_addr_equal(&e->remote, &f->remote) &&
			net_addr_equal(&e->local, &f->local) &&
			(e->ifindex == 0 || e->ifindex == f->ifindex))
			return end;
	}
	return NULL;
}

/* The best end without a peer; of several that share a port, the one that the flow's hash falls to. */
static struct udp_end *
lookup_open(
	struct net_stack *net, struct udp_table *t, const struct net_flow *f, uint32_t flow_hash)
{
	const struct net_hash_buckets *b = net_hash_read(&t->by_port);
	uint32_t hash = udp_hash_port(net, f->local_port);
	bool ports = t == &net->udp->tables[UDP_KIND_UDP];
	struct port_choice choice = {0};
	net_hash_for_chain(b, n, hash)
	{
		struct udp_end *end = container_of(n, struct udp_end, by_port);
		struct port_match m = match_of(end);
		port_choice_see(&choice, end, port_match_score(&m, f, ports), m.reuseport);
	}
	if (!port_choice_is_open(&choice))
		return choice.found;
	port_choice_begin(&choice, flow_hash);
	net_hash_for_chain(b, n, hash)
	{
		struct udp_end *end = container_of(n, struct udp_end, by_port);
		struct port_match m = match_of(end);
		if (port_choice_falls_to(&choice, port_match_score(&m, f, ports), m.reuseport))
			return end;
	}
	return choice.found;
}

struct udp_end *
udp_lookup(struct net_stack *net, enum udp_kind kind, const struct net_flow *f)
{
	struct udp_table *t = udp_table_of(net, kind);
	uint32_t hash = udp_hash_flow(net, f);
	struct udp_end *end = lookup_connected(t, f, hash);
	return end != NULL ? end : lookup_open(net, t, f, hash);
}

static void
visit(const struct net_hash *t, void (*fn)(const struct udp_end *end, void *ctx), void *ctx)
{
	const struct net_hash_buckets *b = net_hash_read(t);
	net_hash_for_each(b, n) fn(container_of(n, struct udp_end, by_port), ctx);
}

void
udp_for_each(struct net_stack *net, enum udp_kind kind,
	void (*fn)(const struct udp_end *end, void *ctx), void *ctx)
{
	struct udp_table *t = udp_table_of(net, kind);
	epoch_enter();
	visit(&t->by_port, fn, ctx);
	visit(&t->connected_by_port, fn, ctx);
	epoch_exit();
}

int
udp_stack_init(struct net_stack *net)
{
	int err = 0;
	net->udp = kzalloc(sizeof(*net->udp));
	if (net->udp == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < UDP_KINDS && err == 0; i++) {
		struct udp_table *t = &net->udp->tables[i];
		spin_init(&t->lock, "udp_table");
		err = net_hash_init(&t->by_port, BUCKETS, BUCKETS_MAX);
		if (err == 0)
			err = net_hash_init(&t->connected_by_port, BUCKETS, BUCKETS_MAX);
		if (err == 0)
			err = net_hash_init(&t->by_flow, BUCKETS, BUCKETS_MAX);
	}
	return err;
}
