/* SPDX-License-Identifier: MIT */
/*
 * Virtio block devices (VIRTIO 1.2, section 5.2): one queue, as many requests in flight as it has room for.
 *
 * A request goes out in parts, as the device's limits on segments have it; each part has a slot with what the device
 * needs besides the data: header, status byte, descriptor table. Requests that find no slot or no descriptor wait in
 * `pending`, in order, and go out from the interrupt that makes room.
 *
 * A watchdog looks at the oldest part. When the device has not answered for 30 s (disk-timeout=SECONDS on the command
 * line, 0: never), or breaks the ring's rules, it is reset and given up: everything in flight and everything later ends
 * with -EIO.
 */
#define LOG_SOURCE "virtio"
#include <string.h>

#include "base/cmdline.h"
#include "core/log.h"
#include "core/main.h"
#include "core/sched.h"
#include "core/timer.h"
#include "core/wait.h"
#include "dev/block/block.h"
#include "dev/bus/virtio.h"
#include "mm/page.h"
#include "mm/slab.h"

/* Features (5.2.3). */
#define BLK_F_SIZE_MAX (1ULL << 1)
#define BLK_F_SEG_MAX  (1ULL << 2)
#define BLK_F_RO       (1ULL << 5)
#define BLK_F_BLK_SIZE (1ULL << 6)
#define BLK_F_FLUSH    (1ULL << 9)

/* Device configuration (5.2.4). */
#define CONFIG_CAPACITY 0 /* 64 bits, in sectors */
#define CONFIG_SIZE_MAX 8
#define CONFIG_SEG_MAX  12
#define CONFIG_BLK_SIZE 20

/* Request types and results (5.2.6). */
#define BLK_T_IN     0
#define BLK_T_OUT    1
#define BLK_T_FLUSH  4
#define BLK_T_GET_ID 8
#define BLK_S_OK     0
#define BLK_S_NONE   0xff /* ours: the device has not written a result */

#define SECTOR          512u
#define QUEUE_SIZE      64  /* with descriptor tables: requests */
#define QUEUE_SIZE_RING 256 /* without: descriptors */
#define SEGMENTS_MAX    30  /* of a part; a table with header and status is 512 bytes */
#define TABLE_SIZE      (SEGMENTS_MAX + 2)
#define ANSWER_SECONDS  30
#define CHECK_INTERVAL  (10 * NSEC_PER_MSEC)
#define LAST_CHANCE     (100 * NSEC_PER_MSEC)
#define NO_PART         UINT16_MAX

/* What the device reads and writes besides the data. */
struct blk_message {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
	uint8_t status;
	uint8_t unused[15];
};
_Static_assert(offsetof(struct blk_message, status) == 16, "5.2.6: the header is 16 bytes");

/* A part of a request. */
struct part {
	struct block_request *req; /* [queue lock] NULL: the slot is free */
	nsec_t since;              /* [queue lock] when it went out */
	uint32_t readable;         /* [queue lock] bytes of data that the device must write */
	uint16_t next_free;        /* [queue lock] */
};

struct virtio_blk {
	struct block_device block;
	struct virtio_device *dev;    /* [I] */
	struct virtio_queue *queue;   /* [I] its lock guards what follows */
	uint16_t nr_parts;            /* [I] */
	uint32_t max_segments;        /* [I] of a part */
	uint32_t max_length;          /* [I] of a segment; whole blocks */
	struct part *parts;           /* [I] nr_parts of them */
	struct blk_message *messages; /* [I] one for each part */
	/* [I] TABLE_SIZE for each part; NULL: the device has no indirect ones */
	struct virtqueue_desc *tables;
	uint16_t free_part;       /* [lock] or NO_PART */
	bool dead;                /* [lock] */
	bool watched;             /* [lock] the watchdog is started */
	struct list_node pending; /* [lock] requests that are not issued completely */
	struct timer watchdog;
	struct virtqueue_segment scratch[TABLE_SIZE]; /* [lock] the chain that is being made */
};

static nsec_t answer_deadline =
	ANSWER_SECONDS * NSEC_PER_SEC; /* [I after the first probe] 0: none */

