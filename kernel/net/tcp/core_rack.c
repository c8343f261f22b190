/* SPDX-License-Identifier: MIT */
/*
 * RACK-TLP (RFC 8985): a piece is lost when one that was sent sufficiently later was delivered; and when the end of
 * what is in flight goes unanswered for two round trips, a probe provokes the SACKs that tell.
 */
#include "kernel/net/tcp/core_internal.h"

#define DUPTHRESH     3u
#define REO_PERSIST   16u
#define TLP_DELACK_US 200000u
#define TLP_NO_RTT_US 1000000u
#define TLP_SLACK_US  2000u

static bool
sent_after(uint32_t time_a, uint32_t end_a, uint32_t time_b, uint32_t end_b)
{
	int32_t later = (int32_t)(time_a - time_b);
	return later > 0 || (later == 0 && tcp_seq_after(end_a, end_b));
}

/* s was delivered (RFC 8985, 6.2, steps 1 and 2). */
void
tcp_rack_sample(struct tcp_conn *c, struct tcp_ack *a, const struct tcp_sent *s)
{
	uint32_t rtt = a->now_us - s->time_us;
	/* So soon that it was the original that arrived. */
	if ((s->flags & TCP_SENT_EVER) && rtt < c->min_rtt_us)
		return;
	a->flags |= TCP_ACK_RACK;
	if (c->rack_end == 0 || sent_after(s->time_us, s->end, c->rack_time_us, c->rack_end)) {
		c->rack_time_us = s->time_us;
		c->rack_end = s->end;
		c->rack_rtt_us = rtt;
	}
}

static uint32_t
reordering_window(const struct tcp_conn *c)
{
	if (!(c->flags & TCPF_REORDERING) &&
		(c->ca_state >= TCP_CA_RECOVERY || c->sacked >= DUPTHRESH * c->mss))
		return 0;
	uint64_t window = (uint64_t)(c->min_rtt_us / 4) * max(c->reo_steps, (uint8_t)1);
	return (uint32_t)min(window, (uint64_t)c->srtt_us);
}

uint32_t
tcp_rack_detect(struct tcp_conn *c, uint32_t now_us, uint32_t *ack_flags)
{
	if (c->rack_end == 0)
		return 0;
	uint32_t patience = c->rack_rtt_us + reordering_window(c);
	uint32_t wait = 0;
	for (uint32_t i = 0; i < c->sent_count; i++) {
		const struct tcp_sent *s = tcp_sent_at(c, i);
		if ((s->flags & TCP_SENT_SACKED) ||
			(s->flags & (TCP_SENT_LOST | TCP_SENT_RETRANS)) == TCP_SENT_LOST ||
			!sent_after(c->rack_time_us, c->rack_end, s->time_us, s->end))
			continue;
		int32_t left = (int32_t)(s->time_us + patience - now_us);
		if (left <= 0) {
			tcp_sent_mark_lost(c, i);
			*ack_flags |= TCP_ACK_LOST;
		} else {
			wait = max(wait, (uint32_t)left);
		}
	}
	return wait;
}

/* A DSACK: what was retransmitted was not lost; have more patience from the next round on (6.2, step 4). */
void
tcp_rack_dsack(struct tcp_conn *c)
{
	if ((c->flags & TCPF_DSACK_SEEN) && tcp_seq_before(c->snd_una, c->dsack_round))
		return;
	c->flags |= TCPF_DSACK_SEEN;
	c->dsack_round = c->snd_nxt;
	c->reo_steps = (uint8_t)min(max(c->reo_steps, (uint8_t)1) + 1, 255);
	c->reo_persist = REO_PERSIST;
}

void
tcp_rack_left_recovery(struct tcp_conn *c)
{
	if (c->reo_persist > 0 && --c->reo_persist == 0)
		c->reo_steps = 1;
}

/* Arms the probe instead of the retransmission timeout, where it is due (7.2). */
bool
tcp_tlp_arm(struct tcp_conn *c, const struct tcp_env *env)
{
	if (!(c->flags & TCPF_SACK) || c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECV ||
		c->tlp_high != 0 || c->backoff != 0 || c->sacked != 0 ||
		(c->ca_state != TCP_CA_OPEN && c->ca_state != TCP_CA_CWR))
		return false;
	uint32_t pto = TLP_NO_RTT_US;
	if (c->srtt_us != 0) {
		pto = 2 * min(c->srtt_us, TCP_RTO_MAX_US);
		pto += tcp_in_flight(c) <= c->mss ? TLP_DELACK_US : TLP_SLACK_US;
	}
	if (pto >= c->rto_us)
		return false;
	tcp_arm(c, env, TCP_TIMER_TLP, pto);
	return true;
}

/* What an ACK tells of a probe that was sent (7.4). */
void
tcp_tlp_ack(struct tcp_conn *c, uint32_t ack, const struct tcp_ack *a)
{
	if (c->tlp_high == 0 || tcp_seq_before(ack, c->tlp_high))
		return;
	if (!(c->flags & TCPF_TLP_RTX) || (a->flags & TCP_ACK_DSACK)) {
		c->tlp_high = 0; /* the probe was new data; or the original arrived as well */
	} else if (tcp_seq_after(ack, c->tlp_high)) {
		c->tlp_high = 0; /* the probe repaired a loss that nobody noticed */
		if (c->ca_state == TCP_CA_OPEN) {
			tcp_enter_cwr(c);
			c->undo_marker = 0;
		}
	} else if (!(a->flags & (TCP_ACK_ADVANCED | TCP_ACK_SACKED)) && (a->flags & TCP_ACK_DUP)) {
		c->tlp_high = 0; /* both arrived */
	}
}
