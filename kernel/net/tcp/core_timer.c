/* SPDX-License-Identifier: MIT */
/*
 * Time: the retransmission timeout (RFC 6298, 5), loss probes, RACK's reordering timer, window probes (RFC 9293,
 * 3.8.6.1), delayed ACKs, keep-alive (RFC 1122, 4.2.3.6), and giving up.
 */
#include <errno.h>

#include "kernel/net/tcp/core_internal.h"

#define BACKOFF_MAX    15u
#define PROBES_MAX     15u
#define ORPHAN_RETRIES 8u

void
tcp_arm(struct tcp_conn *c, const struct tcp_env *env, enum tcp_timer_kind kind, uint32_t us)
{
	c->timer = (uint8_t)kind;
	c->timer_at = env->now + us * 1000ull;
}

void
tcp_arm_xmit(struct tcp_conn *c, const struct tcp_env *env)
{
	if (c->sent_count == 0)
		c->timer = TCP_TIMER_NONE;
	else if (!tcp_tlp_arm(c, env))
		tcp_arm(c, env, TCP_TIMER_RTO, tcp_rto_us(c));
}

/* It is over; error: positive errno, 0: in order. */
void
tcp_done(struct tcp_conn *c, uint16_t error, struct tcp_actions *act)
{
	tcp_set_state(c, TCP_CLOSE);
	c->timer = TCP_TIMER_NONE;
	c->delack_at = c->keep_at = 0;
	c->todo &= TCPT_RST;
	act->what |= TCP_DO_CLOSED;
	act->what &= ~TCP_DO_TIME_WAIT;
	if (error != 0) {
		act->what |= TCP_DO_ERROR;
		act->error = error;
	}
}

uint64_t
tcp_deadline(const struct tcp_conn *c)
{
	uint64_t at = c->timer != TCP_TIMER_NONE ? c->timer_at : UINT64_MAX;
	if (c->delack_at != 0)
		at = min(at, c->delack_at);
	if (c->keep_at != 0)
		at = min(at, c->keep_at);
	if (c->todo & TCPT_PACED)
		at = min(at, c->pace_at);
	return at;
}

/* Retransmissions of the SYN, or of a simultaneous open's SYN-ACK. */
static void
syn_timeout(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	uint32_t now = tcp_ms(env);
	if (c->rtx_start_ms == 0)
		c->rtx_start_ms = now | 1;
	if (c->backoff >= c->syn_count ||
		(c->user_timeout_ms != 0 && c->backoff > 0 &&
			now - c->rtx_start_ms + c->rto_us / 1000 >= c->user_timeout_ms)) {
		tcp_done(c, ETIMEDOUT, act);
		return;
	}
	tcp_sent_mark_lost(c, 0);
	c->backoff++;
	tcp_arm(c, env, TCP_TIMER_RTO, tcp_rto_us(c));
}

/* How long to go on without any progress, ms. */
static uint32_t
patience(const struct tcp_conn *c)
{
	if (c->user_timeout_ms != 0)
		return c->user_timeout_ms;
	return c->flags & TCPF_ORPHAN ? TCP_ORPHAN_MS : TCP_RETRIES_MS;
}

static void
rto_timeout(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	uint32_t now = tcp_ms(env);
	c->timer = TCP_TIMER_NONE;
	if (c->sent_count == 0)
		return;
	if (c->rtx_start_ms == 0)
		c->rtx_start_ms = now | 1;
	uint32_t tried = now - c->rtx_start_ms, limit = patience(c);
	/* A peer that shrank its window to nothing, but answers, is waited for. */
	bool alive = c->snd_wnd == 0 && now - c->last_rcv_ms < TCP_RTO_MAX_US / 1000 * 2 &&
		!(c->flags & TCPF_ORPHAN);
	if ((int32_t)tried >= 0 && tried >= limit && !alive) {
		tcp_done(c, ETIMEDOUT, act);
		return;
	}
	tcp_enter_loss(c, env);
	if (c->backoff < BACKOFF_MAX)
		c->backoff++;
	c->todo |= TCPT_RTX_FORCE;
	uint32_t us = tcp_rto_us(c);
	if (c->user_timeout_ms != 0 && (int32_t)tried >= 0 && limit - tried < us / 1000)
		us = max(limit - tried, 1u) * 1000;
	tcp_arm(c, env, TCP_TIMER_RTO, us);
}

static void
reo_timeout(struct tcp_conn *c, const struct tcp_env *env)
{
	struct tcp_ack a = tcp_ack_begin(c, env);
	c->timer = TCP_TIMER_NONE;
	tcp_recovery_ack(c, env, &a);
	if (c->timer == TCP_TIMER_NONE)
		tcp_arm_xmit(c, env);
}

