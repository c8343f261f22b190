/* SPDX-License-Identifier: MIT */
/*
 * Virtio network devices (VIRTIO 1.2, section 5.1): what the driver's files share. virtio_net.c finds, sets up and
 * announces a device, _rx.c fills and empties its receive queues, _tx.c its transmit queues, _control.c gives orders.
 *
 * Each pair of queues belongs to a CPU, which polls it (net/link/rx.h); an interrupt does nothing but say so and is not
 * wanted meanwhile. Locks: each queue's, taken with bottom halves off; interrupt handlers take none.
 *
 * A device that breaks the rules is given up: reset, its memory taken back, its link down; frames to it are dropped.
 */
#ifndef DEV_NET_VIRTIO_NET_H
#define DEV_NET_VIRTIO_NET_H

#include "core/softirq.h"
#include "core/timerwheel.h"
#include "core/wait.h"
#include "dev/bus/virtio.h"
#include "dev/net/virtio_net_frame.h"
#include "net/worker.h"
#include "net/link/netif.h"
#include "net/link/rx.h"
#include "net/net.h"

struct virtio_net;

struct vnet_rx_queue {
	struct net_poll poll;
	struct virtio_net *device;  /* [I] */
	struct virtio_queue *queue; /* [I] its lock guards what follows */
	struct page *spare;         /* [lock] pages to be given again, linked by words[0] */
	uint32_t posted;            /* [lock] buffers that the device has */
	struct vnet_rx frame;       /* [poll] */
	struct wheel_timer refill;  /* [poll] runs while memory for buffers is short */
	struct net_work reclaim;    /* makes memory for buffers */
};

struct vnet_tx_queue {
	struct net_poll poll;
	struct net_kick kick;
	struct virtio_net *device;  /* [I] */
	struct virtio_queue *queue; /* [I] its lock guards what follows */
	struct pkt_queue waiting;   /* [lock] for room, in order */
	bool armed;                 /* [lock] an interrupt will come, or a poll */
};

struct virtio_net {
	struct virtio_device *dev; /* [I] */
	struct netif *netif;       /* [I] */
	uint32_t pairs;            /* [I] of queues that are used */
	struct vnet_rx_queue *rx;  /* [I] pairs of them */
	struct vnet_tx_queue *tx;  /* [I] pairs of them */
	bool filled;               /* [config_lock] receive buffers were given */
	_Atomic bool dead;         /* given up */
	/* Control: one order at a time, under config_lock. */
	struct virtio_queue *control; /* [I] NULL: it takes none */
	uint8_t *order;               /* [config_lock unless it is with the device] a page */
	_Atomic bool answered;
	struct wait_queue answer;
};

/* Gives the device up. Any context without a queue's lock, but interrupts. */
void vnet_give_up(struct virtio_net *v, const char *why);

/* Lets a queue's lock go, then tells the device of what it was given meanwhile, unless that is not wanted yet. */
static inline void
vnet_unlock(struct virtio_queue *q, bool tell) RELEASES(q->lock)
{
	bool kick = tell && virtqueue_kick_needed(&q->vq);
	spin_unlock_bh(&q->lock);
	if (kick)
		virtio_queue_notify(q);
}

int vnet_rx_create(struct virtio_net *v, uint32_t i) MUST_CHECK;
/* Gives the device buffers: some, or -ENOMEM. Thread. */
int vnet_rx_open(struct vnet_rx_queue *rx) MUST_CHECK;
/* Takes everything back from a device that was reset. */
void vnet_rx_discard(struct vnet_rx_queue *rx);

int vnet_tx_create(struct virtio_net *v, uint32_t i) MUST_CHECK;
void vnet_transmit(struct netif *nif, struct pkt *p);
void vnet_tx_discard(struct vnet_tx_queue *tx);

int vnet_control_create(struct virtio_net *v, uint16_t index) MUST_CHECK;
/*
 * Orders, under config_lock; sleep. 0, -EOPNOTSUPP, -EIO (refused, or the device is dead). vnet_set_pairs() also says which
 * flows come to which queue, if the device can be told.
 */
int vnet_set_pairs(struct virtio_net *v, uint32_t pairs) MUST_CHECK;
int vnet_set_mac(struct netif *nif, const uint8_t mac[6]);
void vnet_set_receive_mode(struct netif *nif);

/* More features (5.1.3). */
#define VNET_F_MTU           (1ULL << 3)
#define VNET_F_MAC           (1ULL << 5)
#define VNET_F_STATUS        (1ULL << 16)
#define VNET_F_CTRL_VQ       (1ULL << 17)
#define VNET_F_CTRL_RX       (1ULL << 18)
#define VNET_F_MQ            (1ULL << 22)
#define VNET_F_CTRL_MAC_ADDR (1ULL << 23)
#define VNET_F_RSS           (1ULL << 60)
#define VNET_F_SPEED_DUPLEX  (1ULL << 63)

#endif
