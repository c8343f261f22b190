/* SPDX-License-Identifier: MIT */
/* What changes is told to the groups, whoever changed it. Nothing is made while nobody listens. */
#include "net/ip/internal.h"
#include "net/link/neigh.h"
#include "net/sock/netlink/netlink.h"

#define OPTION_MAX 2040u /* bytes of a router's option: its length counts 255 times 8 */

static void
count_change(struct netlink_stack *st, enum nl_thing thing)
{
	atomic_fetch_add_explicit(&st->changes[thing], 1, memory_order_release);
}

/* Whether somebody wants to know. cause NULL: of what happens by itself. */
static bool
is_wanted(struct netlink_stack *st, uint32_t group, const struct nl_cause *cause)
{
	return nl_group_is_heard(st, group) || (cause != NULL && cause->echo);
}

static struct nlmsghdr
header(uint16_t type, const struct nl_cause *cause)
{
	return (struct nlmsghdr){.nlmsg_type = type,
		.nlmsg_seq = cause != NULL ? cause->seq : 0,
		.nlmsg_pid = cause != NULL ? cause->pid : 0};
}

static void
link_event(struct netif_listener *l, struct netif *nif, enum netif_event event)
{
	struct netlink_stack *st = container_of(l, struct netlink_stack, netif_listener);
	uint8_t bytes[NL_ANSWER_MAX] __attribute__((uninitialized));
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = header(RTM_NEWLINK, &st->cause);
	for (int i = 0; i < NL_THINGS; i++)
		count_change(st, (enum nl_thing)i); /* addresses and routes follow interfaces */
	if (!is_wanted(st, RTNLGRP_LINK, &st->cause))
		return;
	struct nl_link_info info;
	nl_describe_link(nif, true, &info);
	info.change = event == NETIF_EVENT_REGISTER                    ? UINT32_MAX
		: event == NETIF_EVENT_UP || event == NETIF_EVENT_DOWN ? IFF_UP
								       : 0;
	if (nl_encode_link(&b, &h, &info))
		nl_broadcast(st, RTNLGRP_LINK, &b, &st->cause);
}

static void
addr_changed(struct ip_listener *l, const struct ip_addr *a, bool gone)
{
	struct netlink_stack *st = container_of(l, struct netlink_stack, ip_listener);
	uint8_t bytes[NL_ANSWER_MAX] __attribute__((uninitialized));
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = header(gone ? RTM_DELADDR : RTM_NEWADDR, &st->cause);
	bool v4 = net_addr_is_v4(&a->conf.addr);
	uint32_t group = v4 ? RTNLGRP_IPV4_IFADDR : RTNLGRP_IPV6_IFADDR;
	struct nl_addr_info info;
	count_change(st, NL_ADDRS);
	if (!is_wanted(st, group, &st->cause))
		return;
	nl_describe_addr(a, &info);
	if (nl_encode_addr(&b, &h, &info))
		nl_broadcast(st, group, &b, &st->cause);
}

static void
route_changed(struct ip_listener *l, const struct fib_spec *spec, bool gone)
{
	struct netlink_stack *st = container_of(l, struct netlink_stack, ip_listener);
	uint8_t bytes[NL_ANSWER_MAX] __attribute__((uninitialized));
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = header(gone ? RTM_DELROUTE : RTM_NEWROUTE, &st->cause);
	uint32_t group = spec->v4 ? RTNLGRP_IPV4_ROUTE : RTNLGRP_IPV6_ROUTE;
	struct nl_route_info info;
	count_change(st, NL_ROUTES);
	if (!is_wanted(st, group, &st->cause))
		return;
	nl_describe_route(spec, &info);
	if (nl_encode_route(&b, &h, &info))
		nl_broadcast(st, group, &b, &st->cause);
}

/* In softirq too: who caused it is not known. */
static void
neigh_changed(struct ip_listener *l, struct neigh *n, bool gone)
{
	struct netlink_stack *st = container_of(l, struct netlink_stack, ip_listener);
	uint8_t bytes[256] __attribute__((uninitialized));
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = header(gone ? RTM_DELNEIGH : RTM_NEWNEIGH, NULL);
	struct neigh_info info;
	struct nl_neigh_entry e;
	count_change(st, NL_NEIGHS);
	if (!is_wanted(st, RTNLGRP_NEIGH, NULL))
		return;
	neigh_describe(n, &info);
	if (info.state == NUD_NOARP)
		return;
	nl_describe_neigh(&info, &e);
	if (nl_encode_neigh(&b, &h, &e))
		nl_broadcast(st, RTNLGRP_NEIGH, &b, NULL);
}

static void
router_spoke(struct ip_listener *l, struct netif *nif)
{
	struct netlink_stack *st = container_of(l, struct netlink_stack, ip_listener);
	uint8_t bytes[512] __attribute__((uninitialized));
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = header(RTM_NEWLINK, NULL);
	struct nl_link_info info;
	if (!is_wanted(st, RTNLGRP_IPV6_IFINFO, NULL))
		return;
	nl_describe_link(nif, false, &info);
	if (nl_encode_link6(&b, &h, &info))
		nl_broadcast(st, RTNLGRP_IPV6_IFINFO, &b, NULL);
}

static void
router_dns(struct ip_listener *l, struct netif *nif, const uint8_t *option, uint32_t len)
{
	struct netlink_stack *st = container_of(l, struct netlink_stack, ip_listener);
	uint8_t bytes[OPTION_MAX + 64] __attribute__((uninitialized));
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = header(RTM_NEWNDUSEROPT, NULL);
	if (len > OPTION_MAX || !is_wanted(st, RTNLGRP_ND_USEROPT, NULL))
		return;
	if (nl_encode_nd_option(&b, &h, nif->index, option, (uint16_t)len))
		nl_broadcast(st, RTNLGRP_ND_USEROPT, &b, NULL);
}

void
nl_notify_init(struct netlink_stack *st)
{
	st->netif_listener.event = link_event;
	st->ip_listener.addr = addr_changed;
	st->ip_listener.route = route_changed;
	st->ip_listener.neigh = neigh_changed;
	st->ip_listener.ra_flags = router_spoke;
	st->ip_listener.ra_dns = router_dns;
	netif_add_listener(st->net, &st->netif_listener);
	ip_add_listener(st->net, &st->ip_listener);
}
