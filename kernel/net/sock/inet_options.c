/* SPDX-License-Identifier: MIT */
/* The options of IP and IPv6, and those of SOL_SOCKET that name an interface. */
#include <string.h>

#include "mm/slab.h"
#include "net/link/netif.h"
#include "net/sock/inet.h"
#include "proc/task.h"

/* Options that are a flag, by level and name. */
static uint32_t
option_flag(int level, int name)
{
	if (level == SOL_IP) {
		switch (name) {
		case IP_PKTINFO:
			return INET_PKTINFO;
		case IP_RECVTTL:
			return INET_RECVTTL;
		case IP_RECVTOS:
			return INET_RECVTOS;
		case IP_RECVOPTS:
			return INET_RECVOPTS;
		case IP_RETOPTS:
			return INET_RETOPTS;
		case IP_RECVERR:
			return INET_RECVERR;
		case IP_FREEBIND:
			return INET_FREEBIND;
		case IP_BIND_ADDRESS_NO_PORT:
			return INET_BIND_NO_PORT;
		case IP_MULTICAST_ALL:
			return INET_MCAST_ALL;
		default:
			return 0;
		}
	}
	switch (name) {
	case IPV6_RECVPKTINFO:
		return INET_PKTINFO6;
	case IPV6_RECVHOPLIMIT:
		return INET_HOPLIMIT6;
	case IPV6_2292PKTINFO:
		return INET_OLD_PKTINFO6;
	case IPV6_2292HOPLIMIT:
		return INET_OLD_HOPLIMIT6;
	case IPV6_RECVTCLASS:
		return INET_TCLASS6;
	case IPV6_RECVERR:
		return INET_RECVERR6;
	case IPV6_FREEBIND:
		return INET_FREEBIND;
	case IPV6_MULTICAST_ALL:
		return INET_MCAST_ALL;
	case IPV6_DONTFRAG:
		return INET_DONTFRAG;
	case IPV6_V6ONLY:
		return INET_V6ONLY;
	default:
		return 0;
	}
}

static void
set_flag(struct inet_sock *i, uint32_t flag, bool on)
{
	if (on)
		atomic_fetch_or_explicit(&i->flags, flag, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&i->flags, ~flag, memory_order_relaxed);
}

/* An integer, a single byte, or nothing, which is 0, as IP's options take them. */
static int32_t
get_number(const void *value, uint32_t len)
{
	int32_t v;
	if (len < sizeof(v))
		return len != 0 ? *(const uint8_t *)value : 0;
	memcpy(&v, value, sizeof(v));
	return v;
}

/*
 * Whether there is an interface of that number (none: by route), and the socket is not bound to another. 0; absent,
 * -EINVAL.
 */
static int
check_interface(struct inet_sock *i, uint32_t index, int absent)
{
	bh_disable();
	bool there = index == 0 || netif_by_index(i->s.net, index) != NULL;
	bh_enable();
	if (!there)
		return absent;
	return index != 0 && i->s.bound_if != 0 && i->s.bound_if != index ? -EINVAL : 0;
}

/* IP_MULTICAST_IF: by index, or by one of its addresses; none of both: by route. -EINVAL, -EADDRNOTAVAIL. */
static int
set_mcast_interface(struct inet_sock *i, const void *value, uint32_t len)
{
	struct ip_mreqn_user m = {0};
	if (len >= sizeof(m))
		memcpy(&m, value, sizeof(m));
	else if (len >= sizeof(struct ip_mreq_user))
		memcpy(&m, value, sizeof(struct ip_mreq_user));
	else if (len >= 4)
		memcpy(&m.address, value, 4);
	else
		return -EINVAL;
	int64_t index = m.ifindex;
	if (index == 0 && m.address != 0) {
		struct net_addr a = net_addr_v4(m.address);
		index = inet_interface_of(i->s.net, &a);
	}
	int err = index < 0 ? -EADDRNOTAVAIL : check_interface(i, (uint32_t)index, -EADDRNOTAVAIL);
	if (err != 0)
		return err;
	i->mcast_if = (uint32_t)index;
	i->mcast_addr = m.address;
	return 0;
}

/* IP_UNICAST_IF. 0: by route; -EADDRNOTAVAIL: there is none of that number; -EINVAL: the socket is bound to another. */
static int
set_unicast_interface(struct inet_sock *i, uint32_t index)
{
	int err = check_interface(i, index, -EADDRNOTAVAIL);
	if (err == 0)
		i->ucast_if = index;
	return err;
}

/* A traffic class; a stream's ECN bits are its transport's. */
static uint8_t
with_ecn_of(const struct inet_sock *i, uint8_t before, int32_t v)
{
	return i->s.type == SOCK_STREAM ? (uint8_t)((v & ~3) | (before & 3)) : (uint8_t)v;
}

