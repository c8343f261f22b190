/* SPDX-License-Identifier: MIT */
/* Several routers on one link: which of them a packet goes through (RFC 4861, 6.3.6; RFC 4191; RFC 1122, 3.3.1.4). */
#include "core/timer.h"
#include "net/link/neigh_impl.h"
#include "tests/unit/net_stack.h"

static const struct net_addr nodes = {.b = {0xff, 2, [15] = 1}};
static const struct net_addr other6 = {.b = {0xfe, 0x80, [15] = 3}};

/* An advertisement of a router (the link address is always the peer's), with the preference bits of its flags. */
static void
advertise(struct net_addr router, uint16_t lifetime, uint8_t preference)
{
	size_t n = put_ra(frame + 54, lifetime, 7200, router.b[15]);
	frame[54 + 5] = (uint8_t)(preference << 3);
	peer_icmp6(router, nodes, n, 255);
	ip_mock_pass(5 * NSEC_PER_SEC);
}

/* A router says that it is there, to one who asked. */
static void
answer(struct net_addr router, struct net_addr to)
{
	uint8_t *m = frame + 54;
	memset(m, 0, 32);
	m[0] = 136;
	m[4] = 0xe0; /* router, solicited, override */
	memcpy(m + 8, &router, 16);
	m[24] = 2;
	m[25] = 1;
	memcpy(m + 26, peer_mac, 6);
	peer_icmp6(router, to, 32, 255);
}

static struct net_addr
gateway_now(const struct net_addr *to)
{
	struct net_flow flow = {.remote = *to};
	struct route_ref ref;
	struct net_addr gateway = {0};
	route_ref_init(&ref);
	CHECK_EQ(route_resolve(net, &ref, &flow), 0);
	if (ref.neigh != NULL)
		gateway = ref.neigh->addr;
	route_ref_drop(&ref);
	return gateway;
}

#define CHECK_GATEWAY(to, router)                        \
	do {                                             \
		struct net_addr g_ = gateway_now(&(to)); \
		CHECK_EQ(g_.b[15], (router).b[15]);      \
	} while (0)

/* Sends a datagram to a far host over the way as it is, and lets neighbours be silent for long enough to be given up. */
static void
send_into_silence(struct net_addr to)
{
	struct net_flow flow = {.remote = to};
	struct route_ref ref;
	route_ref_init(&ref);
	CHECK_EQ(route_resolve(net, &ref, &flow), 0);
	struct pkt *p = pkt_alloc();
	CHECK(p != NULL);
	(void)ip_output(net, &ref, p, &flow, 0, 0, IPPROTO_UDP);
	route_ref_drop(&ref);
	ip_mock_pass(12 * NSEC_PER_SEC);
}

static nsec_t asked_at[32];
static uint32_t asked;

static void
see_solicitations(struct netif *nif, const uint8_t *bytes, size_t n)
{
	(void)nif;
	if (n > 54 && bytes[20] == 58 && bytes[54] == 133 && asked < 32)
		asked_at[asked++] = time_now();
}

TEST(routers_are_asked_for_ever_more_seldom)
{
	begin(); /* three of them are over */
	ip_mock_sent = see_solicitations;
	asked = 0;
	for (int i = 0; i < 24 * 3600; i += 10)
		ip_mock_pass(10 * NSEC_PER_SEC);
	CHECK(asked > 24 && asked < 34 - 2);
	for (uint32_t i = 2; i < asked; i++) {
		nsec_t before = asked_at[i - 1] - asked_at[i - 2],
		       wait = asked_at[i] - asked_at[i - 1];
		bool twice = wait >= before * 19 / 10 && wait <= before * 21 / 10;
		CHECK(wait > 3240 * NSEC_PER_SEC ? wait < 3970 * NSEC_PER_SEC : twice);
	}
	/* One that is no default router is no answer. */
	uint32_t before = asked;
	asked = before - 8;
	advertise(peer6, 0, 0);
	ip_mock_pass(4000 * NSEC_PER_SEC);
	CHECK(asked > before - 8);
	advertise(peer6, 1800, 0);
	asked = 0;
	ip_mock_pass(9000 * NSEC_PER_SEC);
	CHECK_EQ(asked, 0);
}

