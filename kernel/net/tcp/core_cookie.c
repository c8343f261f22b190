/* SPDX-License-Identifier: MIT */
/*
 * SYN cookies: nothing is kept for a SYN; its SYN-ACK's sequence number is a keyed hash of the flow, the peer's ISN and
 * the minute, with three bits for the MSS; the low bits of its timestamp, which the peer echoes, say what options both
 * can. A guess hits once in 2^29.
 */
#include "kernel/net/tcp/core_internal.h"

#define MSS_BITS 7u
/* In the timestamp: */
#define TS_BITS   63u
#define TS_SACK   16u
#define TS_ECN    32u
#define NO_WSCALE 15u

static const uint16_t mss_table[MSS_BITS + 1] = {
	TCP_MSS_DEFAULT, 1220, 1300, 1400, 1440, 1460, 4312, 8960};

void
tcp_cookie_seal(
	struct tcp_request *r, const struct tcp_env *env, uint64_t flow_hash, uint32_t generation)
{
	uint32_t index = 0, hash = (uint32_t)(flow_hash ^ flow_hash >> 32) + generation * 8;
	while (index < MSS_BITS && mss_table[index + 1] <= r->peer_mss)
		index++;
	r->iss = hash ^ index;
	if (!(r->opts & TCP_HAS_TS)) {
		r->opts = 0;
		r->snd_wscale = r->rcv_wscale = r->ecn = 0;
		return;
	}
	uint32_t bits = r->opts & TCP_HAS_WSCALE ? r->snd_wscale : NO_WSCALE;
	bits |= (r->opts & TCP_HAS_SACKOK ? TS_SACK : 0) | (r->ecn ? TS_ECN : 0);
	uint32_t now = tcp_tsval(env, r->ts_offset), sealed = (now & ~TS_BITS) | bits;
	if (tcp_seq_after(sealed, now))
		sealed -= TS_BITS + 1; /* no later value may follow an earlier one */
	r->ts_offset += sealed - now;
}

/* What an ACK says of the MSS, if it answers a cookie of that hash; above MSS_BITS: it does not. */
static uint32_t
index_of(const struct tcp_segment *seg, uint64_t flow_hash, uint32_t generation)
{
	uint32_t hash = (uint32_t)(flow_hash ^ flow_hash >> 32) + generation * 8;
	return (seg->ack - 1) ^ hash;
}

bool
tcp_cookie_fits(const struct tcp_segment *seg, uint64_t flow_hash, uint32_t generation)
{
	return (seg->flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK &&
		index_of(seg, flow_hash, generation) <= MSS_BITS;
}

bool
tcp_cookie_open(struct tcp_request *r, const struct tcp_env *env, const struct tcp_segment *seg,
	const struct tcp_request_config *config, uint64_t flow_hash, uint32_t generation)
{
	if (!tcp_cookie_fits(seg, flow_hash, generation))
		return false;
	uint32_t index = index_of(seg, flow_hash, generation);
	*r = (struct tcp_request){
		.irs = seg->seq - 1,
		.iss = seg->ack - 1,
		.ts_offset = config->ts_offset,
		.window = min(config->rcv_buffer, 65535u),
		.sent_us = tcp_us(env),
		.retries =
			1, /* when the SYN-ACK was sent is not known: it gives no round-trip time */
		.peer_mss = mss_table[index],
		.adv_mss = config->adv_mss,
	};
	if (!(seg->opts & TCP_HAS_TS))
		return true;
	uint32_t bits = seg->tsecr & TS_BITS;
	r->opts = TCP_HAS_TS | (bits & TS_SACK ? TCP_HAS_SACKOK : 0);
	r->ts_recent = seg->tsval;
	r->ecn = (bits & TS_ECN) != 0;
	if ((bits & NO_WSCALE) != NO_WSCALE) {
		r->opts |= TCP_HAS_WSCALE;
		r->snd_wscale = bits & NO_WSCALE;
		r->rcv_wscale = tcp_rcv_wscale(max(config->rcv_max, config->rcv_buffer));
	}
	return true;
}
