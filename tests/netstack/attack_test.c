/* SPDX-License-Identifier: MIT */
/*
 * A peer on the wire that means harm to a connection: what its memory comes to, and when it ends. docs/network.md lists
 * what bad input gets.
 */
#include <string.h>

#include "core/timer.h"
#include "net/sock/charge.h"
#include "net/tcp/tcp_impl.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/peer.h"
#include "tests/netstack/uni.h"
#include "tests/unit/test.h"

static void
all_is_given_back(void)
{
	netstack_close(peer.sock);
	peer_has_all_given_back();
}

/* What the socket says that it holds is what there is, in packets and in pages. */
static int64_t
memory_in_packets(void)
{
	return netstack_objects("pkt") * (int64_t)sizeof(struct pkt) +
		netstack_live_pages() * (int64_t)PAGE_SIZE;
}

/* --- The attacks --- */

/* Byte after byte, in order: copied together, so that none takes a packet of its own. */
TEST(attack_one_byte_segments_are_charged_as_what_they_take)
{
	peer_connects(1460);
	uint8_t bytes[4] = "abcd";
	for (uint32_t i = 0; i < 20000; i++) {
		peer_writes(i, bytes + i % 4, 1);
		CHECK_EQ(memory_in_packets(), peer.sock->rcv_used);
		CHECK(peer.sock->rcv_used <= peer.sock->rcvbuf + peer.sock->rcvbuf / 4);
	}
	/* They are all there, in less than twice their size. */
	uint8_t *all = (uint8_t *)netstack_alloc(20000);
	CHECK(peer.sock->rcv_used < 5 * 20000);
	CHECK_EQ(netstack_recv(peer.sock, all, 20000, MSG_DONTWAIT), 20000);
	for (uint32_t i = 0; i < 20000; i++)
		CHECK_EQ(all[i], bytes[i % 4]);
	CHECK_EQ(peer.sock->rcv_used, 0);
	netstack_free(all);
	all_is_given_back();
}

/* Every second byte: holes between all of them. Each is a packet, charged whole; there are no more than fit. */
TEST(attack_one_byte_segments_out_of_order_are_bounded)
{
	peer_connects(1460);
	for (uint32_t i = 0; i < 20000; i++) {
		peer_writes(1 + i * 2, "x", 1);
		CHECK_EQ(memory_in_packets(), peer.sock->rcv_used);
	}
	CHECK(peer.sock->rcv_used <= (TCP_OOO_MAX + 1) * sizeof(struct pkt));
	CHECK(net_counter_sum(peer.net, NET_DROP_TCP_OOO_FULL) +
			net_counter_sum(peer.net, NET_DROP_TCP_WINDOW) >=
		20000 - TCP_OOO_MAX);
	/* The stream goes on where it stood. */
	uint8_t text[8], got[8];
	memcpy(text, "ordinary", 8);
	peer_writes(0, text, 8);
	CHECK_EQ(netstack_recv(peer.sock, got, 8, MSG_DONTWAIT), 8);
	CHECK_MEM(got, text, 8);
	all_is_given_back();
}

/* A peer whose segments are tiny, and who acknowledges every other byte of what is in flight (CVE-2019-11477 to 11479). */
TEST(attack_sack_floods_of_tiny_segments_cost_no_memory)
{
	peer_connects(1);
	static uint8_t bytes[60000];
	ssize_t n = netstack_send(peer.sock, bytes, sizeof(bytes), MSG_DONTWAIT);
	CHECK(n > 4000);
	CHECK(peer.sent_largest >= TCP_MSS_MIN); /* not one byte each */
	int64_t held = peer.sock->snd_used;
	uint32_t before = peer.sent;
	for (uint32_t i = 0; i < 5000; i++) {
		struct tcp_segment seg = {.seq = PEER_FIRST,
			.ack = peer.iss + 1,
			.flags = TCP_ACK,
			.wnd = 60000,
			.nr_sack = 3};
		for (uint32_t j = 0; j < 3; j++) {
			uint32_t at = peer.iss + 2 + (i * 7 + j * 2) % 400;
			seg.sack[j] = (struct tcp_range){at, at + 1};
		}
		peer_sends(&seg, "", 0);
		CHECK_EQ(peer.sock->snd_used, held);
	}
	CHECK(peer.sent - before < 5000);
	CHECK(peer.sent_largest >= TCP_MSS_MIN);
	all_is_given_back();
}

