/* SPDX-License-Identifier: MIT */
/* Frames that mean harm, below TCP: what each gets. docs/network.md lists them. */
#include "dev/rng/random.h"
#include "net/ip/reply_limit.h"
#include "net/ip/nd.h"
#include "tests/unit/net_stack.h"

static void
meet_peer(void)
{
	begin();
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	sent_count = 0;
}

/* How many ICMP messages of a type were sent. */
static uint32_t
count_sent(uint8_t type)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < sent_count && i < KEPT; i++)
		n += sent[i].bytes[12] == 8 && sent[i].bytes[13] == 0 &&
			sent[i].bytes[23] == IPPROTO_ICMP && sent[i].bytes[34] == type;
	return n;
}

static bool
nothing_waits(void)
{
	uint64_t bytes;
	uint32_t datagrams;
	frag_get_usage(net, &bytes, &datagrams);
	return bytes == 0 && datagrams == 0;
}

/* --- Fragments --- */

/* Part of an echo request of 64 bytes. */
static void
peer_piece(uint16_t at, size_t n, bool more)
{
	uint8_t whole[72];
	put_echo(whole, ICMP_ECHO, 3, 64);
	memcpy(frame + 34, whole + at, n);
	peer_ip4_at(PEER, OURS, IPPROTO_ICMP, n, at, more, our_mac);
}

/* RFC 5722, and the same for IPv4: whoever overlaps loses all of the datagram, the pieces before and after too. */
TEST(attack_overlapping_fragments_void_the_datagram)
{
	static const struct {
		uint16_t at;
		size_t n;
		bool more;
	} pieces[] = {{16, 24, true}, {32, 40, false}, {24, 8, true}, {0, 24, true}};
	for (uint32_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		meet_peer();
		peer_piece(16, 16, true);
		uint64_t drops = net_mock_drops;
		peer_piece(pieces[i].at, pieces[i].n, pieces[i].more);
		if (pieces[i].at != 32) {
			CHECK(net_mock_drops >= drops + 2);
			CHECK_EQ(net_mock_last_drop, NET_DROP_FRAG_OVERLAP);
		}
		peer_piece(0, 16, true);
		peer_piece(32, 40, false);
		CHECK_EQ(count_sent(ICMP_ECHO_REPLY), pieces[i].at == 32);
	}
	/* A copy of what is there is superfluous and no more. */
	meet_peer();
	peer_piece(16, 16, true);
	peer_piece(16, 16, true);
	CHECK_EQ(net_mock_last_drop, NET_DROP_FRAG_DUPLICATE);
	peer_piece(0, 16, true);
	peer_piece(32, 40, false);
	CHECK_EQ(count_sent(ICMP_ECHO_REPLY), 1);
	CHECK(nothing_waits());
}

/* RFC 1858: what goes on inside TCP's header is dropped, so that a first piece of eight bytes never becomes whole. */
TEST(attack_tiny_fragments_are_dropped)
{
	meet_peer();
	memset(frame + 34, 0, 64);
	peer_ip4_at(PEER, OURS, IPPROTO_TCP, 8, 0, true, our_mac);
	peer_ip4_at(PEER, OURS, IPPROTO_TCP, 16, 8, false, our_mac);
	CHECK_EQ(net_mock_last_drop, NET_DROP_FRAG_TINY);
	CHECK(!nothing_waits());
	ip_mock_pass(31 * NSEC_PER_SEC);
	CHECK(nothing_waits());
	CHECK_EQ(net_mock_last_drop, NET_DROP_FRAG_TIMEOUT);
}

/* An IPv6 fragment of n bytes, which lie at frame + 62; next: the header that follows. */
static void
peer_fragment6(uint8_t next, uint32_t id, uint16_t at, bool more, size_t n)
{
	struct net_addr own = our_link_local();
	struct ip6_header h = {
		.payload_len = (uint16_t)(8 + n), .next = IPPROTO_FRAGMENT, .hop_limit = 64};
	struct ip6_fragment f = {.id = id, .offset = at, .more = more};
	memcpy(h.src, &peer6, 16);
	memcpy(h.dst, &own, 16);
	ether_write(frame, our_mac, peer_mac, ETHER_TYPE_IP6);
	ip6_encode(frame + 14, &h);
	ip6_encode_fragment(frame + 54, next, &f);
	ip_mock_receive(eth, frame, 62 + n);
}

/* An echo request of 16 bytes for our address, at frame + 62. */
static void
put_echo6(void)
{
	struct net_addr own = our_link_local();
	put_echo(frame + 62, ICMP6_ECHO, 5, 16);
	frame[64] = frame[65] = 0;
	uint64_t sum = checksum_pseudo(&peer6, &own, 16, 24, 58);
	uint16_t field = checksum_finish(checksum_add(sum, frame + 62, 24));
	memcpy(frame + 64, &field, 2);
}

