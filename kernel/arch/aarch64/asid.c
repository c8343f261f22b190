/* SPDX-License-Identifier: MIT */
/*
 * Address space identifiers. There are fewer of them than spaces may come and go, so each belongs to a generation:
 * a space whose identifier is of an older one gets a new identifier when it is next installed. When none is left,
 * the generation goes up, all identifiers are free again but those that CPUs run under at that moment, and each CPU
 * flushes its TLB before it installs a space of the new generation.
 *
 * A CPU installs a space of the current generation without the lock: it puts the identifier into its `active` word,
 * but only over a word that is not 0. A rollover takes every active word by exchanging it for 0: so either the
 * rollover sees the new identifier, or the CPU sees the 0 and takes the lock.
 * Identifier 0 belongs to the empty table alone. Lock: asid_lock, with interrupts masked.
 */
#include "arch/mmu.h"

#include <aarch64/extable.h>
#include <aarch64/sysregs.h>

#include "core/cpu.h"
#include "core/panic.h"
#include "mm/page.h"
#include "mm/space.h"

#define ASID_SHIFT  16 /* of the generation in arch_space.asid */
#define ASIDS_MAX   (1u << ASID_SHIFT)
#define GENERATION1 (1ULL << ASID_SHIFT)

static struct {
	_Atomic uint64_t active; /* what the CPU last installed; 0: taken by a rollover */
	uint64_t reserved;       /* [asid_lock] what it ran under at the last rollover */
} asid_cpu[CPUS_MAX];

static struct spinlock asid_lock = SPINLOCK_INIT("asid");
static _Atomic uint64_t generation = GENERATION1;
static uint64_t used[ASIDS_MAX / 64]; /* [asid_lock] in this generation */
static uint32_t next_asid = 1;        /* [asid_lock] where the search goes on */
static struct cpumask flush_pending;  /* [asid_lock] */
static uint32_t nr_asids = 256;       /* [I after boot] */
static paddr_t empty_table;           /* [I after boot] */

static bool
is_current(uint64_t asid)
{
	uint64_t now = atomic_load_explicit(&generation, memory_order_relaxed);
	return ((asid ^ now) >> ASID_SHIFT) == 0;
}

static void
mark_used(uint64_t asid)
{
	uint32_t n = (uint32_t)asid % ASIDS_MAX;
	used[n / 64] |= 1ULL << (n % 64);
}

/* The first free identifier from `from` on, or 0. With asid_lock held. */
static uint32_t
find_free(uint32_t from)
{
	for (uint32_t n = from; n < nr_asids; n = round_down(n, 64u) + 64) {
		uint64_t free = ~used[n / 64] & (~0ULL << (n % 64));
		if (free != 0)
			return round_down(n, 64u) + (uint32_t)__builtin_ctzll(free);
	}
	return 0;
}

/* With asid_lock held. */
static void
roll_over(void)
{
	for (uint32_t i = 0; i < nr_asids / 64; i++)
		used[i] = 0;
	mark_used(0);
	for_each_cpu (i) {
		uint64_t asid =
			atomic_exchange_explicit(&asid_cpu[i].active, 0, memory_order_acq_rel);
		/* 0: it has not installed anything since the rollover before, and still runs under what that kept. */
		if (asid != 0)
			asid_cpu[i].reserved = asid;
		mark_used(asid_cpu[i].reserved);
		cpumask_set(&flush_pending, i);
	}
	next_asid = 1;
}

/* Moves CPUs' reservations of old to its new name; returns whether there were any. With asid_lock held. */
static bool
renew_reserved(uint64_t old, uint64_t renewed)
{
	bool hit = false;
	for_each_cpu (i) {
		if (asid_cpu[i].reserved == old) {
			asid_cpu[i].reserved = renewed;
			hit = true;
		}
	}
	return hit;
}

/* An identifier of the current generation for a space that had `old` (0: none yet). With asid_lock held. */
static uint64_t
new_asid(uint64_t old)
{
	uint64_t now = atomic_load_explicit(&generation, memory_order_relaxed);
	uint64_t number = old % ASIDS_MAX;
	if (old != 0) {
		/* Some CPU ran under it at the rollover: nobody else may have it, everybody must agree on it. */
		if (renew_reserved(old, now | number))
			return now | number;
		/* Its old number, if that is still free, keeps the number of flushes down. */
		if ((used[number / 64] >> (number % 64) & 1) == 0) {
			mark_used(number);
			return now | number;
		}
	}
	uint32_t n = find_free(next_asid);
	if (n == 0) {
		now = atomic_load_explicit(&generation, memory_order_relaxed) + GENERATION1;
		atomic_store_explicit(&generation, now, memory_order_relaxed);
		roll_over();
		n = find_free(next_asid);
		ASSERT(n != 0);
	}
	mark_used(n);
	next_asid = n + 1;
	return now | n;
}

static inline void
set_ttbr0(paddr_t root, uint64_t asid)
{
	__asm__ volatile("msr ttbr0_el1, %0\n\tisb" : : "r"(root | asid << 48) : "memory");
}

/* Gives the space an identifier of this generation and installs it. Interrupts masked. */
static __attribute__((noinline)) void
switch_slow(struct vm_space *space, uint32_t cpu)
{
	spin_lock(&asid_lock);
	uint64_t asid = atomic_load_explicit(&space->arch.asid, memory_order_relaxed);
	if (!is_current(asid)) {
		asid = new_asid(asid);
		atomic_store_explicit(&space->arch.asid, asid, memory_order_relaxed);
		/*
		 * Whoever flushes after changing an entry reads the identifier after its barrier. Either it reads
		 * this one, or the entry is changed before this CPU can walk to it: see tlb.c.
		 */
		__asm__ volatile("dsb ish" : : : "memory");
	}
	if (cpumask_test(&flush_pending, cpu)) {
		cpumask_clear(&flush_pending, cpu);
		__asm__ volatile("dsb nshst\n\ttlbi vmalle1\n\tdsb nsh\n\tisb" : : : "memory");
	}
	atomic_store_explicit(&asid_cpu[cpu].active, asid, memory_order_relaxed);
	spin_unlock(&asid_lock);
	set_ttbr0(space->arch.root, asid);
}

void
arch_space_switch(struct vm_space *space)
{
	if (space == NULL) {
		set_ttbr0(empty_table, 0);
		return;
	}
	uint32_t cpu = this_cpu()->id % CPUS_MAX;
	uint64_t asid = atomic_load_explicit(&space->arch.asid, memory_order_relaxed);
	uint64_t active = atomic_load_explicit(&asid_cpu[cpu].active, memory_order_relaxed);
	if (unlikely(active == 0 || !is_current(asid) ||
		    !atomic_compare_exchange_strong_explicit(&asid_cpu[cpu].active, &active, asid,
			    memory_order_relaxed, memory_order_relaxed))) {
		switch_slow(space, cpu);
		return;
	}
	set_ttbr0(space->arch.root, asid); /* the shift drops the generation */
}

void
mmu_init(void)
{
	if ((sysreg_read(id_aa64mmfr0_el1) >> MMFR0_ASIDBITS_SHIFT & 15) == MMFR0_ASIDBITS_16)
		nr_asids = ASIDS_MAX;
	mark_used(0);
	if (!page_alloc_table(&empty_table))
		panic("no memory for the empty page table");
	set_ttbr0(empty_table, 0);
	uaccess_init();
}
