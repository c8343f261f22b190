/* SPDX-License-Identifier: MIT */
/*
 * For tests of the IP stack as a whole: a stack on one interface in virtual time, whose frames are kept, and a peer that
 * is made of bytes. Each test that includes this has its own.
 */
#ifndef TESTS_UNIT_NET_STACK_H
#define TESTS_UNIT_NET_STACK_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/reader.h"
#include "net/ip/frag.h"
#include "net/ip/internal.h"
#include "net/link/neigh.h"
#include "net/udp/udp.h"
#include "tests/unit/ip_mock/ip_mock.h"
#include "tests/unit/net_mock/net_mock.h"
#include "tests/unit/test.h"
#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/ether.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/nd.h"
#include "wire/udp.h"

#define MAYBE_UNUSED __attribute__((unused))

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};
MAYBE_UNUSED static const uint8_t all_mac[6] = {255, 255, 255, 255, 255, 255};

#define OURS net_swap32(0x0a000001u)
#define PEER net_swap32(0x0a000002u)

static struct net_stack *net;
static struct netif *eth;

/* What was sent, the newest last. */
#define KEPT 64u
static struct {
	size_t len;
	uint8_t bytes[2048];
} sent[KEPT];
static uint32_t sent_count;

MAYBE_UNUSED static void
keep(struct netif *nif, const uint8_t *frame, size_t n)
{
	if (sent_count < KEPT && n <= sizeof(sent[0].bytes)) {
		sent[sent_count].len = n;
		memcpy(sent[sent_count].bytes, frame, n);
	}
	sent_count++;
}

MAYBE_UNUSED static uint8_t *
last(void)
{
	CHECK(sent_count > 0 && sent_count <= KEPT);
	return sent[sent_count - 1].bytes;
}

MAYBE_UNUSED static void
add_address(struct netif *nif, struct net_addr a, uint8_t prefix)
{
	struct ip_addr_config c = {.addr = a, .prefix = prefix};
	mutex_lock(&net->config_lock);
	CHECK_EQ(ip_addr_add(nif, &c, false), 0);
	mutex_unlock(&net->config_lock);
}

MAYBE_UNUSED static void
begin(void)
{
	net_mock_begin();
	net = ip_mock_stack();
	net_mock_begin();
	eth = ip_mock_netif(net, our_mac, 1500);
	add_address(eth, net_addr_v4(OURS), 24);
	ip_mock_pass(20 * NSEC_PER_SEC); /* DAD, router solicitations */
	sent_count = 0;
	ip_mock_sent = keep;
}

/* --- What the peer says --- */

static uint8_t frame[IP_MOCK_FRAME];

MAYBE_UNUSED static void
peer_arp(uint16_t op, uint32_t sender, uint32_t target, const uint8_t *to)
{
	struct arp a = {.op = op, .sender = sender, .target = target};
	memcpy(a.sender_mac, peer_mac, 6);
	if (op == ARP_REPLY)
		memcpy(a.target_mac, our_mac, 6);
	ether_write(frame, to, peer_mac, ETHER_TYPE_ARP);
	arp_encode(frame + 14, &a);
	ip_mock_receive(eth, frame, 42);
}

/* An IPv4 packet of n bytes of payload, which lie at frame + 34 already. */
MAYBE_UNUSED static void
peer_ip4_at(uint32_t src, uint32_t dst, uint8_t protocol, size_t n, uint16_t offset, bool more,
	const uint8_t *to)
{
	struct ip4_header h = {.src = src,
		.dst = dst,
		.total_len = (uint16_t)(20 + n),
		.id = 77,
		.offset = offset,
		.more = more,
		.ttl = 64,
		.protocol = protocol};
	ether_write(frame, to, peer_mac, ETHER_TYPE_IP4);
	ip4_encode(frame + 14, &h);
	ip_mock_receive(eth, frame, 34 + n);
}

MAYBE_UNUSED static void
peer_ip4(uint8_t protocol, size_t n)
{
	peer_ip4_at(PEER, OURS, protocol, n, 0, false, our_mac);
}

MAYBE_UNUSED static void
put_echo(uint8_t *at, uint8_t type, uint16_t id, size_t data)
{
	icmp_encode(at, &(struct icmp_header){.type = type, .id = id, .seq = 1});
	for (size_t i = 0; i < data; i++)
		at[8 + i] = (uint8_t)(i * 7 + i / 256);
	uint16_t sum = checksum_finish(checksum_add(0, at, 8 + data));
	memcpy(at + 2, &sum, 2);
}

MAYBE_UNUSED static void
put_udp(uint8_t *at, uint16_t src, uint16_t dst, size_t data)
{
	struct udp_header h = {.src_port = net_swap16(src),
		.dst_port = net_swap16(dst),
		.length = (uint16_t)(8 + data)};
	uint32_t a = PEER, b = OURS;
	memset(at + 8, 'x', data);
	udp_encode(at, &h);
	uint64_t sum = checksum_pseudo(&a, &b, 4, (uint32_t)(8 + data), 17);
	h.checksum = checksum_finish(checksum_add(sum, at, 8 + data));
	udp_encode(at, &h);
}

