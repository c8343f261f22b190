/* SPDX-License-Identifier: MIT */
/* connect: waiting, not waiting, refused, unreachable, interrupted, undone, to itself. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "tests/guest/prog/tcp/tcp.h"

/* A name nobody listens at. */
static struct sock_name
nobody(const struct tcp_net *net)
{
	struct sock_name reach;
	close(tcp_listener(net, 1, &reach));
	return reach;
}

static int
nonblocking(const struct sock_name *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(fd >= 0);
	return fd;
}

static int
disconnect(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	return connect(fd, &none, sizeof(none));
}

TCP_TEST(connect_nonblocking)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), c = nonblocking(&reach);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINPROGRESS);
	tcp_await(c, POLLOUT);
	CHECK_EQ(sock_int(c, SOL_SOCKET, SO_ERROR), 0);
	CHECK_EQ(connect(c, &reach.sa, reach.len), 0); /* that it is done is told once */
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EISCONN);
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	send_all(c, "x", 1);
	expect_text(s, "x");
	char byte;
	CHECK_ERRNO(recv(c, &byte, 1, 0), EAGAIN);
}

TCP_TEST(connect_refused)
{
	struct sock_name gone = nobody(net), reach;
	int c = tcp_socket(&gone);
	CHECK_ERRNO(connect(c, &gone.sa, gone.len), ECONNREFUSED);
	CHECK_EQ(sock_int(c, SOL_SOCKET, SO_ERROR), 0);
	CHECK_ERRNO(connect(c, &gone.sa, gone.len), ECONNREFUSED);
	/* The socket is as good as new. */
	int l = tcp_listener(net, 5, &reach);
	CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
	CHECK(accept(l, NULL, NULL) >= 0);
}

TCP_TEST(connect_refused_nonblocking)
{
	struct sock_name gone = nobody(net);
	int c = nonblocking(&gone);
	CHECK_ERRNO(connect(c, &gone.sa, gone.len), EINPROGRESS);
	tcp_await(c, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	CHECK_EQ(sock_int(c, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	CHECK_EQ(sock_int(c, SOL_SOCKET, SO_ERROR), 0);
	CHECK_EQ(tcp_events(c), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	char byte;
	CHECK_EQ(recv(c, &byte, 1, 0), 0);
	CHECK_ERRNO(send(c, "x", 1, MSG_NOSIGNAL), EPIPE);
	/* Or connect fetches it. */
	c = nonblocking(&gone);
	CHECK_ERRNO(connect(c, &gone.sa, gone.len), EINPROGRESS);
	tcp_await(c, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	CHECK_ERRNO(connect(c, &gone.sa, gone.len), ECONNREFUSED);
	CHECK_ERRNO(connect(c, &gone.sa, gone.len), EINPROGRESS);
	tcp_await(c, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	/* Or a read does. */
	CHECK_ERRNO(recv(c, &byte, 1, 0), ECONNREFUSED);
	CHECK_EQ(sock_int(c, SOL_SOCKET, SO_ERROR), 0);
}

TCP_TEST(connect_in_progress)
{
	struct sock_name reach, n = {.len = sizeof(n.storage)};
	int l = tcp_full_listener(net, &reach), c = nonblocking(&reach);
	char byte;
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINPROGRESS);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EALREADY);
	CHECK_EQ(tcp_info_of(c).state, TCP_SYN_SENT);
	CHECK_EQ(tcp_events(c), 0);
	CHECK_ERRNO(send(c, "x", 1, MSG_NOSIGNAL), EAGAIN);
	CHECK_ERRNO(recv(c, &byte, 1, 0), EAGAIN);
	CHECK_ERRNO(getpeername(c, &n.sa, &n.len), ENOTCONN);
	n = sock_name_of(c);
	CHECK(sock_port(&n) != 0);
	/* Room in the queue: a SYN sent again gets an answer. */
	CHECK(accept(l, NULL, NULL) >= 0);
	tcp_await(c, POLLOUT);
	CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
	CHECK(accept(l, NULL, NULL) >= 0);
}

TCP_TEST(connect_given_up)
{
	struct sock_name reach;
	(void)tcp_full_listener(net, &reach);
	/* Closed, shut down, disconnected while it waits for an answer. */
	int c = nonblocking(&reach);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINPROGRESS);
	CHECK_EQ(close(c), 0);
	c = nonblocking(&reach);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINPROGRESS);
	CHECK_EQ(shutdown(c, SHUT_RDWR), 0);
	CHECK_EQ(tcp_info_of(c).state, TCP_CLOSE);
	CHECK(tcp_events(c) & POLLHUP);
	c = nonblocking(&reach);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINPROGRESS);
	CHECK_EQ(disconnect(c), 0);
	CHECK_EQ(tcp_info_of(c).state, TCP_CLOSE);
	(void)sock_int(c, SOL_SOCKET, SO_ERROR); /* Linux counts it as a reset by oneself */
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINPROGRESS);
}

