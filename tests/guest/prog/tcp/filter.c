/* SPDX-License-Identifier: MIT */
/* SO_ATTACH_FILTER: of streams, of datagrams, of AF_UNIX. */
#include "tests/guest/prog/filter.h"
#include "tests/guest/prog/tcp/tcp.h"

/* Lets what begins with another byte pass; of what begins with `but`, `otherwise` bytes, the header included. */
static void
filter_text(int fd, char but, uint32_t otherwise)
{
	/* ldb [12]; and 0xf0; rsh 2; tax; ld len; jgt x (there is text); ldb [x + 0]; jeq but; ret ~0; ret otherwise */
	const struct filter_insn insns[] = {{0x30, 0, 0, 12}, {0x54, 0, 0, 0xf0}, {0x74, 0, 0, 2},
		{0x07, 0, 0, 0}, {0x80, 0, 0, 0}, {0x2d, 0, 2, 0}, {0x50, 0, 0, 0},
		{0x15, 1, 0, (unsigned char)but}, {0x06, 0, 0, ~0u}, {0x06, 0, 0, otherwise}};
	struct filter_program program = {10, insns};
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

/* A stream's filter loses segments, as if the network had: they come again, and arrive when it is gone. */
TCP_TEST(filter_loses_segments)
{
	int fd[2];
	char c;
	tcp_pair(net, fd);
	filter_text(fd[1], 'n', 0);
	send_all(fd[0], "yes", 3);
	expect_text(fd[1], "yes");
	send_all(fd[0], "no", 2);
	CHECK_EQ(poll(&(struct pollfd){fd[1], POLLIN, 0}, 1, 100), 0);
	CHECK_ERRNO(recv(fd[1], &c, 1, MSG_DONTWAIT), EAGAIN);
	sock_set(fd[1], SOL_SOCKET, SO_DETACH_FILTER, 0);
	expect_text(fd[1], "no");
	/* What it cuts off comes again too: 60 bytes of a segment are a header and some text. */
	filter_text(fd[1], 'n', 60);
	send_all(fd[0], "now that this is longer than what it wants, it needs more than one", 66);
	expect_text(fd[1], "now that this is longer than what it wants, it needs more than one");
}

/* Connections have the filter of their listener, and its lock. */
TCP_TEST(filter_of_a_listener)
{
	struct sock_name to;
	int l = tcp_listener(net, 5, &to), one = 1, zero = 0;
	CHECK_EQ(sock_int(l, SOL_SOCKET, SO_LOCK_FILTER), 0);
	CHECK_EQ(setsockopt(l, SOL_SOCKET, SO_LOCK_FILTER, &zero, sizeof(zero)), 0);
	CHECK_ERRNO(setsockopt(l, SOL_SOCKET, SO_LOCK_FILTER, &one, 1), EINVAL);
	CHECK_ERRNO(setsockopt(l, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero)), ENOENT);
	filter_text(l, 'n', 0);
	sock_set(l, SOL_SOCKET, SO_LOCK_FILTER, 1);
	CHECK_EQ(sock_int(l, SOL_SOCKET, SO_LOCK_FILTER), 1);
	CHECK_ERRNO(setsockopt(l, SOL_SOCKET, SO_LOCK_FILTER, &zero, sizeof(zero)), EPERM);
	CHECK_ERRNO(setsockopt(l, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero)), EPERM);
	int c = tcp_connected(&to), s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	CHECK_EQ(close(l), 0);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_LOCK_FILTER), 1);
	CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero)), EPERM);
	send_all(c, "yes", 3);
	expect_text(s, "yes");
	send_all(c, "no", 2);
	CHECK_EQ(poll(&(struct pollfd){s, POLLIN, 0}, 1, 100), 0);
	/* A listener that wants nothing is as if it were not there: a client waits. */
	static const struct filter_insn none[] = {{0x06, 0, 0, 0}};
	struct filter_program nothing = {1, none};
	l = tcp_listener(net, 5, &to);
	CHECK_EQ(setsockopt(l, SOL_SOCKET, SO_ATTACH_FILTER, &nothing, sizeof(nothing)), 0);
	int late = tcp_socket(&to);
	set_nonblock(late);
	CHECK_ERRNO(connect(late, &to.sa, to.len), EINPROGRESS);
	CHECK_EQ(poll(&(struct pollfd){late, POLLOUT, 0}, 1, 100), 0);
	sock_set(l, SOL_SOCKET, SO_DETACH_FILTER, 0);
	CHECK_EQ(poll(&(struct pollfd){late, POLLOUT, 0}, 1, 20000), 1);
	CHECK_EQ(sock_int(late, SOL_SOCKET, SO_ERROR), 0);
}

