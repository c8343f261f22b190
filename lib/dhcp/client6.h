/* SPDX-License-Identifier: MIT */
/*
 * A DHCPv6 client (RFC 8415): a state machine in virtual time, for one address (stateful) or for configuration alone
 * (stateless). Pure, as client4.h: told what happened, it answers with what to do. Everything it sends goes to
 * ff02::1:2 from the interface's link-local address.
 */
#ifndef DHCP_CLIENT6_H
#define DHCP_CLIENT6_H

#include <stdbool.h>
#include <stdint.h>

#include "dhcp/client4.h" /* DHCP_NEVER */
#include "wire/dhcp6.h"

enum dhcp6_state {
	DHCP6_STOPPED,
	DHCP6_SOLICITING,
	DHCP6_REQUESTING,
	DHCP6_BOUND,
	DHCP6_RENEWING,
	DHCP6_REBINDING,
	DHCP6_ASKING, /* INFORMATION-REQUEST is out */
	DHCP6_INFORMED,
};

struct dhcp6_lease {
	bool has_address;
	uint8_t address[16];
	uint64_t preferred_ms, valid_ms; /* moments; DHCP_NEVER */
	uint64_t renew_ms, rebind_ms;
	uint8_t nr_dns;
	uint8_t dns[DHCP6_DNS_MAX][16];
	char domain[WIRE_NAME_TEXT + 1];
};

struct dhcp6_client {
	enum dhcp6_state state;
	uint64_t deadline_ms;
	uint64_t begun_ms; /* first message of this exchange */
	uint32_t rt_ms;    /* the retransmission time in force */
	uint32_t tries;
	uint32_t xid;
	uint32_t iaid;
	struct dhcp6_duid duid;
	struct dhcp6_message best; /* the best ADVERTISE so far; type 0: none */
	struct dhcp6_duid server;  /* whom it is bound to */
	struct dhcp6_lease lease;
};

struct dhcp6_action {
	bool deconfigure; /* the address is lost; take it away */
	bool configure;   /* client->lease is new or has changed */
	bool send;
	struct dhcp6_message message;
};

/* The DUID is made of the link-layer address (DUID-LL); iaid: the interface's number. Stopped. */
void dhcp6_client_init(struct dhcp6_client *c, const uint8_t mac[6], uint32_t iaid);
/* A router says that addresses (stateful) or only configuration come from DHCPv6, or the link is back. */
struct dhcp6_action dhcp6_start(
	struct dhcp6_client *c, bool stateful, uint64_t now_ms, uint32_t random);
void dhcp6_stop(struct dhcp6_client *c); /* keeps the lease; its end is still watched */
struct dhcp6_action dhcp6_timer(struct dhcp6_client *c, uint64_t now_ms, uint32_t random);
struct dhcp6_action dhcp6_input(
	struct dhcp6_client *c, const struct dhcp6_message *m, uint64_t now_ms, uint32_t random);
/* Duplicate address detection failed: declines the address and solicits again. */
struct dhcp6_action dhcp6_conflict(struct dhcp6_client *c, uint64_t now_ms, uint32_t random);
struct dhcp6_action dhcp6_release(struct dhcp6_client *c, uint64_t now_ms, uint32_t random);

#endif
