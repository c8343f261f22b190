/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel begins: the Linux arm64 Image header, entry at EL1 or EL2 with the MMU on or off, and the way
 * into C. Documentation: Linux's arm64 boot protocol; Arm ARM (DDI 0487) for the registers.
 *
 * kernel_head (boot CPU): x0 = physical address of the device tree. Normalises the CPU to EL1h with MMU and caches
 * off and interrupts masked, clears .bss, has boot_identity_map() (boot_map.c) build an identity map of image and tree, turns
 * the MMU on, lets boot_map_kernel() choose the kernel's address, build its tables and relocate it, then jumps there.
 * secondary_entry (other CPUs, by PSCI): x0 = physical address of a struct secondary_start.
 */
#include <aarch64/asm_offsets.h>
#include <aarch64/mmu_regs.h>
#include <aarch64/sysregs.h>

	.section .head.text, "ax"
	.globl kernel_head
kernel_head:
	b	primary_entry
	.long	0
	.quad	0                              /* text offset */
	.quad	kernel_image_size              /* in memory */
	.quad	0xa                            /* little endian, 4 KiB pages, anywhere in memory */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

	.section .text.head, "ax"
primary_entry:
	msr	daifset, #0xf
	mov	x21, x0
	bl	normalise_cpu                  /* x20: 1 if the MMU was on */

	adrp	x0, bss_start
	adrp	x1, boot_stack_top
	add	x1, x1, :lo12:boot_stack_top
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b

	mov	sp, x1
	mov	x29, xzr
	/* What was written with the caches off must not be hidden by stale lines once they are on. */
	mov	x0, x21
	bl	boot_identity_map              /* returns the table's physical address */
	mov	x22, x0
	adrp	x0, kernel_start
	adrp	x1, kernel_end
	add	x1, x1, :lo12:kernel_end
	bl	invalidate_range

	mov	x0, x22
	adrp	x1, kernel_root_table
	bl	enable_mmu
	mov	x0, x21
	bl	boot_map_kernel                /* returns the distance from here to there */
	mov	x23, x0

	/* From here on at the kernel's own address. */
	adr	x1, 2f
	add	x1, x1, x23
	br	x1
2:	bti	j
	adrp	x1, boot_stack_top
	add	x1, x1, :lo12:boot_stack_top
	mov	sp, x1
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el1, x1
	isb
	adrp	x28, boot_thread
	add	x28, x28, :lo12:boot_thread
	msr	tpidr_el1, x28
	bl	enable_pauth
	mov	x0, x21
	mov	x29, xzr
	mov	x30, xzr
	b	arch_boot_entry

/*
 * Switches pointer authentication on where the CPU has it, with the kernel key of the thread in x28. Must not be
 * called from C: a caller's return address would change its meaning. Clobbers x1-x3.
 */
