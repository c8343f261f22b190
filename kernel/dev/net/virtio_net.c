/* SPDX-License-Identifier: MIT */
/* Virtio network devices: finding out what one can, setting it up, announcing it, giving it up. */
#define LOG_SOURCE "net"
#include "dev/net/virtio_net.h"

#include <string.h>

#include "base/fmt.h"
#include "core/log.h"
#include "core/softirq.h"
#include "dev/rng/random.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/view.h"
#include "wire/ether.h"

/* Device configuration (5.1.4). */
#define CONFIG_MAC    0
#define CONFIG_STATUS 6
#define CONFIG_PAIRS  8
#define CONFIG_MTU    10
#define CONFIG_SPEED  12 /* Mbit/s */

#define STATUS_LINK_UP 1u

#define ARPHRD_ETHER  1
#define MTU_USUAL     1500u
#define MTU_MIN       68u
#define MTU_MAX       65535u
#define SPEED_UNKNOWN UINT32_MAX

/* Those that the device may offer and that are driven. */
#define WANTED                                                                                    \
	(VNET_F_CSUM | VNET_F_GUEST_CSUM | VNET_F_MTU | VNET_F_MAC | VNET_F_GUEST_TSO4 |          \
		VNET_F_GUEST_TSO6 | VNET_F_GUEST_ECN | VNET_F_HOST_TSO4 | VNET_F_HOST_TSO6 |      \
		VNET_F_HOST_ECN | VNET_F_HOST_USO | VNET_F_MRG_RXBUF | VNET_F_STATUS |            \
		VNET_F_CTRL_VQ | VNET_F_CTRL_RX | VNET_F_MQ | VNET_F_CTRL_MAC_ADDR | VNET_F_RSS | \
		VNET_F_SPEED_DUPLEX)

/* Features without what they depend on (5.1.3.1) or what they need here. */
static uint64_t
wanted_of(uint64_t offered)
{
	uint64_t wanted = WANTED;
	if ((offered & VNET_F_MRG_RXBUF) == 0) /* 64 KiB do not come in one page */
		wanted &= ~(VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6 | VNET_F_GUEST_ECN);
	if ((offered & VNET_F_GUEST_CSUM) == 0)
		wanted &= ~(VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6 | VNET_F_GUEST_ECN);
	if ((offered & (VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6)) == 0)
		wanted &= ~VNET_F_GUEST_ECN;
	if ((offered & VNET_F_CSUM) == 0)
		wanted &=
			~(VNET_F_HOST_TSO4 | VNET_F_HOST_TSO6 | VNET_F_HOST_ECN | VNET_F_HOST_USO);
	if ((offered & (VNET_F_HOST_TSO4 | VNET_F_HOST_TSO6)) == 0)
		wanted &= ~VNET_F_HOST_ECN;
	if ((offered & VNET_F_CTRL_VQ) == 0)
		wanted &= ~(VNET_F_CTRL_RX | VNET_F_MQ | VNET_F_RSS | VNET_F_CTRL_MAC_ADDR);
	if ((offered & VNET_F_MQ) == 0)
		wanted &= ~VNET_F_RSS;
	return wanted;
}

/* --- Link. --- */

static bool
link_is_up(struct virtio_net *v)
{
	uint16_t status;
	if (!virtio_has(v->dev, VNET_F_STATUS))
		return true;
	return virtio_config_read(v->dev, CONFIG_STATUS, &status, sizeof(status)) == 0 &&
		(status & STATUS_LINK_UP) != 0;
}

static void
config_changed(struct virtio_device *dev)
{
	struct virtio_net *v = dev->driver_data;
	if (!atomic_load_explicit(&v->dead, memory_order_relaxed))
		netif_set_carrier(v->netif, link_is_up(v));
}

