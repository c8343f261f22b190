/* SPDX-License-Identifier: MIT */
/* The source address of a way whose route names none. */
#include "core/epochlist.h"
#include "net/ip/internal.h"
#include "net/ip/srcaddr_core.h"

/* IPv4 as Linux: the first address of the interface on the next hop's net, else its first one of a scope that reaches;
 * else that of any interface. */
static bool
select4(const struct netif *nif, const struct net_addr *towards, struct net_addr *out)
{
	const struct ip_addr *first = NULL;
	for (struct ip_addr *a = ip_addr_first(nif, true); a != NULL; a = ip_addr_next(a)) {
		uint32_t mask =
			a->conf.prefix == 0 ? 0 : net_swap32(UINT32_MAX << (32 - a->conf.prefix));
		if (a->conf.scope > ROUTE_SCOPE_LINK)
			continue;
		if (((a->conf.addr.w[3] ^ towards->w[3]) & mask) == 0) {
			*out = a->conf.addr;
			return true;
		}
		if (first == NULL)
			first = a;
	}
	if (first != NULL)
		*out = first->conf.addr;
	return first != NULL;
}

static bool
select4_anywhere(struct net_stack *net, const struct netif *nif, const struct net_addr *towards,
	struct net_addr *out)
{
	struct netif *other;
	if (select4(nif, towards, out))
		return true;
	list_for_each_entry (other, &net->netifs, node) {
		if (other != nif && select4(other, towards, out))
			return true;
	}
	return false;
}

static bool
candidate_of(const struct ip_addr *a, const struct netif *output, struct src_candidate *c)
{
	uint32_t flags = atomic_load_explicit((_Atomic uint32_t *)&a->flags, memory_order_relaxed);
	if ((flags & (IP_ADDR_TENTATIVE | IP_ADDR_DADFAILED)) != 0)
		return false;
	*c = (struct src_candidate){.addr = a->conf.addr,
		.prefix = a->conf.prefix,
		.on_output = a->netif == output,
		.deprecated = (flags & IP_ADDR_DEPRECATED) != 0,
		.temporary = (flags & IP_ADDR_TEMPORARY) != 0};
	return true;
}

/* RFC 6724, 4: groups and link-local destinations take addresses of the outgoing interface only. */
static bool
select6(struct net_stack *net, const struct netif *output, const struct net_addr *dst,
	struct net_addr *out)
{
	bool only_output = net_addr_is_multicast(dst) || net_addr_is_link_local(dst);
	struct src_candidate best = {0}, c;
	bool found = false;
	struct netif *nif;
	list_for_each_entry (nif, &net->netifs, node) {
		if (only_output && nif != output)
			continue;
		for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL;
			a = ip_addr_next(a)) {
			if (!candidate_of(a, output, &c) ||
				(nif != output && net_addr_is_link_local(&c.addr)))
				continue;
			if (!found || srcaddr_is_better(dst, &c, &best))
				best = c;
			found = true;
		}
	}
	*out = best.addr;
	return found;
}

bool
ip_select_source(struct net_stack *net, const struct netif *nif, const struct net_addr *dst,
	struct net_addr *out)
{
	return net_addr_is_v4(dst) ? select4_anywhere(net, nif, dst, out)
				   : select6(net, nif, dst, out);
}
