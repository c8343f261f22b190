/* SPDX-License-Identifier: MIT */
/*
 * Page tables as the memory manager sees them: four levels of 512 entries, 4 KiB pages, a leaf table covers 2 MiB.
 *
 * A user table's leaf entries are guarded by the lock in the leaf table's struct page (pte_lock()); upper levels
 * only grow while the space lives (guarded by the address space's table lock) and are freed with it.
 * Kernel tables: kernel_map()/kernel_unmap() have their own lock.
 */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include "core/types.h"

struct page;
struct vm_space;

typedef uint64_t pte_t;

/* The kernel's half of the address space. Constants, so that conversions cost one instruction. */
#define LINEAR_BASE  0xffff000000000000ULL /* all RAM: address = LINEAR_BASE + physical */
#define VMEMMAP_BASE 0xffff900000000000ULL /* struct page, indexed by physical page number */
#define KMAP_BASE \
	0xffffa00000000000ULL /* kernel stacks, device windows, other mappings: mm/kmap.c */
#define KMAP_END    0xffffb00000000000ULL
#define KIMAGE_BASE 0xffffffff80000000ULL /* the kernel image, plus a random multiple of 2 MiB */
#define LINEAR_MAX  (1ULL << 47)

static inline void *
phys_to_virt(paddr_t pa)
{
	return (void *)(LINEAR_BASE + pa);
}

/* Only for addresses in the linear map. */
static inline paddr_t
virt_to_phys(const void *va)
{
	return (paddr_t)va - LINEAR_BASE;
}

/* Protection of a mapping; user and kernel. */
#define PROT_BIT_READ    1u
#define PROT_BIT_WRITE   2u
#define PROT_BIT_EXEC    4u
#define PROT_BIT_USER    8u
#define PROT_BIT_DEVICE  16u /* Device-nGnRE; never executable */
#define PROT_BIT_NOCACHE 32u /* Normal non-cacheable */

/* Maps and unmaps kernel addresses; sizes and addresses are multiples of PAGE_SIZE. -ENOMEM leaves nothing behind. */
int kernel_map(uint64_t va, paddr_t pa, size_t size, uint32_t prot) MUST_CHECK;
void kernel_unmap(uint64_t va, size_t size); /* and flushes the TLBs of all CPUs */

/* Leaf entries. A young entry has been used since pte_mkold(); a dirty one is writable or was written. */
static inline pte_t pte_make(paddr_t pa, uint32_t prot);
static inline bool pte_present(
	pte_t p); /* maps a page (perhaps old: not accessible until touched) */
static inline bool pte_writable(pte_t p);
static inline bool pte_exec(pte_t p);
static inline bool pte_young(pte_t p);
static inline paddr_t pte_paddr(pte_t p);
static inline pte_t pte_wrprotect(pte_t p);
static inline pte_t pte_mkwrite(pte_t p);
static inline pte_t pte_mkold(pte_t p);
static inline pte_t pte_mkyoung(pte_t p);
static inline pte_t pte_read(const pte_t *slot);
/* Stores an entry over an empty one or one that only gains permissions; a later access sees it (dsb ishst). */
static inline void pte_set(pte_t *slot, pte_t p);
/* Stores without the barrier: for batches that end with pte_barrier(). */
static inline void pte_set_lazy(pte_t *slot, pte_t p);
static inline void pte_barrier(void);
/* Break-before-make: entries that change address or lose permissions are cleared, flushed, then set (mm does so). */
static inline pte_t pte_clear(pte_t *slot);

/*
 * The user half's tables: part of struct vm_space. All functions below take the space that owns pt; walks of a
 * space's tables by other CPUs are safe because tables are freed only by arch_pt_destroy().
 */
struct arch_space {
	paddr_t root;          /* [I] TTBR0's table */
	_Atomic uint64_t asid; /* generation << 16 | ASID; arch/aarch64/asid.c */
	uint64_t table_pages;  /* [table lock] for accounting */
};

/*
 * Whoever fills or empties a leaf slot keeps table_used, the number of slots in use, in the leaf table's struct page
 * (under its table_lock): a table whose count is 0 when the space is destroyed is used again without clearing it.
 */
int arch_pt_create(struct arch_space *as) MUST_CHECK; /* -ENOMEM */
void arch_pt_destroy(struct arch_space *as); /* frees all tables; no CPU has it installed */
/* The leaf slot for va, tables created as needed; NULL when out of memory. *table: the leaf table's page. */
pte_t *arch_pt_alloc(struct vm_space *space, uint64_t va, struct page **table) MUST_CHECK;
/* The leaf slot for va, or NULL if its tables do not exist; then *next is the first address past the hole. */
pte_t *arch_pt_find(struct vm_space *space, uint64_t va, struct page **table, uint64_t *next);

/* Frees this CPU's cached empty tables; returns how many pages that gave. Thread context. */
uint64_t arch_pt_drain(void);

/* Installs the space (NULL: none, user addresses fault) on this CPU; interrupts masked. */
void arch_space_switch(struct vm_space *space);

/* Flushes on all CPUs, by broadcast; complete on return. _range chooses between pages and the whole ASID. */
void arch_tlb_flush_page(struct vm_space *space, uint64_t va);
void arch_tlb_flush_range(struct vm_space *space, uint64_t start, uint64_t end);
void arch_tlb_flush_space(struct vm_space *space);

/* Makes instructions written through the linear map at [va, va+n) visible to instruction fetch on all CPUs. */
void arch_sync_icache(const void *va, size_t n);
/* Zeroes and copies whole pages, by DC ZVA and wide moves. */
void arch_clear_page(void *page);
void arch_copy_page(void *dst, const void *src);

#include <aarch64/mmu_impl.h>

#endif
