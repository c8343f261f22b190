/* SPDX-License-Identifier: MIT */
/*
 * Segmentation and coalescing: a packet that is cut gives segments whose every header and checksum is right; segments
 * that are joined and cut again are the same bytes; nothing is lost, invented, reordered or leaked, whatever
 * allocation fails.
 */
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "mm/page.h"
#include "net/link/gro.h"
#include "net/link/gso.h"
#include "net/link/steer.h"
#include "tests/unit/net_mock/net_mock.h"
#include "tests/unit/test.h"
#include "wire/checksum.h"
#include "wire/ether.h"

#define ETHER     14u
#define FRAME_MAX 70000u

static uint32_t seed;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

struct flow {
	bool v4, udp;
	uint32_t options; /* bytes of TCP options */
	uint32_t seq;
	uint16_t port, id;
	uint8_t flags, ttl, tos; /* TCP flags */
	bool df;
};

static void
put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t
ip_length(const struct flow *f)
{
	return f->v4 ? 20 : 40;
}

static uint32_t
header_length(const struct flow *f)
{
	return ETHER + ip_length(f) + (f->udp ? 8 : 20 + f->options);
}

static uint64_t
pseudo(const struct flow *f, const uint8_t *frame, uint32_t transport_length)
{
	const uint8_t *ip = frame + ETHER;
	uint8_t protocol = f->udp ? 17 : 6;
	return f->v4 ? checksum_pseudo(ip + 12, ip + 16, 4, transport_length, protocol)
		     : checksum_pseudo(ip + 8, ip + 24, 16, transport_length, protocol);
}

