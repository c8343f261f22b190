/* SPDX-License-Identifier: MIT */
/* The queue of connections that wait for accept: how long it is, who is in it, what happens to them. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "tests/guest/prog/tcp/tcp.h"

#define MIGRATE "/proc/sys/net/ipv4/tcp_migrate_req"

static int
begin_connect(const struct sock_name *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(fd >= 0);
	CHECK_ERRNO(connect(fd, &to->sa, to->len), EINPROGRESS);
	return fd;
}

static void
reset(int fd)
{
	reset_on_close(fd);
	CHECK_EQ(close(fd), 0);
}

TCP_TEST(backlog_bounds_connections)
{
	static const int backlogs[] = {0, 1, 3};
	for (int i = 0; i < 3; i++) {
		struct sock_name reach;
		int backlog = backlogs[i], l = tcp_listener(net, backlog, &reach), c[8];
		for (int k = 0; k <= backlog; k++) {
			c[k] = begin_connect(&reach);
			tcp_await(c[k], POLLOUT);
		}
		struct tcp_report info;
		CHECK_SOON((info = tcp_info_of(l)).unacked == (unsigned)backlog + 1);
		CHECK_EQ(info.sacked, backlog);
		int late = begin_connect(&reach);
		struct pollfd p = {late, POLLOUT, 0};
		CHECK_EQ(poll(&p, 1, 100), 0);
		CHECK_EQ(tcp_info_of(late).state, TCP_SYN_SENT);
		CHECK(accept(l, NULL, NULL) >= 0);
		tcp_await(late, POLLOUT);
		CHECK_SOON(tcp_info_of(l).unacked == (unsigned)backlog + 1);
		for (int k = 0; k <= backlog; k++)
			CHECK(accept(l, NULL, NULL) >= 0);
		set_nonblock(l);
		CHECK_ERRNO(accept(l, NULL, NULL), EAGAIN);
		close(l);
	}
}

TCP_TEST(accepts_in_order)
{
	struct sock_name reach;
	int l = tcp_listener(net, 20, &reach), c[20];
	for (int i = 0; i < 20; i++) {
		c[i] = tcp_connected(&reach);
		CHECK_SOON(tcp_info_of(l).unacked == (unsigned)i + 1);
	}
	for (int i = 0; i < 20; i++) {
		int s = accept(l, NULL, NULL);
		CHECK(s >= 0);
		struct sock_name a = sock_name_of(c[i]), b = sock_peer_of(s);
		CHECK(sock_name_equal(&a, &b));
	}
}

TCP_TEST(accepts_what_has_ended)
{
	/* All of a connection's life before it is accepted: data and FIN are not lost, an RST is told. */
	struct sock_name reach, from = {.len = sizeof(from.storage)};
	int l = tcp_listener(net, 20, &reach), c = tcp_connected(&reach);
	char byte;
	send_all(c, "all of it", 9);
	close(c);
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	expect_text(s, "all of it");
	expect_eof(s);
	CHECK_EQ(send(s, "x", 1, MSG_NOSIGNAL), 1); /* nobody is there, but that is not known yet */
	close(s);
	c = tcp_connected(&reach);
	struct sock_name at = sock_name_of(c);
	reset(c);
	guest_sleep_ms(20);
	s = accept(l, &from.sa, &from.len);
	CHECK(s >= 0);
	CHECK(sock_name_equal(&at, &from));
	CHECK_ERRNO(recv(s, &byte, 1, 0), ECONNRESET);
	CHECK_EQ(recv(s, &byte, 1, 0), 0);
	CHECK_ERRNO(send(s, "x", 1, MSG_NOSIGNAL), EPIPE);
}

TCP_TEST(closed_listener_resets_who_waits)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), c[5];
	char byte;
	for (int i = 0; i < 5; i++) {
		c[i] = tcp_connected(&reach);
		CHECK_SOON(tcp_info_of(l).unacked == (unsigned)i + 1);
	}
	send_all(c[1], "unread", 6);
	close(c[4]);
	close(l);
	for (int i = 0; i < 4; i++) {
		tcp_await(c[i], POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
		CHECK_ERRNO(recv(c[i], &byte, 1, 0), ECONNRESET);
	}
	int again = tcp_socket(&reach);
	CHECK_ERRNO(connect(again, &reach.sa, reach.len), ECONNREFUSED);
}

static void *
accept_one(void *arg)
{
	int *l = arg;
	int fd = accept(*l, NULL, NULL);
	return (void *)(intptr_t)(fd >= 0 ? fd : -errno);
}

TCP_TEST(listener_shut_down)
{
	struct sock_name reach;
	pthread_t thread;
	void *result;
	int l = tcp_listener(net, 5, &reach);
	CHECK_EQ(pthread_create(&thread, NULL, accept_one, &l), 0);
	guest_sleep_ms(20);                /* it sleeps, most likely; both orders are fine */
	CHECK_EQ(shutdown(l, SHUT_WR), 0); /* says nothing to a listener */
	CHECK_EQ(sock_int(l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	CHECK_EQ(shutdown(l, SHUT_RD), 0);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK_EQ((intptr_t)result, -EINVAL);
	CHECK_EQ(sock_int(l, SOL_SOCKET, SO_ACCEPTCONN), 0);
	int c = tcp_socket(&reach);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), ECONNREFUSED);
	/* It may listen again. A port that it had not asked for by number need not be the same. */
	CHECK_EQ(listen(l, 5), 0);
	struct sock_name at = sock_name_of(l);
	reach = tcp_name(net->client, sock_port(&at));
	CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
	CHECK(accept(l, NULL, NULL) >= 0);
}

