/* SPDX-License-Identifier: MIT */
/* Walking kernel stacks by frame records. Safe on damaged stacks: every record is checked before it is read. */
#ifndef ARCH_BACKTRACE_H
#define ARCH_BACKTRACE_H

#include "arch/thread.h"
#include "core/types.h"

struct backtrace {
	uint64_t pc, fp;
	uint64_t low, high; /* bounds of the stack that fp must lie in */
};

void backtrace_from_here(struct backtrace *bt);
/* From what frame->pc's function returns to: that address itself, which may be none of code's, the caller has. */
void backtrace_from_frame(struct backtrace *bt, const struct trap_frame *frame);
/* The next return address into *pc; false at the end. */
bool backtrace_next(struct backtrace *bt, uint64_t *pc);

#endif
