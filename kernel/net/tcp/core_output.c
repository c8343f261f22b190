/* SPDX-License-Identifier: MIT */
/*
 * Segments to be sent: tcp_output() is asked again and again, and gives first what was lost, then new data as far as
 * windows, Nagle and pacing let it, then probes and ACKs that nothing else carried.
 */
#include "kernel/net/tcp/core_internal.h"

#define CORK_US        200000u
#define HEADERS_MAX    120u /* of IP and TCP with all options, which count for IP's 65,535 bytes too */
#define PACE_CREDIT_NS 4000000u /* what a late timer may have held up is caught up with */
#define TSO_DIVISOR \
	3u /* of a window, what is worth waiting for before sending less than it would let */

/* A FIN that came ahead of its turn: it was received like data, and is told like data. */
static bool
fin_waits(const struct tcp_conn *c)
{
	return (c->flags & (TCPF_FIN_SEEN | TCPF_FIN_RCVD)) == TCPF_FIN_SEEN;
}

/* That FIN, behind the range that it touches or as a range of its own. Returns the number of ranges, `most` at most. */
static uint32_t
add_fin(const struct tcp_conn *c, struct tcp_range *to, uint32_t n, uint32_t most)
{
	for (uint32_t i = 0; i < n; i++)
		if (to[i].end == c->rcv_fin) {
			to[i].end++;
			return n;
		}
	/* The last of all: what touches it and was not told does not fit either. */
	if (n < most)
		to[n++] = (struct tcp_range){c->rcv_fin, c->rcv_fin + 1};
	return n;
}

/* Those that grew last go first, so that each is told several times (RFC 2018, 4); then whatever fits. */
static uint32_t
add_ranges(const struct tcp_conn *c, struct tcp_range *to, uint32_t most)
{
	const struct tcp_range *taken[TCP_SACK_MAX] = {NULL};
	uint32_t n = 0;
	for (uint32_t i = 0; c->ooo_count > 0 && i < TCP_SACK_MAX && n < most; i++) {
		const struct tcp_range *r = tcp_ooo_find(c, c->ooo[c->ooo_cap + i].start);
		bool again = false;
		for (uint32_t k = 0; k < n; k++)
			again |= taken[k] == r;
		if (r != NULL && !again)
			taken[n++] = r;
	}
	for (uint32_t i = 0; i < c->ooo_count && n < most; i++) {
		bool again = false;
		for (uint32_t k = 0; k < n; k++)
			again |= taken[k] == &c->ooo[i];
		if (!again)
			taken[n++] = &c->ooo[i];
	}
	for (uint32_t i = 0; i < n; i++)
		to[i] = *taken[i];
	return n;
}

static void
add_sack(struct tcp_conn *c, struct tcp_segment *out)
{
	uint32_t n = 0, most = out->opts & TCP_HAS_TS ? 3 : 4;
	if (c->flags & TCPF_DSACK)
		out->sack[n++] = c->dsack;
	c->flags &= ~TCPF_DSACK;
	uint32_t ranges = add_ranges(c, out->sack + n, most - n);
	if (fin_waits(c))
		ranges = add_fin(c, out->sack + n, ranges, most - n);
	n += ranges;
	out->nr_sack = (uint8_t)n;
	out->opts |= TCP_HAS_SACK;
}

/* The bytes of SACK blocks that the next segment will carry, at most. */
static uint32_t
sack_bytes(const struct tcp_conn *c)
{
	uint32_t n = c->ooo_count + (c->flags & TCPF_DSACK ? 1u : 0u) + (fin_waits(c) ? 1 : 0);
	return n == 0 || !(c->flags & TCPF_SACK) ? 0 : 4 + 8 * min(n, c->flags & TCPF_TS ? 3u : 4u);
}

/*
 * What every segment of a synchronized connection has; the ACK is then told. text: payload of its segments; SACK blocks
 * go along where they fit.
 */
static void
fill(struct tcp_conn *c, const struct tcp_env *env, struct tcp_segment *out, uint32_t seq,
	uint32_t text)
{
	*out = (struct tcp_segment){.seq = seq, .ack = c->rcv_nxt, .flags = TCP_ACK};
	if (c->flags & TCPF_TS) {
		out->opts = TCP_HAS_TS;
		out->tsval = tcp_tsval(env, c->ts_offset);
		out->tsecr = c->ts_recent;
	}
	uint32_t sack = sack_bytes(c);
	if (unlikely(sack != 0) && text + sack <= c->mss)
		add_sack(c, out);
	if (unlikely(c->flags & TCPF_ECN_ECHO))
		out->flags |= TCP_ECE;
	out->wnd = (uint16_t)min(tcp_rcv_select_window(c) >> c->rcv_wscale, 65535u);
	c->todo &= (uint8_t)~(TCPT_ACK_NOW | TCPT_ACK_LATER);
	c->delack_at = 0;
	if (c->quick > 0)
		c->quick--;
	c->stats.segs_out++;
}

