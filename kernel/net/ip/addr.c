/* SPDX-License-Identifier: MIT */
/*
 * Interfaces' addresses: the list of each, and the routes that follow from it (the address itself and IPv4's broadcast
 * addresses in table "local", the prefix in table "main" while the interface is up).
 */
#include <string.h>

#define LOG_SOURCE "net"
#include "core/log.h"
#include "core/timer.h"
#include "mm/slab.h"
#include "net/ip/internal.h"
#include "net/ip/nd.h"
#include "net/link/neigh.h"

static void
addr_free(struct epoch_head *head)
{
	struct ip_addr *a = container_of(head, struct ip_addr, epoch);
	dad_free(a);
	kfree(a);
}

struct ip_addr *
ip_addr_first(const struct netif *nif, bool v4)
{
	struct in_device *in = in_device_of(nif, v4);
	return in != NULL ? atomic_load_explicit(&in->first, memory_order_acquire) : NULL;
}

struct ip_addr *
ip_addr_find(const struct netif *nif, const struct net_addr *a)
{
	struct ip_addr *at = ip_addr_first(nif, net_addr_is_v4(a));
	while (at != NULL && !net_addr_equal(&at->conf.addr, a))
		at = ip_addr_next(at);
	return at;
}

/* The first bits of an address, the others 0. len: counted as in specifications. */
static struct net_addr
prefix_of(const struct net_addr *a, uint8_t len)
{
	struct net_addr out = *a;
	uint32_t bits = net_addr_is_v4(a) ? len + 96u : len;
	for (uint32_t i = 0; i < 16; i++) {
		if (bits <= i * 8)
			out.b[i] = 0;
		else if (bits < i * 8 + 8)
			out.b[i] &= (uint8_t)(0xff << (i * 8 + 8 - bits));
	}
	return out;
}

/* --- Routes that follow from an address --- */

static struct fib_spec
local_route(const struct ip_addr *a, const struct net_addr *dst, uint8_t type)
{
	bool v4 = net_addr_is_v4(&a->conf.addr);
	return (struct fib_spec){.dst = *dst,
		.prefsrc = a->conf.addr,
		.has_prefsrc = true,
		.netif = a->netif,
		.table = ROUTE_TABLE_LOCAL,
		.prefix = v4 ? 32 : 128,
		.v4 = v4,
		.type = type,
		.proto = ROUTE_PROTO_KERNEL,
		.scope = type == ROUTE_TYPE_BROADCAST ? ROUTE_SCOPE_LINK : ROUTE_SCOPE_HOST};
}

static struct fib_spec
prefix_route(const struct ip_addr *a)
{
	const struct ip_addr_config *c = &a->conf;
	bool v4 = net_addr_is_v4(&c->addr);
	bool peer = c->peer.d[0] != 0 || c->peer.d[1] != 0;
	struct fib_spec s = {.dst = prefix_of(peer ? &c->peer : &c->addr, c->prefix),
		.netif = a->netif,
		.metric = c->metric != 0 ? c->metric
			: v4             ? 0
					 : 256,
		.table = ROUTE_TABLE_MAIN,
		.prefix = c->prefix,
		.v4 = v4,
		.type = ROUTE_TYPE_UNICAST,
		.proto = ROUTE_PROTO_KERNEL,
		.scope = v4 ? ROUTE_SCOPE_LINK : ROUTE_SCOPE_UNIVERSE};
	if (v4) {
		s.prefsrc = c->addr;
		s.has_prefsrc = true;
	}
	return s;
}

static void
set_route(struct net_stack *net, const struct fib_spec *s, bool add)
{
	/* One that another address has made already, or that is gone already, is as it should be. */
	int err = add ? route_change(net, s, FIB_CREATE | FIB_APPEND) : route_delete(net, s);
	(void)err;
}

static bool
is_loopback_net(const struct ip_addr *a)
{
	return (atomic_load_explicit(&a->netif->flags, memory_order_relaxed) & IFF_LOOPBACK) != 0 &&
		net_addr_is_v4(&a->conf.addr);
}

