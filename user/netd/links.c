/* SPDX-License-Identifier: MIT */
/* The links: Ethernet interfaces as netlink tells of them, and what their coming up or going down starts. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/reader.h"
#include "netd/netd.h"
#include "rtnl/rtnl.h"

#define ARPHRD_ETHER     1
#define ARPHRD_LOOPBACK  772
#define IFF_LOWER_UP_BIT 0x10000u
#define ND_ROUTER_ADVERT 134
#define OPT_RDNSS        25 /* RFC 8106 */
#define OPT_DNSSL        31

static struct link *
find(const struct netd *n, int index)
{
	for (struct link *l = n->links; l != NULL; l = l->next)
		if (l->index == index)
			return l;
	return NULL;
}

/* How the link is to be set up, before it is up: IPv6 begins at once then. */
static void
prepare(struct netd *n, struct link *l)
{
	if (l->config.ipv6 == NETCONF_OFF)
		apply_ipv6_setting(l, "disable_ipv6", "1");
	else if (l->config.ipv6 == NETCONF_STATIC)
		apply_ipv6_setting(l, "accept_ra", "0");
	if (l->config.mtu != 0)
		apply_mtu(n, l, l->config.mtu);
	apply_link_up(n, l);
	config_apply(n, l);
	l->configured = true;
}

static struct link *
add(struct netd *n, int index, const char *name, const uint8_t mac[6])
{
	struct link *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		warn("%s: no memory", name);
		return NULL;
	}
	l->index = index;
	strncpy(l->name, name, sizeof(l->name) - 1);
	memcpy(l->mac, mac, sizeof(l->mac));
	l->dhcp4_packets = l->dhcp4_port = l->dhcp6_port = -1;
	conflict4_init(l, &l->lease);
	l->next = n->links;
	n->links = l;
	n->changed = true;
	config_of_link(n, l->name, &l->config);
	char hostname[HOST_NAME_MAX + 1] = "";
	gethostname(hostname, sizeof(hostname) - 1);
	dhcp4_client_init(
		&l->dhcp4, mac, wire_name_is_clean(hostname, strlen(hostname)) ? hostname : "");
	dhcp6_client_init(&l->dhcp6, mac, (uint32_t)index);
	return l;
}

static void
remove_link(struct netd *n, int index)
{
	for (struct link **at = &n->links; *at != NULL; at = &(*at)->next) {
		struct link *l = *at;
		if (l->index != index)
			continue;
		*at = l->next;
		lease4_stop(n, l);
		lease6_stop(n, l);
		static4_forget(l);
		free(l);
		n->changed = true;
		return;
	}
}

/* The link can carry frames now, or no longer. */
static void
carrier_changed(struct netd *n, struct link *l)
{
	n->changed = true;
	l->answered = false;
	static4_carrier(n, l);
	if (l->carrier) {
		l->asked_ms = now_ms();
		if (l->config.ipv4 == NETCONF_AUTOMATIC)
			lease4_start(n, l);
		lease6_router_says(n, l);
		return;
	}
	lease4_stop(n, l);
	lease6_stop(n, l);
}

static void
link_news(struct netd *n, const struct ifinfomsg *info, const struct rtnl_attr *attrs)
{
	const struct rtnl_attr *name = &attrs[IFLA_IFNAME], *mac = &attrs[IFLA_ADDRESS];
	char text[IF_NAMESIZE] = "";
	if (info->ifi_type == ARPHRD_LOOPBACK) {
		struct link lo = {.index = info->ifi_index};
		if ((info->ifi_flags & IFF_UP) == 0)
			apply_link_up(n, &lo);
		return;
	}
	if (info->ifi_type != ARPHRD_ETHER || name->data == NULL || name->len > sizeof(text) ||
		mac->data == NULL || mac->len != 6)
		return;
	memcpy(text, name->data, name->len);
	text[sizeof(text) - 1] = '\0';
	struct link *l = find(n, info->ifi_index);
	if (l == NULL)
		l = add(n, info->ifi_index, text, mac->data);
	if (l == NULL)
		return;
	if (!l->configured)
		prepare(n, l);
	bool carrier = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_LOWER_UP_BIT) != 0;
	bool was_up = l->up;
	l->up = (info->ifi_flags & IFF_UP) != 0;
	bool changed = carrier != l->carrier || (l->up && !was_up);
	l->carrier = carrier;
	if (changed)
		carrier_changed(n, l);
}

/* IPv6's own news of a link: what its routers said of DHCPv6. */
static void
link6_news(struct netd *n, const struct ifinfomsg *info, const struct rtnl_attr *attrs)
{
	struct rtnl_attr inner[RTNL_ATTRS_MAX];
	struct link *l = find(n, info->ifi_index);
	const struct rtnl_attr *nest = &attrs[IFLA_PROTINFO];
	if (l == NULL || nest->data == NULL || !rtnl_parse(nest->data, nest->len, 0, inner))
		return;
	uint32_t flags = rtnl_u32(&inner[IFLA_INET6_FLAGS], l->ra_flags);
	if (flags == l->ra_flags)
		return;
	l->ra_flags = flags;
	l->answered = true;
	lease6_router_says(n, l);
}

