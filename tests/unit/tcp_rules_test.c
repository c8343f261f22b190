/* SPDX-License-Identifier: MIT */
/* Single rules of the standards that no other test shows; docs/conformance names each. */
#include <errno.h>

#include "tests/unit/tcp_script.h"

/* RFC 6298, 2.2 to 2.5. */
TEST(tcp_rules_timeout_follows_the_round_trips)
{
	struct tcp_conn c;
	struct tcp_env env = {.now = 1000 * MS};
	tcp_conn_init(&c);
	CHECK_EQ(tcp_rto_us(&c), 1000000);
	tcp_rtt_sample(&c, &env, 400000);
	CHECK_EQ(c.srtt_us, 400000);
	CHECK_EQ(c.rttvar_us, 200000);
	CHECK_EQ(tcp_rto_us(&c), 400000 + 4 * 200000);
	tcp_rtt_sample(&c, &env, 800000);
	CHECK_EQ(c.rttvar_us, 200000 * 3 / 4 + 400000 / 4);
	CHECK_EQ(c.srtt_us, 400000 * 7 / 8 + 800000 / 8);
	for (int i = 0; i < 200; i++)
		tcp_rtt_sample(&c, &env, 1000);
	CHECK(tcp_rto_us(&c) >= 200000 && tcp_rto_us(&c) < 203000);
	for (int i = 0; i < 200; i++)
		tcp_rtt_sample(&c, &env, UINT32_MAX);
	CHECK_EQ(tcp_rto_us(&c), 120000000);
}

static int eaten, eats_from_end;

static bool
eats_first(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	(void)n;
	if (from != eats_from_end || seg->len == 0 || eaten > 0)
		return false;
	eaten++;
	return true;
}

/* Karn: without timestamps the ACK of what was sent twice tells no round trip (RFC 6298, 3). */
TEST(tcp_rules_what_was_sent_twice_is_not_timed)
{
	struct tcp_net n;
	script_init(&n);
	n.end[0].offer = TCP_HAS_MSS;
	script_connect(&n);
	uint32_t srtt = n.end[0].c.srtt_us, rttvar = n.end[0].c.rttvar_us;
	eaten = 0, eats_from_end = 0;
	n.eats = eats_first;
	tcp_net_write(&n, 0, 100, 0);
	script_pass(&n, 3000 * MS);
	CHECK_EQ(n.end[1].delivered, 100);
	CHECK_EQ(n.end[0].c.stats.retrans, 1);
	CHECK_EQ(n.end[0].c.srtt_us, srtt);
	CHECK_EQ(n.end[0].c.rttvar_us, rttvar);
	tcp_net_free(&n);
}

/* An ACK that acknowledges nothing new is no sample either, whatever it echoes (RFC 7323, 4.1). */
TEST(tcp_rules_only_new_acks_are_timed)
{
	struct tcp_net n;
	script_start(&n);
	uint32_t srtt = n.end[0].c.srtt_us;
	struct tcp_segment ack = script_segment(&n, 0, TCP_ACK);
	ack.tsecr -= 5000;
	tcp_net_inject(&n, 0, &ack, NULL);
	CHECK_EQ(n.end[0].c.srtt_us, srtt);
	tcp_net_free(&n);
}

/* New data acknowledged starts the timer anew, all of it stops it (RFC 6298, 5.2, 5.3). */
TEST(tcp_rules_an_ack_starts_the_timer_anew)
{
	struct tcp_net n;
	script_init(&n);
	n.end[0].offer = TCP_HAS_MSS; /* no loss probes */
	script_connect(&n);
	struct tcp_conn *c = &n.end[0].c;
	tcp_net_write(&n, 0, 2920, 0);
	uint64_t armed = c->timer_at;
	CHECK_EQ(c->timer, TCP_TIMER_RTO);
	n.now += 100 * MS;
	struct tcp_segment ack = script_segment(&n, 0, TCP_ACK);
	ack.ack = c->snd_una + 1460;
	tcp_net_inject(&n, 0, &ack, NULL);
	CHECK_EQ(c->timer, TCP_TIMER_RTO);
	CHECK(c->timer_at >= armed + 100 * MS);
	ack.ack = c->snd_nxt;
	tcp_net_inject(&n, 0, &ack, NULL);
	CHECK_EQ(c->timer, TCP_TIMER_NONE);
	tcp_net_free(&n);
}

