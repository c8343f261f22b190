/* SPDX-License-Identifier: MIT */
/* The table of neighbours: membership, bounds, timers and queues around the pure state machine. See neigh.h. */
#include "net/link/neigh.h"

#include <string.h>

#include "core/softirq.h"
#include "core/timer.h"
#include "crypto/siphash.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "net/link/neigh_impl.h"
#include "net/link/netif.h"
#include "wire/ether.h"

#define NEIGH_MAX     4096u /* of a stack, both versions */
#define NEIGH_GC_LOOK 32u   /* entries that one collection looks at */
#define NEIGH_GC_YOUNG \
	(5 * NSEC_PER_SEC) /* an unanswered one is left alone that long, if another can go */

struct neigh_table {
	struct net_stack *net; /* [I] */
	struct spinlock lock;  /* bottom halves off; inside a neighbour's */
	struct net_hash hash;  /* [lock, epoch] */
	struct list_node gc;   /* [lock] all, oldest or least recently looked at first */
};

static struct slab_cache *neigh_cache; /* [I after boot] */

void
neigh_init(void)
{
	neigh_cache = slab_cache_create("neigh", sizeof(struct neigh), 0);
}

int
neigh_stack_init(struct net_stack *net)
{
	struct neigh_table *t = kzalloc(sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->net = net;
	spin_init(&t->lock, "neigh_table");
	list_init(&t->gc);
	net->neigh = t;
	return net_hash_init(&t->hash, 64, NEIGH_MAX);
}

static void
neigh_params_of(const struct neigh *n, struct neigh_params *p)
{
	uint32_t reachable = 30000, retrans = 1000;
	if (!n->v4)
		nd_get_times(n->netif, &reachable, &retrans);
	*p = (struct neigh_params){.reachable = reachable * NSEC_PER_MSEC,
		.retrans = retrans * NSEC_PER_MSEC,
		.delay = 5 * NSEC_PER_SEC,
		.multicast_probes = 3,
		.unicast_probes = 3};
	/* RFC 4861, 6.3.2: between half and one and a half of the base. */
	p->reachable = p->reachable / 2 + random_u64() % (p->reachable + 1);
}

/* --- References --- */

static void
neigh_free(struct epoch_head *head)
{
	struct neigh *n = container_of(head, struct neigh, epoch);
	netif_put(n->netif);
	slab_free(neigh_cache, n);
}

void
neigh_put(struct neigh *n)
{
	if (refcount_put(&n->refs))
		epoch_call(&n->epoch, neigh_free);
}

/* [n->lock] The timer holds a reference while it is queued. */
static void
set_timer(struct neigh *n)
{
	if (wheel_cancel(&n->timer))
		neigh_put(n); /* never the last: the caller has one */
	if (n->core.deadline == DEADLINE_NEVER || n->dead)
		return;
	refcount_get(&n->refs);
	wheel_start(&n->timer, n->core.deadline);
}

/* --- Look-up and creation --- */

static uint32_t
hash_of(const struct netif *nif, const struct net_addr *a)
{
	uint64_t words[3] = {a->d[0], a->d[1], nif->index};
	return (uint32_t)siphash_words(nif->net->secrets.hash, words, 3);
}

static struct neigh *
find(const struct neigh_table *t, const struct netif *nif, const struct net_addr *a, uint32_t hash)
{
	const struct net_hash_buckets *b = net_hash_read(&t->hash);
	net_hash_for_chain(b, node, hash)
	{
		struct neigh *n = container_of(node, struct neigh, hash);
		if (node->hash == hash && n->netif == nif && net_addr_equal(&n->addr, a))
			return n;
	}
	return NULL;
}

struct neigh *
neigh_find(struct netif *nif, const struct net_addr *a)
{
	struct neigh *n = find(nif->net->neigh, nif, a, hash_of(nif, a));
	return n != NULL && refcount_get_unless_zero(&n->refs) ? n : NULL;
}

/* The link address that needs no asking, if the next hop has one. */
static bool
fixed_mac(const struct netif *nif, const struct net_addr *a, uint8_t mac[6])
{
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed);
	if ((flags & (IFF_LOOPBACK | IFF_NOARP)) != 0) {
		memset(mac, 0, 6);
		return true;
	}
	if (net_addr_is_v4(a) && (a->w[3] == UINT32_MAX || neigh_is_subnet_broadcast(nif, a))) {
		memset(mac, 0xff, 6);
		return true;
	}
	if (!net_addr_is_multicast(a))
		return false;
	if (net_addr_is_v4(a)) { /* RFC 1112, 6.4 */
		const uint8_t group[6] = {1, 0, 0x5e, a->b[13] & 0x7f, a->b[14], a->b[15]};
		memcpy(mac, group, 6);
	} else { /* RFC 2464, 7 */
		mac[0] = mac[1] = 0x33;
		memcpy(mac + 2, a->b + 12, 4);
	}
	return true;
}

