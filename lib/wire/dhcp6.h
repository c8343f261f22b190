/* SPDX-License-Identifier: MIT */
/*
 * DHCPv6 messages (RFC 8415, DNS options of RFC 3646), as a client needs them: one identity association for one
 * address, or a request for information alone. Pure, allocates nothing. Addresses as on the wire, times in seconds.
 */
#ifndef WIRE_DHCP6_H
#define WIRE_DHCP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/name.h"

#define DHCP6_CLIENT_PORT 546
#define DHCP6_SERVER_PORT 547
#define DHCP6_DUID_MAX    130 /* type and 128 bytes (RFC 8415, 11.1) */
#define DHCP6_DNS_MAX     4

enum dhcp6_type {
	DHCP6_SOLICIT = 1,
	DHCP6_ADVERTISE,
	DHCP6_REQUEST,
	DHCP6_CONFIRM,
	DHCP6_RENEW,
	DHCP6_REBIND,
	DHCP6_REPLY,
	DHCP6_RELEASE,
	DHCP6_DECLINE,
	DHCP6_RECONFIGURE,
	DHCP6_INFORMATION_REQUEST,
};

#define DHCP6_STATUS_SUCCESS        0
#define DHCP6_STATUS_NO_ADDRS_AVAIL 2
#define DHCP6_STATUS_NO_BINDING     3
#define DHCP6_STATUS_NOT_ON_LINK    4

struct dhcp6_duid {
	uint8_t bytes[DHCP6_DUID_MAX];
	uint8_t len; /* 0: none */
};

struct dhcp6_message {
	uint8_t type; /* enum dhcp6_type */
	uint32_t xid; /* 24 bits */
	struct dhcp6_duid client, server;
	uint16_t elapsed; /* hundredths of a second; sent always */
	uint16_t status;  /* of the message, or of the association where that is worse */
	uint8_t preference;
	bool rapid_commit;
	bool has_ia; /* IA_NA: */
	uint32_t iaid, t1, t2;
	bool has_address;
	uint8_t address[16];
	uint32_t preferred, valid; /* seconds; UINT32_MAX: for ever */
	uint8_t nr_dns;
	uint8_t dns[DHCP6_DNS_MAX][16];
	char domain[WIRE_NAME_TEXT + 1]; /* the first of the search list, clean; empty: none */
	uint32_t information_refresh;    /* 0: not said */
};

/*
 * Decodes the payload of a UDP datagram from a server. 0; -EBADMSG: too short, an option runs over its container, a DUID
 * too long or empty. An address whose preferred lifetime exceeds the valid one, and an association with T1 > T2 > 0, are
 * left out (RFC 8415, 21.4, 21.6).
 */
[[nodiscard]] int dhcp6_decode(const void *bytes, size_t n, struct dhcp6_message *out);

/* Encodes what a client sends. Bytes written; 0: it does not fit. */
[[nodiscard]] size_t dhcp6_encode(const struct dhcp6_message *m, void *bytes, size_t size);

#endif
