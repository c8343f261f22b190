/* SPDX-License-Identifier: MIT */
/*
 * What is known of a neighbour, and what to do about it: the state machine of RFC 4861, 7.3, which serves ARP too
 * (RFC 1122, 2.3.2). Pure: each function takes the time, changes the state and returns what its caller must do.
 */
#ifndef NET_LINK_NEIGH_CORE_H
#define NET_LINK_NEIGH_CORE_H

#include <stdbool.h>
#include <stdint.h>

/* Linux's NUD_*. */
#define NUD_INCOMPLETE 0x01u
#define NUD_REACHABLE  0x02u
#define NUD_STALE      0x04u
#define NUD_DELAY      0x08u
#define NUD_PROBE      0x10u
#define NUD_FAILED     0x20u
#define NUD_NOARP      0x40u
#define NUD_PERMANENT  0x80u
#define NUD_NONE       0x00u
/* States in which the link address is known. */
#define NUD_VALID (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_NOARP | NUD_PERMANENT)
/* States in which it may be used without further thought. */
#define NUD_CONNECTED (NUD_REACHABLE | NUD_NOARP | NUD_PERMANENT)

/* Times in nanoseconds, from the interface (routers may announce two of them). */
struct neigh_params {
	uint64_t reachable;        /* 30 s, randomised by the caller between half and 1.5 times */
	uint64_t retrans;          /* 1 s */
	uint64_t delay;            /* 5 s: DELAY_FIRST_PROBE_TIME */
	uint32_t multicast_probes; /* 3 */
	uint32_t unicast_probes;   /* 3 */
};

struct neigh_core {
	uint16_t state; /* NUD_* */
	uint16_t probes;
	uint8_t mac[6];
	bool is_router;    /* ND: the R flag */
	uint64_t deadline; /* of the state; UINT64_MAX: none */
	uint64_t confirmed, updated,
		failed; /* when it last answered, changed its address, was given up */
};

/* What the caller does, in this order. */
#define NEIGH_DO_SOLICIT     1u   /* broadcast ARP request, multicast NS */
#define NEIGH_DO_PROBE       2u   /* unicast ARP request or NS to the address that is known */
#define NEIGH_DO_FLUSH       4u   /* send the queue: the address is known (again) */
#define NEIGH_DO_FAIL        8u   /* drop the queue with "host unreachable", tell local senders */
#define NEIGH_DO_QUEUE       16u  /* of a use: keep the packet until the address is known */
#define NEIGH_DO_SEND        32u  /* of a use: send it to the address that is known */
#define NEIGH_DO_CHANGED     64u  /* the address or whether it may be used has changed */
#define NEIGH_DO_ROUTER_GONE 128u /* it was a router and says it is none */

void neigh_core_init(struct neigh_core *n);
/* A packet is to be sent to it. NEIGH_DO_SEND, NEIGH_DO_QUEUE, NEIGH_DO_FAIL, and a probe. */
uint32_t neigh_core_use(struct neigh_core *n, const struct neigh_params *p, uint64_t now);
/* now >= n->deadline. last_confirmed: upper layers' word, or 0. */
uint32_t neigh_core_timer(
	struct neigh_core *n, const struct neigh_params *p, uint64_t now, uint64_t last_confirmed);

/* Of what was heard. */
#define NEIGH_SOLICITED 1u /* ND: S flag; ARP: a reply to us */
#define NEIGH_OVERRIDE  2u /* ND: O flag; ARP: always */
#define NEIGH_ROUTER    4u /* ND: R flag */
#define NEIGH_IS_NA     8u /* the R flag means something */
/*
 * An advertisement or ARP reply about it (RFC 4861, 7.2.5). mac NULL: no link address was given. Nothing is learnt in
 * state NONE or by one who was not asked for.
 */
uint32_t neigh_core_advert(struct neigh_core *n, const struct neigh_params *p, const uint8_t *mac,
	uint32_t flags, uint64_t now);
/* Its own solicitation or request to us, or a router's message, gave its address (RFC 4861, 7.2.3): STALE if new. */
uint32_t neigh_core_heard(
	struct neigh_core *n, const struct neigh_params *p, const uint8_t *mac, uint64_t now);
/* An administrator's word. state: NUD_*. */
uint32_t neigh_core_set(struct neigh_core *n, const struct neigh_params *p, const uint8_t *mac,
	uint16_t state, uint64_t now);

#endif
