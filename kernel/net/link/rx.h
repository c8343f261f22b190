/* SPDX-License-Identifier: MIT */
/*
 * Reception on each CPU, all in the softirq NET_RX: devices that have something are polled, a budget at a time; then
 * the CPU's backlog is worked off: what the loopback interface sent here, and frames that steering sent from other CPUs.
 *
 * The local backlog is touched by its CPU with bottom halves off and needs no lock; what comes from other CPUs is
 * pushed on a list without one.
 */
#ifndef NET_LINK_RX_H
#define NET_LINK_RX_H

#include "core/types.h"

struct netif;
struct net_poll;
struct pkt;

/* Frames that a device may bring up before another's turn. */
#define NET_POLL_BUDGET 64u
/* Packets that wait on one CPU, of each kind, by default (net.core.netdev_max_backlog); more are lost
 * (NET_DROP_BACKLOG_FULL). */
#define NET_BACKLOG_MAX 1000u

/* A queue of a device that is polled. */
struct net_poll {
	/* Brings up at most budget frames. Returns whether there is more; otherwise it has called net_poll_end(). */
	bool (*poll)(struct net_poll *p, uint32_t budget);
	struct net_poll *next;      /* [whoever scheduled it, then its CPU] */
	uint32_t cpu;               /* [I] index of the CPU that polls it */
	_Atomic uint32_t scheduled; /* it is to be polled, or being polled */
};

/* From the device's interrupt, which keeps quiet from now on: poll() is called soon, on p->cpu. Any context. */
void net_poll_schedule(struct net_poll *p);
/* From poll(), at the end of its work, before it lets the device interrupt again (and looks once more). */
void net_poll_end(struct net_poll *p);

/* A device's queue of frames to be sent, whose device is told of a round's frames at once: to tell it is dear. */
struct net_kick {
	/* Tells the device if it has to be told. Softirq. */
	void (*kick)(struct net_kick *k);
	struct net_kick *next;   /* [the CPU that queued it] */
	_Atomic uint32_t queued; /* a CPU is going to call kick() */
};

/*
 * Bottom halves off, after a frame was put where kick() sees it. true: kick() will be called, at the end of the round
 * of NET_RX that this CPU, or another, is in. false: there is no round, the caller tells the device itself.
 */
bool net_kick_later(struct net_kick *k);

/* Queues a frame, counted as NET_LINK_IN, to this CPU. Takes over p. Bottom halves off. */
void rx_backlog_local(struct netif *nif, struct pkt *p);
/* The same to another CPU, which is interrupted if it has to. */
void rx_backlog_remote(uint32_t cpu, struct netif *nif, struct pkt *p);

void rx_init(void); /* boot, once all CPUs are known */

#endif
