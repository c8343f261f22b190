/* SPDX-License-Identifier: MIT */
/* What poll and epoll say of TCP sockets at every stage, and whom they wake. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "tests/guest/prog/tcp/tcp.h"

static int
epoll_on(int fd, uint32_t events)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = events, .data.fd = fd};
	CHECK(ep >= 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	return ep;
}

/* What an epoll set with one descriptor has to tell now; 0: nothing. */
static uint32_t
told(int ep)
{
	struct epoll_event e;
	int n = epoll_wait(ep, &e, 1, 0);
	CHECK(n >= 0);
	return n == 0 ? 0 : e.events;
}

/* The same with patience: what a peer did takes a moment to arrive. */
static uint32_t
told_soon(int ep)
{
	struct epoll_event e;
	CHECK_EQ(epoll_wait(ep, &e, 1, GUEST_SECONDS / 2 * 1000), 1);
	return e.events;
}

TCP_TEST(poll_at_every_stage)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), c = tcp_socket(&reach);
	CHECK_EQ(tcp_events(c), POLLOUT | POLLHUP);
	CHECK_EQ(tcp_events(l), 0);
	CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
	tcp_await(l, POLLIN);
	int s = accept(l, NULL, NULL);
	CHECK_EQ(tcp_events(l), 0);
	CHECK_EQ(tcp_events(c), POLLOUT);
	CHECK_EQ(tcp_events(s), POLLOUT);
	send_all(c, "x", 1);
	tcp_await(s, POLLIN | POLLOUT);
	struct pollfd p = {s, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, 0};
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
	expect_text(s, "x");
	CHECK_EQ(tcp_events(s), POLLOUT);
	CHECK_EQ(shutdown(c, SHUT_WR), 0);
	tcp_await(s, POLLIN | POLLOUT | POLLRDHUP);
	expect_eof(s);
	CHECK_EQ(tcp_events(s), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(tcp_events(c), POLLOUT);
	CHECK_EQ(shutdown(s, SHUT_WR), 0);
	CHECK_EQ(tcp_events(s), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	tcp_await(c, POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	/* HUP and ERR need not be asked for, RDHUP must be. */
	p = (struct pollfd){c, 0, 0};
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLHUP);
}

/* One thing that wakes who polls: what is done to the other end, and what is then told. */
enum wake { WAKE_DATA, WAKE_FIN, WAKE_RESET, WAKE_ROOM, WAKES };
static const short wake_events[WAKES] = {POLLIN | POLLOUT, POLLIN | POLLOUT | POLLRDHUP,
	POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP, POLLOUT};

static void
do_wake(enum wake what, int fd, size_t queued)
{
	switch (what) {
	case WAKE_DATA:
		send_all(fd, "x", 1);
		break;
	case WAKE_FIN:
		CHECK_EQ(shutdown(fd, SHUT_WR), 0);
		break;
	case WAKE_RESET:
		reset_on_close(fd);
		CHECK_EQ(close(fd), 0);
		break;
	default:
		recv_pattern(fd, queued, 0);
		break;
	}
}

TCP_TEST(poll_is_woken)
{
	for (enum wake what = 0; what < WAKES; what++) {
		int fd[2];
		tcp_pair(net, fd);
		size_t queued = what == WAKE_ROOM ? fill_up(fd[1]) : 0;
		pid_t self = getpid(), child = fork();
		if (child == 0) {
			close(fd[1]);
			guest_await_sleep(self);
			do_wake(what, fd[0], queued);
			_exit(0);
		}
		close(fd[0]);
		short quiet = what == WAKE_ROOM ? POLLOUT : POLLIN | POLLRDHUP;
		struct pollfd p = {fd[1], quiet, 0};
		CHECK_EQ(poll(&p, 1, -1), 1);
		if (what != WAKE_DATA || tcp_events(fd[1]) == wake_events[what])
			CHECK_EQ(p.revents, wake_events[what] & (quiet | POLLERR | POLLHUP));
		CHECK_EQ(guest_reap(child), 0);
		close(fd[1]);
	}
}

/* A low-water mark that no buffer holds is one that is reached when no more will come. */
TCP_TEST(poll_of_a_low_water_mark)
{
	static char data[1 << 16];
	int fd[2];
	tcp_pair(net, fd);
	sock_set(fd[1], SOL_SOCKET, SO_RCVLOWAT, INT32_MAX);
	CHECK(sock_int(fd[1], SOL_SOCKET, SO_RCVLOWAT) < INT32_MAX);
	send_all(fd[0], "few", 3);
	CHECK_SOON(recv(fd[1], data, 3, MSG_PEEK | MSG_DONTWAIT) == 3);
	CHECK_EQ(tcp_events(fd[1]), POLLOUT);
	set_nonblock(fd[0]);
	struct pollfd p = {fd[1], POLLIN, 0};
	do
		(void)send(fd[0], data, sizeof(data), MSG_NOSIGNAL);
	while (poll(&p, 1, 1) == 0);
	CHECK_EQ(p.revents, POLLIN);
	sock_set(fd[1], SOL_SOCKET, SO_RCVLOWAT, 0);
	CHECK_EQ(sock_int(fd[1], SOL_SOCKET, SO_RCVLOWAT), 1);
}

TCP_TEST(poll_is_woken_by_connections)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach);
	pid_t self = getpid(), child = fork();
	if (child == 0) {
		guest_await_sleep(self);
		(void)tcp_connected(&reach);
		guest_await_sleep(self); /* it waits for the end of what it accepted */
		_exit(0);
	}
	struct pollfd p = {l, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(p.revents, POLLIN);
	int s = accept(l, NULL, NULL);
	p = (struct pollfd){s, POLLRDHUP, 0};
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(p.revents, POLLRDHUP);
	CHECK_EQ(guest_reap(child), 0);
	/* connect's end. */
	int full = tcp_full_listener(net, &reach), c = tcp_socket(&reach);
	set_nonblock(c);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EINPROGRESS);
	child = fork();
	if (child == 0) {
		guest_await_sleep(self);
		CHECK(accept(full, NULL, NULL) >= 0);
		_exit(0);
	}
	p = (struct pollfd){c, POLLOUT, 0};
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_EQ(guest_reap(child), 0);
}

