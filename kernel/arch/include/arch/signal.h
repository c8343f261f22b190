/* SPDX-License-Identifier: MIT */
/* What an architecture does for signals: frames on the user stack, and restarting calls. Of the running thread. */
#ifndef ARCH_SIGNAL_H
#define ARCH_SIGNAL_H

#include "abi/linux/signal.h"
#include "core/types.h"

struct trap_frame;

/*
 * Pushes a signal frame (on the alternate stack if the action asks for it) that keeps the frame's registers and
 * mask, and points the registers at the handler. -EFAULT: the stack is not there.
 */
int arch_signal_push(struct trap_frame *f, int sig, const struct siginfo *info,
	const struct sigaction_user *act, sigmask_t mask) MUST_CHECK;

/* A fault's address without the tag that loads and stores of user mode ignore. */
uint64_t arch_fault_untag(uint64_t addr);

/* The call that is about to return was interrupted: its -ERESTART* result, or 0 if this is nothing of the kind. */
int arch_syscall_interrupted(const struct trap_frame *f);
/* Makes it return -EINTR; issue the call again; go on through restart_syscall(2). Nothing restarts it afterwards. */
void arch_syscall_set_eintr(struct trap_frame *f);
void arch_syscall_restart(struct trap_frame *f);
void arch_syscall_restart_block(struct trap_frame *f);

#endif
