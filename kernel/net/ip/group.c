/* SPDX-License-Identifier: MIT */
/*
 * Groups that this host listens to, by interface. What is told to routers about them is mcast.c's.
 * The list is changed under config_lock and read inside epochs; a group that nobody wants any more stays on it until
 * the routers were told as often as they must be.
 */
#include <string.h>

#include "core/timer.h"
#include "mm/slab.h"
#include "core/epochlist.h"
#include "net/ip/internal.h"
#include "net/ip/mcast.h"
#include "net/ip/nd.h"

/* The link address of a group. */
static void
group_mac(const struct net_addr *a, uint8_t mac[6])
{
	if (net_addr_is_v4(a)) {
		const uint8_t group[6] = {1, 0, 0x5e, a->b[13] & 0x7f, a->b[14], a->b[15]};
		memcpy(mac, group, 6);
	} else {
		mac[0] = mac[1] = 0x33;
		memcpy(mac + 2, a->b + 12, 4);
	}
}

static struct ip_group *
group_find(const struct in_device *in, const struct net_addr *a)
{
	struct ip_group *g = ip_group_first(in);
	while (g != NULL && !net_addr_equal(&g->addr, a))
		g = ip_group_next(g);
	return g;
}

/* 224.0.0.1 and ff02::1 are everybody's, always. */
static bool
is_all_hosts(const struct net_addr *a)
{
	if (net_addr_is_v4(a))
		return a->w[3] == 0x010000e0u;
	return a->d[0] == 0x02ff && a->d[1] == 0x0100000000000000ULL;
}

static bool
is_member_on(const struct netif *nif, const struct net_addr *a)
{
	struct in_device *in = in_device_of(nif, net_addr_is_v4(a));
	struct ip_group *g = in != NULL ? group_find(in, a) : NULL;
	return g != NULL && atomic_load_explicit(&g->users, memory_order_relaxed) != 0;
}

bool
ip_group_is_member(const struct netif *nif, const struct net_addr *a)
{
	struct netif *other;
	if (is_all_hosts(a))
		return true;
	if (nif != nif->net->loopback)
		return is_member_on(nif, a);
	/* Our own, come back: from whichever interface it went out by. */
	list_for_each_entry (other, &nif->net->netifs, node) {
		if (is_member_on(other, a))
			return true;
	}
	return false;
}

struct netif *
ip_group_netif(struct net_stack *net, const struct net_addr *group)
{
	bool v4 = net_addr_is_v4(group);
	const struct fib_spec *s = fib_lookup(&(v4 ? net->routes4 : net->routes6)->fib, group, 0);
	if (s == NULL && !v4) /* IPv6's groups need no route */
		return route_first_link(net);
	return s != NULL ? s->netif : NULL;
}

static struct ip_group *
group_make(struct netif *nif, const struct net_addr *a)
{
	struct ip_group *g = kzalloc(sizeof(*g));
	if (g == NULL)
		return NULL;
	g->addr = *a;
	g->netif = nif;
	mcast_core_init(&g->core);
	return g;
}

int
ip_group_join(struct net_stack *net, struct netif *nif, const struct net_addr *a)
{
	if (!net_addr_is_multicast(a))
		return -EINVAL;
	struct in_device *in = in_device_of(nif, net_addr_is_v4(a));
	if (in == NULL)
		return -ENODEV;
	struct ip_group *g = group_find(in, a);
	if (g != NULL && atomic_load_explicit(&g->users, memory_order_relaxed) != 0) {
		atomic_fetch_add_explicit(&g->users, 1, memory_order_relaxed);
		return 0;
	}
	if (in->group_count >= IN_DEVICE_GROUPS_MAX)
		return -ENOBUFS;
	uint8_t mac[6];
	group_mac(a, mac);
	int err = netif_add_group(nif, mac);
	if (err != 0)
		return err;
	if (g == NULL) {
		g = group_make(nif, a);
		if (g == NULL) {
			netif_remove_group(nif, mac);
			return -ENOMEM;
		}
		atomic_store_explicit(&g->next, ip_group_first(in), memory_order_relaxed);
		atomic_store_explicit(&in->groups, g, memory_order_release);
		in->group_count++;
	}
	atomic_store_explicit(&g->users, 1, memory_order_relaxed);
	mcast_joined(g);
	return 0;
}

