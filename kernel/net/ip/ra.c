/* SPDX-License-Identifier: MIT */
/*
 * Routers: solicitations, and what their advertisements say (RFC 4861, 6.3; RFC 4862, 5.5; RFC 4191; RFC 8106).
 * Softirq checks and copies an advertisement; the worker applies it under config_lock. All that a router may make grow
 * is bounded by interface. DNS options go to user space as they are.
 */
#include <string.h>

#define LOG_SOURCE "net"
#include "core/log.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "net/ip/nd_impl.h"
#include "net/ip/slaac_core.h"
#include "net/link/neigh_impl.h"
#include "wire/icmp.h"
#include "wire/ip6.h"
#include "wire/nd.h"

/* RFC 7559: solicitations never end, but become rare. */
#define SOLICIT_FIRST (4 * NSEC_PER_SEC)
#define SOLICIT_LAST  (3600 * NSEC_PER_SEC)
#define METRIC_RA     1024u
#define METRIC_PREFIX 256u
#define LIFE_LOOK_MAX (3600 * NSEC_PER_SEC) /* lifetimes further away are looked at again then */

static bool
accepts_ra(const struct netif *nif)
{
	return !in6_is_disabled(nif) &&
		atomic_load_explicit(&in6_conf_of(nif)->accept_ra, memory_order_relaxed) != 0;
}

/* --- Solicitations --- */

static void
send_router_solicit(struct netif *nif)
{
	uint8_t m[ND_MESSAGE_MAX];
	struct net_addr dst = {.b = {0xff, 2, [15] = 2}}, src;
	bool have = ip_select_source(nif->net, nif, &dst, &src);
	if (!have)
		src = (struct net_addr){0};
	size_t len = nd_encode_router_solicit(m, have ? nif->mac : NULL);
	icmp6_send_link(nif, &src, &dst, m, len, NULL, false);
}

/* Up to a tenth more or less. */
static nsec_t
about(nsec_t t)
{
	return t - t / 10 + random_u64() % (t / 5);
}

void
nd_solicit_timer(struct wheel_timer *t)
{
	struct nd_device *nd = container_of(t, struct nd_device, solicit);
	spin_lock_bh(&nd->lock);
	bool send = nd->is_soliciting = nd->is_soliciting && nd_is_usable(nd->netif);
	if (send) {
		nsec_t wait = nd->solicit_wait;
		wait = wait == 0 ? about(SOLICIT_FIRST) : wait + about(wait);
		nd->solicit_wait = wait > SOLICIT_LAST ? about(SOLICIT_LAST) : wait;
		wheel_start(&nd->solicit, time_now() + nd->solicit_wait);
	}
	spin_unlock_bh(&nd->lock);
	if (send)
		send_router_solicit(nd->netif);
}

void
nd_start_soliciting(struct netif *nif)
{
	struct nd_device *nd = nd_device_of(nif);
	if (nd == NULL || !accepts_ra(nif))
		return;
	spin_lock_bh(&nd->lock);
	nd->is_soliciting = true;
	nd->solicit_wait = 0;
	/* After the link-local address has been checked, and not all hosts of a link at once. */
	wheel_start(&nd->solicit, time_now() + NSEC_PER_SEC + random_u64() % NSEC_PER_SEC);
	spin_unlock_bh(&nd->lock);
}

/* --- In: to the worker --- */

/* Takes ra over. What routers say and what is said of them each has its room: none keeps the other out. */
static void
enqueue(struct nd_device *nd, struct nd_ra *ra)
{
	uint32_t *waiting = ra->gone ? &nd->gone_count : &nd->ra_count;
	spin_lock_bh(&nd->lock);
	bool room = *waiting < ND_RA_QUEUE;
	if (room) {
		if (nd->ra_first == NULL)
			nd->ra_first = ra;
		else
			nd->ra_last->next = ra;
		nd->ra_last = ra;
		++*waiting;
	}
	spin_unlock_bh(&nd->lock);
	if (room)
		net_work_raise(&nd->ra_work);
	else
		kfree(ra);
}

void
nd_router_advert_input(struct netif *nif, struct pkt *p)
{
	struct nd_device *nd = nd_device_of(nif);
	struct net_flow f;
	ip_flow_of(p, &f);
	if (nd == NULL || !nd_is_usable(nif) || !net_addr_is_link_local(&f.remote) ||
		p->len > ND_RA_SIZE_MAX || ip_addr_find(nif, &f.remote) != NULL || !accepts_ra(nif))
		return;
	struct nd_ra *ra = kmalloc(sizeof(*ra) + p->len, KM_ATOMIC);
	if (ra == NULL)
		return;
	*ra = (struct nd_ra){.router = f.remote, .len = p->len};
	pkt_copy_out(p, 0, ra->bytes, p->len);
	enqueue(nd, ra);
}

