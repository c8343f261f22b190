/* SPDX-License-Identifier: MIT */
/*
 * Panics. Nothing here takes a lock that it may wait for, allocates, or touches a disk. Other CPUs are stopped.
 *
 * Three panics before a healthy boot halt the machine instead of resetting it: the count lies in a page of RAM that is
 * outside image and allocator (core/panic_count.c).
 */
#define LOG_SOURCE "panic"
#include "core/panic.h"

#include <stdarg.h>

#include "arch/backtrace.h"
#include "arch/smp.h"
#include "base/fmt.h"
#include "core/console.h"
#include "core/cpu.h"
#include "core/log_ring.h"
#include "core/panic_count.h"
#include "core/symbols.h"
#include "core/timer.h"

#define TAIL_RECORDS    20
#define BACKTRACE_MAX   32
#define REASON_MAX      200
#define DEFAULT_SECONDS 90

bool panicking;
uint32_t panic_seconds = DEFAULT_SECONDS;
static _Atomic uint32_t panic_owner; /* 1 + number of the CPU that panics */

static void PRINTF(1, 2) print(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	va_start(ap, fmt);
	int n = base_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	console_write(line, min((size_t)max(n, 0), sizeof(line) - 1));
}

/* back: how far before pc to look for its function; where a call does not return, what follows it is another one. */
static void
print_address(uint64_t pc, uint64_t back)
{
	uint64_t offset;
	const char *name = symbol_find(pc - back, &offset);
	if (name == NULL)
		print("  %#llx\n", (unsigned long long)pc);
	else
		print("  %s+%#llx\n", name, (unsigned long long)offset + back);
}

/* Where the trap was. What is no code has made no frame record: the link register holds the way back to its caller. */
static void
print_trap_address(const struct trap_frame *frame)
{
	uint64_t offset, link = frame->x[30];
	print_address(frame->pc, 0);
	if (symbol_find(frame->pc, &offset) == NULL && symbol_find(link - 4, &offset) != NULL)
		print_address(link, 4);
}

/* frame: of the trap; NULL: there was none. */
static void
print_backtrace(struct backtrace *bt, const struct trap_frame *frame)
{
	uint64_t pc;
	print("backtrace:\n");
	if (frame != NULL)
		print_trap_address(frame);
	for (int i = 0; i < BACKTRACE_MAX && backtrace_next(bt, &pc); i++)
		print_address(pc, 4);
}

static void
print_registers(const struct trap_frame *f)
{
	print("pc %016llx sp %016llx pstate %08llx\n", (unsigned long long)f->pc,
		(unsigned long long)f->sp, (unsigned long long)f->pstate);
	for (int i = 0; i < 30; i += 3)
		print("x%-2d %016llx x%-2d %016llx x%-2d %016llx\n", i, (unsigned long long)f->x[i],
			i + 1, (unsigned long long)f->x[i + 1], i + 2,
			(unsigned long long)f->x[i + 2]);
	print("x30 %016llx\n", (unsigned long long)f->x[30]);
}

/* The last records of the log, but not those of the panic itself. */
static void
print_log_tail(uint64_t end)
{
	struct log_record r;
	char text[256];
	uint64_t seq = end > TAIL_RECORDS ? end - TAIL_RECORDS : 0;
	ssize_t n;
	print("log:\n");
	while (seq < end && (n = log_read(&seq, &r, text, sizeof(text))) >= 0)
		print("  [%llu.%06llu] %s: %.*s\n", (unsigned long long)(r.time / NSEC_PER_SEC),
			(unsigned long long)(r.time % NSEC_PER_SEC / 1000), r.source, (int)n, text);
}

static void
count_down(void)
{
	for (uint32_t left = panic_seconds; left > 0; left--) {
		if (left % 10 == 0 || left <= 5)
			print("reset in %u s\n", left);
		nsec_t next = time_now() + NSEC_PER_SEC;
		while (time_now() < next)
			arch_relax();
	}
}

static void NORETURN
panic_common(const struct trap_frame *frame, struct backtrace *bt, const char *reason)
{
	arch_irq_disable();
	uint32_t expected = 0, self = this_cpu() == NULL ? 1 : this_cpu()->id + 1;
	if (!atomic_compare_exchange_strong(&panic_owner, &expected, self)) {
		if (expected == self)
			print("PANIC: again, while panicking: %s\n", reason);
		else
			arch_cpu_stop();
		goto reset;
	}
	panicking = true;
	cpu_stop_others();
	uint32_t count = panic_count_increment();
	uint64_t end = log_next_seq_unlocked();
	print("\nPANIC: %s\n", reason);
	if (frame != NULL)
		print_registers(frame);
	print_backtrace(bt, frame);
	print_log_tail(end);
	if (count >= PANIC_COUNT_MAX) {
		print("%u panics without a healthy boot: halted\n", count);
		arch_cpu_stop();
	}
	count_down();
reset:
	arch_system_reset();
	print("the firmware did not reset the machine: halted\n");
	for (;;)
		arch_idle();
}

void
panic(const char *fmt, ...)
{
	char reason[REASON_MAX];
	struct backtrace bt;
	va_list ap;
	va_start(ap, fmt);
	base_vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	backtrace_from_here(&bt);
	panic_common(NULL, &bt, reason);
}

void
panic_trap(const struct trap_frame *frame, const char *fmt, ...)
{
	char reason[REASON_MAX];
	struct backtrace bt;
	va_list ap;
	va_start(ap, fmt);
	base_vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	backtrace_from_frame(&bt, frame);
	panic_common(frame, &bt, reason);
}

uintptr_t __stack_chk_guard = 0x595e9fbd94fda766ULL; /* replaced at boot where a seed exists */
void __stack_chk_fail(void) NORETURN;

void
__stack_chk_fail(void)
{
	panic("a function wrote past its stack buffers");
}
