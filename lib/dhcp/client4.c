/* SPDX-License-Identifier: MIT */
/* The DHCPv4 client. See client4.h. */
#include "dhcp/client4.h"

#include <string.h>

#include "base/macros.h"

#define FIRST_RETRY_MS  2000u /* RFC 2131, 4.1 says 4 s: too long for a machine that boots in less */
#define LAST_RETRY_MS   64000u
#define REQUEST_TRIES   5u
#define REBOOT_TRIES    2u
#define MIN_RENEW_MS    60000u /* RFC 2131, 4.4.5 */
#define MIN_WAIT_MS     (uint64_t)1000
#define MAX_WAIT_MS     (uint64_t)200000
#define DECLINE_WAIT_MS 10000u /* RFC 2131, 3.1 */
#define FOR_EVER        UINT32_MAX

void
dhcp4_client_init(struct dhcp4_client *c, const uint8_t mac[6], const char *hostname)
{
	*c = (struct dhcp4_client){.state = DHCP4_STOPPED, .deadline_ms = DHCP_NEVER};
	memcpy(c->mac, mac, sizeof(c->mac));
	c->client_id[0] = 1; /* Ethernet */
	memcpy(c->client_id + 1, mac, 6);
	c->client_id_len = 7;
	size_t n = strlen(hostname);
	if (n <= DHCP4_NAME_MAX)
		memcpy(c->hostname, hostname, n + 1);
}

static bool
has_lease(const struct dhcp4_client *c)
{
	return c->lease.address != 0;
}

/* The wait before the next try: doubled each time, half a second to and fro (RFC 2131, 4.1). */
static uint64_t
retry_after(uint32_t tries, uint32_t random)
{
	uint64_t wait = FIRST_RETRY_MS << min(tries, 5u);
	return min(wait, (uint64_t)LAST_RETRY_MS) - 500 + random % 1001;
}

static struct dhcp4_action
message_of(const struct dhcp4_client *c, uint8_t type, uint64_t now_ms)
{
	struct dhcp4_action a = {.send = true};
	a.message.op = 1;
	a.message.type = type;
	a.message.xid = c->xid;
	a.message.secs = (uint16_t)min((now_ms - c->begun_ms) / 1000, (uint64_t)UINT16_MAX);
	memcpy(a.message.chaddr, c->mac, 6);
	memcpy(a.message.client_id, c->client_id, c->client_id_len);
	a.message.client_id_len = c->client_id_len;
	memcpy(a.message.hostname, c->hostname, sizeof(c->hostname));
	return a;
}

static struct dhcp4_action
send_discover(struct dhcp4_client *c, uint64_t now_ms, uint32_t random)
{
	struct dhcp4_action a = message_of(c, DHCP4_DISCOVER, now_ms);
	c->deadline_ms = now_ms + retry_after(c->tries++, random);
	return a;
}

/* REQUEST as each state words it (RFC 2131, table 4). */
static struct dhcp4_action
send_request(struct dhcp4_client *c, uint64_t now_ms, uint32_t random)
{
	struct dhcp4_action a = message_of(c, DHCP4_REQUEST, now_ms);
	uint64_t until = DHCP_NEVER; /* this state's end */
	switch (c->state) {
	case DHCP4_REQUESTING:
		a.message.requested = c->offered;
		a.message.server_id = c->offered_by;
		break;
	case DHCP4_REBOOTING:
		a.message.requested = c->lease.address;
		break;
	case DHCP4_RENEWING:
		a.message.ciaddr = c->lease.address;
		a.to = c->lease.server;
		until = c->lease.rebind_ms;
		break;
	default: /* REBINDING */
		a.message.ciaddr = c->lease.address;
		until = c->lease.expire_ms;
		break;
	}
	if (until != DHCP_NEVER) {
		uint64_t left = until > now_ms ? until - now_ms : 0;
		c->deadline_ms = now_ms + (left / 2 < MIN_RENEW_MS ? left : left / 2);
	} else {
		c->deadline_ms = now_ms + retry_after(c->tries, random);
	}
	c->tries++;
	return a;
}

static void
enter(struct dhcp4_client *c, enum dhcp4_state state)
{
	c->state = state;
	c->tries = 0;
}

static struct dhcp4_action
begin(struct dhcp4_client *c, enum dhcp4_state state, uint64_t now_ms, uint32_t random)
{
	enter(c, state);
	c->xid = random;
	c->begun_ms = now_ms;
	return state == DHCP4_SELECTING ? send_discover(c, now_ms, random)
					: send_request(c, now_ms, random);
}