/* RFC 6946: a fragment that is the whole datagram has nothing to do with others that have its id. */
TEST(attack_atomic_fragments_stand_alone)
{
	begin();
	peer_solicits(our_link_local(), 255);
	sent_count = 0;
	memset(frame + 62, 0, 64);
	peer_fragment6(58, 9, 64, true, 64); /* one that waits under the same id */
	put_echo6();
	peer_fragment6(58, 9, 0, false, 24);
	CHECK_EQ(sent_count, 1);
	CHECK_EQ(last()[54], ICMP6_ECHO_REPLY);
	CHECK(!nothing_waits());
	ip_mock_pass(70 * NSEC_PER_SEC);
	CHECK(nothing_waits());
}

/* RFC 7112: the first fragment has the whole chain of headers, the transport's too. */
TEST(attack_header_chains_across_fragments_are_dropped)
{
	begin();
	peer_solicits(our_link_local(), 255);
	memset(frame + 62, 0, 64);
	frame[62] = 58; /* destination options of 16 bytes, and nothing of the ICMP header */
	frame[63] = 1;
	frame[64] = 1;
	frame[65] = 12;
	peer_fragment6(60, 10, 0, true, 16);
	CHECK_EQ(net_mock_last_drop, NET_DROP_FRAG_TINY);
	peer_fragment6(17, 11, 0, true, 0); /* no header at all */
	CHECK(nothing_waits());
}

/* --- Errors that somebody made up --- */

/* An ICMP error that quotes n bytes of what was sent last. */
static void
peer_error(uint8_t type, uint8_t code, uint32_t word, const uint8_t *quoted, size_t n)
{
	memcpy(frame + 42, quoted, n);
	icmp_encode(frame + 34, &(struct icmp_header){.type = type, .code = code, .word = word});
	uint16_t sum = checksum_finish(checksum_add(0, frame + 34, 8 + n));
	memcpy(frame + 36, &sum, 2);
	peer_ip4(IPPROTO_ICMP, 8 + n);
}

static uint32_t
mtu_to(struct net_addr a)
{
	struct net_flow flow = {.remote = a};
	struct route_ref ref;
	route_ref_init(&ref);
	CHECK_EQ(route_resolve(net, &ref, &flow), 0);
	uint32_t mtu = ref.mtu;
	route_ref_drop(&ref);
	return mtu;
}

/* Errors about packets that nobody here sent change nothing; a path MTU has a floor of 552 bytes (IPv6: 1280). */
TEST(attack_forged_errors_are_not_believed)
{
	struct endpoint e;
	uint8_t quoted[28];
	meet_peer();
	endpoint_bind(&e, net_addr_v4(0), 53);
	CHECK_EQ(endpoint_send(&e, net_addr_v4(PEER), 9, 20), 0);
	memcpy(quoted, last() + 14, 28);
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t forged[28];
		memcpy(forged, quoted, 28);
		forged[(const uint8_t[]){12, 21, 9, 0}[i]] ^=
			0x21; /* source, port, protocol, version */
		peer_error(3, 4, 600, forged, 28);
		peer_error(3, 3, 0, forged, 28);
	}
	peer_error(3, 4, 600, quoted, 24); /* too little to know whose it was */
	CHECK_EQ(mtu_to(net_addr_v4(PEER)), 1500);
	CHECK_EQ(e.errors, 0);
	peer_error(3, 4, 1, quoted, 28);
	CHECK_EQ(mtu_to(net_addr_v4(PEER)), 552);
	route_update_pmtu(net, &far6, 100);
	mutex_lock(&net->config_lock);
	struct fib_spec s = {.dst = far6, .prefix = 128, .netif = eth, .type = ROUTE_TYPE_UNICAST};
	CHECK_EQ(route_change(net, &s, FIB_CREATE), 0);
	mutex_unlock(&net->config_lock);
	CHECK_EQ(mtu_to(far6), 1280);
	udp_unbind(&e.end, UDP_KIND_UDP);
}

/* The table of learnt path MTUs is bounded, whoever fills it. */
TEST(attack_path_mtu_flood_is_bounded)
{
	begin();
	int64_t before = net_mock_objects;
	for (uint32_t i = 0; i < 20000; i++) {
		struct net_addr a = net_addr_v4(net_swap32(0x0c000000 + i));
		route_update_pmtu(net, &a, 1000);
		if (i % 256 == 0)
			ip_mock_pass(0);
	}
	ip_mock_pass(0);
	CHECK(net_mock_objects - before <= 1024 + 8);
	ip_mock_pass(700 * NSEC_PER_SEC);
	CHECK(net_mock_objects - before <= 8); /* the table itself */
}

