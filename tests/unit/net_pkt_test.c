/* SPDX-License-Identifier: MIT */
/*
 * Packets over a mock of pages: against a plain array of bytes that does the same, with every allocation failing in
 * turn, and every reference where it was in the end.
 */
#include "net/pkt.h"

#include <stdlib.h>
#include <string.h>

#include "mm/page.h"
#include "tests/unit/net_mock/net_mock.h"
#include "tests/unit/test.h"
#include "wire/checksum.h"

#define MODEL_MAX 200000u

/* A packet and what its bytes should be. */
struct pair {
	struct pkt *p;
	uint32_t len;
	uint8_t bytes[MODEL_MAX];
};

static uint32_t seed;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* Appends n bytes at offset of a new page. false: the packet took nothing. */
static bool
add_page(struct pair *m, uint32_t offset, uint32_t n)
{
	struct page *page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
	if (page == NULL)
		return false;
	uint8_t *data = (uint8_t *)page_to_virt(page) + offset;
	for (uint32_t i = 0; i < n; i++)
		data[i] = (uint8_t)rnd(256);
	if (!pkt_add_frag(m->p, page, offset, n)) {
		page_put(page);
		return false;
	}
	memcpy(m->bytes + m->len, data, n);
	m->len += n;
	return true;
}

static void
put_bytes(struct pair *m, uint32_t n)
{
	uint8_t *at = pkt_put(m->p, n);
	for (uint32_t i = 0; i < n; i++)
		m->bytes[m->len++] = at[i] = (uint8_t)rnd(256);
}

static uint32_t
true_size(const struct pkt *p)
{
	uint32_t n = sizeof(*p);
	if (p->frags != p->inline_frags)
		n += PKT_FRAGS * sizeof(struct pkt_frag);
	return n + p->nr_frags * (uint32_t)PAGE_SIZE;
}

static void
check_same(const struct pkt *p, const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len + 1);
	CHECK(copy != NULL);
	CHECK_EQ(p->len, len);
	uint32_t sum = p->head_len;
	for (uint32_t i = 0; i < p->nr_frags; i++) {
		CHECK(p->frags[i].len != 0);
		sum += p->frags[i].len;
	}
	CHECK_EQ(sum, len);
	CHECK_EQ(p->truesize, true_size(p));
	pkt_copy_out(p, 0, copy, len);
	CHECK(memcmp(copy, bytes, len) == 0);
	free(copy);
}

static void
check_pair(const struct pair *m)
{
	check_same(m->p, m->bytes, m->len);
}

static bool
make(struct pair *m)
{
	*m = (struct pair){.p = pkt_alloc()};
	return m->p != NULL;
}

static bool
make_random(struct pair *m)
{
	if (!make(m))
		return false;
	put_bytes(m, rnd(3) == 0 ? 0 : rnd(PKT_COPY_MAX + 1));
	for (uint32_t n = rnd(6); n != 0; n--) {
		uint32_t offset = rnd(4096), len = 1 + rnd(4096 - offset);
		if (!add_page(m, offset, len)) {
			pkt_free(m->p);
			return false;
		}
	}
	return true;
}

static struct pair a, b;

TEST(net_pkt_is_empty_and_lean_when_new)
{
	net_mock_begin();
	CHECK(make(&a));
	check_pair(&a);
	CHECK_EQ(a.p->head_off, PKT_HEADROOM);
	CHECK_EQ(pkt_tailroom(a.p), PKT_COPY_MAX);
	CHECK(a.p->next == NULL && a.p->netif == NULL && a.p->flags == 0 && a.p->tstamp == 0);
	CHECK_EQ(a.p->head[0], 0xa5); /* head[] is not cleared */
	pkt_free(a.p);
	pkt_free(NULL);
	CHECK(net_mock_end());
}

TEST(net_pkt_headers_are_pushed_and_pulled)
{
	net_mock_begin();
	CHECK(make(&a));
	put_bytes(&a, 10);
	memset(pkt_push(a.p, PKT_HEADROOM), 7, PKT_HEADROOM);
	CHECK_EQ(a.p->len, PKT_HEADROOM + 10);
	CHECK(pkt_data(a.p) == a.p->head);
	pkt_pull(a.p, PKT_HEADROOM);
	check_pair(&a);
	pkt_free(a.p);
	CHECK(net_mock_end());
}

TEST(net_pkt_takes_so_many_fragments_and_no_more)
{
	net_mock_begin();
	CHECK(make(&a));
	for (uint32_t i = 0; i < PKT_FRAGS; i++)
		CHECK(add_page(&a, i, 4096 - i));
	check_pair(&a);
	CHECK(!add_page(&a, 0, 1));
	check_pair(&a);
	pkt_free(a.p);
	CHECK(net_mock_end());
}

TEST(net_pkt_pieces_that_touch_are_one_fragment)
{
	net_mock_begin();
	CHECK(make(&a));
	struct page *page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
	CHECK(page != NULL);
	CHECK(pkt_add_frag(a.p, page, 0, 100));
	CHECK(pkt_add_frag(a.p, page_get(page), 100, 50));
	CHECK_EQ(a.p->nr_frags, 1);
	CHECK(pkt_add_frag(a.p, page_get(page), 151, 50));
	CHECK_EQ(a.p->nr_frags, 2);
	CHECK_EQ(net_mock_page_refs, 2);
	pkt_free(a.p);
	CHECK(net_mock_end());
}

