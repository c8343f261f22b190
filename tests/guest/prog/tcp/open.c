/* SPDX-License-Identifier: MIT */
/* TCP sockets that are made, named and given out: socket, listen, accept4, what accepted ones inherit, bad arguments. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "tests/guest/prog/tcp/tcp.h"

GUEST_TEST(tcp_socket_kinds)
{
	static const int families[] = {AF_INET, AF_INET6};
	for (int i = 0; i < 2; i++) {
		int a = socket(families[i], SOCK_STREAM, 0);
		int b = socket(
			families[i], SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
		CHECK(a >= 0 && b >= 0);
		CHECK_EQ(fcntl(a, F_GETFL) & O_NONBLOCK, 0);
		CHECK_EQ(fcntl(a, F_GETFL) & O_ACCMODE, O_RDWR);
		CHECK_EQ(fcntl(a, F_GETFD), 0);
		CHECK_EQ(fcntl(b, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
		CHECK_EQ(fcntl(b, F_GETFD), FD_CLOEXEC);
		CHECK_EQ(sock_int(a, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
		CHECK_EQ(sock_int(a, SOL_SOCKET, SO_DOMAIN), families[i]);
		CHECK_EQ(sock_int(a, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
		CHECK_EQ(sock_int(a, SOL_SOCKET, SO_ACCEPTCONN), 0);
		CHECK_EQ(sock_int(a, SOL_SOCKET, SO_ERROR), 0);
		struct stat st;
		CHECK_EQ(fstat(a, &st), 0);
		CHECK(S_ISSOCK(st.st_mode));
	}
	CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	CHECK_ERRNO(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	CHECK_ERRNO(socket(AF_INET, SOCK_STREAM | 0x100, 0), EINVAL);
	int pair[2];
	CHECK_ERRNO(socketpair(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP);
}

GUEST_TEST(tcp_calls_on_a_new_socket)
{
	char c;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sock_name n = {.len = sizeof(n.storage)};
	CHECK_EQ(tcp_events(fd), POLLOUT | POLLHUP);
	CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERRNO(recv(fd, &c, 1, 0), ENOTCONN);
	CHECK_ERRNO(read(fd, &c, 1), ENOTCONN);
	CHECK_ERRNO(getpeername(fd, &n.sa, &n.len), ENOTCONN);
	CHECK_ERRNO(shutdown(fd, SHUT_RDWR), ENOTCONN);
	CHECK_ERRNO(shutdown(fd, 7), EINVAL);
	CHECK_ERRNO(accept(fd, NULL, NULL), EINVAL);
	n = sock_name_of(fd);
	CHECK_EQ(n.len, sizeof(n.in));
	CHECK(n.in.sin_addr.s_addr == 0 && n.in.sin_port == 0);
	CHECK_EQ(tcp_info_of(fd).state, TCP_CLOSE);
	int fd6 = socket(AF_INET6, SOCK_STREAM, 0);
	n = sock_name_of(fd6);
	CHECK_EQ(n.len, sizeof(n.in6));
	CHECK(IN6_IS_ADDR_UNSPECIFIED(&n.in6.sin6_addr) && n.in6.sin6_port == 0);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
	CHECK_ERRNO(pread(fd, &c, 1, 0), ESPIPE);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	CHECK_ERRNO(fsync(fd), EINVAL);
}

/* What a handle may do counts only once it is known to be a socket's. */
GUEST_TEST(tcp_calls_on_what_is_no_socket)
{
	char c;
	static const int how[] = {O_RDONLY, O_WRONLY};
	for (unsigned i = 0; i < 2; i++) {
		int fd = open("/dev/null", how[i]);
		struct msghdr m = {0};
		CHECK_ERRNO(recv(fd, &c, 1, 0), ENOTSOCK);
		CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), ENOTSOCK);
		CHECK_ERRNO(recvmsg(fd, &m, 0), ENOTSOCK);
		CHECK_ERRNO(sendmsg(fd, &m, MSG_NOSIGNAL), ENOTSOCK);
		CHECK_ERRNO(listen(fd, 1), ENOTSOCK);
		CHECK_ERRNO(accept(fd, NULL, NULL), ENOTSOCK);
		for (int s = SHUT_RD; s <= SHUT_RDWR; s++)
			CHECK_ERRNO(shutdown(fd, s), ENOTSOCK);
		close(fd);
		CHECK_ERRNO(recv(fd, &c, 1, 0), EBADF);
		CHECK_ERRNO(shutdown(fd, SHUT_RD), EBADF);
	}
	int path = open("/dev/null", O_PATH);
	CHECK_ERRNO(recv(path, &c, 1, 0), EBADF);
	CHECK_ERRNO(listen(path, 1), EBADF);
	close(path);
}

