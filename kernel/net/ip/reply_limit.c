/* SPDX-License-Identifier: MIT */
#include "net/ip/reply_limit.h"

#define THOUSAND 1000u

const struct reply_rule icmp_reply_rule = {
	.all = {.second = ICMP_REPLY_SECOND, .burst = ICMP_REPLY_BURST},
	.destination = {.second = ICMP_REPLY_DST, .burst = ICMP_REPLY_DST}};

/* Enough for all peers of a machine that lost its connections to hear of it within a retransmission or two. */
const struct reply_rule tcp_reset_rule = {
	.all = {.second = 2500, .burst = 2500}, .destination = {.second = 200, .burst = 200}};

/* Adds what has accrued since the stamp, up to the burst. */
static void
refill(struct reply_bucket *b, const struct reply_rate *rate, uint64_t now)
{
	uint64_t most = (uint64_t)rate->burst * THOUSAND;
	uint64_t elapsed_us = (now - b->stamp) / 1000;
	if (b->stamp == 0 || elapsed_us > 1000000u * 60) {
		b->tokens = (uint32_t)most;
		b->stamp = now;
		return;
	}
	uint64_t more = elapsed_us * rate->second / THOUSAND;
	if (more == 0)
		return;
	b->tokens = (uint32_t)(b->tokens + more > most ? most : b->tokens + more);
	b->stamp = now;
}

bool
reply_limit_take(struct reply_limit *l, const struct reply_rule *rule, uint32_t dst_hash,
	uint32_t random, uint64_t now)
{
	struct reply_bucket *dst = &l->dst[dst_hash % REPLY_LIMIT_SLOTS];
	refill(dst, &rule->destination, now);
	if (dst->tokens < THOUSAND)
		return false;
	refill(&l->total, &rule->all, now);
	uint32_t cost = THOUSAND + random % (3 * THOUSAND);
	if (l->total.tokens < THOUSAND)
		return false;
	dst->tokens -= THOUSAND;
	l->total.tokens = l->total.tokens > cost ? l->total.tokens - cost : 0;
	return true;
}
