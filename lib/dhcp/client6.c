/* SPDX-License-Identifier: MIT */
/* The DHCPv6 client. See client6.h. */
#include "dhcp/client6.h"

#include <string.h>

#include "base/macros.h"

#define FOR_EVER UINT32_MAX
#define DAY_MS   86400000u
/* How soon an INFORMATION-REQUEST is repeated when the server does not say (RFC 8415, 21.23). */
#define REFRESH_MS    DAY_MS
#define MIN_REFRESH_S 600u

/* The parameters of each exchange (RFC 8415, 7.6): first and longest retransmission time, how often. */
static const struct exchange {
	uint8_t type;
	uint32_t irt_ms, mrt_ms, mrc;
} exchanges[] = {
	[DHCP6_SOLICITING] = {DHCP6_SOLICIT, 1000, 3600000, 0},
	[DHCP6_REQUESTING] = {DHCP6_REQUEST, 1000, 30000, 10},
	[DHCP6_RENEWING] = {DHCP6_RENEW, 10000, 600000, 0},
	[DHCP6_REBINDING] = {DHCP6_REBIND, 10000, 600000, 0},
	[DHCP6_ASKING] = {DHCP6_INFORMATION_REQUEST, 1000, 3600000, 0},
};

void
dhcp6_client_init(struct dhcp6_client *c, const uint8_t mac[6], uint32_t iaid)
{
	*c = (struct dhcp6_client){.state = DHCP6_STOPPED, .deadline_ms = DHCP_NEVER, .iaid = iaid};
	static const uint8_t link[4] = {0, 3, 0, 1}; /* DUID-LL, Ethernet (RFC 8415, 11.4) */
	memcpy(c->duid.bytes, link, sizeof(link));
	memcpy(c->duid.bytes + sizeof(link), mac, 6);
	c->duid.len = 10;
}

/* v, a tenth to and fro (RFC 8415, 15). */
static uint32_t
spread(uint32_t v, uint32_t random)
{
	uint64_t tenth = v / 10;
	return (uint32_t)(v - tenth + random % (2 * tenth + 1));
}

/* The next retransmission's moment. A solicitation's first time is never shortened (RFC 8415, 18.2.1). */
static void
schedule(struct dhcp6_client *c, uint64_t now_ms, uint32_t random)
{
	const struct exchange *e = &exchanges[c->state];
	if (c->tries == 0) {
		c->rt_ms = spread(e->irt_ms, random);
		if (c->state == DHCP6_SOLICITING)
			c->rt_ms = max(c->rt_ms, e->irt_ms + 1);
	} else {
		uint64_t doubled = c->rt_ms + (uint64_t)spread(c->rt_ms, random);
		c->rt_ms = doubled > e->mrt_ms ? spread(e->mrt_ms, random) : (uint32_t)doubled;
	}
	c->tries++;
	c->deadline_ms = now_ms + c->rt_ms;
	uint64_t end = c->state == DHCP6_RENEWING ? c->lease.rebind_ms
		: c->state == DHCP6_REBINDING     ? c->lease.valid_ms
						  : DHCP_NEVER;
	c->deadline_ms = min(c->deadline_ms, end);
}

static struct dhcp6_action
message_of(const struct dhcp6_client *c, uint8_t type, uint64_t now_ms)
{
	struct dhcp6_action a = {.send = true};
	a.message.type = type;
	a.message.xid = c->xid;
	a.message.client = c->duid;
	a.message.elapsed = (uint16_t)min((now_ms - c->begun_ms) / 10, (uint64_t)UINT16_MAX);
	if (type == DHCP6_INFORMATION_REQUEST)
		return a;
	a.message.has_ia = true;
	a.message.iaid = c->iaid;
	return a;
}

static void
name_address(struct dhcp6_action *a, const uint8_t address[16])
{
	a->message.has_address = true;
	memcpy(a->message.address, address, 16);
}

static struct dhcp6_action
transmit(struct dhcp6_client *c, uint64_t now_ms, uint32_t random)
{
	struct dhcp6_action a = message_of(c, exchanges[c->state].type, now_ms);
	if (c->state == DHCP6_SOLICITING)
		a.message.rapid_commit = true;
	if (c->state == DHCP6_REQUESTING) {
		a.message.server = c->best.server;
		name_address(&a, c->best.address);
	}
	if (c->state == DHCP6_RENEWING)
		a.message.server = c->server;
	if (c->state == DHCP6_RENEWING || c->state == DHCP6_REBINDING)
		name_address(&a, c->lease.address);
	schedule(c, now_ms, random);
	return a;
}

/* Begins an exchange: a transaction of its own. */
static struct dhcp6_action
begin(struct dhcp6_client *c, enum dhcp6_state state, uint64_t now_ms, uint32_t random)
{
	c->state = state;
	c->tries = 0;
	c->xid = random & 0xffffff;
	c->begun_ms = now_ms;
	if (state == DHCP6_SOLICITING)
		c->best = (struct dhcp6_message){0};
	return transmit(c, now_ms, random >> 8);
}

