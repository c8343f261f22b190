/* SPDX-License-Identifier: MIT */
#include "tests/relay/link.h"

#define ETHER_HEADER 14u
#define TCP_PROTOCOL 6u

/* Each question about a segment has a random number of its own. */
enum question { IS_LOST, IS_DOUBLED, IS_LATE, HOW_LATE };

/* SplitMix64's finalizer. */
static uint64_t
mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

static uint64_t
draw(const struct link_settings *s, uint32_t direction, uint64_t i, enum question q)
{
	uint64_t key = mix(s->seed + 0x9e3779b97f4a7c15u * (direction * 4u + q + 1));
	return mix(key ^ (i + 1) * 0x9e3779b97f4a7c15u);
}

static bool
happens(const struct link_settings *s, uint32_t direction, uint64_t i, enum question q,
	uint32_t ppm)
{
	return draw(s, direction, i, q) % LINK_PPM < ppm;
}

struct fate
fate_of(const struct link_settings *s, uint32_t direction, uint64_t i)
{
	struct fate f = {
		.lost = happens(s, direction, i, IS_LOST, s->loss),
		.doubled = happens(s, direction, i, IS_DOUBLED, s->duplicate),
	};
	if (happens(s, direction, i, IS_LATE, s->reorder)) {
		uint64_t most = s->hold_us * 1000ull, least = most / 8;
		f.late_ns = least + draw(s, direction, i, HOW_LATE) % (most - least + 1);
	}
	return f;
}

/* Puts a frame on the wire; returns when it has passed it. */
static uint64_t
transmit(struct link *l, const struct link_settings *s, uint64_t now, uint32_t n)
{
	uint64_t start = l->free_at > now ? l->free_at : now;
	l->free_at = start + n * 8ull * 1000000000ull / s->rate;
	return l->free_at;
}

static bool
queue_is_full(const struct link *l, const struct link_settings *s, uint64_t now)
{
	uint64_t waits = l->free_at > now ? l->free_at - now : 0;
	return waits > s->queue * 8ull * 1000000000ull / s->rate;
}

enum link_result
link_take(struct link *l, const struct link_settings *s, uint32_t direction, uint64_t now,
	uint32_t n, bool numbered, uint64_t at[2], uint32_t *copies)
{
	struct fate f = {.lost = false};
	*copies = 0;
	if (numbered)
		f = fate_of(s, direction, l->next++);
	if (f.lost)
		return LINK_LOST;
	while (*copies < (f.doubled ? 2u : 1u) && !queue_is_full(l, s, now))
		at[(*copies)++] = transmit(l, s, now, n) + s->delay_us * 1000ull + f.late_ns;
	return *copies > 0 ? LINK_CARRIED : LINK_QUEUE_FULL;
}

bool
frame_is_tcp(const uint8_t *frame, uint32_t n)
{
	if (n < ETHER_HEADER + 20)
		return false;
	const uint8_t *ip = frame + ETHER_HEADER;
	if (frame[12] == 0x08 && frame[13] == 0x00)
		return ip[9] == TCP_PROTOCOL;
	return frame[12] == 0x86 && frame[13] == 0xdd && ip[6] == TCP_PROTOCOL;
}
