/* SPDX-License-Identifier: MIT */
/* Linux's route netlink: links, addresses, routes, neighbours (rtnetlink(7)). */
#ifndef ABI_LINUX_RTNETLINK_H
#define ABI_LINUX_RTNETLINK_H

#include "abi/linux/netlink.h"

#define RTM_NEWLINK      16
#define RTM_DELLINK      17
#define RTM_GETLINK      18
#define RTM_SETLINK      19
#define RTM_NEWADDR      20
#define RTM_DELADDR      21
#define RTM_GETADDR      22
#define RTM_NEWROUTE     24
#define RTM_DELROUTE     25
#define RTM_GETROUTE     26
#define RTM_NEWNEIGH     28
#define RTM_DELNEIGH     29
#define RTM_GETNEIGH     30
#define RTM_NEWRULE      32
#define RTM_GETRULE      34
#define RTM_NEWPREFIX    52
#define RTM_NEWNDUSEROPT 68

/* Multicast groups: numbers for NETLINK_ADD_MEMBERSHIP; bit n - 1 of sockaddr_nl.nl_groups. */
#define RTNLGRP_LINK        1
#define RTNLGRP_NEIGH       3
#define RTNLGRP_IPV4_IFADDR 5
#define RTNLGRP_IPV4_ROUTE  7
#define RTNLGRP_IPV6_IFADDR 9
#define RTNLGRP_IPV6_ROUTE  11
#define RTNLGRP_IPV6_IFINFO 12
#define RTNLGRP_IPV6_PREFIX 18
#define RTNLGRP_ND_USEROPT  20

struct ifinfomsg {
	uint8_t ifi_family, ifi_pad;
	uint16_t ifi_type; /* ARPHRD_* */
	int32_t ifi_index;
	uint32_t ifi_flags; /* IFF_* */
	uint32_t ifi_change;
};

#define IFLA_ADDRESS       1
#define IFLA_BROADCAST     2
#define IFLA_IFNAME        3
#define IFLA_MTU           4
#define IFLA_LINK          5
#define IFLA_QDISC         6
#define IFLA_STATS         7
#define IFLA_MASTER        10
#define IFLA_PROTINFO      12 /* of AF_INET6 messages: nested IFLA_INET6_* */
#define IFLA_TXQLEN        13
#define IFLA_OPERSTATE     16
#define IFLA_LINKMODE      17
#define IFLA_LINKINFO      18
#define IFLA_NET_NS_PID    19
#define IFLA_IFALIAS       20
#define IFLA_STATS64       23
#define IFLA_AF_SPEC       26
#define IFLA_GROUP         27
#define IFLA_NET_NS_FD     28
#define IFLA_EXT_MASK      29
#define IFLA_PROMISCUITY   30
#define IFLA_NUM_TX_QUEUES 31
#define IFLA_NUM_RX_QUEUES 32
#define IFLA_CARRIER       33
#define IFLA_MIN_MTU       50
#define IFLA_MAX_MTU       51
#define IFLA_ALLMULTI      61

#define RTEXT_FILTER_SKIP_STATS 8u /* IFLA_EXT_MASK */

#define IFLA_INET6_FLAGS                 1
#define IFLA_INET6_CACHEINFO             5
#define IFLA_INET6_ADDR_GEN_MODE         8
#define IN6_ADDR_GEN_MODE_STABLE_PRIVACY 2
#define IF_RA_OTHERCONF                  0x80u
#define IF_RA_MANAGED                    0x40u
#define IF_RA_RCVD                       0x20u
#define IF_RS_SENT                       0x10u
#define IF_READY                         0x80000000u

#define IF_OPER_UNKNOWN 0
#define IF_OPER_DOWN    2
#define IF_OPER_UP      6

struct ifaddrmsg {
	uint8_t ifa_family, ifa_prefixlen, ifa_flags, ifa_scope;
	uint32_t ifa_index;
};

#define IFA_ADDRESS     1
#define IFA_LOCAL       2
#define IFA_LABEL       3
#define IFA_BROADCAST   4
#define IFA_CACHEINFO   6
#define IFA_FLAGS       8
#define IFA_RT_PRIORITY 9
#define IFA_PROTO       11

#define IFA_F_SECONDARY      0x01u /* of IPv6: temporary */
#define IFA_F_NODAD          0x02u
#define IFA_F_DADFAILED      0x08u
#define IFA_F_DEPRECATED     0x20u
#define IFA_F_TENTATIVE      0x40u
#define IFA_F_PERMANENT      0x80u
#define IFA_F_NOPREFIXROUTE  0x200u
#define IFA_F_STABLE_PRIVACY 0x800u

