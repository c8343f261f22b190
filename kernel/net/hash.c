/* SPDX-License-Identifier: MIT */
#include "net/hash.h"

#include "mm/slab.h"

static struct net_hash_buckets *
buckets_alloc(struct net_hash *t, uint32_t n, uint32_t link)
{
	size_t size = sizeof(struct net_hash_buckets) + (size_t)n * sizeof(void *);
	struct net_hash_buckets *b = kmalloc(size, KM_ATOMIC | KM_ZERO);
	if (b == NULL)
		return NULL;
	b->table = t;
	b->mask = n - 1;
	b->link = link;
	return b;
}

int
net_hash_init(struct net_hash *t, uint32_t buckets, uint32_t max_buckets)
{
	*t = (struct net_hash){.max_buckets = max_buckets};
	struct net_hash_buckets *b = buckets_alloc(t, buckets, 0);
	if (b == NULL)
		return -ENOMEM;
	atomic_store_explicit(&t->buckets, b, memory_order_release);
	return 0;
}

/* The link is complete before the node can be found. */
static void
push(struct net_hash_buckets *b, struct net_hash_node *n)
{
	struct net_hash_node *_Atomic *first = &b->first[n->hash & b->mask];
	atomic_store_explicit(&n->next[b->link], atomic_load_explicit(first, memory_order_relaxed),
		memory_order_relaxed);
	atomic_store_explicit(first, n, memory_order_release);
}

/* A grace period after a new array took over: nobody walks the old one, its link is free. */
static void
old_unused(struct epoch_head *head)
{
	struct net_hash_buckets *old = container_of(head, struct net_hash_buckets, epoch);
	atomic_store_explicit(&old->table->growing, false, memory_order_release);
	kfree(old);
}

static void
grow(struct net_hash *t)
{
	struct net_hash_buckets *old = atomic_load_explicit(&t->buckets, memory_order_relaxed);
	struct net_hash_buckets *b = buckets_alloc(t, (old->mask + 1) * 2, old->link ^ 1);
	if (b == NULL)
		return;
	for (uint32_t i = 0; i <= old->mask; i++) {
		for (struct net_hash_node *n = net_hash_at(old, i); n != NULL;
			n = net_hash_next(old, n))
			push(b, n);
	}
	atomic_store_explicit(&t->growing, true, memory_order_relaxed);
	atomic_store_explicit(&t->buckets, b, memory_order_release);
	epoch_call(&old->epoch, old_unused);
}

void
net_hash_add(struct net_hash *t, struct net_hash_node *n, uint32_t hash)
{
	struct net_hash_buckets *b = atomic_load_explicit(&t->buckets, memory_order_relaxed);
	n->hash = hash;
	push(b, n);
	t->count++;
	if (unlikely(t->count > b->mask + 1 && b->mask + 1 < t->max_buckets &&
		    !atomic_load_explicit(&t->growing, memory_order_acquire)))
		grow(t);
}

void
net_hash_remove(struct net_hash *t, struct net_hash_node *n)
{
	struct net_hash_buckets *b = atomic_load_explicit(&t->buckets, memory_order_relaxed);
	struct net_hash_node *_Atomic *link = &b->first[n->hash & b->mask];
	for (struct net_hash_node *at;
		(at = atomic_load_explicit(link, memory_order_relaxed)) != NULL;
		link = &at->next[b->link]) {
		if (at != n)
			continue;
		atomic_store_explicit(link,
			atomic_load_explicit(&n->next[b->link], memory_order_relaxed),
			memory_order_release);
		t->count--;
		return;
	}
}
