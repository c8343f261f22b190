/* SPDX-License-Identifier: MIT */
/*
 * What a receiver tells of data that came out of order (RFC 2018), what a sender takes for reordering and for delivered
 * (RFC 8985), and its window that closes.
 */
#include "tests/unit/tcp_script.h"

/* A segment of 100 bytes at a stream offset arrives at end 1. */
static void
arrives(struct tcp_net *n, uint32_t offset)
{
	struct tcp_segment s = script_segment(n, 1, TCP_ACK);
	uint8_t payload[100];
	for (uint32_t i = 0; i < sizeof(payload); i++)
		payload[i] = tcp_net_byte(0, offset + i);
	s.seq += offset;
	s.len = sizeof(payload);
	tcp_net_inject(n, 1, &s, payload);
}

static void
check_block(uint32_t block, uint32_t base, uint32_t offset)
{
	CHECK_EQ(script_last(1)->sack[block].start, base + offset);
}

TEST(tcp_sack_tells_the_latest_ranges_first)
{
	struct tcp_net n;
	script_start(&n);
	uint32_t base = n.end[1].c.rcv_nxt;
	for (uint32_t i = 1; i <= 6; i++)
		arrives(&n, i * 1000);
	CHECK_EQ(script_last(1)->nr_sack, 3);
	for (uint32_t i = 0; i < 3; i++)
		check_block(i, base, 6000 - i * 1000);
	/* One that grows comes to the front, and is there once. */
	arrives(&n, 2100);
	check_block(0, base, 2000);
	check_block(1, base, 6000);
	check_block(2, base, 5000);
	/* Those that were told last are no more: others take their place. */
	tcp_prune_ooo(&n.end[1].c, &(struct tcp_env){.memory = &n.memory}, base + 4000);
	arrives(&n, 2200);
	CHECK_EQ(script_last(1)->nr_sack, 3);
	check_block(0, base, 2000);
	check_block(1, base, 1000);
	check_block(2, base, 3000);
	tcp_net_free(&n);
}

TEST(tcp_window_that_closes_counts_at_once)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_segment s = script_segment(&n, 0, TCP_ACK);
	s.wnd = 100;
	tcp_net_inject(&n, 0, &s, NULL);
	CHECK(n.end[0].c.snd_wnd > 100); /* shrunk without anything new: maybe late */
	s.wnd = 0;
	tcp_net_inject(&n, 0, &s, NULL);
	CHECK_EQ(n.end[0].c.snd_wnd, 0);
	tcp_net_write(&n, 0, 1000, 0);
	CHECK_EQ(script_count(0, 0, 1), 0);
	tcp_net_free(&n);
}

/* End 0 has ten segments in flight, of which nothing is heard but what the test makes up. */
static void
ten_in_flight(struct tcp_net *n)
{
	script_start(n);
	n->loss = 1024;
	tcp_net_write(n, 0, 10 * n->end[0].c.mss, 0);
	CHECK_EQ(tcp_in_flight(&n->end[0].c), 10 * n->end[0].c.mss);
}

/* An ACK of that many segments comes to end 0, and SACKs of single ones, in that order. */
static void
tells(struct tcp_net *n, uint32_t acked, const uint32_t *sacked, uint32_t count)
{
	struct tcp_conn *c = &n->end[0].c;
	struct tcp_segment s = script_segment(n, 0, TCP_ACK);
	uint32_t base = n->end[1].c.rcv_nxt;
	s.ack = base + acked * c->mss;
	for (uint32_t i = 0; i < count; i++)
		s.sack[i] = (struct tcp_range){
			base + sacked[i] * c->mss, base + (sacked[i] + 1) * c->mss};
	s.nr_sack = (uint8_t)count;
	s.opts |= count > 0 ? TCP_HAS_SACK : 0;
	tcp_net_inject(n, 0, &s, NULL);
}

TEST(tcp_sack_blocks_of_one_ack_are_no_reordering)
{
	struct tcp_net n;
	ten_in_flight(&n);
	/* The latest comes first (RFC 2018, 4), and none was told before: so do receivers that save ACKs. */
	tells(&n, 0, (const uint32_t[]){6, 4, 2}, 3);
	CHECK_EQ(n.end[0].c.sacked, 3 * n.end[0].c.mss);
	CHECK_EQ(n.end[0].c.flags & TCPF_REORDERING, 0);
	/* So what they show to be lost is lost at once. */
	CHECK_EQ(n.end[0].c.ca_state, TCP_CA_RECOVERY);
	tcp_net_free(&n);
}

TEST(tcp_sack_below_what_was_told_is_reordering)
{
	struct tcp_net n;
	ten_in_flight(&n);
	tells(&n, 0, (const uint32_t[]){4}, 1);
	tells(&n, 0, (const uint32_t[]){4, 2}, 2);
	CHECK(n.end[0].c.flags & TCPF_REORDERING);
	tcp_net_free(&n);
	/* And so is an ACK that closes a hole with what was sent once. */
	ten_in_flight(&n);
	tells(&n, 0, (const uint32_t[]){2}, 1);
	CHECK_EQ(n.end[0].c.flags & TCPF_REORDERING, 0);
	tells(&n, 3, NULL, 0);
	CHECK(n.end[0].c.flags & TCPF_REORDERING);
	tcp_net_free(&n);
}

static bool
loses_all(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	return from == 0 && seg->len > 0;
}

/*
 * A timeout sent the first segment again, and its ACK comes later than an answer to that could: does RACK take it for
 * one? What timestamp the ACK echoes tells.
 */
static bool
is_taken_for_the_copy(uint32_t older_ms)
{
	struct tcp_net n;
	script_start(&n);
	struct tcp_conn *c = &n.end[0].c;
	n.eats = loses_all;
	tcp_net_write(&n, 0, 3 * c->mss, 0);
	while (c->ca_state != TCP_CA_LOSS)
		CHECK(tcp_net_step(&n));
	CHECK(tcp_sent_at(c, 0)->flags & TCP_SENT_EVER);
	uint32_t sent_us = tcp_sent_at(c, 0)->time_us;
	c->rack_end = 0;
	n.now += 20 * MS;
	struct tcp_segment s = script_segment(&n, 0, TCP_ACK);
	s.ack = c->snd_una + c->mss;
	s.tsecr = (uint32_t)(n.now / MS) - 20 + c->ts_offset - older_ms;
	tcp_net_inject(&n, 0, &s, NULL);
	CHECK(c->rack_end == 0 || c->rack_time_us == sent_us);
	bool taken = c->rack_end != 0;
	tcp_net_free(&n);
	return taken;
}

TEST(tcp_rack_asks_timestamps_which_copy_arrived)
{
	CHECK(is_taken_for_the_copy(0));
	CHECK(!is_taken_for_the_copy(150));
}
