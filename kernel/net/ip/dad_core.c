/* SPDX-License-Identifier: MIT */
#include "net/ip/dad_core.h"

#include <stddef.h>
#include <string.h>

#define SEC   1000000000ULL
#define NEVER UINT64_MAX

void
dad_start(struct dad_core *d, uint32_t transmits, uint64_t retrans, uint64_t now, uint64_t random)
{
	*d = (struct dad_core){.retrans = retrans, .left = transmits, .running = true};
	memcpy(d->nonce, &random, sizeof(d->nonce));
	d->deadline = now + (transmits != 0 ? (random >> 16) % SEC : 0);
}

void
dad_stop(struct dad_core *d)
{
	d->running = false;
	d->deadline = NEVER;
}

enum dad_action
dad_timer(struct dad_core *d, uint64_t now)
{
	if (!d->running)
		return DAD_NOTHING;
	if (d->left == 0) {
		dad_stop(d);
		return DAD_UNIQUE;
	}
	d->left--;
	d->deadline = now + d->retrans;
	return DAD_SEND;
}

enum dad_action
dad_heard_solicit(struct dad_core *d, const uint8_t *nonce)
{
	if (!d->running || (nonce != NULL && memcmp(nonce, d->nonce, sizeof(d->nonce)) == 0))
		return DAD_NOTHING;
	dad_stop(d);
	return DAD_DUPLICATE;
}

enum dad_action
dad_heard_advert(struct dad_core *d)
{
	if (!d->running)
		return DAD_NOTHING;
	dad_stop(d);
	return DAD_DUPLICATE;
}
