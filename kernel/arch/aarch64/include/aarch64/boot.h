/* SPDX-License-Identifier: MIT */
/* What boot code shares: section symbols, the boot thread, the hand-over to secondary CPUs. */
#ifndef AARCH64_BOOT_H
#define AARCH64_BOOT_H

#include "core/types.h"
#include "fdt/platform.h"

extern char kernel_start[], kernel_end[], text_end[], rodata_start[], rodata_end[],
	ro_after_init_start[], ro_after_init_end[], data_start[], file_end[], bss_start[],
	bss_end[], boot_stack[], boot_stack_top[];
extern char secondary_entry[], vectors[];

extern struct thread boot_thread;

/* Written by boot_map_kernel(), read by arch_boot_entry() at the kernel's own address. */
struct boot_info {
	paddr_t kernel_pa; /* of kernel_start */
	paddr_t identity_table; /* physical address of the identity map's root, kept for secondary CPUs */
	uint64_t slide;         /* KASLR: distance from KIMAGE_BASE */
	uint32_t dropped_ranges; /* RAM ranges that the boot tables had no room for */
	uint32_t nram;
	struct platform_range ram[64]; /* what the linear map holds, page aligned, sorted */
};
extern struct boot_info boot_info;

/* The early console's registers, at a fixed address from the first C instruction on. */
#define EARLY_UART_VA 0xffffb00000000000ULL
#define EARLY_UART_PA 0x09000000ULL /* QEMU's virt machine; replaced by what the tables say */

static inline paddr_t
kernel_image_pa(const void *va)
{
	return (paddr_t)((const char *)va - kernel_start) + boot_info.kernel_pa;
}

/* Who decided whether a CPU takes part: it, by arriving, or the boot CPU, by giving it up. */
enum secondary_claim {
	SECONDARY_AWAITED,
	SECONDARY_ARRIVED,
	SECONDARY_GIVEN_UP,
	SECONDARY_PARKED, /* given up, came, and waits for ever */
};

/* What secondary_entry finds through its physical address: one for each CPU, as it may come at any later time. */
struct secondary_start {
	paddr_t identity_table;       /* [I] */
	void *stack_top;              /* [I] */
	struct thread *thread;        /* [I] */
	uint64_t offset;              /* [I] virtual minus physical address of the image */
	struct secondary_start *self; /* [I] its virtual address */
	_Atomic uint32_t claim;       /* leaves SECONDARY_AWAITED once, by compare and exchange */
};

/* head.S knows these. */
_Static_assert(offsetof(struct secondary_start, stack_top) == 8 &&
		offsetof(struct secondary_start, thread) == 16 &&
		offsetof(struct secondary_start, offset) == 24 &&
		offsetof(struct secondary_start, self) == 32,
	"secondary_entry reads it");

void arch_boot_entry(paddr_t fdt) NORETURN;
void arch_secondary_entry(struct secondary_start *start) NORETURN;

#endif
