/* SPDX-License-Identifier: MIT */
/* DHCPv6: the codec, and the client against a server of the test's own in virtual time. */
#include <errno.h>
#include <string.h>

#include "dhcp/client6.h"
#include "tests/unit/test.h"

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
static const uint8_t address[16] = {0x20, 1, 0xd, 0xb8, [15] = 0x42};

static const uint8_t reply[] = {
	7, 0x12, 0x34, 0x56,                               /* REPLY, xid */
	0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 7,         /* client id */
	0, 2, 0, 4, 0, 2, 0, 9,                            /* server id */
	0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, 50, 0, 0, 0, 80, /* IA_NA: iaid 1, T1 50, T2 80 */
	0, 5, 0, 24, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x42, /* address */
	0, 0, 0, 100, 0, 0, 0, 200,                                      /* preferred, valid */
	0, 23, 0, 16, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, /* DNS */
	0, 24, 0, 8, 4, 's', 'w', 'o', 's', 1, 'a', 0,                   /* domain list */
};

TEST(dhcp6_decodes_a_reply)
{
	struct dhcp6_message m;
	CHECK_EQ(dhcp6_decode(reply, sizeof(reply), &m), 0);
	CHECK_EQ(m.type, DHCP6_REPLY);
	CHECK_EQ(m.xid, 0x123456);
	CHECK_EQ(m.client.len, 10);
	CHECK_EQ(m.server.len, 4);
	CHECK(m.has_ia && m.has_address);
	CHECK_EQ(m.iaid, 1);
	CHECK_EQ(m.t1, 50);
	CHECK_EQ(m.t2, 80);
	CHECK_MEM(m.address, address, 16);
	CHECK_EQ(m.preferred, 100);
	CHECK_EQ(m.valid, 200);
	CHECK_EQ(m.nr_dns, 1);
	CHECK_EQ(m.dns[0][15], 1);
	CHECK_STR(m.domain, "swos.a");
	CHECK_EQ(m.status, 0);
}

/* Every cut is refused or leaves out whole options; none is read past. */
TEST(dhcp6_refuses_cut_messages)
{
	struct dhcp6_message m;
	static const size_t ends[] = {4, 18, 26, 70, 90};
	for (size_t n = 0; n < sizeof(reply); n++) {
		uint8_t exact[sizeof(reply)];
		memcpy(exact, reply, n);
		int want = -EBADMSG;
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			if (n == ends[i])
				want = 0;
		CHECK_EQ(dhcp6_decode(exact, n, &m), want);
	}
	uint8_t bad[sizeof(reply)];
	memcpy(bad, reply, sizeof(bad));
	bad[29] =
		41; /* the association runs into what follows: an option inside runs over its end */
	CHECK_EQ(dhcp6_decode(bad, sizeof(bad), &m), -EBADMSG);
	memcpy(bad, reply, sizeof(bad));
	bad[37] = 90; /* T1 > T2 */
	CHECK_EQ(dhcp6_decode(bad, sizeof(bad), &m), 0);
	CHECK(!m.has_ia && !m.has_address);
	memcpy(bad, reply, sizeof(bad));
	bad[65] = 201; /* preferred > valid */
	CHECK_EQ(dhcp6_decode(bad, sizeof(bad), &m), 0);
	CHECK(m.has_ia && !m.has_address);
}

TEST(dhcp6_encodes_what_it_decodes)
{
	uint8_t p[512];
	struct dhcp6_client c;
	struct dhcp6_message m;
	dhcp6_client_init(&c, mac, 3);
	struct dhcp6_action a = dhcp6_start(&c, true, 0, 0xaa123456);
	size_t n = dhcp6_encode(&a.message, p, sizeof(p));
	CHECK(n > 0);
	CHECK_EQ(dhcp6_decode(p, n, &m), 0);
	CHECK_EQ(m.type, DHCP6_SOLICIT);
	CHECK_EQ(m.xid, 0x123456);
	CHECK(m.rapid_commit && m.has_ia && !m.has_address);
	CHECK_EQ(m.iaid, 3);
	CHECK_MEM(m.client.bytes + 4, mac, 6);
	m.has_address = true;
	memcpy(m.address, address, 16);
	m.preferred = 5;
	m.valid = 6;
	size_t longer = dhcp6_encode(&m, p, sizeof(p));
	CHECK_EQ(longer, n + 28);
	struct dhcp6_message again;
	CHECK_EQ(dhcp6_decode(p, longer, &again), 0);
	CHECK_MEM(again.address, address, 16);
	CHECK_EQ(again.valid, 6);
	for (size_t size = 0; size < longer; size++)
		CHECK_EQ(dhcp6_encode(&m, p, size), 0);
}

