/* SPDX-License-Identifier: MIT */
#include "net/link/gro.h"

#include <string.h>

#include "base/reader.h"
#include "net/addr.h"
#include "wire/checksum.h"
#include "wire/ether.h"

#define IP4_HEADER     20u
#define IP6_HEADER     40u
#define TCP_HEADER     20u
#define PROTOCOL_TCP   6u
#define PROTOCOL_UDP   17u
#define PROTOCOL_ICMP6 58u
#define IP4_DF         0x4000u
#define IP_MAX         65535u

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_URG 0x20u
#define TCP_CWR 0x80u

/* A segment as it came. Offsets are from the start of the frame. */
struct segment {
	bool v4;
	uint32_t transport, headers, payload; /* the TCP header; bytes before the payload; of it */
	uint32_t seq;
	uint16_t id; /* IPv4 */
};

/* What is remembered of a packet that is held: cb.words. */
#define HELD_NEXT_SEQ 0 /* the sequence number that would follow */
#define HELD_LAST_ID  1 /* of the last segment */
#define HELD_HEADERS  2 /* bytes before the payload */
#define HELD_CLOSED   3 /* nothing may be added */

/* --- What came. --- */

/* Whether p may be IPv4 and TCP that can be joined; sets s->transport and cuts padding off. */
static bool
parse_ip4(struct pkt *p, struct segment *s)
{
	if (!pkt_pull_up(p, ETHER_HEADER + IP4_HEADER + TCP_HEADER))
		return false;
	const uint8_t *ip = pkt_data(p) + ETHER_HEADER;
	uint32_t length = load_be16(ip + 2);
	if (ip[0] != 0x45 || ip[9] != PROTOCOL_TCP || (load_be16(ip + 6) & ~IP4_DF) != 0 ||
		length < IP4_HEADER + TCP_HEADER || length > p->len - ETHER_HEADER ||
		checksum_finish(checksum_add(0, ip, IP4_HEADER)) != 0)
		return false;
	pkt_trim(p, ETHER_HEADER + length);
	s->v4 = true;
	s->id = load_be16(ip + 4);
	s->transport = ETHER_HEADER + IP4_HEADER;
	return true;
}

static bool
parse_ip6(struct pkt *p, struct segment *s)
{
	if (!pkt_pull_up(p, ETHER_HEADER + IP6_HEADER + TCP_HEADER))
		return false;
	const uint8_t *ip = pkt_data(p) + ETHER_HEADER;
	uint32_t length = load_be16(ip + 4);
	if (ip[0] >> 4 != 6 || ip[6] != PROTOCOL_TCP || length < TCP_HEADER ||
		length > p->len - ETHER_HEADER - IP6_HEADER)
		return false;
	pkt_trim(p, ETHER_HEADER + IP6_HEADER + length);
	s->transport = ETHER_HEADER + IP6_HEADER;
	return true;
}

static uint64_t
pseudo_sum(const struct pkt *p, bool v4, uint32_t transport)
{
	const uint8_t *ip = p->head + p->head_off + ETHER_HEADER;
	uint32_t length = p->len - transport;
	return v4 ? checksum_pseudo(ip + 12, ip + 16, 4, length, PROTOCOL_TCP)
		  : checksum_pseudo(ip + 8, ip + 24, 16, length, PROTOCOL_TCP);
}

static bool
checksum_is_good(struct pkt *p, const struct segment *s)
{
	if (p->csum == PKT_CSUM_GOOD)
		return true;
	uint16_t seed = checksum_fold(pseudo_sum(p, s->v4, s->transport));
	if (pkt_checksum(p, s->transport, p->len - s->transport, seed) != 0xffff)
		return false;
	p->csum = PKT_CSUM_GOOD;
	return true;
}

/* Whether p is TCP of one piece with headers that are linear. Its checksum was not looked at. */
static bool
parse(struct pkt *p, struct segment *s)
{
	*s = (struct segment){0};
	if (p->gso != PKT_GSO_NONE || !pkt_pull_up(p, ETHER_HEADER))
		return false;
	uint16_t type = ether_type(pkt_data(p));
	if (type == ETHER_TYPE_IP4 ? !parse_ip4(p, s) : type != ETHER_TYPE_IP6 || !parse_ip6(p, s))
		return false;
	uint32_t header = (uint32_t)(pkt_data(p)[s->transport + 12] >> 4) * 4;
	s->headers = s->transport + header;
	if (header < TCP_HEADER || !pkt_pull_up(p, s->headers))
		return false;
	s->payload = p->len - s->headers;
	s->seq = load_be32(pkt_data(p) + s->transport + 4);
	return true;
}