GUEST_TEST(tcp_options_of_no_level)
{
	int v, fd = socket(AF_INET, SOCK_STREAM, 0), fd6 = socket(AF_INET6, SOCK_STREAM, 0);
	socklen_t n = sizeof(v);
	CHECK_ERRNO(getsockopt(fd, 500, 1, &v, &n), EOPNOTSUPP);
	CHECK_ERRNO(getsockopt(fd, IPPROTO_UDP, 1, &v, &n), EOPNOTSUPP);
	CHECK_ERRNO(getsockopt(fd6, 500, 1, &v, &n), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(fd, 500, 1, &v, n), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, 9999, &v, &n), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(fd, IPPROTO_TCP, -1, &v, &n), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(fd, IPPROTO_IP, -1, &v, &n), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(fd, IPPROTO_IPV6, 1, &v, &n), EOPNOTSUPP);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_ERRNO(getsockopt(fd, IPPROTO_TCP, 1, &v, &n), EOPNOTSUPP);
	close(fd);
	close(fd6);
}

TCP_TEST(names_agree)
{
	struct sock_name reach, from = {.len = sizeof(from.storage)};
	int l = tcp_listener(net, 5, &reach), c = tcp_connected(&reach);
	CHECK_EQ(sock_int(l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	int s = accept4(l, &from.sa, &from.len, 0);
	CHECK(s >= 0);
	CHECK_EQ(from.len, net->server == AF_INET ? sizeof(from.in) : sizeof(from.in6));
	CHECK_EQ(from.sa.sa_family, net->server);
	struct sock_name cn = sock_name_of(c), cp = sock_peer_of(c), sn = sock_name_of(s),
			 sp = sock_peer_of(s);
	CHECK(sock_name_equal(&cn, &from) && sock_name_equal(&cn, &sp));
	CHECK(sock_name_equal(&cp, &sn) && sock_name_equal(&cp, &reach));
	if (net->any)
		CHECK(IN6_IS_ADDR_V4MAPPED(&sn.in6.sin6_addr));
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_DOMAIN), net->server);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	CHECK_ERRNO(connect(c, &reach.sa, reach.len), EISCONN);
	CHECK_ERRNO(connect(s, &reach.sa, reach.len), EISCONN);
	CHECK_ERRNO(connect(l, &reach.sa, reach.len), EISCONN);
	CHECK_ERRNO(listen(c, 5), EINVAL);
	CHECK_ERRNO(accept(c, NULL, NULL), EINVAL);
	CHECK_ERRNO(bind(c, &cn.sa, cn.len), EINVAL);
	struct sock_name none = {.len = sizeof(none.storage)};
	CHECK_ERRNO(getpeername(l, &none.sa, &none.len), ENOTCONN);
	CHECK_EQ(tcp_info_of(c).state, TCP_ESTABLISHED);
	tcp_await_state(s, TCP_ESTABLISHED);
	CHECK_EQ(tcp_info_of(l).state, TCP_LISTEN);
	CHECK_EQ(listen(l, 9), 0); /* again: another backlog */
	CHECK_EQ(tcp_info_of(l).sacked, 9);
	CHECK_EQ(tcp_info_of(l).unacked, 0);
}

