/* SPDX-License-Identifier: MIT */
/* clang-format off */
/* For assembly: functions that C calls by name, and instructions that touch user memory. */
#ifndef AARCH64_ASM_H
#define AARCH64_ASM_H

#include <aarch64/extable.h>

	/* A function of its own section, so that the linker may drop it. bti c: veneers may branch to it indirectly. */
	.macro	FUNCTION_ name
	.section .text.\name, "ax"
	.balign	16
	.globl	\name
	.hidden	\name
	.type	\name, %function
\name:
	bti	c
	.endm

	/*
	 * An instruction that may fault on a user address. If the fault cannot be resolved, control goes to fixup.
	 * Entries must be emitted in the order of the instructions' addresses: the table is searched by halves.
	 */
	.macro	user_insn fixup, flags, insn:vararg
.Luser_\@:
	\insn
	.pushsection __ex_table, "a"
	.balign	4
	.long	.Luser_\@ - .
	.long	\fixup + \flags - .
	.popsection
	.endm

#define FUNCTION(name)              FUNCTION_ name
#define END(name)                   .size name, . - name
#define USER(fixup, ...)            user_insn fixup, 0, __VA_ARGS__
#define USER_NOFAULT(fixup, ...)    user_insn fixup, EX_NOFAULT, __VA_ARGS__

#endif
