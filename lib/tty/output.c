/* SPDX-License-Identifier: MIT */
/* The line discipline's way out: output processing, echo, flow control. ldisc.h has the contract. */
#include <errno.h>
#include <string.h>
#include "base/macros.h"
#include "tty/internal.h"

static bool
is_lower(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7);
}

/* Output processing of one byte: what goes to the device instead, at most LDISC_EXPANSION_MAX bytes. */
static size_t
process(struct ldisc *ld, uint8_t c, uint8_t *out)
{
	out[0] = c;
	switch (c) {
	case '\n':
		if (oflag(ld, ONLCR)) {
			ld->canon_column = ld->column = 0;
			out[0] = '\r';
			out[1] = '\n';
			return 2;
		}
		if (oflag(ld, ONLRET))
			ld->column = 0;
		ld->canon_column = ld->column;
		return 1;
	case '\r':
		if (oflag(ld, ONOCR) && ld->column == 0)
			return 0;
		if (oflag(ld, OCRNL)) {
			out[0] = '\n';
			if (!oflag(ld, ONLRET))
				return 1;
		}
		ld->canon_column = ld->column = 0;
		return 1;
	case '\t': {
		uint32_t spaces = 8 - ld->column % 8;
		ld->column += spaces;
		if ((ld->termios.c_oflag & TABDLY) != XTABS)
			return 1;
		memset(out, ' ', spaces);
		return spaces;
	}
	case '\b':
		if (ld->column > 0)
			ld->column--;
		return 1;
	default:
		if (is_control(c))
			return 1;
		if (oflag(ld, OLCUC) && is_lower(c))
			out[0] = (uint8_t)(c - ('a' - 'A'));
		if (!is_continuation(ld, out[0]))
			ld->column++;
		return 1;
	}
}

/* Queues echo; what does not fit takes the place of the oldest, which the user will miss least. */
static void
queue_echo(struct ldisc *ld, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ld->echo[(ld->echo_at + ld->echo_len) % LDISC_ECHO_SIZE] = bytes[i];
		if (ld->echo_len < LDISC_ECHO_SIZE)
			ld->echo_len++;
		else
			ld->echo_at = (ld->echo_at + 1) % LDISC_ECHO_SIZE;
	}
}

/* Before the column is changed by what is echoed. */
static void
begin_echo(struct ldisc *ld)
{
	if (ld->echo_len == 0)
		ld->shown_column = ld->column;
}

void
ldisc_discard_echo(struct ldisc *ld)
{
	if (ld->echo_len)
		ld->column = ld->shown_column;
	ld->echo_len = 0;
}

void
ldisc_drain_echo(struct ldisc *ld)
{
	while (ld->echo_len && !ld->stopped && !ld->held) {
		size_t run = min(ld->echo_len, (uint32_t)LDISC_ECHO_SIZE - ld->echo_at);
		size_t n = min(run, ld->ops->room(ld->device));
		if (n == 0)
			return;
		ld->ops->write(ld->device, ld->echo + ld->echo_at, n);
		ld->echo_at = (ld->echo_at + (uint32_t)n) % LDISC_ECHO_SIZE;
		ld->echo_len -= (uint32_t)n;
	}
}

void
ldisc_echo_raw(struct ldisc *ld, uint8_t c)
{
	uint8_t out[LDISC_EXPANSION_MAX] = {c};
	size_t n = 1;
	begin_echo(ld);
	if (c == 0xff) /* as on Linux, where this one is never processed */
		ld->column++;
	else if (oflag(ld, OPOST))
		n = process(ld, c, out);
	queue_echo(ld, out, n);
}

void
ldisc_echo_string(struct ldisc *ld, const char *s)
{
	while (*s)
		ldisc_echo_raw(ld, (uint8_t)*s++);
}

void
ldisc_echo_char(struct ldisc *ld, uint8_t c)
{
	if (!lflag(ld, ECHOCTL) || !is_control(c) || c == '\t') {
		ldisc_echo_raw(ld, c);
		return;
	}
	const uint8_t shown[2] = {'^', c ^ 0x40};
	begin_echo(ld);
	queue_echo(ld, shown, sizeof(shown));
	ld->column += 2;
}

void
ldisc_echo_back(struct ldisc *ld)
{
	if (ld->column > 0)
		ld->column--;
}

