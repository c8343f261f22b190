/* SPDX-License-Identifier: MIT */
/* Options of SOL_SOCKET and SOL_IP by what they do: interfaces, times, sizes; what connect(AF_UNSPEC) leaves behind. */
#include <net/if.h>
#include <sys/time.h>

#include "tests/guest/prog/tcp/tcp.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#define TIMESTAMP_OLD   29
#define TIMESTAMPNS_OLD 35
#define TIMESTAMP_NEW   63
#define TIMESTAMPNS_NEW 64

/* The interface that a socket says it is bound to. */
static void
check_device(int fd, const char *name)
{
	char got[IFNAMSIZ];
	socklen_t len = sizeof(got);
	memset(got, 'x', sizeof(got));
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, got, &len), 0);
	CHECK_EQ(len, name[0] == '\0' ? 0 : strlen(name) + 1);
	CHECK(len == 0 || strcmp(got, name) == 0);
	CHECK_EQ(sock_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX),
		name[0] == '\0' ? 0 : (int)if_nametoindex(name));
}

TCP_TEST(bound_to_a_device)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), c = tcp_socket(&reach), v;
	check_device(l, "");
	CHECK_EQ(setsockopt(c, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	check_device(c, "lo");
	CHECK_ERRNO(setsockopt(c, SOL_SOCKET, SO_BINDTODEVICE, "nosuch", 6), ENODEV);
	v = -1;
	CHECK_ERRNO(setsockopt(c, SOL_SOCKET, SO_BINDTOIFINDEX, &v, sizeof(v)), EINVAL);
	check_device(c, "lo");
	CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	CHECK_EQ(send(c, "text", 4, 0), 4);
	expect_text(s, "text");
	CHECK_EQ(setsockopt(c, SOL_SOCKET, SO_BINDTODEVICE, "", 0), 0);
	check_device(c, "");
	v = (int)if_nametoindex("lo");
	CHECK_EQ(setsockopt(c, SOL_SOCKET, SO_BINDTOIFINDEX, &v, sizeof(v)), 0);
	check_device(c, "lo");
	reset_on_close(c);
	close(c);
}

/* Reads a datagram, which comes with its time as the control message type; the time is in units of a second's part. */
static void
check_stamp(int fd, int type, long parts)
{
	char byte;
	_Alignas(8) char control[256];
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	CHECK_EQ(recvmsg(fd, &m, 0), 1);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (type == 0) {
		CHECK(c == NULL);
		return;
	}
	int64_t t[2];
	struct timeval now;
	CHECK(c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == type);
	CHECK_EQ(c->cmsg_len, CMSG_LEN(sizeof(t)));
	memcpy(t, CMSG_DATA(c), sizeof(t));
	gettimeofday(&now, NULL);
	CHECK(t[0] <= now.tv_sec && t[0] + 100 > now.tv_sec && t[1] >= 0 && t[1] < parts);
	CHECK_EQ(m.msg_controllen, CMSG_SPACE(sizeof(t)));
}

GUEST_TEST(tcp_beside_datagrams_that_tell_their_time)
{
	static const struct {
		int option;
		long parts;
	} kinds[] = {{TIMESTAMP_OLD, 1000000}, {TIMESTAMPNS_OLD, 1000000000},
		{TIMESTAMP_NEW, 1000000}, {TIMESTAMPNS_NEW, 1000000000}};
	struct sock_name at = tcp_name(AF_INET, 0);
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(bind(s, &at.sa, at.len), 0);
	at = sock_name_of(s);
	CHECK_EQ(connect(c, &at.sa, at.len), 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		sock_set(s, SOL_SOCKET, kinds[i].option, 1);
		CHECK_EQ(sock_int(s, SOL_SOCKET, kinds[i].option), 1);
		CHECK_EQ(send(c, "x", 1, 0), 1);
		check_stamp(s, kinds[i].option, kinds[i].parts);
	}
	sock_set(s, SOL_SOCKET, TIMESTAMP_OLD, 0);
	CHECK_EQ(send(c, "x", 1, 0), 1);
	check_stamp(s, 0, 0);
	close(s);
	close(c);
}

GUEST_TEST(tcp_beside_hop_limits_by_either_name)
{
	enum {
		OLD = 8,
		ASK = 51,
		NEW = 52
	}; /* IPV6_2292HOPLIMIT; IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT */
	struct sock_name at = tcp_name(AF_INET6, 0);
	int s = socket(AF_INET6, SOCK_DGRAM, 0), c = socket(AF_INET6, SOCK_DGRAM, 0), hops;
	char byte;
	_Alignas(8) char control[256];
	struct iovec iov = {&byte, 1};
	CHECK_EQ(bind(s, &at.sa, at.len), 0);
	at = sock_name_of(s);
	sock_set(c, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 77);
	for (int old = 0; old < 2; old++) {
		sock_set(s, IPPROTO_IPV6, OLD, old);
		sock_set(s, IPPROTO_IPV6, ASK, !old);
		struct msghdr m = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		CHECK_EQ(sendto(c, "x", 1, 0, &at.sa, at.len), 1);
		CHECK_EQ(recvmsg(s, &m, 0), 1);
		struct cmsghdr *got = CMSG_FIRSTHDR(&m);
		CHECK(got != NULL && got->cmsg_level == IPPROTO_IPV6);
		CHECK_EQ(got->cmsg_type, old ? OLD : NEW);
		memcpy(&hops, CMSG_DATA(got), sizeof(hops));
		CHECK_EQ(hops, 77);
	}
	close(s);
	close(c);
}

GUEST_TEST(tcp_leaves_congestion_bits_alone)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
	sock_set(s, IPPROTO_IP, IP_TOS, 0xb9 | 3);
	CHECK_EQ(sock_int(s, IPPROTO_IP, IP_TOS), 0xb8);
	sock_set(u, IPPROTO_IP, IP_TOS, 0xb9);
	CHECK_EQ(sock_int(u, IPPROTO_IP, IP_TOS), 0xb9);
	/* A negative size is a huge one. */
	sock_set(u, SOL_SOCKET, SO_RCVBUF, 1 << 30);
	int most = sock_int(u, SOL_SOCKET, SO_RCVBUF);
	sock_set(u, SOL_SOCKET, SO_RCVBUF, 0);
	CHECK(sock_int(u, SOL_SOCKET, SO_RCVBUF) < most);
	sock_set(u, SOL_SOCKET, SO_RCVBUF, -1);
	CHECK_EQ(sock_int(u, SOL_SOCKET, SO_RCVBUF), most);
	close(s);
	close(u);
}