static void
fill_urgent(const struct tcp_conn *c, struct tcp_segment *out)
{
	uint32_t ahead = c->snd_up - out->seq;
	if (!tcp_seq_after(c->snd_up, out->seq))
		return;
	out->flags |= TCP_URG;
	out->urgent = (uint16_t)min(ahead, 65535u);
}

/* Payload and FIN of [start, end). */
static void
fill_text(struct tcp_conn *c, struct tcp_segment *out, uint32_t end, uint32_t unit)
{
	bool fin = tcp_seq_after(end, c->write_seq);
	out->len = end - out->seq - (fin ? 1 : 0);
	out->gso_size = (uint16_t)(out->len > unit ? unit : 0);
	if (fin)
		out->flags |= TCP_FIN;
	if (!tcp_seq_before(end, c->write_seq))
		out->flags |= TCP_PSH;
	if (c->flags & TCPF_URG_OUT)
		fill_urgent(c, out);
	uint32_t n = out->gso_size != 0 ? (out->len + unit - 1) / unit : 1;
	c->stats.segs_out += n - 1;
	c->stats.data_segs_out += out->len != 0 ? n : 0;
	c->stats.bytes_sent += out->len;
}

/* --- opening --- */

static bool
output_syn(struct tcp_conn *c, const struct tcp_env *env, struct tcp_segment *out)
{
	bool again = c->sent_count > 0;
	bool ack = c->state == TCP_SYN_RECV;
	struct tcp_sent *s = tcp_sent_at(c, 0);
	if (again && !(s->flags & TCP_SENT_LOST) && !(ack && (c->todo & TCPT_ACK_NOW)))
		return false;
	*out = (struct tcp_segment){.seq = c->snd_una, .flags = TCP_SYN, .mss = c->adv_mss};
	out->wnd = (uint16_t)min(c->rcv_space, 65535u);
	c->rcv_wup = c->rcv_nxt;
	c->rcv_wnd = out->wnd;
	out->opts = TCP_HAS_MSS;
	if (!ack || (c->flags & TCPF_SACK))
		out->opts |= TCP_HAS_SACKOK;
	if (!ack || (c->flags & TCPF_WSCALE))
		out->opts |= TCP_HAS_WSCALE, out->wscale = c->rcv_wscale;
	if (!ack || (c->flags & TCPF_TS)) {
		out->opts |= TCP_HAS_TS;
		out->tsval = tcp_tsval(env, c->ts_offset);
		out->tsecr = ack ? c->ts_recent : 0;
	}
	if (ack) {
		out->flags |= TCP_ACK;
		out->ack = c->rcv_nxt;
	} else if ((c->flags & TCPF_ECN_ASK) && c->backoff < 2) {
		out->flags |= TCP_ECE |
			TCP_CWR; /* given up where a middlebox swallows it (RFC 3168, 6.1.1.1) */
	}
	c->todo &= (uint8_t)~(TCPT_ACK_NOW | TCPT_ACK_LATER);
	c->stats.segs_out++;
	if (!again) {
		tcp_sent_add(c, env, c->snd_una, c->snd_una + 1, TCP_SENT_SYN);
		c->snd_nxt = c->snd_una + 1;
	} else {
		if (s->flags & TCP_SENT_LOST)
			c->lost--;
		s->flags = TCP_SENT_SYN | TCP_SENT_EVER;
		s->time_us = tcp_us(env);
		c->stats.retrans++;
	}
	if (c->timer == TCP_TIMER_NONE)
		tcp_arm(c, env, TCP_TIMER_RTO, tcp_rto_us(c));
	return true;
}

/* --- again --- */

