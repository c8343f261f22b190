/* SPDX-License-Identifier: MIT */
/*
 * Frames as virtio-net devices give them: honest ones of every size over any number of buffers arrive whole; headers
 * that say nonsense lose their frame; lies about the ring are told; nothing is kept, whatever allocation fails.
 */
#include <stdlib.h>
#include <string.h>

#include "dev/net/virtio_net_frame.h"
#include "mm/page.h"
#include "net/net.h"
#include "tests/unit/net_mock/net_mock.h"
#include "tests/unit/test.h"

#define ALL                                                                        \
	(VNET_F_CSUM | VNET_F_GUEST_CSUM | VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6 | \
		VNET_F_GUEST_ECN | VNET_F_MRG_RXBUF)
#define FRAME_MAX 66000u

static uint8_t sent[FRAME_MAX], got[FRAME_MAX];

static struct vnet_rx
queue(uint64_t features)
{
	return (struct vnet_rx){.features = features, .most = 128};
}

static void
fill(uint32_t seed)
{
	for (uint32_t i = 0; i < FRAME_MAX; i++)
		sent[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

/* One buffer as the driver's glue handles it. */
static enum vnet_rx_result
give(struct vnet_rx *rx, const uint8_t *header, const uint8_t *data, uint32_t n, struct pkt **frame)
{
	uint64_t limit = net_mock_fail_after;
	net_mock_fail_after = NET_MOCK_NEVER; /* the device's page is there already */
	struct page *page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
	net_mock_allocations--;
	net_mock_fail_after = limit;
	CHECK(page != NULL);
	uint32_t at = header != NULL ? VNET_HEADER : 0;
	if (header != NULL)
		memcpy(page_to_virt(page), header, VNET_HEADER);
	memcpy((uint8_t *)page_to_virt(page) + at, data, n);
	bool kept;
	const char *lie;
	enum vnet_rx_result result = vnet_rx_buffer(rx, page, at + n, &kept, frame, &lie);
	CHECK_EQ(lie != NULL, result == VNET_RX_LIE);
	CHECK_EQ(*frame != NULL, result == VNET_RX_FRAME);
	if (!kept)
		page_put(page);
	return result;
}

/* A frame of n bytes of `sent`, first of them in the first buffer. */
static enum vnet_rx_result
give_frame(struct vnet_rx *rx, uint8_t *header, uint32_t n, uint32_t first, struct pkt **frame)
{
	first = n < first ? n : first;
	uint32_t buffers = 1 + (n - first + 4095) / 4096;
	header[10] = (uint8_t)buffers;
	header[11] = (uint8_t)(buffers >> 8);
	enum vnet_rx_result result = give(rx, header, sent, first, frame);
	for (uint32_t done = first; done < n; done += 4096) {
		CHECK_EQ(result, VNET_RX_MORE);
		result = give(rx, NULL, sent + done, n - done < 4096 ? n - done : 4096, frame);
	}
	return result;
}

static void
check_frame(struct pkt *p, uint32_t n)
{
	CHECK_EQ(p->len, n);
	pkt_copy_out(p, 0, got, n);
	CHECK(memcmp(got, sent, n) == 0);
	CHECK(p->head_len != 0);
	pkt_free(p);
}

TEST(net_virtio_frames_of_every_size_arrive)
{
	struct vnet_rx rx = queue(ALL);
	struct pkt *p;
	net_mock_begin();
	fill(1);
	for (uint32_t n = 1; n <= 65535 + 14; n += n < 300 ? 1 : 617) {
		uint8_t header[VNET_HEADER] = {0};
		uint32_t first = n % 3 == 0 ? 1 + n % 30 : 4096 - VNET_HEADER;
		enum vnet_rx_result result = give_frame(&rx, header, n, first, &p);
		if (result == VNET_RX_LOST) { /* more pieces than a packet takes */
			CHECK(n > 60000 && first < 40);
			continue;
		}
		CHECK_EQ(result, VNET_RX_FRAME);
		CHECK_EQ(p->csum, PKT_CSUM_NONE);
		CHECK_EQ(p->nr_frags == 0, (n <= PKT_COPY_MAX && n <= first) || n <= 14);
		check_frame(p, n);
	}
	CHECK(net_mock_end());
}

TEST(net_virtio_small_frames_hold_no_page)
{
	struct vnet_rx rx = queue(ALL);
	uint8_t header[VNET_HEADER] = {0};
	struct pkt *p;
	net_mock_begin();
	CHECK_EQ(give_frame(&rx, header, PKT_COPY_MAX, 4000, &p), VNET_RX_FRAME);
	CHECK_EQ(net_mock_pages, 0);
	pkt_free(p);
	CHECK(net_mock_end());
}

TEST(net_virtio_too_long_a_frame_is_lost)
{
	struct vnet_rx rx = queue(ALL);
	uint8_t header[VNET_HEADER] = {0};
	struct pkt *p;
	net_mock_begin();
	CHECK_EQ(give_frame(&rx, header, 65535 + 15, 4084, &p), VNET_RX_LOST);
	CHECK_EQ(rx.why_lost, NET_DROP_RX_HEADER);
	CHECK_EQ(give_frame(&rx, header, 100, 4084, &p), VNET_RX_FRAME); /* the next is not */
	pkt_free(p);
	CHECK(net_mock_end());
}

TEST(net_virtio_lies_about_the_ring)
{
	struct pkt *p;
	uint8_t header[VNET_HEADER] = {0};
	net_mock_begin();
	struct vnet_rx rx = queue(ALL);
	CHECK_EQ(give(&rx, header, sent, 0, &p), VNET_RX_LIE); /* nothing behind the header */
	CHECK_EQ(give(&rx, NULL, sent, 5, &p), VNET_RX_LIE);
	CHECK_EQ(give(&rx, header, sent, 60, &p), VNET_RX_LIE); /* of no buffers */
	header[10] = 129;
	CHECK_EQ(give(&rx, header, sent, 60, &p), VNET_RX_LIE);
	header[10] = 3;
	CHECK_EQ(give(&rx, header, sent, 60, &p), VNET_RX_MORE);
	CHECK_EQ(give(&rx, NULL, sent, 4096, &p), VNET_RX_MORE);
	CHECK_EQ(give(&rx, NULL, sent, 0, &p), VNET_RX_LIE);
	CHECK(rx.pkt == NULL && rx.missing == 0);
	rx.features &= ~VNET_F_MRG_RXBUF; /* then the number means nothing */
	CHECK_EQ(give(&rx, header, sent, 60, &p), VNET_RX_FRAME);
	pkt_free(p);
	CHECK(net_mock_end());
}

TEST(net_virtio_abandoned_frames_leave_nothing)
{
	struct pkt *p;
	uint8_t header[VNET_HEADER] = {[10] = 3};
	struct vnet_rx rx = queue(ALL);
	net_mock_begin();
	CHECK_EQ(give(&rx, header, sent, 1000, &p), VNET_RX_MORE);
	vnet_rx_abandon(&rx);
	CHECK(net_mock_end());
}

TEST(net_virtio_failed_allocations_lose_one_frame)
{
	for (uint64_t n = 0; net_mock_run(n); n++) {
		struct vnet_rx rx = queue(ALL);
		uint8_t header[VNET_HEADER] = {0};
		struct pkt *p;
		enum vnet_rx_result result = give_frame(&rx, header, 30000, 4084, &p);
		if (result == VNET_RX_FRAME)
			pkt_free(p);
		else
			CHECK(result == VNET_RX_LOST && rx.why_lost == NET_DROP_RX_NO_MEMORY);
		net_mock_fail_after = NET_MOCK_NEVER;
		CHECK_EQ(give_frame(&rx, header, 30000, 4084, &p), VNET_RX_FRAME);
		pkt_free(p);
		CHECK(net_mock_end());
		net_mock_allocations = result == VNET_RX_FRAME ? 0 : n + 1;
	}
}

/* --- Headers. --- */

/* Headers of TCP in `sent`. */
static void
write_tcp(bool v4)
{
	static const uint8_t h4[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 0, 0, 0,
		0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	memset(sent, 0, 200);
	memcpy(sent, h4, sizeof(h4));
	uint8_t *tcp = sent + 34;
	if (!v4) {
		sent[12] = 0x86;
		sent[13] = 0xdd;
		memset(sent + 14, 0, 40);
		sent[14] = 0x60;
		sent[20] = 6;
		tcp = sent + 54;
	}
	tcp[12] = 0x80; /* 12 bytes of options */
	tcp[13] = 0x10;
}

static enum vnet_rx_result
one(uint64_t features, uint8_t flags, uint8_t gso, uint16_t size, struct pkt **p)
{
	struct vnet_rx rx = queue(features);
	uint8_t header[VNET_HEADER] = {
		flags, gso, 66, 0, (uint8_t)size, (uint8_t)(size >> 8), 34, 0, 16};
	return give_frame(&rx, header, 20000, 4084, p);
}

TEST(net_virtio_segmented_frames_say_how)
{
	struct pkt *p;
	net_mock_begin();
	for (int v4 = 0; v4 < 2; v4++) {
		write_tcp(v4 != 0);
		uint8_t kind = v4 != 0 ? 1 : 4;
		CHECK_EQ(one(ALL, 1, kind | 0x80, 1400, &p), VNET_RX_FRAME);
		uint32_t headers = v4 != 0 ? 66 : 86;
		CHECK_EQ(p->gso, v4 != 0 ? PKT_GSO_TCP4 : PKT_GSO_TCP6);
		CHECK_EQ(p->gso_size, 1400);
		CHECK_EQ(p->gso_segs, (20000 - headers + 1399) / 1400);
		CHECK_EQ(p->csum, PKT_CSUM_GOOD);
		CHECK_EQ(p->flags, PKT_TSO_ECN);
		CHECK(p->head_len >= headers);
		pkt_free(p);
		CHECK_EQ(one(ALL, 2, 0, 0, &p), VNET_RX_FRAME);
		CHECK(p->csum == PKT_CSUM_GOOD && p->gso == PKT_GSO_NONE);
		pkt_free(p);
	}
	CHECK(net_mock_end());
}

TEST(net_virtio_nonsense_in_headers_loses_the_frame)
{
	struct pkt *p;
	net_mock_begin();
	write_tcp(true);
	CHECK_EQ(one(ALL, 1, 1, 0, &p), VNET_RX_LOST);       /* of no size */
	CHECK_EQ(one(ALL, 0, 1, 1400, &p), VNET_RX_LOST);    /* no checksum */
	CHECK_EQ(one(ALL, 1, 4, 1400, &p), VNET_RX_LOST);    /* the other version */
	CHECK_EQ(one(ALL, 1, 3, 1400, &p), VNET_RX_LOST);    /* UDP: not negotiated */
	CHECK_EQ(one(ALL, 1, 0x7f, 1400, &p), VNET_RX_LOST); /* no such */
	CHECK_EQ(one(ALL & ~VNET_F_GUEST_TSO4, 1, 1, 1400, &p), VNET_RX_LOST); /* not negotiated */
	CHECK_EQ(one(ALL & ~VNET_F_GUEST_ECN, 1, 0x81, 1400, &p), VNET_RX_LOST);
	CHECK_EQ(one(ALL & ~VNET_F_GUEST_CSUM, 1, 0, 0, &p), VNET_RX_LOST);
	sent[46] = 0x40; /* a TCP header of 16 bytes */
	CHECK_EQ(one(ALL, 1, 1, 1400, &p), VNET_RX_LOST);
	write_tcp(true);
	sent[14] = 0x46; /* options */
	CHECK_EQ(one(ALL, 1, 1, 1400, &p), VNET_RX_LOST);
	write_tcp(true);
	sent[23] = 17;
	CHECK_EQ(one(ALL, 1, 1, 1400, &p), VNET_RX_LOST);
	struct vnet_rx rx = queue(ALL);
	uint8_t header[VNET_HEADER] = {
		1, 0, 0, 0, 0, 0, 50, 0, 9, 0, 1}; /* the sum's place is outside */
	CHECK_EQ(give_frame(&rx, header, 60, 4000, &p), VNET_RX_LOST);
	CHECK_EQ(rx.why_lost, NET_DROP_RX_HEADER);
	CHECK(net_mock_end());
}

TEST(net_virtio_sent_headers)
{
	uint8_t h[VNET_HEADER];
	net_mock_begin();
	struct pkt *p = pkt_alloc();
	CHECK(p != NULL);
	write_tcp(true);
	memcpy(pkt_put(p, 100), sent, 100);
	vnet_tx_header(p, h);
	static const uint8_t none[VNET_HEADER];
	CHECK_MEM(h, none, sizeof(h));
	p->csum = PKT_CSUM_PARTIAL;
	p->csum_start = (uint16_t)(p->head_off + 34);
	p->csum_offset = 16;
	vnet_tx_header(p, h);
	static const uint8_t sum[VNET_HEADER] = {1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0};
	CHECK_MEM(h, sum, sizeof(h));
	p->gso = PKT_GSO_TCP4;
	p->gso_size = 1448;
	p->flags = PKT_TSO_ECN;
	vnet_tx_header(p, h);
	static const uint8_t gso[VNET_HEADER] = {1, 0x81, 66, 0, 0xa8, 5, 34, 0, 16, 0, 0, 0};
	CHECK_MEM(h, gso, sizeof(h));
	pkt_free(p);
	CHECK(net_mock_end());
}
