/* SPDX-License-Identifier: MIT */
/* What netd asks of the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netd/netd.h"
#include "rtnl/rtnl.h"

static uint8_t
family_of(const struct text_address *a)
{
	return a->family == 4 ? AF_INET : AF_INET6;
}

static size_t
length_of(const struct text_address *a)
{
	return a->family == 4 ? 4 : 16;
}

static void
call(struct netd *n, struct rtnl_request *r, const char *name, const char *what)
{
	int err = rtnl_call(n->requests, r);
	if (err < 0)
		warn("%s: %s: %s", name, what, strerror(-err));
}

void
apply_link_up(struct netd *n, const struct link *l)
{
	struct ifinfomsg info = {.ifi_index = l->index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct rtnl_request r;
	rtnl_begin(&r, RTM_NEWLINK, 0, &info, sizeof(info));
	call(n, &r, l->name, "cannot bring it up");
}

void
apply_mtu(struct netd *n, const struct link *l, uint32_t mtu)
{
	struct ifinfomsg info = {.ifi_index = l->index};
	struct rtnl_request r;
	rtnl_begin(&r, RTM_NEWLINK, 0, &info, sizeof(info));
	rtnl_add_u32(&r, IFLA_MTU, mtu);
	call(n, &r, l->name, "cannot set the MTU");
}

static void
address_request(struct rtnl_request *r, uint16_t type, uint16_t flags, const struct link *l,
	const struct text_address *a, uint8_t prefix)
{
	struct ifaddrmsg m = {.ifa_family = family_of(a),
		.ifa_prefixlen = prefix,
		.ifa_index = (uint32_t)l->index};
	rtnl_begin(r, type, flags, &m, sizeof(m));
	rtnl_add(r, IFA_LOCAL, a->bytes, length_of(a));
	rtnl_add(r, IFA_ADDRESS, a->bytes, length_of(a));
}

void
apply_address(struct netd *n, const struct link *l, const struct text_address *a, uint8_t prefix,
	uint32_t preferred, uint32_t valid)
{
	struct rtnl_request r;
	struct ifa_cacheinfo life = {.ifa_prefered = preferred, .ifa_valid = valid};
	address_request(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, l, a, prefix);
	if (a->family == 4 && prefix < 31) {
		uint8_t broadcast[4];
		for (unsigned i = 0; i < 4; i++) {
			unsigned bits = prefix > 8 * i ? prefix - 8 * i : 0;
			broadcast[i] =
				bits >= 8 ? a->bytes[i] : (uint8_t)(a->bytes[i] | 0xff >> bits);
		}
		rtnl_add(&r, IFA_BROADCAST, broadcast, sizeof(broadcast));
	}
	rtnl_add(&r, IFA_CACHEINFO, &life, sizeof(life));
	call(n, &r, l->name, "cannot add an address");
}

void
apply_no_address(struct netd *n, const struct link *l, const struct text_address *a, uint8_t prefix)
{
	struct rtnl_request r;
	address_request(&r, RTM_DELADDR, 0, l, a, prefix);
	int err = rtnl_call(n->requests, &r);
	if (err < 0 && err != -EADDRNOTAVAIL && err != -ENODEV)
		warn("%s: cannot take an address away: %s", l->name, strerror(-err));
}

void
apply_route(struct netd *n, const struct link *l, const struct text_address *destination,
	uint8_t prefix, const struct text_address *gateway, uint8_t protocol, bool add)
{
	struct rtnl_request r;
	struct rtmsg m = {.rtm_family = family_of(destination),
		.rtm_dst_len = prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = protocol,
		.rtm_scope = gateway->family != 0 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
		/* A gateway may lie outside every prefix, as cloud hosts have it. */
		.rtm_flags = gateway->family != 0 ? RTNH_F_ONLINK : 0};
	rtnl_begin(&r, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_REPLACE : 0,
		&m, sizeof(m));
	if (prefix > 0)
		rtnl_add(&r, RTA_DST, destination->bytes, length_of(destination));
	if (gateway->family != 0)
		rtnl_add(&r, RTA_GATEWAY, gateway->bytes, length_of(gateway));
	rtnl_add_u32(&r, RTA_OIF, (uint32_t)l->index);
	/* The first interface is preferred: equal metrics would replace each other's routes. */
	rtnl_add_u32(&r, RTA_PRIORITY, 100 + (uint32_t)l->index);
	int err = rtnl_call(n->requests, &r);
	if (err < 0 && (add || (err != -ESRCH && err != -ENODEV)))
		warn("%s: cannot %s a route: %s", l->name, add ? "add" : "delete", strerror(-err));
}

void
apply_ipv6_setting(const struct link *l, const char *key, const char *value)
{
	char path[96];
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", l->name, key);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		warn("%s: %s: %s", l->name, key, strerror(errno));
	if (fd >= 0)
		close(fd);
}