static void
resend(struct tcp_conn *c, const struct tcp_env *env, uint32_t i, struct tcp_segment *out)
{
	struct tcp_sent *s = tcp_sent_at(c, i);
	fill(c, env, out, s->start, min(TCP_SENT_SIZE(s->flags), s->end - s->start));
	fill_text(c, out, s->end, TCP_SENT_SIZE(s->flags));
	uint32_t n = s->end - s->start;
	if (s->flags & TCP_SENT_RETRANS)
		c->retrans -= n;
	c->retrans += n;
	s->flags |= TCP_SENT_RETRANS | TCP_SENT_EVER;
	s->time_us = tcp_us(env);
	c->undo_retrans += n;
	c->prr_out += n;
	if (c->retrans_ts == 0) {
		/* 0 is none: one less does not make what answers it older than it is. */
		uint32_t ts = tcp_tsval(env, c->ts_offset);
		c->retrans_ts = ts == 0 ? UINT32_MAX : ts;
	}
	c->stats.retrans += (n + TCP_SENT_SIZE(s->flags) - 1) / TCP_SENT_SIZE(s->flags);
	c->stats.bytes_retrans += out->len;
	if (c->timer == TCP_TIMER_NONE || c->timer == TCP_TIMER_PROBE)
		tcp_arm(c, env, TCP_TIMER_RTO, tcp_rto_us(c));
}

/* Where the receiver's window ends. */
static uint32_t
window_end(const struct tcp_conn *c)
{
	return c->snd_una + c->snd_wnd;
}

/* What piece s is sent in, should it go again: the path may have become narrower since. */
static uint32_t
resend_unit(const struct tcp_conn *c, const struct tcp_sent *s)
{
	uint32_t size = TCP_SENT_SIZE(s->flags);
	return c->mss != 0 && c->mss < size ? c->mss : size;
}

static bool
output_lost(struct tcp_conn *c, const struct tcp_env *env, struct tcp_segment *out)
{
	uint32_t flight = tcp_in_flight(c), quota = c->cwnd > flight ? c->cwnd - flight : 0;
	uint32_t i = c->rtx_hint;
	for (; i < c->sent_count; i++)
		if ((tcp_sent_at(c, i)->flags & (TCP_SENT_LOST | TCP_SENT_RETRANS)) ==
			TCP_SENT_LOST)
			break;
	c->rtx_hint = (uint16_t)i;
	if (i >= c->sent_count) {
		c->todo &= (uint8_t)~TCPT_RTX_FORCE;
		return false;
	}
	struct tcp_sent *s = tcp_sent_at(c, i);
	uint32_t unit = resend_unit(c, s);
	uint32_t n = s->end - s->start;
	if (quota < min(n, unit)) {
		if (!(c->todo & TCPT_RTX_FORCE))
			return false;
		quota = unit;
	}
	/* A window that shrank is respected, but for the first: that one is the probe. */
	if (s->start != c->snd_una && tcp_seq_after(s->start + min(n, unit), window_end(c)))
		return false;
	c->todo &= (uint8_t)~TCPT_RTX_FORCE;
	uint32_t most = max(min(quota, TCP_SEND_MAX) / unit * unit, unit);
	/* Without memory for the split it all goes: sending too much beats standing still. */
	if (n > most && !tcp_sent_split(c, env->memory, i, s->start + most) && n > TCP_SEND_MAX)
		return false;
	resend(c, env, i, out);
	return true;
}

/* The last segment again, so that its SACK or ACK tells what is missing (RFC 8985, 7.3). */
static bool
output_tail(struct tcp_conn *c, const struct tcp_env *env, struct tcp_segment *out)
{
	c->todo &= (uint8_t)~TCPT_TLP;
	if (c->sent_count == 0)
		return false;
	uint32_t i = c->sent_count - 1u;
	struct tcp_sent *s = tcp_sent_at(c, i);
	uint32_t unit = TCP_SENT_SIZE(s->flags);
	if (s->flags & TCP_SENT_SACKED)
		return false;
	if (s->end - s->start > unit && tcp_sent_split(c, env->memory, i, s->end - unit))
		i++;
	resend(c, env, i, out);
	c->flags |= TCPF_TLP_RTX;
	c->tlp_high = c->snd_nxt;
	return true;
}

/* --- new data --- */

/* May a segment that is not full go? n bytes would be all that there is. */
static bool
small_may_go(const struct tcp_conn *c)
{
	if ((c->flags & TCPF_FIN_QUEUED) || (c->flags & TCPF_URG_OUT))
		return true;
	if (c->flags & (TCPF_CORK | TCPF_MORE))
		return false;
	if (c->flags & TCPF_NODELAY)
		return true;
	return !(
		tcp_seq_after(c->snd_sml, c->snd_una) && tcp_seq_before_eq(c->snd_sml, c->snd_nxt));
}