void
vnet_give_up(struct virtio_net *v, const char *why)
{
	if (!virtio_fail(v->dev, why))
		return; /* another CPU is at it, and has to reset the device before any memory is let go */
	atomic_store_explicit(&v->dead, true, memory_order_release);
	for (uint32_t i = 0; i < v->pairs; i++) {
		vnet_rx_discard(&v->rx[i]);
		vnet_tx_discard(&v->tx[i]);
	}
	wake_all(&v->answer, 0);
	netif_set_carrier(v->netif, false);
}

/* --- The interface. --- */

static int
vnet_open(struct netif *nif)
{
	struct virtio_net *v = nif->priv;
	if (atomic_load_explicit(&v->dead, memory_order_acquire))
		return -EIO;
	for (uint32_t i = 0; i < v->pairs && !v->filled; i++) {
		int err = vnet_rx_open(&v->rx[i]);
		if (err != 0)
			return err; /* those that were filled stay so */
	}
	v->filled = true;
	vnet_set_receive_mode(nif);
	return 0;
}

static const struct netif_ops ops = {
	.open = vnet_open,
	.transmit = vnet_transmit,
	.set_receive_mode = vnet_set_receive_mode,
	.set_mac = vnet_set_mac,
};

static uint32_t
features_of(const struct virtio_device *dev)
{
	static const struct {
		uint64_t theirs;
		uint32_t ours;
	} map[] = {
		{VNET_F_CSUM, NETIF_TX_CSUM},
		{VNET_F_HOST_TSO4, NETIF_TSO4},
		{VNET_F_HOST_TSO6, NETIF_TSO6},
		{VNET_F_HOST_USO, NETIF_USO},
		{VNET_F_HOST_ECN, NETIF_TSO_ECN},
		{VNET_F_GUEST_CSUM, NETIF_RX_CSUM},
	};
	uint32_t features = NETIF_SG | NETIF_GRO;
	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		features |= virtio_has(dev, map[i].theirs) ? map[i].ours : 0;
	return features;
}

static int
read_mac(struct virtio_net *v)
{
	uint8_t *mac = v->netif->mac;
	int err = 0;
	if (virtio_has(v->dev, VNET_F_MAC))
		err = virtio_config_read(v->dev, CONFIG_MAC, mac, ETHER_ADDR);
	if (err != 0 || ether_is_station(mac))
		return err;
	random_fill(mac, ETHER_ADDR);
	mac[0] = (uint8_t)((mac[0] & ~1u) | 2u); /* a station's, locally administered */
	return 0;
}

static int
read_mtu(struct virtio_net *v)
{
	struct netif *nif = v->netif;
	uint16_t most = 0;
	nif->min_mtu = MTU_MIN;
	nif->max_mtu = MTU_MAX;
	if (!virtio_has(v->dev, VNET_F_MRG_RXBUF))
		nif->max_mtu = PAGE_SIZE - VNET_HEADER - ETHER_HEADER;
	if (virtio_has(v->dev, VNET_F_MTU)) {
		int err = virtio_config_read(v->dev, CONFIG_MTU, &most, sizeof(most));
		if (err != 0)
			return err;
		if (most < MTU_MIN) {
			log_warn("%s: frames of at most %u bytes", v->dev->name, most);
			return -EINVAL;
		}
		nif->max_mtu = min(nif->max_mtu, (uint32_t)most);
	}
	atomic_init(&nif->mtu, most != 0 ? nif->max_mtu : min(MTU_USUAL, nif->max_mtu));
	return 0;
}

static int
fill_netif(struct virtio_net *v)
{
	struct netif *nif = v->netif;
	nif->ops = &ops;
	nif->priv = v;
	nif->type = ARPHRD_ETHER;
	nif->hw_features = features_of(v->dev);
	nif->rx_queues = nif->tx_queues = v->pairs;
	atomic_init(&nif->flags, IFF_BROADCAST | IFF_MULTICAST);
	int err = read_mac(v);
	return err == 0 ? read_mtu(v) : err;
}

/* --- Probe. --- */

