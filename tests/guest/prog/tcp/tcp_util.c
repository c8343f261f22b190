/* SPDX-License-Identifier: MIT */
/* What the tests of TCP sockets share: addresses, listeners, pairs, patterns. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>

#include "tests/guest/prog/tcp/tcp.h"

const struct tcp_net tcp_net_v4 = {AF_INET, AF_INET, false};
const struct tcp_net tcp_net_v6 = {AF_INET6, AF_INET6, false};
const struct tcp_net tcp_net_dual = {AF_INET6, AF_INET, true};

struct sock_name
tcp_name_any(int family, uint16_t port)
{
	struct sock_name n = {0};
	if (family == AF_INET) {
		n.len = sizeof(n.in);
		n.in.sin_family = AF_INET;
		n.in.sin_port = htons(port);
	} else {
		n.len = sizeof(n.in6);
		n.in6.sin6_family = AF_INET6;
		n.in6.sin6_port = htons(port);
	}
	return n;
}

struct sock_name
tcp_name(int family, uint16_t port)
{
	struct sock_name n = tcp_name_any(family, port);
	if (family == AF_INET)
		n.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		n.in6.sin6_addr = in6addr_loopback;
	return n;
}

uint16_t
sock_port(const struct sock_name *n)
{
	return ntohs(n->sa.sa_family == AF_INET ? n->in.sin_port : n->in6.sin6_port);
}

struct sock_name
sock_name_of(int fd)
{
	struct sock_name n = {.len = sizeof(n.storage)};
	CHECK_EQ(getsockname(fd, &n.sa, &n.len), 0);
	return n;
}

struct sock_name
sock_peer_of(int fd)
{
	struct sock_name n = {.len = sizeof(n.storage)};
	CHECK_EQ(getpeername(fd, &n.sa, &n.len), 0);
	return n;
}

/* The same address and port; a mapped address is the IPv4 one. */
bool
sock_name_equal(const struct sock_name *a, const struct sock_name *b)
{
	const struct sock_name *in[2] = {a, b};
	unsigned char address[2][16];
	for (int i = 0; i < 2; i++) {
		if (in[i]->sa.sa_family == AF_INET) {
			memset(address[i], 0, 10);
			memset(address[i] + 10, 0xff, 2);
			memcpy(address[i] + 12, &in[i]->in.sin_addr, 4);
		} else {
			memcpy(address[i], &in[i]->in6.sin6_addr, 16);
		}
	}
	return memcmp(address[0], address[1], 16) == 0 && sock_port(a) == sock_port(b);
}

int
tcp_listener(const struct tcp_net *net, int backlog, struct sock_name *reach)
{
	int l = socket(net->server, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(l >= 0);
	struct sock_name at = net->any ? tcp_name_any(net->server, 0) : tcp_name(net->server, 0);
	CHECK_EQ(bind(l, &at.sa, at.len), 0);
	CHECK_EQ(listen(l, backlog), 0);
	at = sock_name_of(l);
	CHECK(sock_port(&at) != 0);
	*reach = tcp_name(net->client, sock_port(&at));
	return l;
}

int
tcp_socket(const struct sock_name *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	return fd;
}

int
tcp_connected(const struct sock_name *to)
{
	int fd = tcp_socket(to);
	CHECK_EQ(connect(fd, &to->sa, to->len), 0);
	return fd;
}

int
tcp_full_listener(const struct tcp_net *net, struct sock_name *reach)
{
	int l = tcp_listener(net, 0, reach);
	(void)tcp_connected(reach);
	tcp_await(l, POLLIN);
	return l;
}

void
tcp_pair_on(int listener, const struct sock_name *reach, int fd[2])
{
	fd[0] = tcp_connected(reach);
	fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd[1] >= 0);
}

void
tcp_pair(const struct tcp_net *net, int fd[2])
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach);
	tcp_pair_on(l, &reach, fd);
	close(l);
}

