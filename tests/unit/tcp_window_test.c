/* SPDX-License-Identifier: MIT */
/* Windows and small segments: RFC 9293, 3.8.6; 1122, 4.2.3; 896; keep-alive, delayed ACKs, urgent data. */
#include <errno.h>

#include "tests/unit/tcp_script.h"

TEST(tcp_window_closed_is_probed_and_opens)
{
	struct tcp_net n;
	script_init(&n);
	n.end[1].fixed = true;
	n.end[1].buffer = n.end[1].config.rcv_buffer = 4000;
	script_connect(&n);
	tcp_net_write(&n, 0, 10000, 0);
	script_pass(&n, 1000 * MS);
	CHECK(n.end[1].delivered <= 4031 && n.end[1].delivered > 2500);
	script_forget();
	script_pass(&n, 10000 * MS);
	uint32_t probes = script_count(0, TCP_ACK, 0);
	CHECK(probes >= 3 && probes < 12);
	CHECK(n.end[0].c.timer != TCP_TIMER_NONE);
	/* A window update that is lost does not hang it. */
	n.loss = 1024;
	tcp_net_read(&n, 1, n.end[1].delivered);
	n.loss = 0;
	script_pass(&n, 60000 * MS);
	CHECK(n.end[1].delivered > 5000);
	tcp_net_read(&n, 1, n.end[1].delivered - n.end[1].read);
	script_pass(&n, 60000 * MS);
	CHECK_EQ(n.end[1].delivered, 10000);
	tcp_net_free(&n);
}

TEST(tcp_window_opens_by_whole_segments)
{
	struct tcp_net n;
	script_init(&n);
	n.end[1].fixed = true;
	n.end[1].buffer = n.end[1].config.rcv_buffer = 5 * 1448;
	script_connect(&n);
	tcp_net_write(&n, 0, 20000, 0);
	script_pass(&n, 1000 * MS);
	script_forget();
	uint32_t had = n.end[1].delivered;
	for (int i = 0; i < 10; i++)
		tcp_net_read(&n, 1, 10);
	CHECK_EQ(script_count(1, TCP_ACK, 0), 0);
	tcp_net_read(&n, 1, 3000);
	CHECK_EQ(script_count(1, TCP_ACK, 0), 1);
	script_pass(&n, 1000 * MS);
	CHECK(n.end[1].delivered >= had + 1448);
	tcp_net_free(&n);
}

TEST(tcp_window_nagle_holds_one_small_segment_back)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_write(&n, 0, 10, 0);
	tcp_net_write(&n, 0, 10, 0);
	tcp_net_write(&n, 0, 10, 0);
	CHECK_EQ(script_count(0, 0, 1), 1);
	script_pass(&n, 2 * MS);
	CHECK_EQ(script_count(0, 0, 1), 2);
	CHECK_EQ(script_last(0)->len, 20);
	tcp_net_free(&n);
	script_init(&n);
	n.end[0].want_flags = TCPF_NODELAY;
	script_connect(&n);
	tcp_net_write(&n, 0, 10, 0);
	tcp_net_write(&n, 0, 10, 0);
	CHECK_EQ(script_count(0, 0, 1), 2);
	tcp_net_free(&n);
}

TEST(tcp_window_a_cork_is_drawn_or_bursts)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_write(&n, 0, 2000, TCP_WRITE_MORE);
	CHECK_EQ(script_count(0, 0, 1), 1); /* the full one */
	script_pass(&n, 100 * MS);
	CHECK_EQ(script_count(0, 0, 1), 1);
	script_pass(&n, 150 * MS);
	CHECK_EQ(script_count(0, 0, 1), 2);
	tcp_net_write(&n, 0, 10, TCP_WRITE_MORE);
	CHECK_EQ(script_count(0, 0, 1), 2);
	tcp_net_write(&n, 0, 10, 0);
	CHECK_EQ(script_count(0, 0, 1), 3);
	CHECK_EQ(script_last(0)->len, 20);
	tcp_net_free(&n);
}

TEST(tcp_window_acks_ride_or_wait)
{
	struct tcp_net n;
	script_start(&n);
	/* A question and its answer: the answer carries the ACK. */
	for (int i = 0; i < 30; i++) {
		tcp_net_write(&n, 0, 100, 0);
		script_pass(&n, 1100000);
		tcp_net_write(&n, 1, 100, 0);
		script_pass(&n, 1100000);
	}
	script_forget();
	tcp_net_write(&n, 0, 100, 0);
	script_pass(&n, 1100000);
	CHECK_EQ(script_count(1, TCP_ACK, 0), 0);
	tcp_net_write(&n, 1, 100, 0);
	CHECK_EQ(script_count(1, TCP_ACK, 0), 1);
	script_pass(&n, 100 * MS);
	/* No answer: 40 ms later a bare one. */
	script_forget();
	n.end[1].c.flags |= TCPF_PUSH_SENT;
	uint64_t began = n.now;
	tcp_net_write(&n, 0, 100, 0);
	while (script_count(1, TCP_ACK, 0) == 0)
		CHECK(tcp_net_step(&n));
	CHECK_EQ((n.now - began) / 1000000, 41);
	tcp_net_free(&n);
}

