/* SPDX-License-Identifier: MIT */
#include "virtqueue.h"

#include <errno.h>
#include <stdatomic.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ring words are little-endian");
_Static_assert(sizeof(struct virtqueue_desc) == 16, "VIRTIO 1.2, 2.7.5");
_Static_assert(sizeof(struct virtqueue_used_elem) == 8, "VIRTIO 1.2, 2.7.8");

/* Descriptor flags. */
#define DESC_NEXT     1
#define DESC_WRITE    2
#define DESC_INDIRECT 4

/* Words of the available and used rings. */
#define RING_FLAGS 0
#define RING_IDX   1
#define RING_START 2

#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY     1

static uint16_t
load16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void
store16(uint16_t *p, uint16_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
}

/* Between a store and a load of what the other side changes. */
static void
full_barrier(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

static size_t
align_up(size_t n)
{
	return (n + VIRTQUEUE_ALIGN - 1) & ~(size_t)(VIRTQUEUE_ALIGN - 1);
}

struct virtqueue_layout
virtqueue_layout(uint16_t size)
{
	struct virtqueue_layout l;
	l.avail = sizeof(struct virtqueue_desc) * size;
	l.used = align_up(l.avail + sizeof(uint16_t) * (RING_START + size + 1u));
	l.total = align_up(l.used + sizeof(uint16_t) * (RING_START + 1) +
		sizeof(struct virtqueue_used_elem) * size);
	return l;
}

void
virtqueue_init(struct virtqueue *vq, uint16_t size, uint32_t flags, void *memory,
	struct virtqueue_slot *slots)
{
	struct virtqueue_layout l = virtqueue_layout(size);
	char *base = memory;
	*vq = (struct virtqueue){
		.size = size,
		.flags = flags,
		.desc = memory,
		.avail = (uint16_t *)(base + l.avail),
		.used = (uint16_t *)(base + l.used),
		.slots = slots,
		.nr_free = size,
	};
	vq->used_ring = (struct virtqueue_used_elem *)(vq->used + RING_START);
	vq->avail_event = (uint16_t *)(vq->used_ring + size);
	for (uint32_t i = 0; i < size; i++)
		slots[i] = (struct virtqueue_slot){.next = (uint16_t)(i + 1)};
}

void
virtqueue_break(struct virtqueue *vq, const char *why)
{
	if (vq->broken == NULL)
		vq->broken = why;
}

static void
write_desc(
	struct virtqueue_desc *d, const struct virtqueue_segment *s, uint16_t flags, uint16_t next)
{
	d->addr = s->addr;
	d->len = s->len;
	d->flags = flags;
	d->next = next;
}

static uint16_t
segment_flags(size_t i, size_t nr_out, size_t n)
{
	return (uint16_t)((i >= nr_out ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0));
}

/* The whole chain in a table of its own. */
static void
write_table(struct virtqueue_desc *table, const struct virtqueue_segment *segments, size_t nr_out,
	size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t flags = segment_flags(i, nr_out, n);
		write_desc(&table[i], &segments[i], flags,
			(flags & DESC_NEXT) != 0 ? (uint16_t)(i + 1) : 0);
	}
}

/* The chain in free descriptors of the ring. Returns the descriptor after the last one. */
static uint16_t
write_chain(struct virtqueue *vq, const struct virtqueue_segment *segments, size_t nr_out, size_t n)
{
	uint16_t at = vq->free_head;
	for (size_t i = 0; i < n; i++) {
		uint16_t next = vq->slots[at].next, flags = segment_flags(i, nr_out, n);
		write_desc(&vq->desc[at], &segments[i], flags, (flags & DESC_NEXT) != 0 ? next : 0);
		at = next;
	}
	return at;
}

/* Bytes of the segments from first on; *empty: whether any of the n has none. */
static uint64_t
count_bytes(const struct virtqueue_segment *segments, size_t first, size_t n, bool *empty)
{
	uint64_t bytes = 0;
	*empty = false;
	for (size_t i = 0; i < n; i++) {
		*empty |= segments[i].len == 0;
		bytes += i >= first ? segments[i].len : 0;
	}
	return bytes;
}

int
virtqueue_add(struct virtqueue *vq, const struct virtqueue_segment *segments, size_t nr_out,
	size_t nr_in, void *token, struct virtqueue_desc *table, uint64_t table_addr)
{
	size_t n = nr_out + nr_in;
	bool empty;
	if (vq->broken != NULL)
		return -EIO;
	if (n == 0 || nr_out > vq->size || nr_in > vq->size || n > vq->size || token == NULL)
		return -EINVAL;
	uint64_t writable = count_bytes(segments, nr_out, n, &empty);
	if (empty)
		return -EINVAL;
	uint16_t count = table != NULL ? 1 : (uint16_t)n, head = vq->free_head;
	if (count > vq->nr_free)
		return -ENOSPC;
	if (table != NULL) {
		struct virtqueue_segment whole = {
			table_addr, (uint32_t)(n * sizeof(struct virtqueue_desc))};
		write_table(table, segments, nr_out, n);
		write_desc(&vq->desc[head], &whole, DESC_INDIRECT, 0);
		vq->free_head = vq->slots[head].next;
	} else {
		vq->free_head = write_chain(vq, segments, nr_out, n);
	}
	vq->nr_free -= count;
	vq->nr_chains++;
	struct virtqueue_slot *slot = &vq->slots[head];
	slot->token = token;
	slot->writable = writable;
	slot->count = count;
	store16(&vq->avail[RING_START + (vq->avail_idx & (vq->size - 1))], head);
	vq->avail_idx++;
	/* The device sees the chain before the index that says so. */
	__atomic_store_n(&vq->avail[RING_IDX], vq->avail_idx, __ATOMIC_RELEASE);
	return 0;
}

