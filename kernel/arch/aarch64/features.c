/* SPDX-License-Identifier: MIT */
/*
 * What the CPUs can do: read once from the ID registers of the boot CPU, checked on the others, used for HWCAP, for
 * PAN and for choosing instructions. Arm ARM (DDI 0487), chapter D17; Linux's hwcap bits are ABI.
 */
#define LOG_SOURCE "cpu"
#include <aarch64/features.h>

#include "core/cpu.h"
#include "core/log.h"

#include <aarch64/sysregs.h>

struct cpu_features cpu_features;

static uint32_t
field(uint64_t reg, uint32_t shift)
{
	return reg >> shift & 15;
}

/* Only what a context switch carries (FP/SIMD) or what has no state of its own is offered to programs. */
static uint64_t
hwcap_from(uint64_t isar0, uint64_t isar1, uint64_t pfr0, uint64_t mmfr2)
{
	uint64_t cap = 0;
	uint32_t fp = field(pfr0, 16), simd = field(pfr0, 20);
	if (fp != 15)
		cap |= HWCAP_FP | (fp >= 1 ? HWCAP_FPHP : 0);
	if (simd != 15)
		cap |= HWCAP_ASIMD | (simd >= 1 ? HWCAP_ASIMDHP : 0);
	if (field(isar0, 4) >= 1)
		cap |= HWCAP_AES;
	if (field(isar0, 4) >= 2)
		cap |= HWCAP_PMULL;
	if (field(isar0, 8) >= 1)
		cap |= HWCAP_SHA1;
	if (field(isar0, 12) >= 1)
		cap |= HWCAP_SHA2;
	if (field(isar0, 12) >= 2)
		cap |= HWCAP_SHA512;
	if (field(isar0, 16) >= 1)
		cap |= HWCAP_CRC32;
	if (field(isar0, 20) >= 2)
		cap |= HWCAP_ATOMICS;
	if (field(isar0, 28) >= 1)
		cap |= HWCAP_ASIMDRDM;
	if (field(isar0, 32) >= 1)
		cap |= HWCAP_SHA3;
	if (field(isar0, 36) >= 1)
		cap |= HWCAP_SM3;
	if (field(isar0, 40) >= 1)
		cap |= HWCAP_SM4;
	if (field(isar0, 44) >= 1)
		cap |= HWCAP_ASIMDDP;
	if (field(isar0, 48) >= 1)
		cap |= HWCAP_ASIMDFHM;
	if (field(isar0, 52) >= 1)
		cap |= HWCAP_FLAGM;
	if (field(isar1, 0) >= 1)
		cap |= HWCAP_DCPOP;
	if (field(isar1, 12) >= 1)
		cap |= HWCAP_JSCVT;
	if (field(isar1, 16) >= 1)
		cap |= HWCAP_FCMA;
	if (field(isar1, 20) >= 1)
		cap |= HWCAP_LRCPC;
	if (field(isar1, 20) >= 2)
		cap |= HWCAP_ILRCPC;
	if (field(isar1, 36) >= 1)
		cap |= HWCAP_SB;
	if (field(isar1, 4) != 0 || field(isar1, 8) != 0)
		cap |= HWCAP_PACA | HWCAP_PACG;
	if (field(pfr0, 48) >= 1)
		cap |= HWCAP_DIT;
	if (field(mmfr2, 32) >= 1)
		cap |= HWCAP_USCAT;
	return cap;
}

void
cpu_features_init(void)
{
	uint64_t isar0 = sysreg_read(id_aa64isar0_el1), isar1 = sysreg_read(id_aa64isar1_el1);
	uint64_t pfr0 = sysreg_read(id_aa64pfr0_el1), pfr1 = sysreg_read(id_aa64pfr1_el1);
	uint64_t mmfr1 = sysreg_read(id_aa64mmfr1_el1);
	uint64_t mmfr2 = sysreg_read(S3_0_C0_C7_2);
	cpu_features.hwcap = hwcap_from(isar0, isar1, pfr0, mmfr2);
	cpu_features.pan = field(mmfr1, 20) >= 1;
	cpu_features.sha256 = field(isar0, 12) >= 1;
	cpu_features.rndr = field(isar0, 60) >= 1;
	cpu_features.bti = field(pfr1, 0) >= 1;
	cpu_features.pauth = field(isar1, 4) != 0 || field(isar1, 8) != 0;
	if (cpu_features.bti)
		cpu_features.hwcap2 |= HWCAP2_BTI;
	if (cpu_features.rndr)
		cpu_features.hwcap2 |= HWCAP2_RNG;
	cpu_features.midr = sysreg_read(midr_el1);
	cpu_features_init_cpu();
}

void
cpu_features_init_cpu(void)
{
	/* SCTLR_EL1.SPAN is 0: exceptions set PAN by themselves; the code that runs now must set it once. */
	if (cpu_features.pan)
		__asm__ volatile("msr S0_0_C4_C1_4, xzr" : : : "memory"); /* MSR PAN, #1 */
}