/* What goes at once is worth waiting for, but no more than the path carries in a millisecond or so. */
static uint32_t
large(const struct tcp_conn *c)
{
	uint32_t window = min(c->snd_wnd, c->cwnd);
	uint32_t most = min(window / TSO_DIVISOR, TCP_SEND_MAX - c->mss);
	uint64_t carried = 2000ull * c->cwnd / (c->srtt_us | 1);
	return (uint32_t)min((uint64_t)most, carried < 2u * c->mss ? 2u * c->mss : carried);
}

/*
 * Is it better to wait for the next ACK, which lets more go at once? Not if it is far: what it answers was sent less than
 * half a round trip ago.
 */
static bool
defer(struct tcp_conn *c, const struct tcp_env *env, uint32_t n, uint32_t wanted)
{
	return n < wanted && c->ca_state == TCP_CA_OPEN && c->sent_count > 0 &&
		tcp_in_flight(c) > n && n < large(c) &&
		tcp_us(env) - tcp_sent_at(c, 0)->time_us >= c->srtt_us / 2;
}

/* How many bytes of new data may go in the next segment; the cork, Nagle, windows and pacing say 0. */
static uint32_t
sendable(struct tcp_conn *c, const struct tcp_env *env, uint32_t unit)
{
	uint32_t wanted = c->write_seq - c->snd_nxt,
		 n = min(wanted, max((TCP_SEND_MAX - HEADERS_MAX) / unit, 1u) * unit);
	int32_t wnd = (int32_t)(window_end(c) - c->snd_nxt);
	uint32_t flight = tcp_in_flight(c), cwnd = c->cwnd > flight ? c->cwnd - flight : 0;
	bool force = c->todo & (TCPT_NEW_FORCE | TCPT_TLP);
	if (wnd <= 0)
		return 0;
	if (force)
		cwnd = max(cwnd, (c->flags & TCPF_FRTO ? 2 : 1) * unit);
	c->flags &= ~TCPF_CWND_FULL;
	if (cwnd < n) {
		c->flags |= TCPF_CWND_FULL;
		n = cwnd / unit * unit;
	}
	if ((uint32_t)wnd < n) {
		/* A silly window waits, until it is half of the largest, or the probe's time has come. */
		n = (uint32_t)wnd >= unit ? (uint32_t)wnd / unit * unit : (uint32_t)wnd;
		if (n < unit && !force && (uint32_t)wnd < c->max_wnd / 2)
			return 0;
		return !force && defer(c, env, n, wanted) ? 0 : n;
	}
	if (n == wanted && n % unit != 0 && !force && !small_may_go(c))
		return n / unit * unit;
	return !force && defer(c, env, n, wanted) ? 0 : n;
}

/* How much of the congestion window is used decides whether it may grow (RFC 7661): the most in flight in a round. */
static void
note_usage(struct tcp_conn *c)
{
	uint32_t flight = tcp_in_flight(c);
	if (!tcp_seq_before(c->snd_una, c->usage_seq) || flight > c->max_flight) {
		c->max_flight = flight;
		c->usage_seq = c->snd_nxt;
	}
	if (flight + c->mss > c->cwnd)
		c->flags |= TCPF_CWND_FULL;
}

static void
sent_new(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *out, uint32_t end,
	uint32_t unit)
{
	uint32_t piece = unit << 16 | (out->flags & TCP_FIN ? TCP_SENT_FIN : 0);
	tcp_sent_add(c, env, c->snd_nxt, end, piece);
	c->snd_nxt = end;
	note_usage(c);
	if (out->len % unit != 0)
		c->snd_sml = end;
	if (c->ca_state == TCP_CA_RECOVERY || c->ca_state == TCP_CA_CWR)
		c->prr_out += out->len;
	uint32_t now = tcp_ms(env);
	if (now - c->last_rcv_ms < c->ato_ms)
		c->flags |= TCPF_PUSH_SENT;
	c->last_snd_ms = now;
	if (c->pacing_rate != 0 && out->len > 0) {
		bool late = c->pace_at < env->now && env->now - c->pace_at > PACE_CREDIT_NS;
		c->pace_at =
			(late ? env->now : c->pace_at) + out->len * 1000000000ull / c->pacing_rate;
	}
	if (c->timer != TCP_TIMER_REO && c->timer != TCP_TIMER_RTO)
		tcp_arm_xmit(c, env);
}

