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

/*
 * Who of those on a port gets a packet: whom it fits best, and of several equal ones that share the port (SO_REUSEPORT)
 * the one that the flow's hash falls to. All are shown once; if the choice is then open, all are asked again in the
 * same order. Should they have changed meanwhile, found is as good as any.
 */
struct port_choice {
	void *found; /* NULL: nobody yet */
	uint32_t best, sharing, nth;
};

static inline void
port_choice_see(struct port_choice *c, void *who, uint32_t score, bool shares)
{
	if (score > c->best) {
		c->best = score;
		c->found = who;
		c->sharing = shares;
	} else if (score != 0 && score == c->best && c->sharing != 0 && shares) {
		c->sharing++;
	}
}

static inline bool
port_choice_is_open(const struct port_choice *c)
{
	return c->sharing > 1;
}

static inline void
port_choice_begin(struct port_choice *c, uint32_t flow_hash)
{
	c->nth = (uint32_t)((uint64_t)flow_hash * c->sharing >> 32);
}

static inline bool
port_choice_falls_to(struct port_choice *c, uint32_t score, bool shares)
{
	return score == c->best && shares && c->nth-- == 0;
}

/* Whether a may not be bound where b, of the same port, is already. */
bool port_match_conflict(const struct port_match *a, const struct port_match *b);

#endif