/* Publishes what the state machine has decided: what neigh_output() reads. [n->lock] */
static void
publish(struct neigh *n)
{
	uint64_t head0 = 0;
	memcpy(&head0, n->core.mac, 6);
	memcpy((uint8_t *)&head0 + 6, &n->head1, 2);
	atomic_store_explicit(&n->head0, head0, memory_order_relaxed);
	/* What the core says to a packet in these states is to send it, and nothing changes. */
	uint16_t settled = NUD_CONNECTED | NUD_DELAY | NUD_PROBE;
	bool ready = !n->dead && (n->core.state & settled) != 0;
	atomic_store_explicit(&n->ready, ready, memory_order_release);
}

static struct neigh *
neigh_alloc(struct netif *nif, const struct net_addr *a)
{
	struct neigh *n = slab_alloc(neigh_cache, KM_ATOMIC);
	if (n == NULL)
		return NULL;
	memset(n, 0, sizeof(*n));
	refcount_init(&n->refs, 2); /* the table's and the caller's */
	spin_init(&n->lock, "neigh");
	pkt_queue_init(&n->queue);
	wheel_timer_init(&n->timer, neigh_timer);
	neigh_core_init(&n->core);
	n->netif = netif_get(nif);
	n->addr = *a;
	n->v4 = net_addr_is_v4(a);
	uint16_t type = net_swap16(n->v4 ? ETHER_TYPE_IP4 : ETHER_TYPE_IP6);
	memcpy(&n->head1, nif->mac, 6);
	memcpy((uint8_t *)&n->head1 + 6, &type, 2);
	uint8_t mac[6];
	if (fixed_mac(nif, a, mac)) {
		struct neigh_params p = {0};
		(void)neigh_core_set(&n->core, &p, mac, NUD_NOARP, time_now());
	}
	publish(n);
	return n;
}

/* --- Collection --- */

/* How willingly an entry goes; 0: not at all (in use, reachable, an administrator's). [table lock] */
static uint32_t
willingness(struct neigh *n, nsec_t now)
{
	uint32_t own = 1 + wheel_is_queued(&n->timer);
	uint16_t state = n->core.state; /* a guess: it is asked without its lock */
	if (refcount_read(&n->refs) > own || (state & (NUD_PERMANENT | NUD_REACHABLE)) != 0)
		return 0;
	if ((state & (NUD_FAILED | NUD_NONE | NUD_NOARP)) != 0 || state == NUD_NONE)
		return 3;
	if (state == NUD_INCOMPLETE)
		return now - n->core.updated > NEIGH_GC_YOUNG ? 2 : 1;
	return 2;
}

/* [table lock] */
static void
take_out_locked(struct neigh_table *t, struct neigh *n)
{
	list_del(&n->gc);
	net_hash_remove(&t->hash, &n->hash);
	n->in_table = false;
}

/* Takes the most willing of the next few out of the table. NULL: none of them. [table lock] */
static struct neigh *
take_victim(struct neigh_table *t)
{
	struct neigh *best = NULL;
	uint32_t best_will = 0;
	nsec_t now = time_now();
	for (uint32_t i = 0; i < NEIGH_GC_LOOK && best_will < 3 && !list_empty(&t->gc); i++) {
		struct neigh *n = list_first_entry(&t->gc, struct neigh, gc);
		list_del(&n->gc);
		list_add_tail(&t->gc, &n->gc);
		uint32_t will = willingness(n, now);
		if (will > best_will) {
			best = n;
			best_will = will;
		}
	}
	if (best != NULL)
		take_out_locked(t, best);
	return best;
}

