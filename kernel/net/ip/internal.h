/* SPDX-License-Identifier: MIT */
/*
 * What the files of net/ip share: a stack's state of IPv4 and IPv6, an interface's, and the steps between them.
 * Locks: [config_lock] net_stack.config_lock; readers of addresses and groups are inside an epoch.
 */
#ifndef NET_IP_INTERNAL_H
#define NET_IP_INTERNAL_H

#include "core/spinlock.h"
#include "core/timerwheel.h"
#include "net/hash.h"
#include "net/ip/reply_gate.h"
#include "net/ip/ip.h"
#include "net/link/netif.h"

struct ip_group;
struct neigh;

/* Addresses and groups of an interface, of one version; the first member of in4_device and in6_device. */
struct in_device {
	struct netif *netif;             /* [I] */
	struct ip_addr *_Atomic first;   /* [config_lock, epoch] */
	uint32_t count;                  /* [config_lock] */
	struct ip_group *_Atomic groups; /* [config_lock, epoch] */
	uint32_t group_count;            /* [config_lock] */
	struct mcast_device *mcast;      /* [I] */
};

#define IN_DEVICE_ADDRS_MAX  1024u /* an interface's addresses of one version */
#define IN_DEVICE_GROUPS_MAX 4096u

struct in4_device {
	struct in_device in;
};

struct in6_device {
	struct in_device in;
	struct nd_device *nd; /* [I] */

	_Atomic uint32_t reachable_ms; /* from routers and settings; 0: the default */
	_Atomic uint32_t retrans_ms;
	_Atomic uint32_t ra_flags; /* what routers say of DHCPv6: IF_RA_* of Linux */
	struct in6_conf conf;
};

/* Linux's IF_* of in6_device.ra_flags and in6_link_flags(). */
#define IN6_RA_OTHERCONF 0x80u
#define IN6_RA_MANAGED   0x40u
#define IN6_RA_RCVD      0x20u
#define IN6_READY        0x80000000u

#define IP_ID_BUCKETS 2048u

struct ip4_stack {
	struct ip_sysctl sysctl;
	struct list_node listeners; /* [config_lock, epoch] struct ip_listener */
	struct netif_listener netif_listener;
	struct reply_gate icmp_gate; /* both versions' */
	_Atomic uint32_t raw_sockets;
	_Atomic uint32_t ids[IP_ID_BUCKETS];
	_Atomic uint32_t icmp_types[2][2][256]; /* messages: of IPv4, IPv6; by icmp_way; by type */
	struct pmtu_table *pmtu;
};

struct ip6_stack {
	struct in6_conf conf; /* of interfaces to come */
	_Atomic uint32_t raw_sockets;
	_Atomic uint32_t ids[IP_ID_BUCKETS]; /* of fragments */
};

static inline struct in_device *
in_device_of(const struct netif *nif, bool v4)
{
	struct netif *n = (struct netif *)nif;
	if (v4)
		return (struct in_device *)atomic_load_explicit(&n->in4, memory_order_acquire);
	return (struct in_device *)atomic_load_explicit(&n->in6, memory_order_acquire);
}

static inline struct ip_addr *
ip_addr_next(const struct ip_addr *a)
{
	return atomic_load_explicit(&((struct ip_addr *)a)->next, memory_order_acquire);
}

static inline bool
in6_is_disabled(const struct netif *nif)
{
	struct in6_device *in6 = (struct in6_device *)in_device_of(nif, false);
	return in6 == NULL ||
		atomic_load_explicit(&in6->conf.disable_ipv6, memory_order_relaxed) != 0;
}

/* IFLA_INET6_FLAGS. */
static inline uint32_t
in6_link_flags(const struct netif *nif)
{
	struct in6_device *in6 = (struct in6_device *)in_device_of(nif, false);
	uint32_t up = IFF_UP | IFF_LOWER_UP;
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed);
	if (in6 == NULL)
		return 0;
	return atomic_load_explicit(&in6->ra_flags, memory_order_relaxed) |
		((flags & up) == up && !in6_is_disabled(nif) ? IN6_READY : 0);
}

