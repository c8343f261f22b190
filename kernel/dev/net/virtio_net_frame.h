/* SPDX-License-Identifier: MIT */
/*
 * Frames as virtio-net devices see them (VIRTIO 1.2, section 5.1.6): the header in front of each, both ways, and the
 * buffers that one frame is spread over on its way in. Pure, but for the packets that it makes.
 *
 * Nothing that the device says is trusted. What breaks the rules of the ring (lengths, numbers of buffers) is a lie,
 * after which the device is to be given up. What stands in a frame's header may come from somebody else (another guest):
 * nonsense there loses the frame.
 */
#ifndef DEV_NET_VIRTIO_NET_FRAME_H
#define DEV_NET_VIRTIO_NET_FRAME_H

#include "net/pkt.h"

#define VNET_HEADER 12u

/* Features (5.1.3) that decide what a header may say. */
#define VNET_F_CSUM       (1ULL << 0)
#define VNET_F_GUEST_CSUM (1ULL << 1)
#define VNET_F_GUEST_TSO4 (1ULL << 7)
#define VNET_F_GUEST_TSO6 (1ULL << 8)
#define VNET_F_GUEST_ECN  (1ULL << 9)
#define VNET_F_HOST_TSO4  (1ULL << 11)
#define VNET_F_HOST_TSO6  (1ULL << 12)
#define VNET_F_HOST_ECN   (1ULL << 13)
#define VNET_F_MRG_RXBUF  (1ULL << 15)
#define VNET_F_HOST_USO   (1ULL << 56)

/* A receive queue's frame that is being put together. */
struct vnet_rx {
	uint64_t features; /* [I] what was negotiated */
	uint32_t most;     /* [I] buffers of a queue, so of a frame */
	struct pkt *pkt;   /* what there is of it; NULL: nothing, or it is being skipped */
	uint32_t missing;  /* buffers that are still to come */
	bool skip;         /* it is lost; why_lost says how */
	uint16_t why_lost; /* enum net_counter */
	uint8_t header[VNET_HEADER];
};

enum vnet_rx_result {
	VNET_RX_MORE, /* the frame is not complete */
	VNET_RX_FRAME, /* it is: *frame is the caller's, begins with the Ethernet header, csum and gso are set */
	VNET_RX_LOST, /* it is complete and lost: rx->why_lost */
	VNET_RX_LIE,  /* *lie says how the device broke the rules; nothing is held any more */
};

/*
 * The next buffer that the device used: a page of which it wrote len bytes. *keep_page: the page was taken over into the
 * frame; otherwise it is the caller's still, and its content is not needed any more.
 */
enum vnet_rx_result vnet_rx_buffer(struct vnet_rx *rx, struct page *page, uint32_t len,
	bool *keep_page, struct pkt **frame, const char **lie) MUST_CHECK;
/* Forgets what there is of a frame. */
void vnet_rx_abandon(struct vnet_rx *rx);

/* The header of a frame that is to be sent, which begins with its Ethernet header. */
void vnet_tx_header(const struct pkt *p, uint8_t header[VNET_HEADER]);

#endif
