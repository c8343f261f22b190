/* SPDX-License-Identifier: MIT */
/* Which TCP sockets may have the same port, and which ports are given out. */
#include <arpa/inet.h>
#include <fcntl.h>

#include "tests/guest/prog/tcp/tcp.h"

#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"

/* An address to bind, as one of the matrix. */
struct place {
	const char *text;
	int family;
	bool only; /* IPV6_V6ONLY */
};

static const struct place places[] = {
	{"0.0.0.0", AF_INET, false},
	{"127.0.0.1", AF_INET, false},
	{"127.0.0.2", AF_INET, false},
	{"::", AF_INET6, false},
	{"::", AF_INET6, true},
	{"::1", AF_INET6, false},
	{"::ffff:127.0.0.1", AF_INET6, false},
};
#define PLACES    (sizeof(places) / sizeof(places[0]))
#define REUSEADDR 1u
#define REUSEPORT 2u

static struct sock_name
place_name(const struct place *p, uint16_t port)
{
	struct sock_name n = tcp_name_any(p->family, port);
	void *at = p->family == AF_INET ? (void *)&n.in.sin_addr : (void *)&n.in6.sin6_addr;
	CHECK_EQ(inet_pton(p->family, p->text, at), 1);
	return n;
}

static int
place_socket(const struct place *p, unsigned reuse)
{
	int fd = socket(p->family, SOCK_STREAM, 0);
	CHECK(fd >= 0);
	if (p->only)
		sock_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (reuse & REUSEADDR)
		sock_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (reuse & REUSEPORT)
		sock_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return fd;
}

/* The addresses of IPv4 that a place takes, as a set: 127.0.0.1, 127.0.0.2, others; and those of IPv6: ::1, others. */
static unsigned
place_covers(const struct place *p)
{
	if (strcmp(p->text, "0.0.0.0") == 0)
		return 7;
	if (strcmp(p->text, "::") == 0)
		return p->only ? 24 : 31;
	if (strcmp(p->text, "::1") == 0)
		return 8;
	return strcmp(p->text, "127.0.0.2") == 0 ? 2 : 1;
}

/* Binds a second socket beside a first one, and says what bind gave: 0 or errno. */
static int
bind_beside(const struct place *first, unsigned first_reuse, bool listens,
	const struct place *second, unsigned second_reuse)
{
	int a = place_socket(first, first_reuse), b = place_socket(second, second_reuse);
	struct sock_name n = place_name(first, 0);
	CHECK_EQ(bind(a, &n.sa, n.len), 0);
	n = sock_name_of(a);
	if (listens)
		CHECK_EQ(listen(a, 1), 0);
	n = place_name(second, sock_port(&n));
	int err = bind(b, &n.sa, n.len) == 0 ? 0 : errno;
	close(a);
	close(b);
	return err;
}

static void
bind_matrix(bool listens)
{
	for (unsigned i = 0; i < PLACES * PLACES * 16; i++) {
		const struct place *first = &places[i / 16 % PLACES],
				   *second = &places[i / 16 / PLACES];
		unsigned r1 = i & 3, r2 = i >> 2 & 3;
		bool shared = ((r1 & r2 & REUSEADDR) && !listens) || (r1 & r2 & REUSEPORT);
		int want = (place_covers(first) & place_covers(second)) != 0 && !shared ? EADDRINUSE
											: 0;
		int got = -1;
		/* The port that the first got may still be another's for the second's address. */
		for (int tries = 0; tries < 3 && got != want; tries++)
			got = bind_beside(first, r1, listens, second, r2);
		if (got != want)
			guest_fail(__FILE__, __LINE__,
				"%s%s reuse %u%s, then %s%s reuse %u: errno %d, not %d",
				first->text, first->only ? " only" : "", r1,
				listens ? " listening" : "", second->text,
				second->only ? " only" : "", r2, got, want);
	}
}

GUEST_TEST(tcp_bind_beside_bound)
{
	bind_matrix(false);
}

GUEST_TEST(tcp_bind_beside_listening)
{
	bind_matrix(true);
}