/* What left the table: whoever still has it finds it dead. Drops the table's reference. */
static void
neigh_kill(struct neigh *n)
{
	struct pkt_queue lost;
	spin_lock_bh(&n->lock);
	n->dead = true;
	n->core.state = NUD_FAILED;
	n->core.deadline = DEADLINE_NEVER;
	publish(n);
	set_timer(n);
	lost = n->queue;
	pkt_queue_init(&n->queue);
	spin_unlock_bh(&n->lock);
	for (struct pkt *p; (p = pkt_queue_take(&lost)) != NULL;)
		pkt_drop(n->netif->net, p, NET_DROP_NEIGH_UNRESOLVED);
	neigh_put(n);
}

struct neigh *
neigh_get_for(struct netif *nif, const struct net_addr *a)
{
	struct neigh_table *t = nif->net->neigh;
	uint32_t hash = hash_of(nif, a);
	struct neigh *n = find(t, nif, a, hash), *victim = NULL;
	if (likely(n != NULL && refcount_get_unless_zero(&n->refs)))
		return n;
	struct neigh *made = neigh_alloc(nif, a);
	if (made == NULL)
		return NULL;
	spin_lock_bh(&t->lock);
	n = find(t, nif, a, hash);
	if (n != NULL && refcount_get_unless_zero(&n->refs)) { /* somebody was faster */
		spin_unlock_bh(&t->lock);
		neigh_free(&made->epoch);
		return n;
	}
	if (t->hash.count >= NEIGH_MAX)
		victim = take_victim(t);
	bool room = t->hash.count < NEIGH_MAX;
	if (room) {
		net_hash_add(&t->hash, &made->hash, hash);
		list_add_tail(&t->gc, &made->gc);
		made->in_table = true;
	}
	spin_unlock_bh(&t->lock);
	if (victim != NULL)
		neigh_kill(victim);
	if (!room) {
		neigh_free(&made->epoch);
		return NULL;
	}
	return made;
}

/* --- Doing what the state machine says --- */

/* [n->lock] Publishes, sets the timer, takes the queue if it is to go. */
static void
settle(struct neigh *n, uint32_t todo, struct pkt_queue *out)
{
	pkt_queue_init(out);
	if ((todo & NEIGH_DO_CHANGED) != 0)
		publish(n);
	if ((todo & (NEIGH_DO_FLUSH | NEIGH_DO_FAIL)) != 0) {
		*out = n->queue;
		pkt_queue_init(&n->queue);
	}
	set_timer(n);
}

static void
send_to(struct neigh *n, struct pkt *p, const uint8_t mac[6])
{
	uint8_t *at = pkt_push(p, ETHER_HEADER);
	memcpy(at, mac, 6);
	memcpy(at + 6, &n->head1, 8);
	netif_transmit(n->netif, p);
}

/* What is left to do without the lock. mac: the address as of then. */
static void
act(struct neigh *n, uint32_t todo, struct pkt_queue *queue, const uint8_t mac[6])
{
	struct pkt *p;
	if ((todo & (NEIGH_DO_CHANGED | NEIGH_DO_FAIL)) != 0) {
		ip_notify_neigh(n->netif->net, n, false);
		if (atomic_load_explicit(&n->is_one_of_several, memory_order_relaxed))
			route_new_generation(n->netif->net);
	}
	if ((todo & NEIGH_DO_SOLICIT) != 0)
		neigh_solicit(n, NULL);
	if ((todo & NEIGH_DO_PROBE) != 0)
		neigh_solicit(n, mac);
	while ((p = pkt_queue_take(queue)) != NULL) {
		if ((todo & NEIGH_DO_FLUSH) != 0) {
			send_to(n, p, mac);
			continue;
		}
		ip_report_local_failure(n->netif->net, p, EHOSTUNREACH);
		pkt_drop(n->netif->net, p, NET_DROP_NEIGH_UNRESOLVED);
	}
	if ((todo & NEIGH_DO_ROUTER_GONE) != 0)
		nd_router_gone(n->netif, &n->addr);
}

