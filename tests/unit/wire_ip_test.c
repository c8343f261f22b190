/* SPDX-License-Identifier: MIT */
/* lib/wire: IPv4, IPv6, ICMP, UDP, ARP and neighbour discovery, by packets written down by hand from the RFCs. */
#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"
#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/nd.h"
#include "wire/udp.h"

/* 10.0.0.1 -> 10.0.0.2, UDP, 28 bytes, DF, id 0x1234; the checksum was added up by hand. */
static const uint8_t plain4[28] = {0x45, 0x00, 0x00, 0x1c, 0x12, 0x34, 0x40, 0x00, 0x40, 0x11, 0x14,
	0x9b, 10, 0, 0, 1, 10, 0, 0, 2};

static void
fix_checksum4(uint8_t *p)
{
	uint16_t sum = ip4_checksum(p, (size_t)(p[0] & 15) * 4);
	memcpy(p + IP4_AT_CHECKSUM, &sum, 2);
}

TEST(ip4_header_is_read_as_written)
{
	struct ip4_header h;
	CHECK_EQ(ip4_decode(plain4, 28, 28, &h), IP4_OK);
	CHECK_EQ(h.header_len, 20);
	CHECK_EQ(h.total_len, 28);
	CHECK_EQ(h.id, 0x1234);
	CHECK(h.dont_fragment && !h.more && h.offset == 0 && !h.source_route);
	CHECK_EQ(h.ttl, 64);
	CHECK_EQ(h.protocol, 17);
	CHECK_MEM(&h.src, plain4 + 12, 4);
	CHECK_MEM(&h.dst, plain4 + 16, 4);
	uint8_t again[20];
	ip4_encode(again, &h);
	CHECK_MEM(again, plain4, 20);
}

TEST(ip4_header_that_lies_is_refused)
{
	struct ip4_header h;
	uint8_t p[28];
	for (size_t n = 0; n < 20; n++)
		CHECK_EQ(ip4_decode(plain4, n, n, &h), IP4_SHORT);
	CHECK_EQ(ip4_decode(plain4, 28, 27, &h), IP4_SHORT);
	memcpy(p, plain4, 28);
	p[0] = 0x65;
	CHECK_EQ(ip4_decode(p, 28, 28, &h), IP4_VERSION);
	p[0] = 0x44;
	CHECK_EQ(ip4_decode(p, 28, 28, &h), IP4_LENGTHS);
	p[0] = 0x48;
	CHECK_EQ(ip4_decode(p, 28, 28, &h), IP4_LENGTHS);
	memcpy(p, plain4, 28);
	p[9] ^= 1;
	CHECK_EQ(ip4_decode(p, 28, 28, &h), IP4_CHECKSUM);
	memcpy(p, plain4, 28);
	p[3] = 19;
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 28, 28, &h), IP4_LENGTHS);
}

TEST(ip4_fragments_that_cannot_be_are_refused)
{
	struct ip4_header h;
	uint8_t p[28];
	memcpy(p, plain4, 28);
	p[6] = 0x20; /* more, 8 bytes of data: fine */
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 28, 28, &h), IP4_OK);
	CHECK(h.more && h.offset == 0);
	p[3] = 27; /* 7 bytes */
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 28, 28, &h), IP4_FRAGMENT);
	p[3] = 28;
	p[6] = 0x1f;
	p[7] = 0xff; /* offset 65528: the ping of death */
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 28, 28, &h), IP4_FRAGMENT);
	p[3] = 20;
	p[6] = 0;
	p[7] = 1; /* nothing at offset 8 */
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 28, 28, &h), IP4_FRAGMENT);
}

TEST(ip4_options_are_skipped_and_source_routes_named)
{
	struct ip4_header h;
	uint8_t p[32] = {0x48, 0, 0, 32, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 7, 7,
		4, 0, 0, 0, 0, 0, 0, 0, 0};
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 32, 32, &h), IP4_OK);
	CHECK_EQ(h.header_len, 32);
	CHECK(!h.source_route);
	p[21] = 131;
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 32, 32, &h), IP4_OK);
	CHECK(h.source_route);
	uint8_t first[IP4_HEADER_MAX];
	CHECK_EQ(ip4_fragment_header(first, p, 32), 28);
	CHECK_EQ(first[0], 0x47);
	CHECK_EQ(first[20], 131);
	p[22] = 1;
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 32, 32, &h), IP4_OPTIONS);
	p[22] = 12;
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 32, 32, &h), IP4_OPTIONS);
	p[31] = 7; /* an option without its length byte */
	memset(p + 20, 1, 11);
	fix_checksum4(p);
	CHECK_EQ(ip4_decode(p, 32, 32, &h), IP4_OPTIONS);
}