/* Whether a frame that is not such TCP can be no part of a flow of TCP. */
static bool
is_unrelated(const struct pkt *p)
{
	const uint8_t *frame = p->head + p->head_off;
	if (p->head_len < ETHER_HEADER + IP4_HEADER)
		return false;
	uint16_t type = ether_type(frame);
	if (type == ETHER_TYPE_IP4)
		return frame[ETHER_HEADER + 9] != PROTOCOL_TCP;
	if (type == ETHER_TYPE_IP6)
		return frame[ETHER_HEADER + 6] == PROTOCOL_UDP ||
			frame[ETHER_HEADER + 6] == PROTOCOL_ICMP6;
	return true;
}

/* Whether it may be joined to others at all. */
static bool
is_plain_data(const struct pkt *p, const struct segment *s)
{
	uint8_t flags = p->head[p->head_off + s->transport + 13];
	return s->payload != 0 &&
		(flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG | TCP_CWR)) == TCP_ACK;
}

/* --- What is held. --- */

/* Ethernet header, addresses and ports are equal. */
static bool
same_flow(const struct pkt *a, const struct pkt *b, const struct segment *s)
{
	const uint8_t *x = a->head + a->head_off, *y = b->head + b->head_off;
	uint32_t addresses = ETHER_HEADER + (s->v4 ? 12 : 8), n = s->v4 ? 8 : 32;
	return a->netif == b->netif && memcmp(x, y, ETHER_HEADER) == 0 &&
		memcmp(x + addresses, y + addresses, n) == 0 &&
		memcmp(x + s->transport, y + s->transport, 4) == 0;
}

/* All other fields that have to be: not lengths, ids, checksums, sequence numbers, PSH. */
static bool
same_headers(const struct pkt *held, const struct pkt *p, const struct segment *s)
{
	const uint8_t *x = held->head + held->head_off, *y = p->head + p->head_off;
	const uint8_t *xi = x + ETHER_HEADER, *yi = y + ETHER_HEADER;
	const uint8_t *xt = x + s->transport, *yt = y + s->transport;
	bool ip = s->v4 ? xi[1] == yi[1] && memcmp(xi + 6, yi + 6, 3) == 0
			: memcmp(xi, yi, 4) == 0 && xi[7] == yi[7];
	return ip && held->cb.words[HELD_HEADERS] == s->headers && memcmp(xt + 8, yt + 8, 5) == 0 &&
		((xt[13] ^ yt[13]) & ~TCP_PSH) == 0 && memcmp(xt + 14, yt + 14, 2) == 0 &&
		memcmp(xt + 18, yt + 18, 2) == 0 &&
		memcmp(xt + TCP_HEADER, yt + TCP_HEADER, s->headers - s->transport - TCP_HEADER) ==
		0;
}

/* Ids that count up; or that stay, where nobody needs them (RFC 6864). */
static bool
id_follows(const struct pkt *held, const struct pkt *p, const struct segment *s)
{
	if (!s->v4)
		return true;
	uint16_t last = (uint16_t)held->cb.words[HELD_LAST_ID];
	bool df = (load_be16(p->head + p->head_off + ETHER_HEADER + 6) & IP4_DF) != 0;
	bool counted = (uint16_t)(last + 1) == s->id;
	if (held->gso_segs > 1 && held->cb.words[HELD_LAST_ID] >> 16 != 0)
		return df && last == s->id;
	return counted || (held->gso_segs == 1 && df && last == s->id);
}

static bool
fits(const struct pkt *held, const struct pkt *p, const struct segment *s)
{
	return held->cb.words[HELD_CLOSED] == 0 &&
		(uint32_t)held->cb.words[HELD_NEXT_SEQ] == s->seq && s->payload <= held->gso_size &&
		held->len - ETHER_HEADER + s->payload <= IP_MAX && id_follows(held, p, s) &&
		same_headers(held, p, s);
}

