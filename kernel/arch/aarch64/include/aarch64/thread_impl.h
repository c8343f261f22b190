/* SPDX-License-Identifier: MIT */
/* AArch64's part of a thread, and the frame that entry.S saves. entry.S knows the offsets (asserted in traps.c). */
#ifndef AARCH64_THREAD_IMPL_H
#define AARCH64_THREAD_IMPL_H

#include <stdint.h>

/* Everything that user mode had in general registers; at the top of the kernel stack. 288 bytes. */
struct trap_frame {
	uint64_t x[31];
	uint64_t sp;
	uint64_t pc;
	uint64_t pstate;
	uint64_t orig_x0; /* x0 at entry: x0 itself becomes the result of a system call */
	int64_t syscall; /* the call's number, or -1 when this is no system call (or is not to be restarted) */
};

struct fp_state {
	__uint128_t q[32];
	uint32_t fpsr, fpcr;
} __attribute__((aligned(16)));

struct pauth_key {
	uint64_t lo, hi;
};

struct pauth_keys {
	struct pauth_key ia, ib, da, db, ga;
};

struct arch_thread {
	uint64_t context[13]; /* x19..x28, x29, sp, x30: what arch_switch() saves; offset 0 */
	uint64_t tls;         /* TPIDR_EL0 */
	uint64_t is_user;     /* FP, TLS and keys belong to user mode and travel with the thread */
	uint32_t pauth;      /* [I] the CPUs have pointer authentication: keys are to be switched */
	uint32_t fpu_in_use; /* between kernel_fpu_begin() and kernel_fpu_end() */
	struct pauth_key kernel_key; /* this thread's own key for return addresses in the kernel */
	struct pauth_keys keys;      /* user mode's */
	struct fp_state fp;
	uint64_t fault_address; /* of the last user fault, for signal frames */
	uint64_t fault_esr;
};

#endif
