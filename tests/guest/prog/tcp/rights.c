/* SPDX-License-Identifier: MIT */
/* What TCP sockets take in swos: NET to make one, NETADMIN for the low ports, neither for one that was received. */
#include <sys/syscall.h>

#include "abi/swos.h"
#include "caps.h"
#include "swos_numbers.h"
#include "tests/guest/prog/tcp/tcp.h"

static void
keep_only(uint64_t caps)
{
	struct swos_login login = {
		.size = sizeof(login), .uid = 1000, .gid = 1000, .session = 2, .caps = caps};
	CHECK_EQ(syscall(SYS_swos_login, &login), 0);
}

static void
without_net(void *arg)
{
	const int *held = arg; /* a listener, and a connection's end */
	keep_only(CAP_SPAWN | CAP_FSREAD);
	CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, 0), EPERM);
	CHECK_ERRNO(socket(AF_INET6, SOCK_STREAM, 0), EPERM);
	CHECK_ERRNO(socket(AF_INET, SOCK_DGRAM, 0), EPERM);
	CHECK_ERRNO(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), EPERM);
	CHECK_ERRNO(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6), EPERM);
	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	/* What it was given works, and so does what comes from it. */
	send_all(held[1], "held", 4);
	struct sock_name from = {.len = sizeof(from.storage)};
	int s = accept(held[0], &from.sa, &from.len);
	CHECK(s >= 0);
	send_all(s, "accepted", 8);
	sock_set(s, IPPROTO_TCP, TCP_NODELAY, 1);
}

GUEST_TEST(tcp_takes_a_capability)
{
	struct sock_name reach;
	int l = tcp_listener(&tcp_net_v4, 5, &reach), fd[2];
	tcp_pair_on(l, &reach, fd);
	int c = tcp_connected(&reach), held[2] = {l, fd[1]};
	guest_fork_ok(without_net, held);
	expect_text(fd[0], "held");
	expect_text(c, "accepted");
}

static void
without_netadmin(void *unused)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), s6 = socket(AF_INET6, SOCK_STREAM, 0), v = 4;
	keep_only(CAP_SPAWN | CAP_FSREAD | CAP_NET);
	struct sock_name low = tcp_name(AF_INET, 83), low6 = tcp_name(AF_INET6, 1023),
			 high = tcp_name(AF_INET6, 1024);
	CHECK_ERRNO(bind(s, &low.sa, low.len), EACCES);
	CHECK_ERRNO(bind(s6, &low6.sa, low6.len), EACCES);
	CHECK_EQ(bind(s6, &high.sa, high.len), 0);
	CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_MARK, &v, sizeof(v)), EPERM);
	CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &v, sizeof(v)), EPERM);
	CHECK_ERRNO(socket(AF_INET, SOCK_RAW, IPPROTO_TCP), EPERM);
}

GUEST_TEST(tcp_low_ports_take_a_capability)
{
	guest_fork_ok(without_netadmin, NULL);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	struct sock_name low = tcp_name(AF_INET, 83);
	CHECK_EQ(bind(s, &low.sa, low.len), 0);
}
