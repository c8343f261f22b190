/* SPDX-License-Identifier: MIT */
/*
 * Receive queues. Buffers are whole pages; a frame takes over those that it needs, small ones are copied and their page
 * goes back to the device. A page that cannot be had leaves the queue shorter, and a timer sees to it later.
 */
#define LOG_SOURCE "net"
#include "core/softirq.h"
#include "core/timer.h"
#include "dev/net/virtio_net.h"
#include "mm/object.h"
#include "mm/page.h"
#include "net/link/internal.h"

#define RX_BUFFERS   128u
#define REFILL_DELAY (10 * NSEC_PER_MSEC)

/* A buffer that the device is done with. */
struct used {
	struct page *page;
	uint32_t len;
};

/* --- Buffers out. --- */

static struct page *
take_spare_locked(struct vnet_rx_queue *rx) REQUIRES(rx->queue->lock)
{
	struct page *page = rx->spare;
	if (page == NULL)
		return page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
	rx->spare = (struct page *)page->words[0];
	return page;
}

static void
keep_spare_locked(struct vnet_rx_queue *rx, struct page *page) REQUIRES(rx->queue->lock)
{
	page->words[0] = (uint64_t)rx->spare;
	rx->spare = page;
}

/* Fills the queue up. Whether it is full. */
static bool
refill_locked(struct vnet_rx_queue *rx) REQUIRES(rx->queue->lock)
{
	uint32_t most = min(RX_BUFFERS, (uint32_t)rx->queue->vq.size);
	while (rx->posted < most) {
		struct page *page = take_spare_locked(rx);
		if (page == NULL)
			return false;
		struct virtqueue_segment s = {page_to_phys(page), PAGE_SIZE};
		if (virtqueue_add(&rx->queue->vq, &s, 0, 1, page, NULL, 0) != 0) {
			keep_spare_locked(rx, page);
			return true; /* it is broken: there is nothing to be repaired later */
		}
		rx->posted++;
	}
	return true;
}

/*
 * Tells the device of buffers that it asked to hear of. QEMU, where it spreads flows as we say, keeps a frame whose queue
 * had no buffer, and all that come behind it, with the queue on which it came in from the host, and tries them again only
 * when it is told of buffers of that one, which may have lacked none: so it is told of all.
 */
static void
tell_of_buffers(struct vnet_rx_queue *rx)
{
	struct virtio_net *v = rx->device;
	virtio_queue_notify(rx->queue);
	for (uint32_t i = 0; i < v->pairs && virtio_has(v->dev, VNET_F_RSS); i++)
		if (&v->rx[i] != rx)
			virtio_queue_notify(v->rx[i].queue);
}

static void
refill(struct vnet_rx_queue *rx)
{
	spin_lock_bh(&rx->queue->lock);
	bool full = refill_locked(rx);
	bool tell = virtqueue_kick_needed(&rx->queue->vq);
	spin_unlock_bh(&rx->queue->lock);
	if (unlikely(tell))
		tell_of_buffers(rx);
	if (unlikely(!full)) {
		net_work_raise(&rx->reclaim);
		wheel_start(&rx->refill, time_now() + REFILL_DELAY);
	}
}

/*
 * Nobody else may be asking for memory that could reclaim some: what only those may take who cannot wait is filled up
 * from the page cache here.
 */
static void
reclaim_for_buffers(struct net_work *w)
{
	(void)w;
	vm_reclaim(RX_BUFFERS);
}

static void
refill_again(struct wheel_timer *t)
{
	struct vnet_rx_queue *rx = container_of(t, struct vnet_rx_queue, refill);
	net_poll_schedule(&rx->poll);
}

/* --- Frames in. --- */

static uint32_t
take_used(struct vnet_rx_queue *rx, struct used *used, uint32_t most, const char **broken)
{
	struct virtio_queue *q = rx->queue;
	uint32_t n = 0;
	spin_lock_bh(&q->lock);
	while (n < most) {
		used[n].page = virtqueue_take(&q->vq, &used[n].len);
		if (used[n].page == NULL)
			break;
		n++;
	}
	rx->posted -= n;
	*broken = q->vq.broken;
	spin_unlock_bh(&q->lock);
	return n;
}

