/* SPDX-License-Identifier: MIT */
/* Inter-processor requests: one SGI, the reasons as bits in the target's ipi_pending. */
#include "arch/smp.h"
#include "core/cpu.h"
#include "core/irq.h"
#include "core/mutex.h"
#include "core/panic.h"
#include "core/sched.h"

struct cpu *cpus[CPUS_MAX];
uint32_t cpu_count;

static struct mutex call_lock;  /* one cpu_call_others() at a time */
static void (*call_fn)(void *); /* [call_lock] */
static void *call_arg;          /* [call_lock] */
static _Atomic uint32_t call_left;

void
cpu_send_ipi(struct cpu *cpu, uint32_t what)
{
	uint32_t old = atomic_fetch_or_explicit(&cpu->ipi_pending, what, memory_order_acq_rel);
	if ((old & what) != what)
		irq_chip()->send_sgi(cpu->id, SGI_IPI);
}

static void
ipi_handle(void *arg)
{
	uint32_t what = atomic_exchange_explicit(&this_cpu()->ipi_pending, 0, memory_order_acq_rel);
	if (what & IPI_STOP)
		arch_cpu_stop();
	if (what & IPI_CALL) {
		call_fn(call_arg);
		atomic_fetch_sub_explicit(&call_left, 1, memory_order_release);
	}
	if (what & IPI_RESCHEDULE)
		sched_ipi();
	/* IPI_SOFTIRQ: the end of this interrupt does it. */
}

void
cpu_call_others(void (*fn)(void *), void *arg)
{
	mutex_lock(&call_lock);
	call_fn = fn;
	call_arg = arg;
	uint32_t others = 0;
	for_each_cpu (i)
		others += cpus[i] != this_cpu() && atomic_load(&cpus[i]->online);
	atomic_store_explicit(&call_left, others, memory_order_release);
	struct cpu *self = this_cpu();
	for_each_cpu (i)
		if (cpus[i] != self && atomic_load(&cpus[i]->online))
			cpu_send_ipi(cpus[i], IPI_CALL);
	while (atomic_load_explicit(&call_left, memory_order_acquire) != 0)
		arch_relax();
	mutex_unlock(&call_lock);
}

void
cpu_stop_others(void)
{
	const struct cpu *self = this_cpu();
	if (irq_chip() == NULL)
		return;
	for_each_cpu (i)
		if (cpus[i] != self && atomic_load_explicit(&cpus[i]->online, memory_order_relaxed))
			cpu_send_ipi(cpus[i], IPI_STOP);
}

void
ipi_init(void)
{
	mutex_init(&call_lock, "cpu_call");
	int err = irq_request(SGI_IPI, ipi_handle, NULL, IRQ_EDGE, "ipi");
	ASSERT(err == 0);
}
