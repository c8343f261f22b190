/* SPDX-License-Identifier: MIT */
/* The IP stack as a whole: frames in, frames out, in virtual time, with a peer that is made of bytes. */
#include "tests/unit/net_stack.h"

/* --- ARP and echo --- */

TEST(stack_answers_arp_for_its_own_addresses_only)
{
	begin();
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	CHECK_EQ(sent_count, 1);
	struct arp a;
	CHECK(arp_decode(last() + 14, 28, &a));
	CHECK(a.op == ARP_REPLY && a.sender == OURS && a.target == PEER);
	CHECK_MEM(last(), peer_mac, 6);
	CHECK_MEM(a.sender_mac, our_mac, 6);
	peer_arp(ARP_REQUEST, PEER, net_swap32(0x0a000003u), all_mac);
	peer_arp(ARP_REQUEST, PEER, net_swap32(0x7f000001u), all_mac);
	CHECK_EQ(sent_count, 1);
	peer_arp(ARP_REQUEST, 0, OURS, all_mac); /* a probe is answered too */
	CHECK_EQ(sent_count, 2);
}

static uint32_t neighbours;

static void
count_neighbour(const struct neigh_info *info, void *ctx)
{
	if ((info->state & NUD_NOARP) == 0 && info->addr.w[2] == 0xffff0000u)
		neighbours++;
}

static uint32_t
count_neighbours(void)
{
	neighbours = 0;
	neigh_for_each(net, count_neighbour, NULL);
	return neighbours;
}

TEST(stack_learns_neighbours_only_as_rfc_826_says)
{
	begin();
	peer_arp(ARP_REPLY, PEER, OURS, our_mac);                      /* nobody asked */
	peer_arp(ARP_REQUEST, PEER, PEER, all_mac);                    /* gratuitous */
	peer_arp(ARP_REQUEST, PEER, net_swap32(0x0a000009u), all_mac); /* of another */
	peer_arp(ARP_REQUEST, net_swap32(0xc0a80001u), OURS, all_mac); /* not on this link */
	peer_arp(ARP_REQUEST, OURS, OURS, all_mac);                    /* our own address */
	CHECK_EQ(count_neighbours(), 0);
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	CHECK_EQ(count_neighbours(), 1);
}

TEST(stack_answers_echo_after_resolving_the_peer)
{
	begin();
	put_echo(frame + 34, ICMP_ECHO, 5, 100);
	peer_ip4(IPPROTO_ICMP, 108);
	CHECK_EQ(sent_count, 1);
	CHECK_EQ(load_be16(last() + 12), ETHER_TYPE_ARP);
	peer_arp(ARP_REPLY, PEER, OURS, our_mac);
	CHECK_EQ(sent_count, 2);
	struct ip4_header h;
	CHECK_EQ(ip4_decode(last() + 14, sent[1].len - 14, sent[1].len - 14, &h), IP4_OK);
	CHECK(h.src == OURS && h.dst == PEER && h.protocol == IPPROTO_ICMP && h.total_len == 128);
	CHECK_EQ(last()[34], ICMP_ECHO_REPLY);
	CHECK_EQ(checksum_fold(checksum_add(0, last() + 34, 108)), 0xffff);
	put_echo(frame + 34, ICMP_ECHO, 5, 10);
	frame[34 + 9] ^= 1; /* a wrong checksum */
	peer_ip4(IPPROTO_ICMP, 18);
	put_echo(frame + 34, ICMP_ECHO, 5, 10);
	peer_ip4_at(PEER, net_swap32(0x0a0000ffu), IPPROTO_ICMP, 18, 0, false, all_mac);
	CHECK_EQ(sent_count, 2); /* broadcasts are not answered */
}

