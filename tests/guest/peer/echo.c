/* SPDX-License-Identifier: MIT */
/*
 * /tests/echo PORT [BACKLOG]: takes any number of connections, over both versions of IP, and sends back what comes, one thread
 * and one epoll set for all. Prints "listening", then a line with the number of open connections and of bytes that were
 * echoed for each SIGUSR1, and ends by SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];
static unsigned connections;
static unsigned long long echoed;

static void
die(const char *what)
{
	fprintf(stderr, "echo: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
watch(int set, int op, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};
	if (epoll_ctl(set, op, fd, &e) != 0)
		die("epoll_ctl");
}

static int
listen_on(uint16_t port, int backlog)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, backlog) != 0)
		die("bind");
	return fd;
}

static void
accept_all(int set, int listener)
{
	int fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		watch(set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP);
		connections++;
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		die("accept");
}

/* Whether the connection goes on. A peer that does not read is waited for: it is the test that would hang. */
static int
echo(int fd)
{
	ssize_t n = read(fd, buffer, sizeof(buffer));
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	for (ssize_t done = 0; done < n;) {
		ssize_t part = write(fd, buffer + done, (size_t)(n - done));
		if (part < 0 && errno == EAGAIN)
			usleep(1000);
		else if (part < 0)
			return 0;
		else
			done += part;
	}
	echoed += (unsigned long long)n;
	return 1;
}

static void
on_signal(int fd)
{
	struct signalfd_siginfo info;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTERM)
		exit(0);
	printf("connections %u bytes %llu\n", connections, echoed);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct rlimit files = {1 << 20, 1 << 20};
	struct epoll_event ready[64];
	sigset_t signals;
	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: echo PORT [BACKLOG]\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	int set = epoll_create1(0),
	    listener = listen_on((uint16_t)atoi(argv[1]), argc == 3 ? atoi(argv[2]) : 4096);
	int signal_fd = signalfd(-1, &signals, SFD_NONBLOCK);
	watch(set, EPOLL_CTL_ADD, listener, EPOLLIN);
	watch(set, EPOLL_CTL_ADD, signal_fd, EPOLLIN);
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(set, ready, 64, -1);
		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;
			if (fd == listener) {
				accept_all(set, listener);
			} else if (fd == signal_fd) {
				on_signal(fd);
			} else if (!echo(fd)) {
				close(fd);
				connections--;
			}
		}
	}
}
