/* SPDX-License-Identifier: MIT */
/*
 * SHA-256's compression function in the SHA2 instructions (Arm ARM, C7.2: SHA256H, SHA256H2, SHA256SU0, SHA256SU1).
 *
 * void sha256_compress_sha2(uint32_t state[8], const uint8_t *blocks, size_t count);
 * count is at least 1. Changes v0-v9 and v16-v31: the caller holds the FP registers (kernel_fpu_begin()).
 */
#include "aarch64/asm.h"

	.arch_extension crypto

state	.req x0
blocks	.req x1
count	.req x2

	/* Four rounds with message words w and constants k: v0 is a b c d, v1 e f g h. */
	.macro	rounds k, w
	add	v8.4s, v\w\().4s, v\k\().4s
	mov	v9.16b, v0.16b
	sha256h	q0, q1, v8.4s
	sha256h2 q1, q9, v8.4s
	.endm

	/* The same, and w becomes the message words of 16 rounds later; a, b, c are the words after w. */
	.macro	rounds_next k, w, a, b, c
	rounds	\k, \w
	sha256su0 v\w\().4s, v\a\().4s
	sha256su1 v\w\().4s, v\b\().4s, v\c\().4s
	.endm

FUNCTION(sha256_compress_sha2)
	adrp	x3, sha256_k
	add	x3, x3, :lo12:sha256_k
	ld1	{v16.4s-v19.4s}, [x3], #64
	ld1	{v20.4s-v23.4s}, [x3], #64
	ld1	{v24.4s-v27.4s}, [x3], #64
	ld1	{v28.4s-v31.4s}, [x3]
	ldp	q0, q1, [state]

1:	ld1	{v4.16b-v7.16b}, [blocks], #64
	rev32	v4.16b, v4.16b
	rev32	v5.16b, v5.16b
	rev32	v6.16b, v6.16b
	rev32	v7.16b, v7.16b
	mov	v2.16b, v0.16b
	mov	v3.16b, v1.16b

	rounds_next 16, 4, 5, 6, 7
	rounds_next 17, 5, 6, 7, 4
	rounds_next 18, 6, 7, 4, 5
	rounds_next 19, 7, 4, 5, 6
	rounds_next 20, 4, 5, 6, 7
	rounds_next 21, 5, 6, 7, 4
	rounds_next 22, 6, 7, 4, 5
	rounds_next 23, 7, 4, 5, 6
	rounds_next 24, 4, 5, 6, 7
	rounds_next 25, 5, 6, 7, 4
	rounds_next 26, 6, 7, 4, 5
	rounds_next 27, 7, 4, 5, 6
	rounds	28, 4
	rounds	29, 5
	rounds	30, 6
	rounds	31, 7

	add	v0.4s, v0.4s, v2.4s
	add	v1.4s, v1.4s, v3.4s
	sub	count, count, #1
	cbnz	count, 1b
	stp	q0, q1, [state]
	ret
END(sha256_compress_sha2)

	/* FIPS 180-4, 4.2.2 */
	.section .rodata.sha256_k, "a"
	.balign	64
sha256_k:
	.long	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
	.long	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
	.long	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
	.long	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
	.long	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
	.long	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
	.long	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
	.long	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
	.size	sha256_k, . - sha256_k
