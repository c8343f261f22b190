/* SPDX-License-Identifier: MIT */
/* AF_NETLINK: requests, refusals, dumps in pieces, notifications, overruns, and who may. On the loopback interface. */
#include "guest.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "abi/linux/rtnetlink.h"
#include "abi/swos.h"
#include "caps.h" /* generated */

#define NR_SWOS_LOGIN 4097
#define LO            1u

struct request {
	struct nlmsghdr h;
	uint8_t rest[512];
};

static int
nl_open(uint32_t groups)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = groups};
	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
begin(struct request *r, uint16_t type, uint16_t flags, const void *fixed, size_t n)
{
	memset(r, 0, sizeof(*r));
	r->h = (struct nlmsghdr){.nlmsg_len = (uint32_t)(sizeof(r->h) + NLMSG_ALIGN(n)),
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = 17};
	memcpy(r->rest, fixed, n);
}

static void
put(struct request *r, uint16_t type, const void *data, size_t n)
{
	struct nlattr a = {.nla_len = (uint16_t)(sizeof(a) + n), .nla_type = type};
	uint8_t *at = (uint8_t *)r + NLMSG_ALIGN(r->h.nlmsg_len);
	memcpy(at, &a, sizeof(a));
	memcpy(at + sizeof(a), data, n);
	r->h.nlmsg_len = NLMSG_ALIGN(r->h.nlmsg_len) + (uint32_t)NLMSG_ALIGN(sizeof(a) + n);
}

static void
transmit(int fd, const struct request *r)
{
	CHECK_EQ(send(fd, r, r->h.nlmsg_len, 0), r->h.nlmsg_len);
}

/* Sends, waits for the acknowledgement; its error (0 or -errno). */
static int
ask(int fd, struct request *r)
{
	_Alignas(8) uint8_t buf[4096];
	struct nlmsghdr h;
	int32_t error;
	r->h.nlmsg_flags |= NLM_F_ACK;
	transmit(fd, r);
	ssize_t n = recv(fd, buf, sizeof(buf), 0);
	CHECK(n >= 20);
	memcpy(&h, buf, sizeof(h));
	CHECK_EQ(h.nlmsg_type, NLMSG_ERROR);
	CHECK_EQ(h.nlmsg_seq, 17);
	memcpy(&error, buf + sizeof(h), sizeof(error));
	return error;
}

static int
change_addr(int fd, uint16_t type, uint16_t flags, uint32_t v4, uint8_t prefix, uint32_t valid)
{
	struct request r;
	struct ifaddrmsg m = {.ifa_family = AF_INET, .ifa_prefixlen = prefix, .ifa_index = LO};
	struct ifa_cacheinfo life = {.ifa_prefered = valid, .ifa_valid = valid};
	uint32_t a = htonl(v4);
	begin(&r, type, flags, &m, sizeof(m));
	put(&r, IFA_LOCAL, &a, 4);
	if (valid != 0)
		put(&r, IFA_CACHEINFO, &life, sizeof(life));
	return ask(fd, &r);
}

static int
change_route(int fd, uint16_t type, uint16_t flags, uint32_t v4, uint8_t prefix, uint8_t kind)
{
	struct request r;
	struct rtmsg m = {.rtm_family = AF_INET,
		.rtm_dst_len = prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = RT_SCOPE_LINK,
		.rtm_type = kind};
	uint32_t a = htonl(v4), oif = LO;
	begin(&r, type, flags, &m, sizeof(m));
	put(&r, RTA_DST, &a, 4);
	if (kind == RTN_UNICAST)
		put(&r, RTA_OIF, &oif, 4);
	return ask(fd, &r);
}

/* An attribute of a message, whose fixed part has n bytes; NULL: not there. */
static const uint8_t *
attr(const struct nlmsghdr *h, size_t n, uint16_t type, size_t *len)
{
	const uint8_t *p = (const uint8_t *)h;
	for (size_t at = sizeof(*h) + NLMSG_ALIGN(n); at + 4 <= h->nlmsg_len;) {
		struct nlattr a;
		memcpy(&a, p + at, sizeof(a));
		CHECK(a.nla_len >= 4 && at + a.nla_len <= h->nlmsg_len);
		*len = a.nla_len - 4u;
		if ((a.nla_type & NLA_TYPE_MASK) == type)
			return p + at + 4;
		at += NLMSG_ALIGN(a.nla_len);
	}
	return NULL;
}

