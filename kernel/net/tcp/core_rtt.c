/* SPDX-License-Identifier: MIT */
/*
 * Round-trip times and the retransmission timeout (RFC 6298). Karn's rule is kept by who samples: a piece that was
 * retransmitted gives none, but for timestamps. The variance's part of the timeout is 200 ms at least, as on Linux:
 * that is longer than a peer delays its ACKs.
 */
#include "kernel/net/tcp/core_internal.h"

#define MIN_RTT_WINDOW_MS 300000u

static void
sample_min(struct tcp_conn *c, uint32_t now_ms, uint32_t rtt_us)
{
	if (c->min_rtt_us == 0 || rtt_us <= c->min_rtt_us ||
		now_ms - c->min_rtt_ms > MIN_RTT_WINDOW_MS) {
		c->min_rtt_us = rtt_us;
		c->min_rtt_ms = now_ms;
	}
}

void
tcp_rtt_sample(struct tcp_conn *c, const struct tcp_env *env, uint32_t rtt_us)
{
	rtt_us = rtt_us == 0 ? 1 : min(rtt_us, TCP_RTO_MAX_US);
	sample_min(c, tcp_ms(env), rtt_us);
	if (c->srtt_us == 0) {
		c->srtt_us = rtt_us;
		c->rttvar_us = rtt_us / 2;
	} else {
		uint32_t error = rtt_us > c->srtt_us ? rtt_us - c->srtt_us : c->srtt_us - rtt_us;
		c->rttvar_us = c->rttvar_us - c->rttvar_us / 4 + error / 4;
		uint32_t srtt = c->srtt_us - c->srtt_us / 8 + rtt_us / 8;
		c->srtt_us = srtt == 0 ? 1 : srtt;
	}
	c->rto_us = min(c->srtt_us + max(4 * c->rttvar_us, TCP_RTO_MIN_US), TCP_RTO_MAX_US);
}

uint32_t
tcp_rto_us(const struct tcp_conn *c)
{
	uint64_t rto = (uint64_t)c->rto_us << min(c->backoff, (uint8_t)16);
	return (uint32_t)min(rto, (uint64_t)TCP_RTO_MAX_US);
}
