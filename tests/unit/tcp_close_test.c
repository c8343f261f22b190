/* SPDX-License-Identifier: MIT */
/* Closing: halves, both at once, by reset, and what remains (RFC 9293, 3.6; 1122, 4.2.2.13; 2525; 1337; 6191). */
#include <errno.h>

#include "tests/unit/tcp_script.h"

TEST(tcp_close_half_still_receives)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_shutdown(&n, 0);
	script_pass(&n, 10 * MS);
	CHECK_EQ(n.end[0].c.state, TCP_FIN_WAIT2);
	CHECK_EQ(n.end[1].c.state, TCP_CLOSE_WAIT);
	CHECK(n.end[1].rdhup);
	/* Data and FIN go out from CLOSE_WAIT. */
	tcp_net_write(&n, 1, 5000, 0);
	tcp_net_close(&n, 1, 0);
	CHECK_EQ(n.end[1].c.state, TCP_LAST_ACK);
	script_pass(&n, 500 * MS);
	CHECK_EQ(n.end[0].delivered, 5000);
	CHECK(n.end[0].in_timewait && n.end[1].over);
	CHECK_EQ(n.end[1].error, 0);
	tcp_net_free(&n);
}

TEST(tcp_close_from_both_sides_at_once)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_close(&n, 0, 0);
	tcp_net_close(&n, 1, 0);
	script_pass(&n, 2 * MS);
	CHECK(n.end[0].in_timewait && n.end[1].in_timewait);
	script_pass(&n, 60001 * MS);
	CHECK(n.end[0].over && n.end[1].over);
	tcp_net_free(&n);
}

static bool
eats_pure_acks_of_0(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	return from == 0 && seg->len == 0 && (seg->flags & (TCP_FIN | TCP_SYN)) == 0;
}

TEST(tcp_close_passes_through_closing)
{
	struct tcp_net n;
	script_start(&n);
	n.eats = eats_pure_acks_of_0;
	tcp_net_close(&n, 0, 0);
	tcp_net_close(&n, 1, 0);
	script_pass(&n, 2 * MS);
	CHECK(n.end[0].in_timewait); /* its FIN was acknowledged */
	CHECK_EQ(n.end[1].c.state, TCP_CLOSING);
	n.eats = NULL;
	script_pass(&n, 2000 * MS);
	CHECK(n.end[1].in_timewait);
	tcp_net_free(&n);
}

TEST(tcp_close_with_everything_in_one_segment)
{
	struct tcp_net n;
	script_init(&n);
	n.loss = 1024;
	tcp_net_open(&n, false);
	n.loss = 0;
	n.end[1].has_conn = false;
	struct tcp_env env = tcp_net_env(&n);
	struct tcp_segment syn = {.seq = n.end[0].config.iss, .flags = TCP_SYN, .wnd = 1000}, out;
	tcp_net_inject(&n, 1, &syn, NULL);
	tcp_request_synack(&n.end[1].request, &env, &out);
	uint8_t byte = tcp_net_byte(0, 0);
	/* The ACK of the handshake, data and FIN: accept, read and end of file must all come of it. */
	struct tcp_segment all = {.seq = syn.seq + 1,
		.ack = out.seq + 1,
		.len = 1,
		.wnd = 1000,
		.flags = TCP_ACK | TCP_PSH | TCP_FIN};
	tcp_net_inject(&n, 1, &all, &byte);
	CHECK(n.end[1].has_conn && n.end[1].rdhup);
	CHECK_EQ(n.end[1].delivered, 1);
	CHECK_EQ(n.end[1].c.state, TCP_CLOSE_WAIT);
	tcp_net_free(&n);
}

TEST(tcp_close_timewait_acknowledges_the_fin_again)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_shutdown(&n, 0);
	script_pass(&n, 5 * MS);
	struct tcp_segment fin = script_segment(&n, 0, TCP_FIN | TCP_ACK);
	tcp_net_close(&n, 1, 0);
	script_pass(&n, 5 * MS);
	CHECK(n.end[0].in_timewait);
	uint64_t expires = n.end[0].tw.expires;
	script_forget();
	n.now += 1000 * MS;
	tcp_net_inject(&n, 0, &fin, NULL);
	CHECK_EQ(script_last(0)->ack, fin.seq + 1);
	CHECK_EQ(script_last(0)->flags, TCP_ACK);
	CHECK(n.end[0].tw.expires > expires);
	/* An RST does not end it (RFC 1337). */
	struct tcp_segment rst = {.seq = fin.seq + 1, .flags = TCP_RST};
	tcp_net_inject(&n, 0, &rst, NULL);
	CHECK(n.end[0].in_timewait);
	tcp_net_free(&n);
}