/* Who had to repeat its SYN and knows no round trip begins with 3 s (RFC 6298, 5.7). */
TEST(tcp_rules_a_lost_syn_makes_patient)
{
	struct tcp_net n;
	script_init(&n);
	n.end[0].offer = TCP_HAS_MSS;
	n.loss = 1024;
	tcp_net_open(&n, false);
	script_pass(&n, 500 * MS);
	n.loss = 0;
	script_pass(&n, 1000 * MS);
	CHECK_EQ(n.end[0].c.state, TCP_ESTABLISHED);
	CHECK_EQ(tcp_rto_us(&n.end[0].c), 3000000);
	tcp_net_free(&n);
}

/* RFC 9293, SHLD-2. */
TEST(tcp_rules_a_reset_may_carry_data)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_segment rst = script_segment(&n, 0, TCP_RST | TCP_ACK);
	uint8_t why[10] = {0};
	rst.len = sizeof(why);
	tcp_net_inject(&n, 0, &rst, why);
	CHECK_EQ(n.end[0].error, ECONNRESET);
	CHECK_EQ(n.end[0].delivered, 0);
	tcp_net_free(&n);
}

/* RFC 9293, MUST-25, MUST-28, MUST-29: off, two hours, and a lost answer does no harm. */
TEST(tcp_rules_keep_alives_are_patient)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_conn *c = &n.end[0].c;
	CHECK_EQ(c->flags & TCPF_KEEPALIVE, 0);
	CHECK_EQ(c->keep_at, 0);
	CHECK(c->keep_idle_s >= 7200);
	struct tcp_env env = tcp_net_env(&n);
	c->flags |= TCPF_KEEPALIVE;
	tcp_keepalive_changed(c, &env);
	n.loss = 1024;
	script_pass(&n, 7201 * 1000 * MS);
	CHECK_EQ(script_count(0, TCP_ACK, 0), 1);
	n.loss = 0;
	script_pass(&n, 80 * 1000 * MS);
	CHECK_EQ(n.end[0].c.state, TCP_ESTABLISHED);
	CHECK_EQ(n.end[0].c.probes, 0);
	tcp_net_free(&n);
}

/* RFC 9293, MUST-37: a peer that answers may keep its window closed for longer than any timeout. */
TEST(tcp_rules_a_window_may_stay_closed)
{
	struct tcp_net n;
	script_init(&n);
	n.end[1].buffer = n.end[1].config.rcv_buffer = 4000;
	n.end[1].fixed = true;
	script_connect(&n);
	tcp_net_write(&n, 0, 20000, 0);
	script_pass(&n, 4ull * 3600 * 1000 * MS);
	CHECK_EQ(n.end[0].c.state, TCP_ESTABLISHED);
	CHECK(n.end[1].delivered < 5000);
	while (n.end[1].delivered < 20000) {
		tcp_net_read(&n, 1, n.end[1].delivered - n.end[1].read);
		script_pass(&n, 130 * 1000 * MS);
	}
	tcp_net_free(&n);
}

/* A window that shrank from the right: nothing new is sent beyond it, and nothing breaks (SHLD-15, -16, MUST-34). */
TEST(tcp_rules_a_shrunken_window_is_respected)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_conn *c = &n.end[0].c;
	tcp_net_write(&n, 0, 1448, 0);
	struct tcp_segment ack = script_segment(&n, 0, TCP_ACK);
	ack.ack = c->snd_nxt;
	ack.wnd = 1;
	tcp_net_inject(&n, 0, &ack, NULL);
	script_forget();
	tcp_net_write(&n, 0, 20000, 0);
	CHECK(tcp_seq_before_eq(c->snd_nxt, c->snd_una + c->snd_wnd));
	CHECK_EQ(c->state, TCP_ESTABLISHED);
	tcp_net_free(&n);
}

