/* SPDX-License-Identifier: MIT */
/*
 * The page allocator.
 *
 * Buddy: a free block of 2^order pages is on the list of its order; its first descriptor says PAGE_FREE and order.
 * Descriptors of pages inside a block say PAGE_RESERVED, as do those on a CPU's list and those of memory that is not
 * the allocator's, so that a block merges only with what is truly on a list. Descriptors exist for every page of
 * each aligned block of the largest order that RAM touches, so that a buddy's may always be looked at.
 */
#define LOG_SOURCE "mm"
#include "mm/page.h"

#include <string.h>

#include "core/cpu.h"
#include "core/faultinject.h"
#include "core/log.h"
#include "core/panic.h"
#include "mm/kmap.h"
#include "mm/object.h"

#define CPU_BATCH     32u  /* pages that an empty CPU list gets at once */
#define CPU_HIGH      192u /* a longer CPU list gives CPU_DRAIN pages back */
#define CPU_DRAIN     64u
#define BATCH_ORDER   5u
#define RECLAIM_TRIES 32

#define KIND_COUNTERS ARRAY_SIZE(((struct page_cache_percpu *)0)->kinds)
_Static_assert(PAGE_KINDS <= KIND_COUNTERS, "a counter per kind");
_Static_assert(1u << BATCH_ORDER == CPU_BATCH, "a batch is a block");

static struct {
	struct spinlock lock;                      /* irq-safe leaf */
	struct list_node free[PAGE_ORDER_MAX + 1]; /* [lock] */
	uint64_t nr_free;                          /* [lock] pages on the lists */
	uint64_t total;                            /* [lock] pages ever given to the allocator */
	uint64_t reserve; /* [I after boot] what only those who may not wait for reclaim may take */
	uint64_t ram;     /* [I after boot] pages of RAM */
} zone = {.lock = SPINLOCK_INIT("zone")};

/* While page_init() is at work: RAM that nobody has; sorted, disjoint, page aligned. */
#define RANGES_MAX 256
struct range_set {
	struct phys_range r[RANGES_MAX];
	size_t n;
};
static struct range_set all_ram; /* [I after boot] */
static struct range_set early_free;
static bool allocator_ready;

/* The list of a CPU is linked by words[0], which is no list_node: it needs no back link. */
static struct page *
next_of(const struct page *p)
{
	return (struct page *)p->words[0];
}

static void
set_next(struct page *p, struct page *next)
{
	p->words[0] = (uint64_t)next;
}

static uint8_t
kind_of(const struct page *p)
{
	return atomic_load_explicit((_Atomic uint8_t *)&p->kind, memory_order_relaxed);
}

static void
set_kind(struct page *p, enum page_kind kind)
{
	atomic_store_explicit(&p->kind, (uint8_t)kind, memory_order_relaxed);
}

/* The first eight bytes of a descriptor as one store: kind, order, no flags, references. */
static void
set_head(struct page *p, enum page_kind kind, uint32_t order, uint32_t refs)
{
	uint64_t head = (uint64_t)kind | (uint64_t)order << 8 | (uint64_t)refs << 32;
	_Static_assert(
		offsetof(struct page, order) == 1 && offsetof(struct page, refs) == 4, "layout");
	/* Descriptors lie in their own region: virtual addresses that the analyser takes for null. */
	// NOLINTNEXTLINE(clang-analyzer-unix.cstring.NullArg)
	__builtin_memcpy(__builtin_assume_aligned(p, 8), &head, sizeof(head));
}

/* --- The buddy lists; all with zone.lock held. --- */

static void
block_insert(struct page *p, uint32_t order)
{
	set_head(p, PAGE_FREE, order, 0);
	list_add(&zone.free[order], &p->lru);
}

static void
block_remove(struct page *p)
{
	list_del(&p->lru);
	set_kind(p, PAGE_RESERVED);
}

/* Puts a block on its list, merged with its buddy as often as that is free too. */
static void
block_free(struct page *p, uint32_t order)
{
	uint64_t pfn = page_to_pfn(p);
	zone.nr_free += 1ULL << order;
	for (; order < PAGE_ORDER_MAX; order++) {
		struct page *buddy = pfn_to_page(pfn ^ (1ULL << order));
		if (kind_of(buddy) != PAGE_FREE || buddy->order != order)
			break;
		block_remove(buddy);
		pfn &= ~(1ULL << order);
	}
	block_insert(pfn_to_page(pfn), order);
}

