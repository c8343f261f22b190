/* SPDX-License-Identifier: MIT */
/* Passive opens: what a SYN makes, until its handshake is complete. Small, because floods make many. */
#include "kernel/net/tcp/core_internal.h"

void
tcp_request_init(struct tcp_request *r, const struct tcp_env *env, const struct tcp_segment *seg,
	const struct tcp_request_config *config)
{
	uint16_t mss = seg->opts & TCP_HAS_MSS ? seg->mss : TCP_MSS_DEFAULT;
	*r = (struct tcp_request){
		.irs = seg->seq,
		.iss = config->iss,
		.ts_offset = config->ts_offset,
		.window = min(config->rcv_buffer, 65535u),
		.retry_at = env->now + TCP_RTO_INIT_US * 1000ull,
		.sent_us = tcp_us(env),
		.peer_mss = max(mss, (uint16_t)TCP_MSS_MIN),
		.adv_mss = config->adv_mss,
		.opts = seg->opts & (TCP_HAS_WSCALE | TCP_HAS_SACKOK | TCP_HAS_TS),
	};
	if (r->opts & TCP_HAS_TS)
		r->ts_recent = seg->tsval;
	if (r->opts & TCP_HAS_WSCALE) {
		r->snd_wscale = seg->wscale;
		r->rcv_wscale = tcp_rcv_wscale(max(config->rcv_max, config->rcv_buffer));
	}
	/* Asking with ECT already set is a sign of something broken on the way (RFC 3168, 6.1.1). */
	r->ecn = (seg->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR) && seg->ip == 0;
}

static void
fill(const struct tcp_request *r, const struct tcp_env *env, struct tcp_segment *out, uint32_t seq)
{
	*out = (struct tcp_segment){
		.seq = seq,
		.ack = r->irs + 1,
		.flags = TCP_ACK,
		.wnd = (uint16_t)r->window,
	};
	if (r->opts & TCP_HAS_TS) {
		out->opts = TCP_HAS_TS;
		out->tsval = tcp_tsval(env, r->ts_offset);
		out->tsecr = r->ts_recent;
	}
}

void
tcp_request_synack(const struct tcp_request *r, const struct tcp_env *env, struct tcp_segment *out)
{
	fill(r, env, out, r->iss);
	out->flags |= TCP_SYN;
	out->opts |= TCP_HAS_MSS | (r->opts & (TCP_HAS_WSCALE | TCP_HAS_SACKOK));
	out->mss = r->adv_mss;
	out->wscale = r->rcv_wscale;
	if (r->ecn)
		out->flags |= TCP_ECE;
}

/* At most two answers a second to what does not fit. */
static bool
may_answer(uint32_t *last_ms, const struct tcp_env *env)
{
	uint32_t now = tcp_ms(env);
	if (*last_ms != 0 && now - *last_ms < TCP_CHALLENGE_MS)
		return false;
	*last_ms = now == 0 ? 1 : now;
	return true;
}

/* Data always gets one: it ends no exchange of ACKs. */
static enum tcp_verdict
answer(struct tcp_request *r, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_segment *out)
{
	if (seg->len == 0 && !may_answer(&r->challenge_ms, env))
		return TCP_VERDICT_DROP;
	fill(r, env, out, r->iss + 1);
	out->wnd = (uint16_t)(r->window >> r->rcv_wscale);
	return TCP_VERDICT_REPLY;
}

/* RFC 9293's four cases: some of it lies in the window, or nothing of it, at either edge. */
static bool
acceptable(const struct tcp_request *r, const struct tcp_segment *seg)
{
	uint32_t first = r->irs + 1, end = seg->seq + seg->len + (seg->flags & TCP_FIN ? 1 : 0);
	if (seg->seq - first <= r->window)
		return true;
	return tcp_seq_before(seg->seq, first) && tcp_seq_after(end, first);
}

enum tcp_verdict
tcp_request_input(struct tcp_request *r, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_segment *out)
{
	uint32_t offset = seg->seq - (r->irs + 1);
	bool stale = (r->opts & TCP_HAS_TS) && (seg->opts & TCP_HAS_TS) &&
		tcp_seq_before(seg->tsval, r->ts_recent);
	if (seg->flags & TCP_RST)
		return offset == 0 ? TCP_VERDICT_KILL : TCP_VERDICT_DROP;
	if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && seg->seq == r->irs && !stale) {
		if (!may_answer(&r->challenge_ms, env))
			return TCP_VERDICT_DROP;
		tcp_request_synack(r, env, out);
		return TCP_VERDICT_REPLY;
	}
	/* Wherever it lies: it belongs to another connection, and its sender is to learn that (RFC 9293, 3.5.2). */
	if ((seg->flags & TCP_ACK) && seg->ack != r->iss + 1)
		return TCP_VERDICT_RESET;
	if (stale || !acceptable(r, seg) || (seg->flags & TCP_SYN))
		return answer(r, env, seg, out);
	return (seg->flags & TCP_ACK) ? TCP_VERDICT_ACCEPT : TCP_VERDICT_DROP;
}

enum tcp_verdict
tcp_request_timer(struct tcp_request *r, const struct tcp_env *env, uint8_t max_retries,
	struct tcp_segment *out)
{
	if (env->now < r->retry_at)
		return TCP_VERDICT_DROP;
	if (r->retries >= max_retries)
		return TCP_VERDICT_KILL;
	r->retries++;
	r->retry_at = env->now + (TCP_RTO_INIT_US * 1000ull << min(r->retries, (uint8_t)6));
	tcp_request_synack(r, env, out);
	return TCP_VERDICT_REPLY;
}

void
tcp_conn_from_request(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_request *r)
{
	struct tcp_segment syn = {.seq = r->irs,
		.opts = (uint8_t)(r->opts | TCP_HAS_MSS),
		.mss = r->peer_mss,
		.wscale = r->snd_wscale};
	c->state = TCP_SYN_RECV;
	c->snd_una = c->snd_up = r->iss;
	c->snd_nxt = c->write_seq = c->snd_sml = r->iss + 1;
	c->rcv_nxt = c->rcv_wup = c->read_seq = c->drs_seq = r->irs + 1;
	c->rcv_wnd = r->window;
	c->rcv_wscale = r->rcv_wscale;
	c->ts_recent = r->ts_recent;
	c->ts_recent_ms = tcp_ms(env);
	c->ts_offset = r->ts_offset;
	c->adv_mss = r->adv_mss;
	c->snd_wl1 = r->irs;
	tcp_take_syn_options(c, &syn, r->opts);
	if (r->ecn)
		c->flags |= TCPF_ECN;
	tcp_set_mss(c, env);
	c->stats.retrans = r->retries;
	c->sent_count = 1;
	c->one = (struct tcp_sent){r->iss, r->iss + 1, r->sent_us,
		TCP_SENT_SYN | (r->retries > 0 ? TCP_SENT_EVER : 0)};
}
