/* SPDX-License-Identifier: MIT */
/* Linux's NETLINK_SOCK_DIAG for sockets of AF_UNIX, AF_PACKET and AF_NETLINK (sock_diag(7)). */
#ifndef ABI_LINUX_SOCK_DIAG_H
#define ABI_LINUX_SOCK_DIAG_H

#include <stdint.h>

/* Requests. */
struct unix_diag_req {
	uint8_t sdiag_family, sdiag_protocol;
	uint16_t pad;
	uint32_t udiag_states; /* bits by state */
	uint32_t udiag_ino;
	uint32_t udiag_show;
	uint32_t udiag_cookie[2];
};

struct packet_diag_req {
	uint8_t sdiag_family, sdiag_protocol;
	uint16_t pad;
	uint32_t pdiag_ino;
	uint32_t pdiag_show;
	uint32_t pdiag_cookie[2];
};

struct netlink_diag_req {
	uint8_t sdiag_family, sdiag_protocol;
	uint16_t pad;
	uint32_t ndiag_ino;
	uint32_t ndiag_show;
	uint32_t ndiag_cookie[2];
};

/* Answers, before their attributes. */
struct unix_diag_msg {
	uint8_t udiag_family, udiag_type, udiag_state, pad;
	uint32_t udiag_ino;
	uint32_t udiag_cookie[2];
};

struct packet_diag_msg {
	uint8_t pdiag_family, pdiag_type;
	uint16_t pdiag_num; /* the ethertype, host byte order */
	uint32_t pdiag_ino;
	uint32_t pdiag_cookie[2];
};

struct netlink_diag_msg {
	uint8_t ndiag_family, ndiag_type, ndiag_protocol, ndiag_state;
	uint32_t ndiag_portid;
	uint32_t ndiag_dst_portid;
	uint32_t ndiag_dst_group;
	uint32_t ndiag_ino;
	uint32_t ndiag_cookie[2];
};

/* udiag_show, and the attributes that it asks for. */
#define UDIAG_SHOW_NAME    0x01u
#define UDIAG_SHOW_PEER    0x04u
#define UDIAG_SHOW_ICONS   0x08u
#define UDIAG_SHOW_RQLEN   0x10u
#define UDIAG_SHOW_MEMINFO 0x20u
#define UDIAG_SHOW_UID     0x40u
#define UNIX_DIAG_NAME     0
#define UNIX_DIAG_PEER     2 /* its inode number */
#define UNIX_DIAG_ICONS    3 /* of a listener: the inode numbers of who waits */
#define UNIX_DIAG_RQLEN    4
#define UNIX_DIAG_MEMINFO  5
#define UNIX_DIAG_SHUTDOWN 6 /* always */
#define UNIX_DIAG_UID      7

struct unix_diag_rqlen {
	uint32_t udiag_rqueue, udiag_wqueue;
};

#define PACKET_SHOW_INFO    0x01u
#define PACKET_SHOW_MEMINFO 0x10u
#define PACKET_DIAG_INFO    0
#define PACKET_DIAG_UID     5
#define PACKET_DIAG_MEMINFO 6

struct packet_diag_info {
	uint32_t pdi_index, pdi_version, pdi_reserve, pdi_copy_thresh, pdi_tstamp, pdi_flags;
};

#define NDIAG_PROTO_ALL      0xffu
#define NDIAG_SHOW_MEMINFO   0x01u
#define NDIAG_SHOW_GROUPS    0x02u
#define NETLINK_DIAG_MEMINFO 0
#define NETLINK_DIAG_GROUPS  1

_Static_assert(sizeof(struct unix_diag_req) == 24, "Linux's layout");
_Static_assert(sizeof(struct packet_diag_req) == 20, "Linux's layout");
_Static_assert(sizeof(struct netlink_diag_req) == 20, "Linux's layout");
_Static_assert(sizeof(struct unix_diag_msg) == 16, "Linux's layout");
_Static_assert(sizeof(struct packet_diag_msg) == 16, "Linux's layout");
_Static_assert(sizeof(struct netlink_diag_msg) == 28, "Linux's layout");
_Static_assert(sizeof(struct packet_diag_info) == 24, "Linux's layout");

#endif
