/* SPDX-License-Identifier: MIT */
#include "dev/net/virtio_net_frame.h"

#include <string.h>

#include "base/reader.h"
#include "mm/page.h"
#include "net/net.h"
#include "wire/ether.h"

/* The header's fields (5.1.6). */
#define FIELD_FLAGS       0
#define FIELD_GSO_TYPE    1
#define FIELD_HEADER_LEN  2
#define FIELD_GSO_SIZE    4
#define FIELD_CSUM_START  6
#define FIELD_CSUM_OFFSET 8
#define FIELD_NUM_BUFFERS 10

#define FLAG_NEEDS_CSUM 1u
#define FLAG_DATA_VALID 2u

#define GSO_NONE   0u
#define GSO_TCP4   1u
#define GSO_TCP6   4u
#define GSO_UDP_L4 5u
#define GSO_ECN    0x80u

#define IP4_HEADER   20u
#define IP6_HEADER   40u
#define PROTOCOL_TCP 6u

/* --- Sending. --- */

static void
write_gso(const struct pkt *p, uint8_t *header)
{
	uint32_t start = (uint32_t)p->csum_start - p->head_off;
	uint32_t transport =
		p->gso == PKT_GSO_UDP ? 8 : (uint32_t)(p->head[p->csum_start + 12] >> 4) * 4;
	static const uint8_t kinds[] = {[PKT_GSO_NONE] = GSO_NONE,
		[PKT_GSO_TCP4] = GSO_TCP4,
		[PKT_GSO_TCP6] = GSO_TCP6,
		[PKT_GSO_UDP] = GSO_UDP_L4};
	bool ecn = (p->flags & PKT_TSO_ECN) != 0;
	header[FIELD_GSO_TYPE] = (uint8_t)(kinds[p->gso] | (ecn ? GSO_ECN : 0));
	store_le16(header + FIELD_HEADER_LEN, start + transport);
	store_le16(header + FIELD_GSO_SIZE, p->gso_size);
}

void
vnet_tx_header(const struct pkt *p, uint8_t header[VNET_HEADER])
{
	memset(header, 0, VNET_HEADER);
	if (p->csum != PKT_CSUM_PARTIAL)
		return;
	header[FIELD_FLAGS] = FLAG_NEEDS_CSUM;
	store_le16(header + FIELD_CSUM_START, (uint32_t)p->csum_start - p->head_off);
	store_le16(header + FIELD_CSUM_OFFSET, p->csum_offset);
	if (p->gso != PKT_GSO_NONE)
		write_gso(p, header);
}

/* --- Receiving: headers. --- */

/* Whether the frame's headers are those of TCP of that version, without options or extension headers of IP. */
static bool
is_tcp(struct pkt *p, bool v4, uint32_t *headers)
{
	uint32_t transport = ETHER_HEADER + (v4 ? IP4_HEADER : IP6_HEADER);
	if (!pkt_pull_up(p, transport + 20))
		return false;
	const uint8_t *frame = pkt_data(p), *ip = frame + ETHER_HEADER;
	if (ether_type(frame) != (v4 ? ETHER_TYPE_IP4 : ETHER_TYPE_IP6))
		return false;
	if (v4 ? ip[0] != 0x45 || ip[9] != PROTOCOL_TCP : ip[0] >> 4 != 6 || ip[6] != PROTOCOL_TCP)
		return false;
	uint32_t tcp = (uint32_t)(frame[transport + 12] >> 4) * 4;
	*headers = transport + tcp;
	return tcp >= 20 && *headers < p->len && pkt_pull_up(p, *headers);
}

/* Takes over what the header says of segmentation. */
static bool
decode_gso(const struct vnet_rx *rx, struct pkt *p)
{
	uint8_t type = rx->header[FIELD_GSO_TYPE];
	uint32_t size = load_le16(rx->header + FIELD_GSO_SIZE), headers;
	bool ecn = (type & GSO_ECN) != 0, v4 = (type & ~GSO_ECN) == GSO_TCP4;
	if (!v4 && (type & ~GSO_ECN) != GSO_TCP6)
		return false;
	if ((rx->features & (v4 ? VNET_F_GUEST_TSO4 : VNET_F_GUEST_TSO6)) == 0 ||
		(ecn && (rx->features & VNET_F_GUEST_ECN) == 0))
		return false;
	if (size == 0 || p->csum != PKT_CSUM_GOOD || !is_tcp(p, v4, &headers))
		return false;
	p->gso = v4 ? PKT_GSO_TCP4 : PKT_GSO_TCP6;
	p->gso_size = (uint16_t)size;
	p->gso_segs = (uint16_t)((p->len - headers + size - 1) / size);
	p->net_off = (uint16_t)(p->head_off + ETHER_HEADER);
	p->csum_start = (uint16_t)(p->net_off + (v4 ? IP4_HEADER : IP6_HEADER));
	p->transport_off = p->csum_start;
	p->csum_offset = 16;
	p->flags |= ecn ? PKT_TSO_ECN : 0;
	return true;
}

