/* SPDX-License-Identifier: MIT */
/*
 * Timer wheels. A wheel is LEVELS rings of SLOTS lists. Level l's slots are 8^l ms wide; a timer goes into the first
 * level whose ring reaches its deadline, into the slot that begins at or after it, and stays there: nothing is ever
 * moved down, at the price of lateness in proportion to the time asked for. `clock` is the first millisecond that is
 * not yet done. A slot of level l is due when the clock reaches its beginning, which is a multiple of 8^l; its ring's
 * slots then lie within the next SLOTS - 1, so that none stands for two times.
 *
 * A bitmap per level says which slots have timers: the next time to do anything takes LEVELS looks. One exact timer
 * (core/timer.h) is set for it, and is left alone when the timer that wanted it is cancelled.
 *
 * Lock: wheel->lock, taken with softirqs off; cpu->timer_lock inside. Functions run without it.
 */
#include "core/timerwheel.h"

#include "core/cpu.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "mm/slab.h"

#define LEVELS      7u
#define LEVEL_SHIFT 3u
#define SLOTS       64u
#define REACH       (SLOTS - 2) /* a deadline between two of a level's slots goes into the later one */
#define NEVER       UINT64_MAX
#define RUN_AT_ONCE 256u /* functions, then other softirqs have their turn */

struct timer_wheel {
	struct spinlock lock;
	uint32_t cpu;          /* [I] */
	uint64_t clock;        /* [lock] */
	uint64_t armed;        /* [lock] the millisecond that `tick` is set for; NEVER */
	uint64_t used[LEVELS]; /* [lock] a bit per slot with timers */
	struct wheel_timer *_Atomic running; /* [lock to set] whose function is being run */
	struct wheel_timer *expired[LEVELS]; /* [lock] taken out of their slots, to be run */
	struct timer tick;
	struct wheel_timer *slot[LEVELS][SLOTS]; /* [lock] */
};

static uint64_t
width_shift(uint32_t level)
{
	return (uint64_t)level * LEVEL_SHIFT;
}

/* The first millisecond, from the clock on, at which a slot with timers is due; NEVER: there is none. */
static uint64_t
next_due(const struct timer_wheel *w)
{
	uint64_t first = NEVER;
	for (uint32_t level = 0; level < LEVELS; level++) {
		uint64_t used = w->used[level], shift = width_shift(level);
		if (used == 0)
			continue;
		uint64_t from = (w->clock + (1ULL << shift) - 1) >> shift;
		uint32_t turn = from % SLOTS;
		uint64_t turned = turn == 0 ? used : used >> turn | used << (SLOTS - turn);
		first = min(first, (from + (uint64_t)__builtin_ctzll(turned)) << shift);
	}
	return first;
}

/* Sets the exact timer if something is due before what it is set for. */
static void
arm(struct timer_wheel *w, uint64_t due)
{
	if (due >= w->armed)
		return;
	w->armed = due;
	timer_start(&w->tick, due * NSEC_PER_MSEC);
}

static void
insert(struct timer_wheel *w, struct wheel_timer *t, uint64_t expires)
{
	uint32_t level = 0;
	expires = max(expires, w->clock);
	while (level < LEVELS - 1 && expires - w->clock >= (uint64_t)REACH << width_shift(level))
		level++;
	uint64_t shift = width_shift(level);
	uint64_t at = (min(expires, w->clock + ((uint64_t)REACH << shift)) + (1ULL << shift) - 1) >>
		shift;
	uint32_t slot = at % SLOTS;
	struct wheel_timer **list = &w->slot[level][slot];
	t->bucket = (uint16_t)(level * SLOTS + slot);
	t->next = *list;
	t->link = list;
	if (t->next != NULL)
		t->next->link = &t->next;
	*list = t;
	w->used[level] |= 1ULL << slot;
	atomic_store_explicit(&t->cpu, (uint16_t)(w->cpu + 1), memory_order_relaxed);
	arm(w, at << shift);
}

static void
take_out(struct timer_wheel *w, struct wheel_timer *t)
{
	uint32_t level = t->bucket / SLOTS, slot = t->bucket % SLOTS;
	*t->link = t->next;
	if (t->next != NULL)
		t->next->link = t->link;
	if (w->slot[level][slot] == NULL)
		w->used[level] &= ~(1ULL << slot);
	atomic_store_explicit(&t->cpu, 0, memory_order_release);
}

/* Nothing is due between the clock and the next slot with timers: what is asked for is reckoned from now. */
static void
catch_up(struct timer_wheel *w, uint64_t now)
{
	if (now > w->clock)
		w->clock = min(now, next_due(w));
}

