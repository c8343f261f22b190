/* SPDX-License-Identifier: MIT */
/*
 * What the tests of TCP sockets share. All of them run on Linux too (tests/host/net/linux_test.py), which judges them.
 *
 *	TCP_TEST(data_arrives) { int fd[2]; tcp_pair(net, fd); ... }
 *
 * is three tests, tcp_data_arrives_v4, _v6 and _dual: on 127.0.0.1, on ::1, and of an IPv4 client with an IPv6 listener
 * that has the wildcard address. Nothing here assumes that what one end did is known to the other when the call returns.
 */
#ifndef GUEST_TCP_H
#define GUEST_TCP_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "tests/guest/prog/guest.h"

struct tcp_net {
	int server, client; /* families */
	bool any;           /* the server listens on the wildcard address */
};
extern const struct tcp_net tcp_net_v4, tcp_net_v6, tcp_net_dual;

#define TCP_TEST_FLAGS(id, flags)                             \
	static void tcp_test_##id(const struct tcp_net *net); \
	GUEST_TEST_FLAGS(tcp_##id##_v4, flags)                \
	{                                                     \
		tcp_test_##id(&tcp_net_v4);                   \
	}                                                     \
	GUEST_TEST_FLAGS(tcp_##id##_v6, flags)                \
	{                                                     \
		tcp_test_##id(&tcp_net_v6);                   \
	}                                                     \
	GUEST_TEST_FLAGS(tcp_##id##_dual, flags)              \
	{                                                     \
		tcp_test_##id(&tcp_net_dual);                 \
	}                                                     \
	static void tcp_test_##id(const struct tcp_net *net)
#define TCP_TEST(id) TCP_TEST_FLAGS(id, 0)

struct sock_name {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	};
	socklen_t len;
};

/* Addresses; the port is in host order. */
struct sock_name tcp_name(int family, uint16_t port);     /* 127.0.0.1 or ::1 */
struct sock_name tcp_name_any(int family, uint16_t port); /* 0.0.0.0 or :: */
uint16_t sock_port(const struct sock_name *n);
struct sock_name sock_name_of(int fd);
struct sock_name sock_peer_of(int fd);
bool sock_name_equal(const struct sock_name *a, const struct sock_name *b);

/* A listener; *reach: what a client connects to. */
int tcp_listener(const struct tcp_net *net, int backlog, struct sock_name *reach);
/* A listener whose queue is full: SYNs to it are not answered until something is accepted. */
int tcp_full_listener(const struct tcp_net *net, struct sock_name *reach);
int tcp_socket(const struct sock_name *to); /* of the right family */
int tcp_connected(const struct sock_name *to);
/* fd[0] connected to fd[1]: the client first. */
void tcp_pair(const struct tcp_net *net, int fd[2]);
/* The same with a listener that stays, and more than one. */
void tcp_pair_on(int listener, const struct sock_name *reach, int fd[2]);

#define TCP_POLL_ALL (POLLIN | POLLPRI | POLLOUT | POLLRDHUP)
short tcp_events(int fd);             /* what poll says now */
void tcp_await(int fd, short events); /* until it says exactly this */

int sock_int(int fd, int level, int name);
void sock_set(int fd, int level, int name, int value);
void set_nonblock(int fd);
void reset_on_close(int fd); /* an RST instead of a FIN: no TIME_WAIT */
/* TCP_INFO's answer, of which C libraries know more or less. */
struct tcp_report {
	uint8_t state, ca_state, retransmits, probes, backoff, options, wscale, app_limited;
	uint32_t rto, ato, snd_mss, rcv_mss;
	uint32_t unacked, sacked, lost, retrans, fackets;
	uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv; /* ms ago */
	uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
	uint32_t rcv_rtt, rcv_space, total_retrans;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
	uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};
#define TCP_REPORT_OLD offsetof(struct tcp_report, pacing_rate) /* what Linux 2.6 gave */
struct tcp_report tcp_info_of(int fd);
void tcp_await_state(int fd, int state);

/* All of it, or the test fails. */
void send_all(int fd, const void *data, size_t n);
void recv_all(int fd, void *data, size_t n);
/* Expects the stream to go on with this text. */
void expect_text(int fd, const char *text);
void expect_eof(int fd);
/* Bytes that tell where in a stream they stand. */
void pattern_fill(void *data, size_t n, uint64_t at);
void pattern_check(const void *data, size_t n, uint64_t at);
/* Writes without waiting until no more goes in; how much did. */
size_t fill_up(int fd);
/* Reads n bytes of pattern, from at on. */
void recv_pattern(int fd, size_t n, uint64_t at);

/* Sends sig to this process (to be handled) once it sleeps in a call; a child does it, to be reaped. */
pid_t signal_when_asleep(int sig);
extern volatile sig_atomic_t signals_seen, last_signal;
void count_signal(int sig, int sa_flags);

/* A file of /proc/sys/net: its text, and a new one. */
void sysctl_read(const char *path, char *text, size_t n);
bool sysctl_write(const char *path, const char *text);

#endif