/* Takes over what the header says of a complete frame. false: nonsense. */
static bool
decode(const struct vnet_rx *rx, struct pkt *p)
{
	uint8_t flags = rx->header[FIELD_FLAGS];
	if ((flags & FLAG_NEEDS_CSUM) != 0) {
		uint32_t end = (uint32_t)load_le16(rx->header + FIELD_CSUM_START) +
			load_le16(rx->header + FIELD_CSUM_OFFSET) + 2;
		if ((rx->features & VNET_F_GUEST_CSUM) == 0 || end > p->len)
			return false;
	}
	if ((flags & (FLAG_NEEDS_CSUM | FLAG_DATA_VALID)) != 0 &&
		(rx->features & VNET_F_GUEST_CSUM) != 0)
		p->csum = PKT_CSUM_GOOD;
	return rx->header[FIELD_GSO_TYPE] == GSO_NONE || decode_gso(rx, p);
}

/* --- Receiving: buffers. --- */

void
vnet_rx_abandon(struct vnet_rx *rx)
{
	pkt_free(rx->pkt);
	rx->pkt = NULL;
	rx->missing = 0;
	rx->skip = false;
}

static void
lose(struct vnet_rx *rx, uint16_t why)
{
	pkt_free(rx->pkt);
	rx->pkt = NULL;
	rx->skip = true;
	rx->why_lost = why;
}

/* How much of a frame's beginning is copied: all of a small one, the Ethernet header of others. */
static uint32_t
linear_length(uint32_t len, bool whole)
{
	return whole && len <= PKT_COPY_MAX ? len : min(len, ETHER_HEADER);
}

/* Adds [offset, offset + n) of the page to the frame, by copy or by reference. */
static void
add(struct vnet_rx *rx, struct page *page, uint32_t offset, uint32_t n, bool *keep_page)
{
	if (n == 0)
		return;
	if (rx->pkt->len + n > PKT_LEN_MAX + ETHER_HEADER)
		lose(rx, NET_DROP_RX_HEADER);
	else if (pkt_add_frag(rx->pkt, page, offset, n))
		*keep_page = true;
	else
		lose(rx, NET_DROP_RX_NO_MEMORY);
}

/* The first buffer: header, beginning of the frame. */
static const char *
begin(struct vnet_rx *rx, struct page *page, uint32_t len, bool *keep_page)
{
	const uint8_t *data = page_to_virt(page);
	if (len <= VNET_HEADER)
		return "a frame shorter than its header";
	memcpy(rx->header, data, VNET_HEADER);
	rx->missing = 1;
	if ((rx->features & VNET_F_MRG_RXBUF) != 0)
		rx->missing = load_le16(rx->header + FIELD_NUM_BUFFERS);
	if (rx->missing == 0 || rx->missing > rx->most)
		return "a frame of an impossible number of buffers";
	rx->skip = false;
	rx->pkt = pkt_alloc();
	if (rx->pkt == NULL) {
		lose(rx, NET_DROP_RX_NO_MEMORY);
		return NULL;
	}
	uint32_t n = linear_length(len - VNET_HEADER, rx->missing == 1);
	memcpy(pkt_put(rx->pkt, n), data + VNET_HEADER, n);
	add(rx, page, VNET_HEADER + n, len - VNET_HEADER - n, keep_page);
	return NULL;
}

static enum vnet_rx_result
end(struct vnet_rx *rx, struct pkt **frame)
{
	if (!rx->skip && !decode(rx, rx->pkt))
		lose(rx, NET_DROP_RX_HEADER);
	if (rx->skip)
		return VNET_RX_LOST;
	*frame = rx->pkt;
	rx->pkt = NULL;
	return VNET_RX_FRAME;
}

enum vnet_rx_result
vnet_rx_buffer(struct vnet_rx *rx, struct page *page, uint32_t len, bool *keep_page,
	struct pkt **frame, const char **lie)
{
	*keep_page = false;
	*frame = NULL;
	*lie = NULL;
	if (len > PAGE_SIZE)
		*lie = "more bytes than a buffer has";
	else if (rx->missing == 0)
		*lie = begin(rx, page, len, keep_page);
	else if (len == 0)
		*lie = "an empty buffer in a frame";
	else if (!rx->skip)
		add(rx, page, 0, len, keep_page);
	if (*lie != NULL) {
		vnet_rx_abandon(rx);
		return VNET_RX_LIE;
	}
	if (--rx->missing != 0)
		return VNET_RX_MORE;
	return end(rx, frame);
}