/* The prefix's route, and for 127.0.0.0/8 the whole net as local. */
static void
set_prefix_routes(struct ip_addr *a, bool add)
{
	struct net_stack *net = a->netif->net;
	bool v4 = net_addr_is_v4(&a->conf.addr);
	uint32_t flags = atomic_load_explicit(&a->flags, memory_order_relaxed);
	if (is_loopback_net(a)) {
		struct fib_spec s = prefix_route(a);
		s.table = ROUTE_TABLE_LOCAL;
		s.type = ROUTE_TYPE_LOCAL;
		s.scope = ROUTE_SCOPE_HOST;
		set_route(net, &s, add);
	} else if ((flags & IP_ADDR_NOPREFIX) == 0 && a->conf.prefix < (v4 ? 32 : 128)) {
		struct fib_spec s = prefix_route(a);
		set_route(net, &s, add);
	} else if (a->conf.peer.d[0] != 0 || a->conf.peer.d[1] != 0) {
		struct fib_spec s = prefix_route(a);
		set_route(net, &s, add);
	}
	if (!v4 || a->conf.prefix >= 31)
		return;
	struct net_addr all = prefix_of(&a->conf.addr, a->conf.prefix);
	all.w[3] |= net_swap32(a->conf.prefix == 0 ? UINT32_MAX : UINT32_MAX >> a->conf.prefix);
	struct fib_spec s = local_route(a, &all, ROUTE_TYPE_BROADCAST);
	set_route(net, &s, add);
	if (!net_addr_is_any(&a->conf.broadcast) && !net_addr_equal(&a->conf.broadcast, &all)) {
		s = local_route(a, &a->conf.broadcast, ROUTE_TYPE_BROADCAST);
		set_route(net, &s, add);
	}
}

static void
set_local_route(struct ip_addr *a, bool add)
{
	struct fib_spec s = local_route(a, &a->conf.addr, ROUTE_TYPE_LOCAL);
	set_route(a->netif->net, &s, add);
}

static void
set_routes(struct ip_addr *a)
{
	set_local_route(a, true);
	set_prefix_routes(a, true);
}

static bool
is_up(const struct netif *nif)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed) &
		       IFF_UP) != 0;
}

/* --- Adding and removing --- */

static int
check_config(const struct netif *nif, const struct ip_addr_config *c)
{
	bool v4 = net_addr_is_v4(&c->addr);
	if (c->prefix > (v4 ? 32 : 128) || net_addr_is_any(&c->addr) ||
		net_addr_is_multicast(&c->addr))
		return -EINVAL;
	if (v4 && (c->addr.w[3] == UINT32_MAX || c->addr.b[12] == 0))
		return -EINVAL;
	struct in_device *in = in_device_of(nif, v4);
	return in != NULL && in->count < IN_DEVICE_ADDRS_MAX ? 0 : -ENOBUFS;
}

/* A moment that was not given is never. */
static void
settle_lifetimes(struct ip_addr_config *c, uint32_t flags)
{
	if (c->valid_until == 0)
		c->valid_until = DEADLINE_NEVER;
	if (c->preferred_until == 0 && (flags & IP_ADDR_DEPRECATED) == 0)
		c->preferred_until = DEADLINE_NEVER;
}

static void
renew(struct ip_addr *a, const struct ip_addr_config *c)
{
	a->conf.valid_until = c->valid_until;
	a->conf.preferred_until = c->preferred_until;
	settle_lifetimes(&a->conf, c->flags);
	a->conf.updated = time_now();
	a->conf.proto = c->proto;
	uint32_t keep = IP_ADDR_TENTATIVE | IP_ADDR_DADFAILED;
	uint32_t flags = atomic_load_explicit(&a->flags, memory_order_relaxed);
	flags = (flags & keep) | (c->flags & ~(keep | IP_ADDR_DEPRECATED));
	if (a->conf.valid_until == DEADLINE_NEVER)
		flags |= IP_ADDR_PERMANENT;
	atomic_store_explicit(&a->flags, flags, memory_order_relaxed);
	nd_lifetimes_changed(a->netif);
	ip_notify_addr(a->netif->net, a, false);
}

static struct ip_addr *
addr_make(struct netif *nif, const struct ip_addr_config *c)
{
	struct ip_addr *a = kzalloc(sizeof(*a));
	if (a == NULL)
		return NULL;
	a->netif = nif;
	a->conf = *c;
	a->conf.created = a->conf.updated = time_now();
	settle_lifetimes(&a->conf, c->flags);
	uint32_t flags = c->flags & ~(IP_ADDR_TENTATIVE | IP_ADDR_DADFAILED);
	if (a->conf.valid_until == DEADLINE_NEVER)
		flags |= IP_ADDR_PERMANENT;
	if (!net_addr_is_v4(&c->addr) && nd_needs_dad(nif, c))
		flags |= IP_ADDR_TENTATIVE;
	if (a->conf.label[0] == 0)
		memcpy(a->conf.label, nif->name, sizeof(a->conf.label));
	atomic_store_explicit(&a->flags, flags, memory_order_relaxed);
	return a;
}

