/* SPDX-License-Identifier: MIT */
/* Loss and its repair: RFC 6298, 6675, 8985, 5682, 3708, 6582, 6937, 5681, 9438. */
#include <errno.h>

#include "tests/unit/tcp_script.h"

static uint32_t eat_seq, eat_left;

/* Loses the next segments of end 0 that carry bytes from eat_seq on. */
static bool
eats_one(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	if (from != 0 || seg->len == 0 || eat_left == 0 ||
		!tcp_seq_after(seg->seq + seg->len, eat_seq))
		return false;
	eat_left--;
	return true;
}

static void
eat(struct tcp_net *n, uint32_t offset, uint32_t times)
{
	eat_seq = n->end[0].config.iss + 1 + offset;
	eat_left = times;
	n->eats = eats_one;
}

TEST(tcp_loss_is_repaired_by_sack_in_a_round_trip)
{
	struct tcp_net n;
	script_start(&n);
	eat(&n, 2000, 1);
	uint64_t began = n.now;
	tcp_net_write(&n, 0, 14480, 0);
	while (n.end[1].delivered < 14480)
		CHECK(tcp_net_step(&n));
	CHECK(n.now - began < 5 * MS); /* two round trips of 2 ms and the way there */
	CHECK_EQ(n.end[0].c.stats.retrans, 1);
	CHECK_EQ(n.end[0].c.ca_state, TCP_CA_RECOVERY);
	/* The first segment's ACK had let the window grow; SACKs did not. */
	CHECK_EQ(n.end[0].c.ssthresh, (14480 + 1448) * 7 / 10);
	script_pass(&n, 5 * MS);
	CHECK_EQ(n.end[0].c.ca_state, TCP_CA_OPEN);
	CHECK(n.end[0].c.cwnd <= (14480 + 1448) * 7 / 10 + 1448);
	tcp_net_free(&n);
}

TEST(tcp_loss_is_repaired_by_duplicate_acks)
{
	struct tcp_net n;
	script_init(&n);
	n.end[1].offer = TCP_HAS_MSS;
	script_connect(&n);
	eat(&n, 2000, 1);
	uint64_t began = n.now;
	tcp_net_write(&n, 0, 14600, 0);
	while (n.end[1].delivered < 14600)
		CHECK(tcp_net_step(&n));
	CHECK(n.now - began < 5 * MS);
	CHECK_EQ(n.end[0].c.stats.retrans, 1);
	tcp_net_free(&n);
}

TEST(tcp_loss_at_the_tail_is_probed)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_write(&n, 0, 5000, 0);
	script_pass(&n, 100 * MS);
	eat(&n, 5000 + 1448, 2);
	uint64_t began = n.now;
	tcp_net_write(&n, 0, 3 * 1448, 0);
	while (n.end[1].delivered < 5000 + 3 * 1448)
		CHECK(tcp_net_step(&n));
	/* Two round trips, not the retransmission timeout of 200 ms and more. */
	CHECK(n.now - began < 20 * MS);
	script_pass(&n, 10 * MS);
	/* The probe repaired a loss: the window is reduced. */
	CHECK(n.end[0].c.ssthresh < UINT32_MAX / 2);
	tcp_net_free(&n);
}

TEST(tcp_loss_timeouts_back_off)
{
	struct tcp_net n;
	script_start(&n);
	n.loss = 1024;
	tcp_net_write(&n, 0, 100, 0);
	uint64_t began = n.now;
	while (n.end[0].has_conn)
		CHECK(tcp_net_step(&n));
	CHECK_EQ(n.end[0].error, ETIMEDOUT);
	uint64_t took = (n.now - began) / 1000000000;
	CHECK(took > 920 && took < 1100);
	/* Each wait is twice the one before, up to two minutes. */
	for (uint32_t i = 3; i + 1 < script_log.count; i++) {
		uint64_t a = script_log.s[i].at - script_log.s[i - 1].at;
		uint64_t b = script_log.s[i + 1].at - script_log.s[i].at;
		CHECK(b == 2 * a || b == 120000 * MS);
	}
	tcp_net_free(&n);
}

TEST(tcp_loss_user_timeout_ends_it_sooner)
{
	struct tcp_net n;
	script_start(&n);
	n.end[0].c.user_timeout_ms = 3000;
	n.loss = 1024;
	uint64_t began = n.now;
	tcp_net_write(&n, 0, 100, 0);
	while (n.end[0].has_conn)
		CHECK(tcp_net_step(&n));
	CHECK_EQ(n.end[0].error, ETIMEDOUT);
	CHECK(n.now - began >= 3000 * MS && n.now - began < 4000 * MS);
	tcp_net_free(&n);
}

