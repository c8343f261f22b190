/* SPDX-License-Identifier: MIT */
/* IPv6 in: header, extension headers, fragments; what is ours is delivered, nothing is forwarded (RFC 8200). */
#include <string.h>

#include "net/ip/frag.h"
#include "net/ip/internal.h"
#include "wire/icmp.h"
#include "wire/ip6.h"

#define CHAIN_MAX 256u /* bytes of headers that are looked at; what begins behind is dropped */

static bool
has_bad_addresses(const struct netif *nif, const struct net_addr *src, const struct net_addr *dst)
{
	if (nif == nif->net->loopback)
		return false;
	if (net_addr_is_multicast(src) || net_addr_is_loopback(src) || net_addr_is_loopback(dst))
		return true;
	/* Mapped addresses are for inside a host; the group of an interface's scope stays inside too. */
	if (net_addr_is_v4(src) || net_addr_is_v4(dst) ||
		(dst->b[0] == 0xff && (dst->b[1] & 15) <= 1))
		return true;
	if (net_addr_is_any(src))
		return false;
	if (likely(route_is_foreign(nif->net->routes6, src)))
		return false;
	/* From ourselves, on a wire: a link-local address may be another link's; one that is still being checked is
	 * that of the host which has it already. */
	const struct ip_addr *own = ip_addr_find(nif, src);
	if (own == NULL)
		return !net_addr_is_link_local(src);
	return (atomic_load_explicit((_Atomic uint32_t *)&own->flags, memory_order_relaxed) &
		       IP_ADDR_TENTATIVE) == 0;
}

static bool
is_for_us(struct netif *nif, const struct net_addr *dst)
{
	if (ip_addr_find(nif, dst) != NULL)
		return true;
	if (net_addr_is_multicast(dst))
		return ip_group_is_member(nif, dst);
	bool scoped = net_addr_is_link_local(dst) && nif != nif->net->loopback;
	const struct fib_spec *s =
		fib_lookup(&nif->net->routes6->fib, dst, scoped ? nif->index : 0);
	return s != NULL && s->table == ROUTE_TABLE_LOCAL && s->type == ROUTE_TYPE_LOCAL;
}

static void
drop(struct netif *nif, struct pkt *p, uint16_t reason)
{
	net_count(nif->net,
		reason == NET_DROP_NOT_LOCAL || reason == NET_DROP_MARTIAN ? NET_IP6_IN_ADDR_ERRORS
									   : NET_IP6_IN_HDR_ERRORS);
	pkt_drop(nif->net, p, reason);
}

/* A packet whose extension headers are wrong: tells its source what RFC 8200 has it told. */
static void
refuse(struct netif *nif, struct pkt *p, enum ip6_error err, const struct ip6_walk *w)
{
	struct net_addr dst;
	memcpy(&dst, pkt_data(p) + IP6_AT_DEST, 16);
	bool group = net_addr_is_multicast(&dst);
	if (err == IP6_BAD_FIELD && !group)
		icmp6_send_error(p, ICMP6_PARAMETER, ICMP6_BAD_FIELD, w->pointer);
	else if (err == IP6_BAD_NEXT && !group)
		icmp6_send_error(p, ICMP6_PARAMETER, ICMP6_BAD_NEXT, w->pointer);
	else if (err == IP6_BAD_OPTION && (!group || w->tell_multicast))
		icmp6_send_error(p, ICMP6_PARAMETER, ICMP6_BAD_OPTION, w->pointer);
	drop(nif, p, err == IP6_SHORT ? NET_DROP_TOO_SHORT : NET_DROP_EXTENSION);
}

static bool
is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
		next == IPPROTO_DSTOPTS;
}

/* Walks the extension headers. Returns p with its data still at the IPv6 header, or NULL: it was taken. */
static struct pkt *
walk_chain(struct netif *nif, struct pkt *p, struct ip6_walk *w)
{
	for (uint32_t rounds = 0; rounds < 2; rounds++) {
		uint32_t want = p->len < CHAIN_MAX ? p->len : CHAIN_MAX;
		while (want > p->head_len && !pkt_pull_up(p, want)) {
			if (want <= IP6_HEADER + 8) {
				drop(nif, p, NET_DROP_TOO_SHORT);
				return NULL;
			}
			want -= 8; /* the linear part has less room */
		}
		enum ip6_error err = ip6_walk(pkt_data(p), p->head_len, w);
		if (err != IP6_OK) {
			refuse(nif, p, err, w);
			return NULL;
		}
		bool atomic = w->fragment_at != 0 && w->fragment.offset == 0 && !w->fragment.more;
		if (w->fragment_at == 0 ||
			atomic) { /* RFC 6946: on its own, whatever else has its id */
			p->flags |= atomic ? PKT_FRAGMENT : 0;
			return p;
		}
		p = ip6_reassemble(nif, p, w);
		if (p == NULL)
			return NULL;
		p->flags |= PKT_FRAGMENT;
	}
	drop(nif, p, NET_DROP_EXTENSION); /* fragments of fragments */
	return NULL;
}

void
ip6_input(struct netif *nif, struct pkt *p)
{
	struct ip6_header h;
	struct net_addr src, dst;
	net_count(nif->net, NET_IP6_IN_RECEIVES);
	if (unlikely((p->flags & PKT_OTHERHOST) != 0)) {
		pkt_drop(nif->net, p, NET_DROP_OTHER_HOST);
		return;
	}
	if (unlikely(p->head_len < IP6_HEADER) &&
		(p->len < IP6_HEADER || !pkt_pull_up(p, IP6_HEADER))) {
		drop(nif, p, NET_DROP_TOO_SHORT);
		return;
	}
	if (unlikely(in6_is_disabled(nif))) {
		pkt_drop(nif->net, p, NET_DROP_IP6_DISABLED);
		return;
	}
	enum ip6_error err = ip6_decode(pkt_data(p), p->head_len, p->len, &h);
	if (unlikely(err != IP6_OK)) {
		drop(nif, p, err == IP6_SHORT ? NET_DROP_TOO_SHORT : NET_DROP_IP_HEADER);
		return;
	}
	memcpy(&src, h.src, 16);
	memcpy(&dst, h.dst, 16);
	if (unlikely(has_bad_addresses(nif, &src, &dst))) {
		drop(nif, p, NET_DROP_MARTIAN);
		return;
	}
	if (unlikely(!is_for_us(nif, &dst))) {
		drop(nif, p, NET_DROP_NOT_LOCAL);
		return;
	}
	if (unlikely(p->len > h.payload_len + IP6_HEADER))
		pkt_trim(p, h.payload_len + IP6_HEADER);
	p->net_off = p->head_off;
	p->tos = h.traffic_class;
	p->ttl = h.hop_limit;
	struct ip6_walk w = {.transport = IP6_HEADER, .protocol = h.next};
	if (unlikely(is_extension(h.next))) {
		p = walk_chain(nif, p, &w);
		if (p == NULL)
			return;
	}
	if ((p->tos & 3) == 3)
		p->flags |= PKT_CE;
	p->protocol = w.protocol;
	pkt_pull(p, w.transport);
	p->transport_off = p->head_off;
	ip_deliver(nif, p);
}