/* --- Routes --- */

static uint32_t
count_routes(struct netif *nif)
{
	struct fib_cursor c = {0};
	uint32_t n = 0;
	for (const struct fib_spec *s; (s = fib_next(&nif->net->routes6->fib, &c)) != NULL;)
		n += s->netif == nif && s->proto == ROUTE_PROTO_RA;
	return n;
}

/* Makes, renews or (lifetime 0) removes a route that a router announced. gateway NULL: the prefix is on the link. */
static void
announce_route(struct netif *nif, const uint8_t prefix[16], uint8_t len,
	const struct net_addr *gateway, uint32_t lifetime, int8_t preference)
{
	struct net_stack *net = nif->net;
	nsec_t until = slaac_moment(time_now(), lifetime);
	struct fib_spec s = {.netif = nif,
		.prefix = len,
		.metric = gateway != NULL ? METRIC_RA : METRIC_PREFIX,
		.table = ROUTE_TABLE_MAIN,
		.type = ROUTE_TYPE_UNICAST,
		.proto = ROUTE_PROTO_RA,
		.expires = until == DEADLINE_NEVER ? 0 : until,
		.pref = preference > 0   ? 1
			: preference < 0 ? 3
					 : 0};
	memcpy(&s.dst, prefix, 16);
	if (gateway != NULL) {
		s.gateway = *gateway;
		s.has_gateway = true;
	}
	if (lifetime == 0) {
		(void)route_delete(net, &s); /* it may not have been there */
		return;
	}
	int err = route_change(net, &s, FIB_REPLACE | FIB_RENEW);
	if (err == -ENOENT && count_routes(nif) < ND_ROUTES_MAX)
		(void)route_change(
			net, &s, FIB_CREATE | FIB_APPEND); /* no memory: the next one will do */
}

static const uint8_t everywhere[16];

/* --- Addresses --- */

static uint32_t
count_addresses(const struct netif *nif)
{
	uint32_t n = 0;
	for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL; a = ip_addr_next(a))
		n += a->conf.proto == IP_ADDR_PROTO_RA;
	return n;
}

static struct ip_addr *
find_automatic(const struct netif *nif, const struct nd_prefix *p)
{
	for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL; a = ip_addr_next(a)) {
		if (a->conf.proto == IP_ADDR_PROTO_RA && memcmp(&a->conf.addr, p->prefix, 8) == 0)
			return a;
	}
	return NULL;
}

static void
autoconfigure(struct netif *nif, const struct nd_prefix *p)
{
	struct nd_device *nd = nd_device_of(nif);
	struct net_addr prefix;
	nsec_t now = time_now();
	if (!p->autonomous || p->len != 64 ||
		atomic_load_explicit(&in6_conf_of(nif)->autoconf, memory_order_relaxed) == 0)
		return;
	struct ip_addr *a = find_automatic(nif, p);
	if (a == NULL &&
		(p->valid == 0 || count_addresses(nif) >= ND_ADDRESSES_MAX ||
			nd->duplicates > SLAAC_RETRIES))
		return;
	memcpy(&prefix, p->prefix, 16);
	struct ip_addr_config c = {.addr = a != NULL
			? a->conf.addr
			: slaac_address(
				  &prefix, nif->net->secrets.stable_iid, nif->mac, nd->duplicates),
		.prefix = 64,
		.proto = IP_ADDR_PROTO_RA,
		.flags = IP_ADDR_NOPREFIX | IP_ADDR_STABLE,
		.valid_until =
			slaac_valid_until(now, a != NULL ? a->conf.valid_until : 0, p->valid),
		.preferred_until = slaac_moment(now, p->preferred)};
	int err = ip_addr_add(nif, &c, true);
	if (err != 0)
		log_warn("net: %s: no automatic address: error %d", nif->name, -err);
}

void
nd_add_link_local(struct netif *nif)
{
	struct net_addr prefix = {.b = {0xfe, 0x80}};
	for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL; a = ip_addr_next(a)) {
		if (net_addr_is_link_local(&a->conf.addr))
			return;
	}
	struct ip_addr_config c = {.addr = slaac_address(&prefix, nif->net->secrets.stable_iid,
					   nif->mac, nd_device_of(nif)->duplicates),
		.prefix = 64,
		.scope = ROUTE_SCOPE_LINK,
		.proto = IP_ADDR_PROTO_LL,
		.flags = IP_ADDR_STABLE};
	int err = ip_addr_add(nif, &c, false);
	if (err != 0)
		log_warn("net: %s: no link-local address: error %d", nif->name, -err);
}

/* --- Applying --- */

