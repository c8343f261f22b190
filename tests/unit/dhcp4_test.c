/* SPDX-License-Identifier: MIT */
/* DHCPv4: the codec, and the client against a server of the test's own in virtual time. */
#include <errno.h>
#include <string.h>

#include "dhcp/client4.h"
#include "tests/unit/test.h"

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
#define ADDR(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define SERVER  ADDR(10, 0, 2, 2)
#define ADDRESS ADDR(10, 0, 2, 15)

/* A reply's bytes: the fixed part and the cookie; the caller appends options. */
static size_t
reply_head(uint8_t *p, uint32_t xid)
{
	memset(p, 0, 240);
	p[0] = 2;
	p[1] = 1;
	p[2] = 6;
	for (int i = 0; i < 4; i++)
		p[4 + i] = (uint8_t)(xid >> (24 - 8 * i));
	memcpy(p + 28, mac, 6);
	memcpy(p + 236, "\x63\x82\x53\x63", 4);
	return 240;
}

static size_t
add(uint8_t *p, size_t n, const char *option, size_t len)
{
	memcpy(p + n, option, len);
	return n + len;
}
#define ADD(text) n = add(p, n, text, sizeof(text) - 1)

TEST(dhcp4_decodes_an_ack)
{
	uint8_t p[600];
	struct dhcp4_message m;
	size_t n = reply_head(p, 0x12345678);
	memcpy(p + 16, "\x0a\0\x02\x0f", 4);
	ADD("\x35\x01\x05");
	ADD("\x36\x04\x0a\0\x02\x02");
	ADD("\x01\x04\xff\xff\xff\0");
	ADD("\x03\x08\x0a\0\x02\x02\x0a\0\x02\x03");
	ADD("\x06\x04\x0a\0\x02\x03");
	ADD("\x33\x04\0\x01\x51\x80");
	ADD("\x3a\x04\0\0\0\x0a");
	ADD("\x3b\x04\0\0\0\x14");
	ADD("\x1a\x02\x05\xdc");
	ADD("\0\0");
	ADD("\x0f\x06swos.a");
	ADD("\x79\x0d\x18\x0a\x01\x02\x0a\0\x02\x04\0\x0a\0\x02\x05\xff");
	CHECK_EQ(dhcp4_decode(p, n, &m), 0);
	CHECK_EQ(m.type, DHCP4_ACK);
	CHECK_EQ(m.op, 2);
	CHECK_EQ(m.xid, 0x12345678);
	CHECK_EQ(m.yiaddr, ADDRESS);
	CHECK_EQ(m.server_id, SERVER);
	CHECK_EQ(m.subnet_mask, ADDR(255, 255, 255, 0));
	CHECK_EQ(m.nr_routers, 2);
	CHECK_EQ(m.routers[1], ADDR(10, 0, 2, 3));
	CHECK_EQ(m.nr_dns, 1);
	CHECK_EQ(m.lease, 86400);
	CHECK_EQ(m.renewal, 10);
	CHECK_EQ(m.rebinding, 20);
	CHECK_EQ(m.mtu, 1500);
	CHECK_STR(m.domain, "swos.a");
	CHECK_EQ(m.nr_routes, 2);
	CHECK_EQ(m.routes[0].prefix, 24);
	CHECK_EQ(m.routes[0].destination, ADDR(10, 1, 2, 0));
	CHECK_EQ(m.routes[0].gateway, ADDR(10, 0, 2, 4));
	CHECK_EQ(m.routes[1].prefix, 0);
	CHECK_EQ(m.routes[1].gateway, ADDR(10, 0, 2, 5));
	CHECK_MEM(m.chaddr, mac, 6);
}

/* Options may go on in `file` and `sname`, and one option in several pieces. */
TEST(dhcp4_decodes_overloaded_and_split_options)
{
	uint8_t p[600];
	struct dhcp4_message m;
	size_t n = reply_head(p, 1);
	ADD("\x34\x01\x03\x0f\x04"
	    "abc.\xff");
	memcpy(p + 108,
		"\x35\x01\x02\x0f\x03"
		"def\xff",
		9);
	memcpy(p + 44, "\x33\x04\0\0\0\x3c\xff", 7);
	CHECK_EQ(dhcp4_decode(p, n, &m), 0);
	CHECK_EQ(m.type, DHCP4_OFFER);
	CHECK_EQ(m.lease, 60);
	CHECK_STR(m.domain, "abc.def");
	p[108 + 1] = 127; /* runs over `file` */
	CHECK_EQ(dhcp4_decode(p, n, &m), -EBADMSG);
}

