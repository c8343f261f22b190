/* SPDX-License-Identifier: MIT */
/*
 * The line discipline: what it promises, case by case; and a comparison with the host's Linux, which gets the same random
 * bytes, settings, reads and writes, and must show the same echo, the same lines and the same counts.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/ldisc_pty.h"
#include "tests/unit/test.h"
#include "tty/ldisc.h"

enum { OUTPUT_SIZE = 1 << 16 };

/* A terminal whose output is kept. */
struct terminal {
	struct ldisc ld;
	uint8_t memory[LDISC_MEMORY];
	uint8_t output[OUTPUT_SIZE];
	size_t output_len, room;
	int discarded;
};

static size_t
terminal_room(void *device)
{
	struct terminal *t = device;
	return t->room - t->output_len;
}

static void
terminal_write(void *device, const uint8_t *bytes, size_t n)
{
	struct terminal *t = device;
	CHECK(n <= t->room - t->output_len);
	memcpy(t->output + t->output_len, bytes, n);
	t->output_len += n;
}

static void
terminal_discard(void *device)
{
	struct terminal *t = device;
	t->discarded++;
}

static void
terminal_send_now(void *device, uint8_t c)
{
	struct terminal *t = device;
	t->output[t->output_len++] = c;
}

static const struct ldisc_ops terminal_ops = {
	.room = terminal_room,
	.write = terminal_write,
	.discard = terminal_discard,
	.send_now = terminal_send_now,
};

static struct terminal *
terminal(void)
{
	static struct terminal t;
	t.output_len = 0;
	t.discarded = 0;
	t.room = OUTPUT_SIZE;
	ldisc_init(&t.ld, &terminal_ops, &t, t.memory);
	return &t;
}

static size_t
type(struct terminal *t, const char *s)
{
	return ldisc_input(&t->ld, (const uint8_t *)s, strlen(s));
}

static void
shows(struct terminal *t, const char *expected)
{
	t->output[t->output_len] = 0;
	CHECK_STR((const char *)t->output, expected);
	t->output_len = 0;
}

static void
reads(struct terminal *t, const char *expected)
{
	uint8_t buf[LDISC_INPUT_SIZE + 1];
	bool ended;
	long n = ldisc_read(&t->ld, buf, LDISC_INPUT_SIZE, &ended);
	CHECK_EQ(n, strlen(expected));
	buf[n] = 0;
	CHECK_STR((const char *)buf, expected);
}

static void
reads_nothing(struct terminal *t)
{
	uint8_t c;
	bool ended;
	CHECK_EQ(ldisc_read(&t->ld, &c, 1, &ended), -EAGAIN);
}

/* Sets and clears flags of the current settings. */
static void
change(struct terminal *t, uint32_t iset, uint32_t iclear, uint32_t lset, uint32_t lclear)
{
	struct linux_termios s = t->ld.termios;
	s.c_iflag = (s.c_iflag & ~iclear) | iset;
	s.c_lflag = (s.c_lflag & ~lclear) | lset;
	ldisc_set_termios(&t->ld, &s);
}

TEST(ldisc_a_line_with_editing)
{
	struct terminal *t = terminal();
	type(t, "helo\177lo wrld\027world\r");
	shows(t, "helo\b \blo wrld\b \b\b \b\b \b\b \bworld\r\n");
	CHECK_EQ(ldisc_available(&t->ld), 12);
	reads(t, "hello world\n");
	reads_nothing(t);
	type(t, "drop\025keep\n");
	shows(t, "drop\b \b\b \b\b \b\b \bkeep\r\n");
	reads(t, "keep\n");
}

TEST(ldisc_lines_come_one_by_one)
{
	struct terminal *t = terminal();
	type(t, "one\ntwo\nthree");
	reads(t, "one\n");
	reads(t, "two\n");
	reads_nothing(t);
	type(t, "\n");
	reads(t, "three\n");
}

