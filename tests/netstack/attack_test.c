/* SPDX-License-Identifier: MIT */
/*
 * A peer on the wire that means harm to a connection: what its memory comes to, and when it ends. docs/network.md lists
 * what bad input gets.
 */
#include <string.h>

#include "core/panic.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "net/ip/ip.h"
#include "net/sock/charge.h"
#include "net/tcp/tcp_impl.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/uni.h"
#include "tests/unit/test.h"
#include "wire/checksum.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

#define OURS  0x0a000001u
#define PEER  0x0a000002u
#define PORT  81u
#define THEIR 9000u
#define FIRST 5000u /* the peer's first byte */

static struct net_stack *net;
static struct netif *eth;
static struct sock *sock;
static uint32_t iss; /* ours */

/* --- What the host sends --- */

static struct tcp_segment last;
static uint32_t sent, sent_largest;

static void
see(const uint8_t *frame, size_t n)
{
	if (n < 54 || frame[23] != IPPROTO_TCP)
		return;
	uint32_t total = (uint32_t)frame[16] << 8 | frame[17];
	CHECK(tcp_decode(frame + 34, total - 20, &last));
	sent++;
	sent_largest = last.len > sent_largest ? last.len : sent_largest;
}

/* --- What the peer sends --- */

static void
peer_sends(struct tcp_segment *seg, const uint8_t *bytes, size_t n)
{
	static uint8_t frame[1600];
	uint8_t *ip = frame + 14, *at = ip + 20;
	seg->src_port = net_swap16(THEIR);
	seg->dst_port = net_swap16(PORT);
	size_t len = tcp_header_length(seg) + n;
	memcpy(frame, uni_mac, 6);
	memcpy(frame + 6, (uint8_t[]){2, 0, 0, 0, 0, 2, 8, 0}, 8);
	memcpy(ip, (uint8_t[]){0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, IPPROTO_TCP, 0, 0}, 12);
	memcpy(ip + 12, (uint8_t[]){10, 0, 0, 2, 10, 0, 0, 1}, 8);
	ip[2] = (uint8_t)((20 + len) >> 8);
	ip[3] = (uint8_t)(20 + len);
	uint16_t sum = ip4_checksum(ip, 20);
	memcpy(ip + IP4_AT_CHECKSUM, &sum, 2);
	(void)tcp_encode(seg, at);
	memcpy(at + tcp_header_length(seg), bytes, n);
	at[16] = at[17] = 0;
	sum = checksum_finish(checksum_add(
		checksum_pseudo(ip + 12, ip + 16, 4, (uint32_t)len, IPPROTO_TCP), at, len));
	memcpy(at + 16, &sum, 2);
	CHECK(uni_receive(eth, frame, 34 + len));
}

static void
peer_acks(uint32_t ack, uint16_t window)
{
	struct tcp_segment seg = {.seq = FIRST, .ack = ack, .flags = TCP_ACK, .wnd = window};
	peer_sends(&seg, (const uint8_t *)"", 0);
}

static void
peer_writes(uint32_t at, const uint8_t *bytes, size_t n)
{
	struct tcp_segment seg = {
		.seq = FIRST + at, .ack = iss + 1, .flags = TCP_ACK, .wnd = 60000};
	peer_sends(&seg, bytes, n);
}

