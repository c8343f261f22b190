/* SPDX-License-Identifier: MIT */
/* Linux/arm64: sockets. Families, types, levels, options, flags, ioctls and the structures that cross the border. */
#ifndef ABI_LINUX_SOCKET_H
#define ABI_LINUX_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include "abi/linux/if.h" /* the interfaces' ioctls */

#define AF_UNSPEC  0
#define AF_UNIX    1
#define AF_INET    2
#define AF_INET6   10
#define AF_NETLINK 16
#define AF_PACKET  17
#define AF_MAX     46

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_RDM       4
#define SOCK_SEQPACKET 5
#define SOCK_PACKET    10
#define SOCK_TYPE_MASK 0xfu
#define SOCK_CLOEXEC   02000000u /* O_CLOEXEC */
#define SOCK_NONBLOCK  00004000u /* O_NONBLOCK */

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define SOMAXCONN 4096

#define IPPROTO_IP      0
#define IPPROTO_ICMP    1
#define IPPROTO_IGMP    2
#define IPPROTO_TCP     6
#define IPPROTO_UDP     17
#define IPPROTO_IPV6    41
#define IPPROTO_ICMPV6  58
#define IPPROTO_UDPLITE 136
#define IPPROTO_RAW     255
#define IPPROTO_MAX     256

/* Flags of send and recv. */
#define MSG_OOB          0x1u
#define MSG_PEEK         0x2u
#define MSG_DONTROUTE    0x4u
#define MSG_CTRUNC       0x8u
#define MSG_TRUNC        0x20u
#define MSG_DONTWAIT     0x40u
#define MSG_EOR          0x80u
#define MSG_WAITALL      0x100u
#define MSG_CONFIRM      0x800u
#define MSG_ERRQUEUE     0x2000u
#define MSG_NOSIGNAL     0x4000u
#define MSG_MORE         0x8000u
#define MSG_WAITFORONE   0x10000u
#define MSG_FASTOPEN     0x20000000u
#define MSG_CMSG_CLOEXEC 0x40000000u

/* Levels of options and control messages. */
#define SOL_IP     0
#define SOL_SOCKET 1
#define SOL_TCP    6
#define SOL_UDP    17
#define SOL_IPV6   41
#define SOL_ICMPV6 58
#define SOL_RAW    255
#define SOL_PACKET 263

#define SO_DEBUG                1
#define SO_REUSEADDR            2
#define SO_TYPE                 3
#define SO_ERROR                4
#define SO_DONTROUTE            5
#define SO_BROADCAST            6
#define SO_SNDBUF               7
#define SO_RCVBUF               8
#define SO_KEEPALIVE            9
#define SO_OOBINLINE            10
#define SO_NO_CHECK             11
#define SO_PRIORITY             12
#define SO_LINGER               13
#define SO_REUSEPORT            15
#define SO_PASSCRED             16
#define SO_PEERCRED             17
#define SO_RCVLOWAT             18
#define SO_SNDLOWAT             19
#define SO_RCVTIMEO             20
#define SO_SNDTIMEO             21
#define SO_BINDTODEVICE         25
#define SO_ATTACH_FILTER        26
#define SO_GET_FILTER           SO_ATTACH_FILTER /* by getsockopt */
#define SO_DETACH_FILTER        27
#define SO_PEERNAME             28
#define SO_TIMESTAMP            29
#define SO_ACCEPTCONN           30
#define SO_PEERSEC              31
#define SO_SNDBUFFORCE          32
#define SO_RCVBUFFORCE          33
#define SO_TIMESTAMPNS          35
#define SO_MARK                 36
#define SO_TIMESTAMPING         37
#define SO_PROTOCOL             38
#define SO_DOMAIN               39
#define SO_RXQ_OVFL             40
#define SO_LOCK_FILTER          44
#define SO_BUSY_POLL            46
#define SO_MAX_PACING_RATE      47
#define SO_INCOMING_CPU         49
#define SO_MEMINFO              55
#define SO_PEERGROUPS           59
#define SO_BINDTOIFINDEX        62
#define SO_TIMESTAMP_NEW        63
#define SO_TIMESTAMPNS_NEW      64
#define SO_RCVTIMEO_NEW         66
#define SO_SNDTIMEO_NEW         67
#define SO_DETACH_REUSEPORT_BPF 68

