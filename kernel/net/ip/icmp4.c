/* SPDX-License-Identifier: MIT */
/*
 * ICMP: echo is answered, errors about our packets go to their protocol, errors of ours are sent, limited. Redirects,
 * source quench, timestamp and address mask messages are not heeded.
 */
#include <string.h>

#include "net/ip/internal.h"
#include "net/udp/udp_impl.h"
#include "wire/checksum.h"
#include "wire/ether.h"
#include "wire/icmp.h"
#include "wire/ip4.h"

#define ERROR_QUOTE 548u /* RFC 1812, 4.3.2.3: as much as fits 576 bytes */

bool
icmp_may_send(struct net_stack *net, const struct net_addr *dst)
{
	bool may = reply_gate_take(net, &net->ip4->icmp_gate, dst);
	if (!may)
		net_count(net, NET_ICMP_OUT_RATE_LIMITED);
	return may;
}

static void
finish_checksum(struct pkt *p)
{
	uint8_t *at = pkt_data(p);
	at[2] = at[3] = 0;
	uint16_t sum = (uint16_t)~pkt_checksum(p, 0, p->len, 0);
	memcpy(at + 2, &sum, 2);
}

static void
send_from(struct net_stack *net, struct pkt *p, struct net_flow *flow, uint8_t tos)
{
	struct route_ref ref;
	route_ref_init(&ref);
	ref.flags = ROUTE_NO_DF; /* nobody here would hear of a smaller path MTU */
	icmp_count(net, true, ICMP_WAY_OUT, pkt_data(p)[0]);
	(void)ip_output(net, &ref, p, flow, tos, 0, IPPROTO_ICMP); /* it was dropped and counted */
	route_ref_drop(&ref);
}

/* --- Echo --- */

/* Whether whoever asked may be answered: not a group or broadcast, unless asked at all (RFC 1122, 3.2.2.6: neither). */
static bool
was_to_us_alone(const struct pkt *p, const struct net_flow *flow)
{
	return (p->flags & (PKT_BROADCAST | PKT_MULTICAST)) == 0 &&
		!net_addr_is_multicast(&flow->local) &&
		ip_classify(p->netif->net, &flow->local, 0) == IP_LOCAL;
}

static void
echo_reply(struct netif *nif, struct pkt *p)
{
	struct net_stack *net = nif->net;
	struct net_flow flow = {0};
	ip_flow_of(p, &flow);
	flow.ifindex = 0;
	if (atomic_load_explicit(&net->ip4->sysctl.icmp_echo_ignore_all, memory_order_relaxed) !=
			0 ||
		!was_to_us_alone(p, &flow) || net_addr_is_any(&flow.remote)) {
		pkt_drop(net, p, NET_DROP_ICMP_IGNORED);
		return;
	}
	/* The packet itself goes back: its pages may be shared, but only its linear header changes. */
	uint8_t tos = p->tos;
	uint16_t before, after, sum;
	uint8_t *at = pkt_data(p);
	memcpy(&before, at, 2);
	at[0] = ICMP_ECHO_REPLY;
	memcpy(&after, at, 2);
	memcpy(&sum, at + 2, 2);
	sum = checksum_update16(sum, before, after);
	memcpy(at + 2, &sum, 2);
	p->csum = PKT_CSUM_NONE;
	p->gso = PKT_GSO_NONE;
	p->flags = 0;
	p->hash = 0;
	if (p->head_off <
		IP4_HEADER + ETHER_HEADER) { /* options may have eaten the room for headers */
		pkt_drop(net, p, NET_DROP_ICMP_IGNORED);
		return;
	}
	send_from(net, p, &flow, tos);
}

/* --- Errors that came in --- */

static void
error_input(struct netif *nif, struct pkt *p, const struct icmp_header *h)
{
	struct net_stack *net = nif->net;
	struct icmp_inner inner;
	struct ip_error e = {.netif = nif, .type = h->type, .code = h->code, .v4 = true, .pkt = p};
	const uint8_t *at = pkt_data(p) + ICMP_HEADER;
	size_t n = p->head_len - ICMP_HEADER;
	e.error = icmp4_errno(h->type, h->code, &e.hard);
	if (e.error == 0 || !icmp4_decode_inner(at, n, &inner))
		return;
	uint32_t src, dst;
	memcpy(&src, inner.src, 4);
	memcpy(&dst, inner.dst, 4);
	e.flow.local = net_addr_v4(src);
	e.flow.remote = net_addr_v4(dst);
	e.flow.ifindex = nif->index;
	if (ip_classify(net, &e.flow.local, 0) != IP_LOCAL)
		return; /* not ours: somebody makes it up */
	uint32_t outer;
	memcpy(&outer, p->head + p->net_off + IP4_AT_SOURCE, 4);
	e.offender = net_addr_v4(outer);
	e.protocol = inner.protocol;
	e.transport = inner.transport;
	e.transport_len = (uint32_t)inner.transport_len;
	memcpy(&e.flow.local_port, inner.transport, 2);
	memcpy(&e.flow.remote_port, inner.transport + 2, 2);
	if (e.error == EMSGSIZE)
		e.mtu = icmp4_mtu(h, (uint32_t)(at[2] << 8 | at[3]));
	if (e.protocol == IPPROTO_ICMP)
		ping_error(net, &e);
	else
		ip_report_error(net, &e);
}

