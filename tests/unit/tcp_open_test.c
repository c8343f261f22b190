/* SPDX-License-Identifier: MIT */
/* Opening: handshakes, refusals, lost SYNs, cookies (RFC 9293, 3.5; 3168; 4987; 7323). */
#include <errno.h>

#include "tests/unit/tcp_script.h"

TEST(tcp_open_negotiates_what_both_can)
{
	struct tcp_net n;
	script_init(&n);
	n.end[0].want_flags = TCPF_ECN_ASK;
	tcp_net_open(&n, false);
	script_pass(&n, 10 * MS);
	CHECK_EQ(script_count(0, TCP_SYN | TCP_ECE | TCP_CWR, 0), 1);
	CHECK_EQ(script_count(1, TCP_SYN | TCP_ACK | TCP_ECE, 0), 1);
	for (int e = 0; e < 2; e++) {
		const struct tcp_conn *c = &n.end[e].c;
		CHECK_EQ(c->state, TCP_ESTABLISHED);
		CHECK_EQ(c->flags & (TCPF_TS | TCPF_SACK | TCPF_WSCALE | TCPF_ECN),
			TCPF_TS | TCPF_SACK | TCPF_WSCALE | TCPF_ECN);
		CHECK_EQ(c->mss, 1448);
		CHECK_EQ(c->cwnd, 10 * 1448);
		CHECK_EQ(c->snd_wscale, 5); /* 1 MiB in 65535 << 5 */
		CHECK(c->srtt_us >= 2000 && c->srtt_us < 3000);
		CHECK_EQ(tcp_deadline(c), UINT64_MAX);
	}
	tcp_net_free(&n);
}

TEST(tcp_open_does_without_what_the_peer_lacks)
{
	struct tcp_net n;
	script_init(&n);
	n.end[1].offer = 0;
	script_connect(&n);
	CHECK_EQ(n.end[0].c.flags & (TCPF_TS | TCPF_SACK | TCPF_WSCALE), 0);
	CHECK_EQ(n.end[0].c.mss, TCP_MSS_DEFAULT);
	CHECK_EQ(n.end[0].c.rcv_wscale, 0);
	tcp_net_free(&n);
}

TEST(tcp_open_from_both_sides)
{
	struct tcp_net n;
	script_init(&n);
	tcp_net_open(&n, true);
	script_pass(&n, 10 * MS);
	CHECK_EQ(n.end[0].c.state, TCP_ESTABLISHED);
	CHECK_EQ(n.end[1].c.state, TCP_ESTABLISHED);
	CHECK_EQ(script_count(0, TCP_SYN | TCP_ACK, 0), 1);
	CHECK_EQ(script_count(1, TCP_SYN | TCP_ACK, 0), 1);
	tcp_net_write(&n, 0, 100, 0);
	script_pass(&n, 300 * MS);
	CHECK_EQ(n.end[1].delivered, 100);
	tcp_net_free(&n);
}

TEST(tcp_open_is_refused)
{
	struct tcp_net n;
	script_init(&n);
	n.end[1].over = true;
	tcp_net_open(&n, false);
	n.end[1].is_listener = false;
	script_pass(&n, 10 * MS);
	CHECK_EQ(n.end[0].error, ECONNREFUSED);
	CHECK(!n.end[0].has_conn);
	tcp_net_free(&n);
}

TEST(tcp_open_gives_up_in_the_end)
{
	struct tcp_net n;
	script_init(&n);
	n.loss = 1024;
	tcp_net_open(&n, false);
	uint64_t began = n.now;
	while (n.end[0].has_conn)
		CHECK(tcp_net_step(&n));
	CHECK_EQ(n.end[0].error, ETIMEDOUT);
	CHECK_EQ(script_count(0, TCP_SYN, 0), 7);
	CHECK_EQ((n.now - began) / 1000000000, 127); /* 1 + 2 + ... + 64 s */
	tcp_net_free(&n);
}

TEST(tcp_open_ignores_what_is_not_for_it)
{
	struct tcp_net n;
	script_init(&n);
	n.loss = 1024;
	tcp_net_open(&n, false);
	struct tcp_segment s = {
		.seq = 7, .ack = n.end[0].c.snd_nxt + 1, .flags = TCP_SYN | TCP_ACK};
	tcp_net_inject(&n, 0, &s, NULL);
	CHECK_EQ(n.end[0].c.state, TCP_SYN_SENT);
	CHECK_EQ(script_last(0)->flags, TCP_RST);
	CHECK_EQ(script_last(0)->seq, s.ack);
	/* An RST counts only if it acknowledges the SYN. */
	s = (struct tcp_segment){
		.seq = 0, .ack = n.end[0].c.snd_nxt - 1, .flags = TCP_RST | TCP_ACK};
	tcp_net_inject(&n, 0, &s, NULL);
	s.flags = TCP_RST;
	tcp_net_inject(&n, 0, &s, NULL);
	CHECK_EQ(n.end[0].c.state, TCP_SYN_SENT);
	tcp_net_free(&n);
}

