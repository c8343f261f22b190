/* SPDX-License-Identifier: MIT */
/*
 * IP of both versions: the way in from interfaces, the way out from transports, and the interfaces' addresses.
 *
 * In: ip4_input() and ip6_input() check, reassemble and hand what is ours to the protocol that registered for it, in
 * softirq, with the packet's data at the transport header and net_off at the (last) IP header. Nothing is forwarded.
 *
 * Out: ip_output() puts the IP header in front of a transport's packet, the link header in front of that, and
 * transmits. With a valid route and a resolved neighbour that is a straight line, without a lock.
 *
 * Addresses of an interface are changed under net_stack.config_lock and read inside epochs.
 */
#ifndef NET_IP_IP_H
#define NET_IP_IP_H

#include "core/epoch.h"
#include "core/types.h"
#include "net/addr.h"
#include "net/ip/route.h"
#include "net/net.h"
#include "net/pkt.h"

#define IPPROTO_HOPOPTS  0
#define IPPROTO_ICMP     1
#define IPPROTO_IGMP     2
#define IPPROTO_TCP      6
#define IPPROTO_UDP      17
#define IPPROTO_IPV6     41
#define IPPROTO_ROUTING  43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_ICMPV6   58
#define IPPROTO_NONE     59
#define IPPROTO_DSTOPTS  60
#define IPPROTO_RAW      255

/* From netif_receive(): p begins with its IP header (pkt_data), netif set. Takes over p. Softirq. */
void ip4_input(struct netif *nif, struct pkt *p);
void ip6_input(struct netif *nif, struct pkt *p);

/* The addresses and interface of a packet that came in; ports are the transport's to fill. scope only for link-local. */
void ip_flow_of(const struct pkt *p, struct net_flow *flow);

static inline bool
ip_pkt_is_v4(const struct pkt *p)
{
	return (p->head[p->net_off] >> 4) == 4;
}

/*
 * An ICMP error about a packet of ours (source, destination and protocol checked), told to its protocol, which looks up
 * the socket and checks what it can (TCP: the sequence number) before it believes anything.
 */
struct ip_error {
	struct netif *netif;      /* where it came from; NULL: a local failure (no neighbour) */
	struct net_flow flow;     /* of the packet that it is about; local is ours. Ports filled */
	struct net_addr offender; /* who sent the ICMP message */
	const uint8_t *transport; /* the offending packet's transport header … */
	uint32_t
		transport_len; /* … of which so many bytes came back; at least 8, but for local failures */
	int error;             /* positive errno, as Linux maps it */
	uint32_t mtu;          /* EMSGSIZE: next hop's MTU (never 0); else 0 */
	uint8_t type, code; /* ICMP's, of its version */
	uint8_t protocol;   /* IPPROTO_* */
	bool v4;
	bool hard; /* worth ending a connection that is being opened, or an error for a UDP sender without RECVERR */
	struct pkt *pkt; /* the ICMP message, for error queues (clone it); NULL: a local failure */
};

struct ip_protocol {
	/* A packet to us, in softirq. Takes over p. */
	void (*input)(struct netif *nif, struct pkt *p);
	/* About one of ours, in softirq or with bottom halves off. NULL: not interested. */
	void (*error)(struct net_stack *net, const struct ip_error *e);
};
/* Boot. Both versions. */
void ip_register_protocol(uint8_t protocol, const struct ip_protocol *ops);

/*
 * Raw sockets see every packet to us before its protocol does, and make it known to a sender that somebody listens.
 * fn borrows p (clones what it keeps) and returns whether a socket took it. Called while net->ip4/ip6 count raw sockets
 * (ip_raw_count()); data at the transport header. Boot: one function.
 */
void ip_register_raw(bool (*fn)(struct netif *nif, const struct pkt *p));
void ip_raw_count(struct net_stack *net, bool v4, int change);

/* icmp_count.c: an ICMP message of a type came (its checksum is good), or is sent, by whomever. Bottom halves off. */
enum icmp_way { ICMP_WAY_IN, ICMP_WAY_OUT };
void icmp_count(struct net_stack *net, bool v4, enum icmp_way way, uint8_t type);
uint32_t icmp_counted(struct net_stack *net, bool v4, enum icmp_way way, uint8_t type);

