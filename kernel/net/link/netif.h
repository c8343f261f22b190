/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces: what a driver provides, and the way in and out of it.
 *
 * Locks: the list of interfaces and everything configured is changed under net_stack.config_lock (sleeping) and read
 * inside an epoch. An interface is freed by the epoch once it is off the list and its references are gone.
 * netif_receive() and netif_transmit() are called in softirq or with bottom halves off, hold no lock of this file.
 */
#ifndef NET_LINK_NETIF_H
#define NET_LINK_NETIF_H

#include "base/list.h"
#include "core/epoch.h"
#include "core/refcount.h"
#include "core/types.h"
#include "net/pkt.h"

struct in4_device; /* net/ip: addresses and groups of IPv4 */
struct in6_device; /* the same of IPv6 */
struct net_stack;
struct netif;

#define NETIF_NAME_MAX 16 /* with its NUL: IFNAMSIZ */

/* netif->flags: Linux's IFF_* of struct ifreq and struct ifinfomsg. */
#define IFF_UP          0x1u
#define IFF_BROADCAST   0x2u
#define IFF_LOOPBACK    0x8u
#define IFF_POINTOPOINT 0x10u
#define IFF_RUNNING     0x40u
#define IFF_NOARP       0x80u
#define IFF_PROMISC     0x100u
#define IFF_ALLMULTI    0x200u
#define IFF_MULTICAST   0x1000u
#define IFF_LOWER_UP    0x10000u

/* netif->features: what the device does by itself. */
#define NETIF_TX_CSUM 1u /* completes PKT_CSUM_PARTIAL */
#define NETIF_TSO4    2u /* segments PKT_GSO_TCP4 */
#define NETIF_TSO6    4u
#define NETIF_USO     8u /* segments PKT_GSO_UDP */
#define NETIF_TSO_ECN 16u
#define NETIF_RX_CSUM 32u  /* vouches for checksums */
#define NETIF_SG      64u  /* takes fragments: every device must */
#define NETIF_GRO     128u /* receive coalescing before IP */

struct netif_ops {
	/* Brings the device up or down: interrupts, queues. Under config_lock; may sleep. NULL: nothing to do. */
	int (*open)(struct netif *nif);
	void (*stop)(struct netif *nif);
	/*
	 * Sends a complete link-level frame that the device can (netif_transmit() has cared for features). Takes over p;
	 * a full queue drops it (NET_DROP_TX_QUEUE_FULL). Bottom halves off.
	 */
	void (*transmit)(struct netif *nif, struct pkt *p);
	/* Flags (promiscuous …) or the set of multicast link addresses changed. Under config_lock. NULL: it hears all. */
	void (*set_receive_mode)(struct netif *nif);
	int (*set_mtu)(struct netif *nif, uint32_t mtu); /* NULL: any up to max_mtu */
	int (*set_mac)(struct netif *nif, const uint8_t mac[6]);
};

/* A multicast link address that the interface is to hear. */
struct netif_group {
	struct list_node node; /* [config_lock] netif.groups */
	uint8_t mac[6];
	uint32_t count; /* [config_lock] who joined */
};

/*
 * Who sees all frames of an interface, or of all: AF_PACKET sockets. Called inside an epoch, in softirq or with bottom
 * halves off, before IP and the driver; p begins with its link header, is borrowed and not changed: pkt_clone() it.
 * PKT_OUTGOING in its flags: it is on its way out. An outgoing packet may be larger than the MTU (gso), with its
 * checksum still to be completed (csum).
 */
struct netif_tap {
	struct list_node node;
	struct netif *netif; /* [I] referenced by its owner; NULL: all interfaces */
	void (*see)(struct netif_tap *tap, struct netif *nif, const struct pkt *p);
};

struct netif_stats { /* per CPU, added up by netif_get_stats() */
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t rx_errors, tx_errors, rx_dropped, tx_dropped, multicast;
};

struct netif {
	struct list_node node; /* [config_lock, epoch] net_stack.netifs, by index */
	refcount_t refs;
	struct epoch_head epoch;
	struct net_stack *net;       /* [I] */
	const struct netif_ops *ops; /* [I] */
	void *priv;                  /* [I] driver's */
	uint32_t index;              /* [I] from 1; lo is 1 */
	char name[NETIF_NAME_MAX];   /* [config_lock, epoch] */
	uint16_t type;               /* [I] ARPHRD_ETHER 1, ARPHRD_LOOPBACK 772 */
	uint8_t mac[6];              /* [config_lock; racy reads are whole frames' business] */
	/* IFF_*; changed under config_lock, IFF_RUNNING and IFF_LOWER_UP by netif_set_carrier() too */
	_Atomic uint32_t flags;
	_Atomic uint32_t mtu;           /* payload of a frame, bytes */
	uint32_t min_mtu, max_mtu;      /* [I] */
	_Atomic uint32_t features;      /* NETIF_*, those in use */
	uint32_t hw_features;           /* [I] those the device has */
	uint32_t tx_queues, rx_queues;  /* [I] */
	struct in4_device *_Atomic in4; /* [config_lock, epoch] NULL: none */
	struct in6_device *_Atomic in6;
	struct netif_stats *stats; /* [I] one per CPU, each written by its CPU */
	struct list_node taps;     /* [config_lock, epoch] AF_PACKET sockets bound to it */
	struct list_node groups;   /* [config_lock] struct netif_group */
	uint32_t promiscuous;      /* [config_lock] netif_add_promiscuous() less removals */
	bool wants_promiscuous;    /* [config_lock] IFF_PROMISC was set by netif_set_flags() */
	_Atomic bool carrier;      /* the link is there */
	_Atomic bool carrier_told; /* the listeners' thread has it in its queue */
	struct netif *events_next; /* [events lock] that queue */
};

