/* SPDX-License-Identifier: MIT */
/*
 * TCP's sockets used by threads on several CPUs: connections that are made, used, shared, reset and abandoned, listeners
 * that come and go, over loopback as it is, and over one that loses packets and delivers each on any CPU; over both
 * versions of IP, while memory runs out, and while somebody forges ICMP errors about all of it.
 */
#include <stdlib.h>
#include <string.h>

#undef TIMER_ABSTIME /* the kernel has its own */
#undef STA_UNSYNC
#include "abi/linux/tcp.h"
#include "abi/linux/resource.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "machine.h"
#include "net/ip/ip.h"
#include "net/link/internal.h"
#include "net/link/rx.h"
#include "net/tcp/tcp_impl.h"
#include "proc/time.h"
#include "tests/netstack/netstack.h"
#include "tests/unit/test.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#define CLIENTS 6u
#define SERVERS 3u
#define PORT    7000u
#define BYTES   30000u /* of a transfer at most */

static struct net_stack *net;
static _Atomic uint32_t loss; /* one packet of so many is lost; 0: loopback as it is */
static uint16_t family;       /* of all sockets of a test */
static bool is_harsh;         /* connections may fail for any reason */

/* --- A loopback that loses packets, and delivers the others on any CPU --- */

static const struct netif_ops *honest;

static void
transmit(struct netif *nif, struct pkt *p)
{
	uint32_t of = atomic_load(&loss);
	if (of == 0) {
		honest->transmit(nif, p);
		return;
	}
	if (machine_random(of) == 0) {
		pkt_free(p);
		return;
	}
	pkt_orphan(p);
	p->csum = p->csum == PKT_CSUM_PARTIAL ? PKT_CSUM_GOOD : PKT_CSUM_NONE;
	p->flags = PKT_LOOPBACK;
	p->hash = 0;
	p->tstamp = 0;
	link_count_in(nif, p);
	rx_backlog_remote(machine_random(MACHINE_CPUS), nif, p);
}

static const struct netif_ops lossy = {.transmit = transmit};

static void
prepare(uint16_t ip, uint32_t one_lost_of)
{
	machine_boot();
	family = ip;
	is_harsh = false;
	if (net == NULL) {
		net = netstack_create();
		honest = net->loopback->ops;
		net->loopback->ops = &lossy;
		tcp_sysctl(net)->fin_timeout = 1;
		tcp_sysctl(net)->max_tw_buckets = 64;
	}
	atomic_store(&loss, one_lost_of);
}

/* Everything has ended but TIME_WAIT, which lasts a minute. */
static void
settle(void)
{
	struct tcp_usage u;
	atomic_store(&loss, 0);
	atomic_store(&netstack_one_fails_of, 0);
	for (;;) {
		tcp_get_usage(net, &u);
		if (u.sockets == 0 && u.requests == 0 && u.orphans == 0 &&
			netstack_objects("tcp_sock") == 0 && netstack_objects("tcp_half") == 0 &&
			netstack_objects("pkt") == 0)
			break;
		machine_user(16);
		sched_yield_thread();
	}
	CHECK_EQ(net_memory_held(net), 0);
	CHECK_EQ(netstack_objects("tcp_chunk_small"), 0);
	CHECK_EQ(netstack_objects("tcp_chunk_page"), 0);
	CHECK_EQ(netstack_live_pages(), 0);
	CHECK_EQ(netstack_lost_frames(net), 0);
}

/* Where a reset may be lost, or nobody may read, nothing is waited for much longer than that takes. */
static void
limit_patience(struct sock *s, uint32_t ms)
{
	struct timeval_user t = {.sec = ms / 1000, .usec = ms % 1000 * 1000};
	CHECK_EQ(sock_set_option(s, SO_RCVTIMEO, &t, sizeof(t)), 0);
	CHECK_EQ(sock_set_option(s, SO_SNDTIMEO, &t, sizeof(t)), 0);
}

/* --- Servers: they send back what they get --- */

