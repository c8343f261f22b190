/* SPDX-License-Identifier: MIT */
/*
 * The first line of a script, "#!interpreter option". Pure: no allocation, no globals, no locks, does not sleep.
 *
 * As on Linux: the line counts up to SCRIPT_LINE_MAX bytes; blanks separate the two and surround them for nothing; all
 * that follows the first gap is one option, blanks in it included; a NUL ends the line.
 */
#ifndef ELF_SCRIPT_H
#define ELF_SCRIPT_H

#include <stddef.h>

#define SCRIPT_LINE_MAX 256

/*
 * Splits in place the file's first n >= 2 bytes, which begin with "#!", in a buffer of at least SCRIPT_LINE_MAX bytes.
 * *option is NULL if there is none; both point into the buffer. 0; -ENOEXEC: no interpreter, or its name does not end
 * within the limit. The buffer's content is changed in any case.
 */
[[nodiscard]] int script_parse(char *line, size_t n, char **interpreter, char **option);

#endif
