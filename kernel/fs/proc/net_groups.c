/* SPDX-License-Identifier: MIT */
/* /proc/PID/net: igmp, igmp6, dev_mcast: the groups that interfaces listen to. Walked under config_lock. */
#include "core/timer.h"
#include "fs/proc/net.h"
#include "net/ip/mcast.h"
#include "net/net.h"

/* Ticks until what is to be told of a group will be; -1: nothing is. Racy: one of the values it had. */
static int64_t
ticks_left(const struct ip_group *g)
{
	uint64_t at = PROC_READ(g->core.deadline);
	nsec_t now = time_now();
	if (at == UINT64_MAX)
		return -1;
	return at > now ? (int64_t)PROC_TICKS(at - now) : 0;
}

/* One that nobody listens to any more is still there while that is told. */
static uint32_t
users_of(const struct ip_group *g)
{
	return atomic_load_explicit((_Atomic uint32_t *)&g->users, memory_order_relaxed);
}

static uint32_t
count_groups(const struct in_device *in)
{
	uint32_t n = 0;
	for (const struct ip_group *g = ip_group_first(in); g != NULL; g = ip_group_next(g))
		n += users_of(g) != 0;
	return n;
}

static void
show_group4(struct proc_text *t, const struct ip_group *g)
{
	int64_t left = ticks_left(g);
	proc_printf(t, "\t\t\t\t%08X %5u %d:%08llX\t\t%d\n", g->addr.w[3], users_of(g), left >= 0,
		(unsigned long long)(left >= 0 ? left : 0), PROC_READ(g->core.last_reporter));
}

int
proc_show_net_igmp(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	const struct netif *nif;
	proc_printf(t, "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n");
	mutex_lock(&net->config_lock);
	list_for_each_entry (nif, &net->netifs, node) {
		const struct in_device *in = in_device_of(nif, true);
		if (in == NULL)
			continue;
		proc_printf(t, "%u\t%-10s: %5u      V%u\n", nif->index, nif->name, count_groups(in),
			igmp_version(in));
		for (const struct ip_group *g = ip_group_first(in); g != NULL;
			g = ip_group_next(g)) {
			if (users_of(g) != 0)
				show_group4(t, g);
		}
	}
	mutex_unlock(&net->config_lock);
	return 0;
}

static void
show_group6(struct proc_text *t, const struct netif *nif, const struct ip_group *g)
{
	const struct net_addr *a = &g->addr;
	int64_t left = ticks_left(g);
	proc_printf(t, "%-4u %-15s ", nif->index, nif->name);
	for (int i = 0; i < 16; i++)
		proc_printf(t, "%02x", a->b[i]);
	proc_printf(t, " %5u %08X %lld\n", users_of(g), PROC_READ(g->core.last_reporter) ? 2u : 0u,
		(long long)(left >= 0 ? left : 0));
}

int
proc_show_net_igmp6(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	const struct netif *nif;
	mutex_lock(&net->config_lock);
	list_for_each_entry (nif, &net->netifs, node) {
		const struct in_device *in = in_device_of(nif, false);
		for (const struct ip_group *g = in != NULL ? ip_group_first(in) : NULL; g != NULL;
			g = ip_group_next(g)) {
			if (users_of(g) != 0)
				show_group6(t, nif, g);
		}
	}
	mutex_unlock(&net->config_lock);
	return 0;
}

int
proc_show_net_dev_mcast(struct proc_node *n, struct proc_text *t)
{
	struct net_stack *net = proc_net_of(n);
	const struct netif *nif;
	const struct netif_group *g;
	mutex_lock(&net->config_lock);
	list_for_each_entry (nif, &net->netifs, node) {
		list_for_each_entry (g, &nif->groups, node)
			proc_printf(t, "%-4u %-15s %-5u %-5u %02x%02x%02x%02x%02x%02x\n",
				nif->index, nif->name, g->count, 0u, g->mac[0], g->mac[1],
				g->mac[2], g->mac[3], g->mac[4], g->mac[5]);
	}
	mutex_unlock(&net->config_lock);
	return 0;
}
