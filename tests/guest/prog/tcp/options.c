/* SPDX-License-Identifier: MIT */
/* Options of TCP sockets: what they are at first, what they may be, what they do, and what TCP_INFO tells. */
#include <sys/time.h>

#include "tests/guest/prog/tcp/tcp.h"

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif

/* Numbers of TCP: what a new socket says, the bounds, and what is refused beyond them. */
static const struct {
	int name, first, least, most;
} numbers[] = {
	{TCP_NODELAY, 0, 0, 1},
	{TCP_CORK, 0, 0, 1},
	{TCP_KEEPIDLE, 7200, 1, 32767},
	{TCP_KEEPINTVL, 75, 1, 32767},
	{TCP_KEEPCNT, 9, 1, 127},
	{TCP_SYNCNT, 6, 1, 127},
	{TCP_USER_TIMEOUT, 0, 0, 2000000},
	{TCP_DEFER_ACCEPT, 0, 0, 1},
	{TCP_NOTSENT_LOWAT, 0, 0, 2000000},
	{TCP_MAXSEG, 536, 88, 32767},
};

GUEST_TEST(tcp_options_numbers)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int s = socket(AF_INET, SOCK_STREAM, 0), name = numbers[i].name;
		if (sock_int(s, IPPROTO_TCP, name) != numbers[i].first)
			guest_fail(__FILE__, __LINE__, "option %d is %d at first, not %d", name,
				sock_int(s, IPPROTO_TCP, name), numbers[i].first);
		sock_set(s, IPPROTO_TCP, name, numbers[i].most);
		CHECK_EQ(sock_int(s, IPPROTO_TCP, name), numbers[i].most);
		sock_set(s, IPPROTO_TCP, name, numbers[i].least);
		CHECK_EQ(sock_int(s, IPPROTO_TCP, name), numbers[i].least);
		int v = 1;
		CHECK_ERRNO(setsockopt(s, IPPROTO_TCP, name, &v, 2), EINVAL);
		CHECK_ERRNO(setsockopt(s, IPPROTO_TCP, name, (void *)8, sizeof(v)), EFAULT);
		close(s);
	}
	static const struct {
		int name, value;
	} refused[] = {{TCP_KEEPIDLE, 0}, {TCP_KEEPIDLE, 32768}, {TCP_KEEPINTVL, 0},
		{TCP_KEEPINTVL, 32768}, {TCP_KEEPCNT, 0}, {TCP_KEEPCNT, 128}, {TCP_SYNCNT, 0},
		{TCP_SYNCNT, 128}, {TCP_MAXSEG, 87}, {TCP_MAXSEG, 32768}, {TCP_USER_TIMEOUT, -1}};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int s = socket(AF_INET6, SOCK_STREAM, 0);
		if (setsockopt(s, IPPROTO_TCP, refused[i].name, &refused[i].value, sizeof(int)) !=
				-1 ||
			errno != EINVAL)
			guest_fail(__FILE__, __LINE__, "option %d may be %d (errno %d)",
				refused[i].name, refused[i].value, errno);
		close(s);
	}
}

GUEST_TEST(tcp_options_unknown)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), v = 1;
	socklen_t len = sizeof(v);
	CHECK_ERRNO(setsockopt(s, IPPROTO_TCP, 999, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(s, IPPROTO_TCP, 999, &v, &len), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(s, SOL_SOCKET, 999, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(s, SOL_SOCKET, 999, &v, &len), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(s, 999, 1, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(s, IPPROTO_TCP, TCP_NODELAY, (void *)8, &len), EFAULT);
	CHECK_ERRNO(getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &v, (void *)8), EFAULT);
	len = (socklen_t)-1;
	CHECK_ERRNO(getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &v, &len), EINVAL);
	len = 2;
	v = 0;
	CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &v, &len), 0);
	CHECK(len == 2 && v == 7200);
	CHECK_ERRNO(setsockopt(0, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)), ENOTSOCK);
	/* What swos does not do it does not pretend to. */
	int u = socket(AF_INET, SOCK_DGRAM, 0);
	len = sizeof(v);
	CHECK(setsockopt(u, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)) == -1);
	CHECK(errno == ENOPROTOOPT || errno == EOPNOTSUPP);
}

