/* SPDX-License-Identifier: MIT */
/* ICMPv6 (RFC 4443): echo, errors both ways, and the way to neighbour discovery and MLD. Redirects are not heeded. */
#include <string.h>

#include "core/softirq.h"
#include "net/ip/internal.h"
#include "net/ip/mcast.h"
#include "net/ip/nd.h"
#include "net/link/neigh.h"
#include "net/udp/udp_impl.h"
#include "wire/checksum.h"
#include "wire/ether.h"
#include "wire/icmp.h"
#include "wire/ip6.h"

#define LINEAR_MAX 192u /* what messages of neighbour discovery and errors are read from */

/* data: at the ICMPv6 header. */
static void
finish_checksum(struct pkt *p, const struct net_flow *flow)
{
	uint8_t *at = pkt_data(p);
	at[2] = at[3] = 0;
	uint16_t pseudo = ip_pseudo_sum(flow, p->len, IPPROTO_ICMPV6);
	uint16_t sum = (uint16_t)~pkt_checksum(p, 0, p->len, pseudo);
	memcpy(at + 2, &sum, 2);
}

static bool
checksum_is_good(const struct pkt *p, const struct net_flow *flow)
{
	if (p->csum == PKT_CSUM_GOOD)
		return true;
	return pkt_checksum(p, 0, p->len, ip_pseudo_sum(flow, p->len, IPPROTO_ICMPV6)) == 0xffff;
}

static void
send_from(struct net_stack *net, struct pkt *p, struct net_flow *flow, uint8_t tos)
{
	struct route_ref ref;
	route_ref_init(&ref);
	/* The checksum covers the source: it is settled first. */
	int err = route_resolve(net, &ref, flow);
	if (err != 0) {
		net_count(net, NET_IP_OUT_NO_ROUTES);
		pkt_drop(net, p, NET_DROP_NO_ROUTE);
		return;
	}
	finish_checksum(p, flow);
	icmp_count(net, false, ICMP_WAY_OUT, pkt_data(p)[0]);
	(void)ip_output(net, &ref, p, flow, tos, 0, IPPROTO_ICMPV6); /* dropped and counted */
	route_ref_drop(&ref);
}

void
icmp6_send_link(struct netif *nif, const struct net_addr *src, const struct net_addr *dst,
	const void *message, size_t n, const uint8_t *mac, bool router_alert)
{
	/* RFC 3810, 5: a hop-by-hop header with the alert and two bytes of padding. */
	static const uint8_t alert[8] = {IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0};
	struct net_flow flow = {.local = *src, .remote = *dst};
	struct net_stack *net = nif->net;
	struct pkt *p = pkt_alloc();
	struct neigh *neigh = mac == NULL ? neigh_get_for(nif, dst) : NULL;
	if (p == NULL || n > pkt_tailroom(p) || (mac == NULL && neigh == NULL)) {
		net_count(net, NET_DROP_NO_MEMORY);
		pkt_free(p);
		if (neigh != NULL)
			neigh_put(neigh);
		return;
	}
	memcpy(pkt_put(p, (uint32_t)n), message, n);
	finish_checksum(p, &flow);
	p->transport_off = p->head_off;
	if (router_alert)
		memcpy(pkt_push(p, 8), alert, sizeof(alert));
	ip6_push_header(p, src, dst, 0, router_alert ? 1 : 255,
		router_alert ? IPPROTO_HOPOPTS : IPPROTO_ICMPV6);
	p->netif = nif;
	p->protocol = IPPROTO_ICMPV6;
	icmp_count(net, false, ICMP_WAY_OUT, *(const uint8_t *)message);
	if (neigh != NULL) {
		neigh_output(neigh, nif, p);
		neigh_put(neigh);
		return;
	}
	ether_write(pkt_push(p, ETHER_HEADER), mac, nif->mac, ETHER_TYPE_IP6);
	netif_transmit(nif, p);
}

/* --- Echo --- */

