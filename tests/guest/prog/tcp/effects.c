/* SPDX-License-Identifier: MIT */
/* What options do, beyond being remembered: pacing; IPv6's errors and packet information; segments of datagrams; broadcasts. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "tests/guest/prog/tcp/tcp.h"

enum { RECVERR6 = 25, FREEBIND6 = 78, SEGMENT = 103, GRO = 104, ORIGIN_ICMP6 = 3 };

/* struct sock_extended_err, whose header libcs disagree on. */
struct told_error {
	uint32_t number;
	uint8_t origin, type, code, pad;
	uint32_t info, data;
	struct sockaddr_in6 offender;
};

struct received {
	char data[8192];
	ssize_t n;
	int flags;
	struct sockaddr_in6 name;
	_Alignas(8) char control[512];
	size_t control_len;
};

static void
receive(int fd, int flags, struct received *r)
{
	struct iovec v = {r->data, sizeof(r->data)};
	struct msghdr m = {.msg_name = &r->name,
		.msg_namelen = sizeof(r->name),
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = r->control,
		.msg_controllen = sizeof(r->control)};
	r->n = recvmsg(fd, &m, flags);
	CHECK(r->n >= 0);
	r->flags = m.msg_flags;
	r->control_len = m.msg_controllen;
}

/* The control message of this kind, n bytes of it; false: there is none. */
static bool
told(const struct received *r, int level, int type, void *body, size_t n)
{
	for (size_t at = 0; at + sizeof(struct cmsghdr) <= r->control_len;) {
		const struct cmsghdr *h = (const void *)(r->control + at);
		if (h->cmsg_level == level && h->cmsg_type == type) {
			CHECK(h->cmsg_len >= CMSG_LEN(n));
			memcpy(body, CMSG_DATA(h), n);
			return true;
		}
		at += CMSG_ALIGN(h->cmsg_len);
	}
	return false;
}

/* A datagram socket with a port of its own on the loopback address. */
static int
datagrams(int family, struct sock_name *at)
{
	int s = socket(family, SOCK_DGRAM, 0);
	*at = tcp_name(family, 0);
	CHECK(s >= 0);
	CHECK_EQ(bind(s, &at->sa, at->len), 0);
	*at = sock_name_of(s);
	return s;
}

TCP_TEST(pacing_holds_back)
{
	enum { N = 100000, RATE = 200000 };
	static char block[N];
	struct sock_name reach;
	int l = tcp_listener(net, 1, &reach), fd[2] = {tcp_socket(&reach)};
	sock_set(fd[0], IPPROTO_TCP, TCP_MAXSEG, 1000);
	sock_set(fd[0], SOL_SOCKET, SO_MAX_PACING_RATE, RATE);
	CHECK_EQ(connect(fd[0], &reach.sa, reach.len), 0);
	fd[1] = accept(l, NULL, NULL);
	CHECK(fd[1] >= 0);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_MAX_PACING_RATE), RATE);
	pattern_fill(block, N, 0);
	double before = guest_now();
	send_all(fd[0], block, N);
	recv_pattern(fd[1], N, 0);
	/* Half a second, but for what goes out at once. */
	CHECK(guest_now() - before >= 0.15);
}

/* The length that an IPv6 header says leaves that header out: 20 bytes more fit. */
GUEST_TEST(tcp_beside_largest_datagrams)
{
	static const struct {
		int family;
		size_t most;
	} of[] = {{AF_INET, 65507}, {AF_INET6, 65527}};
	static char block[65536], got[65536];
	pattern_fill(block, sizeof(block), 0);
	for (int i = 0; i < 2; i++) {
		struct sock_name to, own;
		size_t most = of[i].most;
		int r = datagrams(of[i].family, &to), s = datagrams(of[i].family, &own);
		CHECK_EQ(connect(s, &to.sa, to.len), 0);
		CHECK_ERRNO(send(s, block, most + 1, 0), EMSGSIZE);
		CHECK_ERRNO(send(s, block, sizeof(block), 0), EMSGSIZE);
		CHECK_EQ(send(s, block, most, 0), most);
		CHECK_EQ(recv(r, got, sizeof(got), 0), most);
		pattern_check(got, most, 0);
		CHECK_EQ(send(s, block, 40000, MSG_MORE), 40000);
		CHECK_ERRNO(send(s, block, most - 39999, 0), EMSGSIZE);
		CHECK_EQ(send(s, block, 40000, MSG_MORE), 40000);
		CHECK_EQ(send(s, block + 40000, most - 40000, 0), most - 40000);
		CHECK_EQ(recv(r, got, sizeof(got), 0), most);
		pattern_check(got, most, 0);
		close(s);
		close(r);
	}
}

