/* SPDX-License-Identifier: MIT */
/*
 * The interface and route ioctls of AF_INET and AF_INET6 sockets (SIOCGIFCONF, SIOCSIFADDR, SIOCADDRT, SIOCSARP …),
 * as busybox's ifconfig, route and arp use them.
 */
#ifndef NET_IP_IOCTL_H
#define NET_IP_IOCTL_H

#include "core/types.h"
#include "net/net.h"

/*
 * cmd: SIOC*; arg: its user address. family: AF_INET or AF_INET6, the socket's. Whether the caller may change
 * anything (CAP_NETADMIN) is checked here. 0 or more, -ENOIOCTLCMD's place is taken by -ENOTTY: unknown. May sleep.
 */
int64_t ip_ioctl(struct net_stack *net, uint16_t family, uint32_t cmd, uint64_t arg) MUST_CHECK;
bool ip_ioctl_is_known(uint32_t cmd);

#endif
