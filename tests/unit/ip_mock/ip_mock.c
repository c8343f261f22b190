/* SPDX-License-Identifier: MIT */
#include "tests/unit/ip_mock/ip_mock.h"

#include <stdlib.h>
#include <string.h>

#include "core/timer.h"
#include "core/timerwheel.h"
#include "dev/rng/random.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/worker.h"
#include "net/link/gso.h"
#include "net/link/neigh.h"
#include "net/tcp/tcp.h"
#include "tests/unit/net_mock/net_mock.h"
#include "wire/ether.h"

void (*ip_mock_sent)(struct netif *nif, const uint8_t *frame, size_t n);
uint64_t ip_mock_frames;
uint64_t ip_mock_seed = 1;

static nsec_t now = 1000 * NSEC_PER_SEC;
static struct wheel_timer *timers;
static struct epoch_head *reclaim;
static struct net_work *works;
static struct pkt_queue backlog;
static bool draining;
static struct net_stack *current;

uint64_t
random_u64(void)
{
	ip_mock_seed = ip_mock_seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return ip_mock_seed ^ ip_mock_seed >> 29;
}

nsec_t
time_now(void)
{
	return now;
}

nsec_t
time_recent(void)
{
	return now;
}

void
refcount_misused(void)
{
	abort();
}

/* --- Time --- */

bool
wheel_cancel(struct wheel_timer *t)
{
	bool was = t->queued;
	for (struct wheel_timer **at = &timers; *at != NULL; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			break;
		}
	}
	t->queued = false;
	return was;
}

void
wheel_start(struct wheel_timer *t, nsec_t deadline)
{
	wheel_cancel(t);
	t->deadline = deadline;
	t->queued = true;
	t->next = timers;
	timers = t;
}

void
epoch_call(struct epoch_head *head, epoch_fn *fn)
{
	head->fn = fn;
	head->next = reclaim;
	reclaim = head;
}

void
net_work_raise(struct net_work *w)
{
	if (w->queued)
		return;
	w->queued = true;
	w->next = works;
	works = w;
}

static void
drain(void)
{
	for (struct pkt *p; !draining && (p = pkt_queue_take(&backlog)) != NULL;) {
		struct netif *lo = p->netif;
		draining = true;
		p->flags = PKT_LOOPBACK;
		pkt_pull(p, ETHER_HEADER);
		p->net_off = p->head_off;
		if (p->ethertype == ETHER_TYPE_IP4)
			ip4_input(lo, p);
		else
			ip6_input(lo, p);
		draining = false;
	}
}

static void
settle(void)
{
	drain();
	for (struct net_work *w; (w = works) != NULL;) {
		works = w->next;
		w->queued = false;
		w->fn(w);
		drain();
	}
	for (struct epoch_head *h; (h = reclaim) != NULL;) {
		reclaim = h->next;
		h->fn(h);
	}
}

void
ip_mock_pass(nsec_t time)
{
	nsec_t end = now + time;
	settle();
	for (;;) {
		struct wheel_timer *first = NULL;
		for (struct wheel_timer *t = timers; t != NULL; t = t->next) {
			if (t->deadline <= end && (first == NULL || t->deadline < first->deadline))
				first = t;
		}
		if (first == NULL)
			break;
		if (first->deadline > now)
			now = first->deadline;
		wheel_cancel(first);
		first->fn(first);
		settle();
	}
	now = end;
}

/* --- Interfaces --- */

struct netif *
netif_by_index(struct net_stack *net, uint32_t index)
{
	struct netif *nif;
	list_for_each_entry (nif, &net->netifs, node) {
		if (nif->index == index)
			return nif;
	}
	return NULL;
}

void
netif_put(struct netif *nif)
{
	if (refcount_put(&nif->refs))
		abort(); /* the list has one */
}

int
netif_add_group(struct netif *nif, const uint8_t mac[6])
{
	return 0;
}

void
netif_remove_group(struct netif *nif, const uint8_t mac[6])
{
}

void
netif_add_listener(struct net_stack *net, struct netif_listener *l)
{
	list_add_tail(&net->netif_listeners, &l->node);
}

static void
tell(struct netif *nif, enum netif_event event)
{
	struct netif_listener *l;
	mutex_lock(&nif->net->config_lock);
	list_for_each_entry (l, &nif->net->netif_listeners, node)
		l->event(l, nif, event);
	mutex_unlock(&nif->net->config_lock);
}

static struct netif *
make_netif(struct net_stack *net, const char *name, uint32_t flags, uint32_t mtu)
{
	struct netif *nif = calloc(1, sizeof(*nif));
	if (nif == NULL)
		abort();
	refcount_init(&nif->refs, 1);
	nif->net = net;
	nif->index = net->next_ifindex++;
	strcpy(nif->name, name);
	atomic_init(&nif->flags, flags);
	atomic_init(&nif->mtu, mtu);
	list_add_tail(&net->netifs, &nif->node);
	tell(nif, NETIF_EVENT_REGISTER);
	return nif;
}