/*
 * Sends a transport's packet: data at the transport header, checksum done or PKT_CSUM_PARTIAL with csum_start at the
 * transport header (for GSO too). flow: addresses (local may be left unspecified: chosen); ref: the way, resolved anew
 * if need be. tos: TOS or traffic class. ttl: 0: the default (or the group's). Takes over p in every case.
 *
 * p->len may exceed the MTU if p->gso says how it is cut; otherwise it is fragmented, or -EMSGSIZE with ROUTE_DF.
 * 0 or an error of route_resolve(), -EMSGSIZE, -ENOBUFS. Bottom halves off or softirq; no lock of docs/network.md below
 * that of a connection is held.
 */
int ip_output(struct net_stack *net, struct route_ref *ref, struct pkt *p, struct net_flow *flow,
	uint8_t tos, uint8_t ttl, uint8_t protocol);
/* A packet with its IP header (IP_HDRINCL): id, checksum, length and an unset source are filled in. */
int ip_output_raw(
	struct net_stack *net, struct route_ref *ref, struct pkt *p, struct net_flow *flow);

/* The pseudo header's sum, not complemented, folded: what a PKT_CSUM_PARTIAL field holds. len: transport bytes. */
uint16_t ip_pseudo_sum(const struct net_flow *flow, uint32_t len, uint8_t protocol);

/* Classes of a local address, for bind() and look-ups. Inside an epoch. */
enum ip_local {
	IP_NOT_LOCAL,
	IP_LOCAL,
	IP_LOCAL_TENTATIVE, /* DAD has not finished: not to be bound or used yet */
	IP_LOCAL_BROADCAST,
	IP_LOCAL_MULTICAST,
};
/* ifindex: only that interface's (scope of link-local addresses); 0: any. */
enum ip_local ip_classify(struct net_stack *net, const struct net_addr *a, uint32_t ifindex);

/* IFA_F_* of Linux. */
#define IP_ADDR_TEMPORARY  0x01u
#define IP_ADDR_NODAD      0x02u
#define IP_ADDR_DADFAILED  0x08u
#define IP_ADDR_DEPRECATED 0x20u
#define IP_ADDR_TENTATIVE  0x40u
#define IP_ADDR_PERMANENT  0x80u
#define IP_ADDR_NOPREFIX   0x200u /* no route for its prefix */
#define IP_ADDR_STABLE     0x800u

/* IFAPROT_*: where an address came from. */
#define IP_ADDR_PROTO_LO 1u
#define IP_ADDR_PROTO_RA 2u
#define IP_ADDR_PROTO_LL 3u

struct ip_addr_config {
	struct net_addr addr;
	struct net_addr peer;      /* of a point-to-point link; unspecified (all zero): none */
	struct net_addr broadcast; /* IPv4; all zero: none */
	uint8_t prefix;            /* 0..32 or 0..128 */
	uint8_t scope;             /* ROUTE_SCOPE_* */
	uint8_t proto;
	uint32_t flags;                      /* IP_ADDR_* */
	uint32_t metric;                     /* of the prefix's route; 0: the default */
	nsec_t valid_until, preferred_until; /* monotonic; DEADLINE_NEVER */
	nsec_t created, updated;             /* monotonic; filled in */
	char label[16];                      /* IPv4: "eth0:1"; empty: the interface's name */
};

struct ip_addr { /* one of an interface's, in the interface's order */
	struct epoch_head epoch;
	struct ip_addr *_Atomic next;
	struct netif *netif; /* [I] */
	struct ip_addr_config
		conf; /* [config_lock; readers see changes of flags and lifetimes when they come] */
	_Atomic uint32_t flags; /* conf.flags as of now */
	uint32_t told_flags;    /* [config_lock] what listeners were told last */
	bool dad_told;          /* [config_lock] */
	struct in6_dad *dad;    /* [its lock] IPv6: duplicate address detection in progress */
};

/*
 * Adds an address, or renews the lifetimes of one that is there (replace). 0, -EEXIST, -EINVAL, -ENOMEM, -ENOBUFS (an
 * interface has too many). The prefix's and the local routes follow. Under config_lock; may sleep.
 */