GUEST_TEST(tcp_beside_errors_of_ipv6_datagrams)
{
	struct sock_name gone, own;
	struct received r;
	struct told_error e;
	int dead = datagrams(AF_INET6, &gone), s = datagrams(AF_INET6, &own);
	char byte;
	close(dead);
	sock_set(s, IPPROTO_IPV6, RECVERR6, 1);
	CHECK_EQ(sock_int(s, IPPROTO_IPV6, RECVERR6), 1);
	CHECK_EQ(sendto(s, "lost", 4, 0, &gone.sa, gone.len), 4);
	struct pollfd p = {s, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK(p.revents & POLLERR);
	receive(s, MSG_ERRQUEUE, &r);
	CHECK(r.n == 4 && memcmp(r.data, "lost", 4) == 0);
	CHECK(r.flags & MSG_ERRQUEUE);
	CHECK_EQ(r.name.sin6_port, gone.in6.sin6_port);
	CHECK(told(&r, IPPROTO_IPV6, RECVERR6, &e, sizeof(e)));
	CHECK_EQ(e.number, ECONNREFUSED);
	CHECK_EQ(e.origin, ORIGIN_ICMP6);
	CHECK(e.type == ICMP6_DST_UNREACH && e.code == ICMP6_DST_UNREACH_NOPORT);
	CHECK(IN6_IS_ADDR_LOOPBACK(&e.offender.sin6_addr));
	CHECK_ERRNO(recv(s, &byte, 1, MSG_DONTWAIT | MSG_ERRQUEUE), EAGAIN);
	close(s);
}

GUEST_TEST(tcp_beside_what_ipv6_packets_tell)
{
	struct sock_name a, b;
	struct received r;
	struct in6_pktinfo info;
	int tclass, from = datagrams(AF_INET6, &a), s = datagrams(AF_INET6, &b);
	sock_set(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	sock_set(s, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	sock_set(from, IPPROTO_IPV6, IPV6_TCLASS, 0x28);
	CHECK_EQ(sendto(from, "x", 1, 0, &b.sa, b.len), 1);
	receive(s, 0, &r);
	CHECK(told(&r, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info)));
	CHECK(IN6_IS_ADDR_LOOPBACK(&info.ipi6_addr));
	CHECK_EQ(info.ipi6_ifindex, if_nametoindex("lo"));
	CHECK(told(&r, IPPROTO_IPV6, IPV6_TCLASS, &tclass, sizeof(tclass)));
	CHECK_EQ(tclass, 0x28);
	/* An address that is not there, for who may bind to it. */
	struct sock_name far = tcp_name(AF_INET6, 0);
	CHECK_EQ(inet_pton(AF_INET6, "2001:db8::77", &far.in6.sin6_addr), 1);
	int free = socket(AF_INET6, SOCK_DGRAM, 0);
	CHECK_ERRNO(bind(free, &far.sa, far.len), EADDRNOTAVAIL);
	sock_set(free, IPPROTO_IPV6, FREEBIND6, 1);
	CHECK_EQ(bind(free, &far.sa, far.len), 0);
	close(free);
	close(from);
	close(s);
}

GUEST_TEST(tcp_beside_datagrams_that_come_together)
{
	static const int families[] = {AF_INET, AF_INET6};
	static char out[5000];
	struct sock_name a, b;
	struct received r;
	pattern_fill(out, sizeof(out), 0);
	for (size_t i = 0; i < 2; i++) {
		int from = datagrams(families[i], &a), s = datagrams(families[i], &b), size;
		sock_set(from, IPPROTO_UDP, SEGMENT, 1200);
		sock_set(s, IPPROTO_UDP, GRO, 1);
		CHECK_EQ(sendto(from, out, sizeof(out), 0, &b.sa, b.len), sizeof(out));
		/* As many as lie there in one piece, all of one size but the last. */
		size_t got = 0, reads = 0;
		while (got < sizeof(out)) {
			receive(s, 0, &r);
			CHECK(memcmp(r.data, out + got, (size_t)r.n) == 0);
			CHECK(r.n <= 1200 || told(&r, IPPROTO_UDP, GRO, &size, sizeof(size)));
			CHECK(r.n <= 1200 || size == 1200);
			got += (size_t)r.n;
			reads++;
		}
		CHECK_EQ(got, sizeof(out));
		CHECK_EQ(reads, 1);
		/* Who did not ask gets them one by one. */
		sock_set(s, IPPROTO_UDP, GRO, 0);
		CHECK_EQ(sendto(from, out, sizeof(out), 0, &b.sa, b.len), sizeof(out));
		for (got = 0; got < sizeof(out); got += (size_t)r.n) {
			receive(s, 0, &r);
			CHECK(r.n == 1200 || got + (size_t)r.n == sizeof(out));
		}
		close(from);
		close(s);
	}
}

GUEST_TEST(tcp_beside_broadcasts)
{
	struct sock_name own, all = tcp_name(AF_INET, 0);
	int s = socket(AF_INET, SOCK_DGRAM, 0), from = datagrams(AF_INET, &own);
	char byte = 0;
	all.in.sin_addr.s_addr = htonl(INADDR_ANY);
	CHECK_EQ(bind(s, &all.sa, all.len), 0);
	all = sock_name_of(s);
	all.in.sin_addr.s_addr = htonl(0x7fffffff);
	CHECK_ERRNO(sendto(from, "b", 1, 0, &all.sa, all.len), EACCES);
	sock_set(from, SOL_SOCKET, SO_BROADCAST, 1);
	CHECK_EQ(sendto(from, "b", 1, 0, &all.sa, all.len), 1);
	struct pollfd p = {s, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK_EQ(recv(s, &byte, 1, 0), 1);
	CHECK_EQ(byte, 'b');
	close(s);
	close(from);
}
