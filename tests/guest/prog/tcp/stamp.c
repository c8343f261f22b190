/* SPDX-License-Identifier: MIT */
/* When a stream's bytes came: SO_TIMESTAMP and its like. */
#include "tests/guest/prog/stamp_util.h"
#include "tests/guest/prog/tcp/tcp.h"

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
