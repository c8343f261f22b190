/* SPDX-License-Identifier: MIT */
/*
 * Settings of a stack and of its interfaces, by the names that Linux has for them. All are numbers; each row of
 * net/sysctl.def says where they live, between what bounds, and what changing them does beyond storing them. How they
 * look as text is /proc/sys/net's business (fs/proc/sys_net.c).
 *
 * Reading takes an epoch, writing config_lock. Settings are read where they act without locks, one word at a time.
 */
#ifndef NET_SYSCTL_H
#define NET_SYSCTL_H

#include "core/types.h"

struct net_stack;
struct netif;

/* Whose setting: of all interfaces, of those to come, of one. Rows that are the stack's take no notice. */
#define NET_SYSCTL_ALL        0u
#define NET_SYSCTL_DEFAULT    1u
#define NET_SYSCTL_NETIF(ind) ((ind) + 2u) /* ind: an interface's index */

#define NET_SYSCTL_NUMBERS 3u

struct net_sysctl_hooks {
	/* What 0, or no value at all, stands for; nif NULL: interfaces to come. Epoch or config_lock. */
	uint32_t (*unset)(struct net_stack *net, const struct netif *nif);
	/* Stores the value and does what follows from it. Under config_lock; may sleep. nif: as above. */
	void (*change)(
		struct net_stack *net, struct netif *nif, _Atomic uint32_t *to, uint32_t value);
	bool ordered; /* no number may be less than the one before */
};

struct net_sysctl {
	const char *name;
	uint32_t count;     /* numbers; 0: it is fixed, and low */
	uint32_t low, high; /* of each */
	_Atomic uint32_t *(*place)(struct net_stack *net, struct netif *nif, uint32_t i);
	const struct net_sysctl_hooks *hooks; /* NULL: none */
};

/* The rows, in the order of their folders: those of the stack, then those of interfaces. */
enum net_sysctl_row {
#define SYSCTL_CORE(name, ...)   NET_SYSCTL_CORE_##name,
#define SYSCTL_UNIX(name, ...)   NET_SYSCTL_UNIX_##name,
#define SYSCTL_IP4(name, ...)    NET_SYSCTL_IP4_##name,
#define SYSCTL_CONF4(name, ...)  NET_SYSCTL_CONF4_##name,
#define SYSCTL_IP6(name, ...)    NET_SYSCTL_IP6_##name,
#define SYSCTL_CONF6(name, ...)  NET_SYSCTL_CONF6_##name,
#define SYSCTL_NEIGH6(name, ...) NET_SYSCTL_NEIGH6_##name,
#include "net/sysctl.def"
	NET_SYSCTLS,
	NET_SYSCTL_OF_INTERFACES = NET_SYSCTL_CONF4_accept_redirects,
};
extern const struct net_sysctl net_sysctls[NET_SYSCTLS];

/* How many numbers s has now, in values; -ENOENT: the interface has gone. */
int net_sysctl_get(struct net_stack *net, const struct net_sysctl *s, uint32_t whose,
	uint32_t values[NET_SYSCTL_NUMBERS]) MUST_CHECK;
/*
 * Sets the first count numbers, which are in bounds. 0, -EINVAL (the order of a range), -ENOENT (the interface has
 * gone). All of them, or none. May sleep.
 */
int net_sysctl_set(struct net_stack *net, const struct net_sysctl *s, uint32_t whose,
	const uint32_t *values, uint32_t count) MUST_CHECK;

#endif