/* Control messages of SOL_SOCKET; timestamps have the number of their option. */
#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2
#define SCM_MAX_FD      253

#define TCP_NODELAY          1
#define TCP_MAXSEG           2
#define TCP_CORK             3
#define TCP_KEEPIDLE         4
#define TCP_KEEPINTVL        5
#define TCP_KEEPCNT          6
#define TCP_SYNCNT           7
#define TCP_LINGER2          8
#define TCP_DEFER_ACCEPT     9
#define TCP_WINDOW_CLAMP     10
#define TCP_INFO             11
#define TCP_QUICKACK         12
#define TCP_CONGESTION       13
#define TCP_USER_TIMEOUT     18
#define TCP_FASTOPEN         23
#define TCP_TIMESTAMP        24
#define TCP_NOTSENT_LOWAT    25
#define TCP_FASTOPEN_CONNECT 30
#define TCP_INQ              36

#define UDP_CORK    1
#define UDP_SEGMENT 103
#define UDP_GRO     104

#define IP_TOS                    1
#define IP_TTL                    2
#define IP_HDRINCL                3
#define IP_OPTIONS                4
#define IP_RECVOPTS               6
#define IP_RETOPTS                7
#define IP_PKTINFO                8
#define IP_MTU_DISCOVER           10
#define IP_RECVERR                11
#define IP_RECVTTL                12
#define IP_RECVTOS                13
#define IP_MTU                    14
#define IP_FREEBIND               15
#define IP_TRANSPARENT            19
#define IP_ORIGDSTADDR            20
#define IP_MINTTL                 21
#define IP_BIND_ADDRESS_NO_PORT   24
#define IP_MULTICAST_IF           32
#define IP_MULTICAST_TTL          33
#define IP_MULTICAST_LOOP         34
#define IP_ADD_MEMBERSHIP         35
#define IP_DROP_MEMBERSHIP        36
#define IP_UNBLOCK_SOURCE         37
#define IP_BLOCK_SOURCE           38
#define IP_ADD_SOURCE_MEMBERSHIP  39
#define IP_DROP_SOURCE_MEMBERSHIP 40
#define IP_MULTICAST_ALL          49
#define IP_UNICAST_IF             50
#define IP_LOCAL_PORT_RANGE       51
#define IP_PMTUDISC_DONT          0
#define IP_PMTUDISC_WANT          1
#define IP_PMTUDISC_DO            2
#define IP_PMTUDISC_PROBE         3
#define IP_PMTUDISC_INTERFACE     4
#define IP_PMTUDISC_OMIT          5

/* of SOL_IP and SOL_IPV6 (RFC 3678) */
#define MCAST_JOIN_GROUP         42
#define MCAST_BLOCK_SOURCE       43
#define MCAST_UNBLOCK_SOURCE     44
#define MCAST_LEAVE_GROUP        45
#define MCAST_JOIN_SOURCE_GROUP  46
#define MCAST_LEAVE_SOURCE_GROUP 47

