/* SPDX-License-Identifier: MIT */
/*
 * User memory: arch/uaccess.h. Short transfers use the unprivileged loads and stores (ldtr, sttr); long ones ldp and
 * stp with PAN off, which cost half as much. User addresses below USER_END are the only ones that get so far.
 *
 * From SIMD_MIN bytes on they go through v0-v7, which costs a third of that. What user mode has in them is saved
 * on the stack meanwhile. A fault may sleep, switch threads and use the FP registers itself: all of that preserves a
 * user thread's live registers, but not a kernel thread's, which therefore does without.
 *
 * A transfer that faults for good goes on byte by byte from the start of the block it was in, so that the number of
 * bytes left is exact, and nothing is written past the byte that faulted.
 */
#include "aarch64/asm.h"
#include <aarch64/asm_offsets.h>

#define EFAULT_   14
#define EAGAIN_   11
#define USER_END_ (1 << 48)
#define RACES_MAX 128
#define SIMD_MIN  256

	.arch_extension pan
	.arch_extension fp
	.arch_extension simd

to	.req x0
from	.req x1
n	.req x2
haspan	.req w12
whole	.req w13	/* 0: return what is left; 1: return 0 or -EFAULT */
toend	.req x14
fromend	.req x15

	/* Sends ranges that do not lie below USER_END to bad. */
	.macro	check_range addr, bad
	mov	x9, #USER_END_
	subs	x9, x9, n
	b.lo	\bad
	cmp	\addr, x9
	b.hi	\bad
	.endm

	.macro	pan_off
	adrp	x12, uaccess_pan
	ldrb	haspan, [x12, :lo12:uaccess_pan]
	cbz	haspan, .Lpan_\@
	msr	pan, #0
.Lpan_\@:
	.endm

	.macro	pan_on
	cbz	haspan, .Lpan_\@
	msr	pan, #1
