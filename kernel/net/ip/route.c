/* SPDX-License-Identifier: MIT */
/* Routes in the kernel: the table's memory and time, resolving a way, configuration. See route.h. */
#include "net/ip/route.h"

#include "core/cpu.h"
#include "core/epoch.h"
#include "core/epochlist.h"
#include "core/timer.h"
#include "mm/slab.h"
#include "net/ip/internal.h"
#include "net/link/neigh.h"

#define ROUTES_MAX 16384u /* of a version: a bound for what routers and users may add */

_Static_assert(sizeof(struct epoch_head) <= sizeof(((struct fib_node *)0)->reclaim), "fib.h");

static void *
fib_alloc(size_t n)
{
	return kmalloc(n, 0);
}

static void
fib_free(struct epoch_head *head)
{
	kfree(head);
}

static void
fib_release(void *p)
{
	epoch_call(p, fib_free);
}

static bool
fib_netif_is_up(const struct netif *nif)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed) &
		       IFF_UP) != 0;
}

static uint32_t
fib_netif_index(const struct netif *nif)
{
	return nif->index;
}

static const struct fib_env fib_env = {
	.alloc = fib_alloc,
	.release = fib_release,
	.now = time_now,
	.is_usable = fib_netif_is_up,
	.ifindex = fib_netif_index,
};

static struct route_table *
route_table_make(struct net_stack *net)
{
	struct route_table *t = kzalloc(sizeof(*t));
	if (t == NULL)
		return NULL;
	t->foreign = kcalloc(cpu_count, ROUTE_FOREIGN * sizeof(*t->foreign));
	if (t->foreign == NULL) {
		kfree(t);
		return NULL;
	}
	fib_init(&t->fib, &fib_env, ROUTES_MAX);
	t->net = net;
	return t;
}

int
route_stack_init(struct net_stack *net)
{
	net->routes4 = route_table_make(net);
	net->routes6 = route_table_make(net);
	return net->routes4 != NULL && net->routes6 != NULL ? 0 : -ENOMEM;
}

bool
route_is_foreign_slowly(
	struct route_table *t, const struct net_addr *a, struct route_foreign *known)
{
	/* Read first: an address that comes while the table is looked at begins another generation. */
	uint32_t generation = fib_generation(&t->fib);
	const struct fib_spec *s = fib_lookup(&t->fib, a, 0);
	if (s != NULL && s->table == ROUTE_TABLE_LOCAL)
		return false;
	*known = (struct route_foreign){.addr = *a, .generation = generation};
	return true;
}

static struct fib *
fib_of(struct net_stack *net, bool v4)
{
	return &(v4 ? net->routes4 : net->routes6)->fib;
}

void
route_new_generation(struct net_stack *net)
{
	fib_new_generation(&net->routes4->fib);
	fib_new_generation(&net->routes6->fib);
}

void
route_ref_drop(struct route_ref *ref)
{
	struct neigh *n = ref->neigh;
	ref->generation = 0;
	ref->netif = NULL;
	ref->neigh = NULL;
	if (n != NULL)
		neigh_put(n);
}

void
route_confirm(struct route_ref *ref)
{
	if (ref->neigh == NULL)
		return;
	nsec_t now = time_recent();
	nsec_t before = atomic_load_explicit(&ref->neigh->confirmed, memory_order_relaxed);
	if (now >= before + NSEC_PER_SEC)
		atomic_store_explicit(&ref->neigh->confirmed, now, memory_order_relaxed);
}

/* --- Resolving --- */

/* What is found out about a way before it is committed to the reference. */
struct way {
	struct netif *netif;
	const struct fib_spec *spec; /* NULL: on the link, though no route says so */
	struct net_addr next_hop;
	uint8_t type;
	uint8_t scope;
	bool was_chosen; /* among several gateways */
};

static int
error_of_type(uint8_t type)
{
	switch (type) {
	case ROUTE_TYPE_BLACKHOLE:
		return -EINVAL;
	case ROUTE_TYPE_UNREACHABLE:
		return -EHOSTUNREACH;
	case ROUTE_TYPE_PROHIBIT:
		return -EACCES;
	default:
		return -ENETUNREACH;
	}
}

/* A group, the limited broadcast, or (IPv4) a bound interface without a route: the link itself is the way. */
static int
way_on_link(struct net_stack *net, uint32_t ifindex, const struct net_addr *dst, uint8_t type,
	struct way *w)
{
	struct netif *nif = netif_by_index(net, ifindex);
	if (nif == NULL)
		return -ENODEV;
	if (!fib_netif_is_up(nif))
		return -ENETDOWN;
	*w = (struct way){.netif = nif, .next_hop = *dst, .type = type, .scope = ROUTE_SCOPE_LINK};
	return 0;
}