/* Reads a dump to its end with buffers of size bytes; counts messages of a type, says whether one had DUMP_INTR. */
static unsigned
read_dump(int fd, uint16_t type, size_t size, bool *interrupted)
{
	_Alignas(8) static uint8_t buf[65536];
	unsigned count = 0;
	*interrupted = false;
	for (;;) {
		ssize_t n = recv(fd, buf, size, 0);
		CHECK(n > 0);
		for (size_t at = 0; at < (size_t)n;) {
			const struct nlmsghdr *h = (const void *)(buf + at);
			CHECK(h->nlmsg_len >= 16 && h->nlmsg_len <= (size_t)n - at);
			CHECK_EQ(h->nlmsg_seq, 17);
			*interrupted |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (h->nlmsg_type == NLMSG_DONE)
				return count;
			CHECK_EQ(h->nlmsg_type, type);
			CHECK(h->nlmsg_flags & NLM_F_MULTI);
			count++;
			at += NLMSG_ALIGN(h->nlmsg_len);
		}
	}
}

static void
start_dump_by(int fd, uint16_t flags, uint16_t type, uint8_t family)
{
	struct request r;
	uint8_t fixed[16] = {family};
	begin(&r, type, flags, fixed, sizeof(fixed));
	transmit(fd, &r);
}

static void
start_dump(int fd, uint16_t type, uint8_t family)
{
	start_dump_by(fd, NLM_F_DUMP, type, family);
}

static unsigned
dump(int fd, uint16_t type, uint8_t family, uint16_t answer)
{
	bool interrupted;
	start_dump(fd, type, family);
	return read_dump(fd, answer, 8192, &interrupted);
}

