/* SPDX-License-Identifier: MIT */
/* AF_UNIX streams: pairs, listeners, boundaries that are none, ends, limits, and what waits for what. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "guest.h"

static void
pair_of(int type, int fd[2])
{
	CHECK_EQ(socketpair(AF_UNIX, type, 0, fd), 0);
}

static unsigned
events_of(int fd)
{
	struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
	CHECK(poll(&p, 1, 0) >= 0);
	return (unsigned)p.revents;
}

GUEST_TEST(unix_pair_carries_bytes_both_ways)
{
	int fd[2];
	char got[16] = "";
	pair_of(SOCK_STREAM, fd);
	CHECK_EQ(write(fd[0], "hello", 5), 5);
	CHECK_EQ(write(fd[0], " you", 4), 4);
	CHECK_EQ(read(fd[1], got, 3), 3);
	CHECK_EQ(read(fd[1], got + 3, sizeof(got) - 3), 6);
	CHECK(memcmp(got, "hello you", 9) == 0);
	CHECK_EQ(send(fd[1], "x", 1, 0), 1);
	CHECK_EQ(recv(fd[0], got, sizeof(got), MSG_PEEK), 1);
	CHECK_EQ(recv(fd[0], got, sizeof(got), 0), 1);
	CHECK_ERRNO(recv(fd[0], got, sizeof(got), MSG_DONTWAIT), EAGAIN);
}

GUEST_TEST(unix_stream_moves_much_in_order)
{
	int fd[2];
	enum { TOTAL = 1 << 20 };
	static unsigned char out[TOTAL], in[TOTAL];
	for (int i = 0; i < TOTAL; i++)
		out[i] = (unsigned char)(i * 7 + i / 251);
	pair_of(SOCK_STREAM, fd);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		close(fd[1]);
		for (size_t done = 0; done < TOTAL;) {
			size_t n = 1 + (done * 31) % 70000;
			if (n > TOTAL - done)
				n = TOTAL - done;
			ssize_t sent = write(fd[0], out + done, n);
			if (sent <= 0)
				_exit(1);
			done += (size_t)sent;
		}
		_exit(0);
	}
	close(fd[0]);
	size_t done = 0;
	for (;;) {
		ssize_t n = read(fd[1], in + done, 1 + (done * 17) % 50000);
		CHECK(n >= 0);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	CHECK_EQ(done, TOTAL);
	CHECK(memcmp(in, out, TOTAL) == 0);
	CHECK_EQ(guest_reap(child), 0);
}

GUEST_TEST(unix_stream_ends_and_breaks)
{
	int fd[2];
	char c;
	signal(SIGPIPE, SIG_IGN);
	pair_of(SOCK_STREAM, fd);
	CHECK_EQ(events_of(fd[0]), POLLOUT);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	CHECK_EQ(events_of(fd[0]), POLLIN | POLLOUT);
	CHECK_EQ(close(fd[1]), 0);
	CHECK_EQ(events_of(fd[0]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_EQ(read(fd[0], &c, 1), 0);
	CHECK_ERRNO(write(fd[0], "b", 1), EPIPE);
	close(fd[0]);

	/* What was not read by the one that went is news to the other. */
	pair_of(SOCK_STREAM, fd);
	CHECK_EQ(write(fd[0], "a", 1), 1);
	close(fd[1]);
	CHECK(events_of(fd[0]) & POLLERR);
	CHECK_ERRNO(read(fd[0], &c, 1), ECONNRESET);
	CHECK_EQ(read(fd[0], &c, 1), 0);
	close(fd[0]);
}

static volatile sig_atomic_t got_signal;

static void
on_signal(int sig)
{
	got_signal = sig;
}

GUEST_TEST(unix_stream_sigpipe)
{
	int fd[2];
	pair_of(SOCK_STREAM, fd);
	signal(SIGPIPE, on_signal);
	close(fd[1]);
	CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(got_signal, 0);
	CHECK_ERRNO(send(fd[0], "x", 1, 0), EPIPE);
	CHECK_EQ(got_signal, SIGPIPE);
}