static void
take_rdnss(struct link *l, struct reader r)
{
	(void)reader_be16(&r);
	uint64_t expire_ms = dhcp_moment(now_ms(), reader_be32(&r));
	const uint8_t *address;
	while (!r.failed && r.left >= 16 && (address = reader_take(&r, 16)) != NULL) {
		size_t i = 0;
		while (i < l->nr_rdnss && memcmp(l->rdnss[i].address, address, 16) != 0)
			i++;
		if (i == RDNSS_MAX)
			continue;
		memcpy(l->rdnss[i].address, address, 16);
		l->rdnss[i].expire_ms = expire_ms; /* 0 seconds: gone at the next look */
		if (i == l->nr_rdnss)
			l->nr_rdnss++;
	}
}

static void
take_dnssl(struct link *l, struct reader r)
{
	char name[4 * WIRE_NAME_TEXT + 1];
	(void)reader_be16(&r);
	uint32_t lifetime = reader_be32(&r);
	if (r.failed || wire_name_decode(r.at, r.left, 0, name) < 0)
		return;
	size_t n = strlen(name);
	if (lifetime == 0)
		l->ra_domain[0] = '\0';
	else if (wire_name_is_clean(name, n))
		memcpy(l->ra_domain, name, n + 1);
}

/* Options of a router advertisement that the kernel leaves to us, as they stood on the wire (RFC 8106). */
static void
option_news(struct netd *n, const void *body, size_t len)
{
	struct nduseroptmsg m;
	if (len < sizeof(m))
		return;
	memcpy(&m, body, sizeof(m));
	struct link *l = find(n, m.nduseropt_ifindex);
	if (l == NULL || m.nduseropt_icmp_type != ND_ROUTER_ADVERT ||
		l->config.ipv6 != NETCONF_AUTOMATIC)
		return;
	struct reader r = reader_on((const uint8_t *)body + sizeof(m), len - sizeof(m));
	if (r.left > m.nduseropt_opts_len)
		r.left = m.nduseropt_opts_len;
	while (r.left >= 8) {
		uint8_t type = reader_u8(&r), units = reader_u8(&r);
		if (units == 0)
			return;
		const uint8_t *value = reader_take(&r, (size_t)units * 8 - 2);
		if (value == NULL)
			return;
		struct reader option = reader_on(value, (size_t)units * 8 - 2);
		if (type == OPT_RDNSS)
			take_rdnss(l, option);
		else if (type == OPT_DNSSL)
			take_dnssl(l, option);
		n->changed = true;
	}
}

static void
address_news(struct netd *n, const void *body, size_t len)
{
	struct rtnl_attr attrs[RTNL_ATTRS_MAX];
	struct ifaddrmsg m;
	if (!rtnl_parse(body, len, sizeof(m), attrs) || attrs[IFA_ADDRESS].len != 16)
		return;
	memcpy(&m, body, sizeof(m));
	struct link *l = find(n, (int)m.ifa_index);
	if (l != NULL)
		lease6_address_news(
			n, l, attrs[IFA_ADDRESS].data, rtnl_u32(&attrs[IFA_FLAGS], m.ifa_flags));
}

static bool
visit(void *ctx, uint16_t type, const void *body, size_t len)
{
	struct netd *n = ctx;
	struct rtnl_attr attrs[RTNL_ATTRS_MAX];
	struct ifinfomsg info;
	if (type == RTM_NEWADDR)
		address_news(n, body, len);
	if (type == RTM_NEWNDUSEROPT) {
		option_news(n, body, len);
		return true;
	}
	if ((type != RTM_NEWLINK && type != RTM_DELLINK) ||
		!rtnl_parse(body, len, sizeof(info), attrs))
		return true;
	memcpy(&info, body, sizeof(info));
	if (info.ifi_family == AF_INET6 && type == RTM_NEWLINK)
		link6_news(n, &info, attrs);
	else if (info.ifi_family == AF_UNSPEC && type == RTM_DELLINK)
		remove_link(n, info.ifi_index);
	else if (info.ifi_family == AF_UNSPEC)
		link_news(n, &info, attrs);
	return true;
}

/* Messages are kept while a dump goes on: acting on one asks netlink again, on the same socket. */
struct kept {
	struct kept *next;
	uint16_t type;
	size_t len;
	_Alignas(8) uint8_t body[];
};

static bool
keep(void *ctx, uint16_t type, const void *body, size_t len)
{
	struct kept ***end = ctx;
	struct kept *k = malloc(sizeof(*k) + len);
	if (k == NULL) {
		warn("no memory for a link");
		return true;
	}
	k->next = NULL;
	k->type = type;
	k->len = len;
	memcpy(k->body, body, len);
	**end = k;
	*end = &k->next;
	return true;
}

static int
dump_family(struct netd *n, uint8_t family)
{
	struct kept *first = NULL, **end = &first;
	int err = rtnl_dump(n->requests, RTM_GETLINK, family, keep, &end);
	while (first != NULL) {
		struct kept *k = first;
		first = k->next;
		visit(n, k->type, k->body, k->len);
		free(k);
	}
	return err;
}

void
links_dump(struct netd *n)
{
	int err = dump_family(n, AF_UNSPEC);
	int err6 = dump_family(n, AF_INET6);
	if (err < 0 && err != -EINTR)
		warn("links: %s", strerror(-err));
	if (err6 < 0 && err6 != -EINTR && err6 != -EOPNOTSUPP)
		warn("links: IPv6: %s", strerror(-err6));
}

void
links_read(struct netd *n)
{
	int err = rtnl_read(n->news, visit, n);
	if (err == -ENOBUFS)
		links_dump(n); /* some news were lost */
	else if (err < 0)
		warn("netlink: %s", strerror(-err));
}
