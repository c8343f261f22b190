/* SPDX-License-Identifier: MIT */
/* Power State Coordination Interface (Arm DEN 0022): starting CPUs, turning the machine off. */
#ifndef AARCH64_PSCI_H
#define AARCH64_PSCI_H

#include "core/types.h"

struct platform_psci;

#define PSCI_AFFINITY_ON         0
#define PSCI_AFFINITY_OFF        1
#define PSCI_AFFINITY_ON_PENDING 2

void psci_init(const struct platform_psci *psci);
/* 0, or -errno: -ENODEV without PSCI, -EALREADY, -EINVAL, -EIO. entry is a physical address. */
int psci_cpu_on(uint64_t mpidr, paddr_t entry, uint64_t context) MUST_CHECK;
/* What firmware says a CPU is: PSCI_AFFINITY_*, -ENODEV where it cannot say, -EINVAL if it does not know the CPU. */
int psci_affinity_info(uint64_t mpidr) MUST_CHECK;
void psci_system_off(void);
void psci_system_reset(void);

#endif