static void
group_free(struct epoch_head *head)
{
	kfree(container_of(head, struct ip_group, epoch));
}

/* Takes groups that are left and told off the list. config_lock. */
static void
sweep_groups(struct in_device *in)
{
	struct ip_group *_Atomic *link = &in->groups;
	for (struct ip_group *g; (g = atomic_load_explicit(link, memory_order_relaxed)) != NULL;) {
		if (atomic_load_explicit(&g->users, memory_order_relaxed) != 0 ||
			!mcast_is_done(g)) {
			link = &g->next;
			continue;
		}
		atomic_store_explicit(link, ip_group_next(g), memory_order_release);
		in->group_count--;
		epoch_call(&g->epoch, group_free);
	}
}

int
ip_group_leave(struct net_stack *net, struct netif *nif, const struct net_addr *a)
{
	struct in_device *in = in_device_of(nif, net_addr_is_v4(a));
	struct ip_group *g = in != NULL ? group_find(in, a) : NULL;
	if (g == NULL || atomic_load_explicit(&g->users, memory_order_relaxed) == 0)
		return -EADDRNOTAVAIL;
	if (atomic_fetch_sub_explicit(&g->users, 1, memory_order_relaxed) == 1) {
		uint8_t mac[6];
		group_mac(a, mac);
		netif_remove_group(nif, mac);
		mcast_left(g);
	}
	sweep_groups(in);
	return 0;
}

/* What is sent to all hosts is for this one too: a device that filters is to let it in. 0 or -ENOMEM. */
static int
hear_all_hosts(struct netif *nif)
{
	static const uint8_t v4[6] = {1, 0, 0x5e, 0, 0, 1}, v6[6] = {0x33, 0x33, 0, 0, 0, 1};
	int err = netif_add_group(nif, v4);
	if (err != 0)
		return err;
	err = netif_add_group(nif, v6);
	if (err != 0)
		netif_remove_group(nif, v4);
	return err;
}

int
in_devices_create(struct netif *nif)
{
	struct in4_device *in4 = kzalloc(sizeof(*in4));
	struct in6_device *in6 = kzalloc(sizeof(*in6));
	struct mcast_device *m4 = mcast_device_make(nif, true), *m6 = mcast_device_make(nif, false);
	struct nd_device *nd = nd_device_make(nif);
	if (in4 == NULL || in6 == NULL || m4 == NULL || m6 == NULL || nd == NULL ||
		hear_all_hosts(nif) != 0) {
		kfree(in4);
		kfree(in6);
		kfree(m4);
		kfree(m6);
		kfree(nd);
		return -ENOMEM;
	}
	in4->in.netif = in6->in.netif = nif;
	in4->in.mcast = m4;
	in6->in.mcast = m6;
	in6->nd = nd;
	/* Made before IPv6 can use them: no lock. */
	struct in6_conf *from = in6_conf_default(nif->net), *to = &in6->conf;
	atomic_init(&to->disable_ipv6, atomic_load(&from->disable_ipv6));
	atomic_init(&to->accept_ra, atomic_load(&from->accept_ra));
	atomic_init(&to->autoconf, atomic_load(&from->autoconf));
	atomic_init(&to->dad_transmits, atomic_load(&from->dad_transmits));
	atomic_init(&to->hop_limit, atomic_load(&from->hop_limit));
	atomic_init(&to->mtu, atomic_load(&from->mtu));
	atomic_store_explicit(&nif->in4, in4, memory_order_release);
	atomic_store_explicit(&nif->in6, in6, memory_order_release);
	return 0;
}
