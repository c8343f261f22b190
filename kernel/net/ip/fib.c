/* SPDX-License-Identifier: MIT */
#include "net/ip/fib.h"

#include <errno.h>
#include <stddef.h>

#define KEY_BITS 128u

static inline uint32_t
bit_of(const struct net_addr *a, uint32_t i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

/* How many leading bits two addresses share. */
static uint32_t
common_bits(const struct net_addr *a, const struct net_addr *b)
{
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t differ = __builtin_bswap64(a->d[i] ^ b->d[i]);
		if (differ != 0)
			return i * 64 + (uint32_t)__builtin_clzll(differ);
	}
	return KEY_BITS;
}

static inline uint32_t
key_len(const struct fib_spec *s)
{
	return s->v4 ? s->prefix + 96u : s->prefix;
}

static bool
has_bits_beyond(const struct net_addr *a, uint32_t len)
{
	for (uint32_t i = len; i < KEY_BITS; i++) {
		if (bit_of(a, i) != 0)
			return true;
	}
	return false;
}

static inline struct fib_node *
node_at(struct fib_node *const _Atomic *link)
{
	return atomic_load_explicit((struct fib_node * _Atomic *)link, memory_order_acquire);
}

static inline struct fib_route *
route_at(struct fib_route *const _Atomic *link)
{
	return atomic_load_explicit((struct fib_route * _Atomic *)link, memory_order_acquire);
}

void
fib_new_generation(struct fib *f)
{
	if (atomic_fetch_add_explicit(&f->generation, 1, memory_order_acq_rel) == UINT32_MAX)
		atomic_fetch_add_explicit(&f->generation, 1, memory_order_acq_rel);
}

void
fib_init(struct fib *f, const struct fib_env *env, uint32_t max)
{
	*f = (struct fib){.env = env, .max = max};
	atomic_store_explicit(&f->generation, 1, memory_order_relaxed);
}

/* --- Nodes --- */

static struct fib_node *
new_node(struct fib *f, const struct net_addr *key, uint32_t len)
{
	struct fib_node *n = f->env->alloc(sizeof(*n));
	if (n == NULL)
		return NULL;
	*n = (struct fib_node){.len = len};
	for (uint32_t i = 0; i < 16 && i * 8 < len; i++) {
		uint32_t keep = len - i * 8;
		n->key.b[i] = keep >= 8 ? key->b[i] : key->b[i] & (uint8_t)(0xff << (8 - keep));
	}
	return n;
}

/* Where the node of a prefix hangs, or where it would have to be hung: *at is then NULL or parts from it. */
static struct fib_node *_Atomic *
find_link(struct fib *f, const struct net_addr *key, uint32_t len)
{
	struct fib_node *_Atomic *link = &f->root;
	for (struct fib_node *n; (n = node_at(link)) != NULL;) {
		if (n->len >= len || common_bits(&n->key, key) < n->len)
			return link;
		link = &n->child[bit_of(key, n->len)];
	}
	return link;
}

static struct fib_node *
find_node(struct fib *f, const struct net_addr *key, uint32_t len)
{
	struct fib_node *n = node_at(find_link(f, key, len));
	return n != NULL && n->len == len && common_bits(&n->key, key) >= len ? n : NULL;
}

/* The node of a prefix, hung into the tree if it was not there. NULL: out of memory, nothing has changed. */
static struct fib_node *
make_node(struct fib *f, const struct net_addr *key, uint32_t len)
{
	struct fib_node *_Atomic *link = find_link(f, key, len);
	struct fib_node *below = node_at(link), *n, *branch;
	uint32_t common = below != NULL ? common_bits(&below->key, key) : 0;
	if (below != NULL && below->len == len && common >= len)
		return below;
	n = new_node(f, key, len);
	if (n == NULL)
		return NULL;
	if (below == NULL ||
		common >= len) { /* a leaf, or between its parent and what is more specific */
		if (below != NULL)
			atomic_store_explicit(
				&n->child[bit_of(&below->key, len)], below, memory_order_relaxed);
		atomic_store_explicit(link, n, memory_order_release);
		return n;
	}
	branch = new_node(f, key, common);
	if (branch == NULL) {
		f->env->release(n);
		return NULL;
	}
	atomic_store_explicit(&branch->child[bit_of(key, common)], n, memory_order_relaxed);
	atomic_store_explicit(
		&branch->child[bit_of(&below->key, common)], below, memory_order_relaxed);
	atomic_store_explicit(link, branch, memory_order_release);
	return n;
}

