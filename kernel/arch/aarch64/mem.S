/* SPDX-License-Identifier: MIT */
/*
 * memcpy, memmove, memset, memcmp for the kernel, in general registers, and whole pages.
 *
 * Up to 128 bytes are copied by loading all of them before storing any, from both ends towards the middle, so the
 * same code serves overlapping ranges. Longer copies go forwards or, for memmove() to a higher overlapping address,
 * backwards, 64 bytes at a time; their rest is again a short copy.
 */
#include "aarch64/asm.h"

dst	.req x3
src	.req x1
n	.req x2

/* void *memmove(void *to, const void *from, size_t n); x0 is kept as the result. */
FUNCTION(memmove)
	cmp	n, #64
	b.ls	.Lcopy_small
	sub	x4, x0, src
	cmp	x4, n
	b.hs	.Lcopy_forward		/* not (from < to < from + n) */
	cbnz	x4, .Lcopy_backward
	ret
END(memmove)

/* void *memcpy(void *to, const void *from, size_t n); */
FUNCTION(memcpy)
	cmp	n, #64
	b.ls	.Lcopy_small
.Lcopy_forward:
	mov	dst, x0
	subs	n, n, #64
1:	ldp	x6, x7, [src, #16]
	ldp	x8, x9, [src, #32]
	ldp	x10, x11, [src, #48]
	ldp	x4, x5, [src], #64
	stp	x6, x7, [dst, #16]
	stp	x8, x9, [dst, #32]
	stp	x10, x11, [dst, #48]
	stp	x4, x5, [dst], #64
	subs	n, n, #64
	b.hs	1b
	add	n, n, #64
	b	.Lcopy_rest

.Lcopy_backward:
	add	dst, x0, n
	add	src, src, n
	sub	n, n, #64
1:	ldp	x4, x5, [src, #-16]
	ldp	x6, x7, [src, #-32]
	ldp	x8, x9, [src, #-48]
	ldp	x10, x11, [src, #-64]!
	stp	x4, x5, [dst, #-16]
	stp	x6, x7, [dst, #-32]
	stp	x8, x9, [dst, #-48]
	stp	x10, x11, [dst, #-64]!
	subs	n, n, #64
	b.hs	1b
	add	n, n, #64
	sub	dst, dst, n
	sub	src, src, n
	b	.Lcopy_rest

.Lcopy_small:
	mov	dst, x0
.Lcopy_rest:				/* n <= 64 */
	add	x14, src, n
	add	x15, dst, n
	cmp	n, #16
	b.lo	3f
	cmp	n, #32
	b.hi	2f
	ldp	x4, x5, [src]		/* 16..32 */
	ldp	x6, x7, [x14, #-16]
	stp	x4, x5, [dst]
	stp	x6, x7, [x15, #-16]
	ret
2:	ldp	x4, x5, [src]		/* 33..64 */
	ldp	x6, x7, [src, #16]
	ldp	x8, x9, [x14, #-32]
	ldp	x10, x11, [x14, #-16]
	stp	x4, x5, [dst]
	stp	x6, x7, [dst, #16]
	stp	x8, x9, [x15, #-32]
	stp	x10, x11, [x15, #-16]
	ret
3:	tbz	n, #3, 4f
	ldr	x4, [src]		/* 8..15 */
	ldr	x5, [x14, #-8]
	str	x4, [dst]
	str	x5, [x15, #-8]
	ret
4:	tbz	n, #2, 5f
	ldr	w4, [src]		/* 4..7 */
	ldr	w5, [x14, #-4]
	str	w4, [dst]
	str	w5, [x15, #-4]
	ret
5:	cbz	n, 6f
	lsr	x6, n, #1		/* 1..3: first, middle and last byte */
	ldrb	w4, [src]
	ldrb	w5, [x14, #-1]
	ldrb	w7, [src, x6]
	strb	w4, [dst]
	strb	w7, [dst, x6]
	strb	w5, [x15, #-1]
6:	ret
END(memcpy)

/* void *memset(void *to, int byte, size_t n); */
FUNCTION(memset)
	and	w1, w1, #255
	mov	x4, #0x0101010101010101
	mul	x1, x1, x4
	add	x15, x0, n
	cmp	n, #16
	b.lo	3f
	cmp	n, #64
	b.hi	1f
	stp	x1, x1, [x0]		/* 16..64 */
	stp	x1, x1, [x15, #-16]
	cmp	n, #32
	b.ls	2f
	stp	x1, x1, [x0, #16]
	stp	x1, x1, [x15, #-32]
2:	ret
1:	mov	dst, x0
	cbz	x1, .Lzero
.Lset_loop:				/* n > 64 */
	sub	n, n, #64
1:	stp	x1, x1, [dst, #16]
	stp	x1, x1, [dst, #32]
	stp	x1, x1, [dst, #48]
	stp	x1, x1, [dst], #64
	subs	n, n, #64
	b.hi	1b
	stp	x1, x1, [x15, #-64]
	stp	x1, x1, [x15, #-48]
	stp	x1, x1, [x15, #-32]
	stp	x1, x1, [x15, #-16]
	ret
3:	tbz	n, #3, 4f
	str	x1, [x0]
	str	x1, [x15, #-8]
	ret
4:	tbz	n, #2, 5f
	str	w1, [x0]
	str	w1, [x15, #-4]
	ret
5:	cbz	n, 6f
	strb	w1, [x0]
	strb	w1, [x15, #-1]
	lsr	x6, n, #1
	strb	w1, [x0, x6]
6:	ret

/* Zeroes: DC ZVA for the whole 64-byte blocks of long ranges, where the CPU zeroes by 64 bytes. */
.Lzero:
	cmp	n, #256
	b.lo	.Lset_loop
	mrs	x5, dczid_el0
	and	w5, w5, #31		/* DZP and BS: 4 is allowed, 64 bytes */
	cmp	w5, #4
	b.ne	.Lset_loop
	stp	xzr, xzr, [dst]
	stp	xzr, xzr, [dst, #16]
	stp	xzr, xzr, [dst, #32]
	stp	xzr, xzr, [dst, #48]
	bic	dst, dst, #63
	add	dst, dst, #64
	sub	x6, x15, #64		/* the last block begins at or below it */
1:	dc	zva, dst
	add	dst, dst, #64
	cmp	dst, x6
	b.ls	1b
	stp	xzr, xzr, [x15, #-64]
	stp	xzr, xzr, [x15, #-48]
	stp	xzr, xzr, [x15, #-32]
	stp	xzr, xzr, [x15, #-16]
	ret
END(memset)

/* int memcmp(const void *a, const void *b, size_t n); */
FUNCTION(memcmp)
	subs	n, n, #16
	b.lo	2f
1:	ldp	x4, x6, [x0], #16
	ldp	x5, x7, [x1], #16
	cmp	x4, x5
	b.ne	.Ldiffer
	cmp	x6, x7
	b.ne	5f
	subs	n, n, #16
	b.hs	1b
2:	tbz	n, #3, 3f		/* n is negative: its low bits are what is left */
	ldr	x4, [x0], #8
	ldr	x5, [x1], #8
	cmp	x4, x5
	b.ne	.Ldiffer
3:	and	n, n, #7
	cbz	n, 4f
1:	ldrb	w4, [x0], #1
	ldrb	w5, [x1], #1
	subs	w4, w4, w5
	b.ne	6f
	subs	n, n, #1
	b.ne	1b
4:	mov	w0, #0
	ret
5:	mov	x4, x6
	mov	x5, x7
.Ldiffer:				/* the first byte that differs is the highest one when reversed */
	rev	x4, x4
	rev	x5, x5
	cmp	x4, x5
	mov	w0, #1
	cneg	w0, w0, lo
	ret
6:	mov	w0, w4
	ret
END(memcmp)

/* void arch_clear_page(void *page); */
FUNCTION(arch_clear_page)
	mrs	x3, dczid_el0
	and	w3, w3, #31
	cmp	w3, #4
	b.ne	2f
	add	x2, x0, #4096
1:
	.rept	16
	dc	zva, x0
	add	x0, x0, #64
	.endr
	cmp	x0, x2
	b.ne	1b
	ret
2:	mov	w1, #0
	mov	x2, #4096
	b	memset
END(arch_clear_page)

/*
 * void arch_copy_page(void *to, const void *from);
 * In SIMD registers, which it saves and restores: user mode's may be live in them. Nothing here can fault or sleep,
 * and an interrupt's copy restores what it finds, so that it may be used anywhere.
 */
	.arch_extension fp
	.arch_extension simd
FUNCTION(arch_copy_page)
	sub	sp, sp, #128
	stp	q0, q1, [sp]
	stp	q2, q3, [sp, #32]
	stp	q4, q5, [sp, #64]
	stp	q6, q7, [sp, #96]
	mov	w2, #4096
1:	ld1	{v0.16b-v3.16b}, [x1], #64
	ld1	{v4.16b-v7.16b}, [x1], #64
	st1	{v0.16b-v3.16b}, [x0], #64
	st1	{v4.16b-v7.16b}, [x0], #64
	ld1	{v0.16b-v3.16b}, [x1], #64
	ld1	{v4.16b-v7.16b}, [x1], #64
	st1	{v0.16b-v3.16b}, [x0], #64
	st1	{v4.16b-v7.16b}, [x0], #64
	ld1	{v0.16b-v3.16b}, [x1], #64
	ld1	{v4.16b-v7.16b}, [x1], #64
	st1	{v0.16b-v3.16b}, [x0], #64
	st1	{v4.16b-v7.16b}, [x0], #64
	ld1	{v0.16b-v3.16b}, [x1], #64
	ld1	{v4.16b-v7.16b}, [x1], #64
	st1	{v0.16b-v3.16b}, [x0], #64
	st1	{v4.16b-v7.16b}, [x0], #64
	subs	w2, w2, #512
	b.ne	1b
	ldp	q0, q1, [sp]
	ldp	q2, q3, [sp, #32]
	ldp	q4, q5, [sp, #64]
	ldp	q6, q7, [sp, #96]
	add	sp, sp, #128
	ret
END(arch_copy_page)
