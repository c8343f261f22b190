/* SPDX-License-Identifier: MIT */
/*
 * Dumps: long answers, made a piece at a time. The first piece is made with the request, each further one when the
 * reader has taken one: a reader that stops costs no more than its queue. What changed between two pieces is said by
 * NLM_F_DUMP_INTR.
 */
#include "mm/slab.h"
#include "net/sock/netlink/netlink.h"

#define DONE_SIZE 20u /* the header and an int */

/* The answer's type, what changes with it, and who writes it. */
struct dump_kind {
	uint16_t request, answer;
	enum nl_thing thing;
	bool (*fill)(struct nl_dump *d, struct nl_buf *b);
};

static const struct dump_kind kinds[] = {
	{RTM_GETLINK, RTM_NEWLINK, NL_LINKS, nl_fill_links},
	{RTM_GETADDR, RTM_NEWADDR, NL_ADDRS, nl_fill_addrs},
	{RTM_GETROUTE, RTM_NEWROUTE, NL_ROUTES, nl_fill_routes},
	{RTM_GETNEIGH, RTM_NEWNEIGH, NL_NEIGHS, nl_fill_neighs},
};

uint8_t
nl_dump_family(const struct nl_dump *d)
{
	static const uint8_t both[] = {NL_AF_INET, NL_AF_INET6};
	bool one = d->want.family == NL_AF_INET || d->want.family == NL_AF_INET6;
	if (one)
		return d->family_index == 0 ? d->want.family : 0;
	return d->family_index < 2 ? both[d->family_index] : 0;
}

/* The two tables that exist; another one's dump is refused as Linux refuses it. */
static int
check_table(struct nl_call *c, const struct nl_dump *d)
{
	uint32_t t = d->want.table;
	if (d->thing != NL_ROUTES || t == 0 || t == ROUTE_TABLE_MAIN || t == ROUTE_TABLE_LOCAL)
		return 0;
	return nl_refuse(&c->extack, -ENOENT, "there is no such table");
}

int
nl_route_dump(struct nl_call *c)
{
	const struct nlmsghdr *h = &c->request->header;
	const struct dump_kind *k = kinds;
	while (k->request != h->nlmsg_type)
		k++; /* the table of handlers has only these */
	struct nl_dump *d = kzalloc(sizeof(*d));
	if (d == NULL)
		return -ENOBUFS;
	bool strict = netlink_has(c->nl, NL_OPT_STRICT);
	int err = nl_decode_dump(c->request, strict, &d->want, &c->extack);
	d->net = c->net;
	d->thing = k->thing;
	d->fill = k->fill;
	if (k->thing == NL_LINKS && d->want.family == NL_AF_INET6)
		d->fill = nl_fill_links6;
	d->header = nl_answer_header(c, k->answer);
	d->header.nlmsg_flags = NLM_F_MULTI | (d->want.filtered ? NLM_F_DUMP_FILTERED : 0);
	if (err == 0)
		err = check_table(c, d);
	if (err == 0)
		err = nl_dump_start(c->nl, d);
	if (err != 0)
		kfree(d);
	return err != 0 ? err : -EINTR;
}

static void
put_done(struct nl_dump *d, struct nl_buf *b)
{
	struct nlmsghdr h = d->header;
	int32_t error = 0;
	h.nlmsg_type = NLMSG_DONE;
	uint32_t at = nl_begin(b, &h, &error, sizeof(error));
	(void)nl_end(b, at); /* its room was kept */
}

static void
look_for_changes(struct nl_dump *d, struct netlink_stack *st)
{
	uint32_t now = atomic_load_explicit(&st->changes[d->thing], memory_order_acquire);
	if (d->changes != now && d->index + d->ifindex + d->family_index + d->route.started != 0)
		d->interrupted = true;
	d->changes = now;
	if (d->interrupted)
		d->header.nlmsg_flags |= NLM_F_DUMP_INTR;
}

/* [dump_lock] Fills m; true: the dump is complete. */
static bool
make_piece(struct nl_dump *d, struct netlink_stack *st, struct nl_message *m)
{
	struct nl_buf b = {.data = m->data, .size = m->size - DONE_SIZE};
	mutex_lock(&d->net->config_lock);
	look_for_changes(d, st);
	bool done = d->fill(d, &b);
	mutex_unlock(&d->net->config_lock);
	if (done) {
		b.size = m->size;
		put_done(d, &b);
	}
	m->len = b.len;
	return done;
}

/* [dump_lock] */
static int
next_piece(struct netlink_sock *nl)
{
	uint32_t room = atomic_load_explicit(&nl->room, memory_order_relaxed);
	struct nl_message *m = NULL;
	if (room > NL_PIECE_MIN)
		m = nl_message_alloc(nl->s.net, room, 0);
	if (m == NULL)
		m = nl_message_alloc(nl->s.net, NL_PIECE_MIN, 0);
	if (m == NULL)
		return -ENOBUFS;
	bool done = make_piece(nl->dump, nl->stack, m);
	if (done) {
		struct nl_dump *d = nl->dump;
		__atomic_store_n(&nl->dump, NULL, __ATOMIC_RELEASE);
		kfree(d);
	}
	nl_queue_add(nl, m);
	return 0;
}

int
nl_dump_start(struct netlink_sock *nl, struct nl_dump *d)
{
	mutex_lock(&nl->dump_lock);
	int err = nl->dump != NULL ? -EBUSY : 0;
	if (err == 0) {
		d->changes =
			atomic_load_explicit(&nl->stack->changes[d->thing], memory_order_acquire);
		__atomic_store_n(&nl->dump, d, __ATOMIC_RELEASE);
		err = next_piece(nl);
		if (err != 0) /* the caller has d still */
			__atomic_store_n(&nl->dump, NULL, __ATOMIC_RELEASE);
	}
	mutex_unlock(&nl->dump_lock);
	return err;
}

bool
nl_dump_is_running(struct netlink_sock *nl)
{
	return __atomic_load_n(&nl->dump, __ATOMIC_ACQUIRE) != NULL;
}

int
nl_dump_continue(struct netlink_sock *nl)
{
	if (!nl_dump_is_running(nl) || !nl_queue_wants_more(nl))
		return 0;
	mutex_lock(&nl->dump_lock);
	int err = nl->dump != NULL ? next_piece(nl) : 0;
	mutex_unlock(&nl->dump_lock);
	return err;
}

void
nl_dump_end(struct netlink_sock *nl)
{
	mutex_lock(&nl->dump_lock);
	kfree(nl->dump);
	nl->dump = NULL;
	mutex_unlock(&nl->dump_lock);
}
