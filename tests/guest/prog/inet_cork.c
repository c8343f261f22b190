/* SPDX-License-Identifier: MIT */
/* Datagrams of several sends: MSG_MORE and UDP_CORK, over IPv4 and IPv6, raw sockets too. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "guest.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

union name {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static char big[70000], got[70000];

/* A bound datagram socket of the family on loopback; *a is its name. */
static int
bound(int family, union name *a)
{
	socklen_t len = sizeof(*a);
	int s = socket(family, SOCK_DGRAM, 0);
	CHECK(s >= 0);
	*a = (union name){.sa.sa_family = (sa_family_t)family};
	if (family == AF_INET)
		a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a->in6.sin6_addr = in6addr_loopback;
	CHECK_EQ(bind(s, &a->sa, sizeof(*a)), 0);
	CHECK_EQ(getsockname(s, &a->sa, &len), 0);
	return s;
}

static void
expect(int s, const void *text, size_t n)
{
	struct pollfd p = {s, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(recv(s, got, sizeof(got), 0), n);
	CHECK_EQ(memcmp(got, text, n), 0);
}

static void
expect_nothing(int s)
{
	CHECK_ERRNO(recv(s, got, sizeof(got), MSG_DONTWAIT), EAGAIN);
}

static int
send_to(int s, const char *text, int flags, const union name *to)
{
	return (int)sendto(s, text, strlen(text), flags, &to->sa, sizeof(*to));
}

static void
set_cork(int s, int on)
{
	int v = -1;
	socklen_t len = sizeof(v);
	CHECK_EQ(setsockopt(s, IPPROTO_UDP, UDP_CORK, &on, sizeof(on)), 0);
	CHECK_EQ(getsockopt(s, IPPROTO_UDP, UDP_CORK, &v, &len), 0);
	CHECK_EQ(v, on != 0);
}

static void
more(int family)
{
	union name a, b, c;
	int s = socket(family, SOCK_DGRAM, 0), sa = bound(family, &a), sb = bound(family, &b);
	CHECK_ERRNO(send(s, "x", 1, MSG_MORE), EDESTADDRREQ);
	/* The first address holds; the end is the first send without MSG_MORE. */
	CHECK_EQ(send_to(s, "one", MSG_MORE, &a), 3);
	socklen_t len = sizeof(c);
	CHECK_EQ(getsockname(s, &c.sa, &len), 0);
	CHECK(c.in.sin_port != 0);
	expect_nothing(sa);
	CHECK_EQ(send_to(s, " two", MSG_MORE, &b), 4);
	CHECK_EQ(send(s, " three", 6, MSG_MORE), 6);
	expect_nothing(sa);
	CHECK_EQ(send_to(s, "", 0, &b), 0);
	expect(sa, "one two three", 13);
	expect_nothing(sb);
	CHECK_EQ(send_to(s, "now", 0, &b), 3);
	expect(sb, "now", 3);
	/* An empty beginning, and what is closed is lost. */
	CHECK_EQ(send_to(s, "", MSG_MORE, &a), 0);
	CHECK_EQ(send_to(s, "", 0, &a), 0);
	expect(sa, "", 0);
	CHECK_EQ(send_to(s, "lost", MSG_MORE, &a), 4);
	CHECK_EQ(close(s), 0);
	expect_nothing(sa);
}

GUEST_TEST(udp_more4)
{
	more(AF_INET);
}

GUEST_TEST(udp_more6)
{
	more(AF_INET6);
}

/* Who connects meanwhile sends to whom it began to. (Linux has it so for IPv6 alone.) */
GUEST_TEST(udp_more_outlives_connect)
{
	union name a, b;
	int s = socket(AF_INET6, SOCK_DGRAM, 0), sa = bound(AF_INET6, &a), sb = bound(AF_INET6, &b);
	CHECK_EQ(send_to(s, "old", MSG_MORE, &a), 3);
	CHECK_EQ(connect(s, &b.sa, sizeof(b)), 0);
	CHECK_EQ(send(s, "er", 2, 0), 2);
	expect(sa, "older", 5);
	CHECK_EQ(send(s, "new", 3, MSG_MORE), 3);
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	CHECK_EQ(connect(s, &none, sizeof(none)), 0);
	CHECK_EQ(send(s, "er", 2, 0), 2);
	expect(sb, "newer", 5);
}

static void
cork(int family)
{
	union name a, b;
	int s = socket(family, SOCK_DGRAM, 0), sa = bound(family, &a), sb = bound(family, &b);
	int v = 0;
	socklen_t len = sizeof(v);
	CHECK_EQ(getsockopt(s, IPPROTO_UDP, UDP_CORK, &v, &len), 0);
	CHECK_EQ(v, 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_UDP, UDP_CORK, &v, 1), EINVAL);
	set_cork(s, 0);
	set_cork(s, 5);
	CHECK_EQ(send_to(s, "a", 0, &a), 1);
	CHECK_EQ(send_to(s, "b", MSG_MORE, &b), 1);
	set_cork(s, 1);
	expect_nothing(sa);
	set_cork(s, 0);
	expect(sa, "ab", 2);
	expect_nothing(sb);
	/* Uncorked by a process that shares the socket; a send then is one of its own again. */
	set_cork(s, 1);
	CHECK_EQ(send_to(s, "c", 0, &a), 1);
	pid_t child = fork();
	if (child == 0) {
		set_cork(s, 0);
		_exit(0);
	}
	expect(sa, "c", 1);
	CHECK_EQ(guest_reap(child), 0);
	CHECK_EQ(send_to(s, "d", 0, &b), 1);
	expect(sb, "d", 1);
}

