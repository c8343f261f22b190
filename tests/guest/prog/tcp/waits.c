/* SPDX-License-Identifier: MIT */
/* How long reads and writes wait, for how much, and what is told of what is queued. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "tests/guest/prog/tcp/tcp.h"

#ifndef SIOCOUTQ
#define SIOCOUTQ 0x5411
#endif
#ifndef SIOCOUTQNSD
#define SIOCOUTQNSD 0x894b
#endif

static void
set_time(int fd, int name, long ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv)), 0);
}

static int
queued(int fd, unsigned long what)
{
	int n = -1;
	CHECK_EQ(ioctl(fd, what, &n), 0);
	return n;
}

TCP_TEST(receive_timeout)
{
	int fd[2];
	char got[8];
	tcp_pair(net, fd);
	set_time(fd[1], SO_RCVTIMEO, 60);
	double before = guest_now();
	CHECK_ERRNO(recv(fd[1], got, 1, 0), EAGAIN);
	CHECK(guest_now() - before >= 0.055);
	send_all(fd[0], "ab", 2);
	before = guest_now();
	CHECK_EQ(recv(fd[1], got, 8, MSG_WAITALL), 2);
	CHECK(guest_now() - before >= 0.055);
	struct timeval bad = {0, 1000000};
	CHECK_ERRNO(setsockopt(fd[1], SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof(bad)), EDOM);
	CHECK_ERRNO(setsockopt(fd[1], SOL_SOCKET, SO_RCVTIMEO, &bad, 4), EINVAL);
}

TCP_TEST(send_timeout)
{
	static char block[65536];
	int fd[2];
	tcp_pair(net, fd);
	(void)fill_up(fd[0]);
	set_time(fd[0], SO_SNDTIMEO, 60);
	double before = guest_now();
	CHECK_ERRNO(send(fd[0], block, sizeof(block), 0), EAGAIN);
	CHECK(guest_now() - before >= 0.055);
	/* What went in before the time was over counts. */
	int c[2];
	size_t large = 64 << 20;
	char *much = calloc(1, large);
	CHECK(much != NULL);
	tcp_pair(net, c);
	set_time(c[0], SO_SNDTIMEO, 60);
	ssize_t put = send(c[0], much, large, 0);
	CHECK(put > 0 && (size_t)put < large);
	free(much);
}

