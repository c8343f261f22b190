/* SPDX-License-Identifier: MIT */
/* Packets: pkt.h. Links against the kernel's pages and slabs, or against their mock in the host's tests. */
#include "net/pkt.h"

#include <string.h>

#include "mm/page.h"
#include "mm/slab.h"
#include "wire/checksum.h"

#define FRAG_ARRAY (PKT_FRAGS * sizeof(struct pkt_frag))

static struct slab_cache *pkt_cache, *frags_cache; /* [I after boot] */

void
pkt_init(void)
{
	pkt_cache = slab_cache_create("pkt", sizeof(struct pkt), 64);
	frags_cache = slab_cache_create("pkt_frags", FRAG_ARRAY, 0);
}

/* --- Descriptors --- */

struct pkt *
pkt_alloc(void)
{
	struct pkt *p = slab_alloc(pkt_cache, KM_ATOMIC);
	if (unlikely(p == NULL))
		return NULL;
	memset(p, 0, offsetof(struct pkt, cb));
	p->head_off = PKT_HEADROOM;
	p->truesize = sizeof(*p);
	p->max_frags = ARRAY_SIZE(p->inline_frags);
	p->frags = p->inline_frags;
	return p;
}

static void
put_frags(const struct pkt *p, uint32_t first)
{
	for (uint32_t i = first; i < p->nr_frags; i++)
		page_put(p->frags[i].page);
}

/* The descriptor alone: its pages are somebody else's now, or none. */
static void
free_descriptor(struct pkt *p)
{
	if (unlikely(p->charge != 0))
		pkt_uncharge_owner(p);
	if (unlikely(p->frags != p->inline_frags))
		slab_free(frags_cache, p->frags);
	slab_free(pkt_cache, p);
}

void
pkt_free(struct pkt *p)
{
	if (p == NULL)
		return;
	put_frags(p, 0);
	free_descriptor(p);
}

/* Room for PKT_FRAGS. false: out of memory. */
static bool
grow_frags(struct pkt *p)
{
	struct pkt_frag *array = slab_alloc(frags_cache, KM_ATOMIC);
	if (array == NULL)
		return false;
	memcpy(array, p->frags, p->nr_frags * sizeof(*array));
	p->frags = array;
	p->max_frags = PKT_FRAGS;
	p->truesize += FRAG_ARRAY;
	return true;
}

static bool
reserve_frags(struct pkt *p, uint32_t n)
{
	return n <= p->max_frags || (n <= PKT_FRAGS && grow_frags(p));
}

/* Where the linear part begins, headers that were pulled off included. */
static uint32_t
first_header(const struct pkt *p)
{
	uint32_t first = p->head_off;
	if (p->link_off != 0 && p->link_off < first)
		first = p->link_off;
	if (p->net_off != 0 && p->net_off < first)
		first = p->net_off;
	if (p->transport_off != 0 && p->transport_off < first)
		first = p->transport_off;
	return first;
}

struct pkt *
pkt_clone(const struct pkt *p)
{
	struct pkt *c = slab_alloc(pkt_cache, KM_ATOMIC);
	if (unlikely(c == NULL))
		return NULL;
	memcpy(c, p, offsetof(struct pkt, frags));
	c->next = NULL;
	c->owner = NULL;
	c->charge = 0;
	c->frags = c->inline_frags;
	if (p->frags != p->inline_frags) {
		c->nr_frags = 0;
		c->max_frags = ARRAY_SIZE(c->inline_frags);
		c->truesize -= FRAG_ARRAY;
		if (!reserve_frags(c, p->nr_frags)) {
			slab_free(pkt_cache, c);
			return NULL;
		}
		c->nr_frags = p->nr_frags;
	}
	for (uint32_t i = 0; i < p->nr_frags; i++) {
		c->frags[i] = p->frags[i];
		page_get(c->frags[i].page);
	}
	uint32_t first = first_header(p);
	memcpy(c->head + first, p->head + first, p->head_off + p->head_len - first);
	return c;
}

void
pkt_queue_purge(struct pkt_queue *q)
{
	struct pkt *p;
	while ((p = pkt_queue_take(q)) != NULL)
		pkt_free(p);
}

/* --- Fragments --- */

static void *
frag_data(const struct pkt_frag *f)
{
	return (uint8_t *)page_to_virt(f->page) + f->offset;
}

/* The memory that a fragment's reference holds. */
static uint32_t
page_bytes(const struct page *page)
{
	return (uint32_t)PAGE_SIZE << page->order;
}

bool
pkt_add_frag(struct pkt *p, struct page *page, uint32_t offset, uint32_t len)
{
	if (p->nr_frags != 0) {
		struct pkt_frag *last = &p->frags[p->nr_frags - 1];
		if (last->page == page && last->offset + last->len == offset) {
			last->len += len;
			p->len += len;
			page_put(page); /* one reference is enough */
			return true;
		}
	}
	if (!reserve_frags(p, p->nr_frags + 1u))
		return false;
	p->frags[p->nr_frags++] = (struct pkt_frag){.page = page, .offset = offset, .len = len};
	p->len += len;
	p->truesize += page_bytes(page);
	return true;
}

/* Forgets the first n fragments, whose references are given back. */
static void
remove_first_frags(struct pkt *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		p->truesize -= page_bytes(p->frags[i].page);
		page_put(p->frags[i].page);
	}
	p->nr_frags = (uint8_t)(p->nr_frags - n);
	memmove(p->frags, p->frags + n, p->nr_frags * sizeof(*p->frags));
}

