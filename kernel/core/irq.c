/* SPDX-License-Identifier: MIT */
/*
 * Interrupt dispatch: a table of handlers by INTID. Entries are published before their interrupt is enabled and
 * withdrawn after it was disabled, so handlers are looked up without a lock; table_lock serialises changes.
 */
#define LOG_SOURCE "irq"
#include "core/irq.h"

#include "core/cpu.h"
#include "core/epoch.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "dev/rng/random.h"
#include "mm/slab.h"

struct irq_entry {
	irq_handler_fn *_Atomic fn; /* NULL: free */
	void *arg;
	const char *name;
	_Atomic uint64_t count;
	_Atomic uint32_t running; /* CPUs inside fn */
	uint32_t spurious;        /* times it came without a handler */
};

static const struct irq_chip *chip; /* [I] after boot */
static struct irq_entry *irq_table; /* [I] chip->count entries */
static struct spinlock table_lock = SPINLOCK_INIT("irq_table");

void
irq_init(const struct irq_chip *c)
{
	irq_table = kcalloc(c->count, sizeof(*irq_table));
	if (irq_table == NULL)
		panic("no memory for %u interrupts", c->count);
	chip = c;
	chip->init_cpu();
}

const struct irq_chip *
irq_chip(void)
{
	return chip;
}

int
irq_request(uint32_t intid, irq_handler_fn *fn, void *arg, uint32_t flags, const char *name)
{
	if (chip == NULL || intid >= chip->count)
		return -EINVAL;
	struct irq_entry *e = &irq_table[intid];
	uint64_t saved = spin_lock_irq_save(&table_lock);
	if (e->fn != NULL) {
		spin_unlock_irq_restore(&table_lock, saved);
		return -EBUSY;
	}
	e->arg = arg;
	e->name = name;
	atomic_store_explicit(&e->fn, fn, memory_order_release);
	chip->enable(intid, (flags & IRQ_EDGE) != 0);
	spin_unlock_irq_restore(&table_lock, saved);
	return 0;
}

void
irq_enable_private(uint32_t intid)
{
	ASSERT(intid < 32);
	uint64_t saved = spin_lock_irq_save(&table_lock);
	chip->enable(intid, false);
	spin_unlock_irq_restore(&table_lock, saved);
}

void
irq_release(uint32_t intid)
{
	struct irq_entry *e = &irq_table[intid];
	uint64_t saved = spin_lock_irq_save(&table_lock);
	chip->disable(intid);
	atomic_store_explicit(&e->fn, NULL, memory_order_seq_cst); /* pairs with handle_one() */
	spin_unlock_irq_restore(&table_lock, saved);
	while (atomic_load_explicit(&e->running, memory_order_seq_cst) != 0)
		arch_relax();
}

static void
handle_one(uint32_t intid)
{
	struct irq_entry *e = &irq_table[intid];
	/* Both in one order with irq_release(): it sees this CPU here, or its withdrawal is seen. */
	atomic_fetch_add_explicit(&e->running, 1, memory_order_seq_cst);
	irq_handler_fn *fn = atomic_load_explicit(&e->fn, memory_order_seq_cst);
	if (likely(fn != NULL)) {
		fn(e->arg);
	} else if (e->spurious++ == 0) {
		log_warn("interrupt without a handler: intid=%u", intid);
		chip->disable(intid);
	}
	atomic_fetch_sub_explicit(&e->running, 1, memory_order_release);
	atomic_fetch_add_explicit(&e->count, 1, memory_order_relaxed);
}

void
irq_handle(void)
{
	struct cpu *cpu = this_cpu();
	uint32_t intid;
	cpu->irq_depth++;
	if (cpu->irq_from_user)
		epoch_quiescent(cpu);
	while ((intid = chip->acknowledge()) != IRQ_NONE) {
		relaxed_add(&cpu->nr_irqs, 1);
		random_add_interrupt(intid);
		if (likely(intid < chip->count))
			handle_one(intid);
		chip->end(intid);
	}
	cpu->irq_depth--;
	if (atomic_load_explicit(&cpu->softirq_pending, memory_order_relaxed) != 0)
		softirq_irq_exit(cpu);
}

void
irq_for_each(irq_visit_fn *fn, void *ctx)
{
	for (uint32_t i = 0; chip != NULL && i < chip->count; i++) {
		struct irq_entry *e = &irq_table[i];
		if (atomic_load_explicit(&e->fn, memory_order_acquire) != NULL)
			fn(ctx, i, e->name, atomic_load_explicit(&e->count, memory_order_relaxed));
	}
}
