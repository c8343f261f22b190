/* SPDX-License-Identifier: MIT */
/* The line discipline's way in: special characters, the queue, reading, settings. ldisc.h has the contract. */
#include <errno.h>
#include <string.h>
#include "base/macros.h"
#include "tty/internal.h"

static uint8_t
special_char(const struct ldisc *ld, int which)
{
	return ld->termios.c_cc[which];
}

static void
add_special(struct ldisc *ld, uint8_t c)
{
	if (c) /* 0 is a character that is switched off */
		ld->special[c / 32] |= UINT32_C(1) << c % 32;
}

static void
add_specials(struct ldisc *ld, const uint8_t *which, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_special(ld, special_char(ld, which[i]));
}

/* Works out which characters need a closer look with these settings. */
static void
find_specials(struct ldisc *ld)
{
	static const uint8_t canonical[] = {VERASE, VKILL, VEOF, VEOL},
			     extended[] = {VWERASE, VLNEXT, VEOL2}, reprint[] = {VREPRINT},
			     flow[] = {VSTART, VSTOP}, signals[] = {VINTR, VQUIT, VSUSP};
	memset(ld->special, 0, sizeof(ld->special));
	if (iflag(ld, IGNCR | ICRNL))
		add_special(ld, '\r');
	if (iflag(ld, INLCR) || lflag(ld, ICANON))
		add_special(ld, '\n');
	if (lflag(ld, ICANON)) {
		add_specials(ld, canonical, sizeof(canonical));
		if (lflag(ld, IEXTEN))
			add_specials(ld, extended, sizeof(extended));
		if (lflag(ld, IEXTEN) && lflag(ld, ECHO))
			add_specials(ld, reprint, sizeof(reprint));
	}
	if (iflag(ld, IXON))
		add_specials(ld, flow, sizeof(flow));
	if (lflag(ld, ISIG))
		add_specials(ld, signals, sizeof(signals));
	ld->plain = !iflag(ld, ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK) &&
		!lflag(ld, ICANON | ISIG | ECHO);
}

static uint32_t
room(const struct ldisc *ld)
{
	return LDISC_INPUT_SIZE - (ld->head - ld->tail);
}

static void
put(struct ldisc *ld, uint8_t c)
{
	ld->input[ld->head++ % LDISC_INPUT_SIZE] = c;
}

/* A byte that stands for itself, twice where PARMRK makes it a mark. */
static uint32_t
width(const struct ldisc *ld, uint8_t c)
{
	return c == 0xff && iflag(ld, PARMRK) ? 2 : 1;
}

static void
put_data(struct ldisc *ld, uint8_t c)
{
	for (uint32_t n = width(ld, c); n; n--)
		put(ld, c);
	if (!lflag(ld, ICANON))
		ld->events |= LDISC_READABLE;
}

static void
discard_input(struct ldisc *ld)
{
	memset(ld->marks, 0, LDISC_INPUT_SIZE / 8);
	ld->head = ld->canon_head = ld->tail = 0;
	ld->erasing = false;
}

static void
interrupt(struct ldisc *ld, uint32_t event)
{
	ld->events |= event;
	if (lflag(ld, NOFLSH))
		return;
	discard_input(ld);
	ldisc_discard_echo(ld);
	ldisc_flush_output(ld);
	ldisc_check_unthrottle(ld);
}

/* Echoes a typed character and remembers where its line began on the screen. */
static void
echo_typed(struct ldisc *ld, uint8_t c)
{
	ldisc_finish_erasing(ld);
	if (ld->head == ld->canon_head)
		ld->canon_column = ld->column;
	ldisc_echo_char(ld, c);
}

/* Whether the line being typed has no place for another n bytes and what ends it. */
static bool
line_is_full(const struct ldisc *ld, uint32_t n)
{
	return lflag(ld, ICANON) && ld->head - ld->canon_head + n > LDISC_LINE_MAX - 1;
}

/* True if it was taken, or has to be lost; false if it may come again when something was read. */
static bool
receive_data(struct ldisc *ld, uint8_t c, bool as_newline)
{
	if (line_is_full(ld, width(ld, c))) {
		if (iflag(ld, IMAXBEL))
			ldisc_echo_raw(ld, '\a');
		return true;
	}
	if (room(ld) < width(ld, c))
		return false;
	if (lflag(ld, ECHO)) {
		if (as_newline) {
			ldisc_finish_erasing(ld);
			ldisc_echo_raw(ld, c);
		} else {
			echo_typed(ld, c);
		}
	}
	put_data(ld, c);
	return true;
}

