/* SPDX-License-Identifier: MIT */
/* Asks netlink for links, addresses and default routes, and netd's state for sources and DNS servers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netinfo/netinfo.h"
#include "rtnl/rtnl.h"

#define STATE           "/run/net/state"
#define ARPHRD_LOOPBACK 772
#define LOWER_UP        0x10000u

/* Appends to a list of whatever has next first. */
#define APPEND(list, item)                        \
	do {                                      \
		__typeof__(list) *end_ = &(list); \
		while (*end_ != NULL)             \
			end_ = &(*end_)->next;    \
		*end_ = (item);                   \
	} while (0)

static void *
allocate(size_t n)
{
	void *p = calloc(1, n);
	if (p == NULL) {
		fputs("netinfo: no memory\n", stderr);
		exit(1);
	}
	return p;
}

static void
take_statistics(struct info_link *l, const struct rtnl_attr *a)
{
	uint64_t n[8];
	if (a->data == NULL || a->len < sizeof(n))
		return;
	memcpy(n, a->data, sizeof(n)); /* Linux's struct rtnl_link_stats64 begins so */
	l->rx_packets = n[0];
	l->tx_packets = n[1];
	l->rx_bytes = n[2];
	l->tx_bytes = n[3];
	l->rx_errors = n[4];
	l->tx_errors = n[5];
	l->rx_dropped = n[6];
	l->tx_dropped = n[7];
}

static bool
visit_link(void *ctx, uint16_t type, const void *body, size_t len)
{
	struct info *info = ctx;
	struct rtnl_attr attrs[RTNL_ATTRS_MAX];
	struct ifinfomsg m;
	if (type != RTM_NEWLINK || !rtnl_parse(body, len, sizeof(m), attrs))
		return true;
	memcpy(&m, body, sizeof(m));
	struct info_link *l = allocate(sizeof(*l));
	l->index = m.ifi_index;
	l->loopback = m.ifi_type == ARPHRD_LOOPBACK;
	l->up = (m.ifi_flags & IFF_UP) != 0;
	l->carrier = (m.ifi_flags & LOWER_UP) != 0;
	l->mtu = rtnl_u32(&attrs[IFLA_MTU], 0);
	if (attrs[IFLA_IFNAME].data != NULL && attrs[IFLA_IFNAME].len <= sizeof(l->name))
		memcpy(l->name, attrs[IFLA_IFNAME].data, attrs[IFLA_IFNAME].len);
	l->name[sizeof(l->name) - 1] = '\0';
	if (attrs[IFLA_ADDRESS].data != NULL && attrs[IFLA_ADDRESS].len == sizeof(l->mac))
		memcpy(l->mac, attrs[IFLA_ADDRESS].data, sizeof(l->mac));
	take_statistics(l, &attrs[IFLA_STATS64]);
	APPEND(info->links, l);
	return true;
}

/* An address out of an attribute of 4 or 16 bytes; family 0: none. */
static struct text_address
address_of(const struct rtnl_attr *a)
{
	struct text_address out = {0};
	if (a->data == NULL || (a->len != 4 && a->len != 16))
		return out;
	out.family = a->len == 4 ? 4 : 6;
	memcpy(out.bytes, a->data, a->len);
	return out;
}

static const char *
source_of_address(
	const struct ifaddrmsg *m, const struct rtnl_attr *attrs, const struct text_address *a)
{
	const struct rtnl_attr *proto = &attrs[IFA_PROTO];
	uint8_t from = proto->data != NULL && proto->len == 1 ? *(const uint8_t *)proto->data
							      : IFAPROT_UNSPEC;
	if (m->ifa_scope == RT_SCOPE_HOST || from == IFAPROT_KERNEL_LO)
		return "kernel";
	if (text_address_is_link_local(a) && a->family == 6)
		return "link-local";
	if (from == IFAPROT_KERNEL_RA ||
		(a->family == 6 &&
			(rtnl_u32(&attrs[IFA_FLAGS], m->ifa_flags) &
				(IFA_F_PERMANENT | IFA_F_NODAD)) == 0))
		return "slaac";
	return "manual";
}

