/* SPDX-License-Identifier: MIT */
/* The reason for a refusal as a line of text, without the help of a libc. */
#include "image/image.h"

struct text {
	char *buf;
	size_t size, used;
};

static void
add(struct text *t, const char *s)
{
	while (*s && t->used + 1 < t->size)
		t->buf[t->used++] = *s++;
}

static void
add_number(struct text *t, uint64_t n)
{
	char digits[21], *p = digits + sizeof(digits);
	*--p = '\0';
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	add(t, p);
}

static const char *const places[] = {
	[IMAGE_WHERE_HEADER] = "",
	[IMAGE_WHERE_ENTRY] = "entry ",
	[IMAGE_WHERE_CONTENT] = "content ",
	[IMAGE_WHERE_BLOCK] = "block ",
	[IMAGE_WHERE_NODE] = "tree node at byte ",
};

char *
image_error_text(const struct image_error *why, char *buf, size_t size)
{
	struct text t = {.buf = buf, .size = size};
	if (why->where != IMAGE_WHERE_HEADER) {
		add(&t, places[why->where]);
		add_number(&t, why->index);
		add(&t, ": ");
	}
	add(&t, why->what ? why->what : "no reason");
	if (why->has_values) {
		add(&t, " is ");
		add_number(&t, why->found);
		add(&t, ", must be ");
		add_number(&t, why->wanted);
	}
	if (size)
		buf[t.used] = '\0';
	return buf;
}
