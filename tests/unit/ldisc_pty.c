/* SPDX-License-Identifier: MIT */
/* The host's pseudo-terminal. The kernel's own structures are used: those of the C library differ from them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include "tests/unit/ldisc_pty.h"

int ioctl(int fd, unsigned long request,
	...); /* <sys/ioctl.h> would define the names of termios.h again */

bool
host_pty_open(struct host_pty *pty)
{
	uint8_t c = 'x';
	pty->slave = -1;
	pty->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (pty->master < 0)
		return false;
	if (grantpt(pty->master) == 0 && unlockpt(pty->master) == 0)
		pty->slave = open(ptsname(pty->master), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (pty->slave >= 0 && ioctl(pty->slave, TIOCSTI, &c) == 0) {
		host_pty_flush(pty, TCIFLUSH);
		c = '\r'; /* back to the first column */
		host_pty_write(pty, &c, 1);
		while (host_pty_output(pty, &c, 1))
			;
		return true;
	}
	host_pty_close(pty);
	return false;
}

void
host_pty_close(struct host_pty *pty)
{
	if (pty->slave >= 0)
		close(pty->slave);
	close(pty->master);
}

void
host_pty_get(struct host_pty *pty, struct linux_termios *termios)
{
	if (ioctl(pty->slave, TCGETS, termios))
		abort();
}

void
host_pty_set(struct host_pty *pty, const struct linux_termios *termios)
{
	if (ioctl(pty->slave, TCSETS, termios))
		abort();
}

void
host_pty_input(struct host_pty *pty, uint8_t c)
{
	if (ioctl(pty->slave, TIOCSTI, &c))
		abort();
}

/* A read of an empty line waits for the kernel's own worker first, so that nothing is missed. */
size_t
host_pty_output(struct host_pty *pty, uint8_t *buf, size_t size)
{
	size_t got = 0;
	for (long n; got < size && (n = read(pty->master, buf + got, size - got)) > 0;)
		got += (size_t)n;
	return got;
}

long
host_pty_read(struct host_pty *pty, uint8_t *buf, size_t n)
{
	long got = read(pty->slave, buf, n);
	return got < 0 ? -errno : got;
}

long
host_pty_write(struct host_pty *pty, const uint8_t *buf, size_t n)
{
	long done = write(pty->slave, buf, n);
	return done < 0 ? -errno : done;
}

bool
host_pty_readable(struct host_pty *pty)
{
	struct pollfd p = {.fd = pty->slave, .events = POLLIN};
	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

size_t
host_pty_available(struct host_pty *pty)
{
	int n = 0;
	if (ioctl(pty->slave, FIONREAD, &n))
		abort();
	return (size_t)n;
}

void
host_pty_flush(struct host_pty *pty, int queue)
{
	if (ioctl(pty->slave, TCFLSH, queue))
		abort();
}

void
host_pty_flow(struct host_pty *pty, int action)
{
	if (ioctl(pty->slave, TCXONC, action))
		abort();
}
