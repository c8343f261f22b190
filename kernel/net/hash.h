/* SPDX-License-Identifier: MIT */
/*
 * Hash tables that are read without locks and grow on demand.
 *
 * Readers walk a chain inside an epoch (softirq is always inside one). Writers hold the table's lock, or whatever lock
 * the owner says guards the table. What was removed is freed by epoch_call(), never at once.
 *
 * A node has a link for each of two bucket arrays. Growing links every node into a new array by the link that the
 * present one does not use and publishes it; who walks the old array goes on undisturbed. The other link is free
 * again a grace period later, when the old array is freed. When there is no memory to grow the chains are longer.
 *
 * The owner hashes, with a key of the stack's (net_secrets.hash), so that nobody outside can aim for one chain.
 */
#ifndef NET_HASH_H
#define NET_HASH_H

#include "core/epoch.h"
#include "core/types.h"

struct net_hash_node {
	struct net_hash_node *_Atomic next[2];
	uint32_t hash;
};

struct net_hash_buckets {
	struct epoch_head epoch;
	struct net_hash *table;
	uint32_t mask;
	uint32_t link; /* which of the nodes' links this array uses */
	struct net_hash_node *_Atomic first[];
};

struct net_hash {
	struct net_hash_buckets *_Atomic buckets; /* [writers' lock, epoch] */
	uint32_t count;                           /* [writers' lock] nodes */
	uint32_t max_buckets;                     /* [I] */
	_Atomic bool growing; /* the previous array waits for its grace period */
};

/* buckets: a power of two. Grows to at most max_buckets. 0 or -ENOMEM. May sleep. */
int net_hash_init(struct net_hash *t, uint32_t buckets, uint32_t max_buckets) MUST_CHECK;

/* Under the writers' lock. Adding cannot fail. */
void net_hash_add(struct net_hash *t, struct net_hash_node *n, uint32_t hash);
void net_hash_remove(struct net_hash *t, struct net_hash_node *n);

/* Writers' walk over everything: bucket by bucket, under the writers' lock, or a reader's inside one epoch. */
static inline const struct net_hash_buckets *
net_hash_read(const struct net_hash *t)
{
	return atomic_load_explicit(
		(struct net_hash_buckets * _Atomic *)&t->buckets, memory_order_acquire);
}

static inline struct net_hash_node *
net_hash_at(const struct net_hash_buckets *b, uint32_t bucket)
{
	return atomic_load_explicit(
		(struct net_hash_node * _Atomic *)&b->first[bucket], memory_order_acquire);
}

static inline struct net_hash_node *
net_hash_next(const struct net_hash_buckets *b, const struct net_hash_node *n)
{
	return atomic_load_explicit(
		(struct net_hash_node * _Atomic *)&n->next[b->link], memory_order_acquire);
}

/* Every node: net_hash_for_each(b, n) { ... }; `break` ends a chain, not the walk. */
#define net_hash_for_each(b, n)                                                         \
	for (uint32_t bucket_##n = 0; bucket_##n <= (b)->mask; bucket_##n++)            \
		for (struct net_hash_node *n = net_hash_at((b), bucket_##n); n != NULL; \
			n = net_hash_next((b), n))

/* The chain of a hash: for (n = net_hash_at(b, hash & b->mask); n != NULL; n = net_hash_next(b, n)) */
#define net_hash_for_chain(b, n, value)                                                  \
	for (struct net_hash_node *n = net_hash_at((b), (value) & (b)->mask); n != NULL; \
		n = net_hash_next((b), n))

#endif
