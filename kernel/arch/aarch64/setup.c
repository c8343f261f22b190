/* SPDX-License-Identifier: MIT */
/*
 * From the kernel's own address to kernel_main(): the boot CPU's structures, the device tree, memory.
 */
#define LOG_SOURCE "boot"
#include "arch/smp.h"
#include "arch/mmu.h"
#include "arch/time.h"
#include "core/cpu.h"
#include "core/epoch.h"
#include "core/log.h"
#include "core/main.h"
#include "core/panic.h"
#include "core/panic_count.h"
#include "core/sched.h"
#include "core/timer.h"
#include "mm/page.h"

#include <aarch64/boot.h>
#include <aarch64/features.h>
#include <aarch64/sysregs.h>

#define FDT_MAX        MIB(2)
#define RESERVED_MAX   128
#define MPIDR_AFFINITY 0xff00ffffffULL

struct thread boot_thread;
static struct cpu boot_cpu;
static char boot_overflow_stack[4096] __attribute__((aligned(16)));
static struct platform platform;

struct reserved_list {
	struct phys_range range[RESERVED_MAX];
	size_t n;
};

static void
reserve(struct reserved_list *list, paddr_t start, uint64_t size)
{
	if (size == 0)
		return;
	if (list->n == RESERVED_MAX)
		panic("more than %d reserved ranges of memory", RESERVED_MAX);
	list->range[list->n++] = (struct phys_range){start, start + size};
}

static int
add_reserved(void *context, const struct platform_reserved *r)
{
	reserve(context, r->range.base, r->range.size);
	return 0;
}

/* The panic count's page: the last page of the first range of RAM that nothing else claims. */
static paddr_t
find_panic_page(const struct reserved_list *list)
{
	if (boot_info.nram == 0)
		return 0;
	paddr_t page = boot_info.ram[0].base + boot_info.ram[0].size - PAGE_SIZE;
	for (size_t i = 0; i < list->n;) {
		const struct phys_range *r = &list->range[i++];
		if (page < r->end && page + PAGE_SIZE > r->start) {
			page = round_down(r->start, PAGE_SIZE) - PAGE_SIZE;
			i = 0;
		}
	}
	return page >= boot_info.ram[0].base ? page : 0;
}

static void
memory_init(paddr_t fdt)
{
	static struct reserved_list reserved; /* too large for the stack */
	static struct phys_range ram[ARRAY_SIZE(boot_info.ram)];
	reserve(&reserved, boot_info.kernel_pa, (uint64_t)(kernel_end - kernel_start));
	reserve(&reserved, fdt, platform.fdt.total_size);
	reserve(&reserved, platform.initrd.base, platform.initrd.size);
	platform_each_reserved(&platform, add_reserved, &reserved);
	paddr_t panic_page = find_panic_page(&reserved);
	if (panic_page != 0)
		reserve(&reserved, panic_page, PAGE_SIZE);
	panic_count_init(panic_page != 0 ? phys_to_virt(panic_page) : NULL);
	for (uint32_t i = 0; i < boot_info.nram; i++)
		ram[i] = (struct phys_range){
			boot_info.ram[i].base, boot_info.ram[i].base + boot_info.ram[i].size};
	page_init(ram, boot_info.nram, reserved.range, reserved.n);
	if (boot_info.dropped_ranges != 0)
		log_warn("RAM in too many pieces: ranges unused=%u", boot_info.dropped_ranges);
}

static void
boot_cpu_init(void)
{
	boot_cpu.current = boot_cpu.idle = &boot_thread;
	boot_cpu.overflow_stack = boot_overflow_stack + sizeof(boot_overflow_stack);
	boot_cpu.hwid = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;
	boot_cpu.online = true;
	boot_thread.cpu = &boot_cpu;
	boot_thread.kstack = boot_stack;
	sched_thread_init(&boot_thread);
	cpus[0] = &boot_cpu;
	cpu_count = 1;
	sched_init_cpu(&boot_cpu);
	timer_init_cpu(&boot_cpu);
	epoch_init_cpu(&boot_cpu);
}

void
arch_boot_entry(paddr_t fdt)
{
	boot_cpu_init();
	cpu_features_init();
	int err = platform_from_fdt(phys_to_virt(fdt), FDT_MAX, &platform);
	arch_time_init(&platform.timer);
	arch_power_init(&platform);
	if (err != 0)
		panic("no usable device tree at %#llx (%d): swos needs one in x0",
			(unsigned long long)fdt, err);
	memory_init(fdt);
	mmu_init();
	kernel_main(&platform);
}
