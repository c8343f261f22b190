/* SPDX-License-Identifier: MIT */
/*
 * socket(2) of AF_INET and AF_INET6: which transport a type and protocol mean, and what creating one takes. Transports
 * register what they make by type.
 */
#include "net/sock/inet.h"
#include "net/sock/raw.h"
#include "net/udp/udp_sock.h"
#include "proc/task.h"

/* TCP's, when it is there. */
static inet_create_fn *_Atomic stream_create;

void
inet_register_stream(inet_create_fn *create)
{
	atomic_store_explicit(&stream_create, create, memory_order_release);
}

static caps_t
inet_need(int type, int protocol)
{
	return type == SOCK_RAW ? CAP_RAWNET : CAP_NET;
}

/* Ping sockets are for members of some groups: by default of any (net.ipv4.ping_group_range). */
static bool
may_ping(struct net_stack *net)
{
	const struct cred *c = current_cred();
	struct ip_sysctl *s = ip_sysctl(net);
	uint32_t low = atomic_load_explicit(&s->ping_group_low, memory_order_relaxed);
	uint32_t high = atomic_load_explicit(&s->ping_group_high, memory_order_relaxed);
	bool may = c->egid >= low && c->egid <= high;
	for (uint32_t i = 0; c->groups != NULL && i < c->groups->n && !may; i++)
		may = c->groups->gid[i] >= low && c->groups->gid[i] <= high;
	return may;
}

static int
create_dgram(struct net_stack *net, uint16_t family, int protocol, struct sock **out)
{
	if (protocol == 0 || protocol == IPPROTO_UDP)
		return udp_sock_create(net, family, UDP_KIND_UDP, IPPROTO_UDP, out);
	if (protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6) && !may_ping(net))
		return -EACCES;
	if (protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return udp_sock_create(net, family, UDP_KIND_PING, protocol, out);
	return -EPROTONOSUPPORT;
}

static int
inet_create(struct net_stack *net, uint16_t family, int type, int protocol, struct sock **out)
{
	*out = NULL;
	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;
	inet_create_fn *stream = atomic_load_explicit(&stream_create, memory_order_acquire);
	switch (type) {
	case SOCK_DGRAM:
		return create_dgram(net, family, protocol, out);
	case SOCK_RAW:
		return raw_create(net, family, protocol, out);
	case SOCK_STREAM:
		if (stream == NULL || (protocol != 0 && protocol != IPPROTO_TCP))
			return -EPROTONOSUPPORT;
		return stream(net, family, out);
	default:
		return -ESOCKTNOSUPPORT;
	}
}

static int
create4(struct net_stack *net, int type, int protocol, struct sock **out)
{
	return inet_create(net, AF_INET, type, protocol, out);
}

static int
create6(struct net_stack *net, int type, int protocol, struct sock **out)
{
	return inet_create(net, AF_INET6, type, protocol, out);
}

static struct sock_family family4 = {.family = AF_INET, .need = inet_need, .create = create4};
static struct sock_family family6 = {.family = AF_INET6, .need = inet_need, .create = create6};

void
inet_boot(void)
{
	udp_sock_init();
	raw_init();
	sock_register_family(&family4);
	sock_register_family(&family6);
}
