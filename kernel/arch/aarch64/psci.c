/* SPDX-License-Identifier: MIT */
/* PSCI calls by the conduit that the firmware's tables name. */
#include "psci.h"

#include "fdt/platform.h"

#define PSCI_SUCCESS            0
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_ALREADY_ON         (-4)
#define PSCI_ON_PENDING         (-5)

static struct platform_psci psci; /* [I] */

void
psci_init(const struct platform_psci *p)
{
	psci = *p;
}

static int64_t
psci_call(uint32_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;
	/* SMCCC 1.0 lets the callee change x4-x17. */
	if (psci.conduit == PLATFORM_CONDUIT_HVC)
		__asm__ volatile("hvc #0"
			: "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			:
			: "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			"x15", "x16", "x17", "memory");
	else
		__asm__ volatile("smc #0"
			: "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			:
			: "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			"x15", "x16", "x17", "memory");
	return (int32_t)x0;
}

int
psci_affinity_info(uint64_t mpidr)
{
	if (psci.conduit == PLATFORM_CONDUIT_NONE || psci.affinity_info == 0)
		return -ENODEV;
	int64_t state = psci_call(psci.affinity_info, mpidr, 0, 0);
	return state < 0 ? -EINVAL : (int)state;
}

int
psci_cpu_on(uint64_t mpidr, paddr_t entry, uint64_t context)
{
	if (psci.conduit == PLATFORM_CONDUIT_NONE || psci.cpu_on == 0)
		return -ENODEV;
	switch (psci_call(psci.cpu_on, mpidr, entry, context)) {
	case PSCI_SUCCESS:
		return 0;
	case PSCI_INVALID_PARAMETERS:
		return -EINVAL;
	case PSCI_ALREADY_ON:
	case PSCI_ON_PENDING:
		return -EALREADY;
	default:
		return -EIO;
	}
}

void
psci_system_off(void)
{
	if (psci.conduit != PLATFORM_CONDUIT_NONE && psci.system_off != 0)
		psci_call(psci.system_off, 0, 0, 0);
}

void
psci_system_reset(void)
{
	if (psci.conduit != PLATFORM_CONDUIT_NONE && psci.system_reset != 0)
		psci_call(psci.system_reset, 0, 0, 0);
}