static struct sock *
listener(uint16_t port)
{
	struct sock *s = netstack_socket(net, family, SOCK_STREAM);
	struct sock_addr a = netstack_loopback(family, port);
	int32_t one = 1;
	CHECK(s != NULL);
	CHECK_EQ(sock_set_option(s, SO_REUSEPORT, &one, sizeof(one)), 0);
	CHECK_EQ(s->ops->bind(s, &a), 0);
	CHECK_EQ(s->ops->listen(s, 64), 0);
	return s;
}

static void
echo(struct sock *s)
{
	uint8_t buf[4096];
	for (;;) {
		ssize_t n = netstack_recv(s, buf, 1 + machine_random(sizeof(buf)), 0);
		if (n <= 0)
			break;
		ssize_t done = 0, part;
		for (; done < n; done += part) {
			part = netstack_send(s, buf + done, (size_t)(n - done), 0);
			if (part <= 0)
				return;
		}
	}
}

static void
serve(void *arg)
{
	struct sock *l = arg, *s;
	int err;
	while ((err = l->ops->accept(l, 0, &s)) == 0 || err == -ENOMEM || err == -ENOBUFS) {
		if (err != 0) {
			sched_yield_thread();
			continue;
		}
		if (atomic_load(&loss) != 0 || is_harsh)
			limit_patience(s, 2000);
		echo(s);
		netstack_close(s);
		machine_user(machine_random(4));
	}
}

/* --- Clients --- */

static uint8_t
byte_at(uint32_t seed, uint32_t at)
{
	return (uint8_t)(seed + at * 7 + (at >> 8));
}

static void
write_all(struct sock *s, uint32_t seed, uint32_t n)
{
	uint8_t buf[3000];
	for (uint32_t done = 0; done < n;) {
		uint32_t part = 1 + machine_random(sizeof(buf));
		part = part < n - done ? part : n - done;
		for (uint32_t i = 0; i < part; i++)
			buf[i] = byte_at(seed, done + i);
		ssize_t sent = netstack_send(s, buf, part, 0);
		if (sent <= 0)
			return;
		done += (uint32_t)sent;
	}
}

/* Reads until the end or n bytes, which must be what was written. How many. */
static uint32_t
read_back(struct sock *s, uint32_t seed, uint32_t n)
{
	uint8_t buf[2000];
	uint32_t done = 0;
	while (done < n) {
		ssize_t got = netstack_recv(s, buf, 1 + machine_random(sizeof(buf)), 0);
		if (got <= 0)
			break;
		for (uint32_t i = 0; i < (uint32_t)got; i++)
			CHECK_EQ(buf[i], byte_at(seed, done + i));
		done += (uint32_t)got;
	}
	return done;
}

static void
reset_at_close(struct sock *s)
{
	struct linger_user l = {.onoff = 1};
	CHECK_EQ(sock_set_option(s, SO_LINGER, &l, sizeof(l)), 0);
}

/* One connection, to its end, which may be an orderly one or not. 0 or what connect() said. */
static int
use_connection(uint16_t port)
{
	struct sock *s = netstack_socket(net, family, SOCK_STREAM);
	struct sock_addr a = netstack_loopback(family, port);
	uint32_t seed = machine_random(256), n = 1 + machine_random(BYTES);
	CHECK(s != NULL || is_harsh);
	if (s == NULL)
		return -ENOMEM;
	if (atomic_load(&loss) != 0 || is_harsh)
		limit_patience(s, 2000);
	int err = s->ops->connect(s, &a, 0);
	if (err == 0) {
		switch (machine_random(5)) {
		case 0:
			break;
		case 1:
			write_all(s, seed, n);
			reset_at_close(s);
			break;
		case 2:
			write_all(s, seed, n);
			(void)read_back(s, seed, n / 2);
			break;
		default:
			write_all(s, seed, n);
			(void)s->ops->shutdown(s, 1);
			(void)read_back(s, seed, n);
			break;
		}
	}
	netstack_close(s);
	return err;
}

/* --- Clients that end the servers when the last of them has done --- */

static _Atomic uint32_t clients_left;
static struct sock *listeners[SERVERS];
static uint32_t rounds;

