/* SPDX-License-Identifier: MIT */
/* Addresses as text, and the network's configuration file. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netconf/netconf.h"
#include "tests/unit/test.h"

/* The C library is the judge of both directions. */
TEST(address_text_agrees_with_libc)
{
	static const char *const texts[] = {"0.0.0.0", "1.2.3.4", "255.255.255.255", "256.0.0.1",
		"01.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.", "", ".", "1..2.3", "::", "::1",
		"1::", "fe80::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::3:4:5:6:7:8",
		"1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", ":::", "1:::2", "1::2::3", ":1",
		"1:", "1:2:", "g::", "12345::", "::ffff:1.2.3.4", "::1.2.3.4",
		"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3.4:5",
		"::1.2.3.256", "2001:DB8::a", "0:0:1:0:0:0:1:0", "1:0:0:1:0:0:0:1",
		"0:0:0:0:0:0:0:1", "1:0:1:0:1:0:1:0", "fe80::1%1"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint8_t bytes[16] = {0};
		char text[64], ours[TEXT_ADDRESS_MAX];
		struct text_address a;
		int family = inet_pton(AF_INET, texts[i], bytes) == 1 ? 4
			: inet_pton(AF_INET6, texts[i], bytes) == 1   ? 6
								      : 0;
		CHECK_STR(text_address_parse(span_of(texts[i]), &a) == 0 ? "read" : texts[i],
			family != 0 ? "read" : texts[i]);
		CHECK_EQ(a.family, family);
		if (family == 0)
			continue;
		CHECK_MEM(a.bytes, bytes, family == 4 ? 4 : 16);
		inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
		if (strstr(text, ".") != NULL && strncmp(text, "::ffff", 6) != 0 && family == 6)
			continue; /* libc writes ::1.2.3.4 for what RFC 5952 writes in hexadecimal */
		CHECK_EQ(text_address_format(&a, ours), strlen(text));
		CHECK_STR(ours, text);
	}
}

TEST(address_text_random_round_trips)
{
	srand(1);
	for (int i = 0; i < 20000; i++) {
		struct text_address a = {.family = 6}, b;
		char text[TEXT_ADDRESS_MAX], libc[64];
		for (int g = 0; g < 8; g++)
			if (rand() % 3 != 0) {
				unsigned v = (unsigned)rand() >> rand() % 24;
				a.bytes[2 * g] = (uint8_t)(v >> 8);
				a.bytes[2 * g + 1] = (uint8_t)v;
			}
		text_address_format(&a, text);
		CHECK_EQ(text_address_parse(span_of(text), &b), 0);
		CHECK_MEM(&a, &b, sizeof(a));
		inet_ntop(AF_INET6, a.bytes, libc, sizeof(libc));
		if (strchr(libc, '.') == NULL)
			CHECK_STR(text, libc);
	}
}

