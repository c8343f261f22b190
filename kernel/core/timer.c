/* SPDX-License-Identifier: MIT */
/*
 * Timers: a tree per CPU ordered by deadline; the hardware is programmed for the first.
 *
 * cpu->timer_lock, irq-safe, guards a CPU's tree and the queued state of the timers in it. It is inner to run-queue
 * locks; functions run without it.
 */
#include "core/timer.h"

#include "arch/time.h"
#include "core/cpu.h"
#include "core/sched.h"

static struct timer *
timer_of_node(struct rb_node *n)
{
	return container_of(n, struct timer, node);
}

static void
tree_insert(struct cpu *cpu, struct timer *t)
{
	struct rb_node **link = &cpu->timers.node, *parent = NULL;
	while (*link != NULL) {
		parent = *link;
		link = t->deadline < timer_of_node(parent)->deadline ? &parent->left
								     : &parent->right;
	}
	rb_link(&t->node, parent, link);
	rb_insert(&cpu->timers, &t->node, NULL);
	if (cpu->timer_first == NULL || t->deadline < cpu->timer_first->deadline)
		cpu->timer_first = t;
}

static void
tree_remove(struct cpu *cpu, struct timer *t)
{
	if (cpu->timer_first == t) {
		struct rb_node *next = rb_next(&t->node);
		cpu->timer_first = next == NULL ? NULL : timer_of_node(next);
	}
	rb_erase(&cpu->timers, &t->node, NULL);
	atomic_store_explicit(&t->cpu, NULL, memory_order_release);
}

/* Sets this CPU's hardware for its first timer. Its lock is held. */
static void
program(struct cpu *cpu)
{
	if (cpu->timer_first == NULL)
		arch_timer_stop();
	else
		arch_timer_set(cpu->timer_first->deadline);
}

/* Locks the CPU that a timer, which is in no tree, is to be queued on. Interrupts masked. */
static struct cpu *
lock_target(struct timer *t) NO_LOCK_ANALYSIS
{
	for (;;) {
		struct cpu *runs_on = atomic_load_explicit(&t->runs_on, memory_order_acquire);
		struct cpu *cpu = runs_on != NULL ? runs_on : this_cpu();
		spin_lock(&cpu->timer_lock);
		if (runs_on == NULL ||
			atomic_load_explicit(&t->runs_on, memory_order_relaxed) == runs_on)
			return cpu;
		spin_unlock(&cpu->timer_lock);
	}
}

void
timer_start(struct timer *t, nsec_t deadline) NO_LOCK_ANALYSIS
{
	timer_cancel(t);
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = lock_target(t);
	t->deadline = deadline;
	atomic_store_explicit(&t->cpu, cpu, memory_order_relaxed);
	tree_insert(cpu, t);
	if (cpu->timer_first == t && cpu == this_cpu())
		program(cpu); /* another CPU is in its interrupt, and looks at its first timer yet */
	spin_unlock(&cpu->timer_lock);
	arch_irq_restore(flags);
}

bool
timer_cancel(struct timer *t) NO_LOCK_ANALYSIS
{
	for (;;) {
		struct cpu *cpu = atomic_load_explicit(&t->cpu, memory_order_acquire);
		if (cpu == NULL)
			return false;
		uint64_t flags = spin_lock_irq_save(&cpu->timer_lock);
		bool here = atomic_load_explicit(&t->cpu, memory_order_relaxed) == cpu;
		if (here)
			tree_remove(cpu, t); /* its interrupt, if it was first, finds nothing due */
		spin_unlock_irq_restore(&cpu->timer_lock, flags);
		if (here)
			return true;
	}
}

bool
timer_cancel_sync(struct timer *t)
{
	bool was_queued = false;
	do {
		was_queued |= timer_cancel(t);
		while (atomic_load_explicit(&t->runs_on, memory_order_acquire) != NULL)
			arch_relax();
	} while (atomic_load_explicit(&t->cpu, memory_order_acquire) != NULL);
	return was_queued;
}

void
timer_interrupt(void)
{
	struct cpu *cpu = this_cpu();
	spin_lock(&cpu->timer_lock);
	nsec_t now = time_now();
	struct timer *t;
	while ((t = cpu->timer_first) != NULL && t->deadline <= now) {
		/* Set before the timer looks idle, so that timer_cancel_sync() sees one or the other. */
		atomic_store_explicit(&t->runs_on, cpu, memory_order_relaxed);
		tree_remove(cpu, t);
		spin_unlock(&cpu->timer_lock);
		t->fn(t);
		spin_lock(&cpu->timer_lock);
		atomic_store_explicit(&t->runs_on, NULL, memory_order_release);
		now = time_now();
	}
	program(cpu);
	spin_unlock(&cpu->timer_lock);
}

void
timer_init_cpu(struct cpu *cpu)
{
	spin_init(&cpu->timer_lock, "timer");
	cpu->timers.node = NULL;
	cpu->timer_first = NULL;
}
