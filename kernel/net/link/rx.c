/* SPDX-License-Identifier: MIT */
#include "net/link/rx.h"

#include "core/cpu.h"
#include "core/panic.h"
#include "core/softirq.h"
#include "mm/slab.h"
#include "net/link/gro.h"
#include "net/link/internal.h"
#include "net/net.h"
#include "net/pkt.h"

#define BACKLOG_BUDGET 256u /* packets of a round, before the softirq looks at its budget of time */

struct rx_cpu {
	struct pkt_queue local;  /* [this CPU, bottom halves off] */
	struct pkt_queue others; /* [this CPU, softirq] what was taken from remote, in order */
	struct net_poll *polls;  /* [this CPU, softirq] to be polled, in order */
	struct gro gro;          /* [this CPU, softirq] */
	struct net_kick *kicks;  /* [this CPU, bottom halves off] devices to be told */
	bool running;            /* [this CPU] rx_softirq() is at work and will see what is added */
	/* Pushed by any CPU, the latest first. */
	_Atomic(struct pkt *) remote __attribute__((aligned(64)));
	_Atomic uint32_t remote_count; /* in remote and in others */
	_Atomic(struct net_poll *) scheduled;
};

static struct rx_cpu *rx_cpus[CPUS_MAX]; /* [I after boot] */

static struct rx_cpu *
my_rx(void)
{
	return rx_cpus[this_cpu()->id];
}

/* --- Devices. --- */

void
net_poll_schedule(struct net_poll *p)
{
	if (atomic_exchange_explicit(&p->scheduled, 1, memory_order_acq_rel) != 0)
		return;
	struct rx_cpu *rx = rx_cpus[p->cpu];
	p->next = atomic_load_explicit(&rx->scheduled, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&rx->scheduled, &p->next, p, memory_order_release, memory_order_relaxed))
		;
	softirq_raise_on(cpus[p->cpu], SOFTIRQ_NET_RX);
}

void
net_poll_end(struct net_poll *p)
{
	/* An exchange, so that a handler that found it scheduled is done with the queue's interrupts before we are. */
	atomic_exchange_explicit(&p->scheduled, 0, memory_order_acq_rel);
}

