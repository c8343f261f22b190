/* SPDX-License-Identifier: MIT */
/*
 * One CPU in virtual time for the network as a whole (netstack.h): nothing happens that a test did not begin. A thread
 * that waits lets time pass until what it waits for has come. Softirqs, epochs and timers are the kernel's own.
 */
#ifndef TESTS_NETSTACK_UNI_H
#define TESTS_NETSTACK_UNI_H

#include "core/types.h"
#include "net/link/netif.h"

/* Everything anew: time, memory, a stack with loopback. What was before is forgotten. */
struct net_stack *uni_begin(void);
/* As much time passes: timers, the worker and grace periods run. */
void uni_pass(nsec_t time);

/* So many allocations succeed, then all fail; UINT64_MAX: none fails. */
extern uint64_t uni_fail_after;

/*
 * An Ethernet interface, up, with an IPv4 address (host order) of a /24 network, and a link-local IPv6 address. What it
 * sends goes to uni_sent, if that is set, complete as on a wire.
 */
struct netif *uni_ethernet(uint32_t address);
extern void (*uni_sent)(const uint8_t *frame, size_t n);
extern const uint8_t uni_mac[6];
/* A frame arrives there; false: there was no memory for it. Softirqs have run on return. */
bool uni_receive(struct netif *nif, const void *frame, size_t n);

#endif