/* RFC 1122, 3.2.2: what nobody knows gets no answer, and no error. */
TEST(stack_drops_icmp_of_unknown_types)
{
	static const uint8_t unknown[] = {1, 2, 7, 19, 44, 99, 252, 255};
	begin();
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	sent_count = 0;
	for (size_t i = 0; i < sizeof(unknown); i++) {
		put_echo(frame + 34, unknown[i], 5, 100);
		peer_ip4(IPPROTO_ICMP, 108);
		CHECK_EQ(net_mock_last_drop, NET_DROP_ICMP_IGNORED);
		CHECK_EQ(icmp_counted(net, true, ICMP_WAY_IN, unknown[i]), 1);
	}
	CHECK_EQ(sent_count, 0);
	put_echo(frame + 34, ICMP_ECHO, 5, 100);
	peer_ip4(IPPROTO_ICMP, 108);
	CHECK_EQ(sent_count, 1);
	CHECK_EQ(icmp_counted(net, true, ICMP_WAY_OUT, ICMP_ECHO_REPLY), 1);
}

/* Sends an echo request of data bytes in fragments of 1480, in an order. */
static void
peer_big_echo(size_t data, bool backwards)
{
	static uint8_t whole[65536];
	size_t total = 8 + data, pieces = (total + 1479) / 1480;
	put_echo(whole, ICMP_ECHO, 6, data);
	for (size_t i = 0; i < pieces; i++) {
		size_t k = backwards ? pieces - 1 - i : i, at = k * 1480;
		size_t n = total - at < 1480 ? total - at : 1480;
		memcpy(frame + 34, whole + at, n);
		peer_ip4_at(PEER, OURS, IPPROTO_ICMP, n, (uint16_t)at, at + n < total, our_mac);
	}
}

static void
check_big_reply(size_t data)
{
	static uint8_t whole[65536];
	size_t total = 8 + data, got = 0;
	memset(whole, 0, sizeof(whole));
	for (uint32_t i = 0; i < sent_count && i < KEPT; i++) {
		struct ip4_header h;
		CHECK_EQ(ip4_decode(sent[i].bytes + 14, sent[i].len - 14, sent[i].len - 14, &h),
			IP4_OK);
		CHECK_EQ(h.more, h.offset + h.total_len - 20u < total);
		memcpy(whole + h.offset, sent[i].bytes + 34, h.total_len - 20u);
		got += h.total_len - 20u;
	}
	CHECK_EQ(got, total);
	CHECK_EQ(whole[0], ICMP_ECHO_REPLY);
	CHECK_EQ(checksum_fold(checksum_add(0, whole, total)), 0xffff);
	CHECK_EQ(whole[total - 1], (uint8_t)((data - 1) * 7 + (data - 1) / 256));
}

TEST(stack_echoes_big_packets_in_fragments)
{
	static const size_t sizes[] = {1473, 2952, 9000, 30000, 65507};
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes) * 2; i++) {
		begin();
		peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
		sent_count = 0;
		int64_t pages = net_mock_pages;
		peer_big_echo(sizes[i / 2], i % 2 != 0);
		check_big_reply(sizes[i / 2]);
		CHECK_EQ(net_mock_pages, pages);
		uint64_t bytes;
		uint32_t datagrams;
		frag_get_usage(net, &bytes, &datagrams);
		CHECK(bytes == 0 && datagrams == 0);
	}
}

TEST(stack_forgets_incomplete_datagrams_and_says_so)
{
	begin();
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	sent_count = 0;
	put_echo(frame + 34, ICMP_ECHO, 7, 1472);
	peer_ip4_at(PEER, OURS, IPPROTO_ICMP, 1480, 0, true, our_mac);
	ip_mock_pass(29 * NSEC_PER_SEC);
	uint64_t bytes;
	uint32_t datagrams;
	frag_get_usage(net, &bytes, &datagrams);
	CHECK_EQ(datagrams, 1);
	ip_mock_pass(2 * NSEC_PER_SEC);
	frag_get_usage(net, &bytes, &datagrams);
	CHECK(bytes == 0 && datagrams == 0);
	bool told = false;
	for (uint32_t i = 0; i < sent_count; i++)
		told |= sent[i].bytes[23] == IPPROTO_ICMP &&
			sent[i].bytes[34] == ICMP_TIME_EXCEEDED;
	CHECK(told);
}

