/* SPDX-License-Identifier: MIT */
/* UDP (RFC 768): a datagram's way in and out. See udp.h. */
#include "wire/udp.h"

#include <string.h>

#include "core/softirq.h"
#include "net/ip/route.h"
#include "net/link/netif.h"
#include "net/udp/udp_impl.h"
#include "net/ip/port_match.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#define UDP_SEGMENTS_MAX 128u /* of one UDP_SEGMENT send; Linux's UDP_MAX_SEGMENTS */

/* --- In --- */

/* n bytes of p's payload from offset on, as a datagram of their own. NULL: out of memory. */
static struct pkt *
segment(const struct pkt *p, uint32_t offset, uint32_t n)
{
	struct pkt *c = pkt_clone(p);
	if (c == NULL)
		return NULL;
	pkt_trim_front(c, offset);
	pkt_trim(c, n);
	c->gso = PKT_GSO_NONE;
	c->gso_size = c->gso_segs = 0;
	return c;
}

/* Several datagrams in one, for an end that wants each by itself. */
static void
deliver_split(struct udp_end *end, struct pkt *p)
{
	uint32_t size = p->gso_size;
	for (uint32_t at = 0; at < p->len; at += size) {
		struct pkt *c = segment(p, at, min(size, p->len - at));
		if (c == NULL) {
			net_count(end->net, NET_UDP_IN_ERRORS);
			pkt_drop(end->net, p, NET_DROP_NO_MEMORY);
			return;
		}
		net_count(end->net, NET_UDP_IN_DATAGRAMS);
		end->ops->deliver(end, c);
	}
	pkt_free(p);
}

static void
deliver(struct udp_end *end, struct pkt *p)
{
	bool whole = p->gso_size == 0 || p->len <= p->gso_size ||
		(atomic_load_explicit(&end->flags, memory_order_relaxed) & UDP_END_GRO) != 0;
	if (unlikely(!whole)) {
		deliver_split(end, p);
		return;
	}
	net_count(end->net, NET_UDP_IN_DATAGRAMS);
	end->ops->deliver(end, p);
}

/* To everybody who is bound to a group's or broadcast's port. Takes over p. */
static void
deliver_to_all(struct net_stack *net, struct pkt *p, const struct net_flow *flow)
{
	struct udp_table *t = udp_table_of(net, UDP_KIND_UDP);
	uint32_t hash = udp_hash_port(net, flow->local_port);
	struct udp_end *last = NULL;
	struct net_hash *tables[] = {&t->by_port, &t->connected_by_port};
	for (uint32_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct net_hash_buckets *b = net_hash_read(tables[i]);
		net_hash_for_chain(b, n, hash)
		{
			struct udp_end *end = container_of(n, struct udp_end, by_port);
			if (!udp_end_matches(end, flow))
				continue;
			struct pkt *copy = last != NULL ? pkt_clone(p) : NULL;
			if (copy != NULL)
				deliver(last, copy);
			else if (last != NULL)
				net_count(net, NET_DROP_NO_MEMORY);
			last = end;
		}
	}
	if (last != NULL) {
		deliver(last, p);
		return;
	}
	pkt_drop(net, p, NET_DROP_NO_SOCKET);
}

static bool
checksum_is_good(const struct pkt *p, const struct net_flow *flow, const struct udp_header *h)
{
	if (p->csum == PKT_CSUM_GOOD)
		return true;
	if (h->checksum == 0) /* RFC 768; not for IPv6: RFC 8200, 8.1 */
		return net_addr_is_v4(&flow->local);
	uint16_t pseudo = ip_pseudo_sum(flow, p->len, IPPROTO_UDP);
	return pkt_checksum(p, 0, p->len, pseudo) == 0xffff;
}

static void
no_port(struct net_stack *net, struct pkt *p)
{
	net_count(net, NET_UDP_NO_PORTS);
	ip_send_port_unreachable(p);
	pkt_drop(net, p, NET_DROP_NO_SOCKET);
}

