/* SPDX-License-Identifier: MIT */
/*
 * The first page tables. boot_identity_map() runs with the MMU off (no unaligned access, no relocated pointers);
 * boot_map_kernel() runs at physical addresses with the MMU on: it reads the device tree, chooses the kernel's
 * virtual address, maps the image with its sections' protections and all RAM at LINEAR_BASE, and relocates.
 *
 * Nothing here may be called later: afterwards kernel_map() owns the tables.
 */
#include "arch/mmu.h"
#include "core/thread.h"

#include "base/cmdline.h"
#include <aarch64/boot.h>
#include <aarch64/sysregs.h>

#define ENTRIES     512
#define BLOCK_2M    MIB(2)
#define BLOCK_1G    GIB(1)
#define BOOT_TABLES 32
#define FDT_MAX     MIB(2)
#define KASLR_STEPS 256 /* of 2 MiB: the image lies in the last 2 GiB whatever the step */

struct table {
	uint64_t entry[ENTRIES];
} __attribute__((aligned(4096)));

#define TABLES __attribute__((section(".bss_tables"), aligned(4096)))
TABLES pte_t kernel_root_table[ENTRIES];
static TABLES struct table boot_tables[BOOT_TABLES];
static TABLES struct table identity_tables[8];

struct boot_info boot_info;

extern const uint64_t relr_start[], relr_end[];
struct rela {
	uint64_t offset, info, addend;
};
extern const struct rela rela_start[], rela_end[];
#define R_AARCH64_RELATIVE 1027

struct table_pool {
	struct table *tables;
	uint32_t used, count;
};

/* Fills a pool by code: a constant structure would hold an address that is not relocated yet. */
static struct table_pool
pool_of(struct table *tables, uint32_t used, uint32_t count)
{
	__asm__("" : "+r"(tables));
	return (struct table_pool){tables, used, count};
}

static struct table *
pool_take(struct table_pool *pool)
{
	return pool->used < pool->count ? &pool->tables[pool->used++] : NULL;
}

/* The table that entry points to, made if it is empty; NULL when the pool is exhausted or a block is in the way. */
static struct table *
next_table(struct table_pool *pool, uint64_t *entry)
{
	if (*entry == 0) {
		struct table *t = pool_take(pool);
		if (t == NULL)
			return NULL;
		*entry = (uint64_t)t | PTE_VALID |
			PTE_TABLE; /* pools are used at their physical addresses */
	}
	if ((*entry & PTE_TABLE) == 0)
		return NULL;
	return (struct table *)(*entry & PTE_ADDR_MASK);
}

/* How much one entry of the largest fitting kind maps at this place. */
static uint64_t
step_size(uint64_t va, uint64_t pa, uint64_t size)
{
	if (is_aligned(va | pa, BLOCK_1G) && size >= BLOCK_1G)
		return BLOCK_1G;
	if (is_aligned(va | pa, BLOCK_2M) && size >= BLOCK_2M)
		return BLOCK_2M;
	return PAGE_SIZE;
}

/* Maps page-aligned [va, va+size) to pa in the largest blocks that fit. False when the pool is exhausted. */
static bool
map_range(struct table_pool *pool, uint64_t *root, uint64_t va, uint64_t pa, uint64_t size,
	uint64_t attrs)
{
	while (size > 0) {
		uint64_t step = step_size(va, pa, size);
		struct table *t = next_table(pool, &root[va >> 39 & 511]);
		uint64_t *entry = t == NULL ? NULL : &t->entry[va >> 30 & 511];
		if (entry != NULL && step < BLOCK_1G) {
			t = next_table(pool, entry);
			entry = t == NULL ? NULL : &t->entry[va >> 21 & 511];
		}
		if (entry != NULL && step < BLOCK_2M) {
			t = next_table(pool, entry);
			entry = t == NULL ? NULL : &t->entry[va >> 12 & 511];
		}
		if (entry == NULL)
			return false;
		*entry = pa | attrs | (step == PAGE_SIZE ? PTE_TABLE : 0);
		va += step;
		pa += step;
		size -= step;
	}
	return true;
}

paddr_t boot_identity_map(paddr_t fdt);