TCP_TEST(what_was_disconnected_tells)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), fd[2];
	char byte;
	tcp_pair_on(l, &reach, fd);
	CHECK_EQ(connect(fd[0], &none, sizeof(none)), 0);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_ERROR), ECONNRESET);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_ERROR), 0);
	CHECK_ERRNO(recv(fd[0], &byte, 1, 0), ENOTCONN);
	CHECK_ERRNO(recv(fd[1], &byte, 1, 0), ECONNRESET);
	/* An error that nobody fetched does not hinder a new connection. */
	int s = -1;
	CHECK_EQ(connect(fd[0], &reach.sa, reach.len), 0);
	CHECK((s = accept(l, NULL, NULL)) >= 0);
	CHECK_EQ(connect(fd[0], &none, sizeof(none)), 0);
	CHECK_EQ(connect(fd[0], &reach.sa, reach.len), 0);
	close(s);
	CHECK((s = accept(l, NULL, NULL)) >= 0);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_ERROR), 0);
	CHECK_EQ(send(fd[0], "again", 5, 0), 5);
	expect_text(s, "again");
}

/* A rate of 0 is remembered, and holds nothing up. */
TCP_TEST(pacing_by_zero)
{
	int fd[2];
	unsigned long long rate = 0, said = 1;
	socklen_t len = sizeof(said);
	tcp_pair(net, fd);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_MAX_PACING_RATE), -1);
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)), 0);
	CHECK_EQ(getsockopt(fd[0], SOL_SOCKET, SO_MAX_PACING_RATE, &said, &len), 0);
	CHECK_EQ(said, 0);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_MAX_PACING_RATE), 0);
	send_all(fd[0], "at once", 7);
	expect_text(fd[1], "at once");
	sock_set(fd[0], SOL_SOCKET, SO_MAX_PACING_RATE, -1);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_MAX_PACING_RATE), -1);
}

/* Connections have their listener's rate; other sockets remember one, which holds nothing up. */
TCP_TEST(pacing_is_inherited)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), fd[2];
	sock_set(l, SOL_SOCKET, SO_MAX_PACING_RATE, 123456789);
	tcp_pair_on(l, &reach, fd);
	CHECK_EQ(sock_int(fd[1], SOL_SOCKET, SO_MAX_PACING_RATE), 123456789);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_MAX_PACING_RATE), -1);
}

