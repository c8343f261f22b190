/* SPDX-License-Identifier: MIT */
/* From IP to the protocols above it, packets and errors alike. */
#include "net/ip/internal.h"

#include <string.h>

#include "net/link/netif.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

/* Functions only: written at boot, read by all stacks. */
static const struct ip_protocol *_Atomic protocols[256];
static bool (*_Atomic raw_input)(struct netif *nif, const struct pkt *p);

void
ip_register_protocol(uint8_t protocol, const struct ip_protocol *ops)
{
	atomic_store_explicit(&protocols[protocol], ops, memory_order_release);
}

const struct ip_protocol *
ip_protocol_of(uint8_t protocol)
{
	return atomic_load_explicit(&protocols[protocol], memory_order_acquire);
}

void
ip_register_raw(bool (*fn)(struct netif *nif, const struct pkt *p))
{
	atomic_store_explicit(&raw_input, fn, memory_order_release);
}

static _Atomic uint32_t *
raw_counter(struct net_stack *net, bool v4)
{
	return v4 ? &net->ip4->raw_sockets : &net->ip6->raw_sockets;
}

void
ip_raw_count(struct net_stack *net, bool v4, int change)
{
	atomic_fetch_add_explicit(raw_counter(net, v4), (uint32_t)change, memory_order_relaxed);
}

void
ip_flow_of(const struct pkt *p, struct net_flow *flow)
{
	const uint8_t *h = p->head + p->net_off;
	if (likely(h[0] >> 4 == 4)) {
		uint32_t src, dst;
		memcpy(&src, h + IP4_AT_SOURCE, 4);
		memcpy(&dst, h + IP4_AT_DEST, 4);
		flow->remote = net_addr_v4(src);
		flow->local = net_addr_v4(dst);
		flow->ifindex = p->netif->index;
		return;
	}
	memcpy(&flow->remote, h + IP6_AT_SOURCE, 16);
	memcpy(&flow->local, h + IP6_AT_DEST, 16);
	flow->ifindex = p->netif->index;
}

void
ip_deliver(struct netif *nif, struct pkt *p)
{
	struct net_stack *net = nif->net;
	bool v4 = ip_pkt_is_v4(p), taken = false;
	if (unlikely(atomic_load_explicit(raw_counter(net, v4), memory_order_relaxed) != 0)) {
		bool (*fn)(struct netif *, const struct pkt *) =
			atomic_load_explicit(&raw_input, memory_order_acquire);
		taken = fn != NULL && fn(nif, p);
	}
	const struct ip_protocol *ops = ip_protocol_of(p->protocol);
	/* Each version's ICMP is its own. */
	if (unlikely(ops == NULL || p->protocol == (v4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))) {
		if (taken || (!v4 && p->protocol == IPPROTO_NONE)) {
			pkt_free(p);
			return;
		}
		net_count(net, NET_IP_IN_UNKNOWN_PROTOS);
		ip_send_protocol_unreachable(p);
		pkt_drop(net, p, NET_DROP_PROTOCOL);
		return;
	}
	net_count(net, NET_IP_IN_DELIVERS);
	ops->input(nif, p);
}

void
ip_report_error(struct net_stack *net, const struct ip_error *e)
{
	const struct ip_protocol *ops = ip_protocol_of(e->protocol);
	if (ops != NULL && ops->error != NULL)
		ops->error(net, e);
}

/* Addresses of a packet of ours on its way out: local is its source. */
static void
flow_of_outgoing(const uint8_t *h, struct net_flow *flow)
{
	*flow = (struct net_flow){0};
	if (h[0] >> 4 == 4) {
		uint32_t src, dst;
		memcpy(&src, h + IP4_AT_SOURCE, 4);
		memcpy(&dst, h + IP4_AT_DEST, 4);
		flow->local = net_addr_v4(src);
		flow->remote = net_addr_v4(dst);
	} else {
		memcpy(&flow->local, h + IP6_AT_SOURCE, 16);
		memcpy(&flow->remote, h + IP6_AT_DEST, 16);
	}
}

void
ip_report_local_failure(struct net_stack *net, struct pkt *p, int error)
{
	struct ip_error e = {.error = error, .hard = false};
	const uint8_t *h = pkt_data(p);
	size_t transport;
	flow_of_outgoing(h, &e.flow);
	e.v4 = h[0] >> 4 == 4;
	e.offender = e.flow.local;
	if (e.v4) {
		transport = (size_t)(h[0] & 15) * 4;
		e.protocol = h[IP4_AT_PROTOCOL];
		e.type = ICMP_UNREACHABLE;
		e.code = ICMP_HOST_UNREACHABLE;
	} else {
		transport = ip6_find_transport(h, p->head_len, &e.protocol);
		e.type = ICMP6_UNREACHABLE;
		e.code = ICMP6_ADDR_UNREACHABLE;
	}
	if (transport == 0 || transport + 8 > p->head_len)
		return;
	e.transport = h + transport;
	e.transport_len = p->head_len - (uint32_t)transport;
	if (e.protocol == IPPROTO_TCP || e.protocol == IPPROTO_UDP) {
		memcpy(&e.flow.local_port, e.transport, 2);
		memcpy(&e.flow.remote_port, e.transport + 2, 2);
	}
	ip_report_error(net, &e);
}
