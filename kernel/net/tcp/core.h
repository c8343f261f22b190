/* SPDX-License-Identifier: MIT */
/*
 * TCP's core: one connection as a pure state machine (RFC 9293 and those named in core_*.c).
 *
 * It holds no payload, no pointers but to its own two arrays, and calls nothing back but the allocator: bytes, packets,
 * locks, timers and wake-ups are the glue's. So a connection can be cloned, and the unit tests, the simulator, the
 * explorer and the fuzzers run these files as they are.
 *
 * How the glue drives it, always under the connection's lock:
 *
 *	tcp_input(c, env, seg, act)   a decoded segment came; act says what to do with its payload, with the send queue,
 *	                              with waiters, and whether the connection ended
 *	tcp_timer(c, env, act)        tcp_deadline() has passed (or any other time: nothing is then due)
 *	tcp_write, tcp_read, ...      what the user does
 *	tcp_output(c, env, out)       afterwards, until it returns false: the next segment to be sent, seq and len saying
 *	                              which bytes of the send queue. It counts as sent from then on: if it cannot be, it
 *	                              was lost
 *	tcp_deadline(c)               afterwards: when tcp_timer() wants to be called. It may be called later, and need
 *	                              not be re-armed when the deadline moves on: tcp_timer() looks by itself
 *
 * The send queue holds the bytes from snd_una (without SYN and FIN) to write_seq. The receive queue ends at rcv_nxt;
 * what tcp_input() says to keep lies beyond, in the ranges of c->ooo.
 *
 * Time is in nanoseconds since any fixed moment, never going back; inside mostly microseconds in 32 bits, compared
 * modulo 2^32. Windows and congestion control count bytes.
 */
#ifndef NET_TCP_CORE_H
#define NET_TCP_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/wire/tcp.h"

/* Linux's numbers: TCP_INFO, /proc/net/tcp and inet_diag show them. */
enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV, /* of a connection: simultaneous open; passive opens are struct tcp_request */
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
};

/* tcp_conn.ca_state, Linux's numbers. */
enum tcp_ca_state {
	TCP_CA_OPEN,
	TCP_CA_DISORDER, /* SACKs or duplicate ACKs, nothing thought lost yet */
	TCP_CA_CWR,      /* reduced for a congestion mark */
	TCP_CA_RECOVERY, /* fast recovery */
	TCP_CA_LOSS,     /* after a retransmission timeout */
};

enum tcp_cc { TCP_CC_CUBIC, TCP_CC_RENO };

/* tcp_conn.flags. Negotiated: */
#define TCPF_TS     (1u << 0)
#define TCPF_SACK   (1u << 1)
#define TCPF_WSCALE (1u << 2)
#define TCPF_ECN    (1u << 3)
/* chosen by the user: */
#define TCPF_NODELAY   (1u << 4)
#define TCPF_CORK      (1u << 5)
#define TCPF_MORE      (1u << 6) /* the last write said that more follows */
#define TCPF_KEEPALIVE (1u << 7)
#define TCPF_ECN_ASK   (1u << 8) /* offer ECN when connecting */
/* what happened: */
#define TCPF_FIN_QUEUED (1u << 9)  /* a FIN follows write_seq */
#define TCPF_FIN_RCVD   (1u << 10) /* the peer's FIN is below rcv_nxt */
#define TCPF_ORPHAN     (1u << 11) /* nobody will read any more */
#define TCPF_PUSH_SENT \
	(1u << 12) /* data was sent since the last was received: the exchange is interactive */
#define TCPF_ECN_ECHO   (1u << 13) /* say ECE until CWR comes */
#define TCPF_ECN_CWR    (1u << 14) /* say CWR with the next new data */
#define TCPF_REORDERING (1u << 15) /* reordering was seen (RACK) */
#define TCPF_FRTO       (1u << 16) /* the timeout may be spurious: RFC 5682 runs */
#define TCPF_TLP_RTX    (1u << 17) /* the probe was a retransmission */
#define TCPF_CWND_FULL  (1u << 18) /* the congestion window was what limited output */
#define TCPF_RTX_SEEN   (1u << 19) /* a retransmission was made since all was acknowledged last */
#define TCPF_DSACK_SEEN (1u << 20) /* a DSACK came in this round */
#define TCPF_FIN_SEEN   (1u << 21) /* rcv_fin counts: the peer's FIN was seen, maybe out of order */
#define TCPF_DSACK      (1u << 22) /* dsack is to be reported */
/* urgent data: */
#define TCPF_URG_OUT (1u << 23) /* snd_up counts */
#define TCPF_URG_IN \
	(1u << 24) /* rcv_up counts: the peer announced urgent data that was not read past yet */
