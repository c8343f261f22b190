/* SPDX-License-Identifier: MIT */
/*
 * How many answers of a kind may be sent to who can forge what they answer: in all, and to one destination. ICMP
 * messages have such a limit (RFC 1812, 4.3.2.8; RFC 4443, 2.4 f), and resets of TCP for what no connection has.
 *
 * What is left of the total may not be found out from outside by counting answers (SAD DNS, CVE-2020-25705): each
 * answer costs a random amount, and a destination is limited before it can empty the total.
 * Pure: time and randomness are passed in.
 */
#ifndef NET_IP_REPLY_LIMIT_H
#define NET_IP_REPLY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define REPLY_LIMIT_SLOTS 256u

/* icmp_reply_rule: messages in a second and at once; to one destination, either. */
#define ICMP_REPLY_SECOND 1000u
#define ICMP_REPLY_BURST  50u
#define ICMP_REPLY_DST    10u

/* Answers: what accrues in a second, and what may be sent at once. */
struct reply_rate {
	uint32_t second, burst;
};

struct reply_rule {
	struct reply_rate all;
	struct reply_rate destination;
};

extern const struct reply_rule icmp_reply_rule;
extern const struct reply_rule tcp_reset_rule;

struct reply_bucket {
	uint64_t stamp;  /* nanoseconds when tokens was right */
	uint32_t tokens; /* thousandths of an answer */
};

struct reply_limit {
	struct reply_bucket total;
	struct reply_bucket dst[REPLY_LIMIT_SLOTS]; /* by hash: some share one */
};

/* dst_hash: keyed hash of the destination. random: any bits. Whether one may be sent now. */
bool reply_limit_take(struct reply_limit *l, const struct reply_rule *rule, uint32_t dst_hash,
	uint32_t random, uint64_t now);

#endif