TEST(ldisc_small_reads_of_one_line)
{
	struct terminal *t = terminal();
	uint8_t buf[4];
	bool ended;
	type(t, "abcdef\nx\n");
	CHECK_EQ(ldisc_read(&t->ld, buf, 4, &ended), 4);
	CHECK(!ended);
	CHECK_EQ(ldisc_read(&t->ld, buf, 4, &ended), 3);
	CHECK(ended);
	reads(t, "x\n");
}

TEST(ldisc_end_of_file)
{
	struct terminal *t = terminal();
	uint8_t buf[3];
	bool ended;
	type(t, "\004");
	CHECK_EQ(ldisc_available(&t->ld), 0);
	CHECK(ldisc_readable(&t->ld, 0));
	reads(t, "");
	type(t, "abc\004\004");
	reads(t, "abc");
	reads(t, "");
	reads_nothing(t);
	/* A read that just fits must not leave an end of file behind. */
	type(t, "abc\004");
	CHECK_EQ(ldisc_read(&t->ld, buf, 3, &ended), 3);
	CHECK(ended);
	reads_nothing(t);
}

TEST(ldisc_signals)
{
	struct terminal *t = terminal();
	type(t, "line\npartial");
	t->output_len = 0;
	ldisc_take_events(&t->ld);
	type(t, "\003");
	CHECK(ldisc_take_events(&t->ld) & LDISC_SIGINT);
	CHECK_EQ(t->discarded, 1);
	shows(t, "^C");
	reads_nothing(t);
	type(t, "\034");
	shows(t, "^\\");
	type(t, "\032");
	CHECK_EQ(ldisc_take_events(&t->ld) & (LDISC_SIGINT | LDISC_SIGQUIT | LDISC_SIGTSTP),
		LDISC_SIGQUIT | LDISC_SIGTSTP);
	shows(t, "^Z");
	change(t, 0, 0, NOFLSH, 0);
	type(t, "ab\003c\n");
	CHECK(ldisc_take_events(&t->ld) & LDISC_SIGINT);
	reads(t, "abc\n");
	CHECK_EQ(t->discarded, 3);
	change(t, 0, 0, 0, ISIG);
	type(t, "\003\n");
	CHECK(!(ldisc_take_events(&t->ld) & LDISC_SIGINT));
	reads(t, "\003\n");
}

TEST(ldisc_literal_next)
{
	struct terminal *t = terminal();
	type(t, "\026\003\026\026\026\n\n");
	shows(t, "^\b^C^\b^V^\b^J\r\n");
	reads(t, "\003\026\n\n");
}

TEST(ldisc_reprint)
{
	struct terminal *t = terminal();
	type(t, "abc\022");
	shows(t, "abc^R\r\nabc");
}

TEST(ldisc_erases_utf8_whole)
{
	struct terminal *t = terminal();
	change(t, IUTF8, 0, 0, 0);
	type(t, "a\xe2\x82\xac\177\n");
	shows(t, "a\xe2\x82\xac\b \b\r\n");
	reads(t, "a\n");
}

TEST(ldisc_erases_tabs)
{
	struct terminal *t = terminal();
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"$ ", 2), 2);
	type(t, "ab\t\177");
	shows(t, "$ ab\t\b\b\b\b");
	type(t, "\003\t\177");
	shows(t, "^C\t\b\b");
}

TEST(ldisc_output_processing)
{
	struct terminal *t = terminal();
	struct linux_termios s = t->ld.termios;
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"a\nb\r\n", 5), 5);
	shows(t, "a\r\nb\r\r\n");
	s.c_oflag |= XTABS;
	ldisc_set_termios(&t->ld, &s);
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"abc\tx\t", 6), 6);
	shows(t, "abc     x       ");
	s.c_oflag = OPOST | OCRNL | ONOCR | ONLRET;
	ldisc_set_termios(&t->ld, &s);
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"a\r\rb\n\rc", 7), 7);
	shows(t, "a\nb\nc");
	s.c_oflag = ONLCR;
	ldisc_set_termios(&t->ld, &s);
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"\n\r", 2), 2);
	shows(t, "\n\r");
}

