/* SPDX-License-Identifier: MIT */
/*
 * DHCPv4 messages (RFC 2131, options of RFC 2132, 3396, 3442): bytes to a struct and back. Pure, allocates nothing.
 * Addresses are in network byte order, times in seconds.
 */
#ifndef WIRE_DHCP4_H
#define WIRE_DHCP4_H

#include <stddef.h>
#include <stdint.h>

#define DHCP4_SERVER_PORT 67
#define DHCP4_CLIENT_PORT 68
#define DHCP4_FIXED       236u /* bytes before the magic cookie */
#define DHCP4_MAX         576u /* what every host takes, IP and UDP headers included; we send less */

#define DHCP4_BROADCAST_FLAG 0x8000u

enum dhcp4_type {
	DHCP4_DISCOVER = 1,
	DHCP4_OFFER,
	DHCP4_REQUEST,
	DHCP4_DECLINE,
	DHCP4_ACK,
	DHCP4_NAK,
	DHCP4_RELEASE,
	DHCP4_INFORM,
};

#define DHCP4_ROUTERS_MAX 4
#define DHCP4_DNS_MAX     4
#define DHCP4_ROUTES_MAX  16
#define DHCP4_NAME_MAX    254 /* bytes of a domain name, without its NUL */
#define DHCP4_ID_MAX      32

struct dhcp4_route {
	uint32_t destination, gateway; /* gateway 0: on the link (RFC 3442) */
	uint8_t prefix;
};

struct dhcp4_message {
	uint8_t op;   /* 1 request, 2 reply */
	uint8_t type; /* enum dhcp4_type */
	uint32_t xid; /* as it stands in the message */
	uint16_t secs, flags;
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[6]; /* Ethernet alone */
	/* Options; 0: not there. */
	uint32_t subnet_mask, requested, server_id;
	uint32_t lease, renewal, rebinding; /* seconds; UINT32_MAX: for ever */
	uint16_t mtu;
	uint8_t nr_routers, nr_dns, nr_routes, client_id_len;
	uint32_t routers[DHCP4_ROUTERS_MAX], dns[DHCP4_DNS_MAX];
	struct dhcp4_route routes[DHCP4_ROUTES_MAX];
	uint8_t client_id[DHCP4_ID_MAX];
	char hostname[DHCP4_NAME_MAX + 1];
	char domain[DHCP4_NAME_MAX +
		1]; /* letters, digits, '-', '_' and '.' only: safe to write to files */
};

/*
 * Decodes the payload of a UDP datagram. 0; -EBADMSG: too short, no cookie, not Ethernet, no or an impossible message
 * type, an option that runs over its area. Options of wrong length are ignored; more routers, DNS servers or routes
 * than there is room for are left out, and names with characters that have no business in one are too. *out is
 * defined on every path.
 */
[[nodiscard]] int dhcp4_decode(const void *bytes, size_t n, struct dhcp4_message *out);

/* Encodes what a client sends; bytes written, at least 300 (BOOTP's minimum). 0: it does not fit size. */
[[nodiscard]] size_t dhcp4_encode(const struct dhcp4_message *m, void *bytes, size_t size);

#endif
