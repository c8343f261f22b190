/* SPDX-License-Identifier: MIT */
/* Linux's interface, route and ARP ioctls: numbers and structures, arm64. */
#ifndef ABI_LINUX_IF_H
#define ABI_LINUX_IF_H

#include <stdint.h>

#define SIOCADDRT      0x890bu
#define SIOCDELRT      0x890cu
#define SIOCGIFNAME    0x8910u
#define SIOCGIFCONF    0x8912u
#define SIOCGIFFLAGS   0x8913u
#define SIOCSIFFLAGS   0x8914u
#define SIOCGIFADDR    0x8915u
#define SIOCSIFADDR    0x8916u
#define SIOCGIFDSTADDR 0x8917u
#define SIOCSIFDSTADDR 0x8918u
#define SIOCGIFBRDADDR 0x8919u
#define SIOCSIFBRDADDR 0x891au
#define SIOCGIFNETMASK 0x891bu
#define SIOCSIFNETMASK 0x891cu
#define SIOCGIFMETRIC  0x891du
#define SIOCSIFMETRIC  0x891eu
#define SIOCGIFMTU     0x8921u
#define SIOCSIFMTU     0x8922u
#define SIOCSIFNAME    0x8923u
#define SIOCSIFHWADDR  0x8924u
#define SIOCGIFHWADDR  0x8927u
#define SIOCGIFINDEX   0x8933u
#define SIOCDIFADDR    0x8936u
#define SIOCGIFTXQLEN  0x8942u
#define SIOCDARP       0x8953u
#define SIOCGARP       0x8954u
#define SIOCSARP       0x8955u
#define SIOCGIFMAP     0x8970u

#define LINUX_IFNAMSIZ 16

struct linux_sockaddr_in {
	uint16_t sin_family, sin_port;
	uint32_t sin_addr; /* network byte order */
	uint8_t sin_zero[8];
};

struct linux_sockaddr {
	uint16_t sa_family;
	uint8_t sa_data[14];
};

struct linux_ifreq {
	char ifr_name[LINUX_IFNAMSIZ];
	union {
		struct linux_sockaddr_in addr;
		struct linux_sockaddr hwaddr;
		int16_t flags;
		int32_t ivalue;
		char newname[LINUX_IFNAMSIZ];
		uint8_t bytes[24];
	};
};
_Static_assert(sizeof(struct linux_ifreq) == 40, "struct ifreq");

struct linux_ifconf {
	int32_t ifc_len;
	int32_t pad_;
	uint64_t ifc_buf;
};
_Static_assert(sizeof(struct linux_ifconf) == 16, "struct ifconf");

#define RTF_UP      0x0001u
#define RTF_GATEWAY 0x0002u
#define RTF_HOST    0x0004u
#define RTF_MTU     0x0040u
#define RTF_REJECT  0x0200u

struct linux_rtentry {
	uint64_t rt_pad1;
	struct linux_sockaddr_in rt_dst, rt_gateway, rt_genmask;
	uint16_t rt_flags;
	int16_t rt_pad2;
	uint64_t rt_pad3, rt_pad4;
	int16_t rt_metric; /* 1 more than the metric */
	uint64_t rt_dev;   /* user address of a name, or 0 */
	uint64_t rt_mtu, rt_window;
	uint16_t rt_irtt;
};
_Static_assert(sizeof(struct linux_rtentry) == 120, "struct rtentry");

#define ATF_COM  0x02u
#define ATF_PERM 0x04u

struct linux_arpreq {
	struct linux_sockaddr_in arp_pa;
	struct linux_sockaddr arp_ha;
	int32_t arp_flags;
	struct linux_sockaddr arp_netmask;
	char arp_dev[LINUX_IFNAMSIZ];
};
_Static_assert(sizeof(struct linux_arpreq) == 68, "struct arpreq");

struct linux_in6_ifreq {
	uint8_t ifr6_addr[16];
	uint32_t ifr6_prefixlen;
	int32_t ifr6_ifindex;
};
_Static_assert(sizeof(struct linux_in6_ifreq) == 24, "struct in6_ifreq");

struct linux_in6_rtmsg {
	uint8_t rtmsg_dst[16], rtmsg_src[16], rtmsg_gateway[16];
	uint32_t rtmsg_type;
	uint16_t rtmsg_dst_len, rtmsg_src_len;
	uint32_t rtmsg_metric;
	uint64_t rtmsg_info;
	uint32_t rtmsg_flags;
	int32_t rtmsg_ifindex;
};
_Static_assert(sizeof(struct linux_in6_rtmsg) == 80, "struct in6_rtmsg");

#endif
