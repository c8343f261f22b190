/* SPDX-License-Identifier: MIT */
/* Whether an answer of a kind may be sent now: reply_limit.h, with its lock, the time and the destination's hash. */
#ifndef NET_IP_REPLY_GATE_H
#define NET_IP_REPLY_GATE_H

#include "core/spinlock.h"
#include "net/addr.h"
#include "net/ip/reply_limit.h"

struct net_stack;

struct reply_gate {
	const struct reply_rule *rule; /* [I] */
	struct spinlock lock;
	struct reply_limit limit; /* [lock] */
};

/*
 * Whether an answer may be sent to dst; one to loopback always may. A global IPv6 prefix of 64 bits, all of whose
 * addresses one host may have, is one destination. Any context.
 */
bool reply_gate_take(struct net_stack *net, struct reply_gate *g, const struct net_addr *dst);

#endif
