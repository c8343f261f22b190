/* SPDX-License-Identifier: MIT */
/* How TCP connections end: half by half, at once, with data unread, late, with their process. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/guest/prog/tcp/tcp.h"

#define ENDED (POLLIN | POLLOUT | POLLHUP | POLLRDHUP)

TCP_TEST(shutdown_of_writing)
{
	int fd[2];
	char c;
	tcp_pair(net, fd);
	send_all(fd[0], "before", 6);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	tcp_await(fd[1], POLLIN | POLLOUT | POLLRDHUP);
	tcp_await_state(fd[1], TCP_CLOSE_WAIT);
	tcp_await_state(fd[0], TCP_FIN_WAIT2);
	CHECK_EQ(tcp_events(fd[0]), POLLOUT); /* a write would tell at once */
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	count_signal(SIGPIPE, 0);
	CHECK_ERRNO(write(fd[0], "x", 1), EPIPE);
	CHECK_EQ(signals_seen, 1);
	CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(signals_seen, 1);
	expect_text(fd[1], "before");
	expect_eof(fd[1]);
	expect_eof(fd[1]); /* for ever */
	/* The other direction goes on. */
	send_all(fd[1], "answer", 6);
	expect_text(fd[0], "answer");
	CHECK_EQ(shutdown(fd[1], SHUT_WR), 0);
	expect_eof(fd[0]);
	tcp_await(fd[0], ENDED);
	tcp_await(fd[1], ENDED);
	tcp_await_state(fd[1], TCP_CLOSE);
	CHECK_ERRNO(shutdown(fd[1], SHUT_WR), ENOTCONN);
	CHECK_ERRNO(send(fd[1], &c, 1, MSG_NOSIGNAL), EPIPE);
}

TCP_TEST(shutdown_of_reading)
{
	int fd[2];
	char c;
	tcp_pair(net, fd);
	send_all(fd[0], "before", 6);
	tcp_await(fd[1], POLLIN | POLLOUT);
	CHECK_EQ(shutdown(fd[1], SHUT_RD), 0);
	CHECK_EQ(tcp_events(fd[1]), POLLIN | POLLOUT | POLLRDHUP);
	expect_text(fd[1], "before");
	expect_eof(fd[1]);
	/* The peer does not hear of it, and what comes is still there to be read. */
	CHECK_EQ(tcp_events(fd[0]), POLLOUT);
	send_all(fd[0], "after", 5);
	CHECK_SOON(recv(fd[1], &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1);
	expect_text(fd[1], "after");
	expect_eof(fd[1]);
	send_all(fd[1], "writes", 6);
	expect_text(fd[0], "writes");
}

TCP_TEST(shutdown_of_both)
{
	int fd[2];
	tcp_pair(net, fd);
	CHECK_EQ(shutdown(fd[0], SHUT_RDWR), 0);
	CHECK_EQ(tcp_events(fd[0]), ENDED);
	expect_eof(fd[0]);
	CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	tcp_await(fd[1], POLLIN | POLLOUT | POLLRDHUP);
	expect_eof(fd[1]);
	CHECK_EQ(shutdown(fd[1], SHUT_RDWR), 0);
	tcp_await(fd[1], ENDED);
}

TCP_TEST(sent_to_who_has_shut_both)
{
	int fd[2];
	tcp_pair(net, fd);
	CHECK_EQ(shutdown(fd[0], SHUT_RD), 0);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	expect_eof(fd[1]);
	/* It would never be read: the sender is told (RFC 1122, 4.2.2.13), and so is who has shut. */
	send_all(fd[1], "x", 1);
	CHECK_SOON((tcp_events(fd[1]) & POLLERR) != 0);
	CHECK_ERRNO(send(fd[1], "y", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_SOON((tcp_events(fd[0]) & POLLERR) != 0);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_ERROR), ECONNRESET);
}

static void *
shut_writing(void *arg)
{
	CHECK_EQ(shutdown(*(int *)arg, SHUT_WR), 0);
	return NULL;
}

TCP_TEST(both_end_at_once)
{
	for (int round = 0; round < 20; round++) {
		int fd[2];
		pthread_t thread[2];
		tcp_pair(net, fd);
		for (int i = 0; i < 2; i++)
			CHECK_EQ(pthread_create(&thread[i], NULL, shut_writing, &fd[i]), 0);
		for (int i = 0; i < 2; i++)
			CHECK_EQ(pthread_join(thread[i], NULL), 0);
		for (int i = 0; i < 2; i++) {
			expect_eof(fd[i]);
			tcp_await(fd[i], ENDED);
			CHECK_EQ(sock_int(fd[i], SOL_SOCKET, SO_ERROR), 0);
		}
		close(fd[0]);
		close(fd[1]);
	}
}

TCP_TEST(half_closed_with_much_data)
{
	enum { MUCH = 3 << 20 };
	int fd[2];
	tcp_pair(net, fd);
	pid_t child = fork();
	if (child == 0) {
		/* The server: all of the question, its end, then the answer. */
		close(fd[0]);
		recv_pattern(fd[1], MUCH, 0);
		expect_eof(fd[1]);
		char *answer = malloc(MUCH);
		pattern_fill(answer, MUCH, 77);
		send_all(fd[1], answer, MUCH);
		_exit(0);
	}
	close(fd[1]);
	char *question = malloc(MUCH);
	CHECK(question != NULL);
	pattern_fill(question, MUCH, 0);
	send_all(fd[0], question, MUCH);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	recv_pattern(fd[0], MUCH, 77);
	expect_eof(fd[0]);
	CHECK_EQ(guest_reap(child), 0);
}

TCP_TEST(closed_with_data_unread)
{
	/* What was sent is lost, and the sender is told: an RST, not a FIN. */
	int fd[2];
	char c;
	tcp_pair(net, fd);
	send_all(fd[0], "lost", 4);
	tcp_await(fd[1], POLLIN | POLLOUT);
	CHECK_EQ(close(fd[1]), 0);
	tcp_await(fd[0], ENDED | POLLERR);
	CHECK_ERRNO(recv(fd[0], &c, 1, 0), ECONNRESET);
	expect_eof(fd[0]);
	CHECK_EQ(tcp_events(fd[0]), ENDED);
	CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	/* It also comes to who writes. */
	tcp_pair(net, fd);
	send_all(fd[0], "lost", 4);
	tcp_await(fd[1], POLLIN | POLLOUT);
	CHECK_EQ(close(fd[1]), 0);
	tcp_await(fd[0], ENDED | POLLERR);
	CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), ECONNRESET);
	CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