static void
client_ends(void)
{
	if (atomic_fetch_sub(&clients_left, 1) != 1)
		return;
	for (uint32_t i = 0; i < SERVERS; i++)
		CHECK_EQ(listeners[i]->ops->shutdown(listeners[i], 0), 0);
}

static void
use_connections(void *arg)
{
	for (uint32_t i = 0; i < rounds; i++) {
		int err = use_connection(PORT);
		CHECK(err == 0 || is_harsh ||
			err == -ECONNRESET); /* an abandoned one's port was chosen again */
		machine_user(machine_random(4));
	}
	client_ends();
}

/* --- Who looks at everything meanwhile --- */

static _Atomic uint64_t rows;

static void
look_at_row(const struct tcp_row *row, void *ctx)
{
	atomic_fetch_add(&rows, 1);
}

static void
look_around(void *arg)
{
	struct tcp_usage u;
	while (atomic_load(&clients_left) != 0) {
		tcp_for_each(net, look_at_row, NULL);
		tcp_get_usage(net, &u);
		machine_user(8);
		sched_yield_thread();
	}
}

static uint32_t one_fails_of; /* allocations, once there are listeners */

/* CLIENTS clients of so many rounds each, servers, and who disturbs them, to the end. */
static void
run(void (*client)(void *), uint32_t each, void (*disturb)(void *))
{
	rounds = each;
	atomic_store(&clients_left, CLIENTS);
	for (uint32_t i = 0; i < SERVERS; i++) {
		listeners[i] = listener(PORT);
		machine_start(serve, listeners[i]);
		machine_start(serve, listeners[i]);
	}
	atomic_store(&netstack_one_fails_of, one_fails_of);
	machine_start(look_around, NULL);
	for (uint32_t i = 0; disturb != NULL && i < 3; i++)
		machine_start(disturb, NULL);
	for (uint32_t i = 0; i < CLIENTS; i++)
		machine_start(client, NULL);
	machine_join();
	for (uint32_t i = 0; i < SERVERS; i++)
		netstack_close(listeners[i]);
	settle();
}

TEST(tcp_connections_live_and_end_in_all_ways_on_several_cpus)
{
	prepare(AF_INET, 0);
	run(use_connections, 60, NULL);
}

TEST(tcp_connections_survive_loss_and_packets_on_all_cpus)
{
	prepare(AF_INET, 100);
	run(use_connections, 12, NULL);
}

TEST(tcp_connections_of_ipv6_do_too)
{
	prepare(AF_INET6, 0);
	run(use_connections, 30, NULL);
	prepare(AF_INET6, 100);
	run(use_connections, 6, NULL);
}

TEST(tcp_connections_survive_want_of_memory_on_several_cpus)
{
	static const uint16_t ips[] = {AF_INET, AF_INET6};
	one_fails_of = 60;
	for (uint32_t i = 0; i < 2; i++) {
		prepare(ips[i], 0);
		is_harsh = true;
		run(use_connections, 8, NULL);
	}
	one_fails_of = 0;
}

/* --- Somebody forges ICMP errors about what there is --- */

#define QUOTED  8u  /* bytes of the quoted TCP header: its ports, its sequence number */
#define VICTIMS 16u /* of a round */

static _Atomic uint32_t forged;

struct victims {
	struct net_flow flow[VICTIMS];
	uint32_t seq[VICTIMS], count; /* what is in flight first */
};

static void
choose(const struct tcp_row *row, void *ctx)
{
	struct victims *v = ctx;
	if (row->s == NULL || row->flow.remote_port == 0 || v->count == VICTIMS)
		return;
	spin_lock_bh(&row->s->lock);
	v->seq[v->count] = tcp_of(row->s)->c.snd_una;
	spin_unlock_bh(&row->s->lock);
	v->flow[v->count++] = row->flow;
}

