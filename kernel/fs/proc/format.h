/* SPDX-License-Identifier: MIT */
/* The odder pieces of /proc's formats. Pure. */
#ifndef FS_PROC_FORMAT_H
#define FS_PROC_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes s with blanks, tabs, line ends, backslashes and the characters of special as a backslash and three octal
 * digits, and a NUL; what does not fit into n bytes (at least 1) is left out. The length.
 */
size_t format_escaped(char *buf, size_t n, const char *s, const char *special);
/*
 * A set of bits, the lowest of words[0] first, of which nr exist: "0-3,7" and "ffffffff,0000000f", the highest 32
 * first; NUL-terminated and cut at n bytes. The length.
 */
size_t format_bit_list(char *buf, size_t n, const uint64_t *words, uint32_t nr);
size_t format_bit_mask(char *buf, size_t n, const uint64_t *words, uint32_t nr);

/* A file name of digits only, without zeroes in front: its value. */
bool parse_number_name(const char *s, size_t len, uint32_t *out);
/* A whole decimal number, perhaps with a minus, in the range. */
bool parse_integer(const char *s, int64_t low, int64_t high, int64_t *out);
/*
 * Numbers in the range, as above, with blanks between them and perhaps around: how many there are, 1 to max, or 0 for
 * what is not such a list. low <= high.
 */
uint32_t parse_integers(const char *s, int64_t low, int64_t high, int64_t *out, uint32_t max);
/* What was written, len bytes of text[len + 1], becomes a string without white space at its end. */
void trim_end(char *text, size_t len);

#endif
