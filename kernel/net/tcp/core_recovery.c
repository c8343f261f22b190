/* SPDX-License-Identifier: MIT */
/*
 * The congestion states: fast recovery with proportional rate reduction (RFC 6937), NewReno's partial ACKs for peers
 * without SACK (6582), reduction for congestion marks (3168), loss after a timeout with F-RTO (5682), and taking a
 * reduction back that DSACKs (3708) or timestamps (Eifel, 3522) show to have been wrong.
 */
#include "kernel/net/tcp/core_internal.h"

#define DUPTHRESH 3u

static void
reduce(struct tcp_conn *c)
{
	c->prior_cwnd = c->cwnd;
	c->prior_ssthresh = c->ssthresh;
	c->prr_delivered = c->prr_out = 0;
	c->prr_flight = max(c->snd_nxt - c->snd_una, (uint32_t)c->mss);
	c->ssthresh = tcp_cc_ssthresh(c);
	c->high_seq = c->snd_nxt;
	c->retrans_ts = 0;
	c->undo_retrans = 0;
	if (c->flags & TCPF_ECN)
		c->flags |= TCPF_ECN_CWR;
}

/* 0 means that nothing may be undone. */
static void
mark_undo(struct tcp_conn *c)
{
	c->undo_marker = c->snd_una == 0 ? 1 : c->snd_una;
}

void
tcp_enter_cwr(struct tcp_conn *c)
{
	reduce(c);
	c->undo_marker = 0;
	c->ca_state = TCP_CA_CWR;
}

void
tcp_enter_recovery(struct tcp_conn *c)
{
	if (c->ca_state < TCP_CA_CWR)
		reduce(c);
	c->high_seq = c->snd_nxt;
	mark_undo(c);
	c->ca_state = TCP_CA_RECOVERY;
	c->todo |= TCPT_RTX_FORCE;
}

/* The timeout struck: all that is not SACKed is taken for lost, and slow start begins anew. */
void
tcp_enter_loss(struct tcp_conn *c, const struct tcp_env *env)
{
	bool fresh = c->ca_state < TCP_CA_RECOVERY;
	if (c->ca_state != TCP_CA_LOSS && (fresh || !tcp_seq_after(c->high_seq, c->snd_una))) {
		reduce(c);
		mark_undo(c);
	}
	/* A peer that SACKed the head threw it away again: its word is worth nothing. */
	bool reneged = (tcp_sent_at(c, 0)->flags & TCP_SENT_SACKED) != 0 || !(c->flags & TCPF_SACK);
	for (uint32_t i = 0; i < c->sent_count; i++) {
		struct tcp_sent *s = tcp_sent_at(c, i);
		if (reneged && (s->flags & TCP_SENT_SACKED)) {
			c->sacked -= s->end - s->start;
			s->flags &= ~TCP_SENT_SACKED;
		}
		if (!(s->flags & TCP_SENT_SACKED))
			tcp_sent_mark_lost(c, i);
	}
	if (reneged)
		c->sacked = 0;
	c->dupacks = 0;
	c->cwnd = c->mss;
	c->cubic.epoch_ms = 0;
	c->ca_state = TCP_CA_LOSS;
	c->high_seq = c->snd_nxt;
	c->tlp_high = 0;
	if ((c->flags & TCPF_SACK) && (fresh || c->backoff > 0))
		c->flags |= TCPF_FRTO;
}

/* The retransmissions were not needed: each was DSACKed, or the ACK answers what was sent before the first. */
static bool
may_undo(const struct tcp_conn *c, const struct tcp_ack *a)
{
	if (c->undo_marker == 0 || c->retrans_ts == 0)
		return false;
	if ((a->flags & TCP_ACK_DSACK) && c->undo_retrans == 0)
		return true;
	return (c->flags & TCPF_TS) && (a->flags & TCP_ACK_ADVANCED) && a->tsecr != 0 &&
		tcp_seq_before(a->tsecr, c->retrans_ts);
}

