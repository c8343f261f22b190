/* SPDX-License-Identifier: MIT */
/* Sockets of AF_INET and AF_INET6: addresses, what may be bound, beginning and end. */
#include "net/sock/inet.h"

#include <string.h>

#include "mm/slab.h"
#include "proc/task.h"

void
inet_init(struct inet_sock *i)
{
	i->flags = INET_MCAST_ALL;
	i->tos = i->ttl = i->tclass = i->hops = 0;
	i->pmtudisc = IP_PMTUDISC_WANT;
	i->mcast_ttl = 1;
	i->mcast_if = 0;
	route_ref_init(&i->ref);
	i->groups = NULL;
	i->errors = i->errors_last = NULL;
	i->nr_errors = 0;
}

int
inet_addr_decode(const struct sock *s, const struct sock_addr *from, struct inet_addr *out)
{
	*out = (struct inet_addr){0};
	if (from->len < sizeof(from->family))
		return -EINVAL;
	if (s->family == AF_INET || from->family == AF_INET) {
		struct sockaddr_in in;
		if (from->len < sizeof(in))
			return -EINVAL;
		memcpy(&in, from->bytes, sizeof(in));
		if (in.sin_family != AF_INET && !(in.sin_family == AF_UNSPEC && in.sin_addr == 0))
			return -EAFNOSUPPORT;
		if (s->family == AF_INET6)
			return from->len < SOCKADDR_IN6_MIN ? -EINVAL : -EAFNOSUPPORT;
		out->addr = net_addr_v4(in.sin_addr);
		out->port = in.sin_port;
		return 0;
	}
	struct sockaddr_in6 in6 = {0};
	if (from->len < SOCKADDR_IN6_MIN)
		return -EINVAL;
	memcpy(&in6, from->bytes, min((size_t)from->len, sizeof(in6)));
	if (in6.sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	memcpy(out->addr.b, in6.sin6_addr, sizeof(out->addr.b));
	out->port = in6.sin6_port;
	if (net_addr_is_link_local(&out->addr) || net_addr_is_multicast(&out->addr))
		out->scope = in6.sin6_scope_id;
	if (net_addr_is_v4(&out->addr) && inet_has((const struct inet_sock *)s, INET_V6ONLY))
		return -ENETUNREACH;
	return 0;
}

int
inet_addr_decode_on_link(const struct sock *s, const struct sock_addr *from, uint32_t mcast_if,
	struct inet_addr *out)
{
	int err = inet_addr_decode(s, from, out);
	const uint8_t *b = out->addr.b;
	bool group = net_addr_is_multicast(&out->addr);
	bool on_link = group ? (b[1] & 0xf) == 2 : net_addr_is_link_local(&out->addr);
	if (err == 0 && on_link && !net_addr_is_v4(&out->addr) && out->scope == 0 &&
		s->bound_if == 0 && !(group && mcast_if != 0))
		err = -EINVAL;
	return err;
}

void
inet_addr_encode(const struct sock *s, const struct net_addr *a, uint16_t port, uint32_t scope,
	struct sock_addr *out)
{
	if (s->family == AF_INET) {
		struct sockaddr_in in = {
			.sin_family = AF_INET,
			.sin_port = port,
			.sin_addr = net_addr_is_v4(a) ? a->w[3] : 0,
		};
		out->len = sizeof(in);
		memcpy(out->bytes, &in, sizeof(in));
		return;
	}
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};
	memcpy(in6.sin6_addr, a->b, sizeof(in6.sin6_addr));
	if (net_addr_is_link_local(a) && !net_addr_is_v4(a))
		in6.sin6_scope_id = scope;
	out->len = sizeof(in6);
	memcpy(out->bytes, &in6, sizeof(in6));
}

int
inet_may_bind(const struct inet_sock *i, const struct inet_addr *a)
{
	struct net_stack *net = i->s.net;
	uint16_t port = net_swap16(a->port);
	if (port != 0 && port < ip_sysctl(net)->unprivileged_port &&
		!current_has_caps(CAP_NETADMIN))
		return -EACCES;
	if (net_addr_is_any(&a->addr) || inet_has(i, INET_FREEBIND))
		return 0;
	bh_disable();
	bool has_link = a->scope == 0 || netif_by_index(net, a->scope) != NULL;
	enum ip_local kind = ip_classify(net, &a->addr, a->scope != 0 ? a->scope : i->s.bound_if);
	bh_enable();
	if (!has_link)
		return -ENODEV;
	if (kind == IP_LOCAL || kind == IP_LOCAL_BROADCAST || kind == IP_LOCAL_MULTICAST)
		return 0;
	return net_addr_is_multicast(&a->addr) ? 0 : -EADDRNOTAVAIL;
}

int
inet_shutdown(struct sock *s, bool connected, int how)
{
	spin_lock_bh(&s->lock);
	__atomic_store_n(&s->shut, (uint8_t)(s->shut | (how + 1)), __ATOMIC_RELEASE);
	spin_unlock_bh(&s->lock);
	sock_wake(s, SOCK_ALL_EVENTS);
	return connected ? 0 : -ENOTCONN;
}

void
inet_end(struct inet_sock *i)
{
	struct inet_group *g;
	while ((g = i->groups) != NULL) {
		struct net_stack *net = i->s.net;
		spin_lock_bh(&i->s.lock);
		i->groups = g->next;
		spin_unlock_bh(&i->s.lock);
		mutex_lock(&net->config_lock);
		inet_group_end(i, g);
		mutex_unlock(&net->config_lock);
	}
	spin_lock_bh(&i->s.lock);
	route_ref_drop(&i->ref);
	struct inet_error *e = i->errors;
	i->errors = NULL;
	spin_unlock_bh(&i->s.lock);
	for (struct inet_error *next; e != NULL; e = next) {
		next = e->next;
		kfree(e);
	}
}
