/* SPDX-License-Identifier: MIT */
/*
 * The lock checker. Classes are names; follows[a] is the set of classes that were ever taken while a was the last one
 * held. Taking b with a held is wrong if a is reachable from b. Classes for which interrupts may wait (taken in an
 * interrupt, or reachable from such a class) must never be taken with interrupts enabled, nor those for which softirq
 * functions may wait where such functions may start.
 *
 * The sets only grow, so that what is known already is looked up without a lock; graph_lock, a bare flag taken with
 * interrupts masked, guards additions.
 */
#include "core/lockdep.h"

#ifdef SWOS_DEBUG

#include <string.h>

#include "core/cpu.h"
#include "core/panic.h"
#include "core/spinlock.h"

#define CLASSES   256
#define WORDS     (CLASSES / 64)
#define HASH_SIZE 1024u /* places for pointers to names; the same name may have several */
#define NO_CLASS  UINT32_MAX

struct class_set {
	_Atomic uint64_t w[WORDS];
};

struct name_entry {
	const char *_Atomic name;
	uint32_t class; /* written before name */
};

static _Atomic uint32_t graph_lock;
static const char *class_name[CLASSES];      /* [graph_lock] set once */
static uint32_t class_count;                 /* [graph_lock] */
static struct name_entry by_name[HASH_SIZE]; /* [graph_lock to change] */
static struct class_set follows[CLASSES];    /* [graph_lock to change] */

/* What may run on top of a lock's holder, on its CPU. */
enum guest { INTERRUPT, SOFTIRQ, GUESTS };

static struct class_set waits[GUESTS]; /* [graph_lock to change] for which such a guest may wait */
static struct class_set open[GUESTS];  /* [graph_lock to change] taken where it might come */
static const char *const guest_name[GUESTS] = {"interrupts", "softirqs"};

static bool
set_has(const struct class_set *s, uint32_t c)
{
	uint64_t w = atomic_load_explicit((_Atomic uint64_t *)&s->w[c / 64], memory_order_relaxed);
	return w >> c % 64 & 1;
}

static void
set_add(struct class_set *s, uint32_t c)
{
	atomic_fetch_or_explicit(&s->w[c / 64], 1ULL << c % 64, memory_order_relaxed);
}

static void
lock_graph(void)
{
	while (atomic_exchange_explicit(&graph_lock, 1, memory_order_acquire) != 0)
		arch_relax();
}

static void
unlock_graph(void)
{
	atomic_store_explicit(&graph_lock, 0, memory_order_release);
}

static struct name_entry *
name_slot(const char *name)
{
	uint32_t i = (uint32_t)(((uint64_t)name * 0x9e3779b97f4a7c15ULL) >> 48);
	for (uint32_t n = 0; n < HASH_SIZE; n++) {
		struct name_entry *e = &by_name[(i + n) % HASH_SIZE];
		const char *seen = atomic_load_explicit(&e->name, memory_order_acquire);
		if (seen == name || seen == NULL)
			return e;
	}
	return NULL;
}

static uint32_t
add_name(const char *name)
{
	uint32_t c = 0;
	lock_graph();
	struct name_entry *e = name_slot(name);
	while (c < class_count && strcmp(class_name[c], name) != 0)
		c++;
	if (e == NULL || c == CLASSES) {
		c = NO_CLASS; /* too many to watch them all */
	} else if (e->name == NULL) {
		if (c == class_count)
			class_name[class_count++] = name;
		e->class = c;
		atomic_store_explicit(&e->name, name, memory_order_release);
	}
	unlock_graph();
	return c;
}

static uint32_t
class_of(const char *name)
{
	const struct name_entry *e = name_slot(name);
	return e != NULL && e->name == name ? e->class : add_name(name);
}

/* What the walks below have still to look at: classes that were seen, in the order in which they were. */
struct walk {
	struct class_set seen;
	uint32_t queue[CLASSES];
	uint32_t head, tail;
};

static void
walk_add(struct walk *w, uint32_t c)
{
	if (set_has(&w->seen, c))
		return;
	set_add(&w->seen, c);
	w->queue[w->tail++] = c;
}

/* Visits what is reachable from a class, itself included. NO_CLASS at the end. */
static uint32_t
walk_next(struct walk *w)
{
	if (w->head == w->tail)
		return NO_CLASS;
	uint32_t c = w->queue[w->head++];
	for (uint32_t next = 0; next < class_count; next++)
		if (set_has(&follows[c], next))
			walk_add(w, next);
	return c;
}

static struct walk walk; /* [graph_lock] */

static void
walk_begin(uint32_t from)
{
	walk = (struct walk){0};
	walk_add(&walk, from);
}

static bool
reaches(uint32_t from, uint32_t to)
{
	uint32_t c;
	walk_begin(from);
	while ((c = walk_next(&walk)) != NO_CLASS)
		if (c == to)
			return true;
	return false;
}

/* Marks what a guest may wait for from a class on. Returns one that is taken where it might come, if any. */
static uint32_t
spread_waits(enum guest g, uint32_t from)
{
	uint32_t c, bad = NO_CLASS;
	walk_begin(from);
	while ((c = walk_next(&walk)) != NO_CLASS) {
		set_add(&waits[g], c);
		if (set_has(&open[g], c))
			bad = c;
	}
	return bad;
}

