/* SPDX-License-Identifier: MIT */
/*
 * The kernel command line: words `key`, `key=value` and `key="value with spaces"`, between white space. A quotation mark
 * anywhere in a word begins a part in which white space does not end it; it ends at the next one or at the end of
 * the line, and there are no escapes. Marks that enclose a whole value (or word) are not part of it, any others are.
 *
 * Pure; what it hands out points into the line.
 */
#ifndef BASE_CMDLINE_H
#define BASE_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cmdline_word {
	const char *key, *value; /* value is NULL without an equals sign */
	size_t key_len, value_len;
};

/* Takes the next word off *line; false at the end. */
bool cmdline_next(const char **line, struct cmdline_word *word);

/* The last word of that key: what is appended to a line wins. False if there is none. */
bool cmdline_get(const char *line, const char *key, struct cmdline_word *word);
bool cmdline_has(const char *line, const char *key);

/*
 * Copies the value of a key and its NUL. Returns its length; -ENOENT if there is no such word or it has no
 * value, -ERANGE if it does not fit. On an error *buf is the empty string, where it has room.
 */
[[nodiscard]] int cmdline_get_string(const char *line, const char *key, char *buf, size_t size);

/*
 * An unsigned number, decimal or with 0x, that a K, M or G may follow. Returns 0; -ENOENT as above; -EINVAL: no number;
 * -ERANGE: more than 64 bits. *number changes only on success.
 */
[[nodiscard]] int cmdline_get_number(const char *line, const char *key, uint64_t *number);

#endif
