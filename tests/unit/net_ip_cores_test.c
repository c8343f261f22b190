/* SPDX-License-Identifier: MIT */
/* IP's small cores: fragments, ICMP limits, source addresses, group reports, UDP's matching. */
#include <stdlib.h>
#include <string.h>

#include "net/ip/frag_core.h"
#include "net/ip/reply_limit.h"
#include "net/ip/mcast_core.h"
#include "net/ip/srcaddr_core.h"
#include "net/ip/port_match.h"
#include "tests/unit/test.h"

#define SEC 1000000000ULL

/* --- Fragments --- */

static struct frag_range pieces[FRAG_COUNT_MAX + 1];

static enum frag_verdict
piece(struct frag_list *l, uint32_t i, uint32_t start, uint32_t end, bool more)
{
	pieces[i] = (struct frag_range){.start = start, .end = end};
	return frag_add(l, &pieces[i], more);
}

TEST(frag_any_order_completes)
{
	static const uint32_t orders[6][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (uint32_t o = 0; o < 6; o++) {
		struct frag_list l = {0};
		for (uint32_t i = 0; i < 3; i++) {
			uint32_t n = orders[o][i];
			CHECK_EQ(piece(&l, n, n * 1480, n * 1480 + (n == 2 ? 7 : 1480), n != 2),
				i == 2 ? FRAG_COMPLETE : FRAG_ADDED);
		}
		CHECK(l.first == &pieces[0] && pieces[0].next == &pieces[1] &&
			pieces[1].next == &pieces[2] && pieces[2].next == NULL);
		CHECK_EQ(l.total, 2967);
	}
}

TEST(frag_overlap_voids_and_copies_do_not)
{
	struct frag_list l = {0};
	CHECK_EQ(piece(&l, 0, 0, 800, true), FRAG_ADDED);
	CHECK_EQ(piece(&l, 1, 1600, 2400, true), FRAG_ADDED);
	CHECK_EQ(piece(&l, 2, 0, 800, true), FRAG_DUPLICATE);
	CHECK_EQ(piece(&l, 2, 1600, 2400, true), FRAG_DUPLICATE);
	CHECK_EQ(piece(&l, 2, 792, 1600, true), FRAG_VOID);
	CHECK_EQ(piece(&l, 2, 800, 1608, true), FRAG_VOID);
	CHECK_EQ(piece(&l, 2, 8, 16, true), FRAG_VOID);
	CHECK_EQ(piece(&l, 2, 0, 808, true), FRAG_VOID);
	CHECK_EQ(piece(&l, 2, 800, 2400, true), FRAG_VOID);
	CHECK_EQ(l.count, 2);
}

TEST(frag_lengths_must_agree)
{
	struct frag_list l = {0};
	CHECK_EQ(piece(&l, 0, 800, 900, false), FRAG_ADDED);
	CHECK_EQ(piece(&l, 1, 900, 908, true), FRAG_VOID);  /* behind the end */
	CHECK_EQ(piece(&l, 1, 808, 908, false), FRAG_VOID); /* another end */
	CHECK_EQ(piece(&l, 1, 0, 800, true), FRAG_COMPLETE);
	l = (struct frag_list){0};
	CHECK_EQ(piece(&l, 0, 800, 1600, true), FRAG_ADDED);
	CHECK_EQ(piece(&l, 1, 0, 100, false), FRAG_VOID); /* an end before what is there */
	l = (struct frag_list){0};
	for (uint32_t i = 0; i < FRAG_COUNT_MAX; i++)
		CHECK_EQ(piece(&l, i, i * 8, i * 8 + 8, true), FRAG_ADDED);
	CHECK_EQ(piece(&l, FRAG_COUNT_MAX, 65000, 65008, true), FRAG_VOID);
}

/* --- ICMP limits --- */

TEST(reply_limit_one_destination_does_not_use_up_the_others)
{
	static struct reply_limit l;
	memset(&l, 0, sizeof(l));
	uint32_t sent = 0;
	for (uint32_t i = 0; i < 1000; i++)
		sent += reply_limit_take(&l, &icmp_reply_rule, 1, 0, SEC);
	CHECK_EQ(sent, ICMP_REPLY_DST);
	CHECK(reply_limit_take(&l, &icmp_reply_rule, 2, 0, SEC));
	CHECK(!reply_limit_take(&l, &icmp_reply_rule, 1, 0, SEC + SEC / 100));
	CHECK(reply_limit_take(&l, &icmp_reply_rule, 1, 0, SEC + SEC / 10));
}

TEST(reply_limit_total_is_bounded_and_unpredictable)
{
	static struct reply_limit l;
	uint32_t counts[4];
	for (uint32_t round = 0; round < 4; round++) {
		memset(&l, 0, sizeof(l));
		counts[round] = 0;
		for (uint32_t i = 0; i < 200; i++)
			counts[round] +=
				reply_limit_take(&l, &icmp_reply_rule, i, (uint32_t)rand(), SEC);
		CHECK(counts[round] <= ICMP_REPLY_BURST && counts[round] >= ICMP_REPLY_BURST / 4);
	}
	CHECK(counts[0] != counts[1] || counts[1] != counts[2] || counts[2] != counts[3]);
}

/* --- Source addresses, RFC 6724 --- */

static struct net_addr
addr6(uint16_t a, uint16_t b, uint16_t c, uint16_t last)
{
	struct net_addr n = {0};
	n.b[0] = (uint8_t)(a >> 8);
	n.b[1] = (uint8_t)a;
	n.b[2] = (uint8_t)(b >> 8);
	n.b[3] = (uint8_t)b;
	n.b[4] = (uint8_t)(c >> 8);
	n.b[5] = (uint8_t)c;
	n.b[14] = (uint8_t)(last >> 8);
	n.b[15] = (uint8_t)last;
	return n;
}

static struct src_candidate
candidate(struct net_addr a)
{
	return (struct src_candidate){.addr = a, .prefix = 64, .on_output = true};
}

static void
check_better(struct net_addr dst, struct src_candidate good, struct src_candidate bad)
{
	CHECK(srcaddr_is_better(&dst, &good, &bad));
	CHECK(!srcaddr_is_better(&dst, &bad, &good));
}

TEST(srcaddr_rules_in_order)
{
	struct net_addr global = addr6(0x2001, 0xdb8, 1, 1), other = addr6(0x2001, 0xdb8, 2, 1);
	struct net_addr link = addr6(0xfe80, 0, 0, 1), ula = addr6(0xfd00, 1, 1, 1);
	struct net_addr far = addr6(0x2001, 0xdb8, 1, 99);
	check_better(global, candidate(global), candidate(other)); /* 1: the same */
	check_better(far, candidate(global), candidate(link));     /* 2: scope */
	check_better(addr6(0xfe80, 0, 0, 9), candidate(link), candidate(global));
	check_better(addr6(0xff02, 0, 0, 1), candidate(link), candidate(global));
	struct src_candidate worse = candidate(global);
	worse.deprecated = true; /* 3 */
	check_better(far, candidate(other), worse);
	worse = candidate(global);
	worse.on_output = false; /* 5 */
	check_better(far, candidate(other), worse);
	check_better(far, candidate(other), candidate(ula)); /* 6: labels */
	check_better(addr6(0xfd00, 2, 2, 2), candidate(ula), candidate(global));
	worse = candidate(global);
	worse.temporary = true; /* 7, the other way round */
	check_better(far, candidate(other), worse);
	check_better(far, candidate(global), candidate(other)); /* 8: longest match */
}

TEST(srcaddr_labels)
{
	struct net_addr a = {.b = {[15] = 1}};
	CHECK_EQ(srcaddr_label(&a), 0);
	a = net_addr_v4(1);
	CHECK_EQ(srcaddr_label(&a), 4);
	a = addr6(0x2002, 1, 1, 1);
	CHECK_EQ(srcaddr_label(&a), 2);
	a = addr6(0x2001, 0, 1, 1);
	CHECK_EQ(srcaddr_label(&a), 5);
	a = addr6(0xfd00, 0, 0, 1);
	CHECK_EQ(srcaddr_label(&a), 13);
	a = addr6(0x2a00, 0, 0, 1);
	CHECK_EQ(srcaddr_label(&a), 1);
	a = addr6(0xff0e, 0, 0, 1);
	CHECK_EQ(srcaddr_scope(&a), 14);
}

/* --- Group reports --- */

TEST(mcast_join_is_told_twice_and_queries_are_answered)
{
	struct mcast_core g;
	struct mcast_querier q = {0};
	mcast_core_init(&g);
	CHECK_EQ(mcast_core_join(&g, &q, 0, SEC / 2), MCAST_SEND_JOIN);
	CHECK_EQ(g.deadline, SEC / 2);
	CHECK_EQ(mcast_core_timer(&g, &q, SEC / 2, 0), MCAST_SEND_JOIN);
	CHECK_EQ(g.deadline, UINT64_MAX);
	mcast_core_query(&g, 10 * SEC, 4 * SEC, 3 * SEC);
	CHECK_EQ(g.deadline, 13 * SEC);
	mcast_core_query(&g, 11 * SEC, 4 * SEC, 3 * SEC); /* the earlier answer serves */
	CHECK_EQ(g.deadline, 13 * SEC);
	CHECK_EQ(mcast_core_timer(&g, &q, 13 * SEC, 0), MCAST_SEND_CURRENT);
	CHECK_EQ(mcast_core_leave(&g, &q, 20 * SEC, 1), MCAST_SEND_LEAVE);
	CHECK_EQ(mcast_core_timer(&g, &q, 21 * SEC, 0), MCAST_SEND_LEAVE);
	CHECK_EQ(g.deadline, UINT64_MAX);
	mcast_core_query(&g, 30 * SEC, SEC, 0);
	CHECK_EQ(g.deadline, UINT64_MAX);
}

TEST(mcast_elder_versions_suppress_and_leave_once)
{
	struct mcast_core g;
	struct mcast_querier q = {.old_until = 1000 * SEC};
	mcast_core_init(&g);
	CHECK_EQ(mcast_core_join(&g, &q, 0, SEC), MCAST_SEND_JOIN);
	mcast_core_heard(&g, &q, SEC / 2);
	CHECK_EQ(g.deadline, UINT64_MAX);
	CHECK_EQ(mcast_core_leave(&g, &q, SEC, 1), MCAST_SEND_NOTHING); /* another one is there */
	CHECK_EQ(mcast_core_join(&g, &q, 2 * SEC, SEC), MCAST_SEND_JOIN);
	CHECK_EQ(mcast_core_leave(&g, &q, 3 * SEC, 1), MCAST_SEND_LEAVE);
	CHECK_EQ(g.deadline, UINT64_MAX);
	q.v1_until = 1000 * SEC;
	CHECK_EQ(mcast_core_join(&g, &q, 4 * SEC, SEC), MCAST_SEND_JOIN);
	CHECK_EQ(mcast_core_leave(&g, &q, 5 * SEC, 1), MCAST_SEND_NOTHING);
}

TEST(mcast_codes)
{
	CHECK_EQ(mcast_decode8(127), 127);
	CHECK_EQ(mcast_decode8(128), 128);
	CHECK_EQ(mcast_decode8(255), 31744);
	CHECK_EQ(mcast_decode16(32767), 32767);
	CHECK_EQ(mcast_decode16(32768), 32768);
	CHECK_EQ(mcast_decode16(0xffff), 8387584);
}

/* --- UDP --- */

static struct net_addr
v4(uint32_t last)
{
	return net_addr_v4(10 | last << 24);
}

static struct port_match
bound(struct net_addr local)
{
	return (struct port_match){.flow = {.local = local, .local_port = 53}};
}

static const struct net_addr any6;

TEST(udp_the_closest_match_wins)
{
	struct net_flow p = {
		.local = v4(1), .remote = v4(2), .local_port = 53, .remote_port = 9, .ifindex = 2};
	struct port_match wild = bound(net_addr_v4(0)), addr = bound(v4(1)), other = bound(v4(3));
	struct port_match dual = bound(any6), peer = bound(v4(1)), dev = bound(net_addr_v4(0));
	dual.ipv6 = true;
	peer.connected = true;
	peer.flow.remote = v4(2);
	peer.flow.remote_port = 9;
	dev.flow.ifindex = 2;
	uint32_t s[] = {port_match_score(&dual, &p, true), port_match_score(&wild, &p, true),
		port_match_score(&addr, &p, true), port_match_score(&peer, &p, true)};
	for (uint32_t i = 0; i < 4; i++)
		CHECK(s[i] > (i == 0 ? 0 : s[i - 1]));
	CHECK(port_match_score(&dev, &p, true) > s[1]);
	CHECK_EQ(port_match_score(&other, &p, true), 0);
	dual.v6only = true;
	CHECK_EQ(port_match_score(&dual, &p, true), 0);
	p.remote_port = 10;
	CHECK_EQ(port_match_score(&peer, &p, true), 0);
	CHECK(port_match_score(&peer, &p, false) != 0);
	p.ifindex = 3;
	CHECK_EQ(port_match_score(&dev, &p, true), 0);
	p.local_port = 54;
	CHECK_EQ(port_match_score(&wild, &p, true), 0);
}

TEST(udp_who_may_share_a_port)
{
	struct port_match a = bound(net_addr_v4(0)), b = bound(v4(1)), c = bound(v4(2));
	struct port_match dual = bound(any6);
	dual.ipv6 = true;
	CHECK(port_match_conflict(&a, &b));
	CHECK(!port_match_conflict(&b, &c));
	CHECK(port_match_conflict(&dual, &a) && port_match_conflict(&b, &dual));
	dual.v6only = true;
	CHECK(!port_match_conflict(&dual, &a) && !port_match_conflict(&dual, &b));
	a.reuseaddr = true;
	CHECK(port_match_conflict(&a, &b));
	b.reuseaddr = true;
	CHECK(!port_match_conflict(&a, &b));
	b.listens =
		true; /* who listens is not joined, though who is there first may listen later */
	CHECK(port_match_conflict(&a, &b) && !port_match_conflict(&b, &a));
	b.listens = false;
	a.reuseaddr = b.reuseaddr = false;
	a.reuseport = b.reuseport = true;
	CHECK(!port_match_conflict(&a, &b));
	b.uid = 5;
	CHECK(port_match_conflict(&a, &b));
	a.flow.ifindex = 1;
	b.flow.ifindex = 2;
	CHECK(!port_match_conflict(&a, &b));
}