/*
 * Registers an interface that the driver has filled (ops, priv, type, mac, mtu and its limits, hw_features, queues),
 * down; its reference is the list's from then on. A %d of name_format becomes the first free number. Takes config_lock,
 * tells the listeners. 0, -EEXIST, -EINVAL (the name).
 */
int netif_register(struct net_stack *net, struct netif *nif, const char *name_format) MUST_CHECK;
struct netif *netif_alloc(
	void) MUST_CHECK; /* zeroed, with stats for every CPU; NULL: out of memory */

/* Look-ups: inside an epoch, or take a reference (netif_get) before leaving it. NULL: none. */
struct netif *netif_by_index(struct net_stack *net, uint32_t index);
/* The one with the lowest index above that. */
struct netif *netif_after(struct net_stack *net, uint32_t index);
struct netif *netif_by_name(struct net_stack *net, const char *name);
void netif_put(struct netif *nif);
static inline struct netif *
netif_get(struct netif *nif)
{
	refcount_get(&nif->refs);
	return nif;
}

/* Configuration, under config_lock: 0 or -errno; all listeners of netif_events are told. */
int netif_set_flags(struct netif *nif, uint32_t flags, uint32_t mask) MUST_CHECK;
int netif_set_mtu(struct netif *nif, uint32_t mtu) MUST_CHECK;
int netif_set_mac(struct netif *nif, const uint8_t mac[6]) MUST_CHECK;
int netif_set_name(struct netif *nif, const char *name) MUST_CHECK;
/* Everything is heard while somebody wants it, whatever IFF_PROMISC says; counted. */
void netif_add_promiscuous(struct netif *nif);
void netif_remove_promiscuous(struct netif *nif);
/* Joins and leaves a multicast link address; counted. 0, -ENOMEM. */
int netif_add_group(struct netif *nif, const uint8_t mac[6]) MUST_CHECK;
void netif_remove_group(struct netif *nif, const uint8_t mac[6]);
/* The driver's: the link came or went. Any context; the announcement is made by a thread. */
void netif_set_carrier(struct netif *nif, bool up);

/*
 * From the driver, in softirq: p begins with its Ethernet header. Takes over p. gro_receive() coalesces first.
 * Every frame is counted once, as NET_LINK_IN, when it comes in here or in gro_receive(), and once more when its way on
 * this layer ends: NET_LINK_DELIVERED (to a protocol), NET_LINK_COALESCED (into another frame), or a NET_DROP_*.
 */
void netif_receive(struct netif *nif, struct pkt *p);
void gro_receive(struct netif *nif, struct pkt *p);
void gro_flush(
	void); /* the driver's budget or queue is at its end: this CPU's held packets go up */

/*
 * To the wire: p begins with its link header. Shows it to taps, completes checksums and segments what the device
 * does not, counts, calls ops->transmit. Takes over p. Bottom halves off.
 */
void netif_transmit(struct netif *nif, struct pkt *p);

/*
 * The list of taps changes under config_lock. After the removal the tap is not called any more once a grace period has
 * passed: free it by epoch_call(), or wait in epoch_synchronize().
 */
void netif_add_tap(struct net_stack *net, struct netif_tap *tap);
void netif_remove_tap(struct netif_tap *tap);

void netif_get_stats(struct netif *nif, struct netif_stats *out);

/* Who wants to know of changes (IPv4, IPv6, netlink): called under config_lock, may sleep. */
enum netif_event {
	NETIF_EVENT_REGISTER,
	NETIF_EVENT_UP,
	NETIF_EVENT_DOWN,
	NETIF_EVENT_CARRIER,
	NETIF_EVENT_MTU,
	NETIF_EVENT_MAC,
	NETIF_EVENT_NAME,
};
struct netif_listener {
	struct list_node node;
	void (*event)(struct netif_listener *l, struct netif *nif, enum netif_event event);
};
void netif_add_listener(struct net_stack *net, struct netif_listener *l);

/* The loopback interface: netif 1, up from the start. Takes config_lock. 0 or -ENOMEM. */
int loopback_create(struct net_stack *net) MUST_CHECK;

void netif_init(void); /* boot: the thread that tells listeners of carriers */

#endif
