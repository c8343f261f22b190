/* SPDX-License-Identifier: MIT */
/* IGMP and MLD around mcast_core.h: queries in, reports out. See mcast.h. */
#include "net/ip/mcast.h"

#include <string.h>

#include "base/reader.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip4.h"

#define IGMP_QUERY     0x11
#define IGMP_REPORT_V1 0x12
#define IGMP_REPORT_V2 0x16
#define IGMP_LEAVE     0x17
#define IGMP_REPORT_V3 0x22

#define RECORD_IS_EX 2
#define RECORD_TO_IN 3
#define RECORD_TO_EX 4

#define IGMP_ALL_ROUTERS 0x020000e0u /* 224.0.0.2, as it lies in memory */
#define IGMP_V3_ROUTERS  0x160000e0u /* 224.0.0.22 */
#define OLD_QUERIER \
	(400 * NSEC_PER_SEC) /* RFC 3376, 8.12: robustness * query interval + a response */

struct mcast_device {
	struct netif *netif; /* [I] */
	bool v4;             /* [I] */
	struct spinlock lock;
	struct mcast_querier querier; /* [lock] */
	struct wheel_timer timer;     /* for the earliest deadline of all groups */
	nsec_t deadline;              /* [lock] that the timer is set for */
};

static struct in_device *
in_of(const struct mcast_device *m)
{
	return in_device_of(m->netif, m->v4);
}

uint32_t
igmp_version(const struct in_device *in)
{
	const struct mcast_querier *q = &in->mcast->querier;
	nsec_t now = time_now();
	if (now < __atomic_load_n(&q->v1_until, __ATOMIC_RELAXED))
		return 1;
	return now < __atomic_load_n(&q->old_until, __ATOMIC_RELAXED) ? 2 : 3;
}

/* Groups that routers are not told about: everybody's, and those that no router carries. */
static bool
is_silent(const struct net_addr *a)
{
	if (net_addr_is_v4(a))
		return a->w[3] == 0x010000e0u;
	return (a->b[1] & 15) <= 1 || (a->d[0] == 0x02ff && a->d[1] == 0x0100000000000000ULL);
}

/* --- Out --- */

static void
igmp_send(struct netif *nif, uint32_t dst, const uint8_t *message, uint32_t n)
{
	static const uint8_t alert[4] = {0x94, 4, 0, 0}; /* RFC 2113 */
	struct net_stack *net = nif->net;
	struct net_flow flow = {.remote = net_addr_v4(dst), .ifindex = nif->index};
	struct route_ref ref;
	struct pkt *p = pkt_alloc();
	route_ref_init(&ref);
	if (p == NULL || route_resolve(net, &ref, &flow) != 0) {
		pkt_free(p);
		return;
	}
	memcpy(pkt_put(p, n), message, n);
	p->transport_off = p->head_off;
	/* The header with a router alert (RFC 2113): 24 bytes, TTL 1. */
	uint8_t *at = pkt_push(p, IP4_HEADER + 4);
	struct ip4_header h = {.src = flow.local.w[3],
		.dst = dst,
		.total_len = (uint16_t)p->len,
		.id = ip4_next_id(net, flow.local.w[3], dst, IPPROTO_IGMP),
		.tos = 0xc0,
		.ttl = 1,
		.protocol = IPPROTO_IGMP};
	ip4_encode(at, &h);
	at[0] = 0x46;
	memcpy(at + IP4_HEADER, alert, sizeof(alert));
	uint16_t sum = ip4_checksum(at, IP4_HEADER + 4);
	memcpy(at + IP4_AT_CHECKSUM, &sum, 2);
	p->net_off = p->head_off;
	p->ethertype = 0x0800;
	ref.flags = ROUTE_NO_LOOP;
	ip_transmit(net, &ref, p);
	route_ref_drop(&ref);
}

static uint8_t
record_type(enum mcast_send send)
{
	return send == MCAST_SEND_JOIN     ? RECORD_TO_EX
		: send == MCAST_SEND_LEAVE ? RECORD_TO_IN
					   : RECORD_IS_EX;
}

static void
report4(const struct ip_group *g, enum mcast_send send, bool old, bool v1)
{
	uint8_t m[16] = {0};
	uint32_t n = old ? 8 : 16, group = g->addr.w[3];
	if (old) {
		m[0] = send == MCAST_SEND_LEAVE ? IGMP_LEAVE : v1 ? IGMP_REPORT_V1 : IGMP_REPORT_V2;
		memcpy(m + 4, &group, 4);
	} else {
		m[0] = IGMP_REPORT_V3;
		m[7] = 1; /* records */
		m[8] = record_type(send);
		memcpy(m + 12, &group, 4);
	}
	uint16_t sum = checksum_finish(checksum_add(0, m, n));
	memcpy(m + 2, &sum, 2);
	igmp_send(g->netif,
		!old                               ? IGMP_V3_ROUTERS
			: send == MCAST_SEND_LEAVE ? IGMP_ALL_ROUTERS
						   : group,
		m, n);
}

