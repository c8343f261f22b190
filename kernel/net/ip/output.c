/* SPDX-License-Identifier: MIT */
/* IP out: the header, and which of the ways on it takes. See ip.h for the contract, route.h for ways. */
#include <string.h>

#include "core/softirq.h"
#include "crypto/siphash.h"
#include "dev/rng/random.h"
#include "net/ip/internal.h"
#include "net/link/neigh.h"
#include "net/link/netif.h"
#include "wire/checksum.h"
#include "wire/ether.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

/* --- Identifiers of what may be fragmented --- */

/* A counter per bucket of destinations, stepped by a random amount, from a place that only we can compute. */
static uint32_t
next_id(_Atomic uint32_t *ids, uint64_t hash)
{
	uint32_t step = 1 + ((uint32_t)random_u64() & 7);
	uint32_t n =
		atomic_fetch_add_explicit(&ids[hash % IP_ID_BUCKETS], step, memory_order_relaxed);
	return n + (uint32_t)(hash >> 32);
}

uint16_t
ip4_next_id(struct net_stack *net, uint32_t src, uint32_t dst, uint8_t protocol)
{
	uint64_t words[2] = {(uint64_t)src << 32 | dst, protocol};
	return (uint16_t)next_id(net->ip4->ids, siphash_words(net->secrets.ip_id, words, 2));
}

uint32_t
ip6_next_fragment_id(struct net_stack *net, const struct net_addr *src, const struct net_addr *dst)
{
	uint64_t words[4] = {src->d[0], src->d[1], dst->d[0], dst->d[1]};
	return next_id(net->ip6->ids, siphash_words(net->secrets.ip_id, words, 4));
}

/* --- Headers --- */

void
ip4_push_header(struct pkt *p, uint32_t src, uint32_t dst, uint16_t id, bool df, uint8_t tos,
	uint8_t ttl, uint8_t protocol)
{
	uint32_t w[5];
	uint8_t *at = pkt_push(p, IP4_HEADER);
	/* Words as they lie in memory; the sum does not care about byte order. */
	w[0] = 0x45u | (uint32_t)tos << 8 | (uint32_t)net_swap16((uint16_t)p->len) << 16;
	w[1] = (uint32_t)net_swap16(id) | (df ? 0x40u << 16 : 0);
	w[2] = ttl | (uint32_t)protocol << 8;
	w[3] = src;
	w[4] = dst;
	uint64_t sum = (uint64_t)w[0] + w[1] + w[2] + w[3] + w[4];
	w[2] |= (uint32_t)checksum_finish(sum) << 16;
	memcpy(at, w, IP4_HEADER);
	p->net_off = p->head_off;
	p->ethertype = ETHER_TYPE_IP4;
}

void
ip6_push_header(struct pkt *p, const struct net_addr *src, const struct net_addr *dst, uint8_t tos,
	uint8_t ttl, uint8_t next)
{
	uint32_t payload = p->len;
	uint8_t *at = pkt_push(p, IP6_HEADER);
	uint32_t w[2];
	w[0] = net_swap32(6u << 28 | (uint32_t)tos << 20);
	w[1] = (uint32_t)net_swap16((uint16_t)payload) | (uint32_t)next << 16 | (uint32_t)ttl << 24;
	memcpy(at, w, 8);
	memcpy(at + IP6_AT_SOURCE, src, 16);
	memcpy(at + IP6_AT_DEST, dst, 16);
	p->net_off = p->head_off;
	p->ethertype = ETHER_TYPE_IP6;
}

uint16_t
ip_pseudo_sum(const struct net_flow *flow, uint32_t len, uint8_t protocol)
{
	/* The mapped prefix of IPv4 adds 0xffff to each, which is 0 in this arithmetic, so both versions are one. */
	uint64_t sum = (uint64_t)net_swap32(len) + ((uint32_t)protocol << 24);
	sum = checksum_combine(sum, flow->local.d[0]);
	sum = checksum_combine(sum, flow->local.d[1]);
	sum = checksum_combine(sum, flow->remote.d[0]);
	sum = checksum_combine(sum, flow->remote.d[1]);
	return checksum_fold(sum);
}

