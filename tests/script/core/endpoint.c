/* SPDX-License-Identifier: MIT */
/* See tests/script/core/endpoint.h: segments and timers. The calls are in calls.c. */
#include "tests/script/core/internal.h"

#include <stdlib.h>
#include <string.h>

#define SYNACK_RETRIES 5u
#define COOKIE_HASH    0x5eedc0ffee123457ull
#define RCV_MAX        (1u << 20)

static void *
take_memory(void *ctx, size_t bytes)
{
	(void)ctx;
	return malloc(bytes);
}

static void
give_memory(void *ctx, void *at, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	free(at);
}

void
endpoint_init(struct endpoint *p)
{
	void (*transmit)(struct endpoint *, const struct tcp_segment *) = p->transmit;
	*p = (struct endpoint){.now = 1000000000,
		.memory = {take_memory, give_memory, NULL},
		.mss = 1460,
		.offers = TCP_HAS_MSS | TCP_HAS_WSCALE | TCP_HAS_SACKOK | TCP_HAS_TS,
		.buffer = 65535,
		.send_buffer = 1 << 20,
		.iss = 0xfffff000u,
		.cc = TCP_CC_RENO,
		.ecn_listen = true,
		.transmit = transmit};
	tcp_conn_init(&p->c);
}

void
endpoint_free(struct endpoint *p)
{
	tcp_conn_free(&p->c, &p->memory);
}

struct tcp_env
endpoint_env(struct endpoint *p)
{
	return (struct tcp_env){.now = p->now, .mss = p->mss, .memory = &p->memory};
}

void
endpoint_space(struct endpoint *p)
{
	uint32_t used = p->delivered - p->read;
	tcp_set_rcv_space(&p->c, used < p->buffer ? p->buffer - used : 0, p->buffer);
}

/* A connection to be: what a socket has from its options. */
void
endpoint_configure(struct endpoint *p)
{
	tcp_conn_free(&p->c, &p->memory);
	uint16_t user_mss = p->c.user_mss;
	tcp_conn_init(&p->c);
	p->c.user_mss = user_mss;
	p->c.flags |= p->conn_flags;
	p->c.cc = p->cc;
	if (p->syn_count != 0)
		p->c.syn_count = p->syn_count;
	p->written = p->acked = p->delivered = p->read = 0;
	p->shut = p->rdhup = p->urgent_here = p->accepted = false;
	p->error = 0;
	p->has_conn = true;
	endpoint_space(p);
}

/* As a driver's edge does: what is larger than a segment is cut; options that are not offered go. */
static void
transmit(struct endpoint *p, const struct tcp_segment *seg)
{
	uint32_t unit = seg->gso_size != 0 ? seg->gso_size : max(seg->len, 1u);
	for (uint32_t at = 0; at == 0 || at < seg->len; at += unit) {
		struct tcp_segment piece = *seg;
		piece.seq += at;
		piece.len = min(unit, seg->len - at);
		if (at + piece.len < seg->len)
			piece.flags &= (uint16_t)~(TCP_FIN | TCP_PSH);
		if (at > 0)
			piece.flags &= (uint16_t)~TCP_CWR;
		if ((seg->flags & TCP_URG) && seg->urgent <= at && at > 0)
			piece.flags &= (uint16_t)~TCP_URG;
		piece.urgent = (uint16_t)(piece.flags & TCP_URG ? seg->urgent - at : 0);
		if (piece.flags & TCP_SYN)
			piece.opts &= (uint8_t)p->offers;
		p->transmit(p, &piece);
	}
}

void
endpoint_flush(struct endpoint *p)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_segment seg;
	while (p->has_conn && tcp_output(&p->c, &env, &seg))
		transmit(p, &seg);
}

static void
forget(struct endpoint *p)
{
	uint32_t flags = p->c.flags;
	uint16_t user_mss = p->c.user_mss;
	tcp_conn_free(&p->c, &p->memory);
	tcp_conn_init(&p->c);
	p->c.flags = flags & TCPF_FIN_RCVD;
	p->c.user_mss = user_mss;
	p->has_conn = false;
}

void
endpoint_after(struct endpoint *p, const struct tcp_actions *act)
{
	struct tcp_env env = endpoint_env(p);
	p->acked += act->acked;
	p->rdhup |= (act->what & TCP_DO_RDHUP) != 0;
	if (act->what & TCP_DO_ERROR)
		p->error = act->error;
	endpoint_flush(p);
	if (act->what & TCP_DO_TIME_WAIT) {
		tcp_timewait_init(&p->tw, &env, &p->c);
		p->in_timewait = true;
		forget(p);
	} else if (act->what & TCP_DO_CLOSED) {
		forget(p);
	}
}

static void
reset(struct endpoint *p, const struct tcp_segment *seg)
{
	struct tcp_segment out;
	if (tcp_reset_reply(seg, &out))
		transmit(p, &out);
}

static void
input_conn(struct endpoint *p, const struct tcp_segment *seg)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_actions act;
	uint32_t fin = (p->c.flags & TCPF_FIN_RCVD) ? 1 : 0, before = p->c.rcv_nxt - fin;
	bool opening = p->c.state == TCP_SYN_SENT;
	tcp_input(&p->c, &env, seg, &act);
	fin = (p->c.flags & TCPF_FIN_RCVD) ? 1 : 0;
	uint32_t moved = opening ? 0 : p->c.rcv_nxt - fin - before;
	if (opening && p->c.state != TCP_SYN_SENT)
		moved = act.deliver_len;
	if (act.what & TCP_DO_URG_BYTE) {
		p->urgent_here = true;
		p->urgent_taken = false;
		p->urgent_at = p->delivered + act.urg_off - act.deliver_off;
	}
	p->delivered += moved;
	if (act.what & TCP_DO_RESET)
		reset(p, seg);
	endpoint_space(p);
	endpoint_after(p, &act);
}

