/* SPDX-License-Identifier: MIT */
/*
 * Address conflict detection for IPv4 (RFC 5227): whether somebody else on the link has an address, asked before it is
 * used and minded as long as it is. A state machine in virtual time. Pure, as client4.h: told what happened, it answers
 * with what to do.
 *
 * It probes for 0.2 s in all, not for the RFC's 4 to 7: a server that waits so long to be reached is down, and whoever
 * answers later is found by the announcements and by what is heard from then on.
 */
#ifndef DHCP_ACD4_H
#define DHCP_ACD4_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/arp.h"

enum acd4_state {
	ACD4_IDLE,
	ACD4_PROBING,    /* the address may not be used yet */
	ACD4_ANNOUNCING, /* it is ours; others hear so */
	ACD4_HOLDING,
};

struct acd4 {
	enum acd4_state state;
	uint64_t deadline_ms; /* when acd4_timer() is due; UINT64_MAX: never */
	uint32_t address;     /* network byte order */
	uint32_t sent;        /* packets in this state */
	uint8_t mac[6];
	bool keeps; /* once claimed, the address is not given up (RFC 5227, 2.4 (c)); set after acd4_init() */
	bool has_defended;
	uint64_t defended_ms; /* with has_defended */
};

struct acd4_action {
	bool send; /* packet, to everybody */
	struct arp packet;
	bool claimed;  /* the address may be used from now on */
	bool conflict; /* somebody else has it: it may not be used (any more); the machine is idle */
	bool defended; /* packet tells somebody who takes it that it is ours */
};

void acd4_init(struct acd4 *a, const uint8_t mac[6]);
/* Asks for an address that is not used yet. */
struct acd4_action acd4_probe(struct acd4 *a, uint32_t address, uint64_t now_ms);
/* An address that is in use already, on a link that is back. */
struct acd4_action acd4_announce(struct acd4 *a, uint32_t address, uint64_t now_ms);
void acd4_stop(struct acd4 *a);
struct acd4_action acd4_timer(struct acd4 *a, uint64_t now_ms);
/*
 * Any ARP packet. Somebody who takes the address is told once in ten seconds that it is ours; the second time it is lost,
 * unless it is kept.
 */
struct acd4_action acd4_input(struct acd4 *a, const struct arp *p, uint64_t now_ms);

#endif