static void
count_lost(struct netif *nif, uint16_t why)
{
	struct netif_stats *s = netif_my_stats(nif);
	s->rx_packets++;
	if (why == NET_DROP_RX_HEADER)
		s->rx_errors++;
	else
		s->rx_dropped++;
	net_count(nif->net, NET_LINK_IN);
	net_count(nif->net, (enum net_counter)why);
}

/* What became of one buffer. The lie of a device that lies, or NULL. */
static const char *
receive_buffer(struct vnet_rx_queue *rx, const struct used *u)
{
	struct netif *nif = rx->device->netif;
	struct pkt *frame;
	const char *lie;
	bool kept;
	enum vnet_rx_result result =
		vnet_rx_buffer(&rx->frame, u->page, u->len, &kept, &frame, &lie);
	if (!kept) {
		spin_lock_bh(&rx->queue->lock);
		keep_spare_locked(rx, u->page);
		spin_unlock_bh(&rx->queue->lock);
	}
	if (result == VNET_RX_FRAME)
		gro_receive(nif, frame);
	else if (result == VNET_RX_LOST)
		count_lost(nif, rx->frame.why_lost);
	return lie;
}

/* Back to interrupts; what came meanwhile is not forgotten. */
static void
wait_for_interrupt(struct vnet_rx_queue *rx)
{
	struct virtio_queue *q = rx->queue;
	net_poll_end(&rx->poll);
	spin_lock_bh(&q->lock);
	bool more = virtqueue_enable_interrupts(&q->vq);
	if (more)
		virtqueue_disable_interrupts(&q->vq);
	spin_unlock_bh(&q->lock);
	if (more)
		net_poll_schedule(&rx->poll);
}

static bool
rx_poll(struct net_poll *p, uint32_t budget)
{
	struct vnet_rx_queue *rx = container_of(p, struct vnet_rx_queue, poll);
	struct used used[NET_POLL_BUDGET];
	const char *lie, *broken;
	budget = min(budget, NET_POLL_BUDGET);
	uint32_t n = take_used(rx, used, budget, &broken);
	for (uint32_t i = 0; i < n; i++) {
		lie = receive_buffer(rx, &used[i]);
		broken = broken != NULL ? broken : lie;
	}
	if (unlikely(broken != NULL)) {
		vnet_rx_abandon(&rx->frame);
		net_poll_end(p);
		vnet_give_up(rx->device, broken);
		return false;
	}
	refill(rx);
	if (n == budget)
		return true;
	wait_for_interrupt(rx);
	return false;
}

/* Interrupt context. The line is shared by the device's queues: it may be another's. */
static void
rx_used(struct virtio_queue *q)
{
	struct virtio_net *v = q->dev->driver_data;
	struct vnet_rx_queue *rx = &v->rx[q->index / 2];
	if (!virtqueue_has_used(&q->vq))
		return;
	virtqueue_disable_interrupts(&q->vq);
	net_poll_schedule(&rx->poll);
}

/* --- Beginning and end. --- */

int
vnet_rx_create(struct virtio_net *v, uint32_t i)
{
	struct vnet_rx_queue *rx = &v->rx[i];
	int err = virtio_queue_create(v->dev, (uint16_t)(2 * i), RX_BUFFERS, rx_used, &rx->queue);
	if (err != 0)
		return err;
	spin_init(&rx->queue->lock, "virtio-net rx");
	rx->device = v;
	rx->poll.poll = rx_poll;
	rx->poll.cpu = i % cpu_count;
	rx->frame.features = v->dev->features;
	rx->frame.most = rx->queue->vq.size;
	wheel_timer_init(&rx->refill, refill_again);
	net_work_init(&rx->reclaim, reclaim_for_buffers);
	return 0;
}

int
vnet_rx_open(struct vnet_rx_queue *rx)
{
	bh_disable();
	refill(rx);
	bh_enable();
	if (rx->posted == 0)
		return -ENOMEM;
	return 0;
}

void
vnet_rx_discard(struct vnet_rx_queue *rx)
{
	struct page *page;
	spin_lock_bh(&rx->queue->lock);
	virtqueue_break(&rx->queue->vq, "given up");
	while ((page = virtqueue_detach(&rx->queue->vq)) != NULL)
		page_put(page);
	while ((page = rx->spare) != NULL) {
		rx->spare = (struct page *)page->words[0];
		page_put(page);
	}
	rx->posted = 0;
	spin_unlock_bh(&rx->queue->lock);
	net_poll_schedule(&rx->poll); /* which forgets the frame that it had begun */
}
