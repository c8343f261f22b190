/* SPDX-License-Identifier: MIT */
/* Interfaces over netlink: RTM_GETLINK, NEWLINK and SETLINK of those that exist. */
#include <string.h>

#include "net/ip/internal.h"
#include "net/sock/netlink/netlink.h"

#define LINK_FLAGS (IFF_UP | IFF_PROMISC | IFF_ALLMULTI) /* those that can be set */

void
nl_describe_link(struct netif *nif, bool stats, struct nl_link_info *out)
{
	struct netif_stats s;
	const struct in6_device *in6 = atomic_load_explicit(&nif->in6, memory_order_acquire);
	uint32_t flags = atomic_load_explicit(&nif->flags, memory_order_relaxed);
	*out = (struct nl_link_info){.type = nif->type,
		.ifindex = nif->index,
		.flags = flags,
		.mtu = atomic_load_explicit(&nif->mtu, memory_order_relaxed),
		.min_mtu = nif->min_mtu,
		.max_mtu = nif->max_mtu,
		.promiscuity = nif->promiscuous + nif->wants_promiscuous,
		.tx_queues = nif->tx_queues,
		.rx_queues = nif->rx_queues,
		.carrier = (flags & IFF_LOWER_UP) != 0,
		.has_stats = stats};
	memcpy(out->name, nif->name, sizeof(out->name));
	memcpy(out->mac, nif->mac, sizeof(out->mac));
	if ((flags & IFF_LOOPBACK) == 0)
		memset(out->broadcast, 0xff, sizeof(out->broadcast));
	if (in6 != NULL) {
		out->inet6_flags = in6_link_flags(nif);
		out->inet6_disabled =
			atomic_load_explicit(&in6->conf.disable_ipv6, memory_order_relaxed) != 0;
	}
	if (!stats)
		return;
	netif_get_stats(nif, &s);
	out->stats = (struct nl_link_stats){s.rx_packets, s.tx_packets, s.rx_bytes, s.tx_bytes,
		s.rx_errors, s.tx_errors, s.rx_dropped, s.tx_dropped, s.multicast};
}

/* The interface at or behind the cursor; NULL: no more. */
static struct netif *
next_netif(struct nl_dump *d)
{
	struct netif *nif;
	list_for_each_entry (nif, &d->net->netifs, node) {
		if (nif->index > d->ifindex)
			return nif;
	}
	return NULL;
}

static bool
fill(struct nl_dump *d, struct nl_buf *b,
	bool (*encode)(struct nl_buf *b, const struct nlmsghdr *h, const struct nl_link_info *l))
{
	bool stats = (d->want.ext_mask & RTEXT_FILTER_SKIP_STATS) == 0;
	if (d->want.ifindex != 0)
		return true; /* filtered by what no interface here has */
	for (struct netif *nif; (nif = next_netif(d)) != NULL; d->ifindex = nif->index) {
		struct nl_link_info l;
		nl_describe_link(nif, stats, &l);
		if (!encode(b, &d->header, &l))
			return false;
	}
	return true;
}

bool
nl_fill_links(struct nl_dump *d, struct nl_buf *b)
{
	return fill(d, b, nl_encode_link);
}

bool
nl_fill_links6(struct nl_dump *d, struct nl_buf *b)
{
	return fill(d, b, nl_encode_link6);
}

/* The one that is meant: by number, or by name. */
static int
find(struct nl_call *c, const struct nl_link_request *l, struct netif **out)
{
	if (l->ifindex != 0)
		return nl_find_netif(c, l->ifindex, out);
	*out = NULL;
	if (l->name[0] == 0)
		return nl_refuse(&c->extack, -EINVAL, "neither a number nor a name");
	*out = netif_by_name(c->net, l->name);
	return *out != NULL ? 0 : nl_refuse(&c->extack, -ENODEV, "there is no such interface");
}

int
nl_link_get(struct nl_call *c)
{
	struct nl_link_request l;
	struct netif *nif;
	uint8_t bytes[NL_ANSWER_MAX] __attribute__((uninitialized));
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = nl_answer_header(c, RTM_NEWLINK);
	int err = nl_decode_link(c->request, &l, &c->extack);
	if (err != 0)
		return err;
	mutex_lock(&c->net->config_lock);
	err = find(c, &l, &nif);
	if (err == 0) {
		struct nl_link_info info;
		nl_describe_link(nif, (l.ext_mask & RTEXT_FILTER_SKIP_STATS) == 0, &info);
		if (!nl_encode_link(&b, &h, &info))
			err = -EMSGSIZE;
	}
	mutex_unlock(&c->net->config_lock);
	return err != 0 ? err : nl_answer(c, &b);
}

/* What can be refused is, before anything is changed. */
static int
check(struct nl_call *c, struct netif *nif, const struct nl_link_request *l)
{
	struct nl_extack *x = &c->extack;
	if (l->has_kind || l->has_more)
		return nl_refuse(x, -EOPNOTSUPP,
			"of an interface, flags, MTU, address and name can be changed");
	if (l->has_mtu && l->mtu < nif->min_mtu)
		return nl_refuse(x, -EINVAL, "the MTU is less than the device's least");
	if (l->has_mtu && l->mtu > nif->max_mtu)
		return nl_refuse(x, -EINVAL, "the MTU is greater than the device's greatest");
	if (l->has_mac && nif->ops->set_mac == NULL)
		return nl_refuse(x, -EOPNOTSUPP, "the device's address cannot be changed");
	return 0;
}

static int
apply(struct netif *nif, const struct nl_link_request *l)
{
	uint32_t mask = l->change != 0 ? l->change : UINT32_MAX;
	bool renames = l->ifindex != 0 && l->name[0] != 0 && strcmp(l->name, nif->name) != 0;
	int err = l->has_mtu ? netif_set_mtu(nif, l->mtu) : 0;
	if (err == 0 && l->has_mac)
		err = netif_set_mac(nif, l->mac);
	if (err == 0 && renames)
		err = netif_set_name(nif, l->name);
	if (err == 0 && (l->flags != 0 || l->change != 0))
		err = netif_set_flags(nif, l->flags, mask & LINK_FLAGS);
	return err;
}

int
nl_link_set(struct nl_call *c)
{
	struct nl_link_request l;
	struct netif *nif;
	uint16_t how = c->request->header.nlmsg_flags;
	int err = nl_decode_link(c->request, &l, &c->extack);
	if (err != 0)
		return err;
	err = find(c, &l, &nif);
	if (err == -ENODEV && (how & NLM_F_CREATE) != 0) {
		c->extack.message = "interfaces come with devices and cannot be made";
		return -EOPNOTSUPP;
	}
	if (err == 0 && (how & NLM_F_EXCL) != 0 && c->request->header.nlmsg_type == RTM_NEWLINK)
		err = nl_refuse(&c->extack, -EEXIST, "it is there already");
	if (err == 0)
		err = check(c, nif, &l);
	return err != 0 ? err : apply(nif, &l);
}