TEST(dhcp4_refuses_and_ignores)
{
	uint8_t p[600];
	struct dhcp4_message m;
	size_t n = reply_head(p, 1);
	ADD("\x35\x01\x05\xff");
	for (size_t i = 0; i < 240; i++)
		CHECK_EQ(dhcp4_decode(p, i, &m), -EBADMSG);
	CHECK_EQ(dhcp4_decode(p, 240, &m), -EBADMSG); /* no type */
	CHECK_EQ(dhcp4_decode(p, n, &m), 0);
	p[242] = 9;
	CHECK_EQ(dhcp4_decode(p, n, &m), -EBADMSG); /* no such type */
	p[242] = 5;
	p[236]++;
	CHECK_EQ(dhcp4_decode(p, n, &m), -EBADMSG); /* no cookie */
	p[236]--;
	p[2] = 8;
	CHECK_EQ(dhcp4_decode(p, n, &m), -EBADMSG); /* not Ethernet */
	p[2] = 6;
	n--;
	/* Wrong lengths, a name that would write a line of its own into resolv.conf, a prefix of 33. */
	ADD("\x01\x03\xff\xff\xff\x33\x01\x07\x06\x03\x01\x02\x03\x0f\x05"
	    "a\nb.c\x79\x05\x21\x01\x02\x03\x04\xff");
	CHECK_EQ(dhcp4_decode(p, n, &m), 0);
	CHECK_EQ(m.subnet_mask, 0);
	CHECK_EQ(m.lease, 0);
	CHECK_EQ(m.nr_dns, 0);
	CHECK_EQ(m.nr_routes, 0);
	CHECK_STR(m.domain, "");
}

/* What the client sends is what a decoder reads. */
TEST(dhcp4_encodes_what_it_decodes)
{
	uint8_t p[600];
	struct dhcp4_client c;
	struct dhcp4_message m;
	dhcp4_client_init(&c, mac, "swos");
	struct dhcp4_action a = dhcp4_start(&c, 1000, 0xabcdef01);
	CHECK(a.send && !a.configure && !a.deconfigure && a.to == 0);
	size_t n = dhcp4_encode(&a.message, p, sizeof(p));
	CHECK_EQ(n, 300);
	CHECK_EQ(dhcp4_decode(p, n, &m), 0);
	CHECK_EQ(m.type, DHCP4_DISCOVER);
	CHECK_EQ(m.xid, 0xabcdef01);
	CHECK_STR(m.hostname, "swos");
	CHECK_EQ(m.client_id_len, 7);
	CHECK_MEM(m.client_id + 1, mac, 6);
	for (size_t size = 0; size < 300; size++)
		CHECK_EQ(dhcp4_encode(&a.message, p, size), 0);
}

static struct dhcp4_message
answer(const struct dhcp4_action *to, uint8_t type, uint32_t lease)
{
	struct dhcp4_message m = {.op = 2, .type = type, .xid = to->message.xid, .lease = lease};
	m.yiaddr = ADDRESS;
	m.server_id = SERVER;
	m.subnet_mask = ADDR(255, 255, 255, 0);
	memcpy(m.chaddr, mac, 6);
	return m;
}

static struct dhcp4_client
bound_client(uint32_t lease)
{
	struct dhcp4_client c;
	dhcp4_client_init(&c, mac, "");
	struct dhcp4_action a = dhcp4_start(&c, 0, 77);
	struct dhcp4_message m = answer(&a, DHCP4_OFFER, lease);
	a = dhcp4_input(&c, &m, 0, 0);
	CHECK(a.send && a.message.type == DHCP4_REQUEST);
	CHECK_EQ(a.message.requested, ADDRESS);
	CHECK_EQ(a.message.server_id, SERVER);
	CHECK_EQ(a.message.xid, 77);
	m = answer(&a, DHCP4_ACK, lease);
	a = dhcp4_input(&c, &m, 0, 0);
	CHECK(a.configure && !a.send);
	CHECK_EQ(c.state, DHCP4_BOUND);
	CHECK_EQ(c.lease.prefix, 24);
	return c;
}

