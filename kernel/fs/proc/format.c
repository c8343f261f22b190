/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <string.h>

#include "base/fmt.h"

size_t
format_escaped(char *buf, size_t n, const char *s, const char *special)
{
	size_t at = 0;
	for (; *s != '\0'; s++) {
		bool escape = strchr(" \t\n\\", *s) != NULL || strchr(special, *s) != NULL;
		size_t width = escape ? 4 : 1;
		if (n - at <= width)
			break;
		if (escape) {
			uint8_t c = (uint8_t)*s;
			buf[at] = '\\';
			buf[at + 1] = (char)('0' + (c >> 6));
			buf[at + 2] = (char)('0' + (c >> 3 & 7));
			buf[at + 3] = (char)('0' + (c & 7));
		} else {
			buf[at] = *s;
		}
		at += width;
	}
	buf[at] = '\0';
	return at;
}

static bool
bit(const uint64_t *words, uint32_t i)
{
	return (words[i / 64] >> (i % 64)) & 1;
}

size_t
format_bit_list(char *buf, size_t n, const uint64_t *words, uint32_t nr)
{
	size_t at = 0;
	buf[0] = '\0';
	for (uint32_t i = 0; i < nr; i++) {
		if (!bit(words, i))
			continue;
		uint32_t first = i;
		while (i + 1 < nr && bit(words, i + 1))
			i++;
		const char *comma = at != 0 ? "," : "";
		at += (size_t)(first == i
				? base_scnprintf(buf + at, n - at, "%s%u", comma, first)
				: base_scnprintf(buf + at, n - at, "%s%u-%u", comma, first, i));
	}
	return at;
}

size_t
format_bit_mask(char *buf, size_t n, const uint64_t *words, uint32_t nr)
{
	size_t at = 0;
	uint32_t groups = (nr + 31) / 32, top = nr % 32;
	buf[0] = '\0';
	for (uint32_t g = groups; g-- > 0;) {
		bool first = g + 1 == groups;
		uint32_t value = (uint32_t)(words[g / 2] >> (g % 2 * 32));
		uint32_t width = first && top != 0 ? (top + 3) / 4 : 8;
		if (first && top != 0)
			value &= (1u << top) - 1;
		at += (size_t)base_scnprintf(
			buf + at, n - at, "%s%0*x", first ? "" : ",", (int)width, value);
	}
	return at;
}

bool
parse_number_name(const char *s, size_t len, uint32_t *out)
{
	uint32_t value = 0;
	if (len == 0 || len > 9 || (s[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(s[i] - '0');
	}
	*out = value;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* One number at *s, which then is behind it. */
static bool
take_integer(const char **s, int64_t low, int64_t high, int64_t *out)
{
	const char *at = *s;
	bool negative = *at == '-';
	int64_t value = 0;
	at += negative;
	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_sub_overflow(value, *at - '0', &value))
			return false;
	}
	if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
		return false;
	*s = at;
	*out = value;
	return value >= low && value <= high;
}

bool
parse_integer(const char *s, int64_t low, int64_t high, int64_t *out)
{
	return take_integer(&s, low, high, out) && *s == '\0';
}

uint32_t
parse_integers(const char *s, int64_t low, int64_t high, int64_t *out, uint32_t max)
{
	uint32_t n = 0;
	for (;;) {
		while (is_blank(*s))
			s++;
		if (*s == '\0')
			return n;
		if (n == max || !take_integer(&s, low, high, &out[n]) ||
			(*s != '\0' && !is_blank(*s)))
			return 0;
		n++;
	}
}

void
trim_end(char *text, size_t len)
{
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	text[len] = '\0';
}
