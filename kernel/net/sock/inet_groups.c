/* SPDX-License-Identifier: MIT */
/* Groups that a socket has joined: IP_ADD_MEMBERSHIP and its kin. Filters by source are not there: -ENOPROTOOPT. */
#include <string.h>

#include "mm/slab.h"
#include "net/link/netif.h"
#include "net/sock/inet.h"

int64_t
inet_interface_of(struct net_stack *net, const struct net_addr *a)
{
	int64_t index = -EADDRNOTAVAIL;
	mutex_lock(&net->config_lock);
	struct netif *nif;
	list_for_each_entry (nif, &net->netifs, node) {
		for (struct ip_addr *own = ip_addr_first(nif, net_addr_is_v4(a)); own != NULL;
			own = atomic_load_explicit(&own->next, memory_order_acquire)) {
			if (net_addr_equal(&own->conf.addr, a))
				index = nif->index;
		}
	}
	mutex_unlock(&net->config_lock);
	return index;
}

/* Where a group is joined, or left: on the interface that was named, 0: on the one that routes choose now. config_lock. */
static struct netif *
netif_of(struct net_stack *net, const struct net_addr *group, uint32_t ifindex)
{
	return ifindex != 0 ? netif_by_index(net, ifindex) : ip_group_netif(net, group);
}

/* A membership; ifindex 0: on whichever interface. */
static struct inet_group **
find(struct inet_sock *i, const struct net_addr *group, uint32_t ifindex)
{
	struct inet_group **link = &i->groups;
	while (*link != NULL &&
		!(net_addr_equal(&(*link)->group, group) &&
			(ifindex == 0 || (*link)->ifindex == ifindex)))
		link = &(*link)->next;
	return link;
}

static int
join(struct inet_sock *i, const struct net_addr *group, uint32_t ifindex)
{
	struct net_stack *net = i->s.net;
	struct inet_group *g = kmalloc(sizeof(*g), 0);
	if (g == NULL)
		return -ENOMEM;
	mutex_lock(&net->config_lock);
	struct netif *nif = netif_of(net, group, ifindex);
	int err = nif == NULL                         ? -ENODEV
		: *find(i, group, nif->index) != NULL ? -EADDRINUSE
						      : ip_group_join(net, nif, group);
	if (err == 0) {
		/* It is left there, whatever the routes say then. */
		*g = (struct inet_group){.group = *group, .ifindex = nif->index};
		spin_lock_bh(&i->s.lock);
		g->next = i->groups;
		i->groups = g;
		spin_unlock_bh(&i->s.lock);
	}
	mutex_unlock(&net->config_lock);
	if (err != 0)
		kfree(g);
	return err;
}

static int
leave(struct inet_sock *i, const struct net_addr *group, uint32_t ifindex)
{
	struct net_stack *net = i->s.net;
	struct inet_group *g = NULL;
	int err = -EADDRNOTAVAIL;
	mutex_lock(&net->config_lock);
	/* IPv4's is sought where it would be joined now, IPv6's anywhere, as on Linux. */
	if (ifindex == 0 && net_addr_is_v4(group)) {
		const struct netif *nif = ip_group_netif(net, group);
		err = nif == NULL ? -ENODEV : err;
		ifindex = nif != NULL ? nif->index : UINT32_MAX;
	}
	spin_lock_bh(&i->s.lock);
	struct inet_group **link = find(i, group, ifindex);
	if (*link != NULL) {
		g = *link;
		*link = g->next;
	}
	spin_unlock_bh(&i->s.lock);
	if (g != NULL) {
		inet_group_end(i, g);
		err = 0;
	}
	mutex_unlock(&net->config_lock);
	return err;
}

void
inet_group_end(struct inet_sock *i, struct inet_group *g)
{
	struct net_stack *net = i->s.net;
	struct netif *nif = netif_by_index(net, g->ifindex);
	if (nif != NULL)
		(void)ip_group_leave(net, nif, &g->group);
	kfree(g);
}

