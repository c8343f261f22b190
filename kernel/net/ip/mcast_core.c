/* SPDX-License-Identifier: MIT */
#include "net/ip/mcast_core.h"

#define SEC 1000000000ULL

#define CHANGE_INTERVAL_NEW \
	(1 * SEC) /* unsolicited report interval: RFC 3376, 8.11; RFC 3810, 9.11 */
#define CHANGE_INTERVAL_OLD (10 * SEC) /* RFC 2236, 8.10; RFC 2710, 7.10 */
#define NEVER               UINT64_MAX

static bool
speaks_old(const struct mcast_querier *q, uint64_t now)
{
	return now < q->old_until;
}

void
mcast_core_init(struct mcast_core *g)
{
	*g = (struct mcast_core){.deadline = NEVER};
}

/* The next of the change reports comes within an interval. */
static void
next_change(struct mcast_core *g, const struct mcast_querier *q, uint64_t now, uint64_t random)
{
	uint64_t interval = speaks_old(q, now) ? CHANGE_INTERVAL_OLD : CHANGE_INTERVAL_NEW;
	g->deadline = g->changes != 0 || g->answer ? now + random % interval : NEVER;
}

static uint8_t
repeats(const struct mcast_querier *q)
{
	uint32_t n = q->robustness != 0 ? q->robustness : MCAST_ROBUSTNESS;
	return (uint8_t)((n > 7 ? 7 : n) - 1);
}

enum mcast_send
mcast_core_join(struct mcast_core *g, const struct mcast_querier *q, uint64_t now, uint64_t random)
{
	g->member = true;
	g->last_reporter = true;
	g->answer = false;
	g->changes = repeats(q);
	next_change(g, q, now, random);
	return MCAST_SEND_JOIN;
}

enum mcast_send
mcast_core_leave(struct mcast_core *g, const struct mcast_querier *q, uint64_t now, uint64_t random)
{
	bool old = speaks_old(q, now), tell = !old || (g->last_reporter && now >= q->v1_until);
	g->member = false;
	g->answer = false;
	g->changes = old ? 0 : repeats(q); /* elder versions leave once */
	next_change(g, q, now, random);
	return tell ? MCAST_SEND_LEAVE : MCAST_SEND_NOTHING;
}

void
mcast_core_query(struct mcast_core *g, uint64_t now, uint64_t max_response, uint64_t random)
{
	if (!g->member)
		return;
	uint64_t at = now + (max_response != 0 ? random % max_response : 0);
	g->answer = true;
	if (at < g->deadline)
		g->deadline = at;
}

void
mcast_core_heard(struct mcast_core *g, const struct mcast_querier *q, uint64_t now)
{
	if (!g->member || !speaks_old(q, now))
		return;
	g->answer = false;
	g->changes = 0;
	g->last_reporter = false;
	g->deadline = NEVER;
}

enum mcast_send
mcast_core_timer(struct mcast_core *g, const struct mcast_querier *q, uint64_t now, uint64_t random)
{
	if (g->changes != 0) {
		g->changes--;
		g->answer = false; /* a report of the change tells the state as well */
		next_change(g, q, now, random);
		return g->member ? MCAST_SEND_JOIN : MCAST_SEND_LEAVE;
	}
	bool answer = g->answer && g->member;
	g->answer = false;
	g->deadline = NEVER;
	if (answer)
		g->last_reporter = true;
	return answer ? MCAST_SEND_CURRENT : MCAST_SEND_NOTHING;
}

uint32_t
mcast_decode8(uint8_t code)
{
	if (code < 128)
		return code;
	return ((code & 15u) | 16u) << ((code >> 4 & 7u) + 3);
}

uint32_t
mcast_decode16(uint16_t code)
{
	if (code < 32768)
		return code;
	return ((code & 0xfffu) | 0x1000u) << ((code >> 12 & 7u) + 3);
}