static void
undo(struct tcp_conn *c)
{
	c->cwnd = max(c->cwnd, c->prior_cwnd);
	c->ssthresh = max(c->ssthresh, c->prior_ssthresh);
	c->flags &= ~TCPF_ECN_CWR;
	c->undo_marker = 0;
}

static void
open_state(struct tcp_conn *c)
{
	if (c->ca_state >= TCP_CA_RECOVERY)
		tcp_rack_left_recovery(c);
	c->ca_state = TCP_CA_OPEN;
	c->flags &= ~TCPF_FRTO;
	c->dupacks = 0;
	if (!(c->flags & TCPF_SACK))
		c->sacked = 0;
}

static void
unmark_lost(struct tcp_conn *c)
{
	for (uint32_t i = 0; i < c->sent_count; i++) {
		struct tcp_sent *s = tcp_sent_at(c, i);
		if (s->flags & TCP_SENT_LOST)
			c->lost -= s->end - s->start;
		s->flags &= ~TCP_SENT_LOST;
	}
}

/* The timeout was spurious: what was marked lost is on its way after all. */
static void
undo_loss(struct tcp_conn *c)
{
	unmark_lost(c);
	undo(c);
	c->backoff = 0;
	open_state(c);
}

/* RFC 6937, 3: how much may be sent for this ACK. */
static void
prr(struct tcp_conn *c, const struct tcp_ack *a)
{
	uint32_t pipe = tcp_in_flight(c), may;
	if (a->delivered == 0 && !(a->flags & TCP_ACK_LOST))
		return;
	c->prr_delivered += a->delivered;
	if (pipe > c->ssthresh) {
		uint64_t share = ((uint64_t)c->ssthresh * c->prr_delivered + c->prr_flight - 1) /
			c->prr_flight;
		may = share > c->prr_out ? (uint32_t)(share - c->prr_out) : 0;
	} else {
		uint32_t behind = c->prr_delivered > c->prr_out ? c->prr_delivered - c->prr_out : 0;
		uint32_t limit = max(behind, a->delivered);
		if ((a->flags & TCP_ACK_ADVANCED) && !(a->flags & TCP_ACK_LOST))
			limit += c->mss;
		may = min(c->ssthresh - pipe, limit);
	}
	c->cwnd = max(pipe + may, (uint32_t)c->mss);
}

/* Without SACK each duplicate ACK says that some segment arrived. */
static void
count_dupacks(struct tcp_conn *c, struct tcp_ack *a)
{
	if (a->flags & TCP_ACK_ADVANCED) {
		uint32_t more = a->acked > c->mss ? a->acked - c->mss : 0;
		c->sacked = c->ca_state == TCP_CA_RECOVERY ? c->sacked - min(c->sacked, more) : 0;
		c->dupacks = 0;
	} else if (a->flags & TCP_ACK_DUP) {
		c->dupacks = (uint8_t)min(c->dupacks + 1, 255);
		c->sacked += c->mss;
		a->delivered += c->mss;
	}
	uint32_t most = c->snd_nxt - c->snd_una;
	most = most > c->mss ? most - c->mss : 0;
	most = most > c->lost ? most - c->lost : 0;
	c->sacked = min(c->sacked, most);
}

/* Marks the first segment lost (NewReno). */
static void
mark_head(struct tcp_conn *c, const struct tcp_env *env, struct tcp_ack *a)
{
	struct tcp_sent *s = tcp_sent_at(c, 0);
	if (s->flags & TCP_SENT_LOST)
		return;
	if (s->end - s->start > TCP_SENT_SIZE(s->flags))
		(void)tcp_sent_split(c, env->memory, 0, s->start + TCP_SENT_SIZE(s->flags));
	tcp_sent_mark_lost(c, 0);
	uint32_t out = c->snd_nxt - c->snd_una;
	c->sacked = min(c->sacked, out - c->lost);
	a->flags |= TCP_ACK_LOST;
}

