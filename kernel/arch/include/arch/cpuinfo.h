/* SPDX-License-Identifier: MIT */
/* What /proc/cpuinfo says of a CPU, in the format that Linux has for the architecture. */
#ifndef ARCH_CPUINFO_H
#define ARCH_CPUINFO_H

#include "core/types.h"

struct cpu;

/* Writes the lines about cpu, an empty one at the end, NUL-terminated and cut at n bytes; their length. */
size_t arch_cpu_describe(const struct cpu *cpu, char *buf, size_t n);

#endif