/* RFC 9293, MUST-66: RST and URG count although the window is closed. */
TEST(tcp_rules_resets_and_marks_pass_a_closed_window)
{
	struct tcp_net n;
	script_init(&n);
	n.end[1].buffer = n.end[1].config.rcv_buffer = 4000;
	n.end[1].fixed = true;
	script_connect(&n);
	tcp_net_write(&n, 0, 20000, 0);
	script_pass(&n, 1000 * MS);
	struct tcp_conn *c = &n.end[1].c;
	c->rcv_wup = c->rcv_nxt;
	c->rcv_wnd = c->rcv_space = 0;
	struct tcp_segment seg = script_segment(&n, 1, TCP_ACK | TCP_URG);
	seg.seq = c->rcv_nxt;
	seg.urgent = 10;
	uint32_t before = n.end[1].urgent_seen;
	tcp_net_inject(&n, 1, &seg, NULL);
	CHECK(n.end[1].urgent_seen > before || (c->flags & TCPF_URG_IN));
	seg = script_segment(&n, 1, TCP_RST);
	seg.seq = c->rcv_nxt;
	tcp_net_inject(&n, 1, &seg, NULL);
	CHECK_EQ(n.end[1].error, ECONNRESET);
	tcp_net_free(&n);
}

/* RFC 7323, 5.5: after 24 days an old timestamp says nothing; 5.4: the clock ticks in milliseconds. */
TEST(tcp_rules_timestamps_of_long_ago)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_env env = tcp_net_env(&n), later = env;
	later.now += 1000 * MS;
	CHECK_EQ(tcp_tsval(&later, 7) - tcp_tsval(&env, 7), 1000);
	struct tcp_segment s = script_segment(&n, 0, TCP_ACK);
	uint8_t payload = tcp_net_byte(1, 0);
	s.len = 1;
	s.tsval = n.end[0].c.ts_recent - 1000;
	n.now += 25ull * 24 * 3600 * 1000 * MS;
	tcp_net_inject(&n, 0, &s, &payload);
	CHECK_EQ(n.end[0].delivered, 1);
	tcp_net_free(&n);
}

/* RFC 6675, 5.1: a peer that SACKed what it then threw away gets it again after the timeout. */
TEST(tcp_rules_reneging_is_survived)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_conn *c = &n.end[0].c;
	n.loss = 1024;
	tcp_net_write(&n, 0, 4 * 1448, 0);
	struct tcp_segment ack = script_segment(&n, 0, TCP_ACK);
	ack.ack = c->snd_una;
	ack.opts |= TCP_HAS_SACK;
	ack.nr_sack = 1;
	ack.sack[0] = (struct tcp_range){c->snd_una + 1448, c->snd_una + 4 * 1448};
	tcp_net_inject(&n, 0, &ack, NULL);
	CHECK_EQ(c->sacked, 3 * 1448);
	ack.ack = c->snd_una + 1448; /* and forgets it */
	ack.opts &= (uint8_t)~TCP_HAS_SACK;
	ack.nr_sack = 0;
	tcp_net_inject(&n, 0, &ack, NULL);
	script_forget();
	script_pass(&n, 3000 * MS);
	CHECK_EQ(c->sacked, 0);
	CHECK(script_count(0, TCP_ACK, 1000) >= 1);
	CHECK_EQ(script_last(0)->seq, c->snd_una);
	tcp_net_free(&n);
}

/* Loses a segment of end 0, by the offset where it begins, once. */
static uint32_t lose_at;
static bool
loses_one(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	uint32_t at = n->end[0].config.iss + 1 + lose_at;
	if (from != 0 || seg->len == 0 || seg->seq != at || lose_at == UINT32_MAX)
		return false;
	lose_at = UINT32_MAX;
	return true;
}

/* RFC 5681, 4.3: a loss in the next window reduces again. */
TEST(tcp_rules_each_window_that_loses_reduces)
{
	struct tcp_net n;
	script_init(&n);
	n.end[0].cc = TCP_CC_RENO;
	script_connect(&n);
	struct tcp_conn *c = &n.end[0].c;
	uint32_t mss = c->mss, window = c->cwnd;
	n.eats = loses_one;
	lose_at = 2 * mss;
	tcp_net_write(&n, 0, 10 * mss, 0);
	script_pass(&n, 20 * MS);
	CHECK_EQ(n.end[1].delivered, 10 * mss);
	uint32_t once = c->ssthresh;
	CHECK(once <= window / 2 + 2 * mss);
	lose_at = 11 * mss;
	tcp_net_write(&n, 0, 6 * mss, 0);
	script_pass(&n, 20 * MS);
	CHECK_EQ(n.end[1].delivered, 16 * mss);
	CHECK(c->ssthresh < once);
	tcp_net_free(&n);
}