static struct dhcp6_message
answer(const struct dhcp6_action *to, uint8_t type)
{
	struct dhcp6_message m = {
		.type = type,
		.xid = to->message.xid,
		.client = to->message.client,
		.server = {.bytes = {0, 2, 0, 9}, .len = 4},
		.has_ia = true,
		.iaid = to->message.iaid,
		.has_address = true,
		.preferred = 100,
		.valid = 200,
	};
	memcpy(m.address, address, 16);
	return m;
}

static struct dhcp6_client
bound_client(void)
{
	struct dhcp6_client c;
	dhcp6_client_init(&c, mac, 1);
	struct dhcp6_action a = dhcp6_start(&c, true, 0, 1);
	CHECK(a.send && a.message.type == DHCP6_SOLICIT);
	CHECK(c.deadline_ms > 1000 && c.deadline_ms <= 1100);
	struct dhcp6_message m = answer(&a, DHCP6_ADVERTISE);
	CHECK(!dhcp6_input(&c, &m, 10, 2).send); /* others may be better: it waits */
	m.preference = 9;
	m.server.bytes[3] = 8;
	CHECK(!dhcp6_input(&c, &m, 20, 2).send);
	a = dhcp6_timer(&c, c.deadline_ms, 3);
	CHECK(a.send && a.message.type == DHCP6_REQUEST);
	CHECK_EQ(a.message.server.bytes[3], 8);
	CHECK_MEM(a.message.address, address, 16);
	m = answer(&a, DHCP6_REPLY);
	a = dhcp6_input(&c, &m, 2000, 4);
	CHECK(a.configure && !a.deconfigure && !a.send);
	CHECK_EQ(c.state, DHCP6_BOUND);
	return c;
}

TEST(dhcp6_client_renews_then_rebinds_then_loses)
{
	struct dhcp6_client c = bound_client();
	CHECK_EQ(c.deadline_ms, 52000);
	struct dhcp6_action a = dhcp6_timer(&c, 52000, 5);
	CHECK_EQ(a.message.type, DHCP6_RENEW);
	CHECK_EQ(a.message.server.len, 4);
	struct dhcp6_client renewed = c;
	struct dhcp6_message m = answer(&a, DHCP6_REPLY);
	CHECK(dhcp6_input(&renewed, &m, 53000, 0).configure);
	CHECK_EQ(renewed.deadline_ms, 103000);
	while (c.deadline_ms < 82000)
		CHECK_EQ(dhcp6_timer(&c, c.deadline_ms, 6).message.type, DHCP6_RENEW);
	CHECK_EQ(c.deadline_ms, 82000);
	a = dhcp6_timer(&c, 82000, 7);
	CHECK_EQ(a.message.type, DHCP6_REBIND);
	CHECK_EQ(a.message.server.len, 0);
	while (c.deadline_ms < 202000)
		CHECK_EQ(dhcp6_timer(&c, c.deadline_ms, 8).message.type, DHCP6_REBIND);
	a = dhcp6_timer(&c, 202000, 9);
	CHECK(a.deconfigure && a.message.type == DHCP6_SOLICIT);
}

TEST(dhcp6_client_rapid_commit_and_highest_preference)
{
	struct dhcp6_client c;
	dhcp6_client_init(&c, mac, 1);
	struct dhcp6_action a = dhcp6_start(&c, true, 0, 1);
	struct dhcp6_message m = answer(&a, DHCP6_REPLY);
	struct dhcp6_client other = c;
	CHECK(!dhcp6_input(&c, &m, 5, 0).configure); /* a reply that nobody may send yet */
	m.rapid_commit = true;
	CHECK(dhcp6_input(&c, &m, 5, 0).configure);
	m = answer(&a, DHCP6_ADVERTISE);
	m.preference = 255;
	CHECK_EQ(dhcp6_input(&other, &m, 5, 0).message.type, DHCP6_REQUEST);
}

