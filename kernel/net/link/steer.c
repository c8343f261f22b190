/* SPDX-License-Identifier: MIT */
/*
 * Steering: the frames of a device with one queue are spread over the CPUs by their flow's hash, so that a flow stays on
 * one CPU and in order. Devices with several queues have done it themselves. Fragments go by their addresses.
 */
#include "crypto/siphash.h"
#include "net/link/internal.h"
#include "net/link/rx.h"
#include "net/link/steer.h"
#include "net/pkt.h"

void
link_steer(struct netif *nif, struct pkt *p)
{
	if (nif->rx_queues == 1 && cpu_count > 1) {
		if (p->hash == 0)
			p->hash = steer_hash(nif->net->secrets.hash, p);
		uint32_t cpu = (uint32_t)((uint64_t)p->hash * cpu_count >> 32);
		if (cpu != this_cpu()->id &&
			atomic_load_explicit(&cpus[cpu]->online, memory_order_relaxed)) {
			rx_backlog_remote(cpu, nif, p);
			return;
		}
	}
	link_deliver(nif, p);
}