struct dhcp6_action
dhcp6_start(struct dhcp6_client *c, bool stateful, uint64_t now_ms, uint32_t random)
{
	if (!stateful)
		return begin(c, DHCP6_ASKING, now_ms, random);
	if (c->lease.has_address && now_ms < c->lease.valid_ms)
		return begin(c, DHCP6_REBINDING, now_ms,
			random); /* another link perhaps: any server may say */
	bool lost = c->lease.has_address;
	c->lease = (struct dhcp6_lease){0};
	struct dhcp6_action a = begin(c, DHCP6_SOLICITING, now_ms, random);
	a.deconfigure = lost;
	return a;
}

void
dhcp6_stop(struct dhcp6_client *c)
{
	c->state = DHCP6_STOPPED;
	c->deadline_ms = c->lease.has_address ? c->lease.valid_ms : DHCP_NEVER;
}

static struct dhcp6_action
lose(struct dhcp6_client *c, uint64_t now_ms, uint32_t random)
{
	bool lost = c->lease.has_address;
	c->lease = (struct dhcp6_lease){0};
	struct dhcp6_action a = begin(c, DHCP6_SOLICITING, now_ms, random);
	a.deconfigure = lost;
	return a;
}

static struct dhcp6_action
stopped_timer(struct dhcp6_client *c)
{
	struct dhcp6_action a = {.deconfigure = c->lease.has_address};
	c->lease = (struct dhcp6_lease){0};
	c->deadline_ms = DHCP_NEVER;
	return a;
}

struct dhcp6_action
dhcp6_timer(struct dhcp6_client *c, uint64_t now_ms, uint32_t random)
{
	if (now_ms < c->deadline_ms)
		return (struct dhcp6_action){0};
	switch (c->state) {
	case DHCP6_STOPPED:
		return stopped_timer(c);
	case DHCP6_SOLICITING:
		/* The first retransmission time is when offers are compared (RFC 8415, 18.2.1). */
		if (c->best.type != 0)
			return begin(c, DHCP6_REQUESTING, now_ms, random);
		return transmit(c, now_ms, random);
	case DHCP6_REQUESTING:
		if (c->tries >= exchanges[DHCP6_REQUESTING].mrc)
			return begin(c, DHCP6_SOLICITING, now_ms, random);
		return transmit(c, now_ms, random);
	case DHCP6_ASKING:
		return transmit(c, now_ms, random);
	case DHCP6_INFORMED:
		return begin(c, DHCP6_ASKING, now_ms, random);
	default:
		break;
	}
	if (now_ms >= c->lease.valid_ms)
		return lose(c, now_ms, random);
	if (now_ms >= c->lease.rebind_ms)
		return c->state == DHCP6_REBINDING ? transmit(c, now_ms, random)
						   : begin(c, DHCP6_REBINDING, now_ms, random);
	return c->state == DHCP6_RENEWING ? transmit(c, now_ms, random)
					  : begin(c, DHCP6_RENEWING, now_ms, random);
}

static uint32_t
part_of(uint32_t whole, uint32_t numerator, uint32_t denominator)
{
	return whole == FOR_EVER ? FOR_EVER : (uint32_t)((uint64_t)whole * numerator / denominator);
}

static void
take_configuration(struct dhcp6_lease *l, const struct dhcp6_message *m)
{
	l->nr_dns = m->nr_dns;
	memcpy(l->dns, m->dns, sizeof(l->dns));
	memcpy(l->domain, m->domain, sizeof(l->domain));
}

/* T1 and T2 at half and four fifths of the preferred lifetime when the server leaves them to us (RFC 8415, 14.2, 21.4). */
static struct dhcp6_lease
lease_of(const struct dhcp6_message *m, uint64_t now_ms)
{
	struct dhcp6_lease l = {.has_address = true};
	uint32_t t2 = m->t2 != 0 ? m->t2 : part_of(m->preferred, 4, 5);
	uint32_t t1 = m->t1 != 0 ? m->t1 : part_of(m->preferred, 1, 2);
	memcpy(l.address, m->address, 16);
	l.preferred_ms = dhcp_moment(now_ms, m->preferred);
	l.valid_ms = dhcp_moment(now_ms, m->valid);
	l.rebind_ms = min(dhcp_moment(now_ms, t2), l.valid_ms);
	l.renew_ms = min(dhcp_moment(now_ms, t1), l.rebind_ms);
	take_configuration(&l, m);
	return l;
}

static bool
grants_address(const struct dhcp6_client *c, const struct dhcp6_message *m)
{
	return m->status == DHCP6_STATUS_SUCCESS && m->has_ia && m->iaid == c->iaid &&
		m->has_address && m->valid != 0 && m->address[0] != 0xff;
}