static void
apply_option(struct netif *nif, const struct nd_ra *ra, const struct nd_option *o)
{
	struct nd_prefix prefix;
	struct nd_route route;
	struct ip_listener *l;
	if (nd_decode_prefix(o, &prefix)) {
		if (prefix.on_link)
			announce_route(nif, prefix.prefix, prefix.len, NULL, prefix.valid, 0);
		autoconfigure(nif, &prefix);
	} else if (nd_decode_route(o, &route)) {
		announce_route(nif, route.prefix, route.len, &ra->router, route.lifetime,
			route.preference);
	} else if (nd_rdnss_is_valid(o) || nd_dnssl_is_valid(o)) {
		list_for_each_entry (l, &nif->net->ip4->listeners, node) {
			if (l->ra_dns != NULL)
				l->ra_dns(l, nif, o->at, o->len * 8u);
		}
	}
}

static void
apply_parameters(struct netif *nif, const struct nd_router *r)
{
	struct in6_device *in6 = (struct in6_device *)in_device_of(nif, false);
	if (r->hop_limit != 0)
		atomic_store_explicit(&in6->conf.hop_limit, r->hop_limit, memory_order_relaxed);
	if (r->reachable_ms != 0 && r->reachable_ms <= 3600000)
		atomic_store_explicit(&in6->reachable_ms, r->reachable_ms, memory_order_relaxed);
	if (r->retrans_ms >= 100 && r->retrans_ms <= 60000)
		atomic_store_explicit(&in6->retrans_ms, r->retrans_ms, memory_order_relaxed);
	if (r->mtu >= IP6_MIN_MTU && r->mtu <= atomic_load(&nif->mtu) &&
		r->mtu != atomic_load_explicit(&in6->conf.mtu, memory_order_relaxed)) {
		atomic_store_explicit(&in6->conf.mtu, r->mtu, memory_order_relaxed);
		route_new_generation(nif->net);
	}
}

/* Whether addresses, or other things, are to be had by DHCPv6: user space's business. */
static void
apply_flags(struct netif *nif, const struct nd_router *r)
{
	struct in6_device *in6 = (struct in6_device *)in_device_of(nif, false);
	uint32_t flags =
		IN6_RA_RCVD | (r->managed ? IN6_RA_MANAGED : 0) | (r->other ? IN6_RA_OTHERCONF : 0);
	if (atomic_exchange_explicit(&in6->ra_flags, flags, memory_order_relaxed) != flags)
		ip_notify_ra_flags(nif->net, nif);
}

static void
apply(struct netif *nif, const struct nd_ra *ra)
{
	struct nd_device *nd = nd_device_of(nif);
	struct nd_router r;
	struct nd_option o;
	if (!nd_is_usable(nif) || !nd_decode_router_advert(ra->bytes, ra->len, &r))
		return;
	spin_lock_bh(&nd->lock);
	if (r.lifetime != 0)
		nd->is_soliciting = false;
	spin_unlock_bh(&nd->lock);
	if (r.has_mac) {
		bh_disable();
		neigh_heard(nif, &ra->router, r.mac, true);
		bh_enable();
	}
	apply_parameters(nif, &r);
	if (!ra->gone)
		apply_flags(nif, &r);
	announce_route(nif, everywhere, 0, &ra->router, r.lifetime, r.preference);
	while (nd_next_option(&r.options, &r.options_len, &o))
		apply_option(nif, ra, &o);
	nd_lifetimes_changed(nif);
}

static struct nd_ra *
take_ra(struct nd_device *nd)
{
	spin_lock_bh(&nd->lock);
	struct nd_ra *ra = nd->ra_first;
	if (ra != NULL) {
		nd->ra_first = ra->next;
		--*(ra->gone ? &nd->gone_count : &nd->ra_count);
	}
	spin_unlock_bh(&nd->lock);
	return ra;
}

void
nd_ra_work(struct net_work *w)
{
	struct nd_device *nd = container_of(w, struct nd_device, ra_work);
	struct net_stack *net = nd->netif->net;
	for (struct nd_ra *ra; (ra = take_ra(nd)) != NULL; kfree(ra)) {
		mutex_lock(&net->config_lock);
		apply(nd->netif, ra);
		mutex_unlock(&net->config_lock);
	}
}

/* A neighbour that routes were made through says that it is no router: they go when their time is up at the latest,
 * now if nobody else answers for them; route look-up passes over them once the neighbour stops answering. */
