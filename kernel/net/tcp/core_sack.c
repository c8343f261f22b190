/* SPDX-License-Identifier: MIT */
/*
 * The SACK scoreboard (RFC 2018, 6675) over the sent pieces, and DSACK (RFC 2883).
 *
 * Blocks are rounded inwards to whole segments of the piece that they cut, so that a peer who names single bytes splits
 * nothing; SACKed neighbours become one piece. So there are as many pieces as there are holes, about.
 */
#include "kernel/net/tcp/core_internal.h"

/* The first block may name what came twice: below the ACK, or inside of the second block. */
static bool
is_dsack(const struct tcp_segment *seg)
{
	const struct tcp_range *b = seg->sack;
	if (tcp_seq_before(b[0].start, seg->ack))
		return true;
	return seg->nr_sack > 1 && tcp_seq_before_eq(b[1].start, b[0].start) &&
		tcp_seq_before_eq(b[0].end, b[1].end);
}

/*
 * Bytes of a DSACK that we sent twice since the window was reduced. A network that doubles segments makes DSACKs too; of
 * what is acknowledged it is no longer known which it was, and the reduction's own time must do.
 */
static uint32_t
sent_twice(struct tcp_conn *c, const struct tcp_range *b)
{
	uint32_t n = 0;
	if (c->undo_marker == 0)
		return 0;
	if (tcp_seq_before_eq(b->end, c->snd_una))
		return tcp_seq_after(b->end, c->undo_marker) ? b->end - b->start : 0;
	for (uint32_t i = tcp_sent_find(c, b->start); i < c->sent_count; i++) {
		const struct tcp_sent *s = tcp_sent_at(c, i);
		if (!tcp_seq_before(s->start, b->end))
			break;
		if (s->flags & TCP_SENT_EVER)
			n += min(s->end - b->start, b->end - b->start);
	}
	return min(n, b->end - b->start);
}

static void
take_dsack(struct tcp_conn *c, const struct tcp_range *b, struct tcp_ack *a)
{
	if (!tcp_seq_before(b->start, b->end) || tcp_seq_after(b->end, c->snd_nxt))
		return;
	if (b->end - b->start > c->max_wnd && c->max_wnd != 0)
		return;
	a->flags |= TCP_ACK_DSACK;
	uint32_t twice = sent_twice(c, b);
	c->undo_retrans -= min(c->undo_retrans, twice);
	if (twice > 0)
		tcp_rack_dsack(c);
}

/* Cuts piece i so that it lies inside of the block as far as whole segments go; false: nothing of it does. */
static bool
cut(struct tcp_conn *c, const struct tcp_memory *memory, uint32_t *i, const struct tcp_range *b)
{
	const struct tcp_sent *s = tcp_sent_at(c, *i);
	uint32_t unit = TCP_SENT_SIZE(s->flags), from = s->start, to = s->end;
	if (tcp_seq_before(from, b->start))
		from += (b->start - from + unit - 1) / unit * unit;
	if (tcp_seq_after(to, b->end))
		to = s->start + (b->end - s->start) / unit * unit;
	if (!tcp_seq_before(from, to))
		return false;
	if (to != s->end && !tcp_sent_split(c, memory, *i, to))
		return false;
	if (from == tcp_sent_at(c, *i)->start)
		return true;
	if (!tcp_sent_split(c, memory, *i, from))
		return false;
	(*i)++;
	return true;
}

static void
mark(struct tcp_conn *c, struct tcp_sent *s, struct tcp_ack *a)
{
	uint32_t n = s->end - s->start;
	if (s->flags & TCP_SENT_RETRANS)
		c->retrans -= n;
	if (s->flags & TCP_SENT_LOST)
		c->lost -= n;
	if (!(s->flags & TCP_SENT_EVER)) {
		a->flags |= TCP_ACK_ORIG;
		if (!(a->flags & TCP_ACK_HAS_RTT)) {
			a->flags |= TCP_ACK_HAS_RTT;
			a->rtt_us = a->now_us - s->time_us;
		}
	} else {
		a->flags |= TCP_ACK_RTX;
	}
	tcp_rack_sample(c, a, s);
	tcp_rack_order(c, a, s);
	c->fack = c->sacked > 0 ? tcp_seq_max(c->fack, s->end) : s->end;
	c->sacked += n;
	a->delivered += n;
	a->flags |= TCP_ACK_SACKED;
	s->flags = (s->flags & ~(TCP_SENT_RETRANS | TCP_SENT_LOST)) | TCP_SENT_SACKED;
}

/* Makes piece i and the SACKed one before it one, if both were sent again or neither was. */
static void
join(struct tcp_conn *c, uint32_t *i)
{
	if (*i == 0)
		return;
	struct tcp_sent *s = tcp_sent_at(c, *i - 1);
	if (!(s[0].flags & s[1].flags & TCP_SENT_SACKED) ||
		((s[0].flags ^ s[1].flags) & TCP_SENT_EVER))
		return;
	s[1].start = s[0].start;
	s[1].flags |= s[0].flags & TCP_SENT_FLAGS;
	tcp_sent_remove(c, *i - 1);
	(*i)--;
}

static void
take_block(
	struct tcp_conn *c, const struct tcp_memory *memory, struct tcp_range b, struct tcp_ack *a)
{
	if (!tcp_seq_before(b.start, b.end) || tcp_seq_before(b.start, c->snd_una) ||
		tcp_seq_after(b.end, c->snd_nxt))
		return;
	for (uint32_t i = tcp_sent_find(c, b.start); i < c->sent_count; i++) {
		struct tcp_sent *s = tcp_sent_at(c, i);
		if (!tcp_seq_before(s->start, b.end))
			break;
		if (!(s->flags & TCP_SENT_SACKED)) {
			if (!cut(c, memory, &i, &b))
				continue;
			mark(c, tcp_sent_at(c, i), a);
		}
		join(c, &i);
		uint32_t next = i + 1;
		if (next < c->sent_count)
			join(c, &next); /* joined or not, i is the piece that was looked at */
	}
}

void
tcp_sack_input(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_ack *a)
{
	uint32_t first = 0;
	if (is_dsack(seg)) {
		take_dsack(c, &seg->sack[0], a);
		first = 1;
	}
	if (c->sent_count == 0)
		return;
	for (uint32_t i = first; i < seg->nr_sack; i++)
		take_block(c, env->memory, seg->sack[i], a);
}