/* Ends the line with c, which is in it unless it is 0, the mark of EOF. */
static void
end_line(struct ldisc *ld, uint8_t c)
{
	set_mark(ld, ld->head);
	put(ld, c);
	ld->canon_head = ld->head;
	ld->events |= LDISC_READABLE;
}

static bool
receive_newline(struct ldisc *ld)
{
	if (room(ld) < 1)
		return false;
	if (lflag(ld, ECHO | ECHONL))
		ldisc_echo_raw(ld, '\n');
	end_line(ld, '\n');
	return true;
}

/* EOL and EOL2. A doubled mark counts as data, for which a full line has no place. */
static bool
receive_line_end(struct ldisc *ld, uint8_t c)
{
	bool doubled = width(ld, c) == 2 && !line_is_full(ld, 1);
	if (room(ld) < 1 + (doubled ? 1u : 0u))
		return false;
	if (lflag(ld, ECHO)) {
		if (ld->head == ld->canon_head)
			ld->canon_column = ld->column;
		ldisc_echo_char(ld, c);
	}
	if (doubled)
		put(ld, c);
	end_line(ld, c);
	return true;
}

static bool
receive_eof(struct ldisc *ld)
{
	if (room(ld) < 1)
		return false;
	end_line(ld, 0);
	return true;
}

static void
reprint(struct ldisc *ld, uint8_t c)
{
	ldisc_finish_erasing(ld);
	ldisc_echo_char(ld, c);
	ldisc_echo_raw(ld, '\n');
	for (uint32_t at = ld->canon_head; at != ld->head; at++)
		ldisc_echo_char(ld, input_at(ld, at));
}

static void
begin_literal(struct ldisc *ld)
{
	ld->literal_next = true;
	if (!lflag(ld, ECHO))
		return;
	ldisc_finish_erasing(ld);
	if (lflag(ld, ECHOCTL))
		ldisc_echo_string(ld, "^\b");
}

/* Characters that edit or end the line. *taken as receive_data() returns it; false if c is none of them. */
static bool
receive_canonical(struct ldisc *ld, uint8_t c, bool *taken)
{
	bool extended = lflag(ld, IEXTEN);
	*taken = true;
	if (c == special_char(ld, VERASE) || c == special_char(ld, VKILL) ||
		(extended && c == special_char(ld, VWERASE)))
		ldisc_erase(ld, c);
	else if (extended && c == special_char(ld, VLNEXT))
		begin_literal(ld);
	else if (extended && lflag(ld, ECHO) && c == special_char(ld, VREPRINT))
		reprint(ld, c);
	else if (c == '\n')
		*taken = receive_newline(ld);
	else if (c == special_char(ld, VEOF))
		*taken = receive_eof(ld);
	else if (c == special_char(ld, VEOL) || (extended && c == special_char(ld, VEOL2)))
		*taken = receive_line_end(ld, c);
	else
		return false;
	return true;
}

static bool
receive_flow_control(struct ldisc *ld, uint8_t c)
{
	if (!iflag(ld, IXON))
		return false;
	if (c == special_char(ld, VSTART))
		ldisc_start_output(ld);
	else if (c == special_char(ld, VSTOP))
		ldisc_stop_output(ld);
	else
		return false;
	return true;
}

static bool
receive_signal(struct ldisc *ld, uint8_t c)
{
	uint32_t event;
	if (!lflag(ld, ISIG))
		return false;
	if (c == special_char(ld, VINTR))
		event = LDISC_SIGINT;
	else if (c == special_char(ld, VQUIT))
		event = LDISC_SIGQUIT;
	else if (c == special_char(ld, VSUSP))
		event = LDISC_SIGTSTP;
	else
		return false;
	interrupt(ld, event);
	if (iflag(ld, IXON))
		ldisc_start_output(ld);
	if (lflag(ld, ECHO))
		ldisc_echo_char(ld, c);
	return true;
}

static void
restart_by_any(struct ldisc *ld)
{
	if (ld->stopped && iflag(ld, IXON) && iflag(ld, IXANY))
		ldisc_start_output(ld);
}

