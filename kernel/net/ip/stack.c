/* SPDX-License-Identifier: MIT */
/* Making IP's part of a stack, and who is told of its changes. */
#include "core/softirq.h"
#include "mm/slab.h"
#include "net/ip/frag.h"
#include "net/ip/internal.h"
#include "net/ip/mcast.h"
#include "net/link/neigh.h"
#include "net/udp/udp.h"

static void
set_defaults(struct ip_sysctl *s)
{
	*s = (struct ip_sysctl){
		.default_ttl = 64,
		.port_low = 32768,
		.port_high = 60999,
		.unprivileged_port = 1024,
		.ping_group_low = 0,
		.ping_group_high = 0x7fffffff,
		.frag_high = 4u << 20,
	};
}

static void
set_defaults6(struct in6_conf *c)
{
	*c = (struct in6_conf){.accept_ra = 1, .autoconf = 1, .dad_transmits = 1, .hop_limit = 64};
}

struct in6_conf *
in6_conf_default(struct net_stack *net)
{
	return &net->ip6->conf;
}

struct in6_conf *
in6_conf_of(const struct netif *nif)
{
	struct in6_device *in6 = (struct in6_device *)in_device_of(nif, false);
	return in6 != NULL ? &in6->conf : NULL;
}

struct ip_sysctl *
ip_sysctl(struct net_stack *net)
{
	return &net->ip4->sysctl;
}

int
ip_stack_init(struct net_stack *net)
{
	net->ip4 = kzalloc(sizeof(*net->ip4));
	net->ip6 = kzalloc(sizeof(*net->ip6));
	if (net->ip4 == NULL || net->ip6 == NULL)
		return -ENOMEM;
	set_defaults(&net->ip4->sysctl);
	set_defaults6(&net->ip6->conf);
	list_init(&net->ip4->listeners);
	spin_init(&net->ip4->icmp_gate.lock, "icmp_limit");
	net->ip4->icmp_gate.rule = &icmp_reply_rule;
	int err = route_stack_init(net);
	if (err == 0)
		err = pmtu_stack_init(net);
	if (err == 0)
		err = neigh_stack_init(net);
	if (err == 0)
		err = frag_stack_init(net);
	if (err == 0)
		err = udp_stack_init(net);
	if (err != 0)
		return err;
	net->ip4->netif_listener.event = ip_netif_event;
	netif_add_listener(net, &net->ip4->netif_listener);
	return 0;
}

static const struct ip_protocol icmp4_protocol = {.input = icmp4_input};
static const struct ip_protocol icmp6_protocol = {.input = icmp6_input};
static const struct ip_protocol igmp_protocol = {.input = igmp_input};

void
ip_init(void)
{
	neigh_init();
	ip_register_protocol(IPPROTO_ICMP, &icmp4_protocol);
	ip_register_protocol(IPPROTO_ICMPV6, &icmp6_protocol);
	ip_register_protocol(IPPROTO_IGMP, &igmp_protocol);
	udp_init();
}

void
ip_add_listener(struct net_stack *net, struct ip_listener *l)
{
	list_add_tail(&net->ip4->listeners, &l->node);
}

void
ip_notify_addr(struct net_stack *net, const struct ip_addr *a, bool gone)
{
	struct ip_listener *l;
	list_for_each_entry (l, &net->ip4->listeners, node) {
		if (l->addr != NULL)
			l->addr(l, a, gone);
	}
}

void
ip_notify_route(struct net_stack *net, const struct fib_spec *spec, bool gone)
{
	struct ip_listener *l;
	list_for_each_entry (l, &net->ip4->listeners, node) {
		if (l->route != NULL)
			l->route(l, spec, gone);
	}
}

void
ip_notify_neigh(struct net_stack *net, struct neigh *n, bool gone)
{
	struct ip_listener *l;
	list_for_each_entry (l, &net->ip4->listeners, node) {
		if (l->neigh != NULL)
			l->neigh(l, n, gone);
	}
}

void
ip_notify_ra_flags(struct net_stack *net, struct netif *nif)
{
	struct ip_listener *l;
	list_for_each_entry (l, &net->ip4->listeners, node) {
		if (l->ra_flags != NULL)
			l->ra_flags(l, nif);
	}
}