TCP_TEST(select_says_the_same)
{
	int fd[2];
	tcp_pair(net, fd);
	fd_set r, w, x;
	struct timeval none = {0, 0};
	CHECK_EQ(send(fd[0], "u", 1, MSG_OOB), 1);
	tcp_await(fd[1], POLLOUT | POLLPRI);
	send_all(fd[0], "x", 1);
	tcp_await(fd[1], POLLIN | POLLOUT | POLLPRI);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&x);
	FD_SET(fd[0], &r);
	FD_SET(fd[1], &r);
	FD_SET(fd[1], &w);
	FD_SET(fd[1], &x);
	CHECK_EQ(select(fd[1] + fd[0], &r, &w, &x, &none), 3);
	CHECK(!FD_ISSET(fd[0], &r) && FD_ISSET(fd[1], &r) && FD_ISSET(fd[1], &w) &&
		FD_ISSET(fd[1], &x));
}

TCP_TEST(epoll_level)
{
	int fd[2];
	tcp_pair(net, fd);
	int ep = epoll_on(fd[1], EPOLLIN | EPOLLRDHUP);
	CHECK_EQ(told(ep), 0);
	send_all(fd[0], "xy", 2);
	CHECK_EQ(told_soon(ep), EPOLLIN);
	CHECK_EQ(told(ep), EPOLLIN); /* while it is so */
	expect_text(fd[1], "x");
	CHECK_EQ(told(ep), EPOLLIN);
	expect_text(fd[1], "y");
	CHECK_EQ(told(ep), 0);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_EQ(told_soon(ep), EPOLLIN | EPOLLRDHUP);
	CHECK_EQ(shutdown(fd[1], SHUT_WR), 0);
	CHECK_EQ(told(ep), EPOLLIN | EPOLLRDHUP | EPOLLHUP);
	CHECK_EQ(close(fd[1]), 0);
	CHECK_EQ(told(ep), 0); /* gone with its descriptor */
}

