/* SPDX-License-Identifier: MIT */
/* What getsockopt(TCP_INFO) gives: struct tcp_info of Linux's uapi/linux/tcp.h, as of version 6.1. */
#ifndef ABI_LINUX_TCP_H
#define ABI_LINUX_TCP_H

#include <stdint.h>

/* tcp_info_user.options */
#define TCPI_OPT_TIMESTAMPS 1u
#define TCPI_OPT_SACK       2u
#define TCPI_OPT_WSCALE     4u
#define TCPI_OPT_ECN        8u
#define TCPI_OPT_ECN_SEEN   16u

struct tcp_info_user {
	uint8_t state, ca_state, retransmits, probes;
	uint8_t backoff, options;
	uint8_t wscales; /* the peer's in the low four bits, ours in the high */
	uint8_t app_limited;
	uint32_t rto, ato; /* us */
	uint32_t snd_mss, rcv_mss;
	uint32_t unacked, sacked, lost, retrans, fackets;                      /* segments */
	uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv; /* ms ago */
	uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
	uint32_t rcv_rtt, rcv_space, total_retrans;
	uint64_t pacing_rate, max_pacing_rate; /* bytes a second */
	uint64_t bytes_acked, bytes_received;
	uint32_t segs_out, segs_in;
	uint32_t notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
	uint32_t dsack_dups, reord_seen;
	uint32_t rcv_ooopack, snd_wnd;
};
_Static_assert(sizeof(struct tcp_info_user) == 232, "struct tcp_info of Linux 6.1");

#endif
