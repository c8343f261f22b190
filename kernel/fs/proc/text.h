/* SPDX-License-Identifier: MIT */
/*
 * Text that is made when it is read: a buffer that grows up to a bound, and the window of the file that it holds.
 *
 * A generator writes the whole text; one whose text may be long writes a piece at a time: it begins at t->cursor
 * (0 at first, its own meaning), stops when proc_text_full(), sets t->cursor to where to go on and t->more. Errors stick:
 * a generator need not look after each line.
 * One thread at a time (fs/proc/file.c has a mutex). Writing may sleep.
 */
#ifndef FS_PROC_TEXT_H
#define FS_PROC_TEXT_H

#include "core/types.h"

struct proc_text {
	char *buf;
	size_t len, capacity;
	int err;         /* -ENOMEM: some of it is missing */
	bool more;       /* the generator has more to say, from cursor on */
	uint64_t cursor; /* the generator's */
	uint64_t base;   /* the place in the file of buf[0] */
};

#define PROC_TEXT_PIECE (2 * PAGE_SIZE) /* a piece is complete when it has so much */
#define PROC_TEXT_MAX   MIB(4)          /* no piece is longer: -ENOMEM */

void proc_printf(struct proc_text *t, const char *format, ...) PRINTF(2, 3);
void proc_write_text(struct proc_text *t, const char *s, size_t n);
/* s, with white space, backslashes and what is in special as a backslash and three octal digits. */
void proc_write_escaped(struct proc_text *t, const char *s, const char *special);
/* Blanks up to column from the start of the line, which began at byte line. */
void proc_pad_to(struct proc_text *t, size_t line, size_t column);
void proc_text_free(struct proc_text *t); /* begins again, with nothing allocated */

static inline bool
proc_text_full(const struct proc_text *t)
{
	return t->len >= PROC_TEXT_PIECE || t->err != 0;
}

#endif
