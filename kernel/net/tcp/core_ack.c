/* SPDX-License-Identifier: MIT */
/* What an ACK does to the sending side (RFC 9293, 3.10.7.4, fifth). The caller has found it acceptable. */
#include "kernel/net/tcp/core_internal.h"

/* The peer echoes what was sent before s was sent again: another copy arrived (RFC 8985, 6.2, step 2). */
static bool
echoes_another(const struct tcp_conn *c, const struct tcp_env *env, const struct tcp_sent *s,
	const struct tcp_ack *a)
{
	uint32_t ago_ms = (a->now_us - s->time_us + 999) / 1000;
	return (s->flags & TCP_SENT_EVER) && (c->flags & TCPF_TS) && a->tsecr != 0 &&
		tcp_seq_before(a->tsecr, tcp_tsval(env, c->ts_offset) - ago_ms);
}

/* snd_una moves to ack: pieces go, and tell round-trip times. */
static void
clean(struct tcp_conn *c, const struct tcp_env *env, uint32_t ack, struct tcp_ack *a)
{
	uint32_t done = 0;
	for (; done < c->sent_count; done++) {
		struct tcp_sent *s = tcp_sent_at(c, done);
		if (!tcp_seq_before(s->start, ack))
			break;
		bool whole = !tcp_seq_before(ack, s->end);
		uint32_t n = (whole ? s->end : ack) - s->start;
		if (likely((s->flags & TCP_SENT_FLAGS & ~(TCP_SENT_SYN | TCP_SENT_FIN)) == 0)) {
			a->delivered += n;
			tcp_rack_sample(c, a, s);
			if (!(a->flags & TCP_ACK_HAS_RTT))
				a->rtt_us = a->now_us - s->time_us;
			a->flags |= TCP_ACK_ORIG | TCP_ACK_HAS_RTT;
			tcp_rack_order(c, a, s);
		} else if (s->flags & TCP_SENT_SACKED) {
			c->sacked -= n;
		} else {
			a->delivered += n;
			a->flags |= s->flags & TCP_SENT_EVER ? TCP_ACK_RTX : TCP_ACK_ORIG;
			if (!echoes_another(c, env, s, a))
				tcp_rack_sample(c, a, s);
			tcp_rack_order(c, a, s);
			if (s->flags & TCP_SENT_LOST)
				c->lost -= n;
			if (s->flags & TCP_SENT_RETRANS)
				c->retrans -= n;
		}
		if (!whole) {
			s->start = ack;
			break;
		}
	}
	c->snd_una = ack;
	if (done > 0)
		tcp_sent_drop_front(c, env->memory, done);
}

/*
 * A window that shrank counts only with something new: the segment may be late. But one that closed counts at once, or
 * data goes to who has no room for it; were it late, the probe's answer opens it again.
 */
static bool
update_window(struct tcp_conn *c, const struct tcp_segment *seg)
{
	uint32_t wnd = (uint32_t)seg->wnd << (seg->flags & TCP_SYN ? 0 : c->snd_wscale);
	if (!tcp_seq_after(seg->ack, c->snd_una) && !tcp_seq_after(seg->seq, c->snd_wl1) &&
		!(seg->seq == c->snd_wl1 && (wnd > c->snd_wnd || wnd == 0)))
		return false;
	c->snd_wl1 = seg->seq;
	if (wnd == c->snd_wnd)
		return false;
	c->snd_wnd = wnd;
	c->max_wnd = max(c->max_wnd, wnd);
	return true;
}

static void
sample_rtt(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_ack *a)
{
	uint32_t rtt = a->rtt_us;
	if (!(a->flags & TCP_ACK_HAS_RTT)) {
		/* Timestamps tell which transmission is answered (RFC 7323, 4.1). */
		if (!(a->flags & TCP_ACK_ADVANCED) || !(c->flags & TCPF_TS) || a->tsecr == 0)
			return;
		uint32_t ms = tcp_tsval(env, c->ts_offset) - a->tsecr;
		if (ms > TCP_RTO_MAX_US / 1000)
			return;
		rtt = max(ms, 1u) * 1000;
	}
	tcp_rtt_sample(c, env, rtt);
	c->backoff = 0;
}