/* RFC 6980: nothing of neighbour discovery is believed that came in fragments, be it only one. */
TEST(routers_do_not_speak_in_fragments)
{
	struct net_flow flow = {.remote = far6};
	struct route_ref ref;
	begin();
	route_ref_init(&ref);
	size_t n = put_ra(frame + 62, 1800, 7200, 1);
	struct ip6_header h = {.payload_len = (uint16_t)(n + 8), .next = 44, .hop_limit = 255};
	memcpy(h.src, &peer6, 16);
	memcpy(h.dst, &nodes, 16);
	ether_write(frame, (const uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, peer_mac, ETHER_TYPE_IP6);
	ip6_encode(frame + 14, &h);
	ip6_encode_fragment(frame + 54, 58, &(struct ip6_fragment){.id = 1});
	uint64_t sum = checksum_pseudo(&peer6, &nodes, 16, (uint32_t)n, 58);
	uint16_t field = checksum_finish(checksum_add(sum, frame + 62, n));
	memcpy(frame + 64, &field, 2);
	net_mock_last_drop = 0;
	ip_mock_receive(eth, frame, 62 + n);
	CHECK_EQ(net_mock_last_drop, NET_DROP_ND_INVALID);
	ip_mock_pass(5 * NSEC_PER_SEC);
	CHECK_EQ(route_resolve(net, &ref, &flow), -ENETUNREACH);
}

TEST(routers_are_taken_by_their_preference)
{
	begin();
	advertise(peer6, 1800, 3); /* low */
	CHECK_GATEWAY(far6, peer6);
	advertise(other6, 1800, 0); /* medium */
	CHECK_GATEWAY(far6, other6);
	advertise(peer6, 1800, 1); /* high, now */
	CHECK_GATEWAY(far6, peer6);
	advertise(peer6, 1800, 2); /* reserved: as medium, and the other is no worse */
	advertise(other6, 1800, 1);
	CHECK_GATEWAY(far6, other6);
	advertise(other6, 0, 1); /* no router any more */
	CHECK_GATEWAY(far6, peer6);
}

/* A router that is none for all may be one for a prefix (RFC 4191, 2.3: route information). */
TEST(routers_may_serve_one_prefix)
{
	static const uint8_t option[16] = {24, 2, 32, 0, 0, 0, 7, 8, 0x2a};
	begin();
	advertise(peer6, 1800, 1);
	size_t n = put_ra(frame + 54, 0, 7200, 3);
	memcpy(frame + 54 + n, option, sizeof(option));
	peer_icmp6(other6, nodes, n + sizeof(option), 255);
	ip_mock_pass(5 * NSEC_PER_SEC);
	struct net_addr elsewhere = far6;
	elsewhere.b[0] = 0x2b;
	CHECK_GATEWAY(far6, other6);
	CHECK_GATEWAY(elsewhere, peer6);
	ip_mock_pass(1801 * NSEC_PER_SEC);
	advertise(peer6, 1800, 1);
	CHECK_GATEWAY(far6, peer6); /* its lifetime is over */
}

TEST(routers_that_are_silent_are_passed_over_until_they_are_back)
{
	begin();
	advertise(peer6, 1800, 1);
	advertise(other6, 1800, 0);
	CHECK_GATEWAY(far6, peer6);
	send_into_silence(far6); /* the preferred one does not answer */
	CHECK_GATEWAY(far6, other6);
	/* It is asked again, but not for every packet: it has a minute. */
	sent_count = 0;
	CHECK_GATEWAY(far6, other6);
	CHECK_EQ(sent_count, 0);
	ip_mock_pass(61 * NSEC_PER_SEC);
	sent_count = 0;
	CHECK_GATEWAY(far6, other6);
	CHECK_EQ(sent_count, 1);
	CHECK_EQ(last()[54], 135);
	/* What was resolved in the meantime finds the way back, too. */
	struct net_flow flow = {.remote = far6};
	struct route_ref ref;
	route_ref_init(&ref);
	CHECK_EQ(route_resolve(net, &ref, &flow), 0);
	CHECK(route_is_valid(net, &ref, false));
	answer(peer6, flow.local);
	CHECK(!route_is_valid(net, &ref, false));
	route_ref_drop(&ref);
	CHECK_GATEWAY(far6, peer6);
}

TEST(routers_that_are_all_silent_have_their_turns)
{
	begin();
	advertise(peer6, 1800, 1);
	advertise(other6, 1800, 0);
	for (int i = 0; i < 4; i++) {
		CHECK_GATEWAY(far6, i % 2 == 0 ? peer6 : other6);
		send_into_silence(far6);
	}
}

/* Of an administrator's routes, too: another metric for the one that stands in. */
TEST(routers_of_ipv4_stand_in_for_each_other)
{
	struct net_addr first = net_addr_v4(PEER), second = net_addr_v4(net_swap32(0x0a000003u));
	struct net_addr far = net_addr_v4(net_swap32(0x08080808u));
	begin();
	mutex_lock(&net->config_lock);
	for (uint32_t i = 0; i < 2; i++) {
		struct fib_spec s = {.gateway = i == 0 ? first : second,
			.has_gateway = true,
			.v4 = true,
			.dst = net_addr_v4(0),
			.metric = 100 * i,
			.netif = eth};
		CHECK_EQ(route_change(net, &s, FIB_CREATE | FIB_EXCL), 0);
	}
	mutex_unlock(&net->config_lock);
	CHECK_GATEWAY(far, first);
	send_into_silence(far);
	CHECK_GATEWAY(far, second);
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac); /* it is back, and asks for us */
	CHECK_GATEWAY(far, first);
}