/* Forgets the lease and waits before beginning again. */
static struct dhcp4_action
lose(struct dhcp4_client *c, uint64_t wait_ms, uint64_t now_ms)
{
	struct dhcp4_action a = {.deconfigure = has_lease(c)};
	c->lease = (struct dhcp4_lease){0};
	enter(c, DHCP4_WAITING);
	c->deadline_ms = now_ms + wait_ms;
	return a;
}

struct dhcp4_action
dhcp4_start(struct dhcp4_client *c, uint64_t now_ms, uint32_t random)
{
	c->failures = 0;
	if (has_lease(c) && now_ms >= c->lease.expire_ms) {
		struct dhcp4_action a = lose(c, 0, now_ms);
		struct dhcp4_action b = begin(c, DHCP4_SELECTING, now_ms, random);
		b.deconfigure = a.deconfigure;
		return b;
	}
	return begin(c, has_lease(c) ? DHCP4_REBOOTING : DHCP4_SELECTING, now_ms, random);
}

void
dhcp4_stop(struct dhcp4_client *c)
{
	enter(c, DHCP4_STOPPED);
	c->deadline_ms = has_lease(c) ? c->lease.expire_ms : DHCP_NEVER;
}

static struct dhcp4_action
lease_timer(struct dhcp4_client *c, uint64_t now_ms, uint32_t random)
{
	if (now_ms >= c->lease.expire_ms) {
		struct dhcp4_action a = begin(c, DHCP4_SELECTING, now_ms, random);
		c->lease = (struct dhcp4_lease){0};
		a.deconfigure = true;
		return a;
	}
	if (now_ms >= c->lease.rebind_ms)
		return c->state == DHCP4_REBINDING ? send_request(c, now_ms, random)
						   : begin(c, DHCP4_REBINDING, now_ms, random);
	return c->state == DHCP4_RENEWING ? send_request(c, now_ms, random)
					  : begin(c, DHCP4_RENEWING, now_ms, random);
}

struct dhcp4_action
dhcp4_timer(struct dhcp4_client *c, uint64_t now_ms, uint32_t random)
{
	struct dhcp4_action none = {0};
	if (now_ms < c->deadline_ms)
		return none;
	switch (c->state) {
	case DHCP4_STOPPED:
		c->deadline_ms = DHCP_NEVER;
		none.deconfigure = has_lease(c);
		c->lease = (struct dhcp4_lease){0};
		return none;
	case DHCP4_WAITING:
		return begin(c, DHCP4_SELECTING, now_ms, random);
	case DHCP4_SELECTING:
		return send_discover(c, now_ms, random);
	case DHCP4_REQUESTING:
		if (c->tries >= REQUEST_TRIES)
			return begin(c, DHCP4_SELECTING, now_ms, random);
		return send_request(c, now_ms, random);
	case DHCP4_REBOOTING:
		if (now_ms < c->lease.expire_ms && c->tries < REBOOT_TRIES)
			return send_request(c, now_ms, random);
		/* Nobody answers, the lease goes on (RFC 2131, 3.2): its own moments decide what is next. */
		enter(c, DHCP4_BOUND);
		c->deadline_ms = c->lease.renew_ms;
		return now_ms >= c->deadline_ms ? lease_timer(c, now_ms, random) : none;
	default:
		return lease_timer(c, now_ms, random);
	}
}

/* Ones from the top, then zeroes; 0 for anything else that a mask may be. */
static uint8_t
prefix_of(uint32_t mask, uint32_t address)
{
	uint32_t m = __builtin_bswap32(mask);
	if (mask == 0) { /* not said: by class (RFC 791) */
		uint8_t top = (uint8_t)(__builtin_bswap32(address) >> 24);
		return top < 128 ? 8 : top < 192 ? 16 : 24;
	}
	if ((~m & (~m + 1)) != 0)
		return 32; /* holes in it: trust nobody on the link */
	return (uint8_t)__builtin_popcount(m);
}

static bool
is_unicast(uint32_t address)
{
	uint8_t top = (uint8_t)(__builtin_bswap32(address) >> 24);
	return address != 0 && top != 0 && top != 127 && top < 224;
}

