/* SPDX-License-Identifier: MIT */
/*
 * Route netlink's messages as values: what requests say (decoded and checked whole, before anything is done) and what
 * answers and notifications tell. Pure: bytes to structs and back; interfaces are numbers, times are seconds.
 */
#ifndef NET_SOCK_NETLINK_MESSAGE_H
#define NET_SOCK_NETLINK_MESSAGE_H

#include "abi/linux/rtnetlink.h"
#include "net/sock/netlink/attr.h"

#define NL_FOREVER UINT32_MAX

/* RTM_NEWLINK, SETLINK, GETLINK (of one). */
struct nl_link_request {
	uint8_t family;
	uint32_t ifindex; /* 0: by name */
	uint32_t flags, change;
	uint32_t mtu;
	uint32_t ext_mask;
	uint8_t mac[6];
	char name[16]; /* which one, when ifindex is 0; else its new name. Empty: none */
	bool has_mtu, has_mac;
	bool has_kind; /* IFLA_LINKINFO: a kind of interface is to be made */
	bool has_more; /* something that we have not: IFLA_MASTER, IFLA_NET_NS_* ... */
};
int nl_decode_link(const struct nl_request *r, struct nl_link_request *out, struct nl_extack *x);

/* RTM_NEWADDR, DELADDR. */
struct nl_addr_request {
	struct net_addr local, peer, broadcast; /* peer, broadcast: all zero: none */
	uint32_t ifindex, flags;                /* IFA_F_* */
	uint32_t preferred, valid;              /* seconds; NL_FOREVER */
	uint32_t metric;
	uint8_t family, prefix, scope, proto;
	char label[16];
	bool has_local, has_broadcast, has_lifetimes;
};
int nl_decode_addr(const struct nl_request *r, struct nl_addr_request *out, struct nl_extack *x);

/* RTM_NEWROUTE, DELROUTE, GETROUTE (of one destination), and the filter of a strict dump. */
struct nl_route_request {
	struct net_addr dst, gateway, prefsrc, src;
	uint32_t oif, iif, metric, mtu, table, flags, mark;
	uint32_t expires; /* seconds; 0: never */
	uint8_t family, dst_len, type, proto, scope, pref, tos;
	bool has_dst, has_gateway, has_prefsrc, has_src, has_metric;
};
int nl_decode_route(const struct nl_request *r, struct nl_route_request *out, struct nl_extack *x);

/* RTM_NEWNEIGH, DELNEIGH. */
struct nl_neigh_request {
	struct net_addr dst;
	uint32_t ifindex;
	uint16_t state; /* NUD_* */
	uint8_t family, flags, mac[6];
	bool has_mac;
};
int nl_decode_neigh(const struct nl_request *r, struct nl_neigh_request *out, struct nl_extack *x);

/*
 * What a dump asks for. In the legacy form only the family counts, and the message may be as short as struct rtgenmsg;
 * strict requests are checked whole and may filter.
 */
struct nl_dump_request {
	uint8_t family;
	uint32_t ifindex;  /* 0: any; of neighbours and addresses, and RTA_OIF */
	uint32_t ext_mask; /* links: IFLA_EXT_MASK */
	uint32_t table;    /* routes; 0: any */
	uint8_t proto, type;
	bool cloned; /* routes: only learnt exceptions are asked for */
	bool filtered;
};
int nl_decode_dump(
	const struct nl_request *r, bool strict, struct nl_dump_request *out, struct nl_extack *x);

/* --- Answers. header: type, flags, seq and pid; each returns false (and takes it back) if it did not fit. --- */

struct nl_link_stats { /* the first members of struct rtnl_link_stats64 in its order */
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped,
		tx_dropped, multicast;
};

struct nl_link_info {
	char name[16];
	uint16_t type;
	uint32_t ifindex, flags, change;
	uint32_t mtu, min_mtu, max_mtu, promiscuity, tx_queues, rx_queues;
	uint8_t mac[6], broadcast[6];
	bool carrier;
	uint32_t inet6_flags; /* IF_RA_* */
	bool inet6_disabled;
	bool has_stats;
	struct nl_link_stats stats;
};
bool nl_encode_link(struct nl_buf *b, const struct nlmsghdr *header, const struct nl_link_info *l);
/* The form of AF_INET6: IFLA_PROTINFO. */
bool nl_encode_link6(struct nl_buf *b, const struct nlmsghdr *header, const struct nl_link_info *l);

struct nl_addr_info {
	struct net_addr local, peer, broadcast;
	uint32_t ifindex, flags, preferred, valid, metric;
	uint32_t created, updated; /* hundredths of seconds since boot */
	uint8_t prefix, scope, proto;
	char label[16];
};
bool nl_encode_addr(struct nl_buf *b, const struct nlmsghdr *header, const struct nl_addr_info *a);

struct nl_route_info {
	struct net_addr dst, gateway, prefsrc;
	uint32_t oif, metric, mtu, table, flags;
	uint32_t expires; /* seconds left; 0: never */
	uint8_t family, dst_len, type, proto, scope, pref;
	bool has_gateway, has_prefsrc;
};
bool nl_encode_route(
	struct nl_buf *b, const struct nlmsghdr *header, const struct nl_route_info *r);

struct nl_neigh_entry {
	struct net_addr dst;
	uint32_t ifindex, probes, refs;
	uint32_t confirmed, used, updated; /* hundredths of seconds ago */
	uint16_t state;
	uint8_t mac[6], flags, type;
	bool has_mac;
};
bool nl_encode_neigh(
	struct nl_buf *b, const struct nlmsghdr *header, const struct nl_neigh_entry *n);

/* A router's option as it came; len bytes, a multiple of 8. */
bool nl_encode_nd_option(struct nl_buf *b, const struct nlmsghdr *header, uint32_t ifindex,
	const uint8_t *option, uint16_t len);

/* An acknowledgement (error 0) or refusal of r: how: NL_ACK_*. */
#define NL_ACK_CAPPED 1u /* without the request's body */
#define NL_ACK_TLVS   2u /* with what x says */
bool nl_encode_ack(struct nl_buf *b, uint32_t pid, const struct nl_request *r, int error,
	uint32_t how, const struct nl_extack *x);
/* Bytes that the acknowledgement of r takes at most. */
uint32_t nl_ack_size(const struct nl_request *r, const struct nl_extack *x);

#endif
