/* SPDX-License-Identifier: MIT */
/* The table of connections: one entry per flow, found without locks. See tcp_impl.h. */
#include "crypto/siphash.h"
#include "net/tcp/tcp_impl.h"

uint32_t
tcp_hash_flow(struct net_stack *net, const struct net_flow *f)
{
	uint64_t ports = (uint64_t)f->local_port << 16 | f->remote_port;
	if (likely(net_addr_is_v4(&f->remote))) {
		uint64_t words[2] = {(uint64_t)f->local.w[3] << 32 | f->remote.w[3], ports};
		return (uint32_t)siphash_words(net->secrets.hash, words, 2);
	}
	uint64_t words[5] = {f->local.d[0], f->local.d[1], f->remote.d[0], f->remote.d[1], ports};
	return (uint32_t)siphash_words(net->secrets.hash, words, 5);
}

/* Whether an entry's flow is that of a packet, or of another entry: one of the two may not care for the interface. */
static bool
same_flow(const struct net_flow *a, const struct net_flow *b)
{
	return a->local_port == b->local_port && a->remote_port == b->remote_port &&
		net_addr_equal(&a->remote, &b->remote) && net_addr_equal(&a->local, &b->local) &&
		(a->ifindex == 0 || b->ifindex == 0 || a->ifindex == b->ifindex);
}

static struct tcp_entry *
find(const struct net_hash *t, const struct net_flow *flow, uint32_t hash)
{
	const struct net_hash_buckets *b = net_hash_read(t);
	net_hash_for_chain(b, n, hash)
	{
		struct tcp_entry *e = container_of(n, struct tcp_entry, node);
		if (n->hash == hash && same_flow(&e->flow, flow))
			return e;
	}
	return NULL;
}

struct tcp_entry *
tcp_find(struct net_stack *net, const struct net_flow *flow)
{
	return find(&net->tcp->entries, flow, tcp_hash_flow(net, flow));
}

static void
add_locked(struct net_stack *net, struct tcp_entry *e, uint32_t hash)
{
	/* First: who finds it looks at this, and nobody may hold its lock here. */
	__atomic_store_n(&e->hashed, true, __ATOMIC_RELAXED);
	net_hash_add(&net->tcp->entries, &e->node, hash);
}

static void
remove_locked(struct net_stack *net, struct tcp_entry *e)
{
	net_hash_remove(&net->tcp->entries, &e->node);
	__atomic_store_n(&e->hashed, false, __ATOMIC_RELAXED);
}

bool
tcp_table_add(struct net_stack *net, struct tcp_entry *e)
{
	struct tcp_stack *tcp = net->tcp;
	uint32_t hash = tcp_hash_flow(net, &e->flow);
	spin_lock_bh(&tcp->table_lock);
	bool free = find(&tcp->entries, &e->flow, hash) == NULL;
	if (free)
		add_locked(net, e, hash);
	spin_unlock_bh(&tcp->table_lock);
	return free;
}

bool
tcp_table_replace(struct net_stack *net, struct tcp_entry *old, struct tcp_entry *e)
{
	struct tcp_stack *tcp = net->tcp;
	spin_lock_bh(&tcp->table_lock);
	bool there = old->hashed;
	if (there) {
		uint32_t hash = old->node.hash;
		/* First in, then out: a packet finds one of the two at any time. */
		add_locked(net, e, hash);
		remove_locked(net, old);
	}
	spin_unlock_bh(&tcp->table_lock);
	return there;
}

bool
tcp_table_remove(struct net_stack *net, struct tcp_entry *e)
{
	struct tcp_stack *tcp = net->tcp;
	spin_lock_bh(&tcp->table_lock);
	bool there = e->hashed;
	if (there)
		remove_locked(net, e);
	spin_unlock_bh(&tcp->table_lock);
	return there;
}
