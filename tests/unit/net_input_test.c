/* SPDX-License-Identifier: MIT */
/*
 * The way in of the link layer: whatever comes, frames in = delivered + dropped, each with its reason, and taps see what
 * they should. The source is part of this file, with protocols that count.
 */
#include <string.h>

#define ip4_input       net_input_test_ip4
#define ip6_input       net_input_test_ip6
#define arp_input       net_input_test_arp
#define netif_show_taps net_input_test_show_taps
#define link_steer      net_input_test_steer
#define link_deliver    net_input_test_deliver
#define netif_receive   net_input_test_receive

#include "kernel/net/link/input.c"

#include "tests/unit/net_mock/net_mock.h"
#include "tests/unit/test.h"

_Thread_local struct thread *mock_current;

static const uint8_t own[6] = {2, 0, 0, 0, 0, 1};
static struct net_counters counters[1];
static struct net_stack stack;
static struct netif_stats stats[1];
static struct netif nif;
static struct netif_tap tap;
static struct cpu cpu;
static struct thread thread;
static uint64_t delivered[3], seen;
static uint32_t seed;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void
deliver(int which, struct netif *from, struct pkt *p)
{
	CHECK(from == &nif && p->netif == &nif);
	CHECK_EQ(p->net_off, p->head_off);
	CHECK_EQ(p->head_off - p->link_off, ETHER_HEADER);
	CHECK((p->flags & PKT_OTHERHOST) == 0);
	delivered[which]++;
	pkt_free(p);
}

void
ip4_input(struct netif *from, struct pkt *p)
{
	deliver(0, from, p);
}

void
ip6_input(struct netif *from, struct pkt *p)
{
	deliver(1, from, p);
}

void
arp_input(struct netif *from, struct pkt *p)
{
	deliver(2, from, p);
}

void
netif_show_taps(struct netif *from, const struct pkt *p)
{
	CHECK_EQ(p->link_off, p->head_off);
	seen++;
	pkt_free(pkt_clone(p));
}

void
link_steer(struct netif *from, struct pkt *p)
{
	link_deliver(from, p);
}

static void
begin(void)
{
	net_mock_begin();
	memset(counters, 0, sizeof(counters));
	memset(stats, 0, sizeof(stats));
	memset(delivered, 0, sizeof(delivered));
	seen = 0;
	thread.cpu = &cpu;
	mock_current = &thread;
	stack = (struct net_stack){.counters = counters};
	list_init(&stack.taps);
	memset(&nif, 0, sizeof(nif));
	nif.net = &stack;
	nif.stats = stats;
	memcpy(nif.mac, own, sizeof(own));
	list_init(&nif.taps);
	atomic_init(&nif.flags, IFF_UP);
}

/* One frame; NULL: no memory. */
static struct pkt *
make(const uint8_t to[6], uint16_t type, uint32_t n)
{
	uint8_t h[ETHER_HEADER];
	struct pkt *p = pkt_alloc();
	if (p == NULL)
		return NULL;
	ether_write(h, to, own, type);
	n = min(n, PKT_COPY_MAX);
	memcpy(pkt_put(p, n), h, min(n, ETHER_HEADER));
	return p;
}

static void
check_sum(void)
{
	const _Atomic uint64_t *n = counters[0].n;
	CHECK_EQ(n[NET_LINK_IN], n[NET_LINK_DELIVERED] + n[NET_LINK_COALESCED] + net_mock_drops);
	CHECK_EQ(n[NET_LINK_DELIVERED], delivered[0] + delivered[1] + delivered[2]);
}

TEST(net_input_frames_in_are_delivered_or_dropped)
{
	static const uint16_t types[] = {
		ETHER_TYPE_IP4, ETHER_TYPE_IP6, ETHER_TYPE_ARP, ETHER_TYPE_VLAN, 60};
	begin();
	seed = 1;
	for (int i = 0; i < 20000; i++) {
		uint8_t to[6] = {2, 0, 0, 0, 0, (uint8_t)rnd(3)};
		if (rnd(4) == 0)
			memset(to, rnd(2) == 0 ? 0xff : 0x33, sizeof(to));
		if (rnd(500) == 0)
			atomic_fetch_xor(&nif.flags, IFF_UP);
		if (rnd(500) == 0) {
			if (list_empty(&nif.taps))
				epoch_list_add_tail(&nif.taps, &tap.node);
			else
				epoch_list_del(&tap.node);
		}
		uint32_t n = rnd(10) == 0 ? rnd(20) : 60 + rnd(100);
		netif_receive(&nif, make(to, types[rnd(5)], n));
		check_sum();
	}
	CHECK(delivered[0] > 500 && delivered[1] > 500 && delivered[2] > 500);
	CHECK(net_mock_drops > 1000 && seen > 1000);
	CHECK_EQ(stats[0].rx_packets, 20000);
	CHECK(net_mock_end());
}

TEST(net_input_each_loss_has_its_reason)
{
	static const uint8_t other[6] = {2, 9};
	begin();
	netif_receive(&nif, make(own, ETHER_TYPE_IP4, 13));
	CHECK_EQ(net_mock_last_drop, NET_DROP_TOO_SHORT);
	CHECK_EQ(stats[0].rx_errors, 1);
	netif_receive(&nif, make(own, 0x1234, 60));
	CHECK_EQ(net_mock_last_drop, NET_DROP_ETHERTYPE);
	epoch_list_add_tail(&stack.taps, &tap.node);
	netif_receive(&nif, make(other, ETHER_TYPE_IP4, 60));
	CHECK_EQ(net_mock_last_drop, NET_DROP_OTHER_HOST);
	CHECK_EQ(seen, 1); /* though it is not for us */
	atomic_init(&nif.flags, 0);
	netif_receive(&nif, make(own, ETHER_TYPE_IP4, 60));
	CHECK_EQ(net_mock_last_drop, NET_DROP_INTERFACE_DOWN);
	CHECK_EQ(seen, 1);
	CHECK_EQ(net_mock_drops, 4);
	check_sum();
	CHECK(net_mock_end());
}
