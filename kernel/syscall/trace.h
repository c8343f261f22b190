/* SPDX-License-Identifier: MIT */
/*
 * The kernel's system call trace, for developers: APPEND=trace=all, or trace=PID. Arguments are decoded by the call
 * table and written to the log at level info, source "trace".
 */
#ifndef SYSCALL_TRACE_H
#define SYSCALL_TRACE_H

#include "core/types.h"

struct task;
struct trap_frame;

void trace_init(const char *cmdline);
/* Whether a new task with this pid is to be traced: its creator then sets TF_TRACE. */
bool trace_wants(pid_t pid);
void trace_enter(const struct trap_frame *frame);
void trace_exit(uint64_t number, int64_t result);

#endif