TEST(tcp_close_timewait_is_reused_safely)
{
	struct tcp_net n;
	script_init(&n);
	struct tcp_env env = tcp_net_env(&n);
	struct tcp_timewait tw = {.snd_nxt = 1000,
		.rcv_nxt = 500,
		.ts_recent = 90,
		.has_ts = 1,
		.ts_recent_ms = (uint32_t)(n.now / 1000000),
		.state = TCP_TIME_WAIT,
		.expires = n.now + 1};
	struct tcp_segment syn = {.seq = 400, .flags = TCP_SYN, .tsval = 90, .opts = TCP_HAS_TS},
			   out;
	uint32_t min_iss = 0;
	CHECK_EQ(tcp_timewait_input(&tw, &env, &syn, &out, &min_iss), TCP_VERDICT_REPLY);
	syn.tsval = 91;
	CHECK_EQ(tcp_timewait_input(&tw, &env, &syn, &out, &min_iss), TCP_VERDICT_NEW_SYN);
	CHECK(tcp_seq_after(min_iss, 1000 + 65535));
	syn.tsval = 89, syn.seq = 501;
	CHECK(tcp_timewait_input(&tw, &env, &syn, &out, &min_iss) != TCP_VERDICT_NEW_SYN);
	tw.has_ts = 0;
	CHECK_EQ(tcp_timewait_input(&tw, &env, &syn, &out, &min_iss), TCP_VERDICT_NEW_SYN);
	CHECK(!tcp_timewait_reusable(&tw, &env, &min_iss));
	tw.has_ts = 1;
	CHECK(!tcp_timewait_reusable(&tw, &env, &min_iss));
	env.now += 1100 * MS;
	CHECK(tcp_timewait_reusable(&tw, &env, &min_iss));
	tcp_net_free(&n);
}

/* RFC 1337: whoever could end TIME_WAIT by an RST, be it a late duplicate, would let old segments into a new connection. */
TEST(tcp_close_timewait_ignores_resets)
{
	struct tcp_net n;
	script_init(&n);
	struct tcp_env env = tcp_net_env(&n);
	const struct tcp_timewait before = {.snd_nxt = 1000,
		.rcv_nxt = 500,
		.state = TCP_TIME_WAIT,
		.expires = n.now + 1000 * MS};
	struct tcp_timewait tw = before;
	struct tcp_segment rst = {.flags = TCP_RST}, out;
	uint32_t min_iss = 0;
	for (uint32_t seq = 499; seq <= 501; seq++) { /* 500 would hit */
		for (uint32_t ack = 0; ack < 2; ack++) {
			rst.seq = seq;
			rst.ack = ack != 0 ? 1000 : 0;
			rst.flags = ack != 0 ? TCP_RST | TCP_ACK : TCP_RST;
			CHECK_EQ(tcp_timewait_input(&tw, &env, &rst, &out, &min_iss),
				TCP_VERDICT_DROP);
			CHECK(tw.expires == before.expires && tw.state == before.state);
		}
	}
	/* A FIN still gets its answer. */
	struct tcp_segment fin = {.seq = 499, .ack = 1000, .flags = TCP_FIN | TCP_ACK, .wnd = 1000};
	CHECK_EQ(tcp_timewait_input(&tw, &env, &fin, &out, &min_iss), TCP_VERDICT_REPLY);
	CHECK(out.flags == TCP_ACK && out.ack == 500 && out.seq == 1000);
	tcp_net_free(&n);
}

TEST(tcp_close_with_unread_data_resets)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_write(&n, 0, 100, 0);
	script_pass(&n, 50 * MS);
	tcp_net_close(&n, 1, TCP_CLOSE_UNREAD);
	CHECK_EQ(script_last(1)->flags & TCP_RST, TCP_RST);
	script_pass(&n, 5 * MS);
	CHECK_EQ(n.end[0].error, ECONNRESET);
	tcp_net_free(&n);
}

TEST(tcp_close_with_linger_0_resets)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_close(&n, 1, TCP_CLOSE_ABORT);
	CHECK(n.end[1].over);
	script_pass(&n, 5 * MS);
	CHECK_EQ(n.end[0].error, ECONNRESET);
	tcp_net_free(&n);
}

TEST(tcp_close_answers_data_that_nobody_reads)
{
	struct tcp_net n;
	script_start(&n);
	tcp_net_close(&n, 1, 0);
	script_pass(&n, 5 * MS);
	CHECK(n.end[1].in_timewait && n.end[1].tw.state == TCP_FIN_WAIT2);
	tcp_net_write(&n, 0, 10, 0);
	script_pass(&n, 5 * MS);
	CHECK(n.end[1].over && !n.end[1].in_timewait);
	CHECK_EQ(n.end[0].error, EPIPE); /* it was in CLOSE_WAIT */
	tcp_net_free(&n);
}

TEST(tcp_close_resets_hit_in_every_state)
{
	static const uint8_t shut[][2] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}};
	for (size_t i = 0; i < ARRAY_SIZE(shut); i++) {
		struct tcp_net n;
		script_start(&n);
		if (shut[i][0])
			tcp_net_shutdown(&n, 0);
		script_pass(&n, 5 * MS);
		if (shut[i][1])
			tcp_net_shutdown(&n, 1);
		if (n.end[0].has_conn && n.end[1].has_conn) {
			struct tcp_segment rst = {.seq = n.end[0].c.rcv_nxt, .flags = TCP_RST};
			tcp_net_inject(&n, 0, &rst, NULL);
			CHECK(n.end[0].over);
		}
		tcp_net_free(&n);
	}
}