TEST(stack_holds_fragments_within_bounds)
{
	begin();
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	for (uint32_t i = 0; i < 20000; i++) { /* as many datagrams from one source */
		struct ip4_header h = {.src = PEER,
			.dst = OURS,
			.total_len = 1500,
			.id = (uint16_t)i,
			.more = true,
			.ttl = 64,
			.protocol = 17};
		ether_write(frame, our_mac, peer_mac, ETHER_TYPE_IP4);
		ip4_encode(frame + 14, &h);
		ip_mock_receive(eth, frame, 1514);
	}
	uint64_t bytes;
	uint32_t datagrams;
	frag_get_usage(net, &bytes, &datagrams);
	CHECK(bytes <= (4u << 20) / 4 && datagrams > 10);
}

TEST(stack_drops_what_cannot_be_true)
{
	static const uint32_t bad[] = {
		0x7f000001, 0xe0000001, 0xffffffff, 0x0a000001, 0x00000005, 0};
	begin();
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	sent_count = 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put_echo(frame + 34, ICMP_ECHO, 5, 8);
		uint64_t drops = net_mock_drops;
		peer_ip4_at(net_swap32(bad[i]), OURS, IPPROTO_ICMP, 16, 0, false, our_mac);
		CHECK_EQ(net_mock_drops, drops + 1);
		CHECK_EQ(net_mock_last_drop, NET_DROP_MARTIAN);
	}
	put_echo(frame + 34, ICMP_ECHO, 5, 8);
	peer_ip4_at(PEER, net_swap32(0x7f000001), IPPROTO_ICMP, 16, 0, false, our_mac);
	CHECK_EQ(net_mock_last_drop, NET_DROP_MARTIAN);
	peer_ip4_at(PEER, net_swap32(0x08080808), IPPROTO_ICMP, 16, 0, false, our_mac);
	CHECK_EQ(net_mock_last_drop, NET_DROP_NOT_LOCAL); /* nothing is forwarded */
	CHECK_EQ(sent_count, 0);
}

/* --- Neighbours --- */

TEST(stack_gives_a_silent_neighbour_up_and_tells_the_sender)
{
	struct endpoint e;
	begin();
	endpoint_bind(&e, net_addr_v4(0), 1000);
	for (uint32_t i = 0; i < 5; i++)
		CHECK_EQ(endpoint_send(&e, net_addr_v4(PEER), 9, 10), 0);
	CHECK_EQ(net_mock_drops, 2); /* three wait */
	CHECK_EQ(net_mock_last_drop, NET_DROP_NEIGH_QUEUE_FULL);
	ip_mock_pass(4 * NSEC_PER_SEC);
	CHECK_EQ(sent_count, 3); /* requests */
	CHECK_EQ(e.errors, 3);
	CHECK_EQ(e.error, EHOSTUNREACH);
	CHECK_EQ(net_mock_drops, 5);
	udp_unbind(&e.end, UDP_KIND_UDP);
}

TEST(stack_outlives_a_scan_of_its_prefix)
{
	struct endpoint e;
	begin();
	add_address(eth, net_addr_v4(net_swap32(0x0b000001)), 8);
	endpoint_bind(&e, net_addr_v4(0), 1000);
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	CHECK_EQ(endpoint_send(&e, net_addr_v4(PEER), 9, 10), 0);
	ip_mock_pass(6 * NSEC_PER_SEC);           /* it is probed … */
	peer_arp(ARP_REPLY, PEER, OURS, our_mac); /* … and reachable */
	for (uint32_t i = 0; i < 20000; i++) {
		int err = endpoint_send(&e, net_addr_v4(net_swap32(0x0b010000 + i)), 9, 1);
		CHECK(err == 0 || err == -ENOBUFS);
	}
	CHECK(count_neighbours() <= 4096);
	sent_count = 0;
	CHECK_EQ(endpoint_send(&e, net_addr_v4(PEER), 9, 10), 0);
	CHECK_EQ(sent_count, 1);
	CHECK_EQ(load_be16(last() + 12), ETHER_TYPE_IP4); /* no question was needed */
	udp_unbind(&e.end, UDP_KIND_UDP);
	ip_mock_pass(10 * NSEC_PER_SEC);
}