static void
append(struct in_device *in, struct ip_addr *a)
{
	struct ip_addr *_Atomic *link = &in->first;
	for (struct ip_addr *at; (at = atomic_load_explicit(link, memory_order_relaxed)) != NULL;)
		link = &at->next;
	atomic_store_explicit(link, a, memory_order_release);
	in->count++;
}

int
ip_addr_add(struct netif *nif, const struct ip_addr_config *c, bool replace)
{
	bool v4 = net_addr_is_v4(&c->addr);
	int err = check_config(nif, c);
	if (err != 0)
		return err;
	struct ip_addr *a = ip_addr_find(nif, &c->addr);
	if (a != NULL && (!v4 || a->conf.prefix == c->prefix)) {
		if (!replace)
			return -EEXIST;
		renew(a, c);
		return 0;
	}
	a = addr_make(nif, c);
	if (a == NULL)
		return -ENOMEM;
	append(in_device_of(nif, v4), a);
	if (is_up(nif)) {
		set_routes(a);
		if (v4)
			arp_announce(nif, &a->conf.addr);
		else
			nd_addr_added(a);
	}
	route_new_generation(nif->net);
	if (a->conf.valid_until != DEADLINE_NEVER || a->conf.preferred_until != DEADLINE_NEVER)
		nd_lifetimes_changed(nif);
	ip_notify_addr(nif->net, a, false);
	return 0;
}

/* Whether another address of the interface keeps the same prefix's route alive. */
static bool
prefix_is_shared(const struct ip_addr *gone)
{
	bool v4 = net_addr_is_v4(&gone->conf.addr);
	struct net_addr p = prefix_of(&gone->conf.addr, gone->conf.prefix);
	for (struct ip_addr *a = ip_addr_first(gone->netif, v4); a != NULL; a = ip_addr_next(a)) {
		struct net_addr q = prefix_of(&a->conf.addr, gone->conf.prefix);
		if (a != gone && a->conf.prefix == gone->conf.prefix && net_addr_equal(&p, &q))
			return true;
	}
	return false;
}

static void
unlink_addr(struct in_device *in, struct ip_addr *_Atomic *link, struct ip_addr *a)
{
	struct netif *nif = a->netif;
	atomic_store_explicit(link, ip_addr_next(a), memory_order_release);
	in->count--;
	bool shared = prefix_is_shared(a);
	set_local_route(a, false);
	if (!shared) {
		set_prefix_routes(a, false);
	} else if (net_addr_is_v4(&a->conf.addr)) { /* its route names it as the source */
		set_prefix_routes(a, false);
		for (struct ip_addr *at = atomic_load(&in->first); at != NULL;
			at = ip_addr_next(at)) {
			if (is_up(nif))
				set_prefix_routes(at, true);
		}
	}
	if (!net_addr_is_v4(&a->conf.addr))
		nd_addr_removed(a);
	route_new_generation(nif->net);
	ip_notify_addr(nif->net, a, true);
	epoch_call(&a->epoch, addr_free);
}

int
ip_addr_del(struct netif *nif, const struct net_addr *addr, uint8_t prefix)
{
	struct in_device *in = in_device_of(nif, net_addr_is_v4(addr));
	if (in == NULL)
		return -EADDRNOTAVAIL;
	struct ip_addr *_Atomic *link = &in->first;
	for (struct ip_addr *a; (a = atomic_load_explicit(link, memory_order_relaxed)) != NULL;
		link = &a->next) {
		if (!net_addr_equal(&a->conf.addr, addr) ||
			(prefix != 255 && a->conf.prefix != prefix))
			continue;
		unlink_addr(in, link, a);
		return 0;
	}
	return -EADDRNOTAVAIL;
}

/* --- Interfaces come and go --- */

/* The loopback interface has 127.0.0.1 and ::1 without being told. */
static void
add_loopback_addresses(struct netif *nif)
{
	struct ip_addr_config c = {.addr = net_addr_v4(net_swap32(0x7f000001)),
		.prefix = 8,
		.scope = ROUTE_SCOPE_HOST,
		.proto = IP_ADDR_PROTO_LO};
	int err = ip_addr_first(nif, true) == NULL ? ip_addr_add(nif, &c, false) : 0;
	c.addr = (struct net_addr){.b = {[15] = 1}};
	c.prefix = 128;
	if (err == 0 && ip_addr_first(nif, false) == NULL && !in6_is_disabled(nif))
		err = ip_addr_add(nif, &c, false);
	if (err != 0)
		log_warn("net: %s has no address: error %d", nif->name, -err);
}

