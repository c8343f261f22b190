/* SPDX-License-Identifier: MIT */
/* Datagram sockets of IP that begin anew, end, or are told what is nothing to them. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "guest.h"

#define SIOCETHTOOL 0x8946

union name {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static union name
name6(const char *text, uint32_t scope)
{
	union name n = {
		.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_scope_id = scope}};
	CHECK_EQ(inet_pton(AF_INET6, text, &n.in6.sin6_addr), 1);
	return n;
}

static union name
name4(const char *text, uint16_t port)
{
	union name n = {.in = {.sin_family = AF_INET, .sin_port = htons(port)}};
	CHECK_EQ(inet_pton(AF_INET, text, &n.in.sin_addr), 1);
	return n;
}

static union name
own(int s)
{
	union name n;
	socklen_t len = sizeof(n);
	CHECK_EQ(getsockname(s, &n.sa, &len), 0);
	return n;
}

static void
leave_peer(int s)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	CHECK_EQ(connect(s, &none, sizeof(none)), 0);
}

/* What connect() chose goes with the peer: C libraries ask so which source each of several destinations would have. */
GUEST_TEST(udp_source_is_chosen_for_each_peer)
{
	union name a = name6("::1", 0), b = name6("::ffff:127.0.0.1", 0), n;
	int s = socket(AF_INET6, SOCK_DGRAM, 0);
	for (int round = 0; round < 2; round++) {
		CHECK_EQ(connect(s, &a.sa, sizeof(a)), 0);
		n = own(s);
		CHECK(memcmp(&n.in6.sin6_addr, &a.in6.sin6_addr, 16) == 0 && n.in6.sin6_port != 0);
		leave_peer(s);
		n = own(s);
		CHECK(IN6_IS_ADDR_UNSPECIFIED(&n.in6.sin6_addr) && n.in6.sin6_port == 0);
		CHECK_EQ(connect(s, &b.sa, sizeof(b)), 0);
		n = own(s);
		CHECK(memcmp(&n.in6.sin6_addr, &b.in6.sin6_addr, 16) == 0);
		leave_peer(s);
	}
	/* What bind() named stays: the address, and then the port too. */
	union name bound = name4("127.0.0.1", 0), to = name4("127.0.0.1", 9);
	for (int round = 0; round < 2; round++) {
		CHECK_EQ(close(s), 0);
		s = socket(AF_INET, SOCK_DGRAM, 0);
		CHECK_EQ(bind(s, &bound.sa, sizeof(bound)), 0);
		bound = own(s);
		CHECK_EQ(connect(s, &to.sa, sizeof(to)), 0);
		leave_peer(s);
		n = own(s);
		CHECK_EQ(n.in.sin_port, round == 0 ? 0 : bound.in.sin_port);
		CHECK_EQ(n.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	}
	CHECK_EQ(sendto(s, "x", 1, 0, &bound.sa, sizeof(bound)), 1);
	char c;
	CHECK_EQ(recv(s, &c, 1, 0), 1);
}

/* Of all that is local, what is sent to another address of 127/8 has the one that the routes name. */
GUEST_TEST(udp_source_of_loopback)
{
	union name to = name4("127.0.0.2", 9);
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(connect(s, &to.sa, sizeof(to)), 0);
	to = own(s);
	CHECK_EQ(to.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}

/* shutdown() fails without a peer, and yet ends the wait of who receives. */
GUEST_TEST(udp_shutdown_without_a_peer)
{
	const struct timeval deadline = {.tv_sec = 50};
	char c;
	for (int i = 0; i < 4; i++) {
		int raw = i >= 2,
		    s = socket(i % 2 == 0 ? AF_INET : AF_INET6, raw ? SOCK_RAW : SOCK_DGRAM,
			    raw ? 253 : 0);
		union name any = i % 2 == 0 ? name4("0.0.0.0", 0) : name6("::", 0);
		any.in.sin_port = 0;
		CHECK_EQ(bind(s, &any.sa, sizeof(any)), 0);
		CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)), 0);
		pid_t child = fork();
		if (child == 0)
			_exit(recv(s, &c, 1, 0) == 0 ? 0 : 1);
		usleep(1000);
		CHECK_ERRNO(shutdown(s, SHUT_RDWR), ENOTCONN);
		CHECK_EQ(guest_reap(child), 0);
		struct pollfd p = {s, POLLIN | POLLRDHUP, 0};
		CHECK_EQ(poll(&p, 1, 0), 1);
		CHECK_EQ(p.revents, POLLIN | POLLRDHUP | POLLHUP);
		any = i % 2 == 0 ? name4("127.0.0.1", 0) : name6("::1", 0);
		any.in.sin_port = htons(raw ? 0 : 9);
		if (raw) /* as Linux has it */
			CHECK_EQ(sendto(s, "x", 1, MSG_NOSIGNAL, &any.sa, sizeof(any)), 1);
		else
			CHECK_ERRNO(sendto(s, "x", 1, MSG_NOSIGNAL, &any.sa, sizeof(any)), EPIPE);
		CHECK_EQ(close(s), 0);
	}
}

