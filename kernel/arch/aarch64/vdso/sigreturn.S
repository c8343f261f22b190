/* SPDX-License-Identifier: MIT */
/*
 * Where a signal handler without a restorer returns to. The unwind information says that the caller's frame is the
 * frame record that the kernel put above the signal frame, to which x29 points.
 */
	.text
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa	x29, 0
	.cfi_offset	x29, 0
	.cfi_offset	x30, 8
	nop			/* unwinders look one instruction before the return address */
	.globl	__kernel_rt_sigreturn
	.type	__kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
	mov	x8, #139
	svc	#0
	.size	__kernel_rt_sigreturn, . - __kernel_rt_sigreturn
	.cfi_endproc
	.section .note.GNU-stack, "", %progbits