/* Takes a block off the lists; the rest of a larger one goes back. NULL when there is none. */
static struct page *
block_alloc(uint32_t order)
{
	uint32_t from = order;
	while (list_empty(&zone.free[from]))
		if (++from > PAGE_ORDER_MAX)
			return NULL;
	struct page *p = list_first_entry(&zone.free[from], struct page, lru);
	block_remove(p);
	while (from > order) {
		from--;
		block_insert(p + (1ULL << from), from);
	}
	zone.nr_free -= 1ULL << order;
	return p;
}

static uint64_t
floor_for(uint32_t flags)
{
	return flags & (PAGE_ATOMIC | PAGE_NORECLAIM) ? 0 : zone.reserve;
}

/* --- A CPU's list; with interrupts masked. --- */

static struct page_cache_percpu *
this_cache(void)
{
	return &this_cpu()->pages;
}

/* Moves up to a batch of pages to the CPU's list, a block at a time. Returns whether the list has any. */
static bool
cache_refill(struct page_cache_percpu *pc, uint32_t flags)
{
	spin_lock(&zone.lock);
	uint64_t floor = floor_for(flags);
	while (pc->count < CPU_BATCH && zone.nr_free > floor) {
		uint32_t order = 0;
		while (order < BATCH_ORDER && list_empty(&zone.free[order]))
			order++;
		while (order > 0 && (1ULL << order) > zone.nr_free - floor)
			order--;
		struct page *p = block_alloc(order);
		if (p == NULL)
			break;
		for (uint32_t i = 0; i < 1u << order; i++, p++) {
			set_next(p, pc->free);
			pc->free = p;
		}
		pc->count += 1u << order;
	}
	spin_unlock(&zone.lock);
	return pc->free != NULL;
}

static void
cache_drain(struct page_cache_percpu *pc, uint32_t n)
{
	spin_lock(&zone.lock);
	while (n-- > 0 && pc->free != NULL) {
		struct page *p = pc->free;
		pc->free = next_of(p);
		pc->count--;
		block_free(p, 0);
	}
	spin_unlock(&zone.lock);
}

static void
drain_this_cpu(void *unused)
{
	uint64_t irq = arch_irq_save();
	cache_drain(this_cache(), UINT32_MAX);
	arch_irq_restore(irq);
}

void
page_drain(bool all_cpus)
{
	drain_this_cpu(NULL);
	if (all_cpus)
		cpu_call_others(drain_this_cpu, NULL);
}

/* --- Allocation. --- */

static inline void
cache_pop(struct page_cache_percpu *pc, struct page *first, enum page_kind kind)
{
	pc->free = next_of(first);
	pc->count--;
	pc->kinds[kind % KIND_COUNTERS]++;
}

static struct page *
take_single(uint32_t flags, enum page_kind kind)
{
	uint64_t irq = arch_irq_save();
	struct page_cache_percpu *pc = this_cache();
	struct page *p = pc->free;
	if (unlikely(p == NULL)) {
		if (!cache_refill(pc, flags)) {
			arch_irq_restore(irq);
			return NULL;
		}
		p = pc->free;
	}
	cache_pop(pc, p, kind);
	arch_irq_restore(irq);
	return p;
}

static struct page *
take_block(uint32_t order, uint32_t flags, enum page_kind kind)
{
	uint64_t irq = spin_lock_irq_save(&zone.lock);
	struct page *p = NULL;
	if (zone.nr_free >= floor_for(flags) + (1ULL << order))
		p = block_alloc(order);
	spin_unlock(&zone.lock);
	if (p != NULL)
		this_cache()->kinds[kind % KIND_COUNTERS] += 1LL << order;
	arch_irq_restore(irq);
	return p;
}

static struct page *
take(uint32_t order, uint32_t flags, enum page_kind kind)
{
	return order == 0 ? take_single(flags, kind) : take_block(order, flags, kind);
}

static uint64_t
make_room(uint32_t order)
{
	uint64_t got = vm_reclaim(max(1ULL << order, (uint64_t)CPU_BATCH));
	return got + kstack_drain() + arch_pt_drain();
}

