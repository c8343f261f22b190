/* SPDX-License-Identifier: MIT */
/* Domain names (RFC 1035): text to labels and back, and which text is fit to be one. Pure. */
#ifndef WIRE_NAME_H
#define WIRE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reader.h"
#include "wire/writer.h"

#define WIRE_NAME_TEXT \
	254 /* bytes of the longest name as text, without its NUL (255 bytes of labels) */

/*
 * Whether n bytes are a name that is safe in a resolver's file or on a terminal: 1 to 253 bytes of letters, digits,
 * '-', '_' and '.', no empty label but a last one, no label over 63 bytes.
 */
bool wire_name_is_clean(const char *text, size_t n);

/* Appends the labels of a clean name (a final dot is allowed; "." is the root). false: not a name, or w failed. */
[[nodiscard]] bool wire_name_encode(struct writer *w, const char *text);

/*
 * Reads a name that begins at offset `at` of a message of n bytes and follows compression pointers, each of which must
 * point before the last one (so it ends). Writes text with dots, NUL-terminated; bytes that are not clean are written
 * as \DDD. Returns the offset behind the name where it stood; -EBADMSG.
 */
[[nodiscard]] int wire_name_decode(
	const uint8_t *message, size_t n, size_t at, char out[4 * WIRE_NAME_TEXT + 1]);

#endif