GUEST_TEST(tcp_mapped_client)
{
	/* An IPv6 socket speaks IPv4 with a mapped address, also to an IPv4 listener. */
	struct sock_name reach;
	int l = tcp_listener(&tcp_net_v4, 5, &reach);
	struct sock_name to = tcp_name_any(AF_INET6, sock_port(&reach));
	CHECK_EQ(inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.in6.sin6_addr), 1);
	int fd[2];
	tcp_pair_on(l, &to, fd);
	struct sock_name cn = sock_name_of(fd[0]), cp = sock_peer_of(fd[0]),
			 sp = sock_peer_of(fd[1]);
	CHECK(IN6_IS_ADDR_V4MAPPED(&cn.in6.sin6_addr) && IN6_IS_ADDR_V4MAPPED(&cp.in6.sin6_addr));
	CHECK_EQ(sp.sa.sa_family, AF_INET);
	CHECK(sock_name_equal(&cn, &sp));
	send_all(fd[0], "mapped", 6);
	expect_text(fd[1], "mapped");
	/* Not with V6ONLY, in neither direction. */
	int only = socket(AF_INET6, SOCK_STREAM, 0);
	sock_set(only, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	CHECK_ERRNO(connect(only, &to.sa, to.len), ENETUNREACH);
	struct sock_name any = tcp_name_any(AF_INET6, 0);
	CHECK_EQ(bind(only, &any.sa, any.len), 0);
	int zero = 0;
	CHECK_ERRNO(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)), EINVAL);
	CHECK_EQ(listen(only, 1), 0);
	any = sock_name_of(only);
	struct sock_name four = tcp_name(AF_INET, sock_port(&any)),
			 six = tcp_name(AF_INET6, sock_port(&any));
	int c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERRNO(connect(c, &four.sa, four.len), ECONNREFUSED);
	(void)tcp_connected(&six);
}

GUEST_TEST(tcp_accept_flags_and_address)
{
	struct sock_name reach, from;
	int l = tcp_listener(&tcp_net_v4, 16, &reach);
	CHECK_ERRNO(
		syscall(SYS_accept4, l, NULL, NULL, 0x40), EINVAL); /* musl would try accept() */
	set_nonblock(l);
	CHECK_ERRNO(accept(l, NULL, NULL), EAGAIN);
	for (int i = 0; i < 5; i++)
		(void)tcp_connected(&reach);
	tcp_await(l, POLLIN);
	int s = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK_EQ(fcntl(s, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CHECK_EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
	/* The listener's O_NONBLOCK stays with the listener. */
	s = accept(l, NULL, NULL);
	CHECK_EQ(fcntl(s, F_GETFL) & O_NONBLOCK, 0);
	CHECK_EQ(fcntl(s, F_GETFD), 0);
	/* A short buffer gets the beginning, and the true length. */
	memset(&from, 0xee, sizeof(from));
	from.len = 4;
	s = accept(l, &from.sa, &from.len);
	CHECK(s >= 0);
	CHECK_EQ(from.len, sizeof(from.in));
	CHECK_EQ(from.in.sin_addr.s_addr, 0xeeeeeeee);
	from.len = sizeof(from.storage);
	CHECK_ERRNO(accept(l, (void *)8, &from.len), EFAULT);
	from.len = (socklen_t)-1;
	CHECK_ERRNO(accept(l, &from.sa, &from.len), EINVAL);
	CHECK_ERRNO(accept(9999, NULL, NULL), EBADF);
	CHECK_ERRNO(accept(0, NULL, NULL), ENOTSOCK);
}

TCP_TEST(accepted_inherits_options)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), size = 30000;
	struct linger linger = {1, 3}, got;
	struct timeval tv = {7, 0};
	sock_set(l, SOL_SOCKET, SO_KEEPALIVE, 1);
	sock_set(l, SOL_SOCKET, SO_OOBINLINE, 1);
	sock_set(l, SOL_SOCKET, SO_RCVBUF, size);
	sock_set(l, SOL_SOCKET, SO_SNDBUF, size);
	sock_set(l, IPPROTO_TCP, TCP_NODELAY, 1);
	sock_set(l, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	sock_set(l, IPPROTO_TCP, TCP_USER_TIMEOUT, 7777);
	if (net->server == AF_INET) {
		sock_set(l, IPPROTO_IP, IP_TTL, 33);
	} else {
		sock_set(l, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33);
	}
	CHECK_EQ(setsockopt(l, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	CHECK_EQ(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	CHECK_EQ(setsockopt(l, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	int fd[2];
	tcp_pair_on(l, &reach, fd);
	int s = fd[1];
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_KEEPALIVE), 1);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_OOBINLINE), 1);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_RCVBUF), 2 * size);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_SNDBUF), 2 * size);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_REUSEADDR), 0);
	CHECK_EQ(sock_int(s, IPPROTO_TCP, TCP_NODELAY), 1);
	CHECK_EQ(sock_int(s, IPPROTO_TCP, TCP_KEEPIDLE), 77);
	CHECK_EQ(sock_int(s, IPPROTO_TCP, TCP_USER_TIMEOUT), 7777);
	if (net->server == AF_INET) {
		CHECK_EQ(sock_int(s, IPPROTO_IP, IP_TTL), 33);
	} else {
		CHECK_EQ(sock_int(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 33);
	}
	socklen_t len = sizeof(got);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_LINGER, &got, &len), 0);
	CHECK(got.l_onoff == 1 && got.l_linger == 3);
	len = sizeof(tv);
	tv.tv_sec = 0;
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, &len), 0);
	CHECK_EQ(tv.tv_sec, 7);
	char name[16] = "";
	len = sizeof(name);
	CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK(strcmp(name, "reno") == 0);
	CHECK_EQ(sock_int(fd[0], SOL_SOCKET, SO_KEEPALIVE), 0);
}

