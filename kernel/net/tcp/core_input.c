/* SPDX-License-Identifier: MIT */
/*
 * Segments that arrive (RFC 9293, 3.10.7), with the checks of RFC 5961 (RST, SYN and ACK that do not fit exactly are
 * answered by a challenge ACK) and RFC 7323 (PAWS). Challenge ACKs are limited per connection, so that nobody learns
 * about a connection from how many others get (CVE-2016-5696).
 */
#include <errno.h>

#include "kernel/net/tcp/core_internal.h"

#define PAWS_IDLE_MS \
	(24u * 24 * 3600 * 1000) /* timestamps older than that say nothing (RFC 7323, 5.5) */

static void
take_timestamp(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg)
{
	if (!(c->flags & TCPF_TS) || !(seg->opts & TCP_HAS_TS))
		return;
	if (tcp_seq_after(seg->seq, c->rcv_wup) || seg->tsval == c->ts_recent)
		return;
	if (tcp_seq_before(seg->tsval, c->ts_recent) &&
		tcp_ms(env) - c->ts_recent_ms < PAWS_IDLE_MS)
		return;
	c->ts_recent = seg->tsval;
	c->ts_recent_ms = tcp_ms(env);
}

/* The next segment that was expected, acknowledging something or carrying something, and nothing unusual is going on. */
static bool
fast_path(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	if (c->state != TCP_ESTABLISHED || (seg->flags & ~TCP_PSH) != TCP_ACK ||
		seg->seq != c->rcv_nxt || seg->ack - c->snd_una > c->snd_nxt - c->snd_una ||
		seg->len > tcp_rcv_window(c) ||
		(c->flags & (TCPF_URG_IN | TCPF_FIN_SEEN | TCPF_ORPHAN)) || c->ooo_count != 0 ||
		(seg->ip & TCP_IP_CE))
		return false;
	if (c->flags & TCPF_TS) {
		if (seg->opts != TCP_HAS_TS || tcp_seq_before(seg->tsval, c->ts_recent))
			return false;
		if (seg->tsval != c->ts_recent)
			take_timestamp(c, env, seg);
	} else if (seg->opts != 0) {
		return false;
	}
	if (seg->len == 0 || seg->ack != c->snd_una ||
		(uint32_t)seg->wnd << c->snd_wscale != c->snd_wnd)
		tcp_ack_input(c, env, seg, act);
	else
		c->probes = 0;
	if (seg->len > 0)
		tcp_rcv_in_order(c, env, seg, act);
	return true;
}

static uint32_t
length(const struct tcp_segment *seg)
{
	return seg->len + (seg->flags & TCP_SYN ? 1 : 0) + (seg->flags & TCP_FIN ? 1 : 0);
}

/* RFC 9293's four cases, the right edge included: a peer that filled the window sends its ACKs from there. */
static bool
acceptable(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	uint32_t edge = c->rcv_nxt + tcp_rcv_window(c), n = length(seg);
	if (tcp_seq_after(seg->seq, edge))
		return false;
	return n == 0 ? !tcp_seq_before(seg->seq, c->rcv_nxt)
		      : tcp_seq_after(seg->seq + n, c->rcv_nxt) ||
			(seg->flags & TCP_RST && seg->seq == c->rcv_nxt);
}

static void
challenge(struct tcp_conn *c, const struct tcp_env *env)
{
	uint32_t now = tcp_ms(env);
	if (c->challenge_ms != 0 && now - c->challenge_ms < TCP_CHALLENGE_MS)
		return;
	c->challenge_ms = now == 0 ? 1 : now;
	tcp_ack_now(c);
}

static bool
drop(struct tcp_actions *act, enum tcp_drop why)
{
	act->drop = (uint8_t)why;
	return false;
}

/* Outside of the window: an ACK tells the peer where we are; data always gets one, it ends no exchange of ACKs. */
static bool
refuse(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act, enum tcp_drop why)
{
	if (seg->flags & TCP_RST)
		return drop(act, why);
	if (seg->len > 0 || ((seg->flags & TCP_FIN) && !(seg->flags & TCP_SYN))) {
		uint32_t end = seg->seq + seg->len;
		if (tcp_seq_before(seg->seq, c->rcv_nxt))
			tcp_rcv_dsack(
				c, seg->seq, tcp_seq_before(end, c->rcv_nxt) ? end : c->rcv_nxt);
		tcp_ack_now(c);
	} else {
		challenge(c, env);
	}
	return drop(act, why);
}

static bool
paws_fails(const struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg)
{
	return (c->flags & TCPF_TS) && (seg->opts & TCP_HAS_TS) && !(seg->flags & TCP_RST) &&
		tcp_seq_before(seg->tsval, c->ts_recent) &&
		tcp_ms(env) - c->ts_recent_ms < PAWS_IDLE_MS;
}