/* The link-local address of an interface, or `::`. */
static struct net_addr
link_local_of(const struct netif *nif)
{
	for (struct ip_addr *a = ip_addr_first(nif, false); a != NULL; a = ip_addr_next(a)) {
		uint32_t flags = atomic_load_explicit(&a->flags, memory_order_relaxed);
		if (net_addr_is_link_local(&a->conf.addr) &&
			(flags & (IP_ADDR_TENTATIVE | IP_ADDR_DADFAILED)) == 0)
			return a->conf.addr;
	}
	return (struct net_addr){0};
}

static void
report6(const struct ip_group *g, enum mcast_send send, bool old)
{
	uint8_t m[28] = {0};
	struct net_addr src = link_local_of(g->netif), dst = {.b = {0xff, 2, [15] = 0x16}};
	if (old) {
		m[0] = send == MCAST_SEND_LEAVE ? ICMP6_MLD_DONE : ICMP6_MLD_REPORT;
		memcpy(m + 8, &g->addr, 16);
		dst = send == MCAST_SEND_LEAVE ? (struct net_addr){.b = {0xff, 2, [15] = 2}}
					       : g->addr;
	} else {
		m[0] = ICMP6_MLD2_REPORT;
		m[7] = 1;
		m[8] = record_type(send);
		memcpy(m + 12, &g->addr, 16);
	}
	icmp6_send_link(g->netif, &src, &dst, m, old ? 24 : 28, NULL, true);
}

static void
report(struct mcast_device *m, const struct ip_group *g, enum mcast_send send, bool old, bool v1)
{
	uint32_t flags = atomic_load_explicit(&m->netif->flags, memory_order_relaxed);
	if (send == MCAST_SEND_NOTHING || is_silent(&g->addr) ||
		(flags & (IFF_UP | IFF_LOOPBACK)) != IFF_UP)
		return;
	if (m->v4)
		report4(g, send, old, v1);
	else
		report6(g, send, old);
}

/* --- Time --- */

/* [m->lock] */
static void
arm(struct mcast_device *m, nsec_t deadline)
{
	if (deadline >= m->deadline)
		return;
	m->deadline = deadline;
	wheel_start(&m->timer, deadline);
}

static void
timer_fired(struct wheel_timer *t)
{
	struct mcast_device *m = container_of(t, struct mcast_device, timer);
	nsec_t now = time_now();
	spin_lock_bh(&m->lock);
	m->deadline = DEADLINE_NEVER;
	spin_unlock_bh(&m->lock);
	for (struct ip_group *g = ip_group_first(in_of(m)); g != NULL; g = ip_group_next(g)) {
		enum mcast_send send = MCAST_SEND_NOTHING;
		spin_lock_bh(&m->lock);
		if (g->core.deadline <= now)
			send = mcast_core_timer(&g->core, &m->querier, now, random_u64());
		arm(m, g->core.deadline);
		bool old = now < m->querier.old_until, v1 = now < m->querier.v1_until;
		spin_unlock_bh(&m->lock);
		report(m, g, send, old, v1);
	}
}

static void
changed(struct ip_group *g, bool joined)
{
	struct mcast_device *m = in_device_of(g->netif, net_addr_is_v4(&g->addr))->mcast;
	nsec_t now = time_now();
	bh_disable();
	spin_lock_bh(&m->lock);
	enum mcast_send send = joined ? mcast_core_join(&g->core, &m->querier, now, random_u64())
				      : mcast_core_leave(&g->core, &m->querier, now, random_u64());
	bool old = now < m->querier.old_until, v1 = now < m->querier.v1_until;
	arm(m, g->core.deadline);
	spin_unlock_bh(&m->lock);
	report(m, g, send, old, v1);
	bh_enable();
}

void
mcast_joined(struct ip_group *g)
{
	changed(g, true);
}

void
mcast_left(struct ip_group *g)
{
	changed(g, false);
}

bool
mcast_is_done(struct ip_group *g)
{
	struct mcast_device *m = in_device_of(g->netif, net_addr_is_v4(&g->addr))->mcast;
	spin_lock_bh(&m->lock);
	bool done = g->core.deadline == DEADLINE_NEVER;
	spin_unlock_bh(&m->lock);
	return done;
}

