/* SPDX-License-Identifier: MIT */
/* IPv4, IPv6 with extension headers, ICMP, UDP, ARP, neighbour discovery: any bytes. The first chooses. */
#include <stdlib.h>
#include <string.h>

#include "wire/arp.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/nd.h"
#include "wire/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void
require(int condition)
{
	if (!condition)
		abort();
}

static void
fuzz_ip4(uint8_t *at, size_t n)
{
	struct ip4_header h;
	size_t header_len = n >= IP4_HEADER ? (size_t)(at[0] & 15) * 4 : 0;
	if (header_len >= IP4_HEADER &&
		header_len <= n) { /* or the checksum would hide everything */
		uint16_t sum = ip4_checksum(at, header_len);
		memcpy(at + IP4_AT_CHECKSUM, &sum, 2);
	}
	if (ip4_decode(at, n, n, &h) == IP4_OK) {
		uint8_t copy[IP4_HEADER_MAX];
		require(h.total_len <= n && h.header_len <= h.total_len);
		require(h.offset + h.total_len <= 65535);
		size_t len = ip4_fragment_header(copy, at, h.header_len);
		require(len <= h.header_len && len % 4 == 0);
		sink = copy[len - 1];
	}
	struct icmp_inner inner;
	if (icmp4_decode_inner(at, n, &inner))
		sink = inner.transport[inner.transport_len - 1];
}

static void
fuzz_ip6(const uint8_t *at, size_t n)
{
	struct ip6_header h;
	struct ip6_walk w;
	uint8_t protocol;
	(void)ip6_decode(at, n, n, &h);
	if (ip6_walk(at, n, &w) == IP6_OK)
		require(w.transport <= n && w.next_at < n);
	else
		require(w.pointer < n || n == 0);
	require(ip6_find_transport(at, n, &protocol) <= n);
	struct icmp_inner inner;
	if (icmp6_decode_inner(at, n, &inner))
		sink = inner.transport[inner.transport_len - 1];
}

static void
fuzz_options(const struct nd_router *r)
{
	const uint8_t *at = r->options;
	size_t left = r->options_len;
	struct nd_option o;
	struct nd_prefix prefix;
	struct nd_route route;
	while (nd_next_option(&at, &left, &o)) {
		if (nd_decode_prefix(&o, &prefix))
			sink = prefix.prefix[15];
		if (nd_decode_route(&o, &route))
			sink = route.prefix[15];
		sink = nd_rdnss_is_valid(&o);
		sink = nd_dnssl_is_valid(&o);
	}
	require(left == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t n = size - 1;
	uint8_t *at = malloc(n + 1), mac[6]; /* its end is where a read too far is seen */
	struct nd_neighbour neighbour;
	struct nd_router router;
	struct arp arp;
	struct udp_header udp;
	bool has_mac;
	memcpy(at + 1, data + 1, n);
	switch (data[0] % 7) {
	case 0:
		fuzz_ip4(at + 1, n);
		break;
	case 1:
		fuzz_ip6(at + 1, n);
		break;
	case 2:
		(void)nd_decode_neighbour(at + 1, n, &neighbour);
		break;
	case 3:
		if (nd_decode_router_advert(at + 1, n, &router))
			fuzz_options(&router);
		break;
	case 4:
		(void)nd_decode_router_solicit(at + 1, n, &has_mac, mac);
		break;
	case 5:
		(void)arp_decode(at + 1, n, &arp);
		break;
	default:
		(void)udp_decode(at + 1, n, n, &udp);
	}
	free(at);
	return 0;
}
