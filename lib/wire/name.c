/* SPDX-License-Identifier: MIT */
/* Domain names. See name.h. */
#include "wire/name.h"

#include <errno.h>
#include <string.h>

#define LABEL_MAX  63u
#define LABELS_MAX 255u /* bytes of a whole name on the wire */

static bool
is_clean_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '-' || c == '_';
}

bool
wire_name_is_clean(const char *text, size_t n)
{
	size_t label = 0;
	if (n == 0 || n >= WIRE_NAME_TEXT)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '.') {
			if (!is_clean_byte((uint8_t)text[i]) || ++label > LABEL_MAX)
				return false;
		} else {
			if (label == 0)
				return false;
			label = 0;
		}
	}
	return true;
}

bool
wire_name_encode(struct writer *w, const char *text)
{
	size_t n = strlen(text), from = 0;
	bool root = n == 1 && text[0] == '.';
	if (!root && !wire_name_is_clean(text, n))
		return false;
	for (size_t i = 0; !root && i <= n; i++) {
		if (i < n && text[i] != '.')
			continue;
		if (i > from) {
			writer_u8(w, (uint8_t)(i - from));
			writer_bytes(w, text + from, i - from);
		}
		from = i + 1;
	}
	writer_u8(w, 0);
	return !w->failed;
}

/* Appends one label as text; returns the new length. Room for four characters a byte and a dot is there. */
static size_t
put_label(char *out, size_t len, const uint8_t *label, uint8_t n)
{
	if (len > 0)
		out[len++] = '.';
	for (uint8_t i = 0; i < n; i++) {
		uint8_t c = label[i];
		if (is_clean_byte(c)) {
			out[len++] = (char)c;
			continue;
		}
		out[len++] = '\\';
		out[len++] = (char)('0' + c / 100);
		out[len++] = (char)('0' + c / 10 % 10);
		out[len++] = (char)('0' + c % 10);
	}
	return len;
}

static int
decode_labels(const uint8_t *message, size_t n, size_t at, char *out)
{
	size_t end = 0;     /* behind the name where it stood, once known */
	size_t limit = at;  /* pointers must lead to before this */
	size_t on_wire = 1; /* labels' bytes so far, with the root's */
	size_t len = 0;

	for (;;) {
		if (at >= n)
			return -EBADMSG;
		uint8_t c = message[at];
		if (c == 0)
			break;
		if ((c & 0xc0) == 0xc0) {
			if (n - at < 2)
				return -EBADMSG;
			size_t to = load_be16(message + at) & 0x3fffu;
			if (to >= limit)
				return -EBADMSG;
			if (end == 0)
				end = at + 2;
			at = limit = to;
			continue;
		}
		on_wire += c + 1u;
		if (c > LABEL_MAX || n - at - 1 < c || on_wire > LABELS_MAX)
			return -EBADMSG;
		len = put_label(out, len, message + at + 1, c);
		at += c + 1u;
	}
	if (end == 0)
		end = at + 1;
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return (int)end;
}

int
wire_name_decode(const uint8_t *message, size_t n, size_t at, char out[4 * WIRE_NAME_TEXT + 1])
{
	int end = decode_labels(message, n, at, out);
	if (end < 0)
		out[0] = '\0';
	return end;
}