TCP_TEST(low_water_mark)
{
	int fd[2];
	char got[16];
	tcp_pair(net, fd);
	CHECK_EQ(sock_int(fd[1], SOL_SOCKET, SO_RCVLOWAT), 1);
	sock_set(fd[1], SOL_SOCKET, SO_RCVLOWAT, 5);
	CHECK_EQ(sock_int(fd[1], SOL_SOCKET, SO_RCVLOWAT), 5);
	send_all(fd[0], "1234", 4);
	CHECK_SOON(queued(fd[1], FIONREAD) == 4);
	CHECK_EQ(tcp_events(fd[1]), POLLOUT);
	/* A read that wants less does not wait for more. */
	CHECK_EQ(recv(fd[1], got, 2, 0), 2);
	CHECK_EQ(recv(fd[1], got, 16, MSG_DONTWAIT), 2);
	send_all(fd[0], "1234", 4);
	pid_t self = getpid(), child = fork();
	if (child == 0) {
		guest_await_sleep(self);
		/* As much again as is waited for: Linux counts anew once the reader sleeps. */
		send_all(fd[0], "56789", 5);
		_exit(0);
	}
	CHECK_EQ(recv(fd[1], got, 16, 0), 9);
	CHECK_EQ(guest_reap(child), 0);
	send_all(fd[0], "1234", 4);
	CHECK_SOON(queued(fd[1], FIONREAD) == 4);
	CHECK_EQ(tcp_events(fd[1]), POLLOUT);
	send_all(fd[0], "5", 1);
	tcp_await(fd[1], POLLIN | POLLOUT);
	/* The end of the stream ends all waiting. */
	CHECK_EQ(recv(fd[1], got, 5, 0), 5);
	send_all(fd[0], "1", 1);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	tcp_await(fd[1], POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(recv(fd[1], got, 16, 0), 1);
	sock_set(fd[1], SOL_SOCKET, SO_RCVLOWAT, 0);
	CHECK_EQ(sock_int(fd[1], SOL_SOCKET, SO_RCVLOWAT), 1);
}

TCP_TEST(queued_bytes)
{
	struct sock_name reach;
	int l = tcp_listener(net, 1, &reach), fd[2], n;
	tcp_pair_on(l, &reach, fd);
	CHECK_EQ(queued(fd[0], FIONREAD), 0);
	CHECK_EQ(queued(fd[0], SIOCOUTQ), 0);
	send_all(fd[0], "1234567", 7);
	CHECK_SOON(queued(fd[1], FIONREAD) == 7);
	CHECK_SOON(queued(fd[0], SIOCOUTQ) == 0);
	expect_text(fd[1], "123");
	CHECK_EQ(queued(fd[1], FIONREAD), 4);
	expect_text(fd[1], "4567");
	CHECK_EQ(queued(fd[1], FIONREAD), 0);
	/* Nobody reads: what is not acknowledged, and of that what was not even sent. */
	size_t total = fill_up(fd[0]);
	int waiting = queued(fd[0], SIOCOUTQ), unsent = queued(fd[0], SIOCOUTQNSD);
	CHECK(unsent > 0 && unsent <= waiting && (size_t)waiting < total);
	CHECK_SOON((size_t)queued(fd[1], FIONREAD) + (size_t)queued(fd[0], SIOCOUTQ) == total);
	recv_pattern(fd[1], total, 0);
	CHECK_SOON(queued(fd[0], SIOCOUTQ) == 0);
	CHECK_EQ(queued(fd[0], SIOCOUTQNSD), 0);
	/* A FIN is no byte to read. */
	send_all(fd[0], "z", 1);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_SOON(queued(fd[0], SIOCOUTQ) == 0); /* the FIN is acknowledged, and nothing is left */
	CHECK_EQ(queued(fd[0], SIOCOUTQNSD), 0);
	tcp_await(fd[1], POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(queued(fd[1], FIONREAD), 1);
	CHECK_ERRNO(ioctl(l, FIONREAD, &n), EINVAL);
	CHECK_ERRNO(ioctl(fd[0], 0x12345678, &n), ENOTTY);
	CHECK_ERRNO(ioctl(fd[1], FIONREAD, (void *)8), EFAULT);
}

TCP_TEST(nonblocking_by_ioctl)
{
	int fd[2], on = 1;
	char c;
	tcp_pair(net, fd);
	CHECK_EQ(ioctl(fd[0], FIONBIO, &on), 0);
	CHECK_EQ(fcntl(fd[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CHECK_ERRNO(read(fd[0], &c, 1), EAGAIN);
	on = 0;
	CHECK_EQ(ioctl(fd[0], FIONBIO, &on), 0);
	CHECK_EQ(fcntl(fd[0], F_GETFL) & O_NONBLOCK, 0);
}

TCP_TEST(unsent_low_water_mark)
{
	/* TCP_NOTSENT_LOWAT: writable while little is waiting to be sent, whatever is on its way. */
	int fd[2];
	tcp_pair(net, fd);
	sock_set(fd[0], IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4096);
	CHECK_EQ(sock_int(fd[0], IPPROTO_TCP, TCP_NOTSENT_LOWAT), 4096);
	CHECK_EQ(tcp_events(fd[0]), POLLOUT);
	size_t total = fill_up(fd[0]);
	CHECK_EQ(tcp_events(fd[0]), 0);
	size_t got = 0;
	while (tcp_events(fd[0]) == 0 && got < total) {
		size_t n = total - got < 4096 ? total - got : 4096;
		recv_pattern(fd[1], n, got);
		got += n;
		guest_yield();
	}
	tcp_await(fd[0], POLLOUT);
	CHECK(queued(fd[0], SIOCOUTQNSD) < 4096);
	recv_pattern(fd[1], total - got, got);
}

static void *
read_one(void *arg)
{
	char c;
	return (void *)(intptr_t)recv(*(int *)arg, &c, 1, 0);
}

TCP_TEST(many_readers_of_one_socket)
{
	enum { READERS = 6 };
	int fd[2];
	pthread_t thread[READERS];
	tcp_pair(net, fd);
	for (int i = 0; i < READERS; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, read_one, &fd[1]), 0);
	send_all(fd[0], "12345", READERS - 1);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	int bytes = 0;
	for (int i = 0; i < READERS; i++) {
		void *n;
		CHECK_EQ(pthread_join(thread[i], &n), 0);
		bytes += (int)(intptr_t)n;
	}
	CHECK_EQ(bytes, READERS - 1); /* one met the end */
}

TCP_TEST(closing_wakes_who_waits)
{
	int fd[2];
	char c;
	tcp_pair(net, fd);
	pid_t self = getpid(), child = fork();
	if (child == 0) {
		close(fd[1]);
		guest_await_sleep(self);
		_exit(0); /* its end goes with it */
	}
	close(fd[0]);
	CHECK_EQ(recv(fd[1], &c, 1, 0), 0);
	CHECK_EQ(guest_reap(child), 0);
	/* shutdown by another thread wakes a reader of the same socket. */
	tcp_pair(net, fd);
	pthread_t thread;
	void *n;
	CHECK_EQ(pthread_create(&thread, NULL, read_one, &fd[1]), 0);
	guest_sleep_ms(20);
	CHECK_EQ(shutdown(fd[1], SHUT_RD), 0);
	CHECK_EQ(pthread_join(thread, &n), 0);
	CHECK_EQ((intptr_t)n, 0);
}