/* --- Who one is, and where packets go --- */

TEST(attack_redirects_are_not_heeded)
{
	struct endpoint e;
	uint8_t quoted[28];
	meet_peer();
	endpoint_bind(&e, net_addr_v4(0), 53);
	struct fib_spec s = {.v4 = true,
		.dst = net_addr_v4(0),
		.has_gateway = true,
		.gateway = net_addr_v4(PEER),
		.netif = eth,
		.type = ROUTE_TYPE_UNICAST};
	mutex_lock(&net->config_lock);
	CHECK_EQ(route_change(net, &s, FIB_CREATE), 0);
	mutex_unlock(&net->config_lock);
	struct net_addr far = net_addr_v4(net_swap32(0x08080808));
	CHECK_EQ(endpoint_send(&e, far, 9, 20), 0);
	memcpy(quoted, last() + 14, 28);
	uint32_t generation = route_generation(net, true), routes = net->routes4->fib.count;
	peer_error(5, 1, net_swap32(net_swap32(0x0a000063)), quoted, 28);
	CHECK_EQ(net_mock_last_drop, NET_DROP_ICMP_IGNORED);
	CHECK(route_generation(net, true) == generation && net->routes4->fib.count == routes);
	CHECK_EQ(endpoint_send(&e, far, 9, 20), 0);
	CHECK_MEM(last(), peer_mac, 6);
	/* IPv6's. */
	routes = net->routes6->fib.count;
	memset(frame + 54, 0, 40);
	frame[54] = 137;
	memcpy(frame + 62, &peer6, 16);
	memcpy(frame + 78, &far6, 16);
	peer_icmp6(peer6, our_link_local(), 40, 255);
	CHECK_EQ(net->routes6->fib.count, routes);
	udp_unbind(&e.end, UDP_KIND_UDP);
}

TEST(attack_source_routes_are_dropped)
{
	static const uint8_t kinds[] = {131, 137}; /* loose, strict */
	for (uint32_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		meet_peer();
		ether_write(frame, our_mac, peer_mac, ETHER_TYPE_IP4);
		uint8_t h[28] = {
			0x47, 0, 0, 44, 0, 1, 0, 0, 64, 1, [20] = kinds[i], 7, 4, 10, 0, 0, 9};
		uint32_t src = PEER, dst = OURS;
		memcpy(h + 12, &src, 4);
		memcpy(h + 16, &dst, 4);
		uint16_t sum = checksum_finish(checksum_add(0, h, sizeof(h)));
		memcpy(h + 10, &sum, 2);
		memcpy(frame + 14, h, sizeof(h));
		put_echo(frame + 42, ICMP_ECHO, 1, 8);
		ip_mock_receive(eth, frame, 58);
		CHECK_EQ(net_mock_last_drop, NET_DROP_SOURCE_ROUTE);
		CHECK_EQ(sent_count, 0);
	}
}

/* Sources that are loopback's, ours or nobody's, on a wire: also after the same source was remembered as a stranger's. */
TEST(attack_spoofed_sources_are_dropped)
{
	meet_peer();
	uint32_t later = net_swap32(0x0a000055);
	for (uint32_t i = 0; i < 2; i++) {
		put_echo(frame + 34, ICMP_ECHO, 5, 8);
		uint64_t drops = net_mock_drops;
		peer_ip4_at(later, OURS, IPPROTO_ICMP, 16, 0, false, our_mac);
		CHECK_EQ(net_mock_drops, drops);
	}
	add_address(eth, net_addr_v4(later), 24);
	peer_ip4_at(later, OURS, IPPROTO_ICMP, 16, 0, false, our_mac);
	CHECK_EQ(net_mock_last_drop, NET_DROP_MARTIAN);
	static const struct net_addr sources[] = {{.b = {[15] = 1}}, {.b = {0xff, 2, [15] = 1}},
		{.b = {[10] = 0xff, 0xff, 10, 0, 0, 2}}};
	for (uint32_t i = 0; i < ARRAY_SIZE(sources); i++) {
		put_echo(frame + 54, ICMP6_ECHO, 5, 16);
		peer_icmp6(sources[i], our_link_local(), 24, 64);
		CHECK_EQ(net_mock_last_drop, NET_DROP_MARTIAN);
	}
	uint64_t drops = net_mock_drops;
	put_echo(frame + 54, ICMP6_ECHO, 5, 16);
	peer_icmp6(our_link_local(), our_link_local(), 24, 64);
	CHECK_EQ(net_mock_drops, drops + 1);
	CHECK_EQ(net_mock_last_drop, NET_DROP_MARTIAN);
}

