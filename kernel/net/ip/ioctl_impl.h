/* SPDX-License-Identifier: MIT */
/* Between ioctl.c and ioctl_route.c. Each copies its own structure from user memory and takes config_lock. */
#ifndef NET_IP_IOCTL_IMPL_H
#define NET_IP_IOCTL_IMPL_H

#include "core/types.h"

struct net_stack;

int ip_prefix_of_mask(uint32_t mask);
int ip_ioctl_route4(struct net_stack *net, uint32_t cmd, uint64_t arg) MUST_CHECK;
int ip_ioctl_route6(struct net_stack *net, uint32_t cmd, uint64_t arg) MUST_CHECK;
int ip_ioctl_arp(struct net_stack *net, uint32_t cmd, uint64_t arg) MUST_CHECK;

#endif
