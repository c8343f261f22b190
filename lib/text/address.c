/* SPDX-License-Identifier: MIT */
/* Internet addresses as text. See address.h. */
#include "text/address.h"

#include <errno.h>
#include <string.h>

/* Cuts one decimal number of at most three digits, 0 to 255, without leading zeros, off *s. */
static bool
take_octet(struct span *s, uint8_t *out)
{
	unsigned value = 0;
	size_t n = 0;
	while (n < s->len && s->text[n] >= '0' && s->text[n] <= '9') {
		value = value * 10 + (unsigned)(s->text[n] - '0');
		if (++n > 3 || value > 255)
			return false;
	}
	if (n == 0 || (n > 1 && s->text[0] == '0'))
		return false;
	*out = (uint8_t)value;
	s->text += n;
	s->len -= n;
	return true;
}

static bool
parse_v4(struct span s, uint8_t out[4])
{
	for (int i = 0; i < 4; i++) {
		if (i > 0) {
			if (s.len == 0 || s.text[0] != '.')
				return false;
			s.text++;
			s.len--;
		}
		if (!take_octet(&s, &out[i]))
			return false;
	}
	return s.len == 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Cuts one group of one to four hexadecimal digits off *s. */
static bool
take_group(struct span *s, uint8_t out[2])
{
	unsigned value = 0;
	size_t n = 0;
	while (n < s->len && hex_digit(s->text[n]) >= 0) {
		if (++n > 4)
			return false;
		value = value << 4 | (unsigned)hex_digit(s->text[n - 1]);
	}
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	s->text += n;
	s->len -= n;
	return n > 0;
}

static bool
starts_with(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.len >= n && memcmp(s.text, prefix, n) == 0;
}

static void
skip(struct span *s, size_t n)
{
	s->text += n;
	s->len -= n;
}

/* Groups between colons, the last perhaps dotted decimal; `::` once, where gap is set to the bytes before it. */
static bool
parse_groups(struct span s, uint8_t bytes[16], size_t *n, size_t *gap)
{
	*n = 0;
	*gap = SIZE_MAX;
	if (starts_with(s, "::")) {
		*gap = 0;
		skip(&s, 2);
	}
	while (s.len > 0) {
		if (*n <= 12 && parse_v4(s, bytes + *n)) {
			*n += 4;
			return true;
		}
		if (*n > 14 || !take_group(&s, bytes + *n))
			return false;
		*n += 2;
		if (s.len == 0)
			return true;
		if (starts_with(s, "::")) {
			if (*gap != SIZE_MAX)
				return false;
			*gap = *n;
			skip(&s, 2);
		} else if (s.text[0] == ':' && s.len > 1) {
			skip(&s, 1);
		} else {
			return false;
		}
	}
	return *gap != SIZE_MAX;
}

static bool
parse_v6(struct span s, uint8_t out[16])
{
	uint8_t bytes[16];
	size_t n, gap;
	memset(out, 0, 16);
	if (!parse_groups(s, bytes, &n, &gap))
		return false;
	if (gap == SIZE_MAX) {
		if (n != 16)
			return false;
		gap = 16;
	} else if (n > 14) {
		return false; /* `::` stands for one group at least */
	}
	memcpy(out, bytes, gap);
	memcpy(out + 16 - (n - gap), bytes + gap, n - gap);
	return true;
}

int
text_address_parse(struct span s, struct text_address *out)
{
	*out = (struct text_address){0};
	if (parse_v4(s, out->bytes)) {
		out->family = 4;
		return 0;
	}
	if (parse_v6(s, out->bytes)) {
		out->family = 6;
		return 0;
	}
	*out = (struct text_address){0};
	return -EINVAL;
}

int
text_prefix_parse(struct span s, struct text_address *out, uint8_t *prefix)
{
	struct span address;
	uint64_t n = 0;
	*prefix = 0;
	*out = (struct text_address){0};
	if (!span_cut(&s, '/', &address) || text_address_parse(address, out) < 0)
		return -EINVAL;
	if (span_number(s, out->family == 4 ? 32 : 128, &n) < 0) {
		*out = (struct text_address){0};
		return -EINVAL;
	}
	*prefix = (uint8_t)n;
	return 0;
}

/* Cuts the address and its colon off *s. */
static int
take_endpoint_address(struct span *s, struct text_address *out)
{
	struct span address;
	if (starts_with(*s, "*:")) {
		*out = (struct text_address){.family = 6};
		skip(s, 2);
		return 0;
	}
	if (starts_with(*s, "[")) {
		skip(s, 1);
		if (!span_cut(s, ']', &address) || !starts_with(*s, ":"))
			return -EINVAL;
		skip(s, 1);
		return text_address_parse(address, out) < 0 || out->family != 6 ? -EINVAL : 0;
	}
	if (!span_cut(s, ':', &address))
		return -EINVAL;
	return text_address_parse(address, out) < 0 || out->family != 4 ? -EINVAL : 0;
}

int
text_endpoint_parse(struct span s, struct text_address *out, uint16_t *port)
{
	uint64_t n = 0;
	*port = 0;
	*out = (struct text_address){0};
	if (take_endpoint_address(&s, out) < 0 || span_number(s, UINT16_MAX, &n) < 0 || n == 0) {
		*out = (struct text_address){0};
		return -EINVAL;
	}
	*port = (uint16_t)n;
	return 0;
}

static size_t
put_decimal(char *out, unsigned v)
{
	size_t n = 0;
	if (v >= 100)
		out[n++] = (char)('0' + v / 100);
	if (v >= 10)
		out[n++] = (char)('0' + v / 10 % 10);
	out[n++] = (char)('0' + v % 10);
	return n;
}

static size_t
put_v4(char *out, const uint8_t b[4])
{
	size_t n = 0;
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			out[n++] = '.';
		n += put_decimal(out + n, b[i]);
	}
	return n;
}