GUEST_TEST(tcp_options_odd_ones)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char name[16] = "";
	socklen_t len = sizeof(name);
	/* Congestion control: those there are, by name. */
	CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK(len == 16 && name[0] != 0);
	CHECK_EQ(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	CHECK_EQ(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "cubic", 6), 0);
	len = sizeof(name);
	CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK(strcmp(name, "cubic") == 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "none", 4), ENOENT);
	CHECK_ERRNO(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "", 0), EINVAL);
	/* How long FIN_WAIT2 lasts without an owner. */
	CHECK_EQ(sock_int(s, IPPROTO_TCP, TCP_LINGER2), 60);
	sock_set(s, IPPROTO_TCP, TCP_LINGER2, 5);
	CHECK_EQ(sock_int(s, IPPROTO_TCP, TCP_LINGER2), 5);
	sock_set(s, IPPROTO_TCP, TCP_LINGER2, -5);
	CHECK_EQ(sock_int(s, IPPROTO_TCP, TCP_LINGER2), -1);
	/* The window's bound: none, or not below half of the least buffer. */
	sock_set(s, IPPROTO_TCP, TCP_WINDOW_CLAMP, 0);
	CHECK_EQ(sock_int(s, IPPROTO_TCP, TCP_WINDOW_CLAMP), 0);
	sock_set(s, IPPROTO_TCP, TCP_WINDOW_CLAMP, 100);
	CHECK_EQ(sock_int(s, IPPROTO_TCP, TCP_WINDOW_CLAMP), 1152);
	sock_set(s, IPPROTO_TCP, TCP_WINDOW_CLAMP, 30000);
	CHECK_EQ(sock_int(s, IPPROTO_TCP, TCP_WINDOW_CLAMP), 30000);
	int fd[2];
	tcp_pair(&tcp_net_v4, fd);
	sock_set(fd[0], IPPROTO_TCP, TCP_QUICKACK, 0);
	CHECK_EQ(sock_int(fd[0], IPPROTO_TCP, TCP_QUICKACK), 0);
	sock_set(fd[0], IPPROTO_TCP, TCP_QUICKACK, 1);
	CHECK_EQ(sock_int(fd[0], IPPROTO_TCP, TCP_QUICKACK), 1);
}

GUEST_TEST(tcp_options_of_sockets)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	static const int flags[] = {
		SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE, SO_OOBINLINE, SO_BROADCAST, SO_DONTROUTE};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		CHECK_EQ(sock_int(s, SOL_SOCKET, flags[i]), 0);
		sock_set(s, SOL_SOCKET, flags[i], 5);
		CHECK_EQ(sock_int(s, SOL_SOCKET, flags[i]), 1);
	}
	CHECK(sock_int(s, SOL_SOCKET, SO_SNDBUF) >= 16384);
	CHECK(sock_int(s, SOL_SOCKET, SO_RCVBUF) >= 65536);
	sock_set(s, SOL_SOCKET, SO_SNDBUF, 50000);
	sock_set(s, SOL_SOCKET, SO_RCVBUF, 60000);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_SNDBUF), 100000);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_RCVBUF), 120000);
	int v = 1;
	static const int fixed[] = {
		SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR, SO_ACCEPTCONN, SO_SNDLOWAT, SO_PEERCRED};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		CHECK_ERRNO(setsockopt(s, SOL_SOCKET, fixed[i], &v, sizeof(v)), ENOPROTOOPT);
	/* There is nobody behind a TCP connection whom one could name. */
	struct ucred cred = {1, 2, 3};
	socklen_t len = sizeof(cred);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	CHECK(cred.pid == 0 && cred.uid == (uid_t)-1 && cred.gid == (gid_t)-1);
	sock_set(s, SOL_SOCKET, SO_PRIORITY, 4);
	CHECK_EQ(sock_int(s, SOL_SOCKET, SO_PRIORITY), 4);
	struct linger l = {1, 12}, got;
	len = sizeof(got);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_LINGER, &got, &len), 0);
	CHECK(got.l_onoff == 1 && got.l_linger == 12);
	sock_set(s, IPPROTO_IP, IP_TOS, 0x10);
	CHECK_EQ(sock_int(s, IPPROTO_IP, IP_TOS), 0x10);
	int s6 = socket(AF_INET6, SOCK_STREAM, 0);
	sock_set(s6, IPPROTO_IPV6, IPV6_TCLASS, 0x20);
	CHECK_EQ(sock_int(s6, IPPROTO_IPV6, IPV6_TCLASS), 0x20);
	CHECK_EQ(sock_int(s6, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	CHECK_ERRNO(setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &v, sizeof(v)), ENOPROTOOPT);
	char opts[40];
	len = sizeof(opts);
	CHECK_EQ(getsockopt(s, IPPROTO_IP, IP_OPTIONS, opts, &len), 0);
	CHECK_EQ(len, 0);
}

