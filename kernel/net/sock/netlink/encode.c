/* SPDX-License-Identifier: MIT */
/* Route netlink's answers and notifications as bytes. */
#include "message.h"

#include <string.h>

#define STATS64_WORDS 25u /* struct rtnl_link_stats64 up to rx_otherhost_dropped */
#define STATS32_WORDS 24u
#define RTM_LOWER_UP  0x10000u

/* --- Links --- */

static uint8_t
operstate(const struct nl_link_info *l)
{
	if (l->type == 772) /* the loopback interface has no link that could be down */
		return IF_OPER_UNKNOWN;
	return (l->flags & RTM_LOWER_UP) != 0 ? IF_OPER_UP : IF_OPER_DOWN;
}

static void
put_stats(struct nl_buf *b, const struct nl_link_stats *s)
{
	uint64_t wide[STATS64_WORDS] = {s->rx_packets, s->tx_packets, s->rx_bytes, s->tx_bytes,
		s->rx_errors, s->tx_errors, s->rx_dropped, s->tx_dropped, s->multicast};
	uint32_t narrow[STATS32_WORDS];
	for (uint32_t i = 0; i < STATS32_WORDS; i++)
		narrow[i] = (uint32_t)wide[i];
	nl_put(b, IFLA_STATS64, wide, sizeof(wide));
	nl_put(b, IFLA_STATS, narrow, sizeof(narrow));
}

static void
put_inet6(struct nl_buf *b, const struct nl_link_info *l)
{
	nl_put_u32(b, IFLA_INET6_FLAGS, l->inet6_flags);
	nl_put_u8(b, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_STABLE_PRIVACY);
}

static struct ifinfomsg
link_header(const struct nl_link_info *l, uint8_t family)
{
	return (struct ifinfomsg){.ifi_family = family,
		.ifi_type = l->type,
		.ifi_index = (int32_t)l->ifindex,
		.ifi_flags = l->flags,
		.ifi_change = l->change};
}

bool
nl_encode_link(struct nl_buf *b, const struct nlmsghdr *header, const struct nl_link_info *l)
{
	struct ifinfomsg m = link_header(l, NL_AF_UNSPEC);
	uint32_t at = nl_begin(b, header, &m, sizeof(m));
	nl_put_string(b, IFLA_IFNAME, l->name);
	nl_put_u8(b, IFLA_OPERSTATE, operstate(l));
	nl_put_u8(b, IFLA_LINKMODE, 0);
	nl_put_u32(b, IFLA_MTU, l->mtu);
	nl_put_u32(b, IFLA_MIN_MTU, l->min_mtu);
	nl_put_u32(b, IFLA_MAX_MTU, l->max_mtu);
	nl_put_u32(b, IFLA_GROUP, 0);
	nl_put_u32(b, IFLA_PROMISCUITY, l->promiscuity);
	nl_put_u32(b, IFLA_NUM_TX_QUEUES, l->tx_queues);
	nl_put_u32(b, IFLA_NUM_RX_QUEUES, l->rx_queues);
	nl_put_u8(b, IFLA_CARRIER, l->carrier);
	nl_put_string(b, IFLA_QDISC, "noqueue"); /* packets wait in the device's queues alone */
	nl_put(b, IFLA_ADDRESS, l->mac, sizeof(l->mac));
	nl_put(b, IFLA_BROADCAST, l->broadcast, sizeof(l->broadcast));
	if (l->has_stats)
		put_stats(b, &l->stats);
	uint32_t families = nl_nest(b, IFLA_AF_SPEC);
	uint32_t inet6 = nl_nest(b, NL_AF_INET6);
	put_inet6(b, l);
	nl_nest_end(b, inet6);
	nl_nest_end(b, families);
	return nl_end(b, at);
}

