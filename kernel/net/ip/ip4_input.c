/* SPDX-License-Identifier: MIT */
/*
 * IPv4 in: what arrives is checked, reassembled and delivered, or dropped and counted. Nothing is forwarded; options
 * are skipped, packets with source routes dropped; addresses that cannot be true are not believed (RFC 1122, 3.2.1.3).
 */
#include <string.h>

#include "net/ip/frag.h"
#include "net/ip/internal.h"
#include "net/link/netif.h"
#include "wire/checksum.h"
#include "wire/ip4.h"

static inline bool
is_loopback4(uint32_t a)
{
	return (a & 0xff) == 127;
}

static inline bool
is_multicast4(uint32_t a)
{
	return (a & 0xf0) == 0xe0;
}

/* Sources that nobody has: groups, reserved and broadcast addresses, ours from somewhere else, loopback on a wire. */
static uint16_t
check_addresses(struct netif *nif, const struct pkt *p, uint32_t src, uint32_t dst)
{
	if (nif == nif->net->loopback)
		return 0;
	if ((src & 0xf0) >= 0xe0 || is_loopback4(src) || is_loopback4(dst) ||
		((src & 0xff) == 0 && src != 0))
		return NET_DROP_MARTIAN;
	if (src == 0) /* a host without an address (DHCP) speaks to all */
		return dst == UINT32_MAX || is_multicast4(dst) ? 0 : NET_DROP_MARTIAN;
	struct net_addr a = net_addr_v4(src);
	return likely(route_is_foreign(nif->net->routes4, &a)) ? 0 : NET_DROP_MARTIAN;
}

/* Whether a packet to dst is for this host. */
static bool
is_for_us(struct netif *nif, uint32_t dst)
{
	struct net_addr a = net_addr_v4(dst);
	if (likely(ip_addr_find(nif, &a) != NULL))
		return true;
	if (dst == UINT32_MAX)
		return true;
	if (is_multicast4(dst))
		return ip_group_is_member(nif, &a);
	const struct fib_spec *s = fib_lookup(&nif->net->routes4->fib, &a, 0);
	if (s == NULL || s->table != ROUTE_TABLE_LOCAL)
		return false;
	return s->type == ROUTE_TYPE_LOCAL || s->netif == nif || nif == nif->net->loopback;
}

static uint16_t
reason_of(enum ip4_error err)
{
	return err == IP4_CHECKSUM ? NET_DROP_IP_CHECKSUM
		: err == IP4_SHORT ? NET_DROP_TOO_SHORT
				   : NET_DROP_IP_HEADER;
}

/* Decodes the header; its linear bytes were made sure of. 0 or why it is to be dropped. */
static uint16_t
read_header(struct pkt *p, struct ip4_header *h)
{
	if (unlikely(p->head_len < IP4_HEADER) &&
		(p->len < IP4_HEADER || !pkt_pull_up(p, IP4_HEADER)))
		return NET_DROP_TOO_SHORT;
	uint32_t header_len = (pkt_data(p)[0] & 15u) * 4;
	if (unlikely(p->head_len < header_len) &&
		(p->len < header_len || !pkt_pull_up(p, header_len)))
		return NET_DROP_TOO_SHORT;
	enum ip4_error err = ip4_decode(pkt_data(p), p->head_len, p->len, h);
	if (unlikely(err != IP4_OK))
		return reason_of(err);
	return unlikely(h->source_route) ? NET_DROP_SOURCE_ROUTE : 0;
}

static void
drop(struct netif *nif, struct pkt *p, uint16_t reason)
{
	net_count(nif->net,
		reason == NET_DROP_NOT_LOCAL || reason == NET_DROP_MARTIAN ? NET_IP_IN_ADDR_ERRORS
									   : NET_IP_IN_HDR_ERRORS);
	pkt_drop(nif->net, p, reason);
}

void
ip4_input(struct netif *nif, struct pkt *p)
{
	struct ip4_header h;
	net_count(nif->net, NET_IP_IN_RECEIVES);
	if (unlikely((p->flags & PKT_OTHERHOST) != 0)) {
		pkt_drop(nif->net, p, NET_DROP_OTHER_HOST);
		return;
	}
	uint16_t reason = read_header(p, &h);
	if (likely(reason == 0))
		reason = check_addresses(nif, p, h.src, h.dst);
	if (likely(reason == 0) && unlikely(!is_for_us(nif, h.dst)))
		reason = NET_DROP_NOT_LOCAL;
	if (unlikely(reason != 0)) {
		drop(nif, p, reason);
		return;
	}
	if (unlikely(p->len > h.total_len))
		pkt_trim(p, h.total_len);
	p->net_off = p->head_off;
	p->tos = h.tos;
	p->ttl = h.ttl;
	p->protocol = h.protocol;
	if ((h.tos & 3) == 3)
		p->flags |= PKT_CE;
	if (unlikely(h.more || h.offset != 0)) {
		p = ip4_reassemble(nif, p, &h);
		if (p == NULL)
			return;
	}
	pkt_pull(p, h.header_len);
	p->transport_off = p->head_off;
	ip_deliver(nif, p);
}