TEST(dhcp4_client_renews_then_rebinds_then_loses)
{
	struct dhcp4_client c = bound_client(30);
	CHECK_EQ(c.deadline_ms, 15000);
	struct dhcp4_action a = dhcp4_timer(&c, 14999, 1);
	CHECK(!a.send);
	a = dhcp4_timer(&c, 15000, 2);
	CHECK(a.send && a.to == SERVER && a.message.ciaddr == ADDRESS);
	CHECK_EQ(a.message.requested, 0);
	CHECK_EQ(a.message.server_id, 0);
	struct dhcp4_message m = answer(&a, DHCP4_ACK, 30);
	struct dhcp4_client renewed = c;
	CHECK(dhcp4_input(&renewed, &m, 16000, 0).configure);
	CHECK_EQ(renewed.deadline_ms, 31000);
	CHECK_EQ(c.deadline_ms, 26000);
	a = dhcp4_timer(&c, 26000, 3);
	CHECK(a.send && a.to == 0 && a.message.ciaddr == ADDRESS);
	CHECK_EQ(c.deadline_ms, 30000);
	a = dhcp4_timer(&c, 30000, 4);
	CHECK(a.deconfigure && a.send && a.message.type == DHCP4_DISCOVER);
	CHECK_EQ(c.lease.address, 0);
}

TEST(dhcp4_client_obeys_a_nak)
{
	struct dhcp4_client c = bound_client(1000);
	struct dhcp4_action a = dhcp4_timer(&c, c.deadline_ms, 5);
	struct dhcp4_message m = answer(&a, DHCP4_NAK, 0);
	a = dhcp4_input(&c, &m, 600000, 6);
	CHECK(a.deconfigure && !a.send);
	CHECK_EQ(c.deadline_ms, 600000); /* at once, the first time */
	uint64_t now = 600000;
	for (uint32_t i = 0; i < 12; i++) {
		a = dhcp4_timer(&c, now, 7);
		m = answer(&a, DHCP4_OFFER, 100);
		a = dhcp4_input(&c, &m, now, 8);
		m = answer(&a, DHCP4_NAK, 0);
		a = dhcp4_input(&c, &m, now, 9);
		CHECK(!a.deconfigure && !a.send);
		CHECK_EQ(c.deadline_ms - now, i >= 7 ? 200000 : 2000ull << i);
		now = c.deadline_ms;
	}
}

/* Nothing but the right message at the right time moves it. */
TEST(dhcp4_client_ignores_what_is_not_for_it)
{
	struct dhcp4_client c, before;
	dhcp4_client_init(&c, mac, "");
	struct dhcp4_action a = dhcp4_start(&c, 0, 5);
	struct dhcp4_message good = answer(&a, DHCP4_OFFER, 60);
	for (int i = 0; i < 8; i++) {
		struct dhcp4_message m = good;
		if (i == 0)
			m.xid++;
		else if (i == 1)
			m.chaddr[5]++;
		else if (i == 2)
			m.op = 1;
		else if (i == 3)
			m.type = DHCP4_ACK;
		else if (i == 4)
			m.yiaddr = 0;
		else if (i == 5)
			m.yiaddr = ADDR(224, 0, 0, 1);
		else if (i == 6)
			m.server_id = 0;
		else
			m.type = DHCP4_NAK;
		before = c;
		a = dhcp4_input(&c, &m, 10, 0);
		CHECK(!a.send && !a.configure && !a.deconfigure);
		CHECK_MEM(&c, &before, sizeof(c));
	}
	a = dhcp4_input(&c, &good, 10, 0);
	CHECK(a.send);
	struct dhcp4_message ack = answer(&a, DHCP4_ACK, 60);
	ack.yiaddr = ADDR(10, 0, 2, 16); /* not what was offered */
	CHECK(!dhcp4_input(&c, &ack, 20, 0).configure);
	ack.yiaddr = ADDRESS;
	ack.lease = 0;
	CHECK(!dhcp4_input(&c, &ack, 20, 0).configure);
	ack.lease = 60;
	ack.server_id = ADDR(10, 0, 2, 9);
	CHECK(!dhcp4_input(&c, &ack, 20, 0).configure);
	ack.server_id = SERVER;
	CHECK(dhcp4_input(&c, &ack, 20, 0).configure);
}

