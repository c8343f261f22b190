/* SPDX-License-Identifier: MIT */
/* The timer wheel against what it promises, on one CPU whose time is a variable. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

/* The mock stands in for these headers. */
#define CORE_CPU_H
#define CORE_SOFTIRQ_H
#define CORE_TIMER_H
#define MM_SLAB_H

#include "core/timerwheel.h"

#define CPUS_MAX 256 /* what the source needs of the kernel */

struct spinlock {
	bool held;
};

struct cpu {
	uint32_t id;
	struct timer_wheel *wheel;
};

struct timer;
typedef void timer_fn(struct timer *t);

struct timer {
	timer_fn *fn;
	nsec_t deadline; /* 0: off */
};

enum softirq { SOFTIRQ_TIMER };

static struct cpu the_cpu, *cpus[] = {&the_cpu};
static nsec_t the_time;
static struct timer *started;
static bool raised;
static void (*softirq_fn)(void);
static uint32_t interrupts;

#define for_each_cpu(i)  for (uint32_t i = 0; i < 1; i++)
#define NO_LOCK_ANALYSIS __attribute__((no_thread_safety_analysis))

static struct cpu *
this_cpu(void)
{
	return &the_cpu;
}

static nsec_t
time_now(void)
{
	return the_time;
}

static nsec_t
time_recent(void)
{
	return the_time;
}

static void
spin_init(struct spinlock *l, const char *name)
{
	l->held = false;
}

static void
spin_lock(struct spinlock *l)
{
	CHECK(!l->held);
	l->held = true;
}

static void
spin_unlock(struct spinlock *l)
{
	CHECK(l->held);
	l->held = false;
}

#define spin_lock_bh   spin_lock
#define spin_unlock_bh spin_unlock

static void
bh_disable(void)
{
}

static void
bh_enable(void)
{
}

static void
arch_relax(void)
{
}

static void *
kzalloc(size_t n)
{
	return calloc(1, n);
}

static void
timer_init(struct timer *t, timer_fn *fn)
{
	t->fn = fn;
}

static void
timer_start(struct timer *t, nsec_t deadline)
{
	started = t;
	t->deadline = deadline;
}

static void
softirq_raise(enum softirq nr)
{
	raised = true;
}

static void
softirq_register(enum softirq nr, void (*fn)(void))
{
	softirq_fn = fn;
}

#include "kernel/core/timerwheel.c"

static void
run_softirqs(void)
{
	while (raised) {
		raised = false;
		softirq_fn();
	}
}

/* Lets time pass up to a moment, stopping where the wheel asked for an interrupt. */
static void
pass_until(nsec_t end)
{
	run_softirqs();
	while (started != NULL && started->deadline <= end) {
		struct timer *t = started;
		started = NULL;
		the_time = t->deadline > the_time ? t->deadline : the_time;
		interrupts++;
		t->fn(t);
		run_softirqs();
	}
	the_time = end;
}

static void
begin(nsec_t at)
{
	free(the_cpu.wheel);
	started = NULL;
	raised = false;
	interrupts = 0;
	the_time = at;
	CHECK_EQ(wheel_init_cpu(&the_cpu), 0);
	wheel_init();
}

struct probe {
	struct wheel_timer timer;
	nsec_t deadline, asked, fired;
	uint32_t times, again;
	nsec_t period;
};

static uint32_t order;

static void
probe_fired(struct wheel_timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);
	CHECK(!the_cpu.wheel->lock.held);
	CHECK(!wheel_is_queued(t));
	p->fired = the_time;
	p->times++;
	order++;
	if (p->again > 0) {
		p->again--;
		p->asked = the_time;
		p->deadline = the_time + p->period;
		wheel_start(t, p->deadline);
	}
}

static void
start(struct probe *p, nsec_t after)
{
	*p = (struct probe){.deadline = the_time + after, .asked = the_time};
	wheel_timer_init(&p->timer, probe_fired);
	wheel_start(&p->timer, p->deadline);
}

static bool
in_time(const struct probe *p)
{
	nsec_t late = p->fired - p->deadline;
	return p->times == 1 && p->fired >= p->deadline &&
		late <= NSEC_PER_MSEC + (p->deadline - p->asked) / 7;
}

TEST(timerwheel_entry_is_small)
{
	CHECK(sizeof(struct wheel_timer) <= 32);
	CHECK(sizeof(struct timer_wheel) <= 4096);
}

TEST(timerwheel_fires_in_time_at_every_distance)
{
	static const nsec_t bases[] = {0, 1, 999999, 64000000, 123456789012, 86400000000000};
	for (size_t b = 0; b < sizeof(bases) / sizeof(bases[0]); b++)
		for (uint64_t ms = 0; ms < 40000000; ms += ms / 9 + 1) {
			struct probe p;
			begin(bases[b]);
			start(&p, ms * NSEC_PER_MSEC + 12345);
			pass_until(the_time + ms * NSEC_PER_MSEC * 2 + 10 * NSEC_PER_MSEC);
			CHECK(in_time(&p));
			CHECK(started == NULL); /* an empty wheel wants nothing */
			CHECK(interrupts <= 4);
		}
}

