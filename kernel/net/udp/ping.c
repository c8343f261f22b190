/* SPDX-License-Identifier: MIT */
/* Ping sockets: ICMP echo for everybody, told apart by the identifier, which takes the port's place. */
#include <string.h>

#include "net/link/netif.h"
#include "net/udp/udp_impl.h"
#include "wire/icmp.h"

void
ping_input(struct netif *nif, struct pkt *p, uint16_t id)
{
	struct net_flow flow;
	ip_flow_of(p, &flow);
	flow.local_port = net_swap16(id);
	flow.remote_port = 0;
	struct udp_end *end = udp_lookup(nif->net, UDP_KIND_PING, &flow);
	if (end == NULL) { /* raw sockets have seen it */
		pkt_drop(nif->net, p, NET_DROP_NO_SOCKET);
		return;
	}
	p->cb.udp.remote_port = 0;
	end->ops->deliver(end, p);
}

void
ping_error(struct net_stack *net, const struct ip_error *e)
{
	struct ip_error about = *e;
	struct icmp_header h;
	if (!icmp_decode(e->transport, e->transport_len, &h) ||
		h.type != (e->v4 ? ICMP_ECHO : ICMP6_ECHO))
		return;
	about.flow.local_port = net_swap16(h.id);
	about.flow.remote_port = 0;
	struct udp_end *end = udp_lookup(net, UDP_KIND_PING, &about.flow);
	if (end == NULL)
		return;
	if (e->error == EMSGSIZE && e->mtu != 0)
		route_update_pmtu(net, &e->flow.remote, e->mtu);
	end->ops->error(end, &about);
}

int
ping_send(struct net_stack *net, struct route_ref *ref, struct pkt *p, struct net_flow *flow,
	uint8_t tos, uint8_t ttl)
{
	bool v4 = net_addr_is_v4(&flow->remote);
	uint8_t protocol = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int err = route_check(net, ref, flow);
	if (err == 0 && p->head_len < ICMP_HEADER &&
		(p->len < ICMP_HEADER || !pkt_pull_up(p, ICMP_HEADER)))
		err = -EINVAL;
	if (err == 0 && (pkt_data(p)[0] != (v4 ? ICMP_ECHO : ICMP6_ECHO) || pkt_data(p)[1] != 0))
		err = -EINVAL;
	if (err != 0) {
		pkt_drop(net, p, err == -ENETUNREACH ? NET_DROP_NO_ROUTE : NET_DROP_OUTPUT);
		return err;
	}
	uint8_t *at = pkt_data(p);
	memcpy(at + 4, &flow->local_port, 2);
	at[2] = at[3] = 0;
	uint16_t pseudo = v4 ? 0 : ip_pseudo_sum(flow, p->len, protocol);
	uint16_t sum = (uint16_t)~pkt_checksum(p, 0, p->len, pseudo);
	memcpy(at + 2, &sum, 2);
	icmp_count(net, v4, ICMP_WAY_OUT, at[0]);
	return ip_output(net, ref, p, flow, tos, ttl, protocol);
}