/* Writes Ethernet, IP and transport headers for n bytes of payload; the transport's checksum field is the pseudo sum. */
static void
write_headers(const struct flow *f, uint8_t *h, uint32_t n)
{
	static const uint8_t to[6] = {2, 0, 0, 0, 0, 1}, from[6] = {2, 0, 0, 0, 0, 2};
	uint8_t *ip = h + ETHER, *t = ip + ip_length(f);
	uint32_t transport = header_length(f) - ETHER - ip_length(f);
	memset(h, 0, header_length(f));
	ether_write(h, to, from, f->v4 ? ETHER_TYPE_IP4 : ETHER_TYPE_IP6);
	if (f->v4) {
		ip[0] = 0x45;
		ip[1] = f->tos;
		put16(ip + 2, 20 + transport + n);
		put16(ip + 4, f->id);
		put16(ip + 6, f->df ? 0x4000 : 0);
		ip[8] = f->ttl;
		ip[9] = f->udp ? 17 : 6;
		memcpy(ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
		uint16_t sum = checksum_finish(checksum_add(0, ip, 20));
		memcpy(ip + 10, &sum, 2);
	} else {
		ip[0] = (uint8_t)(0x60 | f->tos >> 4);
		ip[1] = (uint8_t)(f->tos << 4);
		put16(ip + 4, transport + n);
		ip[6] = f->udp ? 17 : 6;
		ip[7] = f->ttl;
		memcpy(ip + 8,
			"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 32);
	}
	put16(t, f->port);
	put16(t + 2, 80);
	if (f->udp) {
		put16(t + 4, 8 + n);
	} else {
		put16(t + 4, f->seq >> 16);
		put16(t + 6, f->seq);
		put16(t + 10, 77);
		t[12] = (uint8_t)((20 + f->options) / 4 << 4);
		t[13] = f->flags;
		put16(t + 14, 501);
		for (uint32_t i = 0; i < f->options; i++)
			t[20 + i] = (uint8_t)(i * 3 + f->port);
	}
	uint16_t sum = checksum_fold(pseudo(f, h, transport + n));
	memcpy(t + (f->udp ? 6 : 16), &sum, 2);
}

/* A packet of headers and payload in pages, at random offsets; the checksum is to be completed. NULL: no memory. */
static struct pkt *
make_packet(const struct flow *f, const uint8_t *payload, uint32_t n)
{
	struct pkt *p = pkt_alloc();
	if (p == NULL)
		return NULL;
	uint32_t linear = n == 0 ? 0 : rnd(min(n, PKT_HEAD - PKT_HEADROOM - 20) + 1);
	if (rnd(3) != 0)
		linear = 0;
	p->head_off = (uint16_t)(PKT_HEADROOM - header_length(f) + 20);
	uint8_t *at = pkt_put(p, header_length(f));
	write_headers(f, at, n);
	memcpy(pkt_put(p, linear), payload, linear);
	p->net_off = (uint16_t)(p->head_off + ETHER);
	p->transport_off = p->csum_start = (uint16_t)(p->net_off + ip_length(f));
	p->csum_offset = f->udp ? 6 : 16;
	p->csum = PKT_CSUM_PARTIAL;
	for (uint32_t done = linear; done < n;) {
		uint32_t offset = n < 30000 ? rnd(4000) : 0, part = min(n - done, 4096 - offset);
		struct page *page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
		if (page == NULL)
			goto fail;
		memcpy((uint8_t *)page_to_virt(page) + offset, payload + done, part);
		if (!pkt_add_frag(p, page, offset, part)) {
			page_put(page);
			goto fail;
		}
		done += part;
		if (done < n && p->nr_frags == PKT_FRAGS)
			goto fail;
	}
	return p;
fail:
	pkt_free(p);
	return NULL;
}

/* The bytes that a packet has on the wire. */
static uint32_t
wire_bytes(struct pkt *p, uint8_t *out)
{
	if (p->csum == PKT_CSUM_PARTIAL)
		gso_complete_checksum(p);
	CHECK(p->len <= FRAME_MAX);
	pkt_copy_out(p, 0, out, p->len);
	return p->len;
}

static bool
checksums_are_good(const struct flow *f, const uint8_t *frame, uint32_t n)
{
	uint32_t start = ETHER + ip_length(f);
	if (f->v4 && checksum_finish(checksum_add(0, frame + ETHER, 20)) != 0)
		return false;
	return checksum_finish(
		       checksum_add(pseudo(f, frame, n - start), frame + start, n - start)) == 0;
}

static struct flow
random_flow(void)
{
	struct flow f = {.v4 = rnd(2) != 0,
		.options = 4 * rnd(11),
		.seq = 0u - rnd(20000),
		.port = (uint16_t)rnd(4),
		.id = (uint16_t)(0 - rnd(10)),
		.flags = 0x10,
		.ttl = 64,
		.tos = (uint8_t)(rnd(4) == 0 ? 3 : 0),
		.df = rnd(2) != 0};
	return f;
}

static uint8_t payload[FRAME_MAX], frame[FRAME_MAX], expected[FRAME_MAX];

static void
fill_payload(void)
{
	for (uint32_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)rnd(256);
}

/* Each segment is exactly what its sender would have made of its share of the payload. */
static void
check_segments(const struct flow *f, struct pkt_queue *q, uint32_t n, uint32_t size)
{
	uint32_t done = 0;
	struct pkt *s;
	for (uint32_t i = 0; (s = pkt_queue_take(q)) != NULL; i++) {
		struct flow want = *f;
		uint32_t part = min(size, n - done);
		want.seq += done;
		want.id = (uint16_t)(want.id + i);
		if (done + part != n)
			want.flags &= (uint8_t)~0x09;
		if (done != 0)
			want.flags &= (uint8_t)~0x80;
		write_headers(&want, expected, part);
		memcpy(expected + header_length(f), payload + done, part);
		CHECK_EQ(wire_bytes(s, frame), header_length(f) + part);
		CHECK(checksums_are_good(f, frame, s->len));
		uint32_t field = ETHER + ip_length(f) + (f->udp ? 6 : 16);
		memcpy(expected + field, frame + field, 2); /* it was judged */
		CHECK(memcmp(frame, expected, s->len) == 0);
		done += part;
		pkt_free(s);
	}
	CHECK_EQ(done, n);
}

TEST(net_gso_segments_are_what_their_sender_would_have_made)
{
	for (uint32_t round = 1; round < 400; round++) {
		net_mock_begin();
		seed = round;
		fill_payload();
		struct flow f = random_flow();
		f.udp = rnd(4) == 0;
		f.flags = (uint8_t)(0x10 | (rnd(2) != 0 ? 0x09 : 0) | (rnd(2) != 0 ? 0x80 : 0));
		uint32_t n = 1 + rnd(rnd(2) != 0 ? 60000 : 3000), size = 1 + rnd(1460);
		if (n / size > 300)
			size = n / 300 + 1;
		struct pkt *p = make_packet(&f, payload, n);
		if (p == NULL)
			continue; /* more pieces than a packet takes */
		struct pkt_queue q;
		pkt_queue_init(&q);
		p->gso = f.udp ? PKT_GSO_UDP : f.v4 ? PKT_GSO_TCP4 : PKT_GSO_TCP6;
		p->gso_size = (uint16_t)size;
		CHECK(gso_segment(p, &q));
		pkt_free(p);
		check_segments(&f, &q, n, size);
		CHECK(net_mock_end());
	}
}

TEST(net_gso_failed_allocations_leave_nothing_behind)
{
	for (uint64_t n = 0; net_mock_run(n); n++) {
		seed = 9;
		struct flow f = {.v4 = true, .flags = 0x10, .ttl = 64};
		struct pkt *p = make_packet(&f, payload, 20000);
		struct pkt_queue q;
		pkt_queue_init(&q);
		if (p == NULL)
			continue;
		p->gso = PKT_GSO_TCP4;
		p->gso_size = 1448;
		bool cut = gso_segment(p, &q);
		CHECK_EQ(q.count, cut ? 14 : 0);
		pkt_queue_purge(&q);
		pkt_free(p);
		CHECK(net_mock_end());
	}
}

TEST(net_gso_refuses_what_is_not_what_it_says)
{
	struct pkt_queue q;
	net_mock_begin();
	pkt_queue_init(&q);
	struct flow f = {.v4 = true, .flags = 0x10};
	for (int what = 0; what < 7; what++) {
		struct pkt *p = make_packet(&f, payload, 5000);
		CHECK(p != NULL);
		p->gso = PKT_GSO_TCP4;
		p->gso_size = 1000;
		switch (what) {
		case 0:
			p->gso_size = 0;
			break;
		case 1:
			p->csum_start = (uint16_t)(p->net_off - 1);
			break;
		case 2:
			p->csum_start = (uint16_t)(p->head_off + p->head_len - 4);
			break;
		case 3:
			p->csum_offset = 60;
			break;
		case 4:
			p->head[p->csum_start + 12] = 0xf0;
			break;
		case 5:
			p->head[p->csum_start + 12] = 0x10;
			break;
		default:
			p->csum = PKT_CSUM_NONE;
		}
		CHECK(!gso_segment(p, &q) || what == 4);
		pkt_queue_purge(&q);
		pkt_free(p);
	}
	CHECK(net_mock_end());
}

TEST(net_gso_udp_checksum_zero_is_written_as_ones)
{
	net_mock_begin();
	struct flow f = {.v4 = true, .udp = true};
	uint32_t zeroes = 0;
	for (uint32_t i = 0; i < 65536; i++) {
		uint8_t two[2] = {(uint8_t)(i >> 8), (uint8_t)i};
		struct pkt *p = make_packet(&f, two, 2);
		CHECK(p != NULL);
		gso_complete_checksum(p);
		const uint8_t *field = p->head + p->csum_start + 6;
		CHECK(field[0] != 0 || field[1] != 0);
		zeroes += field[0] == 0xff && field[1] == 0xff;
		pkt_free(p);
	}
	CHECK(zeroes != 0);
	CHECK(net_mock_end());
}

/* --- Coalescing. --- */

#define FLOWS      4
#define FRAMES_MAX 3000

static struct {
	uint8_t *bytes;
	uint32_t len, flow;
} sent[FRAMES_MAX];
static uint32_t sent_count, received[FLOWS];

/* The next frame of a flow that is in `sent` at or after from. */
static uint32_t
next_of_flow(uint32_t from, uint32_t flow)
{
	while (from < sent_count && sent[from].flow != flow)
		from++;
	CHECK(from < sent_count);
	return from;
}

static void
check_frame(struct pkt *p, uint32_t flow)
{
	uint32_t i = next_of_flow(received[flow], flow), n = wire_bytes(p, frame);
	CHECK_EQ(n, sent[i].len);
	CHECK(memcmp(frame, sent[i].bytes, n) == 0);
	received[flow] = i + 1;
	pkt_free(p);
}

/* What came up, cut up again if it was joined, is what was sent, in order. Returns how many frames that is. */
static uint32_t
take_up(struct pkt_queue *up)
{
	uint32_t frames = 0;
	struct pkt *p;
	while ((p = pkt_queue_take(up)) != NULL) {
		const uint8_t *h = pkt_data(p);
		uint32_t flow = h[ETHER + (h[ETHER] >> 4 == 4 ? 20 : 40) + 1];
		struct pkt_queue cut;
		pkt_queue_init(&cut);
		if (p->gso == PKT_GSO_NONE) {
			frames++;
			check_frame(p, flow);
			continue;
		}
		CHECK_EQ(p->csum, PKT_CSUM_GOOD);
		CHECK(p->len - ETHER <= PKT_LEN_MAX);
		uint32_t segments = p->gso_segs;
		p->csum = PKT_CSUM_PARTIAL;
		CHECK(gso_segment(p, &cut));
		CHECK_EQ(cut.count, segments);
		pkt_free(p);
		frames += cut.count;
		while ((p = pkt_queue_take(&cut)) != NULL)
			check_frame(p, flow);
	}
	return frames;
}

static void
remember(struct pkt *p, uint32_t flow)
{
	uint8_t *bytes = malloc(p->len);
	CHECK(bytes != NULL && sent_count < FRAMES_MAX);
	pkt_copy_out(p, 0, bytes, p->len);
	sent[sent_count].bytes = bytes;
	sent[sent_count].len = p->len;
	sent[sent_count++].flow = flow;
}

static void
forget(void)
{
	while (sent_count != 0)
		free(sent[--sent_count].bytes);
	memset(received, 0, sizeof(received));
}

/* Now and then something that must not be joined. */
static void
disturb(struct flow *f)
{
	switch (rnd(40)) {
	case 0:
		f->seq += 1;
		break;
	case 1:
		f->flags ^= 0x40;
		break;
	case 2:
		f->ttl++;
		break;
	case 3:
		f->tos ^= 3;
		break;
	case 4:
		f->id = (uint16_t)(f->id + 7);
		break;
	case 5:
		f->options = f->options == 40 ? 0 : f->options + 4;
		break;
	case 6:
		f->df = !f->df;
		break;
	default:
		break;
	}
}

static struct pkt *
make_frame(struct flow *f, uint32_t n)
{
	struct flow now = *f;
	if (rnd(12) == 0)
		now.flags |= 0x08;
	if (rnd(60) == 0)
		now.flags |= 0x01;
	struct pkt *p = make_packet(&now, payload + rnd(1000), n);
	CHECK(p != NULL);
	gso_complete_checksum(p);
	if (rnd(30) == 0) { /* damaged on the way */
		p->head[p->csum_start + 16] ^= 1;
	} else if (rnd(2) != 0) {
		p->csum = PKT_CSUM_GOOD;
	}
	f->seq += n;
	f->id = (uint16_t)(f->id + 1);
	p->net_off = p->transport_off = p->csum_start = p->csum_offset = 0;
	return p;
}

TEST(net_gro_joined_and_cut_again_is_what_was_sent)
{
	uint32_t joined = 0;
	for (uint32_t round = 1; round < 150; round++) {
		struct gro g = {0};
		struct flow flows[FLOWS];
		struct pkt_queue up;
		uint32_t frames = 0, came = 0;
		net_mock_begin();
		seed = round;
		fill_payload();
		pkt_queue_init(&up);
		for (uint32_t i = 0; i < FLOWS; i++) {
			flows[i] = random_flow();
			flows[i].port = (uint16_t)i;
		}
		bool failing = round % 3 == 0;
		for (; frames < 400; frames++) {
			uint32_t i = rnd(3) == 0 ? rnd(FLOWS) : 0;
			disturb(&flows[i]);
			struct pkt *p = make_frame(&flows[i], rnd(20) == 0 ? rnd(1460) : 1400);
			remember(p, i);
			if (failing)
				net_mock_fail_after = net_mock_allocations + rnd(2);
			joined += gro_add(&g, p, &up);
			net_mock_fail_after = NET_MOCK_NEVER;
			if (rnd(64) == 0)
				gro_take_all(&g, &up);
			came += take_up(&up);
		}
		gro_take_all(&g, &up);
		came += take_up(&up);
		CHECK_EQ(came, frames);
		forget();
		CHECK(net_mock_end());
	}
	CHECK(joined > 10000);
}

/* One undisturbed flow: up to 64 KiB in one. */
TEST(net_gro_fills_packets)
{
	for (int v4 = 0; v4 < 2; v4++) {
		struct gro g = {0};
		struct flow f = {.v4 = v4 != 0, .flags = 0x10, .ttl = 64, .options = 12};
		struct pkt_queue up;
		net_mock_begin();
		seed = 7;
		pkt_queue_init(&up);
		uint32_t joined = 0, frames = 0;
		for (; up.count == 0; frames++) {
			struct pkt *p = make_packet(&f, payload, 1448);
			CHECK(p != NULL);
			pkt_trim(p, p->len);
			p->csum = PKT_CSUM_GOOD;
			f.seq += 1448;
			f.id++;
			joined += gro_add(&g, p, &up);
		}
		CHECK_EQ(joined, frames - 2); /* all but the first of each of the two */
		struct pkt *p = pkt_queue_take(&up);
		CHECK_EQ(p->gso, v4 != 0 ? PKT_GSO_TCP4 : PKT_GSO_TCP6);
		CHECK_EQ(p->gso_size, 1448);
		CHECK_EQ(p->gso_segs, frames - 1);
		CHECK(p->nr_frags == PKT_FRAGS || p->len > 63000);
		pkt_free(p);
		gro_take_all(&g, &up);
		pkt_queue_purge(&up);
		CHECK(net_mock_end());
	}
}

TEST(net_gro_padding_is_cut_off)
{
	struct gro g = {0};
	struct flow f = {.v4 = true, .flags = 0x10, .ttl = 64};
	struct pkt_queue up;
	net_mock_begin();
	pkt_queue_init(&up);
	struct pkt *p = make_packet(&f, payload, 0);
	CHECK(p != NULL);
	gso_complete_checksum(p);
	memset(pkt_put(p, 6), 0xee, 6);
	CHECK(!gro_add(&g, p, &up));
	CHECK(pkt_queue_take(&up) == p);
	CHECK_EQ(p->len, 54);
	pkt_free(p);
	CHECK(net_mock_end());
}

/* --- Steering. --- */

TEST(net_steer_a_flow_has_one_hash_and_flows_spread)
{
	static const uint64_t key[2] = {1, 2};
	uint32_t cpus[4] = {0};
	net_mock_begin();
	for (uint32_t port = 0; port < 400; port++) {
		struct flow f = {.v4 = port % 2 != 0, .udp = port % 3 == 0, .port = (uint16_t)port};
		uint32_t first = 0;
		for (uint32_t i = 0; i < 3; i++) {
			f.seq = i * 1000;
			f.id = (uint16_t)i;
			struct pkt *p = make_packet(&f, payload, 100 + i);
			CHECK(p != NULL);
			uint32_t hash = steer_hash(key, p);
			CHECK(hash != 0 && (i == 0 || hash == first));
			first = hash;
			pkt_free(p);
		}
		cpus[(uint64_t)first * 4 >> 32]++;
	}
	for (int i = 0; i < 4; i++)
		CHECK(cpus[i] > 60 && cpus[i] < 140);
	CHECK(net_mock_end());
}