/* --- Routes and UDP --- */

TEST(stack_says_at_once_that_there_is_no_route)
{
	struct endpoint e;
	begin();
	endpoint_bind(&e, net_addr_v4(0), 1000);
	CHECK_EQ(endpoint_send(&e, net_addr_v4(net_swap32(0x08080808)), 53, 1), -ENETUNREACH);
	CHECK_EQ(endpoint_send(&e, net_addr_v4(net_swap32(0x0a0000ff)), 53, 1), -EACCES);
	struct fib_spec s = {.v4 = true,
		.dst = net_addr_v4(0),
		.has_gateway = true,
		.gateway = net_addr_v4(net_swap32(0xc0a80001))};
	mutex_lock(&net->config_lock);
	CHECK_EQ(route_change(net, &s, FIB_CREATE), -ENETUNREACH); /* the gateway is nowhere */
	s.onlink = true;
	s.netif = eth;
	CHECK_EQ(route_change(net, &s, FIB_CREATE), 0); /* … but off the link, as clouds have it */
	mutex_unlock(&net->config_lock);
	CHECK_EQ(endpoint_send(&e, net_addr_v4(net_swap32(0x08080808)), 53, 1), 0);
	struct arp a;
	CHECK(arp_decode(last() + 14, 28, &a));
	CHECK_EQ(a.target, net_swap32(0xc0a80001));
	s = (struct fib_spec){.v4 = true,
		.dst = net_addr_v4(net_swap32(0x08080808)),
		.prefix = 32,
		.type = ROUTE_TYPE_UNREACHABLE};
	mutex_lock(&net->config_lock);
	CHECK_EQ(route_change(net, &s, FIB_CREATE), 0);
	mutex_unlock(&net->config_lock);
	CHECK_EQ(endpoint_send(&e, net_addr_v4(net_swap32(0x08080808)), 53, 1), -EHOSTUNREACH);
	ip_mock_set_up(eth, false);
	CHECK_EQ(endpoint_send(&e, net_addr_v4(PEER), 53, 1), -ENETUNREACH);
	udp_unbind(&e.end, UDP_KIND_UDP);
}

TEST(stack_udp_reaches_its_socket_or_is_refused)
{
	struct endpoint e;
	begin();
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	sent_count = 0;
	endpoint_bind(&e, net_addr_v4(0), 53);
	put_udp(frame + 34, 4000, 53, 100);
	peer_ip4(IPPROTO_UDP, 108);
	CHECK(e.got == 1 && e.len == 100 && e.from.remote_port == net_swap16(4000));
	CHECK(e.from.remote.w[3] == PEER && e.from.local.w[3] == OURS);
	put_udp(frame + 34, 4000, 53, 100);
	frame[60] ^= 1;
	peer_ip4(IPPROTO_UDP, 108);
	CHECK_EQ(net_mock_last_drop, NET_DROP_UDP_CHECKSUM);
	put_udp(frame + 34, 4000, 54, 100);
	peer_ip4(IPPROTO_UDP, 108);
	CHECK_EQ(sent_count, 1);
	CHECK(last()[34] == ICMP_UNREACHABLE && last()[35] == ICMP_PORT_UNREACHABLE);
	CHECK_MEM(last() + 42, frame + 14, 28);
	/* The other way round: the peer refuses, and the socket hears of it. */
	CHECK_EQ(endpoint_send(&e, net_addr_v4(PEER), 9, 20), 0);
	CHECK_EQ(checksum_fold(checksum_add(
			 checksum_pseudo(last() + 26, last() + 30, 4, 28, 17), last() + 34, 28)),
		0xffff);
	uint8_t quoted[28];
	memcpy(quoted, last() + 14, 28);
	icmp_encode(frame + 34, &(struct icmp_header){.type = 3, .code = 3});
	memcpy(frame + 42, quoted, 28);
	uint16_t sum = checksum_finish(checksum_add(0, frame + 34, 36));
	memcpy(frame + 36, &sum, 2);
	peer_ip4(IPPROTO_ICMP, 36);
	CHECK(e.errors == 1 && e.error == ECONNREFUSED);
	udp_unbind(&e.end, UDP_KIND_UDP);
	put_udp(frame + 34, 4000, 53, 1);
	peer_ip4(IPPROTO_UDP, 9);
	CHECK_EQ(net_mock_last_drop, NET_DROP_NO_SOCKET);
}

