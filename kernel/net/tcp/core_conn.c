/* SPDX-License-Identifier: MIT */
/* A connection's life, and what its user does to it. */
#include <string.h>

#include "kernel/net/tcp/core_internal.h"

#define SYN_RETRIES     6u
#define KEEP_IDLE_S     7200u
#define KEEP_INTERVAL_S 75u
#define KEEP_COUNT      9u
#define QUICK_ACKS      16u
#define RTO_FALLBACK_US 3000000u /* the SYN was repeated, and told no round trip (RFC 6298, 5.7) */

void
tcp_conn_init(struct tcp_conn *c)
{
	*c = (struct tcp_conn){
		.state = TCP_CLOSE,
		.rto_us = TCP_RTO_INIT_US,
		.keep_idle_s = KEEP_IDLE_S,
		.keep_interval_s = KEEP_INTERVAL_S,
		.keep_count = KEEP_COUNT,
		.syn_count = SYN_RETRIES,
		.ato_ms = TCP_DELACK_MIN_MS,
		.quick = QUICK_ACKS,
		.mss = TCP_MSS_DEFAULT,
		.peer_mss = TCP_MSS_DEFAULT,
		.adv_mss = TCP_MSS_DEFAULT,
		.rcv_mss = TCP_MSS_DEFAULT,
		.reo_steps = 1,
	};
}

void
tcp_conn_free(struct tcp_conn *c, const struct tcp_memory *memory)
{
	tcp_sent_free(c, memory);
	tcp_ooo_free(c, memory);
}

bool
tcp_conn_clone(struct tcp_conn *to, const struct tcp_conn *c, const struct tcp_memory *memory)
{
	*to = *c;
	to->sent = NULL;
	to->ooo = NULL;
	if (c->sent != NULL) {
		size_t n = sizeof(*c->sent) << c->sent_log;
		to->sent = memory->alloc(memory->ctx, n);
		if (to->sent == NULL)
			return false;
		memcpy(to->sent + c->sent_first, c->sent + c->sent_first,
			c->sent_count * sizeof(*c->sent));
	}
	if (c->ooo != NULL) {
		to->ooo = memory->alloc(memory->ctx, tcp_ooo_bytes(c->ooo_cap));
		if (to->ooo == NULL) {
			tcp_sent_free(to, memory);
			return false;
		}
		memcpy(to->ooo, c->ooo, tcp_ooo_bytes(c->ooo_cap));
	}
	return true;
}

void
tcp_set_rcv_space(struct tcp_conn *c, uint32_t space, uint32_t buffer)
{
	c->rcv_space = min(space, 1u << 30);
	c->rcv_buffer = min(buffer, 1u << 30);
}

/* The payload of a full segment: what the peer takes, the path carries and the user allows, less timestamps. */
void
tcp_set_mss(struct tcp_conn *c, const struct tcp_env *env)
{
	uint32_t mss = min((uint32_t)c->peer_mss, env->mss);
	if (c->user_mss != 0)
		mss = min(mss, (uint32_t)c->user_mss);
	mss = min(mss, 65535u);
	if (c->flags & TCPF_TS)
		mss = mss > 2 * TCP_OPT_TS_LEN ? mss - TCP_OPT_TS_LEN : TCP_OPT_TS_LEN;
	c->mss = (uint16_t)max(mss, 1u);
}

/* What the peer's SYN says, as far as we offered it. */
void
tcp_take_syn_options(struct tcp_conn *c, const struct tcp_segment *seg, uint32_t offered)
{
	uint32_t both = seg->opts & offered;
	c->flags &= ~(TCPF_SACK | TCPF_TS | TCPF_WSCALE);
	if (both & TCP_HAS_SACKOK)
		c->flags |= TCPF_SACK;
	if (both & TCP_HAS_TS)
		c->flags |= TCPF_TS;
	if (both & TCP_HAS_WSCALE) {
		c->flags |= TCPF_WSCALE;
		c->snd_wscale = seg->wscale;
	} else {
		c->snd_wscale = c->rcv_wscale = 0;
	}
	uint16_t mss = seg->opts & TCP_HAS_MSS ? seg->mss : TCP_MSS_DEFAULT;
	c->peer_mss = max(mss, (uint16_t)TCP_MSS_MIN);
}

