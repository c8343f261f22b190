/* SPDX-License-Identifier: MIT */
/* Linux's NETLINK_SOCK_DIAG for sockets of the internet families (sock_diag(7)). */
#ifndef ABI_LINUX_INET_DIAG_H
#define ABI_LINUX_INET_DIAG_H

#include <stdint.h>

#define SOCK_DIAG_BY_FAMILY 20
#define SOCK_DESTROY        21

struct inet_diag_sockid {
	uint16_t idiag_sport, idiag_dport; /* network byte order */
	uint32_t idiag_src[4], idiag_dst[4];
	uint32_t idiag_if;
	uint32_t idiag_cookie[2];
};

struct inet_diag_req_v2 {
	uint8_t sdiag_family, sdiag_protocol, idiag_ext, pad;
	uint32_t idiag_states; /* bits by state */
	struct inet_diag_sockid id;
};

struct inet_diag_msg {
	uint8_t idiag_family, idiag_state, idiag_timer, idiag_retrans;
	struct inet_diag_sockid id;
	uint32_t idiag_expires, idiag_rqueue, idiag_wqueue, idiag_uid, idiag_inode;
};

/* Attribute of a request: the protocol, where it does not fit into its byte. */
#define INET_DIAG_REQ_PROTOCOL 3

/* Attributes; 1 << (n - 1) in idiag_ext asks for n. */
#define INET_DIAG_INFO      2
#define INET_DIAG_CONG      4
#define INET_DIAG_SKMEMINFO 7
#define INET_DIAG_SHUTDOWN  8
#define INET_DIAG_PROTOCOL  10 /* of raw sockets */
#define INET_DIAG_SKV6ONLY  11
#define INET_DIAG_NO_COOKIE UINT32_MAX

/* States of a socket that has no connection, and of one that has: TCP's numbers. */
#define INET_DIAG_ESTABLISHED 1
#define INET_DIAG_CLOSE       7

_Static_assert(sizeof(struct inet_diag_sockid) == 48, "Linux's layout");
_Static_assert(sizeof(struct inet_diag_req_v2) == 56, "Linux's layout");
_Static_assert(sizeof(struct inet_diag_msg) == 72, "Linux's layout");

#endif
