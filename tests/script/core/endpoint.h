/* SPDX-License-Identifier: MIT */
/*
 * One port on TCP's core, in virtual time: a listener, the connection on it, and what is left of one before: the least
 * that a socket layer does, without bytes. What packet scripts run against (tests/script).
 */
#ifndef TESTS_SCRIPT_CORE_ENDPOINT_H
#define TESTS_SCRIPT_CORE_ENDPOINT_H

#include "kernel/net/tcp/core.h"

struct endpoint {
	uint64_t now; /* ns */
	struct tcp_memory memory;
	uint32_t mss; /* of the path */
	struct tcp_conn c;
	struct tcp_request request;
	struct tcp_timewait tw;
	bool listening, has_request, has_conn, in_timewait;
	bool accepted, shut; /* accepted: the user has the connection's handle */
	bool cookies, ecn_listen;
	uint16_t error;
	/* Stream offsets. */
	uint32_t written, acked, delivered, read;
	bool rdhup, urgent_here, urgent_taken;
	uint32_t urgent_at;
	/* What sockets to be begin with. */
	uint32_t offers; /* TCP_HAS_* */
	uint32_t buffer, send_buffer;
	uint32_t conn_flags; /* TCPF_* */
	uint8_t cc, syn_count;
	uint32_t iss;
	bool linger0;
	void (*transmit)(struct endpoint *p, const struct tcp_segment *seg);
};

void endpoint_init(struct endpoint *p);
void endpoint_free(struct endpoint *p);
/* A decoded segment arrives. */
void endpoint_input(struct endpoint *p, const struct tcp_segment *seg);
/* When something is next due; UINT64_MAX: never. */
uint64_t endpoint_deadline(const struct endpoint *p);
/* What is due at now happens. */
void endpoint_timers(struct endpoint *p);
/* An ICMP error that quotes seq: mtu != 0: a packet was too large; otherwise error (positive errno). */
void endpoint_icmp(struct endpoint *p, uint32_t seq, uint32_t mtu, uint16_t error);

/* Calls: what Linux's return on a non-blocking socket, or a negative errno. */
int endpoint_connect(struct endpoint *p);
int endpoint_accept(struct endpoint *p);
int endpoint_write(struct endpoint *p, uint32_t n, uint32_t write_flags);
int endpoint_read(struct endpoint *p, uint32_t n);
int endpoint_readoob(struct endpoint *p);
int endpoint_shutdown(struct endpoint *p);
int endpoint_close(struct endpoint *p);
int endpoint_set(struct endpoint *p, const char *name, uint32_t value);
int endpoint_error(struct endpoint *p);
int64_t endpoint_info(const struct endpoint *p, const char *name);

#endif
