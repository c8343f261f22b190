/* SPDX-License-Identifier: MIT */
/*
 * Frames of any bytes through coalescing, each in linear and in paged form, and what comes up through segmentation.
 * What must hold: no byte outside a packet is touched, frames in are frames out, nothing stays behind.
 */
#include <stdlib.h>
#include <string.h>

#include "mm/page.h"
#include "net/link/gro.h"
#include "net/link/gso.h"
#include "net/link/steer.h"
#include "tests/unit/net_mock/net_mock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

/* n bytes, the first linear of them linear. */
static struct pkt *
make(const uint8_t *bytes, uint32_t n, uint32_t linear)
{
	struct pkt *p = pkt_alloc();
	require(p != NULL);
	uint32_t room = min(n, pkt_tailroom(p));
	linear = min(linear, room);
	memcpy(pkt_put(p, linear), bytes, linear);
	if (n > linear) {
		struct page *page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
		require(page != NULL);
		uint32_t offset =
			(uint32_t)PAGE_SIZE - (n - linear); /* a byte too far is outside */
		memcpy((uint8_t *)page_to_virt(page) + offset, bytes + linear, n - linear);
		require(pkt_add_frag(p, page, offset, n - linear));
	}
	return p;
}

static uint32_t
take_up(struct pkt_queue *up)
{
	uint32_t frames = 0;
	struct pkt *p;
	while ((p = pkt_queue_take(up)) != NULL) {
		uint32_t n = p->gso == PKT_GSO_NONE ? 1 : p->gso_segs;
		struct pkt_queue cut;
		pkt_queue_init(&cut);
		if (p->gso != PKT_GSO_NONE) {
			p->csum = PKT_CSUM_PARTIAL;
			require(gso_segment(p, &cut));
			require(cut.count == n);
			pkt_queue_purge(&cut);
		}
		frames += n;
		pkt_free(p);
	}
	return frames;
}

/* Each frame: length (2 bytes), how much of it is linear, flags (1: trusted), its bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t key[2];
	struct gro g = {0};
	struct pkt_queue up;
	uint32_t in = 0, out = 0;
	net_mock_begin();
	pkt_queue_init(&up);
	while (size >= 4) {
		uint32_t n = min((uint32_t)(data[0] << 8 | data[1]) % 2048, (uint32_t)size - 4);
		struct pkt *p = make(data + 4, n, data[2]);
		p->csum = (data[3] & 1) != 0 ? PKT_CSUM_GOOD : PKT_CSUM_NONE;
		data += 4 + n;
		size -= 4 + n;
		in++;
		require(steer_hash(key, p) != 0);
		(void)gro_add(&g, p, &up);
		out += take_up(&up);
	}
	gro_take_all(&g, &up);
	out += take_up(&up);
	require(in == out);
	require(net_mock_end());
	return 0;
}
