/* SPDX-License-Identifier: MIT */
/* Cutting and reading spans of text. See span.h. */

#include <errno.h>
#include <string.h>

#include "text/span.h"

struct span
span_of(const char *s)
{
	return (struct span){s, strlen(s)};
}

bool
span_equal(struct span a, const char *b)
{
	return a.len == strlen(b) && memcmp(a.text, b, a.len) == 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* An empty span may have no text at all, to which C lets nobody add even 0. */
static void
skip(struct span *s, size_t count)
{
	if (count == 0)
		return;
	s->text += count;
	s->len -= count;
}

struct span
span_trim(struct span s)
{
	while (s.len > 0 && is_blank(s.text[0]))
		skip(&s, 1);
	while (s.len > 0 && is_blank(s.text[s.len - 1]))
		s.len--;
	return s;
}

bool
span_cut(struct span *rest, char separator, struct span *piece)
{
	*piece = (struct span){rest->text, 0};
	if (rest->len == 0)
		return false;
	while (piece->len < rest->len && rest->text[piece->len] != separator)
		piece->len++;
	skip(rest, piece->len < rest->len ? piece->len + 1 : piece->len);
	return true;
}

bool
span_word(struct span *rest, struct span *word)
{
	while (rest->len > 0 && is_blank(rest->text[0]))
		skip(rest, 1);
	*word = (struct span){rest->text, 0};
	while (word->len < rest->len && !is_blank(rest->text[word->len]))
		word->len++;
	skip(rest, word->len);
	return word->len > 0;
}

int
span_number(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	*out = 0;
	if (s.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (s.text[i] < '0' || s.text[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(s.text[i] - '0'), &value) ||
			value > max)
			return -ERANGE;
	}
	*out = value;
	return 0;
}

int
span_copy(struct span s, char *to, size_t size)
{
	if (size == 0)
		return -ENAMETOOLONG;
	to[0] = '\0';
	if (s.len >= size)
		return -ENAMETOOLONG;
	memcpy(to, s.text, s.len);
	to[s.len] = '\0';
	return 0;
}
