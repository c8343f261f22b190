/* SPDX-License-Identifier: MIT */
/*
 * Run queues: threads that sleep, wake each other, yield, change nice values and affinities on several CPUs. What is a
 * CPU's own is touched without a lock on purpose: two threads on one CPU at once would be a race.
 */
#include "core/sched.h"
#include "core/timer.h"
#include "core/wait.h"
#include "machine.h"
#include "tests/unit/test.h"

#define WORKERS 12
#define ROUNDS  300
#define MOVES   100

static uint64_t passes[MACHINE_CPUS]; /* [this CPU] */

static void
touch_cpu(void)
{
	passes[this_cpu()->id]++;
}

static uint64_t
all_passes(void)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < MACHINE_CPUS; i++)
		sum += passes[i];
	return sum;
}

/* A token that goes round: each waits for its turn, then wakes all. */
struct ring {
	struct wait_queue turn_changed;
	_Atomic uint32_t turn;
	uint64_t laps; /* [whose turn it is] */
};
static struct ring ring;
static _Atomic uint32_t next_place;

static void
pass_the_token(void *arg)
{
	uint32_t place = atomic_fetch_add(&next_place, 1);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		CHECK_EQ(wait_event(&ring.turn_changed, WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER,
				 atomic_load(&ring.turn) % WORKERS == place),
			0);
		ring.laps++;
		touch_cpu();
		atomic_fetch_add(&ring.turn, 1);
		wake_all(&ring.turn_changed, 0);
		machine_user(machine_random(8));
	}
}

TEST(cpus_wake_each_other_and_lose_no_wake_up)
{
	machine_boot();
	wait_queue_init(&ring.turn_changed, "ring");
	uint64_t before = all_passes();
	for (uint32_t i = 0; i < WORKERS; i++)
		machine_start(pass_the_token, NULL);
	machine_join();
	CHECK_EQ(ring.laps, WORKERS * ROUNDS);
	CHECK_EQ(all_passes() - before, WORKERS * ROUNDS);
}

/* Threads whose places and weights others change. Entries are there until all have stopped looking. */
static struct thread *_Atomic movable[WORKERS];
static _Atomic uint32_t movers;
static struct wait_queue all_moved;

static void
random_mask(struct cpumask *mask)
{
	*mask = (struct cpumask){0};
	for (uint32_t i = 0; i < MACHINE_CPUS; i++)
		if (machine_random(2) != 0)
			cpumask_set(mask, i);
	cpumask_set(mask, machine_random(MACHINE_CPUS));
}

static void
disturb(struct thread *t)
{
	struct cpumask mask;
	switch (machine_random(4)) {
	case 0:
		random_mask(&mask);
		CHECK_EQ(sched_set_affinity(t, &mask), 0);
		break;
	case 1:
		sched_set_nice(t, (int)machine_random(11) - 5);
		break;
	case 2:
		(void)sched_wake(t); /* a spurious one */
		break;
	default:
		(void)sched_runtime(t);
	}
}

/* A thread is where it may be, or its CPU knows that it must go. */
static void
check_place(void)
{
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	spin_lock(&cpu->rq.lock);
	bool known = cpumask_test(&arch_current()->affinity, cpu->id) || cpu->rq.misplaced ||
		thread_test_flags(arch_current(), TF_RESCHED);
	spin_unlock(&cpu->rq.lock);
	arch_irq_restore(flags);
	CHECK(known);
}

static void
be_moved(void *arg)
{
	struct sched_load load;
	uint32_t place = atomic_fetch_add(&next_place, 1) % WORKERS;
	atomic_store(&movable[place], arch_current());
	for (uint32_t i = 0; i < MOVES; i++) {
		struct thread *other = atomic_load(&movable[machine_random(WORKERS)]);
		if (other != NULL)
			disturb(other);
		machine_user(machine_random(64));
		touch_cpu();
		check_place();
		if (machine_random(4) == 0)
			sched_yield_thread();
		if (machine_random(16) == 0) {
			wait_prepare(WAIT_UNINTERRUPTIBLE);
			(void)!wait_sleep(
				WAIT_UNINTERRUPTIBLE, time_now() + machine_random(2000) * 1000);
			wait_finish();
		}
		sched_get_load(&load);
	}
	atomic_fetch_add(&movers, 1);
	wake_all(&all_moved, 0);
	(void)!wait_event(
		&all_moved, WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER, atomic_load(&movers) == WORKERS);
}

TEST(threads_are_moved_while_they_run_wait_and_sleep)
{
	machine_boot();
	atomic_store(&next_place, 0);
	wait_queue_init(&all_moved, "all_moved");
	uint64_t before = all_passes();
	for (uint32_t i = 0; i < WORKERS; i++)
		machine_start(be_moved, NULL);
	machine_join();
	CHECK_EQ(all_passes() - before, WORKERS * MOVES);
}

static void
go_round_the_cpus(void *arg)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct cpumask mask = {0};
		uint32_t to = machine_random(MACHINE_CPUS);
		cpumask_set(&mask, to);
		CHECK_EQ(sched_set_affinity(arch_current(), &mask), 0);
		CHECK_EQ(this_cpu()->id, to);
		touch_cpu();
		machine_user(4);
		CHECK_EQ(this_cpu()->id, to);
	}
}

TEST(a_thread_is_where_its_affinity_says_when_the_call_returns)
{
	machine_boot();
	for (uint32_t i = 0; i < WORKERS; i++)
		machine_start(go_round_the_cpus, NULL);
	machine_join();
}

/* Others set the affinity of threads that compute and of some that wait for their turn behind them. */
static struct thread *_Atomic victim;
static _Atomic bool victim_may_end;
static _Atomic uint32_t victim_cpu;

static void
compute(void *arg)
{
	atomic_store(&victim, arch_current());
	while (!atomic_load(&victim_may_end)) {
		machine_user(16);
		atomic_store(&victim_cpu, this_cpu()->id);
	}
}

TEST(a_running_thread_leaves_a_cpu_that_it_may_not_be_on_any_more)
{
	machine_boot();
	machine_start(compute, NULL);
	while (atomic_load(&victim) == NULL)
		sched_yield_thread();
	for (uint32_t i = 0; i < 100; i++) {
		struct cpumask mask = {0};
		uint32_t to = machine_random(MACHINE_CPUS);
		cpumask_set(&mask, to);
		CHECK_EQ(sched_set_affinity(atomic_load(&victim), &mask), 0);
		while (atomic_load(&victim_cpu) != to)
			machine_user(16);
	}
	atomic_store(&victim_may_end, true);
	machine_join();
}