static bool
dubious(const struct tcp_conn *c, const struct tcp_ack *a)
{
	return c->ca_state != TCP_CA_OPEN || c->sacked != 0 || c->lost != 0 ||
		(a->flags &
			(TCP_ACK_DUP | TCP_ACK_ECE | TCP_ACK_SACKED | TCP_ACK_RTX | TCP_ACK_DSACK));
}

/* Payload bytes below snd_una that were not before: SYN and FIN were not in the send queue. */
static uint32_t
payload_acked(const struct tcp_conn *c, uint32_t acked)
{
	if (acked > 0 && (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECV))
		acked--;
	if (acked > 0 && tcp_fin_acked(c))
		acked--;
	return acked;
}

static void
advance(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_ack *a, struct tcp_actions *act)
{
	a->acked = seg->ack - c->snd_una;
	a->flags |= TCP_ACK_ADVANCED;
	clean(c, env, seg->ack, a);
	c->rtx_start_ms = 0;
	if ((c->flags & TCPF_URG_OUT) && !tcp_seq_before(c->snd_una, c->snd_up))
		c->flags &= ~TCPF_URG_OUT;
	act->acked = payload_acked(c, a->acked);
	c->stats.bytes_acked += act->acked;
	if (act->acked > 0)
		act->what |= TCP_DO_WRITABLE;
}

/*
 * What lets the window grow: new data acknowledged. Where the path reorders, a hole is no sign of loss, and what is SACKed
 * beyond it was delivered as well: it counts once, now or never.
 */
static uint32_t
progress(const struct tcp_conn *c)
{
	return c->flags & TCPF_REORDERING ? TCP_ACK_ADVANCED | TCP_ACK_SACKED : TCP_ACK_ADVANCED;
}

void
tcp_ack_input(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	struct tcp_ack a = tcp_ack_begin(c, env);
	a.tsecr = seg->opts & TCP_HAS_TS ? seg->tsecr : 0;
	bool moved = update_window(c, seg);
	c->probes = 0;
	if ((c->flags & TCPF_CWND_FULL) || (c->cwnd < c->ssthresh && c->max_flight > c->cwnd / 2))
		a.flags |= TCP_ACK_WAS_LIMITED;
	if (seg->ack != c->snd_una)
		advance(c, env, seg, &a, act);
	else if (!moved && seg->len == 0 && c->sent_count > 0 &&
		!(seg->flags & (TCP_SYN | TCP_FIN)))
		a.flags |= TCP_ACK_DUP;
	if ((seg->opts & TCP_HAS_SACK) && (c->flags & TCPF_SACK))
		tcp_sack_input(c, env, seg, &a);
	if ((seg->flags & TCP_ECE) && (c->flags & TCPF_ECN) && !(seg->flags & TCP_SYN)) {
		a.flags |= TCP_ACK_ECE;
		c->stats.delivered_ce++;
	}
	tcp_tlp_ack(c, seg->ack, &a);
	if (a.flags & (TCP_ACK_ADVANCED | TCP_ACK_SACKED))
		sample_rtt(c, env, &a);
	if (dubious(c, &a))
		tcp_recovery_ack(c, env, &a);
	if ((a.flags & progress(c)) && c->ca_state != TCP_CA_RECOVERY && c->ca_state != TCP_CA_CWR)
		tcp_cc_acked(c, env, &a);
	if ((a.flags & (TCP_ACK_ADVANCED | TCP_ACK_SACKED | TCP_ACK_LOST)) &&
		!(a.flags & TCP_ACK_WAITS))
		tcp_arm_xmit(c, env);
	else if (c->timer == TCP_TIMER_PROBE && moved) {
		c->timer = TCP_TIMER_NONE; /* tcp_output() looks whether it is still needed */
		if (tcp_seq_after(c->snd_una + c->snd_wnd, c->snd_nxt))
			c->rtx_start_ms = 0;
	}
}