/* How many pairs of queues the device has, and how many of them are used. */
static int
count_pairs(struct virtio_net *v, uint32_t *most)
{
	uint16_t pairs = 1;
	if (virtio_has(v->dev, VNET_F_MQ)) {
		int err = virtio_config_read(v->dev, CONFIG_PAIRS, &pairs, sizeof(pairs));
		if (err != 0)
			return err;
		if (pairs == 0 || pairs > 0x8000) {
			log_warn("%s: %u pairs of queues", v->dev->name, pairs);
			return -EINVAL;
		}
	}
	*most = pairs;
	v->pairs = min((uint32_t)pairs, cpu_count);
	return 0;
}

static int
create_queues(struct virtio_net *v)
{
	uint32_t most;
	int err = count_pairs(v, &most);
	if (err != 0)
		return err;
	v->rx = kcalloc(v->pairs, sizeof(*v->rx));
	v->tx = kcalloc(v->pairs, sizeof(*v->tx));
	if (v->rx == NULL || v->tx == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->pairs && err == 0; i++) {
		err = vnet_rx_create(v, i);
		if (err == 0)
			err = vnet_tx_create(v, i);
	}
	if (err == 0 && virtio_has(v->dev, VNET_F_CTRL_VQ))
		err = vnet_control_create(v, (uint16_t)(2 * most));
	return err;
}

static int
set_up(struct virtio_net *v)
{
	v->netif = netif_alloc();
	if (v->netif == NULL)
		return -ENOMEM;
	int err = virtio_negotiate(v->dev, wanted_of(v->dev->transport->get_features(v->dev)));
	if (err == 0)
		err = create_queues(v);
	if (err == 0)
		err = fill_netif(v);
	return err;
}

static void
free_net(struct virtio_net *v)
{
	if (v->netif != NULL)
		netif_put(v->netif);
	if (v->order != NULL)
		page_put(virt_to_page(v->order));
	kfree(v->rx);
	kfree(v->tx);
	kfree(v);
}

static void
announce(struct virtio_net *v)
{
	const struct netif *nif = v->netif;
	const uint8_t *m = nif->mac;
	uint32_t speed = SPEED_UNKNOWN;
	if (virtio_has(v->dev, VNET_F_SPEED_DUPLEX) &&
		virtio_config_read(v->dev, CONFIG_SPEED, &speed, sizeof(speed)) != 0)
		speed = SPEED_UNKNOWN;
	char rate[24] = "";
	if (speed <= INT32_MAX)
		base_snprintf(rate, sizeof(rate), ", %u Mbit/s", speed);
	log_info("%s: %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, %u queue%s, link %s%s", nif->name,
		m[0], m[1], m[2], m[3], m[4], m[5],
		atomic_load_explicit(&nif->mtu, memory_order_relaxed), v->pairs,
		v->pairs == 1 ? "" : "s",
		atomic_load_explicit(&nif->carrier, memory_order_relaxed) ? "up" : "down", rate);
}

/* Once the device is started nothing fails any more: one that dies then stays, without a link. */
static int
net_probe(struct virtio_device *dev)
{
	struct virtio_net *v = kzalloc(sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	v->dev = dev;
	wait_queue_init(&v->answer, "virtio-net answer");
	dev->driver_data = v;
	int err = set_up(v);
	if (err == 0)
		err = netif_register(view_initial()->net, v->netif, "eth%d");
	if (err != 0) {
		free_net(v);
		return err;
	}
	dev->config_changed = config_changed;
	virtio_start(dev);
	atomic_store_explicit(&v->netif->carrier, link_is_up(v), memory_order_relaxed);
	mutex_lock(&v->netif->net->config_lock);
	err = v->pairs > 1 ? vnet_set_pairs(v, v->pairs) : 0;
	mutex_unlock(&v->netif->net->config_lock);
	if (err != 0)
		vnet_give_up(v, "it does not give its queues");
	announce(v);
	return 0;
}

const struct virtio_driver virtio_net_driver = {
	.id = VIRTIO_ID_NET,
	.name = "virtio-net",
	.probe = net_probe,
};