#define IPV6_ADDRFORM         1
#define IPV6_2292PKTINFO      2
#define IPV6_CHECKSUM         7
#define IPV6_2292HOPLIMIT     8
#define IPV6_NEXTHOP          9
#define IPV6_FLOWINFO         11
#define IPV6_UNICAST_HOPS     16
#define IPV6_MULTICAST_IF     17
#define IPV6_MULTICAST_HOPS   18
#define IPV6_MULTICAST_LOOP   19
#define IPV6_JOIN_GROUP       20
#define IPV6_LEAVE_GROUP      21
#define IPV6_MTU_DISCOVER     23
#define IPV6_MTU              24
#define IPV6_RECVERR          25
#define IPV6_V6ONLY           26
#define IPV6_JOIN_ANYCAST     27
#define IPV6_LEAVE_ANYCAST    28
#define IPV6_MULTICAST_ALL    29
#define IPV6_FLOWLABEL_MGR    32
#define IPV6_FLOWINFO_SEND    33
#define IPV6_RECVPKTINFO      49
#define IPV6_PKTINFO          50
#define IPV6_RECVHOPLIMIT     51
#define IPV6_HOPLIMIT         52
#define IPV6_RECVHOPOPTS      53
#define IPV6_RECVRTHDR        56
#define IPV6_RECVDSTOPTS      58
#define IPV6_RECVPATHMTU      60
#define IPV6_DONTFRAG         62
#define IPV6_RECVTCLASS       66
#define IPV6_TCLASS           67
#define IPV6_AUTOFLOWLABEL    70
#define IPV6_ADDR_PREFERENCES 72
#define IPV6_MINHOPCOUNT      73
#define IPV6_TRANSPARENT      75
#define IPV6_UNICAST_IF       76
#define IPV6_FREEBIND         78

#define ICMP_FILTER  1 /* SOL_RAW */
#define ICMP6_FILTER 1 /* SOL_ICMPV6 */

#define PACKET_ADD_MEMBERSHIP  1
#define PACKET_DROP_MEMBERSHIP 2
#define PACKET_RECV_OUTPUT     3
#define PACKET_RX_RING         5
#define PACKET_STATISTICS      6
#define PACKET_COPY_THRESH     7
#define PACKET_AUXDATA         8
#define PACKET_ORIGDEV         9
#define PACKET_VERSION         10
#define PACKET_IGNORE_OUTGOING 23

#define PACKET_HOST      0 /* sll_pkttype */
#define PACKET_BROADCAST 1
#define PACKET_MULTICAST 2
#define PACKET_OTHERHOST 3
#define PACKET_OUTGOING  4

#define PACKET_MR_MULTICAST 0
#define PACKET_MR_PROMISC   1
#define PACKET_MR_ALLMULTI  2
#define PACKET_MR_UNICAST   3

/* ioctls */
#define SIOCATMARK       0x8905u
#define SIOCGPGRP        0x8904u
#define SIOCSPGRP        0x8902u
#define FIOSETOWN        0x8901u
#define FIOGETOWN        0x8903u
#define SIOCGSTAMP_OLD   0x8906u
#define SIOCINQ          0x541bu /* FIONREAD */
#define SIOCOUTQ         0x5411u /* TIOCOUTQ */
#define SIOCOUTQNSD      0x894bu
#define SIOCETHTOOL      0x8946u
#define SIOC_IS_SOCK(nr) (((nr) & 0xff00u) == 0x8900u)

#define UNIX_PATH_MAX 108

struct sockaddr_un {
	uint16_t sun_family;
	char sun_path[UNIX_PATH_MAX];
};
_Static_assert(sizeof(struct sockaddr_un) == 110, "sockaddr_un");

/* Ports and addresses: network byte order. */
struct sockaddr_in {
	uint16_t sin_family;
	uint16_t sin_port;
	uint32_t sin_addr;
	uint8_t sin_zero[8];
};
_Static_assert(sizeof(struct sockaddr_in) == 16, "sockaddr_in");

struct sockaddr_in6 {
	uint16_t sin6_family;
	uint16_t sin6_port;
	uint32_t sin6_flowinfo;
	uint8_t sin6_addr[16];
	uint32_t sin6_scope_id;
};
_Static_assert(sizeof(struct sockaddr_in6) == 28, "sockaddr_in6");
#define SOCKADDR_IN6_MIN 24u /* without the scope id (RFC 2133) */

struct sockaddr_ll {
	uint16_t sll_family;
	uint16_t sll_protocol; /* network byte order */
	int32_t sll_ifindex;
	uint16_t sll_hatype;
	uint8_t sll_pkttype;
	uint8_t sll_halen;
	uint8_t sll_addr[8];
};
_Static_assert(sizeof(struct sockaddr_ll) == 20, "sockaddr_ll");

