/* SPDX-License-Identifier: MIT */
/* Bytes over TCP: every call that moves them, their flags, what they wait for. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "tests/guest/prog/tcp/tcp.h"

TCP_TEST(data_of_all_sizes)
{
	static const size_t sizes[] = {1, 2, 191, 192, 193, 536, 1460, 4095, 4096, 4097, 9000,
		16384, 65535, 65536, 65537, 100000};
	static char block[100000];
	int fd[2];
	uint64_t at = 0;
	tcp_pair(net, fd);
	CHECK_EQ(send(fd[0], block, 0, 0), 0);
	CHECK_EQ(write(fd[0], block, 0), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pattern_fill(block, sizes[i], at);
		send_all(fd[i % 2], block, sizes[i]);
		recv_pattern(fd[1 - i % 2], sizes[i], at);
		at += sizes[i];
	}
	char byte;
	CHECK_ERRNO(recv(fd[0], &byte, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERRNO(recv(fd[1], &byte, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(read(fd[0], &byte, 0), 0);
}

TCP_TEST(data_peek)
{
	int fd[2];
	char got[16] = "";
	tcp_pair(net, fd);
	CHECK_ERRNO(recv(fd[1], got, 4, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
	send_all(fd[0], "abc", 3);
	CHECK_EQ(recv(fd[1], got, 2, MSG_PEEK), 2);
	CHECK(memcmp(got, "ab", 2) == 0);
	send_all(fd[0], "def", 3);
	/* Over the border of what came separately, and waiting for all of it. */
	CHECK_EQ(recv(fd[1], got, 6, MSG_PEEK | MSG_WAITALL), 6);
	CHECK(memcmp(got, "abcdef", 6) == 0);
	CHECK_EQ(recv(fd[1], got, 4, 0), 4);
	CHECK_EQ(recv(fd[1], got, sizeof(got), MSG_PEEK), 2);
	CHECK(memcmp(got, "ef", 2) == 0);
	CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 2);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_EQ(recv(fd[1], got, sizeof(got), MSG_PEEK), 0);
}

static void *
drip(void *arg)
{
	int fd = *(int *)arg;
	for (int i = 0; i < 12; i++) {
		char c = (char)('a' + i);
		send_all(fd, &c, 1);
		guest_sleep_ms(1);
	}
	return NULL;
}

