/* SPDX-License-Identifier: MIT */
/*
 * What interrupts leave for later: softirqs, their hand-over to softirqd, exact timers, timer wheels, and epochs.
 */
#include <stdlib.h>

#include "core/epoch.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/timerwheel.h"
#include "core/wait.h"
#include "machine.h"
#include "tests/unit/test.h"

#define WORKERS 8
#define ROUNDS  400

/* ---- softirqs: a number per CPU that raisers advance and the function must catch up with */

static _Atomic uint64_t asked[MACHINE_CPUS], done[MACHINE_CPUS];
static uint64_t runs[MACHINE_CPUS]; /* [this CPU's softirqs] */
static _Atomic uint32_t burst;      /* how often the function raises itself again */
static _Atomic uint64_t in_thread;  /* rounds that softirqd ran */

static void
catch_up(void)
{
	struct cpu *cpu = this_cpu();
	CHECK(in_softirq() && !arch_irq_disabled());
	nsec_t before = time_recent(); /* one moment for the whole round */
	for (nsec_t now = time_now(); time_now() == now;)
		CHECK(before <= now);
	CHECK_EQ(time_recent(), before);
	uint64_t seen = atomic_load_explicit(&asked[cpu->id], memory_order_acquire);
	runs[cpu->id]++;
	if (arch_current() == cpu->softirqd)
		atomic_fetch_add(&in_thread, 1);
	atomic_store_explicit(&done[cpu->id], seen, memory_order_release);
	uint32_t left = atomic_load(&burst);
	while (left != 0 && !atomic_compare_exchange_weak(&burst, &left, left - 1))
		;
	if (left != 0)
		softirq_raise(SOFTIRQ_NET_RX);
}

static void
prepare(void)
{
	static bool registered;
	machine_boot();
	if (!registered)
		softirq_register(SOFTIRQ_NET_RX, catch_up);
	registered = true;
}

static void
raise_everywhere(void *arg)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t to = machine_random(MACHINE_CPUS);
		uint64_t number =
			atomic_fetch_add_explicit(&asked[to], 1, memory_order_acq_rel) + 1;
		softirq_raise_on(cpus[to], SOFTIRQ_NET_RX);
		machine_user(machine_random(8));
		if (machine_random(8) == 0)
			while (atomic_load_explicit(&done[to], memory_order_acquire) < number)
				machine_user(1);
	}
}

TEST(a_softirq_raised_on_any_cpu_runs_after_that)
{
	prepare();
	for (uint32_t i = 0; i < WORKERS; i++)
		machine_start(raise_everywhere, NULL);
	machine_join();
	for (uint32_t i = 0; i < MACHINE_CPUS; i++)
		while (atomic_load(&done[i]) != atomic_load(&asked[i]))
			machine_user(1);
}

static void
raise_within_sections(void *arg)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		bh_disable();
		struct cpu *cpu = this_cpu();
		uint64_t former = runs[cpu->id]; /* nobody else may touch it now */
		uint64_t number = atomic_fetch_add(&asked[cpu->id], 1) + 1;
		softirq_raise(SOFTIRQ_NET_RX);
		uint64_t flags = arch_irq_save();
		arch_irq_restore(flags); /* interrupts that came meanwhile */
		CHECK_EQ(runs[cpu->id], former);
		bh_enable();
		while (atomic_load(&done[cpu->id]) < number)
			machine_user(1); /* softirqd has it, if it is not done yet */
		machine_user(machine_random(4));
	}
}

TEST(softirqs_wait_for_the_end_of_a_section_that_excludes_them)
{
	prepare();
	for (uint32_t i = 0; i < WORKERS; i++)
		machine_start(raise_within_sections, NULL);
	machine_join();
}

/* A CPU's own number, to see that threads get their turn while softirqs keep coming. */
static void
count_turns(void *arg)
{
	for (uint32_t i = 0; i < 50; i++)
		sched_yield_thread();
}

TEST(what_keeps_coming_is_softirqds_and_threads_have_their_turn)
{
	prepare();
	for (uint32_t round = 0; round < 20; round++) {
		uint64_t before = atomic_load(&in_thread);
		atomic_store(&burst, 2000);
		for (uint32_t i = 0; i < MACHINE_CPUS; i++)
			machine_start(count_turns, NULL);
		for (uint32_t i = 0; i < MACHINE_CPUS; i++)
			softirq_raise_on(cpus[i], SOFTIRQ_NET_RX);
		machine_join();
		while (atomic_load(&burst) != 0)
			sched_yield_thread();
		CHECK(atomic_load(&in_thread) > before);
	}
	/* It has caught up: what is raised now runs at once again. */
	raise_everywhere(NULL);
	for (uint32_t i = 0; i < MACHINE_CPUS; i++)
		while (atomic_load(&done[i]) != atomic_load(&asked[i]))
			machine_user(1);
}

/* ---- exact timers: memory that is gone when the canceller returns */

struct shot {
	struct timer timer;
	struct wheel_timer wheel;
	uint32_t fired; /* [its function, then who has cancelled it] */
	bool again;
};

static void
shoot(struct timer *t)
{
	struct shot *s = container_of(t, struct shot, timer);
	CHECK(time_now() >= t->deadline);
	s->fired++;
	if (s->again && s->fired < 3)
		timer_start(t, time_now() + 1000);
}

