/* SPDX-License-Identifier: MIT */
/*
 * Everything at once on one terminal: sessions that take it from each other, lead it for a moment, give it up, hang it up
 * or just end; in each, groups that read, write, poll, change settings and the foreground, open the terminal anew, join
 * other groups, make some that last a moment, and are stopped and continued.
 * Somebody may type meanwhile. Whatever happened, the terminal works afterwards and everybody is gone.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "guest.h"

#define DEVICE   "/dev/ttyAMA0"
#define SESSIONS 3
#define MEMBERS  4
#define SECONDS  3

/* Shared by all: who is to be ended when it is over. */
static struct storm {
	atomic_int over;
	atomic_int member[SESSIONS][MEMBERS]; /* 0: nobody */
} *storm;

static unsigned
chance(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

static void
change_settings(int fd, unsigned *seed)
{
	static const int when[] = {TCSANOW, TCSADRAIN, TCSAFLUSH};
	struct termios t;
	if (tcgetattr(fd, &t) != 0)
		return;
	t.c_lflag ^= (tcflag_t[]){ICANON, ECHO, TOSTOP, ISIG, IEXTEN}[chance(seed, 5)];
	t.c_iflag ^= (tcflag_t[]){IXON, ICRNL, IXANY, INLCR}[chance(seed, 4)];
	t.c_oflag ^= (tcflag_t[]){OPOST, ONLCR}[chance(seed, 2)];
	t.c_cc[VMIN] = (cc_t)chance(seed, 3);
	t.c_cc[VTIME] = (cc_t)chance(seed, 2);
	(void)tcsetattr(fd, when[chance(seed, 3)], &t);
}

/*
 * In a group of its own, which has the terminal and is gone at once. It is never stopped: nobody would know whom to
 * continue if its parent, which is killed when the session is over, is gone by then.
 */
static void
be_in_front_for_a_moment(int fd)
{
	void (*out)(int) = signal(SIGTTOU, SIG_IGN), (*stop)(int) = signal(SIGTSTP, SIG_IGN);
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		(void)tcsetpgrp(fd, getpid());
		_exit(0);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	signal(SIGTTOU, out);
	signal(SIGTSTP, stop);
}

static void
open_current(void)
{
	struct pollfd p = {.fd = open("/dev/tty", O_RDWR | O_NONBLOCK), .events = POLLIN | POLLOUT};
	char c;
	if (p.fd < 0)
		return;
	(void)poll(&p, 1, 0);
	(void)!read(p.fd, &c, 1);
	(void)tcgetsid(p.fd);
	close(p.fd);
}

/* One thing of many. Any may fail; none may block for good, as its group is continued and its terminal hung up. */
static void
do_something(int fd, unsigned *seed, int session)
{
	static const char text[700];
	char buf[200];
	struct pollfd p = {fd, POLLIN | POLLOUT, 0};
	struct winsize size = {.ws_row = (unsigned short)(20 + chance(seed, 9)), .ws_col = 80};
	switch (chance(seed, 13)) {
	case 0:
	case 1:
		(void)!read(fd, buf, 1 + chance(seed, sizeof(buf) - 1));
		break;
	case 2:
	case 3:
		(void)!write(fd, text, 1 + chance(seed, sizeof(text) - 1));
		break;
	case 4:
		(void)poll(&p, 1, (int)chance(seed, 3));
		break;
	case 5:
	case 6:
		change_settings(fd, seed);
		break;
	case 7:
		(void)tcsetpgrp(fd, atomic_load(&storm->member[session][chance(seed, MEMBERS)]));
		break;
	case 8:
		(void)ioctl(fd, TIOCSWINSZ, &size);
		(void)tcflow(fd, chance(seed, 2) ? TCOON : TCOOFF);
		(void)tcflow(fd, TCOON);
		break;
	case 9:
		be_in_front_for_a_moment(fd);
		break;
	case 10:
		open_current();
		break;
	case 11:
		(void)setpgid(0, atomic_load(&storm->member[session][chance(seed, MEMBERS)]));
		break;
	default:
		(void)tcflush(fd, (int[]){TCIFLUSH, TCOFLUSH, TCIOFLUSH}[chance(seed, 3)]);
		(void)tcgetpgrp(fd);
	}
}

static void
nothing(int sig)
{
}

static void
be_member(int fd, int session, unsigned seed)
{
	setpgid(0, 0);
	signal(SIGHUP, chance(&seed, 2) ? SIG_IGN : SIG_DFL);
	signal(SIGTTOU, chance(&seed, 2) ? SIG_IGN : SIG_DFL);
	signal(SIGTSTP, SIG_DFL);
	signal(SIGINT, nothing);
	signal(SIGQUIT, nothing);
	while (!atomic_load(&storm->over))
		do_something(fd, &seed, session);
	_exit(0);
}

static void
ignore_typed(void)
{
	static const int typed[] = {SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTOU};
	for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
		signal(typed[i], SIG_IGN);
}

/* A session that has the terminal for some milliseconds. Its members are its parent's to end: they outlive it. */
static void
lead(int session, unsigned seed)
{
	ignore_typed();
	CHECK(setsid() > 0);
	int fd = open(DEVICE, O_RDWR | O_NOCTTY);
	CHECK(fd >= 0);
	(void)ioctl(fd, TIOCSCTTY, 1);
	for (int i = 0; i < MEMBERS; i++) {
		pid_t pid = fork();
		if (pid == 0)
			be_member(fd, session, seed + (unsigned)i * 7919);
		CHECK(pid > 0);
		atomic_store(&storm->member[session][i], pid);
	}
	for (unsigned turns = 1 + chance(&seed, 30); turns > 0; turns--) {
		guest_sleep_ms(1 + chance(&seed, 4));
		kill(-atomic_load(&storm->member[session][chance(&seed, MEMBERS)]), SIGCONT);
		(void)tcsetpgrp(fd, atomic_load(&storm->member[session][chance(&seed, MEMBERS)]));
		if (chance(&seed, 4) == 0)
			(void)ioctl(fd, TIOCNOTTY);
		if (chance(&seed, 4) == 0)
			(void)ioctl(fd, TIOCSCTTY, 1);
	}
	if (chance(&seed, 2))
		vhangup();
	_exit(0);
}

static void
run_sessions(void *arg)
{
	int session = (int)(intptr_t)arg, ends[2];
	unsigned seed = (unsigned)session * 31 + 1;
	double end = guest_now() + SECONDS;
	while (guest_now() < end) {
		CHECK_EQ(pipe(ends), 0); /* whose writing end all of a session have */
		pid_t pid = fork();
		if (pid == 0)
			lead(session, seed);
		CHECK(pid > 0);
		close(ends[1]);
		CHECK_EQ(guest_reap(pid), 0);
		for (int i = 0; i < MEMBERS; i++)
			kill(atomic_exchange(&storm->member[session][i], 0), SIGKILL);
		char c;
		CHECK_EQ(read(ends[0], &c, 1), 0);
		close(ends[0]);
		(void)chance(&seed, 2);
	}
}

/* Outside of every session that has it: as a daemon that writes to the console is. */
static void
interfere(void *arg)
{
	unsigned seed = 4711;
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	while (!atomic_load(&storm->over)) {
		int fd = open(DEVICE, O_RDWR | O_NOCTTY | O_NONBLOCK);
		CHECK(fd >= 0);
		for (int i = 0; i < 50; i++)
			do_something(fd, &seed, 0);
		close(fd);
	}
}

static volatile sig_atomic_t told;

static void
be_told(int sig)
{
	told |= sig == SIGHUP ? 1 : 2;
}

/* Who leads a session is told that its terminal is gone, also in the background, also by itself. */
static void
hang_up_own(void *unused)
{
	ignore_typed();
	CHECK(setsid() > 0);
	int fd = open(DEVICE, O_RDWR | O_NOCTTY);
	CHECK_EQ(ioctl(fd, TIOCSCTTY, 1), 0);
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	signal(SIGHUP, be_told);
	signal(SIGCONT, be_told);
	CHECK_EQ(setpgid(pid, pid), 0);
	CHECK_EQ(tcsetpgrp(fd, pid), 0);
	CHECK_EQ(vhangup(), 0);
	CHECK_EQ(told, 3);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	guest_reap(pid);
}

GUEST_TEST_FLAGS(tty_storm, GUEST_SLOW)
{
	pid_t pid[SESSIONS];
	struct termios sane, now;
	signal(SIGTTOU, SIG_IGN);
	storm = guest_shared_page();
	int fd = open(DEVICE, O_RDWR | O_NOCTTY);
	CHECK_EQ(tcgetattr(fd, &sane), 0);
	close(fd);
	pid_t other = guest_spawn(interfere, NULL);
	for (int i = 0; i < SESSIONS; i++)
		pid[i] = guest_spawn(run_sessions, (void *)(intptr_t)i);
	for (int i = 0; i < SESSIONS; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
	atomic_store(&storm->over, 1);
	CHECK_EQ(guest_reap(other), 0);
	guest_fork_ok(hang_up_own, NULL);
	fd = open(DEVICE, O_RDWR | O_NOCTTY);
	CHECK(fd >= 0);
	CHECK_EQ(tcflow(fd, TCOON), 0);
	CHECK_EQ(tcsetattr(fd, TCSAFLUSH, &sane), 0);
	CHECK_EQ(tcgetattr(fd, &now), 0);
	CHECK_EQ(now.c_lflag, sane.c_lflag);
	CHECK_EQ(write(fd, "\r\nafter the storm\r\n", 19), 19);
	CHECK_EQ(tcdrain(fd), 0);
	close(fd);
}
