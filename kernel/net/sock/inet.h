/* SPDX-License-Identifier: MIT */
/*
 * What sockets of AF_INET and AF_INET6 have in common above their transports: addresses, the options of IP and IPv6,
 * control messages, groups, the queue of errors. A transport embeds struct inet_sock first and asks these functions
 * before it says that it does not know an option.
 *
 * Locks: sock.lock with bottom halves off for what is marked [lock]; options are single words that any thread may set
 * and the transport reads as it sends.
 */
#ifndef NET_SOCK_INET_H
#define NET_SOCK_INET_H

#include "core/softirq.h"
#include "net/addr.h"
#include "net/ip/ip.h"
#include "net/ip/route.h"
#include "net/link/netif.h"
#include "net/net.h"
#include "net/pkt.h"
#include "net/sock/cmsg.h"
#include "net/sock/sock.h"

/* inet_sock.flags */
#define INET_PKTINFO       (1u << 0) /* IP_PKTINFO */
#define INET_RECVTTL       (1u << 1)
#define INET_RECVTOS       (1u << 2)
#define INET_RECVERR       (1u << 3)
#define INET_PKTINFO6      (1u << 4) /* IPV6_RECVPKTINFO */
#define INET_HOPLIMIT6     (1u << 5)
#define INET_TCLASS6       (1u << 6)
#define INET_RECVERR6      (1u << 7)
#define INET_FREEBIND      (1u << 8)
#define INET_BIND_NO_PORT  (1u << 9)
#define INET_V6ONLY        (1u << 10)
#define INET_MCAST_NO_LOOP (1u << 11)
#define INET_HDRINCL       (1u << 12)
#define INET_MCAST_ALL     (1u << 13) /* groups that others joined are heard too: the default */
#define INET_DONTFRAG      (1u << 14)
#define INET_OLD_PKTINFO6  (1u << 15) /* IPV6_2292PKTINFO */
#define INET_OLD_HOPLIMIT6 (1u << 16)
#define INET_RECVOPTS      (1u << 17)
#define INET_RETOPTS       (1u << 18)

struct inet_group {
	struct inet_group *next; /* [lock] */
	struct net_addr group;
	uint32_t ifindex; /* where it was joined */
};

/* The queue of errors (MSG_ERRQUEUE): the offending datagram's payload, and what is said about it. */
struct inet_error {
	struct inet_error *next;
	struct sock_extended_err_user ee;
	struct net_addr offender, dst;
	uint16_t dst_port;
	bool has_offender, v4;
	uint32_t len;
	uint8_t data[128]; /* the beginning of what came back */
};
#define INET_ERRORS_MAX 64u

struct inet_sock {
	struct sock s;
	_Atomic uint32_t flags;    /* INET_* */
	uint8_t tos, ttl;          /* IPv4; ttl 0: the default */
	uint8_t tclass, hops;      /* IPv6; hops 0: the default */
	uint8_t pmtudisc;          /* IP_PMTUDISC_*; both versions' */
	uint8_t mcast_ttl;         /* 1 */
	uint32_t mcast_if;         /* interface of what is sent to groups; 0: by route */
	uint32_t mcast_addr;       /* what IP_MULTICAST_IF named it by; network order */
	uint32_t ucast_if;         /* IP_UNICAST_IF: that of what else is sent over IPv4 */
	struct route_ref ref;      /* [lock] the way to the peer */
	struct inet_group *groups; /* [lock] */
	struct inet_error *errors, *errors_last; /* [lock] */
	uint32_t nr_errors;                      /* [lock] */
};

static inline struct inet_sock *
inet_of(struct sock *s)
{
	return container_of(s, struct inet_sock, s);
}

static inline bool
inet_has(const struct inet_sock *i, uint32_t flag)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&i->flags, memory_order_relaxed) & flag) !=
		0;
}

/*
 * The interface by which something is sent to an address: the one that was named (by the address's scope or a control
 * message; 0: none), else that of the socket's options; 0: by route.
 */
static inline uint32_t
inet_interface_to(const struct inet_sock *i, const struct net_addr *to, uint32_t named)
{
	if (named != 0)
		return named;
	if (i->s.bound_if != 0 || !net_addr_is_v4(to) || net_addr_is_multicast(to))
		return i->s.bound_if;
	return i->ucast_if;
}

void inet_init(struct inet_sock *i);
void inet_end(struct inet_sock *i); /* leaves groups, drops errors and the route; may sleep */

/* An address of the socket's family. scope: sin6_scope_id, or 0. 0; -EINVAL, -EAFNOSUPPORT. */
struct inet_addr {
	struct net_addr addr;
	uint16_t port; /* network order */
	uint32_t scope;
};
int inet_addr_decode(
	const struct sock *s, const struct sock_addr *from, struct inet_addr *out) MUST_CHECK;
/*
 * One to bind or connect to: if it means something on its link alone, it says of which (-EINVAL otherwise), or the
 * socket is bound to one, or, of a group, mcast_if is the socket's choice.
 */
int inet_addr_decode_on_link(const struct sock *s, const struct sock_addr *from, uint32_t mcast_if,
	struct inet_addr *out) MUST_CHECK;