static bool
reset(struct tcp_conn *c, struct tcp_actions *act)
{
	uint16_t error = 0;
	switch (c->state) {
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		error = ECONNREFUSED;
		break;
	case TCP_CLOSE_WAIT:
		error = EPIPE;
		break;
	case TCP_TIME_WAIT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		break;
	default:
		error = ECONNRESET;
		break;
	}
	tcp_done(c, error, act);
	return false;
}

/* An RST that is acceptable: it must hit rcv_nxt, or after the peer's FIN the number before (RFC 5961, 3). */
static bool
input_rst(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	if (seg->seq == c->rcv_nxt)
		return reset(c, act);
	challenge(c, env);
	return drop(act, TCP_DROP_RESET);
}

/* Steps one to four: is the segment's place and its RST and SYN right? false: it was dealt with. */
static bool
validate(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	if (paws_fails(c, env, seg))
		return refuse(c, env, seg, act, TCP_DROP_PAWS);
	if (!acceptable(c, seg)) {
		if ((seg->flags & TCP_RST) && (c->flags & TCPF_FIN_RCVD) &&
			seg->seq == c->rcv_nxt - 1)
			return reset(c, act);
		return refuse(
			c, env, seg, act, seg->flags & TCP_RST ? TCP_DROP_RESET : TCP_DROP_WINDOW);
	}
	if (seg->flags & TCP_RST)
		return input_rst(c, env, seg, act);
	if (seg->flags & TCP_SYN) {
		challenge(c, env);
		return drop(act, TCP_DROP_SYN);
	}
	return (seg->flags & TCP_ACK) ? true : drop(act, TCP_DROP_ACK);
}

/*
 * How far below snd_una an ACK of a peer's may be: by a window (RFC 5961, 5), but not below what it ever had to
 * acknowledge, which would be a guess.
 */
static uint32_t
oldest_ack(const struct tcp_conn *c)
{
	uint64_t acked = c->stats.bytes_acked + (tcp_fin_acked(c) ? 1 : 0);
	acked = min(acked, (uint64_t)INT32_MAX);
	return min(c->max_wnd, (uint32_t)acked);
}

/* Step five: the acknowledgement number (RFC 5961, 5). false: the segment was dealt with. */
static bool
check_ack(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	if (c->state == TCP_SYN_RECV) {
		if (tcp_seq_after(seg->ack, c->snd_una) && tcp_seq_before_eq(seg->ack, c->snd_nxt))
			return true;
		act->what |= TCP_DO_RESET;
		return drop(act, TCP_DROP_ACK);
	}
	if (tcp_seq_after(seg->ack, c->snd_nxt) ||
		(int32_t)(c->snd_una - seg->ack) > (int32_t)oldest_ack(c)) {
		challenge(c, env);
		return drop(act, TCP_DROP_ACK);
	}
	return true;
}

/* The rest of a segment whose ACK is older than others that came: its SACKs may still be news. */
static void
old_ack(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg)
{
	if (!(seg->opts & TCP_HAS_SACK) || !(c->flags & TCPF_SACK) || c->sent_count == 0)
		return;
	struct tcp_ack a = tcp_ack_begin(c, env);
	tcp_sack_input(c, env, seg, &a);
	tcp_recovery_ack(c, env, &a);
}

/* Our FIN was acknowledged, perhaps. */
static void
after_ack(struct tcp_conn *c, struct tcp_actions *act)
{
	if (!tcp_fin_acked(c))
		return;
	if (c->state == TCP_FIN_WAIT1)
		tcp_set_state(c, TCP_FIN_WAIT2);
	else if (c->state == TCP_CLOSING)
		tcp_set_state(c, TCP_TIME_WAIT);
	else if (c->state == TCP_LAST_ACK)
		tcp_done(c, 0, act);
}

/* Data for a socket that is closed or shut: nobody will read it, and the peer ought to know (RFC 1122, 4.2.2.13). */
static bool
for_nobody(struct tcp_conn *c, const struct tcp_segment *seg, struct tcp_actions *act)
{
	if (!(c->flags & (TCPF_ORPHAN | TCPF_DEAF)) || seg->len == 0 ||
		!tcp_seq_after(seg->seq + seg->len, c->rcv_nxt))
		return false;
	c->todo |= TCPT_RST;
	tcp_done(c, (c->flags & TCPF_ORPHAN) ? 0 : ECONNRESET, act);
	act->drop = TCP_DROP_CLOSED;
	return true;
}

