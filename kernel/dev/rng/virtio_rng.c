/* SPDX-License-Identifier: MIT */
/*
 * Virtio entropy devices (VIRTIO 1.2, section 5.4): a source of seeds for random.c. One buffer, which is with the
 * device from a request to its answer.
 */
#define LOG_SOURCE "virtio"
#include <string.h>

#include "arch/mmu.h"
#include "core/log.h"
#include "dev/bus/virtio.h"
#include "dev/rng/random.h"
#include "mm/slab.h"

#define SEED_SIZE  64
#define QUEUE_SIZE 2

struct virtio_rng {
	struct random_source source;
	struct virtio_device *dev;  /* [I] */
	struct virtio_queue *queue; /* [I] its lock guards what follows */
	bool asked;                 /* [lock] the buffer is with the device */
	uint8_t *buffer;            /* [lock unless asked] SEED_SIZE bytes */
};

/* Returns whether the device is to be told. */
static bool
ask_locked(struct virtio_rng *r) REQUIRES(r->queue->lock)
{
	struct virtqueue_segment s = {virt_to_phys(r->buffer), SEED_SIZE};
	if (r->asked || virtqueue_add(&r->queue->vq, &s, 0, 1, r, NULL, 0) != 0)
		return false;
	r->asked = true;
	return virtqueue_kick_needed(&r->queue->vq);
}

static void
request(struct random_source *source)
{
	struct virtio_rng *r = container_of(source, struct virtio_rng, source);
	uint64_t flags = spin_lock_irq_save(&r->queue->lock);
	bool kick = ask_locked(r);
	spin_unlock_irq_restore(&r->queue->lock, flags);
	if (kick)
		virtio_queue_notify(r->queue);
}

static void
queue_used(struct virtio_queue *q)
{
	struct virtio_rng *r = q->dev->driver_data;
	uint8_t seed[SEED_SIZE];
	uint32_t n = 0;
	uint64_t flags = spin_lock_irq_save(&q->lock);
	if (virtqueue_take(&q->vq, &n) != NULL) {
		memcpy(seed, r->buffer, n); /* the queue made sure that n is at most SEED_SIZE */
		memset(r->buffer, 0, SEED_SIZE);
		r->asked = false;
	}
	virtqueue_enable_interrupts(&q->vq);
	const char *broken = q->vq.broken;
	spin_unlock_irq_restore(&q->lock, flags);
	if (broken != NULL)
		virtio_fail(q->dev, broken);
	if (n == 0)
		return; /* it has nothing to give: asked again when randomness is needed */
	random_add_seed(seed, n, n * 8);
	memset(seed, 0, sizeof(seed));
	__asm__ volatile("" : : "r"(seed) : "memory");
	if (!random_ready())
		request(&r->source);
}

static int
set_up(struct virtio_rng *r)
{
	r->buffer = kzalloc(SEED_SIZE);
	if (r->buffer == NULL)
		return -ENOMEM;
	int err = virtio_negotiate(r->dev, 0);
	if (err != 0)
		return err;
	return virtio_queue_create(r->dev, 0, QUEUE_SIZE, queue_used, &r->queue);
}

static int
rng_probe(struct virtio_device *dev)
{
	struct virtio_rng *r = kzalloc(sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	r->dev = dev;
	r->source.name = "virtio-rng";
	r->source.request = request;
	dev->driver_data = r;
	int err = set_up(r);
	if (err != 0) {
		kfree(r->buffer);
		kfree(r);
		return err;
	}
	virtio_start(dev);
	log_info("%s gives seeds to the random number generator", dev->name);
	random_add_source(&r->source);
	return 0;
}

const struct virtio_driver virtio_rng_driver = {
	.id = VIRTIO_ID_ENTROPY,
	.name = "virtio-rng",
	.probe = rng_probe,
};
