/* SPDX-License-Identifier: MIT */
/* Options of IPv6 sockets: groups; what old programs need: raw sockets' checksum, RFC 2292's names. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "guest.h"
#include "tcp/tcp.h"

/* IPV6_CHECKSUM: made on the way out, and who has it sees nothing that does not fit it. */
GUEST_TEST(raw6_checksum)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	enum { PROTOCOL = 253, AT = 4 };
	uint8_t out[10] = "abcd\0\0efg", in[64];
	int s = socket(AF_INET6, SOCK_RAW, PROTOCOL), plain = socket(AF_INET6, SOCK_RAW, PROTOCOL);
	int icmp = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), v = -1, odd = 3, two = 2, at = AT;
	socklen_t len = sizeof(v);
	CHECK(s >= 0 && plain >= 0 && icmp >= 0);
	CHECK_EQ(sock_int(s, SOL_RAW, IPV6_CHECKSUM), -1);
	CHECK_EQ(getsockopt(icmp, IPPROTO_IPV6, IPV6_CHECKSUM, &v, &len), 0);
	CHECK_EQ(v, 2);
	CHECK_ERRNO(setsockopt(icmp, IPPROTO_IPV6, IPV6_CHECKSUM, &two, sizeof(two)), EINVAL);
	CHECK_EQ(setsockopt(icmp, SOL_RAW, IPV6_CHECKSUM, &two, sizeof(two)), 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IPV6, IPV6_CHECKSUM, &odd, sizeof(odd)), EINVAL);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IPV6, IPV6_CHECKSUM, &at, 2), EINVAL);
	CHECK_EQ(setsockopt(s, IPPROTO_IPV6, IPV6_CHECKSUM, &at, sizeof(at)), 0);
	CHECK_EQ(sock_int(s, IPPROTO_IPV6, IPV6_CHECKSUM), AT);
	CHECK_ERRNO(sendto(s, out, AT + 1, 0, (void *)&a, sizeof(a)), EINVAL);
	/* What nobody has made a checksum of: only who does not look at it hears it. */
	CHECK_EQ(sendto(plain, out, sizeof(out), 0, (void *)&a, sizeof(a)), sizeof(out));
	CHECK_EQ(recv(plain, in, sizeof(in), 0), sizeof(out));
	CHECK(memcmp(in, out, sizeof(out)) == 0);
	CHECK_ERRNO(recv(s, in, sizeof(in), MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(sendto(s, out, sizeof(out), 0, (void *)&a, sizeof(a)), sizeof(out));
	CHECK_EQ(recv(s, in, sizeof(in), 0), sizeof(out));
	/* The pseudo header: ::1 twice, the length, the protocol. */
	uint32_t sum = 1 + 1 + sizeof(out) + PROTOCOL;
	for (size_t i = 0; i < sizeof(out); i += 2)
		sum += (uint32_t)in[i] << 8 | in[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	CHECK_EQ((sum & 0xffff) + (sum >> 16), 0xffff);
}

/* Programs from before RFC 3542, busybox's ping6 among them, ask by the options' old numbers, and are answered by them. */
GUEST_TEST(inet6_hop_limit_by_its_old_name)
{
	enum { OLD_PKTINFO = 2, OLD_HOPLIMIT = 8 };
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t len = sizeof(a);
	int s = socket(AF_INET6, SOCK_DGRAM, 0), found = 0;
	CHECK_EQ(bind(s, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(s, (void *)&a, &len), 0);
	sock_set(s, IPPROTO_IPV6, OLD_PKTINFO, 1);
	sock_set(s, IPPROTO_IPV6, OLD_HOPLIMIT, 1);
	sock_set(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 7);
	CHECK_EQ(sendto(s, "x", 1, 0, (void *)&a, sizeof(a)), 1);
	char byte;
	_Alignas(struct cmsghdr) char control[256];
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	CHECK_EQ(recvmsg(s, &m, 0), 1);
	char *end = control + m.msg_controllen;
	for (char *at = control; end - at >= (ptrdiff_t)sizeof(struct cmsghdr);) {
		struct cmsghdr *c = (struct cmsghdr *)at;
		at += CMSG_ALIGN(c->cmsg_len);
		struct in6_pktinfo info;
		int hops;
		CHECK_EQ(c->cmsg_level, IPPROTO_IPV6);
		CHECK(c->cmsg_type == OLD_PKTINFO || c->cmsg_type == OLD_HOPLIMIT);
		if (c->cmsg_type == OLD_HOPLIMIT) {
			memcpy(&hops, CMSG_DATA(c), sizeof(hops));
			CHECK_EQ(hops, 7);
		} else {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			CHECK(memcmp(&info.ipi6_addr, &in6addr_loopback, 16) == 0);
		}
		found |= c->cmsg_type;
	}
	CHECK_EQ(found, OLD_PKTINFO | OLD_HOPLIMIT);
}

/* What was sent to a group comes to who joined it, with the hop limit that was asked for. */
GUEST_TEST(inet6_groups)
{
	struct sockaddr_in6 group = {.sin6_family = AF_INET6, .sin6_scope_id = 1};
	struct ipv6_mreq m = {.ipv6mr_interface = 1};
	int s = socket(AF_INET6, SOCK_DGRAM, 0), from = socket(AF_INET6, SOCK_DGRAM, 0), hops = 0;
	socklen_t len = sizeof(group);
	char byte = 0;
	_Alignas(struct cmsghdr) char control[64];
	struct iovec iov = {&byte, 1};
	struct msghdr got = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	CHECK_EQ(inet_pton(AF_INET6, "ff02::4242", &m.ipv6mr_multiaddr), 1);
	group.sin6_addr = m.ipv6mr_multiaddr;
	CHECK_EQ(bind(s, (void *)&group, len), 0);
	CHECK_EQ(getsockname(s, (void *)&group, &len), 0);
	sock_set(from, IPPROTO_IPV6, IPV6_MULTICAST_IF, 1);
	sock_set(from, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 3);
	sock_set(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	CHECK_EQ(sendto(from, "x", 1, 0, (void *)&group, len), 1);
	CHECK_EQ(setsockopt(s, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m, sizeof(m)), 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m, sizeof(m)), EADDRINUSE);
	CHECK_EQ(sendto(from, "m", 1, 0, (void *)&group, len), 1);
	CHECK_EQ(recvmsg(s, &got, 0), 1);
	CHECK_EQ(byte, 'm');
	struct cmsghdr *h = CMSG_FIRSTHDR(&got);
	CHECK(h != NULL && h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_HOPLIMIT);
	memcpy(&hops, CMSG_DATA(h), sizeof(hops));
	CHECK_EQ(hops, 3);
	CHECK_EQ(setsockopt(s, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &m, sizeof(m)), 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &m, sizeof(m)), EADDRNOTAVAIL);
	CHECK_EQ(sendto(from, "y", 1, 0, (void *)&group, len), 1);
	CHECK_ERRNO(recv(s, &byte, 1, MSG_DONTWAIT), EAGAIN);
}
