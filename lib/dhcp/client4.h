/* SPDX-License-Identifier: MIT */
/*
 * A DHCPv4 client (RFC 2131, 4.4): a state machine in virtual time. Pure: it is told what happened (a message, a moment,
 * the link) and answers with what to do; it sends nothing, knows no clock and no randomness of its own.
 *
 * Its user calls dhcp4_timer() when client->deadline_ms has come, dhcp4_input() for each datagram on port 68 that
 * decodes, and does what the returned action says, in the order of its fields.
 */
#ifndef DHCP_CLIENT4_H
#define DHCP_CLIENT4_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/dhcp4.h"

#define DHCP_NEVER UINT64_MAX

/* The moment `seconds` from now; UINT32_MAX seconds are for ever, in both versions (RFC 2131, 3.3; RFC 8415, 7.7). */
static inline uint64_t
dhcp_moment(uint64_t now_ms, uint32_t seconds)
{
	return seconds == UINT32_MAX ? DHCP_NEVER : now_ms + (uint64_t)seconds * 1000;
}

/* How many seconds there are until a moment, rounded up; 0: it has come; UINT32_MAX: it never does. */
static inline uint32_t
dhcp_seconds_until(uint64_t now_ms, uint64_t moment_ms)
{
	if (moment_ms == DHCP_NEVER)
		return UINT32_MAX;
	return moment_ms > now_ms ? (uint32_t)((moment_ms - now_ms + 999) / 1000) : 0;
}

enum dhcp4_state {
	DHCP4_STOPPED,    /* no link: waits for dhcp4_start() */
	DHCP4_WAITING,    /* before it tries again */
	DHCP4_SELECTING,  /* DISCOVER is out */
	DHCP4_REQUESTING, /* an offer was taken */
	DHCP4_REBOOTING,  /* the link came back: asks whether the lease still holds */
	DHCP4_BOUND,
	DHCP4_RENEWING,
	DHCP4_REBINDING,
};

struct dhcp4_lease {
	uint32_t address, server; /* network byte order; address 0: no lease */
	uint8_t prefix;           /* length */
	uint16_t mtu;             /* 0: not said */
	uint8_t nr_routers, nr_dns, nr_routes;
	uint32_t routers[DHCP4_ROUTERS_MAX], dns[DHCP4_DNS_MAX];
	struct dhcp4_route
		routes[DHCP4_ROUTES_MAX]; /* where there are any, routers do not count (RFC 3442) */
	char domain[DHCP4_NAME_MAX + 1];
	uint64_t renew_ms, rebind_ms, expire_ms; /* moments; DHCP_NEVER */
};

struct dhcp4_client {
	enum dhcp4_state state;
	uint64_t deadline_ms; /* when dhcp4_timer() is due */
	uint64_t begun_ms;    /* of this attempt, for `secs` */
	uint32_t xid;
	uint32_t tries;    /* messages sent in this state */
	uint32_t failures; /* refusals in a row: waits grow */
	uint8_t mac[6];
	uint8_t client_id[DHCP4_ID_MAX];
	uint8_t client_id_len;
	char hostname[DHCP4_NAME_MAX + 1];
	uint32_t offered, offered_by;
	struct dhcp4_lease lease;
};

/* What to do, in this order. */
struct dhcp4_action {
	bool deconfigure; /* the address is lost: take it and its routes away */
	bool configure;   /* client->lease is new or has changed */
	bool send; /* message, to `to` (network byte order; 0: broadcast, from 0.0.0.0 unless ciaddr is set) */
	uint32_t to;
	struct dhcp4_message message;
};

/* hostname may be empty. The client identifier is the link type and address (RFC 2132, 9.14). Stopped until dhcp4_start(). */
void dhcp4_client_init(struct dhcp4_client *c, const uint8_t mac[6], const char *hostname);
/* The link is there. random: 32 fresh random bits, in every call that takes it. */
struct dhcp4_action dhcp4_start(struct dhcp4_client *c, uint64_t now_ms, uint32_t random);
/* The link is gone: keeps the lease, sends nothing until dhcp4_start(). Its end is still watched. */
void dhcp4_stop(struct dhcp4_client *c);
struct dhcp4_action dhcp4_timer(struct dhcp4_client *c, uint64_t now_ms, uint32_t random);
/* A decoded datagram; what is not for this client, or does not fit its state, changes nothing. */
struct dhcp4_action dhcp4_input(
	struct dhcp4_client *c, const struct dhcp4_message *m, uint64_t now_ms, uint32_t random);
/* The leased address is in use by somebody else: declines it and begins again later. */
struct dhcp4_action dhcp4_conflict(struct dhcp4_client *c, uint64_t now_ms, uint32_t random);
/* Gives the lease back (shutdown). */
struct dhcp4_action dhcp4_release(struct dhcp4_client *c, uint32_t random);

#endif