TEST(stack_path_mtu_is_believed_of_packets_that_were_sent)
{
	struct endpoint e;
	struct net_flow flow = {.remote = net_addr_v4(PEER)};
	struct route_ref ref;
	begin();
	peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
	endpoint_bind(&e, net_addr_v4(0), 53);
	CHECK_EQ(endpoint_send(&e, net_addr_v4(PEER), 9, 20), 0);
	uint8_t quoted[28];
	memcpy(quoted, last() + 14, 28);
	route_ref_init(&ref);
	for (uint32_t round = 0; round < 3; round++) {
		static const uint16_t mtus[] = {1400, 1400, 68}, want[] = {1500, 1400, 552};
		memcpy(frame + 42, quoted, 28);
		if (round == 0)
			frame[42 + 20] ^= 0x55; /* a port that is not bound */
		icmp_encode(frame + 34,
			&(struct icmp_header){.type = 3, .code = 4, .word = mtus[round]});
		uint16_t sum = checksum_finish(checksum_add(0, frame + 34, 36));
		memcpy(frame + 36, &sum, 2);
		peer_ip4(IPPROTO_ICMP, 36);
		CHECK_EQ(route_check(net, &ref, &flow), 0);
		CHECK_EQ(ref.mtu, want[round]);
	}
	ip_mock_pass(700 * NSEC_PER_SEC);
	CHECK_EQ(route_check(net, &ref, &flow), 0);
	CHECK_EQ(ref.mtu, 1500);
	route_ref_drop(&ref);
	udp_unbind(&e.end, UDP_KIND_UDP);
}

TEST(stack_loopback_carries_datagrams_to_itself)
{
	struct endpoint a, b;
	begin();
	endpoint_bind(&a, net_addr_v4(0), 1000);
	endpoint_bind(&b, (struct net_addr){0}, 2000);
	CHECK_EQ(endpoint_send(&a, net_addr_v4(net_swap32(0x7f000001)), 2000, 50), 0);
	CHECK(b.got == 1 && b.len == 50 && b.from.remote.w[3] == net_swap32(0x7f000001));
	CHECK_EQ(endpoint_send(&a, net_addr_v4(OURS), 2000, 50), 0);
	CHECK(b.got == 2 && b.from.remote.w[3] == OURS);
	CHECK_EQ(endpoint_send(&b, (struct net_addr){.b = {[15] = 1}}, 2000, 50), 0);
	CHECK(b.got == 3 && net_addr_is_loopback(&b.from.remote));
	CHECK_EQ(endpoint_send(&a, net_addr_v4(net_swap32(0x7f000001)), 3000, 50), 0);
	CHECK(a.errors == 1 && a.error == ECONNREFUSED);
	CHECK_EQ(sent_count, 0);
	udp_unbind(&a.end, UDP_KIND_UDP);
	udp_unbind(&b.end, UDP_KIND_UDP);
}