/* SO_GET_FILTER counts instructions, not bytes. */
TCP_TEST(filter_is_shown_as_it_was_attached)
{
	enum { GET_FILTER = SO_ATTACH_FILTER, N = 10 };
	struct filter_insn got[N + 1];
	struct sock_name to;
	int l = tcp_listener(net, 5, &to);
	socklen_t n = N;
	CHECK_EQ(getsockopt(l, SOL_SOCKET, GET_FILTER, got, &n), 0);
	CHECK_EQ(n, 0);
	filter_text(l, 'n', 7);
	CHECK_EQ(getsockopt(l, SOL_SOCKET, GET_FILTER, NULL, &n), 0);
	CHECK_EQ(n, N);
	n = N - 1;
	CHECK_ERRNO(getsockopt(l, SOL_SOCKET, GET_FILTER, got, &n), EINVAL);
	n = N;
	CHECK_ERRNO(getsockopt(l, SOL_SOCKET, GET_FILTER, (void *)1, &n), EFAULT);
	sock_set(l, SOL_SOCKET, SO_LOCK_FILTER, 1); /* it may be seen all the same */
	int c = tcp_connected(&to), s = accept(l, NULL, NULL);
	CHECK(c >= 0 && s >= 0);
	memset(got, 0xee, sizeof(got));
	n = N + 1;
	CHECK_EQ(getsockopt(s, SOL_SOCKET, GET_FILTER, got, &n), 0);
	CHECK_EQ(n, N);
	CHECK(got[0].code == 0x30 && got[0].k == 12);
	CHECK(got[7].code == 0x15 && got[7].jt == 1 && got[7].jf == 0 && got[7].k == 'n');
	CHECK(got[9].code == 0x06 && got[9].k == 7);
	CHECK_EQ(got[N].code, 0xeeee);
}

/* AF_UNIX: messages are lost or cut without their sender's knowledge; a stream's filter has nothing to look at. */
GUEST_TEST(tcp_beside_filtered_unix_sockets)
{
	/* ldb [0]; jeq 'n'; ret 4; ret 0 */
	static const struct filter_insn insns[] = {
		{0x30, 0, 0, 0}, {0x15, 1, 0, 'n'}, {0x06, 0, 0, 4}, {0x06, 0, 0, 0}};
	struct filter_program program = {4, insns};
	char got[16];
	int fd[2], types[2] = {SOCK_DGRAM, SOCK_SEQPACKET};
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(socketpair(AF_UNIX, types[i], 0, fd), 0);
		CHECK_EQ(setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
			0);
		CHECK_EQ(send(fd[0], "no", 2, 0), 2);
		CHECK_EQ(send(fd[0], "", 0, 0), 0); /* no byte to look at: not wanted */
		CHECK_EQ(send(fd[0], "yes, but", 8, 0), 8);
		CHECK_EQ(send(fd[0], "y", 1, 0), 1);
		CHECK_EQ(recv(fd[1], got, sizeof(got), MSG_TRUNC), 4);
		CHECK_EQ(memcmp(got, "yes,", 4), 0);
		CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 1);
		CHECK_ERRNO(recv(fd[1], got, sizeof(got), MSG_DONTWAIT), EAGAIN);
		CHECK_EQ(send(fd[1], "no", 2, 0), 2); /* its own has no say in what it sends */
		CHECK_EQ(recv(fd[0], got, sizeof(got), 0), 2);
		sock_set(fd[1], SOL_SOCKET, SO_DETACH_FILTER, 0);
		CHECK_EQ(send(fd[0], "no", 2, 0), 2);
		CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 2);
		close(fd[0]);
		close(fd[1]);
	}
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	CHECK_EQ(setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	CHECK_EQ(send(fd[0], "no, all of it", 13, 0), 13);
	CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 13);
	close(fd[0]);
	close(fd[1]);
}

/* A datagram socket's filter sees the UDP header, reaches IP's, drops datagrams or cuts them. */
GUEST_TEST(tcp_beside_filtered_datagrams)
{
	/* ldb [net + 9]; jeq UDP; ldb [8]; jeq 'y'; ret 8 + 3; ret 0 */
	static const struct filter_insn insns[] = {{0x30, 0, 0, (uint32_t)-0x100000 + 9},
		{0x15, 0, 3, IPPROTO_UDP}, {0x30, 0, 0, 8}, {0x15, 0, 1, 'y'}, {0x06, 0, 0, 8 + 3},
		{0x06, 0, 0, 0}};
	struct filter_program program = {6, insns};
	struct sock_name at = tcp_name(AF_INET, 0);
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
	char got[16];
	CHECK_EQ(bind(s, &at.sa, at.len), 0);
	at = sock_name_of(s);
	CHECK_EQ(connect(c, &at.sa, at.len), 0);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	CHECK_EQ(send(c, "no", 2, 0), 2);
	CHECK_EQ(send(c, "yes!!", 5, 0), 5);
	CHECK_EQ(send(c, "y", 1, 0), 1);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 3);
	CHECK_EQ(memcmp(got, "yes", 3), 0);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 1);
	sock_set(s, SOL_SOCKET, SO_DETACH_FILTER, 0);
	CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int)), ENOENT);
	CHECK_EQ(send(c, "no", 2, 0), 2);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 2);
	close(s);
	close(c);
}