static struct dhcp6_action
bind_to(struct dhcp6_client *c, const struct dhcp6_message *m, uint64_t now_ms)
{
	bool other = c->lease.has_address && memcmp(c->lease.address, m->address, 16) != 0;
	c->lease = lease_of(m, now_ms);
	c->server = m->server;
	c->state = DHCP6_BOUND;
	c->deadline_ms = c->lease.renew_ms;
	return (struct dhcp6_action){.deconfigure = other, .configure = true};
}

static struct dhcp6_action
take_advertise(
	struct dhcp6_client *c, const struct dhcp6_message *m, uint64_t now_ms, uint32_t random)
{
	if (!grants_address(c, m) || (c->best.type != 0 && m->preference <= c->best.preference))
		return (struct dhcp6_action){0};
	c->best = *m;
	/* The highest preference, or an offer after the first wait, is taken at once (RFC 8415, 18.2.9). */
	if (m->preference == 255 || c->tries > 1)
		return begin(c, DHCP6_REQUESTING, now_ms, random);
	return (struct dhcp6_action){0};
}

static struct dhcp6_action
take_information(struct dhcp6_client *c, const struct dhcp6_message *m, uint64_t now_ms)
{
	take_configuration(&c->lease, m);
	c->state = DHCP6_INFORMED;
	c->deadline_ms = m->information_refresh == 0
		? now_ms + REFRESH_MS
		: dhcp_moment(now_ms, max(m->information_refresh, MIN_REFRESH_S));
	return (struct dhcp6_action){.configure = true};
}

static struct dhcp6_action
take_reply(struct dhcp6_client *c, const struct dhcp6_message *m, uint64_t now_ms, uint32_t random)
{
	if (grants_address(c, m))
		return bind_to(c, m, now_ms);
	if (m->status == DHCP6_STATUS_SUCCESS && !(m->has_address && m->valid == 0))
		return (struct dhcp6_action){0}; /* nothing for us in it: goes on trying */
	if (m->status == DHCP6_STATUS_NO_BINDING && m->server.len != 0) {
		/* The server has forgotten: a REQUEST to it asks for the same again (RFC 8415, 18.2.10.1). */
		c->best = *m;
		memcpy(c->best.address, c->lease.address, 16);
		return begin(c, DHCP6_REQUESTING, now_ms, random);
	}
	return lose(c, now_ms, random);
}

struct dhcp6_action
dhcp6_input(struct dhcp6_client *c, const struct dhcp6_message *m, uint64_t now_ms, uint32_t random)
{
	struct dhcp6_action none = {0};
	if (m->xid != c->xid || m->client.len != c->duid.len || m->server.len == 0 ||
		memcmp(m->client.bytes, c->duid.bytes, c->duid.len) != 0)
		return none;
	bool asked = c->state == DHCP6_REQUESTING || c->state == DHCP6_RENEWING ||
		c->state == DHCP6_REBINDING;
	if (m->type == DHCP6_ADVERTISE && c->state == DHCP6_SOLICITING)
		return take_advertise(c, m, now_ms, random);
	if (m->type != DHCP6_REPLY)
		return none;
	if (c->state == DHCP6_SOLICITING)
		return m->rapid_commit && grants_address(c, m) ? bind_to(c, m, now_ms) : none;
	if (c->state == DHCP6_ASKING)
		return take_information(c, m, now_ms);
	return asked ? take_reply(c, m, now_ms, random) : none;
}

/* A last word about the address, which nobody waits for an answer to. */
static struct dhcp6_action
part_with(struct dhcp6_client *c, uint8_t type, uint64_t now_ms, uint32_t random)
{
	c->xid = random & 0xffffff;
	c->begun_ms = now_ms;
	struct dhcp6_action a = message_of(c, type, now_ms);
	a.message.server = c->server;
	name_address(&a, c->lease.address);
	a.deconfigure = true;
	c->lease = (struct dhcp6_lease){0};
	return a;
}

struct dhcp6_action
dhcp6_conflict(struct dhcp6_client *c, uint64_t now_ms, uint32_t random)
{
	if (!c->lease.has_address)
		return (struct dhcp6_action){0};
	struct dhcp6_action a = part_with(c, DHCP6_DECLINE, now_ms, random);
	c->state = DHCP6_SOLICITING;
	c->tries = 0;
	c->best = (struct dhcp6_message){0};
	c->deadline_ms = now_ms + exchanges[DHCP6_SOLICITING].irt_ms;
	return a;
}

struct dhcp6_action
dhcp6_release(struct dhcp6_client *c, uint64_t now_ms, uint32_t random)
{
	if (!c->lease.has_address)
		return (struct dhcp6_action){0};
	struct dhcp6_action a = part_with(c, DHCP6_RELEASE, now_ms, random);
	dhcp6_stop(c);
	return a;
}
