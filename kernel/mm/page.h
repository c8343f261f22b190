/* SPDX-License-Identifier: MIT */
/*
 * Physical pages: a descriptor for each page of RAM, a buddy allocator for runs of 2^order pages, and a list of
 * free single pages per CPU in front of it.
 *
 * Owns: struct page, free memory. Any context may allocate and free (interrupts included: PAGE_ATOMIC).
 * Locks: zone lock, an irq-safe leaf; per-CPU lists with interrupts masked.
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include "arch/mmu.h"
#include "base/list.h"
#include "core/refcount.h"
#include "core/spinlock.h"
#include "core/types.h"

struct vm_object;
struct slab_cache;

/* What a page is used for. Each kind uses its own member of the union. */
enum page_kind {
	PAGE_RESERVED, /* not the allocator's: kernel image, firmware, holes */
	PAGE_FREE,
	PAGE_KERNEL, /* stacks, buffers, whatever has no other kind */
	PAGE_SLAB,
	PAGE_TABLE,  /* a page table */
	PAGE_ANON,   /* private anonymous memory; mapped by refs page-table entries */
	PAGE_OBJECT, /* belongs to a vm_object at index */
	PAGE_KINDS,
};

/* 48 bytes, so that they cost 1.2 % of RAM. */
struct page {
	_Atomic uint8_t kind;   /* enum page_kind */
	uint8_t order;          /* of the free or allocated block that it heads */
	_Atomic uint16_t flags; /* PG_* */
	refcount_t
		refs; /* 1 per owner: allocation, page-cache slot, each user mapping, each borrower */
	union {
		struct {
			struct list_node lru; /* free list, or the page cache's LRU [lru lock] */
			struct vm_object *object; /* PAGE_OBJECT [object lock] */
			uint32_t index; /* PAGE_OBJECT: page number in the object [object lock] */
		};
		struct {
			struct slab_cache *cache; /* PAGE_SLAB [cache lock] */
			struct list_node slab_node;
			void *slab_free;
			uint16_t slab_inuse, slab_total;
		};
		struct {
			struct spinlock table_lock; /* PAGE_TABLE, leaf: guards its 512 entries */
			uint16_t table_used;        /* [table_lock] entries in use */
		};
		uint64_t words[5]; /* any other kind: its owner's */
	};
};
#ifndef SWOS_DEBUG
_Static_assert(sizeof(struct page) == 48, "a page descriptor is 48 bytes");
#endif

#define PG_UPTODATE   (1u << 0) /* the content is valid */
#define PG_LOCKED     (1u << 1) /* being filled or written back; mm/object_impl.h */
#define PG_DIRTY      (1u << 2)
#define PG_REFERENCED (1u << 4) /* touched since reclaim last looked */
#define PG_LRU        (1u << 5) /* on the page cache's list */
#define PG_BORROWED \
	(1u << 6) /* memory that is not the allocator's (an initrd): never freed to it */
#define PG_EXEC_SYNCED  (1u << 7)  /* instruction caches were synchronised for it */
#define PG_VERIFIED     (1u << 8)  /* a hash tree node: its own hash was checked (fs/base) */
#define PG_EXEC_SYNCING (1u << 10) /* that is under way: the mark does not count yet */
#define PG_READ         (1u << 9) /* read ahead, not checked yet: not up to date (mm/readahead.c) */

static inline uint64_t
page_to_pfn(const struct page *p)
{
	return (uint64_t)(p - (const struct page *)VMEMMAP_BASE);
}

static inline struct page *
pfn_to_page(uint64_t pfn)
{
	return (struct page *)VMEMMAP_BASE + pfn;
}

static inline paddr_t
page_to_phys(const struct page *p)
{
	return page_to_pfn(p) << PAGE_SHIFT;
}

static inline struct page *
phys_to_page(paddr_t pa)
{
	return pfn_to_page(pa >> PAGE_SHIFT);
}

static inline void *
page_to_virt(const struct page *p)
{
	return phys_to_virt(page_to_phys(p));
}

/* For addresses in the linear map. */
static inline struct page *
virt_to_page(const void *va)
{
	return phys_to_page(virt_to_phys(va));
}

#define PAGE_ZERO      1u /* filled with zeroes */
#define PAGE_ATOMIC    2u /* may not sleep or reclaim */
#define PAGE_NORECLAIM 4u /* may sleep, but may not reclaim (called from reclaim itself) */
#define PAGE_SPARE     8u /* only what is free and not reserved: no reclaim, never sleeps */
#define PAGE_ORDER_MAX 10

/* Runs of 2^order pages, aligned to their size; refs is 1. NULL when out of memory (after reclaim). */
struct page *page_alloc(uint32_t order, uint32_t flags, enum page_kind kind) MUST_CHECK;
void page_free(struct page *p, uint32_t order); /* refs must be 1 */

static inline struct page *
page_get(struct page *p)
{
	refcount_get(&p->refs);
	return p;
}

void page_destroy(struct page *p);

/* Drops a reference on a single page; the last one frees it. */
static inline void
page_put(struct page *p)
{
	if (refcount_put(&p->refs))
		page_destroy(p);
}

/*
 * Whether the caller's reference on a page of kind PAGE_KERNEL is the only one, so that what the page holds beyond what
 * the caller knows of is nobody's.
 */
static inline bool
page_is_exclusive(const struct page *p)
{
	struct page *q = (struct page *)p;
	return atomic_load_explicit(&q->refs.count, memory_order_acquire) == 1 &&
		atomic_load_explicit(&q->kind, memory_order_relaxed) == PAGE_KERNEL &&
		(atomic_load_explicit(&q->flags, memory_order_relaxed) & PG_BORROWED) == 0;
}

struct page_stats {
	uint64_t total, free, cached, slab, tables, anon,
		stacks; /* pages; total: all that the allocator was given */
	/* RAM in the device tree that never reaches the allocator: image, descriptors */
	uint64_t reserved;
};
void page_get_stats(struct page_stats *out);
/* Whether any of [start, end) is RAM that the device tree tells of. Any context. */
bool page_is_ram(paddr_t start, paddr_t end);
/* Whether hardly more is free than what is reserved: allocations fail, or soon will. Any context. */
bool page_is_short(void);

/*
 * Boot, after the linear map of all RAM exists and arch_current()->cpu is valid: maps the descriptors of ram, all of
 * them reserved, and gives the allocator what is in ram and not in reserved. Ranges may be unsorted, unaligned and
 * overlapping; what the linear map cannot reach is ignored.
 */
struct phys_range {
	paddr_t start, end;
};
void page_init(const struct phys_range *ram, size_t nram, const struct phys_range *reserved,
	size_t nreserved);
/* Gives reserved RAM (boot code and data, say) to the allocator later. Whole pages of [start, end) only. */
void page_add_range(paddr_t start, paddr_t end);
/* A zeroed page for a page table, also while page_init() is still at work. false: out of memory. May sleep. */
bool page_alloc_table(paddr_t *pa) MUST_CHECK;
/* Gives this CPU's cached pages back to the buddy lists (all_cpus: every CPU's; then it may sleep). */
void page_drain(bool all_cpus);

#endif