/* As the socket's family writes it; an AF_INET6 socket shows IPv4 addresses mapped. */
void inet_addr_encode(const struct sock *s, const struct net_addr *a, uint16_t port, uint32_t scope,
	struct sock_addr *out);
/* The unspecified address of the socket's family. */
static inline struct net_addr
inet_any(const struct sock *s)
{
	return s->family == AF_INET ? net_addr_v4(0) : (struct net_addr){0};
}
/* A destination that is unspecified means this host, as BSD has it: *a becomes the loopback address. */
static inline void
inet_resolve_any(const struct sock *s, struct net_addr *a)
{
	if (!net_addr_is_any(a))
		return;
	*a = s->family == AF_INET || net_addr_is_v4(a) ? net_addr_v4(net_swap32(0x7f000001))
						       : (struct net_addr){.b = {[15] = 1}};
}
/* What bind() may bind to: 0; -EADDRNOTAVAIL, -ENODEV, -EACCES (a low port without NETADMIN). */
int inet_may_bind(const struct inet_sock *i, const struct inet_addr *a) MUST_CHECK;

/* shutdown() of datagrams. -ENOTCONN: there is no peer, and yet the wait of who receives ends, as on Linux. */
int inet_shutdown(struct sock *s, bool connected, int how) MUST_CHECK;
/* What poll says of a datagram socket that is shut. */
static inline uint32_t
inet_shut_events(const struct sock *s)
{
	uint8_t shut = __atomic_load_n(&s->shut, __ATOMIC_ACQUIRE);
	return ((shut & SOCK_SHUT_RD) ? POLLRDHUP | POLLIN | POLLRDNORM : 0) |
		(shut == (SOCK_SHUT_RD | SOCK_SHUT_WR) ? POLLHUP : 0);
}

/* Options of SOL_IP, SOL_IPV6 and what SOL_SOCKET leaves to families. 1: not one of these. May sleep. */
int inet_setsockopt(
	struct inet_sock *i, int level, int name, const void *value, uint32_t len) MUST_CHECK;
int inet_getsockopt(
	struct inet_sock *i, int level, int name, void *value, uint32_t *len) MUST_CHECK;
/* What getsockopt() says, as Linux does, about a level that a socket has not, or a name that the level has not. */
static inline int
inet_has_no_level(const struct inet_sock *i, int level)
{
	bool known = level == SOL_SOCKET || level == SOL_IP || i->s.family != AF_INET;
	return known ? -ENOPROTOOPT : -EOPNOTSUPP;
}

/* What one datagram's control messages and the socket's options say about how it is sent. */
struct inet_send {
	struct net_flow flow;
	struct route_ref ref;
	uint8_t tos, ttl;
	uint16_t gso_size; /* UDP_SEGMENT; 0: none */
};
/* -EINVAL: a control message that makes no sense here. Sets flow.local and ifindex from PKTINFO. */
int inet_send_cmsg(
	struct inet_sock *i, const struct cmsg_buffer *b, struct inet_send *out) MUST_CHECK;
/* tos, ttl, route flags for flow.remote, from the options; what control messages set stays. */
void inet_send_options(struct inet_sock *i, struct inet_send *out);
/* ROUTE_* flags that the socket's options ask for. */
uint8_t inet_route_flags(const struct inet_sock *i);
/* Source and destination of a packet, from its IP header. */
void inet_pkt_addresses(const struct pkt *p, struct net_addr *src, struct net_addr *dst);
/* The interface that a queued packet came by: kept in its cb, since the interface may have gone. */
static inline void
inet_pkt_keep_ifindex(struct pkt *p, uint32_t ifindex)
{
	p->cb.words[1] = ifindex;
}
static inline uint32_t
inet_pkt_ifindex(const struct pkt *p)
{
	return (uint32_t)p->cb.words[1];
}
/* Control messages about a packet that was received: timestamps, PKTINFO, TTL, TOS. */
void inet_recv_cmsg(struct inet_sock *i, const struct pkt *p, struct cmsg_buffer *out);

/* Index of the interface that has an address; -EADDRNOTAVAIL. May sleep. */
int64_t inet_interface_of(struct net_stack *net, const struct net_addr *a) MUST_CHECK;

/* Groups. May sleep. */
int inet_group_option(
	struct inet_sock *i, int level, int name, const void *value, uint32_t len) MUST_CHECK;
/* Leaves what was taken off the socket's list, and frees it. config_lock. */
void inet_group_end(struct inet_sock *i, struct inet_group *g);
/* Whether a packet to a group is for this socket. lock held. */
bool inet_group_wanted(const struct inet_sock *i, const struct net_flow *flow);

/* Errors. queue: softirq, lock held. */
void inet_queue_error(struct inet_sock *i, const struct ip_error *e);
void inet_queue_local_error(
	struct inet_sock *i, int error, uint32_t info, const struct net_flow *flow);
ssize_t inet_recv_error(struct inet_sock *i, struct sock_msg *msg);
static inline bool
inet_has_errors(const struct inet_sock *i)
{
	return __atomic_load_n(&i->errors, __ATOMIC_ACQUIRE) != NULL;
}

/* inet_family.c */
typedef int inet_create_fn(struct net_stack *net, uint16_t family, struct sock **out);
void inet_register_stream(inet_create_fn *create); /* boot: TCP, for SOCK_STREAM */
void inet_boot(void);

#endif