/* ifa_proto: who made the address. */
#define IFAPROT_UNSPEC    0
#define IFAPROT_KERNEL_LO 1
#define IFAPROT_KERNEL_RA 2
#define IFAPROT_KERNEL_LL 3

struct ifa_cacheinfo {
	uint32_t ifa_prefered, ifa_valid; /* seconds; UINT32_MAX: for ever */
	uint32_t cstamp, tstamp;          /* hundredths of seconds */
};

struct rtmsg {
	uint8_t rtm_family, rtm_dst_len, rtm_src_len, rtm_tos;
	uint8_t rtm_table, rtm_protocol, rtm_scope, rtm_type;
	uint32_t rtm_flags;
};

#define RTA_DST       1
#define RTA_SRC       2
#define RTA_IIF       3
#define RTA_OIF       4
#define RTA_GATEWAY   5
#define RTA_PRIORITY  6
#define RTA_PREFSRC   7
#define RTA_METRICS   8
#define RTA_MULTIPATH 9
#define RTA_FLOW      11
#define RTA_CACHEINFO 12
#define RTA_TABLE     15
#define RTA_MARK      16
#define RTA_VIA       18
#define RTA_PREF      20
#define RTA_ENCAP     22
#define RTA_EXPIRES   23
#define RTA_UID       25

#define RTAX_LOCK     1
#define RTAX_MTU      2
#define RTAX_ADVMSS   8
#define RTAX_HOPLIMIT 10

#define RT_TABLE_UNSPEC  0
#define RT_TABLE_DEFAULT 253
#define RT_TABLE_MAIN    254
#define RT_TABLE_LOCAL   255

#define RTPROT_UNSPEC 0
#define RTPROT_KERNEL 2
#define RTPROT_BOOT   3
#define RTPROT_STATIC 4
#define RTPROT_RA     9
#define RTPROT_DHCP   16

#define RT_SCOPE_UNIVERSE 0
#define RT_SCOPE_SITE     200
#define RT_SCOPE_LINK     253
#define RT_SCOPE_HOST     254
#define RT_SCOPE_NOWHERE  255

#define RTN_UNSPEC      0
#define RTN_UNICAST     1
#define RTN_LOCAL       2
#define RTN_BROADCAST   3
#define RTN_ANYCAST     4
#define RTN_MULTICAST   5
#define RTN_BLACKHOLE   6
#define RTN_UNREACHABLE 7
#define RTN_PROHIBIT    8
#define RTN_THROW       9

#define RTM_F_NOTIFY       0x100u
#define RTM_F_CLONED       0x200u
#define RTM_F_LOOKUP_TABLE 0x1000u
#define RTM_F_FIB_MATCH    0x2000u
#define RTNH_F_DEAD        1u
#define RTNH_F_ONLINK      4u
#define RTNH_F_LINKDOWN    16u

struct ndmsg {
	uint8_t ndm_family, ndm_pad1;
	uint16_t ndm_pad2;
	int32_t ndm_ifindex;
	uint16_t ndm_state; /* NUD_* */
	uint8_t ndm_flags;  /* NTF_* */
	uint8_t ndm_type;
};

#define NDA_DST       1
#define NDA_LLADDR    2
#define NDA_CACHEINFO 3
#define NDA_PROBES    4
#define NDA_IFINDEX   8

#define NTF_ROUTER 0x80u

#define NUD_INCOMPLETE 0x01u
#define NUD_REACHABLE  0x02u
#define NUD_STALE      0x04u
#define NUD_DELAY      0x08u
#define NUD_PROBE      0x10u
#define NUD_FAILED     0x20u
#define NUD_NOARP      0x40u
#define NUD_PERMANENT  0x80u

struct nda_cacheinfo {
	uint32_t ndm_confirmed, ndm_used, ndm_updated; /* hundredths of seconds ago */
	uint32_t ndm_refcnt;
};

/* RTM_NEWNDUSEROPT: a router advertisement's options that user space deals with follow, as on the wire. */
struct nduseroptmsg {
	uint8_t nduseropt_family, nduseropt_pad1;
	uint16_t nduseropt_opts_len;
	int32_t nduseropt_ifindex;
	uint8_t nduseropt_icmp_type, nduseropt_icmp_code;
	uint16_t nduseropt_pad2;
	uint32_t nduseropt_pad3;
};
#define NDUSEROPT_SRCADDR 1

_Static_assert(sizeof(struct ifinfomsg) == 16, "Linux's layout");
_Static_assert(sizeof(struct ifaddrmsg) == 8, "Linux's layout");
_Static_assert(sizeof(struct rtmsg) == 12, "Linux's layout");
_Static_assert(sizeof(struct ndmsg) == 12, "Linux's layout");
_Static_assert(sizeof(struct nduseroptmsg) == 16, "Linux's layout");

#endif
