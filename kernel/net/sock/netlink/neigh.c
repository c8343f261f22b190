/* SPDX-License-Identifier: MIT */
/* Neighbours over netlink: RTM_GETNEIGH, NEWNEIGH, DELNEIGH. */
#include <string.h>

#include "core/timer.h"
#include "net/link/neigh.h"
#include "net/sock/netlink/netlink.h"

static uint32_t
hundredths_ago(nsec_t then)
{
	nsec_t now = time_now();
	return then < now ? (uint32_t)((now - then) / (NSEC_PER_SEC / 100)) : 0;
}

void
nl_describe_neigh(const struct neigh_info *n, struct nl_neigh_entry *out)
{
	bool group = net_addr_is_multicast(&n->addr);
	*out = (struct nl_neigh_entry){.dst = n->addr,
		.ifindex = n->ifindex,
		.probes = n->probes,
		.refs = n->refs,
		.confirmed = hundredths_ago(n->confirmed),
		.used = hundredths_ago(n->updated),
		.updated = hundredths_ago(n->updated),
		.state = n->state,
		.flags = n->is_router ? NTF_ROUTER : 0,
		.type = group ? RTN_MULTICAST : RTN_UNICAST,
		.has_mac = n->has_mac};
	memcpy(out->mac, n->mac, sizeof(out->mac));
}

/* A walk of the table: the first d->index of it have been told already. */
struct walk {
	struct nl_dump *d;
	struct nl_buf *b;
	uint32_t seen;
	bool full;
};

static void
tell(const struct neigh_info *info, void *ctx)
{
	struct walk *w = ctx;
	struct nl_dump *d = w->d;
	uint8_t family = net_addr_is_v4(&info->addr) ? NL_AF_INET : NL_AF_INET6;
	bool ip = d->want.family == NL_AF_INET || d->want.family == NL_AF_INET6;
	struct nl_neigh_entry e;
	if (w->full || w->seen++ < d->index)
		return;
	nl_describe_neigh(info, &e);
	/* Groups and broadcast need no resolution: they are no neighbours that somebody wants to see. */
	if ((!ip || d->want.family == family) && info->state != NUD_NOARP &&
		(d->want.ifindex == 0 || d->want.ifindex == info->ifindex) &&
		!nl_encode_neigh(w->b, &d->header, &e)) {
		w->full = true;
		return;
	}
	d->index = w->seen;
}

bool
nl_fill_neighs(struct nl_dump *d, struct nl_buf *b)
{
	struct walk w = {.d = d, .b = b};
	neigh_for_each(d->net, tell, &w);
	return !w.full;
}

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

int
nl_neigh_get(struct nl_call *c)
{
	struct nl_neigh_request r;
	struct nl_neigh_entry e;
	uint8_t bytes[NL_ANSWER_MAX] __attribute__((uninitialized));
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = nl_answer_header(c, RTM_NEWNEIGH);
	int err = nl_decode_neigh(c->request, &r, &c->extack);
	if (err != 0)
		return err;
	struct search s = {.addr = r.dst, .ifindex = r.ifindex};
	neigh_for_each(c->net, match, &s);
	if (!s.has)
		return nl_refuse(&c->extack, -ENOENT, "there is no such neighbour");
	nl_describe_neigh(&s.found, &e);
	return nl_encode_neigh(&b, &h, &e) ? nl_answer(c, &b) : -EMSGSIZE;
}

static int
decode(struct nl_call *c, struct nl_neigh_request *r, struct netif **nif)
{
	int err = nl_decode_neigh(c->request, r, &c->extack);
	if (err == 0 && (r->flags & ~NTF_ROUTER) != 0)
		err = nl_refuse(&c->extack, -EOPNOTSUPP, "this host answers for nobody else");
	return err != 0 ? err : nl_find_netif(c, r->ifindex, nif);
}

int
nl_neigh_new(struct nl_call *c)
{
	struct nl_neigh_request r;
	struct netif *nif;
	uint16_t how = c->request->header.nlmsg_flags;
	int err = decode(c, &r, &nif);
	if (err != 0)
		return err;
	if (!r.has_mac && (r.state & NUD_VALID) != 0 && (r.state & NUD_NOARP) == 0)
		return nl_refuse(&c->extack, -EINVAL, "the link address is missing");
	err = neigh_set(nif, &r.dst, r.has_mac ? r.mac : NULL, r.state,
		((how & NLM_F_CREATE) != 0 ? NEIGH_CREATE : 0) |
			((how & NLM_F_EXCL) == 0 ? NEIGH_REPLACE : 0));
	if (err == -EEXIST)
		nl_refuse(&c->extack, err, "the neighbour is there already");
	if (err == -ENOENT)
		nl_refuse(&c->extack, err, "there is no such neighbour");
	return err;
}

int
nl_neigh_del(struct nl_call *c)
{
	struct nl_neigh_request r;
	struct netif *nif;
	int err = decode(c, &r, &nif);
	if (err == 0)
		err = neigh_delete(nif, &r.dst);
	return err == -ENOENT ? nl_refuse(&c->extack, err, "there is no such neighbour") : err;
}