static void
udp_input(struct netif *nif, struct pkt *p)
{
	struct net_stack *net = nif->net;
	struct net_flow flow;
	struct udp_header h;
	if (unlikely(p->head_len < UDP_HEADER &&
		    (p->len < UDP_HEADER || !pkt_pull_up(p, UDP_HEADER))) ||
		!udp_decode(pkt_data(p), p->head_len, p->len, &h)) {
		net_count(net, NET_UDP_IN_ERRORS);
		pkt_drop(net, p, NET_DROP_TOO_SHORT);
		return;
	}
	ip_flow_of(p, &flow);
	flow.local_port = h.dst_port;
	flow.remote_port = h.src_port;
	if (unlikely(p->len > h.length))
		pkt_trim(p, h.length);
	if (unlikely(!checksum_is_good(p, &flow, &h))) {
		net_count(net, NET_UDP_IN_CSUM_ERRORS);
		net_count(net, NET_UDP_IN_ERRORS);
		pkt_drop(net, p, NET_DROP_UDP_CHECKSUM);
		return;
	}
	bool to_all = net_addr_is_multicast(&flow.local) ||
		(net_addr_is_v4(&flow.local) && (p->flags & PKT_BROADCAST) != 0) ||
		(net_addr_is_v4(&flow.local) && flow.local.w[3] == UINT32_MAX);
	struct udp_end *end = to_all ? NULL : udp_lookup(net, UDP_KIND_UDP, &flow);
	if (unlikely(end == NULL && !to_all)) {
		no_port(net, p);
		return;
	}
	p->cb.udp.remote_port = h.src_port;
	pkt_pull(p, UDP_HEADER);
	if (to_all)
		deliver_to_all(net, p, &flow);
	else
		deliver(end, p);
}

static void
udp_error(struct net_stack *net, const struct ip_error *e)
{
	struct udp_end *end = udp_lookup(net, UDP_KIND_UDP, &e->flow);
	if (end == NULL)
		return;
	if (e->error == EMSGSIZE && e->mtu != 0)
		route_update_pmtu(net, &e->flow.remote, e->mtu);
	end->ops->error(end, e);
}

/* --- Out --- */

/* Checks a segmented send and marks it. 0 or -errno. */
static int
set_segmentation(struct pkt *p, uint32_t mtu, uint32_t ip_header)
{
	if (p->len <= p->gso_size) {
		p->gso_size = 0;
		return 0;
	}
	uint32_t segments = (p->len + p->gso_size - 1) / p->gso_size;
	if (p->gso_size + UDP_HEADER + ip_header > mtu || segments > UDP_SEGMENTS_MAX)
		return -EINVAL;
	p->gso = PKT_GSO_UDP;
	p->gso_segs = (uint16_t)segments;
	return 0;
}

int
udp_send(struct net_stack *net, struct route_ref *ref, struct pkt *p, struct net_flow *flow,
	uint8_t tos, uint8_t ttl, uint32_t flags)
{
	bool v4 = net_addr_is_v4(&flow->remote);
	uint32_t ip_header = v4 ? IP4_HEADER : IP6_HEADER;
	int err = route_check(net, ref, flow);
	/* IPv6 does not count its own header; a device that segments does. */
	uint32_t counted = UDP_HEADER + (v4 || p->gso_size != 0 ? ip_header : 0);
	if (err == 0 && p->len + counted > PKT_LEN_MAX)
		err = -EMSGSIZE;
	if (err == 0 && p->gso_size != 0)
		err = set_segmentation(p, ref->mtu, ip_header);
	if (unlikely(err != 0)) {
		pkt_drop(net, p, err == -ENETUNREACH ? NET_DROP_NO_ROUTE : NET_DROP_OUTPUT);
		return err;
	}
	uint8_t *at = pkt_push(p, UDP_HEADER);
	struct udp_header h = {.src_port = flow->local_port,
		.dst_port = flow->remote_port,
		.length = (uint16_t)p->len};
	if (v4 && (flags & UDP_SEND_NO_CHECK) != 0 && p->gso == PKT_GSO_NONE) {
		p->csum = PKT_CSUM_NONE;
	} else {
		h.checksum = ip_pseudo_sum(flow, p->len, IPPROTO_UDP);
		p->csum = PKT_CSUM_PARTIAL;
		p->csum_start = p->head_off;
		p->csum_offset = UDP_AT_CHECKSUM;
	}
	udp_encode(at, &h);
	err = ip_output(net, ref, p, flow, tos, ttl, IPPROTO_UDP);
	net_count(net, err == 0 ? NET_UDP_OUT_DATAGRAMS : NET_UDP_SND_ERRORS);
	return err;
}

static const struct ip_protocol udp_protocol = {.input = udp_input, .error = udp_error};

void
udp_init(void)
{
	ip_register_protocol(IPPROTO_UDP, &udp_protocol);
}
