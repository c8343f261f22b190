/* SPDX-License-Identifier: MIT */
/* Route netlink's requests as values. Everything is looked at before anything is believed. */
#include "message.h"

#include <errno.h>
#include <string.h>

#define SPARE_ATTRS 64u /* longer than any table of kinds here */

/* The fixed part, which must be whole. */
static int
take_fixed(const struct nl_request *r, void *out, uint32_t n, struct nl_extack *x)
{
	if (r->len < n)
		return nl_refuse(x, -EINVAL, "the message is too short");
	memcpy(out, r->body, n);
	return 0;
}

static int
parse_after(const struct nl_request *r, uint32_t fixed, const uint8_t *kinds, uint32_t max,
	struct nl_attr *out, struct nl_extack *x)
{
	return nl_parse(r->body + fixed, r->len - fixed, kinds, max, false, out, x);
}

static bool
family_is_ip(uint8_t family)
{
	return family == NL_AF_INET || family == NL_AF_INET6;
}

static uint8_t
bits_of(uint8_t family)
{
	return family == NL_AF_INET ? 32 : 128;
}

/* Clears the bits behind the first len of a family's address; whether there were any. */
static bool
clear_host_bits(struct net_addr *a, uint8_t family, uint8_t len)
{
	uint32_t bits = len + (family == NL_AF_INET ? 96u : 0u);
	uint8_t lost = 0;
	for (uint32_t i = 0; i < 16; i++) {
		uint8_t keep = bits >= i * 8 + 8 ? 0xff
			: bits <= i * 8          ? 0
						 : (uint8_t)(0xff << (i * 8 + 8 - bits));
		lost |= (uint8_t)(a->b[i] & ~keep);
		a->b[i] &= keep;
	}
	return lost != 0;
}

/* --- Links --- */

static const uint8_t link_kinds[IFLA_MAX_MTU + 1] = {
	[IFLA_ADDRESS] = NL_MAC,
	[IFLA_IFNAME] = NL_STRING,
	[IFLA_MTU] = NL_U32,
	[IFLA_LINKINFO] = NL_NEST,
	[IFLA_EXT_MASK] = NL_U32,
};

int
nl_decode_link(const struct nl_request *r, struct nl_link_request *out, struct nl_extack *x)
{
	struct nl_attr a[IFLA_MAX_MTU + 1];
	struct ifinfomsg m;
	*out = (struct nl_link_request){0};
	int err = take_fixed(r, &m, sizeof(m), x);
	if (err == 0)
		err = parse_after(r, sizeof(m), link_kinds, IFLA_MAX_MTU, a, x);
	if (err != 0)
		return err;
	if (m.ifi_index < 0)
		return nl_refuse(x, -EINVAL, "no interface has a negative number");
	out->family = m.ifi_family;
	out->ifindex = (uint32_t)m.ifi_index;
	out->flags = m.ifi_flags;
	out->change = m.ifi_change;
	out->has_mtu = a[IFLA_MTU].data != NULL;
	out->mtu = nl_u32(&a[IFLA_MTU]);
	out->ext_mask = nl_u32(&a[IFLA_EXT_MASK]);
	out->has_mac = a[IFLA_ADDRESS].data != NULL;
	if (out->has_mac)
		memcpy(out->mac, a[IFLA_ADDRESS].data, sizeof(out->mac));
	nl_name(&a[IFLA_IFNAME], out->name);
	out->has_kind = a[IFLA_LINKINFO].data != NULL;
	out->has_more = a[IFLA_MASTER].data != NULL || a[IFLA_NET_NS_PID].data != NULL ||
		a[IFLA_NET_NS_FD].data != NULL || a[IFLA_IFALIAS].data != NULL ||
		a[IFLA_LINK].data != NULL || a[IFLA_BROADCAST].data != NULL ||
		a[IFLA_TXQLEN].data != NULL || a[IFLA_AF_SPEC].data != NULL ||
		a[IFLA_LINKMODE].data != NULL || a[IFLA_OPERSTATE].data != NULL ||
		a[IFLA_GROUP].data != NULL || a[IFLA_CARRIER].data != NULL;
	return 0;
}

/* --- Addresses --- */

