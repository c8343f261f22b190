/* SPDX-License-Identifier: MIT */
/*
 * The debug build's lock checker, in a mock of what it asks of the kernel: one thread, whose interrupts are a variable, and a
 * panic that comes back here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

#define SWOS_DEBUG
/* The mock stands in for these headers. */
#define CORE_CPU_H
#define CORE_PANIC_H
#define CORE_SPINLOCK_H
#define CORE_TYPES_H

#include "core/lockdep.h"

struct cpu {
	uint32_t irq_depth, bh_count;
	bool in_softirq;
	struct {
		uint32_t depth;
	} epoch;
};

struct thread {
	struct cpu *cpu;
	int32_t spin_depth;
	struct lockdep_held held[LOCKDEP_HELD_MAX];
};

static struct cpu mock_cpu;
static struct thread running = {.cpu = &mock_cpu};
static bool panicking, interrupts_off;
static jmp_buf caught;
static char message[200];

static struct thread *
arch_current(void)
{
	return &running;
}

static struct cpu *
this_cpu(void)
{
	return &mock_cpu;
}

static bool
arch_irq_disabled(void)
{
	return interrupts_off;
}

static uint64_t
arch_irq_save(void)
{
	bool before = interrupts_off;
	interrupts_off = true;
	return before;
}

static void
arch_irq_restore(uint64_t flags)
{
	interrupts_off = flags;
}

static void
arch_relax(void)
{
}

__attribute__((noreturn, format(printf, 1, 2))) static void
panic(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	longjmp(caught, 1);
}

void lockdep_acquire(const void *lock, const char *name);
void lockdep_acquire_try(const void *lock, const char *name);
void lockdep_release(const void *lock);

#include "kernel/core/lockdep.c"

/* Nothing is known, nothing is held. */
static void
begin(void)
{
	memset(follows, 0, sizeof(follows));
	memset(by_name, 0, sizeof(by_name));
	memset(waits, 0, sizeof(waits));
	memset(open, 0, sizeof(open));
	class_count = 0;
	graph_lock = 0;
	running.spin_depth = 0;
	mock_cpu = (struct cpu){0};
	interrupts_off = true;
	message[0] = '\0';
}

static int lock_a, lock_b, lock_c, pair[2];

/* What the checker says to a sequence: letters take a lock, '-' and a letter release it. Empty: nothing. */
static const char *
sequence(const char *steps)
{
	message[0] = '\0';
	if (setjmp(caught) != 0)
		return message;
	for (; *steps != '\0'; steps++) {
		bool release = *steps == '-';
		char which = release ? *++steps : *steps;
		const void *lock = which == 'a' ? &lock_a : which == 'b' ? &lock_b : &lock_c;
		const char *name = which == 'a' ? "alpha" : which == 'b' ? "beta" : "gamma";
		if (release)
			lockdep_release(lock);
		else
			lockdep_acquire(lock, name);
	}
	return message;
}

TEST(lockdep_accepts_one_order)
{
	begin();
	CHECK_STR(sequence("ab-b-aab-a-babc-c-b-aac-c-a"), "");
	CHECK_EQ(running.spin_depth, 0);
}

TEST(lockdep_reports_the_reverse_order)
{
	begin();
	CHECK_STR(sequence("ab-b-a"), "");
	CHECK_STR(sequence("ba"),
		"lock order: alpha is taken with beta held, and elsewhere it was the other way "
		"round");
}

TEST(lockdep_reports_a_cycle_of_three)
{
	begin();
	CHECK_STR(sequence("ab-b-abc-c-b"), "");
	CHECK_STR(sequence("ca"),
		"lock order: alpha is taken with gamma held, and elsewhere it was the other way "
		"round");
}

TEST(lockdep_knows_a_class_by_its_text)
{
	static const char other[] = {'a', 'l', 'p', 'h', 'a', '\0'};
	begin();
	CHECK_STR(sequence("ab-b-a"), "");
	if (setjmp(caught) == 0) {
		lockdep_acquire(&lock_b, "beta");
		lockdep_acquire(&lock_c, other);
	}
	CHECK_STR(message,
		"lock order: alpha is taken with beta held, and elsewhere it was the other way "
		"round");
}

TEST(lockdep_reports_a_lock_taken_twice)
{
	begin();
	CHECK_STR(sequence("aa"), "lock order: alpha is taken twice");
	begin();
	CHECK_STR(sequence("aba"), "lock order: alpha is taken twice");
}

TEST(lockdep_wants_equals_in_order_of_address)
{
	begin();
	if (setjmp(caught) == 0) {
		lockdep_acquire(&pair[0], "equal");
		lockdep_acquire(&pair[1], "equal");
		lockdep_release(&pair[0]);
		lockdep_release(&pair[1]);
	}
	CHECK_STR(message, "");
	if (setjmp(caught) == 0) {
		lockdep_acquire(&pair[1], "equal");
		lockdep_acquire(&pair[0], "equal");
	}
	CHECK_STR(message, "lock order: two equal locks in descending order of address");
}

/* Theirs is an order that is not that of addresses. */
TEST(lockdep_lets_nested_locks_be_taken_in_any_order)
{
	const char *name = "sets" LOCKDEP_NESTED;
	begin();
	if (setjmp(caught) == 0) {
		lockdep_acquire(&pair[1], name);
		lockdep_acquire(&pair[0], name);
	}
	CHECK_STR(message, "");
	if (setjmp(caught) == 0)
		lockdep_acquire(&pair[1], name);
	CHECK_STR(message, "lock order: sets" LOCKDEP_NESTED " is taken twice");
}

