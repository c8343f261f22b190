/* SPDX-License-Identifier: MIT */
/* Requests: each message of a send is checked, run by its handler, and acknowledged or refused. */
#include <string.h>

#include "core/sched.h"
#include "mm/slab.h"
#include "net/sock/netlink/netlink.h"
#include "proc/process.h"

struct handler {
	uint16_t type;
	int (*run)(struct nl_call *c);
	int (*dump)(struct nl_call *c); /* with a bit of NLM_F_DUMP; what asks has it */
	bool changes;                   /* takes CAP_NETADMIN, and config_lock is taken for it */
};

static const struct handler route_handlers[] = {
	{RTM_NEWLINK, nl_link_set, NULL, true},
	{RTM_SETLINK, nl_link_set, NULL, true},
	{RTM_GETLINK, nl_link_get, nl_route_dump, false},
	{RTM_NEWADDR, nl_addr_new, NULL, true},
	{RTM_DELADDR, nl_addr_del, NULL, true},
	{RTM_GETADDR, NULL, nl_route_dump, false},
	{RTM_NEWROUTE, nl_route_new, NULL, true},
	{RTM_DELROUTE, nl_route_del, NULL, true},
	{RTM_GETROUTE, nl_route_get, nl_route_dump, false},
	{RTM_NEWNEIGH, nl_neigh_new, NULL, true},
	{RTM_DELNEIGH, nl_neigh_del, NULL, true},
	{RTM_GETNEIGH, nl_neigh_get, nl_route_dump, false},
};

/* Every third type asks, the others change: what is not known is refused after the caller's right to ask it. */
static bool
type_changes(uint16_t type)
{
	return (type & 3) != 2;
}

static const struct handler *
find_handler(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(route_handlers); i++) {
		if (route_handlers[i].type == type)
			return &route_handlers[i];
	}
	return NULL;
}

/* Runs a change in the requester's name. */
static int
run_change(const struct handler *h, struct nl_call *c)
{
	struct netlink_stack *st = c->nl->stack;
	const struct nlmsghdr *header = &c->request->header;
	mutex_lock(&c->net->config_lock);
	st->cause = (struct nl_cause){.sock = c->nl,
		.seq = header->nlmsg_seq,
		.pid = netlink_portid(c->nl),
		.echo = (header->nlmsg_flags & NLM_F_ECHO) != 0};
	int err = h->run(c);
	st->cause = (struct nl_cause){0};
	mutex_unlock(&c->net->config_lock);
	return err;
}

static int
run_route(struct nl_call *c)
{
	const struct nlmsghdr *header = &c->request->header;
	if (type_changes(header->nlmsg_type) && !current_has_caps(CAP_NETADMIN))
		return -EPERM;
	const struct handler *h = find_handler(header->nlmsg_type);
	if (h == NULL)
		return nl_refuse(&c->extack, -EOPNOTSUPP, "there is no such request");
	if (h->changes)
		return run_change(h, c);
	if ((header->nlmsg_flags & NLM_F_DUMP) != 0) /* either of its bits, as on Linux */
		return h->dump(c);
	return h->run != NULL ? h->run(c) : -EOPNOTSUPP;
}

static void
acknowledge(const struct nl_call *c, int error)
{
	struct netlink_sock *nl = c->nl;
	uint32_t how = (netlink_has(nl, NL_OPT_CAP_ACK) ? NL_ACK_CAPPED : 0) |
		(netlink_has(nl, NL_OPT_EXT_ACK) ? NL_ACK_TLVS : 0);
	struct nl_message *m =
		nl_message_alloc(c->net, nl_ack_size(c->request, &c->extack), KM_ZERO);
	if (m == NULL) {
		nl_queue_lost(nl);
		return;
	}
	struct nl_buf b = {.data = m->data, .size = m->size};
	(void)nl_encode_ack(&b, netlink_portid(nl), c->request, error, how, &c->extack);
	m->len = b.len;
	nl_queue_add(nl, m);
}

/* A handler's answer that says that no acknowledgement follows: a dump has begun. */
#define DUMP_BEGUN (-EINTR)

void
nl_run(struct netlink_sock *nl, const uint8_t *bytes, uint32_t n)
{
	struct nl_request r;
	uint32_t at = 0;
	while (nl_next_message(bytes, n, &at, &r)) {
		struct nl_call c = {.nl = nl, .net = nl->s.net, .request = &r};
		int err = 0;
		if ((r.header.nlmsg_flags & NLM_F_REQUEST) != 0 &&
			r.header.nlmsg_type >= NLMSG_MIN_TYPE)
			err = nl->s.protocol == NETLINK_ROUTE ? run_route(&c) : nl_diag_request(&c);
		if (err != DUMP_BEGUN && (err != 0 || (r.header.nlmsg_flags & NLM_F_ACK) != 0))
			acknowledge(&c, err);
		sched_point();
	}
}

struct nlmsghdr
nl_answer_header(const struct nl_call *c, uint16_t type)
{
	return (struct nlmsghdr){.nlmsg_type = type,
		.nlmsg_seq = c->request->header.nlmsg_seq,
		.nlmsg_pid = netlink_portid(c->nl)};
}

int
nl_answer(const struct nl_call *c, const struct nl_buf *b)
{
	struct nl_message *m = nl_message_alloc(c->net, b->len, 0);
	if (m == NULL)
		return -ENOBUFS;
	memcpy(m->data, b->data, b->len);
	m->len = b->len;
	nl_queue_add(c->nl, m);
	return 0;
}

int
nl_find_netif(struct nl_call *c, uint32_t ifindex, struct netif **out)
{
	*out = ifindex != 0 ? netif_by_index(c->net, ifindex) : NULL;
	return *out != NULL ? 0 : nl_refuse(&c->extack, -ENODEV, "there is no such interface");
}
