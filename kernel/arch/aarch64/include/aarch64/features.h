/* SPDX-License-Identifier: MIT */
/* What the CPUs can do. Fixed after boot. */
#ifndef AARCH64_FEATURES_H
#define AARCH64_FEATURES_H

#include "core/types.h"

/* AT_HWCAP and AT_HWCAP2 bits: Linux's arm64 ABI. */
#define HWCAP_FP       (1u << 0)
#define HWCAP_ASIMD    (1u << 1)
#define HWCAP_EVTSTRM  (1u << 2)
#define HWCAP_AES      (1u << 3)
#define HWCAP_PMULL    (1u << 4)
#define HWCAP_SHA1     (1u << 5)
#define HWCAP_SHA2     (1u << 6)
#define HWCAP_CRC32    (1u << 7)
#define HWCAP_ATOMICS  (1u << 8)
#define HWCAP_FPHP     (1u << 9)
#define HWCAP_ASIMDHP  (1u << 10)
#define HWCAP_CPUID    (1u << 11)
#define HWCAP_ASIMDRDM (1u << 12)
#define HWCAP_JSCVT    (1u << 13)
#define HWCAP_FCMA     (1u << 14)
#define HWCAP_LRCPC    (1u << 15)
#define HWCAP_DCPOP    (1u << 16)
#define HWCAP_SHA3     (1u << 17)
#define HWCAP_SM3      (1u << 18)
#define HWCAP_SM4      (1u << 19)
#define HWCAP_ASIMDDP  (1u << 20)
#define HWCAP_SHA512   (1u << 21)
#define HWCAP_ASIMDFHM (1u << 23)
#define HWCAP_DIT      (1u << 24)
#define HWCAP_USCAT    (1u << 25)
#define HWCAP_ILRCPC   (1u << 26)
#define HWCAP_FLAGM    (1u << 27)
#define HWCAP_SB       (1u << 29)
#define HWCAP_PACA     (1u << 30)
#define HWCAP_PACG     (1u << 31)
#define HWCAP2_RNG     (1u << 16)
#define HWCAP2_BTI     (1u << 17)

struct cpu_features {
	uint64_t hwcap, hwcap2;
	uint64_t midr;
	bool pan, sha256, rndr, bti, pauth;
};
extern struct cpu_features cpu_features;

void cpu_features_init(void);     /* boot CPU */
void cpu_features_init_cpu(void); /* each */

#endif
