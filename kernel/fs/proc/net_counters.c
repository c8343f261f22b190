/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/net: snmp, snmp6, netstat, sockstat, sockstat6, protocols, and /proc/swos's net and net_drops: what
 * net/counters.def counts, by its groups, and how much there is of everything. Columns are found by their names; what
 * is not counted has none.
 */
#include <string.h>

#include "base/fmt.h"
#include "fs/proc/net.h"
#include "net/ip/frag.h"
#include "net/ip/ip.h"
#include "net/net.h"
#include "net/sock/charge.h"
#include "net/sock/netlink/netlink.h"
#include "net/sock/packet/packet.h"
#include "net/sock/raw.h"
#include "net/sock/unix/unix.h"
#include "net/tcp/core.h"
#include "net/tcp/tcp.h"
#include "net/udp/udp.h"
#include "net/udp/udp_sock.h"

static const struct {
	const char *group, *label;
} names[] = {
#define NET_COUNTER(name, group, label) {group, label},
#include "net/counters.def"
#undef NET_COUNTER
};
_Static_assert(ARRAY_SIZE(names) == NET_COUNTERS, "one name for each counter");

static bool
is_of(uint32_t i, const char *group)
{
	return strcmp(names[i].group, group) == 0;
}

static unsigned long long
value_of(struct net_stack *net, uint32_t i)
{
	return (unsigned long long)net_counter_sum(net, (enum net_counter)i);
}

/* --- Groups as two lines: names, then values. What is no counter comes first. --- */

static void
show_group(struct net_stack *net, struct proc_text *t, const char *group, const char *more_names,
	const char *more_values)
{
	proc_printf(t, "%s:%s", group, more_names);
	for (uint32_t i = 0; i < NET_COUNTERS; i++) {
		if (is_of(i, group))
			proc_printf(t, " %s", names[i].label);
	}
	proc_printf(t, "\n%s:%s", group, more_values);
	for (uint32_t i = 0; i < NET_COUNTERS; i++) {
		if (is_of(i, group))
			proc_printf(t, " %llu", value_of(net, i));
	}
	proc_printf(t, "\n");
}

/* --- How much there is. --- */

struct usage {
	uint32_t tcp4, tcp6, established; /* sockets; established: as CurrEstab */
	uint32_t udp4, udp6, ping4, ping6, raw4, raw6, local, netlink, packet;
	uint64_t tcp_bytes, udp_bytes;
};

static void
count_tcp(const struct tcp_row *r, void *ctx)
{
	struct usage *u = ctx;
	u->established += r->state == TCP_ESTABLISHED || r->state == TCP_CLOSE_WAIT;
	if (r->s == NULL)
		return;
	*(r->ipv6 ? &u->tcp6 : &u->tcp4) += 1;
	u->tcp_bytes += PROC_READ(r->s->rcv_used) + PROC_READ(r->s->snd_used);
}

static bool
is_ipv6(const struct udp_end *end)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&end->flags, memory_order_relaxed) &
		       UDP_END_IPV6) != 0;
}

static void
count_udp(const struct udp_end *end, void *ctx)
{
	struct usage *u = ctx;
	struct udp_end_info info;
	udp_describe(end, &info);
	u->udp_bytes += info.rx_queue + info.tx_queue;
	*(is_ipv6(end) ? &u->udp6 : &u->udp4) += 1;
}

static void
count_ping(const struct udp_end *end, void *ctx)
{
	struct usage *u = ctx;
	*(is_ipv6(end) ? &u->ping6 : &u->ping4) += 1;
}

static void
count_raw(const struct raw_row *r, void *ctx)
{
	struct usage *u = ctx;
	*(r->ipv6 ? &u->raw6 : &u->raw4) += 1;
}

static void
count_netlink(struct netlink_sock *nl, void *ctx)
{
	((struct usage *)ctx)->netlink++;
}