GUEST_TEST(netlink_names)
{
	struct sockaddr_nl a = {0};
	socklen_t n = sizeof(a);
	int one = nl_open(0), two = nl_open(0);
	CHECK_EQ(getsockname(one, (struct sockaddr *)&a, &n), 0);
	CHECK_EQ(a.nl_family, AF_NETLINK);
	CHECK_EQ(a.nl_pid, getpid());
	CHECK_EQ(getsockname(two, (struct sockaddr *)&a, &n), 0);
	CHECK(a.nl_pid != 0 && a.nl_pid != (uint32_t)getpid());
	CHECK_ERRNO(bind(one, (struct sockaddr *)&a, sizeof(a)), EINVAL); /* it has another */
	int three = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
	CHECK_ERRNO(bind(three, (struct sockaddr *)&a, sizeof(a)), EADDRINUSE);
	CHECK_ERRNO(bind(three, (struct sockaddr *)&a, 11), EINVAL);
	CHECK_ERRNO(listen(three, 1), EOPNOTSUPP);
	CHECK_ERRNO(socket(AF_NETLINK, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
	CHECK_ERRNO(socket(AF_NETLINK, SOCK_RAW, 31), EPROTONOSUPPORT);
	a.nl_pid = 12345;
	CHECK_ERRNO(sendto(one, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), ECONNREFUSED);
	close(one);
	close(two);
	close(three);
}

GUEST_TEST(netlink_links)
{
	_Alignas(8) uint8_t buf[4096];
	int fd = nl_open(0);
	struct request r;
	size_t len;
	CHECK(dump(fd, RTM_GETLINK, AF_UNSPEC, RTM_NEWLINK) >= 1);
	CHECK(dump(fd, RTM_GETLINK, AF_INET6, RTM_NEWLINK) >= 1);
	struct ifinfomsg m = {0};
	begin(&r, RTM_GETLINK, 0, &m, sizeof(m));
	put(&r, IFLA_IFNAME, "lo", 3);
	transmit(fd, &r);
	CHECK(recv(fd, buf, sizeof(buf), 0) > 100);
	const struct nlmsghdr *h = (const void *)buf;
	CHECK_EQ(h->nlmsg_type, RTM_NEWLINK);
	memcpy(&m, h + 1, sizeof(m));
	CHECK_EQ(m.ifi_index, LO);
	CHECK_EQ(m.ifi_type, 772);
	CHECK(strcmp((const char *)attr(h, sizeof(m), IFLA_IFNAME, &len), "lo") == 0);
	CHECK(attr(h, sizeof(m), IFLA_MTU, &len) != NULL);
	m = (struct ifinfomsg){0};
	begin(&r, RTM_GETLINK, 0, &m, sizeof(m));
	put(&r, IFLA_IFNAME, "none", 5);
	CHECK_EQ(ask(fd, &r), -ENODEV);
	m.ifi_index = 4711;
	begin(&r, RTM_NEWLINK, 0, &m, sizeof(m));
	CHECK_EQ(ask(fd, &r), -ENODEV);
	m.ifi_index = LO;
	uint32_t mtu = 1;
	begin(&r, RTM_NEWLINK, 0, &m, sizeof(m));
	put(&r, IFLA_MTU, &mtu, 4);
	CHECK_EQ(ask(fd, &r), -EINVAL);
	begin(&r, RTM_DELLINK, 0, &m, sizeof(m));
	CHECK_EQ(ask(fd, &r), -EOPNOTSUPP);
	close(fd);
}

GUEST_TEST(netlink_addresses)
{
	int fd = nl_open(0);
	unsigned before = dump(fd, RTM_GETADDR, AF_INET, RTM_NEWADDR);
	CHECK_EQ(change_addr(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, 0x0a090001, 24, 0), 0);
	CHECK_EQ(change_addr(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, 0x0a090001, 24, 0),
		-EEXIST);
	CHECK_EQ(change_addr(fd, RTM_NEWADDR, NLM_F_CREATE, 0x0a090001, 24, 0), -EEXIST);
	CHECK_EQ(
		change_addr(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, 0x0a090001, 24, 500), 0);
	CHECK_EQ(change_addr(fd, RTM_NEWADDR, NLM_F_CREATE, 0xe0000001, 24, 0), -EINVAL);
	CHECK_EQ(dump(fd, RTM_GETADDR, AF_INET, RTM_NEWADDR), before + 1);
	CHECK_EQ(change_addr(fd, RTM_DELADDR, 0, 0x0a090001, 24, 0), 0);
	CHECK_EQ(change_addr(fd, RTM_DELADDR, 0, 0x0a090001, 24, 0), -EADDRNOTAVAIL);
	CHECK_EQ(dump(fd, RTM_GETADDR, AF_INET, RTM_NEWADDR), before);
	close(fd);
}

GUEST_TEST(netlink_address_lifetime_ends)
{
	int fd = nl_open(0);
	CHECK_EQ(change_addr(fd, RTM_NEWADDR, NLM_F_CREATE, 0x0a090101, 24, 1), 0);
	CHECK_SOON(change_addr(fd, RTM_DELADDR, 0, 0x0a090901, 24, 0) == -EADDRNOTAVAIL &&
		change_addr(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, 0x0a090101, 24, 0) == 0);
	CHECK_EQ(change_addr(fd, RTM_DELADDR, 0, 0x0a090101, 24, 0), 0);
	close(fd);
}

GUEST_TEST(netlink_routes)
{
	_Alignas(8) uint8_t buf[4096];
	int fd = nl_open(0);
	struct request r;
	size_t len;
	unsigned before = dump(fd, RTM_GETROUTE, AF_INET, RTM_NEWROUTE);
	CHECK_EQ(change_route(
			 fd, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, 0x0a0a0000, 16, RTN_UNICAST),
		0);
	CHECK_EQ(change_route(
			 fd, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, 0x0a0a0000, 16, RTN_UNICAST),
		-EEXIST);
	CHECK_EQ(change_route(fd, RTM_NEWROUTE, NLM_F_REPLACE, 0x0a0b0000, 16, RTN_UNICAST),
		-ENOENT);
	CHECK_EQ(
		change_route(fd, RTM_NEWROUTE, NLM_F_CREATE, 0x0a0a0001, 16, RTN_UNICAST), -EINVAL);
	CHECK_EQ(change_route(fd, RTM_NEWROUTE, NLM_F_CREATE, 0x0a0c0000, 16, RTN_PROHIBIT), 0);
	CHECK_EQ(change_route(fd, RTM_NEWROUTE, NLM_F_CREATE, 0x0a0c0000, 16, RTN_THROW),
		-EOPNOTSUPP);
	CHECK_EQ(dump(fd, RTM_GETROUTE, AF_INET, RTM_NEWROUTE), before + 2);
	/* The way to one destination. */
	struct rtmsg m = {.rtm_family = AF_INET, .rtm_dst_len = 32};
	uint32_t dst = htonl(0x0a0a0505), oif = 0;
	begin(&r, RTM_GETROUTE, 0, &m, sizeof(m));
	put(&r, RTA_DST, &dst, 4);
	transmit(fd, &r);
	CHECK(recv(fd, buf, sizeof(buf), 0) > 0);
	const struct nlmsghdr *h = (const void *)buf;
	CHECK_EQ(h->nlmsg_type, RTM_NEWROUTE);
	const uint8_t *at = attr(h, sizeof(m), RTA_OIF, &len);
	CHECK(at != NULL && len == 4);
	memcpy(&oif, at, 4);
	CHECK_EQ(oif, LO);
	dst = htonl(0x0a0c0505);
	begin(&r, RTM_GETROUTE, 0, &m, sizeof(m));
	put(&r, RTA_DST, &dst, 4);
	CHECK_EQ(ask(fd, &r), -EACCES);
	CHECK_EQ(change_route(fd, RTM_DELROUTE, 0, 0x0a0c0000, 16, RTN_PROHIBIT), 0);
	CHECK_EQ(change_route(fd, RTM_DELROUTE, 0, 0x0a0a0000, 16, RTN_UNICAST), 0);
	CHECK_EQ(change_route(fd, RTM_DELROUTE, 0, 0x0a0a0000, 16, RTN_UNICAST), -ESRCH);
	close(fd);
}

/* What a strict request filters by, and what it must not say. */
/* Either bit of NLM_F_DUMP asks for all: busybox's `ip route show cache` sets one. */
GUEST_TEST(netlink_dumps_by_either_bit)
{
	static const uint16_t bits[] = {NLM_F_ROOT, NLM_F_MATCH};
	int fd = nl_open(0);
	bool interrupted;
	for (int i = 0; i < 2; i++) {
		start_dump_by(fd, bits[i], RTM_GETLINK, AF_UNSPEC);
		CHECK(read_dump(fd, RTM_NEWLINK, 8192, &interrupted) >= 1);
		start_dump_by(fd, bits[i], RTM_GETROUTE, AF_INET);
		CHECK(read_dump(fd, RTM_NEWROUTE, 8192, &interrupted) >= 1);
	}
}

GUEST_TEST(netlink_strict_dumps)
{
	int fd = nl_open(0), on = 1;
	struct request r;
	bool interrupted;
	CHECK_EQ(setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)), 0);
	struct rtmsg m = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_LOCAL};
	begin(&r, RTM_GETROUTE, NLM_F_DUMP, &m, sizeof(m));
	transmit(fd, &r);
	unsigned local = read_dump(fd, RTM_NEWROUTE, 8192, &interrupted);
	CHECK(local >= 1);
	m.rtm_table = 77;
	begin(&r, RTM_GETROUTE, NLM_F_DUMP, &m, sizeof(m));
	CHECK_EQ(ask(fd, &r), -ENOENT);
	m.rtm_table = 0;
	m.rtm_dst_len = 8;
	begin(&r, RTM_GETROUTE, NLM_F_DUMP, &m, sizeof(m));
	CHECK_EQ(ask(fd, &r), -EINVAL);
	struct ifaddrmsg a = {.ifa_index = 4711};
	begin(&r, RTM_GETADDR, NLM_F_DUMP, &a, sizeof(a));
	transmit(fd, &r);
	CHECK_EQ(read_dump(fd, RTM_NEWADDR, 8192, &interrupted), 0);
	close(fd);
}

