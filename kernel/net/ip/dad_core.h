/* SPDX-License-Identifier: MIT */
/* Duplicate address detection (RFC 4862, 5.4) with nonces against one's own echoes (RFC 7527). Pure. */
#ifndef NET_IP_DAD_CORE_H
#define NET_IP_DAD_CORE_H

#include <stdbool.h>
#include <stdint.h>

enum dad_action {
	DAD_NOTHING,
	DAD_SEND,   /* a solicitation from `::` with the nonce */
	DAD_UNIQUE, /* the address may be used */
	DAD_DUPLICATE,
};

struct dad_core {
	uint64_t deadline; /* UINT64_MAX: it is over */
	uint64_t retrans;  /* nanoseconds between solicitations and after the last */
	uint32_t left;     /* solicitations to be sent */
	uint8_t nonce[6];
	bool running;
};

/* random: decides the delay before the first, up to a second (RFC 4862, 5.4.2), and the nonce. */
void dad_start(
	struct dad_core *d, uint32_t transmits, uint64_t retrans, uint64_t now, uint64_t random);
/* now >= d->deadline */
enum dad_action dad_timer(struct dad_core *d, uint64_t now);
/* A solicitation for the address from `::`; nonce NULL: it had none. */
enum dad_action dad_heard_solicit(struct dad_core *d, const uint8_t *nonce);
/* An advertisement of it. */
enum dad_action dad_heard_advert(struct dad_core *d);
void dad_stop(struct dad_core *d);

#endif
