/* SPDX-License-Identifier: MIT */
/* Interface ioctls. What a command needs is copied in first, then done under config_lock. Routes and ARP: ioctl_route.c. */
#include "net/ip/ioctl.h"

#include <string.h>

#include "abi/linux/if.h"
#include "abi/linux/socket.h"
#include "arch/uaccess.h"
#include "caps.h"
#include "net/ip/internal.h"
#include "net/ip/ioctl_impl.h"
#include "net/link/netif.h"
#include "proc/task.h"

bool
ip_ioctl_is_known(uint32_t cmd)
{
	return (cmd >= SIOCADDRT && cmd <= SIOCDELRT) || (cmd >= SIOCGIFNAME && cmd <= SIOCGIFMAP);
}

/* Commands that change something. */
static bool
is_change(uint32_t cmd)
{
	switch (cmd) {
	case SIOCADDRT:
	case SIOCDELRT:
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFDSTADDR:
	case SIOCSIFBRDADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFMTU:
	case SIOCSIFNAME:
	case SIOCSIFHWADDR:
	case SIOCDIFADDR:
	case SIOCDARP:
	case SIOCSARP:
		return true;
	default:
		return false;
	}
}

/* --- Addresses --- */

/* The address that a name means: by its label ("eth0:1"), else the interface's first. NULL: it has none. */
static struct ip_addr *
addr_of(struct netif *nif, const char *label)
{
	struct ip_addr *first = ip_addr_first(nif, true);
	for (struct ip_addr *a = first; a != NULL; a = ip_addr_next(a)) {
		if (strncmp(a->conf.label, label, LINUX_IFNAMSIZ) == 0)
			return a;
	}
	return strchr(label, ':') == NULL ? first : NULL;
}

static uint32_t
mask_of(uint8_t prefix)
{
	return prefix == 0 ? 0 : net_swap32(UINT32_MAX << (32 - prefix));
}

/* A contiguous mask's length, or -EINVAL. */
int
ip_prefix_of_mask(uint32_t mask)
{
	uint32_t m = net_swap32(mask);
	uint32_t len = m == UINT32_MAX ? 32 : (uint32_t)__builtin_clz(~m);
	return mask_of((uint8_t)len) == mask ? (int)len : -EINVAL;
}

static void
put_addr(struct linux_ifreq *r, uint32_t v4)
{
	memset(r->bytes, 0, sizeof(r->bytes));
	r->addr.sin_family = AF_INET;
	r->addr.sin_addr = v4;
}

static int
get_addr(struct netif *nif, uint32_t cmd, struct linux_ifreq *r)
{
	const struct ip_addr *a = addr_of(nif, r->ifr_name);
	if (a == NULL)
		return -EADDRNOTAVAIL;
	if (cmd == SIOCGIFADDR)
		put_addr(r, a->conf.addr.w[3]);
	else if (cmd == SIOCGIFNETMASK)
		put_addr(r, mask_of(a->conf.prefix));
	else if (cmd == SIOCGIFBRDADDR)
		put_addr(r, a->conf.broadcast.w[3]);
	else
		put_addr(r, net_addr_is_v4(&a->conf.peer) ? a->conf.peer.w[3] : a->conf.addr.w[3]);
	return 0;
}

/* The prefix that an address's class implied before there were masks (Linux still takes it). */
static uint8_t
class_prefix(uint32_t v4)
{
	uint8_t first = (uint8_t)v4;
	return v4 == 0 ? 0 : first < 128 ? 8 : first < 192 ? 16 : first < 224 ? 24 : 32;
}

static void
set_default_broadcast(struct ip_addr_config *c, const struct netif *nif)
{
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed);
	c->broadcast = (struct net_addr){0};
	if ((flags & IFF_BROADCAST) != 0 && c->prefix < 31)
		c->broadcast = net_addr_v4(c->addr.w[3] | ~mask_of(c->prefix));
}

/* Puts *c in the place of what the name meant before. */
static int
replace_addr(struct netif *nif, struct ip_addr *old, const struct ip_addr_config *c)
{
	struct ip_addr_config before = {0};
	bool had = old != NULL;
	if (had) {
		before = old->conf;
		int err = ip_addr_del(nif, &before.addr, before.prefix);
		if (err != 0)
			return err;
	}
	int err = ip_addr_add(nif, c, false);
	if (err != 0 && had && ip_addr_add(nif, &before, false) != 0)
		return -ENOMEM; /* it is gone, which the error says */
	return err;
}