TCP_TEST(segment_size_is_heeded)
{
	struct sock_name reach;
	int l = tcp_listener(net, 1, &reach), c = tcp_socket(&reach);
	sock_set(c, IPPROTO_TCP, TCP_MAXSEG, 1000);
	CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	/* Both ways: it is told the peer, and not exceeded. Timestamps take 12 of it. */
	CHECK(sock_int(c, IPPROTO_TCP, TCP_MAXSEG) <= 1000);
	CHECK(sock_int(s, IPPROTO_TCP, TCP_MAXSEG) <= 1000);
	CHECK(sock_int(s, IPPROTO_TCP, TCP_MAXSEG) >= 988 - 20);
	static char block[50000];
	pattern_fill(block, sizeof(block), 0);
	send_all(c, block, sizeof(block));
	recv_pattern(s, sizeof(block), 0);
	CHECK(tcp_info_of(c).snd_mss <= 1000 && tcp_info_of(s).snd_mss <= 1000);
	CHECK(tcp_info_of(s).rcv_mss <= 1000);
}

TCP_TEST(info_of_a_transfer)
{
	enum { N = 200000 };
	static char block[N];
	int fd[2];
	tcp_pair(net, fd);
	pattern_fill(block, N, 0);
	pid_t child = fork();
	if (child == 0) {
		send_all(fd[0], block, N);
		_exit(0);
	}
	recv_pattern(fd[1], N, 0);
	CHECK_EQ(guest_reap(child), 0);
	struct tcp_report c, s;
	CHECK_SOON((c = tcp_info_of(fd[0])).unacked == 0 && c.bytes_acked >= N);
	s = tcp_info_of(fd[1]);
	CHECK(c.state == TCP_ESTABLISHED && s.state == TCP_ESTABLISHED);
	CHECK(c.ca_state == 0 && c.retransmits == 0 && c.probes == 0 && c.backoff == 0);
	CHECK_EQ(c.options & 7, 7); /* timestamps, SACK, scaling */
	CHECK((c.wscale & 15) != 0 && (c.wscale & 15) == s.wscale >> 4);
	CHECK(c.snd_mss >= 500 && c.snd_mss <= 65535 && c.pmtu >= c.snd_mss && c.pmtu <= 65536);
	CHECK(c.rto >= 200000 && c.rto <= 120000000);
	CHECK(c.rtt > 0 && c.rtt < 20000000 && c.rttvar > 0);
	CHECK(c.min_rtt <= 20000000);
	CHECK(c.snd_cwnd >= 2 && c.rcv_space > 0);
	CHECK(c.bytes_acked <= N + 1 && c.notsent_bytes == 0);
	CHECK(c.bytes_sent >= N && c.bytes_retrans <= c.bytes_sent - N);
	CHECK(s.bytes_received >= N && s.bytes_received <= N + 1);
	CHECK(c.segs_out > 2 && c.segs_in > 1 && s.segs_in > 2 && s.segs_out > 1);
	CHECK(s.rcv_mss > 0 && c.last_data_sent < 60000 && s.last_data_recv < 60000);
	CHECK(c.sacked == 0 && c.lost == 0 && c.retrans == 0);
	/* A short answer is the beginning; a long one says how long it is. */
	unsigned char few[8], many[512];
	socklen_t len = sizeof(few);
	CHECK_EQ(getsockopt(fd[0], IPPROTO_TCP, TCP_INFO, few, &len), 0);
	CHECK(len == sizeof(few) && few[0] == TCP_ESTABLISHED);
	len = sizeof(many);
	CHECK_EQ(getsockopt(fd[0], IPPROTO_TCP, TCP_INFO, many, &len), 0);
	CHECK(len >= TCP_REPORT_OLD && len < sizeof(many));
	CHECK_ERRNO(setsockopt(fd[0], IPPROTO_TCP, TCP_INFO, few, 8), ENOPROTOOPT);
}