static void
start_and_cancel_timers(void *arg)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct shot *s = calloc(1, sizeof(*s));
		s->again = machine_random(2) != 0;
		timer_init(&s->timer, shoot);
		timer_start(&s->timer, time_now() + machine_random(100) * 1000);
		machine_user(machine_random(64));
		if (machine_random(4) == 0)
			sched_yield_thread();
		(void)timer_cancel_sync(&s->timer);
		CHECK(s->fired <= 3);
		s->fired = 0;
		free(s);
	}
}

TEST(a_timer_that_was_cancelled_is_nobodys_any_more)
{
	prepare();
	for (uint32_t i = 0; i < WORKERS; i++)
		machine_start(start_and_cancel_timers, NULL);
	machine_join();
}

static void
sleep_often(void *arg)
{
	for (uint32_t i = 0; i < 50; i++) {
		nsec_t until = time_now() + machine_random(3000) * 1000;
		int err = 0;
		do {
			wait_prepare(WAIT_UNINTERRUPTIBLE);
			err = wait_sleep(WAIT_UNINTERRUPTIBLE, until);
			wait_finish();
		} while (err == 0);
		CHECK_EQ(err, -ETIMEDOUT);
		CHECK(time_now() >= until);
	}
}

TEST(sleeps_end_at_their_deadlines_and_not_before)
{
	prepare();
	for (uint32_t i = 0; i < 2 * WORKERS; i++)
		machine_start(sleep_often, NULL);
	machine_join();
}

/* ---- timer wheels */

static void
shoot_wheel(struct wheel_timer *t)
{
	struct shot *s = container_of(t, struct shot, wheel);
	CHECK(in_softirq());
	s->fired++;
	if (s->again && s->fired < 3)
		wheel_start(t, time_now());
}

static void
start_and_cancel_in_wheels(void *arg)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct shot *s = calloc(1, sizeof(*s));
		s->again = machine_random(2) != 0;
		wheel_timer_init(&s->wheel, shoot_wheel);
		wheel_start(&s->wheel, time_now() + machine_random(3000) * 1000);
		machine_user(machine_random(64));
		if (machine_random(4) == 0)
			sched_yield_thread();
		if (machine_random(16) == 0)
			while (wheel_is_queued(&s->wheel))
				sched_yield_thread();
		(void)wheel_cancel_sync(&s->wheel);
		CHECK(s->fired <= 3);
		s->fired = 0;
		free(s);
	}
}

TEST(a_wheels_timer_that_was_cancelled_is_nobodys_any_more)
{
	prepare();
	for (uint32_t i = 0; i < WORKERS; i++)
		machine_start(start_and_cancel_in_wheels, NULL);
	machine_join();
}

/* ---- epochs: readers without a lock, writers that free what they replaced */

struct item {
	struct epoch_head head;
	uint64_t value;
};

static struct item *_Atomic current_item;
static _Atomic uint32_t readers_left;
static _Atomic uint64_t freed, replaced;

static struct item *
item_new(uint64_t value)
{
	struct item *i = calloc(1, sizeof(*i));
	i->value = value;
	return i;
}

static void
item_free(struct epoch_head *head)
{
	struct item *i = container_of(head, struct item, head);
	i->value = UINT64_MAX; /* a race, if anybody still reads */
	free(i);
	atomic_fetch_add(&freed, 1);
}

static void
read_items(void *arg)
{
	uint64_t last = 0;
	for (uint32_t i = 0; i < 20 * ROUNDS; i++) {
		epoch_enter();
		struct item *item = atomic_load_explicit(&current_item, memory_order_acquire);
		uint64_t value = item->value;
		epoch_exit();
		CHECK(value >= last && value != UINT64_MAX);
		last = value;
		machine_user(machine_random(4));
		if (machine_random(64) == 0)
			sched_yield_thread();
	}
	atomic_fetch_sub(&readers_left, 1);
}

/* Replaces the item, and has the former freed by a callback or by itself. */
static void
write_items(void *arg)
{
	for (uint64_t value = 1; atomic_load(&readers_left) != 0; value++) {
		struct item *former = atomic_exchange(&current_item, item_new(value));
		if (machine_random(2) != 0) {
			epoch_call(&former->head, item_free);
		} else {
			epoch_synchronize();
			item_free(&former->head);
		}
		atomic_fetch_add(&replaced, 1);
		machine_user(machine_random(16));
	}
}

TEST(nothing_is_freed_while_it_is_read_and_everything_in_the_end)
{
	prepare();
	current_item = item_new(0);
	atomic_store(&readers_left, WORKERS);
	for (uint32_t i = 0; i < WORKERS; i++)
		machine_start(read_items, NULL);
	machine_start(write_items, NULL);
	machine_join();
	epoch_synchronize(); /* callbacks of other CPUs may come later */
	while (atomic_load(&freed) != atomic_load(&replaced))
		sched_yield_thread();
	free(current_item);
}

static void
count_call(struct epoch_head *head)
{
	atomic_fetch_add(&freed, 1);
	free(container_of(head, struct item, head));
}

TEST(waiting_for_readers_ends_while_all_other_cpus_sleep)
{
	prepare();
	for (uint32_t i = 0; i < 200; i++) {
		uint64_t before = atomic_load(&freed);
		epoch_call(&item_new(i)->head, count_call);
		epoch_synchronize(); /* of the same CPU, so behind that, unless this thread was moved */
		while (atomic_load(&freed) == before)
			sched_yield_thread();
	}
}
