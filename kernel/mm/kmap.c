/* SPDX-License-Identifier: MIT */
/*
 * The region KMAP_BASE to KMAP_END: its lower part for kernel stacks, the rest for everything else. Each part hands
 * out addresses from a tree of the areas in use, by start, augmented with the largest gap before an area.
 *
 * A stack is the upper half of its area of STACK_SLOT bytes, with nothing in the lower one: so that whether an
 * address is a guard is arithmetic. Other areas are followed by an unmapped page.
 * Locks: part.lock, stack_cache.lock: leaves; page tables are changed outside of them.
 */
#define LOG_SOURCE "mm"
#include "mm/kmap.h"

#include <string.h>

#include "arch/mmu.h"
#include "base/rbtree.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "core/thread.h"
#include "mm/page.h"
#include "mm/slab.h"

#define STACKS_END    (KMAP_BASE + GIB(1024))
#define STACK_SLOT    (2 * KSTACK_SIZE)
#define STACK_OFFSET  KSTACK_SIZE /* entry.S tells an overflow by this bit of SP */
#define STACK_PAGES   (KSTACK_SIZE / PAGE_SIZE)
#define STACKS_CACHED 64u

struct area {
	struct rb_node node;
	uint64_t start, end; /* addresses taken, guards included */
	uint64_t gap;        /* [part->lock] free bytes before start */
	uint64_t max_gap;    /* [part->lock] largest gap in this subtree */
	struct page *pages;  /* memory that is freed with the area, linked by words[0] */
};

struct part {
	struct spinlock lock;
	uint64_t base, end;
	struct rb_root areas; /* [lock] */
};

static struct part stacks = {
	.lock = SPINLOCK_INIT("kmap stacks"), .base = KMAP_BASE, .end = STACKS_END};
static struct part others = {
	.lock = SPINLOCK_INIT("kmap"), .base = STACKS_END + STACK_SLOT, .end = KMAP_END};

/* Stacks without a thread, linked by their first word. */
static struct {
	struct spinlock lock;
	void *first;    /* [lock] */
	uint32_t count; /* [lock] */
} stack_cache = {.lock = SPINLOCK_INIT("stack cache")};

static _Atomic uint64_t nr_stack_pages;
static struct slab_cache *area_cache;

static struct area *
area_of(struct rb_node *n)
{
	return n != NULL ? rb_entry(n, struct area, node) : NULL;
}

static bool
area_augment(struct rb_node *n)
{
	struct area *a = area_of(n), *l = area_of(n->left), *r = area_of(n->right);
	uint64_t m = a->gap;
	if (l != NULL)
		m = max(m, l->max_gap);
	if (r != NULL)
		m = max(m, r->max_gap);
	bool changed = a->max_gap != m;
	a->max_gap = m;
	return changed;
}

/* The first area with a gap of size before it, or NULL. */
static struct area *
find_gap(struct part *p, uint64_t size)
{
	struct area *a = area_of(p->areas.node);
	if (a == NULL || a->max_gap < size)
		return NULL;
	for (;;) {
		struct area *l = area_of(a->node.left);
		if (l != NULL && l->max_gap >= size)
			a = l;
		else if (a->gap >= size)
			return a;
		else
			a = area_of(a->node.right);
	}
}

static void
tree_insert(struct part *p, struct area *a)
{
	struct rb_node **link = &p->areas.node, *parent = NULL;
	while (*link != NULL) {
		parent = *link;
		link = a->start < area_of(parent)->start ? &parent->left : &parent->right;
	}
	rb_link(&a->node, parent, link);
	rb_insert(&p->areas, &a->node, area_augment);
}

/* Takes size bytes of addresses. NULL: no memory or no room. */
static struct area *
area_alloc(struct part *p, uint64_t size)
{
	struct area *a = slab_alloc(area_cache, KM_ZERO);
	if (a == NULL)
		return NULL;
	spin_lock(&p->lock);
	struct area *next = find_gap(p, size), *last = area_of(rb_last(&p->areas));
	if (next != NULL) {
		a->start = next->start - next->gap;
		next->gap -= size;
		rb_propagate(&next->node, area_augment);
	} else {
		a->start = last != NULL ? last->end : p->base;
	}
	a->end = a->start + size;
	bool room = p->end - a->start >= size;
	if (room)
		tree_insert(p, a);
	spin_unlock(&p->lock);
	if (!room) {
		slab_free(area_cache, a);
		return NULL;
	}
	return a;
}

static void
area_free(struct part *p, struct area *a)
{
	spin_lock(&p->lock);
	struct area *next = area_of(rb_next(&a->node));
	uint64_t hole = a->gap + (a->end - a->start);
	rb_erase(&p->areas, &a->node, area_augment);
	if (next != NULL) {
		next->gap += hole;
		rb_propagate(&next->node, area_augment);
	}
	spin_unlock(&p->lock);
	slab_free(area_cache, a);
}

static struct area *
area_find(struct part *p, uint64_t start)
{
	spin_lock(&p->lock);
	struct area *a = area_of(p->areas.node);
	while (a != NULL && a->start != start)
		a = area_of(start < a->start ? a->node.left : a->node.right);
	spin_unlock(&p->lock);
	return a;
}

static void
free_pages(struct area *a)
{
	while (a->pages != NULL) {
		struct page *p = a->pages;
		a->pages = (struct page *)p->words[0];
		page_free(p, 0);
	}
}