void
tcp_connect(struct tcp_conn *c, const struct tcp_env *env, uint32_t iss, uint32_t ts_offset,
	uint32_t rcv_max)
{
	uint32_t mss = c->user_mss != 0 ? min((uint32_t)c->user_mss, env->mss) : env->mss;
	c->snd_una = c->snd_nxt = c->snd_sml = c->snd_up = iss;
	c->write_seq = iss + 1;
	c->ts_offset = ts_offset;
	c->adv_mss = (uint16_t)min(mss, 65535u);
	c->rcv_wscale = tcp_rcv_wscale(max(rcv_max, c->rcv_buffer));
	c->peer_mss = TCP_MSS_DEFAULT;
	tcp_set_mss(c, env);
	c->cwnd = c->mss;
	c->ssthresh = UINT32_MAX / 2;
	c->last_rcv_ms = tcp_ms(env);
	tcp_set_state(c, TCP_SYN_SENT);
}

/* The handshake is complete. */
void
tcp_established(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	tcp_set_state(c, c->flags & TCPF_FIN_QUEUED ? TCP_FIN_WAIT1 : TCP_ESTABLISHED);
	c->rcv_mss = max(min(c->adv_mss, (uint16_t)TCP_MSS_DEFAULT), (uint16_t)TCP_MSS_MIN);
	c->backoff = 0;
	c->rtx_start_ms = 0;
	if (c->srtt_us == 0)
		c->rto_us = RTO_FALLBACK_US;
	c->snd_sml = c->snd_una;
	tcp_cc_start(c);
	if (c->stats.retrans > 1)
		c->cwnd = c->mss; /* RFC 6928, 2: the path lost SYNs */
	c->ca_state = TCP_CA_OPEN;
	c->lost = c->retrans = c->sacked = 0;
	c->drs_us = tcp_us(env);
	tcp_arm_xmit(c, env);
	tcp_keepalive_changed(c, env);
	act->what |= TCP_DO_CONNECTED | TCP_DO_WRITABLE;
}

void
tcp_write(struct tcp_conn *c, const struct tcp_env *env, uint32_t n, uint32_t write_flags)
{
	if (c->sent_count == 0 && c->last_snd_ms != 0 && !tcp_unsent(c))
		tcp_cc_idle(c, tcp_ms(env) - c->last_snd_ms);
	c->write_seq += n;
	if (write_flags & TCP_WRITE_MORE)
		c->flags |= TCPF_MORE;
	else
		c->flags &= ~TCPF_MORE;
	if ((write_flags & TCP_WRITE_OOB) && n > 0) {
		c->flags |= TCPF_URG_OUT;
		c->snd_up = c->write_seq;
	}
}

void
tcp_shutdown(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	tcp_actions_clear(act);
	switch (c->state) {
	case TCP_SYN_SENT:
		tcp_done(c, 0, act);
		return;
	case TCP_SYN_RECV:
		break; /* FIN_WAIT1 once it is established */
	case TCP_ESTABLISHED:
		tcp_set_state(c, TCP_FIN_WAIT1);
		break;
	case TCP_CLOSE_WAIT:
		tcp_set_state(c, TCP_LAST_ACK);
		break;
	default:
		return;
	}
	c->flags |= TCPF_FIN_QUEUED;
	act->what |= TCP_DO_OUTPUT;
}

/* Does the peer have to be told that this ends without order? */
static bool
resets(const struct tcp_conn *c, uint32_t close_flags)
{
	bool data = c->state == TCP_ESTABLISHED || c->state == TCP_SYN_RECV ||
		c->state == TCP_CLOSE_WAIT || c->state == TCP_FIN_WAIT1 ||
		c->state == TCP_FIN_WAIT2;
	if (close_flags & TCP_CLOSE_ABORT)
		return data ||
			((c->state == TCP_CLOSING || c->state == TCP_LAST_ACK) && tcp_unsent(c));
	return (close_flags & TCP_CLOSE_UNREAD) && data;
}