GUEST_TEST(unix_stream_shutdown_by_halves)
{
	int fd[2];
	char c;
	signal(SIGPIPE, SIG_IGN);
	pair_of(SOCK_STREAM, fd);
	CHECK_EQ(write(fd[0], "a", 1), 1);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_ERRNO(write(fd[0], "b", 1), EPIPE);
	CHECK_EQ(events_of(fd[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(read(fd[1], &c, 1), 1);
	CHECK_EQ(read(fd[1], &c, 1), 0);
	CHECK_EQ(write(fd[1], "c", 1), 1);
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_EQ(shutdown(fd[0], SHUT_RD), 0);
	CHECK_ERRNO(write(fd[1], "d", 1), EPIPE);
	CHECK_EQ(read(fd[0], &c, 1), 0);
	CHECK_ERRNO(shutdown(fd[0], 3), EINVAL);
	CHECK_ERRNO(shutdown(fd[0], -1), EINVAL);
}

GUEST_TEST(unix_stream_blocks_when_full)
{
	int fd[2];
	static char block[4096], got[1 << 16];
	size_t total = 0;
	pair_of(SOCK_STREAM, fd);
	CHECK_EQ(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	for (;;) {
		ssize_t n = write(fd[0], block, sizeof(block));
		if (n < 0)
			break;
		total += (size_t)n;
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK(total > 100000 && total < 1 << 20);
	CHECK_EQ(events_of(fd[0]), 0);
	int queued, out;
	CHECK_EQ(ioctl(fd[1], FIONREAD, &queued), 0);
	CHECK_EQ(queued, total);
	CHECK_EQ(ioctl(fd[0], TIOCOUTQ, &out), 0);
	CHECK(out >= queued);
	while (total != 0) {
		ssize_t n = read(fd[1], got, sizeof(got));
		CHECK(n > 0);
		total -= (size_t)n;
	}
	CHECK_EQ(events_of(fd[0]), POLLOUT);
}

struct name {
	struct sockaddr_un a;
	socklen_t len;
};

static struct name
abstract(const char *text)
{
	struct name n = {.a.sun_family = AF_UNIX};
	strcpy(n.a.sun_path + 1, text);
	n.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
	return n;
}

static struct name
path(const char *text)
{
	struct name n = {.a.sun_family = AF_UNIX};
	strcpy(n.a.sun_path, text);
	n.len = sizeof(n.a);
	return n;
}

static int
listener(const struct name *n, int backlog)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (const void *)&n->a, n->len), 0);
	CHECK_EQ(listen(fd, backlog), 0);
	return fd;
}

GUEST_TEST(unix_connect_and_accept_by_path)
{
	struct name n = path("/tmp/sock.test");
	unlink(n.a.sun_path);
	int l = listener(&n, 5);
	struct stat st;
	CHECK_EQ(stat(n.a.sun_path, &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_EQ(fstat(l, &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_ERRNO(open(n.a.sun_path, O_RDWR), ENXIO);
	CHECK_EQ(events_of(l), 0);
	int c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(connect(c, (void *)&n.a, n.len), 0);
	CHECK_ERRNO(connect(c, (void *)&n.a, n.len), EISCONN);
	CHECK_EQ(events_of(l), POLLIN);
	CHECK_EQ(write(c, "early", 5), 5);
	struct sockaddr_un from;
	socklen_t len = sizeof(from);
	int s = accept4(l, (void *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(s >= 0);
	CHECK_EQ(len, sizeof(sa_family_t));
	CHECK_EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(s, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	char got[8];
	CHECK_EQ(read(s, got, sizeof(got)), 5);
	len = sizeof(from);
	CHECK_EQ(getpeername(c, (void *)&from, &len), 0);
	CHECK_EQ(len, offsetof(struct sockaddr_un, sun_path) + strlen(n.a.sun_path) + 1);
	CHECK(strcmp(from.sun_path, n.a.sun_path) == 0);
	len = sizeof(from);
	CHECK_EQ(getsockname(s, (void *)&from, &len), 0);
	CHECK(strcmp(from.sun_path, n.a.sun_path) == 0);
	int second = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERRNO(bind(second, (void *)&n.a, n.len), EADDRINUSE);
	close(l);
	CHECK_ERRNO(connect(second, (void *)&n.a, n.len), ECONNREFUSED);
	CHECK_EQ(unlink(n.a.sun_path), 0);
	CHECK_ERRNO(connect(second, (void *)&n.a, n.len), ENOENT);
}

GUEST_TEST(unix_accept_does_not_inherit_nonblock)
{
	struct name n = abstract("nonblock");
	int l = listener(&n, 5);
	CHECK_EQ(fcntl(l, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERRNO(accept(l, NULL, NULL), EAGAIN);
	int c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(connect(c, (void *)&n.a, n.len), 0);
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	CHECK_EQ(fcntl(s, F_GETFL) & O_NONBLOCK, 0);
}

GUEST_TEST(unix_backlog_bounds_connects)
{
	struct name n = abstract("backlog");
	int l = listener(&n, 1), made = 0, c[8];
	for (int i = 0; i < 8; i++) {
		c[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(c[i], (void *)&n.a, n.len) == 0)
			made++;
		else
			CHECK_EQ(errno, EAGAIN);
	}
	CHECK_EQ(made, 2);
	pid_t child = fork();
	if (child == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(fd, (void *)&n.a, n.len) == 0 ? 0 : 1);
	}
	guest_await_sleep(child);
	for (int i = 0; i < 3; i++)
		CHECK(accept(l, NULL, NULL) >= 0);
	CHECK_EQ(guest_reap(child), 0);
	/* Those that nobody accepts are told so. */
	CHECK_EQ(connect(c[7], (void *)&n.a, n.len), 0);
	close(l);
	char x;
	CHECK_ERRNO(read(c[7], &x, 1), ECONNRESET);
}

GUEST_TEST(unix_abstract_names_and_autobind)
{
	struct name n = abstract("a name");
	int l = listener(&n, 1), other = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERRNO(bind(other, (void *)&n.a, n.len), EADDRINUSE);
	CHECK_ERRNO(connect(other, (void *)&n.a, n.len - 1), ECONNREFUSED);
	int d = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK_ERRNO(connect(d, (void *)&n.a, n.len), ECONNREFUSED);
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(own);
	CHECK_EQ(bind(other, (void *)&own, sizeof(sa_family_t)), 0);
	CHECK_EQ(getsockname(other, (void *)&own, &len), 0);
	CHECK_EQ(len, sizeof(sa_family_t) + 6);
	CHECK_EQ(own.sun_path[0], 0);
	CHECK_ERRNO(bind(l, (void *)&n.a, n.len), EINVAL);
	close(l);
	l = listener(&n, 1);
	close(l);
}

GUEST_TEST(unix_bad_addresses)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a = {.sun_family = AF_INET, .sun_path = "/tmp/x"};
	CHECK_ERRNO(bind(fd, (void *)&a, sizeof(a)), EINVAL);
	a.sun_family = AF_UNIX;
	CHECK_ERRNO(bind(fd, (void *)&a, sizeof(a) + 1), EINVAL);
	CHECK_ERRNO(bind(fd, (void *)&a, 1), EINVAL);
	CHECK_ERRNO(bind(fd, NULL, sizeof(a)), EFAULT);
	CHECK_ERRNO(connect(fd, (void *)&a, 2), EINVAL);
	CHECK_ERRNO(listen(fd, 1), EINVAL);
	CHECK_ERRNO(accept(fd, NULL, NULL), EINVAL);
	CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	char c;
	CHECK_ERRNO(read(fd, &c, 1), EINVAL);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 5), EPROTONOSUPPORT);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	CHECK_ERRNO(socket(45, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERRNO(listen(0, 1), ENOTSOCK);
}

GUEST_TEST(unix_timeouts_and_signals)
{
	int fd[2];
	char c;
	pair_of(SOCK_STREAM, fd);
	struct timeval tv = {0, 50000}, back;
	socklen_t len = sizeof(back);
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	CHECK_EQ(getsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &back, &len), 0);
	CHECK_EQ(back.tv_usec, 50000);
	double before = guest_now();
	CHECK_ERRNO(read(fd[0], &c, 1), EAGAIN);
	CHECK(guest_now() - before >= 0.045);
	/* With a timeout a signal always interrupts; without one the call restarts. */
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &sa, NULL);
	tv = (struct timeval){30, 0};
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	pid_t self = getpid(), child = fork();
	if (child == 0) {
		guest_await_sleep(self);
		kill(self, SIGUSR1);
		_exit(0);
	}
	CHECK_ERRNO(read(fd[0], &c, 1), EINTR);
	CHECK_EQ(guest_reap(child), 0);
	tv = (struct timeval){0, 0};
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	child = fork();
	if (child == 0) {
		guest_await_sleep(self);
		kill(self, SIGUSR1);
		guest_await_sleep(self);
		_exit(write(fd[1], "x", 1) == 1 ? 0 : 1);
	}
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_EQ(guest_reap(child), 0);
}

GUEST_TEST(unix_waitall_and_vectors)
{
	int fd[2];
	char a[4], b[8];
	pair_of(SOCK_STREAM, fd);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 12; i++) {
			char c = (char)('a' + i);
			if (write(fd[1], &c, 1) != 1)
				_exit(1);
			guest_yield();
		}
		_exit(0);
	}
	struct iovec v[2] = {{a, 4}, {b, 8}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	CHECK_EQ(recvmsg(fd[0], &m, MSG_WAITALL), 12);
	CHECK(memcmp(a, "abcd", 4) == 0 && memcmp(b, "efghijkl", 8) == 0);
	CHECK_EQ(guest_reap(child), 0);
	CHECK_EQ(writev(fd[0], v, 2), 12);
	char all[16];
	CHECK_EQ(read(fd[1], all, 16), 12);
	CHECK(memcmp(all, "abcdefghijkl", 12) == 0);
}

GUEST_TEST(unix_epoll_edges)
{
	int fd[2], ep = epoll_create1(0);
	pair_of(SOCK_STREAM, fd);
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET}, got;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &e), 0);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLIN);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	CHECK_EQ(write(fd[1], "y", 1), 1);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(shutdown(fd[1], SHUT_WR), 0);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLIN | EPOLLRDHUP);
	close(fd[1]);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
}

GUEST_TEST(unix_options)
{
	int fd[2], v = 0;
	socklen_t len = sizeof(v);
	pair_of(SOCK_SEQPACKET, fd);
	CHECK_EQ(getsockopt(fd[0], SOL_SOCKET, SO_TYPE, &v, &len), 0);
	CHECK_EQ(v, SOCK_SEQPACKET);
	CHECK_EQ(getsockopt(fd[0], SOL_SOCKET, SO_DOMAIN, &v, &len), 0);
	CHECK_EQ(v, AF_UNIX);
	CHECK_EQ(getsockopt(fd[0], SOL_SOCKET, SO_ACCEPTCONN, &v, &len), 0);
	CHECK_EQ(v, 0);
	v = 10000;
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)), 0);
	CHECK_EQ(getsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &v, &len), 0);
	CHECK_EQ(v, 20000);
	v = 0;
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)), 0);
	CHECK_EQ(getsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &v, &len), 0);
	CHECK_EQ(v, 4608);
	CHECK_ERRNO(setsockopt(fd[0], SOL_SOCKET, 12345, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(fd[0], SOL_SOCKET, 12345, &v, &len), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &v, 2), EINVAL);
	CHECK_ERRNO(setsockopt(fd[0], SOL_SOCKET, SO_TYPE, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(fd[0], 6, 1, &v, sizeof(v)), EOPNOTSUPP);
	struct linger l = {1, 5}, l2 = {0, 0};
	len = sizeof(l2);
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	CHECK_EQ(getsockopt(fd[0], SOL_SOCKET, SO_LINGER, &l2, &len), 0);
	CHECK(l2.l_onoff == 1 && l2.l_linger == 5);
	CHECK_ERRNO(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &l, 4), EINVAL);
}

