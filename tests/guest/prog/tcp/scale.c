/* SPDX-License-Identifier: MIT */
/* Many TCP connections, much data, many threads. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "tests/guest/prog/tcp/tcp.h"

static void
allow_descriptors(rlim_t n)
{
	struct rlimit l;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &l), 0);
	l.rlim_cur = n;
	if (l.rlim_max < n)
		l.rlim_max = n;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &l), 0);
}

/* A thousand connections that echo: the server end of each is in one epoll set. */
#define PAIRS    1000
#define PAYLOADS 3

struct echo {
	int listener;
	int accepted;
};

static void
echo_once(int ep, int fd)
{
	char block[512];
	ssize_t n = recv(fd, block, sizeof(block), MSG_DONTWAIT);
	if (n == 0) {
		CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), 0);
		CHECK_EQ(close(fd), 0);
	} else if (n > 0) {
		send_all(fd, block, (size_t)n);
	} else {
		CHECK_EQ(errno, EAGAIN);
	}
}

static void *
echo_server(void *arg)
{
	struct echo *s = arg;
	int ep = epoll_create1(0), open = 0;
	struct epoll_event e = {.events = EPOLLIN, .data.fd = s->listener}, got[64];
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, s->listener, &e), 0);
	while (s->accepted < PAIRS || open > 0) {
		int n = epoll_wait(ep, got, 64, -1);
		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			if (got[i].data.fd != s->listener) {
				echo_once(ep, got[i].data.fd);
				open -= fcntl(got[i].data.fd, F_GETFD) < 0;
				continue;
			}
			int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK);
			CHECK(fd >= 0);
			e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
			CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
			s->accepted++;
			open++;
		}
	}
	CHECK_EQ(close(ep), 0);
	return NULL;
}

