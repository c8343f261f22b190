/* SPDX-License-Identifier: MIT */
/* See tests/unit/tcp_net.h. */
#include "tests/unit/tcp_net.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

#define ISS(e) ((e) ? 0xfffff000u : 0x7ffff800u) /* both wrap something early */

uint32_t
tcp_net_random(struct tcp_net *n, uint32_t below)
{
	n->seed = n->seed * 6364136223846793005ull + 1442695040888963407ull;
	return below == 0 ? 0 : (uint32_t)(n->seed >> 33) % below;
}

static void *
net_alloc(void *ctx, size_t bytes)
{
	struct tcp_net *n = ctx;
	if (tcp_net_random(n, 1024) < n->no_memory)
		return NULL;
	n->allocated += (int64_t)bytes;
	return malloc(bytes);
}

static void
net_release(void *ctx, void *p, size_t bytes)
{
	struct tcp_net *n = ctx;
	n->allocated -= (int64_t)bytes;
	free(p);
}

struct tcp_env
tcp_net_env(struct tcp_net *n)
{
	return (struct tcp_env){.now = n->now, .mss = n->mss, .memory = &n->memory};
}

uint8_t
tcp_net_byte(int sender, uint32_t offset)
{
	uint32_t x = offset * 2654435761u + (uint32_t)sender * 97;
	return (uint8_t)(x >> 24 ^ x >> 11);
}

void
tcp_net_init(struct tcp_net *n, uint64_t seed)
{
	*n = (struct tcp_net){.seed = seed * 0x9e3779b97f4a7c15ull + 1,
		.now = 1000000000,
		.mss = 1460,
		.delay = 1000000,
		.max_write = 8192,
		.max_read = 65536};
	n->memory = (struct tcp_memory){net_alloc, net_release, n};
	for (int e = 0; e < 2; e++) {
		struct tcp_net_end *x = &n->end[e];
		x->buffer = 65536;
		x->offer = TCP_HAS_MSS | TCP_HAS_WSCALE | TCP_HAS_SACKOK | TCP_HAS_TS;
		x->config = (struct tcp_request_config){.iss = ISS(e),
			.ts_offset = e ? 0xffffff00u : 5,
			.rcv_buffer = x->buffer,
			.rcv_max = 1 << 20,
			.adv_mss = (uint16_t)n->mss};
		x->kept = malloc(TCP_NET_STREAM);
		x->known = calloc(1, TCP_NET_STREAM);
		tcp_conn_init(&x->c);
	}
}

void
tcp_net_free(struct tcp_net *n)
{
	for (int e = 0; e < 2; e++) {
		tcp_conn_free(&n->end[e].c, &n->memory);
		free(n->end[e].kept);
		free(n->end[e].known);
	}
	for (uint32_t i = 0; i < n->count; i++)
		free(n->queue[i].payload);
	free(n->queue);
	CHECK_EQ(n->allocated, 0);
}

/* --- the books --- */

static void
check_sent(struct tcp_conn *c)
{
	uint32_t at = c->snd_una, sacked = 0, lost = 0, retrans = 0;
	for (uint32_t i = 0; i < c->sent_count; i++) {
		struct tcp_sent *s = tcp_sent_at(c, i);
		uint32_t bytes = s->end - s->start;
		CHECK_EQ(s->start, at);
		CHECK((int32_t)bytes > 0);
		at = s->end;
		sacked += s->flags & TCP_SENT_SACKED ? bytes : 0;
		lost += s->flags & TCP_SENT_LOST ? bytes : 0;
		retrans += s->flags & TCP_SENT_RETRANS ? bytes : 0;
		CHECK(!(s->flags & TCP_SENT_SACKED) ||
			!(s->flags & (TCP_SENT_LOST | TCP_SENT_RETRANS)));
	}
	CHECK_EQ(at, c->snd_nxt);
	CHECK_EQ(lost, c->lost);
	CHECK_EQ(retrans, c->retrans);
	if (c->flags & TCPF_SACK)
		CHECK_EQ(sacked, c->sacked);
	CHECK(c->sent != NULL || c->sent_count <= 1);
}