static void
echo_reply(struct netif *nif, struct pkt *p, struct net_flow *flow, uint16_t reason)
{
	struct net_stack *net = nif->net;
	bool group = net_addr_is_multicast(&flow->local);
	if (net_addr_is_any(&flow->remote) || p->head_off < IP6_HEADER + ETHER_HEADER)
		reason = NET_DROP_ICMP_IGNORED;
	if (reason != 0 ||
		atomic_load_explicit(
			&net->ip4->sysctl.icmp_echo_ignore_all, memory_order_relaxed) != 0) {
		pkt_drop(net, p, NET_DROP_ICMP_IGNORED);
		return;
	}
	if (group) /* RFC 4443, 4.2: from an address of the interface */
		flow->local = (struct net_addr){0};
	if (!net_addr_is_link_local(&flow->remote))
		flow->ifindex = 0;
	uint8_t tos = p->tos;
	pkt_data(p)[0] = ICMP6_ECHO_REPLY;
	p->csum = PKT_CSUM_NONE;
	p->gso = PKT_GSO_NONE;
	p->flags = 0;
	p->hash = 0;
	send_from(net, p, flow, tos);
}

/* --- Errors that came in --- */

static void
error_input(
	struct netif *nif, struct pkt *p, const struct icmp_header *h, const struct net_flow *outer)
{
	struct net_stack *net = nif->net;
	struct icmp_inner inner;
	struct ip_error e = {.netif = nif, .type = h->type, .code = h->code, .pkt = p};
	e.error = icmp6_errno(h->type, h->code, &e.hard);
	if (e.error == 0 ||
		!icmp6_decode_inner(pkt_data(p) + ICMP_HEADER, p->head_len - ICMP_HEADER, &inner))
		return;
	memcpy(&e.flow.local, inner.src, 16);
	memcpy(&e.flow.remote, inner.dst, 16);
	e.flow.ifindex = nif->index;
	if (ip_classify(net, &e.flow.local, 0) != IP_LOCAL)
		return;
	e.offender = outer->remote;
	e.protocol = inner.protocol;
	e.transport = inner.transport;
	e.transport_len = (uint32_t)inner.transport_len;
	memcpy(&e.flow.local_port, inner.transport, 2);
	memcpy(&e.flow.remote_port, inner.transport + 2, 2);
	if (e.error == EMSGSIZE)
		e.mtu = h->word < IP6_MIN_MTU ? IP6_MIN_MTU : h->word;
	if (e.protocol == IPPROTO_ICMPV6)
		ping_error(net, &e);
	else
		ip_report_error(net, &e);
}

/* --- In --- */

/* What is only believed from the link itself (RFC 4861, 6.1 and 7.1), and in one piece (RFC 6980). */
static void
discovery_input(struct netif *nif, struct pkt *p, uint8_t type, uint8_t code)
{
	if (p->ttl != 255 || code != 0 || (p->flags & PKT_FRAGMENT) != 0) {
		pkt_drop(nif->net, p, NET_DROP_ND_INVALID);
		return;
	}
	if (type == ICMP6_NEIGH_SOLICIT)
		nd_solicit_input(nif, p);
	else if (type == ICMP6_NEIGH_ADVERT)
		nd_advert_input(nif, p);
	else if (type == ICMP6_ROUTER_ADVERT)
		nd_router_advert_input(nif, p);
	pkt_free(p);
}

static void
dispatch(struct netif *nif, struct pkt *p, const struct icmp_header *h, struct net_flow *flow)
{
	switch (h->type) {
	case ICMP6_ECHO:
		echo_reply(nif, p, flow, 0);
		break;
	case ICMP6_ECHO_REPLY:
		ping_input(nif, p, h->id);
		break;
	case ICMP6_NEIGH_SOLICIT:
	case ICMP6_NEIGH_ADVERT:
	case ICMP6_ROUTER_ADVERT:
		discovery_input(nif, p, h->type, h->code);
		break;
	case ICMP6_MLD_QUERY:
	case ICMP6_MLD_REPORT:
		mld_input(nif, p);
		pkt_free(p);
		break;
	default:
		if (icmp6_is_error(h->type)) {
			error_input(nif, p, h, flow);
			pkt_free(p);
		} else {
			pkt_drop(nif->net, p, NET_DROP_ICMP_IGNORED);
		}
	}
}

