/* SPDX-License-Identifier: MIT */
/*
 * TIME_WAIT (RFC 9293, 3.6.1; 6191; 1337: an RST does not end it), and FIN_WAIT2 of a socket that is closed: all that
 * is left is to acknowledge the peer's FIN, once or again.
 */
#include "kernel/net/tcp/core_internal.h"

#define REUSE_MS   1000u
#define ISS_BEYOND 65537u /* a new incarnation begins beyond every window that the old one told */

void
tcp_timewait_init(struct tcp_timewait *tw, const struct tcp_env *env, const struct tcp_conn *c)
{
	*tw = (struct tcp_timewait){
		.snd_nxt = c->snd_nxt,
		.rcv_nxt = c->rcv_nxt,
		.rcv_wnd = tcp_rcv_window(c),
		.ts_recent = c->ts_recent,
		.ts_recent_ms = c->ts_recent_ms,
		.ts_offset = c->ts_offset,
		.rcv_wscale = c->rcv_wscale,
		.state = c->state,
		.has_ts = (c->flags & TCPF_TS) != 0,
		.expires =
			env->now + (c->state == TCP_FIN_WAIT2 ? TCP_FIN_WAIT2_NS : TCP_TIMEWAIT_NS),
	};
}

static enum tcp_verdict
reply(struct tcp_timewait *tw, const struct tcp_env *env, struct tcp_segment *out)
{
	*out = (struct tcp_segment){
		.seq = tw->snd_nxt,
		.ack = tw->rcv_nxt,
		.flags = TCP_ACK,
		.wnd = (uint16_t)min(tw->rcv_wnd >> tw->rcv_wscale, 65535u),
	};
	if (tw->has_ts) {
		out->opts = TCP_HAS_TS;
		out->tsval = tcp_tsval(env, tw->ts_offset);
		out->tsecr = tw->ts_recent;
	}
	return TCP_VERDICT_REPLY;
}

static enum tcp_verdict
answer(struct tcp_timewait *tw, const struct tcp_env *env, struct tcp_segment *out)
{
	uint32_t now = tcp_ms(env);
	if (tw->challenge_ms != 0 && now - tw->challenge_ms < TCP_CHALLENGE_MS)
		return TCP_VERDICT_DROP;
	tw->challenge_ms = now == 0 ? 1 : now;
	return reply(tw, env, out);
}

static enum tcp_verdict
fin_wait2_input(struct tcp_timewait *tw, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_segment *out, bool stale)
{
	uint32_t end = seg->seq + seg->len + (seg->flags & TCP_FIN ? 1 : 0);
	if (seg->flags & TCP_RST)
		return seg->seq == tw->rcv_nxt ? TCP_VERDICT_KILL : TCP_VERDICT_DROP;
	if (stale || seg->seq - tw->rcv_nxt > tw->rcv_wnd)
		return answer(tw, env, out);
	if (seg->flags & TCP_SYN)
		return answer(tw, env, out);
	if (!(seg->flags & TCP_ACK) || end == tw->rcv_nxt)
		return TCP_VERDICT_DROP;
	if (seg->len > 0)
		return TCP_VERDICT_ABORT; /* data that nobody will read */
	if (!(seg->flags & TCP_FIN) || seg->seq != tw->rcv_nxt)
		return TCP_VERDICT_DROP;
	tw->rcv_nxt++;
	tw->state = TCP_TIME_WAIT;
	tw->expires = env->now + TCP_TIMEWAIT_NS;
	if (seg->opts & TCP_HAS_TS)
		tw->ts_recent = seg->tsval, tw->ts_recent_ms = tcp_ms(env);
	return reply(tw, env, out);
}

enum tcp_verdict
tcp_timewait_input(struct tcp_timewait *tw, const struct tcp_env *env,
	const struct tcp_segment *seg, struct tcp_segment *out, uint32_t *min_iss)
{
	bool ts = tw->has_ts && (seg->opts & TCP_HAS_TS);
	bool stale = ts && tcp_seq_before(seg->tsval, tw->ts_recent);
	if (tw->state == TCP_FIN_WAIT2)
		return fin_wait2_input(tw, env, seg, out, stale);
	if (seg->flags & TCP_RST)
		return TCP_VERDICT_DROP;
	if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && !stale &&
		(tcp_seq_after(seg->seq, tw->rcv_nxt) ||
			(ts && tcp_seq_after(seg->tsval, tw->ts_recent)))) {
		*min_iss = tw->snd_nxt + ISS_BEYOND;
		return TCP_VERDICT_NEW_SYN;
	}
	/* The FIN again: our ACK was lost. Who sends it is given the whole time once more. */
	if (seg->flags & TCP_FIN) {
		if (!stale)
			tw->expires = env->now + TCP_TIMEWAIT_NS;
		return reply(tw, env, out);
	}
	if (seg->len == 0 && seg->seq == tw->rcv_nxt && !(seg->flags & TCP_SYN))
		return TCP_VERDICT_DROP;
	return answer(tw, env, out);
}

bool
tcp_timewait_reusable(const struct tcp_timewait *tw, const struct tcp_env *env, uint32_t *min_iss)
{
	*min_iss = tw->snd_nxt + ISS_BEYOND;
	return tw->state == TCP_TIME_WAIT && tw->has_ts &&
		tcp_ms(env) - tw->ts_recent_ms > REUSE_MS;
}
