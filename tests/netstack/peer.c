/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/panic.h"
#include "core/timer.h"
#include "net/tcp/tcp_impl.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/peer.h"
#include "tests/netstack/uni.h"
#include "tests/unit/test.h"
#include "wire/checksum.h"
#include "wire/ip4.h"

struct peer peer;

static void
see(const uint8_t *frame, size_t n)
{
	if (n < 54 || frame[23] != IPPROTO_TCP)
		return;
	uint32_t total = (uint32_t)frame[16] << 8 | frame[17];
	CHECK(tcp_decode(frame + 34, total - 20, &peer.last));
	peer.last_tos = frame[15];
	peer.sent++;
	peer.sent_largest = peer.last.len > peer.sent_largest ? peer.last.len : peer.sent_largest;
}

bool
peer_sends_frame(struct tcp_segment *seg, const void *bytes, size_t n, const struct peer_frame *f)
{
	static uint8_t frame[1600];
	uint8_t *ip = frame + 14, *at = ip + 20;
	seg->src_port = net_swap16(PEER_THEIR_PORT);
	seg->dst_port = net_swap16(PEER_PORT);
	size_t len = tcp_header_length(seg) + n;
	memcpy(frame, f->to_all ? (const uint8_t[]){255, 255, 255, 255, 255, 255} : uni_mac, 6);
	memcpy(frame + 6, (uint8_t[]){2, 0, 0, 0, 0, 2, 8, 0}, 8);
	memcpy(ip, (uint8_t[]){0x45, f->tos, 0, 0, 0, 1, 0x40, 0, 64, IPPROTO_TCP, 0, 0}, 12);
	for (uint32_t i = 0; i < 4; i++) {
		ip[12 + i] = (uint8_t)(f->src >> (24 - 8 * i));
		ip[16 + i] = (uint8_t)(f->dst >> (24 - 8 * i));
	}
	ip[2] = (uint8_t)((20 + len) >> 8);
	ip[3] = (uint8_t)(20 + len);
	uint16_t sum = ip4_checksum(ip, 20);
	memcpy(ip + IP4_AT_CHECKSUM, &sum, 2);
	(void)tcp_encode(seg, at);
	memcpy(at + tcp_header_length(seg), bytes, n);
	at[16] = at[17] = 0;
	sum = checksum_finish(checksum_add(
		checksum_pseudo(ip + 12, ip + 16, 4, (uint32_t)len, IPPROTO_TCP), at, len));
	sum ^= f->wrong;
	memcpy(at + 16, &sum, 2);
	return uni_receive(peer.eth, frame, 34 + len);
}

void
peer_sends(struct tcp_segment *seg, const void *bytes, size_t n)
{
	CHECK(peer_sends_frame(
		seg, bytes, n, &(struct peer_frame){.src = PEER_ADDRESS, .dst = PEER_OURS}));
}

void
peer_acks(uint32_t ack, uint16_t window)
{
	struct tcp_segment seg = {.seq = PEER_FIRST, .ack = ack, .flags = TCP_ACK, .wnd = window};
	peer_sends(&seg, "", 0);
}

void
peer_writes(uint32_t at, const void *bytes, size_t n)
{
	struct tcp_segment seg = {
		.seq = PEER_FIRST + at, .ack = peer.iss + 1, .flags = TCP_ACK, .wnd = 60000};
	peer_sends(&seg, bytes, n);
}

void
peer_shows_itself(void)
{
	uint8_t arp[42] = {0};
	memset(arp, 0xff, 6);
	memcpy(arp + 6, (uint8_t[]){2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, 16);
	memcpy(arp + 22, (uint8_t[]){2, 0, 0, 0, 0, 2, 10, 0, 0, 2}, 10);
	memcpy(arp + 38, (uint8_t[]){10, 0, 0, 1}, 4);
	CHECK(uni_receive(peer.eth, arp, sizeof(arp)));
	arp[21] = 2; /* and answers, should we be asking */
	memcpy(arp, uni_mac, 6);
	memcpy(arp + 32, uni_mac, 6);
	CHECK(uni_receive(peer.eth, arp, sizeof(arp)));
}

void
peer_meets(void)
{
	peer = (struct peer){.net = uni_begin()};
	peer.eth = uni_ethernet(PEER_OURS);
	uni_sent = see;
	peer_shows_itself();
}

struct sock_addr
peer_address(void)
{
	struct sock_addr a = netstack_loopback(AF_INET, PEER_THEIR_PORT);
	memcpy(a.bytes + 4, (uint8_t[]){10, 0, 0, 2}, 4);
	return a;
}

struct sock_addr
peer_our_port(void)
{
	struct sock_addr own = netstack_loopback(AF_INET, PEER_PORT);
	memset(own.bytes + 4, 0, 4);
	return own;
}

void
peer_connects(uint16_t mss)
{
	peer_meets();
	peer_connects_again(mss);
}

void
peer_connects_again(uint16_t mss)
{
	struct sock *s = peer.sock = netstack_socket(peer.net, AF_INET, SOCK_STREAM);
	struct sock_addr a = peer_address(), own = peer_our_port();
	peer_shows_itself();
	CHECK(s != NULL);
	CHECK_EQ(s->ops->bind(s, &own), 0);
	CHECK_EQ(s->ops->connect(s, &a, O_NONBLOCK), -EINPROGRESS);
	CHECK_EQ(peer.last.flags, TCP_SYN);
	peer.iss = peer.last.seq;
	struct tcp_segment seg = {.seq = PEER_FIRST - 1,
		.ack = peer.iss + 1,
		.flags = TCP_SYN | TCP_ACK,
		.wnd = 60000,
		.opts = TCP_HAS_MSS | TCP_HAS_SACKOK,
		.mss = mss};
	peer_sends(&seg, "", 0);
	CHECK_EQ(s->ops->connect(s, &a, O_NONBLOCK), 0);
}

void
peer_has_all_given_back(void)
{
	uni_pass(600 * NSEC_PER_SEC);
	CHECK_EQ(net_memory_held(peer.net), 0);
	CHECK_EQ(netstack_lost_frames(peer.net), 0);
	CHECK_STR(netstack_leak() == NULL ? "nothing" : netstack_leak(), "nothing");
}
