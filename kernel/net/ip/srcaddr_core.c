/* SPDX-License-Identifier: MIT */
#include "net/ip/srcaddr_core.h"

#include <stddef.h>

#define SCOPE_LINK   2u
#define SCOPE_SITE   5u
#define SCOPE_GLOBAL 14u

uint32_t
srcaddr_scope(const struct net_addr *a)
{
	if (net_addr_is_v4(a))
		return net_addr_is_loopback(a) || net_addr_is_link_local(a) ? SCOPE_LINK
									    : SCOPE_GLOBAL;
	if (a->b[0] == 0xff)
		return a->b[1] & 15u;
	if (net_addr_is_loopback(a) || net_addr_is_link_local(a))
		return SCOPE_LINK;
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0xc0 ? SCOPE_SITE : SCOPE_GLOBAL;
}

static uint32_t
shared_bits(const struct net_addr *a, const struct net_addr *b)
{
	uint32_t n = 0;
	while (n < 128 && ((a->b[n / 8] ^ b->b[n / 8]) >> (7 - n % 8) & 1) == 0)
		n++;
	return n;
}

/* RFC 6724, 2.1, longest prefix first. */
static const struct {
	struct net_addr prefix;
	uint32_t len, label;
} policy[] = {
	{{.b = {[15] = 1}}, 128, 0},
	{{.b = {[10] = 0xff, [11] = 0xff}}, 96, 4},
	{{.b = {0}}, 96, 3},
	{{.b = {0x20, 0x01}}, 32, 5},
	{{.b = {0x20, 0x02}}, 16, 2},
	{{.b = {0x3f, 0xfe}}, 16, 12},
	{{.b = {0xfe, 0xc0}}, 10, 11},
	{{.b = {0xfc}}, 7, 13},
};

uint32_t
srcaddr_label(const struct net_addr *a)
{
	for (size_t i = 0; i < sizeof(policy) / sizeof(policy[0]); i++) {
		if (shared_bits(a, &policy[i].prefix) >= policy[i].len)
			return policy[i].label;
	}
	return 1;
}

/* Rule 2: the smallest scope that suffices, else the largest there is. 1: a, -1: b, 0: alike. */
static int
compare_scope(const struct net_addr *dst, const struct net_addr *a, const struct net_addr *b)
{
	uint32_t sa = srcaddr_scope(a), sb = srcaddr_scope(b), sd = srcaddr_scope(dst);
	if (sa == sb)
		return 0;
	if (sa < sb)
		return sa < sd ? -1 : 1;
	return sb < sd ? 1 : -1;
}

bool
srcaddr_is_better(
	const struct net_addr *dst, const struct src_candidate *a, const struct src_candidate *b)
{
	bool a_same = net_addr_equal(&a->addr, dst), b_same = net_addr_equal(&b->addr, dst);
	if (a_same != b_same)
		return a_same;
	int scope = compare_scope(dst, &a->addr, &b->addr);
	if (scope != 0)
		return scope > 0;
	if (a->deprecated != b->deprecated)
		return b->deprecated;
	if (a->on_output != b->on_output)
		return a->on_output;
	uint32_t label = srcaddr_label(dst);
	bool a_label = srcaddr_label(&a->addr) == label, b_label = srcaddr_label(&b->addr) == label;
	if (a_label != b_label)
		return a_label;
	if (a->temporary !=
		b->temporary) /* rule 7, turned round: servers want stable ones, as Linux has it */
		return b->temporary;
	uint32_t a_bits = shared_bits(&a->addr, dst), b_bits = shared_bits(&b->addr, dst);
	return (a_bits < a->prefix ? a_bits : a->prefix) >
		(b_bits < b->prefix ? b_bits : b->prefix);
}