GUEST_TEST(udp_cork4)
{
	cork(AF_INET);
}

GUEST_TEST(udp_cork6)
{
	cork(AF_INET6);
}

/* As much as a datagram holds, in pieces of any size; too much loses all of it. */
static void
large(int family)
{
	union name a;
	int s = socket(family, SOCK_DGRAM, 0), sa = bound(family, &a);
	size_t n = 0, step = 1;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	while (n < 65000) {
		size_t part = step < 65000 - n ? step : 65000 - n;
		CHECK_EQ(sendto(s, big + n, part, MSG_MORE, &a.sa, sizeof(a)), part);
		n += part;
		step = step * 3 % 5003 + 1;
	}
	size_t rest = family == AF_INET ? 507 : 487; /* an IP packet has at most 65,535 bytes */
	CHECK_EQ(sendto(s, big + n, rest, 0, NULL, 0), rest);
	expect(sa, big, n + rest);
	CHECK_EQ(sendto(s, big, 60000, MSG_MORE, &a.sa, sizeof(a)), 60000);
	CHECK_ERRNO(send(s, big, 5600, MSG_MORE), EMSGSIZE);
	CHECK_EQ(send_to(s, "fresh", 0, &a), 5);
	expect(sa, "fresh", 5);
	expect_nothing(sa);
	/* So does memory that cannot be read. */
	CHECK_EQ(send_to(s, "gone", MSG_MORE, &a), 4);
	CHECK_ERRNO(send(s, (void *)8, 5000, 0), EFAULT);
	CHECK_EQ(send_to(s, "again", 0, &a), 5);
	expect(sa, "again", 5);
}

GUEST_TEST(udp_cork_large4)
{
	large(AF_INET);
}

GUEST_TEST(udp_cork_large6)
{
	large(AF_INET6);
}

/* What may not be fragmented is held to the path's MTU as it is gathered. */
GUEST_TEST(udp_cork_minds_the_mtu)
{
	union name a;
	int s = socket(AF_INET, SOCK_DGRAM, 0), sa = bound(AF_INET, &a), v = IP_PMTUDISC_DO, mtu;
	socklen_t len = sizeof(mtu);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_MTU_DISCOVER, &v, sizeof(v)), 0);
	CHECK_EQ(connect(s, &a.sa, sizeof(a)), 0);
	CHECK_EQ(getsockopt(s, IPPROTO_IP, IP_MTU, &mtu, &len), 0);
	size_t most = (size_t)(mtu < 65535 ? mtu : 65535) - 28;
	CHECK_EQ(send(s, big, most, MSG_MORE), most);
	CHECK_ERRNO(send(s, big, 1, MSG_MORE), EMSGSIZE);
	CHECK_EQ(send(s, big, most - 1, MSG_MORE), most - 1);
	CHECK_EQ(send(s, big + most - 1, 1, 0), 1);
	expect(sa, big, most);
}