static struct virtio_blk *
blk_of(struct block_device *block)
{
	return container_of(block, struct virtio_blk, block);
}

static uint16_t
part_number(const struct virtio_blk *b, const struct part *p)
{
	return (uint16_t)(p - b->parts);
}

static void
free_part_locked(struct virtio_blk *b, struct part *p) REQUIRES(b->queue->lock)
{
	p->req = NULL;
	p->next_free = b->free_part;
	b->free_part = part_number(b, p);
}

static uint32_t
message_type(const struct virtio_blk *b, const struct block_request *req)
{
	if (req->op == BLOCK_FLUSH)
		return BLK_T_FLUSH;
	if (req->op == BLOCK_WRITE)
		return BLK_T_OUT;
	return req->op == BLOCK_IDENTIFY ? BLK_T_GET_ID : BLK_T_IN;
}

/* How far a request has come, so that a part which finds no room can be taken back. */
struct progress {
	uint32_t next_segment, segment_done;
	uint64_t position;
};

/* Puts as much of the rest of the request as one part may carry into out[]. Returns how many segments that is. */
static uint32_t
gather(const struct virtio_blk *b, const struct block_request *req, struct progress *at,
	struct virtqueue_segment *out)
{
	uint32_t n = 0;
	while (n < b->max_segments && at->next_segment < req->nr_segments) {
		const struct block_segment *s = &req->segments[at->next_segment];
		uint32_t len = min(s->len - at->segment_done, b->max_length);
		out[n++] = (struct virtqueue_segment){s->addr + at->segment_done, len};
		at->position += len;
		at->segment_done += len;
		if (at->segment_done == s->len) {
			at->next_segment++;
			at->segment_done = 0;
		}
	}
	return n;
}

static uint32_t
total(const struct virtqueue_segment *segments, uint32_t n)
{
	uint32_t bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		bytes += segments[i].len;
	return bytes;
}

/* Gives the device the next part of a request. 0, -ENOSPC, -EIO (the queue is broken). */
static int
issue_part_locked(struct virtio_blk *b, struct block_request *req) REQUIRES(b->queue->lock)
{
	if (b->free_part == NO_PART)
		return -ENOSPC;
	uint16_t number = b->free_part;
	struct part *p = &b->parts[number];
	struct blk_message *m = &b->messages[number];
	struct progress at = {req->next_segment, req->segment_done, req->position};
	struct virtqueue_segment *s = b->scratch;
	*m = (struct blk_message){
		.type = message_type(b, req),
		.sector = req->op == BLOCK_FLUSH ? 0 : req->position / SECTOR,
		.status = BLK_S_NONE,
	};
	s[0] = (struct virtqueue_segment){virt_to_phys(m), offsetof(struct blk_message, status)};
	uint32_t n = gather(b, req, &at, s + 1);
	s[n + 1] = (struct virtqueue_segment){virt_to_phys(&m->status), 1};
	struct virtqueue_desc *table = b->tables == NULL ? NULL : b->tables + number * TABLE_SIZE;
	size_t nr_out = req->op == BLOCK_WRITE ? 1 + n : 1;
	int err = virtqueue_add(&b->queue->vq, s, nr_out, n + 2 - nr_out, p, table,
		table == NULL ? 0 : virt_to_phys(table));
	if (err != 0)
		return err;
	b->free_part = p->next_free;
	p->req = req;
	p->since = time_now();
	p->readable = m->type == BLK_T_IN ? total(s + 1, n) : 0;
	req->outstanding++;
	req->next_segment = at.next_segment;
	req->segment_done = at.segment_done;
	req->position = at.position;
	req->issued = at.next_segment == req->nr_segments;
	return 0;
}

/* Issues what there is room for. Requests that end here (one of their parts failed) go to finished. */
static void
issue_pending_locked(struct virtio_blk *b, struct list_node *finished) REQUIRES(b->queue->lock)
{
	while (!list_empty(&b->pending)) {
		struct block_request *req =
			list_first_entry(&b->pending, struct block_request, node);
		while (!req->issued && req->err == 0)
			if (issue_part_locked(b, req) != 0)
				return;
		req->issued = true;
		list_del_init(&req->node);
		if (req->outstanding == 0)
			list_add_tail(finished, &req->node);
	}
}