TEST(stack_ephemeral_ports_are_random_unique_and_run_out)
{
	begin();
	atomic_store(&ip_sysctl(net)->port_low, 40000);
	atomic_store(&ip_sysctl(net)->port_high, 40099);
	static struct endpoint e[101];
	bool seen[100] = {0};
	uint32_t in_order = 0;
	for (uint32_t i = 0; i < 100; i++) {
		endpoint_bind(&e[i], net_addr_v4(0), 0);
		uint32_t port = net_swap16(e[i].end.flow.local_port);
		CHECK(port >= 40000 && port < 40100 && !seen[port - 40000]);
		seen[port - 40000] = true;
		in_order += i > 0 && port == net_swap16(e[i - 1].end.flow.local_port) + 1u;
	}
	CHECK(in_order < 60);
	udp_end_init(&e[100].end, net, &endpoint_ops, 0);
	struct net_addr any = net_addr_v4(0);
	CHECK_EQ(udp_bind(&e[100].end, UDP_KIND_UDP, &any, 0, 0), -EAGAIN);
	for (uint32_t i = 0; i < 100; i++)
		udp_unbind(&e[i].end, UDP_KIND_UDP);
	CHECK_EQ(udp_bind(&e[100].end, UDP_KIND_UDP, &any, 0, 0), 0);
	udp_unbind(&e[100].end, UDP_KIND_UDP);
}

/* --- IPv6 --- */

TEST(stack_checks_its_link_local_address_before_using_it)
{
	net_mock_begin();
	net = ip_mock_stack();
	net_mock_begin();
	sent_count = 0;
	ip_mock_sent = keep;
	eth = ip_mock_netif(net, our_mac, 1500);
	struct net_addr own = our_link_local();
	CHECK_EQ(ip_classify(net, &own, eth->index), IP_LOCAL_TENTATIVE);
	peer_solicits(own, 255);
	ip_mock_pass(20 * NSEC_PER_SEC);
	CHECK_EQ(ip_classify(net, &own, eth->index), IP_LOCAL);
	static const struct net_addr none;
	uint32_t dad = 0, rs = 0, mld = 0, na = 0;
	for (uint32_t i = 0; i < sent_count; i++) {
		const uint8_t *icmp = sent[i].bytes + 54;
		if (sent[i].bytes[20] == 0)
			mld += sent[i].bytes[62] == ICMP6_MLD2_REPORT;
		else if (icmp[0] == ICMP6_NEIGH_SOLICIT)
			dad += memcmp(sent[i].bytes + 22, &none, 16) == 0;
		else if (icmp[0] == ICMP6_ROUTER_SOLICIT)
			rs++;
		else
			na += icmp[0] == ICMP6_NEIGH_ADVERT;
	}
	CHECK_EQ(dad, 1);
	CHECK_EQ(rs, 3);
	CHECK(mld >= 2);
	CHECK_EQ(na, 0); /* not while it was tentative */
}

TEST(stack_takes_another_identifier_when_its_own_is_taken)
{
	net_mock_begin();
	net = ip_mock_stack();
	net_mock_begin();
	eth = ip_mock_netif(net, our_mac, 1500);
	struct net_addr first = our_link_local();
	struct nd_neighbour a = {.override = true, .has_mac = true};
	memcpy(a.target, &first, 16);
	memcpy(a.mac, peer_mac, 6);
	size_t n = nd_encode_neighbour_advert(frame + 54, &a);
	peer_icmp6(first, (struct net_addr){.b = {0xff, 2, [15] = 1}}, n, 255);
	struct net_addr second = our_link_local();
	CHECK(!net_addr_equal(&first, &second));
	ip_mock_pass(5 * NSEC_PER_SEC);
	CHECK_EQ(ip_classify(net, &second, eth->index), IP_LOCAL);
	CHECK_EQ(ip_classify(net, &first, eth->index), IP_NOT_LOCAL);
}

