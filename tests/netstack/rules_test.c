/* SPDX-License-Identifier: MIT */
/* What RFC 9293 asks of a host between TCP's core and the wire: docs/conformance. */
#include <string.h>

#include "core/timer.h"
#include "net/tcp/tcp_impl.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/peer.h"
#include "tests/netstack/uni.h"
#include "tests/unit/test.h"

/* MUST-3: what a wrong checksum covers never was; the right segment behind it counts as the first. */
TEST(rules_a_wrong_checksum_is_no_segment)
{
	uint8_t got[8];
	peer_connects(1460);
	uint32_t before = peer.sent;
	for (uint32_t bit = 0; bit < 16; bit++) {
		struct tcp_segment seg = {
			.seq = PEER_FIRST, .ack = peer.iss + 1, .flags = TCP_ACK, .wnd = 60000};
		struct peer_frame f = {
			.src = PEER_ADDRESS, .dst = PEER_OURS, .wrong = (uint16_t)(1 << bit)};
		CHECK(peer_sends_frame(&seg, "forged", 6, &f));
		seg.flags = TCP_RST;
		CHECK(peer_sends_frame(&seg, "", 0, &f));
	}
	CHECK_EQ(net_counter_sum(peer.net, NET_DROP_TCP_CHECKSUM), 32);
	CHECK_EQ(peer.sent, before);
	CHECK_EQ(netstack_recv(peer.sock, got, 8, MSG_DONTWAIT), -EAGAIN);
	peer_writes(0, "honest", 6);
	CHECK_EQ(netstack_recv(peer.sock, got, 8, MSG_DONTWAIT), 6);
	CHECK_MEM(got, "honest", 6);
	netstack_close(peer.sock);
	peer_has_all_given_back();
}