static int
set_ip(struct inet_sock *i, int name, int32_t v, const void *value, uint32_t len)
{
	if ((name == IP_MULTICAST_TTL || name == IP_MULTICAST_IF) && i->s.type == SOCK_STREAM)
		return -EINVAL;
	switch (name) {
	case IP_TOS:
		i->tos = with_ecn_of(i, i->tos, v);
		return 0;
	case IP_TTL:
		if (v != -1 && (v < 1 || v > 255))
			return -EINVAL;
		i->ttl = v == -1 ? 0 : (uint8_t)v;
		return 0;
	case IP_MTU_DISCOVER:
		if (v < IP_PMTUDISC_DONT || v > IP_PMTUDISC_OMIT)
			return -EINVAL;
		i->pmtudisc = (uint8_t)v;
		return 0;
	case IP_MULTICAST_TTL:
		if (v < -1 || v > 255)
			return -EINVAL;
		i->mcast_ttl = v == -1 ? 1 : (uint8_t)v;
		return 0;
	case IP_MULTICAST_LOOP:
		set_flag(i, INET_MCAST_NO_LOOP, v == 0);
		return 0;
	case IP_MULTICAST_IF:
		return set_mcast_interface(i, value, len);
	case IP_UNICAST_IF:
		return set_unicast_interface(i, net_swap32((uint32_t)v));
	case IP_TRANSPARENT:
		return v == 0 ? 0 : -EPERM;
	default:
		return 1;
	}
}

static int
set_ip6(struct inet_sock *i, int name, int32_t v)
{
	if ((name == IPV6_MULTICAST_HOPS || name == IPV6_MULTICAST_IF) && i->s.type == SOCK_STREAM)
		return -ENOPROTOOPT;
	switch (name) {
	case IPV6_TCLASS:
		if (v < -1 || v > 255)
			return -EINVAL;
		i->tclass = with_ecn_of(i, i->tclass, v == -1 ? 0 : v);
		return 0;
	case IPV6_UNICAST_HOPS:
		if (v < -1 || v > 255)
			return -EINVAL;
		i->hops = v <= 0 ? 0 : (uint8_t)v;
		return 0;
	case IPV6_MULTICAST_HOPS:
		if (v < -1 || v > 255)
			return -EINVAL;
		i->mcast_ttl = v == -1 ? 1 : (uint8_t)v;
		return 0;
	case IPV6_MULTICAST_LOOP:
		if (v != 0 && v != 1)
			return -EINVAL;
		set_flag(i, INET_MCAST_NO_LOOP, v == 0);
		return 0;
	case IPV6_MULTICAST_IF: {
		int err = check_interface(i, (uint32_t)v, -ENODEV);
		if (err == 0)
			i->mcast_if = (uint32_t)v;
		return err;
	}
	case IPV6_MTU_DISCOVER:
		if (v < IP_PMTUDISC_DONT || v > IP_PMTUDISC_OMIT)
			return -EINVAL;
		i->pmtudisc = (uint8_t)v;
		return 0;
	case IPV6_AUTOFLOWLABEL:
	case IPV6_ADDR_PREFERENCES:
		return 0;
	default:
		return 1;
	}
}

/* SO_BINDTODEVICE. The interface of a name, 0: of none. -ENODEV. */
static int64_t
find_device(struct inet_sock *i, const void *value, uint32_t len)
{
	char name[IFNAMSIZ] = "";
	memcpy(name, value, min(len, IFNAMSIZ - 1u));
	if (name[0] == '\0')
		return 0;
	bh_disable();
	const struct netif *nif = netif_by_name(i->s.net, name);
	int64_t index = nif != NULL ? (int64_t)nif->index : -ENODEV;
	bh_enable();
	return index;
}

/* SO_BINDTOIFINDEX. Any number will do, as on Linux: the interface may be still to come. */
static int64_t
get_index(const void *value, uint32_t len)
{
	int32_t v;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	return v >= 0 ? v : -EINVAL;
}

static int
bind_to_device(struct inet_sock *i, int option, const void *value, uint32_t len)
{
	if (i->s.bound_if != 0 && !current_has_caps(CAP_RAWNET))
		return -EPERM;
	int64_t index =
		option == SO_BINDTODEVICE ? find_device(i, value, len) : get_index(value, len);
	if (index < 0)
		return (int)index;
	i->s.bound_if = (uint32_t)index;
	return 0;
}