void
in6_set_disabled(struct netif *nif, bool disabled)
{
	struct in6_conf *conf = in6_conf_of(nif);
	if (conf == NULL ||
		(atomic_load_explicit(&conf->disable_ipv6, memory_order_relaxed) != 0) == disabled)
		return;
	if (!disabled) {
		atomic_store_explicit(&conf->disable_ipv6, 0, memory_order_relaxed);
		if (is_up(nif) &&
			(atomic_load_explicit(&nif->flags, memory_order_relaxed) & IFF_LOOPBACK))
			add_loopback_addresses(nif);
		if (is_up(nif))
			nd_netif_up(nif);
		return;
	}
	for (struct ip_addr *a; (a = ip_addr_first(nif, false)) != NULL;)
		(void)ip_addr_del(nif, &a->conf.addr, 255); /* it is there */
	atomic_store_explicit(&conf->disable_ipv6, 1, memory_order_relaxed);
	route_flush_netif6(nif->net, nif);
}

static void
netif_up(struct netif *nif)
{
	for (struct ip_addr *a = ip_addr_first(nif, true); a != NULL; a = ip_addr_next(a)) {
		set_routes(a);
		arp_announce(nif, &a->conf.addr);
	}
	for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL; a = ip_addr_next(a))
		set_routes(a);
	if ((atomic_load_explicit(&nif->flags, memory_order_relaxed) & IFF_LOOPBACK) != 0)
		add_loopback_addresses(nif);
	nd_netif_up(nif);
	route_new_generation(nif->net);
}

static void
netif_down(struct netif *nif)
{
	nd_netif_down(nif);
	route_flush_netif(nif->net, nif);
	neigh_flush_netif(nif->net, nif);
}

static void
carrier_changed(struct netif *nif)
{
	uint32_t flags = atomic_load_explicit(&nif->flags, memory_order_relaxed);
	if ((flags & IFF_LOWER_UP) == 0 || (flags & IFF_UP) == 0) {
		route_new_generation(nif->net);
		return;
	}
	for (struct ip_addr *a = ip_addr_first(nif, true); a != NULL; a = ip_addr_next(a))
		arp_announce(nif, &a->conf.addr);
	nd_carrier_up(nif);
	route_new_generation(nif->net);
}

static void
mac_changed(struct netif *nif)
{
	if (!is_up(nif))
		return;
	nd_netif_down(nif);
	nd_netif_up(nif);
	carrier_changed(nif);
}

void
ip_netif_event(struct netif_listener *l, struct netif *nif, enum netif_event event)
{
	switch (event) {
	case NETIF_EVENT_REGISTER:
		if (in_devices_create(nif) != 0) /* adding an address gives ENOBUFS then */
			log_warn("net: %s cannot have addresses: out of memory", nif->name);
		break;
	case NETIF_EVENT_UP:
		netif_up(nif);
		break;
	case NETIF_EVENT_DOWN:
		netif_down(nif);
		break;
	case NETIF_EVENT_CARRIER:
		carrier_changed(nif);
		break;
	case NETIF_EVENT_MAC:
		neigh_flush_netif(nif->net, nif);
		mac_changed(nif);
		break;
	case NETIF_EVENT_MTU:
		route_new_generation(nif->net);
		break;
	case NETIF_EVENT_NAME:
		break;
	}
}

enum ip_local
ip_classify(struct net_stack *net, const struct net_addr *a, uint32_t ifindex)
{
	bool v4 = net_addr_is_v4(a);
	if (net_addr_is_multicast(a))
		return IP_LOCAL_MULTICAST;
	if (v4 && a->w[3] == UINT32_MAX)
		return IP_LOCAL_BROADCAST;
	const struct fib_spec *s = fib_lookup(&(v4 ? net->routes4 : net->routes6)->fib, a, ifindex);
	if (s == NULL || s->table != ROUTE_TABLE_LOCAL)
		return IP_NOT_LOCAL;
	if (s->type == ROUTE_TYPE_BROADCAST)
		return IP_LOCAL_BROADCAST;
	struct ip_addr *own = !v4 ? ip_addr_find(s->netif, a) : NULL;
	if (own != NULL &&
		(atomic_load_explicit(&own->flags, memory_order_relaxed) &
			(IP_ADDR_TENTATIVE | IP_ADDR_DADFAILED)) != 0)
		return IP_LOCAL_TENTATIVE;
	return IP_LOCAL;
}
