/* SPDX-License-Identifier: MIT */
/* What the kernel's sources say on a host: an error of their own ends the process with its message, their log goes nowhere. */
#include "core/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/refcount.h"

void
panic(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void
log_write(enum log_level level, const char *source, const char *fmt, ...)
{
}

void
refcount_misused(void)
{
	panic("a reference count was misused");
}