/* [n->lock, which it drops] Does what the state machine said; p: the packet that it may have said to send, or NULL. */
static void
finish(struct neigh *n, uint32_t todo, struct pkt *p) RELEASES(n->lock)
{
	struct pkt_queue queue;
	uint8_t mac[6];
	memcpy(mac, n->core.mac, 6);
	settle(n, todo, &queue);
	spin_unlock_bh(&n->lock);
	if ((todo & NEIGH_DO_SEND) != 0 && p != NULL)
		send_to(n, p, mac);
	act(n, todo, &queue, mac);
}

void
neigh_timer(struct wheel_timer *timer)
{
	struct neigh *n = container_of(timer, struct neigh, timer);
	struct neigh_params params;
	uint32_t todo = 0;
	nsec_t now = time_now();
	neigh_params_of(n, &params);
	spin_lock_bh(&n->lock);
	if (!n->dead && now >= n->core.deadline)
		todo = neigh_core_timer(&n->core, &params, now,
			atomic_load_explicit(&n->confirmed, memory_order_relaxed));
	finish(n, todo, NULL);
	neigh_put(n); /* the timer's, as it was queued */
}

/* [n->lock] Keeps p until the address is known; returns what had to go for it, or NULL. */
static struct pkt *
enqueue(struct neigh *n, struct pkt *p)
{
	struct pkt *lost = n->queue.count >= NEIGH_QUEUE_MAX ? pkt_queue_take(&n->queue) : NULL;
	pkt_hold(p);
	pkt_queue_add(&n->queue, p);
	return lost;
}

void
neigh_output_slow(struct neigh *n, struct pkt *p)
{
	struct net_stack *net = n->netif->net;
	struct neigh_params params;
	struct pkt *lost = NULL;
	neigh_params_of(n, &params);
	spin_lock_bh(&n->lock);
	if (n->dead) { /* collected between look-up and use: routes find a new one */
		spin_unlock_bh(&n->lock);
		route_new_generation(net);
		pkt_drop(net, p, NET_DROP_NEIGH_UNRESOLVED);
		return;
	}
	uint32_t todo = neigh_core_use(&n->core, &params, time_now());
	if ((todo & NEIGH_DO_QUEUE) != 0)
		lost = enqueue(n, p);
	finish(n, todo, p);
	if (lost != NULL)
		pkt_drop(net, lost, NET_DROP_NEIGH_QUEUE_FULL);
}

/* --- Gateways --- */

enum neigh_hope
neigh_hope_of(struct netif *nif, const struct net_addr *a, nsec_t *failed)
{
	struct neigh *n = find(nif->net->neigh, nif, a, hash_of(nif, a));
	if (n == NULL)
		return NEIGH_UNKNOWN;
	spin_lock_bh(&n->lock);
	uint16_t state = n->core.state;
	*failed = n->core.failed;
	spin_unlock_bh(&n->lock);
	return state == NUD_FAILED         ? NEIGH_SILENT
		: (state & NUD_VALID) != 0 ? NEIGH_THERE
					   : NEIGH_UNKNOWN;
}

void
neigh_probe(struct netif *nif, const struct net_addr *a)
{
	struct neigh *n = neigh_find(nif, a);
	struct neigh_params params;
	if (n == NULL)
		return;
	neigh_params_of(n, &params);
	spin_lock_bh(&n->lock);
	uint32_t todo = n->dead ? 0 : neigh_core_use(&n->core, &params, time_now());
	finish(n, todo, NULL);
	neigh_put(n);
}

/* --- What was heard --- */

static void
feed(struct neigh *n, const uint8_t *mac, uint32_t flags, bool advert)
{
	struct neigh_params params;
	neigh_params_of(n, &params);
	spin_lock_bh(&n->lock);
	uint32_t todo = n->dead ? 0
		: advert        ? neigh_core_advert(&n->core, &params, mac, flags, time_now())
				: neigh_core_heard(&n->core, &params, mac, time_now());
	finish(n, todo, NULL);
}