static size_t
put_group(char *out, unsigned v)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;
	for (int shift = 12; shift >= 0; shift -= 4)
		if (n > 0 || shift == 0 || (v >> shift) != 0)
			out[n++] = digits[v >> shift & 15];
	return n;
}

/* The longest run of zero groups, the first of equals, two at least (RFC 5952, 4.2). */
static void
longest_zeros(const uint8_t b[16], size_t *from, size_t *count)
{
	*from = 8;
	*count = 1;
	for (size_t i = 0; i < 8;) {
		size_t n = 0;
		while (i + n < 8 && b[2 * (i + n)] == 0 && b[2 * (i + n) + 1] == 0)
			n++;
		if (n > *count) {
			*from = i;
			*count = n;
		}
		i += n + 1;
	}
}

static size_t
put_v6(char *out, const uint8_t b[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	size_t from, count, n = 0;
	if (memcmp(b, mapped, sizeof(mapped)) == 0) {
		memcpy(out, "::ffff:", 7);
		return 7 + put_v4(out + 7, b + 12);
	}
	longest_zeros(b, &from, &count);
	for (size_t i = 0; i < 8; i++) {
		if (i == from) {
			out[n++] = ':';
			out[n++] = ':';
			i += count - 1;
			continue;
		}
		if (n > 0 && out[n - 1] != ':')
			out[n++] = ':';
		n += put_group(out + n, (unsigned)b[2 * i] << 8 | b[2 * i + 1]);
	}
	return n;
}

size_t
text_address_format(const struct text_address *a, char out[TEXT_ADDRESS_MAX])
{
	size_t n = a->family == 4 ? put_v4(out, a->bytes) : put_v6(out, a->bytes);
	out[n] = '\0';
	return n;
}

bool
text_address_is_link_local(const struct text_address *a)
{
	if (a->family == 4)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}