#define MANY 300u

/* More than a piece: all of it arrives, once, whatever the buffer; a change in between is told. */
GUEST_TEST(netlink_dump_in_pieces)
{
	int fd = nl_open(0), other = nl_open(0);
	bool interrupted;
	unsigned before = dump(fd, RTM_GETROUTE, AF_INET, RTM_NEWROUTE);
	for (uint32_t i = 0; i < MANY; i++)
		CHECK_EQ(change_route(fd, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
				 0x0b000000 + (i << 8), 24, RTN_UNICAST),
			0);
	close(fd); /* the largest buffer counts: begin with a small one */
	fd = nl_open(0);
	start_dump(fd, RTM_GETROUTE, AF_INET);
	CHECK_EQ(read_dump(fd, RTM_NEWROUTE, 4096, &interrupted), before + MANY);
	CHECK(!interrupted);
	start_dump(fd, RTM_GETROUTE, AF_INET);
	CHECK_EQ(read_dump(fd, RTM_NEWROUTE, 32768, &interrupted), before + MANY);
	start_dump(fd, RTM_GETROUTE, AF_INET);
	struct request r;
	uint8_t fixed[16] = {AF_INET};
	begin(&r, RTM_GETADDR, NLM_F_DUMP, fixed, sizeof(fixed));
	transmit(fd, &r); /* one dump at a time */
	CHECK_EQ(change_route(
			 other, RTM_DELROUTE, 0, 0x0b000000 + ((MANY - 1) << 8), 24, RTN_UNICAST),
		0);
	close(fd); /* with a dump under way */
	fd = nl_open(0);
	start_dump(fd, RTM_GETROUTE, AF_INET);
	CHECK_EQ(change_route(
			 other, RTM_DELROUTE, 0, 0x0b000000 + ((MANY - 2) << 8), 24, RTN_UNICAST),
		0);
	CHECK_EQ(read_dump(fd, RTM_NEWROUTE, 4096, &interrupted), before + MANY - 2);
	CHECK(interrupted);
	for (uint32_t i = 0; i < MANY - 2; i++)
		CHECK_EQ(change_route(fd, RTM_DELROUTE, 0, 0x0b000000 + (i << 8), 24, RTN_UNICAST),
			0);
	close(fd);
	close(other);
}