enable_pauth:
	mrs	x1, id_aa64isar1_el1
	ubfx	x2, x1, #4, #8                 /* APA, API */
	mrs	x3, S3_0_C0_C6_2               /* ID_AA64ISAR2_EL1: APA3 */
	ubfx	x3, x3, #12, #4
	orr	x2, x2, x3
	cbz	x2, 1f
	mov	w1, #1
	str	w1, [x28, #THREAD_PAUTH]
	ldp	x1, x2, [x28, #THREAD_KERNEL_KEY]
	msr	S3_0_C2_C1_0, x1               /* APIAKey */
	msr	S3_0_C2_C1_1, x2
	mrs	x1, sctlr_el1
	ldr	x2, =(SCTLR_ENIA | SCTLR_ENIB | SCTLR_ENDA | SCTLR_ENDB)
	orr	x1, x1, x2
	msr	sctlr_el1, x1
1:	isb
	ret

/*
 * Leaves the CPU at EL1h, MMU and caches off, interrupts masked, FP allowed, EL1 timer accessible, GICv3 system
 * registers accessible. Clobbers x0-x9. If the MMU was on, image and tree are first cleaned to the point of coherency.
 */
normalise_cpu:
	mov	x9, x30
	mrs	x0, CurrentEL
	cmp	x0, #8
	b.eq	at_el2
	msr	spsel, #1
	mrs	x1, sctlr_el1
	tbz	x1, #0, 1f
	bl	clean_image_and_tree
1:	ldr	x0, =SCTLR_EL1_OFF
	msr	sctlr_el1, x0
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	b	el1_common

at_el2:
	mrs	x1, sctlr_el2
	tbz	x1, #0, 1f
	bl	clean_image_and_tree
1:	ldr	x0, =SCTLR_EL2_OFF
	msr	sctlr_el2, x0
	isb
	tlbi	alle2
	dsb	nsh
	mov	x0, #(1 << 31)                 /* HCR_EL2.RW: EL1 is AArch64 */
	/* Pointer authentication and its keys are EL1's own (API, APK), where they exist. */
	orr	x0, x0, #(3 << 40)
	msr	hcr_el2, x0
	isb                                    /* it decides on what the registers below mean (E2H) */
	mov	x0, #3                         /* EL1 reads the counter and sets the timer */
	msr	cnthctl_el2, x0
	msr	cntvoff_el2, xzr
	mov	x0, #0x33ff                    /* no FP or trace traps */
	msr	cptr_el2, x0
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr
	mov	x1, #0                         /* no debug traps; all performance counters are EL1's (HPMN) */
	mrs	x0, id_aa64dfr0_el1
	ubfx	x0, x0, #8, #4
	cbz	x0, 3f
	cmp	x0, #15
	b.eq	3f
	mrs	x1, pmcr_el0
	ubfx	x1, x1, #11, #5
3:	msr	mdcr_el2, x1
	mrs	x0, id_aa64mmfr0_el1
	ubfx	x0, x0, #56, #4                /* fine-grained traps: none */
	cbz	x0, 4f
	msr	S3_4_C1_C1_4, xzr              /* HFGRTR_EL2 */
	msr	S3_4_C1_C1_5, xzr              /* HFGWTR_EL2 */
	msr	S3_4_C1_C1_6, xzr              /* HFGITR_EL2 */
	msr	S3_4_C3_C1_4, xzr              /* HDFGRTR_EL2 */
	msr	S3_4_C3_C1_5, xzr              /* HDFGWTR_EL2 */
4:
	mrs	x0, midr_el1
	msr	vpidr_el2, x0
	mrs	x0, mpidr_el1
	msr	vmpidr_el2, x0
	mrs	x0, id_aa64pfr0_el1
	ubfx	x0, x0, #24, #4
	cbz	x0, 2f
	mrs	x0, S3_4_C12_C9_5              /* ICC_SRE_EL2: SRE, and EL1 may use ICC_SRE_EL1 */
	orr	x0, x0, #1
	orr	x0, x0, #8
	msr	S3_4_C12_C9_5, x0
	isb
	msr	S3_4_C12_C11_0, xzr            /* ICH_HCR_EL2 */
2:	ldr	x0, =SCTLR_EL1_OFF
	msr	sctlr_el1, x0
	mov	x0, #0x3c5                     /* EL1h, DAIF masked */
	msr	spsr_el2, x0
	adr	x0, el1_common
	msr	elr_el2, x0
	eret

el1_common:
	mov	x0, #(3 << 20)                 /* CPACR: FP and SIMD for EL0 and EL1 */
	msr	cpacr_el1, x0
	msr	mdscr_el1, xzr
	msr	tpidr_el1, xzr
	msr	tpidrro_el0, xzr
	msr	contextidr_el1, xzr
	mov	x0, #2                         /* CNTKCTL: EL0 reads the virtual counter, nothing else */
	msr	cntkctl_el1, x0
	mrs	x0, id_aa64dfr0_el1            /* no performance counters for EL0 */
	ubfx	x0, x0, #8, #4
	cbz	x0, 3f
	cmp	x0, #15
	b.eq	3f
	msr	pmuserenr_el0, xzr
3:	isb
	ret	x9

/*
 * enable_mmu(x0 = identity table, x1 = kernel table): both physical. Returns with MMU and caches on. Clobbers x2-x5.
 */
enable_mmu:
	ldr	x2, =MAIR_VALUE
	msr	mair_el1, x2
	ldr	x2, =TCR_VALUE
	mrs	x3, id_aa64mmfr0_el1
	and	x4, x3, #7                     /* PARange, at most 48 bits */
	cmp	x4, #5
	mov	x5, #5
	csel	x4, x4, x5, lo
	bfi	x2, x4, #TCR_IPS_SHIFT, #3
	ubfx	x4, x3, #MMFR0_ASIDBITS_SHIFT, #4
	cmp	x4, #MMFR0_ASIDBITS_16
	b.ne	1f
	orr	x2, x2, #TCR_AS
1:	mrs	x3, id_aa64isar1_el1
	tst	x3, #ISAR1_PAUTH
	b.eq	2f
	orr	x2, x2, #TCR_TBID0
2:	msr	tcr_el1, x2
	msr	ttbr0_el1, x0
	msr	ttbr1_el1, x1
	tlbi	vmalle1
	dsb	nsh
	isb
	ldr	x2, =SCTLR_EL1_ON
	msr	sctlr_el1, x2
	isb
	ic	iallu
	dsb	nsh
	isb
	ret

/*
 * Before the MMU goes off: image and .bss, which must not be overwritten by lines that a loader has left dirty, and as
 * much of the tree in x21 as it says it has, up to 2 MiB. Clobbers x0-x3, x8.
 */
clean_image_and_tree:
	mov	x8, x30
	adrp	x0, kernel_start
	adrp	x1, kernel_end
	add	x1, x1, :lo12:kernel_end
	bl	clean_range
	mov	x30, x8
	ldr	w1, [x21, #4]
	rev	w1, w1
	mov	w0, #0x200000
	cmp	w1, w0
	csel	w1, w1, w0, lo
	mov	x0, x21
	add	x1, x1, x21
	b	clean_range

/* clean_range, invalidate_range(x0 = start, x1 = end): to the point of coherency. Clobber x0, x2, x3. */
clean_range:
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4
	mov	x3, #4
	lsl	x2, x3, x2
	sub	x3, x2, #1
	bic	x0, x0, x3
1:	dc	civac, x0
	add	x0, x0, x2
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

invalidate_range:
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4
	mov	x3, #4
	lsl	x2, x3, x2
	sub	x3, x2, #1
	bic	x0, x0, x3
1:	dc	ivac, x0
	add	x0, x0, x2
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

	.globl secondary_entry
secondary_entry:
	msr	daifset, #0xf
	mov	x21, x0                        /* struct secondary_start: identity table, stack, thread, offset, self */
	bl	normalise_cpu
	ldp	x0, x22, [x21]                 /* all of it before the MMU is on: the identity map has the image only */
	ldp	x28, x23, [x21, #16]
	ldr	x24, [x21, #32]
	adrp	x1, kernel_root_table
	bl	enable_mmu
	adr	x1, 2f
	add	x1, x1, x23
	br	x1
2:	bti	j
	mov	sp, x22
	msr	tpidr_el1, x28
	bl	enable_pauth
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el1, x1
	isb
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x24
	b	arch_secondary_entry
	.ltorg
