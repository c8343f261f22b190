/* SPDX-License-Identifier: MIT */
/* Linux's netlink messages: struct nlmsghdr and attributes (RFC 3549; netlink(7)). All fields in host byte order. */
#ifndef ABI_LINUX_NETLINK_H
#define ABI_LINUX_NETLINK_H

#include <stdint.h>

#define NETLINK_ROUTE     0
#define NETLINK_SOCK_DIAG 4

struct nlmsghdr {
	uint32_t nlmsg_len; /* with this header, without padding */
	uint16_t nlmsg_type;
	uint16_t nlmsg_flags;
	uint32_t nlmsg_seq;
	uint32_t nlmsg_pid;
};

struct nlattr {
	uint16_t nla_len; /* with this header, without padding */
	uint16_t nla_type;
};

struct sockaddr_nl {
	uint16_t nl_family;
	uint16_t nl_pad;
	uint32_t nl_pid;
	uint32_t nl_groups;
};

#define NLMSG_ALIGN(n) (((n) + 3u) & ~3u)

#define NLM_F_REQUEST       0x01
#define NLM_F_MULTI         0x02
#define NLM_F_ACK           0x04
#define NLM_F_ECHO          0x08
#define NLM_F_DUMP_INTR     0x10
#define NLM_F_DUMP_FILTERED 0x20
/* of requests that get */
#define NLM_F_ROOT   0x100
#define NLM_F_MATCH  0x200
#define NLM_F_ATOMIC 0x400
#define NLM_F_DUMP   (NLM_F_ROOT | NLM_F_MATCH)
/* of requests that make */
#define NLM_F_REPLACE 0x100
#define NLM_F_EXCL    0x200
#define NLM_F_CREATE  0x400
#define NLM_F_APPEND  0x800
/* of acknowledgements */
#define NLM_F_CAPPED   0x100
#define NLM_F_ACK_TLVS 0x200

#define NLMSG_NOOP 1
#define NLMSG_ERROR \
	2 /* struct nlmsgerr: int32 error (0: acknowledged), then the request's header */
#define NLMSG_DONE     3
#define NLMSG_OVERRUN  4
#define NLMSG_MIN_TYPE 16

#define NLA_F_NESTED        0x8000
#define NLA_F_NET_BYTEORDER 0x4000
#define NLA_TYPE_MASK       0x3fff

#define NLMSGERR_ATTR_MSG  1
#define NLMSGERR_ATTR_OFFS 2

#define SOL_NETLINK              270
#define NETLINK_ADD_MEMBERSHIP   1
#define NETLINK_DROP_MEMBERSHIP  2
#define NETLINK_PKTINFO          3
#define NETLINK_BROADCAST_ERROR  4
#define NETLINK_NO_ENOBUFS       5
#define NETLINK_LISTEN_ALL_NSID  8
#define NETLINK_LIST_MEMBERSHIPS 9
#define NETLINK_CAP_ACK          10
#define NETLINK_EXT_ACK          11
#define NETLINK_GET_STRICT_CHK   12

#endif
