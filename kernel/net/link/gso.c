/* SPDX-License-Identifier: MIT */
#include "net/link/gso.h"

#include <string.h>

#include "mm/page.h"
#include "net/addr.h"
#include "wire/checksum.h"

#define IP4_HEADER   20u
#define IP4_LENGTH   2u
#define IP4_ID       4u
#define IP4_CHECKSUM 10u
#define IP6_HEADER   40u
#define IP6_LENGTH   4u
#define TCP_HEADER   20u
#define TCP_SEQUENCE 4u
#define TCP_FLAGS    13u
#define TCP_CHECKSUM 16u
#define UDP_HEADER   8u
#define UDP_LENGTH   4u
#define UDP_CHECKSUM 6u

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void
put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t
get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void
put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

void
gso_complete_checksum(struct pkt *p)
{
	uint32_t start = (uint32_t)p->csum_start - p->head_off;
	/* The field holds the pseudo header's sum and is summed up with the rest. */
	uint16_t sum = (uint16_t)~pkt_checksum(p, start, p->len - start, 0);
	if (sum == 0 && p->csum_offset == UDP_CHECKSUM)
		sum = 0xffff; /* RFC 768: 0 means that there is none */
	memcpy(p->head + p->csum_start + p->csum_offset, &sum, sizeof(sum));
	p->csum = PKT_CSUM_NONE;
}

/* What is the same for all segments. */
struct cut {
	const struct pkt *p;
	uint32_t headers;   /* bytes before the payload */
	uint32_t transport; /* bytes from csum_start to the payload */
	uint32_t payload;   /* bytes in all */
	bool v4, tcp;
};

/* Whether p is what its fields say. */
static bool
measure(const struct pkt *p, struct cut *c)
{
	*c = (struct cut){.p = p};
	if (p->csum != PKT_CSUM_PARTIAL || p->gso == PKT_GSO_NONE || p->gso_size == 0)
		return false;
	if (p->net_off < p->head_off || p->csum_start < p->net_off)
		return false;
	c->tcp = p->gso != PKT_GSO_UDP;
	if (p->csum_offset != (c->tcp ? TCP_CHECKSUM : UDP_CHECKSUM))
		return false;
	uint32_t start = (uint32_t)p->csum_start - p->head_off;
	uint32_t ip = (uint32_t)p->csum_start - p->net_off;
	if (start + (c->tcp ? TCP_HEADER : UDP_HEADER) > p->head_len)
		return false;
	c->v4 = p->head[p->net_off] >> 4 == 4;
	if (ip < (c->v4 ? IP4_HEADER : IP6_HEADER))
		return false;
	c->transport = c->tcp ? (uint32_t)(p->head[p->csum_start + 12] >> 4) * 4 : UDP_HEADER;
	c->headers = start + c->transport;
	if (c->transport < (c->tcp ? TCP_HEADER : UDP_HEADER) || c->headers > p->head_len)
		return false;
	c->payload = p->len - c->headers;
	return c->payload != 0;
}

/* Shares [offset, offset + n) of p's bytes with s, or copies them where they are linear. */
static bool
share(struct pkt *s, const struct pkt *p, uint32_t offset, uint32_t n)
{
	if (offset < p->head_len) {
		uint32_t part = min(n, p->head_len - offset);
		if (part > pkt_tailroom(s))
			return false;
		memcpy(pkt_put(s, part), p->head + p->head_off + offset, part);
		n -= part;
		offset += part;
	}
	offset -= p->head_len;
	for (uint32_t i = 0; n != 0; i++) {
		const struct pkt_frag *f = &p->frags[i];
		if (offset >= f->len) {
			offset -= f->len;
			continue;
		}
		uint32_t part = min(n, f->len - offset);
		if (!pkt_add_frag(s, page_get(f->page), f->offset + offset, part)) {
			page_put(f->page);
			return false;
		}
		n -= part;
		offset = 0;
	}
	return true;
}

static void
fix_ip_header(const struct cut *c, struct pkt *s, uint32_t index)
{
	uint8_t *ip = s->head + s->net_off;
	uint32_t length = s->len - ((uint32_t)s->net_off - s->head_off);
	if (!c->v4) {
		put16(ip + IP6_LENGTH, length - IP6_HEADER);
		return;
	}
	put16(ip + IP4_LENGTH, length);
	put16(ip + IP4_ID, get16(ip + IP4_ID) + index);
	put16(ip + IP4_CHECKSUM, 0);
	uint16_t sum = checksum_finish(checksum_add(0, ip, (uint32_t)s->csum_start - s->net_off));
	memcpy(ip + IP4_CHECKSUM, &sum, sizeof(sum));
}

/* done: payload bytes before this segment's. */
static void
fix_transport_header(const struct cut *c, struct pkt *s, uint32_t done, bool last)
{
	uint8_t *h = s->head + s->csum_start;
	uint32_t length = s->len - ((uint32_t)s->csum_start - s->head_off);
	if (c->tcp) {
		put32(h + TCP_SEQUENCE, get32(h + TCP_SEQUENCE) + done);
		if (!last)
			h[TCP_FLAGS] &= (uint8_t)~(TCP_FIN | TCP_PSH);
		if (done != 0)
			h[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	} else {
		put16(h + UDP_LENGTH, length);
	}
	/* The pseudo header's sum has the length in it. */
	uint16_t field;
	memcpy(&field, h + s->csum_offset, sizeof(field));
	uint64_t sum = (uint64_t)field + net_swap32(length) +
		(uint32_t)~net_swap32(c->transport + c->payload);
	field = checksum_fold(sum);
	memcpy(h + s->csum_offset, &field, sizeof(field));
}

static struct pkt *
make_segment(const struct cut *c, uint32_t done, uint32_t n, uint32_t index)
{
	const struct pkt *p = c->p;
	struct pkt *s = pkt_alloc();
	if (s == NULL)
		return NULL;
	s->head_off = p->head_off;
	memcpy(pkt_put(s, c->headers), p->head + p->head_off, c->headers);
	s->netif = p->netif;
	s->hash = p->hash;
	s->link_off = p->link_off;
	s->net_off = p->net_off;
	s->transport_off = p->transport_off;
	s->csum_start = p->csum_start;
	s->csum_offset = p->csum_offset;
	s->csum = PKT_CSUM_PARTIAL;
	s->ethertype = p->ethertype;
	s->flags = p->flags & (uint8_t)~PKT_TSO_ECN;
	s->protocol = p->protocol;
	s->tos = p->tos;
	s->ttl = p->ttl;
	s->tstamp = p->tstamp;
	if (!share(s, p, c->headers + done, n)) {
		pkt_free(s);
		return NULL;
	}
	fix_ip_header(c, s, index);
	fix_transport_header(c, s, done, done + n == c->payload);
	return s;
}

bool
gso_segment(const struct pkt *p, struct pkt_queue *out)
{
	struct cut c;
	struct pkt_queue made;
	uint32_t index = 0;
	if (!measure(p, &c))
		return false;
	pkt_queue_init(&made);
	for (uint32_t done = 0; done < c.payload; index++) {
		uint32_t n = min(c.payload - done, (uint32_t)p->gso_size);
		struct pkt *s = make_segment(&c, done, n, index);
		if (s == NULL) {
			pkt_queue_purge(&made);
			return false;
		}
		pkt_queue_add(&made, s);
		done += n;
	}
	struct pkt *s;
	while ((s = pkt_queue_take(&made)) != NULL)
		pkt_queue_add(out, s);
	return true;
}
