/* SPDX-License-Identifier: MIT */
/* The terminal's device as programs ask it: settings, sizes, whose it is, what is refused. Typing is tested from outside. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#define DEVICE "/dev/ttyAMA0"

/* Each test has a group of its own, in the background: what would stop it for changing the terminal is ignored. */
static int
open_terminal(void)
{
	signal(SIGTTOU, SIG_IGN);
	int fd = open(DEVICE, O_RDWR | O_NOCTTY);
	CHECK(fd >= 0);
	return fd;
}

GUEST_TEST(tty_settings_come_back)
{
	struct termios before, set, got;
	int fd = open_terminal();
	CHECK(isatty(fd));
	CHECK_EQ(tcgetattr(fd, &before), 0);
	set = before;
	set.c_lflag ^= ECHO | IEXTEN;
	set.c_iflag ^= IXANY;
	set.c_cc[VINTR] = 'x' & 0x1f;
	set.c_cc[VMIN] = 7;
	CHECK_EQ(tcsetattr(fd, TCSANOW, &set), 0);
	CHECK_EQ(tcgetattr(fd, &got), 0);
	CHECK_EQ(tcsetattr(fd, TCSADRAIN, &before), 0);
	CHECK_EQ(got.c_lflag, set.c_lflag);
	CHECK_EQ(got.c_iflag, set.c_iflag);
	CHECK(memcmp(got.c_cc, set.c_cc, sizeof(got.c_cc[0]) * 17) == 0);
	CHECK_EQ(cfgetospeed(&got), cfgetospeed(&before));
	close(fd);
}

/* Who is in the background and does not ignore the signal is stopped instead, whatever the change; a look is free. */
GUEST_TEST(tty_changes_from_the_background_stop)
{
	struct termios t;
	int fd = open_terminal();
	CHECK_EQ(tcgetattr(fd, &t), 0);
	if (tcgetsid(fd) != getsid(0)) /* a machine whose terminal is not this session's */
		return;
	for (int what = 0; what < 4; what++) {
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			signal(SIGTTOU, SIG_DFL);
			CHECK_EQ(tcgetattr(fd, &t), 0);
			if (what == 0)
				tcsetattr(fd, TCSANOW, &t);
			else if (what == 1)
				tcsetattr(fd, TCSADRAIN, &t);
			else if (what == 2)
				tcflush(fd, TCIFLUSH);
			else
				tcdrain(fd);
			_exit(0);
		}
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
		CHECK_EQ(kill(pid, SIGKILL), 0);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
	}
	close(fd);
}

/* More than the device's FIFO and the ring behind it hold at once; spaces and a carriage return leave the line clean. */
GUEST_TEST(tty_drain)
{
	char blanks[6000];
	int fd = open_terminal(), waiting = -1;
	memset(blanks, ' ', sizeof(blanks));
	for (size_t i = 60; i < sizeof(blanks); i += 60)
		blanks[i] = '\r';
	blanks[sizeof(blanks) - 1] = '\r';
	CHECK_EQ(write(fd, blanks, sizeof(blanks)), (ssize_t)sizeof(blanks));
	CHECK_EQ(tcdrain(fd), 0);
	CHECK_EQ(ioctl(fd, TIOCOUTQ, &waiting), 0);
	CHECK_EQ(waiting, 0);
	CHECK_EQ(tcdrain(fd), 0);
	close(fd);
}

GUEST_TEST(tty_size)
{
	struct winsize before, set = {.ws_row = 33, .ws_col = 99}, got;
	int fd = open_terminal(), other = open_terminal();
	CHECK_EQ(ioctl(fd, TIOCGWINSZ, &before), 0);
	CHECK_EQ(ioctl(fd, TIOCSWINSZ, &set), 0);
	CHECK_EQ(ioctl(other, TIOCGWINSZ, &got), 0);
	CHECK_EQ(ioctl(fd, TIOCSWINSZ, &before), 0);
	CHECK_EQ(got.ws_row, 33);
	CHECK_EQ(got.ws_col, 99);
	close(fd);
	close(other);
}