#define TCPF_URG_HERE (1u << 25) /* its byte was received */
/* said by the socket: */
#define TCPF_DEAF \
	(1u << 26) /* shut both ways: what is sent to it still is refused, as when it is closed */

/* tcp_conn.todo: what tcp_output() is to see to. */
#define TCPT_ACK_NOW   1u
#define TCPT_ACK_LATER 2u /* delack_at is armed */
#define TCPT_RST       4u
#define TCPT_PROBE     8u   /* a window or keep-alive probe */
#define TCPT_RTX_FORCE 16u  /* one retransmission whatever the congestion window says */
#define TCPT_NEW_FORCE 32u  /* new data whatever congestion window and Nagle say */
#define TCPT_TLP       64u  /* the end of what is in flight again, as a probe */
#define TCPT_PACED     128u /* output stopped for pacing: until pace_at */

/* tcp_conn.timer: what timer_at is armed for; only one at a time. */
enum tcp_timer_kind {
	TCP_TIMER_NONE,
	TCP_TIMER_RTO,
	TCP_TIMER_TLP,  /* tail loss probe */
	TCP_TIMER_REO,  /* RACK's reordering window ends */
	TCP_TIMER_PROBE /* zero or silly window; corked data */
};

#define TCP_SENT_SYN     1u
#define TCP_SENT_FIN     2u
#define TCP_SENT_SACKED  4u
#define TCP_SENT_LOST    8u
#define TCP_SENT_RETRANS 16u /* retransmitted and, as far as we know, in flight */
#define TCP_SENT_EVER    32u /* was ever retransmitted */
#define TCP_SENT_FLAGS   0xffffu
/* The upper half of tcp_sent.flags: payload of the segments that the piece was cut into. */
#define TCP_SENT_SIZE(flags) ((flags) >> 16 != 0 ? (flags) >> 16 : 1u)

/* A sent piece of the sequence space: one segment as it was emitted, or a part of one that fared otherwise. */
struct tcp_sent {
	uint32_t start, end; /* SYN and FIN count one */
	uint32_t time_us;    /* of the last transmission */
	uint32_t flags;      /* TCP_SENT_* */
};

struct tcp_memory {
	void *(*alloc)(void *ctx, size_t bytes); /* NULL: none; not zeroed */
	void (*free)(void *ctx, void *p, size_t bytes);
	void *ctx;
};

struct tcp_env {
	uint64_t now; /* ns */
	uint32_t
		mss; /* of the path: payload and options of the largest segment, MTU less IP header and 20 */
	const struct tcp_memory *memory;
};

/* CUBIC's (RFC 9438); windows in bytes, times in milliseconds. */
struct tcp_cubic {
	uint32_t w_max, w_est, origin;
	uint32_t epoch_ms; /* 0: no epoch */
	uint32_t k_ms;
	uint32_t cwnd_prior, acked;
};

/* HyStart++ (RFC 9406). */
struct tcp_hystart {
	uint32_t round_end;
	uint32_t last_min_us, now_min_us, css_base_us;
	uint8_t samples, css_rounds, in_css;
};

struct tcp_stats {
	uint64_t bytes_acked, bytes_received, bytes_sent, bytes_retrans;
	/* Segments, as they are on a wire; data_*: those with payload. */
	uint32_t segs_in, segs_out, data_segs_in, data_segs_out, retrans;
	uint32_t delivered_ce;
};

/*
 * All under the connection's lock. Zeroed by tcp_conn_init(). The two pointers lead to memory of the connection's own,
 * there only while something is in flight, or out of order.
 */