/* Takes n bytes, which the fragments have, off their front. out: where they are copied to; NULL: nowhere. */
static void
consume_frags(struct pkt *p, uint32_t n, uint8_t *out)
{
	uint32_t gone = 0;
	while (n != 0) {
		struct pkt_frag *f = &p->frags[gone];
		uint32_t part = min(n, f->len);
		if (out != NULL) {
			memcpy(out, frag_data(f), part);
			out += part;
		}
		n -= part;
		f->offset += part;
		f->len -= part;
		gone += f->len == 0;
	}
	if (gone != 0)
		remove_first_frags(p, gone);
}

bool
pkt_pull_up(struct pkt *p, uint32_t n)
{
	if (likely(n <= p->head_len))
		return true;
	if (n > p->len || p->head_off + n > PKT_HEAD)
		return false;
	consume_frags(p, n - p->head_len, p->head + p->head_off + p->head_len);
	p->head_len = (uint16_t)n;
	return true;
}

void
pkt_trim_front(struct pkt *p, uint32_t n)
{
	n = min(n, p->len);
	uint32_t linear = min(n, (uint32_t)p->head_len);
	pkt_pull(p, linear);
	p->len -= n - linear;
	consume_frags(p, n - linear, NULL);
}

void
pkt_trim(struct pkt *p, uint32_t new_len)
{
	if (new_len >= p->len)
		return;
	uint32_t cut = p->len - new_len;
	p->len = new_len;
	while (cut != 0 && p->nr_frags != 0) {
		struct pkt_frag *last = &p->frags[p->nr_frags - 1];
		if (last->len > cut) {
			last->len -= cut;
			return;
		}
		cut -= last->len;
		p->truesize -= page_bytes(last->page);
		page_put(last->page);
		p->nr_frags--;
	}
	p->head_len = (uint16_t)(p->head_len - cut);
}

/* --- Joining --- */

/* Where n more bytes could go behind the last fragment, in a page that nobody else has; NULL: nowhere. */
static uint8_t *
room_in_last_page(const struct pkt *p, uint32_t n)
{
	if (p->nr_frags == 0)
		return NULL;
	const struct pkt_frag *last = &p->frags[p->nr_frags - 1];
	if (last->offset + last->len + n > PAGE_SIZE || !page_is_exclusive(last->page))
		return NULL;
	return (uint8_t *)frag_data(last) + last->len;
}

/* Puts n bytes, at most a page, behind the others. more: fragments that are to follow. false: nothing was changed. */
static bool
append_bytes(struct pkt *p, const void *data, uint32_t n, uint32_t more)
{
	uint8_t *room = NULL;
	if (n <= pkt_tailroom(p)) {
		if (!reserve_frags(p, more))
			return false;
		memcpy(pkt_put(p, n), data, n);
		return true;
	}
	room = room_in_last_page(p, n);
	if (!reserve_frags(p, p->nr_frags + more + (room == NULL)))
		return false;
	if (room != NULL) {
		memcpy(room, data, n);
		p->frags[p->nr_frags - 1].len += n;
		p->len += n;
		return true;
	}
	struct page *page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
	if (page == NULL)
		return false;
	memcpy(page_to_virt(page), data, n);
	p->frags[p->nr_frags++] = (struct pkt_frag){.page = page, .len = n};
	p->len += n;
	p->truesize += page_bytes(page);
	return true;
}

bool
pkt_append(struct pkt *to, struct pkt *from)
{
	if (from->head_len != 0) {
		if (!append_bytes(to, pkt_data(from), from->head_len, from->nr_frags))
			return false;
	} else if (!reserve_frags(to, (uint32_t)to->nr_frags + from->nr_frags)) {
		return false;
	}
	for (uint32_t i = 0; i < from->nr_frags; i++) {
		to->frags[to->nr_frags++] = from->frags[i];
		to->len += from->frags[i].len;
		to->truesize += page_bytes(from->frags[i].page);
	}
	free_descriptor(from);
	return true;
}

/* --- Reading --- */

/* A walk over the pieces of [offset, offset + n). */
struct walk {
	const struct pkt *p;
	uint32_t offset, left; /* from the start of the next piece; bytes still to come */
	uint32_t next;         /* piece: 0 is the linear part, i + 1 fragment i */
};

/* The next piece that has bytes of the range: its length, 0 at the end. */
static uint32_t
next_piece(struct walk *w, const uint8_t **data)
{
	while (w->left != 0) {
		uint32_t i = w->next++;
		const struct pkt_frag *f = i == 0 ? NULL : &w->p->frags[i - 1];
		uint32_t len = i == 0 ? w->p->head_len : f->len;
		if (w->offset >= len) {
			w->offset -= len;
			continue;
		}
		const uint8_t *start = i == 0 ? w->p->head + w->p->head_off : frag_data(f);
		uint32_t n = min(len - w->offset, w->left);
		*data = start + w->offset;
		w->offset = 0;
		w->left -= n;
		return n;
	}
	return 0;
}

void
pkt_copy_out(const struct pkt *p, uint32_t offset, void *dst, uint32_t n)
{
	struct walk w = {.p = p, .offset = offset, .left = n};
	const uint8_t *data;
	uint8_t *to = dst;
	for (uint32_t part; (part = next_piece(&w, &data)) != 0; to += part)
		memcpy(to, data, part);
}

uint16_t
pkt_checksum(const struct pkt *p, uint32_t offset, uint32_t n, uint32_t sum)
{
	struct walk w = {.p = p, .offset = offset, .left = n};
	const uint8_t *data;
	uint64_t total = sum;
	bool odd = false;
	for (uint32_t part; (part = next_piece(&w, &data)) != 0;) {
		if (odd)
			total = checksum_combine(
				total, checksum_swap(checksum_fold(checksum_add(0, data, part))));
		else
			total = checksum_add(total, data, part);
		odd ^= (part & 1) != 0;
	}
	return checksum_fold(total);
}
