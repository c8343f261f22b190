/* SPDX-License-Identifier: MIT */
/*
 * The kernel's network as a whole on the host, from sockets down to interfaces, with its real locks, softirqs, epochs
 * and timers. Below it is either a machine of several CPUs in real time (tests/tsan/cpus/machine.h: races), or one CPU
 * in virtual time (tests/netstack/uni.h: fuzzers, attacks). Here is what both have: memory, who runs, an interface.
 */
#ifndef TESTS_NETSTACK_H
#define TESTS_NETSTACK_H

#include "net/net.h"
#include "net/pkt.h"
#include "net/sock/sock.h"

#define NETSTACK_RAM_PAGES \
	16384u /* every other one is handed out, so that a byte too far is seen */

/* --- What the machine provides --- */

/* Memory of the host's heap; NULL when an allocation is to fail. */
void *netstack_alloc(size_t n);
void netstack_free(void *p);
/* Whether the next page may be had. */
bool netstack_may_allocate(void);
/* Several CPUs: one allocation of so many fails; 0: none. */
extern _Atomic uint32_t netstack_one_fails_of;
/* The running thread is nobody's process, or a task with all capabilities (one CPU). */

/* --- Memory --- */

/* Objects of a cache that are alive, and pages. */
int64_t netstack_objects(const char *cache);
int64_t netstack_live_pages(void);
/* The first cache of the network that has live objects, pages too; NULL: nothing of connections or packets is left. */
const char *netstack_leak(void);

/* One CPU: whoever held any of it is forgotten. */
void netstack_forget(void);

/* --- The network --- */

/* A stack with loopback up. Once on several CPUs; again and again on one. */
struct net_stack *netstack_create(void);
/* Frames in = delivered + coalesced + dropped on the link layer: 0, or by how much that is wrong. Nothing is under way. */
int64_t netstack_lost_frames(struct net_stack *net);

/* --- Sockets --- */

struct sock *netstack_socket(struct net_stack *net, uint16_t family, int type);
/* What the last handle's end does. */
void netstack_close(struct sock *s);
/* 127.0.0.1 or ::1 and a port (host order), as a caller writes it. */
struct sock_addr netstack_loopback(uint16_t family, uint16_t port);
uint16_t netstack_port(struct sock *s, bool peer);

ssize_t netstack_send(struct sock *s, const void *bytes, size_t n, uint32_t flags);
ssize_t netstack_recv(struct sock *s, void *bytes, size_t n, uint32_t flags);

#endif