TEST(dhcp6_client_ignores_what_is_not_for_it)
{
	struct dhcp6_client c, before;
	dhcp6_client_init(&c, mac, 1);
	struct dhcp6_action a = dhcp6_start(&c, true, 0, 1);
	struct dhcp6_message good = answer(&a, DHCP6_ADVERTISE);
	for (int i = 0; i < 8; i++) {
		struct dhcp6_message m = good;
		if (i == 0)
			m.xid ^= 1;
		else if (i == 1)
			m.client.bytes[9]++;
		else if (i == 2)
			m.server.len = 0;
		else if (i == 3)
			m.status = DHCP6_STATUS_NO_ADDRS_AVAIL;
		else if (i == 4)
			m.iaid++;
		else if (i == 5)
			m.valid = 0;
		else if (i == 6)
			m.has_address = false;
		else
			m.type = DHCP6_RECONFIGURE;
		before = c;
		a = dhcp6_input(&c, &m, 10, 0);
		CHECK(!a.send && !a.configure && !a.deconfigure);
		CHECK_MEM(&c, &before, sizeof(c));
	}
}

TEST(dhcp6_client_no_binding_and_refusals)
{
	struct dhcp6_client c = bound_client();
	struct dhcp6_action a = dhcp6_timer(&c, c.deadline_ms, 5);
	struct dhcp6_message m = answer(&a, DHCP6_REPLY);
	m.status = DHCP6_STATUS_NO_BINDING;
	m.has_address = false;
	a = dhcp6_input(&c, &m, 52100, 6);
	CHECK_EQ(a.message.type, DHCP6_REQUEST);
	CHECK_MEM(a.message.address, address, 16);
	m = answer(&a, DHCP6_REPLY);
	m.status = DHCP6_STATUS_NO_ADDRS_AVAIL;
	a = dhcp6_input(&c, &m, 52200, 7);
	CHECK(a.deconfigure && a.message.type == DHCP6_SOLICIT);
	/* A server that never answers the request: ten times, then anew. */
	m = answer(&a, DHCP6_ADVERTISE);
	m.preference = 255;
	a = dhcp6_input(&c, &m, 52300, 8);
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(a.message.type, DHCP6_REQUEST);
		a = dhcp6_timer(&c, c.deadline_ms, 9);
	}
	CHECK_EQ(a.message.type, DHCP6_SOLICIT);
}

TEST(dhcp6_client_information_alone)
{
	struct dhcp6_client c;
	dhcp6_client_init(&c, mac, 1);
	struct dhcp6_action a = dhcp6_start(&c, false, 0, 1);
	CHECK_EQ(a.message.type, DHCP6_INFORMATION_REQUEST);
	CHECK(!a.message.has_ia);
	struct dhcp6_message m = answer(&a, DHCP6_REPLY);
	m.has_ia = m.has_address = false;
	m.nr_dns = 1;
	m.information_refresh = 5; /* below the least that is allowed */
	a = dhcp6_input(&c, &m, 1000, 0);
	CHECK(a.configure && !a.send);
	CHECK_EQ(c.lease.nr_dns, 1);
	CHECK_EQ(c.deadline_ms, 601000);
	CHECK_EQ(dhcp6_timer(&c, 601000, 2).message.type, DHCP6_INFORMATION_REQUEST);
}

TEST(dhcp6_client_link_comes_and_goes)
{
	struct dhcp6_client c = bound_client();
	dhcp6_stop(&c);
	CHECK(!dhcp6_timer(&c, 60000, 0).send);
	struct dhcp6_action a = dhcp6_start(&c, true, 61000, 3);
	CHECK_EQ(a.message.type, DHCP6_REBIND);
	dhcp6_stop(&c);
	a = dhcp6_timer(&c, c.lease.valid_ms, 0);
	CHECK(a.deconfigure && !a.send);
	c = bound_client();
	a = dhcp6_conflict(&c, 3000, 4);
	CHECK(a.send && a.deconfigure && a.message.type == DHCP6_DECLINE);
	CHECK_EQ(dhcp6_timer(&c, 4000, 5).message.type, DHCP6_SOLICIT);
	c = bound_client();
	a = dhcp6_release(&c, 5000, 6);
	CHECK(a.send && a.deconfigure && a.message.type == DHCP6_RELEASE);
	CHECK(!dhcp6_release(&c, 5000, 7).send);
}
