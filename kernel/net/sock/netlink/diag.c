/* SPDX-License-Identifier: MIT */
/*
 * NETLINK_SOCK_DIAG: lists of sockets, for `ss`: requests of all families. Only lists; a filter's bytecode is not run,
 * since who sends one filters again. Others' sockets are for those with CAP_INSPECT.
 */
#include <string.h>

#include "abi/linux/inet_diag.h"
#include "abi/linux/sock_diag.h"
#include "mm/slab.h"
#include "net/sock/netlink/diag.h"
#include "proc/process.h"
#include "vfs/vfs.h"

bool
diag_next(struct diag_walk *w, uid_t uid, uint32_t state)
{
	struct nl_dump *d = w->d;
	if (w->full || w->seen++ < d->index)
		return false;
	if ((d->extra[DIAG_STATES] >> state & 1) != 0 &&
		(d->extra[DIAG_ALL] != 0 || d->extra[DIAG_UID] == uid))
		return true;
	d->index = w->seen;
	return false;
}

void
diag_told(struct diag_walk *w, bool fit)
{
	if (fit)
		w->d->index = w->seen;
	else
		w->full = true;
}

void
diag_put_memory(struct nl_buf *b, uint16_t type, struct sock *s)
{
	uint32_t v[SK_MEMINFO_VARS];
	sock_get_memory(s, v);
	nl_put(b, type, v, sizeof(v));
}

/* --- Requests --- */

static int
decode_inet(struct nl_call *c, struct nl_dump *d)
{
	static const uint8_t kinds[INET_DIAG_REQ_PROTOCOL + 1] = {
		[INET_DIAG_REQ_PROTOCOL] = NL_U32};
	struct nl_attr a[INET_DIAG_REQ_PROTOCOL + 1];
	struct inet_diag_req_v2 r;
	memcpy(&r, c->request->body, sizeof(r));
	int err = nl_parse(c->request->body + sizeof(r), c->request->len - (uint32_t)sizeof(r),
		kinds, INET_DIAG_REQ_PROTOCOL, false, a, &c->extack);
	if (err != 0)
		return err;
	uint32_t protocol = a[INET_DIAG_REQ_PROTOCOL].data != NULL
		? nl_u32(&a[INET_DIAG_REQ_PROTOCOL])
		: r.sdiag_protocol;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_RAW)
		return nl_refuse(&c->extack, -ENOENT, "there are no sockets of this protocol");
	d->extra[DIAG_PROTOCOL] = protocol;
	d->extra[DIAG_STATES] = r.idiag_states;
	d->extra[DIAG_SHOW] = r.idiag_ext;
	d->extra[DIAG_PORTS] = r.id.idiag_sport | (uint32_t)r.id.idiag_dport << 16;
	return 0;
}

static int
decode_unix(struct nl_call *c, struct nl_dump *d)
{
	struct unix_diag_req r;
	memcpy(&r, c->request->body, sizeof(r));
	d->extra[DIAG_STATES] = r.udiag_states;
	d->extra[DIAG_SHOW] = r.udiag_show;
	return 0;
}

static int
decode_packet(struct nl_call *c, struct nl_dump *d)
{
	struct packet_diag_req r;
	memcpy(&r, c->request->body, sizeof(r));
	d->extra[DIAG_STATES] = UINT32_MAX;
	d->extra[DIAG_SHOW] = r.pdiag_show;
	return 0;
}

static int
decode_netlink(struct nl_call *c, struct nl_dump *d)
{
	struct netlink_diag_req r;
	memcpy(&r, c->request->body, sizeof(r));
	d->extra[DIAG_STATES] = UINT32_MAX;
	d->extra[DIAG_SHOW] = r.ndiag_show;
	d->extra[DIAG_PROTOCOL] = r.sdiag_protocol;
	return 0;
}

static const struct diag_family {
	uint8_t family;
	uint32_t size; /* of the request, attributes aside */
	int (*decode)(struct nl_call *c, struct nl_dump *d);
	bool (*fill)(struct nl_dump *d, struct nl_buf *b);
} families[] = {
	{NL_AF_INET, sizeof(struct inet_diag_req_v2), decode_inet, diag_fill_inet},
	{NL_AF_INET6, sizeof(struct inet_diag_req_v2), decode_inet, diag_fill_inet},
	{AF_UNIX, sizeof(struct unix_diag_req), decode_unix, diag_fill_unix},
	{AF_PACKET, sizeof(struct packet_diag_req), decode_packet, diag_fill_packet},
	{AF_NETLINK, sizeof(struct netlink_diag_req), decode_netlink, diag_fill_netlink},
};

static int
find_family(struct nl_call *c, const struct diag_family **out)
{
	const struct nlmsghdr *h = &c->request->header;
	if (h->nlmsg_type == SOCK_DESTROY)
		return nl_refuse(&c->extack, -EOPNOTSUPP, "sockets are not destroyed here");
	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || c->request->len < 2)
		return -EINVAL;
	for (uint32_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (families[i].family != c->request->body[0])
			continue;
		*out = &families[i];
		if (c->request->len < families[i].size)
			return nl_refuse(&c->extack, -EINVAL, "the message is too short");
		if ((h->nlmsg_flags & NLM_F_DUMP) == 0)
			return nl_refuse(&c->extack, -EOPNOTSUPP, "only lists are given");
		return 0;
	}
	return nl_refuse(&c->extack, -ENOENT, "there are no sockets of this family");
}

int
nl_diag_request(struct nl_call *c)
{
	const struct diag_family *f = NULL;
	int err = find_family(c, &f);
	if (err != 0)
		return err;
	struct nl_dump *d = kzalloc(sizeof(*d));
	if (d == NULL)
		return -ENOBUFS;
	d->net = c->net;
	d->thing = NL_SOCKETS;
	d->fill = f->fill;
	d->want.family = f->family;
	d->extra[DIAG_UID] = vfs_cred()->fsuid;
	d->extra[DIAG_ALL] = current_has_caps(CAP_INSPECT);
	d->header = nl_answer_header(c, SOCK_DIAG_BY_FAMILY);
	d->header.nlmsg_flags = NLM_F_MULTI;
	err = f->decode(c, d);
	if (err == 0)
		err = nl_dump_start(c->nl, d);
	if (err != 0)
		kfree(d);
	return err != 0 ? err : -EINTR;
}
