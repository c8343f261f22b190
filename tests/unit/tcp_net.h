/* SPDX-License-Identifier: MIT */
/*
 * Two ends of a TCP connection over a bad network, in virtual time: what the simulator and the tests of TCP's core
 * drive. Every end keeps real bytes in queues like the kernel's, and every byte that is delivered is compared with what
 * was written; the core's books are checked after every step.
 */
#ifndef TESTS_UNIT_TCP_NET_H
#define TESTS_UNIT_TCP_NET_H

#include "kernel/net/tcp/core.h"
#include "kernel/net/tcp/core_internal.h"

enum { TCP_NET_STREAM = 1 << 18 }; /* the longest stream, bytes */

struct tcp_net_packet {
	uint64_t at; /* ns: when it arrives */
	uint64_t order;
	int to;
	struct tcp_segment seg;
	uint8_t *payload; /* seg.len bytes, or NULL */
};

struct tcp_net_end {
	struct tcp_conn c;
	struct tcp_request request;
	struct tcp_timewait tw;
	bool is_listener, has_request, has_conn, in_timewait, over;
	uint16_t error;
	/* sending: stream offsets */
	uint32_t total, written, acked;
	bool shut;
	/* receiving */
	uint32_t delivered, read, expect; /* expect: bytes that the peer will send */
	uint32_t buffer;
	bool rdhup;
	bool fixed;            /* the buffer does not grow */
	uint8_t *kept, *known; /* out of order: bytes, and whether they are there */
	uint64_t reads_at, writes_at;
	uint32_t urgent_seen;
	struct tcp_request_config config;
	uint32_t want_flags; /* TCPF_* to set on the connection */
	uint8_t offer;       /* TCP_HAS_* that are not stripped from its SYNs */
	uint8_t cc;
	uint64_t pacing;
};

struct tcp_net {
	uint64_t now;
	uint64_t seed;
	struct tcp_net_end end[2];
	struct tcp_net_packet *queue;
	uint32_t count, cap;
	uint64_t order;
	uint32_t mss;
	/* the channel, per 1024 */
	uint32_t loss, dup, reorder, ce, bad_window, no_memory;
	uint64_t delay, jitter;
	uint32_t max_write, max_read;
	bool manual; /* the test itself writes, reads and closes */
	uint64_t steps, sent, lost;
	struct tcp_memory memory;
	int64_t allocated;
	void (*seen)(
		struct tcp_net *n, int from, const struct tcp_segment *seg); /* each that is sent */
	bool (*eats)(struct tcp_net *n, int from,
		const struct tcp_segment *seg); /* true: the channel loses it */
	void *ctx;
};

uint32_t tcp_net_random(struct tcp_net *n, uint32_t below);
/* Ends that are closed, with sane defaults and no faults. */
void tcp_net_init(struct tcp_net *n, uint64_t seed);
void tcp_net_free(struct tcp_net *n);
/* End 0 connects; end 1 listens, or connects too. */
void tcp_net_open(struct tcp_net *n, bool simultaneous);
/* The next event; false: nothing will ever happen any more. */
bool tcp_net_step(struct tcp_net *n);
/* Until done(n), or for so long; whether it was done. */
bool tcp_net_run(struct tcp_net *n, bool (*done)(struct tcp_net *), uint64_t ns);
struct tcp_env tcp_net_env(struct tcp_net *n);
/* What an end's user does. */
void tcp_net_write(struct tcp_net *n, int e, uint32_t bytes, uint32_t flags);
void tcp_net_read(struct tcp_net *n, int e, uint32_t bytes);
void tcp_net_shutdown(struct tcp_net *n, int e);
void tcp_net_close(struct tcp_net *n, int e, uint32_t flags);
void tcp_net_flush(struct tcp_net *n, int e);
/* A segment arrives at e as if from the network. */
void tcp_net_inject(
	struct tcp_net *n, int e, const struct tcp_segment *seg, const uint8_t *payload);
uint8_t tcp_net_byte(int sender, uint32_t offset);
/* The books of a connection: pieces cover what is in flight, sums are right. */
void tcp_net_check(struct tcp_net *n, struct tcp_conn *c);

#endif