static void
expect(int fd, uint16_t type)
{
	_Alignas(8) uint8_t buf[4096];
	struct sockaddr_nl from = {0};
	socklen_t n = sizeof(from);
	CHECK(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &n) > 16);
	CHECK_EQ(((const struct nlmsghdr *)(const void *)buf)->nlmsg_type, type);
	CHECK_EQ(from.nl_pid, 0);
	CHECK(from.nl_groups != 0);
}

GUEST_TEST(netlink_notifications)
{
	int fd = nl_open(0), on = 1;
	int news = nl_open(1u << (RTNLGRP_IPV4_IFADDR - 1) | 1u << (RTNLGRP_NEIGH - 1));
	uint32_t group = RTNLGRP_IPV4_ROUTE;
	struct pollfd p = {.fd = news, .events = POLLIN};
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(setsockopt(news, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	CHECK_EQ(change_route(fd, RTM_NEWROUTE, NLM_F_CREATE, 0x0a0d0000, 16, RTN_UNICAST), 0);
	CHECK_EQ(poll(&p, 1, 20000), 1);
	expect(news, RTM_NEWROUTE);
	CHECK_EQ(change_route(fd, RTM_DELROUTE, 0, 0x0a0d0000, 16, RTN_UNICAST), 0);
	expect(news, RTM_DELROUTE);
	CHECK_EQ(setsockopt(news, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group)), 0);
	CHECK_EQ(change_addr(fd, RTM_NEWADDR, NLM_F_CREATE, 0x0a0e0001, 32, 0), 0);
	expect(news, RTM_NEWADDR);
	CHECK_EQ(change_addr(fd, RTM_DELADDR, 0, 0x0a0e0001, 32, 0), 0);
	expect(news, RTM_DELADDR);
	group = 65;
	CHECK_ERRNO(setsockopt(news, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)),
		EINVAL);
	CHECK_ERRNO(setsockopt(news, SOL_NETLINK, 4711, &on, sizeof(on)), ENOPROTOOPT);
	CHECK_ERRNO(recv(news, &p, sizeof(p), MSG_DONTWAIT), EAGAIN);
	close(fd);
	close(news);
}