/* Group and interface of IPv4's two forms. */
static int
decode4(struct inet_sock *i, const void *value, uint32_t len, struct net_addr *group,
	uint32_t *ifindex)
{
	struct ip_mreqn_user m = {0};
	if (len < sizeof(struct ip_mreq_user))
		return -EINVAL;
	memcpy(&m, value, len >= sizeof(m) ? sizeof(m) : sizeof(struct ip_mreq_user));
	*group = net_addr_v4(m.multiaddr);
	*ifindex = (uint32_t)m.ifindex;
	if (m.ifindex == 0 && m.address != 0) {
		struct net_addr a = net_addr_v4(m.address);
		int64_t index = inet_interface_of(i->s.net, &a);
		if (index < 0)
			return -ENODEV;
		*ifindex = (uint32_t)index;
	}
	return net_addr_is_multicast(group) ? 0 : -EINVAL;
}

static int
decode6(const void *value, uint32_t len, struct net_addr *group, uint32_t *ifindex)
{
	struct ipv6_mreq_user m;
	if (len < sizeof(m))
		return -EINVAL;
	memcpy(&m, value, sizeof(m));
	memcpy(group->b, m.multiaddr, sizeof(group->b));
	*ifindex = m.ifindex;
	return net_addr_is_multicast(group) && !net_addr_is_v4(group) ? 0 : -EINVAL;
}

/* Of the form that both versions have. */
static int
decode_request(bool v4, const void *value, uint32_t len, struct net_addr *group, uint32_t *ifindex)
{
	struct group_req_user m;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	if (len < sizeof(m))
		return -EINVAL;
	memcpy(&m, value, sizeof(m));
	memcpy(&in, m.group, sizeof(in));
	memcpy(&in6, m.group, sizeof(in6));
	if (in.sin_family != (v4 ? AF_INET : AF_INET6))
		return -EADDRNOTAVAIL;
	if (v4)
		*group = net_addr_v4(in.sin_addr);
	else
		memcpy(group->b, in6.sin6_addr, sizeof(group->b));
	*ifindex = m.ifindex;
	return net_addr_is_multicast(group) && net_addr_is_v4(group) == v4 ? 0 : -EINVAL;
}

int
inet_group_option(struct inet_sock *i, int level, int name, const void *value, uint32_t len)
{
	struct net_addr group;
	uint32_t ifindex;
	int err;
	bool v4 = level == SOL_IP;
	if (name == MCAST_JOIN_GROUP || name == MCAST_LEAVE_GROUP) {
		err = decode_request(v4, value, len, &group, &ifindex);
		if (err != 0)
			return err;
		return name == MCAST_JOIN_GROUP ? join(i, &group, ifindex)
						: leave(i, &group, ifindex);
	}
	if (name != (v4 ? IP_ADD_MEMBERSHIP : IPV6_JOIN_GROUP) &&
		name != (v4 ? IP_DROP_MEMBERSHIP : IPV6_LEAVE_GROUP))
		return 1;
	err = v4 ? decode4(i, value, len, &group, &ifindex) : decode6(value, len, &group, &ifindex);
	if (err != 0)
		return err;
	bool joins = name == (v4 ? IP_ADD_MEMBERSHIP : IPV6_JOIN_GROUP);
	return joins ? join(i, &group, ifindex) : leave(i, &group, ifindex);
}

bool
inet_group_wanted(const struct inet_sock *i, const struct net_flow *flow)
{
	if (!net_addr_is_multicast(&flow->local) || inet_has(i, INET_MCAST_ALL))
		return true;
	/* IPv6's memberships are for the socket, wherever they were made, as on Linux; what is our own comes by loopback. */
	bool anywhere = !net_addr_is_v4(&flow->local) || flow->ifindex == i->s.net->loopback->index;
	for (const struct inet_group *g = i->groups; g != NULL; g = g->next) {
		if (net_addr_equal(&g->group, &flow->local) &&
			(anywhere || g->ifindex == flow->ifindex))
			return true;
	}
	return false;
}
