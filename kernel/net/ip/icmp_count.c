/* SPDX-License-Identifier: MIT */
/* ICMP messages by their type, for /proc/net/snmp and snmp6. They are rare enough for one counter that all CPUs share. */
#include "net/ip/internal.h"

static _Atomic uint32_t *
slot(struct net_stack *net, bool v4, enum icmp_way way, uint8_t type)
{
	return &net->ip4->icmp_types[v4 ? 0 : 1][way][type];
}

void
icmp_count(struct net_stack *net, bool v4, enum icmp_way way, uint8_t type)
{
	if (way == ICMP_WAY_OUT)
		net_count(net, v4 ? NET_ICMP_OUT_MSGS : NET_ICMP6_OUT_MSGS);
	atomic_fetch_add_explicit(slot(net, v4, way, type), 1, memory_order_relaxed);
}

uint32_t
icmp_counted(struct net_stack *net, bool v4, enum icmp_way way, uint8_t type)
{
	return atomic_load_explicit(slot(net, v4, way, type), memory_order_relaxed);
}
