/* SPDX-License-Identifier: MIT */
/*
 * The simulator: seeded connections over channels that lose, duplicate, reorder, delay, mark and lie about windows.
 * Every byte arrives once and in order, both ends end closed, in bounded virtual time. SWOS_TCP_SEEDS sets how many
 * seeds each kind of channel gets, SWOS_TCP_SEED runs one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/tcp_net.h"
#include "tests/unit/test.h"

static uint64_t
from_environment(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	return s != NULL ? strtoull(s, NULL, 0) : otherwise;
}

static bool
all_done(struct tcp_net *n)
{
	for (int e = 0; e < 2; e++) {
		struct tcp_net_end *x = &n->end[e];
		if (x->error != 0)
			return true;
		if (x->read != x->expect || x->has_conn || x->has_request || x->in_timewait)
			return false;
	}
	return n->end[0].over && n->end[1].over;
}

/* Ends differ in what they can; drawn from the seed. */
static void
draw(struct tcp_net *n, uint32_t longest)
{
	static const uint32_t sizes[] = {88, 536, 1460, 1460, 8960, 65496};
	n->mss = sizes[tcp_net_random(n, 6)];
	n->max_write = 1 + tcp_net_random(n, 1u << (4 + tcp_net_random(n, 13)));
	n->max_read = 1 + tcp_net_random(n, 1u << (8 + tcp_net_random(n, 10)));
	n->delay = 1000ull << tcp_net_random(n, 16);
	bool ecn = tcp_net_random(n, 2);
	for (int e = 0; e < 2; e++) {
		struct tcp_net_end *x = &n->end[e];
		x->total = tcp_net_random(n, 8) == 0 ? tcp_net_random(n, 3)
						     : tcp_net_random(n, longest);
		if (n->max_write < 64)
			x->total = min(x->total, 20000u);
		x->buffer = 1024u << tcp_net_random(n, 8);
		x->config.rcv_buffer = x->buffer;
		x->config.adv_mss = (uint16_t)n->mss;
		x->cc = (uint8_t)tcp_net_random(n, 2);
		if (tcp_net_random(n, 3) == 0)
			x->offer &= (uint8_t)tcp_net_random(n, 32) | TCP_HAS_MSS;
		if (ecn)
			x->want_flags |= TCPF_ECN_ASK;
		if (tcp_net_random(n, 2))
			x->want_flags |= TCPF_NODELAY;
		if (tcp_net_random(n, 4) == 0)
			x->pacing = 100000 + tcp_net_random(n, 100000000);
	}
}

/* SWOS_TCP_TRACE shows the segments of the seed that SWOS_TCP_SEED names. */
static void
trace(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	const struct tcp_conn *c = &n->end[from].c;
	printf("%llu.%06llu %c %s%s%s%s%s seq %u len %u ack %u wnd %u sack %u | cwnd %u flight %u "
	       "ca %u lost %u timer %u\n",
		(unsigned long long)(n->now / 1000000000),
		(unsigned long long)(n->now / 1000 % 1000000), from ? '<' : '>',
		seg->flags & TCP_SYN ? "S" : "", seg->flags & TCP_FIN ? "F" : "",
		seg->flags & TCP_RST ? "R" : "", seg->flags & TCP_ACK ? "." : "",
		seg->flags & TCP_URG ? "U" : "", seg->seq - n->end[from].config.iss, seg->len,
		seg->ack - n->end[!from].config.iss, seg->wnd, seg->nr_sack, c->cwnd,
		tcp_in_flight(c), c->ca_state, c->lost, c->timer);
}

static void
run_seed(const char *name, uint64_t seed, void (*channel)(struct tcp_net *))
{
	struct tcp_net n;
	tcp_net_init(&n, seed);
	draw(&n, 100000);
	channel(&n);
	if (getenv("SWOS_TCP_TRACE") != NULL)
		n.seen = trace;
	tcp_net_open(&n, tcp_net_random(&n, 8) == 0);
	bool done = tcp_net_run(&n, all_done, 40000ull * 1000000000);
	struct tcp_net_end *a = &n.end[0], *b = &n.end[1];
	if (!done || a->error || b->error || a->read != a->expect || b->read != b->expect)
		test_fail(__FILE__, __LINE__,
			"%s, seed %llu: %s at %llu ms, errors %u %u, read %u of %u and %u of %u, "
			"states %u "
			"%u, timers %u %u",
			name, (unsigned long long)seed, done ? "ended" : "stuck",
			(unsigned long long)(n.now / 1000000), a->error, b->error, a->read,
			a->expect, b->read, b->expect, a->c.state, b->c.state, a->c.timer,
			b->c.timer);
	tcp_net_free(&n);
}

static void
run_seeds(const char *name, void (*channel)(struct tcp_net *))
{
	uint64_t one = from_environment("SWOS_TCP_SEED", 0);
	if (one != 0) {
		run_seed(name, one, channel);
		return;
	}
	for (uint64_t seed = 1; seed <= from_environment("SWOS_TCP_SEEDS", 25); seed++)
		run_seed(name, seed, channel);
}

static void
clean_channel(struct tcp_net *n)
{
}

static void
lossy(struct tcp_net *n)
{
	n->loss = tcp_net_random(n, 120);
}

static void
very_lossy(struct tcp_net *n)
{
	n->loss = 150 + tcp_net_random(n, 150);
	n->end[0].total /= 8;
	n->end[1].total /= 8;
}

static void
reordering(struct tcp_net *n)
{
	n->reorder = tcp_net_random(n, 300);
	n->jitter = n->delay * tcp_net_random(n, 3);
}

static void
duplicating(struct tcp_net *n)
{
	n->dup = tcp_net_random(n, 300);
}

static void
marking(struct tcp_net *n)
{
	n->ce = tcp_net_random(n, 200);
	n->loss = tcp_net_random(n, 20);
}

static void
lying(struct tcp_net *n)
{
	n->bad_window = tcp_net_random(n, 60);
}

static void
everything(struct tcp_net *n)
{
	lossy(n);
	reordering(n);
	duplicating(n);
	marking(n);
	n->bad_window = tcp_net_random(n, 10);
	n->no_memory = tcp_net_random(n, 3) == 0 ? tcp_net_random(n, 300) : 0;
}

TEST(tcp_sim_clean)
{
	run_seeds("clean", clean_channel);
}

TEST(tcp_sim_loss)
{
	run_seeds("loss", lossy);
}

TEST(tcp_sim_heavy_loss)
{
	run_seeds("heavy loss", very_lossy);
}

TEST(tcp_sim_reordering)
{
	run_seeds("reordering", reordering);
}

TEST(tcp_sim_duplication)
{
	run_seeds("duplication", duplicating);
}

TEST(tcp_sim_congestion_marks)
{
	run_seeds("marks", marking);
}

TEST(tcp_sim_windows_that_lie)
{
	run_seeds("lying windows", lying);
}

TEST(tcp_sim_everything_at_once)
{
	run_seeds("everything", everything);
}