/* What is no way to another host has no gateway to be chosen, whatever it says. */
TEST(routers_are_those_of_unicast_routes)
{
	struct net_addr far = net_addr_v4(net_swap32(0x08080808u));
	struct net_flow flow = {.remote = far};
	struct route_ref ref;
	begin();
	route_ref_init(&ref);
	mutex_lock(&net->config_lock);
	for (uint32_t i = 0; i < 2; i++) {
		struct fib_spec s = {.gateway = net_addr_v4(PEER),
			.has_gateway = true,
			.v4 = true,
			.dst = far,
			.prefix = 32,
			.type = ROUTE_TYPE_BROADCAST,
			.metric = 100 * i,
			.netif = eth};
		CHECK_EQ(route_change(net, &s, FIB_CREATE | FIB_EXCL), 0);
	}
	mutex_unlock(&net->config_lock);
	CHECK_EQ(route_resolve(net, &ref, &flow), -EACCES);
}

/* Two prefixes of two routers: the source is the one that fits, and stays when the router does not. */
TEST(routers_announce_prefixes_that_sources_come_from)
{
	begin();
	advertise(peer6, 1800, 0);  /* 2001:db8:0:2::/64 */
	advertise(other6, 1800, 0); /* 2001:db8:0:3::/64 */
	for (uint8_t i = 2; i <= 3; i++) {
		struct net_flow flow = {.remote = {.b = {0x20, 1, 0xd, 0xb8, [7] = i, [15] = 9}}};
		struct route_ref ref;
		route_ref_init(&ref);
		CHECK_EQ(route_resolve(net, &ref, &flow), 0);
		CHECK_EQ(flow.local.b[7], i); /* on the link, from the same prefix */
		CHECK(net_addr_equal(&ref.neigh->addr, &flow.remote));
		route_ref_drop(&ref);
	}
}

/* A neighbour may say so as often as it likes while nobody has time for it; routers are heard all the same. */
TEST(routers_that_are_said_to_be_gone_wait_in_bounds)
{
	begin();
	int64_t before = net_mock_objects;
	for (uint32_t i = 0; i < 1000; i++)
		nd_router_gone(eth, &other6);
	CHECK(net_mock_objects - before <= 8);
	advertise(peer6, 1800, 0);
	CHECK_GATEWAY(far6, peer6);
	advertise(other6, 1800, 1);
	CHECK_GATEWAY(far6, other6);
	nd_router_gone(eth, &other6);
	ip_mock_pass(0);
	CHECK_GATEWAY(far6, peer6);
}
