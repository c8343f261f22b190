/* SPDX-License-Identifier: MIT */
/*
 * Duplicate address detection around dad_core.h. An address is tentative from its making until its timer says that
 * nobody answered; what follows from either outcome (notices, another identifier) is the worker's.
 */
#include <string.h>

#define LOG_SOURCE "net"
#include "core/log.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "net/ip/nd_impl.h"
#include "wire/nd.h"

bool
nd_needs_dad(const struct netif *nif, const struct ip_addr_config *c)
{
	uint32_t transmits =
		atomic_load_explicit(&in6_conf_of(nif)->dad_transmits, memory_order_relaxed);
	uint32_t flags =
		atomic_load_explicit((_Atomic uint32_t *)&nif->flags, memory_order_relaxed);
	return transmits != 0 && (c->flags & IP_ADDR_NODAD) == 0 &&
		(flags & (IFF_LOOPBACK | IFF_NOARP)) == 0;
}

static void
send_solicit(const struct in6_dad *d, const uint8_t nonce[6])
{
	uint8_t m[ND_MESSAGE_MAX];
	struct net_addr none = {0}, dst = nd_solicited_node(&d->addr->conf.addr);
	size_t len = nd_encode_neighbour_solicit(m, d->addr->conf.addr.b, NULL, nonce);
	icmp6_send_link(d->addr->netif, &none, &dst, m, len, NULL, false);
}

static void
act(struct in6_dad *d, enum dad_action action, const uint8_t nonce[6])
{
	struct ip_addr *a = d->addr;
	struct netif *nif = a->netif;
	switch (action) {
	case DAD_SEND:
		send_solicit(d, nonce);
		break;
	case DAD_UNIQUE:
		atomic_fetch_and_explicit(&a->flags, ~IP_ADDR_TENTATIVE, memory_order_relaxed);
		route_new_generation(nif->net);
		net_work_raise(&nd_device_of(nif)->state_work);
		break;
	case DAD_DUPLICATE:
		atomic_fetch_or_explicit(&a->flags, IP_ADDR_DADFAILED, memory_order_relaxed);
		net_work_raise(&nd_device_of(nif)->state_work);
		break;
	case DAD_NOTHING:
		break;
	}
}

static void
timer_fired(struct wheel_timer *t)
{
	struct in6_dad *d = container_of(t, struct in6_dad, timer);
	uint8_t nonce[6];
	spin_lock_bh(&d->lock);
	enum dad_action action = dad_timer(&d->core, time_now());
	memcpy(nonce, d->core.nonce, sizeof(nonce));
	if (d->core.running)
		wheel_start(&d->timer, d->core.deadline);
	spin_unlock_bh(&d->lock);
	act(d, action, nonce);
}

void
dad_begin(struct ip_addr *a)
{
	uint32_t retrans = 1000;
	if ((atomic_load_explicit(&a->flags, memory_order_relaxed) &
		    (IP_ADDR_TENTATIVE | IP_ADDR_DADFAILED)) != IP_ADDR_TENTATIVE)
		return;
	if (a->dad == NULL) {
		struct in6_dad *d = kzalloc(sizeof(*d));
		if (d == NULL) { /* it stays tentative: unusable, which is honest */
			log_warn("net: %s: no memory to check an address", a->netif->name);
			return;
		}
		spin_init(&d->lock, "dad");
		wheel_timer_init(&d->timer, timer_fired);
		d->addr = a;
		a->dad = d;
	}
	struct in6_device *in6 = (struct in6_device *)in_device_of(a->netif, false);
	uint32_t announced = atomic_load_explicit(&in6->retrans_ms, memory_order_relaxed);
	retrans = announced != 0 ? announced : retrans;
	spin_lock_bh(&a->dad->lock);
	dad_start(&a->dad->core,
		atomic_load_explicit(&in6_conf_of(a->netif)->dad_transmits, memory_order_relaxed),
		retrans * NSEC_PER_MSEC, time_now(), random_u64());
	wheel_start(&a->dad->timer, a->dad->core.deadline);
	spin_unlock_bh(&a->dad->lock);
}

void
dad_cancel(struct ip_addr *a)
{
	if (a->dad == NULL)
		return;
	spin_lock_bh(&a->dad->lock);
	dad_stop(&a->dad->core);
	spin_unlock_bh(&a->dad->lock);
	(void)wheel_cancel_sync(&a->dad->timer);
}

void
dad_free(struct ip_addr *a)
{
	kfree(a->dad);
}

void
dad_conflict(struct netif *nif, struct ip_addr *a, const uint8_t *nonce)
{
	struct in6_dad *d = a->dad;
	if (d == NULL)
		return;
	spin_lock_bh(&d->lock);
	enum dad_action action =
		nonce != NULL ? dad_heard_solicit(&d->core, nonce) : dad_heard_advert(&d->core);
	spin_unlock_bh(&d->lock);
	act(d, action, NULL);
}