/* MUST-57 MUST-63: nobody opens a connection from a group or from all, nor with one; none of them is answered. */
TEST(rules_groups_and_broadcasts_have_no_connections)
{
	static const uint32_t from[] = {
		0xe0000001, 0xffffffff, 0x0a0000ff, 0x7f000001, 0, PEER_OURS};
	static const uint32_t to[] = {0xe0000001, 0xffffffff, 0x0a0000ff};
	peer_meets();
	struct sock *l = netstack_socket(peer.net, AF_INET, SOCK_STREAM);
	struct sock_addr own = peer_our_port();
	CHECK_EQ(l->ops->bind(l, &own), 0);
	CHECK_EQ(l->ops->listen(l, 4), 0);
	struct tcp_segment seg = {.seq = PEER_FIRST - 1, .flags = TCP_SYN, .wnd = 60000};
	for (uint32_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		CHECK(peer_sends_frame(
			&seg, "", 0, &(struct peer_frame){.src = from[i], .dst = PEER_OURS}));
	CHECK_EQ(net_counter_sum(peer.net, NET_DROP_MARTIAN), 6);
	for (uint32_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		CHECK(peer_sends_frame(&seg, "", 0,
			&(struct peer_frame){.src = PEER_ADDRESS, .dst = to[i], .to_all = true}));
	CHECK_EQ(net_counter_sum(peer.net, NET_DROP_MARTIAN), 9);
	CHECK_EQ(peer.sent, 0);
	CHECK_EQ(netstack_objects("tcp_half"), 0);
	/* The same SYN from somebody is answered. */
	peer_sends(&seg, "", 0);
	CHECK_EQ(peer.sent, 1);
	CHECK_EQ(peer.last.flags, TCP_SYN | TCP_ACK);
	netstack_close(l);
	peer_has_all_given_back();
}

static void
set_tos(int32_t tos)
{
	CHECK_EQ(peer.sock->ops->setsockopt(peer.sock, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), 0);
}

/* SHLD-21 SHLD-22 SHLD-23: the field is the application's, in every segment, whenever it changes it. */
TEST(rules_the_traffic_class_reaches_the_wire)
{
	peer_connects(1460);
	CHECK_EQ(peer.last_tos, 0);
	set_tos(0xb8);
	CHECK_EQ(netstack_send(peer.sock, "one", 3, MSG_DONTWAIT), 3);
	CHECK_EQ(peer.last_tos, 0xb8);
	peer_writes(0, "x", 1);
	peer_writes(1, "y", 1); /* a pure ACK */
	uni_pass(NSEC_PER_SEC / 2);
	CHECK_EQ(peer.last.ack, PEER_FIRST + 2);
	CHECK_EQ(peer.last_tos, 0xb8);
	set_tos(0x20);
	peer_acks(peer.iss + 4, 60000);
	CHECK_EQ(netstack_send(peer.sock, "two", 3, MSG_DONTWAIT), 3);
	CHECK_EQ(peer.last.seq, peer.iss + 4);
	CHECK_EQ(peer.last_tos, 0x20);
	netstack_close(peer.sock);
	CHECK_EQ(peer.last_tos, 0x20);
	peer_has_all_given_back();
}

static uint32_t
next_iss(void)
{
	peer_connects_again(1460);
	struct tcp_segment seg = {.seq = PEER_FIRST, .ack = peer.iss + 1, .flags = TCP_RST};
	peer_sends(&seg, "", 0);
	netstack_close(peer.sock);
	return peer.iss;
}

/* MUST-8: a clock of 64 ns moves a flow's sequence numbers on. */
TEST(rules_sequence_numbers_follow_a_clock)
{
	peer_meets();
	uint32_t first = next_iss(), gone = 0;
	nsec_t began = time_now();
	for (uint32_t i = 0; i < 5; i++) {
		uni_pass(30 * NSEC_PER_SEC);
		gone = next_iss() - first;
		uint32_t steps = (uint32_t)((time_now() - began) / 64);
		CHECK(gone - (steps - 1000) <= 2000);
	}
	CHECK(gone > 5 * 30 * (NSEC_PER_SEC / 64) - 1000);
	peer_has_all_given_back();
}

/* RFC 7323, 5.4: what a connection's timestamps begin with says nothing of another's, nor of the time since boot. */
TEST(rules_timestamps_begin_anywhere)
{
	struct net_flow a = {.local = net_addr_v4(net_swap32(PEER_OURS)),
		.remote = net_addr_v4(net_swap32(PEER_ADDRESS))};
	uint32_t seen[32];
	struct net_stack *net = uni_begin();
	for (uint32_t i = 0; i < 32; i++) {
		if (i == 16) /* another boot */
			net->secrets.ts_offset[0] += 1;
		a.remote.b[15] = (uint8_t)i % 16;
		seen[i] = tcp_secret_ts_offset(net, &a);
		for (uint32_t j = 0; j < i; j++)
			CHECK(seen[i] - seen[j] + 4096 > 8192);
		CHECK(seen[i] + 4096 > 8192);
	}
}

/* MUST-9 SHLD-1: between two flows lies what only the key tells, another with every key. */
TEST(rules_sequence_numbers_hang_on_a_secret)
{
	struct net_flow a = {.local = net_addr_v4(net_swap32(PEER_OURS)),
		.remote = net_addr_v4(net_swap32(PEER_ADDRESS)),
		.local_port = PEER_PORT,
		.remote_port = PEER_THEIR_PORT};
	uint32_t seen[64], n = 0;
	struct net_stack *net = uni_begin();
	CHECK(net->secrets.isn[0] != 0 && net->secrets.isn[1] != 0);
	for (uint32_t key = 0; key < 8; key++) {
		net->secrets.isn[key & 1] += 1;
		uint32_t first = tcp_secret_isn(net, &a);
		for (uint32_t i = 1; i <= 8; i++) {
			struct net_flow b = a;
			b.remote_port += (uint16_t)i;
			seen[n++] = tcp_secret_isn(net, &b) - first;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < i; j++)
			CHECK(seen[i] - seen[j] + 4096 > 8192);
}
