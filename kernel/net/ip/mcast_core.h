/* SPDX-License-Identifier: MIT */
/*
 * When a host tells routers about a group: IGMPv3 and MLDv2 (RFC 3376, RFC 3810) for listeners of all sources, and
 * their elders IGMPv2, MLDv1 (RFC 2236, RFC 2710) while such a querier is about. Pure: time and randomness are
 * passed in; functions say what is to be sent.
 */
#ifndef NET_IP_MCAST_CORE_H
#define NET_IP_MCAST_CORE_H

#include <stdbool.h>
#include <stdint.h>

#define MCAST_ROBUSTNESS 2u

/* What an interface knows of its querier. Times in nanoseconds. */
struct mcast_querier {
	uint64_t old_until;  /* an elder is present until then: its version is spoken */
	uint64_t v1_until;   /* IGMPv1: no leave messages are known there */
	uint32_t robustness; /* 0: the default */
};

struct mcast_core {
	uint64_t deadline; /* UINT64_MAX: nothing to be sent */
	uint8_t changes;   /* state-change reports (joins or leaves) still to be sent */
	bool answer;       /* a query is to be answered */
	bool member;
	bool last_reporter; /* elder versions: it was us who reported last, so leaving is worth a message */
};

enum mcast_send {
	MCAST_SEND_NOTHING,
	MCAST_SEND_JOIN,    /* new: CHANGE_TO_EXCLUDE {}; elder: report */
	MCAST_SEND_CURRENT, /* new: MODE_IS_EXCLUDE {}; elder: report */
	MCAST_SEND_LEAVE,   /* new: CHANGE_TO_INCLUDE {}; elder: leave, done */
};

void mcast_core_init(struct mcast_core *g);
/* random: any bits. */
enum mcast_send mcast_core_join(
	struct mcast_core *g, const struct mcast_querier *q, uint64_t now, uint64_t random);
enum mcast_send mcast_core_leave(
	struct mcast_core *g, const struct mcast_querier *q, uint64_t now, uint64_t random);
/* A query that concerns the group: it is answered within max_response nanoseconds. */
void mcast_core_query(struct mcast_core *g, uint64_t now, uint64_t max_response, uint64_t random);
/* Another host of an elder version has reported the group. */
void mcast_core_heard(struct mcast_core *g, const struct mcast_querier *q, uint64_t now);
/* now >= g->deadline */
enum mcast_send mcast_core_timer(
	struct mcast_core *g, const struct mcast_querier *q, uint64_t now, uint64_t random);

/* The exponential codes of RFC 3376, 4.1.1 (8 bits) and RFC 3810, 5.1.3 (16 bits). */
uint32_t mcast_decode8(uint8_t code);
uint32_t mcast_decode16(uint16_t code);

#endif