void
ldisc_echo_erase_tab(struct ldisc *ld, uint32_t columns, bool after_tab)
{
	begin_echo(ld);
	if (!after_tab)
		columns += ld->canon_column;
	for (uint32_t n = 8 - columns % 8; n; n--) {
		queue_echo(ld, (const uint8_t *)"\b", 1);
		ldisc_echo_back(ld);
	}
}

bool
ldisc_writable(const struct ldisc *ld)
{
	return !ld->stopped && !ld->held && !ld->echo_len &&
		ld->ops->room(ld->device) >= LDISC_EXPANSION_MAX;
}

size_t
ldisc_write(struct ldisc *ld, const uint8_t *bytes, size_t n)
{
	uint8_t out[256];
	size_t taken = 0, filled = 0;
	ldisc_drain_echo(ld);
	if (ld->stopped || ld->held || ld->echo_len)
		return 0;
	size_t room = ld->ops->room(ld->device);
	if (!oflag(ld, OPOST)) {
		n = min(n, room);
		ld->ops->write(ld->device, bytes, n);
		return n;
	}
	while (taken < n && room - filled >= LDISC_EXPANSION_MAX) {
		filled += process(ld, bytes[taken++], out + filled);
		if (sizeof(out) - filled < LDISC_EXPANSION_MAX) {
			ld->ops->write(ld->device, out, filled);
			room -= filled;
			filled = 0;
		}
	}
	if (filled)
		ld->ops->write(ld->device, out, filled);
	return taken;
}

void
ldisc_output_ready(struct ldisc *ld)
{
	ldisc_drain_echo(ld);
	if (ldisc_writable(ld))
		ld->events |= LDISC_WRITABLE;
}

/* Events are what has changed in the end: one way takes back the other. */
static void
set_stopped(struct ldisc *ld, bool stopped, bool held)
{
	bool before = ld->stopped || ld->held, after = stopped || held;
	ld->stopped = stopped;
	ld->held = held;
	if (before == after)
		return;
	uint32_t undone = after ? LDISC_STARTED : LDISC_STOPPED;
	if (ld->events & undone)
		ld->events &= ~undone;
	else
		ld->events |= after ? LDISC_STOPPED : LDISC_STARTED;
	if (!after)
		ldisc_output_ready(ld);
}

void
ldisc_start_output(struct ldisc *ld)
{
	if (!ld->held)
		set_stopped(ld, false, false);
}

void
ldisc_stop_output(struct ldisc *ld)
{
	set_stopped(ld, true, ld->held);
}

void
ldisc_flush_output(struct ldisc *ld)
{
	ld->ops->discard(ld->device);
	ldisc_output_ready(ld);
}

static void
send_flow_control(struct ldisc *ld, int which)
{
	if (ld->termios.c_cc[which])
		ld->ops->send_now(ld->device, ld->termios.c_cc[which]);
}

int
ldisc_flow(struct ldisc *ld, int action)
{
	switch (action) {
	case TCOOFF:
		set_stopped(ld, ld->stopped, true);
		return 0;
	case TCOON:
		if (ld->held)
			set_stopped(ld, false, false);
		return 0;
	case TCIOFF:
		send_flow_control(ld, VSTOP);
		return 0;
	case TCION:
		send_flow_control(ld, VSTART);
		return 0;
	default:
		return -EINVAL;
	}
}

enum {
	THROTTLE_ROOM = 512,    /* what may still come from a sender before it obeys */
	UNTHROTTLE_USED = 1024, /* what is left when it may go on */
};

/* While no line is complete, no reader can make room: throttling would stop the typist for ever. */
void
ldisc_check_throttle(struct ldisc *ld)
{
	if (ld->throttled || (lflag(ld, ICANON) && ld->canon_head == ld->tail))
		return;
	if (LDISC_INPUT_SIZE - (ld->head - ld->tail) >= THROTTLE_ROOM)
		return;
	ld->throttled = true;
	ld->events = (ld->events & ~(uint32_t)LDISC_UNTHROTTLE) | LDISC_THROTTLE;
	if (iflag(ld, IXOFF))
		send_flow_control(ld, VSTOP);
}

void
ldisc_check_unthrottle(struct ldisc *ld)
{
	bool stuck = lflag(ld, ICANON) && ld->canon_head == ld->tail;
	if (!ld->throttled || (!stuck && ld->head - ld->tail > UNTHROTTLE_USED))
		return;
	ld->throttled = false;
	ld->events = (ld->events & ~(uint32_t)LDISC_THROTTLE) | LDISC_UNTHROTTLE;
	if (iflag(ld, IXOFF))
		send_flow_control(ld, VSTART);
}