static void
detect(struct tcp_conn *c, const struct tcp_env *env, struct tcp_ack *a)
{
	if (c->flags & TCPF_SACK) {
		if (c->sacked == 0 && c->ca_state < TCP_CA_RECOVERY && !(a->flags & TCP_ACK_RTX))
			return;
		uint32_t wait = tcp_rack_detect(c, a->now_us, &a->flags);
		if (wait != 0) {
			tcp_arm(c, env, TCP_TIMER_REO, wait + 1000);
			a->flags |= TCP_ACK_WAITS;
		}
	} else if (c->sent_count > 0 &&
		(c->dupacks >= DUPTHRESH ||
			(c->ca_state == TCP_CA_RECOVERY && (a->flags & TCP_ACK_ADVANCED)))) {
		mark_head(c, env, a);
	}
}

/*
 * All that was in flight when the state was entered is acknowledged; without SACK more than that (RFC 6582, 4.1), and
 * after a mark too: until the CWR has reached the peer it goes on with its ECE (RFC 3168, 6.1.2).
 */
static bool
recovered(const struct tcp_conn *c)
{
	if (tcp_seq_before(c->snd_una, c->high_seq))
		return false;
	if (c->snd_una != c->high_seq)
		return true;
	return c->ca_state != TCP_CA_CWR && ((c->flags & TCPF_SACK) || c->sent_count == 0);
}

/* In LOSS; true: the state was left. */
static bool
loss_ack(struct tcp_conn *c, struct tcp_ack *a)
{
	bool all = recovered(c);
	if ((a->flags & TCP_ACK_ADVANCED) && may_undo(c, a)) {
		undo_loss(c);
		return true;
	}
	if (c->flags & TCPF_FRTO) {
		if ((a->flags & TCP_ACK_ORIG) && c->undo_marker != 0) {
			undo_loss(c);
			return true;
		}
		if (tcp_seq_after(c->snd_nxt, c->high_seq)) {
			if (a->flags & (TCP_ACK_SACKED | TCP_ACK_DUP)) {
				/* Step 3a: it was lost. What is new in flight must not hold up what is missing. */
				c->flags &= ~TCPF_FRTO;
				c->cwnd = max(c->cwnd, 3u * c->mss);
				c->todo |= TCPT_RTX_FORCE;
			}
		} else if ((a->flags & TCP_ACK_ADVANCED) && !all) {
			c->high_seq = c->snd_nxt; /* step 2b: two new segments */
			if (tcp_unsent(c))
				c->todo |= TCPT_NEW_FORCE;
			else
				c->flags &= ~TCPF_FRTO;
		}
	}
	if (!all)
		return false;
	open_state(c); /* DSACKs may yet show that nothing had been lost */
	return true;
}

static void
leave_recovery(struct tcp_conn *c, const struct tcp_ack *a)
{
	if (may_undo(c, a))
		undo(c);
	else
		c->cwnd = max(c->ssthresh, (uint32_t)c->mss);
	open_state(c);
}

/* An ACK that is dubious, or that comes in another state than OPEN. */
void
tcp_recovery_ack(struct tcp_conn *c, const struct tcp_env *env, struct tcp_ack *a)
{
	if (!(c->flags & TCPF_SACK))
		count_dupacks(c, a);
	if (c->ca_state == TCP_CA_LOSS) {
		if (loss_ack(c, a))
			return;
	} else if (c->ca_state >= TCP_CA_CWR && recovered(c)) {
		leave_recovery(c, a);
	} else if (c->ca_state == TCP_CA_RECOVERY && may_undo(c, a)) {
		unmark_lost(c);
		undo(c);
		open_state(c);
	} else if (c->ca_state < TCP_CA_CWR && (a->flags & TCP_ACK_DSACK) && may_undo(c, a)) {
		undo(c);
	}
	detect(c, env, a);
	if (c->lost > 0 && c->ca_state < TCP_CA_RECOVERY)
		tcp_enter_recovery(c);
	else if ((a->flags & TCP_ACK_ECE) && c->ca_state < TCP_CA_CWR)
		tcp_enter_cwr(c);
	else if (c->ca_state < TCP_CA_CWR)
		c->ca_state = c->sacked > 0 ? TCP_CA_DISORDER : TCP_CA_OPEN;
	if (c->ca_state == TCP_CA_RECOVERY || c->ca_state == TCP_CA_CWR)
		prr(c, a);
}