TCP_TEST(data_waitall)
{
	int fd[2];
	char a[4], b[8];
	pthread_t thread;
	tcp_pair(net, fd);
	sock_set(fd[0], IPPROTO_TCP, TCP_NODELAY, 1);
	CHECK_EQ(pthread_create(&thread, NULL, drip, &fd[0]), 0);
	struct iovec v[2] = {{a, sizeof(a)}, {b, sizeof(b)}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	CHECK_EQ(recvmsg(fd[1], &m, MSG_WAITALL), 12);
	CHECK(memcmp(a, "abcd", 4) == 0 && memcmp(b, "efghijkl", 8) == 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	/* The end of the stream ends the wait, and so does a signal; what came is not lost. */
	send_all(fd[0], "xy", 2);
	count_signal(SIGUSR1, 0);
	pid_t child = signal_when_asleep(SIGUSR1);
	CHECK_EQ(recv(fd[1], b, 8, MSG_WAITALL), 2);
	CHECK_EQ(guest_reap(child), 0);
	CHECK_EQ(signals_seen, 1);
	send_all(fd[0], "z", 1);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_EQ(recv(fd[1], b, 8, MSG_WAITALL), 1);
	CHECK_EQ(recv(fd[1], b, 8, MSG_WAITALL), 0);
}

TCP_TEST(data_thrown_away)
{
	/* On a stream, MSG_TRUNC takes bytes and copies none. */
	int fd[2];
	char got[8] = "------";
	tcp_pair(net, fd);
	send_all(fd[0], "0123456789", 10);
	CHECK_EQ(recv(fd[1], NULL, 4, MSG_TRUNC), 4);
	CHECK_EQ(recv(fd[1], got, 2, MSG_TRUNC | MSG_PEEK), 2);
	CHECK(memcmp(got, "----", 4) == 0);
	expect_text(fd[1], "456789");
}

/* How long MSG_MORE and the cork hold: not at all if the host stalls for 200 ms between two calls, so several tries. */
static void
check_held_back(const struct tcp_net *net, bool cork)
{
	int fd[2];
	tcp_pair(net, fd);
	for (int tries = 0; tries < 5; tries++) {
		char got[8] = "";
		if (cork)
			sock_set(fd[0], IPPROTO_TCP, TCP_CORK, 1);
		CHECK_EQ(send(fd[0], "a", 1, cork ? 0 : MSG_MORE), 1);
		CHECK_EQ(send(fd[0], "b", 1, cork ? 0 : MSG_MORE), 1);
		struct pollfd p = {fd[1], POLLIN, 0};
		bool early = poll(&p, 1, 5) != 0;
		CHECK_EQ(send(fd[0], "c", 1, 0), 1);
		if (cork)
			sock_set(fd[0], IPPROTO_TCP, TCP_CORK, 0);
		ssize_t n = recv(fd[1], got, sizeof(got), 0);
		if (!early && n == 3)
			return;
		while (n < 3)
			n += recv(fd[1], got, sizeof(got), 0);
	}
	guest_fail(__FILE__, __LINE__, "five times nothing was held back");
}

TCP_TEST(data_with_more_to_come)
{
	check_held_back(net, false);
}

TCP_TEST(data_corked)
{
	check_held_back(net, true);
	/* What is held back goes after 200 ms all the same. */
	int fd[2];
	tcp_pair(net, fd);
	sock_set(fd[0], IPPROTO_TCP, TCP_CORK, 1);
	send_all(fd[0], "late", 4);
	expect_text(fd[1], "late");
	/* And the FIN takes it along. */
	send_all(fd[0], "last", 4);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	expect_text(fd[1], "last");
	expect_eof(fd[1]);
}

TCP_TEST(data_in_vectors)
{
	int fd[2];
	char one[3], two[1], three[10];
	tcp_pair(net, fd);
	struct iovec out[4] = {{"He", 2}, {NULL, 0}, {"llo, ", 5}, {"world", 5}};
	CHECK_EQ(writev(fd[0], out, 4), 12);
	struct iovec in[3] = {{one, 3}, {two, 1}, {three, 10}};
	struct sock_name from = {.len = sizeof(from.storage)};
	struct msghdr m = {.msg_name = &from.storage,
		.msg_namelen = from.len,
		.msg_iov = in,
		.msg_iovlen = 3,
		.msg_flags = 0x1234};
	CHECK_EQ(recvmsg(fd[1], &m, MSG_WAITALL | MSG_DONTWAIT), 12);
	CHECK_EQ(m.msg_namelen, 0); /* connected: who it is from is no question */
	CHECK_EQ(m.msg_flags & ~MSG_CMSG_CLOEXEC, 0);
	CHECK(memcmp(one, "Hel", 3) == 0 && two[0] == 'l' && memcmp(three, "o, world", 8) == 0);
	/* A destination is not needed, and not heeded. */
	struct sock_name nowhere = tcp_name(net->client, 1);
	CHECK_EQ(sendto(fd[0], "there", 5, 0, &nowhere.sa, nowhere.len), 5);
	CHECK_EQ(readv(fd[1], in, 3), 5);
	m = (struct msghdr){.msg_iov = out, .msg_iovlen = 1};
	CHECK_EQ(sendmsg(fd[0], &m, MSG_EOR), 2);
	CHECK_EQ(recvfrom(fd[1], three, 10, 0, &from.sa, &from.len), 2);
	CHECK_EQ(from.len, 0);
	m.msg_iovlen = 2000;
	CHECK_ERRNO(sendmsg(fd[0], &m, 0), EMSGSIZE);
}

TCP_TEST(data_in_many_messages)
{
	int fd[2];
	char a[4] = "", b[4] = "", c[4] = "";
	tcp_pair(net, fd);
	struct iovec v[3] = {{"abc", 3}, {"def", 3}, {"gh", 2}};
	struct mmsghdr m[3] = {{.msg_hdr = {.msg_iov = &v[0], .msg_iovlen = 1}},
		{.msg_hdr = {.msg_iov = &v[1], .msg_iovlen = 1}},
		{.msg_hdr = {.msg_iov = &v[2], .msg_iovlen = 1}}};
	CHECK_EQ(sendmmsg(fd[0], m, 3, 0), 3);
	CHECK(m[0].msg_len == 3 && m[1].msg_len == 3 && m[2].msg_len == 2);
	CHECK_SOON(recv(fd[1], NULL, 8, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT) == 8);
	v[0] = (struct iovec){a, 3};
	v[1] = (struct iovec){b, 4};
	v[2] = (struct iovec){c, 4};
	CHECK_EQ(recvmmsg(fd[1], m, 3, MSG_DONTWAIT, NULL), 3);
	CHECK(m[0].msg_len == 3 && m[1].msg_len == 4 && m[2].msg_len == 1);
	CHECK(memcmp(a, "abc", 3) == 0 && memcmp(b, "defg", 4) == 0 && c[0] == 'h');
	CHECK_ERRNO(recvmmsg(fd[1], m, 3, MSG_DONTWAIT, NULL), EAGAIN);
	send_all(fd[0], "x", 1);
	tcp_await(fd[1], POLLIN | POLLOUT);
	CHECK_EQ(recvmmsg(fd[1], m, 3, MSG_WAITFORONE, NULL), 1);
}

TCP_TEST(data_at_bad_addresses)
{
	int fd[2];
	char got[8];
	tcp_pair(net, fd);
	CHECK_ERRNO(send(fd[0], (void *)8, 10, 0), EFAULT);
	CHECK_EQ(tcp_info_of(fd[0]).notsent_bytes, 0);
	send_all(fd[0], "kept", 4);
	tcp_await(fd[1], POLLIN | POLLOUT);
	CHECK_ERRNO(recv(fd[1], (void *)8, 10, 0), EFAULT);
	CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 4);
	CHECK(memcmp(got, "kept", 4) == 0);
	CHECK_ERRNO(recv(fd[1], got, 1, MSG_ERRQUEUE), EAGAIN);
}

TCP_TEST(data_fills_the_buffers)
{
	int fd[2];
	tcp_pair(net, fd);
	size_t total = fill_up(fd[0]);
	CHECK(total > 65536);
	CHECK_EQ(tcp_events(fd[0]), 0);
	CHECK_ERRNO(send(fd[0], "x", 1, MSG_DONTWAIT), EAGAIN);
	recv_pattern(fd[1], total / 2, 0);
	tcp_await(fd[0], POLLOUT);
	recv_pattern(fd[1], total - total / 2, total / 2);
	/* Room again, for all there was before. */
	size_t more = fill_up(fd[0]);
	CHECK(more > 65536);
	recv_pattern(fd[1], more, 0);
}

struct stream {
	int fd;
	size_t n;
};

static void *
write_stream(void *arg)
{
	struct stream *s = arg;
	char *block = malloc(s->n);
	CHECK(block != NULL);
	pattern_fill(block, s->n, 0);
	CHECK_EQ(write(s->fd, block, s->n), s->n); /* all of it, in one call that waits */
	free(block);
	return NULL;
}

TCP_TEST(data_in_one_long_write)
{
	int fd[2];
	pthread_t thread;
	tcp_pair(net, fd);
	struct stream s = {fd[0], 8 << 20};
	CHECK_EQ(pthread_create(&thread, NULL, write_stream, &s), 0);
	recv_pattern(fd[1], s.n, 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

TCP_TEST(data_small_buffers)
{
	int fd[2];
	pthread_t thread;
	struct sock_name reach;
	int l = tcp_listener(net, 1, &reach);
	sock_set(l, SOL_SOCKET, SO_RCVBUF, 1); /* the least there is */
	fd[0] = tcp_socket(&reach);
	sock_set(fd[0], SOL_SOCKET, SO_SNDBUF, 1);
	CHECK_EQ(connect(fd[0], &reach.sa, reach.len), 0);
	fd[1] = accept(l, NULL, NULL);
	CHECK(fd[1] >= 0);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_SNDBUF), 4608);
	CHECK_EQ(sock_int(fd[1], SOL_SOCKET, SO_RCVBUF), 2304);
	struct stream s = {fd[0], 200000};
	CHECK_EQ(pthread_create(&thread, NULL, write_stream, &s), 0);
	recv_pattern(fd[1], s.n, 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

TCP_TEST(data_interrupts_a_write)
{
	int fd[2];
	static char block[65536];
	tcp_pair(net, fd);
	(void)fill_up(fd[0]);
	count_signal(SIGUSR1, 0);
	pid_t child = signal_when_asleep(SIGUSR1);
	CHECK_ERRNO(write(fd[0], block, sizeof(block)), EINTR);
	CHECK_EQ(guest_reap(child), 0);
	child = signal_when_asleep(SIGUSR1);
	CHECK_ERRNO(read(fd[0], block, 1), EINTR);
	CHECK_EQ(guest_reap(child), 0);
}