TCP_TEST(connect_interrupted)
{
	struct sock_name reach;
	int l = tcp_full_listener(net, &reach), c = tcp_socket(&reach);
	count_signal(SIGUSR1, 0);
	pid_t child = signal_when_asleep(SIGUSR1);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINTR);
	CHECK_EQ(guest_reap(child), 0);
	CHECK_EQ(signals_seen, 1);
	/* It goes on without the caller. */
	set_nonblock(c);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EALREADY);
	CHECK_EQ(accept(l, NULL, NULL) >= 0, true);
	tcp_await(c, POLLOUT);
	CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EISCONN);
}

static void *
accept_two(void *arg)
{
	int l = *(int *)arg;
	guest_await_sleep(getpid());
	CHECK(accept(l, NULL, NULL) >= 0);
	CHECK(accept(l, NULL, NULL) >= 0);
	return NULL;
}

TCP_TEST(connect_restarted)
{
	/* With SA_RESTART a signal does not show, and a second connect waits for the first's end. */
	struct sock_name reach;
	pthread_t thread;
	int l = tcp_full_listener(net, &reach), c = tcp_socket(&reach);
	count_signal(SIGUSR1, SA_RESTART);
	pid_t child = signal_when_asleep(SIGUSR1);
	CHECK_EQ(pthread_create(&thread, NULL, accept_two, &l), 0);
	CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(guest_reap(child), 0);
}

TCP_TEST(connect_timeout)
{
	struct sock_name reach;
	(void)tcp_full_listener(net, &reach);
	int c = tcp_socket(&reach);
	struct timeval tv = {0, 60000};
	CHECK_EQ(setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
	double before = guest_now();
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINPROGRESS);
	CHECK(guest_now() - before >= 0.055);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EALREADY);
	/* After as many SYNs as were wanted it is over. */
	int d = nonblocking(&reach);
	sock_set(d, IPPROTO_TCP, TCP_SYNCNT, 1);
	CHECK_ERRNO(connect(d, &reach.sa, reach.len), EINPROGRESS);
	tcp_await(d, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	CHECK_EQ(sock_int(d, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
}

GUEST_TEST(tcp_connect_unreachable)
{
	struct sock_name to = tcp_name(AF_INET, 9), to6 = tcp_name(AF_INET6, 9);
	int s = socket(AF_INET, SOCK_STREAM, 0), s6 = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(inet_pton(AF_INET, "198.51.100.1", &to.in.sin_addr), 1);
	CHECK_ERRNO(connect(s, &to.sa, to.len), ENETUNREACH);
	CHECK_EQ(inet_pton(AF_INET6, "2001:db8::1", &to6.in6.sin6_addr), 1);
	CHECK_ERRNO(connect(s6, &to6.sa, to6.len), ENETUNREACH);
	CHECK_EQ(inet_pton(AF_INET, "224.0.0.1", &to.in.sin_addr), 1);
	CHECK_ERRNO(connect(s, &to.sa, to.len), ENETUNREACH);
	CHECK_EQ(inet_pton(AF_INET6, "ff02::1", &to6.in6.sin6_addr), 1);
	to6.in6.sin6_scope_id = 1;
	CHECK_ERRNO(connect(s6, &to6.sa, to6.len), ENETUNREACH);
	/* None of it stays. */
	CHECK_EQ(tcp_info_of(s).state, TCP_CLOSE);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_ERROR), 0);
	struct sock_name reach;
	(void)tcp_listener(&tcp_net_v4, 1, &reach);
	CHECK_EQ(connect(s, &reach.sa, reach.len), 0);
}