/*
 * The lists are empty, or too scattered: makes room and tries again for as long as that helps. Other CPUs' lists
 * come last for single pages, since asking for them interrupts everyone.
 */
static __attribute__((noinline, cold)) struct page *
take_after_reclaim(uint32_t order, uint32_t flags, enum page_kind kind)
{
	if (flags & (PAGE_ATOMIC | PAGE_SPARE))
		return NULL;
	for (int i = 0; i < RECLAIM_TRIES; i++) {
		uint64_t got = flags & PAGE_NORECLAIM ? 0 : make_room(order);
		if (got == 0 || order != 0)
			page_drain(true);
		struct page *p = take(order, flags, kind);
		if (p != NULL || got == 0)
			return p;
	}
	return NULL;
}

static inline void
prepare(struct page *p, uint32_t order, uint32_t flags, enum page_kind kind)
{
	set_head(p, kind, order, 1);
	for (size_t i = 0; i < ARRAY_SIZE(p->words); i++)
		p->words[i] = 0;
	if (flags & PAGE_ZERO) {
		uint8_t *va = page_to_virt(p);
		for (size_t i = 0; i < 1ULL << order; i++)
			arch_clear_page(va + i * PAGE_SIZE);
	}
}

static __attribute__((noinline)) struct page *
alloc_slow(uint32_t order, uint32_t flags, enum page_kind kind)
{
	if (order > PAGE_ORDER_MAX)
		return NULL;
	struct page *p = take(order, flags, kind);
	if (p == NULL)
		p = take_after_reclaim(order, flags, kind);
	if (p != NULL)
		prepare(p, order, flags, kind);
	return p;
}

/* The fast path needs no stack frame: everything else is a tail call. */
struct page *
page_alloc(uint32_t order, uint32_t flags, enum page_kind kind)
{
	if (unlikely(fault_inject("page")))
		return NULL;
	if (unlikely(order != 0))
		return alloc_slow(order, flags, kind);
	uint64_t irq = arch_irq_save();
	struct page_cache_percpu *pc = this_cache();
	struct page *p = pc->free;
	if (unlikely(p == NULL)) {
		arch_irq_restore(irq);
		return alloc_slow(0, flags, kind);
	}
	cache_pop(pc, p, kind);
	arch_irq_restore(irq);
	prepare(p, 0, flags, kind);
	return p;
}

/* --- Freeing. --- */

static void
poison(struct page *p, uint32_t order)
{
#ifdef SWOS_DEBUG
	memset(page_to_virt(p), 0x5a, PAGE_SIZE << order);
#endif
}

static __attribute__((noinline)) void
give_block(struct page *p, uint32_t order)
{
	uint64_t irq = spin_lock_irq_save(&zone.lock);
	uint8_t kind = kind_of(p);
	set_head(p, PAGE_RESERVED, 0, 0);
	block_free(p, order);
	spin_unlock(&zone.lock);
	this_cache()->kinds[kind % KIND_COUNTERS] -= 1LL << order;
	arch_irq_restore(irq);
}

/* The end of give() for a list that has become too long. */
static __attribute__((noinline)) void
give_overflow(struct page_cache_percpu *pc, uint64_t irq)
{
	cache_drain(pc, CPU_DRAIN);
	arch_irq_restore(irq);
}

static inline void
give(struct page *p, uint32_t order)
{
	DEBUG_ASSERT(kind_of(p) > PAGE_FREE && kind_of(p) < PAGE_KINDS && p->order == order);
	poison(p, order);
	if (unlikely(order != 0)) {
		give_block(p, order);
		return;
	}
	uint64_t irq = arch_irq_save();
	struct page_cache_percpu *pc = this_cache();
	pc->kinds[kind_of(p) % KIND_COUNTERS]--;
	set_head(p, PAGE_RESERVED, 0, 0);
	set_next(p, pc->free);
	pc->free = p;
	if (unlikely(++pc->count > CPU_HIGH)) {
		give_overflow(pc, irq);
		return;
	}
	arch_irq_restore(irq);
}

void
page_free(struct page *p, uint32_t order)
{
	if (unlikely(refcount_read(&p->refs) != 1)) {
		refcount_misused();
		return;
	}
	give(p, order);
}