TEST(ldisc_stop_and_start)
{
	struct terminal *t = terminal();
	type(t, "\023ab");
	CHECK(ldisc_take_events(&t->ld) & LDISC_STOPPED);
	shows(t, "");
	CHECK(!ldisc_writable(&t->ld));
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"x", 1), 0);
	type(t, "\021");
	CHECK_EQ(ldisc_take_events(&t->ld) & (LDISC_STARTED | LDISC_WRITABLE),
		LDISC_STARTED | LDISC_WRITABLE);
	shows(t, "ab");
	type(t, "\023\021");
	CHECK_EQ(ldisc_take_events(&t->ld) & (LDISC_STARTED | LDISC_STOPPED), 0);
	change(t, IXANY, 0, 0, 0);
	type(t, "\023c");
	shows(t, "c");
	type(t, "\023");
	change(t, 0, IXON, 0, 0);
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"x", 1), 1);
	CHECK_EQ(ldisc_flow(&t->ld, TCOOFF), 0);
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"x", 1), 0);
	type(t, "\021");
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"x", 1), 0);
	CHECK_EQ(ldisc_flow(&t->ld, TCOON), 0);
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"x", 1), 1);
	CHECK_EQ(ldisc_flow(&t->ld, 7), -EINVAL);
}

TEST(ldisc_echo_waits_for_room)
{
	struct terminal *t = terminal();
	t->room = 10;
	type(t, "0123456789abcdef");
	CHECK_EQ(t->output_len, 10);
	CHECK_EQ(ldisc_write(&t->ld, (const uint8_t *)"x", 1), 0);
	ldisc_take_events(&t->ld);
	t->room = 100;
	ldisc_output_ready(&t->ld);
	CHECK(ldisc_take_events(&t->ld) & LDISC_WRITABLE);
	shows(t, "0123456789abcdef");
	for (int i = 0; i < 1000; i++) /* more echo than is kept: the newest counts */
		type(t, "\023abcdefgh");
	t->room = OUTPUT_SIZE;
	type(t, "\021");
	CHECK_EQ(t->output_len, LDISC_ECHO_SIZE);
}

TEST(ldisc_a_long_line_is_cut_but_ends)
{
	struct terminal *t = terminal();
	static char line[6001];
	memset(line, 'x', 6000);
	change(t, 0, IMAXBEL, 0, ECHO);
	CHECK_EQ(type(t, line), 6000);
	CHECK_EQ(t->output_len, 0);
	change(t, IMAXBEL, 0, 0, 0);
	type(t, "yz");
	shows(t, "\a\a");
	type(t, "\177\177AB\n");
	uint8_t buf[LDISC_INPUT_SIZE];
	bool ended;
	CHECK_EQ(ldisc_read(&t->ld, buf, sizeof(buf), &ended), LDISC_LINE_MAX);
	CHECK_MEM(buf + LDISC_LINE_MAX - 4, "xAB\n", 4);
}

TEST(ldisc_a_paste_arrives_whole)
{
	struct terminal *t = terminal();
	char line[66];
	for (int i = 0; i < 124; i++) {
		snprintf(line, sizeof(line), "%063d\n", i);
		CHECK_EQ(type(t, line), 64);
	}
	for (int i = 0; i < 124; i++) {
		snprintf(line, sizeof(line), "%063d\n", i);
		reads(t, line);
	}
	reads_nothing(t);
}

TEST(ldisc_full_queue)
{
	struct terminal *t = terminal();
	change(t, IXOFF, 0, 0, ECHO);
	size_t taken = 0;
	while (type(t, "abcdefg\n") == 8)
		taken += 8;
	CHECK_EQ(taken, LDISC_INPUT_SIZE);
	CHECK(ldisc_take_events(&t->ld) & LDISC_THROTTLE);
	shows(t, "\023");
	type(t, "\003");
	CHECK_EQ(ldisc_take_events(&t->ld) & (LDISC_SIGINT | LDISC_UNTHROTTLE),
		LDISC_SIGINT | LDISC_UNTHROTTLE);
	shows(t, "\021");
	while (type(t, "abcdefg\n") == 8)
		;
	ldisc_take_events(&t->ld);
	for (int i = 0; i < 2000 && !(ldisc_take_events(&t->ld) & LDISC_UNTHROTTLE); i++)
		reads(t, "abcdefg\n");
	CHECK(ldisc_available(&t->ld) > 0);
	CHECK_EQ(type(t, "abcdefg\n"), 8);
}