TCP_TEST(epoll_edges)
{
	int fd[2];
	tcp_pair(net, fd);
	int ep = epoll_on(fd[1], EPOLLIN | EPOLLRDHUP | EPOLLET);
	CHECK_EQ(told(ep), 0);
	send_all(fd[0], "ab", 2);
	CHECK_EQ(told_soon(ep), EPOLLIN);
	CHECK_EQ(told(ep), 0); /* once */
	expect_text(fd[1], "a");
	CHECK_EQ(told(ep), 0); /* a read makes no edge */
	send_all(fd[0], "c", 1);
	CHECK_EQ(told_soon(ep), EPOLLIN); /* more data does, though there was some */
	expect_text(fd[1], "bc");
	CHECK_EQ(told(ep), 0);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_EQ(told_soon(ep), EPOLLIN | EPOLLRDHUP);
	CHECK_EQ(told(ep), 0);
	reset_on_close(fd[0]);
	/* Modifying asks anew. */
	struct epoll_event e = {.events = EPOLLIN | EPOLLET};
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, fd[1], &e), 0);
	CHECK_EQ(told(ep), EPOLLIN);
	CHECK_EQ(told(ep), 0);
}

TCP_TEST(epoll_edge_of_room)
{
	int fd[2];
	tcp_pair(net, fd);
	int ep = epoll_on(fd[0], EPOLLOUT | EPOLLET);
	CHECK_EQ(told(ep), EPOLLOUT);
	size_t total = fill_up(fd[0]);
	(void)told(ep); /* room came and went while it was filled */
	CHECK_EQ(told(ep), 0);
	recv_pattern(fd[1], total, 0);
	CHECK_EQ(told_soon(ep), EPOLLOUT);
}

TCP_TEST(epoll_edge_of_a_listener)
{
	struct sock_name reach;
	int l = tcp_listener(net, 20, &reach), ep = epoll_on(l, EPOLLIN | EPOLLET);
	set_nonblock(l);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			(void)tcp_connected(&reach);
		CHECK_EQ(told_soon(ep), EPOLLIN);
		int n = 0;
		while (n < 3)
			n += accept(l, NULL, NULL) >= 0;
		CHECK_ERRNO(accept(l, NULL, NULL), EAGAIN);
		(void)told(ep); /* the later ones may have made an edge */
		CHECK_EQ(told(ep), 0);
	}
}

TCP_TEST(epoll_one_shot)
{
	int fd[2];
	tcp_pair(net, fd);
	int ep = epoll_on(fd[1], EPOLLIN | EPOLLONESHOT);
	send_all(fd[0], "a", 1);
	CHECK_EQ(told_soon(ep), EPOLLIN);
	send_all(fd[0], "b", 1);
	CHECK_SOON(recv(fd[1], NULL, 2, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT) == 2);
	CHECK_EQ(told(ep), 0);
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, fd[1], &e), 0);
	CHECK_EQ(told(ep), EPOLLIN);
	CHECK_EQ(told(ep), 0);
}