static void
begin(struct endpoint *p, const struct tcp_segment *seg)
{
	struct tcp_env env = endpoint_env(p);
	endpoint_configure(p);
	p->has_request = false;
	tcp_conn_from_request(&p->c, &env, &p->request);
	input_conn(p, seg);
}

static struct tcp_request_config
request_config(struct endpoint *p)
{
	uint32_t mss = p->c.user_mss != 0 ? min((uint32_t)p->c.user_mss, p->mss) : p->mss;
	return (struct tcp_request_config){.iss = p->iss,
		.ts_offset = 0xffffff00u,
		.rcv_buffer = p->buffer,
		.rcv_max = RCV_MAX,
		.adv_mss = (uint16_t)mss};
}

static void
input_syn(struct endpoint *p, const struct tcp_segment *syn)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_request_config config = request_config(p);
	struct tcp_segment out, seg = *syn;
	seg.opts &= (uint8_t)p->offers;
	if (!(p->conn_flags & TCPF_ECN_ASK) && !p->ecn_listen)
		seg.flags &= (uint16_t)~(TCP_ECE | TCP_CWR);
	tcp_request_init(&p->request, &env, &seg, &config);
	if (p->cookies)
		tcp_cookie_seal(&p->request, &env, COOKIE_HASH, (uint32_t)(p->now / 60000000000u));
	p->has_request = !p->cookies;
	tcp_request_synack(&p->request, &env, &out);
	transmit(p, &out);
}

static void
input_request(struct endpoint *p, const struct tcp_segment *seg)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_segment out;
	switch (tcp_request_input(&p->request, &env, seg, &out)) {
	case TCP_VERDICT_REPLY:
		transmit(p, &out);
		break;
	case TCP_VERDICT_ABORT:
		p->has_request = false;
		reset(p, seg);
		break;
	case TCP_VERDICT_RESET:
		reset(p, seg);
		break;
	case TCP_VERDICT_KILL:
		p->has_request = false;
		break;
	case TCP_VERDICT_ACCEPT:
		begin(p, seg);
		break;
	default:
		break;
	}
}

static void
input_listener(struct endpoint *p, const struct tcp_segment *seg)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_request_config config = request_config(p);
	if (seg->flags & TCP_RST)
		return;
	if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		if (!(seg->flags & TCP_FIN))
			input_syn(p, seg);
	} else if (p->cookies && (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_ACK &&
		tcp_cookie_open(&p->request, &env, seg, &config, COOKIE_HASH,
			(uint32_t)(p->now / 60000000000u))) {
		begin(p, seg);
	} else {
		reset(p, seg);
	}
}

static void
input_timewait(struct endpoint *p, const struct tcp_segment *seg)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_segment out;
	uint32_t min_iss;
	switch (tcp_timewait_input(&p->tw, &env, seg, &out, &min_iss)) {
	case TCP_VERDICT_REPLY:
		transmit(p, &out);
		break;
	case TCP_VERDICT_ABORT:
		p->in_timewait = false;
		reset(p, seg);
		break;
	case TCP_VERDICT_KILL:
		p->in_timewait = false;
		break;
	case TCP_VERDICT_NEW_SYN:
		if (!p->listening) {
			reset(p, seg);
			break;
		}
		p->in_timewait = false;
		p->iss = min_iss + 1000;
		input_listener(p, seg);
		break;
	default:
		break;
	}
}

void
endpoint_input(struct endpoint *p, const struct tcp_segment *seg)
{
	if (p->has_conn)
		input_conn(p, seg);
	else if (p->in_timewait)
		input_timewait(p, seg);
	else if (p->has_request)
		input_request(p, seg);
	else if (p->listening)
		input_listener(p, seg);
	else
		reset(p, seg);
}

uint64_t
endpoint_deadline(const struct endpoint *p)
{
	uint64_t at = UINT64_MAX;
	if (p->has_conn)
		at = min(at, tcp_deadline(&p->c));
	if (p->has_request)
		at = min(at, p->request.retry_at);
	if (p->in_timewait)
		at = min(at, p->tw.expires);
	return at;
}

void
endpoint_timers(struct endpoint *p)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_actions act;
	struct tcp_segment out;
	if (p->has_conn && tcp_deadline(&p->c) <= p->now) {
		tcp_timer(&p->c, &env, &act);
		endpoint_after(p, &act);
	}
	if (p->has_request && p->request.retry_at <= p->now) {
		enum tcp_verdict v = tcp_request_timer(&p->request, &env, SYNACK_RETRIES, &out);
		if (v == TCP_VERDICT_REPLY)
			transmit(p, &out);
		p->has_request = v != TCP_VERDICT_KILL;
	}
	if (p->in_timewait && p->tw.expires <= p->now)
		p->in_timewait = false;
}

void
endpoint_icmp(struct endpoint *p, uint32_t seq, uint32_t mtu, uint16_t error)
{
	struct tcp_actions act = {0};
	if (!p->has_conn)
		return;
	if (mtu != 0) {
		uint32_t before = p->mss;
		p->mss = min(p->mss, mtu - 40);
		struct tcp_env env = endpoint_env(p);
		if (!tcp_path_mss(&p->c, &env, seq))
			p->mss = before;
	} else {
		tcp_icmp_error(&p->c, seq, error, &act);
	}
	endpoint_after(p, &act);
}