static int
set_addr(struct netif *nif, const struct linux_ifreq *r)
{
	struct ip_addr *old = addr_of(nif, r->ifr_name);
	struct ip_addr_config c = {
		.addr = net_addr_v4(r->addr.sin_addr), .prefix = class_prefix(r->addr.sin_addr)};
	if (r->addr.sin_family != AF_INET)
		return -EINVAL;
	memcpy(c.label, r->ifr_name, sizeof(c.label));
	if (net_addr_is_loopback(&c.addr))
		c.scope = ROUTE_SCOPE_HOST;
	set_default_broadcast(&c, nif);
	if (old != NULL && r->addr.sin_addr == 0)
		return ip_addr_del(nif, &old->conf.addr, old->conf.prefix);
	if (r->addr.sin_addr == 0)
		return 0;
	return replace_addr(nif, old, &c);
}

static int
change_addr(struct netif *nif, uint32_t cmd, const struct linux_ifreq *r)
{
	struct ip_addr *old = addr_of(nif, r->ifr_name);
	if (old == NULL)
		return -EADDRNOTAVAIL;
	struct ip_addr_config c = old->conf;
	if (cmd == SIOCDIFADDR)
		return ip_addr_del(nif, &old->conf.addr, old->conf.prefix);
	if (cmd == SIOCSIFNETMASK) {
		int prefix = ip_prefix_of_mask(r->addr.sin_addr);
		if (prefix < 0)
			return prefix;
		bool was_default = c.broadcast.w[3] == (c.addr.w[3] | ~mask_of(c.prefix));
		c.prefix = (uint8_t)prefix;
		if (was_default)
			set_default_broadcast(&c, nif);
	} else if (cmd == SIOCSIFBRDADDR) {
		c.broadcast = net_addr_v4(r->addr.sin_addr);
	} else {
		c.peer = net_addr_v4(r->addr.sin_addr);
	}
	return replace_addr(nif, old, &c);
}

/* --- The interface itself --- */