TEST(tcp_loss_a_spurious_timeout_is_undone)
{
	for (int ts = 0; ts < 2; ts++) {
		struct tcp_net n;
		script_init(&n);
		if (!ts)
			n.end[1].offer = TCP_HAS_MSS | TCP_HAS_SACKOK | TCP_HAS_WSCALE;
		script_connect(&n);
		uint32_t before = n.end[0].c.cwnd;
		/* The path becomes slow: 400 ms one way, then as before. */
		n.delay = 400 * MS;
		tcp_net_write(&n, 0, 8 * 1448, 0);
		script_pass(&n, 300 * MS);
		CHECK_EQ(n.end[0].c.ca_state, TCP_CA_LOSS);
		CHECK_EQ(n.end[0].c.cwnd, n.end[0].c.mss);
		n.delay = 1 * MS;
		script_pass(&n, 500 * MS);
		CHECK(n.end[0].c.cwnd >= before);
		CHECK_EQ(n.end[0].c.ca_state, TCP_CA_OPEN);
		CHECK(n.end[0].c.ssthresh >= UINT32_MAX / 2);
		CHECK_EQ(n.end[1].delivered, 8 * 1448);
		tcp_net_free(&n);
	}
}

TEST(tcp_loss_that_is_real_is_not_undone)
{
	struct tcp_net n;
	script_start(&n);
	n.loss = 1024;
	tcp_net_write(&n, 0, 8 * 1448, 0);
	script_pass(&n, 150 * MS);
	n.loss = 0;
	script_pass(&n, 3000 * MS);
	CHECK_EQ(n.end[1].delivered, 8 * 1448);
	CHECK(n.end[0].c.ssthresh < UINT32_MAX / 2);
	tcp_net_free(&n);
}

TEST(tcp_loss_reordering_is_told_from_loss)
{
	struct tcp_net n;
	script_start(&n);
	n.end[0].total = 0;
	n.delay = 10 * MS;
	n.reorder = 200;
	for (int i = 0; i < 20; i++) {
		tcp_net_write(&n, 0, 10000, 0);
		script_pass(&n, 100 * MS);
		tcp_net_read(&n, 1, n.end[1].delivered - n.end[1].read);
	}
	script_pass(&n, 3000 * MS);
	CHECK_EQ(n.end[1].delivered, 200000);
	CHECK(n.end[0].c.flags & TCPF_REORDERING);
	tcp_net_free(&n);
}

TEST(tcp_loss_a_smaller_path_lets_no_burst_out)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_conn *c = &n.end[0].c;
	tcp_net_write(&n, 0, 28960, 0);
	CHECK_EQ(c->cwnd, 10u * 1448);
	struct tcp_env env = tcp_net_env(&n);
	env.mss = n.mss = 612;
	CHECK(tcp_path_mss(c, &env, c->snd_una));
	CHECK_EQ(c->mss, 600);
	CHECK_EQ(c->cwnd, 10u * 600);
	while (n.end[1].delivered < 28960)
		CHECK(tcp_net_step(&n));
	tcp_net_free(&n);
}

TEST(tcp_loss_marks_reduce_once_a_window)
{
	struct tcp_net n;
	script_init(&n);
	n.end[0].want_flags = TCPF_ECN_ASK;
	script_connect(&n);
	n.ce = 1024;
	tcp_net_write(&n, 0, 14480, 0);
	script_pass(&n, 100 * MS);
	CHECK_EQ(n.end[0].c.stats.retrans, 0);
	CHECK_EQ(n.end[0].c.ssthresh, 14480 * 7 / 10);
	n.ce = 0;
	tcp_net_write(&n, 0, 1448, 0);
	CHECK_EQ(script_last(0)->flags & TCP_CWR, TCP_CWR);
	script_pass(&n, 100 * MS);
	CHECK_EQ(n.end[1].c.flags & TCPF_ECN_ECHO, 0);
	tcp_net_free(&n);
}

static uint32_t
grow(struct tcp_net *n, int rounds)
{
	for (int i = 0; i < rounds && n->end[0].written + 3 * n->end[0].c.cwnd / 2 < TCP_NET_STREAM;
		i++) {
		uint32_t room = n->end[0].c.cwnd;
		tcp_net_write(n, 0, room, 0);
		script_pass(n, 10 * MS);
		if (n->end[1].delivered > n->end[1].read)
			tcp_net_read(n, 1, n->end[1].delivered - n->end[1].read);
	}
	return n->end[0].c.cwnd;
}

TEST(tcp_loss_slow_start_doubles)
{
	struct tcp_net n;
	script_start(&n);
	uint32_t first = n.end[0].c.cwnd;
	CHECK_EQ(grow(&n, 1), 2 * first);
	CHECK_EQ(grow(&n, 1), 4 * first);
	tcp_net_free(&n);
}

TEST(tcp_loss_reno_adds_a_segment_a_round)
{
	struct tcp_net n;
	script_init(&n);
	n.end[0].cc = TCP_CC_RENO;
	script_connect(&n);
	n.end[0].c.ssthresh = n.end[0].c.cwnd;
	uint32_t first = n.end[0].c.cwnd;
	uint32_t later = grow(&n, 6);
	CHECK(later >= first + 4 * 1448 && later <= first + 7 * 1448);
	tcp_net_free(&n);
}

TEST(tcp_loss_an_idle_connection_begins_anew)
{
	struct tcp_net n;
	script_start(&n);
	uint32_t first = n.end[0].c.cwnd;
	CHECK(grow(&n, 2) == 4 * first);
	script_pass(&n, 10000 * MS);
	tcp_net_write(&n, 0, 1, 0);
	CHECK_EQ(n.end[0].c.cwnd, first);
	tcp_net_free(&n);
}
