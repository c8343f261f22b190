/* SPDX-License-Identifier: MIT */
/*
 * Translation-table descriptors and the registers that give them meaning, for C and assembly.
 * Arm Architecture Reference Manual (DDI 0487), chapters D8 (VMSAv8-64) and D17 (system registers).
 */
#ifndef AARCH64_MMU_REGS_H
#define AARCH64_MMU_REGS_H

#ifdef __ASSEMBLER__
#define MMU_UL(n) (n)
#else
#define MMU_UL(n) (n##ULL)
#endif
#define MMU_BIT(n) (MMU_UL(1) << (n))

/* MAIR_EL1: a byte per attribute index. Index 3 is kept for tagged memory (MTE); until then it is plain memory. */
#define MAIR_DEVICE 0 /* Device-nGnRE */
#define MAIR_NORMAL 1 /* write-back, read and write allocate */
#define MAIR_NC     2 /* normal non-cacheable */
#define MAIR_TAGGED 3
#define MAIR_VALUE                                                                   \
	((MMU_UL(0x04) << (8 * MAIR_DEVICE)) | (MMU_UL(0xff) << (8 * MAIR_NORMAL)) | \
		(MMU_UL(0x44) << (8 * MAIR_NC)) | (MMU_UL(0xff) << (8 * MAIR_TAGGED)))

/* Descriptors of all levels. */
#define PTE_VALID MMU_BIT(0)
#define PTE_TABLE MMU_BIT(1) /* levels 0-2: a table; level 3: must be set in a page */

/* Blocks and pages. */
#define PTE_ATTR(index) (MMU_UL(index) << 2)
#define PTE_ATTR_MASK   (MMU_UL(7) << 2)
#define PTE_USER        MMU_BIT(6) /* AP[1]: EL0 may access */
#define PTE_RDONLY      MMU_BIT(7) /* AP[2] */
#define PTE_SH_INNER    (MMU_UL(3) << 8)
#define PTE_AF          MMU_BIT(10)
#define PTE_NG          MMU_BIT(11) /* belongs to an ASID */
#define PTE_GP          MMU_BIT(50) /* guarded: indirect branches need BTI landing pads */
#define PTE_CONT        MMU_BIT(52)
#define PTE_PXN         MMU_BIT(53)
#define PTE_UXN         MMU_BIT(54)
/* Ours: the hardware ignores them. */
#define PTE_SW_PRESENT \
	MMU_BIT(55) /* maps a page, also when user mode may not touch it (PROT_NONE) */
#define PTE_SW_DIRTY  MMU_BIT(56) /* is or was writable since pte_mkclean() */
#define PTE_ADDR_MASK MMU_UL(0x0000fffffffff000)

/* Kernel mappings of normal memory, as boot code builds them. */
#define PTE_KERNEL_NORMAL \
	(PTE_VALID | PTE_AF | PTE_SH_INNER | PTE_ATTR(MAIR_NORMAL) | PTE_UXN | PTE_SW_PRESENT)
#define PTE_KERNEL_RW (PTE_KERNEL_NORMAL | PTE_PXN)
#define PTE_KERNEL_RO (PTE_KERNEL_NORMAL | PTE_PXN | PTE_RDONLY)
#define PTE_KERNEL_RX (PTE_KERNEL_NORMAL | PTE_RDONLY | PTE_GP)
#define PTE_KERNEL_DEVICE \
	(PTE_VALID | PTE_AF | PTE_ATTR(MAIR_DEVICE) | PTE_UXN | PTE_PXN | PTE_SW_PRESENT)

/*
 * TCR_EL1: both halves 48 bits of 4 KiB granules, walks cached and inner shareable, ASID from TTBR0, the top byte of
 * user addresses ignored, as Linux has it. The physical size (IPS) is ORed in from ID_AA64MMFR0_EL1.PARange (at most 5:
 * 48 bits), TCR_AS where ASIDBits say 16 (arch/aarch64/asid.c counts on it exactly then), and TCR_TBID0 where there is
 * pointer authentication: it keeps the top byte of code's addresses for signatures, as no program branches to a tag.
 */
#define TCR_T0SZ(bits) (MMU_UL(64) - (bits))
#define TCR_T1SZ(bits) ((MMU_UL(64) - (bits)) << 16)
#define TCR_IRGN0_WBWA (MMU_UL(1) << 8)
#define TCR_ORGN0_WBWA (MMU_UL(1) << 10)
#define TCR_SH0_INNER  (MMU_UL(3) << 12)
#define TCR_TG0_4K     (MMU_UL(0) << 14)
#define TCR_IRGN1_WBWA (MMU_UL(1) << 24)
#define TCR_ORGN1_WBWA (MMU_UL(1) << 26)
#define TCR_SH1_INNER  (MMU_UL(3) << 28)
#define TCR_TG1_4K     (MMU_UL(2) << 30)
#define TCR_IPS_SHIFT  32
#define TCR_AS         MMU_BIT(36)
#define TCR_TBI0       MMU_BIT(37)
#define TCR_TBID0      MMU_BIT(51)
#define TCR_VALUE                                                                           \
	(TCR_T0SZ(48) | TCR_T1SZ(48) | TCR_IRGN0_WBWA | TCR_ORGN0_WBWA | TCR_SH0_INNER |    \
		TCR_TG0_4K | TCR_IRGN1_WBWA | TCR_ORGN1_WBWA | TCR_SH1_INNER | TCR_TG1_4K | \
		TCR_TBI0)

/* ID_AA64ISAR1_EL1: APA and API, either of which is pointer authentication. */
#define ISAR1_PAUTH 0xff0

/* ID_AA64MMFR0_EL1 */
#define MMFR0_ASIDBITS_SHIFT 4
#define MMFR0_ASIDBITS_16    2

#endif
