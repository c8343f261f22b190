/* SPDX-License-Identifier: MIT */
/*
 * What only this host can foresee: initial sequence numbers (RFC 6528: a keyed hash of the flow, and a clock),
 * timestamp offsets (RFC 7323, 5.4) and the starting point of port numbers (RFC 6056).
 */
#include "crypto/siphash.h"
#include "net/tcp/tcp_impl.h"

#define ISN_CLOCK_SHIFT \
	6 /* ns to steps of 64 ns: around in 4.6 minutes, longer than a segment lives */

static uint64_t
hash(const uint64_t key[2], const struct net_flow *f, uint64_t ports)
{
	uint64_t words[5] = {f->local.d[0], f->local.d[1], f->remote.d[0], f->remote.d[1], ports};
	return siphash_words(key, words, 5);
}

uint32_t
tcp_secret_isn(struct net_stack *net, const struct net_flow *f)
{
	uint64_t ports = (uint64_t)f->local_port << 16 | f->remote_port;
	return (uint32_t)hash(net->secrets.isn, f, ports) +
		(uint32_t)(time_recent() >> ISN_CLOCK_SHIFT);
}

uint32_t
tcp_secret_ts_offset(struct net_stack *net, const struct net_flow *f)
{
	return (uint32_t)hash(net->secrets.ts_offset, f, 0);
}

uint32_t
tcp_secret_port(struct net_stack *net, const struct net_flow *f)
{
	return (uint32_t)hash(net->secrets.port, f, f->remote_port);
}