void
tcp_net_check(struct tcp_net *n, struct tcp_conn *c)
{
	if (c->state == TCP_CLOSE)
		return;
	check_sent(c);
	for (uint32_t i = 0; i < c->ooo_count; i++) {
		CHECK(tcp_seq_before(c->ooo[i].start, c->ooo[i].end));
		CHECK(tcp_seq_before(i == 0 ? c->rcv_nxt : c->ooo[i - 1].end, c->ooo[i].start));
	}
	CHECK((c->ooo_count == 0) == (c->ooo == NULL));
	CHECK(c->cwnd >= c->mss || c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECV);
	/* Whatever is not at rest has a timer: in flight, or waiting to be sent. */
	if (c->sent_count > 0 || (tcp_unsent(c) && c->state != TCP_SYN_RECV))
		CHECK(tcp_deadline(c) != UINT64_MAX);
}

/* --- the channel --- */

static void
enqueue(struct tcp_net *n, struct tcp_net_packet p)
{
	if (n->count == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 64;
		struct tcp_net_packet *bigger = realloc(n->queue, n->cap * sizeof(*bigger));
		CHECK(bigger != NULL);
		n->queue = bigger;
	}
	p.order = n->order++;
	uint32_t i = n->count++;
	while (i > 0 && p.at < n->queue[(i - 1) / 2].at) {
		n->queue[i] = n->queue[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	n->queue[i] = p;
}

static bool
earlier(const struct tcp_net_packet *a, const struct tcp_net_packet *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static struct tcp_net_packet
dequeue(struct tcp_net *n)
{
	struct tcp_net_packet first = n->queue[0], p = n->queue[--n->count];
	uint32_t i = 0;
	for (;;) {
		uint32_t k = 2 * i + 1;
		if (k >= n->count)
			break;
		if (k + 1 < n->count && earlier(&n->queue[k + 1], &n->queue[k]))
			k++;
		if (!earlier(&n->queue[k], &p))
			break;
		n->queue[i] = n->queue[k];
		i = k;
	}
	n->queue[i] = p;
	return first;
}

static bool
chance(struct tcp_net *n, uint32_t per_1024)
{
	return per_1024 != 0 && tcp_net_random(n, 1024) < per_1024;
}

static void
fly(struct tcp_net *n, int from, const struct tcp_segment *seg, const uint8_t *payload)
{
	struct tcp_net_packet p = {.to = !from, .seg = *seg};
	n->sent++;
	if (n->seen != NULL)
		n->seen(n, from, seg);
	if (chance(n, n->loss) || (n->eats != NULL && n->eats(n, from, seg))) {
		n->lost++;
		return;
	}
	if ((seg->ip & TCP_IP_ECT) && chance(n, n->ce))
		p.seg.ip |= TCP_IP_CE;
	if (!(seg->flags & TCP_SYN) && chance(n, n->bad_window))
		p.seg.wnd = (uint16_t)(tcp_net_random(n, 2) ? 0 : tcp_net_random(n, 65536));
	p.at = n->now + n->delay + (n->jitter ? tcp_net_random(n, (uint32_t)n->jitter) : 0);
	if (chance(n, n->reorder))
		p.at += n->delay * (1 + tcp_net_random(n, 3));
	if (seg->len > 0) {
		p.payload = malloc(seg->len);
		memcpy(p.payload, payload, seg->len);
	}
	enqueue(n, p);
}

/* As a driver's edge does: what is larger than a segment is cut into several. */
static void
transmit(struct tcp_net *n, int e, struct tcp_segment *seg)
{
	struct tcp_net_end *x = &n->end[e];
	static uint8_t bytes[1 << 17];
	uint32_t offset = seg->seq - ISS(e) - 1;
	if (seg->len > 0) {
		CHECK(seg->len <= 65535 && offset >= x->acked && offset + seg->len <= x->written);
		for (uint32_t i = 0; i < seg->len; i++)
			bytes[i] = tcp_net_byte(e, offset + i);
	}
	uint8_t header[TCP_HEADER_MAX];
	uint32_t header_len = tcp_encode(seg, header);
	CHECK_EQ(header_len, tcp_header_length(seg));
	uint32_t unit = seg->gso_size ? seg->gso_size : max(seg->len, 1u);
	for (uint32_t at = 0; at == 0 || at < seg->len; at += unit) {
		struct tcp_segment piece;
		CHECK(tcp_decode(header, header_len, &piece));
		piece.ip = seg->ip;
		piece.seq += at;
		piece.len = min(unit, seg->len - at);
		if (piece.len > 0)
			CHECK(piece.len + header_len - 20 <= n->mss);
		if (at + piece.len < seg->len)
			piece.flags &= ~(TCP_FIN | TCP_PSH);
		if (at > 0)
			piece.flags &= ~TCP_CWR;
		if ((seg->flags & TCP_URG) && at > 0) {
			piece.urgent = (uint16_t)(seg->urgent - at);
			if (seg->urgent <= at)
				piece.flags &= ~TCP_URG;
		}
		if (piece.flags & TCP_SYN)
			piece.opts &= n->end[0].offer & n->end[1].offer;
		fly(n, e, &piece, bytes + at);
	}
}

/* --- an end --- */

static void
space(struct tcp_net_end *x)
{
	uint32_t used = x->delivered - x->read;
	tcp_set_rcv_space(&x->c, used < x->buffer ? x->buffer - used : 0, x->buffer);
}

void
tcp_net_flush(struct tcp_net *n, int e)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	struct tcp_segment seg;
	for (int i = 0; x->has_conn && tcp_output(&x->c, &env, &seg); i++) {
		CHECK(i < 5000);
		transmit(n, e, &seg);
	}
	if (x->has_conn)
		tcp_net_check(n, &x->c);
}

static void
forget(struct tcp_net *n, struct tcp_net_end *x)
{
	tcp_conn_free(&x->c, &n->memory);
	x->has_conn = false;
	x->c.state = TCP_CLOSE;
}

static void
after(struct tcp_net *n, int e, const struct tcp_actions *act)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	x->acked += act->acked;
	CHECK(x->acked <= x->written);
	if (act->what & TCP_DO_RDHUP)
		x->rdhup = true;
	if (act->what & TCP_DO_ERROR)
		x->error = act->error;
	if ((act->what & TCP_DO_FIT) && !x->fixed)
		x->buffer = min(act->fit_to, 1u << 20);
	tcp_net_flush(n, e);
	if (act->what & TCP_DO_TIME_WAIT) {
		tcp_timewait_init(&x->tw, &env, &x->c);
		x->in_timewait = true;
		forget(n, x);
	}
	if (act->what & TCP_DO_CLOSED) {
		forget(n, x);
		x->over = true;
	}
}

static void
take_byte(struct tcp_net_end *x, int e, uint8_t byte)
{
	CHECK(x->delivered < x->expect);
	CHECK_EQ(byte, tcp_net_byte(!e, x->delivered));
	x->known[x->delivered] = 0;
	x->delivered++;
}

/* The payload goes where the core says; what was kept follows as far as rcv_nxt. */
static void
place(struct tcp_net *n, int e, const struct tcp_segment *seg, const uint8_t *payload,
	const struct tcp_actions *act)
{
	struct tcp_net_end *x = &n->end[e];
	CHECK((uint64_t)act->deliver_off + act->deliver_len <= seg->len);
	CHECK((uint64_t)act->keep_off + act->keep_len <= seg->len);
	for (uint32_t i = 0; i < act->deliver_len; i++)
		take_byte(x, e, payload[act->deliver_off + i]);
	uint32_t at = seg->seq + act->keep_off - ISS(!e) - 1;
	CHECK(act->keep_len == 0 || (at > x->delivered && at + act->keep_len <= x->expect));
	for (uint32_t i = 0; i < act->keep_len; i++) {
		x->kept[at + i] = payload[act->keep_off + i];
		x->known[at + i] = 1;
	}
	uint32_t end = x->c.rcv_nxt - ISS(!e) - 1 - ((x->c.flags & TCPF_FIN_RCVD) ? 1 : 0);
	while (x->delivered < end) {
		CHECK(x->known[x->delivered]);
		take_byte(x, e, x->kept[x->delivered]);
	}
	CHECK_EQ(x->delivered, end);
}

static void
input_conn(struct tcp_net *n, int e, const struct tcp_segment *seg, const uint8_t *payload)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	struct tcp_actions act;
	struct tcp_segment out;
	bool opening = x->c.state == TCP_SYN_SENT;
	tcp_input(&x->c, &env, seg, &act);
	if (!opening || (x->c.state != TCP_SYN_SENT && x->c.state != TCP_CLOSE))
		place(n, e, seg, payload, &act);
	if (act.what & TCP_DO_URG_BYTE)
		x->urgent_seen++;
	if ((act.what & TCP_DO_RESET) && tcp_reset_reply(seg, &out))
		transmit(n, e, &out);
	space(x);
	after(n, e, &act);
}

