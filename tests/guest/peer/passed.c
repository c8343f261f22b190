/* SPDX-License-Identifier: MIT */
/*
 * A service with `accept pass`, for tests: passed [wait]
 *
 * Serves one connection after the other from the sockets it was handed: says which of them it came by, whether LISTEN_PID
 * is its own, who it is and what a socket of its own gives, then sends back what comes. With `wait` it accepts from the
 * first SIGUSR1 on. It says that it is ready where it was asked to.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_PASSED 3

static long
number(const char *name)
{
	const char *text = getenv(name);
	return text == NULL ? -1 : strtol(text, NULL, 10);
}

static void
send_back(int fd)
{
	char buffer[4096];
	ssize_t n;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		if (write(fd, buffer, (size_t)n) != n)
			return;
}

static void
serve(int listener)
{
	int fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return;
	int own = socket(AF_INET, SOCK_STREAM, 0);
	const char *net = own >= 0 ? "possible" : strerror(errno);
	dprintf(fd, "socket %d, pid %s, uid %d, a socket of its own: %s\n", listener - FIRST_PASSED,
		number("LISTEN_PID") == getpid() ? "right" : "wrong", (int)getuid(), net);
	if (own >= 0)
		close(own);
	send_back(fd);
	close(fd);
}

static void
wait_for_signal(void)
{
	sigset_t set;
	int got;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &got);
}

int
main(int argc, char **argv)
{
	long count = number("LISTEN_FDS"), notify = number("NOTIFY_FD");
	signal(SIGPIPE, SIG_IGN);
	if (count < 1)
		return 3;
	struct pollfd *fds = calloc((size_t)count, sizeof(*fds));
	if (fds == NULL)
		return 1;
	for (int i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = FIRST_PASSED + i, .events = POLLIN};
	if (notify >= 0)
		dprintf((int)notify, "ready\n");
	if (argc > 1 && strcmp(argv[1], "wait") == 0)
		wait_for_signal();
	while (poll(fds, (nfds_t)count, -1) > 0)
		for (long i = 0; i < count; i++)
			if (fds[i].revents != 0)
				serve(fds[i].fd);
	free(fds);
	return 1;
}