static void
get_inet_usage(struct net_stack *net, struct usage *u)
{
	*u = (struct usage){0};
	tcp_for_each(net, count_tcp, u);
	udp_for_each(net, UDP_KIND_UDP, count_udp, u);
	raw_for_each(net, count_raw, u);
}

/* Sockets of the other families too. */
static void
get_usage(struct net_stack *net, struct usage *u)
{
	const struct packet_sock *ps;
	get_inet_usage(net, u);
	udp_for_each(net, UDP_KIND_PING, count_ping, u);
	for (struct unix_sock *s = NULL; (s = unix_next(net, s)) != NULL;)
		u->local++;
	netlink_for_each(net, count_netlink, u);
	mutex_lock(&net->config_lock);
	list_for_each_entry (ps, &net->packet_socks, node)
		u->packet++;
	mutex_unlock(&net->config_lock);
}

static unsigned long long
pages_of(uint64_t bytes)
{
	return (unsigned long long)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

/* --- ICMP by type. --- */

struct icmp_name {
	uint8_t type;
	const char *label;
};

static const struct icmp_name icmp4_names[] = {{3, "DestUnreachs"}, {11, "TimeExcds"},
	{12, "ParmProbs"}, {4, "SrcQuenchs"}, {5, "Redirects"}, {8, "Echos"}, {0, "EchoReps"},
	{13, "Timestamps"}, {14, "TimestampReps"}, {17, "AddrMasks"}, {18, "AddrMaskReps"}};
static const struct icmp_name icmp6_names[] = {{1, "DestUnreachs"}, {2, "PktTooBigs"},
	{3, "TimeExcds"}, {4, "ParmProblems"}, {128, "Echos"}, {129, "EchoReplies"},
	{130, "GroupMembQueries"}, {131, "GroupMembResponses"}, {132, "GroupMembReductions"},
	{133, "RouterSolicits"}, {134, "RouterAdvertisements"}, {135, "NeighborSolicits"},
	{136, "NeighborAdvertisements"}, {137, "Redirects"}, {143, "MLDv2Reports"}};
static const char *const ways[] = {[ICMP_WAY_IN] = "In", [ICMP_WAY_OUT] = "Out"};

#define ICMP4_NAMES 2u * ARRAY_SIZE(icmp4_names)

/* The columns of Icmp that are types: the names, or the numbers. */
static void
show_icmp4_columns(struct net_stack *net, char *out, size_t size, bool numbers)
{
	size_t at = 0;
	out[0] = '\0';
	for (uint32_t i = 0; i < ICMP4_NAMES && at < size; i++) {
		const struct icmp_name *n = &icmp4_names[i % ARRAY_SIZE(icmp4_names)];
		enum icmp_way way = i < ARRAY_SIZE(icmp4_names) ? ICMP_WAY_IN : ICMP_WAY_OUT;
		at += (size_t)(numbers
				? base_snprintf(out + at, size - at, " %u",
					  icmp_counted(net, true, way, n->type))
				: base_snprintf(out + at, size - at, " %s%s", ways[way], n->label));
	}
}

/* IcmpMsg: the types that there were at all. */
static void
show_icmp4_numbers(struct net_stack *net, struct proc_text *t)
{
	uint64_t there[8] = {
		0}; /* so that both lines have the same columns, whatever comes between */
	proc_printf(t, "IcmpMsg:");
	for (uint32_t i = 0; i < 512; i++) {
		if (icmp_counted(net, true, (enum icmp_way)(i >> 8), (uint8_t)i) == 0)
			continue;
		there[i / 64] |= 1ull << (i % 64);
		proc_printf(t, " %sType%u", ways[i >> 8], i & 255);
	}
	proc_printf(t, "\nIcmpMsg:");
	for (uint32_t i = 0; i < 512; i++) {
		if (there[i / 64] >> (i % 64) & 1)
			proc_printf(t, " %u",
				icmp_counted(net, true, (enum icmp_way)(i >> 8), (uint8_t)i));
	}
	proc_printf(t, "\n");
}

static void
show_icmp4(struct net_stack *net, struct proc_text *t)
{
	char names_of[512], values[512];
	show_icmp4_columns(net, names_of, sizeof(names_of), false);
	show_icmp4_columns(net, values, sizeof(values), true);
	show_group(net, t, "Icmp", names_of, values);
	show_icmp4_numbers(net, t);
}

static void
show_icmp6(struct net_stack *net, struct proc_text *t)
{
	char name[48];
	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(icmp6_names); i++) {
		const struct icmp_name *n = &icmp6_names[i % ARRAY_SIZE(icmp6_names)];
		enum icmp_way way = i < ARRAY_SIZE(icmp6_names) ? ICMP_WAY_IN : ICMP_WAY_OUT;
		base_snprintf(name, sizeof(name), "Icmp6%s%s", ways[way], n->label);
		proc_printf(t, "%-32s\t%u\n", name, icmp_counted(net, false, way, n->type));
	}
	for (uint32_t i = 0; i < 512; i++) {
		uint32_t n = icmp_counted(net, false, (enum icmp_way)(i >> 8), (uint8_t)i);
		if (n == 0)
			continue;
		base_snprintf(name, sizeof(name), "Icmp6%sType%u", ways[i >> 8], i & 255);
		proc_printf(t, "%-32s\t%u\n", name, n);
	}
}

