/* SPDX-License-Identifier: MIT */
/* Segments that do not belong: RFC 5961's challenges and their limit, PAWS, forged ICMP, SACK floods. */
#include <errno.h>

#include "tests/unit/tcp_script.h"

TEST(tcp_attack_rst_must_hit)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_segment rst = script_segment(&n, 0, TCP_RST);
	rst.seq += 5;
	tcp_net_inject(&n, 0, &rst, NULL);
	CHECK_EQ(script_count(0, TCP_ACK, 0), 1); /* a challenge */
	rst.seq += 1 << 28;
	tcp_net_inject(&n, 0, &rst, NULL);
	CHECK_EQ(script_count(0, TCP_ACK, 0), 1);
	CHECK_EQ(n.end[0].c.state, TCP_ESTABLISHED);
	rst.seq = n.end[0].c.rcv_nxt;
	tcp_net_inject(&n, 0, &rst, NULL);
	CHECK_EQ(n.end[0].error, ECONNRESET);
	tcp_net_free(&n);
}

TEST(tcp_attack_syn_is_challenged_at_most_twice_a_second)
{
	struct tcp_net n;
	script_start(&n);
	n.eats = NULL;
	for (int i = 0; i < 100; i++) {
		struct tcp_segment syn = script_segment(&n, 0, TCP_SYN);
		tcp_net_inject(&n, 0, &syn, NULL);
		n.now += 10 * MS;
	}
	CHECK(script_count(0, TCP_ACK, 0) <= 2);
	CHECK_EQ(n.end[0].c.state, TCP_ESTABLISHED);
	tcp_net_free(&n);
}

TEST(tcp_attack_ack_of_what_was_never_sent)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_segment s = script_segment(&n, 0, TCP_ACK);
	uint8_t payload = 0;
	s.len = 1;
	s.ack = n.end[0].c.snd_nxt + 1;
	tcp_net_inject(&n, 0, &s, &payload);
	CHECK_EQ(n.end[0].delivered, 0);
	s.ack = n.end[0].c.snd_una - n.end[0].c.max_wnd - 1;
	tcp_net_inject(&n, 0, &s, &payload);
	CHECK_EQ(n.end[0].delivered, 0);
	tcp_net_free(&n);
}

TEST(tcp_attack_old_timestamps_are_dropped)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_segment s = script_segment(&n, 0, TCP_ACK);
	uint8_t payload = tcp_net_byte(1, 0);
	s.len = 1;
	s.tsval -= 1000;
	tcp_net_inject(&n, 0, &s, &payload);
	CHECK_EQ(n.end[0].delivered, 0);
	CHECK_EQ(script_count(0, TCP_ACK, 0), 1);
	tcp_net_free(&n);
}

TEST(tcp_attack_icmp_must_be_in_flight)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_write(&n, 0, 20000, 0);
	struct tcp_conn *c = &n.end[0].c;
	struct tcp_env env = tcp_net_env(&n);
	struct tcp_actions act;
	env.mss = 600;
	CHECK(!tcp_path_mss(c, &env, c->snd_nxt));
	CHECK(!tcp_path_mss(c, &env, c->snd_una - 1));
	CHECK_EQ(c->mss, 1448);
	tcp_icmp_error(c, c->snd_una, EHOSTUNREACH, &act);
	CHECK_EQ(act.what, 0); /* it is established: nothing ends */
	/* A true one: what is in flight goes again, smaller, without a reduction. */
	CHECK(tcp_path_mss(c, &env, c->snd_una));
	CHECK_EQ(c->mss, 588);
	n.mss = 600;
	tcp_net_flush(&n, 0);
	script_pass(&n, 3000 * MS);
	CHECK_EQ(n.end[1].delivered, 20000);
	tcp_net_free(&n);
}

TEST(tcp_attack_sack_of_single_bytes_splits_nothing)
{
	struct tcp_net n;
	script_start(&n);
	n.loss = 1024;
	tcp_net_write(&n, 0, 14480, 0);
	struct tcp_conn *c = &n.end[0].c;
	uint32_t pieces = c->sent_count;
	for (uint32_t i = 0; i < 14000; i += 3) {
		struct tcp_segment s = script_segment(&n, 0, TCP_ACK);
		s.opts |= TCP_HAS_SACK;
		s.nr_sack = 1;
		s.sack[0] = (struct tcp_range){c->snd_una + 1 + i, c->snd_una + 2 + i};
		tcp_net_inject(&n, 0, &s, NULL);
	}
	CHECK_EQ(c->sent_count, pieces);
	CHECK_EQ(c->sacked, 0);
	tcp_net_free(&n);
}

TEST(tcp_attack_holes_are_bounded)
{
	struct tcp_net n;
	script_start(&n);
	n.loss = 1024;
	struct tcp_conn *c = &n.end[0].c;
	for (uint32_t i = 0; i < 2000; i++) {
		struct tcp_segment s = script_segment(&n, 0, TCP_ACK);
		uint8_t payload = tcp_net_byte(1, 1 + 2 * i);
		s.seq += 1 + 2 * i;
		s.len = 1;
		tcp_net_inject(&n, 0, &s, &payload);
	}
	CHECK(c->ooo_count <= TCP_OOO_MAX);
	tcp_net_free(&n);
}
