/* SPDX-License-Identifier: MIT */
/*
 * Path MTUs that differ from the interface's, by destination (RFC 1191, RFC 8201). Bounded: the oldest gives way.
 * They expire after ten minutes; a timer runs while there are any, and a new generation of routes makes everybody ask
 * again. Lock: pmtu_table.lock, bottom halves off; look-up is inside an epoch.
 */
#include "core/softirq.h"
#include "core/timer.h"
#include "crypto/siphash.h"
#include "mm/slab.h"
#include "net/ip/internal.h"
#include "net/ip/route.h"

#define PMTU_MAX     1024u
#define PMTU_EXPIRES (600 * NSEC_PER_SEC)
#define PMTU_SWEEP   (30 * NSEC_PER_SEC)
#define PMTU_MIN4    552u
#define PMTU_MIN6    1280u

struct pmtu_entry {
	struct net_hash_node node;
	struct epoch_head epoch;
	struct list_node age; /* [lock] oldest first */
	struct net_addr dst;  /* [I] */
	_Atomic uint32_t mtu;
	nsec_t expires; /* [lock] */
};

struct pmtu_table {
	struct net_stack *net; /* [I] */
	struct spinlock lock;
	struct net_hash hash; /* [lock, epoch] */
	struct list_node age; /* [lock] */
	struct wheel_timer sweep;
};

static uint32_t
hash_of(struct net_stack *net, const struct net_addr *dst)
{
	return (uint32_t)siphash_words(net->secrets.hash, dst->d, 2);
}

static struct pmtu_entry *
find(struct pmtu_table *t, const struct net_addr *dst, uint32_t hash)
{
	const struct net_hash_buckets *b = net_hash_read(&t->hash);
	net_hash_for_chain(b, n, hash)
	{
		struct pmtu_entry *e = container_of(n, struct pmtu_entry, node);
		if (net_addr_equal(&e->dst, dst))
			return e;
	}
	return NULL;
}

uint32_t
pmtu_lookup(struct net_stack *net, const struct net_addr *dst)
{
	struct pmtu_table *t = net->ip4->pmtu;
	if (list_empty(&t->age))
		return 0;
	struct pmtu_entry *e = find(t, dst, hash_of(net, dst));
	return e != NULL ? atomic_load_explicit(&e->mtu, memory_order_relaxed) : 0;
}

static void
entry_free(struct epoch_head *head)
{
	kfree(container_of(head, struct pmtu_entry, epoch));
}

static void
entry_remove(struct pmtu_table *t, struct pmtu_entry *e)
{
	net_hash_remove(&t->hash, &e->node);
	list_del(&e->age);
	epoch_call(&e->epoch, entry_free);
}

static void
sweep(struct wheel_timer *timer)
{
	struct pmtu_table *t = container_of(timer, struct pmtu_table, sweep);
	nsec_t now = time_now();
	bool gone = false;
	spin_lock_bh(&t->lock);
	while (!list_empty(&t->age)) {
		struct pmtu_entry *e = list_first_entry(&t->age, struct pmtu_entry, age);
		if (e->expires > now)
			break;
		entry_remove(t, e);
		gone = true;
	}
	if (!list_empty(&t->age))
		wheel_start(&t->sweep, now + PMTU_SWEEP);
	spin_unlock_bh(&t->lock);
	if (gone)
		route_new_generation(t->net);
}

/* The entry of dst, made if need be. NULL: out of memory. [lock] */
static struct pmtu_entry *
entry_for(struct pmtu_table *t, const struct net_addr *dst)
{
	uint32_t hash = hash_of(t->net, dst);
	struct pmtu_entry *e = find(t, dst, hash);
	if (e != NULL) {
		list_del(&e->age);
		list_add_tail(&t->age, &e->age);
		return e;
	}
	if (t->hash.count >= PMTU_MAX)
		entry_remove(t, list_first_entry(&t->age, struct pmtu_entry, age));
	e = kmalloc(sizeof(*e), KM_ATOMIC | KM_ZERO);
	if (e == NULL)
		return NULL;
	e->dst = *dst;
	atomic_store_explicit(&e->mtu, UINT32_MAX, memory_order_relaxed);
	list_add_tail(&t->age, &e->age);
	net_hash_add(&t->hash, &e->node, hash);
	return e;
}

void
route_update_pmtu(struct net_stack *net, const struct net_addr *dst, uint32_t mtu)
{
	struct pmtu_table *t = net->ip4->pmtu;
	uint32_t floor = net_addr_is_v4(dst) ? PMTU_MIN4 : PMTU_MIN6;
	if (mtu < floor)
		mtu = floor;
	bool changed = false;
	nsec_t now = time_now();
	spin_lock_bh(&t->lock);
	struct pmtu_entry *e = entry_for(t, dst);
	if (e != NULL) {
		e->expires = now + PMTU_EXPIRES;
		changed = mtu < atomic_load_explicit(&e->mtu, memory_order_relaxed);
		if (changed)
			atomic_store_explicit(&e->mtu, mtu, memory_order_relaxed);
		if (!wheel_is_queued(&t->sweep))
			wheel_start(&t->sweep, now + PMTU_SWEEP);
	}
	spin_unlock_bh(&t->lock);
	if (changed)
		route_new_generation(net);
}

int
pmtu_stack_init(struct net_stack *net)
{
	struct pmtu_table *t = kzalloc(sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->net = net;
	net->ip4->pmtu = t;
	spin_init(&t->lock, "pmtu");
	list_init(&t->age);
	wheel_timer_init(&t->sweep, sweep);
	return net_hash_init(&t->hash, 16, 1024);
}
