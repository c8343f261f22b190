/* SPDX-License-Identifier: MIT */
/*
 * What was written and is not acknowledged: a list of chunks, in order. Packets that are sent refer to the chunks'
 * pages, so that a retransmission costs no copy, and a page that was acknowledged may still be read by whoever has
 * such a packet.
 */
#include <string.h>

#include "mm/page.h"
#include "mm/slab.h"
#include "net/tcp/tcp_impl.h"

static struct slab_cache *small_cache, *page_cache; /* [I after boot] */

void
tcp_sendq_init_cache(void)
{
	small_cache =
		slab_cache_create("tcp_chunk_small", sizeof(struct tcp_chunk) + TCP_CHUNK_SMALL, 0);
	page_cache = slab_cache_create("tcp_chunk_page", sizeof(struct tcp_chunk), 0);
}

struct tcp_chunk *
tcp_chunk_alloc_small(uint32_t flags)
{
	struct tcp_chunk *ch = slab_alloc(small_cache, flags);
	if (unlikely(ch == NULL))
		return NULL;
	ch->next = NULL;
	ch->page = NULL;
	ch->offset = ch->len = 0;
	ch->room = TCP_CHUNK_SMALL;
	ch->charge = sizeof(*ch) + TCP_CHUNK_SMALL;
	return ch;
}

struct tcp_chunk *
tcp_chunk_alloc_page(struct page *page, uint32_t offset, uint32_t len, uint32_t charge)
{
	struct tcp_chunk *ch = slab_alloc(page_cache, KM_ATOMIC);
	if (unlikely(ch == NULL))
		return NULL;
	*ch = (struct tcp_chunk){.page = page,
		.offset = offset,
		.len = len,
		.charge = (uint32_t)sizeof(*ch) + charge};
	return ch;
}

void
tcp_chunk_free(struct tcp_chunk *ch)
{
	if (ch->page == NULL) {
		slab_free(small_cache, ch);
		return;
	}
	page_put(ch->page);
	slab_free(page_cache, ch);
}

void
tcp_sendq_add(struct tcp_sendq *q, struct tcp_chunk *ch, uint32_t seq)
{
	ch->seq = seq;
	ch->next = NULL;
	if (q->last == NULL)
		q->first = ch;
	else
		q->last->next = ch;
	q->last = ch;
}

uint32_t
tcp_sendq_ack(struct tcp_sendq *q, uint32_t n)
{
	uint32_t given_back = 0;
	struct tcp_chunk *ch;
	while (n != 0 && (ch = q->first) != NULL) {
		if (ch->len > n) {
			ch->seq += n;
			ch->offset += n;
			ch->len -= n;
			break;
		}
		n -= ch->len;
		given_back += ch->charge;
		q->first = ch->next;
		if (q->first == NULL)
			q->last = NULL;
		if (q->hint == ch)
			q->hint = NULL;
		tcp_chunk_free(ch);
	}
	return given_back;
}

uint32_t
tcp_sendq_purge(struct tcp_sendq *q)
{
	return tcp_sendq_ack(q, UINT32_MAX);
}

static const uint8_t *
bytes_of(const struct tcp_chunk *ch)
{
	const uint8_t *start = ch->page == NULL ? ch->small : page_to_virt(ch->page);
	return start + ch->offset;
}

/* The chunk that has seq; the queue does. */
static struct tcp_chunk *
find(const struct tcp_sendq *q, uint32_t seq)
{
	struct tcp_chunk *ch = q->hint;
	if (ch == NULL || tcp_seq_before(seq, ch->seq))
		ch = q->first;
	while (!tcp_seq_before(seq, ch->seq + ch->len))
		ch = ch->next;
	return ch;
}

/* Copies up to a page of the queue, beginning at offset in ch, into a page of the packet's own. Bytes; 0: no memory. */
static uint32_t
copy_page(struct pkt *p, struct tcp_chunk **at, uint32_t *offset, uint32_t n)
{
	struct page *page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
	uint32_t done = 0, most = min(n, (uint32_t)PAGE_SIZE);
	if (page == NULL)
		return 0;
	struct tcp_chunk *ch = *at;
	while (done < most) {
		uint32_t part = min(most - done, ch->len - *offset);
		memcpy((uint8_t *)page_to_virt(page) + done, bytes_of(ch) + *offset, part);
		done += part;
		*offset += part;
		if (*offset == ch->len && done < n) {
			ch = ch->next;
			*offset = 0;
		}
	}
	*at = ch;
	if (pkt_add_frag(p, page, 0, done))
		return done;
	page_put(page);
	return 0;
}

bool
tcp_sendq_fill(struct tcp_sendq *q, struct pkt *p, uint32_t seq, uint32_t n)
{
	struct tcp_chunk *ch = find(q, seq);
	uint32_t offset = seq - ch->seq;
	if (n <= PKT_COPY_MAX) {
		for (uint32_t part; n != 0; n -= part) {
			part = min(n, ch->len - offset);
			memcpy(pkt_put(p, part), bytes_of(ch) + offset, part);
			q->hint = ch;
			ch = ch->next;
			offset = 0;
		}
		return true;
	}
	while (n != 0) {
		uint32_t part = min(n, ch->len - offset);
		/* Referred to, if there will still be a fragment for each page's worth of the rest; else copied densely. */
		bool refer = ch->page != NULL &&
			(PKT_FRAGS - 1u - p->nr_frags) * (uint32_t)PAGE_SIZE >= n - part;
		q->hint = ch;
		if (!refer) {
			part = copy_page(p, &ch, &offset, n);
			if (part == 0)
				return false;
			n -= part;
			continue;
		}
		page_get(ch->page);
		if (!pkt_add_frag(p, ch->page, ch->offset + offset, part)) {
			page_put(ch->page);
			return false;
		}
		n -= part;
		ch = ch->next;
		offset = 0;
	}
	return true;
}