static bool
visit_address(void *ctx, uint16_t type, const void *body, size_t len)
{
	struct info *info = ctx;
	struct rtnl_attr attrs[RTNL_ATTRS_MAX];
	struct ifaddrmsg m;
	if (type != RTM_NEWADDR || !rtnl_parse(body, len, sizeof(m), attrs))
		return true;
	memcpy(&m, body, sizeof(m));
	const struct rtnl_attr *local =
		&attrs[attrs[IFA_LOCAL].data != NULL ? IFA_LOCAL : IFA_ADDRESS];
	struct text_address address = address_of(local);
	if (address.family == 0)
		return true;
	struct info_address *a = allocate(sizeof(*a));
	a->index = (int)m.ifa_index;
	a->address = address;
	a->prefix = m.ifa_prefixlen;
	a->usable = (rtnl_u32(&attrs[IFA_FLAGS], m.ifa_flags) &
			    (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
	strcpy(a->source, source_of_address(&m, attrs, &address));
	APPEND(info->addresses, a);
	return true;
}

static const char *
source_of_route(uint8_t protocol)
{
	switch (protocol) {
	case RTPROT_STATIC:
		return "static";
	case RTPROT_DHCP:
		return "dhcp";
	case RTPROT_RA:
		return "ra";
	case RTPROT_KERNEL:
		return "kernel";
	default:
		return "manual";
	}
}

static bool
visit_route(void *ctx, uint16_t type, const void *body, size_t len)
{
	struct info *info = ctx;
	struct rtnl_attr attrs[RTNL_ATTRS_MAX];
	struct rtmsg m;
	if (type != RTM_NEWROUTE || !rtnl_parse(body, len, sizeof(m), attrs))
		return true;
	memcpy(&m, body, sizeof(m));
	if (m.rtm_dst_len != 0 || m.rtm_type != RTN_UNICAST ||
		rtnl_u32(&attrs[RTA_TABLE], m.rtm_table) != RT_TABLE_MAIN)
		return true;
	struct info_gateway *g = allocate(sizeof(*g));
	g->index = (int)rtnl_u32(&attrs[RTA_OIF], 0);
	g->address = address_of(&attrs[RTA_GATEWAY]);
	strcpy(g->source, source_of_route(m.rtm_protocol));
	APPEND(info->gateways, g);
	return true;
}

const struct info_link *
info_link_of(const struct info *info, int index)
{
	for (const struct info_link *l = info->links; l != NULL; l = l->next)
		if (l->index == index)
			return l;
	return NULL;
}

/* netd's word about an address: `address eth0 192.0.2.5/24 dhcp`. */
static void
name_source(struct info *info, const char *link, const char *prefixed, const char *source)
{
	struct text_address a;
	uint8_t prefix;
	if (text_prefix_parse(span_of(prefixed), &a, &prefix) < 0)
		return;
	for (struct info_address *at = info->addresses; at != NULL; at = at->next) {
		const struct info_link *l = info_link_of(info, at->index);
		if (l != NULL && strcmp(l->name, link) == 0 &&
			memcmp(&at->address, &a, sizeof(a)) == 0)
			snprintf(at->source, sizeof(at->source), "%s", source);
	}
}

/* docs/formats/network.md has the lines. No file: netd does not run, which is no error of ours. */
static void
read_state(struct info *info)
{
	char line[256], what[16], a[80], b[80], c[80];
	FILE *f = fopen(STATE, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		int n = sscanf(line, "%15s %79s %79s %79s", what, a, b, c);
		if (n >= 2 && strcmp(what, "config") == 0) {
			info->config_invalid = strcmp(a, "invalid") == 0;
		} else if (n == 4 && strcmp(what, "address") == 0) {
			name_source(info, a, b, c);
		} else if (n >= 3 && strcmp(what, "dns") == 0) {
			struct info_dns *d = allocate(sizeof(*d));
			snprintf(d->address, sizeof(d->address), "%s", a);
			snprintf(d->source, sizeof(d->source), "%s", b);
			APPEND(info->dns, d);
		}
	}
	if (f != NULL)
		fclose(f);
}

/* A dump that changed while it was made is made again. */
static int
dump(int fd, uint16_t type, uint8_t family, rtnl_visit_fn *visit, void *ctx)
{
	int err = rtnl_dump(fd, type, family, visit, ctx);
	return err == -EINTR ? 0 : err;
}

int
info_collect(struct info *out)
{
	*out = (struct info){0};
	int fd = rtnl_open(NULL);
	if (fd < 0)
		return fd;
	int err = dump(fd, RTM_GETLINK, AF_UNSPEC, visit_link, out);
	if (err == 0)
		err = dump(fd, RTM_GETADDR, AF_UNSPEC, visit_address, out);
	if (err == 0)
		err = dump(fd, RTM_GETROUTE, AF_INET, visit_route, out);
	if (err == 0)
		err = dump(fd, RTM_GETROUTE, AF_INET6, visit_route, out);
	read_state(out);
	return err;
}
