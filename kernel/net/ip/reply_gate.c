/* SPDX-License-Identifier: MIT */
#include "core/softirq.h"
#include "core/timer.h"
#include "crypto/siphash.h"
#include "dev/rng/random.h"
#include "net/ip/reply_gate.h"
#include "net/net.h"

bool
reply_gate_take(struct net_stack *net, struct reply_gate *g, const struct net_addr *dst)
{
	if (net_addr_is_loopback(dst))
		return true;
	uint64_t words[2] = {dst->d[0], dst->d[1]};
	if (!net_addr_is_v4(dst) && !net_addr_is_link_local(dst))
		words[1] = 0;
	uint32_t hash = (uint32_t)siphash_words(net->secrets.hash, words, 2);
	spin_lock_bh(&g->lock);
	bool may = reply_limit_take(&g->limit, g->rule, hash, (uint32_t)random_u64(), time_now());
	spin_unlock_bh(&g->lock);
	return may;
}
