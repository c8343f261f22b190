/* SPDX-License-Identifier: MIT */
/* AArch64: arch/thread.h. */
#include "arch/thread.h"

#include "core/cpu.h"
#include "core/panic.h"
#include "core/thread.h"
#include "dev/rng/random.h"

#include <aarch64/asm_offsets.h>
#include <aarch64/features.h>
#include <aarch64/sysregs.h>

_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "FRAME_SIZE");
_Static_assert(offsetof(struct trap_frame, x[30]) == FRAME_X30, "FRAME_X30");
_Static_assert(offsetof(struct trap_frame, pc) == FRAME_PC, "FRAME_PC");
_Static_assert(offsetof(struct trap_frame, orig_x0) == FRAME_ORIG_X0, "FRAME_ORIG_X0");
_Static_assert(offsetof(struct trap_frame, syscall) == FRAME_SYSCALL, "FRAME_SYSCALL");
_Static_assert(offsetof(struct thread, arch) == 0, "arch_thread comes first");
_Static_assert(offsetof(struct arch_thread, context) == 0, "the context comes first");
_Static_assert(offsetof(struct thread, arch.is_user) == THREAD_IS_USER, "THREAD_IS_USER");
_Static_assert(offsetof(struct thread, arch.pauth) == THREAD_PAUTH, "THREAD_PAUTH");
_Static_assert(offsetof(struct thread, arch.keys) == THREAD_USER_KEYS, "THREAD_USER_KEYS");
_Static_assert(offsetof(struct thread, arch.kernel_key) == THREAD_KERNEL_KEY, "THREAD_KERNEL_KEY");
_Static_assert(offsetof(struct thread, cpu) == THREAD_CPU, "THREAD_CPU");
_Static_assert(offsetof(struct thread, flags) == THREAD_FLAGS, "THREAD_FLAGS");
_Static_assert(offsetof(struct cpu, overflow_stack) == CPU_OVERFLOW_STACK, "CPU_OVERFLOW_STACK");
_Static_assert(TF_EXIT_WORK == EXIT_WORK_MASK, "EXIT_WORK_MASK");

#define CONTEXT_X19 0
#define CONTEXT_X20 1
#define CONTEXT_FP  10
#define CONTEXT_SP  11
#define CONTEXT_LR  12

void arch_switch_context(struct thread *from, struct thread *to);
void fp_state_save(struct fp_state *fp);
void fp_state_load(const struct fp_state *fp);
extern char user_thread_start[], kernel_thread_start[];
void kernel_thread_run(void *arg, void (*entry)(void *));

/* The keys of user mode that the kernel does not use itself; APIA is loaded on the way out (entry.S). */
static void
load_user_keys(const struct pauth_keys *k)
{
	sysreg_write(S3_0_C2_C1_2, k->ib.lo);
	sysreg_write(S3_0_C2_C1_3, k->ib.hi);
	sysreg_write(S3_0_C2_C2_0, k->da.lo);
	sysreg_write(S3_0_C2_C2_1, k->da.hi);
	sysreg_write(S3_0_C2_C2_2, k->db.lo);
	sysreg_write(S3_0_C2_C2_3, k->db.hi);
	sysreg_write(S3_0_C2_C3_0, k->ga.lo);
	sysreg_write(S3_0_C2_C3_1, k->ga.hi);
}

void
arch_switch(struct thread *from, struct thread *to)
{
	if (from->arch.is_user) {
		from->arch.tls = sysreg_read(tpidr_el0);
		fp_state_save(&from->arch.fp);
	}
	if (to->arch.is_user) {
		sysreg_write(tpidr_el0, to->arch.tls);
		fp_state_load(&to->arch.fp);
		if (to->arch.pauth)
			load_user_keys(&to->arch.keys);
	}
	arch_switch_context(from, to);
}

struct trap_frame *
arch_thread_frame(struct thread *t)
{
	return (struct trap_frame *)((char *)t->kstack + KSTACK_SIZE) - 1;
}

static void
fresh_kernel_key(struct thread *t)
{
	t->arch.pauth = arch_current()->arch.pauth;
	if (t->arch.pauth)
		random_fill(&t->arch.kernel_key, sizeof(t->arch.kernel_key));
}

void
arch_thread_setup_kernel(struct thread *t, void (*entry)(void *), void *arg)
{
	fresh_kernel_key(t);
	t->arch.is_user = 0;
	t->arch.context[CONTEXT_X19] = (uint64_t)entry;
	t->arch.context[CONTEXT_X20] = (uint64_t)arg;
	t->arch.context[CONTEXT_FP] = 0;
	t->arch.context[CONTEXT_SP] = (uint64_t)t->kstack + KSTACK_SIZE;
	t->arch.context[CONTEXT_LR] = (uint64_t)kernel_thread_start;
}

void
arch_thread_setup_user(struct thread *t)
{
	fresh_kernel_key(t);
	t->arch.is_user = 1;
	t->arch.context[CONTEXT_FP] = 0;
	t->arch.context[CONTEXT_SP] = (uint64_t)arch_thread_frame(t);
	t->arch.context[CONTEXT_LR] = (uint64_t)user_thread_start;
}

/* Where a kernel thread begins, with its run queue's lock just released and interrupts as the switch left them. */
void
kernel_thread_run(void *arg, void (*entry)(void *))
{
	arch_irq_enable();
	entry(arg);
	panic("a kernel thread's entry returned");
}

void
arch_thread_save_live(void)
{
	struct thread *t = arch_current();
	t->arch.tls = sysreg_read(tpidr_el0);
	fp_state_save(&t->arch.fp);
}

void
arch_thread_load_live(void)
{
	struct thread *t = arch_current();
	uint64_t flags = arch_irq_save();
	sysreg_write(tpidr_el0, t->arch.tls);
	fp_state_load(&t->arch.fp);
	if (t->arch.pauth)
		load_user_keys(&t->arch.keys);
	arch_irq_restore(flags);
}

void
arch_thread_reset_user(struct thread *t)
{
	t->arch.tls = 0;
	t->arch.fp = (struct fp_state){0};
	if (t->arch.pauth)
		random_fill(&t->arch.keys, sizeof(t->arch.keys));
}

void
arch_thread_copy_user(struct thread *child)
{
	const struct thread *self = arch_current();
	child->arch.tls = sysreg_read(tpidr_el0);
	fp_state_save(&child->arch.fp);
	child->arch.keys = self->arch.keys;
}

void
kernel_fpu_begin(void)
{
	struct thread *t = arch_current();
	DEBUG_ASSERT(!t->arch.fpu_in_use);
	t->arch.fpu_in_use = 1;
	if (t->arch.is_user)
		fp_state_save(&t->arch.fp);
}

void
kernel_fpu_end(void)
{
	struct thread *t = arch_current();
	t->arch.fpu_in_use = 0;
	if (t->arch.is_user)
		fp_state_load(&t->arch.fp);
}
