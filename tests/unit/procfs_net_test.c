/* SPDX-License-Identifier: MIT */
/* Lines of /proc/net, against what Linux 6.1 writes. */
#include <stdio.h>
#include <string.h>

#include "kernel/fs/proc/net_format.h"
#include "tests/unit/test.h"

static char line[NET_LINE_MAX];

/* What is expected, filled with blanks to a width, behind it the end of the line. */
static const char *
padded(const char *text, int width)
{
	static char buf[NET_LINE_MAX];
	snprintf(buf, sizeof(buf), "%-*s\n", width, text);
	return buf;
}

static struct net_addr
v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return net_addr_v4((uint32_t)a | (uint32_t)b << 8 | (uint32_t)c << 16 | (uint32_t)d << 24);
}

TEST(procfs_net_tcp)
{
	struct net_socket_row r = {.local = v4(0, 0, 0, 0),
		.remote = v4(0, 0, 0, 0),
		.local_port = net_swap16(2024),
		.state = 10,
		.ino = 1059,
		.refs = 1,
		.rto_ticks = 100,
		.cwnd = 10};
	CHECK_EQ(net_format_sockets_header(line, sizeof(line), NET_FORMAT_TCP4), 150);
	CHECK_STR(line,
		padded("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
		       "retrnsmt   "
		       "uid  timeout inode",
			149));
	CHECK_EQ(net_format_socket(line, sizeof(line), NET_FORMAT_TCP4, 0, &r), 150);
	CHECK_STR(line,
		padded("   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 "
		       "00000000     "
		       "0        0 1059 1 0000000000000000 100 0 0 10 0",
			149));
	r.local = v4(192, 0, 2, 1);
	r.remote = v4(198, 51, 100, 7);
	r.remote_port = net_swap16(443);
	r.state = 1;
	r.timer = 1;
	r.timer_ticks = 0x2a;
	r.tx_queue = 0x1234;
	r.rx_queue = 0xabcdef;
	r.retransmits = 2;
	r.probes = 3;
	r.uid = 65534;
	r.ssthresh = UINT32_MAX;
	net_format_socket(line, sizeof(line), NET_FORMAT_TCP4, 12345, &r);
	CHECK_STR(line,
		padded("12345: 010200C0:07E8 076433C6:01BB 01 00001234:00ABCDEF 01:0000002A "
		       "00000002 65534"
		       "        3 1059 1 0000000000000000 100 0 0 10 -1",
			149));
	r.bare = true;
	net_format_socket(line, sizeof(line), NET_FORMAT_TCP4, 1, &r);
	CHECK_STR(line,
		padded("   1: 010200C0:07E8 076433C6:01BB 01 00001234:00ABCDEF 01:0000002A "
		       "00000002 65534"
		       "        3 1059 1 0000000000000000",
			149));
}

TEST(procfs_net_tcp6)
{
	struct net_socket_row r = {.local = {.b = {0xfe, 0x80, [15] = 1}},
		.remote = v4(10, 0, 0, 2),
		.local_port = net_swap16(80),
		.remote_port = net_swap16(65535),
		.state = 6,
		.timer = 3,
		.timer_ticks = 6000,
		.bare = true};
	net_format_sockets_header(line, sizeof(line), NET_FORMAT_TCP6);
	CHECK_STR(line,
		"  sl  local_address                         remote_address                        "
		"st "
		"tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n");
	net_format_socket(line, sizeof(line), NET_FORMAT_TCP6, 3, &r);
	CHECK_STR(line,
		"   3: 000080FE000000000000000001000000:0050 0000000000000000FFFF00000200000A:FFFF "
		"06 "
		"00000000:00000000 03:00001770 00000000     0        0 0 0 0000000000000000\n");
}

TEST(procfs_net_udp_and_raw)
{
	struct net_socket_row r = {.local = v4(127, 0, 0, 1),
		.remote = v4(0, 0, 0, 0),
		.local_port = net_swap16(53),
		.state = 7,
		.rx_queue = 0x300,
		.uid = 7,
		.refs = 2,
		.ino = 99,
		.drops = 5};
	CHECK_EQ(net_format_sockets_header(line, sizeof(line), NET_FORMAT_UDP4), 128);
	CHECK_STR(line,
		padded("   sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
		       "retrnsmt   "
		       "uid  timeout inode ref pointer drops",
			127));
	net_format_sockets_header(line, sizeof(line), NET_FORMAT_PING4);
	CHECK_STR(line,
		padded("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
		       "retrnsmt   "
		       "uid  timeout inode ref pointer drops",
			127));
	net_format_socket(line, sizeof(line), NET_FORMAT_UDP4, 9, &r);
	CHECK_STR(line,
		padded("    9: 0100007F:0035 00000000:0000 07 00000000:00000300 00:00000000 "
		       "00000000     "
		       "7        0 99 2 0000000000000000 5",
			127));
	net_format_socket(line, sizeof(line), NET_FORMAT_RAW4, 9, &r);
	CHECK_STR(line,
		"   9: 0100007F:0035 00000000:0000 07 00000000:00000300 00:00000000 00000000     7 "
		"       0 99 "
		"2 0000000000000000 5\n");
	r.local = (struct net_addr){0};
	net_format_socket(line, sizeof(line), NET_FORMAT_UDP6, 9, &r);
	CHECK_STR(line,
		"    9: 00000000000000000000000000000000:0035 "
		"0000000000000000FFFF000000000000:0000 07 "
		"00000000:00000300 00:00000000 00000000     7        0 99 2 0000000000000000 5\n");
}

