/* SPDX-License-Identifier: MIT */
/*
 * Which socket a packet's local address and port are for, and which two sockets may not have one port: pure, as Linux
 * decides, for UDP, ping and TCP's listeners.
 */
#ifndef NET_IP_PORT_MATCH_H
#define NET_IP_PORT_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

/* What counts of an end. */
struct port_match {
	struct net_flow flow; /* remote_port and remote count if connected */
	bool connected;
	bool ipv6, v6only;
	bool reuseaddr, reuseport;
	bool listens; /* TCP: it takes connections, so that SO_REUSEADDR does not let another in beside it */
	uint32_t uid;
};

/* How well a packet (flow: local is ours) fits; 0: not at all. check_remote_port: not for ping. */
uint32_t port_match_score(
	const struct port_match *m, const struct net_flow *packet, bool check_remote_port);

/* Whether a may not be bound where b, of the same port, is already. */
bool port_match_conflict(const struct port_match *a, const struct port_match *b);

#endif