static const uint8_t plain6[48] = {0x6a, 0xb0, 0x12, 0x34, 0, 8, 17, 64, 0xfe, 0x80, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};

TEST(ip6_header_is_read_as_written)
{
	struct ip6_header h;
	CHECK_EQ(ip6_decode(plain6, 48, 48, &h), IP6_OK);
	CHECK_EQ(h.traffic_class, 0xab);
	CHECK_EQ(h.flow_label, 0x01234);
	CHECK_EQ(h.payload_len, 8);
	CHECK_EQ(h.next, 17);
	CHECK_EQ(h.hop_limit, 64);
	uint8_t again[40];
	ip6_encode(again, &h);
	CHECK_MEM(again, plain6, 40);
	CHECK_EQ(ip6_decode(plain6, 39, 39, &h), IP6_SHORT);
	CHECK_EQ(ip6_decode(plain6, 48, 47, &h), IP6_SHORT);
	CHECK_EQ(ip6_decode(plain4, 28, 28, &h), IP6_SHORT);
}

/* A packet of extension headers: each { type, length in bytes, contents }. */
struct chain {
	uint8_t bytes[1024];
	size_t len;
	size_t next_at;
};

static void
chain_begin(struct chain *c)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->bytes, plain6, 40);
	c->len = 40;
	c->next_at = 6;
}

static uint8_t *
chain_add(struct chain *c, uint8_t type, size_t len)
{
	uint8_t *at = c->bytes + c->len;
	c->bytes[c->next_at] = type;
	c->next_at = c->len;
	memset(at, 0, len);
	if (type != 44)
		at[1] = (uint8_t)(len / 8 - 1);
	at[0] = 59;
	c->len += len;
	return at;
}

TEST(ip6_walk_finds_the_transport_header)
{
	struct chain c;
	struct ip6_walk w;
	chain_begin(&c);
	CHECK_EQ(ip6_walk(c.bytes, 40, &w), IP6_OK);
	CHECK(w.transport == 40 && w.protocol == 17 && w.fragment_at == 0 && w.next_at == 6);
	memcpy(chain_add(&c, 0, 8) + 2, (uint8_t[]){5, 2, 0, 0, 1, 0}, 6);
	chain_add(&c, 60, 16);
	chain_add(&c, 43, 24);
	c.bytes[c.next_at] = 6;
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_OK);
	CHECK(w.router_alert);
	CHECK_EQ(w.transport, 88);
	CHECK_EQ(w.protocol, 6);
	CHECK_EQ(w.next_at, 64);
	for (size_t n = 40; n < c.len; n++)
		CHECK_EQ(ip6_walk(c.bytes, n, &w), IP6_SHORT);
}

TEST(ip6_walk_names_what_is_wrong_and_where)
{
	struct chain c;
	struct ip6_walk w;
	chain_begin(&c);
	chain_add(&c, 60, 8);
	chain_add(&c, 0, 8); /* hop-by-hop that is not first */
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_BAD_NEXT);
	CHECK_EQ(w.pointer, 40);
	chain_begin(&c);
	chain_add(&c, 43, 8)[3] = 1; /* segments left */
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_BAD_FIELD);
	CHECK_EQ(w.pointer, 42);
	chain_begin(&c);
	memcpy(chain_add(&c, 60, 8) + 2, (uint8_t[]){0x85, 4, 0, 0, 0, 0}, 6);
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_BAD_OPTION);
	CHECK(w.pointer == 42 && w.tell_multicast);
	c.bytes[42] = 0xc5;
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_BAD_OPTION);
	CHECK(!w.tell_multicast);
	c.bytes[42] = 0x45;
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_DISCARD);
	c.bytes[42] = 0x1e;
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_OK);
	c.bytes[43] = 5; /* longer than its header */
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_BAD_FIELD);
	CHECK_EQ(w.pointer, 42);
	chain_begin(&c);
	for (uint32_t i = 0; i <= IP6_EXTENSIONS_MAX; i++)
		chain_add(&c, 60, 8);
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_TOO_MANY);
}

TEST(ip6_walk_stops_at_fragments_and_goes_through_atomic_ones)
{
	struct chain c;
	struct ip6_walk w;
	struct ip6_fragment f = {.id = 0xdeadbeef, .offset = 1448, .more = true};
	chain_begin(&c);
	ip6_encode_fragment(chain_add(&c, 44, 8), 60, &f);
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_OK);
	CHECK(w.fragment_at == 40 && w.fragment_next_at == 6 && w.transport == 48);
	CHECK_EQ(w.protocol, 60);
	CHECK(w.fragment.id == 0xdeadbeef && w.fragment.offset == 1448 && w.fragment.more);
	f = (struct ip6_fragment){.id = 1};
	chain_begin(&c);
	ip6_encode_fragment(chain_add(&c, 44, 8), 17, &f);
	CHECK_EQ(ip6_walk(c.bytes, c.len, &w), IP6_OK);
	CHECK(w.fragment_at == 40 && w.transport == 48 && w.protocol == 17 && w.next_at == 40);
}

