/* SPDX-License-Identifier: MIT */
/* Address conflict detection. See acd4.h. */
#include "dhcp/acd4.h"

#include <string.h>

#define PROBES      2u
#define PROBE_MS    100u
#define ANNOUNCES   2u /* RFC 5227, 1.1, as is what follows */
#define ANNOUNCE_MS 2000u
#define DEFEND_MS   10000u

void
acd4_init(struct acd4 *a, const uint8_t mac[6])
{
	*a = (struct acd4){.deadline_ms = UINT64_MAX};
	memcpy(a->mac, mac, sizeof(a->mac));
}

/* A probe has no sender's address, so that nobody's table learns one; an announcement has it twice. */
static struct acd4_action
send(const struct acd4 *a, uint32_t sender)
{
	struct acd4_action out = {.send = true};
	out.packet.op = ARP_REQUEST;
	memcpy(out.packet.sender_mac, a->mac, sizeof(a->mac));
	out.packet.sender = sender;
	out.packet.target = a->address;
	return out;
}

static struct acd4_action
next_probe(struct acd4 *a, uint64_t now_ms)
{
	a->sent++;
	a->deadline_ms = now_ms + PROBE_MS;
	return send(a, 0);
}

static struct acd4_action
next_announcement(struct acd4 *a, uint64_t now_ms)
{
	bool last = ++a->sent >= ANNOUNCES;
	a->state = last ? ACD4_HOLDING : ACD4_ANNOUNCING;
	a->deadline_ms = last ? UINT64_MAX : now_ms + ANNOUNCE_MS;
	return send(a, a->address);
}

static void
begin(struct acd4 *a, enum acd4_state state, uint32_t address)
{
	a->state = state;
	a->address = address;
	a->sent = 0;
	a->has_defended = false;
}

struct acd4_action
acd4_probe(struct acd4 *a, uint32_t address, uint64_t now_ms)
{
	begin(a, ACD4_PROBING, address);
	return next_probe(a, now_ms);
}

struct acd4_action
acd4_announce(struct acd4 *a, uint32_t address, uint64_t now_ms)
{
	begin(a, ACD4_ANNOUNCING, address);
	return next_announcement(a, now_ms);
}

void
acd4_stop(struct acd4 *a)
{
	a->state = ACD4_IDLE;
	a->deadline_ms = UINT64_MAX;
}

struct acd4_action
acd4_timer(struct acd4 *a, uint64_t now_ms)
{
	if (now_ms < a->deadline_ms)
		return (struct acd4_action){0};
	if (a->state == ACD4_PROBING && a->sent < PROBES)
		return next_probe(a, now_ms);
	bool claimed = a->state == ACD4_PROBING;
	if (claimed)
		begin(a, ACD4_ANNOUNCING, a->address);
	struct acd4_action out = next_announcement(a, now_ms);
	out.claimed = claimed;
	return out;
}

static struct acd4_action
lose(struct acd4 *a)
{
	acd4_stop(a);
	return (struct acd4_action){.conflict = true};
}

struct acd4_action
acd4_input(struct acd4 *a, const struct arp *p, uint64_t now_ms)
{
	struct acd4_action none = {0};
	if (a->state == ACD4_IDLE || memcmp(p->sender_mac, a->mac, sizeof(a->mac)) == 0)
		return none;
	bool takes = p->sender == a->address;
	if (a->state == ACD4_PROBING) {
		bool probes = p->op == ARP_REQUEST && p->sender == 0 && p->target == a->address;
		return takes || probes ? lose(a) : none;
	}
	if (!takes)
		return none;
	if (a->has_defended && now_ms - a->defended_ms < DEFEND_MS)
		return a->keeps ? none : lose(a);
	a->has_defended = true;
	a->defended_ms = now_ms;
	struct acd4_action out = send(a, a->address);
	out.defended = true;
	return out;
}