TCP_TEST(written_to_who_is_gone)
{
	int fd[2];
	char c;
	tcp_pair(net, fd);
	CHECK_EQ(close(fd[1]), 0);
	tcp_await(fd[0], POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_ERROR), 0);
	CHECK_EQ(send(fd[0], "x", 1, MSG_NOSIGNAL), 1); /* the peer may only have shut down */
	tcp_await(fd[0], ENDED | POLLERR);
	count_signal(SIGPIPE, 0);
	CHECK_ERRNO(write(fd[0], "x", 1), EPIPE);
	CHECK_EQ(signals_seen, 1);
	CHECK_EQ(recv(fd[0], &c, 1, 0), 0);
}

TCP_TEST(linger_none)
{
	int fd[2];
	char c, got[8];
	struct linger now = {1, 0};
	tcp_pair(net, fd);
	send_all(fd[0], "last", 4);
	tcp_await(fd[1], POLLIN | POLLOUT);
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	CHECK_EQ(close(fd[0]), 0);
	tcp_await(fd[1], ENDED | POLLERR);
	/* What had come can still be read. */
	CHECK_EQ(recv(fd[1], got, sizeof(got), 0), 4);
	CHECK_ERRNO(recv(fd[1], &c, 1, 0), ECONNRESET);
	expect_eof(fd[1]);
}

TCP_TEST(linger_for_a_second)
{
	int fd[2];
	struct linger second = {1, 1};
	tcp_pair(net, fd);
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &second, sizeof(second)), 0);
	size_t total = fill_up(fd[0]);
	double before = guest_now();
	CHECK_EQ(close(fd[0]), 0);
	CHECK(guest_now() - before >= 0.95);
	/* In vain; the rest still comes after close. */
	recv_pattern(fd[1], total, 0);
	expect_eof(fd[1]);
}

static void *
read_to_the_end(void *arg)
{
	char block[4096];
	ssize_t n;
	while ((n = recv(*(int *)arg, block, sizeof(block), 0)) > 0)
		;
	CHECK_EQ(n, 0);
	return NULL;
}