TCP_TEST(bind_shared_but_one_listens)
{
	/* With SO_REUSEADDR two may have a port while none listens, and then one may. */
	struct sock_name at = tcp_name(net->server, 0);
	int a = tcp_socket(&at), b = tcp_socket(&at);
	sock_set(a, SOL_SOCKET, SO_REUSEADDR, 1);
	sock_set(b, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK_EQ(bind(a, &at.sa, at.len), 0);
	at = sock_name_of(a);
	CHECK_EQ(bind(b, &at.sa, at.len), 0);
	CHECK_EQ(listen(a, 1), 0);
	CHECK_ERRNO(listen(b, 1), EADDRINUSE);
	close(a);
	CHECK_EQ(listen(b, 1), 0);
}

TCP_TEST(bind_beside_connected)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), fd[2];
	tcp_pair_on(l, &reach, fd);
	close(l);
	/* The accepted socket keeps the port. */
	struct sock_name at = sock_name_of(fd[1]);
	int b = tcp_socket(&at);
	CHECK_ERRNO(bind(b, &at.sa, at.len), EADDRINUSE);
	sock_set(b, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK_ERRNO(bind(b, &at.sa, at.len), EADDRINUSE);
	/* Both must agree. */
	sock_set(fd[1], SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK_EQ(bind(b, &at.sa, at.len), 0);
	CHECK_EQ(listen(b, 5), 0);
	/* Connections go on beside the new listener. */
	int c = tcp_connected(&reach), s = accept(b, NULL, NULL);
	CHECK(s >= 0);
	send_all(c, "new", 3);
	expect_text(s, "new");
	send_all(fd[0], "old", 3);
	expect_text(fd[1], "old");
	/* The client's port, which connect chose. */
	at = sock_name_of(fd[0]);
	b = tcp_socket(&at);
	CHECK_ERRNO(bind(b, &at.sa, at.len), EADDRINUSE);
}

TCP_TEST(bind_in_time_wait)
{
	for (int reuse = 0; reuse < 2; reuse++) {
		struct sock_name at = tcp_name(net->server, 0);
		int l = tcp_socket(&at), fd[2];
		sock_set(l, SOL_SOCKET, SO_REUSEADDR, reuse);
		CHECK_EQ(bind(l, &at.sa, at.len), 0);
		CHECK_EQ(listen(l, 5), 0);
		at = sock_name_of(l);
		tcp_pair_on(l, &at, fd);
		close(l);
		close(fd[1]); /* the server first: TIME_WAIT is its */
		expect_eof(fd[0]);
		tcp_await_state(fd[0], TCP_CLOSE_WAIT);
		close(fd[0]);
		l = tcp_socket(&at);
		CHECK_ERRNO(bind(l, &at.sa, at.len), EADDRINUSE);
		sock_set(l, SOL_SOCKET, SO_REUSEADDR, 1);
		if (reuse == 0) {
			CHECK_ERRNO(bind(l, &at.sa, at.len), EADDRINUSE);
			continue;
		}
		CHECK_EQ(bind(l, &at.sa, at.len), 0);
		CHECK_EQ(listen(l, 5), 0);
		tcp_pair_on(l, &at, fd);
	}
}

GUEST_TEST(tcp_bind_addresses)
{
	struct place far4 = {"198.51.100.7", AF_INET, false},
		     far6 = {"2001:db8::7", AF_INET6, false};
	int s = place_socket(&far4, 0), s6 = place_socket(&far6, 0);
	struct sock_name n = place_name(&far4, 0);
	CHECK_ERRNO(bind(s, &n.sa, n.len), EADDRNOTAVAIL);
	sock_set(s, IPPROTO_IP, IP_FREEBIND, 1);
	CHECK_EQ(bind(s, &n.sa, n.len), 0);
	n = sock_name_of(s);
	CHECK(n.in.sin_addr.s_addr == htonl(0xc6336407) && sock_port(&n) != 0);
	CHECK_ERRNO(bind(s, &n.sa, n.len), EINVAL); /* once only */
	n = place_name(&far6, 0);
	CHECK_ERRNO(bind(s6, &n.sa, n.len), EADDRNOTAVAIL);
	/* A family of none, with the wildcard address, is IPv4's. */
	s = socket(AF_INET, SOCK_STREAM, 0);
	n = tcp_name_any(AF_INET, 0);
	n.sa.sa_family = AF_UNSPEC;
	CHECK_EQ(bind(s, &n.sa, n.len), 0);
}

/*
 * The range of ports that a test wants, below those that other tests' connections have had and TIME_WAIT may hold; what
 * was there comes back in any case.
 */
static void
with_ports(const char *range, void (*fn)(void *), void *arg)
{
	char old[64];
	sysctl_read(PORT_RANGE, old, sizeof(old));
	CHECK(sysctl_write(PORT_RANGE, range));
	int status = guest_fork(fn, arg);
	CHECK(sysctl_write(PORT_RANGE, old));
	CHECK_EQ(status, 0);
}

static void
use_up_by_bind(void *arg)
{
	const struct tcp_net *net = arg;
	unsigned seen = 0;
	for (int i = 0; i < 4; i++) {
		struct sock_name at = tcp_name(net->server, 0);
		int s = tcp_socket(&at);
		CHECK_EQ(bind(s, &at.sa, at.len), 0);
		at = sock_name_of(s);
		CHECK(sock_port(&at) >= 21000 && sock_port(&at) <= 21003);
		seen |= 1u << (sock_port(&at) - 21000);
	}
	CHECK_EQ(seen, 15);
	struct sock_name at = tcp_name(net->server, 0);
	int s = tcp_socket(&at);
	CHECK_ERRNO(bind(s, &at.sa, at.len), EADDRINUSE);
	CHECK_ERRNO(listen(s, 5), EADDRINUSE);
	/* Another address has ports of its own. */
	struct sock_name other = tcp_name(AF_INET, 0);
	other.in.sin_addr.s_addr = htonl(0x7f000002);
	s = tcp_socket(&other);
	CHECK_EQ(bind(s, &other.sa, other.len), 0);
}

TCP_TEST(ports_used_up_by_bind)
{
	with_ports("21000 21003", use_up_by_bind, (void *)(uintptr_t)net);
}

/* Two listeners' names. */
struct destinations {
	struct sock_name one, other;
};

static int
connected_to_be_reset(const struct sock_name *to)
{
	int c = tcp_connected(to);
	reset_on_close(c);
	return c;
}

static void
use_up_by_connect(void *arg)
{
	const struct destinations *to = arg;
	unsigned seen = 0;
	int last = -1;
	for (int i = 0; i < 4; i++) {
		last = connected_to_be_reset(&to->one);
		struct sock_name at = sock_name_of(last);
		CHECK(sock_port(&at) >= 21010 && sock_port(&at) <= 21013);
		seen |= 1u << (sock_port(&at) - 21010);
	}
	CHECK_EQ(seen, 15);
	int c = tcp_socket(&to->one);
	reset_on_close(c);
	CHECK_ERRNO(connect(c, &to->one.sa, to->one.len), EADDRNOTAVAIL);
	/* The same ports serve for another destination; one that was given back serves again. */
	for (int i = 0; i < 4; i++)
		(void)connected_to_be_reset(&to->other);
	CHECK_EQ(close(last), 0);
	CHECK_EQ(connect(c, &to->one.sa, to->one.len), 0);
}

TCP_TEST(ports_used_up_by_connect)
{
	struct destinations to;
	(void)tcp_listener(net, 16, &to.one);
	(void)tcp_listener(net, 16, &to.other);
	with_ports("21010 21013", use_up_by_connect, &to);
}

static void
bind_without_port(void *arg)
{
	const struct sock_name *to = arg;
	for (int i = 0; i < 5; i++) {
		struct sock_name at = tcp_name(to->sa.sa_family, 0);
		int c = tcp_socket(to);
		reset_on_close(c);
		sock_set(c, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		CHECK_EQ(bind(c, &at.sa, at.len), 0);
		at = sock_name_of(c);
		CHECK_EQ(sock_port(&at), 0);
		if (i == 4) {
			CHECK_ERRNO(connect(c, &to->sa, to->len), EADDRNOTAVAIL);
			break;
		}
		CHECK_EQ(connect(c, &to->sa, to->len), 0);
		at = sock_name_of(c);
		CHECK(sock_port(&at) >= 21020 && sock_port(&at) <= 21023);
	}
}

TCP_TEST(ports_chosen_by_connect_after_bind)
{
	struct sock_name reach;
	(void)tcp_listener(net, 16, &reach);
	with_ports("21020 21023", bind_without_port, &reach);
}
