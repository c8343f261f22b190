/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues (VIRTIO 1.2, section 2.7), the driver's side: which bytes of a ring mean what, and nothing else.
 *
 * Pure: works on memory that it is given, calls nobody, does not sleep. The caller serialises all calls on a queue and
 * tells the device (virtqueue_kick_needed() says when). Chains of any number may be in flight.
 *
 * The device is not trusted. It may write anything anywhere into the ring at any time: everything that decides what
 * happens here (which descriptors are free, how chains run, who waits for what) is kept outside the ring in slots,
 * each word of the used ring is read once, and a word that cannot be true breaks the queue: `broken` says why, adding
 * gives -EIO, nothing more is taken from the ring. Then the owner resets the device, and only then takes the tokens
 * that are still in flight with virtqueue_detach(), because until then the device may write to their memory.
 */
#ifndef DEV_BUS_VIRTQUEUE_H
#define DEV_BUS_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQUEUE_SIZE_MAX 32768u
#define VIRTQUEUE_ALIGN    64u

/* A piece of memory as the device addresses it. */
struct virtqueue_segment {
	uint64_t addr;
	uint32_t len;
};

struct virtqueue_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* What the driver knows about descriptor i. */
struct virtqueue_slot {
	void *token; /* the chain that begins here is in flight for it; NULL: none begins here */
	uint64_t writable; /* bytes that the device may write to that chain */
	uint16_t count;    /* descriptors of that chain */
	uint16_t next;     /* in its chain or in the free list */
};

struct virtqueue_used_elem {
	uint32_t id, len;
};

#define VIRTQUEUE_EVENT_IDX 1u /* VIRTIO_F_RING_EVENT_IDX was negotiated */

struct virtqueue {
	uint16_t size;               /* [I] a power of two */
	uint32_t flags;              /* [I] VIRTQUEUE_EVENT_IDX */
	struct virtqueue_desc *desc; /* [I] size of them; the device reads them */
	uint16_t *avail; /* [I] flags, index, size entries, used_event; the device reads it */
	uint16_t *used;  /* [I] flags, index; the device writes it */
	struct virtqueue_used_elem *used_ring; /* [I] size entries behind them */
	uint16_t *avail_event;                 /* [I] behind those */
	struct virtqueue_slot *slots;          /* [I] size of them */
	uint16_t free_head, nr_free;           /* free descriptors */
	uint16_t nr_chains;                    /* in flight */
	uint16_t avail_idx;                    /* chains ever made available */
	uint16_t kicked_idx;                   /* as far as the device was told */
	uint16_t used_idx;                     /* chains ever taken back */
	uint16_t detach_next;
	const char *broken; /* why nothing is believed any more; NULL: sound */
};

/* Where the three parts of a queue of that size begin in a block of total bytes, aligned to VIRTQUEUE_ALIGN. */
struct virtqueue_layout {
	size_t avail, used, total; /* descriptors are at 0 */
};
struct virtqueue_layout virtqueue_layout(uint16_t size);

/* memory: zeroed, of the layout's total; slots: size of them, in memory that the device cannot reach. */
void virtqueue_init(struct virtqueue *vq, uint16_t size, uint32_t flags, void *memory,
	struct virtqueue_slot *slots);

/*
 * Makes a chain available: nr_out segments that the device reads, then nr_in that it writes. With a table (room for
 * all segments' descriptors; table_addr is what the device calls it) the chain takes one descriptor of the ring,
 * without (NULL) as many as it has segments. token: what virtqueue_take() returns; not NULL.
 * 0; -EINVAL (no segments, too many for this queue, one of them empty); -ENOSPC (not now); -EIO (broken).
 */
int virtqueue_add(struct virtqueue *vq, const struct virtqueue_segment *segments, size_t nr_out,
	size_t nr_in, void *token, struct virtqueue_desc *table, uint64_t table_addr)
	__attribute__((warn_unused_result));

/* Whether the device wants to be told of the chains that were added since the last call. */
bool virtqueue_kick_needed(struct virtqueue *vq);

/* Takes back a chain that the device is done with: its token and the bytes written to it. NULL: none, or broken. */
void *virtqueue_take(struct virtqueue *vq, uint32_t *written);

/* Interrupts are a wish. Enabling returns whether there is something to take already. */
void virtqueue_disable_interrupts(struct virtqueue *vq);
bool virtqueue_enable_interrupts(struct virtqueue *vq);

/*
 * The same for whom it is enough to hear when the device is done with three quarters of what is in flight. Returns
 * whether it is already.
 */
bool virtqueue_enable_interrupts_late(struct virtqueue *vq);
/*
 * Whether more was taken than the interrupt that is enabled waits for: it has come, or will, finds nothing, and no
 * further one comes before interrupts are enabled anew.
 */
bool virtqueue_interrupt_is_spent(const struct virtqueue *vq);
/* Whether there is something to take. Unlike all else here, needs no serialising. */
bool virtqueue_has_used(const struct virtqueue *vq);

/* The owner's verdict on what it cannot see here. why must stay. The first reason counts. */
void virtqueue_break(struct virtqueue *vq, const char *why);
/* The next token of a chain that is in flight on a broken queue, which it leaves; NULL after the last one. */
void *virtqueue_detach(struct virtqueue *vq);

#endif
