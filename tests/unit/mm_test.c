/* SPDX-License-Identifier: MIT */
/*
 * The page allocator, the slab allocator and the kernel's map of addresses, on a machine of 48 MiB in two banks that
 * is a file mapped at the place of the linear map. The sources are part of this file, with their world's other
 * names, so that nothing of the mock leaks into other tests.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define panic               mm_test_panic
#define cpus                mm_test_cpus
#define cpu_count           mm_test_cpu_count
#define cpu_call_others     mm_test_call_others
#define log_write           mm_test_log_write
#define refcount_misused    mm_test_refcount_misused
#define vm_reclaim          mm_test_vm_reclaim
#define kernel_map          mm_test_kernel_map
#define kernel_unmap        mm_test_kernel_unmap
#define arch_pt_drain       mm_test_pt_drain
#define arch_clear_page     mm_test_clear_page
#define __stack_chk_guard   mm_test_guard
#define mock_current        mm_test_current
#define mock_irqs_masked    mm_test_irqs_masked
#define spin_lock_contended mm_test_lock_contended

#include "kernel/mm/page.c"
#undef LOG_SOURCE
#include "kernel/mm/slab.c"
#undef LOG_SOURCE
#include "kernel/mm/kmap.c"

#include "tests/unit/test.h"

#define CPUS  2
#define BANK0 MIB(1024)
#define BANK1 (MIB(1024) + MIB(33))

struct cpu *cpus[CPUS_MAX];
uint32_t cpu_count;
struct thread *mock_current;
bool mock_irqs_masked;
uintptr_t __stack_chk_guard = 0x5ee1f00dcafeULL;

static struct cpu cpu_storage[CPUS];
static struct thread thread_storage[CPUS];
static int ram_file = -1;
static uint64_t reclaim_calls, mapped_pages;
static uint32_t map_fails_after = UINT32_MAX;
static struct page *hoard; /* what vm_reclaim() can give back, linked by words[0] */

void
panic(const char *fmt, ...)
{
	test_fail(__FILE__, __LINE__, "panic: %s", fmt);
}

void
log_write(enum log_level level, const char *source, const char *fmt, ...)
{
}

void
refcount_misused(void)
{
	test_fail(__FILE__, __LINE__, "reference count misused");
}

void
spin_lock_contended(struct spinlock *l)
{
	test_fail(__FILE__, __LINE__, "a lock is taken twice");
}

static void
run_on(uint32_t cpu)
{
	mock_current = &thread_storage[cpu];
}

void
cpu_call_others(void (*fn)(void *), void *arg)
{
	struct thread *self = mock_current;
	CHECK(!mock_irqs_masked);
	for (uint32_t i = 0; i < cpu_count; i++)
		if (&thread_storage[i] != self) {
			run_on(i);
			fn(arg);
		}
	mock_current = self;
}

uint64_t
vm_reclaim(uint64_t n)
{
	uint64_t freed = 0;
	reclaim_calls++;
	CHECK(!mock_irqs_masked);
	for (; hoard != NULL && freed < n; freed++) {
		struct page *p = hoard;
		hoard = (struct page *)p->words[0];
		page_free(p, 0);
	}
	return freed;
}

uint64_t
arch_pt_drain(void)
{
	return 0;
}

