/* SPDX-License-Identifier: MIT */
/* Bringing up the other CPUs: a struct cpu, an idle thread and a stack for each, then PSCI. */
#define LOG_SOURCE "smp"
#include "arch/smp.h"

#include "arch/cache.h"
#include "arch/mmu.h"
#include "arch/time.h"
#include "core/cpu.h"
#include "core/epoch.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/timerwheel.h"
#include "dev/rng/random.h"
#include "fdt/platform.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "psci.h"

#include <aarch64/boot.h>
#include <aarch64/features.h>
#include <aarch64/sysregs.h>

#define MPIDR_AFFINITY 0xff00ffffffULL
#define START_TIMEOUT  NSEC_PER_SEC

/* Read by secondary_entry with the MMU off: cleaned to memory before the CPU starts. */
static struct secondary_start secondary_start __attribute__((aligned(64)));

void
arch_power_init(const struct platform *platform)
{
	psci_init(&platform->psci);
}

void
arch_system_off(void)
{
	psci_system_off();
}

void
arch_system_reset(void)
{
	psci_system_reset();
}

void
arch_cpu_stop(void)
{
	arch_irq_disable();
	atomic_store(&this_cpu()->online, false);
	for (;;)
		__asm__ volatile("wfi");
}

/* A CPU that the tables name, with all that it needs to run its idle thread. NULL: out of memory. */
static struct cpu *
cpu_create(uint64_t hwid)
{
	struct cpu *cpu = kzalloc(sizeof(*cpu));
	struct thread *idle = kzalloc(sizeof(*idle));
	char *stack = kstack_alloc();
	struct page *overflow = page_alloc(0, 0, PAGE_KERNEL);
	if (cpu != NULL)
		cpu->id = cpu_count;
	if (cpu == NULL || idle == NULL || stack == NULL || overflow == NULL ||
		wheel_init_cpu(cpu) != 0 || softirq_init_cpu(cpu) != 0) {
		if (overflow != NULL)
			page_free(overflow, 0);
		kstack_free(stack);
		kfree(idle);
		if (cpu != NULL)
			kfree(cpu->wheel);
		kfree(cpu);
		return NULL;
	}
	cpu->hwid = hwid;
	cpu->idle = cpu->current = idle;
	cpu->overflow_stack = (char *)page_to_virt(overflow) + PAGE_SIZE;
	idle->kstack = stack;
	idle->cpu = cpu;
	idle->state = THREAD_RUNNING;
	sched_thread_init(idle);
	random_fill(&idle->arch.kernel_key, sizeof(idle->arch.kernel_key));
	sched_init_cpu(cpu);
	timer_init_cpu(cpu);
	epoch_init_cpu(cpu);
	return cpu;
}

static int
start_cpu(void *context, const struct platform_cpu *info)
{
	if (info->mpidr == cpus[0]->hwid)
		return 0;
	if (cpu_count == CPUS_MAX) {
		log_warn("more CPUs than swos supports: max=%u", CPUS_MAX);
		return 1;
	}
	struct cpu *cpu = cpu_create(info->mpidr);
	if (cpu == NULL) {
		log_err("no memory for CPU %u", cpu_count);
		return 1;
	}
	secondary_start = (struct secondary_start){
		.identity_table = boot_info.identity_table,
		.stack_top = (char *)cpu->idle->kstack + KSTACK_SIZE,
		.thread = cpu->idle,
		.offset = (uint64_t)kernel_start - boot_info.kernel_pa,
	};
	arch_cache_clean(&secondary_start, sizeof(secondary_start));
	/* Published before it runs: it must find itself; cpu_count admits it to everyone else. */
	cpus[cpu->id] = cpu;
	int err = psci_cpu_on(
		info->mpidr, kernel_image_pa(secondary_entry), kernel_image_pa(&secondary_start));
	nsec_t deadline = time_now() + START_TIMEOUT;
	while (err == 0 && !atomic_load_explicit(&cpu->online, memory_order_acquire))
		if (time_now() > deadline)
			err = -ETIMEDOUT;
	if (err != 0) {
		/* Its memory stays: it may yet come up and find its stack gone. */
		log_err("CPU %u did not start: affinity=%#llx err=%d", cpu->id,
			(unsigned long long)cpu->hwid, err);
		return 0;
	}
	cpu_count++;
	return 0;
}

void
arch_start_cpus(const struct platform *platform)
{
	platform_each_cpu(platform, start_cpu, NULL);
	if (cpu_count > 1)
		log_info("%u CPUs", cpu_count);
}

void
arch_secondary_entry(void)
{
	struct cpu *cpu = this_cpu();
	cpu_features_init_cpu();
	arch_space_switch(NULL);
	irq_chip()->init_cpu();
	arch_timer_init_cpu();
	atomic_store_explicit(&cpu->online, true, memory_order_release);
	sched_idle();
}
