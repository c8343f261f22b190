/* SPDX-License-Identifier: MIT */
/*
 * The other end of a virtqueue, for its test and its fuzzer: a ring in host memory, whose addresses are host pointers.
 * The honest parts follow the specification by the letter; tests reach into the ring to lie.
 */
#ifndef TESTS_UNIT_VIRTQUEUE_DEVICE_H
#define TESTS_UNIT_VIRTQUEUE_DEVICE_H

#include <stdlib.h>
#include <string.h>

#include "kernel/dev/bus/virtqueue.h"

#define DEVICE_NEXT     1
#define DEVICE_WRITE    2
#define DEVICE_INDIRECT 4

struct ring {
	struct virtqueue vq;
	struct virtqueue_slot *slots;
	void *memory;
	uint16_t seen; /* chains that the device has fetched */
};

static inline void
ring_open(struct ring *r, uint16_t size, uint32_t flags)
{
	struct virtqueue_layout l = virtqueue_layout(size);
	memset(r, 0, sizeof(*r));
	r->memory = aligned_alloc(VIRTQUEUE_ALIGN, l.total);
	r->slots = malloc(size * sizeof(*r->slots));
	if (r->memory == NULL || r->slots == NULL)
		abort();
	memset(r->memory, 0, l.total);
	virtqueue_init(&r->vq, size, flags, r->memory, r->slots);
}

static inline void
ring_close(struct ring *r)
{
	free(r->memory);
	free(r->slots);
}

/* Words of the rings, where the specification has them. */
static inline uint16_t *
ring_avail(struct ring *r)
{
	return (uint16_t *)((char *)r->memory + 16u * r->vq.size);
}

static inline uint16_t *
ring_used(struct ring *r)
{
	return (uint16_t *)((char *)r->memory + virtqueue_layout(r->vq.size).used);
}

static inline uint16_t *
ring_used_event(struct ring *r)
{
	return ring_avail(r) + 2 + r->vq.size;
}

static inline uint16_t *
ring_avail_event(struct ring *r)
{
	return ring_used(r) + 2 + 4u * r->vq.size;
}

/* The head of the next chain that was made available, or -1. */
static inline int
device_fetch(struct ring *r)
{
	const uint16_t *avail = ring_avail(r);
	if (avail[1] == r->seen)
		return -1;
	return avail[2 + r->seen++ % r->vq.size];
}

/* Reads a chain as a device does. Returns how many segments it has; *nr_out of them are for reading. */
static inline size_t
device_walk(
	struct ring *r, uint16_t head, struct virtqueue_segment *out, size_t most, size_t *nr_out)
{
	const struct virtqueue_desc *table = r->memory, *d = &table[head];
	size_t n = 0;
	*nr_out = 0;
	if ((d->flags & DEVICE_INDIRECT) != 0) {
		table = (const struct virtqueue_desc *)(uintptr_t)d->addr;
		d = &table[0];
	}
	for (; n < most; d = &table[d->next]) {
		out[n++] = (struct virtqueue_segment){d->addr, d->len};
		*nr_out += (d->flags & DEVICE_WRITE) == 0;
		if ((d->flags & DEVICE_NEXT) == 0)
			break;
	}
	return n;
}

static inline void
device_use(struct ring *r, uint32_t id, uint32_t len)
{
	uint16_t *used = ring_used(r);
	struct virtqueue_used_elem e = {id, len};
	memcpy(used + 2 + 4u * (used[1] % r->vq.size), &e, sizeof(e));
	used[1]++;
}

#endif
