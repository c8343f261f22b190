/* SPDX-License-Identifier: MIT */
/*
 * The loopback interface: what is sent goes to the backlog of this CPU, and from there the whole way in, where taps see
 * it again. Nothing is copied, cut or summed up: a packet arrives as TCP made it, its checksum vouched for.
 */
#include "core/panic.h"
#include "net/link/internal.h"
#include "net/link/rx.h"
#include "net/pkt.h"

#define LOOPBACK_MTU     65536u
#define LOOPBACK_MTU_MIN 68u
#define ARPHRD_LOOPBACK  772
#define LOOPBACK_FEATURES                                                                      \
	(NETIF_TX_CSUM | NETIF_TSO4 | NETIF_TSO6 | NETIF_USO | NETIF_TSO_ECN | NETIF_RX_CSUM | \
		NETIF_SG)

static void
loopback_transmit(struct netif *nif, struct pkt *p)
{
	pkt_orphan(p);
	/* A checksum that was never computed needs no check; one that a sender wrote is checked like any other's. */
	p->csum = p->csum == PKT_CSUM_PARTIAL ? PKT_CSUM_GOOD : PKT_CSUM_NONE;
	p->flags = PKT_LOOPBACK;
	p->hash = 0;
	p->tstamp = 0;
	link_count_in(nif, p);
	rx_backlog_local(nif, p);
}

static const struct netif_ops loopback_ops = {.transmit = loopback_transmit};

int
loopback_create(struct net_stack *net)
{
	struct netif *nif = netif_alloc();
	if (nif == NULL)
		return -ENOMEM;
	nif->ops = &loopback_ops;
	nif->type = ARPHRD_LOOPBACK;
	nif->min_mtu = LOOPBACK_MTU_MIN;
	nif->max_mtu = LOOPBACK_MTU;
	atomic_init(&nif->mtu, LOOPBACK_MTU);
	atomic_init(&nif->flags, IFF_LOOPBACK);
	atomic_init(&nif->carrier, true);
	nif->hw_features = LOOPBACK_FEATURES;
	int err = netif_register(net, nif, "lo");
	ASSERT(err == 0); /* it is the first */
	net->loopback = nif;
	mutex_lock(&net->config_lock);
	err = netif_set_flags(nif, IFF_UP, IFF_UP);
	mutex_unlock(&net->config_lock);
	return err;
}