static void
count_neighbour(const struct neigh_info *info, void *n)
{
	++*(uint32_t *)n;
}

/* A scan of a /64 makes no more neighbours than the table holds, and does not push out who is spoken to. */
TEST(attack_scan_of_a_64_does_not_exhaust_neighbours)
{
	struct endpoint e;
	begin();
	add_address(eth, (struct net_addr){.b = {0x20, 1, 0xd, 0xb8, [15] = 1}}, 64);
	ip_mock_pass(5 * NSEC_PER_SEC);
	endpoint_bind(&e, (struct net_addr){0}, 1000);
	int64_t pages = net_mock_pages;
	for (uint32_t i = 0; i < 20000; i++) {
		struct net_addr a = {.b = {0x20, 1, 0xd, 0xb8, [13] = (uint8_t)(i >> 16),
					     (uint8_t)(i >> 8), (uint8_t)i}};
		a.b[8] = 1;
		int err = endpoint_send(&e, a, 9, 1);
		CHECK(err == 0 || err == -ENOBUFS);
	}
	uint32_t n = 0;
	neigh_for_each(net, count_neighbour, &n);
	CHECK(n > 100 && n <= 4096);
	/* Somebody new is still reached. */
	sent_count = 0;
	peer_solicits(our_link_local(), 255);
	CHECK(sent_count >= 1);
	ip_mock_pass(60 * NSEC_PER_SEC);
	CHECK_EQ(net_mock_pages, pages);
	udp_unbind(&e.end, UDP_KIND_UDP);
}

/* --- What answers give away --- */

/*
 * CVE-2020-25705 (SAD DNS): how many answers are left in a second must not be countable by who can spoof sources. Probes
 * of closed ports with many sources get about the bucket's burst; how many exactly differs from time to time.
 */
TEST(attack_icmp_limits_cannot_be_counted)
{
	uint32_t seen[8], kinds = 0;
	for (uint32_t round = 0; round < ARRAY_SIZE(seen); round++) {
		struct reply_limit l = {0};
		uint32_t n = 0;
		for (uint32_t i = 0; i < 2000; i++)
			n += reply_limit_take(
				&l, &icmp_reply_rule, i, (uint32_t)random_u64(), NSEC_PER_SEC);
		seen[round] = n;
		CHECK(n >= ICMP_REPLY_BURST / 4 && n <= ICMP_REPLY_BURST);
		bool is_new = true;
		for (uint32_t i = 0; i < round; i++)
			is_new &= seen[i] != n;
		kinds += is_new;
	}
	CHECK(kinds > 1);
}

/* Closed ports: errors come at a bounded rate, and never for broadcasts, groups, or errors. */
TEST(attack_errors_are_limited_and_answer_no_errors)
{
	meet_peer();
	for (uint32_t i = 0; i < 500; i++) {
		put_udp(frame + 34, 4000, (uint16_t)(10000 + i), 1);
		peer_ip4(IPPROTO_UDP, 9);
	}
	CHECK(sent_count >= 1 && sent_count <= ICMP_REPLY_BURST);
	ip_mock_pass(5 * NSEC_PER_SEC);
	sent_count = 0;
	put_udp(frame + 34, 4000, 1, 1);
	frame[40] = frame[41] = 0; /* no checksum, since the destination is another */
	peer_ip4_at(PEER, net_swap32(0x0a0000ff), IPPROTO_UDP, 9, 0, false, all_mac);
	peer_ip4_at(PEER, UINT32_MAX, IPPROTO_UDP, 9, 0, false, all_mac);
	uint8_t quoted[28] = {0x45};
	peer_error(3, 3, 0, quoted, 28);
	peer_error(12, 0, 0, quoted, 28);
	CHECK_EQ(count_sent(ICMP_UNREACHABLE), 0);
}

/* IP ids tell nobody how much is sent to others, and the next one cannot be told from the last. */
TEST(attack_ip_ids_are_unpredictable)
{
	uint32_t same_step = 0, in_order = 0;
	uint16_t before = 0, step = 0;
	begin();
	for (uint32_t i = 0; i < 200; i++) {
		uint16_t id = ip4_next_id(net, OURS, PEER, 17);
		for (uint32_t k = 0; k < i % 3; k++)
			(void)ip4_next_id(net, OURS, net_swap32(0x08080808 + k), 17);
		same_step += (uint16_t)(id - before) == step;
		step = (uint16_t)(id - before);
		before = id;
		in_order += ip4_next_id(net, OURS, net_swap32(0x09000000 + i), 17) ==
			(uint16_t)(id + 1);
	}
	CHECK(same_step < 100);
	CHECK(in_order < 10);
}
