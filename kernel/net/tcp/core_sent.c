/* SPDX-License-Identifier: MIT */
/*
 * The sent pieces: what covers [snd_una, snd_nxt), in order. A lone piece, the usual state of who asks and answers,
 * lies in the connection; more in an array that is freed when everything was acknowledged. Splitting is bounded by the
 * array's largest size: a peer whose SACK blocks would make more pieces is not believed.
 */
#include <string.h>

#include "kernel/net/tcp/core_internal.h"

#define FIRST_LOG 3u

static uint32_t
capacity(const struct tcp_conn *c)
{
	return c->sent == NULL ? 1 : 1u << c->sent_log;
}

static bool
grow(struct tcp_conn *c, const struct tcp_memory *memory)
{
	uint32_t log = c->sent == NULL ? FIRST_LOG : c->sent_log + 1u;
	if (log > TCP_SENT_LOG_MAX)
		return false;
	struct tcp_sent *bigger = memory->alloc(memory->ctx, sizeof(*bigger) << log);
	if (bigger == NULL)
		return false;
	memcpy(bigger, tcp_sent_at(c, 0), c->sent_count * sizeof(*bigger));
	if (c->sent != NULL)
		memory->free(memory->ctx, c->sent, sizeof(*bigger) << c->sent_log);
	c->sent = bigger;
	c->sent_first = 0;
	c->sent_log = (uint8_t)log;
	return true;
}

/* Room for one more piece behind the last. */
bool
tcp_sent_reserve(struct tcp_conn *c, const struct tcp_memory *memory)
{
	uint32_t cap = capacity(c);
	if ((uint32_t)c->sent_first + c->sent_count < cap)
		return true;
	if (c->sent != NULL && c->sent_first >= cap / 4) {
		memmove(c->sent, c->sent + c->sent_first, c->sent_count * sizeof(*c->sent));
		c->sent_first = 0;
		return true;
	}
	return grow(c, memory);
}

/* Can what is sent up to end be recorded? Without room for a piece it lengthens the last, where that is unhurt. */
bool
tcp_sent_room(struct tcp_conn *c, const struct tcp_memory *memory, uint32_t end)
{
	if (likely(tcp_sent_reserve(c, memory)))
		return true;
	const struct tcp_sent *last = tcp_sent_at(c, c->sent_count - 1u);
	return (last->flags & TCP_SENT_FLAGS) == 0 && end - last->start <= TCP_SEND_MAX;
}

/* A segment was sent that continues the last; tcp_sent_room() said that it can be recorded. */
void
tcp_sent_add(struct tcp_conn *c, const struct tcp_env *env, uint32_t start, uint32_t end,
	uint32_t sent_flags)
{
	uint32_t now = tcp_us(env);
	if ((uint32_t)c->sent_first + c->sent_count < capacity(c)) {
		struct tcp_sent *s = tcp_sent_at(c, c->sent_count++);
		*s = (struct tcp_sent){start, end, now, sent_flags};
		return;
	}
	struct tcp_sent *last = tcp_sent_at(c, c->sent_count - 1u);
	last->end = end;
	last->time_us = now;
	last->flags = sent_flags;
}

/* Piece i becomes [start, seq) and [seq, end), which is i + 1; false: no room, nothing was changed. */
bool
tcp_sent_split(struct tcp_conn *c, const struct tcp_memory *memory, uint32_t i, uint32_t seq)
{
	if (!tcp_sent_reserve(c, memory))
		return false;
	struct tcp_sent *s = tcp_sent_at(c, i);
	memmove(s + 1, s, (c->sent_count - i) * sizeof(*s));
	c->sent_count++;
	s[0].end = s[1].start = seq;
	s[0].flags &= ~TCP_SENT_FIN;
	s[1].flags &= ~TCP_SENT_SYN;
	if (c->rtx_hint > i)
		c->rtx_hint++;
	return true;
}

/* The piece is no longer there (its neighbour covers its range). */
void
tcp_sent_remove(struct tcp_conn *c, uint32_t i)
{
	struct tcp_sent *s = tcp_sent_at(c, i);
	memmove(s, s + 1, (c->sent_count - i - 1) * sizeof(*s));
	c->sent_count--;
	if (c->rtx_hint > i)
		c->rtx_hint--;
}

void
tcp_sent_free(struct tcp_conn *c, const struct tcp_memory *memory)
{
	if (c->sent != NULL)
		memory->free(memory->ctx, c->sent, sizeof(*c->sent) << c->sent_log);
	c->sent = NULL;
	c->sent_first = c->sent_count = c->rtx_hint = 0;
	c->sent_log = 0;
}

void
tcp_sent_drop_front(struct tcp_conn *c, const struct tcp_memory *memory, uint32_t n)
{
	c->sent_count = (uint16_t)(c->sent_count - n);
	c->rtx_hint = (uint16_t)(c->rtx_hint > n ? c->rtx_hint - n : 0);
	if (c->sent_count == 0)
		tcp_sent_free(c, memory);
	else if (c->sent != NULL)
		c->sent_first = (uint16_t)(c->sent_first + n);
}

/* The first piece that ends behind seq; sent_count: none. */
uint32_t
tcp_sent_find(struct tcp_conn *c, uint32_t seq)
{
	uint32_t low = 0, high = c->sent_count;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (tcp_seq_after(tcp_sent_at(c, middle)->end, seq))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* A piece that is not SACKed (or its retransmission) is thought lost. */
void
tcp_sent_mark_lost(struct tcp_conn *c, uint32_t i)
{
	struct tcp_sent *s = tcp_sent_at(c, i);
	uint32_t n = s->end - s->start;
	if (s->flags & TCP_SENT_RETRANS)
		c->retrans -= n;
	if (!(s->flags & TCP_SENT_LOST))
		c->lost += n;
	s->flags = (s->flags & ~TCP_SENT_RETRANS) | TCP_SENT_LOST;
	if (i < c->rtx_hint)
		c->rtx_hint = (uint16_t)i;
}