short
tcp_events(int fd)
{
	struct pollfd p = {fd, TCP_POLL_ALL, 0};
	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

/* Between two looks at what comes soon, or else when a timer of a second or more is over. Returns false if it never comes. */
static bool
look_again(double began)
{
	double waited = guest_now() - began;
	if (waited < 0.05)
		guest_yield();
	else
		guest_sleep_ms(2);
	return waited < GUEST_SECONDS / 2.0;
}

void
tcp_await(int fd, short events)
{
	double began = guest_now();
	short got;
	while ((got = tcp_events(fd)) != events)
		if (!look_again(began))
			guest_fail(__FILE__, __LINE__, "poll says %#x, never %#x", (unsigned)got,
				events);
}

int
sock_int(int fd, int level, int name)
{
	int v = -12345;
	socklen_t len = sizeof(v);
	if (getsockopt(fd, level, name, &v, &len) != 0)
		guest_fail(__FILE__, __LINE__, "getsockopt(%d, %d): errno %d", level, name, errno);
	CHECK(len == sizeof(v) || len == 1);
	return v;
}

void
sock_set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) != 0)
		guest_fail(__FILE__, __LINE__, "setsockopt(%d, %d, %d): errno %d", level, name,
			value, errno);
}

void
set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	CHECK(flags >= 0);
	CHECK_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
}

void
reset_on_close(int fd)
{
	struct linger now = {1, 0};
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
}

struct tcp_report
tcp_info_of(int fd)
{
	struct tcp_report info = {0};
	socklen_t len = sizeof(info);
	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info;
}

void
tcp_await_state(int fd, int state)
{
	double began = guest_now();
	int got;
	while ((got = tcp_info_of(fd).state) != state)
		if (!look_again(began))
			guest_fail(__FILE__, __LINE__, "state is %d, never %d", got, state);
}

void
send_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	while (n > 0) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
		CHECK(put > 0);
		p += put;
		n -= (size_t)put;
	}
}

void
recv_all(int fd, void *data, size_t n)
{
	char *p = data;
	while (n > 0) {
		ssize_t got = recv(fd, p, n, 0);
		CHECK(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

void
expect_text(int fd, const char *text)
{
	char got[256] = "";
	size_t n = strlen(text);
	CHECK(n < sizeof(got));
	recv_all(fd, got, n);
	if (memcmp(got, text, n) != 0)
		guest_fail(__FILE__, __LINE__, "read \"%s\", not \"%s\"", got, text);
}

void
expect_eof(int fd)
{
	char c;
	CHECK_EQ(recv(fd, &c, 1, 0), 0);
}

static unsigned char
pattern_at(uint64_t at)
{
	return (unsigned char)(at * 167 + at / 251 + (at >> 16) * 13);
}

void
pattern_fill(void *data, size_t n, uint64_t at)
{
	unsigned char *p = data;
	for (size_t i = 0; i < n; i++)
		p[i] = pattern_at(at + i);
}

void
pattern_check(const void *data, size_t n, uint64_t at)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < n; i++) {
		unsigned long long place = at + i;
		if (p[i] != pattern_at(place))
			guest_fail(__FILE__, __LINE__, "byte %llu of the stream is %#x, not %#x",
				place, p[i], pattern_at(place));
	}
}

size_t
fill_up(int fd)
{
	static char block[65536];
	size_t total = 0, quiet = 0;
	/* What was sent makes room again: until nothing goes in for a while that is not on its way to the other end. */
	while (quiet < 50) {
		pattern_fill(block, sizeof(block), total);
		ssize_t put = send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put > 0) {
			total += (size_t)put;
			quiet = 0;
			continue;
		}
		CHECK(put < 0 && errno == EAGAIN);
		quiet += tcp_info_of(fd).unacked == 0;
		guest_sleep_ms(1);
	}
	return total;
}

void
recv_pattern(int fd, size_t n, uint64_t at)
{
	static _Thread_local char block[65536];
	while (n > 0) {
		ssize_t got = recv(fd, block, n < sizeof(block) ? n : sizeof(block), 0);
		CHECK(got > 0);
		pattern_check(block, (size_t)got, at);
		at += (uint64_t)got;
		n -= (size_t)got;
	}
}

volatile sig_atomic_t signals_seen, last_signal;

static void
on_signal(int sig)
{
	signals_seen++;
	last_signal = sig;
}

void
count_signal(int sig, int sa_flags)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = sa_flags};
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

pid_t
signal_when_asleep(int sig)
{
	pid_t self = getpid(), child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		guest_await_sleep(self);
		_exit(kill(self, sig) == 0 ? 0 : 1);
	}
	return child;
}

void
sysctl_read(const char *path, char *text, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		guest_fail(__FILE__, __LINE__, "no %s (errno %d)", path, errno);
	ssize_t len = read(fd, text, n - 1);
	CHECK(len >= 0);
	text[len] = 0;
	close(fd);
}

bool
sysctl_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}
