/* SPDX-License-Identifier: MIT */
/* netinfo: what the network is now, from netlink, and who said so, from netd's /run/net/state. */
#ifndef NETINFO_NETINFO_H
#define NETINFO_NETINFO_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "text/address.h"

struct info_link {
	struct info_link *next;
	int index;
	char name[IF_NAMESIZE];
	bool loopback, up, carrier;
	uint32_t mtu;
	uint8_t mac[6];
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped, rx_errors,
		tx_errors;
};

struct info_address {
	struct info_address *next;
	int index; /* of the link */
	struct text_address address;
	uint8_t prefix;
	bool usable;     /* neither tentative nor refused by duplicate address detection */
	char source[12]; /* static, dhcp, dhcp6, slaac, link-local, kernel, manual */
};

struct info_gateway {
	struct info_gateway *next;
	int index;
	struct text_address address; /* family 0: the default route has none */
	char source[12];             /* static, dhcp, ra, manual, kernel */
};

struct info_dns {
	struct info_dns *next;
	char address[TEXT_ADDRESS_MAX + IF_NAMESIZE + 1];
	char source[12];
};

struct info {
	struct info_link *links;
	struct info_address *addresses;
	struct info_gateway *gateways;
	struct info_dns *dns;
	bool config_invalid; /* netd found a mistake in its file */
};

/* collect.c: 0 or -errno. Everything is kept until the program ends. */
int info_collect(struct info *out);
const struct info_link *info_link_of(const struct info *info, int index);

/* print.c */
void info_print(const struct info *info);
void info_print_json(const struct info *info);

/*
 * check.c: NULL, or the reason why the machine is not reachable as it should be: no link, address (beyond the link),
 * prefix, gateway or DNS; static6: nor a static IPv6 address with a /64 and an IPv6 gateway.
 */
const char *info_check(const struct info *info, bool static6);

#endif
