/* SPDX-License-Identifier: MIT */
/* AF_PACKET sockets: made, bound to interfaces, closed. */
#include <string.h>

#include "arch/uaccess.h"
#include "mm/slab.h"
#include "net/net.h"
#include "net/sock/packet/packet.h"
#include "proc/task.h"

static const struct sock_ops packet_ops;

/* Begins to receive from the interface (NULL: all), unless nothing is wanted. config_lock held. */
static void
tap_on(struct packet_sock *ps)
{
	if (atomic_load_explicit(&ps->ethertype, memory_order_relaxed) == 0)
		return;
	ps->tap.netif = ps->netif;
	netif_add_tap(ps->s.net, &ps->tap);
	ps->tapped = true;
}

/* Ends that; the tap may still be called for a grace period. config_lock held. */
static bool
tap_off(struct packet_sock *ps)
{
	bool was = ps->tapped;
	if (was)
		netif_remove_tap(&ps->tap);
	ps->tapped = false;
	return was;
}

static int
packet_bind(struct sock *s, const struct sock_addr *addr)
{
	struct packet_sock *ps = packet_of(s);
	struct sockaddr_ll ll;
	if (addr->len < sizeof(ll) || addr->family != AF_PACKET)
		return -EINVAL;
	memcpy(&ll, addr->bytes, sizeof(ll));
	int err = 0;
	mutex_lock(&s->net->config_lock);
	struct netif *nif = NULL, *old = ps->netif;
	if (ll.sll_ifindex != 0) {
		nif = netif_by_index(s->net, (uint32_t)ll.sll_ifindex);
		err = nif == NULL ? -ENODEV : 0;
	}
	if (err == 0) {
		if (tap_off(ps))
			epoch_synchronize(); /* before its node is used again */
		ps->netif = nif != NULL ? netif_get(nif) : NULL;
		if (ll.sll_protocol != 0)
			atomic_store_explicit(&ps->ethertype, __builtin_bswap16(ll.sll_protocol),
				memory_order_relaxed);
		tap_on(ps);
		if (old != NULL)
			netif_put(old);
	}
	mutex_unlock(&s->net->config_lock);
	return err;
}

static int
packet_getname(struct sock *s, bool peer, struct sock_addr *out)
{
	struct packet_sock *ps = packet_of(s);
	struct sockaddr_ll ll = {.sll_family = AF_PACKET};
	if (peer)
		return -EOPNOTSUPP;
	ll.sll_protocol = __builtin_bswap16(
		(uint16_t)atomic_load_explicit(&ps->ethertype, memory_order_relaxed));
	mutex_lock(&s->net->config_lock);
	if (ps->netif != NULL) {
		ll.sll_ifindex = (int32_t)ps->netif->index;
		ll.sll_hatype = ps->netif->type;
		ll.sll_halen = 6;
		memcpy(ll.sll_addr, ps->netif->mac, 6);
	}
	mutex_unlock(&s->net->config_lock);
	out->len = sizeof(ll);
	memcpy(out->bytes, &ll, sizeof(ll));
	return 0;
}

static uint32_t
packet_poll(struct sock *s, struct poll_table *pt)
{
	struct packet_sock *ps = packet_of(s);
	uint32_t ready = sock_is_writable(s) ? POLLOUT | POLLWRNORM | POLLWRBAND : 0;
	if (atomic_load_explicit(&s->error, memory_order_acquire) != 0)
		ready |= POLLERR;
	if (!sock_rxqueue_is_empty(&ps->rx))
		ready |= POLLIN | POLLRDNORM;
	return ready;
}

static int64_t
packet_ioctl(struct sock *s, uint32_t cmd, uint64_t arg)
{
	struct packet_sock *ps = packet_of(s);
	if (cmd == SIOCINQ)
		return put_user_u32((uaddr_t){arg}, sock_rxqueue_first_len(s, &ps->rx));
	if (cmd == SIOCOUTQ)
		return put_user_u32((uaddr_t){arg}, sock_in_flight(s));
	return -ENOTTY;
}

static int
packet_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags)
{
	return -EOPNOTSUPP;
}

static int
packet_listen(struct sock *s, int backlog)
{
	return -EOPNOTSUPP;
}

static int
packet_accept(struct sock *s, uint32_t flags, struct sock **out)
{
	return -EOPNOTSUPP;
}

static int
packet_shutdown(struct sock *s, int how)
{
	return -EOPNOTSUPP;
}

static void
packet_close(struct sock *s)
{
	struct packet_sock *ps = packet_of(s);
	mutex_lock(&s->net->config_lock);
	list_del(&ps->node);
	(void)tap_off(ps);
	packet_leave_all(ps);
	mutex_unlock(&s->net->config_lock);
	spin_lock_bh(&s->lock);
	ps->closed = true;
	sock_rxqueue_purge(s, &ps->rx);
	spin_unlock_bh(&s->lock);
}

static void
free_later(struct epoch_head *head)
{
	kfree(container_of(head, struct packet_sock, epoch));
}

static void
packet_destroy(struct sock *s)
{
	struct packet_sock *ps = packet_of(s);
	if (ps->netif != NULL)
		netif_put(ps->netif);
	epoch_call(&ps->epoch, free_later);
}

static const struct sock_ops packet_ops = {
	.family = AF_PACKET,
	.bind = packet_bind,
	.listen = packet_listen,
	.connect = packet_connect,
	.accept = packet_accept,
	.shutdown = packet_shutdown,
	.getname = packet_getname,
	.send = packet_send,
	.recv = packet_recv,
	.poll = packet_poll,
	.ioctl = packet_ioctl,
	.setsockopt = packet_setsockopt,
	.getsockopt = packet_getsockopt,
	.close = packet_close,
	.destroy = packet_destroy,
};

static int
packet_create(struct net_stack *net, int type, int protocol, struct sock **out)
{
	*out = NULL;
	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	struct packet_sock *ps = kzalloc(sizeof(*ps));
	if (ps == NULL)
		return -ENOMEM;
	sock_init(&ps->s, &packet_ops, net, type, protocol);
	/* Frames are seen while their senders' sockets are locked: taken inside those, whatever the addresses. */
	spin_init(&ps->s.lock, "packet sock");
	ps->ethertype = __builtin_bswap16((uint16_t)protocol);
	ps->tap.see = packet_see;
	mutex_lock(&net->config_lock);
	list_add_tail(&net->packet_socks, &ps->node);
	tap_on(ps);
	mutex_unlock(&net->config_lock);
	*out = &ps->s;
	return 0;
}

static caps_t
packet_need(int type, int protocol)
{
	return CAP_RAWNET;
}

static struct sock_family packet_family = {
	.family = AF_PACKET,
	.need = packet_need,
	.create = packet_create,
};

void
packet_boot(void)
{
	sock_register_family(&packet_family);
}