static bool
receive_special(struct ldisc *ld, uint8_t c)
{
	bool taken;
	if (receive_flow_control(ld, c) || receive_signal(ld, c))
		return true;
	restart_by_any(ld);
	if (c == '\r') {
		if (iflag(ld, IGNCR))
			return true;
		if (iflag(ld, ICRNL))
			c = '\n';
	} else if (c == '\n' && iflag(ld, INLCR)) {
		c = '\r';
	}
	if (lflag(ld, ICANON) && receive_canonical(ld, c, &taken))
		return taken;
	return receive_data(ld, c, c == '\n');
}

/* Settings that change bytes whatever they mean. */
static uint8_t
convert(const struct ldisc *ld, uint8_t c)
{
	if (iflag(ld, ISTRIP))
		c &= 0x7f;
	if (iflag(ld, IUCLC) && lflag(ld, IEXTEN) &&
		((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7)))
		c += 'a' - 'A';
	return c;
}

static bool
receive(struct ldisc *ld, uint8_t c)
{
	c = convert(ld, c);
	if (!ld->literal_next && ld->special[c / 32] & UINT32_C(1) << c % 32)
		return receive_special(ld, c);
	restart_by_any(ld);
	if (!receive_data(ld, c, false))
		return false;
	ld->literal_next = false;
	return true;
}

static size_t
receive_plain(struct ldisc *ld, const uint8_t *bytes, size_t n)
{
	n = min(n, (size_t)room(ld));
	uint32_t at = ld->head % LDISC_INPUT_SIZE;
	size_t run = min(n, (size_t)(LDISC_INPUT_SIZE - at));
	memcpy(ld->input + at, bytes, run);
	memcpy(ld->input, bytes + run, n - run);
	ld->head += (uint32_t)n;
	if (n)
		ld->events |= LDISC_READABLE;
	return n;
}

size_t
ldisc_input(struct ldisc *ld, const uint8_t *bytes, size_t n)
{
	size_t taken = 0;
	if (ld->plain && !ld->literal_next)
		taken = receive_plain(ld, bytes, n);
	else
		while (taken < n && receive(ld, bytes[taken]))
			taken++;
	ldisc_drain_echo(ld);
	ldisc_check_throttle(ld);
	return taken;
}

/* A line error, marked as PARMRK wants it. Where no place is left it is lost. */
static void
receive_marked(struct ldisc *ld, uint8_t c)
{
	static const uint8_t mark[2] = {0xff, 0};
	uint32_t n = iflag(ld, PARMRK) ? 3 : 1;
	if (line_is_full(ld, n) || room(ld) < n)
		return;
	for (uint32_t i = 0; i + 1 < n; i++)
		put(ld, mark[i]);
	put(ld, c);
	if (!lflag(ld, ICANON))
		ld->events |= LDISC_READABLE;
}

void
ldisc_input_break(struct ldisc *ld)
{
	if (iflag(ld, IGNBRK))
		return;
	if (iflag(ld, BRKINT))
		interrupt(ld, LDISC_SIGINT);
	else
		receive_marked(ld, 0);
}

void
ldisc_input_error(struct ldisc *ld, uint8_t c)
{
	if (!iflag(ld, INPCK)) {
		ldisc_input(ld, &c, 1);
		return;
	}
	if (!iflag(ld, IGNPAR))
		receive_marked(ld, iflag(ld, PARMRK) ? c : 0);
}

bool
ldisc_readable(const struct ldisc *ld, uint32_t flags)
{
	if (lflag(ld, ICANON))
		return ld->canon_head != ld->tail;
	uint32_t wanted = 1;
	if ((flags & LDISC_POLL) && !special_char(ld, VTIME) && special_char(ld, VMIN))
		wanted = special_char(ld, VMIN);
	return ld->head - ld->tail >= wanted;
}

static bool
is_eof_mark(const struct ldisc *ld, uint32_t at)
{
	return is_marked(ld, at) && input_at(ld, at) == 0;
}

size_t
ldisc_available(const struct ldisc *ld)
{
	if (!lflag(ld, ICANON))
		return ld->head - ld->tail;
	size_t n = 0;
	for (uint32_t at = ld->tail; at != ld->canon_head; at++)
		n += !is_eof_mark(ld, at);
	return n;
}

