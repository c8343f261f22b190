/* SPDX-License-Identifier: MIT */
/*
 * Congestion control: slow start with HyStart++ (RFC 9406), NewReno (5681) and CUBIC (9438). Windows are in bytes.
 */
#include "kernel/net/tcp/core_internal.h"

#define HYSTART_MIN_US  4000u
#define HYSTART_MAX_US  16000u
#define HYSTART_SAMPLES 8u
#define HYSTART_ROUNDS  5u
#define HYSTART_GROWTH  4u /* in conservative slow start, a quarter */
#define CWND_MAX        (1u << 30)

/* RFC 6928: 10 segments, and of large ones fewer. */
uint32_t
tcp_cc_initial_window(uint32_t mss)
{
	return TCP_INIT_SEGMENTS * mss;
}

void
tcp_cc_start(struct tcp_conn *c)
{
	c->cwnd = tcp_cc_initial_window(c->mss);
	c->ssthresh = UINT32_MAX / 2;
	c->hystart = (struct tcp_hystart){.round_end = c->snd_nxt};
	c->cubic = (struct tcp_cubic){0};
}

/* After idling for longer than the timeout the window halves for each (RFC 5681, 4.1; 2861). */
void
tcp_cc_idle(struct tcp_conn *c, uint32_t idle_ms)
{
	uint32_t rto_ms = c->rto_us / 1000, restart = min(tcp_cc_initial_window(c->mss), c->cwnd);
	if (rto_ms == 0 || idle_ms <= rto_ms)
		return;
	c->ssthresh = max(c->ssthresh, c->cwnd / 4 * 3);
	for (; idle_ms > rto_ms && c->cwnd > restart; idle_ms -= rto_ms)
		c->cwnd /= 2;
	c->cwnd = max(c->cwnd, restart);
	c->cubic.epoch_ms = 0;
}

/* What the threshold becomes at a congestion event; CUBIC remembers the window that was too large. */
uint32_t
tcp_cc_ssthresh(struct tcp_conn *c)
{
	if (c->cc == TCP_CC_RENO)
		return max(c->cwnd / 2, 2u * c->mss);
	struct tcp_cubic *q = &c->cubic;
	q->epoch_ms = 0;
	q->cwnd_prior = c->cwnd;
	/* Fast convergence: who loses below its last maximum makes room. */
	q->w_max = c->cwnd < q->w_max ? (uint32_t)((uint64_t)c->cwnd * 85 / 100) : c->cwnd;
	return max((uint32_t)((uint64_t)c->cwnd * 7 / 10), 2u * c->mss);
}

static void
hystart_round(struct tcp_conn *c)
{
	struct tcp_hystart *h = &c->hystart;
	h->round_end = c->snd_nxt;
	h->last_min_us = h->now_min_us;
	h->now_min_us = 0;
	h->samples = 0;
	if (h->in_css && ++h->css_rounds >= HYSTART_ROUNDS)
		c->ssthresh = c->cwnd;
}

static void
hystart_sample(struct tcp_hystart *h, uint32_t rtt_us)
{
	if (h->now_min_us == 0 || rtt_us < h->now_min_us)
		h->now_min_us = rtt_us == 0 ? 1 : rtt_us;
	if (h->samples < HYSTART_SAMPLES)
		h->samples++;
	if (h->samples < HYSTART_SAMPLES)
		return;
	if (h->in_css) {
		if (h->now_min_us < h->css_base_us)
			h->in_css = 0; /* it was noise */
	} else if (h->last_min_us != 0) {
		uint32_t more = h->last_min_us / 8;
		more = more < HYSTART_MIN_US ? HYSTART_MIN_US : min(more, HYSTART_MAX_US);
		if (h->now_min_us >= h->last_min_us + more) {
			h->in_css = 1;
			h->css_rounds = 0;
			h->css_base_us = h->now_min_us;
		}
	}
}

/* Returns the acknowledged bytes that are left for congestion avoidance. */
static uint32_t
slow_start(struct tcp_conn *c, const struct tcp_ack *a)
{
	if (tcp_seq_before_eq(c->hystart.round_end, c->snd_una))
		hystart_round(c);
	if (a->flags & TCP_ACK_HAS_RTT)
		hystart_sample(&c->hystart, a->rtt_us);
	uint32_t more = c->hystart.in_css ? a->delivered / HYSTART_GROWTH : a->delivered;
	if (c->cwnd >= c->ssthresh)
		return a->delivered;
	uint32_t room = c->ssthresh - c->cwnd;
	c->cwnd += min(more, room);
	return more > room ? more - room : 0;
}

