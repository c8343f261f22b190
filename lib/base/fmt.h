/* SPDX-License-Identifier: MIT */
/*
 * Formatted text into a bounded buffer, for logs and generated files: the part of C's snprintf() that needs no locale,
 * no floating point and no allocation. Safe in interrupts.
 *
 * Conversions: d i u o x X c s p %; flags: - 0 # + space; width and precision as numbers or *; lengths: hh h l ll z j t.
 * As in C, but: %p always has 0x before it, a null string prints (null), and an unknown conversion prints itself and
 * takes no argument. %n does not exist.
 */
#ifndef BASE_FMT_H
#define BASE_FMT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Writes at most size bytes, the last of them always NUL if size is not 0. Returns the length that the whole text has
 * without its NUL, INT_MAX at most: it was cut if that is not less than size.
 */
int base_vsnprintf(char *buf, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));
int base_snprintf(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, but returns how many bytes were written without the NUL: for appending. */
int base_scnprintf(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
