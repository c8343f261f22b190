/* SPDX-License-Identifier: MIT */
/* Routes over netlink: RTM_GETROUTE (all, or the way to one destination), NEWROUTE, DELROUTE. */
#include "core/epoch.h"
#include "core/timer.h"
#include "net/ip/internal.h"
#include "net/ip/nd.h"
#include "net/link/neigh.h"
#include "net/sock/netlink/netlink.h"

#define METRIC6_DEFAULT 1024u

static uint32_t
seconds_left(uint64_t expires)
{
	nsec_t now = time_now();
	if (expires == 0)
		return 0;
	return expires <= now ? 1 : (uint32_t)((expires - now + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
}

static bool
link_is_down(const struct netif *nif)
{
	return nif != NULL &&
		(atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed) &
			IFF_LOWER_UP) == 0;
}

void
nl_describe_route(const struct fib_spec *s, struct nl_route_info *out)
{
	*out = (struct nl_route_info){.dst = s->dst,
		.gateway = s->gateway,
		.prefsrc = s->prefsrc,
		.oif = s->netif != NULL ? s->netif->index : 0,
		.metric = s->metric,
		.mtu = s->mtu,
		.table = s->table != 0 ? s->table : ROUTE_TABLE_MAIN,
		.flags = (s->onlink ? RTNH_F_ONLINK : 0) |
			(link_is_down(s->netif) ? RTNH_F_LINKDOWN : 0),
		.expires = seconds_left(s->expires),
		.family = s->v4 ? NL_AF_INET : NL_AF_INET6,
		.dst_len = s->prefix,
		.type = s->type != 0 ? s->type : ROUTE_TYPE_UNICAST,
		.proto = s->proto,
		.scope = s->v4 ? s->scope : ROUTE_SCOPE_UNIVERSE,
		.pref = s->pref,
		.has_gateway = s->has_gateway,
		/* That of an IPv6 address is the address itself, which Linux leaves out. */
		.has_prefsrc = s->has_prefsrc && (s->v4 || s->table != ROUTE_TABLE_LOCAL)};
}

/* --- Dumps --- */

static bool
is_wanted(const struct nl_dump *d, const struct fib_spec *s)
{
	const struct nl_dump_request *w = &d->want;
	uint32_t table = s->table != 0 ? s->table : ROUTE_TABLE_MAIN;
	if (s->expires != 0 && s->expires <= time_now())
		return false;
	return (w->table == 0 || w->table == table) && (w->proto == 0 || w->proto == s->proto) &&
		(w->type == 0 || w->type == s->type) &&
		(w->ifindex == 0 || (s->netif != NULL && s->netif->index == w->ifindex));
}

/* From the cursor on; false: full. */
static bool
fill_table(struct nl_dump *d, struct nl_buf *b, const struct fib *f)
{
	const struct fib_spec *s;
	struct fib_cursor before = d->route;
	while ((s = fib_next(f, &d->route)) != NULL) {
		struct nl_route_info info;
		if (is_wanted(d, s)) {
			nl_describe_route(s, &info);
			if (!nl_encode_route(b, &d->header, &info)) {
				d->route = before;
				return false;
			}
		}
		before = d->route;
	}
	return true;
}

bool
nl_fill_routes(struct nl_dump *d, struct nl_buf *b)
{
	if (d->want.cloned)
		return true; /* what was learnt of paths is no route here */
	for (uint8_t family; (family = nl_dump_family(d)) != 0;) {
		struct net_stack *net = d->net;
		epoch_enter();
		bool done = fill_table(
			d, b, &(family == NL_AF_INET ? net->routes4 : net->routes6)->fib);
		epoch_exit();
		if (!done)
			return false;
		d->family_index++;
		d->route = (struct fib_cursor){0};
	}
	return true;
}

/* --- The way to one destination --- */

/* What the look-up found, copied inside the epoch. */
static int
look_up(struct nl_call *c, const struct nl_route_request *r, struct nl_route_info *out)
{
	bool v4 = r->family == NL_AF_INET;
	struct route_ref ref;
	struct net_flow flow = {.remote = r->dst, .local = r->src, .ifindex = r->oif};
	if (!r->has_src)
		flow.local = v4 ? net_addr_v4(0) : (struct net_addr){0};
	route_ref_init(&ref);
	ref.flags = ROUTE_BROADCAST;
	int err = route_ask(c->net, &ref, &flow);
	if (err != 0)
		return err;
	const struct fib_spec *s =
		fib_lookup(&(v4 ? c->net->routes4 : c->net->routes6)->fib, &r->dst, r->oif);
	if (s != NULL)
		nl_describe_route(s, out);
	else
		*out = (struct nl_route_info){.family = r->family, .table = ROUTE_TABLE_MAIN};
	if ((r->flags & RTM_F_FIB_MATCH) == 0 || s == NULL) {
		out->dst = r->dst;
		out->dst_len = v4 ? 32 : 128;
		out->type = ref.type;
		out->oif = ref.netif->index;
		out->prefsrc = flow.local;
		out->has_prefsrc = !net_addr_is_any(&flow.local);
		out->scope = ROUTE_SCOPE_UNIVERSE;
		out->flags = v4 ? RTM_F_CLONED : 0;
		if (v4 && (r->flags & RTM_F_LOOKUP_TABLE) == 0)
			out->table = ROUTE_TABLE_MAIN;
		if (pmtu_lookup(c->net, &r->dst) != 0)
			out->mtu = ref.mtu; /* what a router on the way told */
	}
	route_ref_drop(&ref);
	return 0;
}

int
nl_route_get(struct nl_call *c)
{
	struct nl_route_request r;
	struct nl_route_info info;
	uint8_t bytes[NL_ANSWER_MAX] __attribute__((uninitialized));
	struct nl_buf b = {.data = bytes, .size = sizeof(bytes)};
	struct nlmsghdr h = nl_answer_header(c, RTM_NEWROUTE);
	int err = nl_decode_route(c->request, &r, &c->extack);
	if (err == 0 && r.iif != 0)
		err = nl_refuse(&c->extack, -EOPNOTSUPP, "nothing is forwarded here");
	if (err != 0)
		return err;
	epoch_enter();
	err = look_up(c, &r, &info);
	epoch_exit();
	if (err != 0)
		return err;
	return nl_encode_route(&b, &h, &info) ? nl_answer(c, &b) : -EMSGSIZE;
}

/* --- Changes --- */

static int
check_kind(struct nl_call *c, const struct nl_route_request *r)
{
	if (r->table != 0 && r->table != ROUTE_TABLE_MAIN && r->table != ROUTE_TABLE_LOCAL)
		return nl_refuse(&c->extack, -EOPNOTSUPP, "there are the tables main and local");
	if (r->type > ROUTE_TYPE_PROHIBIT)
		return nl_refuse(&c->extack, -EOPNOTSUPP, "there are no routes of this type");
	if (r->tos != 0 || r->has_src)
		return nl_refuse(&c->extack, -EOPNOTSUPP, "routes are chosen by destination alone");
	return 0;
}

static int
check_prefsrc(struct nl_call *c, const struct nl_route_request *r)
{
	if (!r->has_prefsrc)
		return 0;
	epoch_enter();
	enum ip_local kind = ip_classify(c->net, &r->prefsrc, 0);
	epoch_exit();
	return kind == IP_LOCAL || kind == IP_LOCAL_TENTATIVE
		? 0
		: nl_refuse(&c->extack, -EINVAL, "the preferred source is not ours");
}

static int
make_spec(struct nl_call *c, const struct nl_route_request *r, struct fib_spec *s)
{
	int err = check_kind(c, r);
	*s = (struct fib_spec){.dst = r->dst,
		.gateway = r->gateway,
		.prefsrc = r->prefsrc,
		.expires = r->expires != 0 ? time_now() + (nsec_t)r->expires * NSEC_PER_SEC : 0,
		.metric = r->metric,
		.mtu = r->mtu,
		.table = r->table,
		.prefix = r->dst_len,
		.v4 = r->family == NL_AF_INET,
		.has_gateway = r->has_gateway && !net_addr_is_any(&r->gateway),
		.has_prefsrc = r->has_prefsrc,
		.onlink = (r->flags & RTNH_F_ONLINK) != 0,
		.type = r->type,
		.proto = r->proto,
		.scope = r->scope,
		.pref = r->pref};
	if (err == 0 && r->oif != 0)
		err = nl_find_netif(c, r->oif, &s->netif);
	return err;
}

static const char *
reason_of(int err)
{
	switch (err) {
	case -EEXIST:
		return "there is such a route already";
	case -ENOENT:
	case -ESRCH:
		return "there is no such route";
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		return "the gateway is on no link";
	case -ENODEV:
		return "the interface is missing";
	case -ENETDOWN:
		return "the interface is down";
	case -ENOSPC:
		return "there are too many routes";
	case -EINVAL:
		return "the gateway or the prefix is not valid";
	default:
		return NULL;
	}
}

int
nl_route_new(struct nl_call *c)
{
	static const struct {
		uint16_t nlm;
		uint16_t fib;
	} hows[] = {{NLM_F_CREATE, FIB_CREATE}, {NLM_F_EXCL, FIB_EXCL},
		{NLM_F_REPLACE, FIB_REPLACE}, {NLM_F_APPEND, FIB_APPEND}};
	struct nl_route_request r;
	struct fib_spec s;
	uint32_t how = 0;
	int err = nl_decode_route(c->request, &r, &c->extack);
	if (err == 0)
		err = make_spec(c, &r, &s);
	if (err == 0)
		err = check_prefsrc(c, &r);
	if (err != 0)
		return err;
	if (s.table == 0)
		s.table = ROUTE_TABLE_MAIN;
	if (s.type == 0)
		s.type = ROUTE_TYPE_UNICAST;
	if (!s.v4 && s.metric == 0)
		s.metric = METRIC6_DEFAULT;
	for (size_t i = 0; i < ARRAY_SIZE(hows); i++)
		how |= (c->request->header.nlmsg_flags & hows[i].nlm) != 0 ? hows[i].fib : 0;
	err = route_change(c->net, &s, how);
	if (err == 0 && s.expires != 0 && s.netif != NULL)
		nd_lifetimes_changed(s.netif);
	return err == 0 ? 0 : nl_refuse(&c->extack, err, reason_of(err));
}

int
nl_route_del(struct nl_call *c)
{
	struct nl_route_request r;
	struct fib_spec s;
	int err = nl_decode_route(c->request, &r, &c->extack);
	if (err == 0)
		err = make_spec(c, &r, &s);
	if (err != 0)
		return err;
	if (s.table == 0)
		s.table = ROUTE_TABLE_MAIN;
	err = route_delete(c->net, &s);
	return err == 0 ? 0 : nl_refuse(&c->extack, err, reason_of(err));
}
