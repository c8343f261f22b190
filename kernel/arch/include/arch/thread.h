/* SPDX-License-Identifier: MIT */
/*
 * What an architecture keeps per thread, and how control passes between threads and to user mode.
 */
#ifndef ARCH_THREAD_H
#define ARCH_THREAD_H

#include <aarch64/thread_impl.h>

#include "core/types.h"

struct thread;
struct trap_frame;

/* Calls softirq_run() on the stack that ends at top. Interrupts masked. */
void arch_run_softirqs(void *top);

/* Saves the running thread's kernel context in from->arch and continues to->arch. Interrupts masked. */
void arch_switch(struct thread *from, struct thread *to);

/* Makes a fresh thread call entry(arg) when it is first switched to; entry never returns. */
void arch_thread_setup_kernel(struct thread *t, void (*entry)(void *), void *arg);
/*
 * Makes a fresh thread return to user mode with the registers of its trap frame (arch_thread_frame()) when it is
 * first switched to. The frame is the caller's to fill; FP state, TLS and keys are those in t->arch.
 */
void arch_thread_setup_user(struct thread *t);

/* The user-mode registers of a thread that is in the kernel (or of a new one). At the top of its kernel stack. */
struct trap_frame *arch_thread_frame(struct thread *t);

/* Writes the running thread's live FP/SIMD and TLS registers into its arch_thread (before it is copied or shown). */
void arch_thread_save_live(void);
/* Loads FP/SIMD and TLS registers from the running thread's arch_thread (after sigreturn, exec, ptrace). */
void arch_thread_load_live(void);
/* A clean state for exec: FP zero, TLS zero, new pointer-authentication keys. Then arch_thread_load_live(). */
void arch_thread_reset_user(struct thread *t);
/* Copies the parts of user state that clone inherits; the parent is the running thread. */
void arch_thread_copy_user(struct thread *child);

/* Brackets use of FP/SIMD registers by kernel code; no sleeping and no interrupts' use in between. */
void kernel_fpu_begin(void);
void kernel_fpu_end(void);

#endif