static void
input_text(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	if (c->flags & TCPF_FIN_RCVD) {
		if (seg->len > 0 || (seg->flags & TCP_FIN))
			tcp_ack_now(c);
		return;
	}
	if (for_nobody(c, seg, act))
		return;
	if ((seg->flags & TCP_URG) || (c->flags & TCPF_URG_IN))
		tcp_rcv_urgent(c, seg, act);
	if (seg->len > 0 || (seg->flags & TCP_FIN))
		tcp_rcv_data(c, env, seg, act);
}

static void
input_synchronized(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	struct tcp_segment stripped;
	/* Both opened at once: the peer's SYN comes again with its ACK (RFC 9293, 3.5, figure 7). */
	if (c->state == TCP_SYN_RECV &&
		(seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK) &&
		seg->seq + 1 == c->rcv_nxt) {
		stripped = *seg;
		stripped.seq++;
		stripped.flags &= ~TCP_SYN;
		seg = &stripped;
		tcp_ack_now(c);
	}
	if (!validate(c, env, seg, act) || !check_ack(c, env, seg, act))
		return;
	take_timestamp(c, env, seg);
	if (tcp_seq_before(seg->ack, c->snd_una)) {
		old_ack(c, env, seg);
	} else {
		tcp_ack_input(c, env, seg, act);
		if (c->state == TCP_SYN_RECV)
			tcp_established(c, env, act);
		after_ack(c, act);
	}
	if (c->state != TCP_CLOSE)
		input_text(c, env, seg, act);
	/* Nobody waits for the peer's FIN but a small structure. */
	if (c->state == TCP_TIME_WAIT || (c->state == TCP_FIN_WAIT2 && (c->flags & TCPF_ORPHAN)))
		act->what |= TCP_DO_TIME_WAIT;
}

static bool
syn_sent_ack_fits(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	return tcp_seq_after(seg->ack, c->snd_una) && tcp_seq_before_eq(seg->ack, c->snd_nxt);
}

/* RFC 9293, 3.10.7.3 */
static void
input_syn_sent(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	bool ack = seg->flags & TCP_ACK;
	if (ack && !syn_sent_ack_fits(c, seg)) {
		act->what |= TCP_DO_RESET; /* tcp_reset_reply() answers no RST */
		act->drop = TCP_DROP_ACK;
		return;
	}
	if (seg->flags & TCP_RST) {
		if (ack)
			(void)reset(c, act);
		else
			act->drop = TCP_DROP_RESET;
		return;
	}
	if (!(seg->flags & TCP_SYN)) {
		act->drop = TCP_DROP_ACK;
		return;
	}
	c->rcv_nxt = c->rcv_wup = c->read_seq = c->drs_seq = seg->seq + 1;
	c->snd_wl1 = seg->seq;
	tcp_take_syn_options(c, seg, TCP_HAS_SACKOK | TCP_HAS_TS | TCP_HAS_WSCALE);
	if (c->flags & TCPF_TS) {
		c->ts_recent = seg->tsval;
		c->ts_recent_ms = tcp_ms(env);
	}
	tcp_set_mss(c, env);
	c->snd_wnd = c->max_wnd = seg->wnd;
	if (!ack) {
		tcp_set_state(c, TCP_SYN_RECV); /* both opened at once: SYN-ACK */
		c->snd_nxt = c->snd_una;
		tcp_sent_free(c, env->memory);
		return;
	}
	/* ECE without CWR: the peer can ECN and knows that we can. */
	if ((c->flags & TCPF_ECN_ASK) && (seg->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE)
		c->flags |= TCPF_ECN;
	tcp_ack_input(c, env, seg, act);
	tcp_established(c, env, act);
	tcp_ack_now(c);
	if (seg->len > 0 || (seg->flags & TCP_FIN)) {
		struct tcp_segment text = *seg;
		text.seq++;
		text.flags &= ~TCP_SYN;
		input_text(c, env, &text, act);
	}
}

void
tcp_input(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	tcp_actions_clear(act);
	uint32_t n = seg->gso_size != 0 ? (seg->len + seg->gso_size - 1) / seg->gso_size : 1;
	c->stats.segs_in += n;
	c->stats.data_segs_in += seg->len != 0 ? n : 0;
	c->last_rcv_ms = tcp_ms(env);
	if (likely(fast_path(c, env, seg, act))) {
	} else if (c->state == TCP_SYN_SENT) {
		input_syn_sent(c, env, seg, act);
	} else if (c->state == TCP_CLOSE) {
		act->what |= TCP_DO_RESET;
		act->drop = TCP_DROP_CLOSED;
	} else {
		input_synchronized(c, env, seg, act);
	}
	if ((c->todo & ~(TCPT_ACK_LATER | TCPT_PACED)) || tcp_unsent(c) || c->lost > 0 ||
		c->state == TCP_SYN_RECV)
		act->what |= TCP_DO_OUTPUT;
}
