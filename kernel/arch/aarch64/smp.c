/* SPDX-License-Identifier: MIT */
/*
 * Bringing up the other CPUs: a struct cpu, an idle thread and a stack for each, then PSCI.
 *
 * A host may let a CPU wait for long. Whether it takes part is decided once, by secondary_start.claim: it arrives, or
 * the boot CPU gives it up. One that comes later touches nothing of what the others share and waits for ever; what was
 * allocated for it stays its own, so that it never finds its stack gone or somebody else on it.
 */
#define LOG_SOURCE "smp"
#include "arch/smp.h"

#include "arch/cache.h"
#include "arch/mmu.h"
#include "arch/time.h"
#include "base/cmdline.h"
#include "core/cpu.h"
#include "core/epoch.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/main.h"
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

/* How long a CPU may take to arrive, and one of which firmware says that it is on, or on its way. */
#define START_TIMEOUT    (10 * NSEC_PER_SEC)
#define START_TIMEOUT_ON (60 * NSEC_PER_SEC)

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

/* What secondary_entry needs, in memory where it reads it with the MMU off. NULL: out of memory. */
static struct secondary_start *
start_create(struct cpu *cpu)
{
	struct secondary_start *start = kzalloc(sizeof(*start));
	if (start == NULL)
		return NULL;
	*start = (struct secondary_start){
		.identity_table = boot_info.identity_table,
		.stack_top = (char *)cpu->idle->kstack + KSTACK_SIZE,
		.thread = cpu->idle,
		.offset = (uint64_t)kernel_start - boot_info.kernel_pa,
		.self = start,
		.claim = SECONDARY_AWAITED,
	};
	arch_cache_clean(start, sizeof(*start));
	return start;
}

static enum secondary_claim
claim_state(const struct secondary_start *start)
{
	return atomic_load_explicit(&start->claim, memory_order_acquire);
}

/* Decides for `claim` unless the other side has decided; whether it did. */
static bool
claim_set(struct secondary_start *start, enum secondary_claim claim)
{
	uint32_t expected = SECONDARY_AWAITED;
	return atomic_compare_exchange_strong_explicit(
		&start->claim, &expected, claim, memory_order_acq_rel, memory_order_acquire);
}

#ifdef SWOS_DEBUG
/* late-cpu=AFFINITY: that CPU is given up at once, and comes when it has been. */
static bool
is_made_late(const struct cpu *cpu)
{
	uint64_t hwid;
	return cmdline_get_number(kernel_cmdline(), "late-cpu", &hwid) == 0 && hwid == cpu->hwid;
}

static void
await_parking(const struct secondary_start *start, uint64_t hwid)
{
	nsec_t deadline = time_now() + START_TIMEOUT_ON;
	while (claim_state(start) != SECONDARY_PARKED && time_now() < deadline)
		arch_relax();
	if (claim_state(start) == SECONDARY_PARKED)
		log_info("the CPU that was made late is parked: affinity=%#llx",
			(unsigned long long)hwid);
}
#else
static bool
is_made_late(const struct cpu *cpu)
{
	return false;
}

static void
await_parking(const struct secondary_start *start, uint64_t hwid)
{
}
#endif

static bool
is_overdue(const struct cpu *cpu, nsec_t waited)
{
	if (is_made_late(cpu))
		return true;
	if (waited < START_TIMEOUT)
		return false;
	int state = psci_affinity_info(cpu->hwid);
	return (state != PSCI_AFFINITY_ON && state != PSCI_AFFINITY_ON_PENDING) ||
		waited >= START_TIMEOUT_ON;
}

/* Waits until the CPU runs its idle thread: 0, or -ETIMEDOUT when it has been given up. */
static int
await_cpu(struct cpu *cpu, struct secondary_start *start)
{
	nsec_t begin = time_now();
	/* One that has arrived needs no deadline: nothing but our own code is between it and its idle thread. */
	while (!atomic_load_explicit(&cpu->online, memory_order_acquire)) {
		if (claim_state(start) == SECONDARY_AWAITED &&
			is_overdue(cpu, time_now() - begin) && claim_set(start, SECONDARY_GIVEN_UP))
			return -ETIMEDOUT;
		arch_relax();
	}
	return 0;
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
	struct secondary_start *start = cpu == NULL ? NULL : start_create(cpu);
	if (start == NULL) {
		log_err("no memory for CPU %u", cpu_count);
		return 1;
	}
	/* Published before it runs: it must find itself; cpu_count admits it to everyone else. */
	cpus[cpu->id] = cpu;
	int err = psci_cpu_on(info->mpidr, kernel_image_pa(secondary_entry), virt_to_phys(start));
	if (err == 0)
		err = await_cpu(cpu, start);
	if (err != 0) {
		log_err("CPU %u did not start: affinity=%#llx err=%d", cpu->id,
			(unsigned long long)cpu->hwid, err);
		if (is_made_late(cpu))
			await_parking(start, cpu->hwid);
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

static NORETURN void
park(struct secondary_start *start)
{
	atomic_store_explicit(&start->claim, SECONDARY_PARKED, memory_order_release);
	for (;;)
		__asm__ volatile("wfi");
}

void
arch_secondary_entry(struct secondary_start *start)
{
	struct cpu *cpu = this_cpu();
	while (is_made_late(cpu) && claim_state(start) == SECONDARY_AWAITED)
		arch_relax();
	if (!claim_set(start, SECONDARY_ARRIVED))
		park(start);
	cpu_features_init_cpu();
	arch_space_switch(NULL);
	irq_chip()->init_cpu();
	arch_timer_init_cpu();
	atomic_store_explicit(&cpu->online, true, memory_order_release);
	sched_idle();
}
