/* SPDX-License-Identifier: MIT */
/* How large the buffers of TCP's sockets are. */
#include "core/timer.h"
#include "net/tcp/tcp_impl.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/peer.h"
#include "tests/netstack/uni.h"
#include "tests/unit/test.h"

static void
acknowledge_all(void)
{
	peer_acks(peer.last.seq + peer.last.len, 65535);
}

/* As much as goes out in so many round trips. */
static void
send_much(uint32_t rounds)
{
	static uint8_t block[65536];
	while (rounds-- > 0) {
		while (netstack_send(peer.sock, block, sizeof(block), MSG_DONTWAIT) > 0)
			continue;
		uni_pass(10 * NSEC_PER_MSEC);
		acknowledge_all();
	}
	for (int i = 0; i < 100; i++) {
		uni_pass(10 * NSEC_PER_MSEC);
		acknowledge_all();
	}
	CHECK_EQ(peer.sock->snd_used, 0);
}

/* Some seconds in which nobody sends, then a byte, which arrives. */
static void
send_one_after_a_pause(void)
{
	uni_pass(5 * NSEC_PER_SEC);
	CHECK_EQ(netstack_send(peer.sock, "x", 1, MSG_DONTWAIT), 1);
	uni_pass(10 * NSEC_PER_MSEC);
	CHECK_EQ(peer.last.len, 1);
	acknowledge_all();
	CHECK_EQ(peer.sock->snd_used, 0);
}

TEST(buffer_of_a_sender_grows_and_shrinks_with_use)
{
	peer_connects(1460);
	uint32_t first = peer.sock->sndbuf;
	CHECK(first >= 16384 && first < 65536);
	send_much(20);
	uint32_t grown = peer.sock->sndbuf;
	CHECK(grown >= 3 * 65536);
	CHECK(grown <= tcp_sysctl(peer.net)->wmem[2]);
	/* After some seconds in which nobody sent the window begins anew, and the buffer with it; then it grows again. */
	send_one_after_a_pause();
	CHECK(peer.sock->sndbuf <= grown / 2);
	CHECK(peer.sock->sndbuf >= first);
	send_much(20);
	CHECK(peer.sock->sndbuf >= 3 * 65536);
	netstack_close(peer.sock);
	acknowledge_all();
	peer_has_all_given_back();
}

TEST(buffer_of_a_sender_stays_as_it_was_chosen)
{
	int32_t bytes = 100000;
	peer_connects(1460);
	CHECK_EQ(sock_set_option(peer.sock, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	send_much(20);
	CHECK_EQ(peer.sock->sndbuf, 2 * 100000);
	send_one_after_a_pause();
	CHECK_EQ(peer.sock->sndbuf, 2 * 100000);
	netstack_close(peer.sock);
	acknowledge_all();
	peer_has_all_given_back();
}

static uint32_t written, edge; /* of the peer's stream; where the window that it was told ends */

/* The peer sends n bytes, which must be taken, and the user reads them. The window's edge never goes back. */
static void
receive(uint32_t n)
{
	static uint8_t block[70000];
	uint32_t end = written + n;
	peer_shows_itself();
	for (; written < end; written += min(end - written, 1400u))
		peer_writes(written, block, min(end - written, 1400u));
	for (uint32_t got = 0; got < n;) {
		ssize_t part = netstack_recv(peer.sock, block, sizeof(block), MSG_DONTWAIT);
		CHECK(part > 0);
		got += (uint32_t)part;
	}
	uni_pass(250 * NSEC_PER_MSEC); /* the ACK may wait */
	CHECK_EQ(peer.last.ack, PEER_FIRST + written);
	CHECK(written + peer.last.wnd >= edge);
	edge = written + peer.last.wnd;
}

TEST(buffer_of_a_receiver_grows_and_shrinks_with_use)
{
	written = edge = 0;
	peer_connects(1460);
	uint32_t first = peer.sock->rcvbuf;
	tcp_of(peer.sock)->c.srtt_us = 1000;
	for (int i = 0; i < 6; i++)
		receive(10000u << min(i, 2));
	uint32_t grown = peer.sock->rcvbuf;
	CHECK(grown >= 2 * first);
	CHECK(grown <= tcp_sysctl(peer.net)->rmem[2]);
	/* Little for long: it goes back, as far as the window allows that the peer knows and uses up. */
	for (int i = 0; i < 45; i++)
		receive(100);
	CHECK(peer.sock->rcvbuf < grown && tcp_of(peer.sock)->rcv_goal != 0);
	for (int i = 0; i < 20; i++)
		receive(4000);
	CHECK(peer.sock->rcvbuf <= grown / 2 && peer.sock->rcvbuf >= first);
	CHECK_EQ(tcp_of(peer.sock)->rcv_goal, 0);
	for (int i = 0; i < 8; i++)
		receive(min(edge - written, 60000u));
	CHECK(peer.sock->rcvbuf >= 2 * first);
	netstack_close(peer.sock);
	acknowledge_all();
	peer_has_all_given_back();
}