TEST(ldisc_raw_mode)
{
	struct terminal *t = terminal();
	change(t, 0, ICRNL | IXON, 0, ICANON | ECHO | ISIG | IEXTEN);
	type(t, "\003a\r\023");
	reads(t, "\003a\r\023");
	struct linux_termios s = t->ld.termios;
	s.c_cc[VMIN] = 3;
	ldisc_set_termios(&t->ld, &s);
	type(t, "ab");
	CHECK(ldisc_readable(&t->ld, 0));
	CHECK(!ldisc_readable(&t->ld, LDISC_POLL));
	type(t, "c");
	CHECK(ldisc_readable(&t->ld, LDISC_POLL));
	uint8_t c;
	bool ended;
	CHECK_EQ(ldisc_read(&t->ld, &c, 1, &ended), 1);
	CHECK_EQ(c, 'a');
	size_t taken = 0;
	for (size_t n; (n = type(t, "0123456789")) != 0;)
		taken += n;
	CHECK_EQ(taken, LDISC_INPUT_SIZE - 2);
}

TEST(ldisc_mode_changes_keep_what_was_typed)
{
	struct terminal *t = terminal();
	type(t, "one\ntw");
	change(t, 0, 0, 0, ICANON);
	CHECK_EQ(ldisc_available(&t->ld), 6);
	reads(t, "one\ntw");
	type(t, "abc");
	change(t, 0, 0, ICANON, 0);
	reads(t, "abc");
	type(t, "d\n");
	reads(t, "d\n");
}

TEST(ldisc_breaks_and_errors)
{
	struct terminal *t = terminal();
	change(t, BRKINT, 0, 0, 0);
	ldisc_input_break(&t->ld);
	CHECK(ldisc_take_events(&t->ld) & LDISC_SIGINT);
	change(t, PARMRK | INPCK, BRKINT, 0, ICANON | ECHO);
	ldisc_input_break(&t->ld);
	ldisc_input_error(&t->ld, 'x');
	type(t, "\xff");
	uint8_t buf[16];
	bool ended;
	CHECK_EQ(ldisc_read(&t->ld, buf, sizeof(buf), &ended), 8);
	CHECK_MEM(buf, "\xff\0\0\xff\0x\xff\xff", 8);
}

/* The comparison. */

static uint64_t random_state;

static uint32_t
random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % n;
}

struct comparison {
	struct host_pty pty;
	struct terminal *t;
	uint64_t seed;
	char log[4096]; /* the last steps, for the message */
};

static void
note(struct comparison *c, const char *format, ...)
{
	char step[128];
	va_list args;
	va_start(args, format);
	vsnprintf(step, sizeof(step), format, args);
	va_end(args);
	size_t n = strlen(c->log), m = strlen(step);
	if (n + m + 1 > sizeof(c->log)) {
		memmove(c->log, c->log + 2048, n - 2048 + 1);
		n -= 2048;
	}
	memcpy(c->log + n, step, m + 1);
}

static void
differs(struct comparison *c, const char *what)
{
	const struct linux_termios *s = &c->t->ld.termios;
	char cc[3 * LINUX_NCCS + 1];
	for (int i = 0; i < LINUX_NCCS; i++)
		snprintf(cc + 3 * i, 4, "%02x ", s->c_cc[i]);
	test_fail(__FILE__, __LINE__, "seed %llu: %s differs; i 0%o o 0%o l 0%o cc %s; after:%s",
		(unsigned long long)c->seed, what, s->c_iflag, s->c_oflag, s->c_lflag, cc, c->log);
}

