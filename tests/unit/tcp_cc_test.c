/* SPDX-License-Identifier: MIT */
/*
 * How the congestion window moves: HyStart++ (RFC 9406) and CUBIC (9438) by ACKs that the test makes; proportional rate
 * reduction (6937), F-RTO (5682) and timestamps (3522) between two ends.
 */
#include "tests/unit/tcp_script.h"

enum { MSS = 1000 };

/* --- Windows alone: acknowledged segment by segment --- */

struct flow {
	struct tcp_conn c;
	uint64_t now;
};

static void
flow_start(struct flow *f, uint32_t segments, enum tcp_cc cc)
{
	*f = (struct flow){.now = 1000 * MS};
	f->c.mss = MSS;
	f->c.cc = (uint8_t)cc;
	tcp_cc_start(&f->c);
	f->c.cwnd = segments * MSS;
}

/* A round trip: a window is sent, and each of its segments acknowledged. */
static void
flow_round(struct flow *f, uint32_t rtt_us)
{
	struct tcp_conn *c = &f->c;
	uint32_t segments = c->cwnd / MSS;
	c->srtt_us = rtt_us;
	c->snd_nxt = c->snd_una + segments * MSS;
	for (uint32_t i = 0; i < segments; i++) {
		f->now += rtt_us * 1000ull / segments;
		struct tcp_env env = {.now = f->now, .mss = MSS};
		struct tcp_ack a = {
			.flags = TCP_ACK_ADVANCED | TCP_ACK_HAS_RTT | TCP_ACK_WAS_LIMITED,
			.now_us = (uint32_t)(f->now / 1000),
			.acked = MSS,
			.delivered = MSS,
			.rtt_us = rtt_us};
		c->snd_una += MSS;
		c->snd_nxt = c->snd_una + c->cwnd;
		tcp_cc_acked(c, &env, &a);
	}
}

/* In segments. */
static uint32_t
window(const struct flow *f)
{
	return (f->c.cwnd + MSS / 2) / MSS;
}

TEST(tcp_cc_slow_start_slows_down_when_round_trips_grow)
{
	struct flow f;
	flow_start(&f, 16, TCP_CC_RENO);
	flow_round(&f, 40000);
	flow_round(&f, 44900); /* an eighth more would be 5 ms */
	CHECK_EQ(window(&f), 64);
	flow_round(&f, 50600); /* of 64 ACKs the eighth tells; those after it let a quarter in */
	uint32_t began = window(&f);
	CHECK(began >= 64 + 64 / 4 && began <= 64 + 8 + 64 / 4);
	flow_round(&f, 50600);
	CHECK(window(&f) >= began + began / 4 - 1 && window(&f) <= began + began / 4 + 1);
	CHECK(f.c.ssthresh >= UINT32_MAX / 2);
	/* Five such rounds, then it is over: a segment a round trip from there. */
	for (int i = 0; i < 4; i++)
		flow_round(&f, 50600);
	uint32_t end = window(&f);
	CHECK(f.c.ssthresh < UINT32_MAX / 2);
	flow_round(&f, 50600);
	CHECK(window(&f) <= end + 2);
}

TEST(tcp_cc_slow_start_goes_on_if_the_delay_was_noise)
{
	struct flow f;
	flow_start(&f, 16, TCP_CC_CUBIC);
	flow_round(&f, 40000);
	flow_round(&f, 50000);
	uint32_t slow = window(&f);
	CHECK(slow < 2 * 32);
	flow_round(&f, 41000); /* lower than when it began to be careful, from the eighth ACK on */
	uint32_t later = window(&f);
	CHECK(later >= slow + (slow - 8) && later <= 2 * slow);
	CHECK(f.c.ssthresh >= UINT32_MAX / 2);
}

TEST(tcp_cc_slow_start_minds_no_delay_of_short_paths)
{
	struct flow f;
	flow_start(&f, 16, TCP_CC_CUBIC);
	flow_round(&f, 1000);
	flow_round(&f, 4900); /* less than 4 ms more */
	CHECK_EQ(window(&f), 64);
	flow_round(&f, 9000);
	CHECK(window(&f) < 96);
}