paddr_t
boot_identity_map(paddr_t fdt)
{
	struct table_pool pool = pool_of(identity_tables, 1, ARRAY_SIZE(identity_tables));
	uint64_t *root = identity_tables[0].entry;
	uint64_t start = round_down((uint64_t)kernel_start, BLOCK_2M);
	uint64_t end = round_up((uint64_t)kernel_end, BLOCK_2M);
	map_range(&pool, root, start, start, end - start, PTE_KERNEL_NORMAL);
	uint64_t tree = round_down(fdt, BLOCK_2M);
	for (int i = 0; i < 2; i++, tree += BLOCK_2M)
		if (tree < start || tree >= end)
			map_range(&pool, root, tree, tree, BLOCK_2M, PTE_KERNEL_RW);
	return (paddr_t)root;
}

/* Adds delta to every word that holds an address of the image. Words hold the address for the previous base. */
static void
relocate(uint64_t base, uint64_t delta, bool first)
{
	for (const struct rela *r = rela_start; r < rela_end; r++) {
		uint64_t *word = (uint64_t *)(r->offset - KIMAGE_BASE + base);
		if ((uint32_t)r->info == R_AARCH64_RELATIVE)
			*word = first ? r->addend + delta : *word + delta;
	}
	/* The address of a word, then bitmaps (marked by their lowest bit) of 63 words behind it each. */
	for (const uint64_t *r = relr_start; r < relr_end;) {
		uint64_t *where = (uint64_t *)(*r++ - KIMAGE_BASE + base);
		*where++ += delta;
		for (; r < relr_end && (*r & 1) != 0; r++, where += 63)
			for (uint32_t bit = 0; bit < 63; bit++)
				if (*r >> (bit + 1) & 1)
					where[bit] += delta;
	}
}

struct ram_collector {
	const struct platform *platform;
	uint32_t n;
	struct platform_range *ram;
	uint32_t max;
	uint32_t dropped;
};

/* Inserts a range, sorted by address, merged with its neighbours where they touch. */
static void
ram_insert(struct ram_collector *c, uint64_t start, uint64_t end)
{
	uint32_t i = 0;
	while (i < c->n && c->ram[i].base + c->ram[i].size < start)
		i++;
	while (i < c->n && c->ram[i].base <= end) {
		start = min(start, c->ram[i].base);
		end = max(end, c->ram[i].base + c->ram[i].size);
		c->n--;
		for (uint32_t j = i; j < c->n; j++)
			c->ram[j] = c->ram[j + 1];
	}
	if (c->n == c->max) {
		c->dropped++;
		return;
	}
	for (uint32_t j = c->n; j > i; j--)
		c->ram[j] = c->ram[j - 1];
	c->n++;
	c->ram[i] = (struct platform_range){start, end - start};
}

static int
collect_ram(void *context, const struct platform_range *r)
{
	struct ram_collector *c = context;
	uint64_t start = round_up(r->base, PAGE_SIZE);
	uint64_t end = round_down(min(r->base + r->size, LINEAR_MAX), PAGE_SIZE);
	if (start < end)
		ram_insert(c, start, end);
	return 0;
}

/* Takes a range that must not be mapped out of the collected RAM. */
static int
exclude_no_map(void *context, const struct platform_reserved *r)
{
	struct ram_collector *c = context;
	if ((r->flags & PLATFORM_NO_MAP) == 0)
		return 0;
	uint64_t start = round_down(r->range.base, PAGE_SIZE);
	uint64_t end = round_up(r->range.base + r->range.size, PAGE_SIZE);
	for (uint32_t i = 0; i < c->n; i++) {
		uint64_t base = c->ram[i].base, limit = base + c->ram[i].size;
		if (end <= base || start >= limit)
			continue;
		c->ram[i].size = start > base ? start - base : 0;
		if (end < limit)
			ram_insert(c, end, limit);
	}
	return 0;
}

/* Where the early console's registers are: what the tree says, unless that is RAM. */
static uint64_t
early_uart(const struct platform *p, const struct ram_collector *c)
{
	uint64_t base = p->uart.registers.base;
	if (p->uart.kind == PLATFORM_UART_NONE)
		return EARLY_UART_PA;
	for (uint32_t i = 0; i < c->n; i++)
		if (base - c->ram[i].base < c->ram[i].size)
			return EARLY_UART_PA;
	return round_down(base, PAGE_SIZE);
}

static uint64_t
choose_slide(const struct platform *p)
{
	if (p->kaslr_seed == 0 || cmdline_has(p->bootargs, "nokaslr"))
		return 0;
	return (p->kaslr_seed % KASLR_STEPS) * BLOCK_2M;
}

