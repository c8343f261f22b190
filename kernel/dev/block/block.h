/* SPDX-License-Identifier: MIT */
/*
 * Block devices: a list of them, and transfers between them and memory.
 *
 * Offsets and lengths are bytes, multiples of the device's block_size (512 or more). A request that was accepted by
 * block_submit() is completed exactly once, also by a device that dies: then with -EIO. Many threads may read and
 * write at once; requests are not ordered among each other, and what was written is durable after a block_flush()
 * that began when the write had completed.
 *
 * Devices are never removed: pointers to them stay valid.
 */
#ifndef DEV_BLOCK_BLOCK_H
#define DEV_BLOCK_BLOCK_H

#include "base/list.h"
#include "core/types.h"

struct block_device;
struct block_request;

#define BLOCK_SERIAL_SIZE 20

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH, /* no segments */
	BLOCK_IDENTIFY, /* for drivers: reads the serial number into one segment of BLOCK_SERIAL_SIZE bytes */
};

/* A run of memory as the device sees it. Any address; a length that is a multiple of block_size. */
struct block_segment {
	paddr_t addr;
	uint32_t len;
};

/* err: 0 or -EIO. Interrupt context, or that of block_submit(), without locks; may free the request. */
typedef void block_done_fn(struct block_request *req, int err);

struct block_request {
	/* The submitter's; unchanged until done is called. */
	enum block_op op;
	uint64_t offset;
	const struct block_segment *segments;
	uint32_t nr_segments;
	block_done_fn *done;
	/* The driver's. */
	struct list_node node;
	uint32_t next_segment, segment_done; /* as far as it was given to the device */
	uint64_t position;                   /* on the device, of that place */
	uint32_t outstanding;                /* parts of it that the device works on */
	bool issued;                         /* all of it was given to the device */
	int err;
};

struct block_ops {
	/* Takes a request that was checked. Any context. 0, or -EIO: the device is dead, done is not called. */
	int (*submit)(struct block_device *dev, struct block_request *req);
};

#define BLOCK_READ_ONLY 1u
#define BLOCK_HAS_CACHE 2u /* what was written may be lost unless it is flushed */

struct block_device {
	const struct block_ops *ops;        /* [I] */
	char name[8];                       /* [I] vda, vdb, …; from block_register() */
	char serial[BLOCK_SERIAL_SIZE + 1]; /* [I] printable; empty: it has none */
	uint32_t flags;                     /* [I] BLOCK_* */
	uint32_t block_size;                /* [I] a power of two, 512 to 65536 */
	_Atomic uint64_t capacity;          /* bytes, a multiple of block_size; may change */
	struct block_device *_Atomic next;
};

/* Names dev and adds it to the end of the list. Thread context. */
void block_register(struct block_device *dev);
/* The first device (prev is NULL), or the one after prev; NULL: no more. Any context. */
struct block_device *block_next(struct block_device *prev);

static inline uint64_t
block_capacity(const struct block_device *dev)
{
	return atomic_load_explicit(&((struct block_device *)dev)->capacity, memory_order_relaxed);
}

/*
 * Begins a transfer; req->done tells its end. Never waits: what the device has no room for waits in a queue.
 * -EINVAL (alignment, range, no segments), -EROFS, -EIO: not begun, done is not called. Any context.
 */
int block_submit(struct block_device *dev, struct block_request *req) MUST_CHECK;

/*
 * Transfer n bytes (may be 0) and sleep until that is done; not interrupted by signals. buf lies in the linear map:
 * pages, kmalloc(), but no stack and no static data. -EINVAL, -EROFS, -EIO as above.
 */
int block_read(struct block_device *dev, void *buf, uint64_t offset, size_t n) MUST_CHECK;
int block_write(struct block_device *dev, const void *buf, uint64_t offset, size_t n) MUST_CHECK;
/* Sleeps until everything written before is durable. 0 or -EIO. */
int block_flush(struct block_device *dev) MUST_CHECK;
/* The same for any request: sleeps until it is done. */
int block_transfer(struct block_device *dev, enum block_op op, uint64_t offset,
	const struct block_segment *segments, uint32_t nr_segments) MUST_CHECK;

#endif