static void
configure(struct tcp_net_end *x)
{
	tcp_conn_init(&x->c);
	x->c.flags |= x->want_flags;
	x->c.cc = x->cc;
	x->c.pacing_rate = x->pacing;
	space(x);
	x->has_conn = true;
}

static void
input_request(struct tcp_net *n, int e, const struct tcp_segment *seg, const uint8_t *payload)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	struct tcp_segment out;
	switch (tcp_request_input(&x->request, &env, seg, &out)) {
	case TCP_VERDICT_REPLY:
		transmit(n, e, &out);
		break;
	case TCP_VERDICT_RESET:
		if (tcp_reset_reply(seg, &out))
			transmit(n, e, &out);
		break;
	case TCP_VERDICT_KILL:
		x->has_request = false;
		break;
	case TCP_VERDICT_ACCEPT:
		x->has_request = false;
		configure(x);
		tcp_conn_from_request(&x->c, &env, &x->request);
		input_conn(n, e, seg, payload);
		break;
	default:
		break;
	}
}

void
tcp_net_inject(struct tcp_net *n, int e, const struct tcp_segment *seg, const uint8_t *payload)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	struct tcp_segment out;
	uint32_t min_iss;
	if (x->has_conn) {
		input_conn(n, e, seg, payload);
	} else if (x->in_timewait) {
		enum tcp_verdict v = tcp_timewait_input(&x->tw, &env, seg, &out, &min_iss);
		if (v == TCP_VERDICT_REPLY)
			transmit(n, e, &out);
		if (v == TCP_VERDICT_ABORT || v == TCP_VERDICT_KILL)
			x->in_timewait = false, x->over = true;
		if (v == TCP_VERDICT_ABORT && tcp_reset_reply(seg, &out))
			transmit(n, e, &out);
	} else if (x->has_request) {
		input_request(n, e, seg, payload);
	} else if (x->is_listener && !x->over &&
		(seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN) {
		tcp_request_init(&x->request, &env, seg, &x->config);
		x->has_request = true;
		tcp_request_synack(&x->request, &env, &out);
		transmit(n, e, &out);
	} else if (tcp_reset_reply(seg, &out)) {
		transmit(n, e, &out);
	}
}

