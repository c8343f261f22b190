/* SPDX-License-Identifier: MIT */
#include "tests/relay/pending.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool
before(const struct frame *a, const struct frame *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void
swap(struct pending *p, size_t a, size_t b)
{
	struct frame *f = p->heap[a];
	p->heap[a] = p->heap[b];
	p->heap[b] = f;
}

static void
grow(struct pending *p)
{
	size_t room = p->room == 0 ? 64 : p->room * 2;
	struct frame **heap = reallocarray(p->heap, room, sizeof(*heap));
	if (heap == NULL)
		abort();
	p->heap = heap;
	p->room = room;
}

void
pending_add(struct pending *p, uint64_t at, uint32_t to, const uint8_t *bytes, uint32_t len)
{
	struct frame *f = malloc(sizeof(*f));
	if (f == NULL || len > FRAME_MAX)
		abort();
	f->at = at;
	f->order = p->order++;
	f->to = to;
	f->len = len;
	memcpy(f->bytes, bytes, len);
	if (p->count == p->room)
		grow(p);
	size_t i = p->count++;
	p->heap[i] = f;
	for (; i > 0 && before(p->heap[i], p->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(p, i, (i - 1) / 2);
}

const struct frame *
pending_first(const struct pending *p)
{
	return p->count > 0 ? p->heap[0] : NULL;
}

void
pending_drop_first(struct pending *p)
{
	if (p->count == 0)
		return;
	free(p->heap[0]);
	p->heap[0] = p->heap[--p->count];
	size_t i = 0;
	for (;;) {
		size_t least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < p->count; child++)
			if (before(p->heap[child], p->heap[least]))
				least = child;
		if (least == i)
			return;
		swap(p, i, least);
		i = least;
	}
}