struct tcp_conn {
	uint8_t state;    /* enum tcp_state; stored atomically, for who reads it without the lock */
	uint8_t ca_state; /* enum tcp_ca_state */
	uint8_t cc;       /* enum tcp_cc */
	uint8_t timer;    /* enum tcp_timer_kind */
	uint8_t todo;     /* TCPT_* */
	uint8_t dupacks, reo_steps, reo_persist;
	uint32_t flags; /* TCPF_* */
	/* sending */
	uint32_t snd_una, snd_nxt, write_seq;
	uint32_t snd_wnd, snd_wl1, max_wnd;
	uint32_t snd_sml; /* end of the last small segment (Minshall's Nagle) */
	uint32_t snd_up;  /* the sequence number behind the urgent byte */
	uint16_t mss;     /* payload of a full segment, options of every segment taken off */
	uint16_t peer_mss, user_mss, adv_mss;
	uint8_t snd_wscale, rcv_wscale;
	uint8_t backoff, probes; /* timeouts, and unanswered probes, in a row */
	/* receiving */
	uint32_t rcv_nxt, rcv_wup,
		rcv_wnd; /* rcv_wup: rcv_nxt when the window was told last, [rcv_wup, + rcv_wnd) */
	uint32_t rcv_space;  /* bytes that the receive buffer has room for */
	uint32_t rcv_buffer; /* and when it is empty */
	uint32_t rcv_up;     /* sequence number of the urgent byte */
	uint32_t ts_recent, ts_recent_ms, ts_offset;
	uint16_t rcv_mss; /* the peer's usual segment */
	uint8_t quick;    /* ACKs that are not to be delayed */
	uint8_t ato_ms;
	uint32_t last_rcv_ms, last_snd_ms;
	uint32_t challenge_ms; /* when an ACK of an unacceptable segment was sent last */
	struct tcp_range dsack;
	uint32_t rcv_fin; /* the sequence number of the peer's FIN */
	/* congestion and loss */
	uint32_t cwnd, ssthresh;
	uint32_t max_flight,
		usage_seq; /* the most that was in flight in the round that ends at usage_seq */
	uint32_t sacked, lost,
		retrans;   /* bytes in flight that are so; without SACK, sacked is guessed */
	uint32_t high_seq; /* snd_nxt when ca_state was entered */
	uint32_t prior_cwnd, prior_ssthresh;
	uint32_t prr_delivered, prr_out, prr_flight;
	uint32_t undo_marker,
		undo_retrans;  /* undo_retrans: bytes retransmitted, less those a DSACK named */
	uint32_t retrans_ts;   /* tsval of the first retransmission */
	uint32_t rtx_start_ms; /* when the first timeout of a row struck */
	uint32_t srtt_us, rttvar_us, rto_us, min_rtt_us, min_rtt_ms;
	uint32_t rack_time_us, rack_end, rack_rtt_us;
	uint32_t fack; /* end of the highest SACKed piece (while sacked > 0) */
	uint32_t tlp_high, dsack_round;
	struct tcp_cubic cubic;
	struct tcp_hystart hystart;
	/* timers: ns, 0 is none */
	uint64_t timer_at, delack_at, keep_at, pace_at;
	uint64_t pacing_rate; /* bytes a second; 0: not paced */
	/* configuration */
	uint32_t user_timeout_ms;
	uint16_t keep_idle_s, keep_interval_s;
	uint8_t keep_count, syn_count;
	uint8_t sent_log, ooo_cap; /* log2 of sent's capacity; ooo's */
	/* sent pieces, in order, covering [snd_una, snd_nxt): one is in `one`, more in sent[sent_first ...] */
	struct tcp_sent *sent;
	uint16_t sent_first, sent_count, rtx_hint, ooo_count;
	struct tcp_sent one;
	/*
	 * Received beyond rcv_nxt, in order, never touching; behind them, at ooo_cap, TCP_SACK_MAX more: `start` lies in
	 * those that grew last, the latest first.
	 */
	struct tcp_range *ooo;
	/* the receive buffer's size: what was read in a round trip */
	uint32_t read_seq, drs_seq, drs_us, drs_bytes;
	struct tcp_stats stats;
};

_Static_assert(sizeof(struct tcp_conn) <= 448, "an idle connection is small");

/* tcp_actions.what */
#define TCP_DO_OUTPUT   (1u << 0) /* call tcp_output() */
#define TCP_DO_READABLE (1u << 1) /* data was delivered */
#define TCP_DO_WRITABLE \
	(1u << 2) /* acked > 0, or the connection was established: the send queue may have room */
