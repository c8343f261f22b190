/* SPDX-License-Identifier: MIT */
/*
 * each: accepts connections on the sockets that init passed, and runs a program for each one with the connection as its
 * standard input and output. `accept each` of a service file means this program; nobody types it.
 *
 * usage: each MAX PROGRAM [ARGUMENT...]
 *
 * At most MAX programs run at once; further connections wait in the backlog meanwhile. Exit status: 0 after SIGTERM (what
 * runs is left to end by itself); 1 if there are no sockets or they fail; 2 for wrong usage.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_PASSED 3
#define PAUSE_MS     100 /* when the system has no room for another connection or process */

static volatile sig_atomic_t ending;

static void
on_term(int number)
{
	(void)number;
	ending = 1;
}

static void
on_child(int number)
{
	(void)number; /* only to end a wait */
}

static void
usage(FILE *to)
{
	fputs("usage: each MAX PROGRAM [ARGUMENT...]\n"
	      "Runs PROGRAM for each connection to the sockets that init passed, MAX at once.\n"
	      "init starts it for service files that say `accept each`.\n",
		to);
}

static long
number_of(const char *text, long max)
{
	char *end;
	if (text == NULL || *text == '\0')
		return -1;
	errno = 0;
	long n = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' && n > 0 && n <= max ? n : -1;
}

/* The peer, for those who ask: REMOTE_ADDR and REMOTE_PORT. */
static void
name_peer(const struct sockaddr_storage *from)
{
	char address[INET6_ADDRSTRLEN] = "", port[8];
	const struct sockaddr_in *in = (const void *)from;
	const struct sockaddr_in6 *in6 = (const void *)from;
	bool v4 = from->ss_family == AF_INET;
	const void *bytes = v4 ? (const void *)&in->sin_addr : (const void *)&in6->sin6_addr;
	if (!v4 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		bytes = in6->sin6_addr.s6_addr + 12;
		v4 = true;
	}
	inet_ntop(v4 ? AF_INET : AF_INET6, bytes, address, sizeof(address));
	snprintf(port, sizeof(port), "%u",
		ntohs(from->ss_family == AF_INET ? in->sin_port : in6->sin6_port));
	setenv("REMOTE_ADDR", address, 1);
	setenv("REMOTE_PORT", port, 1);
}

static _Noreturn void
serve(int connection, const struct sockaddr_storage *from, char **argv, const sigset_t *mask)
{
	signal(SIGTERM, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	name_peer(from);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	if (dup2(connection, STDIN_FILENO) < 0 || dup2(connection, STDOUT_FILENO) < 0)
		_exit(126);
	execv(argv[0], argv);
	warn("%s", argv[0]);
	_exit(127);
}

static unsigned
reap(unsigned running)
{
	while (running > 0 && waitpid(-1, NULL, WNOHANG) > 0)
		running--;
	return running;
}

/* Accepts one connection and starts its program. Returns whether one was started. */
static bool
take_one(int listener, char **argv, const sigset_t *mask)
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	int connection = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
	if (connection < 0) {
		/* Gone again, or taken by a twin; with no room left waiting is all that helps. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			poll(NULL, 0, PAUSE_MS);
		return false;
	}
	pid_t pid = fork();
	if (pid == 0)
		serve(connection, &from, argv, mask);
	close(connection);
	if (pid < 0)
		poll(NULL, 0, PAUSE_MS);
	return pid > 0;
}

/* Signals are blocked but while it waits, so that no ended child and no SIGTERM is missed. */
static int
run(struct pollfd *fds, nfds_t count, long max, char **argv, const sigset_t *waiting)
{
	unsigned running = 0;
	while (!ending) {
		running = reap(running);
		bool room = (long)running < max;
		int n = ppoll(fds, room ? count : 0, NULL, waiting);
		if (n < 0 && errno != EINTR) {
			warn("poll");
			return 1;
		}
		for (nfds_t i = 0; n > 0 && i < count && (long)running < max; i++)
			if (fds[i].revents != 0 && take_one(fds[i].fd, argv, waiting))
				running++;
	}
	return 0;
}

static void
set_signals(sigset_t *waiting)
{
	sigset_t blocked;
	struct sigaction term = {.sa_handler = on_term}, child = {.sa_handler = on_child};
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, waiting);
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGCHLD, &child, NULL);
}

int
main(int argc, char **argv)
{
	sigset_t waiting;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	long max = argc >= 3 ? number_of(argv[1], 65535) : -1;
	if (max < 0) {
		usage(stderr);
		return 2;
	}
	long count = number_of(getenv("LISTEN_FDS"), 1024);
	if (count < 0 || number_of(getenv("LISTEN_PID"), 1L << 30) != getpid())
		errx(1, "no sockets were passed: init starts this program");
	struct pollfd *fds = calloc((size_t)count, sizeof(*fds));
	if (fds == NULL)
		err(1, "no memory");
	for (long i = 0; i < count; i++) {
		int fd = FIRST_PASSED + (int)i;
		/* One that somebody else accepted from must not make it wait: it has other sockets. */
		if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			err(1, "descriptor %d", fd);
		fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	set_signals(&waiting);
	int status = run(fds, (nfds_t)count, max, argv + 2, &waiting);
	free(fds);
	return status;
}