int ip_addr_add(struct netif *nif, const struct ip_addr_config *conf, bool replace) MUST_CHECK;
/* prefix: 255: any. 0 or -EADDRNOTAVAIL. Under config_lock; may sleep. */
int ip_addr_del(struct netif *nif, const struct net_addr *addr, uint8_t prefix) MUST_CHECK;
/* The first address of an interface, of a version; then ->next. Inside an epoch or under config_lock. */
struct ip_addr *ip_addr_first(const struct netif *nif, bool v4);

/* Who wants to know of addresses and routes (netlink). Under config_lock or from a worker; may not sleep. */
struct ip_listener {
	struct list_node node;
	void (*addr)(struct ip_listener *l, const struct ip_addr *a, bool gone);
	void (*route)(struct ip_listener *l, const struct fib_spec *spec, bool gone);
	void (*neigh)(struct ip_listener *l, struct neigh *n, bool gone); /* softirq too */
	/* What routers say of DHCPv6 has changed, or the first one was heard. */
	void (*ra_flags)(struct ip_listener *l, struct netif *nif);
	/* A router's DNS servers and domains (RFC 8106) for user space: the option as it came, 8-byte units. */
	void (*ra_dns)(
		struct ip_listener *l, struct netif *nif, const uint8_t *option, uint32_t len);
};
void ip_add_listener(struct net_stack *net, struct ip_listener *l);

/*
 * Groups of a host: membership is counted per interface and announced by IGMP or MLD.
 * 0, -EINVAL (no group), -ENODEV, -ENOBUFS, -ENOMEM; leave: -EADDRNOTAVAIL. Under config_lock; may sleep.
 */
int ip_group_join(
	struct net_stack *net, struct netif *nif, const struct net_addr *group) MUST_CHECK;
int ip_group_leave(struct net_stack *net, struct netif *nif, const struct net_addr *group);
/* The interface that routes choose for a group now; NULL: none. Under config_lock, or in an epoch. */
struct netif *ip_group_netif(struct net_stack *net, const struct net_addr *group);

/* Answers "nobody listens" about a packet that came in (data at its transport header; borrowed). Softirq. */
void ip_send_port_unreachable(struct pkt *p);
void ip_send_protocol_unreachable(struct pkt *p);

/* Tunables of a stack (sysctl net.ipv4.*, net.ipv6.*), read without locks. */
struct ip_sysctl {
	_Atomic uint32_t default_ttl;          /* 64 */
	_Atomic uint32_t icmp_echo_ignore_all; /* 0 */
	_Atomic uint32_t port_low, port_high;  /* ephemeral ports: 32768, 60999 */
	_Atomic uint32_t unprivileged_port;    /* 1024 */
	_Atomic uint32_t ping_group_low, ping_group_high;
	_Atomic uint32_t frag_high; /* bytes that fragments may hold: 4 MiB */
};
struct ip_sysctl *ip_sysctl(struct net_stack *net);

/* The ephemeral ports: n of them, at least one, from low on; host byte order. */
struct ip_port_range {
	uint32_t low, n;
};
static inline struct ip_port_range
ip_port_range(struct net_stack *net)
{
	struct ip_sysctl *s = ip_sysctl(net);
	uint32_t low = atomic_load_explicit(&s->port_low, memory_order_relaxed);
	uint32_t high = atomic_load_explicit(&s->port_high, memory_order_relaxed);
	return (struct ip_port_range){low, high >= low ? high - low + 1 : 1};
}

/* IPv6's of an interface, or of those to come (net.ipv6.conf.*), read without locks. */
struct in6_conf {
	_Atomic uint32_t disable_ipv6, accept_ra, autoconf, dad_transmits; /* 0, 1, 1, 1 */
	_Atomic uint32_t hop_limit; /* 64; routers change it */
	_Atomic uint32_t mtu;       /* of the link's paths; routers change it; 0: the interface's */
};
/* Of those to come, of one. */
struct in6_conf *in6_conf_default(struct net_stack *net);
struct in6_conf *in6_conf_of(const struct netif *nif); /* NULL: it has no IPv6 */
/* Takes IPv6 off an interface, addresses and routes too, or puts it on again. Under config_lock; may sleep. */
void in6_set_disabled(struct netif *nif, bool disabled);

/* A stack's part of IP: tables, listeners. From net_stack_create(), once netif_add_listener() works, before loopback. */
int ip_stack_init(struct net_stack *net) MUST_CHECK;
/* Boot: caches, timers, protocols (ICMP, UDP). Before the first stack. */
void ip_init(void);

#endif