static void
reno(struct tcp_conn *c, uint32_t acked)
{
	c->cubic.acked += acked;
	if (c->cubic.acked >= c->cwnd) {
		c->cubic.acked -= c->cwnd;
		c->cwnd += c->mss;
	}
}

static uint32_t
cube_root(uint64_t v)
{
	uint64_t root = 0;
	for (int bit = 21; bit >= 0; bit--) {
		uint64_t t = root | 1ull << bit;
		if (t * t * t <= v)
			root = t;
	}
	return (uint32_t)root;
}

/* K = cbrt((w_max - cwnd) / C), C = 0.4 segments per second cubed; in milliseconds. */
static void
cubic_epoch(struct tcp_conn *c, uint32_t now_ms)
{
	struct tcp_cubic *q = &c->cubic;
	q->epoch_ms = now_ms == 0 ? 1 : now_ms;
	q->acked = 0;
	q->w_est = c->cwnd;
	if (q->w_max > c->cwnd) {
		q->k_ms = cube_root((uint64_t)(q->w_max - c->cwnd) * 2500000000ull / c->mss);
		q->origin = q->w_max;
	} else {
		q->k_ms = 0;
		q->origin = c->cwnd;
	}
}

/* W_cubic a round trip from now. */
static uint32_t
cubic_target(const struct tcp_conn *c, uint32_t now_ms)
{
	const struct tcp_cubic *q = &c->cubic;
	uint64_t t = (uint64_t)(now_ms - q->epoch_ms) + c->srtt_us / 1000;
	uint64_t d = t > q->k_ms ? t - q->k_ms : q->k_ms - t;
	d = min(d, (uint64_t)100000);
	uint64_t bytes = d * d * d / 1000 * c->mss / 2500000;
	if (t < q->k_ms)
		return bytes < q->origin ? q->origin - (uint32_t)bytes : 0;
	return (uint32_t)min(bytes + q->origin, (uint64_t)CWND_MAX);
}

/* The window that NewReno would have by now (RFC 9438, 4.3); alpha is 9/17 until the old window is reached. */
static void
cubic_friendly(struct tcp_conn *c, uint32_t acked)
{
	struct tcp_cubic *q = &c->cubic;
	q->acked += acked;
	if (q->acked < c->cwnd / 8)
		return; /* of less, rounding would take too much */
	uint64_t alpha = q->w_est >= q->cwnd_prior ? 1000 : 529;
	uint64_t more = (uint64_t)q->acked * c->mss / c->cwnd * alpha / 1000;
	if (more > 0) {
		q->w_est = (uint32_t)min(q->w_est + more, (uint64_t)CWND_MAX);
		q->acked = 0;
	}
}

static void
cubic(struct tcp_conn *c, uint32_t now_ms, uint32_t acked)
{
	struct tcp_cubic *q = &c->cubic;
	if (q->epoch_ms == 0)
		cubic_epoch(c, now_ms);
	cubic_friendly(c, acked);
	uint32_t target = cubic_target(c, now_ms);
	target = min(target, c->cwnd + c->cwnd / 2);
	if (target > c->cwnd)
		c->cwnd += (uint32_t)((uint64_t)(target - c->cwnd) * acked / c->cwnd);
	if (q->w_est > c->cwnd)
		c->cwnd = q->w_est;
}

/* Bytes were delivered, and the state lets the window grow. */
void
tcp_cc_acked(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_ack *a)
{
	if (!(a->flags & TCP_ACK_WAS_LIMITED))
		return;
	uint32_t left = a->delivered;
	if (c->cwnd < c->ssthresh)
		left = slow_start(c, a);
	if (left > 0 && c->cwnd >= c->ssthresh) {
		if (c->cc == TCP_CC_RENO)
			reno(c, left);
		else
			cubic(c, tcp_ms(env), left);
	}
	c->cwnd = min(c->cwnd, CWND_MAX);
}
