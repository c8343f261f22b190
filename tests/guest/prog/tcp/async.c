/* SPDX-License-Identifier: MIT */
/* TCP sockets as files: signals when something happens, sharing with children, passing on, names in /proc, duplicates. */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/guest/prog/tcp/tcp.h"

TCP_TEST(signal_on_data)
{
	int fd[2], on = 1;
	tcp_pair(net, fd);
	count_signal(SIGIO, SA_RESTART);
	CHECK_EQ(fcntl(fd[1], F_SETOWN, getpid()), 0);
	CHECK_EQ(ioctl(fd[1], FIOASYNC, &on), 0);
	CHECK(fcntl(fd[1], F_GETFL) & O_ASYNC);
	signals_seen = 0;
	send_all(fd[0], "x", 1);
	CHECK_SOON(signals_seen > 0);
	CHECK_EQ(last_signal, SIGIO);
	expect_text(fd[1], "x");
	int before = signals_seen;
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_SOON(signals_seen > before);
	on = 0;
	CHECK_EQ(ioctl(fd[1], FIOASYNC, &on), 0);
	CHECK_EQ(fcntl(fd[1], F_GETFL) & O_ASYNC, 0);
}

TCP_TEST(signal_on_connection)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach);
	count_signal(SIGIO, SA_RESTART);
	CHECK_EQ(fcntl(l, F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(l, F_SETFL, O_ASYNC | O_NONBLOCK), 0);
	int c = tcp_connected(&reach);
	CHECK_SOON(signals_seen > 0);
	CHECK(accept(l, NULL, NULL) >= 0);
	/* It is the listener's, not the connection's. */
	CHECK_EQ(fcntl(c, F_GETFL) & O_ASYNC, 0);
}

static volatile sig_atomic_t told_fd, told_band;

static void
on_info(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	told_fd = info->si_fd;
	told_band = (sig_atomic_t)info->si_band;
}

TCP_TEST(signal_of_choice)
{
	int fd[2];
	struct sigaction sa = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
	tcp_pair(net, fd);
	CHECK_EQ(sigaction(SIGRTMIN + 3, &sa, NULL), 0);
	CHECK_EQ(fcntl(fd[1], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(fd[1], F_SETSIG, SIGRTMIN + 3), 0);
	CHECK_EQ(fcntl(fd[1], F_SETFL, O_ASYNC), 0);
	send_all(fd[0], "x", 1);
	CHECK_SOON(told_fd == fd[1]);
	CHECK(told_band & POLLIN);
}

TCP_TEST(shared_with_children)
{
	/* The connection lasts until the last holder has closed it; who shuts down does so for all. */
	int fd[2];
	tcp_pair(net, fd);
	pid_t child = fork();
	if (child == 0) {
		close(fd[0]);
		expect_text(fd[1], "to the child");
		send_all(fd[1], "from the child", 14);
		expect_text(fd[1], "go");
		_exit(0);
	}
	CHECK_EQ(close(fd[1]), 0);
	send_all(fd[0], "to the child", 12);
	expect_text(fd[0], "from the child");
	CHECK_EQ(tcp_events(fd[0]), POLLOUT);
	send_all(fd[0], "go", 2);
	CHECK_EQ(guest_reap(child), 0);
	expect_eof(fd[0]);
	tcp_pair(net, fd);
	child = fork();
	if (child == 0)
		_exit(shutdown(fd[1], SHUT_WR) == 0 ? 0 : 1);
	expect_eof(fd[0]);
	CHECK_EQ(guest_reap(child), 0);
	CHECK_ERRNO(send(fd[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	/* Flags are the description's: what one holder sets all have. */
	int copy = dup(fd[0]);
	set_nonblock(copy);
	CHECK(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
	CHECK_EQ(close(fd[0]), 0);
	send_all(copy, "still", 5);
	expect_text(fd[1], "still");
}

static void
pass(int through, int fd)
{
	char c = 'f';
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} u = {0};
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = u.bytes,
		.msg_controllen = sizeof(u.bytes)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	CHECK_EQ(sendmsg(through, &m, 0), 1);
}

static int
take(int through)
{
	char c;
	int fd;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} u;
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = u.bytes,
		.msg_controllen = sizeof(u.bytes)};
	CHECK_EQ(recvmsg(through, &m, 0), 1);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	CHECK(h != NULL && h->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}

TCP_TEST(passed_while_connected)
{
	int fd[2], u[2];
	tcp_pair(net, fd);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, u), 0);
	pid_t child = fork();
	if (child == 0) {
		close(fd[0]);
		close(fd[1]);
		close(u[0]);
		int s = take(u[1]);
		expect_text(s, "sent before");
		expect_text(s, "sent in flight");
		send_all(s, "answer", 6);
		_exit(0);
	}
	CHECK_EQ(close(u[1]), 0);
	send_all(fd[0], "sent before", 11);
	pass(u[0], fd[1]);
	CHECK_EQ(close(fd[1]), 0); /* only the message, or the child, holds it now */
	send_all(fd[0], "sent in flight", 14);
	expect_text(fd[0], "answer");
	CHECK_EQ(guest_reap(child), 0);
	expect_eof(fd[0]);
	/* One that is in a message nobody takes ends with it. */
	tcp_pair(net, fd);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, u), 0);
	pass(u[0], fd[1]);
	close(fd[1]);
	CHECK_EQ(tcp_events(fd[0]), POLLOUT);
	close(u[0]);
	close(u[1]);
	expect_eof(fd[0]);
}

TCP_TEST(listener_is_passed)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), u[2];
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, u), 0);
	pass(u[0], l);
	close(l);
	int c = tcp_connected(&reach);
	l = take(u[1]);
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	send_all(c, "hi", 2);
	expect_text(s, "hi");
}

TCP_TEST(name_in_proc)
{
	int fd[2];
	char link[64], name[64] = "", want[64];
	struct stat st, st2;
	tcp_pair(net, fd);
	CHECK_EQ(fstat(fd[0], &st), 0);
	CHECK_EQ(fstat(fd[1], &st2), 0);
	CHECK(S_ISSOCK(st.st_mode) && st.st_ino != 0 && st.st_ino != st2.st_ino);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd[0]);
	CHECK(readlink(link, name, sizeof(name) - 1) > 0);
	snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)st.st_ino);
	CHECK(strcmp(name, want) == 0);
	CHECK_ERRNO(open(link, O_RDWR), ENXIO);
}