void
mcast_netif_up(struct netif *nif)
{
	for (uint32_t v4 = 0; v4 < 2; v4++) {
		struct in_device *in = in_device_of(nif, v4 != 0);
		struct ip_group *g = in != NULL ? ip_group_first(in) : NULL;
		for (; g != NULL; g = ip_group_next(g)) {
			if (atomic_load_explicit(&g->users, memory_order_relaxed) != 0)
				mcast_joined(g);
		}
	}
}

struct mcast_device *
mcast_device_make(struct netif *nif, bool v4)
{
	struct mcast_device *m = kzalloc(sizeof(*m));
	if (m == NULL)
		return NULL;
	m->netif = nif;
	m->v4 = v4;
	m->deadline = DEADLINE_NEVER;
	spin_init(&m->lock, "mcast_device");
	wheel_timer_init(&m->timer, timer_fired);
	return m;
}

/* --- In --- */

/* group unspecified: all of them. */
static void
query_input(struct mcast_device *m, const struct net_addr *group, bool general, nsec_t max_response)
{
	nsec_t now = time_now();
	for (struct ip_group *g = ip_group_first(in_of(m)); g != NULL; g = ip_group_next(g)) {
		if (!general && !net_addr_equal(group, &g->addr))
			continue;
		spin_lock_bh(&m->lock);
		mcast_core_query(&g->core, now, max_response, random_u64());
		arm(m, g->core.deadline);
		spin_unlock_bh(&m->lock);
	}
}

static void
report_input(struct mcast_device *m, const struct net_addr *group)
{
	for (struct ip_group *g = ip_group_first(in_of(m)); g != NULL; g = ip_group_next(g)) {
		if (!net_addr_equal(group, &g->addr))
			continue;
		spin_lock_bh(&m->lock);
		mcast_core_heard(&g->core, &m->querier, time_now());
		spin_unlock_bh(&m->lock);
	}
}

static void
note_querier(struct mcast_device *m, bool old, bool v1, uint8_t robustness)
{
	nsec_t now = time_now();
	spin_lock_bh(&m->lock);
	if (old)
		m->querier.old_until = now + OLD_QUERIER;
	else
		m->querier.robustness = robustness & 7;
	if (v1)
		m->querier.v1_until = now + OLD_QUERIER;
	spin_unlock_bh(&m->lock);
}

static void
igmp_message(struct mcast_device *m, const uint8_t *at, uint32_t n)
{
	uint32_t group;
	memcpy(&group, at + 4, 4);
	struct net_addr a = net_addr_v4(group);
	if (at[0] == IGMP_QUERY) {
		bool v1 = n == 8 && at[1] == 0, old = n < 12;
		nsec_t tenths = v1 ? 100 : old ? at[1] : mcast_decode8(at[1]);
		note_querier(m, old, v1, old ? 0 : at[8]);
		query_input(m, &a, group == 0, tenths * 100 * NSEC_PER_MSEC);
	} else if (at[0] == IGMP_REPORT_V1 || at[0] == IGMP_REPORT_V2) {
		report_input(m, &a);
	}
}

void
igmp_input(struct netif *nif, struct pkt *p)
{
	struct in_device *in = in_device_of(nif, true);
	uint32_t want = min(p->len, 12u);
	if (p->len < 8 || (p->head_len < want && !pkt_pull_up(p, want)) || in == NULL ||
		pkt_checksum(p, 0, p->len, 0) != 0xffff || p->ttl != 1) {
		pkt_drop(nif->net, p, NET_DROP_IGMP_INVALID);
		return;
	}
	igmp_message(in->mcast, pkt_data(p), p->len);
	pkt_free(p);
}

void
mld_input(struct netif *nif, struct pkt *p)
{
	struct in_device *in = in_device_of(nif, false);
	const uint8_t *at = pkt_data(p);
	struct net_addr group, src;
	memcpy(&src, p->head + p->net_off + 8, 16);
	if (p->len < 24 || p->head_len < min(p->len, 28u) || in == NULL || p->ttl != 1 ||
		!net_addr_is_link_local(&src))
		return;
	memcpy(&group, at + 8, 16);
	if (at[0] == ICMP6_MLD_REPORT) {
		report_input(in->mcast, &group);
		return;
	}
	bool old = p->len < 28;
	uint16_t code = load_be16(at + 4);
	note_querier(in->mcast, old, false, old ? 0 : at[24]);
	query_input(in->mcast, &group, net_addr_is_any(&group),
		(old ? code : mcast_decode16(code)) * NSEC_PER_MSEC);
}