/* Peers of both versions, one after the other; which of them it takes is settled with its port. */
GUEST_TEST(udp_peers_of_both_versions)
{
	union name six = name6("::1", 0), four = name6("::ffff:127.0.0.1", 0);
	int s = socket(AF_INET6, SOCK_DGRAM, 0), on = 1;
	CHECK_EQ(setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	CHECK_ERRNO(connect(s, &four.sa, sizeof(four)), ENETUNREACH);
	on = 0;
	s = socket(AF_INET6, SOCK_DGRAM, 0);
	CHECK_EQ(setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	CHECK_EQ(connect(s, &six.sa, sizeof(six)), 0);
	CHECK_EQ(connect(s, &four.sa, sizeof(four)), 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), EINVAL);
	s = socket(AF_INET6, SOCK_RAW, 253);
	four.in6.sin6_port = 0;
	CHECK_ERRNO(sendto(s, "x", 1, 0, &four.sa, sizeof(four)), ENETUNREACH);
}

/* An address that means something on its link alone names the link. */
GUEST_TEST(inet6_links_are_named)
{
	union name n = name6("fe80::1", 0), group = name6("ff02::1", 0);
	int s = socket(AF_INET6, SOCK_DGRAM, 0), lo = 1, none = 99;
	CHECK_ERRNO(bind(s, &n.sa, sizeof(n)), EINVAL);
	CHECK_ERRNO(connect(s, &n.sa, sizeof(n)), EINVAL);
	CHECK_ERRNO(bind(s, &group.sa, sizeof(group)), EINVAL);
	CHECK_ERRNO(connect(s, &group.sa, sizeof(group)), EINVAL);
	s = socket(AF_INET6, SOCK_DGRAM,
		0); /* the one that could not connect has a port now, on Linux */
	n.in6.sin6_scope_id = 99;
	CHECK_ERRNO(bind(s, &n.sa, sizeof(n)), ENODEV);
	n.in6.sin6_scope_id = 1;
	CHECK_ERRNO(bind(s, &n.sa, sizeof(n)), EADDRNOTAVAIL);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, &none, sizeof(none)), ENODEV);
	CHECK_EQ(setsockopt(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, &lo, sizeof(lo)), 0);
	struct ip_mreqn m = {.imr_ifindex = none};
	s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)), EADDRNOTAVAIL);
	m.imr_ifindex = lo;
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)), 0);
}

/* The form of joining that both versions have (RFC 3678). */
GUEST_TEST(inet_groups_by_request)
{
	struct group_req r = {.gr_interface = 1};
	union name group4 = name4("239.9.8.7", 0), group6 = name6("ff02::4243", 0);
	int four = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0);
	memcpy(&r.gr_group, &group4, sizeof(group4));
	CHECK_EQ(setsockopt(four, IPPROTO_IP, MCAST_JOIN_GROUP, &r, sizeof(r)), 0);
	CHECK_ERRNO(setsockopt(four, IPPROTO_IP, MCAST_JOIN_GROUP, &r, sizeof(r)), EADDRINUSE);
	CHECK_ERRNO(setsockopt(four, IPPROTO_IP, MCAST_JOIN_GROUP, &r, sizeof(r) - 1), EINVAL);
	CHECK_ERRNO(setsockopt(six, IPPROTO_IPV6, MCAST_JOIN_GROUP, &r, sizeof(r)), EADDRNOTAVAIL);
	CHECK_EQ(setsockopt(four, IPPROTO_IP, MCAST_LEAVE_GROUP, &r, sizeof(r)), 0);
	CHECK_ERRNO(setsockopt(four, IPPROTO_IP, MCAST_LEAVE_GROUP, &r, sizeof(r)), EADDRNOTAVAIL);
	memcpy(&r.gr_group, &group6, sizeof(group6));
	CHECK_EQ(setsockopt(six, IPPROTO_IPV6, MCAST_JOIN_GROUP, &r, sizeof(r)), 0);
	CHECK_EQ(setsockopt(six, IPPROTO_IPV6, MCAST_LEAVE_GROUP, &r, sizeof(r)), 0);
}