/* A window of so many segments met its limit. */
static void
flow_congested(struct flow *f, uint32_t segments)
{
	f->c.cwnd = segments * MSS;
	f->c.ssthresh = tcp_cc_ssthresh(&f->c);
	f->c.cwnd = f->c.ssthresh;
}

TEST(tcp_cc_cubic_comes_back_along_its_curve)
{
	/* 0.4 (t - K)^3 + 100 segments, K the cube root of 30 / 0.4 in seconds: 4.22. */
	static const struct {
		uint64_t ms;
		uint32_t least, most;
	} curve[] = {{1000, 85, 89}, {2000, 94, 98}, {4200, 98, 102}, {6000, 101, 105},
		{8400, 127, 138}};
	struct flow f;
	flow_start(&f, 10, TCP_CC_CUBIC);
	flow_congested(&f, 100);
	CHECK_EQ(window(&f), 70);
	uint64_t began = f.now;
	for (size_t i = 0; i < ARRAY_SIZE(curve); i++) {
		while (f.now - began < curve[i].ms * MS)
			flow_round(&f, 200000);
		if (window(&f) < curve[i].least || window(&f) > curve[i].most)
			test_fail(__FILE__, __LINE__, "%u segments after %llu ms", window(&f),
				(unsigned long long)curve[i].ms);
	}
}

TEST(tcp_cc_cubic_is_no_slower_than_reno)
{
	struct flow f;
	flow_start(&f, 10, TCP_CC_CUBIC);
	flow_congested(&f, 100);
	/* Over short paths: 9/17 of a segment a round trip up to the old window, then a whole one. */
	for (int i = 0; i < 40; i++)
		flow_round(&f, 5000);
	CHECK(window(&f) >= 70 + 40 * 9 / 17 - 3 && window(&f) <= 70 + 40 * 9 / 17 + 3);
	for (int i = 0; i < 100; i++)
		flow_round(&f, 5000);
	CHECK(window(&f) >= 100 + 70 && window(&f) <= 100 + 100);
}

TEST(tcp_cc_cubic_makes_room_for_others)
{
	struct flow f;
	flow_start(&f, 10, TCP_CC_CUBIC);
	flow_congested(&f, 100);
	CHECK_EQ(f.c.cubic.w_max, 100 * MSS);
	flow_congested(&f, 80); /* below the last maximum: somebody else wants more */
	CHECK_EQ(f.c.cubic.w_max, 80 * MSS * 85 / 100);
	CHECK_EQ(window(&f), 56);
}

/* --- Proportional rate reduction --- */

static uint32_t lose_from, lose_to; /* stream offsets; each byte is lost once */

static bool
loses(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	uint32_t at = seg->seq - n->end[0].config.iss - 1;
	return from == 0 && seg->len > 0 && at >= lose_from && at < lose_to &&
		tcp_seq_after(seg->seq + seg->len, n->end[0].c.snd_una) &&
		script_count(0, 0, 1) <= 40;
}

/* A window of 40 segments is in flight, some of them are lost, and there is more to send. */
static struct tcp_conn *
lossy_window(struct tcp_net *n, uint32_t first, uint32_t lost)
{
	script_init(n);
	n->end[0].cc = TCP_CC_RENO;
	n->delay = 20 * MS;
	n->end[1].buffer = n->end[1].config.rcv_buffer = 1 << 20;
	tcp_net_open(n, false);
	script_pass(n, 100 * MS);
	script_forget();
	struct tcp_conn *c = &n->end[0].c;
	c->cwnd = 40 * c->mss;
	lose_from = first * c->mss;
	lose_to = (first + lost) * c->mss;
	n->eats = loses;
	tcp_net_write(n, 0, 100 * c->mss, 0);
	CHECK_EQ(c->snd_nxt - c->snd_una, 40u * c->mss);
	while (c->ca_state != TCP_CA_RECOVERY)
		CHECK(tcp_net_step(n));
	return c;
}

