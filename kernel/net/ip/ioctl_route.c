/* SPDX-License-Identifier: MIT */
/* The ioctls of route(8) and arp(8). */
#include <string.h>

#include "abi/linux/if.h"
#include "arch/uaccess.h"
#include "net/ip/internal.h"
#include "net/ip/ioctl_impl.h"
#include "net/link/neigh.h"
#include "net/link/netif.h"

#define AF_INET 2

/* The name at a user address, or "" for none. */
static int
copy_device_name(uint64_t at, char name[LINUX_IFNAMSIZ])
{
	memset(name, 0, LINUX_IFNAMSIZ);
	for (uint32_t i = 0; at != 0 && i < LINUX_IFNAMSIZ - 1; i++) {
		int err = copy_from_user(&name[i], (uaddr_t){at + i}, 1);
		if (err != 0)
			return err;
		if (name[i] == 0)
			break;
	}
	return 0;
}

static int
spec_of_rtentry(const struct linux_rtentry *r, struct fib_spec *s)
{
	int prefix = (r->rt_flags & RTF_HOST) != 0 ? 32 : ip_prefix_of_mask(r->rt_genmask.sin_addr);
	if (prefix < 0 || r->rt_dst.sin_family != AF_INET)
		return -EINVAL;
	*s = (struct fib_spec){.v4 = true,
		.prefix = (uint8_t)prefix,
		.dst = net_addr_v4(r->rt_dst.sin_addr),
		.metric = r->rt_metric > 0 ? (uint32_t)r->rt_metric - 1 : 0,
		.proto = ROUTE_PROTO_BOOT,
		.type = (r->rt_flags & RTF_REJECT) != 0 ? ROUTE_TYPE_UNREACHABLE
							: ROUTE_TYPE_UNICAST,
		.scope = ROUTE_SCOPE_LINK,
		.mtu = (r->rt_flags & RTF_MTU) != 0 ? (uint32_t)r->rt_mtu : 0};
	if ((r->rt_flags & RTF_GATEWAY) != 0 && r->rt_gateway.sin_addr != 0) {
		s->gateway = net_addr_v4(r->rt_gateway.sin_addr);
		s->has_gateway = true;
		s->scope = ROUTE_SCOPE_UNIVERSE;
	}
	return 0;
}

/* Adds or deletes, with a device's name or "". */
static int
change(struct net_stack *net, uint32_t cmd, struct fib_spec *s, const char *name, uint32_t ifindex)
{
	mutex_lock(&net->config_lock);
	int err = 0;
	if (name[0] != 0)
		s->netif = netif_by_name(net, name);
	else if (ifindex != 0)
		s->netif = netif_by_index(net, ifindex);
	if (s->netif == NULL && (name[0] != 0 || ifindex != 0))
		err = -ENODEV;
	if (err == 0 && cmd == SIOCADDRT) {
		err = route_change(net, s, FIB_CREATE | FIB_EXCL);
	} else if (err == 0) {
		s->proto = 0;
		if (s->type == ROUTE_TYPE_UNICAST)
			s->type = 0;
		err = route_delete(net, s);
	}
	mutex_unlock(&net->config_lock);
	return err;
}

int
ip_ioctl_route4(struct net_stack *net, uint32_t cmd, uint64_t arg)
{
	struct linux_rtentry r;
	struct fib_spec s;
	char name[LINUX_IFNAMSIZ];
	int err = copy_from_user(&r, (uaddr_t){arg}, sizeof(r));
	if (err == 0)
		err = copy_device_name(r.rt_dev, name);
	if (err == 0)
		err = spec_of_rtentry(&r, &s);
	return err != 0 ? err : change(net, cmd, &s, name, 0);
}

int
ip_ioctl_route6(struct net_stack *net, uint32_t cmd, uint64_t arg)
{
	struct linux_in6_rtmsg r;
	int err = copy_from_user(&r, (uaddr_t){arg}, sizeof(r));
	if (err != 0)
		return err;
	if (r.rtmsg_dst_len > 128 || r.rtmsg_src_len != 0)
		return -EINVAL;
	struct fib_spec s = {.prefix = (uint8_t)r.rtmsg_dst_len,
		.metric = r.rtmsg_metric != 0 ? r.rtmsg_metric
			: cmd == SIOCADDRT    ? 1024
					      : 0,
		.proto = ROUTE_PROTO_BOOT,
		.type = (r.rtmsg_flags & RTF_REJECT) != 0 ? ROUTE_TYPE_UNREACHABLE
							  : ROUTE_TYPE_UNICAST};
	memcpy(&s.dst, r.rtmsg_dst, 16);
	if ((r.rtmsg_flags & RTF_GATEWAY) != 0) {
		memcpy(&s.gateway, r.rtmsg_gateway, 16);
		s.has_gateway = true;
	}
	return change(net, cmd, &s, "", (uint32_t)r.rtmsg_ifindex);
}

/* --- ARP --- */

struct search {
	struct net_addr addr;
	uint32_t ifindex;
	struct neigh_info found;
	bool has;
};

static void
match(const struct neigh_info *info, void *ctx)
{
	struct search *s = ctx;
	if (info->ifindex == s->ifindex && net_addr_equal(&info->addr, &s->addr)) {
		s->found = *info;
		s->has = true;
	}
}

static int
arp_get(struct net_stack *net, struct netif *nif, struct linux_arpreq *r)
{
	struct search s = {.addr = net_addr_v4(r->arp_pa.sin_addr), .ifindex = nif->index};
	neigh_for_each(net, match, &s);
	if (!s.has)
		return -ENXIO;
	r->arp_ha.sa_family = nif->type;
	memcpy(r->arp_ha.sa_data, s.found.mac, 6);
	r->arp_flags = (s.found.has_mac ? ATF_COM : 0) |
		((s.found.state & NUD_PERMANENT) != 0 ? ATF_PERM : 0);
	return 0;
}

static int
arp_run(struct net_stack *net, uint32_t cmd, struct linux_arpreq *r)
{
	struct net_addr a = net_addr_v4(r->arp_pa.sin_addr);
	const struct fib_spec *s = fib_lookup(&net->routes4->fib, &a, 0);
	struct netif *nif = r->arp_dev[0] != 0 ? netif_by_name(net, r->arp_dev)
		: s != NULL                    ? s->netif
					       : NULL;
	if (nif == NULL)
		return -ENODEV;
	if (cmd == SIOCGARP)
		return arp_get(net, nif, r);
	if (cmd == SIOCDARP) {
		int err = neigh_delete(nif, &a);
		return err == -ENOENT ? -ENXIO : err;
	}
	return neigh_set(nif, &a, r->arp_ha.sa_data,
		(r->arp_flags & ATF_PERM) != 0 ? NUD_PERMANENT : NUD_STALE,
		NEIGH_CREATE | NEIGH_REPLACE);
}

int
ip_ioctl_arp(struct net_stack *net, uint32_t cmd, uint64_t arg)
{
	struct linux_arpreq r;
	int err = copy_from_user(&r, (uaddr_t){arg}, sizeof(r));
	if (err != 0)
		return err;
	if (r.arp_pa.sin_family != AF_INET)
		return -EPFNOSUPPORT;
	r.arp_dev[LINUX_IFNAMSIZ - 1] = 0;
	mutex_lock(&net->config_lock);
	err = arp_run(net, cmd, &r);
	mutex_unlock(&net->config_lock);
	return err == 0 && cmd == SIOCGARP ? copy_to_user((uaddr_t){arg}, &r, sizeof(r)) : err;
}