/* --- addr.c, group.c --- */

void ip_netif_event(struct netif_listener *l, struct netif *nif, enum netif_event event);
/* An interface's own address; NULL: it has no such. Epoch or config_lock. */
struct ip_addr *ip_addr_find(const struct netif *nif, const struct net_addr *a);
/* Whether an interface takes packets to a group. Epoch. */
bool ip_group_is_member(const struct netif *nif, const struct net_addr *group);
void ip_group_netif_down(struct netif *nif);
int in_devices_create(struct netif *nif);
void ip_notify_addr(struct net_stack *net, const struct ip_addr *a, bool gone);
void ip_notify_route(struct net_stack *net, const struct fib_spec *spec, bool gone);
void ip_notify_neigh(struct net_stack *net, struct neigh *n, bool gone); /* softirq too */
void ip_notify_ra_flags(struct net_stack *net, struct netif *nif);

/* --- srcaddr.c --- */

/* The source address for dst over nif: false: none. */
bool ip_select_source(struct net_stack *net, const struct netif *nif, const struct net_addr *dst,
	struct net_addr *out);

/* --- pmtu.c --- */

int pmtu_stack_init(struct net_stack *net) MUST_CHECK;
/* The path MTU that was learnt for dst; 0: none. Epoch. */
uint32_t pmtu_lookup(struct net_stack *net, const struct net_addr *dst);

/* --- input.c --- */

/* To raw sockets and the protocol; data at the transport header. Takes over p. */
void ip_deliver(struct netif *nif, struct pkt *p);
const struct ip_protocol *ip_protocol_of(uint8_t protocol);
void ip_report_error(struct net_stack *net, const struct ip_error *e);
/* A packet of ours will not leave: tells its socket. p: data at the IP header; borrowed. */
void ip_report_local_failure(struct net_stack *net, struct pkt *p, int error);

/* --- icmp --- */

void icmp4_input(struct netif *nif, struct pkt *p);
void icmp6_input(struct netif *nif, struct pkt *p);
/* An error about p, data anywhere, net_off at its IP header; borrowed. Checked whether it may be told, and limited. */
void icmp4_send_error(struct pkt *p, uint8_t type, uint8_t code, uint32_t word);
void icmp6_send_error(struct pkt *p, uint8_t type, uint8_t code, uint32_t word);
bool icmp_may_send(struct net_stack *net, const struct net_addr *dst);
/* Sends an ICMPv6 message (checksum filled in here) over an interface, past the routing table. hop limit 255. */
void icmp6_send_link(struct netif *nif, const struct net_addr *src, const struct net_addr *dst,
	const void *message, size_t n, const uint8_t *mac, bool router_alert);

/* --- output.c --- */

uint16_t ip4_next_id(struct net_stack *net, uint32_t src, uint32_t dst, uint8_t protocol);
uint32_t ip6_next_fragment_id(
	struct net_stack *net, const struct net_addr *src, const struct net_addr *dst);
/* Writes p's IP header; p->len is the payload's. */
void ip4_push_header(struct pkt *p, uint32_t src, uint32_t dst, uint16_t id, bool df, uint8_t tos,
	uint8_t ttl, uint8_t protocol);
void ip6_push_header(struct pkt *p, const struct net_addr *src, const struct net_addr *dst,
	uint8_t tos, uint8_t ttl, uint8_t next);

/* --- fragment.c (both ways) --- */

/* Takes over p. Sends p (IP header in front) in pieces of at most mtu through ref. 0 or -errno. */
int ip4_fragment(struct net_stack *net, struct route_ref *ref, struct pkt *p);
int ip6_fragment(struct net_stack *net, struct route_ref *ref, struct pkt *p, uint8_t protocol);
/* A way out for what has its IP header: groups, broadcast and loops included. */
void ip_transmit(struct net_stack *net, struct route_ref *ref, struct pkt *p);

#endif