TEST(lockdep_reports_what_an_interrupt_can_deadlock_on)
{
	const char *wanted = "lock order: alpha is taken with interrupts enabled, and interrupts "
			     "may wait for it";
	begin();
	interrupts_off = false;
	CHECK_STR(sequence("a-a"), "");
	CHECK(!interrupts_off);
	interrupts_off = true;
	mock_cpu.irq_depth = 1;
	CHECK_STR(sequence("a"), wanted);

	begin();
	mock_cpu.irq_depth = 1;
	CHECK_STR(sequence("a-a"), "");
	mock_cpu.irq_depth = 0;
	CHECK_STR(sequence("a-a"), "");
	interrupts_off = false;
	CHECK_STR(sequence("a"), wanted);
}

/* An interrupt wants alpha, whose holder waits for beta, whose holder was interrupted. */
TEST(lockdep_follows_what_interrupts_wait_for)
{
	const char *wanted =
		"lock order: beta is taken with interrupts enabled, and interrupts may wait for it";
	begin();
	mock_cpu.irq_depth = 1;
	CHECK_STR(sequence("a-a"), "");
	mock_cpu.irq_depth = 0;
	CHECK_STR(sequence("ab-b-a"), "");
	interrupts_off = false;
	CHECK_STR(sequence("b"), wanted);

	begin();
	interrupts_off = false;
	CHECK_STR(sequence("b-b"), "");
	interrupts_off = true;
	CHECK_STR(sequence("ab-b-a"), "");
	mock_cpu.irq_depth = 1;
	CHECK_STR(sequence("a"), wanted);
}

static const char softirq_wanted[] =
	"lock order: alpha is taken with softirqs enabled, and softirqs may wait for it";

TEST(lockdep_reports_what_a_softirq_can_deadlock_on)
{
	begin();
	interrupts_off = false;
	CHECK_STR(sequence("a-a"), "");
	mock_cpu.in_softirq = true;
	CHECK_STR(sequence("a"), softirq_wanted);

	begin();
	interrupts_off = false;
	mock_cpu.in_softirq = true;
	CHECK_STR(sequence("a-a"), "");
	mock_cpu.in_softirq = false;
	mock_cpu.bh_count = 1;
	CHECK_STR(sequence("a-a"), "");
	mock_cpu.bh_count = 0;
	interrupts_off = true;
	CHECK_STR(sequence("a-a"), "");
	interrupts_off = false;
	CHECK_STR(sequence("a"), softirq_wanted);
}

/* A softirq wants beta, whose holder waits for alpha, whose holder a softirq may run on top of. */
TEST(lockdep_follows_what_softirqs_wait_for)
{
	begin();
	mock_cpu.in_softirq = true;
	CHECK_STR(sequence("b-b"), "");
	mock_cpu.in_softirq = false;
	mock_cpu.bh_count = 1;
	CHECK_STR(sequence("ba-a-b"), "");
	mock_cpu.bh_count = 0;
	interrupts_off = false;
	CHECK_STR(sequence("a"), softirq_wanted);
}

/* What an interrupt takes on top of a softirq function says nothing about softirqs. */
TEST(lockdep_knows_interrupts_on_top_of_softirqs)
{
	begin();
	mock_cpu.in_softirq = true;
	mock_cpu.irq_depth = 1;
	CHECK_STR(sequence("a-a"), "");
	CHECK(!set_has(&waits[SOFTIRQ], 0));
	CHECK(set_has(&waits[INTERRUPT], 0));
}

/* What it says to sleeping in the state that the caller has set. */
static const char *
sleep_now(void)
{
	message[0] = '\0';
	if (setjmp(caught) == 0)
		lockdep_check_sleep();
	return message;
}

TEST(lockdep_reports_sleeping_where_softirqs_are_off_or_an_epoch_is_read)
{
	begin();
	mock_cpu.in_softirq = true;
	CHECK_STR(sleep_now(), "sleeping in a softirq, or with softirqs disabled");
	begin();
	mock_cpu.bh_count = 1;
	CHECK_STR(sleep_now(), "sleeping in a softirq, or with softirqs disabled");
	begin();
	mock_cpu.epoch.depth = 1;
	CHECK_STR(sleep_now(), "sleeping as a reader of an epoch");
	begin();
	CHECK_STR(sleep_now(), "");
}

TEST(lockdep_reports_sleeping_with_a_lock)
{
	begin();
	if (setjmp(caught) == 0)
		lockdep_check_sleep();
	CHECK_STR(message, "");
	CHECK_STR(sequence("ab"), "");
	if (setjmp(caught) == 0)
		lockdep_check_sleep();
	CHECK_STR(message, "lock order: sleeping with beta held");
	begin();
	mock_cpu.irq_depth = 1;
	if (setjmp(caught) == 0)
		lockdep_check_sleep();
	CHECK_STR(message, "sleeping in an interrupt");
}

TEST(lockdep_leaves_run_queues_alone)
{
	begin();
	if (setjmp(caught) == 0) {
		lockdep_acquire(&lock_a, "run_queue");
		CHECK_EQ(running.spin_depth, 0);
		lockdep_release(&lock_a);
		lockdep_release(&lock_a);
	}
	CHECK_STR(message, "");
}

/* Who only tries waits for nobody; who waits while holding it does. */
TEST(lockdep_knows_that_trying_is_not_waiting)
{
	begin();
	CHECK_STR(sequence("ab-b-ab"), "");
	if (setjmp(caught) == 0)
		lockdep_acquire_try(&lock_a, "alpha");
	CHECK_STR(message, "");
	CHECK_STR(sequence("c"), "");
	begin();
	CHECK_STR(sequence("ca-a-c"), "");
	if (setjmp(caught) == 0)
		lockdep_acquire_try(&lock_a, "alpha");
	CHECK_STR(message, "");
	CHECK_STR(sequence("c"),
		"lock order: gamma is taken with alpha held, and elsewhere it was the other way "
		"round");
}