/* --- Sockets --- */

struct endpoint {
	struct udp_end end;
	uint32_t got, errors;
	int error;
	struct net_flow from;
	uint32_t len;
};

MAYBE_UNUSED static void
endpoint_deliver(struct udp_end *end, struct pkt *p)
{
	struct endpoint *e = container_of(end, struct endpoint, end);
	e->got++;
	e->len = p->len;
	ip_flow_of(p, &e->from);
	e->from.remote_port = p->cb.udp.remote_port;
	pkt_free(p);
}

MAYBE_UNUSED static void
endpoint_error(struct udp_end *end, const struct ip_error *about)
{
	struct endpoint *e = container_of(end, struct endpoint, end);
	e->errors++;
	e->error = about->error;
}

static const struct udp_end_ops endpoint_ops = {
	.deliver = endpoint_deliver, .error = endpoint_error};

MAYBE_UNUSED static void
endpoint_bind(struct endpoint *e, struct net_addr local, uint16_t port)
{
	*e = (struct endpoint){0};
	udp_end_init(&e->end, net, &endpoint_ops, 0);
	if (!net_addr_is_v4(&local))
		atomic_fetch_or(&e->end.flags, UDP_END_IPV6);
	CHECK_EQ(udp_bind(&e->end, UDP_KIND_UDP, &local, net_swap16(port), 0), 0);
}

MAYBE_UNUSED static int
endpoint_send(struct endpoint *e, struct net_addr to, uint16_t port, uint32_t n)
{
	struct net_flow flow = {.local = e->end.flow.local,
		.remote = to,
		.local_port = e->end.flow.local_port,
		.remote_port = net_swap16(port)};
	struct route_ref ref;
	struct pkt *p = pkt_alloc();
	CHECK(p != NULL && n <= pkt_tailroom(p));
	memset(pkt_put(p, n), 'y', n);
	route_ref_init(&ref);
	int err = udp_send(net, &ref, p, &flow, 0, 0, 0);
	route_ref_drop(&ref);
	ip_mock_pass(0);
	return err;
}

/* --- IPv6 --- */

MAYBE_UNUSED static const struct net_addr far6 = {.b = {0x2a, 0, [15] = 1}};
MAYBE_UNUSED static const struct net_addr peer6 = {.b = {0xfe, 0x80, [15] = 2}};

MAYBE_UNUSED static struct net_addr
our_link_local(void)
{
	struct ip_addr *a = ip_addr_first(eth, false);
	CHECK(a != NULL && net_addr_is_link_local(&a->conf.addr));
	return a->conf.addr;
}

/* An ICMPv6 message of n bytes that lies at frame + 54. */
MAYBE_UNUSED static void
peer_icmp6(struct net_addr src, struct net_addr dst, size_t n, uint8_t hops)
{
	struct ip6_header h = {.payload_len = (uint16_t)n, .next = 58, .hop_limit = hops};
	memcpy(h.src, &src, 16);
	memcpy(h.dst, &dst, 16);
	uint8_t to[6] = {0x33, 0x33, dst.b[12], dst.b[13], dst.b[14], dst.b[15]};
	ether_write(frame, dst.b[0] == 0xff ? to : our_mac, peer_mac, ETHER_TYPE_IP6);
	ip6_encode(frame + 14, &h);
	frame[56] = frame[57] = 0;
	uint64_t sum = checksum_pseudo(&src, &dst, 16, (uint32_t)n, 58);
	uint16_t field = checksum_finish(checksum_add(sum, frame + 54, n));
	memcpy(frame + 56, &field, 2);
	ip_mock_receive(eth, frame, 54 + n);
}

MAYBE_UNUSED static void
peer_solicits(struct net_addr target, uint8_t hops)
{
	size_t n = nd_encode_neighbour_solicit(frame + 54, target.b, peer_mac, NULL);
	struct net_addr group = {
		.b = {0xff, 2, [11] = 1, [12] = 0xff, target.b[13], target.b[14], target.b[15]}};
	peer_icmp6(peer6, group, n, hops);
}

/* A router advertisement with link address, MTU 1400 and one prefix. Its length. */
MAYBE_UNUSED static size_t
put_ra(uint8_t *at, uint16_t lifetime, uint32_t valid, uint8_t net_byte)
{
	uint8_t m[] = {134, 0, 0, 0, 64, 0, (uint8_t)(lifetime >> 8), (uint8_t)lifetime, 0, 0, 0, 0,
		0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 2, 5, 1, 0, 0, 0, 0, 5, 0x78, 3, 4, 64, 0xc0,
		(uint8_t)(valid >> 24), (uint8_t)(valid >> 16), (uint8_t)(valid >> 8),
		(uint8_t)valid, 0, 0, 0, 60, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, net_byte, 0,
		0, 0, 0, 0, 0, 0, 0};
	memcpy(at, m, sizeof(m));
	return sizeof(m);
}

#endif