GUEST_TEST(tcp_listen_without_bind)
{
	int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(listen(a, 5), 0);
	CHECK_EQ(listen(b, -1), 0);
	struct sock_name an = sock_name_of(a), bn = sock_name_of(b);
	CHECK(an.in.sin_addr.s_addr == 0 && sock_port(&an) != 0 && sock_port(&bn) != 0);
	CHECK(sock_port(&an) != sock_port(&bn));
	struct sock_name to = tcp_name(AF_INET, sock_port(&bn));
	(void)tcp_connected(&to);
	CHECK(accept(b, NULL, NULL) >= 0);
}

GUEST_TEST(tcp_accept_without_descriptors)
{
	struct sock_name reach;
	int l = tcp_listener(&tcp_net_v4, 5, &reach), c = tcp_connected(&reach);
	tcp_await(l, POLLIN);
	struct rlimit old, low;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)c + 1;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
	while (dup(c) >= 0)
		; /* fills gaps below */
	CHECK_ERRNO(accept(l, NULL, NULL), EMFILE);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
	/* The connection has waited. */
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	send_all(c, "still", 5);
	expect_text(s, "still");
}

GUEST_TEST(tcp_bad_addresses)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), s6 = socket(AF_INET6, SOCK_STREAM, 0);
	struct sock_name a = tcp_name(AF_INET, 9), a6 = tcp_name(AF_INET6, 9);
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/tmp/x"};
	CHECK_ERRNO(connect(s, &a.sa, 8), EINVAL);
	CHECK_ERRNO(bind(s, &a.sa, 8), EINVAL);
	CHECK_ERRNO(connect(s, NULL, a.len), EFAULT);
	CHECK_ERRNO(connect(s, &a.sa, 1000), EINVAL);
	CHECK_ERRNO(connect(s, (void *)&un, sizeof(un)), EAFNOSUPPORT);
	CHECK_ERRNO(bind(s, (void *)&un, sizeof(un)), EAFNOSUPPORT);
	CHECK_ERRNO(connect(s, &a6.sa, a6.len), EAFNOSUPPORT);
	CHECK_ERRNO(bind(s, &a6.sa, a6.len), EAFNOSUPPORT);
	CHECK_ERRNO(connect(s6, &a.sa, a.len), EINVAL); /* too short for an IPv6 address */
	CHECK_ERRNO(connect(s6, &a.sa, sizeof(a.in6)), EAFNOSUPPORT);
	CHECK_ERRNO(bind(s6, &a.sa, sizeof(a.in6)), EAFNOSUPPORT);
	CHECK_ERRNO(connect(0, &a.sa, a.len), ENOTSOCK);
	CHECK_ERRNO(listen(0, 5), ENOTSOCK);
	CHECK_ERRNO(listen(9999, 5), EBADF);
	/* Link-local without a scope: there is no telling where. */
	a6 = tcp_name_any(AF_INET6, 9);
	CHECK_EQ(inet_pton(AF_INET6, "fe80::1", &a6.in6.sin6_addr), 1);
	CHECK_ERRNO(connect(s6, &a6.sa, a6.len), EINVAL);
	CHECK_ERRNO(bind(s6, &a6.sa, a6.len), EINVAL);
}