TEST(address_text_prefixes_and_endpoints)
{
	struct text_address a;
	uint8_t prefix;
	uint16_t port;
	CHECK_EQ(text_prefix_parse(span_of("10.0.0.1/8"), &a, &prefix), 0);
	CHECK_EQ(prefix, 8);
	CHECK_EQ(text_prefix_parse(span_of("::/128"), &a, &prefix), 0);
	CHECK_EQ(text_prefix_parse(span_of("10.0.0.1/33"), &a, &prefix), -EINVAL);
	CHECK_EQ(text_prefix_parse(span_of("::/129"), &a, &prefix), -EINVAL);
	CHECK_EQ(text_prefix_parse(span_of("10.0.0.1"), &a, &prefix), -EINVAL);
	CHECK_EQ(text_prefix_parse(span_of("10.0.0.1/"), &a, &prefix), -EINVAL);
	CHECK_EQ(text_prefix_parse(span_of("10.0.0.1/8/8"), &a, &prefix), -EINVAL);
	CHECK_EQ(text_endpoint_parse(span_of("127.0.0.1:80"), &a, &port), 0);
	CHECK_EQ(a.family, 4);
	CHECK_EQ(port, 80);
	CHECK_EQ(text_endpoint_parse(span_of("[::1]:65535"), &a, &port), 0);
	CHECK_EQ(a.family, 6);
	CHECK_EQ(port, 65535);
	CHECK_EQ(text_endpoint_parse(span_of("*:22"), &a, &port), 0);
	CHECK_EQ(a.family, 6);
	static const char *const bad[] = {"", "80", ":80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0",
		"1.2.3.4:65536", "::1:80", "[::1]", "[::1]80", "[1.2.3.4]:80", "[::1:80", "*",
		"*:", "**:80"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_STR(text_endpoint_parse(span_of(bad[i]), &a, &port) == 0 ? bad[i] : "", "");
}

TEST(netconf_walks_all_directives)
{
	struct span text = span_of(
		"# the server's\ndns 192.0.2.53 2001:db8::53 # two\n\ninterface eth0\n"
		"  ipv4 192.0.2.5/32\n\tgateway 192.0.2.1 fe80::1\nipv6 2001:db8::5/64 fd00::5/64\n"
		"gateway 2001:db8::1\nmtu 1400\ninterface eth1\nipv4 dhcp\nipv6 auto\nsearch a.b "
		"c");
	struct netconf_error error;
	struct netconf_directive d;
	struct netconf_walk walk = {.rest = text};
	static const enum netconf_key want[] = {NETCONF_DNS, NETCONF_DNS, NETCONF_INTERFACE,
		NETCONF_IPV4, NETCONF_GATEWAY, NETCONF_GATEWAY, NETCONF_IPV6, NETCONF_IPV6,
		NETCONF_GATEWAY, NETCONF_MTU, NETCONF_INTERFACE, NETCONF_IPV4, NETCONF_IPV6,
		NETCONF_SEARCH, NETCONF_SEARCH};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		CHECK_EQ(netconf_next(&walk, &d, &error), 1);
		CHECK_EQ(d.key, want[i]);
		if (i == 3)
			CHECK(d.mode == NETCONF_STATIC && d.prefix == 32 &&
				d.address.bytes[3] == 5);
		if (i == 9)
			CHECK_EQ(d.number, 1400);
		if (i == 11)
			CHECK_EQ(d.mode, NETCONF_AUTOMATIC);
	}
	CHECK_EQ(netconf_next(&walk, &d, &error), 0);
	/* The gateway of IPv6 comes before its address there: refused as a whole. */
	CHECK_EQ(netconf_check(text, &error), -EINVAL);
	CHECK_EQ(error.line, 6);
}

TEST(netconf_check_accepts)
{
	static const char *const good[] = {"", "# nothing\n", "interface eth0", "dns ::1\nsearch a",
		"interface eth0\nipv4 dhcp\nipv6 off",
		"interface eth0\nipv4 10.0.0.1/8 10.0.0.2/8\ngateway 10.0.0.3",
		"interface a\nipv6 fd00::1/64\ngateway fe80::1\ninterface b\nipv6 fd00::1/64\n"};
	struct netconf_error error;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK_STR(netconf_check(span_of(good[i]), &error) == 0 ? "" : good[i], "");
}

TEST(netconf_check_says_where)
{
	static const struct {
		const char *text;
		size_t line, column;
	} bad[] = {
		{"address 1.2.3.4", 1, 1},
		{"interface eth0\n  ipv4", 2, 7},
		{"interface eth0\nipv4 1.2.3.4", 2, 6},
		{"interface eth0\nipv4 2001:db8::1/64", 2, 6},
		{"interface eth0\nipv6 192.0.2.1/24", 2, 6},
		{"interface eth0\nipv4 127.0.0.1/8", 2, 6},
		{"interface eth0\nipv6 ff02::1/64", 2, 6},
		{"interface eth0\nipv4 10.0.0.1/0", 2, 6},
		{"interface ETH0", 1, 11},
		{"interface eth0 eth1", 1, 16},
		{"interface abcdefghijklmnop", 1, 11},
		{"ipv4 dhcp", 1, 1},
		{"mtu 1400", 1, 1},
		{"interface eth0\nmtu 1279", 2, 5},
		{"interface eth0\nmtu 1400\nmtu 1400", 3, 1},
		{"interface eth0\nipv4 dhcp\nipv4 10.0.0.1/8", 3, 1},
		{"interface eth0\nipv4 10.0.0.1/8\nipv4 off", 3, 1},
		{"interface eth0\ngateway 10.0.0.1", 2, 1},
		{"interface eth0\nipv4 10.0.0.2/8\ngateway 10.0.0.1\ngateway 10.0.0.1", 4, 1},
		{"interface eth0\ninterface eth0", 2, 1},
		{"dns 1.2.3.4 x", 1, 13},
		{"dns ::", 1, 5},
		{"search a..b", 1, 8},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct netconf_error error;
		CHECK_STR(netconf_check(span_of(bad[i].text), &error) == 0 ? bad[i].text : "", "");
		CHECK_EQ(error.line, bad[i].line);
		CHECK_EQ(error.column, bad[i].column);
		CHECK(error.why != NULL);
	}
}
