/* SPDX-License-Identifier: MIT */
/* SO_TIMESTAMP and SO_TIMESTAMPNS of AF_UNIX: datagrams and packets say when they were sent, as journals want to know. */
#include <sys/socket.h>

#include "guest.h"
#include "stamp_util.h"

static void
set(int fd, int name, int v)
{
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, name, &v, sizeof(v)), 0);
}

static void
stamps(int type)
{
	int fd[2];
	CHECK_EQ(socketpair(AF_UNIX, type, 0, fd), 0);
	CHECK_EQ(send(fd[0], "a", 1, 0), 1);
	set(fd[1], SO_TIMESTAMPNS, 1);
	int64_t before = now_ns();
	CHECK_EQ(send(fd[0], "b", 1, 0), 1);
	int64_t after = now_ns();
	(void)receive_at(
		fd[1], 1, 0, SO_TIMESTAMPNS); /* nobody had asked: Linux says when it is read */
	int64_t t = receive_at(fd[1], 1, MSG_PEEK, SO_TIMESTAMPNS);
	CHECK(before <= t && t <= after);
	CHECK_EQ(receive_at(fd[1], 1, 0, SO_TIMESTAMPNS), t);
	before = now_ns() / 1000 * 1000;
	set(fd[1], SO_TIMESTAMP, 1);
	CHECK_EQ(send(fd[0], "c", 1, 0), 1);
	t = receive_at(fd[1], 1, 0, SO_TIMESTAMP);
	CHECK(before <= t && t <= now_ns());
	CHECK_EQ(send(fd[0], "d", 1, 0), 1);
	set(fd[1], SO_TIMESTAMP, 0);
	CHECK_EQ(receive_at(fd[1], 1, 0, 0), 0);
}

GUEST_TEST(unix_datagrams_say_when)
{
	stamps(SOCK_DGRAM);
}

GUEST_TEST(unix_packets_say_when)
{
	stamps(SOCK_SEQPACKET);
}

GUEST_TEST(unix_streams_do_not)
{
	int fd[2];
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	set(fd[1], SO_TIMESTAMP, 1);
	CHECK_EQ(send(fd[0], "a", 1, 0), 1);
	CHECK_EQ(receive_at(fd[1], 1, 0, 0), 0);
}
