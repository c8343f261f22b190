/* SPDX-License-Identifier: MIT */
/*
 * Page tables: kernel mappings below kernel_root_table, and each space's own below its TTBR0 root.
 *
 * Kernel tables are never freed; kernel_table_lock guards their entries. Nothing is split: what was mapped by a
 * 2 MiB block is unmapped by whole blocks.
 *
 * A space's tables are on a list that begins in its root's descriptor, each with the address of the entry that
 * leads to it, so that destroying a space touches no entry but those in use. Tables that are all zero (a leaf whose
 * table_used is 0, an upper table whose children are gone) are kept per CPU and used again as they are.
 */
#include "arch/mmu.h"

#include "core/cpu.h"
#include "core/panic.h"
#include "mm/page.h"
#include "mm/space.h"

#define ENTRIES       512u
#define LEVELS        4u
#define BLOCK_SIZE    MIB(2)
#define TABLES_CACHED 32u
#define FLUSH_ALL_AT  512u /* pages from which one flush of everything is cheaper */

/* PAGE_TABLE descriptors: words[0..2] are the union's own members, then: */
#define TABLE_NEXT   3 /* the next table of the space */
#define TABLE_PARENT 4 /* the entry that leads to this table; 0: the root */

static struct spinlock kernel_table_lock = SPINLOCK_INIT("kernel tables");

/* Empty tables, linked by words[TABLE_NEXT]. Touched in thread context on their own CPU only: no lock, no masking. */
static struct {
	struct page *first;
	uint32_t count;
} table_cache[CPUS_MAX];

static uint32_t
shift_of(uint32_t level)
{
	return PAGE_SHIFT + 9 * (LEVELS - 1 - level);
}

static uint32_t
index_of(uint64_t va, uint32_t level)
{
	return (uint32_t)(va >> shift_of(level)) % ENTRIES;
}

static bool
is_table(pte_t entry)
{
	return (entry & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE);
}

static pte_t *
table_at(pte_t entry)
{
	return phys_to_virt(pte_paddr(entry));
}

static pte_t
table_entry(paddr_t pa)
{
	return pa | PTE_VALID | PTE_TABLE;
}

/* --- The kernel's tables. --- */

/*
 * The entry for va at level, or the level above at which a table is missing (*missing) or a block is in the way.
 * With kernel_table_lock held.
 */
static pte_t *
kernel_entry(uint64_t va, uint32_t level, bool *missing)
{
	pte_t *table = kernel_root_table;
	*missing = false;
	for (uint32_t l = 0; l < level; l++) {
		pte_t *entry = &table[index_of(va, l)];
		if (!is_table(*entry)) {
			*missing = *entry == 0;
			return entry;
		}
		table = table_at(*entry);
	}
	return &table[index_of(va, level)];
}

/* Makes the tables that lead to va at level. -ENOMEM. May sleep. */
static int
kernel_tables_for(uint64_t va, uint32_t level)
{
	paddr_t spare = 0;
	for (;;) {
		bool missing;
		uint64_t irq = spin_lock_irq_save(&kernel_table_lock);
		pte_t *entry = kernel_entry(va, level, &missing);
		if (missing && spare != 0) {
			pte_barrier(); /* the table's zeroes before the entry that leads to them */
			pte_set(entry, table_entry(spare));
			spare = 0;
			spin_unlock_irq_restore(&kernel_table_lock, irq);
			continue;
		}
		spin_unlock_irq_restore(&kernel_table_lock, irq);
		if (!missing)
			break;
		if (!page_alloc_table(&spare))
			return -ENOMEM;
	}
	if (spare != 0)
		page_free(phys_to_page(spare), 0);
	return 0;
}

/* Fills the entries for [va, end) that lie in one table. Returns the address after the last one. */
static uint64_t
fill_entries(uint64_t va, uint64_t end, uint32_t level, pte_t attributes)
{
	bool missing;
	uint64_t step = 1ULL << shift_of(level);
	uint64_t limit = min(end, round_down(va, step * ENTRIES) + step * ENTRIES);
	uint64_t irq = spin_lock_irq_save(&kernel_table_lock);
	pte_t *entry = kernel_entry(va, level, &missing);
	for (; va < limit && limit - va >= step; va += step, attributes += step, entry++) {
		ASSERT(*entry == 0);
		pte_set_lazy(entry, attributes);
	}
	spin_unlock_irq_restore(&kernel_table_lock, irq);
	return va;
}