static int
get_link(struct netif *nif, uint32_t cmd, struct linux_ifreq *r)
{
	memset(r->bytes, 0, sizeof(r->bytes));
	switch (cmd) {
	case SIOCGIFFLAGS:
		r->flags = (int16_t)atomic_load_explicit(&nif->flags, memory_order_relaxed);
		return 0;
	case SIOCGIFMTU:
		r->ivalue = (int32_t)atomic_load_explicit(&nif->mtu, memory_order_relaxed);
		return 0;
	case SIOCGIFHWADDR:
		r->hwaddr.sa_family = nif->type;
		memcpy(r->hwaddr.sa_data, nif->mac, 6);
		return 0;
	case SIOCGIFINDEX:
		r->ivalue = (int32_t)nif->index;
		return 0;
	case SIOCGIFTXQLEN:
		r->ivalue = 1000;
		return 0;
	case SIOCGIFMETRIC:
	case SIOCGIFMAP:
		return 0;
	case SIOCSIFMETRIC:
	case SIOCETHTOOL: /* what devices have none of: programs go on without */
		return -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
}

static int
set_link(struct netif *nif, uint32_t cmd, const struct linux_ifreq *r)
{
	switch (cmd) {
	case SIOCSIFFLAGS:
		return netif_set_flags(
			nif, (uint16_t)r->flags, IFF_UP | IFF_PROMISC | IFF_ALLMULTI);
	case SIOCSIFMTU:
		return netif_set_mtu(nif, (uint32_t)r->ivalue);
	case SIOCSIFNAME:
		if (memchr(r->newname, 0, sizeof(r->newname)) == NULL)
			return -EINVAL;
		return netif_set_name(nif, r->newname);
	case SIOCSIFHWADDR:
		return r->hwaddr.sa_family == nif->type ? netif_set_mac(nif, r->hwaddr.sa_data)
							: -EINVAL;
	default:
		return -ENOTTY;
	}
}

/* Of "eth0:1": down takes that address away, and the interface stays as it is. */
static int
set_alias_flags(struct netif *nif, const struct linux_ifreq *r)
{
	const struct ip_addr *a = addr_of(nif, r->ifr_name);
	if (a == NULL)
		return -EADDRNOTAVAIL;
	return (r->flags & IFF_UP) != 0 ? 0 : ip_addr_del(nif, &a->conf.addr, a->conf.prefix);
}

static int
run_ifreq(struct net_stack *net, struct netif *nif, uint32_t cmd, struct linux_ifreq *r)
{
	switch (cmd) {
	case SIOCGIFADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFBRDADDR:
	case SIOCGIFDSTADDR:
		return get_addr(nif, cmd, r);
	case SIOCSIFADDR:
		return set_addr(nif, r);
	case SIOCDIFADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFBRDADDR:
	case SIOCSIFDSTADDR:
		return change_addr(nif, cmd, r);
	case SIOCSIFFLAGS:
		if (strchr(r->ifr_name, ':') != NULL)
			return set_alias_flags(nif, r);
		return set_link(nif, cmd, r);
	default:
		return is_change(cmd) ? set_link(nif, cmd, r) : get_link(nif, cmd, r);
	}
}

/* The interface that "eth0" or "eth0:1" names. config_lock. */
static struct netif *
netif_of_label(struct net_stack *net, const char *label)
{
	char name[LINUX_IFNAMSIZ];
	memcpy(name, label, sizeof(name));
	char *colon = strchr(name, ':');
	if (colon != NULL)
		*colon = 0;
	return netif_by_name(net, name);
}

static int
ioctl_ifreq(struct net_stack *net, uint32_t cmd, uint64_t arg)
{
	struct linux_ifreq r;
	int err = copy_from_user(&r, (uaddr_t){arg}, sizeof(r));
	if (err != 0)
		return err;
	r.ifr_name[LINUX_IFNAMSIZ - 1] = 0;
	mutex_lock(&net->config_lock);
	struct netif *nif;
	if (cmd == SIOCGIFNAME) {
		nif = netif_by_index(net, (uint32_t)r.ivalue);
		if (nif != NULL)
			memcpy(r.ifr_name, nif->name, sizeof(r.ifr_name));
	} else {
		nif = netif_of_label(net, r.ifr_name);
	}
	err = nif == NULL ? -ENODEV : cmd == SIOCGIFNAME ? 0 : run_ifreq(net, nif, cmd, &r);
	mutex_unlock(&net->config_lock);
	if (err == 0 && !is_change(cmd))
		err = copy_to_user((uaddr_t){arg}, &r, sizeof(r));
	return err;
}

/* Interfaces with an IPv4 address, as many as fit; a buffer of NULL asks how long the list is. */
static int
ioctl_ifconf(struct net_stack *net, uint64_t arg)
{
	struct linux_ifconf conf;
	int err = copy_from_user(&conf, (uaddr_t){arg}, sizeof(conf));
	if (err != 0)
		return err;
	uint64_t room = conf.ifc_len > 0 ? (uint32_t)conf.ifc_len : 0, used = 0;
	struct netif *nif;
	mutex_lock(&net->config_lock);
	list_for_each_entry (nif, &net->netifs, node) {
		for (struct ip_addr *a = ip_addr_first(nif, true); a != NULL && err == 0;
			a = ip_addr_next(a)) {
			struct linux_ifreq r = {0};
			memcpy(r.ifr_name, a->conf.label, sizeof(r.ifr_name));
			put_addr(&r, a->conf.addr.w[3]);
			if (conf.ifc_buf != 0 && used + sizeof(r) > room)
				continue;
			if (conf.ifc_buf != 0)
				err = copy_to_user((uaddr_t){conf.ifc_buf + used}, &r, sizeof(r));
			used += sizeof(r);
		}
	}
	mutex_unlock(&net->config_lock);
	conf.ifc_len = (int32_t)used;
	return err != 0 ? err : copy_to_user((uaddr_t){arg}, &conf, sizeof(conf));
}

static int
ioctl_in6_addr(struct net_stack *net, uint32_t cmd, uint64_t arg)
{
	struct linux_in6_ifreq r;
	int err = copy_from_user(&r, (uaddr_t){arg}, sizeof(r));
	if (err != 0)
		return err;
	struct ip_addr_config c = {.prefix = (uint8_t)r.ifr6_prefixlen};
	memcpy(&c.addr, r.ifr6_addr, 16);
	if (r.ifr6_prefixlen > 128 || net_addr_is_v4(&c.addr))
		return -EINVAL;
	if (net_addr_is_link_local(&c.addr))
		c.scope = ROUTE_SCOPE_LINK;
	mutex_lock(&net->config_lock);
	struct netif *nif = netif_by_index(net, (uint32_t)r.ifr6_ifindex);
	err = nif == NULL            ? -ENODEV
		: cmd == SIOCSIFADDR ? ip_addr_add(nif, &c, false)
				     : ip_addr_del(nif, &c.addr, c.prefix);
	mutex_unlock(&net->config_lock);
	return err;
}

int64_t
ip_ioctl(struct net_stack *net, uint16_t family, uint32_t cmd, uint64_t arg)
{
	if (is_change(cmd) && !current_has_caps(CAP_NETADMIN))
		return -EPERM;
	switch (cmd) {
	case SIOCADDRT:
	case SIOCDELRT:
		return family == AF_INET6 ? ip_ioctl_route6(net, cmd, arg)
					  : ip_ioctl_route4(net, cmd, arg);
	case SIOCGARP:
	case SIOCSARP:
	case SIOCDARP:
		return ip_ioctl_arp(net, cmd, arg);
	case SIOCGIFCONF:
		return ioctl_ifconf(net, arg);
	case SIOCSIFADDR:
	case SIOCDIFADDR:
		if (family == AF_INET6)
			return ioctl_in6_addr(net, cmd, arg);
		return ioctl_ifreq(net, cmd, arg);
	default:
		return ip_ioctl_is_known(cmd) ? ioctl_ifreq(net, cmd, arg) : -ENOTTY;
	}
}