static void
compare_output(struct comparison *c)
{
	static uint8_t theirs[OUTPUT_SIZE];
	size_t n = host_pty_output(&c->pty, theirs, sizeof(theirs));
	if (n == c->t->output_len && memcmp(theirs, c->t->output, n) == 0) {
		c->t->output_len = 0;
		return;
	}
	size_t same = 0;
	while (same < n && same < c->t->output_len && theirs[same] == c->t->output[same])
		same++;
	note(c, " after %zu same bytes linux:", same);
	for (size_t i = same; i < n && i < same + 40; i++)
		note(c, " %02x", theirs[i]);
	note(c, " ours:");
	for (size_t i = same; i < c->t->output_len && i < same + 40; i++)
		note(c, " %02x", c->t->output[i]);
	differs(c, "output");
}

static void
compare_counts(struct comparison *c)
{
	bool ours = ldisc_readable(&c->t->ld, LDISC_POLL), theirs = host_pty_readable(&c->pty);
	size_t n = ldisc_available(&c->t->ld), m = host_pty_available(&c->pty);
	if (ours != theirs || n != m) {
		note(c, " linux: %d %zu ours: %d %zu", theirs, m, ours, n);
		differs(c, "what can be read");
	}
}

static void
step_input(struct comparison *c)
{
	static const char *const texts[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x80",
		"\xc3", "\xff", "\x1b[A", "\x81\x82", "\xe4\xdf"};
	uint8_t bytes[8];
	size_t n = 1;
	uint32_t kind = random_below(100);
	if (kind < 40) {
		bytes[0] = (uint8_t)('a' + random_below(26));
	} else if (kind < 75) {
		bytes[0] = (uint8_t)" \t\r\n_-A9\b"[random_below(9)];
	} else if (kind < 90) {
		bytes[0] = c->t->ld.termios.c_cc[random_below(LINUX_NCCS)];
	} else if (kind < 95) {
		bytes[0] = (uint8_t)random_below(256);
	} else {
		const char *text = texts[random_below(sizeof(texts) / sizeof(texts[0]))];
		n = strlen(text);
		memcpy(bytes, text, n);
	}
	for (size_t i = 0; i < n; i++) {
		note(c, " %02x", bytes[i]);
		host_pty_input(&c->pty, bytes[i]);
		CHECK_EQ(ldisc_input(&c->t->ld, bytes + i, 1), 1);
		compare_output(c);
	}
}

static void
step_read(struct comparison *c)
{
	uint8_t theirs[512], ours[512];
	bool ended;
	if (!ldisc_readable(&c->t->ld, 0))
		return;
	size_t n = random_below(4) ? 1 + random_below(8) : sizeof(ours);
	note(c, " read(%zu)", n);
	long a = host_pty_read(&c->pty, theirs, n), b = ldisc_read(&c->t->ld, ours, n, &ended);
	if (a != b || (a > 0 && memcmp(ours, theirs, (size_t)a) != 0)) {
		note(c, " linux: %ld ours: %ld", a, b);
		differs(c, "read");
	}
}

static void
step_write(struct comparison *c)
{
	uint8_t text[24];
	size_t n = 1 + random_below(sizeof(text));
	for (size_t i = 0; i < n; i++)
		text[i] = (uint8_t)"abcXY\n\r\t\b \x1b\xc3\xa4\xff"[random_below(14)];
	note(c, " write(%zu)", n);
	long a = host_pty_write(&c->pty, text, n);
	size_t b = ldisc_write(&c->t->ld, text, n);
	if ((a == -EAGAIN ? 0 : a) != (long)b) {
		note(c, " linux: %ld ours: %zu", a, b);
		differs(c, "count of write");
	}
}

static uint32_t
random_flags(const uint32_t *flags, size_t n, uint32_t usual)
{
	uint32_t result = usual;
	for (uint32_t changes = random_below(6); changes; changes--)
		result ^= flags[random_below((uint32_t)n)];
	return result;
}