static const uint8_t addr_kinds[IFA_PROTO + 1] = {
	[IFA_ADDRESS] = NL_ADDR,
	[IFA_LOCAL] = NL_ADDR,
	[IFA_LABEL] = NL_STRING,
	[IFA_BROADCAST] = NL_ADDR,
	[IFA_FLAGS] = NL_U32,
	[IFA_RT_PRIORITY] = NL_U32,
	[IFA_PROTO] = NL_U8,
};

static int
take_lifetimes(const struct nl_attr *a, struct nl_addr_request *out, struct nl_extack *x)
{
	struct ifa_cacheinfo c;
	out->preferred = out->valid = NL_FOREVER;
	if (a->data == NULL)
		return 0;
	if (a->len < sizeof(c))
		return nl_refuse_attr(x, -EINVAL, a, "lifetimes of a wrong length");
	memcpy(&c, a->data, sizeof(c));
	if (c.ifa_valid == 0)
		return nl_refuse_attr(x, -EINVAL, a, "the valid lifetime is 0");
	if (c.ifa_prefered > c.ifa_valid)
		return nl_refuse_attr(x, -EINVAL, a, "preferred longer than it is valid");
	out->has_lifetimes = true;
	out->preferred = c.ifa_prefered;
	out->valid = c.ifa_valid;
	return 0;
}

/* The local address and, where the two attributes differ, the peer's. */
static int
take_addresses(const struct nl_attr *a, struct nl_addr_request *out, struct nl_extack *x)
{
	const struct nl_attr *local = &a[IFA_LOCAL], *addr = &a[IFA_ADDRESS];
	struct net_addr other;
	if (local->data == NULL)
		local = addr;
	if (local->data == NULL)
		return 0;
	if (!nl_addr(local, out->family, &out->local))
		return nl_refuse_attr(x, -EINVAL, local, "an address of another family");
	out->has_local = true;
	if (addr->data != NULL) {
		if (!nl_addr(addr, out->family, &other))
			return nl_refuse_attr(x, -EINVAL, addr, "an address of another family");
		if (!net_addr_equal(&other, &out->local))
			out->peer = other;
	}
	if (a[IFA_BROADCAST].data == NULL)
		return 0;
	out->has_broadcast = true;
	if (out->family != NL_AF_INET || !nl_addr(&a[IFA_BROADCAST], NL_AF_INET, &out->broadcast))
		return nl_refuse_attr(x, -EINVAL, &a[IFA_BROADCAST], "no broadcast address");
	return 0;
}

int
nl_decode_addr(const struct nl_request *r, struct nl_addr_request *out, struct nl_extack *x)
{
	struct nl_attr a[IFA_PROTO + 1];
	struct ifaddrmsg m;
	*out = (struct nl_addr_request){0};
	int err = take_fixed(r, &m, sizeof(m), x);
	if (err == 0)
		err = parse_after(r, sizeof(m), addr_kinds, IFA_PROTO, a, x);
	if (err != 0)
		return err;
	out->family = m.ifa_family;
	out->prefix = m.ifa_prefixlen;
	out->scope = m.ifa_scope;
	out->ifindex = m.ifa_index;
	out->flags = a[IFA_FLAGS].data != NULL ? nl_u32(&a[IFA_FLAGS]) : m.ifa_flags;
	out->metric = nl_u32(&a[IFA_RT_PRIORITY]);
	out->proto = nl_u8(&a[IFA_PROTO]);
	nl_name(&a[IFA_LABEL], out->label);
	if (!family_is_ip(out->family))
		return nl_refuse(x, -EAFNOSUPPORT, "not a family that has addresses here");
	if (out->prefix > bits_of(out->family))
		return nl_refuse(x, -EINVAL, "the prefix is longer than an address");
	err = take_lifetimes(&a[IFA_CACHEINFO], out, x);
	return err != 0 ? err : take_addresses(a, out, x);
}

/* --- Routes --- */

static const uint8_t route_kinds[RTA_UID + 1] = {
	[RTA_DST] = NL_ADDR,
	[RTA_SRC] = NL_ADDR,
	[RTA_IIF] = NL_U32,
	[RTA_OIF] = NL_U32,
	[RTA_GATEWAY] = NL_ADDR,
	[RTA_PRIORITY] = NL_U32,
	[RTA_PREFSRC] = NL_ADDR,
	[RTA_METRICS] = NL_NEST,
	[RTA_TABLE] = NL_U32,
	[RTA_MARK] = NL_U32,
	[RTA_PREF] = NL_U8,
	[RTA_EXPIRES] = NL_U32,
};

