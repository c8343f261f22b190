/* SPDX-License-Identifier: MIT */
/* UDP, ping and raw sockets over the loopback interface. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "guest.h"

struct sock_extended_err { /* musl has none */
	uint32_t ee_errno;
	uint8_t ee_origin, ee_type, ee_code, ee_pad;
	uint32_t ee_info, ee_data;
};
#define SO_EE_ORIGIN_ICMP 2

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static struct sockaddr_in
loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A bound socket; *a is its address. */
static int
bound(struct sockaddr_in *a)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(*a);
	CHECK(s >= 0);
	*a = loopback(0);
	CHECK_EQ(bind(s, (void *)a, sizeof(*a)), 0);
	CHECK_EQ(getsockname(s, (void *)a, &len), 0);
	CHECK(a->sin_port != 0);
	return s;
}

GUEST_TEST(udp_there_and_back)
{
	struct sockaddr_in a, b, from;
	socklen_t len = sizeof(from);
	char buf[16];
	int sa = bound(&a), sb = bound(&b);
	struct pollfd p = {sb, POLLIN | POLLOUT, 0};
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_EQ(sendto(sa, "hello", 5, 0, (void *)&b, sizeof(b)), 5);
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK(p.revents & POLLIN);
	CHECK_EQ(recvfrom(sb, buf, sizeof(buf), 0, (void *)&from, &len), 5);
	CHECK(len == sizeof(from) && from.sin_port == a.sin_port &&
		from.sin_addr.s_addr == a.sin_addr.s_addr);
	CHECK_EQ(connect(sb, (void *)&from, len), 0);
	CHECK_EQ(send(sb, "", 0, 0), 0);
	CHECK_EQ(recv(sa, buf, sizeof(buf), 0), 0);
	CHECK_ERRNO(recv(sa, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(write(sb, "truncated", 9), 9);
	CHECK_EQ(recv(sa, buf, 3, MSG_TRUNC | MSG_PEEK), 9);
	CHECK_EQ(read(sa, buf, sizeof(buf)), 9);
	/* Who is connected hears only its peer. */
	struct sockaddr_in c;
	int sc = bound(&c);
	CHECK_EQ(sendto(sc, "x", 1, 0, (void *)&b, sizeof(b)), 1);
	CHECK_ERRNO(recv(sb, buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERRNO(send(sc, "x", 1, 0), EDESTADDRREQ);
	int second = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_ERRNO(bind(second, (void *)&a, sizeof(a)), EADDRINUSE);
	a.sin_addr.s_addr = htonl(0x01020304);
	CHECK_ERRNO(bind(second, (void *)&a, sizeof(a)), EADDRNOTAVAIL);
}

GUEST_TEST(udp_large_datagrams)
{
	static unsigned char out[65507], in[65600];
	struct sockaddr_in a, b;
	int sa = bound(&a), sb = bound(&b);
	static const size_t sizes[] = {1, 191, 192, 193, 1400, 4096, 9000, 65506, 65507};
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (unsigned char)(i * 13 + i / 256);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CHECK_EQ(sendto(sa, out, sizes[i], 0, (void *)&b, sizeof(b)), sizes[i]);
		CHECK_EQ(recv(sb, in, sizeof(in), 0), sizes[i]);
		CHECK(memcmp(in, out, sizes[i]) == 0);
	}
	CHECK_ERRNO(sendto(sa, in, 65508, 0, (void *)&b, sizeof(b)), EMSGSIZE);
	CHECK_ERRNO(sendto(sa, in, 65536, 0, (void *)&b, sizeof(b)), EMSGSIZE);
}

GUEST_TEST(udp_refused_by_nobody)
{
	struct sockaddr_in a, gone;
	char c;
	int s = bound(&a), dead = bound(&gone);
	close(dead);
	CHECK_EQ(connect(s, (void *)&gone, sizeof(gone)), 0);
	CHECK_EQ(send(s, "x", 1, 0), 1);
	struct pollfd p = {s, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK(p.revents & POLLERR);
	CHECK_ERRNO(recv(s, &c, 1, 0), ECONNREFUSED);
	CHECK_ERRNO(recv(s, &c, 1, MSG_DONTWAIT), EAGAIN);
}

GUEST_TEST(udp_error_queue)
{
	struct sockaddr_in a, gone, dst;
	char text[8];
	union {
		struct cmsghdr align;
		char bytes[128];
	} ctl;
	int s = bound(&a), dead = bound(&gone), on = 1;
	close(dead);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
	CHECK_EQ(sendto(s, "lost", 4, 0, (void *)&gone, sizeof(gone)), 4);
	struct pollfd p = {s, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK(p.revents & POLLERR);
	struct iovec v = {text, sizeof(text)};
	struct msghdr m = {.msg_name = &dst,
		.msg_namelen = sizeof(dst),
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = ctl.bytes,
		.msg_controllen = sizeof(ctl.bytes)};
	CHECK_EQ(recvmsg(s, &m, MSG_ERRQUEUE), 4);
	CHECK(m.msg_flags & MSG_ERRQUEUE);
	CHECK(memcmp(text, "lost", 4) == 0);
	CHECK_EQ(dst.sin_port, gone.sin_port);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	CHECK(h != NULL && h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_RECVERR);
	struct sock_extended_err ee;
	memcpy(&ee, CMSG_DATA(h), sizeof(ee));
	CHECK_EQ(ee.ee_errno, ECONNREFUSED);
	CHECK_EQ(ee.ee_origin, SO_EE_ORIGIN_ICMP);
	CHECK_ERRNO(recvmsg(s, &m, MSG_ERRQUEUE), EAGAIN);
}

/* musl's macro compares what differs in sign. */
static struct cmsghdr *
next_message(struct msghdr *m, struct cmsghdr *h)
{
	char *next = (char *)h + CMSG_ALIGN(h->cmsg_len),
	     *end = (char *)m->msg_control + m->msg_controllen;
	return end - next >= (ptrdiff_t)sizeof(*h) ? (struct cmsghdr *)(void *)next : NULL;
}

GUEST_TEST(udp_control_messages)
{
	struct sockaddr_in a, b;
	char text[8];
	int sa = bound(&a), sb = bound(&b), on = 1, ttl = 7, tos = 0x28;
	CHECK_EQ(setsockopt(sb, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
	CHECK_EQ(setsockopt(sb, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
	CHECK_EQ(setsockopt(sb, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)), 0);
	CHECK_EQ(setsockopt(sb, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)), 0);
	CHECK_EQ(setsockopt(sa, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	CHECK_EQ(setsockopt(sa, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), 0);
	CHECK_EQ(sendto(sa, "x", 1, 0, (void *)&b, sizeof(b)), 1);
	union {
		struct cmsghdr align;
		char bytes[256];
	} ctl;
	struct iovec v = {text, sizeof(text)};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = ctl.bytes,
		.msg_controllen = sizeof(ctl.bytes)};
	CHECK_EQ(recvmsg(sb, &m, 0), 1);
	int seen = 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h != NULL; h = next_message(&m, h)) {
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SO_TIMESTAMP)
			seen |= 1;
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(h), sizeof(info));
			CHECK_EQ(info.ipi_ifindex, 1);
			CHECK_EQ(info.ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
			seen |= 2;
		}
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_TTL) {
			CHECK_EQ(*(int *)(void *)CMSG_DATA(h), 7);
			seen |= 4;
		}
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_TOS) {
			CHECK_EQ(*CMSG_DATA(h), 0x28);
			seen |= 8;
		}
	}
	CHECK_EQ(seen, 15);
}

GUEST_TEST(udp_segments)
{
	struct sockaddr_in a, b;
	static char out[5000], in[2000];
	int sa = bound(&a), sb = bound(&b), size = 1200;
	CHECK_EQ(setsockopt(sa, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	CHECK_EQ(sendto(sa, out, sizeof(out), 0, (void *)&b, sizeof(b)), sizeof(out));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(recv(sb, in, sizeof(in), 0), 1200);
	CHECK_EQ(recv(sb, in, sizeof(in), 0), 200);
}

GUEST_TEST(udp_dual_stack)
{
	int s6 = socket(AF_INET6, SOCK_DGRAM, 0), v6 = socket(AF_INET6, SOCK_DGRAM, 0), on = 1;
	struct sockaddr_in6 a = {.sin6_family = AF_INET6}, from;
	struct sockaddr_in a4, b4;
	socklen_t len = sizeof(a);
	char c;
	CHECK_EQ(bind(s6, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(s6, (void *)&a, &len), 0);
	int s4 = bound(&a4);
	b4 = loopback(a.sin6_port);
	CHECK_EQ(sendto(s4, "4", 1, 0, (void *)&b4, sizeof(b4)), 1);
	len = sizeof(from);
	CHECK_EQ(recvfrom(s6, &c, 1, 0, (void *)&from, &len), 1);
	CHECK(IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
	CHECK_EQ(sendto(s6, "r", 1, 0, (void *)&from, len), 1);
	CHECK_EQ(recv(s4, &c, 1, 0), 1);
	a.sin6_addr = in6addr_loopback;
	CHECK_EQ(sendto(v6, "6", 1, 0, (void *)&a, sizeof(a)), 1);
	CHECK_EQ(recvfrom(s6, &c, 1, 0, (void *)&from, &len), 1);
	CHECK(IN6_IS_ADDR_LOOPBACK(&from.sin6_addr));
	/* With V6ONLY the port is IPv4's to have. */
	int only = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 o = {.sin6_family = AF_INET6, .sin6_port = a4.sin_port};
	CHECK_EQ(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	CHECK_EQ(bind(only, (void *)&o, sizeof(o)), 0);
}

GUEST_TEST(udp_receive_buffer_is_bounded)
{
	struct sockaddr_in a, b;
	static char block[1000], in[1000];
	int sa = bound(&a), sb = bound(&b), size = 10000, n = 0;
	CHECK_EQ(setsockopt(sb, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	for (int i = 0; i < 200; i++)
		CHECK_EQ(sendto(sa, block, sizeof(block), 0, (void *)&b, sizeof(b)), sizeof(block));
	while (recv(sb, in, sizeof(in), MSG_DONTWAIT) > 0)
		n++;
	CHECK(n > 0 && n < 50);
	CHECK_EQ(sendto(sa, block, 1, 0, (void *)&b, sizeof(b)), 1);
	CHECK_EQ(recv(sb, in, sizeof(in), 0), 1);
}

static uint16_t
sum16(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < n; i += 2)
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): callers fill it */
		sum += (uint32_t)p[i] | (uint32_t)p[i + 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

GUEST_TEST(ping_socket)
{
	struct sockaddr_in a = loopback(0);
	struct {
		struct icmphdr h;
		char data[24];
	} out = {.h = {.type = ICMP_ECHO, .un.echo.sequence = htons(5)}, .data = "ping"}, in;
	int s = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	CHECK(s >= 0);
	CHECK_EQ(sendto(s, &out, sizeof(out), 0, (void *)&a, sizeof(a)), sizeof(out));
	CHECK_EQ(recv(s, &in, sizeof(in), 0), sizeof(in));
	CHECK_EQ(in.h.type, ICMP_ECHOREPLY);
	CHECK_EQ(in.h.un.echo.sequence, htons(5));
	CHECK(memcmp(in.data, out.data, sizeof(in.data)) == 0);
	out.h.type = 13;
	CHECK_ERRNO(sendto(s, &out, sizeof(out), 0, (void *)&a, sizeof(a)), EINVAL);
	int s6 = socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6);
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	out.h.type = 128;
	CHECK_EQ(sendto(s6, &out, sizeof(out), 0, (void *)&a6, sizeof(a6)), sizeof(out));
	CHECK_EQ(recv(s6, &in, sizeof(in), 0), sizeof(in));
	CHECK_EQ(in.h.type, 129);
}

GUEST_TEST(raw_icmp)
{
	struct sockaddr_in a = loopback(0);
	struct {
		struct icmphdr h;
		char data[8];
	} out = {.h = {.type = ICMP_ECHO, .un.echo = {htons(77), htons(1)}}};
	struct {
		struct iphdr ip;
		struct icmphdr h;
		char data[64];
	} in;
	int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	CHECK(s >= 0);
	uint32_t filter = ~(1u << ICMP_ECHOREPLY);
	CHECK_EQ(setsockopt(s, SOL_RAW, 1, &filter, sizeof(filter)), 0);
	out.h.checksum = sum16(&out, sizeof(out));
	CHECK_EQ(sendto(s, &out, sizeof(out), 0, (void *)&a, sizeof(a)), sizeof(out));
	CHECK_EQ(recv(s, &in, sizeof(in), 0), 20 + sizeof(out));
	CHECK_EQ(in.ip.version, 4);
	CHECK_EQ(in.ip.protocol, IPPROTO_ICMP);
	CHECK_EQ(in.h.type, ICMP_ECHOREPLY);
	CHECK_EQ(in.h.un.echo.id, htons(77));
	/* The same with a header of our own. */
	int h = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	struct {
		struct iphdr ip;
		struct icmphdr h;
	} whole = {.ip = {.version = 4,
			   .ihl = 5,
			   .ttl = 9,
			   .protocol = IPPROTO_ICMP,
			   .daddr = htonl(INADDR_LOOPBACK)},
		.h = {.type = ICMP_ECHO, .un.echo = {htons(78), 0}}};
	whole.h.checksum = sum16(&whole.h, sizeof(whole.h));
	CHECK_EQ(sendto(h, &whole, sizeof(whole), 0, (void *)&a, sizeof(a)), sizeof(whole));
	CHECK_EQ(recv(s, &in, sizeof(in), 0), sizeof(whole));
	CHECK_EQ(in.h.un.echo.id, htons(78));
}

GUEST_TEST(raw_icmp6_makes_the_checksum)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	struct icmp6_hdr out = {.icmp6_type = ICMP6_ECHO_REQUEST}, in;
	struct icmp6_filter f;
	int s = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	CHECK(s >= 0);
	ICMP6_FILTER_SETBLOCKALL(&f);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &f);
	CHECK_EQ(setsockopt(s, IPPROTO_ICMPV6, ICMP6_FILTER, &f, sizeof(f)), 0);
	CHECK_EQ(sendto(s, &out, sizeof(out), 0, (void *)&a, sizeof(a)), sizeof(out));
	CHECK_EQ(recv(s, &in, sizeof(in), 0), sizeof(in));
	CHECK_EQ(in.icmp6_type, ICMP6_ECHO_REPLY);
}

GUEST_TEST(inet_options)
{
	struct sockaddr_in a;
	int s = bound(&a), v = 0;
	socklen_t len = sizeof(v);
	CHECK_EQ(getsockopt(s, IPPROTO_IP, IP_TTL, &v, &len), 0);
	CHECK_EQ(v, 64);
	v = 300;
	CHECK_ERRNO(setsockopt(s, IPPROTO_IP, IP_TTL, &v, sizeof(v)), EINVAL);
	len = 40;
	char opts[40];
	CHECK_EQ(getsockopt(s, IPPROTO_IP, IP_OPTIONS, opts, &len), 0);
	CHECK_EQ(len, 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IP, 999, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	char name[16] = "";
	len = sizeof(name);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
	CHECK(strcmp(name, "lo") == 0);
	CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "none", 5), ENODEV);
	CHECK_ERRNO(socket(AF_INET, SOCK_DGRAM, 200), EPROTONOSUPPORT);
	CHECK_ERRNO(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
	CHECK_ERRNO(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
}

GUEST_TEST(inet_broadcast_and_groups)
{
	struct sockaddr_in a, g = loopback(0);
	char c;
	int s = bound(&a), r = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	g.sin_addr.s_addr = htonl(0xffffffff);
	g.sin_port = htons(9);
	CHECK_ERRNO(sendto(s, "x", 1, 0, (void *)&g, sizeof(g)), EACCES);
	g.sin_addr.s_addr = htonl(0xe0000042);
	g.sin_port = 0;
	CHECK_EQ(bind(r, (void *)&g, sizeof(g)), 0);
	socklen_t len = sizeof(g);
	CHECK_EQ(getsockname(r, (void *)&g, &len), 0);
	struct ip_mreqn m = {.imr_multiaddr = g.sin_addr, .imr_ifindex = 1};
	CHECK_EQ(setsockopt(r, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)), 0);
	CHECK_ERRNO(setsockopt(r, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)), EADDRINUSE);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)), 0);
	CHECK_EQ(sendto(s, "m", 1, 0, (void *)&g, sizeof(g)), 1);
	struct pollfd p = {r, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK_EQ(recv(r, &c, 1, 0), 1);
	CHECK_EQ(setsockopt(r, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, sizeof(m)), 0);
	CHECK_ERRNO(setsockopt(r, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, sizeof(m)), EADDRNOTAVAIL);
	(void)on;
}
