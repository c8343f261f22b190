/* SPDX-License-Identifier: MIT */
/*
 * The control queue (VIRTIO 1.2, section 5.1.6.5): orders, one at a time, each waited for. A device that does not answer
 * is given up.
 */
#define LOG_SOURCE "net"
#include <string.h>

#include "core/log.h"
#include "core/timer.h"
#include "dev/net/virtio_net.h"
#include "dev/net/virtio_net_rss.h"
#include "dev/rng/random.h"
#include "mm/page.h"
#include "wire/ether.h"

#define ANSWER_TIME (10 * NSEC_PER_SEC)
#define QUEUE_SIZE  4

#define CLASS_RX       0
#define RX_PROMISCUOUS 0
#define RX_ALL_GROUPS  1
#define CLASS_MAC      1
#define MAC_TABLE_SET  0
#define MAC_ADDR_SET   1
#define CLASS_MQ       4
#define MQ_PAIRS_SET   0
#define MQ_RSS_CONFIG  1

#define CONFIG_RSS 17 /* device configuration: VNET_RSS_LIMITS bytes */

#define ANSWER_OK 0
#define NO_ANSWER 0xff

/* Where the parts of an order are in its page. */
#define ORDER_DATA   2u
#define ORDER_ANSWER (PAGE_SIZE - 1)

static void
control_used(struct virtio_queue *q)
{
	struct virtio_net *v = q->dev->driver_data;
	uint32_t written;
	uint64_t flags = spin_lock_irq_save(&q->lock);
	bool done = virtqueue_take(&q->vq, &written) != NULL || q->vq.broken != NULL;
	virtqueue_enable_interrupts(&q->vq);
	spin_unlock_irq_restore(&q->lock, flags);
	if (!done)
		return;
	atomic_store_explicit(&v->answered, true, memory_order_release);
	wake_all(&v->answer, 0);
}

int
vnet_control_create(struct virtio_net *v, uint16_t index)
{
	struct page *page = page_alloc(0, PAGE_ZERO, PAGE_KERNEL);
	if (page == NULL)
		return -ENOMEM;
	v->order = page_to_virt(page);
	return virtio_queue_create(v->dev, index, QUEUE_SIZE, control_used, &v->control);
}

static bool
is_dead(const struct virtio_net *v)
{
	return atomic_load_explicit(&v->dead, memory_order_acquire);
}

/* Puts the order in the queue. What virtqueue_add() says. */
static int
send_order(struct virtio_net *v, uint32_t n)
{
	struct virtio_queue *q = v->control;
	paddr_t at = virt_to_phys(v->order);
	struct virtqueue_segment s[] = {{at, ORDER_DATA + n}, {at + ORDER_ANSWER, 1}};
	uint64_t flags = spin_lock_irq_save(&q->lock);
	int err = virtqueue_add(&q->vq, s, 1, 1, v, NULL, 0);
	bool kick = virtqueue_kick_needed(&q->vq);
	spin_unlock_irq_restore(&q->lock, flags);
	if (kick)
		virtio_queue_notify(q);
	return err;
}

/* Gives an order whose n bytes of data are in place. 0 or -EIO. */
static int
order(struct virtio_net *v, uint8_t class, uint8_t command, uint32_t n)
{
	if (is_dead(v))
		return -EIO;
	v->order[0] = class;
	v->order[1] = command;
	v->order[ORDER_ANSWER] = NO_ANSWER;
	atomic_store_explicit(&v->answered, false, memory_order_relaxed);
	if (send_order(v, n) != 0)
		return -EIO;
	int err = wait_event(&v->answer, WAIT_UNINTERRUPTIBLE, time_now() + ANSWER_TIME,
		atomic_load_explicit(&v->answered, memory_order_acquire) || is_dead(v));
	if (err != 0)
		vnet_give_up(v, "it does not answer an order");
	else if (v->control->vq.broken != NULL)
		vnet_give_up(v, v->control->vq.broken);
	if (is_dead(v))
		return -EIO;
	return *(volatile uint8_t *)&v->order[ORDER_ANSWER] == ANSWER_OK ? 0 : -EIO;
}

static int
order_byte(struct virtio_net *v, uint8_t class, uint8_t command, uint8_t value)
{
	v->order[ORDER_DATA] = value;
	return order(v, class, command, 1);
}

/* The device spreads flows over the queues as we say. 0; -EOPNOTSUPP, -EIO: it does not. */
static int
set_rss(struct virtio_net *v, uint32_t pairs)
{
	uint8_t limits[VNET_RSS_LIMITS], key[VNET_RSS_KEY];
	if (!virtio_has(v->dev, VNET_F_RSS))
		return -EOPNOTSUPP;
	int err = virtio_config_read(v->dev, CONFIG_RSS, limits, sizeof(limits));
	if (err != 0)
		return err;
	random_fill(key, sizeof(key));
	uint32_t n = vnet_rss_order(v->order + ORDER_DATA, limits, pairs, key);
	err = n != 0 ? order(v, CLASS_MQ, MQ_RSS_CONFIG, n) : -EOPNOTSUPP;
	if (err != 0)
		log_warn("%s: it does not spread flows over its queues: err=%d", v->netif->name,
			err);
	return err;
}

int
vnet_set_pairs(struct virtio_net *v, uint32_t pairs)
{
	if (set_rss(v, pairs) == 0)
		return 0;
	v->order[ORDER_DATA] = (uint8_t)pairs;
	v->order[ORDER_DATA + 1] = (uint8_t)(pairs >> 8);
	return order(v, CLASS_MQ, MQ_PAIRS_SET, 2);
}

int
vnet_set_mac(struct netif *nif, const uint8_t mac[6])
{
	struct virtio_net *v = nif->priv;
	if (!virtio_has(v->dev, VNET_F_CTRL_MAC_ADDR))
		return -EOPNOTSUPP;
	memcpy(v->order + ORDER_DATA, mac, ETHER_ADDR);
	return order(v, CLASS_MAC, MAC_ADDR_SET, ETHER_ADDR);
}

static void
put_le32(uint8_t *at, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(n >> 8 * i);
}

/* Writes the table of addresses to be heard: none of stations, then groups. Bytes; 0: they do not fit. */
static uint32_t
write_table(struct virtio_net *v)
{
	uint8_t *data = v->order + ORDER_DATA;
	uint32_t count = 0, at = 8;
	struct netif_group *g;
	list_for_each_entry (g, &v->netif->groups, node) {
		if (ORDER_DATA + at + ETHER_ADDR > ORDER_ANSWER)
			return 0;
		memcpy(data + at, g->mac, ETHER_ADDR);
		at += ETHER_ADDR;
		count++;
	}
	put_le32(data, 0);
	put_le32(data + 4, count);
	return at;
}

void
vnet_set_receive_mode(struct netif *nif)
{
	struct virtio_net *v = nif->priv;
	if (!virtio_has(v->dev, VNET_F_CTRL_RX))
		return; /* it hears all */
	uint32_t flags = atomic_load_explicit(&nif->flags, memory_order_relaxed);
	uint32_t n = write_table(v);
	int err = n != 0 ? order(v, CLASS_MAC, MAC_TABLE_SET, n) : 0;
	bool all_groups = (flags & IFF_ALLMULTI) != 0 || n == 0 || err != 0;
	err = order_byte(v, CLASS_RX, RX_ALL_GROUPS, all_groups);
	if (err == 0)
		err = order_byte(v, CLASS_RX, RX_PROMISCUOUS, (flags & IFF_PROMISC) != 0);
	if (err != 0)
		log_warn("%s: it does not say what it hears: err=%d", nif->name, err);
}