void
nd_router_gone(struct netif *nif, const struct net_addr *a)
{
	struct nd_ra *ra = kmalloc(sizeof(*ra) + 16, KM_ATOMIC);
	struct nd_device *nd = nd_device_of(nif);
	if (ra == NULL || nd == NULL) {
		kfree(ra);
		return;
	}
	/* As if it had said so in an advertisement with a lifetime of 0 (RFC 4861, 7.2.5). */
	*ra = (struct nd_ra){.router = *a, .len = 16, .gone = true};
	memset(ra->bytes, 0, 16);
	ra->bytes[0] = ICMP6_ROUTER_ADVERT;
	enqueue(nd, ra);
}

/* --- Lifetimes and outcomes --- */

void
nd_life_timer(struct wheel_timer *t)
{
	struct nd_device *nd = container_of(t, struct nd_device, life_timer);
	net_work_raise(&nd->state_work);
}

/* An automatic address that somebody else has: another one takes its place, a few times. */
static void
replace_duplicate(struct netif *nif, struct ip_addr *a)
{
	struct nd_device *nd = nd_device_of(nif);
	struct ip_addr_config c = a->conf;
	log_warn("net: %s: an address is in use by another host", nif->name);
	if (c.proto != IP_ADDR_PROTO_RA && c.proto != IP_ADDR_PROTO_LL)
		return;
	if (++nd->duplicates > SLAAC_RETRIES)
		return;
	struct net_addr prefix = c.addr;
	memset(prefix.b + 8, 0, 8);
	c.addr = slaac_address(&prefix, nif->net->secrets.stable_iid, nif->mac, nd->duplicates);
	int err = ip_addr_del(nif, &a->conf.addr, 255);
	if (err == 0)
		err = ip_addr_add(nif, &c, false);
	if (err != 0)
		log_warn("net: %s: no other address: error %d", nif->name, -err);
}

/* One address's state as of now. Returns when to look again; *gone: it was removed, begin anew. */
static nsec_t
look_at(struct netif *nif, struct ip_addr *a, nsec_t now, bool *gone)
{
	uint32_t flags = atomic_load_explicit(&a->flags, memory_order_relaxed);
	*gone = false;
	if ((flags & IP_ADDR_DADFAILED) != 0 && !a->dad_told) {
		a->dad_told = true;
		struct nd_device *nd = nd_device_of(nif);
		bool replaced = a->conf.proto != 0 && nd->duplicates < SLAAC_RETRIES;
		replace_duplicate(nif, a);
		if (replaced) {
			*gone = true;
			return DEADLINE_NEVER;
		}
	}
	if (a->conf.valid_until <= now) {
		*gone = ip_addr_del(nif, &a->conf.addr, 255) == 0;
		return DEADLINE_NEVER;
	}
	if (a->conf.preferred_until <= now && (flags & IP_ADDR_DEPRECATED) == 0) {
		atomic_fetch_or_explicit(&a->flags, IP_ADDR_DEPRECATED, memory_order_relaxed);
		route_new_generation(nif->net);
		ip_notify_addr(nif->net, a, false);
	}
	if (a->told_flags != atomic_load_explicit(&a->flags, memory_order_relaxed)) {
		a->told_flags = atomic_load_explicit(&a->flags, memory_order_relaxed);
		ip_notify_addr(nif->net, a, false);
	}
	nsec_t next = a->conf.preferred_until > now ? a->conf.preferred_until : DEADLINE_NEVER;
	return min(next, a->conf.valid_until);
}

/* IPv4's addresses: only lifetimes can end. Returns when to look again. */
static nsec_t
look_at_v4(struct netif *nif, nsec_t now, nsec_t next)
{
	bool gone;
	for (struct ip_addr *a = ip_addr_first(nif, true); a != NULL;) {
		nsec_t at = look_at(nif, a, now, &gone);
		next = min(next, at);
		a = gone ? ip_addr_first(nif, true) : ip_addr_next(a);
	}
	return next;
}

static bool
is_up(const struct netif *nif)
{
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed);
	return (flags & IFF_UP) != 0;
}

void
nd_state_work(struct net_work *w)
{
	struct nd_device *nd = container_of(w, struct nd_device, state_work);
	struct netif *nif = nd->netif;
	nsec_t now = time_now(), next = now + LIFE_LOOK_MAX;
	bool gone;
	mutex_lock(&nif->net->config_lock);
	next = min(next, route_flush_expired(nif->net));
	for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL;) {
		nsec_t at = look_at(nif, a, now, &gone);
		next = min(next, at);
		a = gone ? ip_addr_first(nif, false) : ip_addr_next(a);
	}
	next = look_at_v4(nif, now, next);
	if (is_up(nif))
		wheel_start(&nd->life_timer, max(next, now + NSEC_PER_SEC));
	mutex_unlock(&nif->net->config_lock);
}

void
nd_lifetimes_changed(struct netif *nif)
{
	struct nd_device *nd = nd_device_of(nif);
	if (nd != NULL)
		net_work_raise(&nd->state_work);
}
