/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel itself prints: the log, panics. Polled output that works from the first C instruction on, in any
 * context, without a lock that could be held by the dead. Programs print through the terminal (dev/uart, dev/tty).
 */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include "core/types.h"

/* Writes n bytes, '\n' as "\r\n". Waits for the transmitter, at most a bounded time per byte. */
void console_write(const char *s, size_t n);

#endif
