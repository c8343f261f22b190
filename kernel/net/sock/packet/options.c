/* SPDX-License-Identifier: MIT */
/* AF_PACKET: options, and what an interface is made to hear. Rings are not there: -ENOPROTOOPT. */
#include <string.h>

#include "mm/slab.h"
#include "net/net.h"
#include "net/sock/packet/packet.h"

static int
hear(struct netif *nif, uint16_t type, const uint8_t mac[6])
{
	switch (type) {
	case PACKET_MR_MULTICAST:
		return netif_add_group(nif, mac);
	case PACKET_MR_PROMISC:
	case PACKET_MR_ALLMULTI: /* more than was asked, which the filter of addresses in software undoes */
		netif_add_promiscuous(nif);
		return 0;
	default:
		return -EINVAL;
	}
}

static void
unhear(struct packet_member *m)
{
	if (m->type == PACKET_MR_MULTICAST)
		netif_remove_group(m->netif, m->mac);
	else
		netif_remove_promiscuous(m->netif);
	netif_put(m->netif);
	kfree(m);
}

static int
join(struct packet_sock *ps, const struct packet_mreq_user *r)
{
	struct packet_member *m = kmalloc(sizeof(*m), KM_ZERO);
	if (m == NULL)
		return -ENOMEM;
	struct netif *nif = netif_by_index(ps->s.net, (uint32_t)r->ifindex);
	int err = nif == NULL ? -ENODEV : hear(nif, r->type, r->address);
	if (err != 0) {
		kfree(m);
		return err;
	}
	m->netif = netif_get(nif);
	m->type = r->type;
	memcpy(m->mac, r->address, sizeof(m->mac));
	m->next = ps->members;
	ps->members = m;
	return 0;
}

static int
leave(struct packet_sock *ps, const struct packet_mreq_user *r)
{
	struct packet_member **link = &ps->members, *m;
	for (; (m = *link) != NULL; link = &m->next) {
		if (m->netif->index == (uint32_t)r->ifindex && m->type == r->type &&
			memcmp(m->mac, r->address, sizeof(m->mac)) == 0) {
			*link = m->next;
			unhear(m);
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}

void
packet_leave_all(struct packet_sock *ps)
{
	struct packet_member *m;
	while ((m = ps->members) != NULL) {
		ps->members = m->next;
		unhear(m);
	}
}

static int
membership(struct packet_sock *ps, int name, const void *value, uint32_t len)
{
	struct packet_mreq_user r;
	if (len < sizeof(r))
		return -EINVAL;
	memcpy(&r, value, sizeof(r));
	mutex_lock(&ps->s.net->config_lock);
	int err = name == PACKET_ADD_MEMBERSHIP ? join(ps, &r) : leave(ps, &r);
	mutex_unlock(&ps->s.net->config_lock);
	return err;
}

int
packet_setsockopt(struct sock *s, int level, int name, const void *value, uint32_t len)
{
	struct packet_sock *ps = packet_of(s);
	int32_t v = 0;
	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	if (name == PACKET_ADD_MEMBERSHIP || name == PACKET_DROP_MEMBERSHIP)
		return membership(ps, name, value, len);
	if (name != PACKET_AUXDATA && name != PACKET_IGNORE_OUTGOING)
		return -ENOPROTOOPT;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	atomic_store_explicit(name == PACKET_AUXDATA ? &ps->auxdata : &ps->ignore_outgoing, v != 0,
		memory_order_relaxed);
	return 0;
}

int
packet_getsockopt(struct sock *s, int level, int name, void *value, uint32_t *len)
{
	struct packet_sock *ps = packet_of(s);
	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	if (name == PACKET_STATISTICS) { /* which begin anew by this */
		spin_lock_bh(&s->lock);
		struct tpacket_stats_user st = {ps->seen, ps->lost};
		ps->seen = ps->lost = 0;
		spin_unlock_bh(&s->lock);
		return sock_answer(value, len, &st, sizeof(st));
	}
	if (name != PACKET_AUXDATA && name != PACKET_IGNORE_OUTGOING)
		return -ENOPROTOOPT;
	int32_t v = atomic_load_explicit(
		name == PACKET_AUXDATA ? &ps->auxdata : &ps->ignore_outgoing, memory_order_relaxed);
	return sock_answer(value, len, &v, sizeof(v));
}