/* Whether a block may be used at va: the tables allow it and no table is there already. */
static bool
block_fits(uint64_t va, paddr_t pa, uint64_t size)
{
	if (size < BLOCK_SIZE || !is_aligned(va | pa, BLOCK_SIZE))
		return false;
	bool missing;
	uint64_t irq = spin_lock_irq_save(&kernel_table_lock);
	pte_t *entry = kernel_entry(va, 2, &missing);
	bool fits = *entry == 0;
	spin_unlock_irq_restore(&kernel_table_lock, irq);
	return fits;
}

int
kernel_map(uint64_t va, paddr_t pa, size_t size, uint32_t prot)
{
	ASSERT(is_aligned(va | pa | size, PAGE_SIZE) && va >= LINEAR_BASE &&
		!(prot & PROT_BIT_USER));
	ASSERT((prot & (PROT_BIT_WRITE | PROT_BIT_EXEC)) != (PROT_BIT_WRITE | PROT_BIT_EXEC));
	uint64_t at = va, end = va + size;
	while (at < end) {
		paddr_t to = pa + (at - va);
		bool block = block_fits(at, to, end - at);
		if (kernel_tables_for(at, block ? 2 : 3) != 0) {
			if (at != va)
				kernel_unmap(va, at - va);
			return -ENOMEM;
		}
		if (block)
			at = fill_entries(at, at + BLOCK_SIZE, 2, pte_make(to, prot) & ~PTE_TABLE);
		else
			at = fill_entries(at, end, 3, pte_make(to, prot));
	}
	__asm__ volatile("dsb ishst\n\tisb" : : : "memory");
	return 0;
}

static void
flush_kernel_range(uint64_t va, uint64_t size)
{
	__asm__ volatile("dsb ishst" : : : "memory");
	if (size >> PAGE_SHIFT > FLUSH_ALL_AT)
		__asm__ volatile("tlbi vmalle1is" : : : "memory");
	else
		for (uint64_t at = va; at < va + size; at += PAGE_SIZE)
			__asm__ volatile("tlbi vaale1is, %0"
				:
				: "r"(at >> PAGE_SHIFT & ((1ULL << 44) - 1))
				: "memory");
	__asm__ volatile("dsb ish\n\tisb" : : : "memory");
}

void
kernel_unmap(uint64_t va, size_t size)
{
	uint64_t irq = spin_lock_irq_save(&kernel_table_lock);
	for (uint64_t at = va; at < va + size;) {
		bool missing;
		pte_t *entry = kernel_entry(at, 3, &missing);
		bool block = *entry != 0 && !is_table(*entry);
		ASSERT(!missing && *entry != 0);
		ASSERT(!block || (is_aligned(at, BLOCK_SIZE) && va + size - at >= BLOCK_SIZE));
		pte_set_lazy(entry, 0);
		at += block ? BLOCK_SIZE : PAGE_SIZE;
	}
	spin_unlock_irq_restore(&kernel_table_lock, irq);
	flush_kernel_range(va, size);
}

/* --- Spaces' tables. --- */

/* A zeroed table; NULL: out of memory. May sleep. */
static struct page *
table_alloc(void)
{
	uint32_t cpu = this_cpu()->id;
	struct page *p = table_cache[cpu].first;
	if (likely(p != NULL)) {
		table_cache[cpu].first = (struct page *)p->words[TABLE_NEXT];
		table_cache[cpu].count--;
#ifdef SWOS_DEBUG
		for (uint32_t i = 0; i < ENTRIES; i++)
			ASSERT(((pte_t *)page_to_virt(p))[i] == 0);
#endif
	} else {
		p = page_alloc(0, PAGE_ZERO, PAGE_TABLE);
		if (p == NULL)
			return NULL;
		spin_init(&p->table_lock, "leaf table");
	}
	p->words[TABLE_NEXT] = 0;
	return p;
}

/* Takes an unused table back; zero: it is known to be all zeroes. */
static void
table_free(struct page *p, bool zero)
{
	uint32_t cpu = this_cpu()->id;
	if (!zero || table_cache[cpu].count >= TABLES_CACHED) {
		page_free(p, 0);
		return;
	}
	p->words[TABLE_NEXT] = (uint64_t)table_cache[cpu].first;
	table_cache[cpu].first = p;
	table_cache[cpu].count++;
}

