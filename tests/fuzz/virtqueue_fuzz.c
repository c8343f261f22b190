/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue between a driver that does whatever it may and a device that does whatever it can. Each input byte is
 * a step of one of them. What must hold: a token comes back exactly once, by take or by detach, and never otherwise;
 * an honest device sees the chains as they were added and never breaks the queue; free descriptors add up.
 */
#include <errno.h>
#include <stdbool.h>

#include "tests/unit/virtqueue_device.h"

#define CHAINS       64
#define SEGMENTS_MAX 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct chain {
	bool in_flight, fetched;
	struct virtqueue_segment segments[SEGMENTS_MAX];
	size_t nr_out, n;
	uint32_t writable;
	int head; /* once it is fetched */
	struct virtqueue_desc table[SEGMENTS_MAX];
};

struct world {
	struct ring r;
	struct chain chains[CHAINS];
	uint16_t order[CHAINS]; /* chains as they were added, CHAINS at most in flight */
	uint32_t added, fetched;
	bool lied;
	const uint8_t *at, *end;
};

static void
require(bool condition)
{
	if (!condition)
		abort();
}

static uint32_t
byte(struct world *w)
{
	return w->at < w->end ? *w->at++ : 0;
}

static uint32_t
word(struct world *w)
{
	uint32_t value = byte(w);
	for (int i = 1; i < 4; i++)
		value |= byte(w) << 8 * i;
	return value;
}

static struct chain *
free_chain(struct world *w)
{
	for (int i = 0; i < CHAINS; i++)
		if (!w->chains[i].in_flight)
			return &w->chains[i];
	return NULL;
}

static void
step_add(struct world *w, bool indirect)
{
	struct chain *c = free_chain(w);
	if (c == NULL)
		return;
	uint32_t shape = byte(w);
	c->nr_out = shape % 4;
	c->n = c->nr_out + shape / 4 % 3;
	c->writable = 0;
	for (size_t i = 0; i < c->n; i++) {
		c->segments[i] = (struct virtqueue_segment){word(w), byte(w)};
		c->writable += i >= c->nr_out ? c->segments[i].len : 0;
	}
	int err = virtqueue_add(&w->r.vq, c->segments, c->nr_out, c->n - c->nr_out, c,
		indirect ? c->table : NULL, indirect ? (uintptr_t)c->table : 0);
	require(err == 0 || err == -EINVAL || err == -ENOSPC || err == -EIO);
	require((err == -EIO) == (w->r.vq.broken != NULL));
	if (err != 0)
		return;
	c->in_flight = true;
	c->fetched = false;
	w->order[w->added++ % CHAINS] = (uint16_t)(c - w->chains);
}

/* The device takes the next chain and finds what was added. */
static void
step_fetch(struct world *w)
{
	struct virtqueue_segment got[SEGMENTS_MAX + 1];
	size_t nr_out;
	if (w->lied)
		return; /* it may have overwritten its own descriptors */
	int head = device_fetch(&w->r);
	require((head < 0) == (w->added == w->fetched));
	if (head < 0)
		return;
	struct chain *c = &w->chains[w->order[w->fetched++ % CHAINS]];
	size_t n = device_walk(&w->r, (uint16_t)head, got, SEGMENTS_MAX + 1, &nr_out);
	require(n == c->n && nr_out == c->nr_out);
	for (size_t i = 0; i < n; i++)
		require(got[i].addr == c->segments[i].addr && got[i].len == c->segments[i].len);
	c->head = head;
	c->fetched = true;
}

static void
step_use(struct world *w)
{
	uint32_t from = byte(w);
	for (uint32_t i = 0; i < CHAINS && !w->lied; i++) {
		struct chain *c = &w->chains[(from + i) % CHAINS];
		if (!c->in_flight || !c->fetched)
			continue;
		c->fetched = false;
		device_use(&w->r, (uint32_t)c->head,
			c->writable == 0 ? 0 : byte(w) % (c->writable + 1));
		return;
	}
}

static void
step_take(struct world *w)
{
	uint32_t written;
	struct chain *c = virtqueue_take(&w->r.vq, &written);
	require(w->lied || w->r.vq.broken == NULL);
	if (c == NULL) {
		require(written == 0);
		return;
	}
	require(c->in_flight && written <= c->writable);
	c->in_flight = false;
}

static void
step_lie(struct world *w)
{
	uint32_t where = word(w);
	w->lied = true;
	if (where % 4 == 0) {
		device_use(&w->r, word(w), word(w));
	} else if (where % 4 == 1) {
		ring_used(&w->r)[1] = (uint16_t)(where >> 8);
	} else {
		size_t total = virtqueue_layout(w->r.vq.size).total;
		((uint8_t *)w->r.memory)[(where >> 2) % total] = (uint8_t)byte(w);
	}
}

static void
step(struct world *w)
{
	uint32_t what = byte(w);
	switch (what % 10) {
	case 0:
	case 1:
		step_add(w, what % 2 == 0);
		break;
	case 2:
	case 3:
		step_fetch(w);
		break;
	case 4:
	case 5:
		step_use(w);
		break;
	case 6:
	case 7:
		step_take(w);
		break;
	case 8:
		if (what < 200)
			virtqueue_kick_needed(&w->r.vq);
		else if (what < 230)
			virtqueue_disable_interrupts(&w->r.vq);
		else
			virtqueue_enable_interrupts(&w->r.vq);
		break;
	default:
		if (what > 240)
			step_lie(w);
		break;
	}
}

/* Everything that is still in flight comes back by detach, and nothing else. */
static void
finish(struct world *w)
{
	struct chain *c;
	virtqueue_break(&w->r.vq, "the end");
	while ((c = virtqueue_detach(&w->r.vq)) != NULL) {
		require(c->in_flight);
		c->in_flight = false;
	}
	for (int i = 0; i < CHAINS; i++)
		require(!w->chains[i].in_flight);
	require(w->r.vq.nr_free == w->r.vq.size && w->r.vq.nr_chains == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.at = data, .end = data + size};
	uint32_t how = byte(&w);
	ring_open(&w.r, (uint16_t)(1u << how % 6), how & 64 ? VIRTQUEUE_EVENT_IDX : 0);
	while (w.at < w.end)
		step(&w);
	finish(&w);
	ring_close(&w.r);
	return 0;
}
