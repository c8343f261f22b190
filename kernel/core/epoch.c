/* SPDX-License-Identifier: MIT */
/*
 * Epoch reclamation. Grace periods are numbered; one runs at a time, from epoch_started to epoch_done. When one begins,
 * the CPUs that are awake are to report, each at its next quiescent point; the last ends it. Callbacks wait for the
 * first grace period that begins after they were handed in, since readers of before may be in one that runs already.
 *
 * A CPU's callbacks go through three lists: fresh ones, those that wait for grace period `wanted`, and those whose
 * readers are gone, which its softirq calls. Only the CPU itself touches its lists.
 *
 * Lock: epoch_lock, irq-safe, a leaf but for interrupts that it sends.
 */
#include "core/epoch.h"

#include "core/sched.h"
#include "core/softirq.h"
#include "core/wait.h"

#define CALLS_AT_ONCE 64u /* then other softirqs have their turn */

_Atomic uint64_t epoch_started; /* changes under epoch_lock */
static struct spinlock epoch_lock = SPINLOCK_INIT("epoch");
static uint64_t epoch_done;        /* [epoch_lock] */
static uint64_t epoch_wanted;      /* [epoch_lock] the last that anyone waits for */
static struct cpumask reports_due; /* [epoch_lock] */

/* Tells the CPUs whose callbacks waited for what has just ended. */
static void
announce_locked(void)
{
	for_each_cpu (i)
		if (cpus[i]->epoch.wanted != 0 && cpus[i]->epoch.wanted <= epoch_done)
			softirq_raise_on(cpus[i], SOFTIRQ_EPOCH);
}

/* Begins grace periods for as long as they are wanted and end at once because every CPU sleeps. */
static void
begin_locked(void)
{
	uint64_t started = atomic_load_explicit(&epoch_started, memory_order_relaxed);
	while (epoch_done == started && epoch_wanted > started) {
		started++;
		atomic_store_explicit(&epoch_started, started, memory_order_relaxed);
		arch_mb(); /* pairs with epoch_sleep() and epoch_awake() */
		for_each_cpu (i)
			if (atomic_load_explicit(&cpus[i]->online, memory_order_relaxed) &&
				!atomic_load_explicit(&cpus[i]->epoch.asleep, memory_order_acquire))
				cpumask_set(&reports_due, i);
		if (!cpumask_empty(&reports_due))
			return;
		epoch_done = started;
		announce_locked();
	}
}

void
epoch_report(struct cpu *cpu)
{
	spin_lock(&epoch_lock);
	cpu->epoch.seen = atomic_load_explicit(&epoch_started, memory_order_relaxed);
	if (cpumask_test(&reports_due, cpu->id)) {
		cpumask_clear(&reports_due, cpu->id);
		if (cpumask_empty(&reports_due)) {
			epoch_done = cpu->epoch.seen;
			announce_locked();
			begin_locked();
		}
	}
	spin_unlock(&epoch_lock);
}

/* Lets the fresh callbacks wait for the next grace period, if none wait yet. Interrupts masked. */
static void
advance_locked(struct epoch_cpu *e)
{
	e->wanted = 0;
	if (e->fresh == NULL)
		return;
	e->waiting = e->fresh;
	e->fresh = NULL;
	e->fresh_end = &e->fresh;
	e->wanted = atomic_load_explicit(&epoch_started, memory_order_relaxed) + 1;
	epoch_wanted = max(epoch_wanted, e->wanted);
	begin_locked();
}

void
epoch_call(struct epoch_head *head, epoch_fn *fn)
{
	head->fn = fn;
	head->next = NULL;
	uint64_t flags = arch_irq_save();
	struct epoch_cpu *e = &this_cpu()->epoch;
	*e->fresh_end = head;
	e->fresh_end = &head->next;
	if (e->waiting == NULL) {
		spin_lock(&epoch_lock);
		advance_locked(e);
		spin_unlock(&epoch_lock);
	}
	arch_irq_restore(flags);
}

/* Takes up to CALLS_AT_ONCE callbacks whose readers are gone; none: there are no more. */
static struct epoch_head *
take_done(void)
{
	uint64_t flags = arch_irq_save();
	struct epoch_cpu *e = &this_cpu()->epoch;
	spin_lock(&epoch_lock);
	if (e->done == NULL && e->waiting != NULL && e->wanted <= epoch_done) {
		e->done = e->waiting;
		e->waiting = NULL;
		advance_locked(e);
	}
	spin_unlock(&epoch_lock);
	struct epoch_head *first = e->done, **end = &e->done;
	for (uint32_t n = 0; *end != NULL && n < CALLS_AT_ONCE; n++)
		end = &(*end)->next;
	if (first != NULL) {
		struct epoch_head *rest = *end;
		*end = NULL;
		e->done = rest;
	}
	arch_irq_restore(flags);
	return first;
}

static void
call_done(void)
{
	struct epoch_head *next, *head = take_done();
	if (head == NULL)
		return;
	for (; head != NULL; head = next) {
		next = head->next;
		head->fn(head);
	}
	softirq_raise(SOFTIRQ_EPOCH);
}

struct synchronizer {
	struct epoch_head head;
	struct spinlock lock;
	bool over;             /* [lock] */
	struct thread *thread; /* [I] */
};

/* The lock is what keeps the sleeper, and so this record on its stack, until nothing here touches it any more. */
static void
readers_gone(struct epoch_head *head)
{
	struct synchronizer *s = container_of(head, struct synchronizer, head);
	uint64_t flags = spin_lock_irq_save(&s->lock);
	s->over = true;
	sched_wake(s->thread);
	spin_unlock_irq_restore(&s->lock, flags);
}

static bool
is_over(struct synchronizer *s)
{
	uint64_t flags = spin_lock_irq_save(&s->lock);
	bool over = s->over;
	spin_unlock_irq_restore(&s->lock, flags);
	return over;
}

void
epoch_synchronize(void)
{
	struct synchronizer s = {.thread = arch_current()};
	spin_init(&s.lock, "epoch_synchronize");
	epoch_call(&s.head, readers_gone);
	for (;;) {
		wait_prepare(WAIT_UNINTERRUPTIBLE);
		if (is_over(&s))
			break;
		(void)!wait_sleep(WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER);
	}
	wait_finish();
}

void
epoch_init(void)
{
	softirq_register(SOFTIRQ_EPOCH, call_done);
}

void
epoch_init_cpu(struct cpu *cpu)
{
	cpu->epoch.fresh_end = &cpu->epoch.fresh;
}