/* The lease that an ACK grants, from the moment its request was sent (taken as the moment it came: the later one). */
static struct dhcp4_lease
lease_of(const struct dhcp4_client *c, const struct dhcp4_message *m, uint64_t now_ms)
{
	struct dhcp4_lease l = {
		.address = m->yiaddr,
		.server = m->server_id != 0 ? m->server_id : c->lease.server,
		.prefix = prefix_of(m->subnet_mask, m->yiaddr),
		.mtu = m->mtu,
		.nr_routers = m->nr_routers,
		.nr_dns = m->nr_dns,
		.nr_routes = m->nr_routes,
	};
	uint32_t lease = m->lease, t1 = m->renewal, t2 = m->rebinding;
	if (t2 == 0 || t2 >= lease)
		t2 = lease == FOR_EVER ? FOR_EVER : (uint32_t)((uint64_t)lease * 7 / 8);
	if (t1 == 0 || t1 >= t2)
		t1 = lease == FOR_EVER ? FOR_EVER : min(lease / 2, t2);
	memcpy(l.routers, m->routers, sizeof(l.routers));
	memcpy(l.dns, m->dns, sizeof(l.dns));
	memcpy(l.routes, m->routes, sizeof(l.routes));
	memcpy(l.domain, m->domain, sizeof(l.domain));
	l.renew_ms = dhcp_moment(now_ms, t1);
	l.rebind_ms = dhcp_moment(now_ms, t2);
	l.expire_ms = dhcp_moment(now_ms, lease);
	return l;
}

static struct dhcp4_action
take_ack(struct dhcp4_client *c, const struct dhcp4_message *m, uint64_t now_ms)
{
	struct dhcp4_action a = {0};
	if (!is_unicast(m->yiaddr) || m->lease == 0 ||
		(c->state != DHCP4_REQUESTING && m->yiaddr != c->lease.address) ||
		(c->state == DHCP4_REQUESTING &&
			(m->yiaddr != c->offered || m->server_id != c->offered_by)))
		return a;
	c->lease = lease_of(c, m, now_ms);
	c->failures = 0;
	enter(c, DHCP4_BOUND);
	c->deadline_ms = c->lease.renew_ms;
	a.configure = true;
	return a;
}

static struct dhcp4_action
take_offer(struct dhcp4_client *c, const struct dhcp4_message *m, uint64_t now_ms, uint32_t random)
{
	if (!is_unicast(m->yiaddr) || !is_unicast(m->server_id))
		return (struct dhcp4_action){0};
	c->offered = m->yiaddr;
	c->offered_by = m->server_id;
	enter(c, DHCP4_REQUESTING); /* the same xid, and `secs` go on (RFC 2131, 4.4.1) */
	return send_request(c, now_ms, random);
}

static struct dhcp4_action
take_nak(struct dhcp4_client *c, const struct dhcp4_message *m, uint64_t now_ms)
{
	if (c->state == DHCP4_REQUESTING && m->server_id != c->offered_by)
		return (struct dhcp4_action){0};
	/* The first time it begins again at once: a lease of another network is no reason to wait. */
	uint64_t wait = c->failures == 0 ? 0 : MIN_WAIT_MS << min(c->failures, 8u);
	c->failures++;
	return lose(c, min(wait, MAX_WAIT_MS), now_ms);
}

struct dhcp4_action
dhcp4_input(struct dhcp4_client *c, const struct dhcp4_message *m, uint64_t now_ms, uint32_t random)
{
	struct dhcp4_action none = {0};
	if (m->op != 2 || m->xid != c->xid || memcmp(m->chaddr, c->mac, 6) != 0)
		return none;
	bool asked = c->state == DHCP4_REQUESTING || c->state == DHCP4_REBOOTING ||
		c->state == DHCP4_RENEWING || c->state == DHCP4_REBINDING;
	if (m->type == DHCP4_OFFER && c->state == DHCP4_SELECTING)
		return take_offer(c, m, now_ms, random);
	if (m->type == DHCP4_ACK && asked)
		return take_ack(c, m, now_ms);
	if (m->type == DHCP4_NAK && asked)
		return take_nak(c, m, now_ms);
	return none;
}

struct dhcp4_action
dhcp4_conflict(struct dhcp4_client *c, uint64_t now_ms, uint32_t random)
{
	if (!has_lease(c))
		return (struct dhcp4_action){0};
	c->xid = random;
	c->begun_ms = now_ms;
	struct dhcp4_action a = message_of(c, DHCP4_DECLINE, now_ms);
	a.message.requested = c->lease.address;
	a.message.server_id = c->lease.server;
	a.message.hostname[0] = '\0';
	a.deconfigure = lose(c, DECLINE_WAIT_MS, now_ms).deconfigure;
	return a;
}

struct dhcp4_action
dhcp4_release(struct dhcp4_client *c, uint32_t random)
{
	if (!has_lease(c))
		return (struct dhcp4_action){0};
	c->xid = random;
	struct dhcp4_action a = message_of(c, DHCP4_RELEASE, c->begun_ms);
	a.message.ciaddr = c->lease.address;
	a.message.server_id = c->lease.server;
	a.message.hostname[0] = '\0';
	a.to = c->lease.server;
	c->lease = (struct dhcp4_lease){0};
	dhcp4_stop(c);
	return a;
}
