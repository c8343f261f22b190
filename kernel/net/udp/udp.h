/* SPDX-License-Identifier: MIT */
/*
 * UDP below its sockets: who is bound where, the way of a datagram in and out. Ping sockets (ICMP echo by identifier,
 * which takes the port's place) use a table of the same kind.
 *
 * A socket embeds a struct udp_end. Look-up takes no lock: softirq walks the tables inside its epoch and calls
 * deliver(), which takes the socket's lock, asks udp_end_matches() again, and keeps or drops the packet. Once
 * udp_unbind() has returned, the socket is freed by epoch_call().
 *
 * Locks: the socket's lock, then the table's (both with bottom halves off).
 */
#ifndef NET_UDP_UDP_H
#define NET_UDP_UDP_H

#include "core/spinlock.h"
#include "core/types.h"
#include "net/addr.h"
#include "net/hash.h"
#include "net/ip/ip.h"
#include "net/net.h"
#include "net/pkt.h"

struct udp_end;

/* What is told of a socket beyond its end (/proc/net/udp, `ss`). */
struct udp_end_info {
	struct sock *s;
	uint32_t rx_queue, tx_queue; /* bytes */
	uint32_t drops, refs;
	uint64_t ino;
};

struct udp_end_ops {
	/* A datagram: data at the payload, transport_off at the UDP (or ICMP) header. Takes over p. Softirq. */
	void (*deliver)(struct udp_end *end, struct pkt *p);
	/* An ICMP error about one that it sent. Softirq. */
	void (*error)(struct udp_end *end, const struct ip_error *e);
	/* Fills *out, which is zero. Inside an epoch; may not sleep. NULL: nothing more is known. */
	void (*describe)(const struct udp_end *end, struct udp_end_info *out);
};

/* udp_end.flags */
#define UDP_END_REUSEADDR 1u
#define UDP_END_REUSEPORT 2u
#define UDP_END_V6ONLY    4u
#define UDP_END_IPV6 \
	8u /* an AF_INET6 socket: with an unspecified address and not V6ONLY it takes IPv4 too */
#define UDP_END_GRO       16u /* takes coalesced datagrams (p->gso_size says where to cut) */
#define UDP_END_NO_CHECK6 32u /* takes IPv6 datagrams without checksum */

struct udp_end {
	struct net_hash_node by_port;  /* [table lock, epoch] */
	struct net_hash_node by_flow;  /* [table lock, epoch] connected ones */
	const struct udp_end_ops *ops; /* [I] */
	struct net_stack *net;         /* [I] */
	/*
	 * [table lock and the socket's lock; look-up reads it without, so deliver() asks again]. Ports in network order;
	 * local_port 0: not bound. remote_port 0: not connected. ifindex: bound interface.
	 */
	struct net_flow flow;
	_Atomic uint32_t flags; /* UDP_END_* */
	uint32_t uid;           /* [I] SO_REUSEPORT only among one user's */
	bool bound, connected;  /* [table lock] */
};

enum udp_kind { UDP_KIND_UDP, UDP_KIND_PING, UDP_KINDS };

void udp_end_init(
	struct udp_end *end, struct net_stack *net, const struct udp_end_ops *ops, uint32_t uid);

/*
 * Binds to end->flow.local = *local and port (network order; 0: an ephemeral one is chosen at random). Who may use the
 * address and the port was checked. 0, -EADDRINUSE, -EINVAL (bound already), -EAGAIN (no ephemeral port is free).
 */
int udp_bind(struct udp_end *end, enum udp_kind kind, const struct net_addr *local, uint16_t port,
	uint32_t ifindex) MUST_CHECK;
/* Sets the peer (and the local address that was chosen for it), or takes it away (remote NULL). It must be bound. */
void udp_connect(struct udp_end *end, enum udp_kind kind, const struct net_addr *local,
	const struct net_addr *remote, uint16_t remote_port);
/* Out of the tables; harmless when it is in none. */
void udp_unbind(struct udp_end *end, enum udp_kind kind);

/* Whether a packet's flow (as seen here: local is ours) is for this end. Under the socket's lock. */
bool udp_end_matches(const struct udp_end *end, const struct net_flow *flow);

/*
 * Sends p (data at the payload; at most 65,507 bytes or, with gso_size, any number of equal datagrams and a shorter
 * last one up to PKT_LEN_MAX) from flow->local to flow->remote: the UDP header, checksum (offloaded where it can be,
 * unless no_check), then ip_output(). Takes over p. 0 or -errno of ip_output(). Bottom halves off.
 */
#define UDP_SEND_NO_CHECK 1u
int udp_send(struct net_stack *net, struct route_ref *ref, struct pkt *p, struct net_flow *flow,
	uint8_t tos, uint8_t ttl, uint32_t flags);

/* Sends an ICMP echo request (data at its ICMP header; the identifier and checksum are filled in). */
int ping_send(struct net_stack *net, struct route_ref *ref, struct pkt *p, struct net_flow *flow,
	uint8_t tos, uint8_t ttl);

/* For /proc/net/udp: fn for every bound end, inside one epoch; fn may not sleep. */
void udp_for_each(struct net_stack *net, enum udp_kind kind,
	void (*fn)(const struct udp_end *end, void *ctx), void *ctx);

static inline void
udp_describe(const struct udp_end *end, struct udp_end_info *out)
{
	*out = (struct udp_end_info){.refs = 1};
	if (end->ops->describe != NULL)
		end->ops->describe(end, out);
}

void udp_init(void);                                  /* boot, from ip_init() */
int udp_stack_init(struct net_stack *net) MUST_CHECK; /* from ip_stack_init() */

#endif