static void
meet_peer(void)
{
	uint8_t arp[42] = {0};
	memset(arp, 0xff, 6);
	memcpy(arp + 6, (uint8_t[]){2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, 16);
	memcpy(arp + 22, (uint8_t[]){2, 0, 0, 0, 0, 2, 10, 0, 0, 2}, 10);
	memcpy(arp + 38, (uint8_t[]){10, 0, 0, 1}, 4);
	CHECK(uni_receive(eth, arp, sizeof(arp)));
}

/* A connection to the peer, which says that its segments hold mss bytes. */
static void
connect_to_peer(uint16_t mss)
{
	net = uni_begin();
	eth = uni_ethernet(OURS);
	meet_peer();
	uni_sent = see;
	sent = sent_largest = 0;
	sock = netstack_socket(net, AF_INET, SOCK_STREAM);
	struct sock_addr a = netstack_loopback(AF_INET, THEIR);
	memcpy(a.bytes + 4, (uint8_t[]){10, 0, 0, 2}, 4);
	CHECK(sock != NULL);
	struct sock_addr own = netstack_loopback(AF_INET, PORT);
	memset(own.bytes + 4, 0, 4);
	CHECK_EQ(sock->ops->bind(sock, &own), 0);
	CHECK_EQ(sock->ops->connect(sock, &a, O_NONBLOCK), -EINPROGRESS);
	CHECK_EQ(last.flags, TCP_SYN);
	iss = last.seq;
	struct tcp_segment seg = {.seq = FIRST - 1,
		.ack = iss + 1,
		.flags = TCP_SYN | TCP_ACK,
		.wnd = 60000,
		.opts = TCP_HAS_MSS | TCP_HAS_SACKOK,
		.mss = mss};
	peer_sends(&seg, (const uint8_t *)"", 0);
	CHECK_EQ(sock->ops->connect(sock, &a, O_NONBLOCK), 0);
}

static void
all_is_given_back(void)
{
	netstack_close(sock);
	uni_pass(600 * NSEC_PER_SEC);
	CHECK_EQ(net_memory_held(net), 0);
	CHECK_EQ(netstack_lost_frames(net), 0);
	CHECK_STR(netstack_leak() == NULL ? "nothing" : netstack_leak(), "nothing");
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
	connect_to_peer(1460);
	uint8_t bytes[4] = "abcd";
	for (uint32_t i = 0; i < 20000; i++) {
		peer_writes(i, bytes + i % 4, 1);
		CHECK_EQ(memory_in_packets(), sock->rcv_used);
		CHECK(sock->rcv_used <= sock->rcvbuf + sock->rcvbuf / 4);
	}
	/* They are all there, in less than twice their size. */
	uint8_t *all = (uint8_t *)netstack_alloc(20000);
	CHECK(sock->rcv_used < 5 * 20000);
	CHECK_EQ(netstack_recv(sock, all, 20000, MSG_DONTWAIT), 20000);
	for (uint32_t i = 0; i < 20000; i++)
		CHECK_EQ(all[i], bytes[i % 4]);
	CHECK_EQ(sock->rcv_used, 0);
	netstack_free(all);
	all_is_given_back();
}

/* Every second byte: holes between all of them. Each is a packet, charged whole; there are no more than fit. */
TEST(attack_one_byte_segments_out_of_order_are_bounded)
{
	connect_to_peer(1460);
	for (uint32_t i = 0; i < 20000; i++) {
		peer_writes(1 + i * 2, (const uint8_t *)"x", 1);
		CHECK_EQ(memory_in_packets(), sock->rcv_used);
	}
	CHECK(sock->rcv_used <= (TCP_OOO_MAX + 1) * sizeof(struct pkt));
	CHECK(net_counter_sum(net, NET_DROP_TCP_OOO_FULL) +
			net_counter_sum(net, NET_DROP_TCP_WINDOW) >=
		20000 - TCP_OOO_MAX);
	/* The stream goes on where it stood. */
	uint8_t text[8], got[8];
	memcpy(text, "ordinary", 8);
	peer_writes(0, text, 8);
	CHECK_EQ(netstack_recv(sock, got, 8, MSG_DONTWAIT), 8);
	CHECK_MEM(got, text, 8);
	all_is_given_back();
}

/* A peer whose segments are tiny, and who acknowledges every other byte of what is in flight (CVE-2019-11477 to 11479). */
TEST(attack_sack_floods_of_tiny_segments_cost_no_memory)
{
	connect_to_peer(1);
	static uint8_t bytes[60000];
	ssize_t n = netstack_send(sock, bytes, sizeof(bytes), MSG_DONTWAIT);
	CHECK(n > 4000);
	CHECK(sent_largest >= TCP_MSS_MIN); /* not one byte each */
	int64_t held = sock->snd_used;
	uint32_t before = sent;
	for (uint32_t i = 0; i < 5000; i++) {
		struct tcp_segment seg = {
			.seq = FIRST, .ack = iss + 1, .flags = TCP_ACK, .wnd = 60000, .nr_sack = 3};
		for (uint32_t j = 0; j < 3; j++) {
			uint32_t at = iss + 2 + (i * 7 + j * 2) % 400;
			seg.sack[j] = (struct tcp_range){at, at + 1};
		}
		peer_sends(&seg, (const uint8_t *)"", 0);
		CHECK_EQ(sock->snd_used, held);
	}
	CHECK(sent - before < 5000);
	CHECK(sent_largest >= TCP_MSS_MIN);
	all_is_given_back();
}

/* A peer that reads nothing: the writer waits within its buffer, and has an end if it wants one. */
TEST(attack_zero_windows_hold_no_more_than_the_buffer_and_end)
{
	connect_to_peer(1460);
	static uint8_t bytes[60000];
	int32_t timeout = 30000;
	CHECK_EQ(sock->ops->setsockopt(
			 sock, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout)),
		0);
	peer_acks(iss + 1, 0);
	for (uint32_t i = 0; i < 100; i++)
		(void)!netstack_send(sock, bytes, sizeof(bytes), MSG_DONTWAIT);
	CHECK_EQ(netstack_send(sock, bytes, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK(sock->snd_used <= sock->sndbuf + 2 * PAGE_SIZE);
	/* It answers every probe: the window stays shut, the connection is not dead. */
	for (uint32_t i = 0; i < 20; i++) {
		uint32_t before = sent;
		uni_pass(NSEC_PER_SEC);
		if (sent != before)
			peer_acks(iss + 1, 0);
	}
	CHECK_EQ(tcp_state(tcp_of(sock)), TCP_ESTABLISHED);
	/* It answers no more. */
	uni_pass(180 * NSEC_PER_SEC);
	CHECK_EQ(tcp_state(tcp_of(sock)), TCP_CLOSE);
	CHECK_EQ(sock_take_error(sock), -ETIMEDOUT);
	CHECK_EQ(sock->snd_used, 0);
	all_is_given_back();
}

/* A peer that keeps the window shut of a connection that nobody has a handle to any more. */
TEST(attack_zero_windows_do_not_keep_what_was_closed)
{
	connect_to_peer(1460);
	static uint8_t bytes[60000];
	peer_acks(iss + 1, 0);
	CHECK(netstack_send(sock, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
	netstack_close(sock);
	for (uint32_t i = 0; i < 1800 && netstack_objects("tcp_sock") != 0; i++) {
		uint32_t before = sent;
		uni_pass(NSEC_PER_SEC);
		if (sent != before)
			peer_acks(iss + 1, 0);
	}
	CHECK_EQ(netstack_objects("tcp_sock"), 0);
	CHECK_EQ(net_memory_held(net), 0);
}
