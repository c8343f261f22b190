/* SPDX-License-Identifier: MIT */
/* What the files of the line discipline share. */
#ifndef TTY_INTERNAL_H
#define TTY_INTERNAL_H

#include "tty/ldisc.h"

static inline bool
iflag(const struct ldisc *ld, uint32_t flag)
{
	return ld->termios.c_iflag & flag;
}

static inline bool
oflag(const struct ldisc *ld, uint32_t flag)
{
	return ld->termios.c_oflag & flag;
}

static inline bool
lflag(const struct ldisc *ld, uint32_t flag)
{
	return ld->termios.c_lflag & flag;
}

static inline uint8_t
input_at(const struct ldisc *ld, uint32_t position)
{
	return ld->input[position % LDISC_INPUT_SIZE];
}

static inline bool
is_marked(const struct ldisc *ld, uint32_t position)
{
	uint32_t i = position % LDISC_INPUT_SIZE;
	return ld->marks[i / 8] & 1 << i % 8;
}

static inline void
set_mark(struct ldisc *ld, uint32_t position)
{
	uint32_t i = position % LDISC_INPUT_SIZE;
	ld->marks[i / 8] |= (uint8_t)(1 << i % 8);
}

static inline void
clear_mark(struct ldisc *ld, uint32_t position)
{
	uint32_t i = position % LDISC_INPUT_SIZE;
	ld->marks[i / 8] &= (uint8_t)~(1 << i % 8);
}

/* Classes of characters are those of Latin 1, as in Linux's kernel, whatever the terminal's encoding. */
static inline bool
is_control(uint8_t c)
{
	return c < 0x20 || c == 0x7f;
}

/* Part of a UTF-8 character, but not its first byte. */
static inline bool
is_continuation(const struct ldisc *ld, uint8_t c)
{
	return iflag(ld, IUTF8) && (c & 0xc0) == 0x80;
}

/* Echoes a byte as output is written. */
void ldisc_echo_raw(struct ldisc *ld, uint8_t c);
/* Echoes a typed character: a control character as ^X if ECHOCTL is set. */
void ldisc_echo_char(struct ldisc *ld, uint8_t c);
void ldisc_echo_string(struct ldisc *ld, const char *s);
/* Goes back over a tab that followed `columns` columns; they began at a tab stop if after_tab is set. */
void ldisc_echo_erase_tab(struct ldisc *ld, uint32_t columns, bool after_tab);
/* The cursor is a column further left than what was echoed suggests. */
void ldisc_echo_back(struct ldisc *ld);
/* Gives the device as much echo as it takes. */
void ldisc_drain_echo(struct ldisc *ld);
void ldisc_discard_echo(struct ldisc *ld);

void ldisc_start_output(struct ldisc *ld);
void ldisc_stop_output(struct ldisc *ld);

void ldisc_check_throttle(struct ldisc *ld);
void ldisc_check_unthrottle(struct ldisc *ld);

/* Takes the last character, word or line off what is being typed. */
void ldisc_erase(struct ldisc *ld, uint8_t c);
void ldisc_finish_erasing(struct ldisc *ld);

#endif
