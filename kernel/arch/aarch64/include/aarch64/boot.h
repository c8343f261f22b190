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

/* What secondary_entry finds through its physical address. */
struct secondary_start {
	paddr_t identity_table;
	void *stack_top;
	struct thread *thread;
	uint64_t offset; /* virtual minus physical address of the image */
};

void secondary_main(void) NORETURN;
void arch_boot_entry(paddr_t fdt) NORETURN;
void arch_secondary_entry(void) NORETURN;

#endif
