/* SPDX-License-Identifier: MIT */
/* AF_PACKET: frames of interfaces, with (SOCK_RAW) or without (SOCK_DGRAM) their link header. Takes RAWNET. */
#ifndef NET_SOCK_PACKET_PACKET_H
#define NET_SOCK_PACKET_PACKET_H

#include "core/epoch.h"
#include "core/softirq.h"
#include "net/link/netif.h"
#include "net/pkt.h"
#include "net/sock/filter.h"
#include "net/sock/rxqueue.h"

#define ETH_P_ALL 0x0003u

struct packet_member { /* what the socket makes an interface hear */
	struct packet_member *next;
	struct netif *netif; /* referenced */
	uint16_t type;       /* PACKET_MR_* */
	uint8_t mac[6];
};

/*
 * Locks: config_lock (sleeping) for the tap, the interface and memberships; sock.lock with bottom halves off for the
 * queue, which the tap fills in softirq. Freed a grace period after the tap was taken away.
 */
struct packet_sock {
	struct sock s;              /* first */
	struct list_node node;      /* [config_lock] net_stack.packet_socks */
	struct netif_tap tap;       /* [config_lock] */
	bool tapped;                /* [config_lock] the tap is on a list */
	struct netif *netif;        /* [config_lock] referenced: bound to it; NULL: all */
	_Atomic uint32_t ethertype; /* host order; ETH_P_ALL; 0: nothing is received */
	_Atomic bool auxdata, ignore_outgoing; /* options */
	struct packet_member *members;         /* [config_lock] */
	struct sock_rxqueue rx;
	uint32_t seen, lost; /* [lock] since PACKET_STATISTICS last asked */
	bool closed;         /* [lock] */
	struct epoch_head epoch;
};

static inline struct packet_sock *
packet_of(struct sock *s)
{
	return container_of(s, struct packet_sock, s);
}

void packet_boot(void);
/* data.c */
void packet_see(struct netif_tap *tap, struct netif *nif, const struct pkt *p);
ssize_t packet_send(struct sock *s, struct sock_msg *msg);
ssize_t packet_recv(struct sock *s, struct sock_msg *msg);
/* options.c */
int packet_setsockopt(struct sock *s, int level, int name, const void *value, uint32_t len);
int packet_getsockopt(struct sock *s, int level, int name, void *value, uint32_t *len);
void packet_leave_all(struct packet_sock *ps); /* config_lock held */

#endif
