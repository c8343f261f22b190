/* SPDX-License-Identifier: MIT */
/* Netlink's messages: attributes in and out, what requests say, what is refused and why. */
#include "kernel/net/sock/netlink/message.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

/* A request under construction, by the kernel's own writer. */
struct draft {
	_Alignas(8) uint8_t bytes[1024];
	struct nl_buf b;
	uint32_t at;
};

static void
begin(struct draft *d, uint16_t type, const void *fixed, uint32_t n)
{
	struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 7};
	d->b = (struct nl_buf){.data = d->bytes, .size = sizeof(d->bytes)};
	d->at = nl_begin(&d->b, &h, fixed, n);
}

static struct nl_request
end(struct draft *d)
{
	struct nl_request r;
	uint32_t at = 0;
	CHECK(nl_end(&d->b, d->at));
	CHECK(nl_next_message(d->bytes, d->b.len, &at, &r));
	CHECK_EQ(at, d->b.len);
	return r;
}

TEST(netlink_messages_stay_inside)
{
	struct nlmsghdr h = {.nlmsg_len = 20, .nlmsg_type = 16};
	uint8_t bytes[24] = {0};
	struct nl_request r;
	uint32_t at = 0;
	memcpy(bytes, &h, sizeof(h));
	CHECK(!nl_next_message(bytes, 15, &at, &r));
	CHECK(!nl_next_message(bytes, 19, &at, &r)); /* it says that it is longer */
	CHECK(nl_next_message(bytes, 20, &at, &r));
	CHECK_EQ(r.len, 4);
	CHECK_EQ(at, 20);
	CHECK(!nl_next_message(bytes, 20, &at, &r));
	h.nlmsg_len = 15; /* less than its header */
	memcpy(bytes, &h, sizeof(h));
	at = 0;
	CHECK(!nl_next_message(bytes, 24, &at, &r));
}

TEST(netlink_address_request)
{
	struct draft d;
	struct nl_addr_request a;
	struct nl_extack x = {0};
	struct ifaddrmsg m = {.ifa_family = NL_AF_INET, .ifa_prefixlen = 24, .ifa_index = 3};
	struct ifa_cacheinfo life = {.ifa_prefered = 30, .ifa_valid = 60};
	uint8_t local[4] = {10, 0, 2, 15}, all[4] = {10, 0, 2, 255};
	begin(&d, RTM_NEWADDR, &m, sizeof(m));
	nl_put(&d.b, IFA_LOCAL, local, 4);
	nl_put(&d.b, IFA_ADDRESS, local, 4);
	nl_put(&d.b, IFA_BROADCAST, all, 4);
	nl_put(&d.b, IFA_CACHEINFO, &life, sizeof(life));
	nl_put_u32(&d.b, IFA_FLAGS, IFA_F_NOPREFIXROUTE);
	nl_put_u8(&d.b, IFA_PROTO, 9);
	nl_put(&d.b, 60, "of the future", 13); /* unknown ones are passed over */
	struct nl_request r = end(&d);
	CHECK_EQ(nl_decode_addr(&r, &a, &x), 0);
	CHECK(a.has_local && a.has_broadcast && a.has_lifetimes);
	CHECK_EQ(a.ifindex, 3);
	CHECK_EQ(a.prefix, 24);
	CHECK_EQ(a.valid, 60);
	CHECK_EQ(a.preferred, 30);
	CHECK_EQ(a.proto, 9);
	CHECK_EQ(a.flags, IFA_F_NOPREFIXROUTE);
	CHECK(net_addr_is_v4(&a.local) && memcmp(a.local.b + 12, local, 4) == 0);
	CHECK_EQ(a.peer.d[0] | a.peer.d[1], 0);
}

TEST(netlink_address_requests_refused)
{
	struct draft d;
	struct nl_addr_request a;
	struct nl_extack x = {0};
	struct ifaddrmsg m = {.ifa_family = NL_AF_INET, .ifa_prefixlen = 33};
	struct ifa_cacheinfo life = {.ifa_prefered = 61, .ifa_valid = 60};
	uint8_t six[16] = {0x20, 1};
	begin(&d, RTM_NEWADDR, &m, 4);
	struct nl_request r = end(&d);
	CHECK_EQ(nl_decode_addr(&r, &a, &x), -EINVAL); /* too short */
	begin(&d, RTM_NEWADDR, &m, sizeof(m));
	r = end(&d);
	CHECK_EQ(nl_decode_addr(&r, &a, NULL), -EINVAL); /* the prefix */
	m.ifa_prefixlen = 24;
	begin(&d, RTM_NEWADDR, &m, sizeof(m));
	nl_put(&d.b, IFA_LOCAL, six, 16);
	r = end(&d);
	x = (struct nl_extack){0};
	CHECK_EQ(nl_decode_addr(&r, &a, &x), -EINVAL); /* the other family's */
	CHECK_EQ(x.bad - r.body, (int)sizeof(m));
	begin(&d, RTM_NEWADDR, &m, sizeof(m));
	nl_put(&d.b, IFA_CACHEINFO, &life, sizeof(life));
	r = end(&d);
	CHECK_EQ(nl_decode_addr(&r, &a, &x), -EINVAL);
	begin(&d, RTM_NEWADDR, &m, sizeof(m));
	nl_put(&d.b, IFA_LOCAL, six, 5);
	r = end(&d);
	CHECK_EQ(nl_decode_addr(&r, &a, &x), -ERANGE);
	m.ifa_family = 17;
	begin(&d, RTM_NEWADDR, &m, sizeof(m));
	r = end(&d);
	CHECK_EQ(nl_decode_addr(&r, &a, &x), -EAFNOSUPPORT);
}