void
ip_mock_set_up(struct netif *nif, bool up)
{
	uint32_t bits = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
	if (up)
		atomic_fetch_or(&nif->flags, bits);
	else
		atomic_fetch_and(&nif->flags, ~bits);
	tell(nif, up ? NETIF_EVENT_UP : NETIF_EVENT_DOWN);
	settle();
}

struct netif *
ip_mock_netif(struct net_stack *net, const uint8_t mac[6], uint32_t mtu)
{
	struct netif *nif = make_netif(net, "eth0", IFF_BROADCAST | IFF_MULTICAST, mtu);
	nif->type = 1;
	memcpy(nif->mac, mac, 6);
	ip_mock_set_up(nif, true);
	return nif;
}

/* The stack of the test before: fragments time out, so that its pages come back; then it is freed as a whole. */
static void
forget_stack(void)
{
	struct netif *nif, *next;
	if (current == NULL)
		return;
	net_mock_fail_after = NET_MOCK_NEVER;
	ip_mock_sent = NULL;
	ip_mock_pass(200 * NSEC_PER_SEC);
	timers = NULL;
	works = NULL;
	settle();
	list_for_each_entry_safe (nif, next, &current->netifs, node)
		free(nif);
	free(current->counters);
	free(current);
	current = NULL;
	net_mock_forget();
}

struct net_stack *
ip_mock_stack(void)
{
	static bool ready;
	if (!ready) {
		ip_init();
		atexit(forget_stack);
	}
	ready = true;
	forget_stack();
	ip_mock_sent = NULL;
	ip_mock_frames = 0;
	struct net_stack *net = calloc(1, sizeof(*net));
	if (net == NULL)
		abort();
	current = net;
	list_init(&net->netifs);
	list_init(&net->netif_listeners);
	net->next_ifindex = 1;
	net->counters = calloc(1, sizeof(*net->counters));
	for (uint32_t i = 0; i < sizeof(net->secrets) / 8; i++)
		((uint64_t *)&net->secrets)[i] = random_u64();
	if (net->counters == NULL || ip_stack_init(net) != 0)
		abort();
	net->loopback = make_netif(net, "lo", IFF_LOOPBACK, 65536);
	ip_mock_set_up(net->loopback, true);
	return net;
}

void
ip_mock_receive(struct netif *nif, const void *frame, size_t n)
{
	struct pkt *p = pkt_alloc();
	if (p == NULL)
		return;
	uint32_t linear = n < PKT_COPY_MAX ? (uint32_t)n : 60;
	memcpy(pkt_put(p, linear), frame, linear);
	for (size_t at = linear, part; at < n; at += part) {
		part = n - at < PAGE_SIZE ? n - at : PAGE_SIZE;
		struct page *page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
		if (page == NULL || !pkt_add_frag(p, page, 0, (uint32_t)part)) {
			if (page != NULL)
				page_put(page);
			pkt_free(p);
			return;
		}
		memcpy(page_to_virt(page), (const uint8_t *)frame + at, part);
	}
	const uint8_t *h = pkt_data(p);
	if (n < ETHER_HEADER) {
		pkt_free(p);
		return;
	}
	p->netif = nif;
	p->ethertype = ether_type(h);
	if (ether_is_broadcast(h))
		p->flags = PKT_BROADCAST;
	else if (ether_is_multicast(h))
		p->flags = PKT_MULTICAST;
	else if (!ether_equal(h, nif->mac))
		p->flags = PKT_OTHERHOST;
	pkt_pull(p, ETHER_HEADER);
	p->net_off = p->head_off;
	switch (p->ethertype) {
	case ETHER_TYPE_ARP:
		arp_input(nif, p);
		break;
	case ETHER_TYPE_IP4:
		ip4_input(nif, p);
		break;
	case ETHER_TYPE_IP6:
		ip6_input(nif, p);
		break;
	default:
		pkt_free(p);
	}
	settle();
}

void
netif_transmit(struct netif *nif, struct pkt *p)
{
	static uint8_t frame[IP_MOCK_FRAME];
	if ((atomic_load(&nif->flags) & IFF_LOOPBACK) != 0) {
		p->csum = p->csum == PKT_CSUM_PARTIAL ? PKT_CSUM_GOOD : PKT_CSUM_NONE;
		p->netif = nif;
		pkt_queue_add(&backlog, p);
		return;
	}
	if (p->csum == PKT_CSUM_PARTIAL)
		gso_complete_checksum(p);
	if (p->len > sizeof(frame))
		abort();
	pkt_copy_out(p, 0, frame, p->len);
	size_t n = p->len;
	pkt_free(p);
	ip_mock_frames++;
	if (ip_mock_sent != NULL)
		ip_mock_sent(nif, frame, n);
}

/* TCP is not here; its settings are named by the tables of net/sysctl.c. */
struct tcp_sysctl *
tcp_sysctl(struct net_stack *net)
{
	static struct tcp_sysctl none;
	return &none;
}