/* Control messages count with the first send. */
GUEST_TEST(udp_cork_takes_the_first_options)
{
	union name a;
	int s = socket(AF_INET, SOCK_DGRAM, 0), sa = bound(AF_INET, &a), on = 1;
	CHECK_EQ(setsockopt(sa, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
	char control[64] __attribute__((aligned(8))) = {0};
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_name = &a,
		.msg_namelen = sizeof(a),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){
		.cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL, .cmsg_len = CMSG_LEN(sizeof(int))};
	int ttl = 77;
	memcpy(CMSG_DATA(c), &ttl, sizeof(ttl));
	CHECK_EQ(sendmsg(s, &m, MSG_MORE), 1);
	ttl = 5;
	memcpy(CMSG_DATA(c), &ttl, sizeof(ttl));
	CHECK_EQ(sendmsg(s, &m, 0), 1);
	struct iovec to = {got, sizeof(got)};
	struct msghdr r = {.msg_iov = &to,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	CHECK_EQ(recvmsg(sa, &r, 0), 2);
	c = CMSG_FIRSTHDR(&r);
	CHECK(c != NULL && c->cmsg_type == IP_TTL);
	memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
	CHECK_EQ(ttl, 77);
	/* Segments are cut when all is there. */
	int size = 4;
	CHECK_EQ(setsockopt(s, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	CHECK_EQ(send_to(s, "abc", MSG_MORE, &a), 3);
	CHECK_EQ(send_to(s, "defg", 0, &a), 4);
	expect(sa, "abcd", 4);
	expect(sa, "efg", 3);
}

/* Several threads of control at one corked socket: every byte arrives once, and in datagrams that somebody ended. */
GUEST_TEST(udp_cork_among_many)
{
	enum { SENDERS = 4, ROUNDS = 100 };
	union name a;
	int s = socket(AF_INET, SOCK_DGRAM, 0), sa = bound(AF_INET, &a), buffer = 1 << 20;
	CHECK_EQ(setsockopt(sa, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)), 0);
	pid_t child[SENDERS];
	for (int i = 0; i < SENDERS; i++) {
		child[i] = fork();
		CHECK(child[i] >= 0);
		if (child[i] != 0)
			continue;
		char text[2] = {(char)('a' + i), 0};
		for (int k = 0; k < ROUNDS; k++)
			CHECK_EQ(send_to(s, text, k % 10 == 9 ? 0 : MSG_MORE, &a), 1);
		_exit(0);
	}
	for (int i = 0; i < SENDERS; i++)
		CHECK_EQ(guest_reap(child[i]), 0);
	CHECK_EQ(send_to(s, "", 0, &a), 0); /* what the last of them left, if they left something */
	int count[SENDERS] = {0};
	ssize_t n;
	while ((n = recv(sa, got, sizeof(got), MSG_DONTWAIT)) >= 0)
		for (ssize_t i = 0; i < n; i++)
			count[got[i] - 'a']++;
	for (int i = 0; i < SENDERS; i++)
		CHECK_EQ(count[i], ROUNDS);
}

/* Raw sockets have MSG_MORE, but each send says where to, though only the first counts. */
GUEST_TEST(raw_more)
{
	union name to = {.in = {.sin_family = AF_INET}};
	to.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int in = socket(AF_INET, SOCK_RAW, 253), out = socket(AF_INET, SOCK_RAW, 253);
	CHECK(in >= 0 && out >= 0);
	CHECK_EQ(send_to(out, "one", MSG_MORE, &to), 3);
	CHECK_ERRNO(send(out, "x", 1, MSG_MORE), EDESTADDRREQ);
	expect_nothing(in);
	CHECK_EQ(send_to(out, "two", 0, &to), 3);
	struct pollfd p = {in, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(recv(in, got, sizeof(got), 0), 26);
	CHECK_EQ(memcmp(got + 20, "onetwo", 6), 0);
	CHECK_EQ(recv(out, got, sizeof(got), 0), 26); /* it hears itself */
	CHECK_EQ(send_to(out, "lost", MSG_MORE, &to), 4);
	close(out);
	expect_nothing(in);
	union name to6 = {.in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback}};
	in = socket(AF_INET6, SOCK_RAW, 253);
	out = socket(AF_INET6, SOCK_RAW, 253);
	CHECK(in >= 0 && out >= 0);
	CHECK_EQ(send_to(out, "three", MSG_MORE, &to6), 5);
	CHECK_EQ(send_to(out, "four", 0, &to6), 4);
	expect(in, "threefour", 9);
}