GUEST_TEST(tty_of_no_session)
{
	int fd = open_terminal(), id;
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(setsid() > 0);
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_ERRNO(ioctl(fd, TIOCGPGRP, &id), ENOTTY);
		CHECK_ERRNO(ioctl(fd, TIOCGSID, &id), ENOTTY);
		CHECK_ERRNO(tcsetpgrp(fd, getpid()), ENOTTY);
		CHECK_ERRNO(ioctl(fd, TIOCNOTTY), ENOTTY);
		CHECK(isatty(fd));
		_exit(0);
	}
	CHECK_EQ(guest_reap(pid), 0);
	if (guest_is_swos())
		CHECK_ERRNO(ioctl(fd, TIOCSTI, "x"), EIO); /* nobody types for another */
	close(fd);
}

GUEST_TEST(tty_refusals)
{
	int fd = open_terminal(), null = open("/dev/null", O_RDWR);
	struct termios t;
	CHECK_ERRNO(ioctl(fd, 0x54ff, 0), ENOTTY);
	CHECK_ERRNO(ioctl(fd, 0x12345678, 0), ENOTTY);
	CHECK_ERRNO(ioctl(null, TCGETS, &t), ENOTTY);
	CHECK_ERRNO(ioctl(fd, TCFLSH, 9), EINVAL);
	CHECK_ERRNO(lseek(fd, 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(pread(fd, &t, 1, 0), ESPIPE);
	CHECK_ERRNO((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	int quick = open(DEVICE, O_RDWR | O_NOCTTY | O_NONBLOCK), n = -1;
	CHECK_EQ(tcflush(fd, TCIFLUSH), 0);
	CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
	CHECK_EQ(n, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_EQ(write(fd, "", 0), 0);
	close(quick);
	close(null);
	close(fd);
}

/* From the background nobody reads; in the foreground, where nobody types, there is nothing. */
GUEST_TEST(tty_reads_by_group)
{
	char c;
	open_terminal();
	int fd = open(DEVICE, O_RDWR | O_NOCTTY | O_NONBLOCK);
	CHECK(fd >= 0);
	if (tcgetsid(fd) != getsid(0))
		return;
	pid_t front = tcgetpgrp(fd);
	CHECK(front > 0 && front != getpgrp());
	signal(SIGTTIN, SIG_IGN);
	CHECK_ERRNO(read(fd, &c, 1), EIO);
	CHECK_EQ(tcsetpgrp(fd, getpgrp()), 0);
	ssize_t n = tcflush(fd, TCIFLUSH) == 0 ? read(fd, &c, 1) : 0;
	int why = errno;
	CHECK_EQ(tcsetpgrp(fd, front), 0);
	CHECK_EQ(n, -1);
	CHECK_EQ(why, EAGAIN);
	close(fd);
}

static void
sleep_for_ever(void *unused)
{
	for (;;)
		pause();
}

static void
lead_session(void *arg)
{
	CHECK_EQ(setsid(), getpid());
	*(volatile int *)arg = 1;
	sleep_for_ever(NULL);
}

static void
end_child(pid_t pid)
{
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(guest_reap(pid), SIGKILL);
}

/* A process that leads no group lends its number to an empty one, which it may lead later. */
static void
be_in_front_without_group(int fd)
{
	pid_t pid = guest_spawn(sleep_for_ever, NULL), other = guest_spawn(sleep_for_ever, NULL);
	CHECK_EQ(tcsetpgrp(fd, pid), 0);
	CHECK_EQ(tcgetpgrp(fd), pid);
	CHECK_ERRNO(kill(-pid, 0), ESRCH);
	CHECK_ERRNO(setpgid(other, pid), EPERM);
	CHECK_EQ(setpgid(pid, pid), 0);
	CHECK_EQ(kill(-pid, 0), 0);
	CHECK_EQ(setpgid(other, pid), 0);
	CHECK_EQ(tcgetpgrp(fd), pid);
	end_child(pid);
	CHECK_EQ(tcsetpgrp(fd, pid), 0); /* its group lives on */
	end_child(other);
	CHECK_EQ(tcgetpgrp(fd), pid);
	CHECK_ERRNO(tcsetpgrp(fd, pid), ESRCH);
}

/* Nor does such a group keep one from leading a session. */
static void
be_in_front_and_leave(int fd)
{
	volatile int *leads = guest_shared_page();
	int go[2];
	CHECK_EQ(pipe(go), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		CHECK_EQ(read(go[0], &c, 1), 1);
		lead_session((void *)leads);
	}
	CHECK_EQ(tcsetpgrp(fd, pid), 0);
	CHECK_EQ(write(go[1], "", 1), 1);
	CHECK_SOON(*leads == 1);
	CHECK_EQ(getsid(pid), pid);
	CHECK_EQ(tcgetpgrp(fd), pid);
	CHECK_ERRNO(tcsetpgrp(fd, pid), EPERM);
	end_child(pid);
	CHECK_ERRNO(tcsetpgrp(fd, pid), ESRCH);
	close(go[0]);
	close(go[1]);
}

GUEST_TEST(tty_foreground_by_number)
{
	int fd = open_terminal();
	if (tcgetsid(fd) != getsid(0))
		return;
	pid_t front = tcgetpgrp(fd);
	CHECK(signal(SIGTTOU, SIG_IGN) != SIG_ERR);
	CHECK_ERRNO(tcsetpgrp(fd, -1), EINVAL);
	CHECK_ERRNO(tcsetpgrp(fd, 0), ESRCH);
	CHECK_ERRNO(tcsetpgrp(fd, 1 << 21), ESRCH);
	CHECK_ERRNO(tcsetpgrp(fd, 1), EPERM);
	be_in_front_without_group(fd);
	be_in_front_and_leave(fd);
	CHECK_EQ(tcsetpgrp(fd, front), 0);
	close(fd);
}

/* TCSBRK and TCSBRKP take a time, TCXONC stops the console, TIOCVHANGUP and TIOCCONS take it away. */
static bool
is_no_pointer(unsigned long cmd)
{
	return cmd == TCSBRK || cmd == 0x5425 || cmd == TCXONC || cmd == 0x5437 || cmd == TIOCCONS;
}

/* Every number of the terminals' range, with pointers that lead nowhere. */
GUEST_TEST(tty_ioctls_with_bad_pointers)
{
	static const uint64_t bad[] = {8, 4095, 1ul << 47, (1ul << 48) - 4, 1ul << 48,
		0xffff000000000000, 0xffff800000080000, ~0ul, ~0ul - 3};
	struct termios before;
	int fd = open_terminal();
	unsigned char *edge =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(edge != MAP_FAILED);
	CHECK_EQ(munmap(edge + 4096, 4096), 0);
	CHECK_EQ(tcgetattr(fd, &before), 0);
	CHECK(setpgid(0, 0) == 0 || errno == EPERM);
	for (unsigned long cmd = 0x5400; cmd < 0x5480; cmd++) {
		if (is_no_pointer(cmd))
			continue;
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			(void)ioctl(fd, (int)cmd, bad[i]);
		(void)ioctl(fd, (int)cmd, edge + 4095); /* the rest is not there */
	}
	(void)ioctl(fd, TIOCNXCL);
	CHECK_ERRNO(ioctl(fd, TCGETS, 8), EFAULT);
	CHECK_ERRNO(ioctl(fd, TCSETS, 8), EFAULT);
	CHECK_ERRNO(ioctl(fd, TIOCGWINSZ, edge + 4095), EFAULT);
	CHECK_EQ(tcsetattr(fd, TCSANOW, &before), 0);
	close(fd);
}
