/* SPDX-License-Identifier: MIT */
/* Network stacks: creation, counters, memory limit; what loses packets. */
#define LOG_SOURCE "net"
#include "net/net.h"

#include "core/log.h"
#include "core/panic.h"
#include "dev/rng/random.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/ip/ip.h"
#include "net/link/netif.h"
#include "net/link/rx.h"
#include "net/pkt.h"
#include "net/sock/netlink/netlink.h"
#include "net/sock/sock.h"
#include "net/sock/unix/unix.h"
#include "net/tcp/tcp.h"
#include "net/worker.h"
#include "proc/view.h"

#define MEMORY_SHARE \
	4 /* sockets of a stack hold at most one part in so many of the machine's memory */

static int64_t
default_memory_limit(void)
{
	struct page_stats pages;
	page_get_stats(&pages);
	return (int64_t)(pages.total * PAGE_SIZE / MEMORY_SHARE);
}

static struct net_stack *
allocate_stack(void)
{
	struct net_stack *net = kzalloc(sizeof(*net));
	if (net == NULL)
		return NULL;
	net->counters = kcalloc(cpu_count, sizeof(*net->counters));
	if (net->counters == NULL) {
		kfree(net);
		return NULL;
	}
	mutex_init(&net->config_lock, "net config");
	list_init(&net->netifs);
	list_init(&net->netif_listeners);
	list_init(&net->taps);
	list_init(&net->packet_socks);
	net->next_ifindex = 1;
	random_fill(&net->secrets, sizeof(net->secrets));
	net->core = (struct net_core_sysctl){
		.rmem_default = SOCK_BUF_DEFAULT,
		.rmem_max = SOCK_BUF_MAX,
		.wmem_default = SOCK_BUF_DEFAULT,
		.wmem_max = SOCK_BUF_MAX,
		.somaxconn = SOMAXCONN,
		.max_backlog = NET_BACKLOG_MAX,
	};
	atomic_init(&net->memory_limit, default_memory_limit());
	return net;
}

struct net_stack *
net_stack_create(void)
{
	struct net_stack *net = allocate_stack();
	if (net == NULL)
		return NULL;
	net->unix_names = unix_stack_create();
	if (net->unix_names == NULL || ip_stack_init(net) != 0 || tcp_stack_init(net) != 0 ||
		netlink_stack_init(net) != 0 || loopback_create(net) != 0) {
		kfree(net->netlink);
		kfree(net->unix_names);
		kfree(net->counters);
		kfree(net);
		return NULL;
	}
	return net;
}

void
net_init(void)
{
	pkt_init();
	rx_init();
	netif_init();
	net_worker_init();
	ip_init();
	tcp_init();
	struct net_stack *net = net_stack_create();
	if (net == NULL)
		panic("no memory for the network");
	view_initial()->net = net;
}

void
net_report(void)
{
	struct net_stack *net = view_initial()->net;
	epoch_enter();
	bool none = netif_by_index(net, net->loopback->index + 1) == NULL;
	epoch_exit();
	if (none)
		log_info("no network device");
}

struct net_stack *
current_net(void)
{
	return current_view()->net;
}

uint64_t
net_counter_sum(struct net_stack *net, enum net_counter c)
{
	uint64_t sum = 0;
	for_each_cpu (i)
		sum += relaxed_read(&net->counters[i].n[c]);
	return sum;
}

void
pkt_drop(struct net_stack *net, struct pkt *p, uint16_t reason)
{
	net_count(net, (enum net_counter)reason);
	pkt_free(p);
}
