/* SPDX-License-Identifier: MIT */
/* /proc/cpuinfo: the names of the features that programs may use, and which CPU it is (MIDR_EL1). */
#include "arch/cpuinfo.h"

#include "base/fmt.h"
#include "core/cpu.h"
#include "core/timer.h"

#include <aarch64/features.h>

static const char *const hwcap_names[32] = {"fp", "asimd", "evtstrm", "aes", "pmull", "sha1",
	"sha2", "crc32", "atomics", "fphp", "asimdhp", "cpuid", "asimdrdm", "jscvt", "fcma",
	"lrcpc", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "sve", "asimdfhm", "dit",
	"uscat", "ilrcpc", "flagm", "ssbs", "sb", "paca", "pacg"};
static const char *const hwcap2_names[] = {"dcpodp", "sve2", "sveaes", "svepmull", "svebitperm",
	"svesha3", "svesm4", "flagm2", "frint", "svei8mm", "svef32mm", "svef64mm", "svebf16",
	"i8mm", "bf16", "dgh", "rng", "bti"};

static size_t
add_names(char *buf, size_t n, uint64_t bits, const char *const *names, size_t count)
{
	size_t at = 0;
	for (size_t i = 0; i < count; i++)
		if ((bits >> i) & 1)
			at += (size_t)base_scnprintf(buf + at, n - at, " %s", names[i]);
	return at;
}

/* All CPUs are taken to be like the one that booted. */
size_t
arch_cpu_describe(const struct cpu *cpu, char *buf, size_t n)
{
	uint64_t midr = cpu_features.midr, mips = time_scale.frequency / 5000;
	size_t at = (size_t)base_scnprintf(buf, n,
		"processor\t: %u\nBogoMIPS\t: %llu.%02llu\nFeatures\t:", cpu->id,
		(unsigned long long)(mips / 100), (unsigned long long)(mips % 100));
	at += add_names(buf + at, n - at, cpu_features.hwcap, hwcap_names, ARRAY_SIZE(hwcap_names));
	at += add_names(
		buf + at, n - at, cpu_features.hwcap2, hwcap2_names, ARRAY_SIZE(hwcap2_names));
	at += (size_t)base_scnprintf(buf + at, n - at,
		"\nCPU implementer\t: 0x%02x\nCPU architecture: 8\nCPU variant\t: 0x%x\n"
		"CPU part\t: 0x%03x\nCPU revision\t: %u\n\n",
		(unsigned int)(midr >> 24 & 0xff), (unsigned int)(midr >> 20 & 0xf),
		(unsigned int)(midr >> 4 & 0xfff), (unsigned int)(midr & 0xf));
	return at;
}
