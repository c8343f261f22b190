/* SPDX-License-Identifier: MIT */
/*
 * A virtio-net device that gives any buffers with any bytes. What must hold: every frame that comes out consists of what
 * was given for it, can be coalesced, hashed and cut up; nothing stays behind.
 */
#include <stdlib.h>
#include <string.h>

#include "dev/net/virtio_net_frame.h"
#include "mm/page.h"
#include "net/link/gro.h"
#include "net/link/gso.h"
#include "tests/unit/net_mock/net_mock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

static void
take_up(struct pkt_queue *up)
{
	struct pkt *p;
	while ((p = pkt_queue_take(up)) != NULL) {
		struct pkt_queue cut;
		pkt_queue_init(&cut);
		require(p->len != 0 && p->len <= PKT_LEN_MAX + 14);
		(void)!pkt_checksum(p, 0, p->len, 0);
		p->csum = PKT_CSUM_PARTIAL;
		if (p->gso != PKT_GSO_NONE && p->gso_segs < 100) {
			require(gso_segment(p, &cut));
			require(cut.count == p->gso_segs);
		}
		pkt_queue_purge(&cut);
		pkt_free(p);
	}
}

/* 4 bytes of features and failures, then buffers: length (2 bytes), bytes that are not zero (1), those. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnet_rx rx = {.most = 16};
	struct gro g = {0};
	struct pkt_queue up;
	net_mock_begin();
	pkt_queue_init(&up);
	if (size < 4)
		return 0;
	rx.features = (uint64_t)data[0] << 1 | (uint64_t)data[1] << 8;
	uint32_t failing = data[2];
	data += 4;
	size -= 4;
	for (uint32_t i = 0; size >= 3; i++) {
		uint32_t len = (uint32_t)(data[0] | data[1] << 8) % 4200;
		uint32_t n = (uint32_t)min((size_t)data[2], size - 3);
		struct page *page = page_alloc(0, PAGE_ZERO, PAGE_KERNEL);
		require(page != NULL);
		memcpy(page_to_virt(page), data + 3, n);
		data += 3 + n;
		size -= 3 + n;
		bool kept;
		const char *lie;
		struct pkt *frame;
		if (failing != 0 && i % 8 == failing % 8)
			net_mock_fail_after = net_mock_allocations;
		enum vnet_rx_result result = vnet_rx_buffer(&rx, page, len, &kept, &frame, &lie);
		net_mock_fail_after = NET_MOCK_NEVER;
		if (!kept)
			page_put(page);
		require((result == VNET_RX_LIE) == (lie != NULL));
		require((result == VNET_RX_FRAME) == (frame != NULL));
		if (frame != NULL)
			(void)gro_add(&g, frame, &up);
		take_up(&up);
	}
	vnet_rx_abandon(&rx);
	gro_take_all(&g, &up);
	take_up(&up);
	require(net_mock_end());
	return 0;
}