GUEST_TEST(tcp_connect_to_any_is_to_loopback)
{
	static const int families[] = {AF_INET, AF_INET6};
	for (int i = 0; i < 2; i++) {
		int l = socket(families[i], SOCK_STREAM, 0);
		CHECK_EQ(listen(l, 5), 0);
		struct sock_name at = sock_name_of(l), to;
		to = tcp_name_any(families[i], sock_port(&at));
		int c = tcp_connected(&to);
		struct sock_name peer = sock_peer_of(c),
				 want = tcp_name(families[i], sock_port(&at));
		CHECK(sock_name_equal(&peer, &want));
		to = tcp_name(families[i], 0);
		c = socket(families[i], SOCK_STREAM, 0);
		CHECK_ERRNO(connect(c, &to.sa, to.len), ECONNREFUSED);
	}
}

TCP_TEST(connect_to_itself)
{
	/* A SYN that meets its own socket: a simultaneous open with itself. */
	struct sock_name at = tcp_name(net->client, 0);
	int s = tcp_socket(&at);
	CHECK_EQ(bind(s, &at.sa, at.len), 0);
	at = sock_name_of(s);
	CHECK_EQ(connect(s, &at.sa, at.len), 0);
	struct sock_name peer = sock_peer_of(s);
	CHECK(sock_name_equal(&at, &peer));
	CHECK_EQ(tcp_info_of(s).state, TCP_ESTABLISHED);
	send_all(s, "to myself", 9);
	expect_text(s, "to myself");
	static char out[100000];
	size_t half = sizeof(out) / 2;
	pattern_fill(out, sizeof(out), 0);
	send_all(s, out, half);
	recv_pattern(s, half, 0);
	send_all(s, out + half, half);
	recv_pattern(s, half, half);
	CHECK_EQ(shutdown(s, SHUT_WR), 0);
	expect_eof(s);
	CHECK_EQ(close(s), 0);
}

TCP_TEST(disconnect_and_connect_again)
{
	struct sock_name reach, n = {.len = sizeof(n.storage)};
	int l = tcp_listener(net, 5, &reach), fd[2];
	char byte;
	tcp_pair_on(l, &reach, fd);
	send_all(fd[1], "never read", 10);
	tcp_await(fd[0], POLLIN | POLLOUT);
	CHECK_EQ(disconnect(fd[0]), 0);
	/* The peer hears of it. */
	tcp_await(fd[1], POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	CHECK_ERRNO(recv(fd[1], &byte, 1, 0), ECONNRESET);
	CHECK_ERRNO(getpeername(fd[0], &n.sa, &n.len), ENOTCONN);
	CHECK_EQ(tcp_info_of(fd[0]).state, TCP_CLOSE);
	(void)sock_int(fd[0], SOL_SOCKET, SO_ERROR);
	/* Nothing of before is left in it. */
	CHECK_EQ(connect(fd[0], &reach.sa, reach.len), 0);
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	CHECK_ERRNO(recv(fd[0], &byte, 1, MSG_DONTWAIT), EAGAIN);
	send_all(s, "anew", 4);
	expect_text(fd[0], "anew");
	/* A listener stops to be one. */
	CHECK_EQ(disconnect(l), 0);
	CHECK_EQ(sock_int(l, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_ERRNO(accept(l, NULL, NULL), EINVAL);
	int c = tcp_socket(&reach);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), ECONNREFUSED);
}
