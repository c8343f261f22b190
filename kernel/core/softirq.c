/* SPDX-License-Identifier: MIT */
/*
 * Deferred interrupt work.
 *
 * cpu->softirq_pending has a bit per softirq that is due; whoever sets one sees to it that the CPU looks: the end of
 * the interrupt or section that it is in, the function's own loop, softirqd, or, where nothing of that follows, an
 * interrupt that the CPU sends itself. So a bit that is set already needs nothing more.
 *
 * cpu->softirq_handed, bh_count and in_softirq belong to their CPU; handed changes with interrupts masked.
 */
#include "core/softirq.h"

#include "arch/thread.h"
#include "base/fmt.h"
#include "core/sched.h"
#include "core/timer.h"
#include "core/wait.h"
#include "mm/kmap.h"

/* What one interrupt may lead to before softirqd takes over. */
#define BUDGET_NS     (2 * NSEC_PER_MSEC)
#define BUDGET_ROUNDS 10u

static softirq_fn *handlers[SOFTIRQ_COUNT]; /* [I] after boot */

void
softirq_register(enum softirq nr, softirq_fn *fn)
{
	ASSERT(handlers[nr] == NULL);
	handlers[nr] = fn;
}

static uint32_t
pending(struct cpu *cpu)
{
	return atomic_load_explicit(&cpu->softirq_pending, memory_order_relaxed);
}

/* Whether pending work may be started here and now. */
static bool
may_start(const struct cpu *cpu)
{
	return cpu->irq_depth == 0 && cpu->bh_count == 0 && !cpu->in_softirq &&
		!cpu->softirq_handed;
}

/* Runs what is pending once, with interrupts enabled meanwhile; called and returns with them masked. now: the moment. */
static void
run_round(struct cpu *cpu, nsec_t now)
{
	uint32_t due = atomic_exchange_explicit(&cpu->softirq_pending, 0, memory_order_acquire);
	cpu->softirq_time = now;
	cpu->in_softirq = true;
	arch_irq_enable();
	for (; due != 0; due &= due - 1)
		handlers[__builtin_ctz(due)]();
	arch_irq_disable();
	cpu->in_softirq = false;
}

nsec_t
time_recent(void)
{
	struct cpu *cpu = this_cpu();
	return cpu->in_softirq ? cpu->softirq_time : time_now();
}

static void
hand_over(struct cpu *cpu)
{
	cpu->softirq_handed = true;
	sched_wake(cpu->softirqd);
}

void
softirq_run(void)
{
	struct cpu *cpu = this_cpu();
	nsec_t now = time_now(), end = now + BUDGET_NS;
	for (uint32_t rounds = 1;; rounds++) {
		run_round(cpu, now);
		if (pending(cpu) == 0)
			return;
		now = time_now();
		if (cpu->softirqd != NULL && (rounds == BUDGET_ROUNDS || now >= end)) {
			hand_over(cpu);
			return;
		}
	}
}

void
softirq_irq_exit(struct cpu *cpu)
{
	if (may_start(cpu))
		arch_run_softirqs(cpu->softirq_stack);
}

/* In a thread, as far as the CPU knows; with interrupts masked, the functions must wait for their end. */
static void
start_from_thread(struct cpu *cpu)
{
	if (arch_irq_disabled()) {
		if (may_start(cpu))
			cpu_send_ipi(cpu, IPI_SOFTIRQ);
		return;
	}
	arch_irq_disable();
	if (pending(cpu) != 0)
		softirq_irq_exit(cpu);
	arch_irq_enable();
}

void
softirq_bh_exit(struct cpu *cpu)
{
	start_from_thread(cpu);
}

void
softirq_raise(enum softirq nr)
{
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	atomic_fetch_or_explicit(&cpu->softirq_pending, 1u << nr, memory_order_release);
	bool start = may_start(cpu);
	arch_irq_restore(flags);
	if (start)
		start_from_thread(cpu);
}

void
softirq_raise_on(struct cpu *cpu, enum softirq nr)
{
	uint32_t bit = 1u << nr;
	if (cpu == this_cpu())
		softirq_raise(nr);
	else if (!(atomic_fetch_or_explicit(&cpu->softirq_pending, bit, memory_order_acq_rel) &
			 bit))
		cpu_send_ipi(cpu, IPI_SOFTIRQ);
}

bool
softirq_thread_round(struct cpu *cpu)
{
	arch_irq_disable();
	if (cpu->softirq_handed) {
		run_round(cpu, time_now());
		cpu->softirq_handed = pending(cpu) != 0;
	}
	bool more = cpu->softirq_handed;
	arch_irq_enable();
	return more;
}

static void
softirqd(void *arg)
{
	struct cpu *cpu = arg;
	struct cpumask mine = {0};
	cpumask_set(&mine, cpu->id);
	int err = sched_set_affinity(arch_current(), &mine);
	ASSERT(err == 0 && this_cpu() == cpu);
	cpu->softirqd = arch_current();
	for (;;) {
		while (softirq_thread_round(cpu))
			sched_point();
		wait_prepare(WAIT_UNINTERRUPTIBLE);
		if (!cpu->softirq_handed)
			(void)!wait_sleep(WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER);
		wait_finish();
	}
}

int
softirq_init_cpu(struct cpu *cpu)
{
	char *stack = kstack_alloc();
	if (stack == NULL)
		return -ENOMEM;
	cpu->softirq_stack = stack + KSTACK_SIZE;
	return 0;
}

void
softirq_start_threads(void)
{
	char name[16];
	for_each_cpu (i) {
		base_snprintf(name, sizeof(name), "softirqd/%u", i);
		if (kthread_start(name, softirqd, cpus[i]) == NULL)
			panic("no memory for %s", name);
	}
}