/* --- Ways on --- */

/* A copy of what goes to a group or to all, for this host too. */
static void
loop_back(struct net_stack *net, struct route_ref *ref, const struct pkt *p)
{
	struct net_addr dst;
	if (ip_pkt_is_v4(p)) {
		uint32_t to;
		memcpy(&to, p->head + p->net_off + IP4_AT_DEST, 4);
		dst = net_addr_v4(to);
	} else {
		memcpy(&dst, p->head + p->net_off + IP6_AT_DEST, 16);
	}
	if (ref->type == ROUTE_TYPE_MULTICAST &&
		((ref->flags & ROUTE_NO_LOOP) != 0 || !ip_group_is_member(ref->netif, &dst)))
		return;
	struct pkt *copy = pkt_clone(p);
	if (copy == NULL) {
		net_count(net, NET_DROP_NO_MEMORY);
		return;
	}
	struct netif *lo = net->loopback;
	copy->netif = lo;
	memset(pkt_push(copy, ETHER_HEADER), 0, ETHER_HEADER - 2);
	pkt_data(copy)[12] = (uint8_t)(copy->ethertype >> 8);
	pkt_data(copy)[13] = (uint8_t)copy->ethertype;
	netif_transmit(lo, copy);
}

void
ip_transmit(struct net_stack *net, struct route_ref *ref, struct pkt *p)
{
	struct netif *nif = ref->netif;
	p->netif = nif;
	if (unlikely(ref->type == ROUTE_TYPE_MULTICAST || ref->type == ROUTE_TYPE_BROADCAST) &&
		nif != net->loopback) {
		loop_back(net, ref, p);
		/* RFC 1112, 6.1: a TTL of 0 does not leave the host. */
		uint32_t at = p->net_off + (ip_pkt_is_v4(p) ? IP4_AT_TTL : IP6_AT_HOP_LIMIT);
		if (p->head[at] == 0) {
			pkt_free(p);
			return;
		}
	}
	neigh_output(ref->neigh, nif, p);
}

static int
output_error(struct net_stack *net, struct pkt *p, int err)
{
	bool no_route = err == -ENETUNREACH || err == -EHOSTUNREACH;
	net_count(net, no_route ? NET_IP_OUT_NO_ROUTES : NET_IP_OUT_DISCARDS);
	pkt_drop(net, p, no_route ? NET_DROP_NO_ROUTE : NET_DROP_OUTPUT);
	return err;
}

static uint8_t
ttl_of(struct net_stack *net, const struct route_ref *ref, uint8_t ttl, bool v4)
{
	if (ref->type == ROUTE_TYPE_MULTICAST)
		return ttl != 0 ? ttl : ref->mcast_ttl != 0 ? ref->mcast_ttl : 1;
	if (ttl != 0)
		return ttl;
	if (!v4) {
		struct in6_device *in6 =
			atomic_load_explicit(&ref->netif->in6, memory_order_acquire);
		uint32_t limit = in6 == NULL
			? 0
			: atomic_load_explicit(&in6->conf.hop_limit, memory_order_relaxed);
		if (limit != 0)
			return (uint8_t)limit;
	}
	return (uint8_t)atomic_load_explicit(&net->ip4->sysctl.default_ttl, memory_order_relaxed);
}

static int
output4(struct net_stack *net, struct route_ref *ref, struct pkt *p, const struct net_flow *flow,
	uint8_t tos, uint8_t ttl, uint8_t protocol)
{
	uint32_t src = flow->local.w[3], dst = flow->remote.w[3];
	bool too_big = p->len + IP4_HEADER > ref->mtu && p->gso == PKT_GSO_NONE;
	if (unlikely(p->len + IP4_HEADER > PKT_LEN_MAX) ||
		(unlikely(too_big) && (ref->flags & (ROUTE_DF | ROUTE_PROBE)) != 0))
		return output_error(net, p, -EMSGSIZE);
	bool df = !too_big && (ref->flags & ROUTE_NO_DF) == 0;
	uint16_t id = df ? 0 : ip4_next_id(net, src, dst, protocol);
	ip4_push_header(p, src, dst, id, df, tos, ttl_of(net, ref, ttl, true), protocol);
	if (unlikely(too_big))
		return ip4_fragment(net, ref, p);
	ip_transmit(net, ref, p);
	return 0;
}

