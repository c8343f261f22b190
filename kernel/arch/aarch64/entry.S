/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: from user mode (system calls first) and from the kernel, and the switch between threads.
 *
 * Every entry pushes a struct trap_frame; from user mode it is the first thing on the thread's kernel stack. A
 * system call returns by the short path: C has preserved x19-x29, so that only what the kernel may have changed is
 * loaded again; anything else, and any exit with work to do, restores all registers.
 *
 * Kernel stacks lie in the upper halves of 32 KiB slots (mm/kmap.c): bit 14 of a valid SP below the top is set. An
 * exception in the kernel that would push below the stack goes to the CPU's overflow stack and panics.
 */
#include <aarch64/asm_offsets.h>
#include <aarch64/sysregs.h>

	/* A table entry is 128 bytes. */
	.macro	vector label
	.balign	0x80
	b	\label
	.endm

	.section .vectors, "ax"
	.balign	0x800
	.globl	vectors
vectors:
	vector	bad_el1t_sync
	vector	bad_el1t_irq
	vector	bad_el1t_fiq
	vector	bad_el1t_serror
	vector	el1_sync
	vector	el1_irq
	vector	el1_fiq
	vector	el1_serror
	vector	el0_sync
	vector	el0_irq
	vector	el0_fiq
	vector	el0_serror
	vector	el0_32
	vector	el0_32
	vector	el0_32
	vector	el0_32

	.macro	save_x0_x29
	stp	x0, x1, [sp, #0]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	.endm

	/* x21 = user SP, x22 = ELR, x23 = SPSR, x24 = ESR afterwards. */
	.macro	user_entry
	sub	sp, sp, #FRAME_SIZE
	save_x0_x29
	mrs	x21, sp_el0
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	stp	x30, x21, [sp, #FRAME_X30]
	stp	x22, x23, [sp, #FRAME_PC]
	.endm

	.macro	restore_x1_x18
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	.endm

	.text
	.balign	64
el0_sync:
	user_entry
	mrs	x24, esr_el1
	mrs	x28, tpidr_el1
	mov	x29, xzr
	ldr	w25, [x28, #THREAD_PAUTH]
	cbnz	w25, el0_sync_pauth
el0_sync_keyed:
	lsr	x25, x24, #ESR_EC_SHIFT
	cmp	x25, #ESR_EC_SVC64
	b.ne	el0_sync_other
	stp	x0, x8, [sp, #FRAME_ORIG_X0]
	msr	daifclr, #3
	mov	x0, sp
	bl	syscall_dispatch
	msr	daifset, #3
	ldr	w1, [x28, #THREAD_FLAGS]
	tst	w1, #EXIT_WORK_MASK
	b.ne	exit_work
	ldr	w1, [x28, #THREAD_PAUTH]
	cbnz	w1, ret_to_user_pauth
	/* The short way back: x19-x29 are as they were. */
	ldp	x30, x21, [sp, #FRAME_X30]
	ldp	x22, x23, [sp, #FRAME_PC]
	msr	sp_el0, x21
	msr	elr_el1, x22
	msr	spsr_el1, x23
	ldp	x0, x1, [sp, #0]
	restore_x1_x18
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x28, x29, [sp, #224]
	add	sp, sp, #FRAME_SIZE
	eret

	/* The kernel's own key for return addresses, on CPUs that have pointer authentication. */
el0_sync_pauth:
	ldp	x26, x27, [x28, #THREAD_KERNEL_KEY]
	msr	S3_0_C2_C1_0, x26
	msr	S3_0_C2_C1_1, x27
	isb
	b	el0_sync_keyed

el0_sync_other:
	mov	x1, #-1
	str	x1, [sp, #FRAME_SYSCALL]
	mrs	x2, far_el1
	mov	x0, sp
	mov	x1, x24
	bl	trap_from_user
	b	ret_to_user

	.macro	user_trap label, handler
	.balign	16
\label:
	user_entry
	mrs	x24, esr_el1
	mrs	x28, tpidr_el1
	mov	x29, xzr
	ldr	w25, [x28, #THREAD_PAUTH]
	cbz	w25, 1f
	ldp	x26, x27, [x28, #THREAD_KERNEL_KEY]
	msr	S3_0_C2_C1_0, x26
	msr	S3_0_C2_C1_1, x27
	isb
1:	mov	x1, #-1
	str	x1, [sp, #FRAME_SYSCALL]
	mov	x0, sp
	mov	x1, x24
	bl	\handler
	b	ret_to_user
	.endm

	user_trap el0_irq, irq_from_user
	user_trap el0_fiq, trap_fiq
	user_trap el0_serror, trap_serror
	user_trap el0_32, trap_user_aarch32

	/* Interrupts may be on or off; x28 is the thread. */
	.globl	ret_to_user
ret_to_user:
	mrs	x28, tpidr_el1
	msr	daifset, #3
	ldr	w1, [x28, #THREAD_FLAGS]
	tst	w1, #EXIT_WORK_MASK
	b.ne	exit_work
	ldr	w1, [x28, #THREAD_PAUTH]
	cbnz	w1, ret_to_user_pauth
restore_all:
	ldp	x30, x21, [sp, #FRAME_X30]
	ldp	x22, x23, [sp, #FRAME_PC]
	msr	sp_el0, x21
	msr	elr_el1, x22
	msr	spsr_el1, x23
	ldp	x0, x1, [sp, #0]
	restore_x1_x18
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	add	sp, sp, #FRAME_SIZE
	eret

ret_to_user_pauth:
	ldp	x26, x27, [x28, #THREAD_USER_KEYS]
	msr	S3_0_C2_C1_0, x26
	msr	S3_0_C2_C1_1, x27
	b	restore_all

exit_work:
	msr	daifclr, #3
	mov	x0, sp
	bl	task_exit_to_user_work
	b	ret_to_user

	/* A new user thread's first return: arch_switch() comes here on its empty stack but for the frame. */
	.globl	user_thread_start
user_thread_start:
	bti	j
	bl	sched_finish_switch
	b	ret_to_user

	/* A new kernel thread: x19 = entry, x20 = argument. */
	.globl	kernel_thread_start
kernel_thread_start:
	bti	j
	bl	sched_finish_switch
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x20
	mov	x1, x19
	b	kernel_thread_run

	/*
	 * From the kernel. No exception may push below the stack: SP is tested before anything is stored.
	 */
	.macro	kernel_entry
	sub	sp, sp, #FRAME_SIZE
	/* Swap x0 and sp arithmetically to test sp without a free register; the overflow stack takes it from there. */
	add	sp, sp, x0
	sub	x0, sp, x0
	tbz	x0, #14, stack_overflow_\@
	sub	x0, sp, x0
	sub	sp, sp, x0
	save_x0_x29
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	add	x21, sp, #FRAME_SIZE
	stp	x30, x21, [sp, #FRAME_X30]
	stp	x22, x23, [sp, #FRAME_PC]
	/* A frame record, so that a backtrace goes on into the interrupted code. */
	stp	x29, x22, [sp, #FRAME_ORIG_X0]
	add	x29, sp, #FRAME_ORIG_X0
	b	kernel_entry_done_\@
stack_overflow_\@:
	b	kernel_stack_overflow
kernel_entry_done_\@:
	.endm

	.macro	kernel_exit
	ldp	x22, x23, [sp, #FRAME_PC]
	msr	elr_el1, x22
	msr	spsr_el1, x23
	ldr	x30, [sp, #FRAME_X30]
	ldp	x0, x1, [sp, #0]
	restore_x1_x18
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	add	sp, sp, #FRAME_SIZE
	eret
	.endm

	.macro	kernel_trap label, handler
	.balign	16
\label:
	kernel_entry
	mrs	x1, esr_el1
	mrs	x2, far_el1
	mov	x0, sp
	bl	\handler
	kernel_exit
	.endm

	kernel_trap el1_sync, trap_from_kernel
	kernel_trap el1_irq, irq_from_kernel
	kernel_trap el1_fiq, trap_fiq
	kernel_trap el1_serror, trap_serror
	kernel_trap bad_el1t_sync, trap_bad_mode
	kernel_trap bad_el1t_irq, trap_bad_mode
	kernel_trap bad_el1t_fiq, trap_bad_mode
	kernel_trap bad_el1t_serror, trap_bad_mode

	/* sp holds sp + x0, x0 holds sp: undo, keep both aside, panic on the CPU's overflow stack. */
kernel_stack_overflow:
	msr	tpidr_el0, x0
	sub	x0, sp, x0
	msr	tpidrro_el0, x0
	mrs	x0, tpidr_el1
	ldr	x0, [x0, #THREAD_CPU]
	ldr	x0, [x0, #CPU_OVERFLOW_STACK]
	mov	sp, x0
	mrs	x0, tpidrro_el0
	sub	sp, sp, #FRAME_SIZE
	save_x0_x29
	mrs	x21, tpidr_el0
	add	x21, x21, #FRAME_SIZE
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	stp	x30, x21, [sp, #FRAME_X30]
	stp	x22, x23, [sp, #FRAME_PC]
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	b	trap_stack_overflow

	/* arch_run_softirqs(x0 = top of the stack for them): the frame record leads back to this one. */
	.globl	arch_run_softirqs
arch_run_softirqs:
	paciasp
	stp	x29, x30, [sp, #-16]!
	mov	x29, sp
	mov	sp, x0
	bl	softirq_run
	mov	sp, x29
	ldp	x29, x30, [sp], #16
	autiasp
	ret

	/* arch_switch(from, to): the context is at offset 0 of a thread. */
	.globl	arch_switch_context
arch_switch_context:
	bti	c
	mov	x9, sp
	stp	x19, x20, [x0, #0]
	stp	x21, x22, [x0, #16]
	stp	x23, x24, [x0, #32]
	stp	x25, x26, [x0, #48]
	stp	x27, x28, [x0, #64]
	stp	x29, x9, [x0, #80]
	str	x30, [x0, #96]
	ldr	w9, [x1, #THREAD_PAUTH]
	cbnz	w9, 2f
1:	ldp	x19, x20, [x1, #0]
	ldp	x21, x22, [x1, #16]
	ldp	x23, x24, [x1, #32]
	ldp	x25, x26, [x1, #48]
	ldp	x27, x28, [x1, #64]
	ldp	x29, x9, [x1, #80]
	ldr	x30, [x1, #96]
	mov	sp, x9
	msr	tpidr_el1, x1
	ret
2:	ldp	x10, x11, [x1, #THREAD_KERNEL_KEY]
	msr	S3_0_C2_C1_0, x10
	msr	S3_0_C2_C1_1, x11
	isb
	b	1b

	/* fp_state_save, fp_state_load(x0 = struct fp_state *) */
	.arch_extension fp
	.arch_extension simd
	.globl	fp_state_save
fp_state_save:
	bti	c
	stp	q0, q1, [x0, #0]
	stp	q2, q3, [x0, #32]
	stp	q4, q5, [x0, #64]
	stp	q6, q7, [x0, #96]
	stp	q8, q9, [x0, #128]
	stp	q10, q11, [x0, #160]
	stp	q12, q13, [x0, #192]
	stp	q14, q15, [x0, #224]
	stp	q16, q17, [x0, #256]
	stp	q18, q19, [x0, #288]
	stp	q20, q21, [x0, #320]
	stp	q22, q23, [x0, #352]
	stp	q24, q25, [x0, #384]
	stp	q26, q27, [x0, #416]
	stp	q28, q29, [x0, #448]
	stp	q30, q31, [x0, #480]
	mrs	x1, fpsr
	mrs	x2, fpcr
	str	w1, [x0, #512]
	str	w2, [x0, #516]
	ret
	.globl	fp_state_load
fp_state_load:
	bti	c
	ldp	q0, q1, [x0, #0]
	ldp	q2, q3, [x0, #32]
	ldp	q4, q5, [x0, #64]
	ldp	q6, q7, [x0, #96]
	ldp	q8, q9, [x0, #128]
	ldp	q10, q11, [x0, #160]
	ldp	q12, q13, [x0, #192]
	ldp	q14, q15, [x0, #224]
	ldp	q16, q17, [x0, #256]
	ldp	q18, q19, [x0, #288]
	ldp	q20, q21, [x0, #320]
	ldp	q22, q23, [x0, #352]
	ldp	q24, q25, [x0, #384]
	ldp	q26, q27, [x0, #416]
	ldp	q28, q29, [x0, #448]
	ldp	q30, q31, [x0, #480]
	ldr	w1, [x0, #512]
	ldr	w2, [x0, #516]
	msr	fpsr, x1
	msr	fpcr, x2
	ret
