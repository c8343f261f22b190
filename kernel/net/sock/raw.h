/* SPDX-License-Identifier: MIT */
/* Raw sockets of AF_INET and AF_INET6: whole IP packets in; transport packets, or with IP_HDRINCL whole ones, out. */
#ifndef NET_SOCK_RAW_H
#define NET_SOCK_RAW_H

#include "net/addr.h"
#include "net/sock/sock.h"

void raw_init(void); /* boot */

/* For /proc/net/raw: fn for every socket, inside one epoch; fn may not sleep. */
struct raw_row {
	struct sock *s;
	struct net_addr local, remote; /* unspecified: none */
	uint64_t ino;
	uint32_t uid, refs, rx_queue, drops;
	uint16_t protocol;
	bool ipv6; /* an AF_INET6 socket */
};
void raw_for_each(
	struct net_stack *net, void (*fn)(const struct raw_row *row, void *ctx), void *ctx);

extern const uint32_t raw_sock_size; /* bytes of a socket, for /proc/net/protocols */
int raw_create(struct net_stack *net, uint16_t family, int protocol, struct sock **out);

#endif