TEST(netlink_route_request)
{
	struct draft d;
	struct nl_route_request t;
	struct nl_extack x = {0};
	struct rtmsg m = {.rtm_family = NL_AF_INET, .rtm_dst_len = 8, .rtm_table = 254};
	uint8_t dst[4] = {10, 0, 0, 0}, gateway[4] = {192, 0, 2, 1}, bits[4] = {10, 0, 0, 1};
	begin(&d, RTM_NEWROUTE, &m, sizeof(m));
	nl_put(&d.b, RTA_DST, dst, 4);
	nl_put(&d.b, RTA_GATEWAY, gateway, 4);
	nl_put_u32(&d.b, RTA_PRIORITY, 100);
	uint32_t nest = nl_nest(&d.b, RTA_METRICS);
	nl_put_u32(&d.b, RTAX_MTU, 1400);
	nl_nest_end(&d.b, nest);
	struct nl_request r = end(&d);
	CHECK_EQ(nl_decode_route(&r, &t, &x), 0);
	CHECK_EQ(t.mtu, 1400);
	CHECK_EQ(t.metric, 100);
	CHECK_EQ(t.table, 254);
	CHECK(t.has_gateway && t.has_dst && !t.has_prefsrc);
	begin(&d, RTM_NEWROUTE, &m, sizeof(m));
	nl_put(&d.b, RTA_DST, bits, 4);
	r = end(&d);
	CHECK_EQ(nl_decode_route(&r, &t, &x), -EINVAL); /* bits beyond the prefix */
	begin(&d, RTM_NEWROUTE, &m, sizeof(m));
	nl_put(&d.b, RTA_MULTIPATH, NULL, 0);
	r = end(&d);
	CHECK_EQ(nl_decode_route(&r, &t, &x), -EOPNOTSUPP);
	m.rtm_dst_len = 0;
	begin(&d, RTM_NEWROUTE, &m, sizeof(m));
	r = end(&d);
	CHECK_EQ(nl_decode_route(&r, &t, &x), 0);
	CHECK(net_addr_is_v4(&t.dst) && net_addr_is_any(&t.dst)); /* the default route's */
}

TEST(netlink_dumps_legacy_and_strict)
{
	struct draft d;
	struct nl_dump_request q;
	struct nl_extack x = {0};
	uint8_t family[4] = {NL_AF_INET6};
	struct rtmsg m = {.rtm_family = NL_AF_INET, .rtm_table = 255};
	begin(&d, RTM_GETROUTE, family, 1);
	struct nl_request r = end(&d);
	CHECK_EQ(nl_decode_dump(&r, false, &q, &x), 0);
	CHECK_EQ(q.family, NL_AF_INET6);
	CHECK_EQ(nl_decode_dump(&r, true, &q, &x), -EINVAL);
	begin(&d, RTM_GETROUTE, &m, sizeof(m));
	nl_put_u32(&d.b, RTA_OIF, 2);
	r = end(&d);
	CHECK_EQ(nl_decode_dump(&r, true, &q, &x), 0);
	CHECK(q.filtered);
	CHECK_EQ(q.table, 255);
	CHECK_EQ(q.ifindex, 2);
	CHECK_EQ(nl_decode_dump(&r, false, &q, &x), 0); /* the legacy form has no filters */
	CHECK(!q.filtered);
}

TEST(netlink_answer_that_does_not_fit_is_taken_back)
{
	uint8_t bytes[256];
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = {.nlmsg_type = RTM_NEWADDR};
	struct nl_addr_info a = {.local = net_addr_v4(0x0100007f), .prefix = 8, .label = "lo"};
	CHECK(nl_encode_addr(&b, &h, &a));
	uint32_t one = b.len;
	while (nl_encode_addr(&b, &h, &a))
		;
	CHECK_EQ(b.len % one, 0);
	CHECK(b.len + one > sizeof(bytes) && !b.full);
}

TEST(netlink_acknowledgements)
{
	struct draft d;
	uint8_t bytes[512], fixed[4] = {1};
	struct nlmsghdr h;
	int32_t error;
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	begin(&d, RTM_NEWLINK, fixed, 4);
	struct nl_request r = end(&d);
	struct nl_extack x = {.message = "why", .bad = r.body};
	CHECK(nl_encode_ack(&b, 5, &r, -EINVAL, NL_ACK_TLVS, &x));
	memcpy(&h, bytes, sizeof(h));
	memcpy(&error, bytes + 16, 4);
	CHECK_EQ(h.nlmsg_flags, NLM_F_ACK_TLVS);
	CHECK_EQ(h.nlmsg_seq, 7);
	CHECK_EQ(error, -EINVAL);
	CHECK_EQ(h.nlmsg_len, 16 + 4 + 20 + 8 + 8); /* the request whole, then text and offset */
	CHECK(strcmp((const char *)bytes + 44, "why") == 0);
	b.len = 0;
	CHECK(nl_encode_ack(&b, 5, &r, -EINVAL, NL_ACK_CAPPED, &x));
	memcpy(&h, bytes, sizeof(h));
	CHECK_EQ(h.nlmsg_flags, NLM_F_CAPPED);
	CHECK_EQ(h.nlmsg_len, 16 + 4 + 16);
}