/* Takes an EOF mark that stands right behind what was read: else the next read would find an end of file there. */
static bool
skip_eof(struct ldisc *ld)
{
	if (ld->tail == ld->canon_head || !is_eof_mark(ld, ld->tail))
		return false;
	clear_mark(ld, ld->tail++);
	return true;
}

static size_t
read_line(struct ldisc *ld, uint8_t *buf, size_t n, bool *ended)
{
	size_t got = 0;
	while (got < n && ld->tail != ld->canon_head) {
		uint32_t at = ld->tail++;
		uint8_t c = input_at(ld, at);
		bool marked = is_marked(ld, at);
		if (!marked || c != 0)
			buf[got++] = c;
		if (marked) {
			clear_mark(ld, at);
			*ended = true;
			return got;
		}
	}
	*ended = skip_eof(ld);
	return got;
}

static size_t
read_bytes(struct ldisc *ld, uint8_t *buf, size_t n)
{
	n = min(n, (size_t)(ld->head - ld->tail));
	uint32_t at = ld->tail % LDISC_INPUT_SIZE;
	size_t run = min(n, (size_t)(LDISC_INPUT_SIZE - at));
	memcpy(buf, ld->input + at, run);
	memcpy(buf + run, ld->input, n - run);
	ld->tail += (uint32_t)n;
	/* Lines that were complete when the mode changed are read as bytes. */
	if ((int32_t)(ld->canon_head - ld->tail) < 0)
		ld->canon_head = ld->tail;
	return n;
}

long
ldisc_read(struct ldisc *ld, uint8_t *buf, size_t n, bool *ended)
{
	*ended = false;
	if (!ldisc_readable(ld, 0))
		return -EAGAIN;
	size_t got = lflag(ld, ICANON) ? read_line(ld, buf, n, ended) : read_bytes(ld, buf, n);
	ldisc_check_unthrottle(ld);
	return (long)got;
}

void
ldisc_flush_input(struct ldisc *ld)
{
	discard_input(ld);
	ldisc_check_unthrottle(ld);
}

/* Between raw and canonical mode, what is queued stays: as bytes, or as one line that is complete. */
static void
change_mode(struct ldisc *ld)
{
	memset(ld->marks, 0, LDISC_INPUT_SIZE / 8);
	if (lflag(ld, ICANON) && ld->head != ld->tail) {
		set_mark(ld, ld->head - 1);
		ld->canon_head = ld->head;
	} else {
		ld->canon_head = ld->tail;
	}
	ld->erasing = false;
	ld->literal_next = false;
}

void
ldisc_set_termios(struct ldisc *ld, const struct linux_termios *termios)
{
	struct linux_termios old = ld->termios;
	ld->termios = *termios;
	if ((old.c_lflag ^ termios->c_lflag) & ICANON)
		change_mode(ld);
	find_specials(ld);
	if ((old.c_iflag & IXON) && !iflag(ld, IXON))
		ldisc_start_output(ld); /* nobody could start it any more */
	ldisc_drain_echo(ld);
	ldisc_check_unthrottle(ld);
	ld->events |= LDISC_READABLE | LDISC_WRITABLE;
}

void
ldisc_init(struct ldisc *ld, const struct ldisc_ops *ops, void *device, void *memory)
{
	static const struct linux_termios usual = {
		.c_iflag = ICRNL | IXON,
		.c_oflag = OPOST | ONLCR,
		.c_cflag = B38400 | CS8 | CREAD | HUPCL,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.c_cc = {[VINTR] = 3,
			[VQUIT] = 28,
			[VERASE] = 127,
			[VKILL] = 21,
			[VEOF] = 4,
			[VMIN] = 1,
			[VSTART] = 17,
			[VSTOP] = 19,
			[VSUSP] = 26,
			[VREPRINT] = 18,
			[VDISCARD] = 15,
			[VWERASE] = 23,
			[VLNEXT] = 22},
	};
	uint8_t *bytes = memory;
	*ld = (struct ldisc){.ops = ops, .device = device, .termios = usual};
	ld->input = bytes;
	ld->marks = bytes + LDISC_INPUT_SIZE;
	ld->echo = ld->marks + LDISC_INPUT_SIZE / 8;
	memset(memory, 0, LDISC_MEMORY);
	find_specials(ld);
}
