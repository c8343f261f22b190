/* SPDX-License-Identifier: MIT */
/* Cutting what exceeds the path MTU (RFC 791, 2.3; RFC 8200, 4.5). The pieces share the packet's pages. */
#include <string.h>

#include "net/ip/internal.h"
#include "wire/checksum.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

static int
fail(struct net_stack *net, struct pkt *p, int err)
{
	net_count(net, NET_IP_FRAG_FAILS);
	pkt_drop(net, p, err == -ENOBUFS ? NET_DROP_NO_MEMORY : NET_DROP_OUTPUT);
	return err;
}

/* A checksum that was left to the device covers all pieces: it is completed now. data: at the IP header. */
static void
complete_checksum(struct pkt *p)
{
	if (p->csum != PKT_CSUM_PARTIAL)
		return;
	uint32_t from = (uint32_t)p->csum_start - p->head_off;
	uint16_t sum = (uint16_t)~pkt_checksum(p, from, p->len - from, 0);
	if (sum == 0)
		sum = 0xffff; /* UDP: 0 means none; to the others they are the same */
	memcpy(p->head + p->csum_start + p->csum_offset, &sum, 2);
	p->csum = PKT_CSUM_NONE;
}

/* n bytes of p's payload (which begins at header_len) from offset on, as a packet of their own. */
static struct pkt *
slice(const struct pkt *p, uint32_t header_len, uint32_t offset, uint32_t n)
{
	struct pkt *c = pkt_clone(p);
	if (c == NULL)
		return NULL;
	pkt_trim_front(c, header_len + offset);
	pkt_trim(c, n);
	c->link_off = 0;
	c->owner = p->owner;
	return c;
}

static void
push_header4(struct pkt *c, const uint8_t *header, uint32_t len, uint32_t offset, bool more)
{
	uint8_t *at = pkt_push(c, len);
	memcpy(at, header, len);
	uint16_t field = (uint16_t)(offset / 8 | (more ? IP4_MF : 0));
	at[IP4_AT_TOTAL_LEN] = (uint8_t)(c->len >> 8);
	at[IP4_AT_TOTAL_LEN + 1] = (uint8_t)c->len;
	at[IP4_AT_FRAGMENT] = (uint8_t)(field >> 8);
	at[IP4_AT_FRAGMENT + 1] = (uint8_t)field;
	uint16_t sum = ip4_checksum(at, len);
	memcpy(at + IP4_AT_CHECKSUM, &sum, 2);
	c->net_off = c->head_off;
}

int
ip4_fragment(struct net_stack *net, struct route_ref *ref, struct pkt *p)
{
	uint32_t header_len = (pkt_data(p)[0] & 15u) * 4;
	uint32_t payload = p->len - header_len;
	uint32_t most = (ref->mtu - header_len) & ~7u;
	uint8_t header[IP4_HEADER_MAX];
	uint32_t len = header_len;
	complete_checksum(p);
	memcpy(header, pkt_data(p), header_len);
	for (uint32_t at = 0, n; at < payload; at += n) {
		n = min(most, payload - at);
		struct pkt *c = slice(p, header_len, at, n);
		if (c == NULL)
			return fail(net, p, -ENOBUFS);
		push_header4(c, header, len, at, at + n < payload);
		net_count(net, NET_IP_FRAG_CREATES);
		ip_transmit(net, ref, c);
		if (at == 0 && header_len > IP4_HEADER)
			len = (uint32_t)ip4_fragment_header(header, pkt_data(p), header_len);
	}
	net_count(net, NET_IP_FRAG_OKS);
	pkt_free(p);
	return 0;
}

int
ip6_fragment(struct net_stack *net, struct route_ref *ref, struct pkt *p, uint8_t protocol)
{
	struct net_addr src, dst;
	uint8_t header[IP6_HEADER];
	uint32_t payload = p->len - IP6_HEADER;
	uint32_t most = (ref->mtu - IP6_HEADER - IP6_FRAGMENT_HEADER) & ~7u;
	complete_checksum(p);
	memcpy(header, pkt_data(p), IP6_HEADER);
	memcpy(&src, header + IP6_AT_SOURCE, 16);
	memcpy(&dst, header + IP6_AT_DEST, 16);
	header[IP6_AT_NEXT] = IPPROTO_FRAGMENT;
	struct ip6_fragment f = {.id = ip6_next_fragment_id(net, &src, &dst)};
	for (uint32_t at = 0, n; at < payload; at += n) {
		n = min(most, payload - at);
		struct pkt *c = slice(p, IP6_HEADER, at, n);
		if (c == NULL)
			return fail(net, p, -ENOBUFS);
		f.offset = (uint16_t)at;
		f.more = at + n < payload;
		ip6_encode_fragment(pkt_push(c, IP6_FRAGMENT_HEADER), protocol, &f);
		uint32_t len = c->len;
		uint8_t *h = pkt_push(c, IP6_HEADER);
		memcpy(h, header, IP6_HEADER);
		h[IP6_AT_PAYLOAD_LEN] = (uint8_t)(len >> 8);
		h[IP6_AT_PAYLOAD_LEN + 1] = (uint8_t)len;
		c->net_off = c->head_off;
		net_count(net, NET_IP_FRAG_CREATES);
		ip_transmit(net, ref, c);
	}
	net_count(net, NET_IP_FRAG_OKS);
	pkt_free(p);
	return 0;
}