void
page_destroy(struct page *p)
{
	if (unlikely(atomic_load_explicit(&p->flags, memory_order_relaxed) & PG_BORROWED))
		return;
	give(p, p->order);
}

void
page_get_stats(struct page_stats *out)
{
	int64_t kinds[PAGE_KINDS] = {0};
	uint64_t irq = spin_lock_irq_save(&zone.lock);
	*out = (struct page_stats){
		.total = zone.total, .free = zone.nr_free, .reserved = zone.ram - zone.total};
	spin_unlock_irq_restore(&zone.lock, irq);
	for_each_cpu (i) {
		const volatile struct page_cache_percpu *pc = &cpus[i]->pages;
		out->free += pc->count;
		for (int k = 0; k < PAGE_KINDS; k++)
			kinds[k] += pc->kinds[k];
	}
	out->cached = (uint64_t)max(kinds[PAGE_OBJECT], (int64_t)0);
	out->slab = (uint64_t)max(kinds[PAGE_SLAB], (int64_t)0);
	out->tables = (uint64_t)max(kinds[PAGE_TABLE], (int64_t)0);
	out->anon = (uint64_t)max(kinds[PAGE_ANON], (int64_t)0);
	out->stacks = kstack_pages();
}

bool
page_is_ram(paddr_t start, paddr_t end)
{
	for (size_t i = 0; i < all_ram.n; i++)
		if (start < all_ram.r[i].end && end > all_ram.r[i].start)
			return true;
	return false;
}

bool
page_is_short(void)
{
	uint64_t irq = spin_lock_irq_save(&zone.lock);
	bool is_short = zone.nr_free <= 2 * zone.reserve;
	spin_unlock_irq_restore(&zone.lock, irq);
	return is_short;
}

/* --- Boot. --- */

static void
ranges_remove_at(struct range_set *s, size_t i)
{
	s->n--;
	memmove(&s->r[i], &s->r[i + 1], (s->n - i) * sizeof(s->r[0]));
}

/* Inserts at i; when the set is full, the range is lost (as memory: never as an error). */
static void
ranges_insert_at(struct range_set *s, size_t i, struct phys_range r)
{
	if (s->n == RANGES_MAX) {
		log_warn("too many memory ranges: 0x%llx-0x%llx is not used",
			(unsigned long long)r.start, (unsigned long long)r.end);
		return;
	}
	memmove(&s->r[i + 1], &s->r[i], (s->n - i) * sizeof(s->r[0]));
	s->r[i] = r;
	s->n++;
}

static void
ranges_add(struct range_set *s, struct phys_range r)
{
	size_t i = 0;
	while (i < s->n && s->r[i].end < r.start)
		i++;
	while (i < s->n && s->r[i].start <= r.end) {
		r.start = min(r.start, s->r[i].start);
		r.end = max(r.end, s->r[i].end);
		ranges_remove_at(s, i);
	}
	if (r.start < r.end)
		ranges_insert_at(s, i, r);
}

static void
ranges_subtract(struct range_set *s, struct phys_range r)
{
	for (size_t i = 0; i < s->n; i++) {
		struct phys_range whole = s->r[i];
		if (whole.end <= r.start || whole.start >= r.end)
			continue;
		ranges_remove_at(s, i);
		if (whole.end > r.end)
			ranges_insert_at(s, i, (struct phys_range){r.end, whole.end});
		if (whole.start < r.start)
			ranges_insert_at(s, i, (struct phys_range){whole.start, r.start});
		else
			i--;
	}
}

/* The part that the linear map reaches, rounded to pages: inwards, or outwards for what must not be touched. */
static struct phys_range
range_clip(struct phys_range r, bool outwards)
{
	r.end = min(r.end, (paddr_t)LINEAR_MAX);
	r.start = min(r.start, r.end);
	if (outwards)
		return (struct phys_range){
			round_down(r.start, PAGE_SIZE), round_up(r.end, PAGE_SIZE)};
	r.start = round_up(r.start, PAGE_SIZE);
	r.end = round_down(r.end, PAGE_SIZE);
	return r.start < r.end ? r : (struct phys_range){0, 0};
}

