/* SPDX-License-Identifier: MIT */
/*
 * A whole IP stack on the host: the kernel's files of net/ip, net/udp and the neighbours, over virtual time and
 * interfaces whose frames the test sees. Allocations come from net_mock.h and may fail.
 */
#ifndef IP_MOCK_H
#define IP_MOCK_H

#include "core/types.h"
#include "net/ip/ip.h"
#include "net/link/netif.h"
#include "net/net.h"

#define IP_MOCK_FRAME 65600u

/* A new stack with loopback and nothing else; the one before is forgotten. */
struct net_stack *ip_mock_stack(void);
/* An Ethernet interface, up. */
struct netif *ip_mock_netif(struct net_stack *net, const uint8_t mac[6], uint32_t mtu);
void ip_mock_set_up(struct netif *nif, bool up);

/* A frame arrives. What goes to loopback meanwhile is delivered before this returns. */
void ip_mock_receive(struct netif *nif, const void *frame, size_t n);
/* As much time passes; timers, the worker and grace periods run. */
void ip_mock_pass(nsec_t time);

/* Where frames go that are sent; NULL: they are counted only. */
extern void (*ip_mock_sent)(struct netif *nif, const uint8_t *frame, size_t n);
extern uint64_t ip_mock_frames;
extern uint64_t ip_mock_seed;

#endif
