/* SPDX-License-Identifier: MIT */
/*
 * How many ICMP messages may be sent: in all, and to one destination. Pure: time and randomness are passed in.
 *
 * What is left of the total may not be found out from outside by counting answers (SAD DNS, CVE-2020-25705): each
 * message costs a random amount, and a destination is limited before it can empty the total.
 */
#ifndef NET_IP_ICMP_LIMIT_H
#define NET_IP_ICMP_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define ICMP_LIMIT_PER_SECOND 1000u
#define ICMP_LIMIT_BURST      50u
#define ICMP_LIMIT_DST_SECOND 10u /* to one destination */
#define ICMP_LIMIT_DST_BURST  10u
#define ICMP_LIMIT_SLOTS      256u

struct icmp_bucket {
	uint64_t stamp;  /* nanoseconds when tokens was right */
	uint32_t tokens; /* thousandths of a message */
};

struct icmp_limit {
	struct icmp_bucket total;
	struct icmp_bucket dst[ICMP_LIMIT_SLOTS];
};

/* dst_hash: keyed hash of the destination. random: any bits. Whether one may be sent now. */
bool icmp_limit_take(struct icmp_limit *l, uint32_t dst_hash, uint32_t random, uint64_t now);

#endif