TCP_TEST(info_counts_segments)
{
	enum { N = 100000, MSS = 1000 };
	static char data[N];
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach), fd[2];
	fd[0] = tcp_socket(&reach);
	sock_set(fd[0], IPPROTO_TCP, TCP_MAXSEG, MSS);
	CHECK_EQ(connect(fd[0], &reach.sa, reach.len), 0);
	fd[1] = accept(l, NULL, NULL);
	CHECK(fd[1] >= 0);
	send_all(fd[0], data, N);
	recv_all(fd[1], data, N);
	struct tcp_report c, s;
	CHECK_SOON((c = tcp_info_of(fd[0])).unacked == 0 && c.bytes_acked >= N);
	s = tcp_info_of(fd[1]);
	/* However many went to the device in one piece, and came from it. */
	CHECK(c.data_segs_out >= N / MSS && c.segs_out >= c.data_segs_out + 2);
	CHECK(c.data_segs_out - c.total_retrans <= s.data_segs_in);
	CHECK(s.data_segs_in <= c.data_segs_out && s.segs_in >= s.data_segs_in);
	CHECK(c.data_segs_in == 0 && s.data_segs_out == 0);
}

GUEST_TEST(tcp_fast_open_is_honest)
{
	/* It works, or says that it does not. */
	struct sock_name reach;
	int l = tcp_listener(&tcp_net_v4, 5, &reach), c = tcp_socket(&reach), v = 5;
	socklen_t len = sizeof(v);
	if (setsockopt(l, IPPROTO_TCP, TCP_FASTOPEN, &v, sizeof(v)) == 0) {
		v = 0;
		CHECK_EQ(getsockopt(l, IPPROTO_TCP, TCP_FASTOPEN, &v, &len), 0);
		CHECK_EQ(v, 5);
	} else {
		CHECK(errno == ENOPROTOOPT || errno == EOPNOTSUPP);
	}
	ssize_t n = sendto(c, "early", 5, MSG_FASTOPEN | MSG_NOSIGNAL, &reach.sa, reach.len);
	if (n < 0) {
		CHECK(errno == EOPNOTSUPP);
		CHECK_EQ(connect(c, &reach.sa, reach.len), 0);
		send_all(c, "early", 5);
	} else {
		CHECK_EQ(n, 5);
	}
	int s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	expect_text(s, "early");
}

TCP_TEST(keepalive_notices_nothing)
{
	/* Probes to a peer that lives change nothing. */
	int fd[2];
	tcp_pair(net, fd);
	sock_set(fd[0], SOL_SOCKET, SO_KEEPALIVE, 1);
	sock_set(fd[0], IPPROTO_TCP, TCP_KEEPIDLE, 1);
	sock_set(fd[0], IPPROTO_TCP, TCP_KEEPINTVL, 1);
	sock_set(fd[0], IPPROTO_TCP, TCP_KEEPCNT, 2);
	unsigned before = tcp_info_of(fd[1]).segs_in;
	CHECK_SOON(tcp_info_of(fd[1]).segs_in >= before + 2);
	CHECK_EQ(tcp_events(fd[0]), POLLOUT);
	CHECK_EQ(tcp_events(fd[1]), POLLOUT);
	send_all(fd[0], "alive", 5);
	expect_text(fd[1], "alive");
}

TCP_TEST(user_timeout_ends_it)
{
	/* A peer that takes nothing for longer than the user's patience. */
	int fd[2];
	char c;
	struct sock_name reach;
	int l = tcp_listener(net, 1, &reach);
	sock_set(l, SOL_SOCKET, SO_RCVBUF, 4096);
	tcp_pair_on(l, &reach, fd);
	(void)fill_up(fd[0]);
	sock_set(fd[0], IPPROTO_TCP, TCP_USER_TIMEOUT, 700);
	tcp_await(fd[0], POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	CHECK_ERRNO(recv(fd[0], &c, 1, 0), ETIMEDOUT);
	CHECK_ERRNO(send(fd[0], &c, 1, MSG_NOSIGNAL), EPIPE);
}