bool
virtqueue_kick_needed(struct virtqueue *vq)
{
	uint16_t old = vq->kicked_idx, now = vq->avail_idx;
	if (old == now || vq->broken != NULL)
		return false;
	vq->kicked_idx = now;
	full_barrier(); /* the index before the device's wish */
	if ((vq->flags & VIRTQUEUE_EVENT_IDX) == 0)
		return (load16(&vq->used[RING_FLAGS]) & USED_NO_NOTIFY) == 0;
	/* Whether the index that the device waits for lies in (old, now]; VIRTIO 1.2, 2.7.10.1. */
	uint16_t event = load16(vq->avail_event);
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

/* Gives the chain's descriptors back to the free list. */
static void *
free_chain(struct virtqueue *vq, uint16_t head)
{
	struct virtqueue_slot *slot = &vq->slots[head];
	void *token = slot->token;
	uint16_t last = head;
	for (uint16_t i = 1; i < slot->count; i++)
		last = vq->slots[last].next;
	vq->slots[last].next = vq->free_head;
	vq->free_head = head;
	vq->nr_free += slot->count;
	vq->nr_chains--;
	slot->token = NULL;
	return token;
}

void *
virtqueue_take(struct virtqueue *vq, uint32_t *written)
{
	*written = 0;
	if (vq->broken != NULL)
		return NULL;
	/* The entry after the index that says it is there. */
	uint16_t ready =
		(uint16_t)(__atomic_load_n(&vq->used[RING_IDX], __ATOMIC_ACQUIRE) - vq->used_idx);
	if (ready == 0)
		return NULL;
	const struct virtqueue_used_elem *e = &vq->used_ring[vq->used_idx & (vq->size - 1)];
	uint32_t id = __atomic_load_n(&e->id, __ATOMIC_RELAXED);
	uint32_t len = __atomic_load_n(&e->len, __ATOMIC_RELAXED);
	const char *lie = NULL;
	if (ready > vq->nr_chains)
		lie = "more chains used than available";
	else if (id >= vq->size)
		lie = "used id out of range";
	else if (vq->slots[id].token == NULL)
		lie = "used id not in flight";
	else if (len > vq->slots[id].writable)
		lie = "more bytes written than there was room for";
	if (lie != NULL) {
		virtqueue_break(vq, lie);
		return NULL;
	}
	vq->used_idx++;
	*written = len;
	return free_chain(vq, (uint16_t)id);
}

void
virtqueue_disable_interrupts(struct virtqueue *vq)
{
	if ((vq->flags & VIRTQUEUE_EVENT_IDX) == 0)
		store16(&vq->avail[RING_FLAGS], AVAIL_NO_INTERRUPT);
	else /* behind us: the device passes it again only after 65,535 more */
		store16(&vq->avail[RING_START + vq->size], (uint16_t)(vq->used_idx - 1));
}

bool
virtqueue_enable_interrupts(struct virtqueue *vq)
{
	if ((vq->flags & VIRTQUEUE_EVENT_IDX) == 0)
		store16(&vq->avail[RING_FLAGS], 0);
	else
		store16(&vq->avail[RING_START + vq->size], vq->used_idx);
	full_barrier(); /* the wish before the look */
	return vq->broken == NULL && load16(&vq->used[RING_IDX]) != vq->used_idx;
}

bool
virtqueue_enable_interrupts_late(struct virtqueue *vq)
{
	if ((vq->flags & VIRTQUEUE_EVENT_IDX) == 0)
		return virtqueue_enable_interrupts(vq);
	uint16_t wait = (uint16_t)(vq->nr_chains * 3u / 4);
	store16(&vq->avail[RING_START + vq->size], (uint16_t)(vq->used_idx + wait));
	full_barrier(); /* the wish before the look */
	return vq->broken == NULL && (uint16_t)(load16(&vq->used[RING_IDX]) - vq->used_idx) > wait;
}

bool
virtqueue_interrupt_is_spent(const struct virtqueue *vq)
{
	if ((vq->flags & VIRTQUEUE_EVENT_IDX) == 0)
		return false; /* each use of a buffer gives one */
	return (int16_t)(vq->used_idx - load16(&vq->avail[RING_START + vq->size])) > 0;
}

bool
virtqueue_has_used(const struct virtqueue *vq)
{
	return load16(&vq->used[RING_IDX]) != __atomic_load_n(&vq->used_idx, __ATOMIC_RELAXED);
}

void *
virtqueue_detach(struct virtqueue *vq)
{
	if (vq->broken == NULL)
		return NULL;
	for (; vq->detach_next < vq->size; vq->detach_next++)
		if (vq->slots[vq->detach_next].token != NULL)
			return free_chain(vq, vq->detach_next);
	return NULL;
}
