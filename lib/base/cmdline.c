/* SPDX-License-Identifier: MIT */
/* The kernel command line. cmdline.h has the contract. */
#include <errno.h>
#include <string.h>
#include "base/cmdline.h"
#include "base/macros.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Drops a quotation mark at the beginning and the one that ends what it began. */
static void
unquote(const char **text, size_t *len)
{
	if (*len == 0 || **text != '"')
		return;
	const char *end = memchr(*text + 1, '"', *len - 1);
	if (end && end != *text + *len - 1)
		return;
	*len -= end ? 2 : 1;
	++*text;
}

static void
split(const char *word, size_t len, struct cmdline_word *out)
{
	*out = (struct cmdline_word){0};
	unquote(&word, &len);
	const char *equals = memchr(word, '=', len);
	out->key = word;
	out->key_len = equals ? (size_t)(equals - word) : len;
	if (!equals)
		return;
	out->value = equals + 1;
	out->value_len = len - out->key_len - 1;
	unquote(&out->value, &out->value_len);
}

bool
cmdline_next(const char **line, struct cmdline_word *word)
{
	const char *p = *line;
	while (is_space(*p))
		p++;
	const char *begin = p;
	for (bool quoted = false; *p && (quoted || !is_space(*p)); p++)
		if (*p == '"')
			quoted = !quoted;
	*line = p;
	if (p == begin)
		return false;
	split(begin, (size_t)(p - begin), word);
	return true;
}

bool
cmdline_get(const char *line, const char *key, struct cmdline_word *word)
{
	struct cmdline_word w;
	size_t len = strlen(key);
	bool found = false;
	*word = (struct cmdline_word){0};
	while (cmdline_next(&line, &w)) {
		if (w.key_len == len && memcmp(w.key, key, len) == 0) {
			*word = w;
			found = true;
		}
	}
	return found;
}

bool
cmdline_has(const char *line, const char *key)
{
	struct cmdline_word word;
	return cmdline_get(line, key, &word);
}

int
cmdline_get_string(const char *line, const char *key, char *buf, size_t size)
{
	struct cmdline_word word;
	if (size)
		buf[0] = 0;
	if (!cmdline_get(line, key, &word) || !word.value)
		return -ENOENT;
	if (word.value_len >= size || word.value_len > INT32_MAX)
		return -ERANGE;
	memcpy(buf, word.value, word.value_len);
	buf[word.value_len] = 0;
	return (int)word.value_len;
}

/* The value of a digit in the base; negative if it is none. */
static int
digit(char c, unsigned base)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -EINVAL;
}

static int
parse_digits(const char **at, const char *end, unsigned base, uint64_t *value)
{
	const char *begin = *at;
	*value = 0;
	for (int d; *at < end && (d = digit(**at, base)) >= 0; ++*at)
		if (mul_overflow(*value, base, value) || add_overflow(*value, (unsigned)d, value))
			return -ERANGE;
	return *at == begin ? -EINVAL : 0;
}

static unsigned
suffix_shift(char c)
{
	switch (c | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	default:
		return 0;
	}
}

int
cmdline_get_number(const char *line, const char *key, uint64_t *number)
{
	struct cmdline_word word;
	uint64_t value;
	if (!cmdline_get(line, key, &word) || !word.value)
		return -ENOENT;
	const char *at = word.value, *end = at + word.value_len;
	bool hex = word.value_len > 2 && at[0] == '0' && (at[1] | 0x20) == 'x';
	at += hex ? 2 : 0;
	int err = parse_digits(&at, end, hex ? 16 : 10, &value);
	if (err)
		return err;
	unsigned shift = at < end ? suffix_shift(*at) : 0;
	at += shift ? 1 : 0;
	if (at != end)
		return -EINVAL;
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*number = value << shift;
	return 0;
}