#define TCP_DO_CONNECTED (1u << 3) /* established */
#define TCP_DO_RDHUP \
	(1u << 4) /* the peer's FIN is in order: after what is queued, reads return 0 */
#define TCP_DO_URGENT   (1u << 5) /* a new urgent mark: SIGURG, EPOLLPRI */
#define TCP_DO_URG_BYTE (1u << 6) /* the urgent byte is at urg_off of this segment's payload */
#define TCP_DO_ERROR    (1u << 7) /* error says which; the connection is closed */
#define TCP_DO_CLOSED   (1u << 8) /* it is over: forget it */
#define TCP_DO_TIME_WAIT \
	(1u << 9) /* it goes on as a struct tcp_timewait: tcp_timewait_init(), then forget it */
#define TCP_DO_RESET (1u << 10) /* answer the segment with tcp_reset_reply() */
#define TCP_DO_FIT \
	(1u << 11) /* the receive buffer limits the peer, or is far too large: fit_to bytes of payload would do */

/* Why a segment, or a part of it, was not used: for counters. */
enum tcp_drop {
	TCP_DROP_NONE,
	TCP_DROP_PAWS,
	TCP_DROP_WINDOW,   /* outside of the window, or all old */
	TCP_DROP_ACK,      /* acknowledges what was not sent, or is long past, or lacks ACK */
	TCP_DROP_RESET,    /* an RST that does not hit */
	TCP_DROP_SYN,      /* a SYN inside a connection */
	TCP_DROP_CLOSED,   /* nobody reads any more */
	TCP_DROP_OOO_FULL, /* too many holes */
	TCP_DROPS
};

struct tcp_actions {
	uint32_t what;
	uint32_t deliver_off,
		deliver_len; /* payload to be appended to the receive queue; then what was kept follows */
	uint32_t keep_off, keep_len; /* payload to be kept out of order */
	uint32_t acked;              /* bytes at the front of the send queue that are done */
	uint32_t urg_off;
	uint32_t fit_to;
	uint16_t error; /* positive errno */
	uint8_t drop;   /* enum tcp_drop */
};

static inline void
tcp_actions_clear(struct tcp_actions *act)
{
	*act = (struct tcp_actions){0};
}

static inline bool
tcp_seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool
tcp_seq_before_eq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

/* Limits that hold for every connection. */
#define TCP_MSS_DEFAULT 536u /* a peer that says nothing (RFC 9293, 3.7.1) */
#define TCP_MSS_MIN     88u  /* below that the peer's word, or a path's, is not followed */
#define TCP_SEND_MAX \
	65535u /* payload of one segment that tcp_output() gives, rounded down to whole mss */
#define TCP_OOO_MAX       255u
#define TCP_SENT_LOG_MAX  12u /* at most 4096 sent pieces */
#define TCP_INIT_SEGMENTS 10u
#define TCP_RTO_INIT_US   1000000u
#define TCP_RTO_MIN_US    200000u
#define TCP_RTO_MAX_US    120000000u
#define TCP_DELACK_MIN_MS 40u
#define TCP_DELACK_MAX_MS 200u
#define TCP_CHALLENGE_MS \
	500u /* between two answers to segments outside of the window (RFC 5961, 10) */
#define TCP_TIMEWAIT_NS  60000000000ull
#define TCP_FIN_WAIT2_NS 60000000000ull
#define TCP_RETRIES_MS   924600u /* as long as 15 timeouts from 200 ms on take */
#define TCP_ORPHAN_MS    102200u /* as long as 8 do: nobody waits for it any more */

/* --- a connection's life --- */

/* Zeroed, closed, with the defaults of the options. */
void tcp_conn_init(struct tcp_conn *c);
/* Frees its arrays. */
void tcp_conn_free(struct tcp_conn *c, const struct tcp_memory *memory);
/* A copy with arrays of its own (explorer, simulator). false: out of memory. */
bool tcp_conn_clone(struct tcp_conn *to, const struct tcp_conn *c, const struct tcp_memory *memory);
/* The receive buffer: room now, and when empty, in bytes of payload. Before opening, and whenever either changed. */
void tcp_set_rcv_space(struct tcp_conn *c, uint32_t space, uint32_t buffer);