bool
nl_encode_link6(struct nl_buf *b, const struct nlmsghdr *header, const struct nl_link_info *l)
{
	struct ifinfomsg m = link_header(l, NL_AF_INET6);
	uint32_t at = nl_begin(b, header, &m, sizeof(m));
	nl_put_string(b, IFLA_IFNAME, l->name);
	nl_put(b, IFLA_ADDRESS, l->mac, sizeof(l->mac));
	nl_put_u32(b, IFLA_MTU, l->mtu);
	nl_put_u8(b, IFLA_OPERSTATE, operstate(l));
	uint32_t nest = nl_nest(b, IFLA_PROTINFO);
	put_inet6(b, l);
	nl_nest_end(b, nest);
	return nl_end(b, at);
}

/* --- Addresses --- */

static bool
is_set(const struct net_addr *a)
{
	return a->d[0] != 0 || a->d[1] != 0;
}

bool
nl_encode_addr(struct nl_buf *b, const struct nlmsghdr *header, const struct nl_addr_info *a)
{
	bool v4 = net_addr_is_v4(&a->local);
	struct ifaddrmsg m = {.ifa_family = v4 ? NL_AF_INET : NL_AF_INET6,
		.ifa_prefixlen = a->prefix,
		.ifa_flags = (uint8_t)a->flags,
		.ifa_scope = a->scope,
		.ifa_index = a->ifindex};
	struct ifa_cacheinfo life = {.ifa_prefered = a->preferred,
		.ifa_valid = a->valid,
		.cstamp = a->created,
		.tstamp = a->updated};
	uint32_t at = nl_begin(b, header, &m, sizeof(m));
	nl_put_addr(b, IFA_ADDRESS, is_set(&a->peer) ? &a->peer : &a->local);
	if (v4 || is_set(&a->peer))
		nl_put_addr(b, IFA_LOCAL, &a->local);
	if (v4 && !net_addr_is_any(&a->broadcast))
		nl_put_addr(b, IFA_BROADCAST, &a->broadcast);
	if (v4)
		nl_put_string(b, IFA_LABEL, a->label);
	nl_put_u32(b, IFA_FLAGS, a->flags);
	if (a->proto != 0)
		nl_put_u8(b, IFA_PROTO, a->proto);
	if (a->metric != 0)
		nl_put_u32(b, IFA_RT_PRIORITY, a->metric);
	nl_put(b, IFA_CACHEINFO, &life, sizeof(life));
	return nl_end(b, at);
}

/* --- Routes --- */

struct rta_cacheinfo {
	uint32_t clntref, lastuse;
	int32_t expires; /* hundredths of seconds */
	uint32_t error, used, id, ts, tsage;
};
_Static_assert(sizeof(struct rta_cacheinfo) == 32, "Linux's layout");

static void
put_cacheinfo(struct nl_buf *b, uint32_t seconds)
{
	struct rta_cacheinfo c = {
		.expires = seconds > INT32_MAX / 100 ? INT32_MAX : (int32_t)(seconds * 100)};
	nl_put(b, RTA_CACHEINFO, &c, sizeof(c));
}

bool
nl_encode_route(struct nl_buf *b, const struct nlmsghdr *header, const struct nl_route_info *r)
{
	struct rtmsg m = {.rtm_family = r->family,
		.rtm_dst_len = r->dst_len,
		.rtm_table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_UNSPEC,
		.rtm_protocol = r->proto,
		.rtm_scope = r->scope,
		.rtm_type = r->type,
		.rtm_flags = r->flags};
	uint32_t at = nl_begin(b, header, &m, sizeof(m));
	nl_put_u32(b, RTA_TABLE, r->table);
	if (r->dst_len != 0)
		nl_put_addr(b, RTA_DST, &r->dst);
	if (r->metric != 0)
		nl_put_u32(b, RTA_PRIORITY, r->metric);
	if (r->has_prefsrc)
		nl_put_addr(b, RTA_PREFSRC, &r->prefsrc);
	if (r->mtu != 0) {
		uint32_t nest = nl_nest(b, RTA_METRICS);
		nl_put_u32(b, RTAX_MTU, r->mtu);
		nl_nest_end(b, nest);
	}
	if (r->has_gateway)
		nl_put_addr(b, RTA_GATEWAY, &r->gateway);
	if (r->oif != 0)
		nl_put_u32(b, RTA_OIF, r->oif);
	if (r->family == NL_AF_INET6) {
		put_cacheinfo(b, r->expires);
		nl_put_u8(b, RTA_PREF, r->pref);
	}
	return nl_end(b, at);
}