/* The device (or its end) is done with a part. */
static void
end_part_locked(struct virtio_blk *b, struct part *p, int err, struct list_node *finished)
	REQUIRES(b->queue->lock)
{
	struct block_request *req = p->req;
	free_part_locked(b, p);
	if (err != 0)
		req->err = err;
	if (--req->outstanding == 0 && req->issued && list_empty(&req->node))
		list_add_tail(finished, &req->node);
}

static int
part_result(struct virtio_blk *b, const struct part *p, uint32_t written)
{
	uint8_t status = *(volatile uint8_t *)&b->messages[part_number(b, p)].status;
	return status == BLK_S_OK && written >= p->readable ? 0 : -EIO;
}

/* Calls done for each request, without locks. */
static void
finish(struct list_node *finished)
{
	while (!list_empty(finished)) {
		struct block_request *req = list_first_entry(finished, struct block_request, node);
		list_del_init(&req->node);
		req->done(req, req->err);
	}
}

/* The end of the device: whatever it owed is paid with -EIO. */
static void
give_up(struct virtio_blk *b, const char *why)
{
	struct list_node finished = LIST_INIT(finished);
	struct part *p;
	if (!virtio_fail(b->dev, why))
		return; /* another CPU is at it, and has to reset the device before any memory is let go */
	uint64_t flags = spin_lock_irq_save(&b->queue->lock);
	b->dead = true;
	while ((p = virtqueue_detach(&b->queue->vq)) != NULL)
		end_part_locked(b, p, -EIO, &finished);
	while (!list_empty(&b->pending)) {
		struct block_request *req =
			list_first_entry(&b->pending, struct block_request, node);
		list_del_init(&req->node);
		req->err = -EIO;
		list_add_tail(&finished, &req->node);
	}
	spin_unlock_irq_restore(&b->queue->lock, flags);
	finish(&finished);
}

/* Takes what the device has done, refills its queue, completes requests. */
static void
work_queue(struct virtio_blk *b)
{
	struct list_node finished = LIST_INIT(finished);
	struct virtqueue *vq = &b->queue->vq;
	struct part *p;
	uint32_t written;
	uint64_t flags = spin_lock_irq_save(&b->queue->lock);
	do {
		virtqueue_disable_interrupts(vq);
		while ((p = virtqueue_take(vq, &written)) != NULL)
			end_part_locked(b, p, part_result(b, p, written), &finished);
	} while (virtqueue_enable_interrupts(vq));
	issue_pending_locked(b, &finished);
	bool kick = virtqueue_kick_needed(vq);
	const char *broken = b->dead ? NULL : vq->broken;
	spin_unlock_irq_restore(&b->queue->lock, flags);
	if (kick)
		virtio_queue_notify(b->queue);
	if (unlikely(broken != NULL))
		give_up(b, broken);
	finish(&finished);
}

static void
queue_used(struct virtio_queue *q)
{
	work_queue(q->dev->driver_data);
}

/*
 * In short steps: an emulator that skips idle time (QEMU's -icount sleep=off) skips to the next step, not by 30 s,
 * while the device is at work.
 */
static void
watch_locked(struct virtio_blk *b) REQUIRES(b->queue->lock)
{
	if (b->watched || answer_deadline == 0)
		return;
	b->watched = true;
	timer_start(&b->watchdog, time_now() + CHECK_INTERVAL);
}

/* When the oldest part went out; 0: none is out. */
static nsec_t
oldest_locked(const struct virtio_blk *b) REQUIRES(b->queue->lock)
{
	nsec_t oldest = 0;
	for (uint16_t i = 0; i < b->nr_parts; i++) {
		const struct part *p = &b->parts[i];
		if (p->req != NULL && (oldest == 0 || p->since < oldest))
			oldest = p->since;
	}
	return oldest;
}

/* Whether the oldest part is late; otherwise the watchdog goes on as long as there is one. */
static bool
is_late(struct virtio_blk *b)
{
	uint64_t flags = spin_lock_irq_save(&b->queue->lock);
	nsec_t oldest = oldest_locked(b);
	bool late = oldest != 0 && time_now() - oldest >= answer_deadline;
	b->watched = late;
	if (oldest != 0)
		watch_locked(b);
	spin_unlock_irq_restore(&b->queue->lock, flags);
	return late;
}