uint64_t
arch_pt_drain(void)
{
	uint32_t cpu = this_cpu()->id;
	uint64_t n = 0;
	struct page *p;
	while ((p = table_cache[cpu].first) != NULL) {
		table_cache[cpu].first = (struct page *)p->words[TABLE_NEXT];
		table_cache[cpu].count--;
		page_free(p, 0);
		n++;
	}
	return n;
}

int
arch_pt_create(struct arch_space *as)
{
	struct page *root = table_alloc();
	if (root == NULL)
		return -ENOMEM;
	root->words[TABLE_PARENT] = 0;
	as->root = page_to_phys(root);
	as->table_pages = 1;
	atomic_store_explicit(&as->asid, 0, memory_order_relaxed);
	pte_barrier(); /* the root's zeroes before any CPU installs it */
	return 0;
}

void
arch_pt_destroy(struct arch_space *as)
{
	struct page *root = phys_to_page(as->root);
	struct page *p = (struct page *)root->words[TABLE_NEXT];
	while (p != NULL) {
		struct page *next = (struct page *)p->words[TABLE_NEXT];
		pte_set_lazy((pte_t *)p->words[TABLE_PARENT], 0);
		table_free(p, p->table_used == 0);
		p = next;
	}
	table_free(root, true);
	as->root = 0;
	as->table_pages = 0;
}

/*
 * Makes the tables that lead to va. Upper tables have no leaf entries, so their table_used stays 0; a new table's
 * entry is published after its zeroes, for walkers on other CPUs and for arch_pt_find(), which takes no lock.
 */
static __attribute__((noinline)) pte_t *
alloc_tables(struct vm_space *space, uint64_t va, struct page **leaf)
{
	pte_t *table = phys_to_virt(space->arch.root);
	for (uint32_t level = 0; level < LEVELS - 1; level++) {
		pte_t *slot = &table[index_of(va, level)];
		if (pte_read(slot) == 0) {
			struct page *p = table_alloc();
			if (p == NULL)
				return NULL;
			spin_lock(&space->table_lock);
			bool lost = pte_read(slot) != 0;
			if (!lost) {
				struct page *root = phys_to_page(space->arch.root);
				p->words[TABLE_PARENT] = (uint64_t)slot;
				p->words[TABLE_NEXT] = root->words[TABLE_NEXT];
				root->words[TABLE_NEXT] = (uint64_t)p;
				space->arch.table_pages++;
				pte_barrier();
				pte_set(slot, table_entry(page_to_phys(p)));
			}
			spin_unlock(&space->table_lock);
			if (lost)
				table_free(p, true);
		}
		table = table_at(pte_read(slot));
	}
	*leaf = virt_to_page(table);
	return &table[index_of(va, LEVELS - 1)];
}

/* Whether va has a leaf table: gives that, or the level at which the walk ended. */
static inline bool
walk(const struct vm_space *space, uint64_t va, pte_t **leaf, uint32_t *level)
{
	pte_t *table = phys_to_virt(space->arch.root);
#pragma clang loop unroll(full)
	for (uint32_t l = 0; l < LEVELS - 1; l++) {
		pte_t entry = pte_read(&table[index_of(va, l)]);
		if (unlikely(entry == 0)) {
			*level = l;
			return false;
		}
		table = table_at(entry);
	}
	*leaf = table;
	return true;
}

pte_t *
arch_pt_alloc(struct vm_space *space, uint64_t va, struct page **table)
{
	pte_t *leaf;
	uint32_t level;
	if (unlikely(!walk(space, va, &leaf, &level)))
		return alloc_tables(space, va, table);
	*table = virt_to_page(leaf);
	return &leaf[index_of(va, LEVELS - 1)];
}

pte_t *
arch_pt_find(struct vm_space *space, uint64_t va, struct page **table, uint64_t *next)
{
	pte_t *leaf;
	uint32_t level;
	if (unlikely(!walk(space, va, &leaf, &level))) {
		uint64_t span = 1ULL << shift_of(level);
		*next = round_down(va, span) + span;
		return NULL;
	}
	*table = virt_to_page(leaf);
	return &leaf[index_of(va, LEVELS - 1)];
}