void
wheel_start(struct wheel_timer *t, nsec_t deadline)
{
	wheel_cancel(t);
	bh_disable();
	struct timer_wheel *w = this_cpu()->wheel;
	uint64_t ms = deadline / NSEC_PER_MSEC + (deadline % NSEC_PER_MSEC != 0);
	spin_lock(&w->lock);
	catch_up(w, time_recent() / NSEC_PER_MSEC);
	ms = min(ms, w->clock + INT32_MAX);
	t->expires = (uint32_t)ms;
	insert(w, t, ms);
	spin_unlock(&w->lock);
	bh_enable();
}

bool
wheel_cancel(struct wheel_timer *t)
{
	for (;;) {
		uint16_t cpu = atomic_load_explicit(&t->cpu, memory_order_acquire);
		if (cpu == 0)
			return false;
		struct timer_wheel *w = cpus[cpu - 1]->wheel;
		spin_lock_bh(&w->lock);
		bool here = atomic_load_explicit(&t->cpu, memory_order_relaxed) == cpu;
		if (here)
			take_out(w, t);
		spin_unlock_bh(&w->lock);
		if (here)
			return true;
	}
}

static bool
is_running(const struct wheel_timer *t)
{
	for_each_cpu (i)
		if (atomic_load_explicit(&cpus[i]->wheel->running, memory_order_acquire) == t)
			return true;
	return false;
}

bool
wheel_cancel_sync(struct wheel_timer *t)
{
	bool was_queued = false;
	do {
		was_queued |= wheel_cancel(t);
		while (is_running(t))
			arch_relax();
	} while (wheel_is_queued(t)); /* it had started itself again */
	return was_queued;
}

/* The clock goes past a millisecond at which slots are due; what was in them is in w->expired. */
static void
expire(struct timer_wheel *w, uint64_t due)
{
	for (uint32_t level = 0; level < LEVELS; level++) {
		uint64_t shift = width_shift(level);
		if ((due & ((1ULL << shift) - 1)) != 0)
			break;
		uint32_t slot = (due >> shift) % SLOTS;
		struct wheel_timer *first = w->slot[level][slot];
		if (first == NULL)
			continue;
		w->slot[level][slot] = NULL;
		w->used[level] &= ~(1ULL << slot);
		w->expired[level] = first;
		first->link = &w->expired[level];
	}
	w->clock = due + 1;
}

/* Runs a timer that was expired, or puts it back if it was meant for later than its wheel reaches. */
static void
run_timer(struct timer_wheel *w, struct wheel_timer *t) NO_LOCK_ANALYSIS
{
	int32_t left = (int32_t)(t->expires - (uint32_t)w->clock);
	/* running is set before the timer looks idle, so that wheel_cancel_sync() sees one or the other. */
	if (left < 0)
		atomic_store_explicit(&w->running, t, memory_order_relaxed);
	take_out(w, t);
	if (left >= 0) {
		insert(w, t, w->clock + (uint64_t)left);
		return;
	}
	spin_unlock(&w->lock);
	t->fn(t);
	spin_lock(&w->lock);
	atomic_store_explicit(&w->running, NULL, memory_order_release);
}

/* Runs what was expired, up to *budget timers. */
static void
run_expired(struct timer_wheel *w, uint32_t *budget)
{
	for (uint32_t level = 0; level < LEVELS; level++)
		for (; w->expired[level] != NULL && *budget > 0; --*budget)
			run_timer(w, w->expired[level]);
}

static void
run_due(void)
{
	struct timer_wheel *w = this_cpu()->wheel;
	uint32_t budget = RUN_AT_ONCE;
	uint64_t due = NEVER;
	spin_lock(&w->lock);
	run_expired(w, &budget);
	while (budget > 0 && (due = next_due(w)) <= time_now() / NSEC_PER_MSEC) {
		expire(w, due);
		run_expired(w, &budget);
	}
	w->armed = NEVER;
	if (budget > 0 && due != NEVER)
		arm(w, due);
	spin_unlock(&w->lock);
	if (budget == 0)
		softirq_raise(SOFTIRQ_TIMER);
}

static void
tick(struct timer *t)
{
	softirq_raise(SOFTIRQ_TIMER);
}

int
wheel_init_cpu(struct cpu *cpu)
{
	struct timer_wheel *w = kzalloc(sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	spin_init(&w->lock, "timer_wheel");
	w->cpu = cpu->id;
	w->armed = NEVER;
	timer_init(&w->tick, tick);
	cpu->wheel = w;
	return 0;
}

void
wheel_init(void)
{
	softirq_register(SOFTIRQ_TIMER, run_due);
}
