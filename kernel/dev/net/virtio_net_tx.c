/* SPDX-License-Identifier: MIT */
/*
 * Transmit queues. What was sent is freed when the next frame is sent, or at the latest after an interrupt, which is
 * asked for when the device has done three quarters. A queue without room lets frames wait, so many and no more, and
 * goes on when the device has made room. The device is told of frames at once, or at the end of a round of reception.
 */
#define LOG_SOURCE "net"
#include "core/softirq.h"
#include "dev/net/virtio_net.h"
#include "mm/page.h"
#include "net/link/internal.h"
#include "net/link/steer.h"

#define TX_DESCRIPTORS 512u
#define TX_WAITING_MAX 1000u /* frames, as Linux's txqueuelen */

/* Puts what the device has sent on done. */
static void
reclaim_locked(struct vnet_tx_queue *tx, struct pkt_queue *done) REQUIRES(tx->queue->lock)
{
	struct pkt *p;
	uint32_t written;
	while ((p = virtqueue_take(&tx->queue->vq, &written)) != NULL)
		pkt_queue_add(done, p);
}

/* Gives a frame to the device: 0, -ENOSPC, -EIO; -EINVAL: the queue is too small for it, ever. */
static int
give_locked(struct vnet_tx_queue *tx, struct pkt *p) REQUIRES(tx->queue->lock)
{
	struct virtqueue_segment s[1 + PKT_FRAGS];
	uint32_t n = 0;
	s[n++] = (struct virtqueue_segment){virt_to_phys(pkt_data(p)), p->head_len};
	for (uint32_t i = 0; i < p->nr_frags; i++)
		s[n++] = (struct virtqueue_segment){
			page_to_phys(p->frags[i].page) + p->frags[i].offset, p->frags[i].len};
	return virtqueue_add(&tx->queue->vq, s, n, 0, p, NULL, 0);
}

/* The device gets what has been waiting, as far as there is room. What it never takes goes to lost. */
static void
give_waiting_locked(struct vnet_tx_queue *tx, struct pkt_queue *lost) REQUIRES(tx->queue->lock)
{
	while (tx->waiting.first != NULL) {
		struct pkt *p = tx->waiting.first;
		int err = give_locked(tx, p);
		if (err == -ENOSPC)
			return;
		(void)!pkt_queue_take(&tx->waiting);
		if (err != 0)
			pkt_queue_add(lost, p);
	}
}

/* Sees to it that the rest is reclaimed some time. Whether there is something to reclaim already. */
static bool
arm_locked(struct vnet_tx_queue *tx) REQUIRES(tx->queue->lock)
{
	struct virtqueue *vq = &tx->queue->vq;
	tx->armed = vq->nr_chains != 0;
	if (!tx->armed)
		return false;
	return tx->waiting.first != NULL ? virtqueue_enable_interrupts(vq)
					 : virtqueue_enable_interrupts_late(vq);
}

static void
drop_all(struct netif *nif, struct pkt_queue *q, uint16_t reason)
{
	struct pkt *p;
	while ((p = pkt_queue_take(q)) != NULL) {
		netif_my_stats(nif)->tx_dropped++;
		pkt_drop(nif->net, p, reason);
	}
}

/* After the interrupt: frees, goes on, and lets the device interrupt again. */
static bool
tx_poll(struct net_poll *poll, uint32_t budget)
{
	struct vnet_tx_queue *tx = container_of(poll, struct vnet_tx_queue, poll);
	struct pkt_queue done, lost;
	pkt_queue_init(&done);
	pkt_queue_init(&lost);
	net_poll_end(poll);
	spin_lock_bh(&tx->queue->lock);
	reclaim_locked(tx, &done);
	give_waiting_locked(tx, &lost);
	bool more = arm_locked(tx);
	const char *broken = tx->queue->vq.broken;
	vnet_unlock(tx->queue, true);
	pkt_queue_purge(&done);
	drop_all(tx->device->netif, &lost, NET_DROP_TX_QUEUE_FULL);
	if (unlikely(broken != NULL))
		vnet_give_up(tx->device, broken);
	else if (more)
		net_poll_schedule(poll);
	return false;
}

/* Interrupt context. The line is shared by the device's queues: it may be another's. */
static void
tx_used(struct virtio_queue *q)
{
	struct virtio_net *v = q->dev->driver_data;
	if (!virtqueue_has_used(&q->vq))
		return;
	virtqueue_disable_interrupts(&q->vq);
	net_poll_schedule(&v->tx[q->index / 2].poll);
}

