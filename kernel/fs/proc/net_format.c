/* SPDX-License-Identifier: MIT */
#include "net_format.h"

#include <string.h>

#include "base/fmt.h"

#define WIDTH_TCP 149 /* of a line without its end */
#define WIDTH_127 127 /* UDP's and routes' */

/* Where a kernel's addresses would stand. */
#define NO_POINTER "0000000000000000"

/* Blanks up to width, and the end of the line, behind at bytes. */
static size_t
end_line(char *buf, size_t n, size_t at, size_t width)
{
	while (at < width && at + 2 < n)
		buf[at++] = ' ';
	if (at + 1 < n)
		buf[at++] = '\n';
	buf[at] = '\0';
	return at;
}

static bool
is_v4(enum net_format f)
{
	return f == NET_FORMAT_TCP4 || f == NET_FORMAT_UDP4 || f == NET_FORMAT_PING4 ||
		f == NET_FORMAT_RAW4;
}

static size_t
width_of(enum net_format f)
{
	return f == NET_FORMAT_TCP4                             ? WIDTH_TCP
		: f == NET_FORMAT_UDP4 || f == NET_FORMAT_PING4 ? WIDTH_127
								: 0;
}

size_t
net_format_sockets_header(char *buf, size_t n, enum net_format f)
{
	bool tcp = f == NET_FORMAT_TCP4 || f == NET_FORMAT_TCP6;
	size_t at = (size_t)base_scnprintf(buf, n,
		"%s  sl  %s st tx_queue rx_queue tr tm->when "
		"retrnsmt   uid  timeout inode%s",
		f == NET_FORMAT_UDP4 ? " " : "",
		is_v4(f) ? "local_address rem_address  "
			 : "local_address                         remote_address                   "
			   "    ",
		tcp ? "" : " ref pointer drops");
	return end_line(buf, n, at, width_of(f));
}

/* An address as Linux's words lie in memory, and a port as a number. */
static size_t
put_end(char *buf, size_t n, bool v4, const struct net_addr *a, uint16_t port)
{
	uint16_t number = net_swap16(port);
	if (v4)
		return (size_t)base_scnprintf(buf, n, " %08X:%04X", a->w[3], number);
	return (size_t)base_scnprintf(
		buf, n, " %08X%08X%08X%08X:%04X", a->w[0], a->w[1], a->w[2], a->w[3], number);
}

static size_t
put_tcp(char *buf, size_t n, const struct net_socket_row *r)
{
	if (r->bare)
		return 0;
	return (size_t)base_scnprintf(buf, n, " %u %u 0 %u %d", r->rto_ticks, r->ato_ticks, r->cwnd,
		(int)r->ssthresh); /* none is -1 */
}

size_t
net_format_socket(
	char *buf, size_t n, enum net_format f, uint32_t index, const struct net_socket_row *r)
{
	bool tcp = f == NET_FORMAT_TCP4 || f == NET_FORMAT_TCP6, v4 = is_v4(f);
	int width = tcp || f == NET_FORMAT_RAW4 ? 4 : 5;
	size_t at = (size_t)base_scnprintf(buf, n, "%*u:", width, index);
	at += put_end(buf + at, n - at, v4, &r->local, r->local_port);
	at += put_end(buf + at, n - at, v4, &r->remote, r->remote_port);
	at += (size_t)base_scnprintf(buf + at, n - at,
		" %02X %08X:%08X %02X:%08llX %08X %5u %8u %llu %u " NO_POINTER, r->state,
		r->tx_queue, r->rx_queue, r->timer, (unsigned long long)r->timer_ticks,
		r->retransmits, r->uid, r->probes, (unsigned long long)r->ino, r->refs);
	if (tcp)
		at += put_tcp(buf + at, n - at, r);
	else
		at += (size_t)base_scnprintf(buf + at, n - at, " %u", r->drops);
	return end_line(buf, n, at, width_of(f));
}

/* --- Routes. --- */

size_t
net_format_route4_header(char *buf, size_t n)
{
	size_t at = (size_t)base_scnprintf(buf, n,
		"Iface\tDestination\tGateway "
		"\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
	return end_line(buf, n, at, WIDTH_127);
}

size_t
net_format_route4(char *buf, size_t n, const struct net_route_row *r)
{
	uint32_t mask = r->prefix == 0 ? 0 : net_swap32(UINT32_MAX << (32 - r->prefix));
	size_t at = (size_t)base_scnprintf(buf, n, "%s\t%08X\t%08X\t%04X\t0\t0\t%u\t%08X\t%u\t0\t0",
		r->device != NULL ? r->device : "*", r->dst.w[3],
		(r->flags & NET_RTF_GATEWAY) ? r->gateway.w[3] : 0, r->flags, r->metric, mask,
		r->mtu);
	return end_line(buf, n, at, WIDTH_127);
}

static size_t
put_hex(char *buf, size_t n, const struct net_addr *a)
{
	size_t at = 0;
	for (int i = 0; i < 16; i++)
		at += (size_t)base_scnprintf(buf + at, n - at, "%02x", a->b[i]);
	return at;
}

size_t
net_format_route6(char *buf, size_t n, const struct net_route_row *r)
{
	static const struct net_addr none = {0};
	size_t at = put_hex(buf, n, &r->dst);
	at += (size_t)base_scnprintf(buf + at, n - at, " %02x ", r->prefix);
	at += put_hex(buf + at, n - at, &none);
	at += (size_t)base_scnprintf(buf + at, n - at, " 00 ");
	at += put_hex(buf + at, n - at, (r->flags & NET_RTF_GATEWAY) ? &r->gateway : &none);
	at += (size_t)base_scnprintf(buf + at, n - at, " %08x %08x %08x %08x %8s\n", r->metric, 0u,
		0u, r->flags, r->device != NULL ? r->device : "lo");
	return at;
}

/* --- Addresses and neighbours. --- */

static uint8_t
scope_of(const struct net_addr *a)
{
	if (net_addr_is_loopback(a))
		return 0x10;
	return net_addr_is_link_local(a) ? 0x20 : 0;
}

size_t
net_format_if_inet6(char *buf, size_t n, const struct net_addr *a, uint32_t ifindex, uint8_t prefix,
	uint8_t flags, const char *device)
{
	size_t at = put_hex(buf, n, a);
	at += (size_t)base_scnprintf(buf + at, n - at, " %02x %02x %02x %02x %8s\n", ifindex,
		prefix, scope_of(a), flags, device);
	return at;
}

size_t
net_format_arp(char *buf, size_t n, const struct net_addr *a, uint32_t type, uint32_t flags,
	const uint8_t mac[6], const char *device)
{
	static const uint8_t unknown[6];
	const uint8_t *m = mac != NULL ? mac : unknown;
	char address[16], hardware[18];
	base_snprintf(
		address, sizeof(address), "%u.%u.%u.%u", a->b[12], a->b[13], a->b[14], a->b[15]);
	base_snprintf(hardware, sizeof(hardware), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
		m[3], m[4], m[5]);
	return (size_t)base_scnprintf(buf, n, "%-16s 0x%-10x0x%-10x%-17s     *        %s\n",
		address, type, flags, hardware, device);
}
