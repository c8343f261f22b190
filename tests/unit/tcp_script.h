/* SPDX-License-Identifier: MIT */
/* For tests of single behaviours of TCP's core: two ends that the test drives by hand, and what they sent. */
#ifndef TESTS_UNIT_TCP_SCRIPT_H
#define TESTS_UNIT_TCP_SCRIPT_H

#include <stdio.h>
#include <string.h>

#include "tests/unit/tcp_net.h"
#include "tests/unit/test.h"

#define MS 1000000ull

struct sent_log {
	struct {
		uint64_t at;
		int from;
		struct tcp_segment seg;
	} s[4096];
	uint32_t count;
};

static struct sent_log script_log;

static void __attribute__((unused))
script_seen(struct tcp_net *n, int from, const struct tcp_segment *seg)
{
	CHECK(script_log.count < ARRAY_SIZE(script_log.s));
	script_log.s[script_log.count].at = n->now;
	script_log.s[script_log.count].from = from;
	script_log.s[script_log.count++].seg = *seg;
}

static void __attribute__((unused))
script_forget(void)
{
	script_log.count = 0;
}

/* How many segments an end sent that have all of these flags, and at least so much payload. */
static uint32_t __attribute__((unused))
script_count(int from, uint32_t flags, uint32_t len)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < script_log.count; i++)
		n += script_log.s[i].from == from && (script_log.s[i].seg.flags & flags) == flags &&
			script_log.s[i].seg.len >= len;
	return n;
}

/* The last segment of an end. */
static const struct tcp_segment *__attribute__((unused))
script_last(int from)
{
	for (uint32_t i = script_log.count; i-- > 0;)
		if (script_log.s[i].from == from)
			return &script_log.s[i].seg;
	test_fail(__FILE__, __LINE__, "end %d sent nothing", from);
}

static void __attribute__((unused))
script_init(struct tcp_net *n)
{
	tcp_net_init(n, 1);
	n->manual = true;
	n->seen = script_seen;
	script_forget();
}

/* For who debugs a test. */
static void __attribute__((unused))
script_print(const struct tcp_net *n)
{
	for (uint32_t i = 0; i < script_log.count; i++) {
		int from = script_log.s[i].from;
		const struct tcp_segment *s = &script_log.s[i].seg;
		printf("%llu us, %d: flags %x seq %u len %u ack %u wnd %u sack %u\n",
			(unsigned long long)script_log.s[i].at / 1000, from, s->flags,
			s->seq - n->end[from].config.iss, s->len, s->ack - n->end[!from].config.iss,
			s->wnd, s->nr_sack);
	}
}

/* Lets ns pass. */
static void __attribute__((unused))
script_pass(struct tcp_net *n, uint64_t ns)
{
	uint64_t until = n->now + ns;
	for (;;) {
		uint64_t at = n->count > 0 ? n->queue[0].at : UINT64_MAX;
		for (int e = 0; e < 2; e++) {
			struct tcp_net_end *x = &n->end[e];
			if (x->has_conn)
				at = min(at, tcp_deadline(&x->c));
			if (x->has_request)
				at = min(at, x->request.retry_at);
			if (x->in_timewait)
				at = min(at, x->tw.expires);
		}
		if (at > until)
			break;
		(void)tcp_net_step(n);
	}
	n->now = until;
}

static void __attribute__((unused))
script_connect(struct tcp_net *n)
{
	tcp_net_open(n, false);
	script_pass(n, 10 * MS);
	CHECK_EQ(n->end[0].c.state, TCP_ESTABLISHED);
	CHECK_EQ(n->end[1].c.state, TCP_ESTABLISHED);
	script_forget();
}

static void __attribute__((unused))
script_start(struct tcp_net *n)
{
	script_init(n);
	script_connect(n);
}

/* A segment for end e as its peer would send it now. */
static struct tcp_segment __attribute__((unused))
script_segment(struct tcp_net *n, int e, uint32_t flags)
{
	const struct tcp_conn *peer = &n->end[!e].c;
	struct tcp_segment s = {.seq = peer->snd_nxt,
		.ack = peer->rcv_nxt,
		.flags = (uint16_t)flags,
		.wnd = (uint16_t)(peer->rcv_wnd >> peer->rcv_wscale)};
	if (peer->flags & TCPF_TS) {
		s.opts = TCP_HAS_TS;
		s.tsval = (uint32_t)(n->now / 1000000) + peer->ts_offset;
		s.tsecr = peer->ts_recent;
	}
	return s;
}

#endif