/* The end of a round in which frames were given to the device. */
static void
tell_device(struct net_kick *k)
{
	struct vnet_tx_queue *tx = container_of(k, struct vnet_tx_queue, kick);
	spin_lock_bh(&tx->queue->lock);
	vnet_unlock(tx->queue, true);
}

static struct vnet_tx_queue *
choose_queue(struct virtio_net *v, struct pkt *p)
{
	if (v->pairs == 1)
		return &v->tx[0];
	if (p->hash == 0)
		p->hash = steer_hash(v->netif->net->secrets.hash, p);
	return &v->tx[(uint64_t)p->hash * v->pairs >> 32];
}

/* Gives the frame to the device or lets it wait. false: neither, it is the caller's. */
static bool
send_locked(struct vnet_tx_queue *tx, struct pkt *p) REQUIRES(tx->queue->lock)
{
	if (likely(tx->waiting.first == NULL)) {
		int err = give_locked(tx, p);
		if (err != -ENOSPC)
			return err == 0;
	}
	if (tx->waiting.count >= TX_WAITING_MAX)
		return false;
	pkt_queue_add(&tx->waiting, p);
	tx->armed = false; /* for room, from the first buffer on */
	return true;
}

void
vnet_transmit(struct netif *nif, struct pkt *p)
{
	struct virtio_net *v = nif->priv;
	if (unlikely(p->head_off < VNET_HEADER)) {
		netif_my_stats(nif)->tx_errors++;
		pkt_drop(nif->net, p, NET_DROP_SEGMENTATION);
		return;
	}
	struct vnet_tx_queue *tx = choose_queue(v, p);
	struct pkt_queue done, lost;
	uint8_t header[VNET_HEADER];
	vnet_tx_header(p, header);
	__builtin_memcpy(pkt_push(p, VNET_HEADER), header, VNET_HEADER);
	pkt_queue_init(&done);
	pkt_queue_init(&lost);
	pkt_hold(p);
	spin_lock_bh(&tx->queue->lock);
	reclaim_locked(tx, &done);
	/* What was reclaimed here tells the interrupt's handler nothing any more: who waits for it goes on now. */
	if (unlikely(tx->waiting.first != NULL))
		give_waiting_locked(tx, &lost);
	bool sent = send_locked(tx, p);
	if (virtqueue_interrupt_is_spent(&tx->queue->vq))
		tx->armed = false;
	bool more = !tx->armed && arm_locked(tx);
	bool tell = !net_kick_later(&tx->kick);
	const char *broken = tx->queue->vq.broken;
	vnet_unlock(tx->queue, tell);
	if (more)
		net_poll_schedule(&tx->poll);
	if (unlikely(!sent)) {
		netif_my_stats(nif)->tx_dropped++;
		pkt_drop(nif->net, p,
			broken != NULL ? NET_DROP_DEVICE_GONE : NET_DROP_TX_QUEUE_FULL);
	}
	pkt_queue_purge(&done);
	drop_all(nif, &lost, NET_DROP_TX_QUEUE_FULL);
	if (unlikely(broken != NULL))
		vnet_give_up(v, broken);
}

int
vnet_tx_create(struct virtio_net *v, uint32_t i)
{
	struct vnet_tx_queue *tx = &v->tx[i];
	int err = virtio_queue_create(
		v->dev, (uint16_t)(2 * i + 1), TX_DESCRIPTORS, tx_used, &tx->queue);
	if (err != 0)
		return err;
	spin_init(&tx->queue->lock, "virtio-net tx");
	tx->device = v;
	tx->kick.kick = tell_device;
	tx->poll.poll = tx_poll;
	tx->poll.cpu = i % cpu_count;
	pkt_queue_init(&tx->waiting);
	return 0;
}

void
vnet_tx_discard(struct vnet_tx_queue *tx)
{
	struct pkt_queue lost;
	struct pkt *p;
	pkt_queue_init(&lost);
	spin_lock_bh(&tx->queue->lock);
	virtqueue_break(&tx->queue->vq, "given up");
	while ((p = virtqueue_detach(&tx->queue->vq)) != NULL)
		pkt_queue_add(&lost, p);
	while ((p = pkt_queue_take(&tx->waiting)) != NULL)
		pkt_queue_add(&lost, p);
	spin_unlock_bh(&tx->queue->lock);
	bh_disable();
	drop_all(tx->device->netif, &lost, NET_DROP_DEVICE_GONE);
	bh_enable();
}