static const uint8_t metric_kinds[RTAX_HOPLIMIT + 1] = {
	[RTAX_LOCK] = NL_U32,
	[RTAX_MTU] = NL_U32,
};

static int
take_metrics(const struct nl_attr *nest, struct nl_route_request *out, struct nl_extack *x)
{
	struct nl_attr a[RTAX_HOPLIMIT + 1];
	if (nest->data == NULL)
		return 0;
	int err = nl_parse(nest->data, nest->len, metric_kinds, RTAX_HOPLIMIT, true, a, x);
	if (err != 0)
		return err;
	for (uint32_t i = 1; i <= RTAX_HOPLIMIT; i++) {
		if (i != RTAX_MTU && a[i].data != NULL)
			return nl_refuse_attr(x, -EOPNOTSUPP, &a[i],
				"of a route's metrics there is only the MTU");
	}
	out->mtu = nl_u32(&a[RTAX_MTU]);
	return 0;
}

static int
take_route_addr(const struct nl_attr *a, const struct nl_route_request *r, struct net_addr *out,
	bool *has, struct nl_extack *x)
{
	if (a->data == NULL)
		return 0;
	*has = nl_addr(a, r->family, out);
	return *has ? 0 : nl_refuse_attr(x, -EINVAL, a, "an address of another family");
}

static int
take_route_addrs(const struct nl_attr *a, struct nl_route_request *out, struct nl_extack *x)
{
	if (out->family == NL_AF_INET)
		out->dst = net_addr_v4(0);
	int err = take_route_addr(&a[RTA_DST], out, &out->dst, &out->has_dst, x);
	if (err == 0)
		err = take_route_addr(&a[RTA_SRC], out, &out->src, &out->has_src, x);
	if (err == 0)
		err = take_route_addr(&a[RTA_GATEWAY], out, &out->gateway, &out->has_gateway, x);
	if (err == 0)
		err = take_route_addr(&a[RTA_PREFSRC], out, &out->prefsrc, &out->has_prefsrc, x);
	return err;
}

/* What a route elsewhere can have and ours has not. */
static int
check_route_attrs(const struct nl_attr *a, struct nl_extack *x)
{
	static const uint8_t missing[] = {RTA_MULTIPATH, RTA_VIA, RTA_FLOW, RTA_ENCAP};
	for (uint32_t i = 0; i < sizeof(missing); i++) {
		if (a[missing[i]].data != NULL)
			return nl_refuse_attr(x, -EOPNOTSUPP, &a[missing[i]],
				"routes have one way, of their own family");
	}
	return 0;
}

static void
copy_rtmsg(const struct rtmsg *m, struct nl_route_request *out)
{
	out->family = m->rtm_family;
	out->dst_len = m->rtm_dst_len;
	out->type = m->rtm_type;
	out->proto = m->rtm_protocol;
	out->scope = m->rtm_scope;
	out->flags = m->rtm_flags;
	out->tos = m->rtm_tos;
	out->table = m->rtm_table;
}