/* A paced connection sends what takes a millisecond, two segments at least, at once. */
static uint32_t
paced_burst(const struct tcp_conn *c, uint32_t unit)
{
	uint64_t burst = min(c->pacing_rate / 1000, (uint64_t)TCP_SEND_MAX);
	return max((uint32_t)burst / unit * unit, 2 * unit);
}

static bool
output_new(struct tcp_conn *c, const struct tcp_env *env, struct tcp_segment *out)
{
	uint32_t unit = c->mss - min(sack_bytes(c), c->mss / 2u);
	if (c->pacing_rate != 0 && env->now < c->pace_at) {
		c->todo |= TCPT_PACED;
		return false;
	}
	c->todo &= (uint8_t)~TCPT_PACED;
	uint32_t n = sendable(c, env, unit);
	if (c->pacing_rate != 0)
		n = min(n, paced_burst(c, unit));
	uint32_t end = c->snd_nxt + n;
	bool fin = (c->flags & TCPF_FIN_QUEUED) && end == c->write_seq &&
		tcp_seq_before(end, window_end(c));
	if (n == 0 && !fin)
		return false;
	if (fin)
		end++;
	/* What cannot be recorded cannot be repaired. */
	if (!tcp_sent_room(c, env->memory, end))
		return false;
	fill(c, env, out, c->snd_nxt, min(n, unit));
	fill_text(c, out, end, unit);
	if (c->flags & TCPF_ECN) {
		out->ip = TCP_IP_ECT;
		if (c->flags & TCPF_ECN_CWR && out->len > 0) {
			out->flags |= TCP_CWR;
			c->flags &= ~TCPF_ECN_CWR;
		}
	}
	if (c->todo & TCPT_TLP) {
		c->todo &= (uint8_t)~TCPT_TLP;
		c->flags &= ~TCPF_TLP_RTX;
		c->tlp_high = end;
	}
	c->todo &= (uint8_t)~TCPT_NEW_FORCE;
	sent_new(c, env, out, end, unit);
	return true;
}

/* --- the rest --- */

static void
output_rst(struct tcp_conn *c, struct tcp_segment *out)
{
	c->todo = 0;
	c->stats.segs_out++;
	*out = (struct tcp_segment){
		.seq = c->snd_nxt, .ack = c->rcv_nxt, .flags = TCP_RST | TCP_ACK};
}

static bool
output_bare(struct tcp_conn *c, const struct tcp_env *env, struct tcp_segment *out)
{
	if (c->todo & TCPT_PROBE) {
		c->todo &= (uint8_t)~TCPT_PROBE;
		fill(c, env, out, c->snd_una - 1, 0); /* old: the peer must answer */
		return true;
	}
	if (!(c->todo & TCPT_ACK_NOW))
		return false;
	fill(c, env, out, c->snd_nxt, 0);
	return true;
}

/* Nothing is in flight and something waits: the peer's window, a cork or memory holds it up; look again some time. */
static void
watch(struct tcp_conn *c, const struct tcp_env *env)
{
	c->todo &= (uint8_t)~(TCPT_NEW_FORCE | TCPT_RTX_FORCE | TCPT_TLP);
	if (c->sent_count > 0 || !tcp_unsent(c) || c->timer != TCP_TIMER_NONE ||
		(c->todo & TCPT_PACED))
		return;
	tcp_arm(c, env, TCP_TIMER_PROBE, c->snd_wnd == 0 ? tcp_rto_us(c) : CORK_US);
}

bool
tcp_output(struct tcp_conn *c, const struct tcp_env *env, struct tcp_segment *out)
{
	if (unlikely(c->todo & TCPT_RST)) {
		output_rst(c, out);
		return true;
	}
	if (c->state == TCP_CLOSE)
		return false;
	if (unlikely(c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECV))
		return output_syn(c, env, out);
	bool new_first = (c->todo & (TCPT_NEW_FORCE | TCPT_TLP)) != 0;
	if (c->lost > 0 && !new_first && output_lost(c, env, out))
		return true;
	if (tcp_unsent(c) && output_new(c, env, out))
		return true;
	if (new_first && c->lost > 0) {
		/* F-RTO could send nothing new: it ends, and what was lost goes (RFC 5682, 2.1, step 2c). */
		c->todo &= (uint8_t)~(TCPT_NEW_FORCE | TCPT_TLP);
		c->flags &= ~TCPF_FRTO;
		if (output_lost(c, env, out))
			return true;
	}
	if ((c->todo & TCPT_TLP) && output_tail(c, env, out))
		return true;
	if (output_bare(c, env, out))
		return true;
	watch(c, env);
	return false;
}