static void
tlp_timeout(struct tcp_conn *c, const struct tcp_env *env)
{
	c->timer = TCP_TIMER_NONE;
	if (c->sent_count == 0)
		return;
	c->todo |= TCPT_TLP;
	tcp_arm(c, env, TCP_TIMER_RTO, tcp_rto_us(c));
}

/*
 * Microseconds for which a window that is shut may stay so yet, since it was probed first: as on Linux TCP_USER_TIMEOUT ends
 * the connection though the peer answers; without it, it stays (RFC 9293, 3.8.6.1).
 */
static uint32_t
user_time_left(const struct tcp_conn *c, const struct tcp_env *env)
{
	uint32_t patience_ms = c->user_timeout_ms;
	int32_t tried_ms = max((int32_t)(tcp_ms(env) - c->rtx_start_ms), 0);
	if (patience_ms == 0)
		return UINT32_MAX;
	if ((uint32_t)tried_ms >= patience_ms)
		return 0;
	return (uint32_t)min(
		(patience_ms - (uint32_t)tried_ms) * (uint64_t)1000, (uint64_t)UINT32_MAX);
}

/* Data waits, and nothing is in flight: a window that is closed is probed; a small one, or a cork, has had its time. */
static void
probe_timeout(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	c->timer = TCP_TIMER_NONE;
	if (c->sent_count > 0 || !tcp_unsent(c))
		return;
	if (tcp_seq_after(c->snd_una + c->snd_wnd, c->snd_nxt)) {
		c->todo |= TCPT_NEW_FORCE;
		return;
	}
	if (c->rtx_start_ms == 0)
		c->rtx_start_ms = tcp_ms(env) | 1;
	bool orphan = c->flags & TCPF_ORPHAN;
	if ((orphan && c->backoff >= ORPHAN_RETRIES) || c->probes >= PROBES_MAX ||
		user_time_left(c, env) == 0) {
		tcp_done(c, ETIMEDOUT, act);
		return;
	}
	c->probes++;
	if (c->backoff < BACKOFF_MAX)
		c->backoff++;
	c->todo |= TCPT_PROBE;
	tcp_arm(c, env, TCP_TIMER_PROBE, min(tcp_rto_us(c), user_time_left(c, env)));
}

static void
delack_timeout(struct tcp_conn *c)
{
	c->delack_at = 0;
	if (!(c->todo & TCPT_ACK_LATER))
		return;
	/* The answer that it was to ride on did not come. */
	if (c->flags & TCPF_PUSH_SENT)
		c->ato_ms = TCP_DELACK_MIN_MS;
	else
		c->ato_ms = (uint8_t)min(c->ato_ms * 2u, TCP_DELACK_MAX_MS);
	c->flags &= ~TCPF_PUSH_SENT;
	c->todo |= TCPT_ACK_NOW;
}

static void
keep_timeout(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	uint32_t idle = tcp_ms(env) - c->last_rcv_ms, after = c->keep_idle_s * 1000u;
	if (!(c->flags & TCPF_KEEPALIVE) || c->state == TCP_SYN_SENT || c->state == TCP_CLOSE) {
		c->keep_at = 0;
	} else if (c->sent_count > 0 || tcp_unsent(c)) {
		c->keep_at = env->now + after * 1000000ull;
	} else if (idle < after) {
		c->keep_at = env->now + (after - idle) * 1000000ull;
	} else if (c->user_timeout_ms != 0 ? idle >= c->user_timeout_ms && c->probes > 0
					   : c->probes >= c->keep_count) {
		c->todo |= TCPT_RST;
		tcp_done(c, ETIMEDOUT, act);
	} else {
		c->probes++;
		c->todo |= TCPT_PROBE;
		c->keep_at = env->now + c->keep_interval_s * 1000000000ull;
	}
}

static void
xmit_timeout(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	switch (c->timer) {
	case TCP_TIMER_RTO:
		if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECV)
			syn_timeout(c, env, act);
		else
			rto_timeout(c, env, act);
		break;
	case TCP_TIMER_TLP:
		tlp_timeout(c, env);
		break;
	case TCP_TIMER_REO:
		reo_timeout(c, env);
		break;
	case TCP_TIMER_PROBE:
		probe_timeout(c, env, act);
		break;
	default:
		break;
	}
}

void
tcp_timer(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	tcp_actions_clear(act);
	if (c->timer != TCP_TIMER_NONE && c->timer_at <= env->now)
		xmit_timeout(c, env, act);
	if (c->delack_at != 0 && c->delack_at <= env->now)
		delack_timeout(c);
	if (c->keep_at != 0 && c->keep_at <= env->now)
		keep_timeout(c, env, act);
	if ((c->todo & ~TCPT_ACK_LATER) || (tcp_unsent(c) && c->timer == TCP_TIMER_NONE) ||
		c->lost > 0)
		act->what |= TCP_DO_OUTPUT;
}