TEST(net_pkt_clone_shares_pages_and_copies_headers)
{
	for (uint64_t n = 0; net_mock_run(n); n++) {
		seed = 5;
		struct pkt *c = NULL;
		if (!make(&a))
			continue;
		put_bytes(&a, 60);
		bool made = true;
		for (int i = 0; i < 4 && made; i++)
			made = add_page(&a, 10, 1000);
		a.p->link_off = a.p->head_off;
		a.p->net_off = (uint16_t)(a.p->head_off + 14);
		pkt_pull(a.p, 34);
		int64_t refs = net_mock_page_refs;
		if (made)
			c = pkt_clone(a.p);
		if (c != NULL) {
			check_same(c, a.bytes + 34, a.len - 34);
			CHECK_MEM(c->head + c->link_off, a.bytes, 34);
			CHECK_EQ(net_mock_page_refs, 2 * refs);
			CHECK(c->frags[3].page == a.p->frags[3].page);
			pkt_free(c);
		}
		CHECK_EQ(net_mock_page_refs, refs);
		check_same(a.p, a.bytes + 34, a.len - 34);
		pkt_free(a.p);
		CHECK(net_mock_end());
	}
	CHECK(net_mock_allocations > 6);
}

TEST(net_pkt_pull_up_makes_headers_linear)
{
	for (seed = 1; seed < 3000; seed++) {
		net_mock_begin();
		CHECK(make_random(&a));
		uint32_t n = rnd(a.len + 20);
		bool fits = n <= a.len && n <= PKT_COPY_MAX;
		CHECK_EQ(pkt_pull_up(a.p, n), fits || n <= a.p->head_len);
		CHECK(!fits || a.p->head_len >= n);
		check_pair(&a);
		pkt_free(a.p);
		CHECK(net_mock_end());
	}
}

TEST(net_pkt_is_cut_at_either_end)
{
	for (seed = 1; seed < 3000; seed++) {
		net_mock_begin();
		CHECK(make_random(&a));
		uint32_t front = rnd(a.len + 2), length = rnd(a.len + 2);
		pkt_trim(a.p, length);
		a.len = a.len < length ? a.len : length;
		check_pair(&a);
		front = front < a.len ? front : a.len;
		pkt_trim_front(a.p, front);
		check_same(a.p, a.bytes + front, a.len - front);
		pkt_free(a.p);
		CHECK(net_mock_end());
	}
}

/* Whatever allocation fails: either all of it is moved, or nothing has changed. */
TEST(net_pkt_append_is_all_or_nothing)
{
	uint32_t moved = 0, refused = 0;
	for (uint32_t round = 1; round < 4000; round++) {
		net_mock_begin();
		seed = round;
		CHECK(make_random(&a) && make_random(&b));
		struct pkt *clone = rnd(2) == 0 ? pkt_clone(a.p) : NULL;
		uint8_t *before = malloc(a.len + 1);
		CHECK(before != NULL);
		memcpy(before, a.bytes, a.len);
		uint32_t len = a.len;
		if (rnd(3) == 0)
			net_mock_fail_after = net_mock_allocations + rnd(2);
		if (pkt_append(a.p, b.p)) {
			memcpy(a.bytes + a.len, b.bytes, b.len);
			a.len += b.len;
			moved++;
		} else {
			check_pair(&b);
			pkt_free(b.p);
			refused++;
		}
		check_pair(&a);
		if (clone != NULL) /* what is shared was not written */
			check_same(clone, before, len);
		free(before);
		pkt_free(clone);
		pkt_free(a.p);
		CHECK(net_mock_end());
	}
	CHECK(moved > 1000 && refused > 100);
}

TEST(net_pkt_small_ones_share_a_page_when_joined)
{
	net_mock_begin();
	seed = 3;
	CHECK(make(&a));
	for (int i = 0; i < 40; i++) {
		CHECK(make(&b));
		put_bytes(&b, 150);
		memcpy(a.bytes + a.len, b.bytes, b.len);
		a.len += b.len;
		CHECK(pkt_append(a.p, b.p));
	}
	check_pair(&a);
	CHECK_EQ(net_mock_pages, 2); /* 6000 bytes */
	pkt_free(a.p);
	CHECK(net_mock_end());
}

TEST(net_pkt_checksum_is_that_of_its_bytes)
{
	for (seed = 1; seed < 2000; seed++) {
		net_mock_begin();
		CHECK(make_random(&a));
		uint32_t offset = rnd(a.len + 1), n = rnd(a.len - offset + 1);
		uint16_t want = checksum_fold(checksum_add(seed, a.bytes + offset, n));
		uint16_t got = pkt_checksum(a.p, offset, n, seed);
		CHECK(want == got || (want % 0xffff == 0 && got % 0xffff == 0));
		uint8_t *copy = malloc(n + 1);
		CHECK(copy != NULL);
		pkt_copy_out(a.p, offset, copy, n);
		CHECK(memcmp(copy, a.bytes + offset, n) == 0);
		free(copy);
		pkt_free(a.p);
		CHECK(net_mock_end());
	}
}

TEST(net_pkt_queue_counts_what_it_holds)
{
	net_mock_begin();
	struct pkt_queue q;
	pkt_queue_init(&q);
	CHECK(pkt_queue_take(&q) == NULL);
	struct pkt *p[3];
	for (int i = 0; i < 3; i++) {
		p[i] = pkt_alloc();
		CHECK(p[i] != NULL);
		pkt_queue_add(&q, p[i]);
	}
	CHECK_EQ(q.count, 3);
	CHECK_EQ(q.truesize, 3 * sizeof(struct pkt));
	CHECK(pkt_queue_take(&q) == p[0]);
	pkt_queue_purge(&q);
	CHECK_EQ(q.count + q.truesize, 0);
	CHECK(q.first == NULL && q.last == NULL);
	pkt_free(p[0]);
	CHECK(net_mock_end());
}