GUEST_TEST(unix_sigio)
{
	int fd[2], on = 1;
	pair_of(SOCK_STREAM, fd);
	signal(SIGIO, on_signal);
	CHECK_EQ(fcntl(fd[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(ioctl(fd[0], FIOASYNC, &on), 0);
	CHECK_EQ(got_signal, 0);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	CHECK_SOON(got_signal == SIGIO);
}

GUEST_TEST(unix_proc_fd_name)
{
	int fd[2];
	char link[64], name[64] = "", want[64];
	struct stat st;
	pair_of(SOCK_STREAM, fd);
	CHECK_EQ(fstat(fd[0], &st), 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd[0]);
	CHECK(readlink(link, name, sizeof(name) - 1) > 0);
	snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)st.st_ino);
	CHECK(strcmp(name, want) == 0);
	CHECK_ERRNO(open(link, O_RDWR), ENXIO);
}

GUEST_TEST(unix_close_while_another_reads)
{
	int fd[2];
	pair_of(SOCK_STREAM, fd);
	pid_t child = fork();
	if (child == 0) {
		char c;
		close(fd[1]);
		_exit(read(fd[0], &c, 1) == 0 ? 0 : 1);
	}
	close(fd[0]);
	guest_await_sleep(child);
	close(fd[1]);
	CHECK_EQ(guest_reap(child), 0);
}
