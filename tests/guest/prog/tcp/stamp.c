/* SPDX-License-Identifier: MIT */
/* When a stream's bytes came: SO_TIMESTAMP and its like. */
#include <string.h>
#include <time.h>

#include "tests/guest/prog/tcp/tcp.h"

static int64_t
now_ns(void)
{
	struct timespec t;
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &t), 0);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Receives n bytes; the time of the message of this type, in nanoseconds, 0: there is no message. */
static int64_t
receive_at(int fd, ssize_t n, int flags, int type)
{
	char data[64];
	union {
		struct cmsghdr align;
		char bytes[128];
	} control;
	struct iovec v = {data, (size_t)n};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	int64_t t[2];
	CHECK_EQ(recvmsg(fd, &m, flags), n);
	const struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	if (h == NULL)
		return 0;
	CHECK_EQ(h->cmsg_level, SOL_SOCKET);
	CHECK_EQ(h->cmsg_type, type);
	CHECK_EQ(h->cmsg_len, CMSG_LEN(sizeof(t)));
	memcpy(t, CMSG_DATA(h), sizeof(t));
	return t[0] * 1000000000 + t[1] * (type == SO_TIMESTAMP ? 1000 : 1);
}

TCP_TEST(stamps_of_bytes)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), fd[2];
	sock_set(l, SOL_SOCKET, SO_TIMESTAMP, 1); /* which connections inherit */
	tcp_pair_on(l, &reach, fd);
	int64_t first = 0;
	for (int tries = 0; tries < 1000 && first == 0;
		tries++) { /* Linux begins to look at the time a while later */
		send_all(fd[0], "?", 1);
		first = receive_at(fd[1], 1, MSG_WAITALL, SO_TIMESTAMP);
	}
	int64_t before = now_ns() / 1000 * 1000;
	send_all(fd[0], "once", 4);
	tcp_await(fd[1], POLLIN | POLLOUT);
	int64_t between = now_ns();
	first = receive_at(fd[1], 2, MSG_PEEK, SO_TIMESTAMP);
	CHECK(before <= first && first <= between);
	CHECK_EQ(receive_at(fd[1], 1, MSG_TRUNC, SO_TIMESTAMP), first);
	CHECK_EQ(receive_at(fd[1], 1, 0, SO_TIMESTAMP), first);
	/* What bytes of several times are read together has the last one's. */
	between = between / 1000 * 1000;
	send_all(fd[0], "more", 4);
	while (recv(fd[1], (char[8]){0}, 8, MSG_PEEK) != 6)
		;
	int64_t last = receive_at(fd[1], 6, 0, SO_TIMESTAMP);
	CHECK(between <= last && last <= now_ns());
	sock_set(fd[1], SOL_SOCKET, SO_TIMESTAMPNS, 1);
	before = now_ns();
	send_all(fd[0], "x", 1);
	first = receive_at(fd[1], 1, MSG_WAITALL, SO_TIMESTAMPNS);
	CHECK(before <= first && first <= now_ns());
	sock_set(fd[1], SOL_SOCKET, SO_TIMESTAMPNS, 0);
	send_all(fd[0], "y", 1);
	CHECK_EQ(receive_at(fd[1], 1, MSG_WAITALL, 0), 0);
}
