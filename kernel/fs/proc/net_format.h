/* SPDX-License-Identifier: MIT */
/*
 * Lines of /proc/net as Linux writes them, which programs parse by column. Pure: each function writes one line, its end
 * included, and a NUL into buf (NET_LINE_MAX bytes suffice), and returns the length.
 */
#ifndef FS_PROC_NET_FORMAT_H
#define FS_PROC_NET_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define NET_LINE_MAX 320u

/* --- Sockets of the internet families. --- */

enum net_format {
	NET_FORMAT_TCP4,
	NET_FORMAT_TCP6,
	NET_FORMAT_UDP4,
	NET_FORMAT_UDP6, /* ping sockets too */
	NET_FORMAT_PING4,
	NET_FORMAT_RAW4,
	NET_FORMAT_RAW6,
};

struct net_socket_row {
	struct net_addr local, remote;
	uint64_t ino;
	uint64_t timer_ticks; /* until it strikes; hundredths of a second, as all ticks */
	uint16_t local_port, remote_port; /* network byte order */
	uint32_t tx_queue, rx_queue;      /* bytes */
	uint32_t uid, refs, drops;
	uint32_t retransmits, probes;
	uint32_t rto_ticks, ato_ticks, cwnd, ssthresh; /* TCP; ssthresh UINT32_MAX: none */
	uint8_t state, timer;                          /* Linux's numbers */
	bool bare; /* TCP without a socket: half open, TIME_WAIT */
};

size_t net_format_sockets_header(char *buf, size_t n, enum net_format f);
size_t net_format_socket(
	char *buf, size_t n, enum net_format f, uint32_t index, const struct net_socket_row *r);

/* --- Routes. --- */

/* Linux's RTF_*. */
#define NET_RTF_UP        0x0001u
#define NET_RTF_GATEWAY   0x0002u
#define NET_RTF_HOST      0x0004u
#define NET_RTF_REJECT    0x0200u
#define NET_RTF_DEFAULT   0x00010000u
#define NET_RTF_ADDRCONF  0x00040000u
#define NET_RTF_PREFIX_RT 0x00080000u
#define NET_RTF_NONEXTHOP 0x00200000u
#define NET_RTF_EXPIRES   0x00400000u
#define NET_RTF_LOCAL     0x80000000u

struct net_route_row {
	struct net_addr dst, gateway; /* gateway: unspecified for none */
	uint8_t prefix;
	uint32_t flags, metric, mtu; /* mtu 0: the interface's */
	const char *device;          /* NULL: none */
};

size_t net_format_route4_header(char *buf, size_t n);
size_t net_format_route4(char *buf, size_t n, const struct net_route_row *r);
size_t net_format_route6(char *buf, size_t n, const struct net_route_row *r);

/* --- Addresses and neighbours. --- */

/* Linux's ATF_*. */
#define NET_ATF_COM  0x02u
#define NET_ATF_PERM 0x04u

size_t net_format_if_inet6(char *buf, size_t n, const struct net_addr *a, uint32_t ifindex,
	uint8_t prefix, uint8_t flags, const char *device);
/* mac NULL: not known. */
size_t net_format_arp(char *buf, size_t n, const struct net_addr *a, uint32_t type, uint32_t flags,
	const uint8_t mac[6], const char *device);

#endif
