/* SPDX-License-Identifier: MIT */
/* Urgent data as Linux has it: one byte, the last that was sent with MSG_OOB, beside the stream or in it. */
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "tests/guest/prog/tcp/tcp.h"

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif

static int
at_mark(int fd)
{
	int at = -1;
	CHECK_EQ(ioctl(fd, SIOCATMARK, &at), 0);
	return at;
}

static int
readable(int fd)
{
	int n = -1;
	CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

TCP_TEST(urgent_beside_the_stream)
{
	int fd[2];
	char got[16] = "";
	tcp_pair(net, fd);
	CHECK_ERRNO(recv(fd[1], got, 1, MSG_OOB), EINVAL);
	CHECK_EQ(send(fd[0], "abc", 3, MSG_OOB), 3);
	send_all(fd[0], "de", 2);
	tcp_await(fd[1], POLLIN | POLLOUT | POLLPRI);
	CHECK_EQ(at_mark(fd[1]), 0);
	CHECK_EQ(readable(fd[1]), 2); /* up to the mark */
	CHECK_EQ(recv(fd[1], got, 8, MSG_OOB | MSG_PEEK), 1);
	CHECK_EQ(got[0], 'c');
	/* A read stops at the mark, whatever follows. */
	CHECK_EQ(recv(fd[1], got, sizeof(got), MSG_PEEK), 2);
	CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 2);
	CHECK(memcmp(got, "ab", 2) == 0);
	CHECK_EQ(at_mark(fd[1]), 1);
	struct msghdr m = {.msg_iov = &(struct iovec){got, sizeof(got)}, .msg_iovlen = 1};
	CHECK_EQ(recvmsg(fd[1], &m, MSG_OOB), 1);
	CHECK(m.msg_flags & MSG_OOB);
	CHECK_EQ(got[0], 'c');
	CHECK_ERRNO(recv(fd[1], got, 1, MSG_OOB), EINVAL); /* once */
	CHECK_SOON(recv(fd[1], got, sizeof(got), MSG_PEEK | MSG_DONTWAIT) == 2);
	CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 2);
	CHECK(memcmp(got, "de", 2) == 0);
	CHECK_EQ(at_mark(fd[1]), 0);
	CHECK_EQ(tcp_events(fd[1]), POLLOUT);
}

TCP_TEST(urgent_in_the_stream)
{
	int fd[2];
	char got[16] = "";
	tcp_pair(net, fd);
	sock_set(fd[1], SOL_SOCKET, SO_OOBINLINE, 1);
	send_all(fd[0], "ab", 2);
	CHECK_EQ(send(fd[0], "c", 1, MSG_OOB), 1);
	send_all(fd[0], "de", 2);
	tcp_await(fd[1], POLLIN | POLLOUT | POLLPRI);
	CHECK_SOON(readable(fd[1]) == 5);
	CHECK_ERRNO(recv(fd[1], got, 1, MSG_OOB), EINVAL);
	CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 2);
	CHECK(memcmp(got, "ab", 2) == 0);
	CHECK_EQ(at_mark(fd[1]), 1);
	CHECK_SOON(recv(fd[1], got, sizeof(got), MSG_PEEK | MSG_DONTWAIT) == 3);
	CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 3);
	CHECK(memcmp(got, "cde", 3) == 0);
	CHECK_EQ(at_mark(fd[1]), 0);
}

TCP_TEST(urgent_alone)
{
	int fd[2];
	char got[4];
	tcp_pair(net, fd);
	CHECK_EQ(send(fd[0], "u", 1, MSG_OOB), 1);
	tcp_await(fd[1], POLLOUT | POLLPRI);
	CHECK_EQ(readable(fd[1]), 0);
	CHECK_EQ(recv(fd[1], got, 4, MSG_OOB), 1);
	CHECK_EQ(got[0], 'u');
	CHECK_ERRNO(recv(fd[1], got, 4, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(tcp_events(fd[1]), POLLOUT);
	/* A second, when the first was taken; and the end of the stream after it. */
	CHECK_EQ(send(fd[0], "v", 1, MSG_OOB), 1);
	tcp_await(fd[1], POLLOUT | POLLPRI);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	tcp_await(fd[1], POLLIN | POLLOUT | POLLPRI | POLLRDHUP);
	CHECK_EQ(recv(fd[1], got, 4, MSG_OOB), 1);
	CHECK_EQ(got[0], 'v');
	expect_eof(fd[1]);
}

TCP_TEST(urgent_read_past)
{
	/* Who reads on at the mark gives the byte up. */
	int fd[2];
	char got[4];
	tcp_pair(net, fd);
	CHECK_EQ(send(fd[0], "u", 1, MSG_OOB), 1);
	send_all(fd[0], "x", 1);
	tcp_await(fd[1], POLLIN | POLLOUT | POLLPRI);
	CHECK_EQ(recv(fd[1], got, 4, 0), 1);
	CHECK_EQ(got[0], 'x');
	CHECK_ERRNO(recv(fd[1], got, 4, MSG_OOB), EINVAL);
	CHECK_EQ(tcp_events(fd[1]), POLLOUT);
}

TCP_TEST(urgent_signal)
{
	int fd[2];
	tcp_pair(net, fd);
	count_signal(SIGURG, 0);
	CHECK_EQ(fcntl(fd[1], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(fd[1], F_GETOWN), getpid());
	send_all(fd[0], "x", 1);
	tcp_await(fd[1], POLLIN | POLLOUT);
	CHECK_EQ(signals_seen, 0);
	CHECK_EQ(send(fd[0], "u", 1, MSG_OOB), 1);
	CHECK_SOON(signals_seen > 0);
	CHECK_EQ(last_signal, SIGURG);
}

TCP_TEST(urgent_wakes_epoll)
{
	int fd[2], ep = epoll_create1(0);
	char got[4];
	tcp_pair(net, fd);
	struct epoll_event e = {.events = EPOLLPRI | EPOLLET, .data.u64 = 7}, out;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd[1], &e), 0);
	pid_t self = getpid(), child = fork();
	if (child == 0) {
		guest_await_sleep(self);
		send_all(fd[0], "plain", 5);
		CHECK_EQ(send(fd[0], "u", 1, MSG_OOB), 1);
		_exit(0);
	}
	CHECK_EQ(epoll_wait(ep, &out, 1, -1), 1);
	CHECK(out.events == EPOLLPRI && out.data.u64 == 7);
	CHECK_EQ(guest_reap(child), 0);
	CHECK_EQ(recv(fd[1], got, 1, MSG_OOB), 1);
	expect_text(fd[1], "plain");
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
}