/* Active open: TCP_CLOSE -> TCP_SYN_SENT; tcp_output() gives the SYN. rcv_max: what the receive buffer may grow to. */
void tcp_connect(struct tcp_conn *c, const struct tcp_env *env, uint32_t iss, uint32_t ts_offset,
	uint32_t rcv_max);

void tcp_input(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act);
bool tcp_output(struct tcp_conn *c, const struct tcp_env *env, struct tcp_segment *out);
void tcp_timer(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act);
/* ns; UINT64_MAX: none. */
uint64_t tcp_deadline(const struct tcp_conn *c);

#define TCP_WRITE_MORE 1u /* MSG_MORE: no short segment yet */
#define TCP_WRITE_OOB  2u /* MSG_OOB: the last byte is urgent */
/* n bytes more are at the end of the send queue. In states that send, and not after tcp_shutdown(). */
void tcp_write(struct tcp_conn *c, const struct tcp_env *env, uint32_t n, uint32_t write_flags);
/* n bytes were taken from the receive queue; after tcp_set_rcv_space(). act: OUTPUT (window update), GROW. */
void tcp_read(struct tcp_conn *c, const struct tcp_env *env, uint32_t n, struct tcp_actions *act);
/* No more will be written: FIN after what is queued. act: OUTPUT, or CLOSED when nothing had been opened. */
void tcp_shutdown(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act);
#define TCP_CLOSE_UNREAD 1u /* received data is thrown away: RST (RFC 2525, 2.17) */
#define TCP_CLOSE_ABORT  2u /* SO_LINGER of 0: RST */
/* The last handle is gone. act: OUTPUT; CLOSED or TIME_WAIT when it was over already. */
void tcp_close(struct tcp_conn *c, const struct tcp_env *env, uint32_t close_flags,
	struct tcp_actions *act);
/* NODELAY, CORK, MORE, quick ACKs, pacing, mss changed: flags are set, then this sees to what may go out now. */
void tcp_options_changed(struct tcp_conn *c, const struct tcp_env *env);
/* keep_at after KEEPALIVE, keep_idle_s or keep_interval_s changed. */
void tcp_keepalive_changed(struct tcp_conn *c, const struct tcp_env *env);

/* The path's MTU fell (env->mss is the new one) because of an error that quoted seq; false: seq is not in flight. */
bool tcp_path_mss(struct tcp_conn *c, const struct tcp_env *env, uint32_t seq);
/* An ICMP error that quoted seq: ends a connection that is being opened, no other (RFC 5927). error: positive errno. */
void tcp_icmp_error(struct tcp_conn *c, uint32_t seq, uint16_t error, struct tcp_actions *act);
/* What lies out of order from seq on was thrown away (memory pressure); it was not acknowledged for good. */
void tcp_prune_ooo(struct tcp_conn *c, const struct tcp_env *env, uint32_t seq);

/* Where the sequence space ends that there is something to send of: a FIN is one of it. */
static inline uint32_t
tcp_send_end(const struct tcp_conn *c)
{
	return c->write_seq + ((c->flags & TCPF_FIN_QUEUED) != 0 ? 1u : 0u);
}

/* Of the sequence space, sent or unsent, what is not acknowledged. */
static inline uint32_t
tcp_unacked(const struct tcp_conn *c)
{
	return tcp_send_end(c) - c->snd_una;
}

/* Bytes of the sequence space in the network, as far as we know. */
static inline uint32_t
tcp_in_flight(const struct tcp_conn *c)
{
	uint32_t gone = c->sacked + c->lost;
	uint32_t out = c->snd_nxt - c->snd_una;
	return (out > gone ? out - gone : 0) + c->retrans;
}

/* --- segments without a connection --- */

/* The RST that answers seg; false: seg is an RST itself. */
bool tcp_reset_reply(const struct tcp_segment *seg, struct tcp_segment *out);

/* --- passive opens: SYN_RECV --- */

struct tcp_request {
	uint32_t irs, iss;
	uint32_t ts_recent, ts_offset;
	uint32_t window;   /* the SYN-ACK's, unscaled */
	uint64_t retry_at; /* ns: tcp_request_timer() */
	uint32_t sent_us;  /* when the first SYN-ACK was */
	uint32_t challenge_ms;
	uint16_t peer_mss, adv_mss;
	uint8_t snd_wscale, rcv_wscale;
	uint8_t opts;    /* TCP_HAS_*: what both can */
	uint8_t retries; /* SYN-ACKs that were repeated */
	uint8_t ecn;     /* the peer asked, and we can */
	uint8_t acked; /* an ACK came that could not be taken up yet: full queue, deferred accept */
};