/* p's payload behind held's. p is gone, or, if there is no room, unchanged. */
static bool
join(struct pkt *held, struct pkt *p, const struct segment *s)
{
	uint32_t payload = s->payload;
	bool push = (pkt_data(p)[s->transport + 13] & TCP_PSH) != 0;
	bool same_id = s->v4 && (uint16_t)held->cb.words[HELD_LAST_ID] == s->id;
	pkt_pull(p, s->headers);
	if (!pkt_append(held, p)) {
		pkt_push(p, s->headers);
		return false;
	}
	held->gso_segs++;
	held->cb.words[HELD_NEXT_SEQ] = s->seq + payload;
	held->cb.words[HELD_LAST_ID] = s->id | (uint64_t)same_id << 16;
	if (push)
		pkt_data(held)[s->transport + 13] |= TCP_PSH;
	if (push || payload < held->gso_size)
		held->cb.words[HELD_CLOSED] = 1;
	return true;
}

/* Writes what the headers have to say about the whole. */
static void
complete(struct pkt *p)
{
	if (p->gso_segs == 1) {
		p->gso_size = 0;
		return;
	}
	uint8_t *ip = pkt_data(p) + ETHER_HEADER;
	bool v4 = ip[0] >> 4 == 4;
	uint32_t transport = ETHER_HEADER + (v4 ? IP4_HEADER : IP6_HEADER);
	uint32_t length = p->len - ETHER_HEADER - (v4 ? 0 : IP6_HEADER);
	ip[v4 ? 2 : 4] = (uint8_t)(length >> 8);
	ip[v4 ? 3 : 5] = (uint8_t)length;
	if (v4) {
		memset(ip + 10, 0, 2);
		uint16_t sum = checksum_finish(checksum_add(0, ip, IP4_HEADER));
		memcpy(ip + 10, &sum, sizeof(sum));
	}
	uint16_t pseudo = checksum_fold(pseudo_sum(p, v4, transport));
	memcpy(pkt_data(p) + transport + 16, &pseudo, sizeof(pseudo));
	p->gso = v4 ? PKT_GSO_TCP4 : PKT_GSO_TCP6;
	p->net_off = (uint16_t)(p->head_off + ETHER_HEADER);
	p->transport_off = p->csum_start = (uint16_t)(p->head_off + transport);
	p->csum_offset = 16;
}

static void
give_up(struct gro *g, uint32_t i, struct pkt_queue *up)
{
	struct pkt *p = g->held[i];
	g->count--;
	memmove(&g->held[i], &g->held[i + 1], (g->count - i) * sizeof(g->held[0]));
	complete(p);
	pkt_queue_add(up, p);
}

static void
hold(struct gro *g, struct pkt *p, const struct segment *s, struct pkt_queue *up)
{
	if (g->count == GRO_HELD)
		give_up(g, 0, up);
	p->gso_size = (uint16_t)s->payload;
	p->gso_segs = 1;
	p->cb.words[HELD_NEXT_SEQ] = s->seq + s->payload;
	p->cb.words[HELD_LAST_ID] = s->id;
	p->cb.words[HELD_HEADERS] = s->headers;
	p->cb.words[HELD_CLOSED] = 0;
	g->held[g->count++] = p;
}

bool
gro_add(struct gro *g, struct pkt *p, struct pkt_queue *up)
{
	struct segment s;
	if (!parse(p, &s)) {
		/* It may be of a flow that is held, in another shape. */
		if (!is_unrelated(p))
			gro_take_all(g, up);
		pkt_queue_add(up, p);
		return false;
	}
	uint32_t i = 0;
	while (i < g->count &&
		(g->held[i]->cb.words[HELD_HEADERS] < s.headers - s.transport ||
			!same_flow(g->held[i], p, &s)))
		i++;
	bool plain = is_plain_data(p, &s) && checksum_is_good(p, &s);
	if (i < g->count) {
		if (plain && fits(g->held[i], p, &s) && join(g->held[i], p, &s))
			return true;
		give_up(g, i, up);
	}
	if (plain && (pkt_data(p)[s.transport + 13] & TCP_PSH) == 0)
		hold(g, p, &s, up);
	else
		pkt_queue_add(up, p);
	return false;
}

void
gro_take_all(struct gro *g, struct pkt_queue *up)
{
	while (g->count != 0)
		give_up(g, 0, up);
}
