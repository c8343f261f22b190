/* SPDX-License-Identifier: MIT */
#include "net/link/neigh_core.h"

#include <stddef.h>
#include <string.h>

#define NEVER UINT64_MAX

void
neigh_core_init(struct neigh_core *n)
{
	*n = (struct neigh_core){.state = NUD_NONE, .deadline = NEVER};
}

static void
enter(struct neigh_core *n, uint16_t state, uint64_t deadline)
{
	n->state = state;
	n->deadline = deadline;
	n->probes = 0;
}

static uint32_t
become_reachable(struct neigh_core *n, const struct neigh_params *p, uint64_t now)
{
	enter(n, NUD_REACHABLE, now + p->reachable);
	n->confirmed = now;
	return NEIGH_DO_CHANGED;
}

static uint32_t
become_stale(struct neigh_core *n)
{
	enter(n, NUD_STALE, NEVER);
	return NEIGH_DO_CHANGED;
}

static uint32_t
become_failed(struct neigh_core *n, uint64_t now)
{
	enter(n, NUD_FAILED, NEVER);
	n->failed = now;
	return NEIGH_DO_FAIL | NEIGH_DO_CHANGED;
}

static void
set_mac(struct neigh_core *n, const uint8_t *mac, uint64_t now)
{
	memcpy(n->mac, mac, 6);
	n->updated = now;
}

uint32_t
neigh_core_use(struct neigh_core *n, const struct neigh_params *p, uint64_t now)
{
	switch (n->state) {
	case NUD_NONE:
	case NUD_FAILED:
		enter(n, NUD_INCOMPLETE, now + p->retrans);
		n->probes = 1;
		return NEIGH_DO_SOLICIT | NEIGH_DO_QUEUE;
	case NUD_INCOMPLETE:
		return NEIGH_DO_QUEUE;
	case NUD_STALE:
		enter(n, NUD_DELAY, now + p->delay);
		return NEIGH_DO_SEND;
	default:
		return NEIGH_DO_SEND;
	}
}

static uint32_t
probe_again(struct neigh_core *n, const struct neigh_params *p, uint64_t now, uint32_t limit,
	uint32_t action)
{
	if (n->probes >= limit)
		return become_failed(n, now);
	n->probes++;
	n->deadline = now + p->retrans;
	return action;
}

uint32_t
neigh_core_timer(
	struct neigh_core *n, const struct neigh_params *p, uint64_t now, uint64_t last_confirmed)
{
	if (last_confirmed > n->confirmed)
		n->confirmed = last_confirmed;
	switch (n->state) {
	case NUD_INCOMPLETE:
		return probe_again(n, p, now, p->multicast_probes, NEIGH_DO_SOLICIT);
	case NUD_REACHABLE:
		if (n->confirmed + p->reachable > now) {
			n->deadline = n->confirmed + p->reachable;
			return 0;
		}
		return become_stale(n);
	case NUD_DELAY:
		if (n->confirmed != 0 && n->confirmed + p->delay >= now)
			return become_reachable(n, p, n->confirmed);
		enter(n, NUD_PROBE, now);
		return NEIGH_DO_CHANGED | probe_again(n, p, now, p->unicast_probes, NEIGH_DO_PROBE);
	case NUD_PROBE:
		if (n->confirmed != 0 && n->confirmed + p->retrans >= now)
			return become_reachable(n, p, n->confirmed);
		return probe_again(n, p, now, p->unicast_probes, NEIGH_DO_PROBE);
	default:
		n->deadline = NEVER;
		return 0;
	}
}

static uint32_t
note_router(struct neigh_core *n, uint32_t flags)
{
	if ((flags & NEIGH_IS_NA) == 0)
		return 0;
	bool was = n->is_router;
	n->is_router = (flags & NEIGH_ROUTER) != 0;
	return was && !n->is_router ? NEIGH_DO_ROUTER_GONE : 0;
}

/* The first answer to our solicitation. */
static uint32_t
resolve(struct neigh_core *n, const struct neigh_params *p, const uint8_t *mac, uint32_t flags,
	uint64_t now)
{
	if (mac == NULL)
		return 0;
	set_mac(n, mac, now);
	n->is_router = (flags & NEIGH_ROUTER) != 0;
	uint32_t todo =
		(flags & NEIGH_SOLICITED) != 0 ? become_reachable(n, p, now) : become_stale(n);
	return todo | NEIGH_DO_FLUSH;
}

uint32_t
neigh_core_advert(struct neigh_core *n, const struct neigh_params *p, const uint8_t *mac,
	uint32_t flags, uint64_t now)
{
	if ((n->state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_INCOMPLETE)) == 0)
		return 0;
	if (n->state == NUD_INCOMPLETE)
		return resolve(n, p, mac, flags, now);
	bool differs = mac != NULL && memcmp(mac, n->mac, 6) != 0;
	if (differs && (flags & NEIGH_OVERRIDE) == 0)
		return n->state == NUD_REACHABLE ? become_stale(n) : 0;
	if (differs)
		set_mac(n, mac, now);
	uint32_t todo = note_router(n, flags);
	if ((flags & NEIGH_SOLICITED) != 0)
		return todo | become_reachable(n, p, now);
	return differs ? todo | become_stale(n) : todo;
}

uint32_t
neigh_core_heard(
	struct neigh_core *n, const struct neigh_params *p, const uint8_t *mac, uint64_t now)
{
	if (mac == NULL || (n->state & (NUD_PERMANENT | NUD_NOARP)) != 0)
		return 0;
	if ((n->state & NUD_VALID) != 0 && memcmp(mac, n->mac, 6) == 0)
		return 0;
	uint32_t flush = n->state == NUD_INCOMPLETE ? NEIGH_DO_FLUSH : 0;
	set_mac(n, mac, now);
	return become_stale(n) | flush;
}

uint32_t
neigh_core_set(struct neigh_core *n, const struct neigh_params *p, const uint8_t *mac,
	uint16_t state, uint64_t now)
{
	uint32_t flush = n->state == NUD_INCOMPLETE ? NEIGH_DO_FLUSH : 0;
	if (mac != NULL)
		set_mac(n, mac, now);
	switch (state) {
	case NUD_REACHABLE:
		return become_reachable(n, p, now) | flush;
	case NUD_PERMANENT:
	case NUD_NOARP:
		enter(n, state, NEVER);
		return NEIGH_DO_CHANGED | flush;
	case NUD_DELAY:
		enter(n, NUD_DELAY, now + p->delay);
		return NEIGH_DO_CHANGED | flush;
	case NUD_PROBE:
		enter(n, NUD_PROBE, now);
		return NEIGH_DO_CHANGED | flush |
			probe_again(n, p, now, p->unicast_probes, NEIGH_DO_PROBE);
	case NUD_FAILED:
		return become_failed(n, now);
	default:
		return become_stale(n) | flush;
	}
}
