/* SPDX-License-Identifier: MIT */
/* Power State Coordination Interface (Arm DEN 0022): starting CPUs, turning the machine off. */
#ifndef AARCH64_PSCI_H
#define AARCH64_PSCI_H

#include "core/types.h"

struct platform_psci;

void psci_init(const struct platform_psci *psci);
/* 0, or -errno: -ENODEV without PSCI, -EALREADY, -EINVAL, -EIO. entry is a physical address. */
int psci_cpu_on(uint64_t mpidr, paddr_t entry, uint64_t context) MUST_CHECK;
void psci_system_off(void);
void psci_system_reset(void);

#endif
