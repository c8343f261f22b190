/* SPDX-License-Identifier: MIT */
/*
 * Spans: pieces of a text that somebody else holds, and the few ways to cut them.
 *
 * A span ends where its length says; the bytes behind it are never read, and no terminator is expected. Spans do not
 * own anything and are valid as long as the text is. Pure; nothing allocates or sleeps.
 */
#ifndef TEXT_SPAN_H
#define TEXT_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *text;
	size_t len;
};

/* The span of a string. */
struct span span_of(const char *s);

bool span_equal(struct span a, const char *b);

/* Without blanks and tabs at either end. */
struct span span_trim(struct span s);

/*
 * Cuts what stands before the first separator off *rest, and the separator with it. The last piece ends with the text.
 * Returns false, and an empty piece, once *rest is used up. A text that ends in a separator has no empty piece behind it.
 */
bool span_cut(struct span *rest, char separator, struct span *piece);

/* Cuts the next word off *rest: a run without blanks or tabs. Returns false when only those are left. */
bool span_word(struct span *rest, struct span *word);

/* Reads a decimal number, digits only, into *out. Returns 0; -EINVAL if it is no such number; -ERANGE above max. */
[[nodiscard]] int span_number(struct span s, uint64_t max, uint64_t *out);

/* Copies the span and a terminator into to. Returns 0; -ENAMETOOLONG, with to empty, if size bytes do not hold it. */
[[nodiscard]] int span_copy(struct span s, char *to, size_t size);

#endif