TEST(icmp_says_which_packet_and_which_error)
{
	struct icmp_inner inner;
	uint8_t p[28];
	bool hard;
	memcpy(p, plain4, 28);
	p[10] = 0; /* routers may leave a checksum that no longer fits */
	CHECK(icmp4_decode_inner(p, 28, &inner));
	CHECK(inner.protocol == 17 && inner.transport == p + 20 && inner.transport_len == 8);
	CHECK(!icmp4_decode_inner(p, 27, &inner));
	p[7] = 1;
	CHECK(!icmp4_decode_inner(p, 28, &inner));
	CHECK(icmp6_decode_inner(plain6, 48, &inner));
	CHECK(inner.protocol == 17 && inner.transport == plain6 + 40);
	CHECK(!icmp6_decode_inner(plain6, 47, &inner));
	CHECK_EQ(icmp4_errno(ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, &hard), ECONNREFUSED);
	CHECK(hard);
	CHECK_EQ(icmp4_errno(ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, &hard), EHOSTUNREACH);
	CHECK(!hard);
	CHECK_EQ(icmp4_errno(ICMP_UNREACHABLE, 200, &hard), EHOSTUNREACH);
	CHECK_EQ(icmp4_errno(ICMP_REDIRECT, 0, &hard), 0);
	CHECK_EQ(icmp6_errno(ICMP6_UNREACHABLE, 4, &hard), ECONNREFUSED);
	CHECK_EQ(icmp6_errno(ICMP6_UNREACHABLE, 99, &hard), EPROTO);
	CHECK_EQ(icmp6_errno(ICMP6_TOO_BIG, 0, &hard), EMSGSIZE);
}

TEST(icmp_mtu_is_guessed_where_routers_do_not_say)
{
	struct icmp_header h;
	uint8_t p[8];
	icmp_encode(p, &(struct icmp_header){.type = 3, .code = 4, .word = 1400});
	CHECK(icmp_decode(p, 8, &h));
	CHECK_EQ(icmp4_mtu(&h, 1500), 1400);
	h.word = 0;
	CHECK_EQ(icmp4_mtu(&h, 1500), 1492);
	CHECK_EQ(icmp4_mtu(&h, 1492), 1006);
	CHECK_EQ(icmp4_mtu(&h, 100), 68);
	CHECK(!icmp_decode(p, 7, &h));
}

TEST(udp_lengths_are_checked)
{
	struct udp_header h;
	uint8_t p[12] = {0x12, 0x34, 0, 53, 0, 12, 0xab, 0xcd};
	CHECK(udp_decode(p, 12, 12, &h));
	CHECK(h.src_port == 0x3412 && h.dst_port == 53 << 8 && h.length == 12 &&
		h.checksum == 0xcdab);
	uint8_t again[8];
	udp_encode(again, &h);
	CHECK_MEM(again, p, 8);
	CHECK(!udp_decode(p, 7, 7, &h));
	CHECK(!udp_decode(p, 11, 11, &h));
	p[5] = 7;
	CHECK(!udp_decode(p, 12, 12, &h));
	p[5] = 8; /* padding behind it */
	CHECK(udp_decode(p, 12, 12, &h));
}

TEST(arp_has_the_sender_at_14)
{
	static const uint8_t p[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0,
		0, 0, 0, 0, 10, 0, 0, 2};
	struct arp a;
	CHECK(arp_decode(p, 28, &a));
	CHECK_EQ(a.op, ARP_REQUEST);
	CHECK_MEM(&a.sender, p + 14, 4);
	CHECK_MEM(&a.target, p + 24, 4);
	CHECK_MEM(a.sender_mac, p + 8, 6);
	uint8_t q[28];
	arp_encode(q, &a);
	CHECK_MEM(q, p, 28);
	CHECK(!arp_decode(p, 27, &a));
	for (size_t i = 0; i < 8; i++) {
		memcpy(q, p, 28);
		q[i] ^= 0x10;
		CHECK(!arp_decode(q, 28, &a));
	}
	memcpy(q, p, 28);
	q[8] = 1; /* a group as sender */
	CHECK(!arp_decode(q, 28, &a));
}