int
nl_decode_route(const struct nl_request *r, struct nl_route_request *out, struct nl_extack *x)
{
	struct nl_attr a[RTA_UID + 1];
	struct rtmsg m;
	*out = (struct nl_route_request){0};
	int err = take_fixed(r, &m, sizeof(m), x);
	if (err == 0)
		err = parse_after(r, sizeof(m), route_kinds, RTA_UID, a, x);
	if (err != 0)
		return err;
	copy_rtmsg(&m, out);
	if (!family_is_ip(out->family))
		return nl_refuse(x, -EAFNOSUPPORT, "not a family that has routes here");
	if (out->dst_len > bits_of(out->family) || m.rtm_src_len > bits_of(out->family))
		return nl_refuse(x, -EINVAL, "the prefix is longer than an address");
	err = check_route_attrs(a, x);
	if (err == 0)
		err = take_route_addrs(a, out, x);
	if (err == 0)
		err = take_metrics(&a[RTA_METRICS], out, x);
	if (err != 0)
		return err;
	out->oif = nl_u32(&a[RTA_OIF]);
	out->iif = nl_u32(&a[RTA_IIF]);
	out->has_metric = a[RTA_PRIORITY].data != NULL;
	out->metric = nl_u32(&a[RTA_PRIORITY]);
	out->mark = nl_u32(&a[RTA_MARK]);
	out->pref = nl_u8(&a[RTA_PREF]);
	out->expires = nl_u32(&a[RTA_EXPIRES]);
	if (a[RTA_TABLE].data != NULL)
		out->table = nl_u32(&a[RTA_TABLE]);
	if (r->header.nlmsg_type == RTM_GETROUTE)
		return 0;
	if (clear_host_bits(&out->dst, out->family, out->dst_len) && out->family == NL_AF_INET)
		return nl_refuse_attr(
			x, -EINVAL, &a[RTA_DST], "the destination has bits beyond its prefix");
	if (out->family == NL_AF_INET)
		out->dst.w[2] = 0xffff0000u; /* a prefix of 0 cleared it */
	return 0;
}

/* --- Neighbours --- */

static const uint8_t neigh_kinds[NDA_IFINDEX + 1] = {
	[NDA_DST] = NL_ADDR,
	[NDA_LLADDR] = NL_MAC,
};

int
nl_decode_neigh(const struct nl_request *r, struct nl_neigh_request *out, struct nl_extack *x)
{
	struct nl_attr a[NDA_IFINDEX + 1];
	struct ndmsg m;
	*out = (struct nl_neigh_request){0};
	int err = take_fixed(r, &m, sizeof(m), x);
	if (err == 0)
		err = parse_after(r, sizeof(m), neigh_kinds, NDA_IFINDEX, a, x);
	if (err != 0)
		return err;
	out->family = m.ndm_family;
	out->ifindex = (uint32_t)m.ndm_ifindex;
	out->state = m.ndm_state;
	out->flags = m.ndm_flags;
	if (!family_is_ip(out->family))
		return nl_refuse(x, -EAFNOSUPPORT, "not a family that has neighbours here");
	if (a[NDA_DST].data == NULL)
		return nl_refuse(x, -EINVAL, "the neighbour's address is missing");
	if (!nl_addr(&a[NDA_DST], out->family, &out->dst))
		return nl_refuse_attr(x, -EINVAL, &a[NDA_DST], "an address of another family");
	out->has_mac = a[NDA_LLADDR].data != NULL;
	if (out->has_mac)
		memcpy(out->mac, a[NDA_LLADDR].data, sizeof(out->mac));
	return 0;
}

/* --- Dumps --- */

/* The filter that a strict request may have: which attribute is the interface's number. */
static int
decode_strict_links(const struct nl_request *r, struct nl_dump_request *out, struct nl_extack *x)
{
	static const uint8_t kinds[SPARE_ATTRS] = {[IFLA_EXT_MASK] = NL_U32};
	struct nl_attr a[SPARE_ATTRS];
	struct ifinfomsg m;
	int err = take_fixed(r, &m, sizeof(m), x);
	if (err == 0 && (m.ifi_type != 0 || m.ifi_flags != 0 || m.ifi_change != 0))
		err = nl_refuse(x, -EINVAL, "a dump of links has an empty header");
	if (err == 0 && m.ifi_index != 0)
		err = nl_refuse(x, -EINVAL, "a dump of links is not filtered by number");
	if (err == 0)
		err = nl_parse(r->body + sizeof(m), r->len - (uint32_t)sizeof(m), kinds,
			SPARE_ATTRS - 1, true, a, x);
	if (err == 0 && (a[IFLA_MASTER].data != NULL || a[IFLA_LINKINFO].data != NULL)) {
		/* No interface here has a master or a kind: the filter leaves nothing. */
		out->ifindex = UINT32_MAX;
		out->filtered = true;
	}
	if (err == 0)
		out->ext_mask = nl_u32(&a[IFLA_EXT_MASK]);
	return err;
}