static bool
eats_first_syn_ack(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	return from == 1 && script_count(1, TCP_SYN, 0) < 2;
}

TEST(tcp_open_survives_a_lost_syn_ack)
{
	struct tcp_net n;
	script_init(&n);
	n.eats = eats_first_syn_ack;
	tcp_net_open(&n, false);
	script_pass(&n, 5000 * MS);
	CHECK_EQ(n.end[0].c.state, TCP_ESTABLISHED);
	CHECK_EQ(n.end[1].c.state, TCP_ESTABLISHED);
	tcp_net_free(&n);
}

TEST(tcp_open_request_checks_the_ack)
{
	struct tcp_net n;
	script_init(&n);
	struct tcp_env env = tcp_net_env(&n);
	struct tcp_request r;
	struct tcp_segment syn = {.seq = 100, .flags = TCP_SYN, .wnd = 5}, out;
	struct tcp_segment ack = {.seq = 101, .ack = n.end[1].config.iss + 1, .flags = TCP_ACK};
	tcp_request_init(&r, &env, &syn, &n.end[1].config);
	CHECK_EQ(tcp_request_input(&r, &env, &ack, &out), TCP_VERDICT_ACCEPT);
	ack.ack++;
	CHECK_EQ(tcp_request_input(&r, &env, &ack, &out), TCP_VERDICT_RESET);
	struct tcp_segment rst = {.seq = 102, .flags = TCP_RST};
	CHECK_EQ(tcp_request_input(&r, &env, &rst, &out), TCP_VERDICT_DROP);
	rst.seq = 101;
	CHECK_EQ(tcp_request_input(&r, &env, &rst, &out), TCP_VERDICT_KILL);
	CHECK_EQ(tcp_request_input(&r, &env, &syn, &out), TCP_VERDICT_REPLY);
	CHECK_EQ(out.flags, TCP_SYN | TCP_ACK);
	CHECK_EQ(tcp_request_input(&r, &env, &syn, &out),
		TCP_VERDICT_DROP); /* not as often as they like */
	tcp_net_free(&n);
}

TEST(tcp_cookie_keeps_what_was_agreed)
{
	struct tcp_net n;
	script_init(&n);
	struct tcp_segment syn = {.seq = 77,
		.flags = TCP_SYN | TCP_ECE | TCP_CWR,
		.mss = 1460,
		.wscale = 9,
		.tsval = 1234,
		.opts = TCP_HAS_MSS | TCP_HAS_WSCALE | TCP_HAS_SACKOK | TCP_HAS_TS};
	struct tcp_segment synack;
	struct tcp_request r, again;
	for (uint32_t i = 0; i < 200; i++) {
		n.now += 7 * MS;
		struct tcp_env env = tcp_net_env(&n);
		uint64_t hash = 0x123456789abcdefull * (i + 1);
		tcp_request_init(&r, &env, &syn, &n.end[1].config);
		tcp_cookie_seal(&r, &env, hash, i);
		tcp_request_synack(&r, &env, &synack);
		CHECK(tcp_seq_before_eq(synack.tsval, tcp_tsval(&env, n.end[1].config.ts_offset)));
		struct tcp_segment ack = {.seq = 78,
			.ack = synack.seq + 1,
			.flags = TCP_ACK,
			.tsval = 1300,
			.tsecr = synack.tsval,
			.opts = TCP_HAS_TS};
		CHECK(!tcp_cookie_open(&again, &env, &ack, &n.end[1].config, hash, i + 1));
		CHECK(!tcp_cookie_open(&again, &env, &ack, &n.end[1].config, hash + 8, i));
		CHECK(tcp_cookie_open(&again, &env, &ack, &n.end[1].config, hash, i));
		CHECK_EQ(again.peer_mss, 1460);
		CHECK_EQ(again.snd_wscale, 9);
		CHECK(again.ecn && again.opts == r.opts && again.ts_recent == 1300 &&
			again.irs == 77);
	}
	tcp_net_free(&n);
}
