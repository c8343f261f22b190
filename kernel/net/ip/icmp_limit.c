/* SPDX-License-Identifier: MIT */
#include "net/ip/icmp_limit.h"

#define THOUSAND 1000u

/* Adds what has accrued since the stamp, up to the burst. */
static void
refill(struct icmp_bucket *b, uint32_t per_second, uint32_t burst, uint64_t now)
{
	uint64_t most = (uint64_t)burst * THOUSAND;
	uint64_t elapsed_us = (now - b->stamp) / 1000;
	if (b->stamp == 0 || elapsed_us > 1000000u * 60) {
		b->tokens = (uint32_t)most;
		b->stamp = now;
		return;
	}
	uint64_t more = elapsed_us * per_second / THOUSAND;
	if (more == 0)
		return;
	b->tokens = (uint32_t)(b->tokens + more > most ? most : b->tokens + more);
	b->stamp = now;
}

bool
icmp_limit_take(struct icmp_limit *l, uint32_t dst_hash, uint32_t random, uint64_t now)
{
	struct icmp_bucket *dst = &l->dst[dst_hash % ICMP_LIMIT_SLOTS];
	refill(dst, ICMP_LIMIT_DST_SECOND, ICMP_LIMIT_DST_BURST, now);
	if (dst->tokens < THOUSAND)
		return false;
	refill(&l->total, ICMP_LIMIT_PER_SECOND, ICMP_LIMIT_BURST, now);
	uint32_t cost = THOUSAND + random % (3 * THOUSAND);
	if (l->total.tokens < THOUSAND)
		return false;
	dst->tokens -= THOUSAND;
	l->total.tokens = l->total.tokens > cost ? l->total.tokens - cost : 0;
	return true;
}