static void
report_guest(enum guest g, uint32_t c)
{
	if (c != NO_CLASS)
		panic("lock order: %s is taken with %s enabled, and %s may wait for it",
			class_name[c], guest_name[g], guest_name[g]);
}

static void
learn_order(uint32_t before, uint32_t c)
{
	uint32_t bad[GUESTS] = {NO_CLASS, NO_CLASS};
	lock_graph();
	bool reversed = reaches(c, before);
	set_add(&follows[before], c);
	for (enum guest g = 0; g < GUESTS && !reversed; g++)
		if (set_has(&waits[g], before))
			bad[g] = spread_waits(g, c);
	unlock_graph();
	if (reversed)
		panic("lock order: %s is taken with %s held, and elsewhere it was the other way "
		      "round",
			class_name[c], class_name[before]);
	for (enum guest g = 0; g < GUESTS; g++)
		report_guest(g, bad[g]);
}

/* inside: such a guest is running; enabled: one might come while the lock is held. */
static void
check_guest(enum guest g, uint32_t c, bool inside, bool enabled)
{
	uint32_t bad = NO_CLASS;
	if (inside && !set_has(&waits[g], c)) {
		lock_graph();
		bad = spread_waits(g, c);
		unlock_graph();
	}
	if (enabled && !set_has(&open[g], c)) {
		lock_graph();
		set_add(&open[g], c);
		if (set_has(&waits[g], c))
			bad = c;
		unlock_graph();
	}
	report_guest(g, bad);
}

static void
check_guests(uint32_t c, bool enabled)
{
	const struct cpu *cpu = this_cpu();
	bool in_interrupt = cpu->irq_depth > 0, inside = cpu->in_softirq && !in_interrupt;
	check_guest(INTERRUPT, c, in_interrupt, enabled);
	check_guest(SOFTIRQ, c, inside,
		enabled && cpu->bh_count == 0 && !cpu->in_softirq && !in_interrupt);
}

static bool
is_nested(const char *name)
{
	size_t len = strlen(name), suffix = sizeof(LOCKDEP_NESTED) - 1;
	return len >= suffix && strcmp(name + len - suffix, LOCKDEP_NESTED) == 0;
}

static void
check_order(const struct thread *self, const void *lock, uint32_t c)
{
	const struct lockdep_held *top = &self->held[self->spin_depth - 1];
	for (const struct lockdep_held *h = self->held; h <= top; h++)
		if (h->lock == lock)
			panic("lock order: %s is taken twice", class_name[c]);
	if (top->class == c) {
		if ((uint64_t)lock < (uint64_t)top->lock && !is_nested(class_name[c]))
			panic("lock order: two %s locks in descending order of address",
				class_name[c]);
	} else if (!set_has(&follows[top->class], c)) {
		learn_order(top->class, c);
	}
}

/* Whether locks of this name are watched at all. */
static bool
is_watched(const char *name)
{
	return name != NULL && !panicking && arch_current() != NULL &&
		strcmp(name, "run_queue") != 0;
}

static void
hold(struct thread *self, const void *lock, uint32_t c)
{
	if (self->spin_depth == LOCKDEP_HELD_MAX)
		panic("lock order: more than %d locks are held", LOCKDEP_HELD_MAX);
	self->held[self->spin_depth++] = (struct lockdep_held){lock, c};
}

void
lockdep_acquire(const void *lock, const char *name)
{
	if (!is_watched(name))
		return;
	bool enabled = !arch_irq_disabled();
	uint64_t flags = arch_irq_save();
	struct thread *self = arch_current();
	uint32_t c = class_of(name);
	if (c != NO_CLASS) {
		if (self->cpu != NULL)
			check_guests(c, enabled);
		if (self->spin_depth > 0)
			check_order(self, lock, c);
		hold(self, lock, c);
	}
	arch_irq_restore(flags);
}

void
lockdep_acquire_try(const void *lock, const char *name)
{
	if (!is_watched(name))
		return;
	uint64_t flags = arch_irq_save();
	uint32_t c = class_of(name);
	if (c != NO_CLASS)
		hold(arch_current(), lock, c);
	arch_irq_restore(flags);
}

/* Locks that are not watched are not found, and that is all right. */
void
lockdep_release(const void *lock)
{
	struct thread *self = arch_current();
	if (panicking || self == NULL)
		return;
	uint64_t flags = arch_irq_save();
	int32_t i = self->spin_depth - 1;
	while (i >= 0 && self->held[i].lock != lock)
		i--;
	if (i >= 0) {
		self->spin_depth--;
		for (; i < self->spin_depth; i++)
			self->held[i] = self->held[i + 1];
	}
	arch_irq_restore(flags);
}

void
lockdep_check_sleep(void)
{
	const struct thread *self = arch_current();
	if (panicking || self == NULL)
		return;
	if (self->spin_depth > 0)
		panic("lock order: sleeping with %s held",
			class_name[self->held[self->spin_depth - 1].class]);
	if (self->cpu == NULL)
		return;
	const struct cpu *cpu = this_cpu();
	if (cpu->irq_depth > 0)
		panic("sleeping in an interrupt");
	if (cpu->in_softirq || cpu->bh_count > 0)
		panic("sleeping in a softirq, or with softirqs disabled");
	if (cpu->epoch.depth > 0)
		panic("sleeping as a reader of an epoch");
}

#endif