void
neigh_advert(struct netif *nif, const struct net_addr *a, const uint8_t *mac, uint32_t flags)
{
	struct neigh *n = neigh_find(nif, a);
	if (n == NULL)
		return;
	feed(n, mac, flags, true);
	neigh_put(n);
}

void
neigh_heard(struct netif *nif, const struct net_addr *a, const uint8_t *mac, bool create)
{
	struct neigh *n = create ? neigh_get_for(nif, a) : neigh_find(nif, a);
	if (n == NULL)
		return;
	feed(n, mac, 0, false);
	neigh_put(n);
}

/* --- Configuration --- */

int
neigh_set(struct netif *nif, const struct net_addr *a, const uint8_t *mac, uint16_t state,
	uint32_t how)
{
	struct neigh_params params;
	struct neigh *n = neigh_find(nif, a);
	if (n != NULL && (how & NEIGH_REPLACE) == 0) {
		neigh_put(n);
		return -EEXIST;
	}
	if (n == NULL && (how & NEIGH_CREATE) == 0)
		return -ENOENT;
	if (n == NULL)
		n = neigh_get_for(nif, a);
	if (n == NULL)
		return -ENOBUFS;
	neigh_params_of(n, &params);
	bh_disable();
	spin_lock_bh(&n->lock);
	uint32_t todo = 0;
	int err = 0;
	if (n->dead || (mac == NULL && (n->core.state & NUD_VALID) == 0 && state != NUD_FAILED))
		err = n->dead ? -EAGAIN : -EINVAL;
	else
		todo = neigh_core_set(&n->core, &params, mac, state, time_now());
	finish(n, todo, NULL);
	bh_enable();
	neigh_put(n);
	return err;
}

static bool
leave_table(struct neigh *n)
{
	struct neigh_table *t = n->netif->net->neigh;
	spin_lock_bh(&t->lock);
	bool was = n->in_table;
	if (was)
		take_out_locked(t, n);
	spin_unlock_bh(&t->lock);
	return was;
}

int
neigh_delete(struct netif *nif, const struct net_addr *a)
{
	struct neigh *n = neigh_find(nif, a);
	if (n == NULL)
		return -ENOENT;
	if (leave_table(n)) {
		ip_notify_neigh(nif->net, n, true);
		neigh_kill(n);
	}
	neigh_put(n);
	route_new_generation(nif->net);
	return 0;
}

/* One of an interface's, out of the table; NULL: there is none. */
static struct neigh *
take_of_netif(struct neigh_table *t, const struct netif *nif)
{
	struct neigh *n, *found = NULL;
	spin_lock_bh(&t->lock);
	list_for_each_entry (n, &t->gc, gc) {
		if (n->netif == nif) {
			found = n;
			break;
		}
	}
	if (found != NULL)
		take_out_locked(t, found);
	spin_unlock_bh(&t->lock);
	return found;
}

void
neigh_flush_netif(struct net_stack *net, struct netif *nif)
{
	for (struct neigh *n; (n = take_of_netif(net->neigh, nif)) != NULL;) {
		ip_notify_neigh(net, n, true);
		neigh_kill(n);
	}
	route_new_generation(net);
}

void
neigh_describe(struct neigh *n, struct neigh_info *info)
{
	spin_lock_bh(&n->lock);
	*info = (struct neigh_info){.addr = n->addr,
		.has_mac = (n->core.state & NUD_VALID) != 0,
		.is_router = n->core.is_router,
		.state = n->core.state,
		.ifindex = n->netif->index,
		.probes = n->core.probes,
		.refs = refcount_read(&n->refs),
		.queued = n->queue.count,
		.confirmed = n->core.confirmed,
		.updated = n->core.updated};
	memcpy(info->mac, n->core.mac, 6);
	spin_unlock_bh(&n->lock);
}

void
neigh_for_each(
	struct net_stack *net, void (*fn)(const struct neigh_info *info, void *ctx), void *ctx)
{
	epoch_enter();
	const struct net_hash_buckets *b = net_hash_read(&net->neigh->hash);
	net_hash_for_each(b, at)
	{
		struct neigh_info info;
		neigh_describe(container_of(at, struct neigh, hash), &info);
		fn(&info, ctx);
	}
	epoch_exit();
}