/* Takes the node at link out if it serves nothing any more. Returns whether it did. */
static bool
prune_link(struct fib *f, struct fib_node *_Atomic *link)
{
	struct fib_node *n = node_at(link);
	if (n == NULL || route_at(&n->routes) != NULL)
		return false;
	struct fib_node *left = node_at(&n->child[0]), *right = node_at(&n->child[1]);
	if (left != NULL && right != NULL)
		return false;
	atomic_store_explicit(link, left != NULL ? left : right, memory_order_release);
	f->env->release(n);
	return true;
}

/* The node of a prefix has lost its last route: it goes, and so may the branch above it. */
static void
prune(struct fib *f, const struct net_addr *key, uint32_t len)
{
	struct fib_node *_Atomic *link = &f->root;
	struct fib_node *_Atomic *above = NULL;
	for (struct fib_node *n; (n = node_at(link)) != NULL && n->len < len;) {
		above = link;
		link = &n->child[bit_of(key, n->len)];
	}
	if (prune_link(f, link) && above != NULL)
		prune_link(f, above);
}

/* --- Routes of a node --- */

/* Whether a comes before b. */
static bool
is_before(const struct fib_spec *a, const struct fib_spec *b)
{
	static const uint8_t rank[4] = {1, 0, 1, 2}; /* RFC 4191: medium, high, reserved, low */
	bool a_local = a->table == ROUTE_TABLE_LOCAL, b_local = b->table == ROUTE_TABLE_LOCAL;
	if (a_local != b_local)
		return a_local;
	if (a->metric != b->metric)
		return a->metric < b->metric;
	return rank[a->pref & 3] < rank[b->pref & 3];
}

static bool
is_same_slot(const struct fib_spec *a, const struct fib_spec *b)
{
	return a->metric == b->metric && a->table == b->table;
}

static bool
is_same_route(const struct fib_spec *a, const struct fib_spec *b)
{
	return is_same_slot(a, b) && a->type == b->type && a->netif == b->netif &&
		a->has_gateway == b->has_gateway &&
		(!a->has_gateway || net_addr_equal(&a->gateway, &b->gateway));
}

static void
publish(struct fib *f, struct fib_route *_Atomic *link, struct fib_route *r, struct fib_route *next)
{
	atomic_store_explicit(&r->next, next, memory_order_relaxed);
	atomic_store_explicit(link, r, memory_order_release);
}

/* -EEXIST or -ENOENT if how forbids the change; *replace: the link of the one to be replaced. */
static int
check_change(struct fib_node *n, const struct fib_spec *spec, uint32_t how,
	struct fib_route *_Atomic **replace)
{
	*replace = NULL;
	struct fib_route *_Atomic *link = &n->routes;
	for (struct fib_route *r; (r = route_at(link)) != NULL; link = &r->next) {
		if (!is_same_slot(&r->spec, spec))
			continue;
		if ((how & FIB_EXCL) != 0)
			return -EEXIST;
		if ((how & FIB_REPLACE) != 0 &&
			((how & FIB_RENEW) == 0 || is_same_route(&r->spec, spec))) {
			*replace = link;
			return 0;
		}
		if (is_same_route(&r->spec, spec))
			return -EEXIST;
	}
	return (how & FIB_CREATE) != 0 ? 0 : -ENOENT;
}

static void
unlink_route(struct fib *f, struct fib_route *_Atomic *link, struct fib_route *r)
{
	atomic_store_explicit(link, route_at(&r->next), memory_order_release);
	f->env->release(r);
	f->count--;
}

