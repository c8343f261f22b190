/* SPDX-License-Identifier: MIT */
/* The network's settings: whose they are, what is refused, and what changing them does. */
#include "ip_mock.h"
#include "net_mock.h"
#include "net/sysctl.h"
#include "tests/unit/test.h"

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

static const struct net_sysctl *
row(enum net_sysctl_row r)
{
	return &net_sysctls[r];
}

static uint32_t
get(struct net_stack *net, enum net_sysctl_row r, uint32_t whose)
{
	uint32_t values[NET_SYSCTL_NUMBERS];
	return net_sysctl_get(net, row(r), whose, values) == 1 ? values[0] : UINT32_MAX;
}

static int
set(struct net_stack *net, enum net_sysctl_row r, uint32_t whose, uint32_t value)
{
	return net_sysctl_set(net, row(r), whose, &value, 1);
}

TEST(net_sysctl_has_sound_rows)
{
	for (uint32_t i = 0; i < NET_SYSCTLS; i++) {
		const struct net_sysctl *s = &net_sysctls[i];
		CHECK(s->count <= NET_SYSCTL_NUMBERS && s->low <= s->high);
		CHECK(s->count != 0 || s->hooks == NULL);
	}
}

TEST(net_sysctl_of_stack)
{
	struct net_stack *net = ip_mock_stack();
	uint32_t v[NET_SYSCTL_NUMBERS] = {2000, 1000};
	CHECK_EQ(get(net, NET_SYSCTL_IP4_ip_default_ttl, 0), 64);
	CHECK_EQ(set(net, NET_SYSCTL_IP4_ip_default_ttl, 0, 9), 0);
	CHECK_EQ(ip_sysctl(net)->default_ttl, 9);
	CHECK_EQ(get(net, NET_SYSCTL_IP4_ip_forward, 0), 0);
	const struct net_sysctl *ports = row(NET_SYSCTL_IP4_ip_local_port_range);
	CHECK_EQ(net_sysctl_set(net, ports, 0, v, 2), -EINVAL);
	CHECK_EQ(net_sysctl_get(net, ports, 0, v), 2);
	CHECK_EQ(v[0], 32768);
	CHECK_EQ(v[1], 60999);
	v[0] = 61000;
	CHECK_EQ(net_sysctl_set(net, ports, 0, v, 1), -EINVAL); /* above the last, which stays */
	v[0] = 60000;
	CHECK_EQ(net_sysctl_set(net, ports, 0, v, 1), 0);
	CHECK_EQ(ip_sysctl(net)->port_low, 60000);
	CHECK_EQ(ip_sysctl(net)->port_high, 60999);
}

TEST(net_sysctl_of_interfaces)
{
	struct net_stack *net = ip_mock_stack();
	struct netif *a = ip_mock_netif(net, mac, 1500);
	uint32_t whose = NET_SYSCTL_NETIF(a->index);
	CHECK_EQ(get(net, NET_SYSCTL_CONF6_mtu, whose), 1500);
	CHECK_EQ(set(net, NET_SYSCTL_CONF6_mtu, whose, 1400), 0);
	CHECK_EQ(get(net, NET_SYSCTL_CONF6_mtu, whose), 1400);
	CHECK_EQ(get(net, NET_SYSCTL_CONF6_mtu, NET_SYSCTL_DEFAULT), 1280);
	CHECK_EQ(set(net, NET_SYSCTL_CONF6_accept_ra, NET_SYSCTL_DEFAULT, 0), 0);
	CHECK_EQ(get(net, NET_SYSCTL_CONF6_accept_ra, whose), 1);
	struct netif *b = ip_mock_netif(net, mac, 1500);
	CHECK_EQ(get(net, NET_SYSCTL_CONF6_accept_ra, NET_SYSCTL_NETIF(b->index)), 0);
	CHECK_EQ(set(net, NET_SYSCTL_CONF6_hop_limit, NET_SYSCTL_ALL, 5), 0);
	CHECK_EQ(get(net, NET_SYSCTL_CONF6_hop_limit, whose), 5);
	CHECK_EQ(get(net, NET_SYSCTL_CONF6_hop_limit, NET_SYSCTL_DEFAULT), 5);
	CHECK_EQ(set(net, NET_SYSCTL_CONF6_hop_limit, NET_SYSCTL_NETIF(99), 5), -ENOENT);
	CHECK_EQ(get(net, NET_SYSCTL_CONF6_hop_limit, NET_SYSCTL_NETIF(99)), UINT32_MAX);
	CHECK_EQ(get(net, NET_SYSCTL_CONF4_forwarding, NET_SYSCTL_NETIF(99)), UINT32_MAX);
	CHECK_EQ(get(net, NET_SYSCTL_NEIGH6_retrans_time_ms, whose), 1000);
	CHECK_EQ(set(net, NET_SYSCTL_NEIGH6_retrans_time_ms, whose, 500), 0);
	CHECK_EQ(get(net, NET_SYSCTL_NEIGH6_retrans_time_ms, whose), 500);
}

TEST(net_sysctl_disables_ipv6)
{
	struct net_stack *net = ip_mock_stack();
	struct netif *nif = ip_mock_netif(net, mac, 1500);
	uint32_t whose = NET_SYSCTL_NETIF(nif->index);
	uint8_t frame[14 + 40] = {0x33, 0x33, 0, 0, 0, 1, 2, 9, 9, 9, 9, 9, 0x86, 0xdd,
		0x60, [20] = 59, [21] = 255, [22] = 0xfe, [23] = 0x80, [37] = 9, [38] = 0xff,
		[39] = 2, [53] = 1};
	CHECK(ip_addr_first(nif, false) != NULL);
	ip_mock_receive(nif, frame, sizeof(frame));
	CHECK(net_mock_last_drop != NET_DROP_IP6_DISABLED);
	uint64_t received = net->counters->n[NET_IP6_IN_RECEIVES];
	CHECK_EQ(set(net, NET_SYSCTL_CONF6_disable_ipv6, whose, 1), 0);
	CHECK(ip_addr_first(nif, false) == NULL);
	ip_mock_receive(nif, frame, sizeof(frame));
	CHECK_EQ(net_mock_last_drop, NET_DROP_IP6_DISABLED);
	net_mock_last_drop = 0;
	CHECK_EQ(net->counters->n[NET_IP6_IN_RECEIVES], received + 1);
	CHECK_EQ(set(net, NET_SYSCTL_CONF6_disable_ipv6, whose, 0), 0);
	CHECK(ip_addr_first(nif, false) != NULL);
	ip_mock_receive(nif, frame, sizeof(frame));
	CHECK_EQ(net_mock_last_drop, 0);
}