#define GATEWAY_RETRY (60 * NSEC_PER_SEC) /* RFC 4191, 3.5: at most once a minute */

/*
 * Which of several routes to a prefix is taken, first being the best by configuration: the first whose gateway is known
 * to be there, else the first of which nothing is known, else the one that has been silent for longest, so that each has
 * its turn (RFC 4861, 6.3.6; RFC 1122, 3.3.1.4). One that is passed over as silent is asked again from time to time.
 */
static const struct fib_spec *
choose_gateway(const struct fib *f, const struct fib_spec *first, uint32_t ifindex)
{
	const struct fib_spec *best = first;
	nsec_t first_failed = 0;
	const enum neigh_hope first_hope =
		neigh_hope_of(first->netif, &first->gateway, &first_failed);
	enum neigh_hope best_hope = first_hope;
	nsec_t best_failed = first_failed;
	for (const struct fib_spec *s = fib_next_best(f, first, ifindex);
		s != NULL && best_hope != NEIGH_THERE; s = fib_next_best(f, s, ifindex)) {
		nsec_t failed = 0;
		if (s->type != ROUTE_TYPE_UNICAST)
			continue;
		enum neigh_hope hope = s->has_gateway
			? neigh_hope_of(s->netif, &s->gateway, &failed)
			: NEIGH_THERE;
		bool longer = hope == NEIGH_SILENT && failed < best_failed;
		if (hope > best_hope || (hope == best_hope && longer)) {
			best = s;
			best_hope = hope;
			best_failed = failed;
		}
	}
	if (best != first && first_hope == NEIGH_SILENT &&
		time_now() - first_failed >= GATEWAY_RETRY)
		neigh_probe(first->netif, &first->gateway);
	return best;
}

static int
way_by_table(struct net_stack *net, const struct route_ref *ref, const struct net_flow *flow,
	uint32_t ifindex, struct way *w)
{
	bool v4 = net_addr_is_v4(&flow->remote);
	const struct fib_spec *s = fib_lookup(fib_of(net, v4), &flow->remote, ifindex);
	if (s == NULL)
		return v4 && ifindex != 0
			? way_on_link(net, ifindex, &flow->remote, ROUTE_TYPE_UNICAST, w)
			: -ENETUNREACH;
	if (s->netif == NULL)
		return error_of_type(s->type);
	if ((ref->flags & ROUTE_ONLINK) != 0 && s->has_gateway)
		return -ENETUNREACH;
	bool several = s->type == ROUTE_TYPE_UNICAST && s->has_gateway &&
		fib_next_best(fib_of(net, v4), s, ifindex) != NULL;
	if (unlikely(several))
		s = choose_gateway(fib_of(net, v4), s, ifindex);
	*w = (struct way){.netif = s->netif,
		.spec = s,
		.was_chosen = several,
		.next_hop = s->has_gateway ? s->gateway : flow->remote,
		.type = s->type,
		.scope = s->scope};
	if (s->type == ROUTE_TYPE_LOCAL)
		w->netif = net->loopback;
	return 0;
}

struct netif *
route_first_link(struct net_stack *net)
{
	struct netif *nif;
	epoch_list_for_each_entry(nif, &net->netifs, node)
	{
		if (nif != net->loopback && fib_netif_is_up(nif))
			return nif;
	}
	return NULL;
}

static int
find_way(struct net_stack *net, const struct route_ref *ref, const struct net_flow *flow,
	struct way *w)
{
	const struct net_addr *dst = &flow->remote;
	bool group = net_addr_is_multicast(dst);
	bool all = net_addr_is_v4(dst) && dst->w[3] == UINT32_MAX;
	uint32_t ifindex = group && ref->mcast_if != 0 ? ref->mcast_if : flow->ifindex;
	uint8_t type = group ? ROUTE_TYPE_MULTICAST : ROUTE_TYPE_BROADCAST;
	if (!group && !all)
		return way_by_table(net, ref, flow, ifindex, w);
	if (ifindex != 0)
		return way_on_link(net, ifindex, dst, type, w);
	/* The interface of a source that was given, else that of the route (the default one, mostly). */
	if (!net_addr_is_any(&flow->local) && net_addr_is_v4(&flow->local) == net_addr_is_v4(dst)) {
		const struct fib_spec *s =
			fib_lookup(fib_of(net, net_addr_is_v4(dst)), &flow->local, 0);
		if (s != NULL && s->type == ROUTE_TYPE_LOCAL)
			return way_on_link(net, s->netif->index, dst, type, w);
	}
	int err = way_by_table(net, ref, flow, 0, w);
	if (err == -ENETUNREACH && !net_addr_is_v4(dst)) {
		const struct netif *nif = route_first_link(net);
		return nif != NULL ? way_on_link(net, nif->index, dst, type, w) : err;
	}
	if (err != 0)
		return err;
	w->next_hop = *dst;
	w->type = type;
	return 0;
}