static int
decode_strict_addrs(const struct nl_request *r, struct nl_dump_request *out, struct nl_extack *x)
{
	static const uint8_t kinds[IFA_PROTO + 1];
	struct nl_attr a[IFA_PROTO + 1];
	struct ifaddrmsg m;
	int err = take_fixed(r, &m, sizeof(m), x);
	if (err == 0 && (m.ifa_prefixlen != 0 || m.ifa_flags != 0 || m.ifa_scope != 0))
		err = nl_refuse(x, -EINVAL, "a dump of addresses has an empty header");
	if (err == 0)
		err = nl_parse(r->body + sizeof(m), r->len - (uint32_t)sizeof(m), kinds, IFA_PROTO,
			true, a, x);
	if (err != 0)
		return err;
	out->ifindex = m.ifa_index;
	out->filtered = m.ifa_index != 0;
	return 0;
}

static int
decode_strict_routes(const struct nl_request *r, struct nl_dump_request *out, struct nl_extack *x)
{
	struct nl_attr a[RTA_UID + 1];
	struct rtmsg m;
	int err = take_fixed(r, &m, sizeof(m), x);
	if (err == 0 &&
		(m.rtm_dst_len != 0 || m.rtm_src_len != 0 || m.rtm_tos != 0 || m.rtm_scope != 0))
		err = nl_refuse(x, -EINVAL, "a dump of routes has an empty header");
	if (err == 0)
		err = nl_parse(r->body + sizeof(m), r->len - (uint32_t)sizeof(m), route_kinds,
			RTA_UID, true, a, x);
	if (err != 0)
		return err;
	out->table = a[RTA_TABLE].data != NULL ? nl_u32(&a[RTA_TABLE]) : m.rtm_table;
	out->ifindex = nl_u32(&a[RTA_OIF]);
	out->proto = m.rtm_protocol;
	out->type = m.rtm_type;
	out->cloned = (m.rtm_flags & RTM_F_CLONED) != 0;
	out->filtered = out->table != 0 || out->ifindex != 0 || out->proto != 0 || out->type != 0 ||
		out->cloned;
	return 0;
}

static int
decode_strict_neighs(const struct nl_request *r, struct nl_dump_request *out, struct nl_extack *x)
{
	static const uint8_t kinds[NDA_IFINDEX + 2] = {[NDA_IFINDEX] = NL_U32};
	struct nl_attr a[NDA_IFINDEX + 2];
	struct ndmsg m;
	int err = take_fixed(r, &m, sizeof(m), x);
	if (err == 0 && (m.ndm_ifindex != 0 || m.ndm_state != 0 || m.ndm_type != 0))
		err = nl_refuse(x, -EINVAL, "a dump of neighbours has an empty header");
	if (err == 0)
		err = nl_parse(r->body + sizeof(m), r->len - (uint32_t)sizeof(m), kinds,
			NDA_IFINDEX + 1, true, a, x);
	if (err != 0)
		return err;
	out->ifindex = nl_u32(&a[NDA_IFINDEX]);
	out->filtered = out->ifindex != 0;
	if (m.ndm_flags != 0 || a[NDA_IFINDEX + 1].data != NULL) {
		out->ifindex = UINT32_MAX; /* proxies, masters: there are none */
		out->filtered = true;
	}
	return 0;
}

int
nl_decode_dump(
	const struct nl_request *r, bool strict, struct nl_dump_request *out, struct nl_extack *x)
{
	*out = (struct nl_dump_request){0};
	if (r->len < 1)
		return nl_refuse(x, -EINVAL, "the message is too short");
	out->family = r->body[0];
	if (!strict) {
		struct rtmsg m;
		if (r->header.nlmsg_type == RTM_GETROUTE && r->len >= sizeof(m)) {
			memcpy(&m, r->body, sizeof(m));
			out->cloned = (m.rtm_flags & RTM_F_CLONED) != 0;
		}
		return 0;
	}
	switch (r->header.nlmsg_type) {
	case RTM_GETLINK:
		return decode_strict_links(r, out, x);
	case RTM_GETADDR:
		return decode_strict_addrs(r, out, x);
	case RTM_GETROUTE:
		return decode_strict_routes(r, out, x);
	case RTM_GETNEIGH:
		return decode_strict_neighs(r, out, x);
	default:
		return 0;
	}
}