/* A key for the boot thread's return addresses: what little is unpredictable now. Others come from the CSPRNG. */
static void
choose_boot_key(const struct platform *p)
{
	uint64_t mix = p->kaslr_seed ^ sysreg_read(cntvct_el0);
	const uint8_t *seed = p->rng_seed.data;
	for (size_t i = 0; i < p->rng_seed.len; i++)
		mix = (mix ^ seed[i]) * 0x100000001b3ULL;
	boot_thread.arch.kernel_key.lo = mix * 0x9e3779b97f4a7c15ULL;
	boot_thread.arch.kernel_key.hi = ~mix * 0xbf58476d1ce4e5b9ULL;
}

static void
map_image(struct table_pool *pool, uint64_t va_base)
{
	const struct {
		const char *start, *end;
		uint64_t attrs;
	} sections[] = {
		{kernel_start, rodata_start, PTE_KERNEL_RX},
		{rodata_start, rodata_end, PTE_KERNEL_RO},
		{rodata_end, kernel_end, PTE_KERNEL_RW},
	};
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		uint64_t offset = (uint64_t)(sections[i].start - kernel_start);
		map_range(pool, kernel_root_table, va_base + offset, (uint64_t)sections[i].start,
			round_up((uint64_t)(sections[i].end - sections[i].start), PAGE_SIZE),
			sections[i].attrs);
	}
}

/* Maps [start, end) of RAM; the alias of the kernel's text and read-only data is read-only. */
static bool
map_linear(struct table_pool *pool, uint64_t start, uint64_t end)
{
	uint64_t ro_start = (uint64_t)kernel_start, ro_end = (uint64_t)rodata_end;
	const uint64_t cut[] = {
		start, max(min(ro_start, end), start), max(min(ro_end, end), start), end};
	const uint64_t attrs[] = {PTE_KERNEL_RW, PTE_KERNEL_RO, PTE_KERNEL_RW};
	for (int i = 0; i < 3; i++)
		if (cut[i] < cut[i + 1] &&
			!map_range(pool, kernel_root_table, LINEAR_BASE + cut[i], cut[i],
				cut[i + 1] - cut[i], attrs[i]))
			return false;
	return true;
}

uint64_t boot_map_kernel(paddr_t fdt);

uint64_t
boot_map_kernel(paddr_t fdt)
{
	struct platform p;
	struct table_pool pool = pool_of(boot_tables, 0, BOOT_TABLES);
	uint64_t pa = (uint64_t)kernel_start;

	relocate(pa, pa - KIMAGE_BASE, true);
	/* A tree that cannot be read leaves p empty: the image and the tree's own surroundings are mapped, and setup.c says so. */
	(void)platform_from_fdt((const void *)fdt, FDT_MAX, &p);
	uint64_t slide = choose_slide(&p);
	choose_boot_key(&p);

	struct ram_collector c = {
		.platform = &p, .ram = boot_info.ram, .max = ARRAY_SIZE(boot_info.ram)};
	platform_each_memory(&p, collect_ram, &c);
	platform_each_reserved(&p, exclude_no_map, &c);
	map_image(&pool, KIMAGE_BASE + slide);
	map_range(&pool, kernel_root_table, EARLY_UART_VA, early_uart(&p, &c), PAGE_SIZE,
		PTE_KERNEL_DEVICE);
	for (uint32_t i = 0; i < c.n; i++)
		if (!map_linear(&pool, c.ram[i].base, c.ram[i].base + c.ram[i].size)) {
			c.dropped += c.n - i;
			c.n = i;
		}
	/* The tree may lie outside what it calls memory. */
	map_range(&pool, kernel_root_table, LINEAR_BASE + round_down(fdt, PAGE_SIZE),
		round_down(fdt, PAGE_SIZE), FDT_MAX, PTE_KERNEL_RW);
	boot_info.kernel_pa = pa;
	boot_info.identity_table = (paddr_t)identity_tables;
	boot_info.slide = slide;
	boot_info.nram = c.n;
	boot_info.dropped_ranges = c.dropped;
	uint64_t offset = KIMAGE_BASE + slide - pa;
	relocate(pa, offset, false);
	__asm__ volatile("dsb ishst\n\tisb" : : : "memory");
	return offset;
}