/* Chooses the source, or checks the one that was given. */
static int
settle_source(struct net_stack *net, const struct route_ref *ref, const struct way *w,
	struct net_flow *flow)
{
	bool v4 = net_addr_is_v4(&flow->remote);
	if (!net_addr_is_any(&flow->local)) {
		if (net_addr_is_v4(&flow->local) != v4)
			return -ENETUNREACH;
		if ((ref->flags & ROUTE_ANY_SRC) != 0)
			return 0;
		enum ip_local kind = ip_classify(net, &flow->local,
			net_addr_is_link_local(&flow->local) && !v4 ? w->netif->index : 0);
		/* To oneself over the link-local address the way is the loopback interface. */
		if (kind == IP_NOT_LOCAL && w->type == ROUTE_TYPE_LOCAL)
			kind = ip_classify(net, &flow->local, 0);
		return kind == IP_LOCAL ? 0 : -EINVAL;
	}
	if (w->type == ROUTE_TYPE_LOCAL) {
		flow->local = w->spec->has_prefsrc ? w->spec->prefsrc : flow->remote;
		return 0;
	}
	if (w->spec != NULL && w->spec->has_prefsrc) {
		flow->local = w->spec->prefsrc;
		return 0;
	}
	const struct net_addr *towards = v4 ? &w->next_hop : &flow->remote;
	if (ip_select_source(net, w->netif, towards, &flow->local))
		return 0;
	if (!v4)
		return -EADDRNOTAVAIL;
	flow->local = net_addr_v4(0); /* DHCP before there is an address */
	return 0;
}

static uint32_t
mtu_of(struct net_stack *net, const struct route_ref *ref, const struct way *w,
	const struct net_addr *dst)
{
	uint32_t mtu = atomic_load_explicit(&w->netif->mtu, memory_order_relaxed);
	if (!net_addr_is_v4(dst)) {
		struct in6_device *in6 = atomic_load_explicit(&w->netif->in6, memory_order_acquire);
		uint32_t link = in6 != NULL
			? atomic_load_explicit(&in6->conf.mtu, memory_order_relaxed)
			: 0;
		if (link != 0 && link < mtu)
			mtu = link;
	}
	if (mtu > PKT_LEN_MAX)
		mtu = PKT_LEN_MAX;
	if ((ref->flags & (ROUTE_PROBE | ROUTE_IFMTU)) != 0)
		return mtu;
	if (w->spec != NULL && w->spec->mtu != 0 && w->spec->mtu < mtu)
		mtu = w->spec->mtu;
	uint32_t learnt = w->type == ROUTE_TYPE_UNICAST ? pmtu_lookup(net, dst) : 0;
	return learnt != 0 && learnt < mtu ? learnt : mtu;
}

/* The way, and what of it stands in the reference but the neighbour and the generation. */
static int
ask(struct net_stack *net, struct route_ref *ref, struct net_flow *flow, struct way *w)
{
	int err = find_way(net, ref, flow, w);
	if (err == 0 && w->type == ROUTE_TYPE_BROADCAST && (ref->flags & ROUTE_BROADCAST) == 0)
		err = -EACCES;
	if (err == 0)
		err = settle_source(net, ref, w, flow);
	if (err != 0)
		return err;
	ref->netif = w->netif;
	ref->type = w->type;
	ref->scope = w->scope;
	ref->mtu = mtu_of(net, ref, w, &flow->remote);
	return 0;
}

int
route_ask(struct net_stack *net, struct route_ref *ref, struct net_flow *flow)
{
	struct way w;
	route_ref_drop(ref);
	return ask(net, ref, flow, &w);
}

