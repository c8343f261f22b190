/* SPDX-License-Identifier: MIT */
/* Raw sockets of AF_INET and AF_INET6: whole IP packets in; transport packets, or with IP_HDRINCL whole ones, out. */
#ifndef NET_SOCK_RAW_H
#define NET_SOCK_RAW_H

#include "net/sock/sock.h"

void raw_init(void); /* boot */
int raw_create(struct net_stack *net, uint16_t family, int protocol, struct sock **out);

#endif