static void
watchdog_bites(struct timer *t)
{
	struct virtio_blk *b = container_of(t, struct virtio_blk, watchdog);
	work_queue(b); /* the interrupt may be what got lost */
	if (likely(!is_late(b)))
		return;
	/* Time that was skipped gave the device no time: it gets some that passes. */
	for (nsec_t end = time_now() + LAST_CHANCE; time_now() < end; work_queue(b))
		arch_relax();
	if (!is_late(b))
		return;
	uint64_t flags = spin_lock_irq_save(&b->queue->lock);
	virtqueue_break(&b->queue->vq, "it does not answer");
	spin_unlock_irq_restore(&b->queue->lock, flags);
	give_up(b, "it does not answer");
}

static int
blk_submit(struct block_device *block, struct block_request *req)
{
	struct virtio_blk *b = blk_of(block);
	struct list_node finished = LIST_INIT(finished);
	uint64_t flags = spin_lock_irq_save(&b->queue->lock);
	if (b->dead) {
		spin_unlock_irq_restore(&b->queue->lock, flags);
		return -EIO;
	}
	list_add_tail(&b->pending, &req->node);
	issue_pending_locked(b, &finished);
	watch_locked(b);
	bool kick = virtqueue_kick_needed(&b->queue->vq);
	spin_unlock_irq_restore(&b->queue->lock, flags);
	if (kick)
		virtio_queue_notify(b->queue);
	finish(&finished);
	return 0;
}

static const struct block_ops blk_ops = {.submit = blk_submit};

/* --- Probe --- */

/* A 32-bit field of the configuration, if the device says that it has it. */
static int
config_u32(const struct virtio_blk *b, uint64_t feature, uint32_t offset, uint32_t *out)
{
	return virtio_has(b->dev, feature) ? virtio_config_read(b->dev, offset, out, sizeof(*out))
					   : 0;
}

static int
read_capacity(struct virtio_blk *b)
{
	uint64_t sectors;
	int err = virtio_config_read(b->dev, CONFIG_CAPACITY, &sectors, sizeof(sectors));
	if (err != 0)
		return err;
	if (sectors > UINT64_MAX / SECTOR)
		return -EINVAL;
	atomic_store_explicit(&b->block.capacity,
		round_down(sectors * SECTOR, (uint64_t)b->block.block_size), memory_order_relaxed);
	return 0;
}

static void
config_changed(struct virtio_device *dev)
{
	struct virtio_blk *b = dev->driver_data;
	uint64_t before = block_capacity(&b->block);
	if (read_capacity(b) == 0 && block_capacity(&b->block) != before)
		log_info("%s: now %llu MiB", b->block.name,
			(unsigned long long)(block_capacity(&b->block) >> 20));
}

/* What the device allows, brought to what we use. */
static int
read_limits(struct virtio_blk *b)
{
	uint32_t block_size = SECTOR, size_max = UINT32_MAX, seg_max = SEGMENTS_MAX;
	int err = config_u32(b, BLK_F_BLK_SIZE, CONFIG_BLK_SIZE, &block_size);
	if (err == 0)
		err = config_u32(b, BLK_F_SIZE_MAX, CONFIG_SIZE_MAX, &size_max);
	if (err == 0)
		err = config_u32(b, BLK_F_SEG_MAX, CONFIG_SEG_MAX, &seg_max);
	if (err != 0)
		return err;
	if (block_size < SECTOR || block_size > 65536 || (block_size & (block_size - 1)) != 0 ||
		size_max < block_size) {
		log_warn("%s: blocks of %u bytes in segments of at most %u", b->dev->name,
			block_size, size_max);
		return -EINVAL;
	}
	b->block.block_size = block_size;
	/* A part's length is counted in 32 bits, the result's byte included. */
	b->max_length = round_down(min(size_max, UINT32_MAX / (SEGMENTS_MAX + 1)), block_size);
	b->max_segments = max(min(seg_max, (uint32_t)SEGMENTS_MAX), 1u);
	b->block.flags = (virtio_has(b->dev, BLK_F_RO) ? BLOCK_READ_ONLY : 0) |
		(virtio_has(b->dev, BLK_F_FLUSH) ? BLOCK_HAS_CACHE : 0);
	return read_capacity(b);
}

