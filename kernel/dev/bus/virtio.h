/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices (VIRTIO 1.2), whatever bus they stand on: status and feature negotiation, queues in memory, drivers.
 *
 * A transport finds a device, fills the first part of a struct virtio_device and calls virtio_attach(), which finds
 * the driver and probes it. The driver negotiates, creates its queues and starts the device; from then on the
 * transport's interrupt handler calls virtio_interrupt(), which calls the queues' functions.
 *
 * A device that breaks the rules is given up for good with virtio_fail(): reset, one line in the log, and its driver
 * fails what was in flight. Locks: a queue's, irq-safe.
 */
#ifndef DEV_BUS_VIRTIO_H
#define DEV_BUS_VIRTIO_H

#include "core/spinlock.h"
#include "core/types.h"
#include "dev/bus/virtqueue.h"

struct page;
struct virtio_device;
struct virtio_queue;

/* Device types (section 5). */
#define VIRTIO_ID_NET     1
#define VIRTIO_ID_BLOCK   2
#define VIRTIO_ID_ENTROPY 4

/* Features that do not depend on the type (section 6). */
#define VIRTIO_F_INDIRECT_DESC   (1ULL << 28)
#define VIRTIO_F_RING_EVENT_IDX  (1ULL << 29)
#define VIRTIO_F_VERSION_1       (1ULL << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ULL << 33)

/* How a bus reaches a device's registers. All but notify and config access are called by one thread, at probe. */
struct virtio_transport {
	uint64_t (*get_features)(struct virtio_device *dev);
	void (*set_features)(struct virtio_device *dev, uint64_t features);
	uint8_t (*get_status)(struct virtio_device *dev);
	void (*set_status)(struct virtio_device *dev, uint8_t status); /* 0 begins a reset */
	uint16_t (*queue_max)(
		struct virtio_device *dev, uint16_t index); /* entries; 0: no such queue */
	int (*queue_enable)(struct virtio_device *dev, uint16_t index, uint16_t size, paddr_t desc,
		paddr_t avail, paddr_t used);
	void (*notify)(struct virtio_device *dev, uint16_t index); /* any context */
	/* One field of 1, 2, 4 or 8 bytes, or a string of bytes; the range is the caller's to keep inside config_size. */
	void (*config_read)(struct virtio_device *dev, uint32_t offset, void *out, size_t n);
	uint32_t (*config_generation)(struct virtio_device *dev);
};

struct virtio_device {
	/* From the transport, fixed. */
	const struct virtio_transport *transport;
	char name[24]; /* for the log */
	uint32_t id;   /* VIRTIO_ID_* */
	uint32_t config_size;
	/* From virtio_negotiate() on, fixed. */
	uint64_t features;
	struct virtio_queue *queues; /* linked by next */
	/* The driver's, set before virtio_start(). Interrupt context. */
	void (*config_changed)(struct virtio_device *dev);
	void *driver_data;
	_Atomic bool failed;
};

typedef void virtio_queue_fn(struct virtio_queue *q);

struct virtio_queue {
	struct spinlock lock;
	struct virtqueue vq;       /* [lock] */
	struct virtio_device *dev; /* [I] */
	uint16_t index;            /* [I] */
	virtio_queue_fn *used; /* [I] the device used buffers (or claims to); interrupt context */
	struct virtio_queue *next; /* [I] */
	struct page *memory;       /* [I] of the rings */
	uint32_t order;            /* [I] of memory */
};

struct virtio_driver {
	uint32_t id;
	const char *name;
	/* Thread context. An error: the device is reset, its queues are freed, and it is forgotten. Logs what it has. */
	int (*probe)(struct virtio_device *dev);
};
extern const struct virtio_driver virtio_blk_driver, virtio_net_driver, virtio_rng_driver;

/*
 * Gives a device to its driver. 0: dev, allocated by the transport, stays in use for good; -ENODEV: nobody drives
 * it; another error: logged.
 */
int virtio_attach(struct virtio_device *dev) MUST_CHECK;

/* Up to FEATURES_OK, with those of wanted that the device has; transport features are added. -ENODEV: logged. */
int virtio_negotiate(struct virtio_device *dev, uint64_t wanted) MUST_CHECK;
/* A queue of at most size entries, a power of two. -ENODEV, -ENOMEM, what the transport says. */
int virtio_queue_create(struct virtio_device *dev, uint16_t index, uint16_t size,
	virtio_queue_fn *used, struct virtio_queue **out) MUST_CHECK;
/* DRIVER_OK: from here on the device may work and interrupt. */
void virtio_start(struct virtio_device *dev);

static inline bool
virtio_has(const struct virtio_device *dev, uint64_t feature)
{
	return (dev->features & feature) != 0;
}

/* Several fields, or one, read as they were at one moment. -EIO (a range outside, or it never stops changing). */
int virtio_config_read(struct virtio_device *dev, uint32_t offset, void *out, size_t n) MUST_CHECK;

/* Tells the device of new buffers, after virtqueue_kick_needed() said so. Any context; the lock may be released. */
static inline void
virtio_queue_notify(struct virtio_queue *q)
{
	q->dev->transport->notify(q->dev, q->index);
}

/* Gives a device up: logs why, the first time, and resets it. Any context, no queue lock held. Returns whether first. */
bool virtio_fail(struct virtio_device *dev, const char *why);

#define VIRTIO_INTERRUPT_QUEUE  1u
#define VIRTIO_INTERRUPT_CONFIG 2u
/* From the transport's interrupt handler. */
void virtio_interrupt(struct virtio_device *dev, uint32_t what);

#endif
