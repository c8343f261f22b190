/* SPDX-License-Identifier: MIT */
/* A packet socket on the loopback interface sees every segment of a TCP connection, with headers that add up. */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netpacket/packet.h>

#include "tests/guest/prog/tcp/tcp.h"

#define FIN 1u
#define SYN 2u
#define RST 4u
#define PSH 8u
#define ACK 16u
#define URG 32u

struct segment {
	uint16_t from, to;
	uint32_t seq, ack;
	unsigned flags, window;
	size_t options, payload; /* bytes */
	unsigned char data[64];
};

static uint32_t
be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint16_t
be16(const unsigned char *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The IP header's length, checked; *total: what the packet is long. 0: not TCP. */
static size_t
decode_ip(const unsigned char *p, size_t n, size_t *total)
{
	CHECK(n >= 40);
	if (p[0] >> 4 == 6) {
		*total = 40u + be16(p + 4);
		CHECK(p[7] == 64);
		return p[6] == IPPROTO_TCP ? 40 : 0;
	}
	CHECK_EQ(p[0], 0x45);
	*total = be16(p + 2);
	CHECK_EQ(p[8], 64);
	CHECK_EQ(be16(p + 6) & 0xbfff, 0); /* no fragment */
	uint32_t sum = 0;
	for (int i = 0; i < 20; i += 2)
		sum += be16(p + i);
	CHECK_EQ((sum & 0xffff) + (sum >> 16), 0xffff);
	return p[9] == IPPROTO_TCP ? 20 : 0;
}

/* The next TCP segment between these ports that the socket saw on its way out; *from: which way. */
static struct segment
next_segment(int s, uint16_t port)
{
	static unsigned char p[70000];
	for (;;) {
		struct sockaddr_ll ll;
		socklen_t len = sizeof(ll);
		struct pollfd wait = {s, POLLIN, 0};
		CHECK_EQ(poll(&wait, 1, GUEST_SECONDS / 2 * 1000), 1);
		ssize_t n = recvfrom(s, p, sizeof(p), MSG_DONTWAIT, (void *)&ll, &len);
		CHECK(n >= 14);
		uint16_t type = be16(p + 12);
		if (ll.sll_pkttype != PACKET_OUTGOING || (type != 0x800 && type != 0x86dd))
			continue;
		size_t total, ip = decode_ip(p + 14, (size_t)n - 14, &total);
		if (ip == 0)
			continue;
		CHECK_EQ(total, n - 14);
		const unsigned char *t = p + 14 + ip;
		struct segment seg = {be16(t), be16(t + 2), be32(t + 4), be32(t + 8), t[13],
			be16(t + 14), (size_t)(t[12] >> 4) * 4 - 20, 0, {0}};
		if (seg.from != port && seg.to != port)
			continue;
		CHECK(t[12] >> 4 >= 5);
		CHECK(ip + 20 + seg.options <= total);
		seg.payload = total - ip - 20 - seg.options;
		memcpy(seg.data, t + 20 + seg.options,
			seg.payload < sizeof(seg.data) ? seg.payload : sizeof(seg.data));
		return seg;
	}
}

static int
capture(void)
{
	int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = 1};
	CHECK(s >= 0);
	sock_set(s, SOL_SOCKET, SO_RCVBUF, 212992);
	CHECK_EQ(bind(s, (void *)&a, sizeof(a)), 0);
	return s;
}

TCP_TEST(capture_of_a_connection)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), s = capture(), fd[2];
	uint16_t port = sock_port(&reach);
	tcp_pair_on(l, &reach, fd);
	struct segment syn = next_segment(s, port), synack = next_segment(s, port),
		       ack = next_segment(s, port);
	CHECK_EQ(syn.flags & (SYN | ACK | RST | FIN), SYN);
	CHECK(syn.to == port && syn.ack == 0 && syn.payload == 0 && syn.options >= 12);
	CHECK(syn.window > 0);
	CHECK_EQ(synack.flags & (SYN | ACK | RST | FIN), SYN | ACK);
	CHECK(synack.from == port && synack.to == syn.from && synack.ack == syn.seq + 1);
	CHECK_EQ(ack.flags, ACK);
	CHECK(ack.seq == syn.seq + 1 && ack.ack == synack.seq + 1 && ack.payload == 0);
	send_all(fd[0], "captured", 8);
	expect_text(fd[1], "captured");
	struct segment data = next_segment(s, port);
	CHECK(data.payload == 8 && memcmp(data.data, "captured", 8) == 0);
	CHECK_EQ(data.flags, ACK | PSH);
	CHECK(data.seq == syn.seq + 1 && data.from == syn.from);
	/* Both ends close, the client first. Pure ACKs may stand between. */
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	expect_eof(fd[1]);
	CHECK_EQ(shutdown(fd[1], SHUT_WR), 0);
	expect_eof(fd[0]);
	bool fin[2] = {false, false}, acked[2] = {false, false};
	while (!acked[0] || !acked[1]) {
		struct segment seg = next_segment(s, port);
		int end = seg.from == port;
		CHECK_EQ(seg.flags & (SYN | RST | URG), 0);
		CHECK(seg.flags & ACK);
		CHECK_EQ(seg.payload, 0);
		if (seg.flags & FIN) {
			CHECK_EQ(seg.seq, end ? synack.seq + 1 : syn.seq + 9);
			fin[end] = true;
		}
		if (fin[!end] && seg.ack == (end ? syn.seq + 10 : synack.seq + 2))
			acked[!end] = true;
	}
	CHECK(fin[0] && fin[1]);
}

TCP_TEST(capture_of_much)
{
	/* Every byte passes as a segment, none larger than the interface takes; the window is heeded. */
	enum { N = 60000 };
	static char block[N];
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), fd[2], s = capture();
	uint16_t port = sock_port(&reach);
	tcp_pair_on(l, &reach, fd);
	struct segment syn = next_segment(s, port);
	pattern_fill(block, N, 0);
	pid_t child = fork();
	if (child == 0) {
		send_all(fd[0], block, N);
		_exit(0);
	}
	recv_pattern(fd[1], N, 0);
	CHECK_EQ(guest_reap(child), 0);
	uint32_t next = syn.seq + 1;
	while (next != syn.seq + 1 + N) {
		struct segment seg = next_segment(s, port);
		if (seg.from == port || seg.payload == 0)
			continue;
		CHECK((int32_t)(seg.seq - next) <= 0); /* none was skipped */
		if ((int32_t)(seg.seq + (uint32_t)seg.payload - next) > 0)
			next = seg.seq + (uint32_t)seg.payload;
		CHECK(seg.payload <= 65535);
	}
}

TCP_TEST(capture_of_a_refusal)
{
	struct sock_name reach;
	close(tcp_listener(net, 5, &reach));
	int s = capture(), c = tcp_socket(&reach);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), ECONNREFUSED);
	struct segment syn = next_segment(s, sock_port(&reach)),
		       rst = next_segment(s, sock_port(&reach));
	CHECK_EQ(syn.flags & (SYN | ACK), SYN);
	CHECK_EQ(rst.flags, RST | ACK);
	CHECK(rst.seq == 0 && rst.ack == syn.seq + 1 && rst.payload == 0);
	/* And urgent data has its flag. */
	int fd[2];
	int l = tcp_listener(net, 5, &reach);
	tcp_pair_on(l, &reach, fd);
	CHECK_EQ(send(fd[0], "abc", 3, MSG_OOB), 3);
	struct segment seg;
	do
		seg = next_segment(s, sock_port(&reach));
	while (seg.payload == 0);
	CHECK(seg.flags & URG);
	CHECK_EQ(seg.payload, 3);
}