/* Puts what was scheduled behind what is being polled, the first first. */
static void
take_scheduled(struct rx_cpu *rx)
{
	struct net_poll *new = NULL, **end = &rx->polls;
	struct net_poll *p = atomic_exchange_explicit(&rx->scheduled, NULL, memory_order_acquire);
	while (p != NULL) {
		struct net_poll *next = p->next;
		p->next = new;
		new = p;
		p = next;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = new;
}

/* Each device once. Whether one of them has more. */
static bool
poll_devices(struct rx_cpu *rx)
{
	struct net_poll *again = NULL, **end = &again;
	if (atomic_load_explicit(&rx->scheduled, memory_order_relaxed) != NULL)
		take_scheduled(rx);
	if (rx->polls == NULL)
		return false;
	while (rx->polls != NULL) {
		struct net_poll *p = rx->polls;
		rx->polls = p->next;
		p->next = NULL;
		if (p->poll(p, NET_POLL_BUDGET)) {
			*end = p;
			end = &p->next;
		}
	}
	rx->polls = again;
	gro_flush();
	return again != NULL;
}

bool
net_kick_later(struct net_kick *k)
{
	struct rx_cpu *rx = my_rx();
	if (!rx->running)
		return false;
	if (atomic_exchange_explicit(&k->queued, 1, memory_order_acq_rel) == 0) {
		k->next = rx->kicks;
		rx->kicks = k;
	}
	return true;
}

static void
kick_devices(struct rx_cpu *rx)
{
	struct net_kick *k;
	while ((k = rx->kicks) != NULL) {
		rx->kicks = k->next;
		/* An exchange: who finds it queued has put its frame where kick() sees it. */
		atomic_exchange_explicit(&k->queued, 0, memory_order_acq_rel);
		k->kick(k);
	}
}

/* --- Backlogs. --- */

void
rx_backlog_local(struct netif *nif, struct pkt *p)
{
	struct rx_cpu *rx = my_rx();
	p->netif = nif;
	if (unlikely(rx->local.count >=
		    atomic_load_explicit(&nif->net->core.max_backlog, memory_order_relaxed))) {
		pkt_drop(nif->net, p, NET_DROP_BACKLOG_FULL);
		return;
	}
	pkt_queue_add(&rx->local, p);
	if (!rx->running && rx->local.count == 1)
		softirq_raise(SOFTIRQ_NET_RX);
}

void
rx_backlog_remote(uint32_t cpu, struct netif *nif, struct pkt *p)
{
	struct rx_cpu *rx = rx_cpus[cpu];
	p->netif = nif;
	if (atomic_fetch_add_explicit(&rx->remote_count, 1, memory_order_relaxed) >=
		atomic_load_explicit(&nif->net->core.max_backlog, memory_order_relaxed)) {
		atomic_fetch_sub_explicit(&rx->remote_count, 1, memory_order_relaxed);
		pkt_drop(nif->net, p, NET_DROP_BACKLOG_FULL);
		return;
	}
	struct pkt *former = atomic_load_explicit(&rx->remote, memory_order_relaxed);
	do
		p->next = former;
	while (!atomic_compare_exchange_weak_explicit(
		&rx->remote, &former, p, memory_order_release, memory_order_relaxed));
	/* From here on p is the other CPU's. */
	if (former == NULL)
		softirq_raise_on(cpus[cpu], SOFTIRQ_NET_RX);
}

/* Puts what other CPUs pushed behind what is there, in the order in which each of them pushed it. */
static void
take_remote(struct rx_cpu *rx)
{
	struct pkt *first = NULL;
	struct pkt *p = atomic_exchange_explicit(&rx->remote, NULL, memory_order_acquire);
	while (p != NULL) {
		struct pkt *next = p->next;
		p->next = first;
		first = p;
		p = next;
	}
	while (first != NULL) {
		p = first;
		first = p->next;
		pkt_queue_add(&rx->others, p);
	}
}

/* Whether packets are left. */
static bool
work_off(struct rx_cpu *rx)
{
	struct pkt *p;
	uint32_t budget = BACKLOG_BUDGET;
	for (; budget != 0 && (p = pkt_queue_take(&rx->local)) != NULL; budget--)
		link_deliver(p->netif, p);
	if (atomic_load_explicit(&rx->remote, memory_order_relaxed) != NULL)
		take_remote(rx);
	uint32_t taken = 0;
	for (budget = BACKLOG_BUDGET; budget != 0 && (p = pkt_queue_take(&rx->others)) != NULL;
		budget--, taken++)
		link_deliver(p->netif, p);
	if (taken != 0)
		atomic_fetch_sub_explicit(&rx->remote_count, taken, memory_order_relaxed);
	return rx->local.first != NULL || rx->others.first != NULL;
}

static void
rx_softirq(void)
{
	struct rx_cpu *rx = my_rx();
	rx->running = true;
	bool more = poll_devices(rx);
	more |= work_off(rx);
	kick_devices(rx);
	rx->running = false;
	if (more)
		softirq_raise(SOFTIRQ_NET_RX);
}

/* --- Coalescing: on the CPU that polls, before steering. --- */

static void
send_up(struct pkt_queue *q)
{
	struct pkt *p;
	while ((p = pkt_queue_take(q)) != NULL)
		link_steer(p->netif, p);
}

void
gro_receive(struct netif *nif, struct pkt *p)
{
	struct pkt_queue up;
	link_count_in(nif, p);
	p->netif = nif;
	pkt_queue_init(&up);
	if (gro_add(&my_rx()->gro, p, &up))
		net_count(nif->net, NET_LINK_COALESCED);
	send_up(&up);
}

void
gro_flush(void)
{
	struct pkt_queue up;
	pkt_queue_init(&up);
	gro_take_all(&my_rx()->gro, &up);
	send_up(&up);
}

void
rx_init(void)
{
	for_each_cpu (i) {
		rx_cpus[i] = kzalloc(sizeof(*rx_cpus[i]));
		if (rx_cpus[i] == NULL)
			panic("no memory for the network's queues");
	}
	softirq_register(SOFTIRQ_NET_RX, rx_softirq);
}