/* --- Neighbours --- */

bool
nl_encode_neigh(struct nl_buf *b, const struct nlmsghdr *header, const struct nl_neigh_entry *n)
{
	struct ndmsg m = {.ndm_family = net_addr_is_v4(&n->dst) ? NL_AF_INET : NL_AF_INET6,
		.ndm_ifindex = (int32_t)n->ifindex,
		.ndm_state = n->state,
		.ndm_flags = n->flags,
		.ndm_type = n->type};
	struct nda_cacheinfo c = {.ndm_confirmed = n->confirmed,
		.ndm_used = n->used,
		.ndm_updated = n->updated,
		.ndm_refcnt = n->refs};
	uint32_t at = nl_begin(b, header, &m, sizeof(m));
	nl_put_addr(b, NDA_DST, &n->dst);
	if (n->has_mac)
		nl_put(b, NDA_LLADDR, n->mac, sizeof(n->mac));
	nl_put_u32(b, NDA_PROBES, n->probes);
	nl_put(b, NDA_CACHEINFO, &c, sizeof(c));
	return nl_end(b, at);
}

/* --- Options of router advertisements --- */

bool
nl_encode_nd_option(struct nl_buf *b, const struct nlmsghdr *header, uint32_t ifindex,
	const uint8_t *option, uint16_t len)
{
	struct nduseroptmsg m = {.nduseropt_family = NL_AF_INET6,
		.nduseropt_opts_len = len,
		.nduseropt_ifindex = (int32_t)ifindex,
		.nduseropt_icmp_type = 134}; /* a router advertisement */
	uint32_t at = nl_begin(b, header, &m, sizeof(m));
	nl_put_raw(b, option, len);
	return nl_end(b, at);
}

/* --- Acknowledgements --- */

uint32_t
nl_ack_size(const struct nl_request *r, const struct nl_extack *x)
{
	uint32_t n = 2 * (uint32_t)sizeof(struct nlmsghdr) + 4 + NLMSG_ALIGN(r->len);
	if (x->message != NULL)
		n += NLMSG_ALIGN((uint32_t)strlen(x->message) + 1) + sizeof(struct nlattr);
	return n + 2 * (uint32_t)sizeof(uint32_t);
}

bool
nl_encode_ack(struct nl_buf *b, uint32_t pid, const struct nl_request *r, int error, uint32_t how,
	const struct nl_extack *x)
{
	bool body = error != 0 && (how & NL_ACK_CAPPED) == 0;
	bool tlvs = (how & NL_ACK_TLVS) != 0 && (x->message != NULL || x->bad != NULL);
	struct nlmsghdr h = {.nlmsg_type = NLMSG_ERROR,
		.nlmsg_flags = (uint16_t)((body ? 0 : NLM_F_CAPPED) | (tlvs ? NLM_F_ACK_TLVS : 0)),
		.nlmsg_seq = r->header.nlmsg_seq,
		.nlmsg_pid = pid};
	int32_t e = error;
	uint32_t at = nl_begin(b, &h, &e, sizeof(e));
	nl_put_raw(b, &r->header, sizeof(r->header));
	if (body)
		nl_put_raw(b, r->body, r->len);
	if (tlvs && x->message != NULL)
		nl_put_string(b, NLMSGERR_ATTR_MSG, x->message);
	if (tlvs && x->bad != NULL)
		nl_put_u32(b, NLMSGERR_ATTR_OFFS,
			(uint32_t)(x->bad - r->body) + (uint32_t)sizeof(r->header));
	return nl_end(b, at);
}