/* Control messages of other levels, and AF_UNIX's, are passed over; of the socket's own level all must make sense. */
GUEST_TEST(udp_control_messages_for_others)
{
	static const struct {
		int family, level, type, expected;
	} cases[] = {
		{AF_INET, 99, 99, 0},
		{AF_INET, SOL_SOCKET, SCM_RIGHTS, 0},
		{AF_INET, SOL_SOCKET, SCM_CREDENTIALS, 0},
		{AF_INET, IPPROTO_IPV6, IPV6_TCLASS, 0},
		{AF_INET, IPPROTO_IP, 99, EINVAL},
		{AF_INET, IPPROTO_IP, IP_TOS, 0},
		{AF_INET6, 99, 99, 0},
		{AF_INET6, SOL_SOCKET, SCM_RIGHTS, 0},
		{AF_INET6, IPPROTO_IPV6, 99, EINVAL},
		{AF_INET6, IPPROTO_IPV6, IPV6_TCLASS, 0},
		{AF_INET6, IPPROTO_IP, IP_TOS, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		union name to =
			cases[i].family == AF_INET ? name4("127.0.0.1", 9) : name6("::1", 0);
		union {
			struct cmsghdr h;
			char bytes[CMSG_SPACE(sizeof(int))];
		} control = {.h = {.cmsg_len = CMSG_LEN(sizeof(int)),
				     .cmsg_level = cases[i].level,
				     .cmsg_type = cases[i].type}};
		struct iovec v = {"x", 1};
		struct msghdr m = {.msg_name = &to,
			.msg_namelen = sizeof(to),
			.msg_iov = &v,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};
		int s = socket(cases[i].family, SOCK_DGRAM, 0);
		if (cases[i].expected != 0)
			CHECK_ERRNO(sendmsg(s, &m, 0), cases[i].expected);
		else
			CHECK_EQ(sendmsg(s, &m, 0), 1);
		CHECK_EQ(close(s), 0);
	}
}

/* An option of IP's that says nothing is 0, and one that is not there is not. */
GUEST_TEST(inet_options_of_no_length)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), v = 1;
	socklen_t len = sizeof(v);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_PKTINFO, &v, sizeof(v)), 0);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_PKTINFO, NULL, 0), 0);
	CHECK_EQ(getsockopt(s, IPPROTO_IP, IP_PKTINFO, &v, &len), 0);
	CHECK_EQ(v, 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IP, 999, NULL, 0), ENOPROTOOPT);
}

/* The options of a header that came in, for who wants them: ping(8) asks, and warns where it may not. */
GUEST_TEST(udp_tells_options_of_ip)
{
	struct {
		struct iphdr ip;
		uint8_t options[4];
		struct udphdr udp;
		char data;
	} __attribute__((packed)) out = {.ip = {.version = 4,
						 .ihl = 6,
						 .ttl = 9,
						 .protocol = IPPROTO_UDP,
						 .daddr = htonl(INADDR_LOOPBACK)},
		.options = {0x94, 4, 0, 0}, /* router alert */
		.udp = {.len = htons(9)},
		.data = 'o'};
	union name to = name4("127.0.0.1", 0);
	char byte;
	_Alignas(struct cmsghdr) char control[128];
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int s = socket(AF_INET, SOCK_DGRAM, 0), raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW),
	    on = 1;
	CHECK_EQ(bind(s, &to.sa, sizeof(to)), 0);
	to = own(s);
	out.udp.dest = to.in.sin_port;
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_RECVOPTS, &on, sizeof(on)), 0);
	CHECK_EQ(sendto(raw, &out, sizeof(out), 0, &to.sa, sizeof(to)), sizeof(out));
	CHECK_EQ(recvmsg(s, &m, 0), 1);
	CHECK_EQ(byte, 'o');
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	CHECK(h != NULL && h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_RECVOPTS);
	CHECK_EQ(h->cmsg_len, CMSG_LEN(4));
	CHECK(memcmp(CMSG_DATA(h), out.options, 4) == 0);
	/* What has none tells none. */
	m.msg_controllen = sizeof(control);
	CHECK_EQ(sendto(s, "n", 1, 0, &to.sa, sizeof(to)), 1);
	CHECK_EQ(recvmsg(s, &m, 0), 1);
	CHECK_EQ(m.msg_controllen, 0);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_RETOPTS, &on, sizeof(on)), 0);
}

/* What ethtool asks is not there, which captures take as such; another error ends them. */
GUEST_TEST(inet_devices_have_no_tools)
{
	struct ifreq r = {.ifr_name = "lo"};
	uint32_t command[2] = {0xffff};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	r.ifr_data = (void *)command;
	CHECK_ERRNO(ioctl(s, SIOCETHTOOL, &r), EOPNOTSUPP);
	strcpy(r.ifr_name, "none");
	CHECK_ERRNO(ioctl(s, SIOCETHTOOL, &r), ENODEV);
}
