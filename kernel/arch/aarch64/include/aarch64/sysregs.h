/* SPDX-License-Identifier: MIT */
/* System register values and names that C and assembly share. Arm ARM (DDI 0487), chapter D17. */
#ifndef AARCH64_SYSREGS_H
#define AARCH64_SYSREGS_H

#ifdef __ASSEMBLER__
#define SYSREG_ONE 1
#else
#define SYSREG_ONE 1ULL
#endif

/* SCTLR_EL1: bits that are RES1 on Armv8.0, and what we choose. */
#define SCTLR_RES1                                                                           \
	((SYSREG_ONE << 29) | (SYSREG_ONE << 28) | (SYSREG_ONE << 23) | (SYSREG_ONE << 22) | \
		(SYSREG_ONE << 20) | (SYSREG_ONE << 11) | (SYSREG_ONE << 8) | (SYSREG_ONE << 7))
#define SCTLR_M    (SYSREG_ONE << 0)
#define SCTLR_C    (SYSREG_ONE << 2)
#define SCTLR_SA   (SYSREG_ONE << 3)
#define SCTLR_SA0  (SYSREG_ONE << 4)
#define SCTLR_I    (SYSREG_ONE << 12)
#define SCTLR_DZE  (SYSREG_ONE << 14) /* EL0 may DC ZVA */
#define SCTLR_UCT  (SYSREG_ONE << 15) /* EL0 may read CTR_EL0 */
#define SCTLR_UCI  (SYSREG_ONE << 26) /* EL0 may maintain caches by address */
#define SCTLR_NTWI (SYSREG_ONE << 16) /* EL0's WFI and WFE do not trap */
#define SCTLR_NTWE (SYSREG_ONE << 18)
#define SCTLR_SPAN (SYSREG_ONE << 23) /* 0: taking an exception sets PAN */
#define SCTLR_BT0  (SYSREG_ONE << 35)
#define SCTLR_BT1  (SYSREG_ONE << 36) /* PACIxSP is a landing pad for BTI j too when 0 */
#define SCTLR_ENIA (SYSREG_ONE << 31)
#define SCTLR_ENIB (SYSREG_ONE << 30)
#define SCTLR_ENDA (SYSREG_ONE << 27)
#define SCTLR_ENDB (SYSREG_ONE << 13)

#define SCTLR_EL1_OFF SCTLR_RES1
#define SCTLR_EL2_OFF 0x30c50830
#define SCTLR_EL1_ON                                                                       \
	((SCTLR_RES1 & ~SCTLR_SPAN) | SCTLR_M | SCTLR_C | SCTLR_SA | SCTLR_SA0 | SCTLR_I | \
		SCTLR_DZE | SCTLR_UCT | SCTLR_UCI | SCTLR_NTWI | SCTLR_NTWE)

/* ESR_ELx.EC: why an exception was taken. */
#define ESR_EC_SHIFT        26
#define ESR_EC_UNKNOWN      0x00
#define ESR_EC_WFX          0x01
#define ESR_EC_FP_ACCESS    0x07
#define ESR_EC_PAUTH        0x09
#define ESR_EC_BTI          0x0d
#define ESR_EC_ILLEGAL      0x0e
#define ESR_EC_SVC64        0x15
#define ESR_EC_SYSREG       0x18
#define ESR_EC_FPAC         0x1c
#define ESR_EC_INSN_LOWER   0x20
#define ESR_EC_INSN_SAME    0x21
#define ESR_EC_PC_ALIGN     0x22
#define ESR_EC_DATA_LOWER   0x24
#define ESR_EC_DATA_SAME    0x25
#define ESR_EC_SP_ALIGN     0x26
#define ESR_EC_FP_EXCEPTION 0x2c
#define ESR_EC_SERROR       0x2f
#define ESR_EC_BREAK_LOWER  0x30
#define ESR_EC_STEP_LOWER   0x32
#define ESR_EC_WATCH_LOWER  0x34
#define ESR_EC_BRK64        0x3c
#define ESR_WNR             (SYSREG_ONE << 6) /* data abort: caused by a write */
#define ESR_CM              (SYSREG_ONE << 8) /* data abort: by cache maintenance */
#define ESR_FSC_MASK        0x3f
#define ESR_FSC_TYPE        0x3c
#define ESR_FSC_TRANSLATION 0x04
#define ESR_FSC_ACCESS      0x08
#define ESR_FSC_PERMISSION  0x0c
#define ESR_FSC_ALIGNMENT   0x21

#define PSTATE_MODE_EL0  0x0
#define PSTATE_MODE_MASK 0xf

#ifndef __ASSEMBLER__
#define sysreg_read(name)                                                 \
	({                                                                \
		uint64_t sysreg_value_;                                   \
		__asm__ volatile("mrs %0, " #name : "=r"(sysreg_value_)); \
		sysreg_value_;                                            \
	})
#define sysreg_write(name, value) \
	__asm__ volatile("msr " #name ", %0" : : "r"((uint64_t)(value)) : "memory")
#endif

#endif
