/* SPDX-License-Identifier: MIT */
/* Groups that sockets are in, while the routes that chose their interface change. */
#include <string.h>

#include "net/ip/internal.h"
#include "net/sock/inet.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/uni.h"
#include "tests/unit/test.h"

#define GROUP 0xef010203u /* 239.1.2.3 */

static struct net_stack *net;
static struct netif *eth[2], *routed;

/* Groups are that interface's from now on; NULL: nobody's. */
static void
route_groups_to(struct netif *nif)
{
	struct fib_spec s = {.v4 = true,
		.dst = net_addr_v4(net_swap32(0xe0000000u)),
		.prefix = 4,
		.netif = routed};
	mutex_lock(&net->config_lock);
	if (routed != NULL)
		CHECK_EQ(route_delete(net, &s), 0);
	s.netif = routed = nif;
	if (nif != NULL)
		CHECK_EQ(route_change(net, &s, FIB_CREATE | FIB_EXCL), 0);
	mutex_unlock(&net->config_lock);
}

static int
set(struct sock *s, int name, uint32_t ifindex)
{
	struct ip_mreqn_user m = {.multiaddr = net_swap32(GROUP), .ifindex = (int32_t)ifindex};
	return s->ops->setsockopt(s, SOL_IP, name, &m, sizeof(m));
}

static bool
is_in(const struct netif *nif)
{
	struct net_addr group = net_addr_v4(net_swap32(GROUP));
	return ip_group_is_member(nif, &group);
}

static struct sock *
begin(void)
{
	net = uni_begin();
	routed = NULL;
	for (uint32_t i = 0; i < 2; i++)
		eth[i] = uni_ethernet(0x0a000001u + (i << 8));
	return netstack_socket(net, AF_INET, SOCK_DGRAM);
}

TEST(groups_are_left_where_they_were_joined)
{
	struct sock *s = begin();
	CHECK_EQ(set(s, IP_ADD_MEMBERSHIP, 0), -ENODEV);
	route_groups_to(eth[0]);
	CHECK_EQ(set(s, IP_ADD_MEMBERSHIP, 0), 0);
	CHECK(is_in(eth[0]) && !is_in(eth[1]));
	CHECK_EQ(set(s, IP_ADD_MEMBERSHIP, eth[0]->index), -EADDRINUSE);
	route_groups_to(eth[1]);
	CHECK_EQ(set(s, IP_ADD_MEMBERSHIP, 0), 0);
	CHECK(is_in(eth[0]) && is_in(eth[1]));
	CHECK_EQ(set(s, IP_DROP_MEMBERSHIP, 0), 0);
	CHECK(is_in(eth[0]) && !is_in(eth[1]));
	CHECK_EQ(set(s, IP_DROP_MEMBERSHIP, 0), -EADDRNOTAVAIL);
	route_groups_to(NULL);
	CHECK_EQ(set(s, IP_DROP_MEMBERSHIP, 0), -ENODEV);
	CHECK_EQ(set(s, IP_DROP_MEMBERSHIP, eth[0]->index), 0);
	CHECK(!is_in(eth[0]));
	netstack_close(s);
}

TEST(groups_end_with_their_socket_whatever_became_of_the_routes)
{
	struct sock *s = begin();
	route_groups_to(eth[0]);
	CHECK_EQ(set(s, IP_ADD_MEMBERSHIP, 0), 0);
	route_groups_to(eth[1]);
	CHECK(is_in(eth[0]));
	netstack_close(s);
	CHECK(!is_in(eth[0]) && !is_in(eth[1]));
	route_groups_to(NULL);
}

/* IPv6's groups need no route: who names no interface gets the first that is up. */
TEST(groups_of_ipv6_need_no_route)
{
	struct sock *four = begin(), *s = netstack_socket(net, AF_INET6, SOCK_DGRAM);
	struct ipv6_mreq_user m = {.multiaddr = {0xff, 2, [15] = 0xfb}};
	struct net_addr group;
	memcpy(group.b, m.multiaddr, sizeof(group.b));
	CHECK_EQ(s->ops->setsockopt(s, SOL_IPV6, IPV6_JOIN_GROUP, &m, sizeof(m)), 0);
	CHECK(ip_group_is_member(eth[0], &group) != ip_group_is_member(eth[1], &group));
	CHECK_EQ(s->ops->setsockopt(s, SOL_IPV6, IPV6_LEAVE_GROUP, &m, sizeof(m)), 0);
	CHECK(!ip_group_is_member(eth[0], &group) && !ip_group_is_member(eth[1], &group));
	netstack_close(s);
	netstack_close(four);
}

/* Without IP_MULTICAST_ALL a socket hears what it joined where it joined it, and what this host sent itself. */
TEST(groups_are_heard_where_they_were_joined)
{
	struct sock *s = begin();
	struct net_flow flow = {.local = net_addr_v4(net_swap32(GROUP)), .ifindex = eth[1]->index};
	int32_t off = 0;
	CHECK_EQ(set(s, IP_ADD_MEMBERSHIP, eth[0]->index), 0);
	CHECK(inet_group_wanted(inet_of(s), &flow));
	CHECK_EQ(s->ops->setsockopt(s, SOL_IP, IP_MULTICAST_ALL, &off, sizeof(off)), 0);
	CHECK(!inet_group_wanted(inet_of(s), &flow));
	flow.ifindex = eth[0]->index;
	CHECK(inet_group_wanted(inet_of(s), &flow));
	flow.ifindex = net->loopback->index;
	CHECK(inet_group_wanted(inet_of(s), &flow));
	netstack_close(s);
}