int
route_resolve(struct net_stack *net, struct route_ref *ref, struct net_flow *flow)
{
	struct way w;
	route_ref_drop(ref);
	/* Read first: what changes while the way is looked for makes the result stale, not wrong. */
	uint32_t generation = route_generation(net, net_addr_is_v4(&flow->remote));
	int err = ask(net, ref, flow, &w);
	if (err != 0)
		return err;
	struct neigh *n = neigh_get_for(w.netif, &w.next_hop);
	if (n == NULL) {
		ref->netif = NULL;
		return -ENOBUFS;
	}
	if (unlikely(w.was_chosen))
		atomic_store_explicit(&n->is_one_of_several, true, memory_order_relaxed);
	ref->neigh = n;
	ref->generation = generation;
	return 0;
}

/* --- Configuration --- */

/* The interface through which a gateway is reached: by a route that needs none itself. */
static int
check_gateway(struct net_stack *net, struct fib_spec *s)
{
	bool link_local = !s->v4 && net_addr_is_link_local(&s->gateway);
	if (net_addr_is_v4(&s->gateway) != s->v4 || net_addr_is_any(&s->gateway) ||
		net_addr_is_multicast(&s->gateway))
		return -EINVAL;
	if (s->onlink || link_local)
		return s->netif != NULL ? 0 : -EINVAL;
	const struct fib_spec *via =
		fib_lookup(fib_of(net, s->v4), &s->gateway, s->netif != NULL ? s->netif->index : 0);
	if (via == NULL || via->netif == NULL || via->has_gateway ||
		via->type != ROUTE_TYPE_UNICAST)
		return s->v4 ? -ENETUNREACH : -EHOSTUNREACH;
	s->netif = via->netif;
	return 0;
}

int
route_change(struct net_stack *net, const struct fib_spec *given, uint32_t how)
{
	struct fib_spec s = *given;
	bool needs_netif = s.type == ROUTE_TYPE_UNSPEC || s.type == ROUTE_TYPE_UNICAST ||
		s.type == ROUTE_TYPE_LOCAL || s.type == ROUTE_TYPE_BROADCAST;
	int err = s.has_gateway ? check_gateway(net, &s) : 0;
	if (err != 0)
		return err;
	if (!needs_netif)
		s.netif = NULL;
	else if (s.netif == NULL)
		return -ENODEV;
	else if (!fib_netif_is_up(s.netif))
		return -ENETDOWN;
	err = fib_change(fib_of(net, s.v4), &s, how);
	if (err == 0)
		ip_notify_route(net, &s, false);
	return err;
}

int
route_delete(struct net_stack *net, const struct fib_spec *spec)
{
	struct fib_spec gone;
	int err = fib_delete_one(fib_of(net, spec->v4), spec, &gone);
	if (err == 0)
		ip_notify_route(net, &gone, true);
	return err;
}

static bool
goes_through(const struct fib_spec *s, const void *nif)
{
	return s->netif == nif;
}

/* Which routes go, and whom it is told; each is told before it is gone. */
struct flush {
	struct net_stack *net;
	bool (*match)(const struct fib_spec *s, const void *ctx);
	const void *ctx;
};

static bool
matches_and_is_told(const struct fib_spec *s, const void *ctx)
{
	const struct flush *f = ctx;
	if (!f->match(s, f->ctx))
		return false;
	ip_notify_route(f->net, s, true);
	return true;
}

static void
flush6(struct net_stack *net, bool (*match)(const struct fib_spec *s, const void *ctx),
	const void *ctx)
{
	struct flush f = {.net = net, .match = match, .ctx = ctx};
	fib_flush(fib_of(net, false), matches_and_is_told, &f);
}

struct expiry {
	nsec_t now;
	nsec_t *next; /* the first of what is left */
};

static bool
is_expired(const struct fib_spec *s, const void *ctx)
{
	const struct expiry *e = ctx;
	if (s->expires == 0)
		return false;
	if (s->expires > e->now)
		*e->next = min(*e->next, (nsec_t)s->expires);
	return s->expires <= e->now;
}

nsec_t
route_flush_expired(struct net_stack *net)
{
	nsec_t next = DEADLINE_NEVER;
	flush6(net, is_expired, &(struct expiry){.now = time_now(), .next = &next});
	return next;
}

void
route_flush_netif6(struct net_stack *net, struct netif *nif)
{
	flush6(net, goes_through, nif);
	route_new_generation(net);
}

void
route_flush_netif(struct net_stack *net, struct netif *nif)
{
	fib_flush(
		fib_of(net, true), goes_through, nif); /* of IPv4's nothing is told, as on Linux */
	flush6(net, goes_through, nif);
	route_new_generation(net);
}
