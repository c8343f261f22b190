/* SPDX-License-Identifier: MIT */
/* Virtio devices on any bus: virtio.h says how the parts meet. */
#define LOG_SOURCE "virtio"
#include "dev/bus/virtio.h"

#include <string.h>

#include "arch/cpu.h"
#include "core/log.h"
#include "core/timer.h"
#include "mm/page.h"
#include "mm/slab.h"

/* The status register (VIRTIO 1.2, section 2.1). */
#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8
#define STATUS_FAILED      128

#define RESET_DEADLINE (100 * NSEC_PER_MSEC)
#define CONFIG_TRIES   16

static const struct virtio_driver *const drivers[] = {
	&virtio_blk_driver,
	&virtio_net_driver,
	&virtio_rng_driver,
};

static void
add_status(struct virtio_device *dev, uint8_t bits)
{
	dev->transport->set_status(dev, dev->transport->get_status(dev) | bits);
}

/* false: it did not answer in time, and may still write to memory that it was given. */
static bool
reset(struct virtio_device *dev)
{
	nsec_t deadline = time_now() + RESET_DEADLINE;
	dev->transport->set_status(dev, 0);
	while (dev->transport->get_status(dev) != 0) {
		if (time_now() >= deadline)
			return false;
		arch_relax();
	}
	return true;
}

int
virtio_negotiate(struct virtio_device *dev, uint64_t wanted)
{
	if (!reset(dev)) {
		log_warn("%s does not come out of reset", dev->name);
		return -ENODEV;
	}
	add_status(dev, STATUS_ACKNOWLEDGE);
	add_status(dev, STATUS_DRIVER);
	uint64_t offered = dev->transport->get_features(dev);
	if ((offered & VIRTIO_F_VERSION_1) == 0) {
		log_warn("%s speaks only the interface before VIRTIO 1.0", dev->name);
		return -ENODEV;
	}
	if ((offered & VIRTIO_F_ACCESS_PLATFORM) != 0) {
		log_warn("%s wants its addresses translated (VIRTIO_F_ACCESS_PLATFORM, "
			 "iommu_platform=on): not supported",
			dev->name);
		return -ENODEV;
	}
	dev->features = offered &
		(wanted | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
	dev->transport->set_features(dev, dev->features);
	add_status(dev, STATUS_FEATURES_OK);
	if ((dev->transport->get_status(dev) & STATUS_FEATURES_OK) == 0) {
		log_warn("%s refuses the features %#llx of %#llx", dev->name,
			(unsigned long long)dev->features, (unsigned long long)offered);
		return -ENODEV;
	}
	return 0;
}

static uint32_t
order_of(size_t bytes)
{
	uint32_t order = 0;
	while ((PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

static void
queue_free(struct virtio_queue *q)
{
	if (q->memory != NULL)
		page_free(q->memory, q->order);
	kfree(q->vq.slots);
	kfree(q);
}

/* The rings, and what is known about them here. */
static int
queue_allocate(struct virtio_queue *q, uint16_t size, uint32_t flags)
{
	struct virtqueue_slot *slots = kcalloc(size, sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	q->vq.slots = slots;
	q->order = order_of(virtqueue_layout(size).total);
	q->memory = page_alloc(q->order, PAGE_ZERO, PAGE_KERNEL);
	if (q->memory == NULL)
		return -ENOMEM;
	virtqueue_init(&q->vq, size, flags, page_to_virt(q->memory), slots);
	return 0;
}

int
virtio_queue_create(struct virtio_device *dev, uint16_t index, uint16_t size, virtio_queue_fn *used,
	struct virtio_queue **out)
{
	*out = NULL;
	uint16_t most = dev->transport->queue_max(dev, index);
	while (size > most)
		size /= 2;
	if (size == 0)
		return -ENODEV;
	struct virtio_queue *q = kzalloc(sizeof(*q));
	if (q == NULL)
		return -ENOMEM;
	spin_init(&q->lock, "virtio queue");
	q->dev = dev;
	q->index = index;
	q->used = used;
	int err = queue_allocate(
		q, size, virtio_has(dev, VIRTIO_F_RING_EVENT_IDX) ? VIRTQUEUE_EVENT_IDX : 0);
	if (err == 0) {
		struct virtqueue_layout l = virtqueue_layout(size);
		paddr_t base = page_to_phys(q->memory);
		err = dev->transport->queue_enable(
			dev, index, size, base, base + l.avail, base + l.used);
	}
	if (err != 0) {
		queue_free(q);
		return err;
	}
	q->next = dev->queues;
	dev->queues = q;
	*out = q;
	return 0;
}

void
virtio_start(struct virtio_device *dev)
{
	add_status(dev, STATUS_DRIVER_OK);
}

int
virtio_config_read(struct virtio_device *dev, uint32_t offset, void *out, size_t n)
{
	memset(out, 0, n);
	if (offset > dev->config_size || n > dev->config_size - offset)
		return -EIO;
	for (int i = 0; i < CONFIG_TRIES; i++) {
		uint32_t before = dev->transport->config_generation(dev);
		dev->transport->config_read(dev, offset, out, n);
		if (dev->transport->config_generation(dev) == before)
			return 0;
	}
	memset(out, 0, n);
	return -EIO;
}

bool
virtio_fail(struct virtio_device *dev, const char *why)
{
	if (atomic_exchange_explicit(&dev->failed, true, memory_order_acq_rel))
		return false;
	bool answered = reset(dev);
	log_err("%s is given up: %s%s", dev->name, why, answered ? "" : "; it ignores a reset");
	return true;
}

void
virtio_interrupt(struct virtio_device *dev, uint32_t what)
{
	if ((what & VIRTIO_INTERRUPT_QUEUE) != 0)
		for (struct virtio_queue *q = dev->queues; q != NULL; q = q->next)
			q->used(q);
	if ((what & VIRTIO_INTERRUPT_CONFIG) != 0 && dev->config_changed != NULL)
		dev->config_changed(dev);
}

/* After a failed probe. Memory of a device that ignores its reset is left to it. */
static void
abandon(struct virtio_device *dev)
{
	add_status(dev, STATUS_FAILED);
	bool answered = reset(dev);
	while (dev->queues != NULL) {
		struct virtio_queue *q = dev->queues;
		dev->queues = q->next;
		if (answered)
			queue_free(q);
	}
}

static int
probe(struct virtio_device *dev, const struct virtio_driver *driver)
{
	int err = driver->probe(dev);
	if (err == 0)
		return 0;
	abandon(dev);
	if (err != -ENODEV)
		log_warn("%s: %s cannot drive it: err=%d", dev->name, driver->name, err);
	return err == -ENODEV ? -EIO : err;
}

int
virtio_attach(struct virtio_device *dev)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (drivers[i]->id == dev->id)
			return probe(dev, drivers[i]);
	return -ENODEV;
}