void
tcp_net_open(struct tcp_net *n, bool simultaneous)
{
	struct tcp_env env = tcp_net_env(n);
	for (int e = 0; e < 2; e++)
		n->end[e].expect = n->manual ? TCP_NET_STREAM : n->end[!e].total;
	for (int e = 0; e < 2; e++) {
		struct tcp_net_end *x = &n->end[e];
		if (e == 1 && !simultaneous) {
			x->is_listener = true;
			continue;
		}
		configure(x);
		tcp_connect(&x->c, &env, ISS(e), x->config.ts_offset, 1 << 20);
		tcp_net_flush(n, e);
	}
}

/* --- users --- */

void
tcp_net_write(struct tcp_net *n, int e, uint32_t bytes, uint32_t flags)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	x->written += bytes;
	CHECK(x->written <= TCP_NET_STREAM);
	tcp_write(&x->c, &env, bytes, flags);
	tcp_net_flush(n, e);
}

void
tcp_net_read(struct tcp_net *n, int e, uint32_t bytes)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	struct tcp_actions act = {0};
	x->read += bytes;
	CHECK(x->read <= x->delivered);
	if (!x->has_conn)
		return;
	space(x);
	tcp_read(&x->c, &env, bytes, &act);
	after(n, e, &act);
}

void
tcp_net_shutdown(struct tcp_net *n, int e)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	struct tcp_actions act;
	x->shut = true;
	if (!x->has_conn)
		return;
	tcp_shutdown(&x->c, &env, &act);
	after(n, e, &act);
}