TEST(tcp_cc_recovery_sends_in_proportion_to_what_arrives)
{
	struct tcp_net n;
	struct tcp_conn *c = lossy_window(&n, 0, 1);
	CHECK_EQ(c->ssthresh, 20u * c->mss);
	bool half = false;
	while (c->ca_state == TCP_CA_RECOVERY) {
		/* One for two that arrive: never ahead by more than a segment, nor silent until the window is halved. */
		CHECK(c->prr_out <= c->prr_delivered / 2 + 2 * c->mss);
		if (c->prr_delivered == 20u * c->mss) {
			half = true;
			CHECK(c->prr_out >= 9u * c->mss);
		}
		CHECK(tcp_net_step(&n));
	}
	CHECK(half);
	CHECK(c->cwnd <= 21u * c->mss);
	tcp_net_free(&n);
}

TEST(tcp_cc_recovery_from_many_losses_makes_no_burst)
{
	struct tcp_net n;
	struct tcp_conn *c = lossy_window(&n, 2, 34);
	while (c->ca_state == TCP_CA_RECOVERY) {
		/* Far less is in flight than may be: an ACK lets out what it acknowledges, and a segment more. */
		uint32_t out = c->prr_out, arrived = c->prr_delivered;
		CHECK(tcp_net_step(&n));
		if (c->ca_state == TCP_CA_RECOVERY)
			CHECK(c->prr_out - out <= c->prr_delivered - arrived + c->mss);
	}
	while (n.end[1].delivered < 100u * c->mss)
		CHECK(tcp_net_step(&n));
	CHECK(c->stats.retrans >= 34);
	tcp_net_free(&n);
}

/* --- Timeouts that were early, told from others by one sign alone --- */

static bool
loses_retransmissions(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	return from == 0 && seg->len > 0 && n->end[0].c.ca_state == TCP_CA_LOSS &&
		tcp_seq_before(seg->seq, n->end[0].c.snd_nxt - 1) &&
		tcp_seq_before(seg->seq, n->end[0].config.iss + 1 + 8 * 1400);
}

/* Eight segments take 400 ms more than they used to; what is retransmitted meanwhile is lost, so that nobody DSACKs it. */
static void
early_timeout(struct tcp_net *n, uint8_t offer)
{
	script_init(n);
	n->end[1].offer = TCP_HAS_MSS | TCP_HAS_WSCALE | offer;
	script_connect(n);
	uint32_t before = n->end[0].c.cwnd;
	n->delay = 400 * MS;
	tcp_net_write(n, 0, 14 * n->end[0].c.mss, 0);
	n->eats = loses_retransmissions;
	while (n->end[0].c.ca_state != TCP_CA_LOSS)
		CHECK(tcp_net_step(n));
	CHECK_EQ(n->end[0].c.cwnd, n->end[0].c.mss);
	n->delay = 1 * MS;
	while (n->end[0].c.ca_state == TCP_CA_LOSS)
		CHECK(tcp_net_step(n));
	CHECK(n->end[0].c.cwnd >= before);
	CHECK(n->end[0].c.ssthresh >= UINT32_MAX / 2);
	CHECK_EQ(n->end[0].c.ca_state, TCP_CA_OPEN);
	n->eats = NULL;
	script_pass(n, 2000 * MS);
	CHECK_EQ(n->end[1].delivered, 14u * n->end[0].c.mss);
	tcp_net_free(n);
}

TEST(tcp_cc_frto_knows_an_early_timeout_by_what_it_acknowledges)
{
	struct tcp_net n;
	early_timeout(&n, TCP_HAS_SACKOK);
}

TEST(tcp_cc_timestamps_tell_an_early_timeout)
{
	struct tcp_net n;
	early_timeout(&n, TCP_HAS_TS);
}
