/* SPDX-License-Identifier: MIT */
/* TCP of a stack: made at boot, its tunables' first values, and a walk over all that it has. */
#include <string.h>

#include "core/panic.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/tcp/listen_impl.h"

#define BUCKETS     256u
#define BUCKETS_MAX 262144u

static const char *const cc_names[] = {[TCP_CC_CUBIC] = "cubic", [TCP_CC_RENO] = "reno"};

const char *
tcp_cc_name(uint32_t cc)
{
	return cc_names[cc];
}

int
tcp_cc_find(const char *name, size_t len)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(cc_names); i++) {
		if (strlen(cc_names[i]) == len && memcmp(cc_names[i], name, len) == 0)
			return (int)i;
	}
	return -1;
}

struct tcp_sysctl *
tcp_sysctl(struct net_stack *net)
{
	return &net->tcp->sysctl;
}

static void
init_sysctl(struct tcp_sysctl *ctl)
{
	struct page_stats pages;
	page_get_stats(&pages);
	/* What a machine can hold of what costs a quarter of a kilobyte, within a hundredth of its memory. */
	uint32_t many = (uint32_t)max(pages.total * PAGE_SIZE / 100 / 256, (uint64_t)1024);
	ctl->max_syn_backlog = min(many, 4096u);
	ctl->syncookies = 1;
	ctl->syn_retries = 6;
	ctl->synack_retries = 5;
	ctl->fin_timeout = 60;
	ctl->max_tw_buckets = ctl->max_orphans = min(many, 262144u);
	ctl->keepalive_time = 7200;
	ctl->keepalive_intvl = 75;
	ctl->keepalive_probes = 9;
	ctl->rmem[0] = ctl->wmem[0] = 4096;
	ctl->rmem[1] = 131072;
	ctl->wmem[1] = 16384;
	ctl->rmem[2] = (uint32_t)min(pages.total * PAGE_SIZE / 64, (uint64_t)6 << 20);
	ctl->wmem[2] = (uint32_t)min(pages.total * PAGE_SIZE / 64, (uint64_t)4 << 20);
	ctl->notsent_lowat = UINT32_MAX;
	ctl->congestion = TCP_CC_CUBIC;
	ctl->ecn = 2;
}

int
tcp_stack_init(struct net_stack *net)
{
	struct tcp_stack *tcp = kzalloc(sizeof(*tcp));
	net->tcp = tcp;
	if (tcp == NULL)
		return -ENOMEM;
	spin_init(&tcp->table_lock, "tcp.table");
	spin_init(&tcp->port_lock, "tcp.ports");
	spin_init(&tcp->reset_gate.lock, "tcp.resets");
	tcp->reset_gate.rule = &tcp_reset_rule;
	init_sysctl(&tcp->sysctl);
	int err = net_hash_init(&tcp->entries, BUCKETS, BUCKETS_MAX);
	if (err == 0)
		err = net_hash_init(&tcp->ports, BUCKETS, BUCKETS_MAX);
	if (err == 0)
		err = net_hash_init(&tcp->listeners, BUCKETS / 4, BUCKETS_MAX);
	return err;
}

static const struct ip_protocol tcp_protocol = {.input = tcp_rx, .error = tcp_rx_error};

void
tcp_init(void)
{
	tcp_sock_init();
	tcp_sendq_init_cache();
	tcp_half_init_cache();
	tcp_port_init_cache();
	tcp_tw_init_cache();
	ip_register_protocol(IPPROTO_TCP, &tcp_protocol);
	inet_register_stream(tcp_sock_create);
}

/* --- All that there is --- */

/* Linux's number of what the core's timer waits for. */
static uint8_t
timer_kind(const struct tcp_conn *c)
{
	switch (c->timer) {
	case TCP_TIMER_RTO:
	case TCP_TIMER_TLP:
	case TCP_TIMER_REO:
		return 1;
	case TCP_TIMER_PROBE:
		return 4;
	default:
		return c->keep_at != 0 ? 2 : 0;
	}
}

static void
sock_row(struct tcp_sock *t, struct tcp_row *row)
{
	struct sock *s = &t->i.s;
	const struct tcp_conn *c = &t->c;
	spin_lock_bh(&s->lock);
	nsec_t now = time_now(), at = tcp_deadline(c);
	row->flow = t->e.flow;
	row->state = c->state;
	row->s = s;
	row->ino = atomic_load_explicit(&s->file, memory_order_relaxed) != NULL ? s->ino : 0;
	row->uid = s->uid;
	row->refs = 1;
	row->ipv6 = s->family == AF_INET6;
	row->timer = timer_kind(c);
	row->timer_left = at != UINT64_MAX && at > now ? at - now : 0;
	row->tx_queue = c->state == TCP_CLOSE ? 0 : tcp_unacked(c);
	row->rx_queue = atomic_load_explicit(&t->rcv_avail, memory_order_relaxed);
	row->retransmits = c->backoff;
	row->probes = c->probes;
	row->rto_ms = c->rto_us / 1000;
	row->ato_ms = c->ato_ms;
	row->cwnd_segments = c->mss != 0 ? c->cwnd / c->mss : 0;
	row->ssthresh_segments =
		c->ssthresh >= UINT32_MAX / 2 || c->mss == 0 ? UINT32_MAX : c->ssthresh / c->mss;
	spin_unlock_bh(&s->lock);
}

static void
visit_listeners(struct net_stack *net, void (*fn)(const struct tcp_row *row, void *ctx), void *ctx)
{
	const struct net_hash_buckets *b = net_hash_read(&net->tcp->listeners);
	net_hash_for_each(b, n)
	{
		struct tcp_sock *t = container_of(n, struct tcp_sock, listen_node);
		struct tcp_row row = {0};
		sock_row(t, &row);
		row.rx_queue = tcp_listener_ready(t);
		row.tx_queue = tcp_listener_backlog(t);
		fn(&row, ctx);
	}
}

static void
visit_entries(struct net_stack *net, void (*fn)(const struct tcp_row *row, void *ctx), void *ctx)
{
	const struct net_hash_buckets *b = net_hash_read(&net->tcp->entries);
	net_hash_for_each(b, n)
	{
		struct tcp_entry *e = container_of(n, struct tcp_entry, node);
		struct tcp_row row = {0};
		if (e->kind == TCP_ENTRY_SOCK) {
			sock_row(container_of(e, struct tcp_sock, e), &row);
		} else {
			row.flow = e->flow;
			if (e->kind == TCP_ENTRY_HALF)
				tcp_half_row(e, &row);
			else
				tcp_tw_row(e, &row);
		}
		fn(&row, ctx);
	}
}

void
tcp_for_each(struct net_stack *net, void (*fn)(const struct tcp_row *row, void *ctx), void *ctx)
{
	epoch_enter();
	visit_listeners(net, fn, ctx);
	visit_entries(net, fn, ctx);
	epoch_exit();
}

void
tcp_get_usage(struct net_stack *net, struct tcp_usage *out)
{
	struct tcp_stack *tcp = net->tcp;
	*out = (struct tcp_usage){
		.sockets = atomic_load_explicit(&tcp->sockets, memory_order_relaxed),
		.orphans = atomic_load_explicit(&tcp->orphans, memory_order_relaxed),
		.timewaits = atomic_load_explicit(&tcp->timewaits, memory_order_relaxed),
		.requests = atomic_load_explicit(&tcp->halves, memory_order_relaxed),
	};
}
