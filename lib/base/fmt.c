/* SPDX-License-Identifier: MIT */
/* Formatted text into a bounded buffer. fmt.h has the contract. */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/fmt.h"

enum {
	FLAG_LEFT = 1,
	FLAG_ZERO = 2,
	FLAG_ALTERNATE = 4,
	FLAG_PLUS = 8,
	FLAG_SPACE = 16,

	NO_PRECISION = -1,
	DIGITS_MAX = 22, /* of 64 bits in octal */
};

/* Where the text goes, and how long it is altogether. */
struct sink {
	char *buf;
	size_t size, len;
};

struct spec {
	uint32_t flags;
	int width, precision;
	char length; /* 'H' is hh, 'L' is ll, 0 is none */
	char conversion;
};

static void
put(struct sink *out, char c)
{
	if (out->len < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void
put_bytes(struct sink *out, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(out, bytes[i]);
}

static void
put_many(struct sink *out, char c, int n)
{
	while (n-- > 0)
		put(out, c);
}

/* Text between spaces, on the side that the flags say. */
static void
put_padded(struct sink *out, const struct spec *spec, const char *bytes, size_t n)
{
	int pad = n < INT_MAX ? spec->width - (int)n : 0;
	if (!(spec->flags & FLAG_LEFT))
		put_many(out, ' ', pad);
	put_bytes(out, bytes, n);
	if (spec->flags & FLAG_LEFT)
		put_many(out, ' ', pad);
}

static void
put_string(struct sink *out, const struct spec *spec, const char *s)
{
	if (!s)
		s = "(null)";
	size_t n =
		spec->precision == NO_PRECISION ? strlen(s) : strnlen(s, (size_t)spec->precision);
	put_padded(out, spec, s, n);
}

/* The digits of a number, last first. */
static int
make_digits(char *digits, uint64_t value, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0;
	for (; value; value /= base)
		digits[n++] = set[value % base];
	return n;
}

/* A number with its prefix (sign or 0x), zeros and spaces around. */
static void
put_number(struct sink *out, const struct spec *spec, uint64_t value, unsigned base,
	const char *prefix)
{
	char digits[DIGITS_MAX];
	int n = make_digits(digits, value, base, spec->conversion == 'X');
	int zeros = (spec->precision == NO_PRECISION ? 1 : spec->precision) - n;
	if (base == 8 && (spec->flags & FLAG_ALTERNATE) && zeros < 1)
		zeros = 1;
	int prefix_len = (int)strlen(prefix);
	if ((spec->flags & FLAG_ZERO) && !(spec->flags & FLAG_LEFT) &&
		spec->precision == NO_PRECISION && zeros < spec->width - n - prefix_len)
		zeros = spec->width - n - prefix_len;
	if (zeros < 0)
		zeros = 0;
	int pad = spec->width - n - prefix_len - zeros;
	if (!(spec->flags & FLAG_LEFT))
		put_many(out, ' ', pad);
	put_bytes(out, prefix, (size_t)prefix_len);
	put_many(out, '0', zeros);
	while (n > 0)
		put(out, digits[--n]);
	if (spec->flags & FLAG_LEFT)
		put_many(out, ' ', pad);
}

static int64_t
take_signed(va_list *args, char length)
{
	switch (length) {
	case 'H':
		return (signed char)va_arg(*args, int);
	case 'h':
		return (short)va_arg(*args, int);
	case 'l':
		return va_arg(*args, long);
	case 'L':
		return va_arg(*args, long long);
	case 'z':
	case 't':
		return va_arg(*args, ptrdiff_t);
	case 'j':
		return va_arg(*args, intmax_t);
	default:
		return va_arg(*args, int);
	}
}

static uint64_t
take_unsigned(va_list *args, char length)
{
	switch (length) {
	case 'H':
		return (unsigned char)va_arg(*args, unsigned);
	case 'h':
		return (unsigned short)va_arg(*args, unsigned);
	case 'l':
		return va_arg(*args, unsigned long);
	case 'L':
		return va_arg(*args, unsigned long long);
	case 'z':
	case 't':
		return va_arg(*args, size_t);
	case 'j':
		return va_arg(*args, uintmax_t);
	default:
		return va_arg(*args, unsigned);
	}
}

static void
put_signed(struct sink *out, const struct spec *spec, int64_t value)
{
	const char *prefix = value < 0       ? "-"
		: (spec->flags & FLAG_PLUS)  ? "+"
		: (spec->flags & FLAG_SPACE) ? " "
					     : "";
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	put_number(out, spec, magnitude, 10, prefix);
}

static void
put_hexadecimal(struct sink *out, const struct spec *spec, uint64_t value)
{
	bool prefixed = (spec->flags & FLAG_ALTERNATE) && value;
	put_number(out, spec, value, 16, !prefixed ? "" : spec->conversion == 'X' ? "0X" : "0x");
}

static void
put_conversion(struct sink *out, const struct spec *spec, va_list *args)
{
	char c;
	switch (spec->conversion) {
	case 'd':
	case 'i':
		put_signed(out, spec, take_signed(args, spec->length));
		return;
	case 'u':
		put_number(out, spec, take_unsigned(args, spec->length), 10, "");
		return;
	case 'o':
		put_number(out, spec, take_unsigned(args, spec->length), 8, "");
		return;
	case 'x':
	case 'X':
		put_hexadecimal(out, spec, take_unsigned(args, spec->length));
		return;
	case 'p':
		put_number(out, spec, (uintptr_t)va_arg(*args, void *), 16, "0x");
		return;
	case 's':
		put_string(out, spec, va_arg(*args, const char *));
		return;
	case 'c':
		c = (char)va_arg(*args, int);
		put_padded(out, spec, &c, 1);
		return;
	default:
		put(out, '%');
		if (spec->conversion && spec->conversion != '%')
			put(out, spec->conversion);
	}
}

static uint32_t
flag_of(char c)
{
	switch (c) {
	case '-':
		return FLAG_LEFT;
	case '0':
		return FLAG_ZERO;
	case '#':
		return FLAG_ALTERNATE;
	case '+':
		return FLAG_PLUS;
	case ' ':
		return FLAG_SPACE;
	default:
		return 0;
	}
}

/* A number or a star; a number that is too large stays at a size that cannot overflow later. */
static const char *
parse_count(const char *f, va_list *args, int *count)
{
	const int limit = 1 << 20;
	if (*f == '*') {
		int n = va_arg(*args, int);
		*count = n > limit ? limit : n < -limit ? -limit : n;
		return f + 1;
	}
	*count = 0;
	for (; *f >= '0' && *f <= '9'; f++)
		if (*count < limit)
			*count = *count * 10 + (*f - '0');
	return f;
}

static const char *
parse_length(const char *f, char *length)
{
	*length = 0;
	if ((f[0] == 'h' && f[1] == 'h') || (f[0] == 'l' && f[1] == 'l')) {
		*length = f[0] == 'h' ? 'H' : 'L';
		return f + 2;
	}
	if (*f && strchr("hlzjt", *f))
		*length = *f++;
	return f;
}

/* What follows a percent sign; returns where the text goes on. */
static const char *
parse_spec(const char *f, va_list *args, struct spec *spec)
{
	*spec = (struct spec){.precision = NO_PRECISION};
	for (uint32_t flag; (flag = flag_of(*f)) != 0; f++)
		spec->flags |= flag;
	f = parse_count(f, args, &spec->width);
	if (spec->width < 0) {
		spec->flags |= FLAG_LEFT;
		spec->width = -spec->width;
	}
	if (*f == '.') {
		f = parse_count(f + 1, args, &spec->precision);
		if (spec->precision < 0)
			spec->precision = NO_PRECISION;
	}
	f = parse_length(f, &spec->length);
	spec->conversion = *f;
	return *f ? f + 1 : f;
}

int
base_vsnprintf(char *buf, size_t size, const char *format, va_list args)
{
	struct sink out = {.buf = buf, .size = size};
	struct spec spec;
	va_list rest; /* a va_list parameter's address is not that of a va_list everywhere */
	va_copy(rest, args);
	while (*format) {
		if (*format != '%') {
			put(&out, *format++);
			continue;
		}
		format = parse_spec(format + 1, &rest, &spec);
		put_conversion(&out, &spec, &rest);
	}
	va_end(rest);
	if (size)
		buf[out.len < size ? out.len : size - 1] = 0;
	return out.len < INT_MAX ? (int)out.len : INT_MAX;
}

int
base_snprintf(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = base_vsnprintf(buf, size, format, args);
	va_end(args);
	return n;
}

int
base_scnprintf(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = base_vsnprintf(buf, size, format, args);
	va_end(args);
	if ((size_t)n < size)
		return n;
	return size ? (int)(size - 1) : 0;
}
