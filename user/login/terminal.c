/* SPDX-License-Identifier: MIT */
/* The console as login uses it. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "login/login.h"

#ifndef TIOCGDEV
#define TIOCGDEV 0x80045432
#endif

/* Opens the device of that number in /dev; -1: there is none. */
static int
open_device(dev_t rdev)
{
	int fd = -1;
	struct dirent *e;
	DIR *d = opendir("/dev");

	while (d != NULL && fd < 0 && (e = readdir(d)) != NULL) {
		struct stat st;
		char path[sizeof("/dev/") + sizeof(e->d_name)];
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		if (lstat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == rdev)
			fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	}
	if (d != NULL)
		closedir(d);
	return fd;
}

/*
 * Takes the terminal from whom it was given to: from here on only root opens it, and a hang-up ends what was opened
 * before. Both are needed, in this order: who opened it after the last session's own hang-up would go on reading.
 */
static void
take_back(int fd)
{
	if (fchown(fd, 0, 0) != 0 || fchmod(fd, 0600) != 0)
		dprintf(STDERR_FILENO, "login: cannot take the terminal back: %s\n",
			strerror(errno));
	signal(SIGHUP, SIG_IGN); /* it may be this process's terminal already */
	ioctl(fd, TIOCVHANGUP);
	signal(SIGHUP, SIG_DFL);
}

/* Opens that device, having taken it back from a former session's principal. -1: there is none. */
static int
open_own_device(dev_t rdev)
{
	struct stat st;
	int fd = open_device(rdev);

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_uid == 0)
		return fd;
	take_back(fd);
	close(fd);
	return open_device(rdev);
}

/*
 * Puts the terminal itself in the place of /dev/console, which a hang-up does not end: what a session leaves running
 * must not read what is typed to the next one.
 */
static void
use_device(void)
{
	unsigned int number;

	if (ioctl(STDIN_FILENO, TIOCGDEV, &number) != 0)
		return;
	int fd = open_own_device(
		makedev(number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xfff00)));
	if (fd < 0)
		return;
	for (int to = STDIN_FILENO; to <= STDERR_FILENO; to++)
		dup2(fd, to);
	close(fd);
}

void
terminal_take(void)
{
	struct termios t = {0};

	setsid(); /* fails where init has made the session already */
	use_device();
	ioctl(STDIN_FILENO, TIOCSCTTY, 1);
	if (tcgetattr(STDIN_FILENO, &t) != 0)
		return; /* no terminal */
	t.c_iflag = ICRNL | IXON | BRKINT | IMAXBEL | (t.c_iflag & IUTF8);
	t.c_oflag = OPOST | ONLCR;
	t.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
	t.c_cflag =
		(t.c_cflag & ~(tcflag_t)(CSIZE | PARENB | CSTOPB)) | CS8 | CREAD | CLOCAL | HUPCL;
	t.c_cc[VINTR] = 'C' & 0x1f;
	t.c_cc[VQUIT] = '\\' & 0x1f;
	t.c_cc[VERASE] = 0x7f;
	t.c_cc[VKILL] = 'U' & 0x1f;
	t.c_cc[VEOF] = 'D' & 0x1f;
	t.c_cc[VTIME] = 0;
	t.c_cc[VMIN] = 1;
	t.c_cc[VSTART] = 'Q' & 0x1f;
	t.c_cc[VSTOP] = 'S' & 0x1f;
	t.c_cc[VSUSP] = 'Z' & 0x1f;
	t.c_cc[VREPRINT] = 'R' & 0x1f;
	t.c_cc[VWERASE] = 'W' & 0x1f;
	t.c_cc[VLNEXT] = 'V' & 0x1f;
	t.c_cc[VEOL] = t.c_cc[VEOL2] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static void
set_echo(enum terminal_echo echo)
{
	struct termios t = {0};

	if (tcgetattr(STDIN_FILENO, &t) != 0)
		return;
	t.c_lflag &= ~(tcflag_t)ECHO;
	if (echo == TERMINAL_ECHO)
		t.c_lflag |= ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static void
put(const char *text)
{
	size_t len = strlen(text);
	while (len > 0) {
		ssize_t done = write(STDOUT_FILENO, text, len);
		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			text += done;
			len -= (size_t)done;
		}
	}
}

/* Reads one byte. Returns 1, TERMINAL_END or TERMINAL_GONE. */
static int
get(char *c)
{
	struct termios t;
	ssize_t got;

	do {
		got = read(STDIN_FILENO, c, 1);
	} while (got < 0 && errno == EINTR);
	if (got == 1)
		return 1;
	/* An end of input that a key made leaves a terminal behind that answers. */
	return got == 0 && tcgetattr(STDIN_FILENO, &t) == 0 ? TERMINAL_END : TERMINAL_GONE;
}

/* Byte by byte, so that what is typed ahead stays for the shell. */
static int
read_line(char line[LOGIN_LINE_SIZE])
{
	size_t len = 0;
	bool bad = false;
	char c = 0;

	for (;;) {
		int got = get(&c);
		if (got != 1) {
			line[0] = '\0';
			return got;
		}
		if (c == '\n')
			break;
		if (c == '\0' || len == LOGIN_LINE_SIZE - 1)
			bad = true;
		else
			line[len++] = c;
	}
	line[bad ? 0 : len] = '\0';
	return bad ? TERMINAL_BAD : (int)len;
}

int
terminal_ask(const char *prompt, enum terminal_echo echo, void (*asked)(void),
	char line[LOGIN_LINE_SIZE])
{
	/* The terminal is set before the prompt, so that who answers a prompt at once is not echoed. */
	if (echo == TERMINAL_NO_ECHO)
		set_echo(TERMINAL_NO_ECHO);
	put(prompt);
	if (asked != NULL)
		asked();
	line[0] = '\0';
	int len = read_line(line);
	if (echo == TERMINAL_NO_ECHO)
		set_echo(TERMINAL_ECHO);
	if (echo == TERMINAL_NO_ECHO || len == TERMINAL_END)
		put("\n");
	return len;
}
