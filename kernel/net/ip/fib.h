/* SPDX-License-Identifier: MIT */
/*
 * The table of routes: longest-prefix match over 128-bit addresses (IPv4 is v4-mapped, its prefix lengths are counted
 * from 0 to 32 in specifications and from 96 to 128 inside).
 *
 * Pure: memory comes from the caller's functions; what was unlinked is given to release(), which frees it when no
 * reader can still see it (at once in tests, a grace period later in the kernel). One writer at a time; any number of
 * readers, without locks: every node and route is complete before it is published and never changes afterwards.
 *
 * A path-compressed binary trie: a node per prefix that has routes, and one wherever two branches part. The routes of
 * one prefix are a list, best first: table "local" before the others, then by metric, then in order of arrival.
 */
#ifndef NET_IP_FIB_H
#define NET_IP_FIB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

struct netif;

enum route_type { /* Linux's RTN_* */
	ROUTE_TYPE_UNSPEC = 0,
	ROUTE_TYPE_UNICAST = 1,
	ROUTE_TYPE_LOCAL = 2,
	ROUTE_TYPE_BROADCAST = 3,
	ROUTE_TYPE_ANYCAST = 4,
	ROUTE_TYPE_MULTICAST = 5,
	ROUTE_TYPE_BLACKHOLE = 6,
	ROUTE_TYPE_UNREACHABLE = 7,
	ROUTE_TYPE_PROHIBIT = 8,
};

#define ROUTE_TABLE_MAIN  254u
#define ROUTE_TABLE_LOCAL 255u

#define ROUTE_SCOPE_UNIVERSE 0u
#define ROUTE_SCOPE_LINK     253u
#define ROUTE_SCOPE_HOST     254u

/* Who made it: Linux's RTPROT_*. */
#define ROUTE_PROTO_KERNEL 2u
#define ROUTE_PROTO_BOOT   3u
#define ROUTE_PROTO_STATIC 4u
#define ROUTE_PROTO_RA     9u
#define ROUTE_PROTO_DHCP   16u

/* A route as netlink and ioctl describe it. */
struct fib_spec {
	struct net_addr dst; /* bits beyond the prefix must be 0 */
	struct net_addr gateway, prefsrc;
	struct netif *netif; /* NULL for blackhole, unreachable, prohibit */
	uint64_t expires;    /* monotonic nanoseconds; 0: never (routers' lifetimes) */
	uint32_t metric;     /* smaller wins; v6's default is 1024, Linux says so in dumps */
	uint32_t mtu;        /* 0: the interface's */
	uint32_t table;      /* ROUTE_TABLE_*; 0: main */
	uint8_t prefix;      /* 0..32 or 0..128 */
	bool v4;
	bool has_gateway, has_prefsrc;
	bool onlink;     /* the gateway is on this link though no route says so */
	uint8_t type;    /* enum route_type; 0: unicast, or any when deleting */
	uint8_t proto;   /* ROUTE_PROTO_*; 0: any when deleting */
	uint8_t scope;   /* ROUTE_SCOPE_* */
	uint8_t pref;    /* RFC 4191: 0 medium, 1 high, 3 low */
	uint8_t unused_; /* 0 */
};

struct fib_route {
	uint64_t reclaim[2]; /* release()'s */
	struct fib_route *_Atomic next;
	struct fib_spec spec; /* [I] */
};

struct fib_node {
	uint64_t reclaim[2]; /* release()'s */
	struct net_addr key; /* [I] bits beyond len are 0 */
	uint32_t len;        /* [I] 0..128 */
	struct fib_node *_Atomic child[2];
	struct fib_route *_Atomic routes; /* NULL: only a branch */
};

struct fib_env {
	void *(*alloc)(size_t n); /* NULL: none */
	void (*release)(void *p); /* p begins with two words that release() may use */
	uint64_t (*now)(void);    /* monotonic nanoseconds */
	bool (*is_usable)(const struct netif *n); /* the interface is up */
	uint32_t (*ifindex)(const struct netif *n);
};

struct fib {
	const struct fib_env *env;
	struct fib_node *_Atomic root;
	_Atomic uint32_t generation; /* never 0 */
	uint32_t count;              /* [writer] routes */
	uint32_t max; /* [I] bound of routes (a router's announcements and users' are bounded) */
};

static inline uint32_t
fib_generation(const struct fib *f)
{
	return atomic_load_explicit((_Atomic uint32_t *)&f->generation, memory_order_acquire);
}

/* A new generation; skips 0. */
void fib_new_generation(struct fib *f);

void fib_init(struct fib *f, const struct fib_env *env, uint32_t max);
void fib_destroy(struct fib *f); /* releases everything */

/* fib_change(): as NLM_F_* of netlink. */
#define FIB_CREATE  1u  /* otherwise -ESRCH (ENOENT in Linux) when there is none to replace */
#define FIB_EXCL    2u  /* -EEXIST if the prefix has one with this metric */
#define FIB_REPLACE 4u  /* the first of this prefix and metric */
#define FIB_APPEND  8u  /* behind others of this metric */
#define FIB_RENEW   16u /* with REPLACE: only the one with this gateway, interface and type */

/* 0, -EEXIST, -ENOENT, -EINVAL (bits beyond the prefix), -ENOMEM, -ENOSPC. */
int fib_change(struct fib *f, const struct fib_spec *spec, uint32_t how);
/* Removes the first that has this prefix and all else that spec gives. 0 or -ESRCH. */
int fib_delete(struct fib *f, const struct fib_spec *spec);
/* The same; *gone: what was removed, all of it known. */
int fib_delete_one(struct fib *f, const struct fib_spec *spec, struct fib_spec *gone);
/* Removes all for which match() is true; how many. */
uint32_t fib_flush(struct fib *f, bool (*match)(const struct fib_spec *spec, const void *ctx),
	const void *ctx);

/*
 * The best usable route to dst: local ones first, then the longest prefix, then preference and metric. ifindex: only
 * through that interface (0: any). Inside an epoch. NULL: none.
 */
const struct fib_spec *fib_lookup(
	const struct fib *f, const struct net_addr *dst, uint32_t ifindex);

/* The next usable route to the same prefix, behind one that fib_lookup() or this gave. Inside the same epoch. NULL: none. */
const struct fib_spec *fib_next_best(
	const struct fib *f, const struct fib_spec *s, uint32_t ifindex);

/*
 * All routes in the order of their prefixes, for dumps: the first route behind *cursor (zero it to begin). Changes in
 * between may skip or repeat what was changed and nothing else. Inside an epoch. NULL: the end.
 */
struct fib_cursor {
	struct net_addr key;
	uint32_t len;
	uint32_t index; /* in the prefix's list */
	bool started;
};
const struct fib_spec *fib_next(const struct fib *f, struct fib_cursor *cursor);

#endif
