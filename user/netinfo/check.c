/* SPDX-License-Identifier: MIT */
/* Whether the network is what a server needs. */
#include <string.h>

#include "netinfo/netinfo.h"

static bool
link_works(const struct info *info, int index)
{
	const struct info_link *l = info_link_of(info, index);
	return l != NULL && !l->loopback && l->up && l->carrier;
}

static bool
has_link(const struct info *info)
{
	for (const struct info_link *l = info->links; l != NULL; l = l->next)
		if (link_works(info, l->index))
			return true;
	return false;
}

/* An address that reaches beyond the link, on a link that works. */
static bool
counts(const struct info *info, const struct info_address *a)
{
	return a->usable && link_works(info, a->index) && !text_address_is_link_local(&a->address);
}

static bool
has_address(const struct info *info, bool with_prefix)
{
	for (const struct info_address *a = info->addresses; a != NULL; a = a->next)
		if (counts(info, a) && (!with_prefix || a->prefix > 0))
			return true;
	return false;
}

/* family 0: of either. */
static bool
has_gateway(const struct info *info, uint8_t family)
{
	for (const struct info_gateway *g = info->gateways; g != NULL; g = g->next)
		if (g->address.family != 0 && (family == 0 || g->address.family == family) &&
			link_works(info, g->index))
			return true;
	return false;
}

static const char *
check_static6(const struct info *info)
{
	bool found = false, right_prefix = false;
	for (const struct info_address *a = info->addresses; a != NULL; a = a->next) {
		if (a->address.family != 6 || !counts(info, a) || strcmp(a->source, "static") != 0)
			continue;
		found = true;
		right_prefix |= a->prefix == 64;
	}
	if (!found)
		return "no static IPv6 address: set one with `ipv6 ADDRESS/64` in "
		       "/etc/swos/network";
	if (!right_prefix)
		return "the static IPv6 address has no /64 prefix";
	return has_gateway(info, 6)
		? NULL
		: "no IPv6 gateway: set one with `gateway` in /etc/swos/network";
}

const char *
info_check(const struct info *info, bool static6)
{
	if (info->config_invalid)
		return "/etc/swos/network has a mistake (netd's log says where)";
	if (!has_link(info))
		return "no link: no interface but the loopback can carry frames";
	if (!has_address(info, false))
		return "no address beyond the link: no DHCP server or router answered, and none is "
		       "configured";
	if (!has_address(info, true))
		return "no prefix: an address has a prefix of length 0";
	if (!has_gateway(info, 0))
		return "no gateway: nothing beyond the link can be reached";
	if (info->dns == NULL)
		return "no DNS server is known";
	return static6 ? check_static6(info) : NULL;
}