/* Takes zeroed memory from the top of the highest free range that has it. */
static bool
early_alloc(size_t size, size_t align, paddr_t *pa)
{
	for (size_t i = early_free.n; i-- > 0;) {
		struct phys_range r = early_free.r[i];
		if (r.end - r.start < size)
			continue;
		paddr_t start = round_down(r.end - size, align);
		if (start < r.start)
			continue;
		ranges_subtract(&early_free, (struct phys_range){start, start + size});
		for (size_t at = 0; at < size; at += PAGE_SIZE)
			arch_clear_page(phys_to_virt(start + at));
		*pa = start;
		return true;
	}
	return false;
}

bool
page_alloc_table(paddr_t *pa)
{
	if (unlikely(!allocator_ready))
		return early_alloc(PAGE_SIZE, PAGE_SIZE, pa);
	struct page *p = page_alloc(0, PAGE_ZERO, PAGE_TABLE);
	if (p == NULL)
		return false;
	*pa = page_to_phys(p);
	return true;
}

/* Maps zeroed memory at [va, end), in 2 MiB blocks where a whole one is used. */
static void
map_descriptors(uint64_t va, uint64_t end)
{
	while (va < end) {
		size_t chunk = min(round_down(va, MIB(2)) + MIB(2), end) - va;
		paddr_t pa;
		while (!early_alloc(chunk, chunk == MIB(2) ? MIB(2) : PAGE_SIZE, &pa)) {
			if (chunk == PAGE_SIZE)
				panic("no memory for page descriptors");
			chunk = PAGE_SIZE;
		}
		if (kernel_map(va, pa, chunk, PROT_BIT_READ | PROT_BIT_WRITE) != 0)
			panic("no memory for page tables");
		va += chunk;
	}
}

static void
map_all_descriptors(const struct range_set *ram)
{
	const uint64_t block = PAGE_SIZE << PAGE_ORDER_MAX;
	uint64_t mapped = VMEMMAP_BASE; /* everything below is */
	for (size_t i = 0; i < ram->n; i++) {
		uint64_t first = round_down(ram->r[i].start, block) >> PAGE_SHIFT;
		uint64_t last = round_up(ram->r[i].end, block) >> PAGE_SHIFT;
		uint64_t va = max(mapped, round_down((uint64_t)pfn_to_page(first), PAGE_SIZE));
		uint64_t end = max(va, round_up((uint64_t)pfn_to_page(last), PAGE_SIZE));
		map_descriptors(va, end);
		mapped = end;
	}
}

void
page_add_range(paddr_t start, paddr_t end)
{
	struct phys_range r = range_clip((struct phys_range){start, end}, false);
	uint64_t pfn = r.start >> PAGE_SHIFT, last = r.end >> PAGE_SHIFT;
	uint64_t irq = spin_lock_irq_save(&zone.lock);
	zone.total += last - pfn;
	while (pfn < last) {
		uint32_t order = PAGE_ORDER_MAX;
		while (!is_aligned(pfn, 1ULL << order) || (1ULL << order) > last - pfn)
			order--;
		block_free(pfn_to_page(pfn), order);
		pfn += 1ULL << order;
	}
	spin_unlock_irq_restore(&zone.lock, irq);
}

void
page_init(const struct phys_range *ram, size_t nram, const struct phys_range *reserved,
	size_t nreserved)
{
	for (uint32_t i = 0; i <= PAGE_ORDER_MAX; i++)
		list_init(&zone.free[i]);
	for (size_t i = 0; i < nram; i++)
		ranges_add(&all_ram, range_clip(ram[i], false));
	early_free = all_ram;
	for (size_t i = 0; i < nreserved; i++)
		ranges_subtract(&early_free, range_clip(reserved[i], true));

	map_all_descriptors(&all_ram);
	for (size_t i = 0; i < all_ram.n; i++)
		zone.ram += (all_ram.r[i].end - all_ram.r[i].start) >> PAGE_SHIFT;
	for (size_t i = 0; i < early_free.n; i++)
		page_add_range(early_free.r[i].start, early_free.r[i].end);
	zone.reserve = min(max(zone.total / 512, (uint64_t)CPU_BATCH), (uint64_t)1024);
	allocator_ready = true;
}