/* Backs n bytes at va with new pages of the area's. -ENOMEM leaves nothing. */
static int
area_populate(struct area *a, uint64_t va, size_t n, uint32_t page_flags)
{
	for (size_t done = 0; done < n; done += PAGE_SIZE) {
		struct page *p = page_alloc(0, page_flags, PAGE_KERNEL);
		if (p != NULL) {
			p->words[0] = (uint64_t)a->pages;
			a->pages = p;
			if (kernel_map(va + done, page_to_phys(p), PAGE_SIZE,
				    PROT_BIT_READ | PROT_BIT_WRITE) == 0)
				continue;
		}
		if (done != 0)
			kernel_unmap(va, done);
		free_pages(a);
		return -ENOMEM;
	}
	return 0;
}

/* --- Stacks. --- */

static void *
stack_create(void)
{
	struct area *a = area_alloc(&stacks, STACK_SLOT);
	if (a == NULL)
		return NULL;
	uint64_t va = a->start + STACK_OFFSET;
	if (area_populate(a, va, KSTACK_SIZE, 0) != 0) {
		area_free(&stacks, a);
		return NULL;
	}
	atomic_fetch_add_explicit(&nr_stack_pages, STACK_PAGES, memory_order_relaxed);
	return (void *)va;
}

static void
stack_destroy(void *stack)
{
	struct area *a = area_find(&stacks, (uint64_t)stack - STACK_OFFSET);
	ASSERT(a != NULL);
	kernel_unmap((uint64_t)stack, KSTACK_SIZE);
	free_pages(a);
	area_free(&stacks, a);
	atomic_fetch_sub_explicit(&nr_stack_pages, STACK_PAGES, memory_order_relaxed);
}

/* Takes a stack from the cache, or NULL. */
static void *
stack_cached(void)
{
	spin_lock(&stack_cache.lock);
	void **stack = stack_cache.first;
	if (stack != NULL) {
		stack_cache.first = *stack;
		stack_cache.count--;
	}
	spin_unlock(&stack_cache.lock);
	return stack;
}

void *
kstack_alloc(void)
{
	void *stack = stack_cached();
	return likely(stack != NULL) ? stack : stack_create();
}

void
kstack_free(void *stack)
{
	if (stack == NULL)
		return;
	spin_lock(&stack_cache.lock);
	bool keep = stack_cache.count < STACKS_CACHED;
	if (keep) {
		*(void **)stack = stack_cache.first;
		stack_cache.first = stack;
		stack_cache.count++;
	}
	spin_unlock(&stack_cache.lock);
	if (!keep)
		stack_destroy(stack);
}

bool
kstack_is_guard(uint64_t va)
{
	if (va < KMAP_BASE || va >= STACKS_END)
		return false;
	uint64_t offset = (va - KMAP_BASE) % STACK_SLOT;
	return offset < STACK_OFFSET;
}

uint64_t
kstack_drain(void)
{
	uint64_t n = 0;
	void *stack;
	while ((stack = stack_cached()) != NULL) {
		stack_destroy(stack);
		n += STACK_PAGES;
	}
	return n;
}

uint64_t
kstack_pages(void)
{
	return atomic_load_explicit(&nr_stack_pages, memory_order_relaxed);
}

/* --- Device windows. --- */

void *
kmap_device(paddr_t pa, size_t size)
{
	paddr_t first = round_down(pa, PAGE_SIZE), end;
	if (size == 0 || add_overflow(pa, size, &end) || end > LINEAR_MAX * 2)
		return NULL;
	if (page_is_ram(first, end)) {
		log_warn("device registers are not in RAM: base=%#llx", (unsigned long long)pa);
		return NULL;
	}
	size_t bytes = round_up(end, PAGE_SIZE) - first;
	struct area *a = area_alloc(&others, bytes + PAGE_SIZE);
	if (a == NULL)
		return NULL;
	if (kernel_map(a->start, first, bytes, PROT_BIT_READ | PROT_BIT_WRITE | PROT_BIT_DEVICE) !=
		0) {
		area_free(&others, a);
		return NULL;
	}
	return (void *)(a->start + (pa - first));
}

void
kmap_unmap(void *va, size_t size)
{
	struct area *a = area_find(&others, round_down((uint64_t)va, PAGE_SIZE));
	ASSERT(a != NULL && a->pages == NULL);
	kernel_unmap(a->start, a->end - a->start - PAGE_SIZE);
	area_free(&others, a);
}

/* --- Large tables. --- */

void *
kvmalloc(size_t n)
{
	if (n <= PAGE_SIZE)
		return kzalloc(n);
	if (n >= KMAP_END - STACKS_END)
		return NULL;
	n = round_up(n, PAGE_SIZE);
	struct area *a = area_alloc(&others, n + PAGE_SIZE);
	if (a == NULL)
		return NULL;
	if (area_populate(a, a->start, n, PAGE_ZERO) != 0) {
		area_free(&others, a);
		return NULL;
	}
	return (void *)a->start;
}

void
kvfree(void *p)
{
	if ((uint64_t)p < KMAP_BASE || (uint64_t)p >= KMAP_END) {
		kfree(p);
		return;
	}
	struct area *a = area_find(&others, (uint64_t)p);
	ASSERT(a != NULL && a->pages != NULL);
	kernel_unmap(a->start, a->end - a->start - PAGE_SIZE);
	free_pages(a);
	area_free(&others, a);
}

void
kmap_init(void)
{
	area_cache = slab_cache_create("kmap_area", sizeof(struct area), 0);
}