static int
insert_route(struct fib *f, struct fib_node *n, const struct fib_spec *spec, uint32_t how)
{
	struct fib_route *_Atomic *link;
	int err = check_change(n, spec, how, &link);
	if (err != 0)
		return err;
	struct fib_route *old = link != NULL ? route_at(link) : NULL, *at;
	if (old == NULL && f->count >= f->max)
		return -ENOSPC;
	struct fib_route *r = f->env->alloc(sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	*r = (struct fib_route){.spec = *spec};
	if (old != NULL && !is_before(spec, &old->spec) && !is_before(&old->spec, spec)) {
		publish(f, link, r, route_at(&old->next));
		f->env->release(old);
		return 0;
	}
	for (link = &n->routes; (at = route_at(link)) != NULL; link = &at->next) {
		if (is_before(spec, &at->spec) ||
			((how & FIB_APPEND) == 0 && !is_before(&at->spec, spec)))
			break;
	}
	publish(f, link, r, at);
	f->count++;
	if (old == NULL)
		return 0;
	/* Its preference has changed; for a moment there are both. */
	for (link = &n->routes; route_at(link) != old; link = &route_at(link)->next)
		;
	unlink_route(f, link, old);
	return 0;
}

int
fib_change(struct fib *f, const struct fib_spec *given, uint32_t how)
{
	struct fib_spec spec = *given;
	if (spec.table == 0)
		spec.table = ROUTE_TABLE_MAIN;
	if (spec.type == ROUTE_TYPE_UNSPEC)
		spec.type = ROUTE_TYPE_UNICAST;
	if (spec.prefix > (spec.v4 ? 32 : 128) || has_bits_beyond(&spec.dst, key_len(&spec)) ||
		(spec.v4 && !net_addr_is_v4(&spec.dst)))
		return -EINVAL;
	struct fib_node *n = make_node(f, &spec.dst, key_len(&spec));
	if (n == NULL)
		return -ENOMEM;
	int err = insert_route(f, n, &spec, how);
	if (route_at(&n->routes) == NULL)
		prune(f, &spec.dst, key_len(&spec));
	if (err == 0)
		fib_new_generation(f);
	return err;
}

static bool
is_meant(const struct fib_spec *r, const struct fib_spec *want)
{
	return (want->table == 0 || r->table == want->table) &&
		(want->metric == 0 || r->metric == want->metric) &&
		(want->type == 0 || r->type == want->type) &&
		(want->proto == 0 || r->proto == want->proto) &&
		(want->netif == NULL || r->netif == want->netif) &&
		(!want->has_gateway ||
			(r->has_gateway && net_addr_equal(&r->gateway, &want->gateway))) &&
		(!want->has_prefsrc ||
			(r->has_prefsrc && net_addr_equal(&r->prefsrc, &want->prefsrc)));
}

int
fib_delete(struct fib *f, const struct fib_spec *spec)
{
	struct fib_spec gone;
	return fib_delete_one(f, spec, &gone);
}

int
fib_delete_one(struct fib *f, const struct fib_spec *spec, struct fib_spec *gone)
{
	if (spec->prefix > (spec->v4 ? 32 : 128))
		return -ESRCH;
	struct fib_node *n = find_node(f, &spec->dst, key_len(spec));
	if (n == NULL)
		return -ESRCH;
	struct fib_route *_Atomic *link = &n->routes;
	for (struct fib_route *r; (r = route_at(link)) != NULL; link = &r->next) {
		if (!is_meant(&r->spec, spec))
			continue;
		*gone = r->spec;
		unlink_route(f, link, r);
		if (route_at(&n->routes) == NULL)
			prune(f, &spec->dst, key_len(spec));
		fib_new_generation(f);
		return 0;
	}
	return -ESRCH;
}

/* --- Walking --- */

/* The first node behind (key, len) in the order of prefixes; NULL: none. */
static struct fib_node *
node_after(const struct fib *f, const struct net_addr *key, uint32_t len)
{
	struct fib_node *later = NULL; /* the branch to the right that was passed last */
	struct fib_node *n = node_at(&f->root);
	while (n != NULL) {
		uint32_t common = common_bits(&n->key, key);
		if (common < n->len && common < len)
			return bit_of(key, common) == 0 ? n : later;
		if (n->len > len)
			return n;
		struct fib_node *left = node_at(&n->child[0]), *right = node_at(&n->child[1]);
		if (n->len == len) {
			if (left != NULL)
				return left;
			return right != NULL ? right : later;
		}
		if (bit_of(key, n->len) == 0) {
			later = right != NULL ? right : later;
			n = left;
		} else {
			n = right;
		}
	}
	return later;
}

/* The index-th route of a node, or NULL. */
static struct fib_route *
route_number(const struct fib_node *n, uint32_t index)
{
	struct fib_route *r = route_at(&n->routes);
	while (r != NULL && index-- > 0)
		r = route_at(&r->next);
	return r;
}

const struct fib_spec *
fib_next(const struct fib *f, struct fib_cursor *c)
{
	const struct fib_node *n;
	if (!c->started) {
		n = node_at(&f->root);
		c->index = 0;
	} else {
		n = find_node((struct fib *)f, &c->key, c->len);
		c->index++;
	}
	for (;;) {
		const struct fib_route *r = n != NULL ? route_number(n, c->index) : NULL;
		if (r != NULL) {
			c->started = true;
			c->key = n->key;
			c->len = n->len;
			return &r->spec;
		}
		if (n == NULL && !c->started)
			return NULL;
		struct net_addr key = n != NULL ? n->key : c->key;
		uint32_t len = n != NULL ? n->len : c->len;
		n = node_after(f, &key, len);
		if (n == NULL)
			return NULL;
		c->index = 0;
	}
}

/* Removes what matches from one node. */
static uint32_t
flush_node(struct fib *f, struct fib_node *n,
	bool (*match)(const struct fib_spec *spec, const void *ctx), const void *ctx)
{
	uint32_t removed = 0;
	struct fib_route *_Atomic *link = &n->routes;
	for (struct fib_route *r; (r = route_at(link)) != NULL;) {
		if (match == NULL || match(&r->spec, ctx)) {
			unlink_route(f, link, r);
			removed++;
		} else {
			link = &r->next;
		}
	}
	return removed;
}

uint32_t
fib_flush(
	struct fib *f, bool (*match)(const struct fib_spec *spec, const void *ctx), const void *ctx)
{
	uint32_t removed = 0;
	for (struct fib_node *n = node_at(&f->root); n != NULL;) {
		struct net_addr key = n->key;
		uint32_t len = n->len;
		uint32_t here = flush_node(f, n, match, ctx);
		if (here != 0 && route_at(&n->routes) == NULL)
			prune(f, &key, len);
		removed += here;
		n = node_after(f, &key, len);
	}
	if (removed != 0)
		fib_new_generation(f);
	return removed;
}

void
fib_destroy(struct fib *f)
{
	(void)fib_flush(f, NULL, NULL);
}

/* --- Look-up --- */

static bool
is_usable(const struct fib *f, const struct fib_spec *s, uint32_t ifindex)
{
	if (s->expires != 0 && s->expires <= f->env->now())
		return false;
	if (s->netif == NULL)
		return true;
	return f->env->is_usable(s->netif) &&
		(ifindex == 0 || f->env->ifindex(s->netif) == ifindex);
}

const struct fib_spec *
fib_lookup(const struct fib *f, const struct net_addr *dst, uint32_t ifindex)
{
	const struct fib_spec *best = NULL;
	bool local = false;
	for (const struct fib_node *n = node_at(&f->root);
		n != NULL && common_bits(&n->key, dst) >= n->len;
		n = node_at(&n->child[bit_of(dst, n->len)])) {
		for (const struct fib_route *r = route_at(&n->routes); r != NULL;
			r = route_at(&r->next)) {
			bool is_local = r->spec.table == ROUTE_TABLE_LOCAL;
			if (local && !is_local)
				break;
			if (is_usable(f, &r->spec, ifindex)) {
				best = &r->spec;
				local = is_local;
				break;
			}
		}
		if (n->len == KEY_BITS)
			break;
	}
	return best;
}

const struct fib_spec *
fib_next_best(const struct fib *f, const struct fib_spec *s, uint32_t ifindex)
{
	const struct fib_route *r =
		(const void *)((const char *)s - offsetof(struct fib_route, spec));
	while ((r = route_at(&r->next)) != NULL && !is_usable(f, &r->spec, ifindex))
		;
	return r != NULL ? &r->spec : NULL;
}
