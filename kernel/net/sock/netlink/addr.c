/* SPDX-License-Identifier: MIT */
/* Addresses over netlink: RTM_GETADDR, NEWADDR, DELADDR. */
#include <string.h>

#include "core/timer.h"
#include "net/ip/internal.h"
#include "net/sock/netlink/netlink.h"

/* Flags that a request may set; the others are results. */
#define SETTABLE (IP_ADDR_NODAD | IP_ADDR_NOPREFIX)

static uint32_t
seconds_left(nsec_t until, nsec_t now)
{
	if (until == DEADLINE_NEVER)
		return NL_FOREVER;
	if (until <= now)
		return 0;
	/* Whole seconds, rounded so that what was set is what is read at once. */
	uint64_t s = (until - now + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
	return s >= NL_FOREVER ? NL_FOREVER - 1 : (uint32_t)s;
}

static nsec_t
moment_of(uint32_t seconds, nsec_t now)
{
	return seconds == NL_FOREVER ? DEADLINE_NEVER : now + (nsec_t)seconds * NSEC_PER_SEC;
}

static uint32_t
hundredths(nsec_t t)
{
	return (uint32_t)(t / (NSEC_PER_SEC / 100));
}

void
nl_describe_addr(const struct ip_addr *a, struct nl_addr_info *out)
{
	const struct ip_addr_config *c = &a->conf;
	uint32_t flags = atomic_load_explicit((_Atomic uint32_t *)&a->flags, memory_order_relaxed);
	nsec_t now = time_now();
	*out = (struct nl_addr_info){.local = c->addr,
		.peer = c->peer,
		.broadcast = c->broadcast,
		.ifindex = a->netif->index,
		.flags = flags,
		.preferred = seconds_left(c->preferred_until, now),
		.valid = seconds_left(c->valid_until, now),
		.metric = c->metric,
		.created = hundredths(c->created),
		.updated = hundredths(c->updated),
		.prefix = c->prefix,
		.scope = c->scope,
		.proto = c->proto};
	memcpy(out->label, c->label, sizeof(out->label));
	out->label[sizeof(out->label) - 1] = 0;
}

/* One interface's, from d->index on; false: full. */
static bool
fill_netif(struct nl_dump *d, struct nl_buf *b, struct netif *nif, bool v4)
{
	uint32_t i = 0;
	for (struct ip_addr *a = ip_addr_first(nif, v4); a != NULL; a = ip_addr_next(a), i++) {
		struct nl_addr_info info;
		if (i < d->index)
			continue;
		nl_describe_addr(a, &info);
		if (!nl_encode_addr(b, &d->header, &info))
			return false;
		d->index++;
	}
	return true;
}

static bool
fill_family(struct nl_dump *d, struct nl_buf *b, bool v4)
{
	struct netif *nif;
	/* d->ifindex: the last that is complete. */
	list_for_each_entry (nif, &d->net->netifs, node) {
		if (nif->index <= d->ifindex)
			continue;
		if ((d->want.ifindex == 0 || d->want.ifindex == nif->index) &&
			!fill_netif(d, b, nif, v4))
			return false;
		d->ifindex = nif->index;
		d->index = 0;
	}
	return true;
}

bool
nl_fill_addrs(struct nl_dump *d, struct nl_buf *b)
{
	for (uint8_t family; (family = nl_dump_family(d)) != 0;) {
		if (!fill_family(d, b, family == NL_AF_INET))
			return false;
		d->family_index++;
		d->ifindex = d->index = 0;
	}
	return true;
}

static uint8_t
scope_of(const struct nl_addr_request *r)
{
	if (r->family == NL_AF_INET)
		return r->scope;
	return net_addr_is_loopback(&r->local)      ? ROUTE_SCOPE_HOST
		: net_addr_is_link_local(&r->local) ? ROUTE_SCOPE_LINK
						    : ROUTE_SCOPE_UNIVERSE;
}

int
nl_addr_new(struct nl_call *c)
{
	struct nl_addr_request r;
	struct netif *nif;
	uint16_t how = c->request->header.nlmsg_flags;
	int err = nl_decode_addr(c->request, &r, &c->extack);
	if (err == 0 && !r.has_local)
		err = nl_refuse(&c->extack, -EINVAL, "the address is missing");
	if (err == 0)
		err = nl_find_netif(c, r.ifindex, &nif);
	if (err != 0)
		return err;
	const struct in6_device *in6 = atomic_load_explicit(&nif->in6, memory_order_acquire);
	if (r.family == NL_AF_INET6 && in6 != NULL &&
		atomic_load_explicit(&in6->conf.disable_ipv6, memory_order_relaxed) != 0)
		return nl_refuse(&c->extack, -EACCES, "IPv6 is disabled on the interface");
	nsec_t now = time_now();
	struct ip_addr_config conf = {.addr = r.local,
		.peer = r.peer,
		.broadcast = r.broadcast,
		.prefix = r.prefix,
		.scope = scope_of(&r),
		.proto = r.proto,
		.flags = (r.flags & SETTABLE) | (r.preferred == 0 ? IP_ADDR_DEPRECATED : 0),
		.metric = r.metric,
		.valid_until = moment_of(r.valid, now),
		.preferred_until = moment_of(r.preferred, now)};
	memcpy(conf.label, r.label, sizeof(conf.label));
	err = ip_addr_add(nif, &conf, (how & (NLM_F_REPLACE | NLM_F_EXCL)) == NLM_F_REPLACE);
	if (err == -EEXIST)
		nl_refuse(&c->extack, err, "the address is there already");
	if (err == -EINVAL)
		nl_refuse(&c->extack, err, "a host cannot have this address");
	return err;
}

int
nl_addr_del(struct nl_call *c)
{
	struct nl_addr_request r;
	struct netif *nif;
	int err = nl_decode_addr(c->request, &r, &c->extack);
	if (err == 0 && !r.has_local)
		err = nl_refuse(&c->extack, -EINVAL, "the address is missing");
	if (err == 0)
		err = nl_find_netif(c, r.ifindex, &nif);
	if (err != 0)
		return err;
	/* IPv4: without IFA_ADDRESS's prefix any does, as busybox's `ip addr del` without one has it. */
	err = ip_addr_del(nif, &r.local, r.prefix != 0 ? r.prefix : 255);
	return err == 0 ? 0 : nl_refuse(&c->extack, err, "the interface has no such address");
}