TEST(procfs_net_lines_fit)
{
	struct net_socket_row r;
	char small[20];
	memset(&r, 0xff, sizeof(r));
	r.bare = false;
	for (int f = NET_FORMAT_TCP4; f <= NET_FORMAT_RAW6; f++) {
		size_t n =
			net_format_socket(line, sizeof(line), (enum net_format)f, UINT32_MAX, &r);
		CHECK(n < sizeof(line) - 1 && line[n - 1] == '\n' && line[n] == '\0');
		n = net_format_socket(small, sizeof(small), (enum net_format)f, 1, &r);
		CHECK(n < sizeof(small) && small[n] == '\0'); /* cut, not overrun */
		CHECK(net_format_sockets_header(small, sizeof(small), (enum net_format)f) <
			sizeof(small));
	}
}

TEST(procfs_net_routes)
{
	struct net_route_row r = {.dst = v4(0, 0, 0, 0),
		.gateway = v4(192, 0, 2, 1),
		.flags = NET_RTF_UP | NET_RTF_GATEWAY,
		.device = "eth0"};
	CHECK_EQ(net_format_route4_header(line, sizeof(line)), 128);
	CHECK_STR(line,
		padded("Iface\tDestination\tGateway "
		       "\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
			127));
	CHECK_EQ(net_format_route4(line, sizeof(line), &r), 128);
	CHECK_STR(line, padded("eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0", 127));
	r = (struct net_route_row){.dst = v4(10, 1, 128, 0),
		.prefix = 17,
		.flags = NET_RTF_UP,
		.metric = 100,
		.mtu = 1400,
		.device = "lo"};
	net_format_route4(line, sizeof(line), &r);
	CHECK_STR(
		line, padded("lo\t0080010A\t00000000\t0001\t0\t0\t100\t0080FFFF\t1400\t0\t0", 127));
	r = (struct net_route_row){.dst = v4(10, 1, 2, 3),
		.prefix = 32,
		.flags = NET_RTF_UP | NET_RTF_HOST | NET_RTF_REJECT};
	net_format_route4(line, sizeof(line), &r);
	CHECK_STR(line, padded("*\t0302010A\t00000000\t0205\t0\t0\t0\tFFFFFFFF\t0\t0\t0", 127));
	r = (struct net_route_row){.dst = {.b = {0xfd, [7] = 1}},
		.prefix = 64,
		.flags = NET_RTF_UP,
		.metric = 256,
		.device = "eth0"};
	net_format_route6(line, sizeof(line), &r);
	CHECK_STR(line,
		"fd000000000000010000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000000 00000000 00000001     eth0\n");
	r.flags |= NET_RTF_GATEWAY | NET_RTF_LOCAL;
	r.gateway = (struct net_addr){.b = {0xfe, 0x80, [15] = 2}};
	net_format_route6(line, sizeof(line), &r);
	CHECK(strstr(line,
		      " fe800000000000000000000000000002 00000100 00000000 00000000 80000003     "
		      "eth0\n") != NULL);
}

TEST(procfs_net_addresses)
{
	static const uint8_t mac[6] = {2, 0xfc, 0, 0, 0, 5};
	struct net_addr a = {.b = {0xfd, [15] = 2}}, lo = {.b = {[15] = 1}},
			ll = {.b = {0xfe, 0x80, [15] = 3}};
	net_format_if_inet6(line, sizeof(line), &a, 4, 64, 0x82, "eth0");
	CHECK_STR(line, "fd000000000000000000000000000002 04 40 00 82     eth0\n");
	net_format_if_inet6(line, sizeof(line), &lo, 1, 128, 0x80, "lo");
	CHECK_STR(line, "00000000000000000000000000000001 01 80 10 80       lo\n");
	net_format_if_inet6(line, sizeof(line), &ll, 2, 64, 0x80, "eth1");
	CHECK(strstr(line, " 02 40 20 80     eth1\n") != NULL);
	a = v4(192, 0, 2, 1);
	net_format_arp(line, sizeof(line), &a, 1, NET_ATF_COM, mac, "eth0");
	CHECK_STR(line,
		"192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n");
	a = v4(255, 255, 255, 255);
	net_format_arp(line, sizeof(line), &a, 1, 0, NULL, "eth0");
	CHECK_STR(line,
		"255.255.255.255  0x1         0x0         00:00:00:00:00:00     *        eth0\n");
}