GUEST_TEST(tcp_beside_pacing_of_datagrams)
{
	int families[] = {AF_INET, AF_INET6, AF_UNIX};
	for (int i = 0; i < 3; i++) {
		int s = socket(families[i], SOCK_DGRAM, 0);
		unsigned long long rate = 5000000000ull, said = 0;
		socklen_t len = sizeof(said);
		CHECK_EQ(sock_int(s, SOL_SOCKET, SO_MAX_PACING_RATE), -1);
		CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)), 0);
		CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, &said, &len), 0);
		CHECK_EQ(said, rate);
		CHECK_EQ(sock_int(s, SOL_SOCKET, SO_MAX_PACING_RATE),
			-1); /* as much as an int holds */
		CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, 3), EINVAL);
		sock_set(s, SOL_SOCKET, SO_MAX_PACING_RATE, 7);
		CHECK_EQ(sock_int(s, SOL_SOCKET, SO_MAX_PACING_RATE), 7);
		close(s);
	}
}

/* A UDP socket that was bound without a port gets one when it needs it, at the address that was said. */
GUEST_TEST(tcp_beside_datagrams_bound_without_a_port)
{
	struct sock_name at = tcp_name(AF_INET, 0), peer = tcp_name(AF_INET, 0);
	int s = socket(AF_INET, SOCK_DGRAM, 0), p = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(bind(p, &peer.sa, peer.len), 0);
	peer = sock_name_of(p);
	sock_set(s, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	CHECK_EQ(bind(s, &at.sa, at.len), 0);
	struct sock_name got = sock_name_of(s);
	CHECK_EQ(got.in.sin_addr.s_addr, at.in.sin_addr.s_addr);
	CHECK_EQ(got.in.sin_port, 0);
	CHECK_EQ(bind(s, &at.sa, at.len), 0); /* it may be bound anew as long as it has none */
	CHECK_EQ(connect(s, &peer.sa, peer.len), 0);
	got = sock_name_of(s);
	CHECK_EQ(got.in.sin_addr.s_addr, at.in.sin_addr.s_addr);
	CHECK(got.in.sin_port != 0);
	CHECK_ERRNO(bind(s, &at.sa, at.len), EINVAL);
	CHECK_EQ(send(s, "x", 1, 0), 1);
	CHECK_EQ(recv(p, &peer, sizeof(peer), 0), 1);
	close(s);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	sock_set(s, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	at.in.sin_port = got.in.sin_port; /* a port that is said is taken at once */
	CHECK_EQ(bind(s, &at.sa, at.len), 0);
	CHECK_EQ(sock_name_of(s).in.sin_port, got.in.sin_port);
	close(s);
	close(p);
}

/* IP_UNICAST_IF is told apart from the device that a socket is bound to; the option of groups says what it was told. */
GUEST_TEST(tcp_beside_interfaces_of_what_is_sent)
{
	enum { UNICAST_IF = 50 };
	int u = socket(AF_INET, SOCK_DGRAM, 0), t = socket(AF_INET, SOCK_STREAM, 0);
	int lo = (int)if_nametoindex("lo"), index = (int)htonl((uint32_t)lo),
	    none = (int)htonl(9999);
	struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
	struct sock_name at = tcp_name(AF_INET, 0);
	sock_set(u, IPPROTO_IP, UNICAST_IF, index);
	CHECK_EQ(sock_int(u, IPPROTO_IP, UNICAST_IF), index);
	check_device(u, "");
	CHECK_ERRNO(setsockopt(u, IPPROTO_IP, UNICAST_IF, &none, sizeof(none)), EADDRNOTAVAIL);
	CHECK_EQ(bind(u, &at.sa, at.len), 0);
	at = sock_name_of(u);
	CHECK_EQ(sendto(u, "x", 1, 0, &at.sa, at.len), 1);
	CHECK_EQ(recv(u, &none, 1, 0), 1);
	CHECK_EQ(setsockopt(u, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof(loopback)), 0);
	CHECK_EQ(sock_int(u, IPPROTO_IP, IP_MULTICAST_IF), (int)loopback.s_addr);
	CHECK_ERRNO(
		setsockopt(t, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof(loopback)), EINVAL);
	CHECK_ERRNO(setsockopt(t, IPPROTO_IP, IP_MULTICAST_TTL, &lo, sizeof(lo)), EINVAL);
	close(u);
	close(t);
}

TCP_TEST(priority_is_not_handed_on)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), fd[2];
	sock_set(l, SOL_SOCKET, SO_PRIORITY, 5);
	tcp_pair_on(l, &reach, fd);
	CHECK_EQ(sock_int(fd[1], SOL_SOCKET, SO_PRIORITY), 0);
	reset_on_close(fd[0]);
	close(fd[0]);
	close(fd[1]);
	close(l);
}
