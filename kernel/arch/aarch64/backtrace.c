/* SPDX-License-Identifier: MIT */
/* Frame records: x29 points to {caller's x29, return address} (AAPCS64, section 6.4.6). */
#include "arch/backtrace.h"

#include "core/cpu.h"
#include "core/thread.h"

/* Return addresses may be signed: strip the signature of a kernel address. */
static uint64_t
strip(uint64_t pc)
{
	return pc | 0xffff000000000000ULL;
}

static void
bounds(struct backtrace *bt)
{
	bt->low = round_down(bt->fp, KSTACK_SIZE);
	bt->high = bt->low + KSTACK_SIZE;
}

void
backtrace_from_here(struct backtrace *bt)
{
	/* The caller's record: this function's own is gone when the walk begins. */
	bt->fp = *(const uint64_t *)__builtin_frame_address(0);
	bt->pc = (uint64_t)__builtin_return_address(0);
	bounds(bt);
}

/* From the CPU's softirq stack, records go on on the thread's. */
static bool
on_other_stack(const struct backtrace *bt, uint64_t fp)
{
	const struct thread *self = arch_current();
	if (self == NULL || self->cpu == NULL || self->cpu->softirq_stack != (void *)bt->high)
		return false;
	return round_down(fp, KSTACK_SIZE) == (uint64_t)self->kstack;
}

bool
backtrace_next(struct backtrace *bt, uint64_t *pc)
{
	if (bt->pc == 0)
		return false;
	*pc = strip(bt->pc);
	bt->pc = 0;
	if (bt->fp < bt->low || bt->fp > bt->high - 16 || !is_aligned(bt->fp, 8) ||
		bt->fp < 0xffff000000000000ULL)
		return true;
	const uint64_t *record = (const uint64_t *)bt->fp;
	bt->pc = record[1];
	if (on_other_stack(bt, record[0])) {
		bt->fp = record[0];
		bounds(bt);
		return true;
	}
	if (record[0] <= bt->fp)
		bt->fp = 0; /* records only lead up the stack */
	else
		bt->fp = record[0];
	return true;
}

void
backtrace_from_frame(struct backtrace *bt, const struct trap_frame *frame)
{
	uint64_t skipped;
	bt->pc = 1; /* anything: the trap's may be 0, which is the end elsewhere */
	bt->fp = frame->x[29];
	bounds(bt);
	if (!backtrace_next(bt, &skipped))
		bt->pc = 0;
}
