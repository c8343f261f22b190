/* SPDX-License-Identifier: MIT */
/* Which end a datagram is for, and which two ends may not have one port: pure, as Linux decides. */
#ifndef NET_UDP_UDP_MATCH_H
#define NET_UDP_UDP_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

/* What counts of an end. */
struct udp_match {
	struct net_flow flow; /* remote_port and remote count if connected */
	bool connected;
	bool ipv6, v6only;
	bool reuseaddr, reuseport;
	uint32_t uid;
};

/* How well a packet (flow: local is ours) fits; 0: not at all. check_remote_port: not for ping. */
uint32_t udp_match_score(
	const struct udp_match *m, const struct net_flow *packet, bool check_remote_port);

/* Whether a and b, of one port, exclude each other. */
bool udp_match_conflict(const struct udp_match *a, const struct udp_match *b);

#endif