TEST(stack_answers_solicitations_and_echo_over_ipv6)
{
	begin();
	struct net_addr own = our_link_local();
	peer_solicits(own, 64); /* from afar */
	CHECK_EQ(sent_count, 0);
	peer_solicits(own, 255);
	CHECK_EQ(sent_count, 1);
	struct nd_neighbour nb;
	CHECK_EQ(last()[54], ICMP6_NEIGH_ADVERT);
	CHECK(nd_decode_neighbour(last() + 54, sent[0].len - 54, &nb));
	CHECK(nb.solicited && nb.override && nb.has_mac && !nb.router);
	CHECK_MEM(nb.target, &own, 16);
	CHECK_MEM(nb.mac, our_mac, 6);
	put_echo(frame + 54, ICMP6_ECHO, 9, 60);
	peer_icmp6(peer6, own, 68, 64);
	CHECK_EQ(sent_count, 2);
	CHECK_EQ(last()[54], ICMP6_ECHO_REPLY);
	uint64_t sum = checksum_pseudo(last() + 22, last() + 38, 16, 68, 58);
	CHECK_EQ(checksum_fold(checksum_add(sum, last() + 54, 68)), 0xffff);
	put_echo(frame + 54, ICMP6_ECHO, 9, 60);
	peer_icmp6(peer6, (struct net_addr){.b = {0xff, 2, [15] = 1}}, 68, 64);
	CHECK_EQ(sent_count, 3); /* groups are answered, from our own address */
	CHECK_MEM(last() + 22, &own, 16);
}

static const struct net_addr nodes = {.b = {0xff, 2, [15] = 1}};

TEST(stack_configures_itself_from_a_router)
{
	struct net_flow flow = {.remote = far6};
	struct route_ref ref;
	begin();
	route_ref_init(&ref);
	CHECK_EQ(route_resolve(net, &ref, &flow), -ENETUNREACH);
	peer_icmp6(peer6, nodes, put_ra(frame + 54, 1800, 7200, 1), 64);
	CHECK_EQ(route_resolve(net, &ref, &flow), -ENETUNREACH); /* hop limit */
	peer_icmp6(peer6, nodes, put_ra(frame + 54, 1800, 7200, 1), 255);
	ip_mock_pass(5 * NSEC_PER_SEC);
	CHECK_EQ(route_resolve(net, &ref, &flow), 0);
	CHECK_EQ(ref.mtu, 1400);
	CHECK(net_addr_equal(&ref.neigh->addr, &peer6));
	CHECK(flow.local.b[0] == 0x20 && flow.local.b[7] == 1);
	struct ip_addr *a = ip_addr_find(eth, &flow.local);
	CHECK(a != NULL &&
		(atomic_load(&a->flags) & (IP_ADDR_DEPRECATED | IP_ADDR_TENTATIVE)) == 0);
	ip_mock_pass(70 * NSEC_PER_SEC);
	CHECK((atomic_load(&a->flags) & IP_ADDR_DEPRECATED) != 0);
	/* A lifetime of 0: no default router any more; the address stays for two hours at most. */
	peer_icmp6(peer6, nodes, put_ra(frame + 54, 0, 10, 1), 255);
	flow.local = (struct net_addr){0};
	CHECK_EQ(route_resolve(net, &ref, &flow), -ENETUNREACH);
	CHECK(ip_addr_first(eth, false) != NULL && ip_addr_next(ip_addr_first(eth, false)) != NULL);
	ip_mock_pass(7300 * NSEC_PER_SEC);
	CHECK(ip_addr_next(ip_addr_first(eth, false)) == NULL);
	route_ref_drop(&ref);
}

static uint32_t routes_told, routes_gone;

static void
hear_route(struct ip_listener *l, const struct fib_spec *s, bool gone)
{
	(void)l;
	CHECK(!s->v4);
	routes_told += !gone;
	routes_gone += gone;
}