void
tcp_net_close(struct tcp_net *n, int e, uint32_t flags)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	struct tcp_actions act;
	if (!x->has_conn)
		return;
	tcp_close(&x->c, &env, flags, &act);
	after(n, e, &act);
}

static bool
established(const struct tcp_net_end *x)
{
	return x->has_conn && x->c.state != TCP_SYN_SENT && x->c.state != TCP_SYN_RECV &&
		x->c.state != TCP_CLOSE;
}

/* Users who write all they have in random pieces, read now and then, and shut down at the end. */
static void
user(struct tcp_net *n, int e)
{
	struct tcp_net_end *x = &n->end[e];
	if (x->delivered > x->read && x->reads_at <= n->now) {
		tcp_net_read(n, e, min(1 + tcp_net_random(n, n->max_read), x->delivered - x->read));
		x->reads_at = n->now + tcp_net_random(n, 8) * tcp_net_random(n, 8) * n->delay / 8;
	}
	if (!established(x) || x->shut || x->writes_at > n->now)
		return;
	uint32_t room = 128 * 1024 - (x->written - x->acked);
	uint32_t m = min(x->total - x->written, 1 + tcp_net_random(n, n->max_write));
	if (m > 0 && m <= room)
		tcp_net_write(n, e, m, tcp_net_random(n, 16) == 0 ? TCP_WRITE_MORE : 0);
	else if (m == 0)
		tcp_net_shutdown(n, e);
	x->writes_at = n->now + tcp_net_random(n, 4) * tcp_net_random(n, 4) * n->delay / 8;
}

static uint64_t
user_at(const struct tcp_net *n, const struct tcp_net_end *x)
{
	uint64_t at = UINT64_MAX;
	if (n->manual)
		return at;
	if (x->delivered > x->read)
		at = x->reads_at;
	if (established(x) && !x->shut && (x->written - x->acked < 100000))
		at = min(at, x->writes_at);
	return at == UINT64_MAX ? at : max(at, n->now);
}

static uint64_t
end_at(const struct tcp_net *n, const struct tcp_net_end *x)
{
	uint64_t at = user_at(n, x);
	if (x->has_conn)
		at = min(at, tcp_deadline(&x->c));
	if (x->has_request)
		at = min(at, x->request.retry_at);
	if (x->in_timewait)
		at = min(at, x->tw.expires);
	return at;
}

static void
end_timers(struct tcp_net *n, int e)
{
	struct tcp_net_end *x = &n->end[e];
	struct tcp_env env = tcp_net_env(n);
	struct tcp_actions act;
	struct tcp_segment out;
	if (x->has_conn && tcp_deadline(&x->c) <= n->now) {
		tcp_timer(&x->c, &env, &act);
		after(n, e, &act);
	}
	if (x->has_request && x->request.retry_at <= n->now) {
		enum tcp_verdict v = tcp_request_timer(&x->request, &env, 5, &out);
		if (v == TCP_VERDICT_REPLY)
			transmit(n, e, &out);
		x->has_request = v != TCP_VERDICT_KILL;
	}
	if (x->in_timewait && x->tw.expires <= n->now)
		x->in_timewait = false, x->over = true;
}

bool
tcp_net_step(struct tcp_net *n)
{
	uint64_t at = n->count > 0 ? n->queue[0].at : UINT64_MAX;
	for (int e = 0; e < 2; e++)
		at = min(at, end_at(n, &n->end[e]));
	if (at == UINT64_MAX)
		return false;
	n->now = max(n->now, at);
	n->steps++;
	if (n->count > 0 && n->queue[0].at <= n->now) {
		struct tcp_net_packet p = dequeue(n);
		tcp_net_inject(n, p.to, &p.seg, p.payload);
		if (chance(n, n->dup))
			tcp_net_inject(n, p.to, &p.seg, p.payload);
		free(p.payload);
		return true;
	}
	for (int e = 0; e < 2; e++) {
		end_timers(n, e);
		if (!n->manual)
			user(n, e);
	}
	return true;
}

bool
tcp_net_run(struct tcp_net *n, bool (*done)(struct tcp_net *), uint64_t ns)
{
	uint64_t until = n->now + ns;
	while (!done(n)) {
		if (n->now > until || !tcp_net_step(n))
			return false;
	}
	return true;
}
