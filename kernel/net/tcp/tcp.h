/* SPDX-License-Identifier: MIT */
/*
 * TCP of a stack, as others see it: what boot calls, tunables, and who has what connection (/proc/net/tcp, `ss`).
 * How it is built: tcp_impl.h. The protocol itself is a pure core: core.h.
 */
#ifndef NET_TCP_TCP_H
#define NET_TCP_TCP_H

#include "core/types.h"
#include "net/addr.h"
#include "net/net.h"

struct sock;
struct tcp_sock;

/* Tunables of a stack (sysctl net.ipv4.tcp_*), read without locks. */
struct tcp_sysctl {
	_Atomic uint32_t max_syn_backlog; /* a listener's half-open connections at most */
	_Atomic uint32_t syncookies;      /* 0: never; 1: when there is no room; 2: always */
	_Atomic uint32_t syn_retries, synack_retries;
	_Atomic uint32_t fin_timeout;    /* seconds in FIN_WAIT2 that nobody waits for */
	_Atomic uint32_t max_tw_buckets; /* TIME_WAIT entries at most */
	_Atomic uint32_t max_orphans;    /* connections without a socket at most */
	_Atomic uint32_t keepalive_time, keepalive_intvl, keepalive_probes; /* seconds, seconds */
	_Atomic uint32_t rmem[3], wmem[3]; /* least, initial and largest buffer, bytes */
	_Atomic uint32_t notsent_lowat;    /* bytes */
	_Atomic uint32_t congestion;       /* enum tcp_cc */
	_Atomic uint32_t ecn;              /* 0: never; 1: ask; 2: when asked */
};
struct tcp_sysctl *tcp_sysctl(struct net_stack *net);

/* Names of congestion control, as sysctl and TCP_CONGESTION have them; -1: unknown. */
const char *tcp_cc_name(uint32_t cc);
int tcp_cc_find(const char *name, size_t len);
uint32_t tcp_cc_of(const struct sock *s); /* of a TCP socket */

/* One connection, listener, half-open or TIME_WAIT entry. */
struct tcp_row {
	struct net_flow flow; /* remote_port 0: a listener */
	struct sock *s;       /* NULL: there is no socket (half open, TIME_WAIT) */
	uint64_t ino;         /* 0: no file */
	nsec_t timer_left;    /* until the timer strikes */
	uint32_t tx_queue;    /* bytes not acknowledged; listener: its backlog */
	uint32_t rx_queue;    /* bytes not read; listener: connections to be accepted */
	uint32_t uid, refs;
	uint32_t retransmits, probes;
	uint32_t rto_ms, ato_ms, cwnd_segments, ssthresh_segments; /* ssthresh UINT32_MAX: none */
	uint8_t state;                                             /* enum tcp_state */
	uint8_t timer; /* Linux's: 0 none, 1 retransmission, 2 keep-alive, 3 TIME_WAIT, 4 probe */
	bool ipv6;     /* an AF_INET6 socket's */
};
/* fn for everything that there is, inside one epoch; fn may not sleep. */
void tcp_for_each(
	struct net_stack *net, void (*fn)(const struct tcp_row *row, void *ctx), void *ctx);

/* TCP_INFO of a socket of tcp_for_each() or of a handle: Linux's struct tcp_info. Bottom halves off or a thread. */
struct tcp_info_user;
void tcp_get_info(struct sock *s, struct tcp_info_user *out);

extern const uint32_t tcp_sock_size; /* bytes of a socket, for /proc/net/protocols */
/* How many there are of each, for /proc/net/sockstat. */
struct tcp_usage {
	uint32_t sockets, orphans, timewaits, requests;
};
void tcp_get_usage(struct net_stack *net, struct tcp_usage *out);

int tcp_stack_init(struct net_stack *net) MUST_CHECK; /* from net_stack_create() */
void tcp_init(void);                                  /* boot, before the first stack */

#endif
