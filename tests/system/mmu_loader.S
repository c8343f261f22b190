/* SPDX-License-Identifier: MIT */
/*
 * A boot loader as a firmware is one: it turns MMU and caches on, and then enters the kernel (an Image at KERNEL, where
 * QEMU has put it) at the exception level that it was started at, with the device tree in x0. It says so on the PL011.
 *
 * What the boot protocol does not promise is made unfit on purpose: the memory behind the kernel's file, the choice of
 * stack pointer, and registers that control traps, timers and translation.
 */
#define KERNEL     0x44000000
#define IMAGE_SIZE 16                           /* in the kernel's header */
#define FILE_SIZE  0x43fff000                   /* where QEMU has put the number of bytes of the kernel's file */
#define UART       0x09000000

#define DEVICE_BLOCK 0x00000000000401           /* valid, AF, attribute 0 */
#define NORMAL_BLOCK 0x00000000000705           /* valid, AF, inner shareable, attribute 1 */
#define MAIR         0xff04
#define TCR_EL1      0x200803519                /* 39 bits, cached walks, no TTBR1, 40 bits physical */
#define TCR_EL2      0x80823519
#define SCTLR_ON     0x1005                     /* M, C, I */

	.arch	armv8.6-a
	.text
header:
	b	start
	.long	0
	.quad	0
	.quad	end - header
	.quad	0xa
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

start:
	mov	x19, x0
	/* Identity: a GiB of devices, then memory. */
	adr	x20, table
	ldr	x0, =DEVICE_BLOCK
	str	x0, [x20]
	ldr	x0, =NORMAL_BLOCK
	mov	x1, #1
1:	lsl	x2, x1, #30
	orr	x2, x2, x0
	str	x2, [x20, x1, lsl #3]
	add	x1, x1, #1
	cmp	x1, #8
	b.lo	1b
	dsb	sy
	ldr	x0, =MAIR
	mrs	x1, CurrentEL
	cmp	x1, #8
	b.eq	at_el2

	msr	mair_el1, x0
	ldr	x0, =TCR_EL1
	msr	tcr_el1, x0
	msr	ttbr0_el1, x20
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	mrs	x0, sctlr_el1
	ldr	x1, =SCTLR_ON
	orr	x0, x0, x1
	msr	sctlr_el1, x0
	isb
	mrs	x0, sctlr_el1
	tbz	x0, #0, hang
	adr	x0, el1_text
	bl	print
	bl	fill_bss
	b	spoil_el1

at_el2:
	msr	mair_el2, x0
	ldr	x0, =TCR_EL2
	msr	tcr_el2, x0
	msr	ttbr0_el2, x20
	isb
	tlbi	alle2
	dsb	nsh
	isb
	mrs	x0, sctlr_el2
	ldr	x1, =SCTLR_ON
	orr	x0, x0, x1
	msr	sctlr_el2, x0
	isb
	mrs	x0, sctlr_el2
	tbz	x0, #0, hang
	adr	x0, el2_text
	bl	print
	bl	fill_bss

	mov	x0, #-1
	msr	vttbr_el2, x20                 /* no table of a second stage */
	msr	hstr_el2, x0
	msr	cptr_el2, x0
	msr	vmpidr_el2, x0
	msr	vpidr_el2, x0
	msr	cntvoff_el2, x0
	msr	cnthctl_el2, xzr
	ldr	x1, =(0xfe0)                   /* traps of debug registers and performance counters */
	msr	mdcr_el2, x1
	msr	sctlr_el1, x0
	mrs	x1, id_aa64mmfr0_el1
	ubfx	x1, x1, #56, #4                /* fine-grained traps */
	cbz	x1, spoil_el1
	msr	S3_4_C1_C1_4, x0               /* HFGRTR_EL2 */
	msr	S3_4_C1_C1_5, x0               /* HFGWTR_EL2 */
	msr	S3_4_C1_C1_6, x0               /* HFGITR_EL2 */
	msr	S3_4_C3_C1_4, x0               /* HDFGRTR_EL2 */
	msr	S3_4_C3_C1_5, x0               /* HDFGWTR_EL2 */

spoil_el1:
	mov	x0, #-1
	msr	ttbr1_el1, x20
	msr	vbar_el1, xzr
	msr	cpacr_el1, xzr
	msr	tpidr_el1, x0
	msr	contextidr_el1, x0
	msr	spsel, #0
	isb
	mov	x0, x19
	mov	x1, #-1
	mov	x2, #-1
	mov	x3, #-1
	ldr	x16, =KERNEL
	br	x16

/* Fills what the kernel has behind its file, through the cache. */
fill_bss:
	ldr	x0, =KERNEL
	ldr	x1, [x0, #IMAGE_SIZE]
	add	x1, x0, x1
	ldr	x2, =FILE_SIZE
	ldr	x2, [x2]
	add	x0, x0, x2
	mov	x2, #0xaaaaaaaaaaaaaaaa
1:	str	x2, [x0], #8
	cmp	x0, x1
	b.lo	1b
	ret

/* x0: text. */
print:
	ldr	x1, =UART
1:	ldrb	w2, [x0], #1
	cbz	w2, 3f
2:	ldr	w3, [x1, #0x18]                /* UARTFR: the FIFO is full */
	tbnz	w3, #5, 2b
	strb	w2, [x1]
	b	1b
3:	ret

hang:
	wfi
	b	hang

el1_text:
	.asciz	"loader: at EL1, MMU on\n"
el2_text:
	.asciz	"loader: at EL2, MMU on\n"
	.balign	8
	.ltorg
	.balign	4096
table:
	.skip	4096
end:
