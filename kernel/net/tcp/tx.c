/* SPDX-License-Identifier: MIT */
/* Segments on their way out: payload from the send queue, the header, then IP. */
#include "net/link/netif.h"
#include "net/tcp/tcp_impl.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#define TCP_AT_CHECKSUM 16u
#define ECT0            2u /* the IP header's ECN field (RFC 3168, 5) */
#define ECN_MASK        3u

uint32_t
tcp_path_mss_of(uint32_t mtu, bool v4)
{
	uint32_t headers = (v4 ? IP4_HEADER : IP6_HEADER) + TCP_HEADER_MIN;
	uint32_t most = min(mtu, PKT_LEN_MAX);
	return most > headers + TCP_MSS_MIN ? most - headers : TCP_MSS_MIN;
}

int
tcp_tx_route(struct tcp_sock *t)
{
	struct inet_sock *i = &t->i;
	i->ref.flags = (uint8_t)(inet_route_flags(i) & ~ROUTE_BROADCAST);
	if (i->pmtudisc == IP_PMTUDISC_WANT)
		i->ref.flags |= ROUTE_DF;
	int err = route_check(i->s.net, &i->ref, &t->e.flow);
	if (err == 0)
		t->path_mss = tcp_path_mss_of(i->ref.mtu, net_addr_is_v4(&t->e.flow.remote));
	return err;
}

/* The header in front of the payload, checksum left to the device; ports are the flow's. */
static void
push_header(struct pkt *p, struct tcp_segment *seg, const struct net_flow *flow)
{
	seg->src_port = flow->local_port;
	seg->dst_port = flow->remote_port;
	uint8_t *at = pkt_push(p, tcp_header_length(seg));
	(void)tcp_encode(seg, at);
	uint16_t sum = ip_pseudo_sum(flow, p->len, IPPROTO_TCP);
	memcpy(at + TCP_AT_CHECKSUM, &sum, sizeof(sum));
	p->csum = PKT_CSUM_PARTIAL;
	p->csum_start = p->head_off;
	p->csum_offset = TCP_AT_CHECKSUM;
}

void
tcp_tx(struct tcp_sock *t, const struct tcp_segment *out)
{
	struct inet_sock *i = &t->i;
	struct net_stack *net = i->s.net;
	struct tcp_segment seg = *out;
	bool v4 = net_addr_is_v4(&t->e.flow.remote);
	net_count(net, NET_TCP_OUT_SEGS);
	if (unlikely(seg.flags & TCP_RST))
		net_count(net, NET_TCP_OUT_RSTS);
	struct pkt *p = pkt_alloc();
	if (unlikely(p == NULL)) {
		net_count(net, NET_DROP_NO_MEMORY);
		return; /* as if the network had lost it */
	}
	if (seg.len != 0 && unlikely(!tcp_sendq_fill(&t->sendq, p, seg.seq, seg.len))) {
		pkt_drop(net, p, NET_DROP_NO_MEMORY);
		return;
	}
	push_header(p, &seg, &t->e.flow);
	if (seg.gso_size != 0) {
		p->gso = v4 ? PKT_GSO_TCP4 : PKT_GSO_TCP6;
		p->gso_size = seg.gso_size;
		p->gso_segs = (uint16_t)((seg.len + seg.gso_size - 1) / seg.gso_size);
		if (seg.flags & TCP_CWR)
			p->flags |= PKT_TSO_ECN;
	}
	uint8_t tos = (uint8_t)((v4 ? i->tos : i->tclass) & ~ECN_MASK);
	if (seg.ip & TCP_IP_ECT)
		tos |= ECT0;
	(void)ip_output(net, &i->ref, p, &t->e.flow, tos, v4 ? i->ttl : i->hops, IPPROTO_TCP);
}

void
tcp_tx_reply(struct net_stack *net, const struct net_flow *to, struct tcp_segment *seg, uint8_t tos)
{
	struct net_flow flow = *to;
	struct route_ref ref;
	if (!net_addr_is_link_local(&flow.remote))
		flow.ifindex = 0; /* by route, not by where it came from */
	net_count(net, NET_TCP_OUT_SEGS);
	if (seg->flags & TCP_RST)
		net_count(net, NET_TCP_OUT_RSTS);
	struct pkt *p = pkt_alloc();
	if (unlikely(p == NULL)) {
		net_count(net, NET_DROP_NO_MEMORY);
		return;
	}
	route_ref_init(&ref);
	push_header(p, seg, &flow);
	if (seg->ip & TCP_IP_ECT)
		tos |= ECT0;
	(void)ip_output(net, &ref, p, &flow, tos, 0, IPPROTO_TCP);
	route_ref_drop(&ref);
}

void
tcp_tx_reset(struct net_stack *net, const struct net_flow *flow, const struct tcp_segment *seg)
{
	struct tcp_segment out;
	if (tcp_reset_reply(seg, &out))
		tcp_tx_reply(net, flow, &out, 0);
}

void
tcp_tx_refuse(struct net_stack *net, const struct net_flow *flow, const struct tcp_segment *seg)
{
	bool opens = (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	if (seg->flags & TCP_RST)
		return;
	if (opens || reply_gate_take(net, &net->tcp->reset_gate, &flow->remote))
		tcp_tx_reset(net, flow, seg);
	else
		net_count(net, NET_TCP_RESETS_LIMITED);
}