TEST(nd_neighbour_messages_round_trip)
{
	static const uint8_t target[16] = {0xfe, 0x80, [15] = 9}, mac[6] = {2, 1, 2, 3, 4, 5};
	static const uint8_t nonce[6] = {9, 8, 7, 6, 5, 4};
	uint8_t p[ND_MESSAGE_MAX];
	struct nd_neighbour nb;
	size_t n = nd_encode_neighbour_solicit(p, target, mac, nonce);
	CHECK_EQ(n, 40);
	CHECK(nd_decode_neighbour(p, n, &nb));
	CHECK(nb.has_mac && nb.has_nonce && !nb.router);
	CHECK_MEM(nb.mac, mac, 6);
	CHECK_MEM(nb.nonce, nonce, 6);
	CHECK_MEM(nb.target, target, 16);
	struct nd_neighbour advert = {.solicited = true, .override = true, .has_mac = true};
	memcpy(advert.target, target, 16);
	memcpy(advert.mac, mac, 6);
	n = nd_encode_neighbour_advert(p, &advert);
	CHECK_EQ(n, 32);
	CHECK_EQ(p[4], 0x60);
	CHECK(nd_decode_neighbour(p, n, &nb));
	CHECK(nb.solicited && nb.override && !nb.router && nb.has_mac);
	for (size_t cut = 0; cut < n; cut++)
		CHECK(nd_decode_neighbour(p, cut, &nb) == (cut == 24));
	p[25] = 0;
	CHECK(!nd_decode_neighbour(p, n, &nb));
	p[25] = 2;
	CHECK(!nd_decode_neighbour(p, n, &nb));
	p[25] = 1;
	p[8] = 0xff;
	CHECK(!nd_decode_neighbour(p, n, &nb));
}

TEST(nd_router_advertisement_and_its_options)
{
	uint8_t p[] = {134, 0, 0, 0, 64, 0xc8, 0x07, 0x08, 0, 0, 0x75, 0x30, 0, 0, 3, 0xe8,
		/* source link-layer address */ 1, 1, 2, 0, 0, 0, 0, 1,
		/* MTU 1400 */ 5, 1, 0, 0, 0, 0, 5, 0x78,
		/* 2001:db8::/64, on-link, autonomous, 86400, 14400 */ 3, 4, 64, 0xc0, 0, 1, 0x51,
		0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0xff, 0, 0, 0,
		0, 0, 0, 1,
		/* route 2001:db8:1::/48, high, 600 */ 24, 2, 48, 8, 0, 0, 2, 0x58, 0x20, 1, 0xd,
		0xb8, 0, 1, 0xff, 0xff,
		/* one DNS server */ 25, 3, 0, 0, 0, 0, 2, 0x58, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0x53,
		/* "a.bc" */ 31, 2, 0, 0, 0, 0, 2, 0x58, 1, 'a', 2, 'b', 'c', 0, 0, 0};
	struct nd_router r;
	CHECK(nd_decode_router_advert(p, sizeof(p), &r));
	CHECK(r.managed && r.other && r.preference == 1 && r.hop_limit == 64);
	CHECK_EQ(r.lifetime, 1800);
	CHECK_EQ(r.reachable_ms, 30000);
	CHECK_EQ(r.retrans_ms, 1000);
	CHECK(r.has_mac && r.mac[5] == 1);
	CHECK_EQ(r.mtu, 1400);
	struct nd_option o;
	struct nd_prefix prefix;
	struct nd_route route;
	const uint8_t *at = r.options;
	size_t left = r.options_len;
	CHECK(nd_next_option(&at, &left, &o) && nd_next_option(&at, &left, &o));
	CHECK(!nd_decode_prefix(&o, &prefix));
	CHECK(nd_next_option(&at, &left, &o) && nd_decode_prefix(&o, &prefix));
	CHECK(prefix.len == 64 && prefix.on_link && prefix.autonomous);
	CHECK(prefix.valid == 86400 && prefix.preferred == 14400);
	CHECK_EQ(prefix.prefix[8], 0); /* beyond the prefix */
	CHECK(nd_next_option(&at, &left, &o) && nd_decode_route(&o, &route));
	CHECK(route.len == 48 && route.preference == 1 && route.lifetime == 600);
	CHECK_EQ(route.prefix[6], 0);
	CHECK(nd_next_option(&at, &left, &o) && nd_rdnss_is_valid(&o) && !nd_dnssl_is_valid(&o));
	CHECK(nd_next_option(&at, &left, &o) && nd_dnssl_is_valid(&o));
	CHECK(!nd_next_option(&at, &left, &o));
	for (size_t n = 0; n < sizeof(p); n++)
		(void)nd_decode_router_advert(p, n, &r);
	p[sizeof(p) - 8] = 8; /* a label that runs out of the option */
	left = 16;
	at = p + sizeof(p) - 16;
	CHECK(nd_next_option(&at, &left, &o) && !nd_dnssl_is_valid(&o));
}
