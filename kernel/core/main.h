/* SPDX-License-Identifier: MIT */
/* The kernel's main line. */
#ifndef CORE_MAIN_H
#define CORE_MAIN_H

#include "core/types.h"

struct platform;

/* From architecture code: the boot CPU runs at the kernel's address, memory can be allocated, interrupts are masked. */
void kernel_main(const struct platform *platform) NORETURN;

/* The command line; never NULL. */
const char *kernel_cmdline(void);

#endif