/* That a port is closed, or a packet too large; about a segment of the flow that begins at seq. */
static void
forge(struct sock *raw, const struct net_flow *f, uint32_t seq)
{
	uint8_t m[ICMP_HEADER + IP6_HEADER + QUOTED] = {0}, *ip = m + ICMP_HEADER, *tcp;
	bool is_large = machine_random(2) != 0;
	struct icmp_header h = {.word = is_large ? 1300 : 0};
	if (family == AF_INET) {
		h.type = ICMP_UNREACHABLE;
		h.code = is_large ? ICMP_FRAG_NEEDED : ICMP_PORT_UNREACHABLE;
		ip4_encode(ip,
			&(struct ip4_header){.src = f->local.w[3],
				.dst = f->remote.w[3],
				.header_len = IP4_HEADER,
				.total_len = 1500,
				.dont_fragment = true,
				.ttl = 64,
				.protocol = IPPROTO_TCP});
		tcp = ip + IP4_HEADER;
	} else {
		h.type = is_large ? ICMP6_TOO_BIG : ICMP6_UNREACHABLE;
		h.code = is_large ? 0 : ICMP6_PORT_UNREACHABLE;
		struct ip6_header inner = {
			.payload_len = 1460, .hop_limit = 64, .next = IPPROTO_TCP};
		memcpy(inner.src, &f->local, sizeof(inner.src));
		memcpy(inner.dst, &f->remote, sizeof(inner.dst));
		ip6_encode(ip, &inner);
		tcp = ip + IP6_HEADER;
	}
	uint32_t words[2] = {(uint32_t)f->local_port << 16 | f->remote_port, seq};
	for (uint32_t i = 0; i < QUOTED; i++)
		tcp[i] = (uint8_t)(words[i / 4] >> (24 - i % 4 * 8));
	size_t n = (size_t)(tcp + QUOTED - m);
	icmp_encode(m, &h);
	uint16_t sum = checksum_finish(checksum_add(0, m, n));
	memcpy(m + 2, &sum, sizeof(sum)); /* of IPv6 the socket makes it */
	if (netstack_send(raw, m, n, MSG_DONTWAIT) == (ssize_t)n)
		atomic_fetch_add(&forged, 1);
}

static void
forge_errors(void *arg)
{
	struct sock *raw;
	struct sock_addr a = netstack_loopback(family, 0);
	int protocol = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	CHECK_EQ(sock_find_family(family)->create(net, SOCK_RAW, protocol, &raw), 0);
	CHECK_EQ(raw->ops->connect(raw, &a, 0), 0);
	while (atomic_load(&clients_left) != 0) {
		struct victims v = {0};
		tcp_for_each(net, choose, &v);
		for (uint32_t i = 0; i < v.count; i++)
			forge(raw, &v.flow[i], v.seq[i]);
		machine_user(8);
		sched_yield_thread();
	}
	netstack_close(raw);
}

TEST(tcp_connections_survive_forged_errors_on_several_cpus)
{
	static const uint16_t ips[] = {AF_INET, AF_INET6};
	for (uint32_t i = 0; i < 2; i++) {
		atomic_store(&forged, 0);
		prepare(ips[i], 0);
		is_harsh = true; /* who connects may be told that nobody is there */
		run(use_connections, 30, forge_errors);
		CHECK(atomic_load(&forged) > 100);
	}
}

/* --- One socket, several threads --- */

struct shared {
	struct sock *s;
	_Atomic uint32_t users;
	bool reads;
};

static void
meddle(struct sock *s)
{
	struct tcp_info_user info;
	struct sock_addr name;
	int32_t v = (int32_t)machine_random(2);
	uint32_t len = sizeof(v);
	switch (machine_random(8)) {
	case 0:
		CHECK_EQ(s->ops->setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)), 0);
		break;
	case 1:
		CHECK_EQ(s->ops->setsockopt(s, IPPROTO_TCP, TCP_CORK, &v, sizeof(v)), 0);
		break;
	case 2:
		CHECK_EQ(sock_set_option(s, SO_KEEPALIVE, &v, sizeof(v)), 0);
		break;
	case 3:
		tcp_get_info(s, &info);
		break;
	case 4:
		(void)s->ops->poll(s, NULL);
		break;
	case 5:
		(void)s->ops->getname(s, v != 0, &name);
		break;
	case 6:
		CHECK_EQ(sock_get_option(s, SO_ERROR, &v, &len), 0);
		break;
	default:
		v = 4096 << machine_random(6);
		CHECK_EQ(sock_set_option(s, SO_RCVBUF, &v, sizeof(v)), 0);
		break;
	}
}