void
arch_clear_page(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

static uint64_t
file_offset(paddr_t pa)
{
	return pa >= BANK1 ? MIB(32) + (pa - BANK1) : pa - BANK0;
}

int
kernel_map(uint64_t va, paddr_t pa, size_t size, uint32_t prot)
{
	if (map_fails_after == 0)
		return -ENOMEM;
	map_fails_after--;
	bool device = (prot & PROT_BIT_DEVICE) != 0;
	void *at = mmap((void *)va, size, PROT_READ | PROT_WRITE,
		(device ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | MAP_FIXED_NOREPLACE,
		device ? -1 : ram_file, device ? 0 : (off_t)file_offset(pa));
	CHECK(at == (void *)va);
	mapped_pages += size / PAGE_SIZE;
	return 0;
}

void
kernel_unmap(uint64_t va, size_t size)
{
	CHECK(munmap((void *)va, size) == 0);
	mapped_pages -= size / PAGE_SIZE;
}

/* Banks with edges off every boundary, described in pieces, out of order, twice, and beyond what is reachable. */
static void
machine(void)
{
	if (ram_file >= 0)
		return;
	ram_file = memfd_create("ram", MFD_CLOEXEC);
	CHECK(ftruncate(ram_file, MIB(48)) == 0);
	CHECK(mmap((void *)(LINEAR_BASE + BANK0), MIB(32), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED_NOREPLACE, ram_file, 0) != MAP_FAILED);
	CHECK(mmap((void *)(LINEAR_BASE + BANK1), MIB(16), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED_NOREPLACE, ram_file, MIB(32)) != MAP_FAILED);
	memset((void *)(LINEAR_BASE + BANK0), 0xee, MIB(32));
	memset((void *)(LINEAR_BASE + BANK1), 0xee, MIB(16));
	cpu_count = CPUS;
	for (uint32_t i = 0; i < CPUS; i++) {
		cpus[i] = &cpu_storage[i];
		thread_storage[i].cpu = &cpu_storage[i];
		cpu_storage[i].id = i;
	}
	run_on(0);
	const struct phys_range ram[] = {
		{BANK1 + 100, BANK1 + MIB(16) - 100},
		{BANK0 + MIB(16), BANK0 + MIB(32)},
		{BANK0, BANK0 + MIB(16)},
		{BANK0 + MIB(10), BANK0 + MIB(20)},
		{LINEAR_MAX + 5, UINT64_MAX},
		{50, 50},
	};
	const struct phys_range reserved[] = {
		{BANK0 + MIB(4) + 1, BANK0 + MIB(5) - 1},
		{BANK0 + MIB(4) + KIB(512), BANK0 + MIB(6)},
		{0, KIB(64)},
		{BANK1 + MIB(8), BANK1 + MIB(8)},
		{UINT64_MAX - 5, UINT64_MAX},
	};
	page_init(ram, ARRAY_SIZE(ram), reserved, ARRAY_SIZE(reserved));
	slab_init();
	kmap_init();
}

static uint64_t
free_pages_now(void)
{
	struct page_stats st;
	page_get_stats(&st);
	return st.free;
}

/* Everything that the allocators keep for speed goes back. */
static uint64_t
settled(void)
{
	kstack_drain();
	slab_drain();
	page_drain(true);
	return free_pages_now();
}

static uint32_t random_state = 1;

static uint32_t
rnd(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

TEST(page_init_accounts_for_all_ram)
{
	machine();
	struct page_stats st;
	page_get_stats(&st);
	CHECK_EQ(st.total + st.reserved, MIB(48) / PAGE_SIZE - 2);
	CHECK(st.free <= st.total);
	/* 2 MiB are reserved; 60 blocks of descriptors' worth, tables, and nothing else. */
	CHECK(st.reserved < MIB(3) / PAGE_SIZE);
	CHECK_EQ(phys_to_page(BANK0 + MIB(4) + KIB(512))->kind, PAGE_RESERVED);
	CHECK_EQ(phys_to_page(BANK0 + MIB(6) - 1)->kind, PAGE_RESERVED);
	CHECK_EQ(phys_to_page(BANK1)->kind, PAGE_RESERVED);
}

TEST(page_blocks_are_aligned_and_disjoint)
{
	machine();
	static struct {
		struct page *p;
		uint32_t order;
	} held[600];
	uint64_t before = settled();
	for (int step = 0; step < 40000; step++) {
		uint32_t i = rnd(ARRAY_SIZE(held));
		run_on(rnd(CPUS));
		if (held[i].p != NULL) {
			uint64_t *words = page_to_virt(held[i].p);
			CHECK_EQ(words[0], i);
			CHECK_EQ(words[(PAGE_SIZE << held[i].order) / 8 - 1], i);
			page_free(held[i].p, held[i].order);
			held[i].p = NULL;
			continue;
		}
		uint32_t order = rnd(4) != 0 ? 0 : rnd(7);
		struct page *p = page_alloc(order, rnd(2) ? PAGE_ZERO : 0, PAGE_KERNEL);
		if (p == NULL)
			continue;
		CHECK_EQ(page_to_pfn(p) % (1u << order), 0);
		CHECK_EQ(refcount_read(&p->refs), 1);
		CHECK_EQ(p->kind, PAGE_KERNEL);
		for (size_t k = 0; k < ARRAY_SIZE(p->words); k++)
			CHECK_EQ(p->words[k], 0);
		held[i].p = p;
		held[i].order = order;
		uint64_t *words = page_to_virt(p);
		words[0] = words[(PAGE_SIZE << order) / 8 - 1] = i;
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(held); i++)
		if (held[i].p != NULL)
			page_free(held[i].p, held[i].order);
	run_on(0);
	CHECK_EQ(settled(), before);
	CHECK(!mock_irqs_masked);
}

TEST(page_zero_flag_clears)
{
	machine();
	for (uint32_t order = 0; order < 4; order++) {
		struct page *p = page_alloc(order, 0, PAGE_KERNEL);
		CHECK(p != NULL);
		memset(page_to_virt(p), 0xaa, PAGE_SIZE << order);
		page_free(p, order);
		p = page_alloc(order, PAGE_ZERO, PAGE_KERNEL);
		CHECK(p != NULL);
		const uint8_t *b = page_to_virt(p);
		for (size_t i = 0; i < PAGE_SIZE << order; i++)
			CHECK_EQ(b[i], 0);
		page_free(p, order);
	}
}

/* All memory can be had, a page at a time, then nothing; what is freed merges to the largest blocks again. */
TEST(page_exhaustion_reclaims_then_fails)
{
	machine();
	uint64_t before = settled(), n = 0;
	struct page *all = NULL, *p;
	while ((p = page_alloc(0, PAGE_ATOMIC, PAGE_ANON)) != NULL) {
		p->words[0] = (uint64_t)all;
		all = p;
		n++;
	}
	CHECK_EQ(n, before);
	CHECK_EQ(free_pages_now(), 0);
	struct page_stats st;
	page_get_stats(&st);
	CHECK(st.anon >= n);

	reclaim_calls = 0;
	CHECK(page_alloc(0, 0, PAGE_ANON) == NULL);
	CHECK_EQ(reclaim_calls, 1);
	CHECK(page_alloc(0, PAGE_NORECLAIM, PAGE_ANON) == NULL);
	CHECK(page_alloc(3, PAGE_ATOMIC, PAGE_ANON) == NULL);
	CHECK_EQ(reclaim_calls, 1);

	/* Reclaim can give everything: a waiting allocation gets its page, and leaves the reserve alone. */
	hoard = all;
	p = page_alloc(0, 0, PAGE_ANON);
	CHECK(p != NULL);
	CHECK(reclaim_calls > 1);
	page_free(p, 0);
	while (vm_reclaim(1000) != 0)
		;
	CHECK_EQ(settled(), before);
	struct page *big[4];
	for (int i = 0; i < 4; i++) {
		big[i] = page_alloc(PAGE_ORDER_MAX, 0, PAGE_KERNEL);
		CHECK(big[i] != NULL);
	}
	for (int i = 0; i < 4; i++)
		page_free(big[i], PAGE_ORDER_MAX);
	CHECK_EQ(settled(), before);
	CHECK(page_alloc(PAGE_ORDER_MAX + 1, 0, PAGE_KERNEL) == NULL);
}

TEST(page_reserve_is_for_those_who_cannot_wait)
{
	machine();
	uint64_t before = settled(), n = 0;
	struct page *all = NULL, *p;
	while ((p = page_alloc(0, 0, PAGE_ANON)) != NULL) {
		p->words[0] = (uint64_t)all;
		all = p;
		n++;
	}
	CHECK_EQ(n, before - zone.reserve);
	p = page_alloc(0, PAGE_ATOMIC, PAGE_ANON);
	CHECK(p != NULL);
	page_free(p, 0);
	hoard = all;
	while (vm_reclaim(1000) != 0)
		;
	CHECK_EQ(settled(), before);
}

TEST(page_put_frees_with_the_last_reference)
{
	machine();
	uint64_t before = settled();
	struct page *p = page_alloc(0, 0, PAGE_ANON);
	page_get(p);
	page_put(p);
	CHECK_EQ(settled(), before - 1);
	page_put(p);
	CHECK_EQ(settled(), before);
	struct page *borrowed = phys_to_page(BANK0 + MIB(5));
	borrowed->flags = PG_BORROWED;
	refcount_init(&borrowed->refs, 1);
	page_put(borrowed);
	CHECK_EQ(settled(), before);
	borrowed->flags = 0;
}

TEST(page_add_range_takes_whole_pages)
{
	machine();
	uint64_t before = settled();
	page_add_range(BANK0 + MIB(5) - 1, BANK0 + MIB(5) + 3 * PAGE_SIZE + 1);
	CHECK_EQ(settled(), before + 3);
}

TEST(slab_objects_keep_their_content)
{
	machine();
	static struct {
		uint8_t *p;
		size_t n;
		uint8_t fill;
	} held[3000];
	uint64_t before = settled();
	for (int step = 0; step < 200000; step++) {
		uint32_t i = rnd(ARRAY_SIZE(held));
		run_on(rnd(CPUS));
		if (held[i].p != NULL) {
			for (size_t k = 0; k < held[i].n; k += 1 + held[i].n / 16)
				CHECK_EQ(held[i].p[k], held[i].fill);
			CHECK_EQ(held[i].p[held[i].n - 1], held[i].fill);
			kfree(held[i].p);
			held[i].p = NULL;
			continue;
		}
		size_t n = 1 + rnd(rnd(20) == 0 ? 9000 : rnd(3) == 0 ? 2000 : 200);
		uint32_t flags = rnd(2) ? KM_ZERO : 0;
		uint8_t *p = kmalloc(n, flags);
		if (p == NULL)
			continue;
		CHECK_EQ((uint64_t)p % 16, 0);
		for (size_t k = 0; flags && k < n; k++)
			CHECK_EQ(p[k], 0);
		held[i].p = p;
		held[i].n = n;
		held[i].fill = (uint8_t)rnd(256);
		memset(p, held[i].fill, n);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(held); i++)
		kfree(held[i].p);
	run_on(0);
	settled();
	/* Magazines and tables stay; a few pages at most. */
	CHECK(before - settled() < 16);
	CHECK(!mock_irqs_masked);
}

TEST(slab_classes_cover_all_sizes)
{
	machine();
	for (size_t n = 0; n <= KMALLOC_MAX; n++) {
		struct slab_cache *c = kmalloc_caches[kmalloc_class(n)];
		CHECK(c->size >= n);
		CHECK(n < 17 || c->size < 2 * n);
	}
	for (size_t n = 16; n <= KMALLOC_MAX; n *= 2) {
		void *p = kmalloc(n, 0);
		CHECK_EQ((uint64_t)p % n, 0);
		kfree(p);
	}
	kfree(NULL);
	CHECK(kcalloc(SIZE_MAX / 2, 3) == NULL);
	CHECK(kmalloc(SIZE_MAX, 0) == NULL);
	char *s = kstrdup("hello");
	CHECK_STR(s, "hello");
	kfree(s);
}

struct tally {
	const char *name;
	uint64_t inuse, total, pages;
};

static void
tally_visit(
	void *ctx, const char *name, size_t size, uint64_t inuse, uint64_t total, uint64_t pages)
{
	struct tally *t = ctx;
	if (strcmp(name, t->name) == 0) {
		t->inuse = inuse;
		t->total = total;
		t->pages = pages;
	}
}

TEST(slab_counts_what_users_hold)
{
	machine();
	struct slab_cache *c = slab_cache_create("counted", 1000, 0);
	void *p[500];
	struct tally t = {.name = "counted"};
	for (int i = 0; i < 500; i++) {
		run_on((uint32_t)i % CPUS);
		p[i] = slab_alloc(c, 0);
		CHECK(p[i] != NULL);
	}
	slab_for_each(tally_visit, &t);
	CHECK_EQ(t.inuse, 500);
	CHECK(t.total >= 500 && t.pages * PAGE_SIZE >= 500 * 1000);
	for (int i = 0; i < 500; i++) {
		run_on((uint32_t)i % 3 == 0);
		slab_free(c, p[i]);
	}
	slab_for_each(tally_visit, &t);
	CHECK_EQ(t.inuse, 0);
	run_on(0);
	CHECK(slab_drain() != 0);
	slab_for_each(tally_visit, &t);
	CHECK_EQ(t.inuse, 0);
	CHECK_EQ(t.pages, 0);
}

TEST(slab_survives_exhaustion)
{
	machine();
	settled();
	struct slab_cache *c = slab_cache_create("big", 700, 64);
	void **all = NULL, **p;
	uint64_t n = 0;
	while ((p = slab_alloc(c, KM_ATOMIC)) != NULL) {
		CHECK_EQ((uint64_t)p % 64, 0);
		*p = all;
		all = p;
		n++;
	}
	CHECK(n > MIB(40) / 800);
	CHECK(slab_alloc(c, 0) == NULL);
	while ((p = all) != NULL) {
		all = *p;
		slab_free(c, p);
	}
	struct tally t = {.name = "big"};
	settled();
	slab_for_each(tally_visit, &t);
	CHECK_EQ(t.pages, 0);
}

TEST(kstacks_have_guards_and_come_back)
{
	machine();
	uint64_t before = settled(), mapped = mapped_pages;
	uint8_t *s[200];
	for (int i = 0; i < 200; i++) {
		s[i] = kstack_alloc();
		CHECK(s[i] != NULL);
		CHECK_EQ((uint64_t)s[i] & KSTACK_SIZE, KSTACK_SIZE);
		CHECK_EQ((uint64_t)s[i] % KSTACK_SIZE, 0);
		memset(s[i], i, KSTACK_SIZE);
		CHECK(kstack_is_guard((uint64_t)s[i] - 1));
		CHECK(!kstack_is_guard((uint64_t)s[i]));
		CHECK(!kstack_is_guard((uint64_t)s[i] + KSTACK_SIZE - 1));
		CHECK(kstack_is_guard((uint64_t)s[i] + KSTACK_SIZE));
	}
	CHECK_EQ(kstack_pages(), 200 * KSTACK_SIZE / PAGE_SIZE);
	for (int i = 0; i < 200; i++) {
		int k = i * 77 % 200;
		CHECK_EQ(s[k][0], k);
		CHECK_EQ(s[k][KSTACK_SIZE - 1], k);
		kstack_free(s[k]);
	}
	kstack_drain();
	CHECK_EQ(kstack_pages(), 0);
	CHECK_EQ(mapped_pages, mapped);
	CHECK(before - settled() < 16);
	CHECK(stacks.areas.node == NULL);
}

TEST(kstack_alloc_undoes_what_fails)
{
	machine();
	settled();
	kstack_free(kstack_alloc());
	uint64_t before = settled(), mapped = mapped_pages;
	for (uint32_t i = 0; i < 4; i++) {
		map_fails_after = i;
		CHECK(kstack_alloc() == NULL);
		map_fails_after = UINT32_MAX;
		CHECK_EQ(mapped_pages, mapped);
		CHECK_EQ(settled(), before);
	}
	CHECK(stacks.areas.node == NULL);
}

TEST(kmap_areas_do_not_overlap)
{
	machine();
	static struct {
		uint8_t *p;
		size_t n;
	} held[100];
	uint64_t before = settled(), mapped = mapped_pages;
	for (int step = 0; step < 6000; step++) {
		uint32_t i = rnd(ARRAY_SIZE(held));
		if (held[i].p != NULL) {
			CHECK_EQ(held[i].p[0], i);
			CHECK_EQ(held[i].p[held[i].n - 1], i);
			kvfree(held[i].p);
			held[i].p = NULL;
			continue;
		}
		held[i].n = 1 + rnd(60000);
		held[i].p = kvmalloc(held[i].n);
		CHECK(held[i].p != NULL);
		for (size_t k = 0; k < held[i].n; k += 501)
			CHECK_EQ(held[i].p[k], 0);
		held[i].p[0] = held[i].p[held[i].n - 1] = (uint8_t)i;
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(held); i++) {
		kvfree(held[i].p);
		held[i].p = NULL;
	}
	CHECK_EQ(mapped_pages, mapped);
	CHECK(others.areas.node == NULL);
	CHECK(before - settled() < 16);
	CHECK(kvmalloc(SIZE_MAX) == NULL);
	CHECK(kvmalloc(MIB(100)) == NULL);
	CHECK_EQ(mapped_pages, mapped);
}

TEST(kmap_device_keeps_the_offset)
{
	machine();
	uint64_t mapped = mapped_pages;
	uint8_t *d = kmap_device(MIB(9) + 0x123, 0x2000);
	CHECK_EQ((uint64_t)d % PAGE_SIZE, 0x123);
	CHECK_EQ(mapped_pages, mapped + 3);
	kmap_unmap(d, 0x2000);
	CHECK_EQ(mapped_pages, mapped);
	CHECK(kmap_device(UINT64_MAX - 5, 100) == NULL);
	CHECK(kmap_device(MIB(9), 0) == NULL);
}

TEST(kmap_device_leaves_ram_alone)
{
	machine();
	uint64_t mapped = mapped_pages;
	CHECK(kmap_device(BANK0, 0x1000) == NULL);
	CHECK(kmap_device(BANK0 + MIB(5) + 8, 4) == NULL);
	CHECK(kmap_device(BANK0 - 0x1000, 0x1001) == NULL);
	CHECK(kmap_device(BANK0 - 0x1000, MIB(64)) == NULL);
	CHECK(kmap_device(BANK1 + MIB(16) - PAGE_SIZE - 1, 1) == NULL);
	CHECK_EQ(mapped_pages, mapped);
	uint8_t *below = kmap_device(BANK0 - 0x1000, 0x1000);
	uint8_t *between = kmap_device(BANK0 + MIB(32), 0x1000);
	CHECK(below != NULL && between != NULL);
	kmap_unmap(below, 0x1000);
	kmap_unmap(between, 0x1000);
}