TCP_TEST(accept_by_many_threads)
{
	enum { THREADS = 8 };
	struct sock_name reach;
	pthread_t thread[THREADS];
	int l = tcp_listener(net, THREADS, &reach), c[THREADS];
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, accept_one, &l), 0);
	for (int i = 0; i < THREADS; i++)
		c[i] = tcp_connected(&reach);
	for (int i = 0; i < THREADS; i++) {
		void *result;
		CHECK_EQ(pthread_join(thread[i], &result), 0);
		CHECK((intptr_t)result >= 0);
		send_all((int)(intptr_t)result, "hi", 2);
	}
	for (int i = 0; i < THREADS; i++)
		expect_text(c[i], "hi");
}

GUEST_TEST(tcp_accept_waits)
{
	struct sock_name reach;
	int l = tcp_listener(&tcp_net_v4, 5, &reach);
	struct timeval tv = {0, 50000};
	CHECK_EQ(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	double before = guest_now();
	CHECK_ERRNO(accept(l, NULL, NULL), EAGAIN);
	CHECK(guest_now() - before >= 0.045);
	tv = (struct timeval){0, 0};
	CHECK_EQ(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	count_signal(SIGUSR1, 0);
	pid_t child = signal_when_asleep(SIGUSR1);
	CHECK_ERRNO(accept(l, NULL, NULL), EINTR);
	CHECK_EQ(guest_reap(child), 0);
	pid_t self = getpid();
	child = fork();
	if (child == 0) {
		guest_await_sleep(self);
		(void)tcp_connected(&reach);
		_exit(0);
	}
	CHECK(accept(l, NULL, NULL) >= 0);
	CHECK_EQ(guest_reap(child), 0);
}

TCP_TEST(defer_accept)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach);
	sock_set(l, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
	CHECK(sock_int(l, IPPROTO_TCP, TCP_DEFER_ACCEPT) >= 5);
	int c = tcp_connected(&reach);
	struct pollfd p = {l, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 100), 0);
	send_all(c, "request", 7);
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	char got[8];
	CHECK_EQ(recv(s, got, sizeof(got), MSG_DONTWAIT), 7);
}

/* Listeners with SO_REUSEPORT at one place. */
static void
listeners(const struct tcp_net *net, int l[], int n, struct sock_name *reach)
{
	struct sock_name at = net->any ? tcp_name_any(net->server, 0) : tcp_name(net->server, 0);
	for (int i = 0; i < n; i++) {
		l[i] = tcp_socket(&at);
		sock_set(l[i], SOL_SOCKET, SO_REUSEPORT, 1);
		CHECK_EQ(bind(l[i], &at.sa, at.len), 0);
		at = sock_name_of(l[i]);
		CHECK_EQ(listen(l[i], 300), 0);
	}
	*reach = tcp_name(net->client, sock_port(&at));
}

static unsigned
waiting(const int l[], int n)
{
	unsigned sum = 0;
	for (int i = 0; i < n; i++)
		sum += tcp_info_of(l[i]).unacked;
	return sum;
}

TCP_TEST(reuseport_spreads)
{
	enum { N = 4, CONNECTIONS = 200 };
	int l[N];
	struct sock_name reach;
	listeners(net, l, N, &reach);
	for (int i = 0; i < CONNECTIONS; i++)
		(void)tcp_connected(&reach);
	CHECK_SOON(waiting(l, N) == CONNECTIONS);
	for (int i = 0; i < N; i++) {
		unsigned got = tcp_info_of(l[i]).unacked;
		if (got < CONNECTIONS / N / 4 || got > CONNECTIONS / 2)
			guest_fail(__FILE__, __LINE__, "listener %d has %u of %d", i, got,
				CONNECTIONS);
	}
	/* One that is gone gets none. */
	close(l[1]);
	l[1] = l[3];
	unsigned before = waiting(l, 3);
	for (int i = 0; i < 40; i++)
		(void)tcp_connected(&reach);
	CHECK_SOON(waiting(l, 3) >= before + 40);
}

TCP_TEST(reuseport_migrates)
{
	/* Those that wait at a listener that is closed go to another of the group, if that is wanted. */
	enum { CONNECTIONS = 40 };
	char old[16] = "1";
	int l[2], c[CONNECTIONS];
	struct sock_name reach;
	if (!guest_is_swos()) {
		sysctl_read(MIGRATE, old, sizeof(old));
		CHECK(sysctl_write(MIGRATE, "1"));
	}
	listeners(net, l, 2, &reach);
	for (int i = 0; i < CONNECTIONS; i++)
		c[i] = tcp_connected(&reach);
	CHECK_SOON(waiting(l, 2) == CONNECTIONS);
	CHECK(waiting(l, 1) > 0 && waiting(l + 1, 1) > 0);
	close(l[0]);
	CHECK_SOON(waiting(l + 1, 1) == CONNECTIONS);
	for (int i = 0; i < CONNECTIONS; i++) {
		int s = accept(l[1], NULL, NULL);
		CHECK(s >= 0);
		send_all(s, "moved", 5);
	}
	for (int i = 0; i < CONNECTIONS; i++)
		expect_text(c[i], "moved");
	if (!guest_is_swos())
		CHECK(sysctl_write(MIGRATE, old));
}
