/* SPDX-License-Identifier: MIT */
/* Cache maintenance for instruction fetch (Arm ARM, D7.5): what CTR_EL0 says is needed, a line at a time. */
#include "aarch64/asm.h"

#define CTR_IDC_BIT 28	/* data caches need no cleaning for instruction fetch */
#define CTR_DIC_BIT 29	/* instruction caches need no invalidation */

	/* Sets line to 4 << CTR_EL0[pos .. pos + 3]. */
	.macro	line_size line, ctr, pos
	ubfx	\line, \ctr, #\pos, #4
	mov	x6, #4
	lsl	\line, x6, \line
	.endm

/* void arch_sync_icache(const void *va, size_t n); */
FUNCTION(arch_sync_icache)
	mrs	x3, ctr_el0
	add	x1, x0, x1
	tbnz	x3, #CTR_IDC_BIT, 2f
	line_size x4, x3, 16
	sub	x5, x4, #1
	bic	x2, x0, x5
1:	dc	cvau, x2
	add	x2, x2, x4
	cmp	x2, x1
	b.lo	1b
2:	dsb	ish
	tbnz	x3, #CTR_DIC_BIT, 4f
	line_size x4, x3, 0
	sub	x5, x4, #1
	bic	x2, x0, x5
3:	ic	ivau, x2
	add	x2, x2, x4
	cmp	x2, x1
	b.lo	3b
	dsb	ish
4:	isb
	ret
END(arch_sync_icache)
