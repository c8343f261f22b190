/* SPDX-License-Identifier: MIT */
/*
 * IPv4 addresses that are configured (RFC 5227). Where the link can carry frames, one is used when nobody on it turned out
 * to have it, which takes 0.2 s; without a carrier at once, and looked for when there is one. What somebody else has is
 * looked for again every minute. What is ours is not given up: a machine that serves under an address is not to lose it
 * to anybody who says that he has it.
 */
#include <stdlib.h>
#include <string.h>

#include "netd/netd.h"
#include "rtnl/rtnl.h"

#define FOR_EVER UINT32_MAX
#define RETRY_MS 60000u /* RFC 5227, 1.1: RATE_LIMIT_INTERVAL */

static void
set_gateway(struct netd *n, struct link *l, bool add)
{
	static const struct text_address any = {.family = 4};
	if (l->config.gateway4.family != 0)
		apply_route(n, l, &any, 0, &l->config.gateway4, RTPROT_STATIC, add);
}

static void
use(struct netd *n, struct link *l, struct claim *c)
{
	if (c->applied)
		return;
	apply_address(n, l, &c->address, c->prefix, FOR_EVER, FOR_EVER);
	set_gateway(n, l, true);
	c->applied = true;
	n->changed = true;
}

/* The last one takes the gateway along. */
static void
give_up(struct netd *n, struct link *l, struct claim *c)
{
	bool others = false;
	apply_no_address(n, l, &c->address, c->prefix);
	c->applied = false;
	for (const struct claim *other = l->lease.next; other != NULL; other = other->next)
		others |= other->applied;
	if (!others)
		set_gateway(n, l, false);
	n->changed = true;
}

static void
probe(struct netd *n, struct link *l, struct claim *c)
{
	uint32_t address;
	memcpy(&address, c->address.bytes, sizeof(address));
	c->retry_ms = DHCP_NEVER;
	conflict4_probe(n, l, c, address);
}

void
static4_add(struct netd *n, struct link *l, const struct text_address *address, uint8_t prefix)
{
	struct claim *c = calloc(1, sizeof(*c)), **end = &l->lease.next;
	if (c == NULL) {
		warn("%s: no memory to look whether an address is in use", l->name);
		apply_address(n, l, address, prefix, FOR_EVER, FOR_EVER);
		return;
	}
	conflict4_init(l, c);
	c->acd.keeps = true;
	c->address = *address;
	c->prefix = prefix;
	while (*end != NULL)
		end = &(*end)->next;
	*end = c;
}

void
static4_carrier(struct netd *n, struct link *l)
{
	for (struct claim *c = l->lease.next; c != NULL; c = c->next) {
		if (l->carrier) {
			probe(n, l, c);
			continue;
		}
		conflict4_stop(c);
		c->retry_ms = DHCP_NEVER;
		if (!c->taken)
			use(n, l, c);
	}
}

void
static4_forget(struct link *l)
{
	struct claim *c = l->lease.next;
	l->lease.next = NULL;
	while (c != NULL) {
		struct claim *next = c->next;
		conflict4_stop(c);
		free(c);
		c = next;
	}
}

bool
static4_is_coming(const struct link *l)
{
	bool coming = false;
	for (const struct claim *c = l->lease.next; c != NULL; c = c->next)
		coming |= c->acd.state == ACD4_PROBING && !c->taken;
	return coming;
}

void
static4_timer(struct netd *n, struct link *l, uint64_t now)
{
	for (struct claim *c = l->lease.next; c != NULL; c = c->next)
		if (now >= c->retry_ms)
			probe(n, l, c);
}

static void
say(const struct link *l, const struct claim *c, const char *what)
{
	char text[TEXT_ADDRESS_MAX];
	text_address_format(&c->address, text);
	warn("%s: %s: %s", l->name, text, what);
}

void
static4_claimed(struct netd *n, struct link *l, struct claim *c)
{
	if (c->taken)
		say(l, c, "nobody else has it any more");
	c->taken = false;
	use(n, l, c);
}

void
static4_taken(struct netd *n, struct link *l, struct claim *c)
{
	if (!c->taken)
		say(l, c, "somebody else has it, so it is not used");
	c->taken = true;
	c->retry_ms = now_ms() + RETRY_MS;
	conflict4_stop(c);
	give_up(n, l, c);
}

void
static4_defended(const struct link *l, const struct claim *c)
{
	say(l, c, "somebody else says that it is his");
}