.Lpan_\@:
	.endm

	/* Goes to simd if that is worth it and possible. */
	.macro	try_simd simd
	cmp	n, #SIMD_MIN
	b.lo	.Lno_simd_\@
	mrs	x3, tpidr_el1
	ldr	x3, [x3, #THREAD_IS_USER]
	cbnz	x3, \simd
.Lno_simd_\@:
	.endm

	.macro	simd_save
	sub	sp, sp, #128
	stp	q0, q1, [sp]
	stp	q2, q3, [sp, #32]
	stp	q4, q5, [sp, #64]
	stp	q6, q7, [sp, #96]
	.endm

	.macro	simd_restore
	ldp	q0, q1, [sp]
	ldp	q2, q3, [sp, #32]
	ldp	q4, q5, [sp, #64]
	ldp	q6, q7, [sp, #96]
	add	sp, sp, #128
	.endm

	/* At a fixup nobody knows which path faulted. */
	.macro	pan_on_again
	adrp	x12, uaccess_pan
	ldrb	haspan, [x12, :lo12:uaccess_pan]
	pan_on
	.endm

/* size_t copy_from_user_partial(void *to, uaddr_t from, size_t n); */
FUNCTION(copy_from_user_partial)
	mov	whole, #0
	b	.Lfrom_user
END(copy_from_user_partial)

/* int copy_from_user(void *to, uaddr_t from, size_t n); */
	.balign	16
	.globl	copy_from_user
	.hidden	copy_from_user
	.type	copy_from_user, %function
copy_from_user:
	bti	c
	mov	whole, #1
.Lfrom_user:
	add	toend, to, n
	check_range from, .Lfrom_range
	cmp	n, #64
	b.hs	.Lfrom_large
.Lfrom_small:
	cmp	n, #16
	b.lo	2f
1:	USER(.Lfrom_fault, ldtr x3, [from])
	USER(.Lfrom_fault, ldtr x4, [from, #8])
	add	from, from, #16
	stp	x3, x4, [to], #16
	sub	n, n, #16
	cmp	n, #16
	b.hs	1b
2:	tbz	n, #3, 3f
	USER(.Lfrom_fault, ldtr x3, [from])
	add	from, from, #8
	str	x3, [to], #8
3:	tbz	n, #2, 4f
	USER(.Lfrom_fault, ldtr w3, [from])
	add	from, from, #4
	str	w3, [to], #4
4:	tbz	n, #1, 5f
	USER(.Lfrom_fault, ldtrh w3, [from])
	add	from, from, #2
	strh	w3, [to], #2
5:	tbz	n, #0, 6f
	USER(.Lfrom_fault, ldtrb w3, [from])
	strb	w3, [to], #1
6:	mov	x0, #0
	ret

.Lfrom_large:
	pan_off
	try_simd .Lfrom_simd
.Lfrom_general:
	subs	n, n, #128
	b.lo	2f
1:	USER(.Lfrom_fault, ldp x3, x4, [from, #16])
	USER(.Lfrom_fault, ldp x5, x6, [from, #32])
	USER(.Lfrom_fault, ldp x7, x8, [from, #48])
	USER(.Lfrom_fault, ldp x9, x10, [from], #64)
	stp	x3, x4, [to, #16]
	stp	x5, x6, [to, #32]
	stp	x7, x8, [to, #48]
	stp	x9, x10, [to], #64
	USER(.Lfrom_fault, ldp x3, x4, [from, #16])
	USER(.Lfrom_fault, ldp x5, x6, [from, #32])
	USER(.Lfrom_fault, ldp x7, x8, [from, #48])
	USER(.Lfrom_fault, ldp x9, x10, [from], #64)
	stp	x3, x4, [to, #16]
	stp	x5, x6, [to, #32]
	stp	x7, x8, [to, #48]
	stp	x9, x10, [to], #64
	subs	n, n, #128
	b.hs	1b
2:	tbz	n, #6, 3f		/* n is what is left minus 128: the low bits are the same */
	USER(.Lfrom_fault, ldp x3, x4, [from, #16])
	USER(.Lfrom_fault, ldp x5, x6, [from, #32])
	USER(.Lfrom_fault, ldp x7, x8, [from, #48])
	USER(.Lfrom_fault, ldp x9, x10, [from], #64)
	stp	x3, x4, [to, #16]
	stp	x5, x6, [to, #32]
	stp	x7, x8, [to, #48]
	stp	x9, x10, [to], #64
3:	pan_on
	ands	n, n, #63
	b.ne	.Lfrom_small
	mov	x0, #0
	ret

.Lfrom_simd:
	simd_save
	sub	n, n, #256
1:	USER(.Lfrom_fault_simd, ld1 {v0.16b-v3.16b}, [from], #64)
	st1	{v0.16b-v3.16b}, [to], #64
	USER(.Lfrom_fault_simd, ld1 {v4.16b-v7.16b}, [from], #64)
	st1	{v4.16b-v7.16b}, [to], #64
	USER(.Lfrom_fault_simd, ld1 {v0.16b-v3.16b}, [from], #64)
	st1	{v0.16b-v3.16b}, [to], #64
	USER(.Lfrom_fault_simd, ld1 {v4.16b-v7.16b}, [from], #64)
	st1	{v4.16b-v7.16b}, [to], #64
	subs	n, n, #256
	b.hs	1b
	add	n, n, #256
	simd_restore
	b	.Lfrom_general

.Lfrom_fault_simd:
	simd_restore
.Lfrom_fault:
	pan_on_again
1:	cmp	to, toend
	b.hs	.Lfrom_stop
	USER(.Lfrom_stop, ldtrb w3, [from])
	add	from, from, #1
	strb	w3, [to], #1
	b	1b
.Lfrom_range:
	mov	x9, #USER_END_
	cmp	n, x9
	b.hi	3f			/* a length that nobody can mean */
.Lfrom_stop:
	sub	n, toend, to
	cbz	whole, 4f
	cbz	n, 4f
2:	strb	wzr, [to], #1
	cmp	to, toend
	b.lo	2b
	mov	x0, #-EFAULT_
	ret
3:	cbz	whole, 4f
	mov	x0, #-EFAULT_
	ret
4:	mov	x0, n
	ret
END(copy_from_user)

/* size_t copy_to_user_partial(uaddr_t to, const void *from, size_t n); */
FUNCTION(copy_to_user_partial)
	mov	whole, #0
	b	.Lto_user
END(copy_to_user_partial)

/* int copy_to_user(uaddr_t to, const void *from, size_t n); */
	.balign	16
	.globl	copy_to_user
	.hidden	copy_to_user
	.type	copy_to_user, %function
copy_to_user:
	bti	c
	mov	whole, #1
.Lto_user:
	check_range to, .Lto_range
	add	toend, to, n
	add	fromend, from, n
	cmp	n, #64
	b.hs	.Lto_large
.Lto_small:
	cmp	n, #16
	b.lo	2f
1:	ldp	x3, x4, [from], #16
	USER(.Lto_fault, sttr x3, [to])
	USER(.Lto_fault, sttr x4, [to, #8])
	add	to, to, #16
	sub	n, n, #16
	cmp	n, #16
	b.hs	1b
2:	tbz	n, #3, 3f
	ldr	x3, [from], #8
	USER(.Lto_fault, sttr x3, [to])
	add	to, to, #8
3:	tbz	n, #2, 4f
	ldr	w3, [from], #4
	USER(.Lto_fault, sttr w3, [to])
	add	to, to, #4
4:	tbz	n, #1, 5f
	ldrh	w3, [from], #2
	USER(.Lto_fault, sttrh w3, [to])
	add	to, to, #2
5:	tbz	n, #0, 6f
	ldrb	w3, [from]
	USER(.Lto_fault, sttrb w3, [to])
6:	mov	x0, #0
	ret

.Lto_large:
	pan_off
	try_simd .Lto_simd
.Lto_general:
	sub	to, to, #16		/* so that the last store of a block can move it on */
	subs	n, n, #128
	b.lo	2f
1:	ldp	x3, x4, [from, #16]
	ldp	x5, x6, [from, #32]
	ldp	x7, x8, [from, #48]
	ldp	x9, x10, [from], #64
	USER(.Lto_fault_large, stp x9, x10, [to, #16])
	USER(.Lto_fault_large, stp x3, x4, [to, #32])
	USER(.Lto_fault_large, stp x5, x6, [to, #48])
	USER(.Lto_fault_large, stp x7, x8, [to, #64]!)
	ldp	x3, x4, [from, #16]
	ldp	x5, x6, [from, #32]
	ldp	x7, x8, [from, #48]
	ldp	x9, x10, [from], #64
	USER(.Lto_fault_large, stp x9, x10, [to, #16])
	USER(.Lto_fault_large, stp x3, x4, [to, #32])
	USER(.Lto_fault_large, stp x5, x6, [to, #48])
	USER(.Lto_fault_large, stp x7, x8, [to, #64]!)
	subs	n, n, #128
	b.hs	1b
2:	tbz	n, #6, 3f
	ldp	x3, x4, [from, #16]
	ldp	x5, x6, [from, #32]
	ldp	x7, x8, [from, #48]
	ldp	x9, x10, [from], #64
	USER(.Lto_fault_large, stp x9, x10, [to, #16])
	USER(.Lto_fault_large, stp x3, x4, [to, #32])
	USER(.Lto_fault_large, stp x5, x6, [to, #48])
	USER(.Lto_fault_large, stp x7, x8, [to, #64]!)
3:	pan_on
	add	to, to, #16
	ands	n, n, #63
	b.ne	.Lto_small
	mov	x0, #0
	ret

.Lto_simd:
	simd_save
	sub	n, n, #256
1:	ld1	{v0.16b-v3.16b}, [from], #64
	USER(.Lto_fault_simd, st1 {v0.16b-v3.16b}, [to], #64)
	ld1	{v4.16b-v7.16b}, [from], #64
	USER(.Lto_fault_simd, st1 {v4.16b-v7.16b}, [to], #64)
	ld1	{v0.16b-v3.16b}, [from], #64
	USER(.Lto_fault_simd, st1 {v0.16b-v3.16b}, [to], #64)
	ld1	{v4.16b-v7.16b}, [from], #64
	USER(.Lto_fault_simd, st1 {v4.16b-v7.16b}, [to], #64)
	subs	n, n, #256
	b.hs	1b
	add	n, n, #256
	simd_restore
	b	.Lto_general

.Lto_fault_simd:
	simd_restore
	b	.Lto_fault
.Lto_fault_large:
	add	to, to, #16
.Lto_fault:				/* to is where the block begins; from may be past it */
	pan_on_again
	sub	n, toend, to
	sub	from, fromend, n
1:	cbz	n, 2f
	ldrb	w3, [from], #1
	USER(.Lto_range, sttrb w3, [to])
	add	to, to, #1
	sub	n, n, #1
	b	1b
2:	mov	x0, #0
	ret
.Lto_range:
	mov	x0, #-EFAULT_
	cmp	whole, #0
	csel	x0, x0, n, ne
	ret
END(copy_to_user)

/* size_t clear_user_partial(uaddr_t to, size_t n); */
FUNCTION(clear_user_partial)
	mov	whole, #0
	b	.Lclear_user
END(clear_user_partial)

/* int clear_user(uaddr_t to, size_t n); */
	.balign	16
	.globl	clear_user
	.hidden	clear_user
	.type	clear_user, %function
clear_user:
	bti	c
	mov	whole, #1
.Lclear_user:
	mov	n, x1
	check_range to, .Lclear_range
	add	toend, to, n
	cmp	n, #64
	b.hs	.Lclear_large
.Lclear_small:
	cmp	n, #8
	b.lo	2f
1:	USER(.Lclear_fault, sttr xzr, [to])
	add	to, to, #8
	sub	n, n, #8
	cmp	n, #8
	b.hs	1b
2:	tbz	n, #2, 3f
	USER(.Lclear_fault, sttr wzr, [to])
	add	to, to, #4
3:	tbz	n, #1, 4f
	USER(.Lclear_fault, sttrh wzr, [to])
	add	to, to, #2
4:	tbz	n, #0, 5f
	USER(.Lclear_fault, sttrb wzr, [to])
5:	mov	x0, #0
	ret

.Lclear_large:
	pan_off
	sub	to, to, #16
	sub	n, n, #64
1:	USER(.Lclear_fault_large, stp xzr, xzr, [to, #16])
	USER(.Lclear_fault_large, stp xzr, xzr, [to, #32])
	USER(.Lclear_fault_large, stp xzr, xzr, [to, #48])
	USER(.Lclear_fault_large, stp xzr, xzr, [to, #64]!)
	subs	n, n, #64
	b.hs	1b
	pan_on
	add	to, to, #16
	ands	n, n, #63
	b.ne	.Lclear_small
	mov	x0, #0
	ret

.Lclear_fault_large:
	add	to, to, #16
.Lclear_fault:
	pan_on_again
	sub	n, toend, to
1:	cbz	n, 2f
	USER(.Lclear_range, sttrb wzr, [to])
	add	to, to, #1
	sub	n, n, #1
	b	1b
2:	mov	x0, #0
	ret
.Lclear_range:
	mov	x0, #-EFAULT_
	cmp	whole, #0
	csel	x0, x0, n, ne
	ret
END(clear_user)

/*
 * ssize_t copy_string_from_user(char *to, uaddr_t from, size_t n);
 *
 * Aligned words of eight bytes, which never reach into a page that the string does not; bytes when to has room for
 * less. A word has a zero byte where (word - 0x01..01) & ~word & 0x80..80 has its lowest bit.
 */
at	.req x13	/* where the next bytes are */
left	.req x10	/* how many may be looked at */
start	.req x16
ones	.req x7
FUNCTION(copy_string_from_user)
	mov	x9, #USER_END_
	subs	x9, x9, from
	b.ls	.Lstring_fault
	cmp	n, x9
	csel	left, n, x9, lo
	mov	start, to
	mov	at, from
	cmp	left, #8
	b.lo	.Lstring_bytes
	mov	ones, #0x0101010101010101

	and	x12, from, #7
	bic	at, from, #7
	lsl	x14, x12, #3
	USER(.Lstring_fault, ldtr x3, [at])
	mov	x4, #-1
	lsr	x3, x3, x14
	lsr	x4, x4, x14
	orn	x5, x3, x4		/* bytes past the word's end are no zeroes */
	sub	x6, x5, ones
	bic	x6, x6, x5
	ands	x6, x6, #0x8080808080808080
	str	x3, [to]
	b.ne	.Lstring_found
	add	to, to, #8
	sub	to, to, x12
	add	at, at, #8
	sub	left, left, #8
	add	left, left, x12

1:	cmp	left, #8
	b.lo	.Lstring_bytes
	USER(.Lstring_fault, ldtr x3, [at])
	sub	x6, x3, ones
	bic	x6, x6, x3
	ands	x6, x6, #0x8080808080808080
	b.ne	2f
	add	at, at, #8
	str	x3, [to], #8
	sub	left, left, #8
	b	1b
2:	str	x3, [to]
.Lstring_found:
	rbit	x6, x6
	clz	x6, x6
	add	to, to, x6, lsr #3
	sub	x0, to, start
	ret

.Lstring_bytes:
	cbz	left, 3f
	USER(.Lstring_fault, ldtrb w3, [at])
	strb	w3, [to]
	cbz	w3, 4f
	add	to, to, #1
	add	at, at, #1
	sub	left, left, #1
	b	.Lstring_bytes
3:	sub	x3, to, start		/* no zero: n bytes, or the end of user space */
	cmp	x3, n
	b.ne	.Lstring_fault
4:	sub	x0, to, start
	ret
.Lstring_fault:
	mov	x0, #-EFAULT_
	ret
END(copy_string_from_user)

	/* int get_user_TYPE(TYPE *out, uaddr_t u); *out is 0 after a failure. */
	.macro	get_user_body size, load, store, reg, zero, flags
	mov	x2, #USER_END_ - \size
	cmp	x1, x2
	b.hi	.Lbad_\@
	user_insn .Lbad_\@, \flags, \load \reg, [x1]
	\store	\reg, [x0]
	mov	w0, #0
	ret
.Lbad_\@:
	\store	\zero, [x0]
	mov	w0, #-EFAULT_
	ret
	.endm

FUNCTION(get_user_u8)
	get_user_body 1, ldtrb, strb, w3, wzr, 0
END(get_user_u8)

FUNCTION(get_user_u32)
	get_user_body 4, ldtr, str, w3, wzr, 0
END(get_user_u32)

FUNCTION(get_user_u64)
	get_user_body 8, ldtr, str, x3, xzr, 0
END(get_user_u64)

FUNCTION(get_user_u32_nofault)
	get_user_body 4, ldtr, str, w3, wzr, EX_NOFAULT
END(get_user_u32_nofault)

	/* int put_user_TYPE(uaddr_t u, TYPE value); */
	.macro	put_user_body size, reg
	mov	x2, #USER_END_ - \size
	cmp	x0, x2
	b.hi	.Lbad_\@
	USER(.Lbad_\@, sttr \reg, [x0])
	mov	w0, #0
	ret
.Lbad_\@:
	mov	w0, #-EFAULT_
	ret
	.endm

FUNCTION(put_user_u32)
	put_user_body 4, w1
END(put_user_u32)

FUNCTION(put_user_u64)
	put_user_body 8, x1
END(put_user_u64)

/* int user_cmpxchg_u32(uaddr_t u, uint32_t expected, uint32_t desired, uint32_t *seen); */
FUNCTION(user_cmpxchg_u32)
	mov	x4, #USER_END_ - 4
	cmp	x0, x4
	b.hi	.Lcmpxchg_range
	tst	x0, #3
	b.ne	.Lcmpxchg_range
	mov	w6, #RACES_MAX
	pan_off
1:	USER(.Lcmpxchg_fault, ldaxr w4, [x0])
	cmp	w4, w1
	b.ne	2f
	USER(.Lcmpxchg_fault, stlxr w5, w2, [x0])
	cbz	w5, 3f
	subs	w6, w6, #1
	b.ne	1b
	pan_on
	str	w4, [x3]
	mov	w0, #-EAGAIN_
	ret
2:	clrex
3:	pan_on
	str	w4, [x3]
	mov	w0, #0
	ret
.Lcmpxchg_fault:
	pan_on_again
.Lcmpxchg_range:
	str	wzr, [x3]
	mov	w0, #-EFAULT_
	ret
END(user_cmpxchg_u32)
