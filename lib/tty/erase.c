/* SPDX-License-Identifier: MIT */
/* The line discipline's editing: erasing a character, a word, a line, on the screen too. ldisc.h has the contract. */
#include "tty/internal.h"

static bool
is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '_' || (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

void
ldisc_finish_erasing(struct ldisc *ld)
{
	if (ld->erasing)
		ldisc_echo_raw(ld, '/');
	ld->erasing = false;
}

/* Where the last character begins; `head` itself if only a part of one is there. */
static uint32_t
last_character(const struct ldisc *ld)
{
	uint32_t at = ld->head;
	while (at != ld->canon_head)
		if (!is_continuation(ld, input_at(ld, --at)))
			return at;
	return ld->head;
}

/* The columns that the line takes up to the head, back to a tab or to its beginning. */
static void
show_erased_tab(struct ldisc *ld)
{
	uint32_t columns = 0;
	for (uint32_t at = ld->head; at != ld->canon_head;) {
		uint8_t c = input_at(ld, --at);
		if (c == '\t') {
			ldisc_echo_erase_tab(ld, columns, true);
			return;
		}
		if (is_control(c))
			columns += lflag(ld, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(ld, c))
			columns++;
	}
	ldisc_echo_erase_tab(ld, columns, false);
}

/* On paper: what is erased is printed again, between a backslash and a slash. */
static void
show_printed(struct ldisc *ld, uint32_t len)
{
	if (!ld->erasing)
		ldisc_echo_raw(ld, '\\');
	ld->erasing = true;
	ldisc_echo_char(ld, input_at(ld, ld->head));
	for (uint32_t i = 1; i < len; i++) {
		ldisc_echo_raw(ld, input_at(ld, ld->head + i));
		ldisc_echo_back(ld);
	}
}

/* Shows that the character of len bytes, which the head stands on now, is gone. */
static void
show_erased(struct ldisc *ld, uint32_t len, bool one_by_one)
{
	uint8_t c = input_at(ld, ld->head);
	if (!lflag(ld, ECHO))
		return;
	if (lflag(ld, ECHOPRT)) {
		show_printed(ld, len);
	} else if (one_by_one && !lflag(ld, ECHOE)) {
		ldisc_echo_char(ld, ld->termios.c_cc[VERASE]);
	} else if (c == '\t') {
		show_erased_tab(ld);
	} else {
		if (is_control(c) && lflag(ld, ECHOCTL))
			ldisc_echo_string(ld, "\b \b");
		if (!is_control(c) || lflag(ld, ECHOCTL))
			ldisc_echo_string(ld, "\b \b");
	}
}

/* Drops the line at once where its characters are not taken back one by one on the screen. */
static bool
kill_at_once(struct ldisc *ld)
{
	const uint32_t shown = ECHOK | ECHOKE | ECHOE;
	if (lflag(ld, ECHO) && (ld->termios.c_lflag & shown) == shown)
		return false;
	ld->head = ld->canon_head;
	if (!lflag(ld, ECHO))
		return true;
	ldisc_finish_erasing(ld);
	ldisc_echo_char(ld, ld->termios.c_cc[VKILL]);
	if (lflag(ld, ECHOK))
		ldisc_echo_raw(ld, '\n');
	return true;
}

void
ldisc_erase(struct ldisc *ld, uint8_t c)
{
	bool one = c == ld->termios.c_cc[VERASE];
	bool word = !one && c == ld->termios.c_cc[VWERASE];
	bool in_word = false;
	if (ld->head == ld->canon_head)
		return;
	if (!one && !word && kill_at_once(ld))
		return;
	while (ld->head != ld->canon_head) {
		uint32_t at = last_character(ld), len = ld->head - at;
		if (len == 0)
			break;
		if (word && is_word(input_at(ld, at)))
			in_word = true;
		else if (in_word)
			break;
		ld->head = at;
		show_erased(ld, len, one);
		if (one)
			break;
	}
	if (ld->head == ld->canon_head && lflag(ld, ECHO))
		ldisc_finish_erasing(ld);
}