static int
allocate(struct virtio_blk *b)
{
	uint16_t size = b->queue->vq.size, n = size;
	if (size < 3)
		return -EINVAL;
	b->max_segments = min(b->max_segments, (uint32_t)size - 2);
	b->parts = kcalloc(n, sizeof(*b->parts));
	b->messages = kcalloc(n, sizeof(*b->messages));
	if (virtio_has(b->dev, VIRTIO_F_INDIRECT_DESC))
		b->tables = kcalloc((size_t)n * TABLE_SIZE, sizeof(*b->tables));
	if (b->parts == NULL || b->messages == NULL ||
		(b->tables == NULL && virtio_has(b->dev, VIRTIO_F_INDIRECT_DESC)))
		return -ENOMEM;
	b->nr_parts = n;
	for (uint16_t i = 0; i < n; i++)
		b->parts[i].next_free = i + 1 < n ? (uint16_t)(i + 1) : NO_PART;
	return 0;
}

static void
free_blk(struct virtio_blk *b)
{
	kfree(b->parts);
	kfree(b->messages);
	kfree(b->tables);
	kfree(b);
}

static int
set_up(struct virtio_blk *b)
{
	int err = virtio_negotiate(
		b->dev, BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_RO | BLK_F_BLK_SIZE | BLK_F_FLUSH);
	if (err == 0)
		err = read_limits(b);
	if (err != 0)
		return err;
	bool indirect = virtio_has(b->dev, VIRTIO_F_INDIRECT_DESC);
	err = virtio_queue_create(
		b->dev, 0, indirect ? QUEUE_SIZE : QUEUE_SIZE_RING, queue_used, &b->queue);
	return err == 0 ? allocate(b) : err;
}

/* Keeps what of the device's serial number can be printed. A device without one is as good. */
static void
identify(struct virtio_blk *b)
{
	uint8_t *id = kzalloc(BLOCK_SERIAL_SIZE);
	if (id == NULL)
		return;
	struct block_segment segment = {virt_to_phys(id), BLOCK_SERIAL_SIZE};
	if (block_transfer(&b->block, BLOCK_IDENTIFY, 0, &segment, 1) == 0)
		for (int i = 0; i < BLOCK_SERIAL_SIZE && id[i] > ' ' && id[i] <= '~'; i++)
			b->block.serial[i] = (char)id[i];
	kfree(id);
}

static void
announce(const struct virtio_blk *b)
{
	const struct block_device *block = &b->block;
	uint64_t n = block_capacity(block);
	bool small = n < MIB(16);
	log_info("%s: %llu %s%s%s%s", block->name, (unsigned long long)(n >> (small ? 10 : 20)),
		small ? "KiB" : "MiB", (block->flags & BLOCK_READ_ONLY) != 0 ? ", read-only" : "",
		block->serial[0] != '\0' ? ", serial " : "", block->serial);
}

static void
read_options(void)
{
	uint64_t seconds;
	if (cmdline_get_number(kernel_cmdline(), "disk-timeout", &seconds) == 0)
		answer_deadline = min(seconds, (uint64_t)UINT32_MAX) * NSEC_PER_SEC;
}

/* Once the device is started nothing fails any more: a device that dies then stays, and gives -EIO. */
static int
blk_probe(struct virtio_device *dev)
{
	struct virtio_blk *b = kzalloc(sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	read_options();
	b->dev = dev;
	b->block.ops = &blk_ops;
	list_init(&b->pending);
	timer_init(&b->watchdog, watchdog_bites);
	dev->driver_data = b;
	int err = set_up(b);
	if (err != 0) {
		free_blk(b);
		return err;
	}
	dev->config_changed = config_changed;
	virtio_start(dev);
	identify(b);
	block_register(&b->block);
	announce(b);
	return 0;
}

const struct virtio_driver virtio_blk_driver = {
	.id = VIRTIO_ID_BLOCK,
	.name = "virtio-blk",
	.probe = blk_probe,
};