static void
step_settings(struct comparison *c)
{
	static const uint32_t iflags[] = {
		ISTRIP, INLCR, IGNCR, ICRNL, IUCLC, IXON, IXANY, IUTF8, PARMRK, IUTF8};
	static const uint32_t oflags[] = {OPOST, OLCUC, ONLCR, OCRNL, ONOCR, ONLRET, XTABS};
	static const uint32_t lflags[] = {ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, NOFLSH, ECHOCTL,
		ECHOPRT, ECHOKE, IEXTEN, ICANON};
	struct linux_termios s;
	if (c->t->ld.stopped || c->t->ld.held)
		return; /* Linux processes waiting echo by the new settings */
	host_pty_get(&c->pty, &s);
	s.c_iflag = random_flags(iflags, sizeof(iflags) / 4, ICRNL | IXON);
	s.c_oflag = random_flags(oflags, sizeof(oflags) / 4, OPOST | ONLCR);
	s.c_lflag = random_flags(lflags, sizeof(lflags) / 4,
		ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	s.c_cc[VEOL] = random_below(2) ? 'q' : 0;
	s.c_cc[VEOL2] = random_below(4) ? 0 : 'w';
	if (random_below(8) == 0)
		s.c_cc[random_below(LINUX_NCCS)] = (uint8_t)random_below(256);
	/* Linux gives what a VMIN above 64 waits for in parts. */
	s.c_cc[VMIN] = (uint8_t)random_below(4);
	s.c_cc[VTIME] = (uint8_t)random_below(2);
	note(c, " set(i 0%o o 0%o l 0%o)", s.c_iflag, s.c_oflag, s.c_lflag);
	host_pty_set(&c->pty, &s);
	host_pty_get(&c->pty, &s);
	ldisc_set_termios(&c->t->ld, &s);
}

/*
 * Linux goes on echoing after TCOON with the next write only: one follows here. Its pseudo-terminals, unlike other devices,
 * send no flow control characters while they are held.
 */
static void
step_flow(struct comparison *c)
{
	int action = c->t->ld.held ? TCOON : (int)random_below(4);
	note(c, " flow(%d)", action);
	host_pty_flow(&c->pty, action);
	CHECK_EQ(ldisc_flow(&c->t->ld, action), 0);
	if (action == TCOON)
		step_write(c);
}

static void
step(struct comparison *c)
{
	uint32_t kind = random_below(1000);
	if (kind < 850) {
		step_input(c);
	} else if (kind < 930) {
		step_read(c);
	} else if (kind < 970) {
		step_write(c);
	} else if (kind < 985) {
		step_settings(c);
	} else if (kind < 990) {
		note(c, " flush");
		host_pty_flush(&c->pty, TCIFLUSH);
		ldisc_flush_input(&c->t->ld);
	} else {
		step_flow(c);
	}
	compare_output(c);
	compare_counts(c);
	while (ldisc_available(&c->t->ld) > 3000)
		step_read(c);
}

static bool
compare(uint64_t seed, int steps)
{
	struct comparison c = {.seed = seed, .t = terminal()};
	struct linux_termios s;
	random_state = seed;
	if (!host_pty_open(&c.pty))
		return false;
	host_pty_get(&c.pty, &s);
	CHECK_MEM(s.c_cc, c.t->ld.termios.c_cc, LINUX_NCCS);
	s.c_iflag = c.t->ld.termios.c_iflag;
	s.c_lflag = c.t->ld.termios.c_lflag;
	host_pty_set(&c.pty, &s);
	host_pty_get(&c.pty, &s);
	ldisc_set_termios(&c.t->ld, &s);
	for (int i = 0; i < steps; i++)
		step(&c);
	host_pty_close(&c.pty);
	return true;
}

TEST(ldisc_as_linux)
{
	const char *seeds = getenv("LDISC_SEEDS");
	uint64_t count = seeds ? strtoull(seeds, NULL, 10) : 40;
	for (uint64_t seed = 1; seed <= count; seed++) {
		if (!compare(seed, 3000)) {
			puts("ldisc_as_linux: skipped, this machine's terminals take no simulated "
			     "input");
			return;
		}
	}
}