/* --- Files. --- */

int
proc_show_net_snmp(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	struct usage u;
	char values[64];
	get_inet_usage(net, &u);
	base_snprintf(values, sizeof(values), " 2 %u",
		atomic_load_explicit(&ip_sysctl(net)->default_ttl, memory_order_relaxed));
	show_group(net, t, "Ip", " Forwarding DefaultTTL", values);
	show_icmp4(net, t);
	base_snprintf(values, sizeof(values), " 1 %u %u -1 %u", TCP_RTO_MIN_US / 1000,
		TCP_RTO_MAX_US / 1000, u.established);
	show_group(net, t, "Tcp", " RtoAlgorithm RtoMin RtoMax MaxConn CurrEstab", values);
	show_group(net, t, "Udp", "", "");
	return 0;
}

int
proc_show_net_snmp6(struct proc_node *n, struct proc_text *t)
{
	for (uint32_t i = 0; i < NET_COUNTERS; i++) {
		char name[48];
		if (!is_of(i, "Ip6") && !is_of(i, "Icmp6"))
			continue;
		base_snprintf(name, sizeof(name), "%s%s", names[i].group, names[i].label);
		proc_printf(t, "%-32s\t%llu\n", name, value_of(proc_net_of(n), i));
	}
	show_icmp6(proc_net_of(n), t);
	return 0;
}

int
proc_show_net_netstat(struct proc_node *n, struct proc_text *t)
{
	show_group(proc_net_of(n), t, "TcpExt", "", "");
	return 0;
}

int
proc_show_net_sockstat(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	struct tcp_usage tcp;
	struct usage u;
	uint64_t frag_bytes;
	uint32_t frags;
	get_usage(net, &u);
	tcp_get_usage(net, &tcp);
	frag_get_usage(net, &frag_bytes, &frags);
	proc_printf(t, "sockets: used %u\n",
		tcp.sockets + u.udp4 + u.udp6 + u.ping4 + u.ping6 + u.raw4 + u.raw6 + u.local +
			u.netlink + u.packet);
	proc_printf(t, "TCP: inuse %u orphan %u tw %u alloc %u mem %llu\n", u.tcp4, tcp.orphans,
		tcp.timewaits, tcp.sockets, pages_of(u.tcp_bytes));
	proc_printf(t, "UDP: inuse %u mem %llu\n", u.udp4, pages_of(u.udp_bytes));
	proc_printf(t, "UDPLITE: inuse 0\nRAW: inuse %u\nFRAG: inuse %u memory %llu\n", u.raw4,
		frags, (unsigned long long)frag_bytes);
	return 0;
}