static void
leave_shared(struct shared *x)
{
	if (atomic_fetch_sub(&x->users, 1) != 1)
		return;
	netstack_close(x->s);
	free(x);
}

static void
share_writing(void *arg)
{
	struct shared *x = arg;
	for (uint32_t i = 0; i < 20; i++) {
		write_all(x->s, 0, 1 + machine_random(3000));
		meddle(x->s);
	}
	if (machine_random(2) != 0)
		(void)x->s->ops->shutdown(x->s, (int)machine_random(3));
	leave_shared(x);
}

static void
share_reading(void *arg)
{
	struct shared *x = arg;
	uint8_t buf[3000];
	struct timeval_user soon = {.usec = 20000};
	CHECK_EQ(sock_set_option(x->s, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
	for (uint32_t i = 0; i < 30; i++) {
		ssize_t n = netstack_recv(x->s, buf, sizeof(buf),
			machine_random(4) == 0           ? MSG_PEEK
				: machine_random(8) == 0 ? MSG_TRUNC
							 : 0);
		if (n == 0 || (n < 0 && n != -EAGAIN))
			break;
		meddle(x->s);
	}
	leave_shared(x);
}

static void
share_and_disconnect(void *arg)
{
	struct shared *x = arg;
	struct sock_addr none = {.len = sizeof(none.family)}; /* AF_UNSPEC */
	machine_user(machine_random(2000));
	meddle(x->s);
	if (machine_random(2) != 0)
		CHECK_EQ(x->s->ops->connect(x->s, &none, 0), 0);
	leave_shared(x);
}

static void
share_sockets(void *arg)
{
	for (uint32_t i = 0; i < rounds; i++) {
		struct shared *x = calloc(1, sizeof(*x));
		struct sock_addr a = netstack_loopback(family, PORT);
		x->s = netstack_socket(net, family, SOCK_STREAM);
		limit_patience(x->s, 100);
		atomic_store(&x->users, 4);
		(void)x->s->ops->connect(x->s, &a, O_NONBLOCK);
		machine_start(share_writing, x);
		machine_start(share_reading, x);
		machine_start(share_and_disconnect, x);
		(void)x->s->ops->connect(x->s, &a, 0);
		leave_shared(x);
	}
	client_ends();
}

TEST(tcp_sockets_are_shared_by_threads)
{
	prepare(AF_INET, 0);
	run(share_sockets, 6, NULL);
}

/* --- Listeners come and go, one of their group is always there --- */

static void
come_and_go(void *arg)
{
	struct sock *s;
	while (atomic_load(&clients_left) != 0) {
		struct sock *l = listener(PORT);
		machine_user(machine_random(400));
		for (uint32_t i = machine_random(3); i != 0; i--) {
			if (l->ops->accept(l, O_NONBLOCK, &s) != 0)
				break;
			echo(s);
			netstack_close(s);
		}
		if (machine_random(4) == 0) { /* it stops, and goes on */
			CHECK_EQ(l->ops->shutdown(l, 0), 0);
			CHECK_EQ(l->ops->listen(l, 64), 0);
		}
		netstack_close(l);
		sched_yield_thread();
	}
}

/* Whoever asks is served, by whichever listener: none is refused, none is reset. */
static void
demand_service(void *arg)
{
	for (uint32_t i = 0; i < rounds; i++) {
		struct sock *s = netstack_socket(net, family, SOCK_STREAM);
		struct sock_addr a = netstack_loopback(family, PORT);
		uint32_t n = 1 + machine_random(500);
		CHECK_EQ(s->ops->connect(s, &a, 0), 0);
		write_all(s, i, n);
		CHECK_EQ(s->ops->shutdown(s, 1), 0);
		CHECK_EQ(read_back(s, i, n), n);
		netstack_close(s);
	}
	client_ends();
}

TEST(tcp_listeners_that_close_lose_no_connection_while_others_live)
{
	prepare(AF_INET, 0);
	run(demand_service, 60, come_and_go);
}