struct msghdr_user {
	uint64_t name;
	uint32_t namelen;
	uint32_t pad0;
	uint64_t iov;
	uint64_t iovlen;
	uint64_t control;
	uint64_t controllen;
	uint32_t flags;
	uint32_t pad1;
};
_Static_assert(sizeof(struct msghdr_user) == 56, "msghdr");
_Static_assert(offsetof(struct msghdr_user, flags) == 48, "msghdr.msg_flags");

struct mmsghdr_user {
	struct msghdr_user hdr;
	uint32_t len;
	uint32_t pad;
};
_Static_assert(sizeof(struct mmsghdr_user) == 64, "mmsghdr");

struct cmsghdr_user {
	uint64_t len; /* header included */
	int32_t level;
	int32_t type;
};
_Static_assert(sizeof(struct cmsghdr_user) == 16, "cmsghdr");

struct ucred_user {
	int32_t pid;
	uint32_t uid;
	uint32_t gid;
};

struct linger_user {
	int32_t onoff;
	int32_t linger; /* seconds */
};

struct in_pktinfo_user {
	int32_t ifindex;
	uint32_t spec_dst, addr; /* network byte order */
};

struct in6_pktinfo_user {
	uint8_t addr[16];
	uint32_t ifindex;
};

struct ip_mreq_user {
	uint32_t multiaddr, interface;
};
struct ip_mreqn_user {
	uint32_t multiaddr, address;
	int32_t ifindex;
};
struct ip_mreq_source_user {
	uint32_t multiaddr, interface, sourceaddr;
};
struct ipv6_mreq_user {
	uint8_t multiaddr[16];
	uint32_t ifindex;
};
struct group_req_user {
	uint32_t ifindex, pad;
	uint8_t group[128]; /* sockaddr_in or sockaddr_in6 */
};

struct packet_mreq_user {
	int32_t ifindex;
	uint16_t type;
	uint16_t alen;
	uint8_t address[8];
};

struct tpacket_stats_user {
	uint32_t packets, drops;
};

struct tpacket_auxdata_user {
	uint32_t status, len, snaplen;
	uint16_t mac, net, vlan_tci, vlan_tpid;
};

/* What IP_RECVERR and IPV6_RECVERR put before the offender's address. */
struct sock_extended_err_user {
	uint32_t err;
	uint8_t origin; /* SO_EE_ORIGIN_* */
	uint8_t type, code, pad;
	uint32_t info, data;
};
_Static_assert(sizeof(struct sock_extended_err_user) == 16, "sock_extended_err");
#define SO_EE_ORIGIN_NONE  0
#define SO_EE_ORIGIN_LOCAL 1
#define SO_EE_ORIGIN_ICMP  2
#define SO_EE_ORIGIN_ICMP6 3

/* Classic BPF. */
struct sock_filter_user {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};
struct sock_fprog_user {
	uint16_t len; /* instructions */
	uint16_t pad[3];
	uint64_t filter;
};
_Static_assert(sizeof(struct sock_fprog_user) == 16, "sock_fprog");

#define IFNAMSIZ 16
struct ifreq_user {
	char name[IFNAMSIZ];
	union {
		uint8_t addr[16]; /* struct sockaddr */
		int16_t flags;
		int32_t ivalue;
		char newname[IFNAMSIZ];
		uint8_t bytes[24];
		uint64_t data;
	};
};
_Static_assert(sizeof(struct ifreq_user) == 40, "ifreq");

struct ifconf_user {
	int32_t len;
	uint32_t pad;
	uint64_t buf;
};

/* SO_MEMINFO, and what lists of sockets say about their memory. */
enum {
	SK_MEMINFO_RMEM_ALLOC,
	SK_MEMINFO_RCVBUF,
	SK_MEMINFO_WMEM_ALLOC,
	SK_MEMINFO_SNDBUF,
	SK_MEMINFO_FWD_ALLOC,
	SK_MEMINFO_WMEM_QUEUED,
	SK_MEMINFO_OPTMEM,
	SK_MEMINFO_BACKLOG,
	SK_MEMINFO_DROPS,
	SK_MEMINFO_VARS,
};

#endif