int
proc_show_net_sockstat6(struct proc_node *n, struct proc_text *t)
{
	struct usage u;
	get_inet_usage(proc_net_of(n), &u);
	proc_printf(t, "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse 0\nRAW6: inuse %u\n",
		u.tcp6, u.udp6, u.raw6);
	return 0;
}

/* --- protocols. --- */

/* Which calls a protocol has of its own, in Linux's columns. */
#define CALLS_STREAM   " y  y  y  y  y  y  y  y  y  y  y  y  y  y  y  y  y  y  n"
#define CALLS_DATAGRAM " y  y  y  n  y  y  y  y  y  y  y  y  n  y  y  y  y  y  n"
#define CALLS_NONE     " n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n"

struct protocol_row {
	const char *name;
	uint32_t size, sockets;
	const char *calls;
	int64_t pages; /* that its sockets hold; -1: nobody adds them up */
};

int
proc_show_net_protocols(struct proc_node *n, struct proc_text *t)
{
	const uint32_t udp = sizeof(struct udp_sock);
	struct usage u;
	get_usage(proc_net_of(n), &u);
	const int64_t udp_pages = (int64_t)pages_of(u.udp_bytes),
		      tcp_pages = (int64_t)pages_of(u.tcp_bytes);
	const struct protocol_row rows[] = {
		{"PACKET", sizeof(struct packet_sock), u.packet, CALLS_NONE, -1},
		{"PINGv6", udp, u.ping6, CALLS_DATAGRAM, -1},
		{"RAWv6", raw_sock_size, u.raw6, CALLS_DATAGRAM, -1},
		{"UDPv6", udp, u.udp6, CALLS_DATAGRAM, udp_pages},
		{"TCPv6", tcp_sock_size, u.tcp6, CALLS_STREAM, tcp_pages},
		{"UNIX", sizeof(struct unix_sock), u.local, CALLS_NONE, -1},
		{"PING", udp, u.ping4, CALLS_DATAGRAM, -1},
		{"RAW", raw_sock_size, u.raw4, CALLS_DATAGRAM, -1},
		{"UDP", udp, u.udp4, CALLS_DATAGRAM, udp_pages},
		{"TCP", tcp_sock_size, u.tcp4, CALLS_STREAM, tcp_pages},
		{"NETLINK", sizeof(struct netlink_sock), u.netlink, CALLS_NONE, -1},
	};
	proc_printf(t,
		"protocol  size sockets  memory press maxhdr  slab module     "
		"cl co di ac io in de sh ss gs se re sp bi br ha uh gp em\n");
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct protocol_row *r = &rows[i];
		proc_printf(t, "%-9s %4u %6u  %6lld   %-3s %6u   yes  kernel     %s\n", r->name,
			r->size, r->sockets, (long long)r->pages, r->pages < 0 ? "NI" : "no",
			PKT_HEADROOM, r->calls);
	}
	return 0;
}

/* GROUP NAME COUNT of every counter, and the bytes that sockets hold. */
int
proc_show_net_counters(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	for (uint32_t i = 0; i < NET_COUNTERS; i++)
		proc_printf(t, "%s %s %llu\n", names[i].group, names[i].label, value_of(net, i));
	proc_printf(t, "Memory held %lld\nMemory limit %lld\n", (long long)net_memory_held(net),
		(long long)atomic_load_explicit(&net->memory_limit, memory_order_relaxed));
	return 0;
}

/* REASON COUNT of why packets were lost. */
int
proc_show_net_drops(struct proc_node *n, struct proc_text *t)
{
	for (uint32_t i = 0; i < NET_COUNTERS; i++) {
		if (is_of(i, "Drop"))
			proc_printf(t, "%s %llu\n", names[i].label, value_of(proc_net_of(n), i));
	}
	return 0;
}