TEST(tcp_window_every_second_segment_is_acknowledged)
{
	struct tcp_net n;
	script_start(&n);
	n.end[1].c.quick = 0;
	n.end[1].c.rcv_mss = 1448;
	tcp_net_write(&n, 0, 8 * 1448, 0);
	script_pass(&n, 2 * MS);
	CHECK_EQ(script_count(1, TCP_ACK, 0), 4);
	tcp_net_free(&n);
}

TEST(tcp_window_keep_alive)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_env env = tcp_net_env(&n);
	struct tcp_conn *c = &n.end[0].c;
	c->flags |= TCPF_KEEPALIVE;
	c->keep_idle_s = 10, c->keep_interval_s = 2, c->keep_count = 3;
	tcp_keepalive_changed(c, &env);
	script_pass(&n, 35000 * MS);
	CHECK_EQ(script_count(0, TCP_ACK, 0), 3);
	CHECK_EQ(script_count(1, TCP_ACK, 0), 3);
	n.loss = 1024;
	script_pass(&n, 20000 * MS);
	CHECK_EQ(n.end[0].error, ETIMEDOUT);
	CHECK_EQ(script_count(0, TCP_RST, 0), 1);
	tcp_net_free(&n);
}

TEST(tcp_window_urgent_byte)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_write(&n, 0, 10, TCP_WRITE_OOB);
	CHECK_EQ(script_last(0)->flags & TCP_URG, TCP_URG);
	CHECK_EQ(script_last(0)->urgent, 10);
	script_pass(&n, 2 * MS);
	CHECK_EQ(n.end[1].urgent_seen, 1);
	CHECK_EQ(n.end[1].c.rcv_up, n.end[0].config.iss + 10);
	CHECK(n.end[1].c.flags & TCPF_URG_HERE);
	tcp_net_read(&n, 1, 10);
	CHECK_EQ(n.end[1].c.flags & (TCPF_URG_IN | TCPF_URG_HERE), 0);
	/* Later segments say nothing of it. */
	script_pass(&n, 100 * MS);
	tcp_net_write(&n, 0, 5, 0);
	CHECK_EQ(script_last(0)->flags & TCP_URG, 0);
	tcp_net_free(&n);
}

TEST(tcp_window_what_comes_twice_is_told)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_write(&n, 0, 100, 0);
	script_pass(&n, 100 * MS);
	script_forget();
	struct tcp_segment s = script_segment(&n, 1, TCP_ACK | TCP_PSH);
	uint8_t payload[100] = {0};
	s.seq -= 100;
	s.len = 100;
	tcp_net_inject(&n, 1, &s, payload);
	CHECK_EQ(script_last(1)->nr_sack, 1);
	CHECK_EQ(script_last(1)->sack[0].start, s.seq);
	CHECK_EQ(script_last(1)->sack[0].end, s.seq + 100);
	tcp_net_free(&n);
}

TEST(tcp_window_the_buffer_grows_with_use)
{
	struct tcp_net n;
	script_init(&n);
	n.delay = 50 * MS;
	tcp_net_open(&n, false);
	script_pass(&n, 300 * MS);
	uint32_t before = n.end[1].buffer;
	for (int i = 0; i < 400 && n.end[0].written + 20000 < TCP_NET_STREAM; i++) {
		if (n.end[0].written - n.end[0].acked < 100000)
			tcp_net_write(&n, 0, 20000, 0);
		script_pass(&n, 10 * MS);
		if (n.end[1].delivered > n.end[1].read)
			tcp_net_read(&n, 1, n.end[1].delivered - n.end[1].read);
	}
	CHECK(n.end[1].buffer > before);
	tcp_net_free(&n);
}

TEST(tcp_window_pacing_spreads)
{
	struct tcp_net n;
	script_init(&n);
	n.end[0].pacing = 1448000; /* a segment a millisecond */
	tcp_net_open(&n, false);
	script_pass(&n, 200 * MS);
	tcp_net_write(&n, 0, 10 * 1448, 0);
	CHECK(script_count(0, 0, 1) <= 2);
	uint64_t began = n.now;
	script_pass(&n, 50 * MS);
	CHECK_EQ(n.end[1].delivered, 10 * 1448);
	CHECK(script_log.s[script_log.count - 1].at - began >= 8 * MS);
	tcp_net_free(&n);
}

/* Over a long path what an ACK lets go goes: the next ACK may be the last for a round trip. */
TEST(tcp_window_is_used_up_at_the_end_of_a_round)
{
	struct tcp_net n;
	script_init(&n);
	n.end[0].total = n.end[1].expect = TCP_NET_STREAM;
	n.end[1].buffer = n.end[1].config.rcv_buffer = 1 << 20;
	n.delay = 50 * MS;
	tcp_net_open(&n, false);
	script_pass(&n, 200 * MS);
	const struct tcp_conn *c = &n.end[0].c;
	tcp_net_write(&n, 0, TCP_NET_STREAM, 0);
	for (int round = 0; round < 4; round++) {
		CHECK(tcp_in_flight(c) + 2 * c->mss > c->cwnd);
		CHECK(c->cwnd >= (10u << round) * c->mss);
		script_pass(&n, 102 * MS);
	}
	tcp_net_free(&n);
}