static int
output6(struct net_stack *net, struct route_ref *ref, struct pkt *p, const struct net_flow *flow,
	uint8_t tos, uint8_t ttl, uint8_t protocol)
{
	bool too_big = p->len + IP6_HEADER > ref->mtu && p->gso == PKT_GSO_NONE;
	if (unlikely(p->len > PKT_LEN_MAX) ||
		(unlikely(too_big) && (ref->flags & (ROUTE_DF | ROUTE_PROBE)) != 0))
		return output_error(net, p, -EMSGSIZE);
	ip6_push_header(
		p, &flow->local, &flow->remote, tos, ttl_of(net, ref, ttl, false), protocol);
	if (unlikely(too_big))
		return ip6_fragment(net, ref, p, protocol);
	ip_transmit(net, ref, p);
	return 0;
}

int
ip_output(struct net_stack *net, struct route_ref *ref, struct pkt *p, struct net_flow *flow,
	uint8_t tos, uint8_t ttl, uint8_t protocol)
{
	bool v4 = net_addr_is_v4(&flow->remote);
	net_count(net, NET_IP_OUT_REQUESTS);
	int err = route_check(net, ref, flow);
	if (unlikely(err != 0))
		return output_error(net, p, err);
	p->transport_off = p->head_off;
	p->protocol = protocol;
	return v4 ? output4(net, ref, p, flow, tos, ttl, protocol)
		  : output6(net, ref, p, flow, tos, ttl, protocol);
}

/* --- Headers that the user made --- */

static int
output_raw4(struct net_stack *net, struct route_ref *ref, struct pkt *p, struct net_flow *flow)
{
	uint8_t *h = pkt_data(p);
	size_t header_len = (size_t)(h[0] & 15) * 4;
	uint32_t src;
	if (h[0] >> 4 != 4 || header_len < IP4_HEADER || header_len > p->head_len)
		return output_error(net, p, -EINVAL);
	memcpy(&src, h + IP4_AT_SOURCE, 4);
	if (src == 0)
		memcpy(h + IP4_AT_SOURCE, &flow->local.w[3], 4);
	if ((h[IP4_AT_ID] | h[IP4_AT_ID + 1]) == 0) {
		uint16_t id = net_swap16(
			ip4_next_id(net, flow->local.w[3], flow->remote.w[3], h[IP4_AT_PROTOCOL]));
		memcpy(h + IP4_AT_ID, &id, 2);
	}
	uint16_t len = net_swap16((uint16_t)p->len);
	memcpy(h + IP4_AT_TOTAL_LEN, &len, 2);
	uint16_t sum = ip4_checksum(h, header_len);
	memcpy(h + IP4_AT_CHECKSUM, &sum, 2);
	p->ethertype = ETHER_TYPE_IP4;
	return 0;
}

int
ip_output_raw(struct net_stack *net, struct route_ref *ref, struct pkt *p, struct net_flow *flow)
{
	bool v4 = net_addr_is_v4(&flow->remote);
	uint32_t least = v4 ? IP4_HEADER : IP6_HEADER;
	net_count(net, NET_IP_OUT_REQUESTS);
	int err = route_check(net, ref, flow);
	if (err == 0 && p->len > ref->mtu)
		err = -EMSGSIZE;
	if (err == 0 && p->head_len < least && (p->len < least || !pkt_pull_up(p, least)))
		err = -EINVAL;
	if (err != 0)
		return output_error(net, p, err);
	p->net_off = p->head_off;
	if (v4) {
		err = output_raw4(net, ref, p, flow);
		if (err != 0)
			return err;
	} else if (pkt_data(p)[0] >> 4 != 6) {
		return output_error(net, p, -EINVAL);
	} else {
		p->ethertype = ETHER_TYPE_IP6;
	}
	ip_transmit(net, ref, p);
	return 0;
}