void
icmp4_input(struct netif *nif, struct pkt *p)
{
	struct net_stack *net = nif->net;
	struct icmp_header h;
	net_count(net, NET_ICMP_IN_MSGS);
	if (p->csum != PKT_CSUM_GOOD && pkt_checksum(p, 0, p->len, 0) != 0xffff) {
		net_count(net, NET_ICMP_IN_CSUM_ERRORS);
		pkt_drop(net, p, NET_DROP_ICMP_CHECKSUM);
		return;
	}
	uint32_t want = p->len < 128 ? p->len : 128;
	if (p->len < ICMP_HEADER || (p->head_len < want && !pkt_pull_up(p, want)) ||
		!icmp_decode(pkt_data(p), p->head_len, &h)) {
		pkt_drop(net, p, NET_DROP_TOO_SHORT);
		return;
	}
	icmp_count(net, true, ICMP_WAY_IN, h.type);
	if (h.type == ICMP_ECHO) {
		echo_reply(nif, p);
	} else if (h.type == ICMP_ECHO_REPLY) {
		ping_input(nif, p, h.id);
	} else if (h.type == ICMP_REDIRECT || !icmp4_is_error(h.type)) {
		pkt_drop(net, p, NET_DROP_ICMP_IGNORED);
	} else {
		error_input(nif, p, &h);
		pkt_free(p);
	}
}

/* --- Errors that go out --- */

/* RFC 1122, 3.2.2: never about ICMP errors, groups, broadcasts, later fragments or sources that are no host. */
static bool
may_tell(const struct pkt *p, const struct net_flow *flow)
{
	const uint8_t *h = p->head + p->net_off;
	size_t header_len = (size_t)(h[0] & 15) * 4;
	if (!was_to_us_alone(p, flow) || net_addr_is_any(&flow->remote) ||
		net_addr_is_multicast(&flow->remote) || flow->remote.w[3] == UINT32_MAX)
		return false;
	if (((h[IP4_AT_FRAGMENT] & 0x1f) | h[IP4_AT_FRAGMENT + 1]) != 0)
		return false;
	if (h[IP4_AT_PROTOCOL] != IPPROTO_ICMP)
		return true;
	size_t at = p->net_off + header_len; /* the ICMP type, if it lies there linearly */
	return at < (size_t)p->head_off + p->head_len && !icmp4_is_error(p->head[at]);
}

/* Data from the IP header on, whatever was pulled since: n bytes appended to out. */
static bool
quote(struct pkt *out, const struct pkt *p, uint32_t limit)
{
	uint32_t back = (uint32_t)p->head_off - p->net_off;
	uint32_t n = p->len + back < limit ? p->len + back : limit;
	uint32_t room = pkt_tailroom(out);
	if (n > room)
		n = room;
	uint8_t *to = pkt_put(out, n);
	uint32_t head = back < n ? back : n;
	memcpy(to, p->head + p->net_off, head);
	pkt_copy_out(p, 0, to + head, n - head);
	return true;
}

void
icmp4_send_error(struct pkt *p, uint8_t type, uint8_t code, uint32_t word)
{
	struct net_stack *net = p->netif->net;
	struct net_flow flow = {0};
	ip_flow_of(p, &flow);
	flow.ifindex = 0;
	if (!may_tell(p, &flow) || !icmp_may_send(net, &flow.remote))
		return;
	struct pkt *out = pkt_alloc();
	if (out == NULL) {
		net_count(net, NET_DROP_NO_MEMORY);
		return;
	}
	icmp_encode(pkt_put(out, ICMP_HEADER),
		&(struct icmp_header){.type = type, .code = code, .word = word});
	quote(out, p, ERROR_QUOTE);
	finish_checksum(out);
	send_from(net, out, &flow, 0xc0 | (p->tos & 0x1e)); /* RFC 1812, 4.3.2.5 */
}

void
ip_send_port_unreachable(struct pkt *p)
{
	if (ip_pkt_is_v4(p))
		icmp4_send_error(p, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0);
	else
		icmp6_send_error(p, ICMP6_UNREACHABLE, ICMP6_PORT_UNREACHABLE, 0);
}