TEST(dhcp4_client_without_a_server_tries_for_ever)
{
	struct dhcp4_client c;
	dhcp4_client_init(&c, mac, "");
	struct dhcp4_action a = dhcp4_start(&c, 0, 5);
	uint64_t now = 0;
	for (int i = 0; i < 20; i++) {
		CHECK(a.send && a.message.type == DHCP4_DISCOVER);
		uint64_t wait = c.deadline_ms - now;
		uint64_t base = i < 5 ? 2000ull << i : 64000;
		CHECK(wait >= base - 500 && wait <= base + 501);
		now = c.deadline_ms;
		a = dhcp4_timer(&c, now, (uint32_t)i * 333);
	}
	/* An offer whose server then says nothing: back to the beginning. */
	struct dhcp4_message m = answer(&a, DHCP4_OFFER, 60);
	a = dhcp4_input(&c, &m, now, 0);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(a.message.type, DHCP4_REQUEST);
		a = dhcp4_timer(&c, c.deadline_ms, 0);
	}
	CHECK_EQ(a.message.type, DHCP4_DISCOVER);
}

TEST(dhcp4_client_link_comes_and_goes)
{
	struct dhcp4_client c = bound_client(1000);
	dhcp4_stop(&c);
	CHECK(!dhcp4_timer(&c, 500000, 0).send);
	struct dhcp4_action a = dhcp4_start(&c, 600000, 9);
	CHECK(a.send && a.message.requested == ADDRESS && a.message.server_id == 0);
	CHECK_EQ(a.message.ciaddr, 0);
	struct dhcp4_message m = answer(&a, DHCP4_ACK, 1000);
	CHECK(dhcp4_input(&c, &m, 600001, 0).configure);
	/* Nobody answers: the old lease goes on, to be renewed at its time. */
	dhcp4_stop(&c);
	a = dhcp4_start(&c, 700000, 10);
	a = dhcp4_timer(&c, c.deadline_ms, 0);
	CHECK(a.send);
	a = dhcp4_timer(&c, c.deadline_ms, 0);
	CHECK(!a.send && !a.deconfigure);
	CHECK_EQ(c.state, DHCP4_BOUND);
	CHECK_EQ(c.deadline_ms, c.lease.renew_ms);
	/* The lease ends without a link. */
	dhcp4_stop(&c);
	a = dhcp4_timer(&c, c.lease.expire_ms, 0);
	CHECK(a.deconfigure && !a.send);
	CHECK_EQ(c.deadline_ms, DHCP_NEVER);
	a = dhcp4_start(&c, 9000000, 11);
	CHECK_EQ(a.message.type, DHCP4_DISCOVER);
}

TEST(dhcp4_client_declines_and_releases)
{
	struct dhcp4_client c = bound_client(UINT32_MAX);
	CHECK_EQ(c.deadline_ms, DHCP_NEVER);
	struct dhcp4_action a = dhcp4_conflict(&c, 5000, 12);
	CHECK(a.send && a.deconfigure && a.message.type == DHCP4_DECLINE);
	CHECK_EQ(a.message.requested, ADDRESS);
	CHECK_EQ(c.deadline_ms, 15000);
	CHECK_EQ(dhcp4_timer(&c, 15000, 13).message.type, DHCP4_DISCOVER);
	c = bound_client(100);
	a = dhcp4_release(&c, 14);
	CHECK(a.send && a.to == SERVER && a.message.ciaddr == ADDRESS);
	CHECK_EQ(a.message.type, DHCP4_RELEASE);
	CHECK(!dhcp4_release(&c, 15).send);
}