void
tcp_close(struct tcp_conn *c, const struct tcp_env *env, uint32_t close_flags,
	struct tcp_actions *act)
{
	tcp_shutdown(c, env, act);
	c->flags |= TCPF_ORPHAN;
	bool ending = c->state == TCP_LAST_ACK || c->state == TCP_CLOSING;
	if (resets(c, close_flags) || ((close_flags & TCP_CLOSE_UNREAD) && ending)) {
		c->todo |= TCPT_RST;
		act->what |= TCP_DO_OUTPUT;
		tcp_done(c, 0, act);
	} else if ((close_flags & TCP_CLOSE_ABORT) || c->state == TCP_CLOSE) {
		tcp_done(c, 0, act);
	} else if (c->state == TCP_FIN_WAIT2 || c->state == TCP_TIME_WAIT) {
		act->what |= TCP_DO_TIME_WAIT;
	}
}

void
tcp_options_changed(struct tcp_conn *c, const struct tcp_env *env)
{
	/* Nothing in flight: what the cork held back is looked at anew by tcp_output(). */
	if (c->timer == TCP_TIMER_PROBE && c->snd_wnd > 0)
		c->timer = TCP_TIMER_NONE;
	if (c->state != TCP_CLOSE && c->state != TCP_SYN_SENT)
		tcp_set_mss(c, env);
	if (c->quick > 0 && (c->todo & TCPT_ACK_LATER) && !(c->flags & TCPF_PUSH_SENT))
		tcp_ack_now(c);
}

void
tcp_keepalive_changed(struct tcp_conn *c, const struct tcp_env *env)
{
	c->keep_at = 0;
	if ((c->flags & TCPF_KEEPALIVE) && c->state != TCP_CLOSE && c->state != TCP_SYN_SENT)
		c->keep_at = env->now + c->keep_idle_s * 1000000000ull;
}

static bool
in_flight(const struct tcp_conn *c, uint32_t seq)
{
	return c->state != TCP_CLOSE && seq - c->snd_una < c->snd_nxt - c->snd_una;
}

/* What is too large for the path now is sent again in smaller pieces at once; that is no congestion (RFC 1191, 6.4). */
bool
tcp_path_mss(struct tcp_conn *c, const struct tcp_env *env, uint32_t seq)
{
	if (!in_flight(c, seq))
		return false;
	uint16_t before = c->mss;
	tcp_set_mss(c, env);
	if (c->mss >= before || c->state == TCP_SYN_SENT)
		return true;
	/* As many segments as before, not as many bytes: no burst of small ones (RFC 5681, 3.1). */
	c->cwnd = max((uint32_t)((uint64_t)c->cwnd * c->mss / before), (uint32_t)c->mss);
	for (uint32_t i = 0; i < c->sent_count; i++) {
		struct tcp_sent *s = tcp_sent_at(c, i);
		if (TCP_SENT_SIZE(s->flags) <= c->mss || (s->flags & TCP_SENT_SACKED))
			continue;
		if (s->end - s->start > c->mss)
			tcp_sent_mark_lost(c, i);
		s->flags = (s->flags & TCP_SENT_FLAGS) | (uint32_t)c->mss << 16;
	}
	if (c->lost > 0 && c->ca_state != TCP_CA_LOSS) {
		c->high_seq = c->snd_nxt;
		c->prior_ssthresh = c->undo_marker = 0;
		c->ca_state = TCP_CA_LOSS;
		c->todo |= TCPT_RTX_FORCE;
	}
	return true;
}

void
tcp_icmp_error(struct tcp_conn *c, uint32_t seq, uint16_t error, struct tcp_actions *act)
{
	tcp_actions_clear(act);
	if ((c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECV) && in_flight(c, seq))
		tcp_done(c, error, act);
}

bool
tcp_reset_reply(const struct tcp_segment *seg, struct tcp_segment *out)
{
	*out = (struct tcp_segment){.flags = TCP_RST};
	if (seg->flags & TCP_RST)
		return false;
	if (seg->flags & TCP_ACK) {
		out->seq = seg->ack;
	} else {
		out->ack = seg->seq + seg->len + (seg->flags & TCP_SYN ? 1 : 0) +
			(seg->flags & TCP_FIN ? 1 : 0);
		out->flags |= TCP_ACK;
	}
	return true;
}