void
icmp6_input(struct netif *nif, struct pkt *p)
{
	struct net_stack *net = nif->net;
	struct net_flow flow = {0};
	struct icmp_header h;
	net_count(net, NET_ICMP6_IN_MSGS);
	ip_flow_of(p, &flow);
	if (!checksum_is_good(p, &flow)) {
		net_count(net, NET_ICMP6_IN_ERRORS);
		pkt_drop(net, p, NET_DROP_ICMP_CHECKSUM);
		return;
	}
	/* As much as there is room for; messages of neighbour discovery that are longer are dropped by their length. */
	uint32_t room = min(LINEAR_MAX, (uint32_t)(PKT_HEAD - p->head_off));
	uint32_t want = min(p->len, room);
	if (p->len < ICMP_HEADER || (p->head_len < want && !pkt_pull_up(p, want)) ||
		!icmp_decode(pkt_data(p), p->head_len, &h)) {
		pkt_drop(net, p, NET_DROP_TOO_SHORT);
		return;
	}
	icmp_count(net, false, ICMP_WAY_IN, h.type);
	dispatch(nif, p, &h, &flow);
}

/* --- Errors that go out --- */

/* RFC 4443, 2.4 (e). */
static bool
may_tell(const struct pkt *p, const struct net_flow *flow, uint8_t type, uint8_t code)
{
	uint8_t copy[256], protocol;
	bool about_group = (p->flags & (PKT_BROADCAST | PKT_MULTICAST)) != 0 ||
		net_addr_is_multicast(&flow->local);
	if (about_group &&
		!(type == ICMP6_TOO_BIG || (type == ICMP6_PARAMETER && code == ICMP6_BAD_OPTION)))
		return false;
	if (net_addr_is_any(&flow->remote) || net_addr_is_multicast(&flow->remote))
		return false;
	uint32_t back = (uint32_t)p->head_off - p->net_off;
	uint32_t n = min(p->len + back, (uint32_t)sizeof(copy));
	memcpy(copy, p->head + p->net_off, min(n, back));
	if (n > back)
		pkt_copy_out(p, 0, copy + back, n - back);
	size_t transport = ip6_find_transport(copy, n, &protocol);
	if (protocol != IPPROTO_ICMPV6)
		return true;
	return transport != 0 && transport < n && !icmp6_is_error(copy[transport]) &&
		copy[transport] != ICMP6_REDIRECT;
}

void
icmp6_send_error(struct pkt *p, uint8_t type, uint8_t code, uint32_t word)
{
	struct net_stack *net = p->netif->net;
	struct net_flow flow = {0};
	ip_flow_of(p, &flow);
	if (!may_tell(p, &flow, type, code) || !icmp_may_send(net, &flow.remote))
		return;
	if (ip_classify(net, &flow.local, 0) != IP_LOCAL)
		flow.local = (struct net_addr){0};
	if (!net_addr_is_link_local(&flow.remote))
		flow.ifindex = 0;
	struct pkt *out = pkt_alloc();
	if (out == NULL) {
		net_count(net, NET_DROP_NO_MEMORY);
		return;
	}
	icmp_encode(pkt_put(out, ICMP_HEADER),
		&(struct icmp_header){.type = type, .code = code, .word = word});
	uint32_t back = (uint32_t)p->head_off - p->net_off;
	uint32_t n = min(p->len + back, pkt_tailroom(out));
	uint8_t *to = pkt_put(out, n);
	memcpy(to, p->head + p->net_off, min(n, back));
	if (n > back)
		pkt_copy_out(p, 0, to + back, n - back);
	send_from(net, out, &flow, 0);
}

void
ip_send_protocol_unreachable(struct pkt *p)
{
	if (ip_pkt_is_v4(p)) {
		icmp4_send_error(p, ICMP_UNREACHABLE, ICMP_PROTOCOL_UNREACHABLE, 0);
		return;
	}
	/* At the next-header field that named it. */
	struct ip6_walk w;
	uint32_t headers = (uint32_t)p->head_off - p->net_off;
	if (ip6_walk(p->head + p->net_off, headers, &w) == IP6_OK)
		icmp6_send_error(p, ICMP6_PARAMETER, ICMP6_BAD_NEXT, w.next_at);
}