struct tcp_request_config {
	uint32_t iss, ts_offset;
	uint32_t rcv_buffer,
		rcv_max;  /* of the sockets to be, and what it may grow to: window and scale */
	uint16_t adv_mss; /* MTU less IP and TCP headers, or less (TCP_MAXSEG) */
};

enum tcp_verdict {
	TCP_VERDICT_DROP,
	TCP_VERDICT_REPLY,   /* out is to be sent; it stays */
	TCP_VERDICT_RESET,   /* tcp_reset_reply(); it stays */
	TCP_VERDICT_ABORT,   /* tcp_reset_reply(), and it is over */
	TCP_VERDICT_KILL,    /* the peer took it back, or it is over */
	TCP_VERDICT_ACCEPT,  /* request: make a connection of it, and hand it the segment */
	TCP_VERDICT_NEW_SYN, /* TIME_WAIT: a new connection; its ISN must be above *min_iss */
};

/* seg: a SYN without RST, ACK, and (unless it is to be taken) FIN. */
void tcp_request_init(struct tcp_request *r, const struct tcp_env *env,
	const struct tcp_segment *seg, const struct tcp_request_config *config);
/* The SYN-ACK. */
void tcp_request_synack(
	const struct tcp_request *r, const struct tcp_env *env, struct tcp_segment *out);
enum tcp_verdict tcp_request_input(struct tcp_request *r, const struct tcp_env *env,
	const struct tcp_segment *seg, struct tcp_segment *out);
/* retry_at has passed: REPLY, or KILL after max_retries. */
enum tcp_verdict tcp_request_timer(struct tcp_request *r, const struct tcp_env *env,
	uint8_t max_retries, struct tcp_segment *out);
/* c is initialised and has its options and receive space: in SYN_RECV; tcp_input() of the ACK establishes it. */
void tcp_conn_from_request(
	struct tcp_conn *c, const struct tcp_env *env, const struct tcp_request *r);

/* --- SYN cookies: a request that is in the SYN-ACK and nowhere else --- */

/*
 * flow_hash: keyed with the secret of its generation, over addresses and ports; generation counts minutes. Replaces iss
 * and, with timestamps, ts_offset, such that tcp_cookie_open() finds everything again in the ACK. Without timestamps
 * neither scaling nor SACK nor ECN survive.
 */
void tcp_cookie_seal(
	struct tcp_request *r, const struct tcp_env *env, uint64_t flow_hash, uint32_t generation);
/* Is seg an ACK of a cookie that was sealed so? */
bool tcp_cookie_fits(const struct tcp_segment *seg, uint64_t flow_hash, uint32_t generation);
/* false: not one of ours, or older than the generation that flow_hash was made for. */
bool tcp_cookie_open(struct tcp_request *r, const struct tcp_env *env,
	const struct tcp_segment *seg, const struct tcp_request_config *config, uint64_t flow_hash,
	uint32_t generation);

/* --- TIME_WAIT, and FIN_WAIT2 that nobody waits for --- */

struct tcp_timewait {
	uint32_t snd_nxt, rcv_nxt, rcv_wnd; /* rcv_wnd: bytes */
	uint32_t ts_recent, ts_recent_ms, ts_offset;
	uint64_t expires; /* ns */
	uint32_t challenge_ms;
	uint8_t rcv_wscale;
	uint8_t state; /* TCP_TIME_WAIT or TCP_FIN_WAIT2 */
	uint8_t has_ts;
};

void tcp_timewait_init(
	struct tcp_timewait *tw, const struct tcp_env *env, const struct tcp_conn *c);
enum tcp_verdict tcp_timewait_input(struct tcp_timewait *tw, const struct tcp_env *env,
	const struct tcp_segment *seg, struct tcp_segment *out, uint32_t *min_iss);
/* May an active open reuse its ports now (RFC 6191)? Then min_iss is what the ISN must be above. */
bool tcp_timewait_reusable(
	const struct tcp_timewait *tw, const struct tcp_env *env, uint32_t *min_iss);

#endif