TCP_TEST_FLAGS(thousand_connections_echo, GUEST_LEAKS_CACHE)
{
	static int c[PAIRS];
	struct sock_name reach;
	pthread_t thread;
	allow_descriptors(2 * PAIRS + 100);
	struct echo s = {tcp_listener(net, PAIRS, &reach), 0};
	CHECK_EQ(pthread_create(&thread, NULL, echo_server, &s), 0);
	for (int i = 0; i < PAIRS; i++)
		c[i] = tcp_connected(&reach);
	char block[300], back[300];
	for (int round = 0; round < PAYLOADS; round++) {
		for (int i = 0; i < PAIRS; i++) {
			pattern_fill(block, sizeof(block), (uint64_t)i * 1000 + (uint64_t)round);
			send_all(c[i], block, sizeof(block));
		}
		for (int i = 0; i < PAIRS; i++) {
			recv_all(c[i], back, sizeof(back));
			pattern_check(back, sizeof(back), (uint64_t)i * 1000 + (uint64_t)round);
		}
	}
	for (int i = 0; i < PAIRS; i++)
		CHECK_EQ(shutdown(c[i], SHUT_WR), 0);
	for (int i = 0; i < PAIRS; i++) {
		expect_eof(c[i]);
		close(c[i]);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* Both directions of several connections at once, each by a thread of its own. */
#define BULK    (4u << 20)
#define STREAMS 4

static void *
bulk_out(void *arg)
{
	int fd = *(int *)arg;
	static _Thread_local char block[50000];
	for (size_t at = 0; at < BULK;) {
		size_t n = BULK - at < sizeof(block) ? BULK - at : sizeof(block);
		pattern_fill(block, n, at);
		send_all(fd, block, n);
		at += n;
	}
	CHECK_EQ(shutdown(fd, SHUT_WR), 0);
	return NULL;
}

static void *
bulk_in(void *arg)
{
	int fd = *(int *)arg;
	recv_pattern(fd, BULK, 0);
	expect_eof(fd);
	return NULL;
}

TCP_TEST(bulk_both_ways)
{
	int fd[STREAMS][2];
	pthread_t thread[STREAMS][4];
	for (int i = 0; i < STREAMS; i++) {
		tcp_pair(net, fd[i]);
		for (int end = 0; end < 2; end++) {
			CHECK_EQ(pthread_create(&thread[i][end], NULL, bulk_out, &fd[i][end]), 0);
			CHECK_EQ(
				pthread_create(&thread[i][2 + end], NULL, bulk_in, &fd[i][end]), 0);
		}
	}
	for (int i = 0; i < STREAMS; i++)
		for (int k = 0; k < 4; k++)
			CHECK_EQ(pthread_join(thread[i][k], NULL), 0);
}

/* Many short connections, one after another: half of them end on the server's side first, and leave TIME_WAIT there. */
#define SHORT 2000

static void *
short_server(void *arg)
{
	int l = *(int *)arg;
	for (int i = 0; i < SHORT; i++) {
		char c;
		int fd = accept(l, NULL, NULL);
		CHECK(fd >= 0);
		CHECK_EQ(recv(fd, &c, 1, 0), 1);
		send_all(fd, &c, 1);
		if (c & 1)
			expect_eof(fd);
		CHECK_EQ(close(fd), 0);
	}
	return NULL;
}

TCP_TEST_FLAGS(many_short_connections, GUEST_LEAKS_CACHE)
{
	struct sock_name reach;
	pthread_t thread;
	int l = tcp_listener(net, 100, &reach);
	CHECK_EQ(pthread_create(&thread, NULL, short_server, &l), 0);
	for (int i = 0; i < SHORT; i++) {
		char c = (char)i, back;
		int fd = tcp_connected(&reach);
		send_all(fd, &c, 1);
		CHECK_EQ(recv(fd, &back, 1, 0), 1);
		CHECK_EQ(back, c);
		if (!(c & 1))
			expect_eof(fd);
		CHECK_EQ(close(fd), 0);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* Connections that come and go in several threads at once, some of them with an RST, some never accepted. */
struct churner {
	const struct sock_name *reach;
	unsigned seed;
};

static void *
churn(void *arg)
{
	struct churner *t = arg;
	for (int i = 0; i < 200; i++) {
		int fd = tcp_socket(t->reach);
		unsigned how = (unsigned)rand_r(&t->seed) >> 4;
		if (how & 1)
			reset_on_close(fd);
		if (how & 2)
			set_nonblock(fd);
		int err = connect(fd, &t->reach->sa, t->reach->len);
		CHECK(err == 0 || errno == EINPROGRESS || errno == ECONNRESET);
		if (how & 4)
			(void)send(fd, "some data", 9, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (how & 8)
			(void)shutdown(fd, (int)(how >> 5) % 3);
		CHECK_EQ(close(fd), 0);
	}
	return NULL;
}

TCP_TEST_FLAGS(connections_come_and_go, GUEST_LEAKS_CACHE)
{
	enum { THREADS = 4 };
	struct sock_name reach;
	struct churner t[THREADS];
	pthread_t thread[THREADS];
	int l = tcp_listener(net, 4096, &reach);
	set_nonblock(l);
	for (unsigned i = 0; i < THREADS; i++) {
		t[i] = (struct churner){&reach, i + 1};
		CHECK_EQ(pthread_create(&thread[i], NULL, churn, &t[i]), 0);
	}
	int accepted = 0;
	for (int quiet = 0; quiet < 200;) {
		int fd = accept(l, NULL, NULL);
		if (fd < 0) {
			CHECK_EQ(errno, EAGAIN);
			quiet++;
			guest_sleep_ms(1);
			continue;
		}
		quiet = 0;
		accepted++;
		char c;
		(void)recv(fd, &c, 1, MSG_DONTWAIT);
		CHECK_EQ(close(fd), 0);
	}
	CHECK(accepted > 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
}

/* Several threads write to one socket: what each write took stays together only as far as it was taken at once. */
static void *
write_letters(void *arg)
{
	const int *a = arg;
	char block[1000];
	memset(block, a[1], sizeof(block));
	for (int i = 0; i < 100; i++)
		send_all(a[0], block, sizeof(block));
	return NULL;
}

TCP_TEST(many_writers_of_one_socket)
{
	enum { WRITERS = 4 };
	int fd[2], args[WRITERS][2];
	pthread_t thread[WRITERS];
	unsigned count[256] = {0};
	tcp_pair(net, fd);
	for (int i = 0; i < WRITERS; i++) {
		args[i][0] = fd[0];
		args[i][1] = 'a' + i;
		CHECK_EQ(pthread_create(&thread[i], NULL, write_letters, args[i]), 0);
	}
	unsigned char block[5000];
	for (size_t got = 0; got < WRITERS * 100000u;) {
		ssize_t n = recv(fd[1], block, sizeof(block), 0);
		CHECK(n > 0);
		got += (size_t)n;
		for (ssize_t k = 0; k < n; k++)
			count[block[k]]++;
	}
	for (int i = 0; i < WRITERS; i++) {
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
		CHECK_EQ(count['a' + i], 100000);
	}
}