TEST(timerwheel_fires_what_lies_beyond_its_reach)
{
	struct probe p;
	begin(5 * NSEC_PER_SEC);
	start(&p, 100 * 3600 * NSEC_PER_SEC);
	pass_until(the_time + 200 * 3600 * NSEC_PER_SEC);
	CHECK(in_time(&p));
	start(&p, UINT64_MAX - the_time);
	pass_until(the_time + 20 * 86400 * NSEC_PER_SEC);
	CHECK_EQ(p.times, 0);
	CHECK(wheel_cancel_sync(&p.timer));
}

TEST(timerwheel_fires_at_once_what_is_over)
{
	struct probe p;
	begin(777 * NSEC_PER_SEC);
	start(&p, 0);
	p.deadline = 5;
	wheel_start(&p.timer, 5);
	pass_until(the_time + 2 * NSEC_PER_MSEC);
	CHECK_EQ(p.times, 1);
}

TEST(timerwheel_forgets_what_is_cancelled)
{
	struct probe p[3];
	begin(NSEC_PER_SEC);
	for (int i = 0; i < 3; i++)
		start(&p[i], 10 * NSEC_PER_MSEC);
	CHECK(wheel_cancel(&p[1].timer));
	CHECK(!wheel_cancel(&p[1].timer));
	CHECK(wheel_cancel_sync(&p[2].timer));
	pass_until(the_time + NSEC_PER_SEC);
	CHECK(in_time(&p[0]));
	CHECK_EQ(p[1].times + p[2].times, 0);
}

/* A restart counts from now also when the wheel had nothing to do for long, and replaces the former deadline. */
TEST(timerwheel_restarts)
{
	struct probe p, far;
	begin(NSEC_PER_SEC);
	start(&far, 3600 * NSEC_PER_SEC);
	pass_until(the_time + 1000 * NSEC_PER_SEC);
	start(&p, 50 * NSEC_PER_MSEC);
	p.deadline = the_time + 20 * NSEC_PER_MSEC;
	wheel_start(&p.timer, p.deadline);
	pass_until(the_time + NSEC_PER_SEC);
	CHECK(in_time(&p));
	p.again = 5;
	p.period = 3 * NSEC_PER_MSEC;
	p.times = 0;
	wheel_start(&p.timer, the_time + NSEC_PER_MSEC);
	pass_until(the_time + NSEC_PER_SEC);
	CHECK_EQ(p.times, 6);
	pass_until(the_time + 4000 * NSEC_PER_SEC);
	CHECK(in_time(&far));
}

/* More than one softirq may run, in one slot; some cancel others that have expired but not yet run. */
static struct probe *victims;

static void
cancel_a_victim(struct wheel_timer *t)
{
	order++;
	CHECK(wheel_cancel(&victims->timer));
	victims++;
}

TEST(timerwheel_runs_many_at_once_and_lets_them_be_cancelled)
{
	enum { MANY = 1000 };
	struct probe *p = calloc(MANY, sizeof(*p));
	begin(NSEC_PER_SEC);
	/* Lists are last in, first out: the killers run first. */
	for (int i = 0; i < MANY; i++)
		start(&p[i], 5 * NSEC_PER_MSEC);
	for (int i = MANY / 2; i < MANY; i++)
		p[i].timer.fn = cancel_a_victim;
	victims = p;
	order = 0;
	pass_until(the_time + NSEC_PER_SEC);
	CHECK_EQ(order, MANY / 2);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(p[i].times, 0);
	free(p);
}

/* Random starts, restarts and cancels against a list of what should happen. */
TEST(timerwheel_keeps_its_promise_under_random_use)
{
	enum { N = 200, STEPS = 20000 };
	static struct probe p[N];
	bool pending[N] = {false};
	uint64_t seed = 88172645463325252ULL;
	begin(1);
	for (int step = 0; step < STEPS; step++) {
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		uint32_t i = (uint32_t)(seed >> 20) % N;
		if (pending[i] && p[i].times == 0 && (seed & 3) == 0) {
			CHECK(wheel_cancel(&p[i].timer));
			pending[i] = false;
		} else if (!pending[i] || p[i].times != 0) {
			start(&p[i], (seed >> 30) % (1ULL << (10 + (seed >> 8) % 32)));
			pending[i] = true;
		}
		pass_until(the_time + (seed >> 40) % (1ULL << (8 + (seed >> 4) % 22)));
		for (int k = 0; k < N; k++) {
			if (!pending[k])
				continue;
			if (p[k].times != 0) {
				CHECK(in_time(&p[k]));
				pending[k] = false;
			} else {
				CHECK(the_time <= p[k].deadline + NSEC_PER_MSEC +
						(p[k].deadline - p[k].asked) / 7);
			}
		}
	}
}