TCP_TEST(epoll_nested)
{
	int fd[2];
	tcp_pair(net, fd);
	int inner = epoll_on(fd[1], EPOLLIN | EPOLLET), outer = epoll_on(inner, EPOLLIN),
	    top = epoll_on(outer, EPOLLIN);
	CHECK_EQ(told(top), 0);
	pid_t self = getpid(), child = fork();
	if (child == 0) {
		guest_await_sleep(self);
		send_all(fd[0], "x", 1);
		_exit(0);
	}
	struct epoll_event e;
	CHECK_EQ(epoll_wait(top, &e, 1, -1), 1);
	CHECK_EQ(guest_reap(child), 0);
	CHECK_EQ(told(outer), EPOLLIN);
	CHECK_EQ(told(inner), EPOLLIN);
	CHECK_EQ(told(inner), 0);
	CHECK_EQ(told(top), 0);
}

struct server {
	int listener, ep, stop; /* stop: readable when it is over */
	int accepted;
};

/* Waits for connections as servers with many processes do. */
static void *
serve_exclusively(void *arg)
{
	struct server *s = arg;
	struct epoll_event e;
	for (;;) {
		CHECK(epoll_wait(s->ep, &e, 1, -1) >= 0);
		if (e.data.fd == s->stop)
			return NULL;
		int fd = accept(s->listener, NULL, NULL);
		if (fd < 0) {
			CHECK_EQ(errno, EAGAIN);
			continue;
		}
		s->accepted++;
		send_all(fd, "ok", 2);
		CHECK_EQ(close(fd), 0);
	}
}

TCP_TEST(epoll_exclusive)
{
	enum { SERVERS = 4, CONNECTIONS = 100 };
	struct sock_name reach;
	int l = tcp_listener(net, CONNECTIONS, &reach), stop[2], sum = 0;
	struct server s[SERVERS];
	pthread_t thread[SERVERS];
	set_nonblock(l);
	CHECK_EQ(pipe(stop), 0);
	for (int i = 0; i < SERVERS; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = stop[0]};
		s[i] = (struct server){l, epoll_on(l, EPOLLIN | EPOLLEXCLUSIVE), stop[0], 0};
		CHECK_EQ(epoll_ctl(s[i].ep, EPOLL_CTL_ADD, stop[0], &e), 0);
		CHECK_EQ(pthread_create(&thread[i], NULL, serve_exclusively, &s[i]), 0);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		int c = tcp_connected(&reach);
		expect_text(c, "ok");
		expect_eof(c);
		close(c);
	}
	CHECK_EQ(write(stop[1], "x", 1), 1);
	for (int i = 0; i < SERVERS; i++) {
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
		sum += s[i].accepted;
	}
	CHECK_EQ(sum, CONNECTIONS);
	struct epoll_event e = {.events = EPOLLIN | EPOLLEXCLUSIVE};
	CHECK_ERRNO(epoll_ctl(s[0].ep, EPOLL_CTL_MOD, l, &e), EINVAL);
}

/* Edges lost between a look and a sleep would stop this. */
static void *
ping(void *arg)
{
	int fd = *(int *)arg;
	for (int i = 0; i < 2000; i++) {
		send_all(fd, "p", 1);
		expect_text(fd, "q");
	}
	CHECK_EQ(shutdown(fd, SHUT_WR), 0);
	return NULL;
}

TCP_TEST(epoll_edges_are_not_lost)
{
	int fd[2];
	pthread_t thread;
	tcp_pair(net, fd);
	sock_set(fd[0], IPPROTO_TCP, TCP_NODELAY, 1);
	sock_set(fd[1], IPPROTO_TCP, TCP_NODELAY, 1);
	set_nonblock(fd[1]);
	int ep = epoll_on(fd[1], EPOLLIN | EPOLLET);
	CHECK_EQ(pthread_create(&thread, NULL, ping, &fd[0]), 0);
	int got = 0;
	for (bool end = false; !end;) {
		char c;
		(void)told_soon(ep);
		ssize_t n;
		while ((n = recv(fd[1], &c, 1, 0)) > 0) {
			got++;
			send_all(fd[1], "q", 1);
		}
		end = n == 0;
		if (n < 0)
			CHECK_EQ(errno, EAGAIN);
	}
	CHECK_EQ(got, 2000);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}
