/* SPDX-License-Identifier: MIT */
/*
 * mm/page.h for the network's cores on the host: a page is 4 KiB of its own of the host's heap, so that a byte too far
 * is seen. Allocations fail when net_mock_fail_after says so, and are counted.
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include "core/types.h"

/* The kernel's own are in the same program (mm_test.c). */
#define page_alloc net_mock_page_alloc
#define page_get   net_mock_page_get
#define page_put   net_mock_page_put

enum page_kind { PAGE_KERNEL };

struct page {
	uint32_t refs;
	uint32_t order;
	uint8_t *data;
};

#define PAGE_ZERO   1u
#define PAGE_ATOMIC 2u

struct page *page_alloc(uint32_t order, uint32_t flags, enum page_kind kind) MUST_CHECK;
struct page *page_get(struct page *p);
void page_put(struct page *p);

static inline void *
page_to_virt(const struct page *p)
{
	return p->data;
}

/* Whether nobody else has a reference. */
static inline bool
page_is_exclusive(const struct page *p)
{
	return p->refs == 1;
}

#endif
