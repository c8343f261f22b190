/* SPDX-License-Identifier: MIT */
/*
 * Internet addresses. One type for both versions: IPv4 is held v4-mapped (::ffff:a.b.c.d, RFC 4291, 2.5.5.2), in
 * network byte order, so that sockets, look-up and TCP are written once. The unspecified address of a socket that
 * takes both is `::`; of one that takes IPv4 alone, `::ffff:0.0.0.0`.
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct net_addr {
	union {
		uint8_t b[16];
		uint32_t w[4]; /* network byte order */
		uint64_t d[2];
	};
};
_Static_assert(sizeof(struct net_addr) == 16, "an address is 16 bytes");

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "network byte order helpers are written for little-endian CPUs"
#endif

static inline uint16_t
net_swap16(uint16_t v)
{
	return __builtin_bswap16(v);
}

static inline uint32_t
net_swap32(uint32_t v)
{
	return __builtin_bswap32(v);
}

/* v4: network byte order. */
static inline struct net_addr
net_addr_v4(uint32_t v4)
{
	return (struct net_addr){.w = {0, 0, 0xffff0000u, v4}};
}

static inline bool
net_addr_is_v4(const struct net_addr *a)
{
	return a->d[0] == 0 && a->w[2] == 0xffff0000u;
}

static inline bool
net_addr_equal(const struct net_addr *a, const struct net_addr *b)
{
	return ((a->d[0] ^ b->d[0]) | (a->d[1] ^ b->d[1])) == 0;
}

/* `::` or `::ffff:0.0.0.0` */
static inline bool
net_addr_is_any(const struct net_addr *a)
{
	return a->d[0] == 0 && (a->d[1] == 0 || a->d[1] == 0x00000000ffff0000ULL);
}

static inline bool
net_addr_is_loopback(const struct net_addr *a)
{
	if (net_addr_is_v4(a))
		return a->b[12] == 127;
	return a->d[0] == 0 && a->d[1] == 0x0100000000000000ULL;
}

static inline bool
net_addr_is_multicast(const struct net_addr *a)
{
	return net_addr_is_v4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

static inline bool
net_addr_is_link_local(const struct net_addr *a)
{
	if (net_addr_is_v4(a))
		return a->b[12] == 169 && a->b[13] == 254;
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* A transport connection or binding: what look-up is keyed by. Ports in network byte order. */
struct net_flow {
	struct net_addr local, remote;
	uint16_t local_port, remote_port;
	uint32_t ifindex; /* scope of link-local addresses, or bound interface; 0: any */
};

#endif