/* Who does not read loses news, is told so once, and costs no more than its buffer. */
GUEST_TEST(netlink_overrun)
{
	_Alignas(8) uint8_t buf[4096];
	int fd = nl_open(0), news = nl_open(1u << (RTNLGRP_IPV4_ROUTE - 1)), size = 4096;
	CHECK_EQ(setsockopt(news, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	for (uint32_t i = 0; i < 200; i++) {
		CHECK_EQ(change_route(fd, RTM_NEWROUTE, NLM_F_CREATE, 0x0a0f0000, 16, RTN_UNICAST),
			0);
		CHECK_EQ(change_route(fd, RTM_DELROUTE, 0, 0x0a0f0000, 16, RTN_UNICAST), 0);
	}
	struct pollfd p = {.fd = news, .events = POLLIN};
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK(p.revents & POLLERR);
	CHECK_ERRNO(recv(news, buf, sizeof(buf), MSG_DONTWAIT), ENOBUFS);
	unsigned kept = 0;
	while (recv(news, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		kept++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(kept > 10 && kept < 200);
	close(fd);
	close(news);
}

/* Refusals say why, to those who ask. */
GUEST_TEST(netlink_extended_acknowledgements)
{
	_Alignas(8) uint8_t buf[4096];
	int fd = nl_open(0), on = 1;
	struct request r;
	size_t len;
	CHECK_EQ(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)), 0);
	CHECK_EQ(setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)), 0);
	struct rtmsg m = {.rtm_family = AF_INET, .rtm_dst_len = 8, .rtm_type = RTN_UNICAST};
	uint32_t dst = htonl(0x0a000001);
	begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_ACK, &m, sizeof(m));
	put(&r, RTA_DST, &dst, 4);
	transmit(fd, &r);
	CHECK(recv(fd, buf, sizeof(buf), 0) > 36);
	const struct nlmsghdr *h = (const void *)buf;
	CHECK_EQ(h->nlmsg_flags, NLM_F_CAPPED | NLM_F_ACK_TLVS);
	const uint8_t *text = attr(h, 20, NLMSGERR_ATTR_MSG, &len);
	CHECK(text != NULL && len > 1 && text[len - 1] == 0);
	const uint8_t *offset = attr(h, 20, NLMSGERR_ATTR_OFFS, &len);
	CHECK(offset != NULL && offset[0] == sizeof(*h) + sizeof(m));
	close(fd);
}

/* Cut messages, many in one send, nonsense: nothing happens but answers. */
GUEST_TEST(netlink_nonsense)
{
	struct request r;
	_Alignas(8) uint8_t buf[4096];
	int fd = nl_open(0);
	struct rtmsg m = {.rtm_family = AF_INET};
	begin(&r, RTM_GETLINK, 0, &m, 4);
	CHECK_EQ(send(fd, &r, 3, 0), 3);
	r.h.nlmsg_len = 15;
	CHECK_EQ(send(fd, &r, 16, 0), 16);
	r.h.nlmsg_len = 4000;
	CHECK_EQ(send(fd, &r, 100, 0), 100);
	CHECK_ERRNO(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	begin(&r, 200, 0, &m, 4);
	CHECK_EQ(ask(fd, &r), -EOPNOTSUPP);
	begin(&r, RTM_GETROUTE, 0, &m, 4);
	CHECK_EQ(ask(fd, &r), -EINVAL);
	begin(&r, RTM_GETROUTE, NLM_F_DUMP, &m, 0);
	CHECK_EQ(ask(fd, &r), -EINVAL);
	begin(&r, NLMSG_NOOP, 0, &m, 0);
	CHECK_EQ(ask(fd, &r), 0);
	CHECK_ERRNO(send(fd, NULL, 5, 0), EFAULT);
	CHECK_ERRNO(send(fd, buf, 10u << 20, 0), EMSGSIZE);
	close(fd);
}

/* Goes on with all capabilities but these. */
static void
drop_caps(uint64_t caps)
{
	struct swos_login l = {.size = sizeof(l), .session = 1, .caps = CAP_ALL & ~caps};
	CHECK_EQ(syscall(NR_SWOS_LOGIN, &l), 0);
}

static void
unprivileged(void *arg)
{
	drop_caps(CAP_NETADMIN);
	int fd = nl_open(0);
	struct request r;
	CHECK(dump(fd, RTM_GETLINK, AF_UNSPEC, RTM_NEWLINK) >= 1);
	CHECK_EQ(change_addr(fd, RTM_NEWADDR, NLM_F_CREATE, 0x0a090001, 24, 0), -EPERM);
	CHECK_EQ(change_route(fd, RTM_NEWROUTE, NLM_F_CREATE, 0x0a0a0000, 16, RTN_UNICAST), -EPERM);
	struct ifinfomsg m = {.ifi_index = LO, .ifi_change = 1};
	begin(&r, RTM_NEWLINK, 0, &m, sizeof(m));
	CHECK_EQ(ask(fd, &r), -EPERM);
	drop_caps(CAP_NETADMIN | CAP_NET);
	CHECK_ERRNO(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), EPERM);
	CHECK(dump(fd, RTM_GETLINK, AF_UNSPEC, RTM_NEWLINK) >= 1); /* what it has it may use */
}

GUEST_TEST(netlink_permission)
{
	guest_fork_ok(unprivileged, NULL);
}
