/* SPDX-License-Identifier: MIT */
/*
 * swos's own system calls, for C programs. Like libc's functions they return -1 and set errno on failure; a kernel that
 * is not swos answers ENOSYS.
 */
#ifndef SWOS_H
#define SWOS_H

#include <sys/syscall.h>
#include <unistd.h>

#include "abi/swos.h"
#include "caps.h"
#include "swos_numbers.h"

/* Tells the kernel that the system is up, so that the count of panics starts again. Needs CONSOLE. */
static inline int
swos_boot_healthy(void)
{
	return (int)syscall(SYS_swos_boot_healthy);
}

/* Makes the calling process the principal that *login says, with its ids and capabilities. Needs CONSOLE. */
static inline int
swos_login(const struct swos_login *login)
{
	return (int)syscall(SYS_swos_login, login);
}

/* Reads the calling process's security context; context->size must be set. */
static inline int
swos_context(struct swos_context *context)
{
	return (int)syscall(SYS_swos_context, context);
}

#endif