int
inet_setsockopt(struct inet_sock *i, int level, int name, const void *value, uint32_t len)
{
	int32_t v;
	if (level == SOL_SOCKET)
		return name == SO_BINDTODEVICE || name == SO_BINDTOIFINDEX
			? bind_to_device(i, name, value, len)
			: 1;
	if (level != SOL_IP && (level != SOL_IPV6 || i->s.family != AF_INET6))
		return 1;
	int err = inet_group_option(i, level, name, value, len);
	if (err <= 0)
		return err;
	if (level == SOL_IP && name == IP_OPTIONS)
		return len == 0 ? 0
				: -EOPNOTSUPP; /* source routes and their like: not sent by us */
	v = get_number(value, len);
	if (level == SOL_IPV6 && len < sizeof(v))
		return -EINVAL;
	uint32_t flag = option_flag(level, name);
	if (flag != 0) {
		set_flag(i, flag, v != 0);
		return 0;
	}
	return level == SOL_IP ? set_ip(i, name, v, value, len) : set_ip6(i, name, v);
}

/* The path MTU to the peer; -ENOTCONN. */
static int
get_mtu(struct inet_sock *i, int32_t *v)
{
	spin_lock_bh(&i->s.lock);
	*v = i->ref.generation != 0 ? (int32_t)i->ref.mtu : 0;
	spin_unlock_bh(&i->s.lock);
	return *v != 0 ? 0 : -ENOTCONN;
}

static int
get_ip(struct inet_sock *i, int name, int32_t *v)
{
	switch (name) {
	case IP_TOS:
		*v = i->tos;
		return 0;
	case IP_TTL:
		*v = i->ttl != 0 ? i->ttl : (int32_t)ip_sysctl(i->s.net)->default_ttl;
		return 0;
	case IP_MTU_DISCOVER:
		*v = i->pmtudisc;
		return 0;
	case IP_MTU:
		return get_mtu(i, v);
	case IP_MULTICAST_TTL:
		*v = i->mcast_ttl;
		return 0;
	case IP_MULTICAST_LOOP:
		*v = !inet_has(i, INET_MCAST_NO_LOOP);
		return 0;
	case IP_UNICAST_IF:
		*v = (int32_t)net_swap32(i->ucast_if);
		return 0;
	case IP_MULTICAST_IF:
		*v = (int32_t)i->mcast_addr;
		return 0;
	case IP_TRANSPARENT:
		*v = 0;
		return 0;
	default:
		return 1;
	}
}

static int
get_ip6(struct inet_sock *i, int name, int32_t *v)
{
	switch (name) {
	case IPV6_TCLASS:
		*v = i->tclass;
		return 0;
	case IPV6_UNICAST_HOPS:
		*v = i->hops != 0 ? i->hops : (int32_t)in6_conf_default(i->s.net)->hop_limit;
		return 0;
	case IPV6_MULTICAST_HOPS:
		*v = i->mcast_ttl;
		return 0;
	case IPV6_MULTICAST_LOOP:
		*v = !inet_has(i, INET_MCAST_NO_LOOP);
		return 0;
	case IPV6_MULTICAST_IF:
		*v = (int32_t)i->mcast_if;
		return 0;
	case IPV6_MTU_DISCOVER:
		*v = i->pmtudisc;
		return 0;
	case IPV6_MTU:
		return get_mtu(i, v);
	case IPV6_AUTOFLOWLABEL:
	case IPV6_ADDR_PREFERENCES:
		*v = 0;
		return 0;
	default:
		return 1;
	}
}

static int
get_device(struct inet_sock *i, int option, void *value, uint32_t *len)
{
	if (option == SO_BINDTOIFINDEX)
		return sock_answer(value, len, &i->s.bound_if, sizeof(i->s.bound_if));
	if (i->s.bound_if == 0) {
		*len = 0;
		return 0;
	}
	if (*len < IFNAMSIZ)
		return -EINVAL;
	bh_disable();
	const struct netif *nif = netif_by_index(i->s.net, i->s.bound_if);
	if (nif != NULL) {
		*len = (uint32_t)strnlen(nif->name, IFNAMSIZ - 1u) + 1;
		memcpy(value, nif->name, *len);
	}
	bh_enable();
	return nif != NULL ? 0 : -ENODEV;
}

int
inet_getsockopt(struct inet_sock *i, int level, int name, void *value, uint32_t *len)
{
	int32_t v;
	if (level == SOL_SOCKET)
		return name == SO_BINDTODEVICE || name == SO_BINDTOIFINDEX
			? get_device(i, name, value, len)
			: 1;
	if (level != SOL_IP && (level != SOL_IPV6 || i->s.family != AF_INET6))
		return 1;
	if (level == SOL_IP && name == IP_OPTIONS) {
		*len = 0;
		return 0;
	}
	uint32_t flag = option_flag(level, name);
	int err = 0;
	if (flag != 0)
		v = inet_has(i, flag);
	else
		err = level == SOL_IP ? get_ip(i, name, &v) : get_ip6(i, name, &v);
	if (err != 0)
		return err;
	if (*len >= sizeof(v)) {
		*len = sizeof(v);
		memcpy(value, &v, sizeof(v));
	} else if (*len > 0) { /* a byte, if that holds it */
		*len = 1;
		*(uint8_t *)value = (uint8_t)v;
	}
	return 0;
}