TCP_TEST(linger_until_all_is_acknowledged)
{
	int fd[2];
	pthread_t thread;
	struct linger long_time = {1, 50};
	tcp_pair(net, fd);
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &long_time, sizeof(long_time)), 0);
	(void)fill_up(fd[0]);
	CHECK_EQ(pthread_create(&thread, NULL, read_to_the_end, &fd[1]), 0);
	double before = guest_now();
	CHECK_EQ(close(fd[0]), 0);
	CHECK(guest_now() - before < 25);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

TCP_TEST(data_before_close_arrives)
{
	/* close() at once after much was written: all of it arrives, then the end. */
	int fd[2];
	tcp_pair(net, fd);
	size_t total = fill_up(fd[0]);
	CHECK_EQ(close(fd[0]), 0);
	recv_pattern(fd[1], total, 0);
	expect_eof(fd[1]);
}

TCP_TEST(port_reused_from_time_wait)
{
	/* The same pair of ports again while the server still has it in TIME_WAIT. */
	struct sock_name reach, at = tcp_name(net->client, 0);
	int l = tcp_listener(net, 5, &reach);
	for (int i = 0; i < 3; i++) {
		int c = tcp_socket(&reach);
		sock_set(c, SOL_SOCKET, SO_REUSEADDR, 1);
		CHECK_EQ(bind(c, &at.sa, at.len), 0);
		at = sock_name_of(c);
		CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
		int s = accept(l, NULL, NULL);
		CHECK(s >= 0);
		send_all(s, "bye", 3);
		CHECK_EQ(close(s), 0); /* the server first */
		expect_text(c, "bye");
		expect_eof(c);
		CHECK_EQ(close(c), 0);
	}
}

static void
hold_and_send(void *arg)
{
	int fd = *(int *)arg;
	static char block[65536];
	for (;;)
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0)
			_exit(1);
}

TCP_TEST(process_killed_while_it_sends)
{
	int fd[2];
	char c;
	tcp_pair(net, fd);
	pid_t child = guest_spawn(hold_and_send, &fd[0]);
	close(fd[0]);
	char *block = malloc(1 << 20);
	CHECK(block != NULL);
	recv_all(fd[1], block, 1 << 20);
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK(WIFSIGNALED(guest_reap(child)));
	/* What it had written comes, then the end. */
	ssize_t n;
	while ((n = recv(fd[1], block, 1 << 20, 0)) > 0)
		;
	CHECK_EQ(n, 0);
	free(block);
	CHECK_EQ(send(fd[1], "x", 1, MSG_NOSIGNAL), 1);
	tcp_await(fd[1], ENDED | POLLERR);
	CHECK_ERRNO(send(fd[1], &c, 1, MSG_NOSIGNAL), EPIPE);
}

static void
hold(void *arg)
{
	char c;
	(void)!recv(*(int *)arg, &c, 1, 0);
	for (;;)
		pause();
}

TCP_TEST(process_killed_with_data_unread)
{
	int fd[2];
	char c;
	tcp_pair(net, fd);
	pid_t child = guest_spawn(hold, &fd[0]);
	close(fd[0]);
	send_all(fd[1], "much more than it reads", 23);
	guest_await_sleep(child);
	tcp_await(fd[1], POLLOUT);
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK(WIFSIGNALED(guest_reap(child)));
	tcp_await(fd[1], ENDED | POLLERR);
	CHECK_ERRNO(recv(fd[1], &c, 1, 0), ECONNRESET);
}

/* Whatever state its sockets are in, a process that dies leaves nothing: the runner compares the kernel's counts. */
static void
sockets_in_all_states(void *arg)
{
	const struct tcp_net *net = arg;
	struct sock_name reach;
	int fd[2];
	(void)tcp_listener(net, 3, &reach);
	for (int i = 0; i < 5; i++) {
		int c = socket(reach.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		/* Some wait for accept, some for room. */
		CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINPROGRESS);
	}
	int l = tcp_listener(net, 20, &reach);
	for (int i = 0; i < 8; i++) {
		tcp_pair_on(l, &reach, fd);
		if (i & 1)
			(void)fill_up(fd[0]);
		if (i & 2)
			CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
		if (i & 4)
			CHECK_EQ(shutdown(fd[1], SHUT_RD), 0);
	}
	(void)socket(net->client, SOCK_STREAM, 0);
	kill(getpid(), SIGKILL);
}

TCP_TEST(killed_in_all_states)
{
	pid_t child = guest_spawn(sockets_in_all_states, (void *)(uintptr_t)net);
	CHECK(WIFSIGNALED(guest_reap(child)));
}