TEST(stack_tells_of_routes_that_go_by_themselves)
{
	static struct ip_listener listener;
	begin();
	listener = (struct ip_listener){.route = hear_route};
	routes_told = routes_gone = 0;
	mutex_lock(&net->config_lock);
	ip_add_listener(net, &listener);
	mutex_unlock(&net->config_lock);
	/* The default route's lifetime ends, then the prefix's and the address's. */
	peer_icmp6(peer6, nodes, put_ra(frame + 54, 100, 7200, 1), 255);
	ip_mock_pass(50 * NSEC_PER_SEC);
	CHECK(routes_told >= 3 && routes_gone == 0);
	ip_mock_pass(60 * NSEC_PER_SEC);
	CHECK_EQ(routes_gone, 1);
	ip_mock_pass(7200 * NSEC_PER_SEC);
	CHECK_EQ(routes_gone, routes_told);
	/* An interface that goes down takes its routes along. */
	uint32_t before = routes_gone;
	ip_mock_set_up(eth, false);
	CHECK(routes_gone > before);
}

TEST(stack_asked_for_a_way_makes_no_neighbour)
{
	struct net_flow flow = {.remote = net_addr_v4(net_swap32(0x0a000042))};
	struct route_ref ref;
	begin();
	uint32_t before = count_neighbours();
	route_ref_init(&ref);
	CHECK_EQ(route_ask(net, &ref, &flow), 0);
	CHECK(ref.netif == eth && ref.mtu == 1500 && flow.local.w[3] == OURS);
	CHECK(!route_is_valid(net, &ref, true));
	CHECK_EQ(count_neighbours(), before);
	CHECK_EQ(route_resolve(net, &ref, &flow), 0);
	CHECK_EQ(count_neighbours(), before + 1);
	route_ref_drop(&ref);
}

TEST(stack_bounds_what_a_flood_of_advertisements_makes)
{
	begin();
	for (uint32_t i = 0; i < 200; i++)
		peer_icmp6(peer6, nodes, put_ra(frame + 54, 1800, 7200, (uint8_t)i), 255);
	ip_mock_pass(5 * NSEC_PER_SEC);
	uint32_t n = 0;
	for (struct ip_addr *a = ip_addr_first(eth, false); a != NULL; a = ip_addr_next(a))
		n++;
	CHECK_EQ(n, 17);
	CHECK(net->routes6->fib.count < 80);
}

TEST(stack_refuses_extension_headers_that_are_wrong)
{
	begin();
	struct net_addr own = our_link_local();
	peer_solicits(own, 255);
	sent_count = 0;
	struct ip6_header h = {.payload_len = 24, .next = 43, .hop_limit = 64};
	memcpy(h.src, &peer6, 16);
	memcpy(h.dst, &own, 16);
	ether_write(frame, our_mac, peer_mac, ETHER_TYPE_IP6);
	ip6_encode(frame + 14, &h);
	memset(frame + 54, 0, 24);
	frame[54] = 59;
	frame[55] = 2;
	frame[57] = 1; /* segments left */
	ip_mock_receive(eth, frame, 78);
	CHECK_EQ(sent_count, 1);
	CHECK(last()[54] == ICMP6_PARAMETER && last()[55] == ICMP6_BAD_FIELD);
	CHECK_EQ(load_be32(last() + 58), 42);
}

/* --- Every allocation may fail --- */

TEST(stack_survives_every_failing_allocation)
{
	for (uint64_t n = 0; n < 60; n++) {
		begin();
		int64_t pages = net_mock_pages;
		net_mock_allocations = 0;
		net_mock_fail_after = n;
		peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
		peer_big_echo(30000, n % 2 != 0);
		peer_solicits(our_link_local(), 255);
		peer_icmp6(peer6, nodes, put_ra(frame + 54, 1800, 7200, 1), 255);
		ip_mock_pass(100 * NSEC_PER_SEC);
		net_mock_fail_after = NET_MOCK_NEVER;
		ip_mock_pass(100 * NSEC_PER_SEC);
		CHECK_EQ(net_mock_pages, pages);
		sent_count = 0;
		peer_arp(ARP_REQUEST, PEER, OURS, all_mac);
		CHECK_EQ(sent_count, 1);
	}
}