/* A peer that reads nothing: the writer waits within its buffer, and has an end if it wants one. */
TEST(attack_zero_windows_hold_no_more_than_the_buffer_and_end)
{
	peer_connects(1460);
	static uint8_t bytes[60000];
	int32_t timeout = 30000;
	CHECK_EQ(peer.sock->ops->setsockopt(
			 peer.sock, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout)),
		0);
	peer_acks(peer.iss + 1, 0);
	for (uint32_t i = 0; i < 100; i++)
		(void)!netstack_send(peer.sock, bytes, sizeof(bytes), MSG_DONTWAIT);
	CHECK_EQ(netstack_send(peer.sock, bytes, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK(peer.sock->snd_used <= peer.sock->sndbuf + 2 * PAGE_SIZE);
	/* It answers every probe: the window stays shut, the connection is not dead. */
	for (uint32_t i = 0; i < 20; i++) {
		uint32_t before = peer.sent;
		uni_pass(NSEC_PER_SEC);
		if (peer.sent != before)
			peer_acks(peer.iss + 1, 0);
	}
	CHECK_EQ(tcp_state(tcp_of(peer.sock)), TCP_ESTABLISHED);
	/* It answers no more. */
	uni_pass(180 * NSEC_PER_SEC);
	CHECK_EQ(tcp_state(tcp_of(peer.sock)), TCP_CLOSE);
	CHECK_EQ(sock_take_error(peer.sock), -ETIMEDOUT);
	CHECK_EQ(peer.sock->snd_used, 0);
	all_is_given_back();
}

/* A peer that keeps the window shut of a connection that nobody has a handle to any more. */
TEST(attack_zero_windows_do_not_keep_what_was_closed)
{
	peer_connects(1460);
	static uint8_t bytes[60000];
	peer_acks(peer.iss + 1, 0);
	CHECK(netstack_send(peer.sock, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
	netstack_close(peer.sock);
	for (uint32_t i = 0; i < 1800 && netstack_objects("tcp_sock") != 0; i++) {
		uint32_t before = peer.sent;
		uni_pass(NSEC_PER_SEC);
		if (peer.sent != before)
			peer_acks(peer.iss + 1, 0);
	}
	CHECK_EQ(netstack_objects("tcp_sock"), 0);
	CHECK_EQ(net_memory_held(peer.net), 0);
}

/* --- What no connection has --- */

/* The resets that n forged segments of a source bring about. */
static uint64_t
resets_for(uint32_t n, uint32_t src, uint16_t flags)
{
	uint64_t before = net_counter_sum(peer.net, NET_TCP_OUT_RSTS);
	struct tcp_segment seg = {.seq = 1, .ack = 2, .flags = flags, .wnd = 60000};
	for (uint32_t i = 0; i < n; i++)
		CHECK(peer_sends_frame(
			&seg, "", 0, &(struct peer_frame){.src = src, .dst = PEER_OURS}));
	return net_counter_sum(peer.net, NET_TCP_OUT_RSTS) - before;
}

/* To one destination as many as its share; it accrues again, and what is refused does not count. */
TEST(attack_forged_segments_of_one_source_bring_few_resets)
{
	peer_meets();
	uint32_t share = tcp_reset_rule.destination.burst;
	CHECK_EQ(resets_for(4 * share, PEER_ADDRESS, TCP_ACK), share);
	CHECK_EQ(peer.sent, share);
	CHECK_EQ(net_counter_sum(peer.net, NET_TCP_RESETS_LIMITED), 3 * share);
	CHECK_EQ(resets_for(2 * share, PEER_ADDRESS, TCP_SYN), 2 * share);
	CHECK_EQ(resets_for(1, PEER_ADDRESS, TCP_SYN | TCP_ACK), 0);
	CHECK_EQ(resets_for(1, PEER_ADDRESS, TCP_RST), 0);
	uni_pass(NSEC_PER_SEC / 2);
	CHECK_EQ(resets_for(4 * share, PEER_ADDRESS, TCP_ACK | TCP_FIN),
		tcp_reset_rule.destination.second / 2);
	peer_has_all_given_back();
}

/* Nor do many sources bring many, at a listener. */
TEST(attack_forged_segments_of_many_sources_bring_few_resets)
{
	uint64_t sent = 0;
	peer_meets();
	struct sock *l = netstack_socket(peer.net, AF_INET, SOCK_STREAM);
	struct sock_addr own = peer_our_port();
	CHECK_EQ(l->ops->bind(l, &own), 0);
	CHECK_EQ(l->ops->listen(l, 4), 0);
	for (uint32_t i = 3; i < 255; i++)
		sent += resets_for(40, PEER_OURS - 1 + i, TCP_ACK);
	CHECK(sent < tcp_reset_rule.all.burst && sent >= tcp_reset_rule.all.burst / 4);
	CHECK_EQ(sent + net_counter_sum(peer.net, NET_TCP_RESETS_LIMITED), 40 * 252);
	netstack_close(l);
	peer_has_all_given_back();
}

/* What comes from this machine is not forged. */
TEST(attack_resets_over_loopback_are_not_limited)
{
	struct net_addr self = net_addr_v4(net_swap32(0x7f000001));
	struct net_addr far = {.b = {0x20, 1}}, link = {.b = {0xfe, 0x80}};
	peer_meets();
	for (uint32_t i = 0; i < 5 * tcp_reset_rule.destination.burst; i++)
		CHECK(reply_gate_take(peer.net, &peer.net->tcp->reset_gate, &self));
	/* All of a prefix of 64 bits are one destination, neighbours on a link are not. */
	uint32_t taken = 0, near = 0;
	for (uint32_t i = 0; i < 2 * tcp_reset_rule.destination.burst; i++) {
		far.b[15] = far.b[8] = (uint8_t)i;
		far.b[14] = (uint8_t)(i >> 8);
		taken += reply_gate_take(peer.net, &peer.net->tcp->reset_gate, &far);
	}
	for (uint32_t i = 0; i < 2 * tcp_reset_rule.destination.burst; i++) {
		link.b[15] = (uint8_t)i;
		near += reply_gate_take(peer.net, &peer.net->tcp->reset_gate, &link);
	}
	CHECK_EQ(taken, tcp_reset_rule.destination.burst);
	CHECK(near > tcp_reset_rule.destination.burst);
	peer_has_all_given_back();
}
