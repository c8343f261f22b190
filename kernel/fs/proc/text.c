/* SPDX-License-Identifier: MIT */
/* The growing buffer of generated files. */
#include "fs/proc/text.h"

#include <string.h>

#include "base/fmt.h"
#include "fs/proc/format.h"
#include "mm/slab.h"

#define FIRST_CAPACITY 1024u
#define KMALLOC_UP_TO  ((size_t)4096) /* beyond it memory need not be contiguous */

static char *
buffer_alloc(size_t n)
{
	return n <= KMALLOC_UP_TO ? kmalloc(n, 0) : kvmalloc(n);
}

static void
buffer_free(char *buf, size_t n)
{
	if (n <= KMALLOC_UP_TO)
		kfree(buf);
	else
		kvfree(buf);
}

/* Makes room for n bytes and a NUL behind the text. */
static bool
make_room(struct proc_text *t, size_t n)
{
	if (t->err != 0)
		return false;
	if (n < t->capacity - t->len)
		return true;
	size_t want = max(t->capacity, (size_t)FIRST_CAPACITY / 2);
	do {
		want *= 2;
	} while (n >= want - t->len && want <= PROC_TEXT_MAX);
	char *buf = want <= PROC_TEXT_MAX ? buffer_alloc(want) : NULL;
	if (buf == NULL) {
		t->err = -ENOMEM;
		return false;
	}
	if (t->buf != NULL) {
		memcpy(buf, t->buf, t->len);
		buffer_free(t->buf, t->capacity);
	}
	t->buf = buf;
	t->capacity = want;
	return true;
}

void
proc_text_free(struct proc_text *t)
{
	if (t->buf != NULL)
		buffer_free(t->buf, t->capacity);
	*t = (struct proc_text){0};
}

void
proc_printf(struct proc_text *t, const char *format, ...)
{
	va_list args;
	if (!make_room(t, 0))
		return;
	va_start(args, format);
	int n = base_vsnprintf(t->buf + t->len, t->capacity - t->len, format, args);
	va_end(args);
	if ((size_t)n >= t->capacity - t->len) {
		if (!make_room(t, (size_t)n))
			return;
		va_start(args, format);
		n = base_vsnprintf(t->buf + t->len, t->capacity - t->len, format, args);
		va_end(args);
		/* An argument that grew meanwhile is cut. */
		n = min(n, (int)(t->capacity - t->len - 1));
	}
	t->len += (size_t)n;
}

void
proc_write_text(struct proc_text *t, const char *s, size_t n)
{
	if (!make_room(t, n))
		return;
	memcpy(t->buf + t->len, s, n);
	t->len += n;
}

void
proc_write_escaped(struct proc_text *t, const char *s, const char *special)
{
	size_t worst = 4 * strlen(s);
	if (make_room(t, worst))
		t->len += format_escaped(t->buf + t->len, worst + 1, s, special);
}

void
proc_pad_to(struct proc_text *t, size_t line, size_t column)
{
	size_t width = t->len - line;
	if (width < column)
		proc_printf(t, "%*s", (int)(column - width), "");
}
