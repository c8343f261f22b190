/* SPDX-License-Identifier: MIT */
#include "net/ip/port_match.h"

/* Whether an end takes packets of a version at all. */
static bool
takes_version(const struct port_match *m, bool v4)
{
	if (!m->ipv6)
		return v4;
	if (!net_addr_is_any(&m->flow.local))
		return net_addr_is_v4(&m->flow.local) == v4;
	return !v4 || !m->v6only;
}

uint32_t
port_match_score(const struct port_match *m, const struct net_flow *packet, bool check_remote_port)
{
	bool v4 = net_addr_is_v4(&packet->local);
	if (m->flow.local_port != packet->local_port || !takes_version(m, v4))
		return 0;
	uint32_t score = m->ipv6 ? 1 : 2;
	if (!net_addr_is_any(&m->flow.local)) {
		if (!net_addr_equal(&m->flow.local, &packet->local))
			return 0;
		score += 4;
	}
	if (m->connected) {
		if (!net_addr_equal(&m->flow.remote, &packet->remote) ||
			(check_remote_port && m->flow.remote_port != packet->remote_port))
			return 0;
		score += 8;
	}
	if (m->flow.ifindex != 0) {
		if (m->flow.ifindex != packet->ifindex)
			return 0;
		score += 4;
	}
	return score;
}

static bool
addresses_overlap(const struct port_match *a, const struct port_match *b)
{
	bool a_any = net_addr_is_any(&a->flow.local), b_any = net_addr_is_any(&b->flow.local);
	if (!a_any && !b_any)
		return net_addr_equal(&a->flow.local, &b->flow.local);
	if (a_any && b_any)
		return (takes_version(a, true) && takes_version(b, true)) ||
			(takes_version(a, false) && takes_version(b, false));
	const struct port_match *any = a_any ? a : b, *one = a_any ? b : a;
	return takes_version(any, net_addr_is_v4(&one->flow.local));
}

bool
port_match_conflict(const struct port_match *a, const struct port_match *b)
{
	if (a->flow.ifindex != 0 && b->flow.ifindex != 0 && a->flow.ifindex != b->flow.ifindex)
		return false;
	if (!addresses_overlap(a, b) || (a->reuseaddr && b->reuseaddr && !b->listens))
		return false;
	return !(a->reuseport && b->reuseport && a->uid == b->uid);
}
