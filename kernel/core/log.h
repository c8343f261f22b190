/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: a ring of records in fixed memory. Writing allocates nothing, takes one irq-safe leaf lock and
 * is allowed anywhere, interrupts and panics included. Each source file defines LOG_SOURCE before including this.
 *
 * A record: sequence number, time, level, source, pid and principal of the running thread, text. Structured fields
 * are written into the text as key=value by convention: log_warn("read failed: block=%llu err=%d", …).
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdarg.h>

#include "core/types.h"

enum log_level {
	LOG_EMERG,
	LOG_ALERT,
	LOG_CRIT,
	LOG_ERR,
	LOG_WARNING,
	LOG_NOTICE,
	LOG_INFO,
	LOG_DEBUG
};

#ifndef LOG_SOURCE
#define LOG_SOURCE "kernel"
#endif

void log_write(enum log_level level, const char *source, const char *fmt, ...) PRINTF(3, 4);
void log_vwrite(enum log_level level, const char *source, const char *fmt, va_list ap);

#define log_crit(...)  log_write(LOG_CRIT, LOG_SOURCE, __VA_ARGS__)
#define log_err(...)   log_write(LOG_ERR, LOG_SOURCE, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARNING, LOG_SOURCE, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, LOG_SOURCE, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, LOG_SOURCE, __VA_ARGS__)

#endif
