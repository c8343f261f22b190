/* SPDX-License-Identifier: MIT */
/* The end of the line: PANIC:, a symbolised backtrace, the log's tail, a countdown, a reset. No disk is touched. */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

#include "core/types.h"

struct trap_frame;

void panic(const char *fmt, ...) PRINTF(1, 2) NORETURN;
/* As panic(), for a fault in the kernel: prints the registers and starts the backtrace at the frame. */
void panic_trap(const struct trap_frame *frame, const char *fmt, ...) PRINTF(2, 3) NORETURN;

extern bool
	panicking; /* set once, by the CPU that panics: locks whose holders were stopped are not waited for */
extern uint32_t panic_seconds; /* [I] from panic= on the command line */

/* The compiler's stack guard: changed once, at boot, in a function that never returns. */
extern uintptr_t __stack_chk_guard;

/* Both evaluate cond once; ASSERT is checked in every build, DEBUG_ASSERT in the debug build. */
#define ASSERT(cond)                                                                     \
	do {                                                                             \
		if (unlikely(!(cond)))                                                   \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond); \
	} while (0)
#ifdef SWOS_DEBUG
#define DEBUG_ASSERT(cond) ASSERT(cond)
#else
#define DEBUG_ASSERT(cond) ((void)sizeof(cond))
#endif

#endif
