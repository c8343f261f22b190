/* SPDX-License-Identifier: MIT */
/*
 * A program of socket calls: TCP and UDP sockets of both versions, over loopback, in virtual time. Input: one byte says what
 * loopback does to packets, then records of { call, socket, argument } and what each call takes more. Nothing may be
 * lost uncounted, and when all is closed and time has passed nothing is held.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/linux/tcp.h"
#include "core/panic.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "net/ip/ip.h"
#include "net/link/netif.h"
#include "net/sock/charge.h"
#include "net/tcp/tcp.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/uni.h"
#include "vfs/poll.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOCKETS 8u
#define CALLS   400u /* of one input at most */
#define PORT    7000u

static struct sock *socks[SOCKETS];
static struct net_stack *net;
static const uint8_t *in;
static size_t left;
static const struct netif_ops *honest;
static uint32_t lose_of; /* loopback loses one packet of so many; 0: none */

static uint8_t
byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *in++;
}

#define must(what) ((what) ? (void)0 : panic("%s is false", #what))

static void
transmit(struct netif *nif, struct pkt *p)
{
	static uint32_t turn;
	if (lose_of != 0 && turn++ % lose_of == lose_of - 1)
		pkt_free(p);
	else
		honest->transmit(nif, p);
}

static const struct netif_ops lossy = {.transmit = transmit};

/* --- Calls: what they return is anything that they may --- */

static void
call_socket(uint32_t at, uint8_t arg)
{
	if (socks[at] == NULL)
		socks[at] = netstack_socket(
			net, (arg & 1) ? AF_INET6 : AF_INET, (arg & 2) ? SOCK_DGRAM : SOCK_STREAM);
}

static struct sock_addr
some_address(struct sock *s, uint8_t arg)
{
	struct sock_addr a = netstack_loopback((arg & 16) ? AF_INET : s->family, PORT + arg % 4);
	if (arg & 8)
		memset(a.bytes + 4, 0, a.len - 4); /* the unspecified one */
	if (arg & 32)
		memset(a.bytes, 0, 2); /* AF_UNSPEC */
	if (arg & 64)
		a.len = arg % 30;
	return a;
}

static void
call_accept(struct sock *s, uint8_t arg)
{
	struct sock *child;
	if (s->ops->accept == NULL || s->ops->accept(s, O_NONBLOCK, &child) != 0)
		return;
	if (socks[arg % SOCKETS] == NULL)
		socks[arg % SOCKETS] = child;
	else
		netstack_close(child);
}

static void
call_send(struct sock *s, uint8_t arg)
{
	static uint8_t bytes[20000];
	size_t n = (size_t)byte() * ((arg & 1) ? 77 : 1);
	struct sock_addr to = some_address(s, arg);
	struct iter it = iter_kernel(bytes, n);
	struct sock_msg msg = {.iter = &it,
		.addr = &to,
		.flags = MSG_DONTWAIT | MSG_NOSIGNAL | ((arg & 2) ? MSG_MORE : 0) |
			((arg & 4) ? MSG_OOB : 0)};
	if (s->type == SOCK_STREAM || (arg & 128))
		to.len = 0;
	ssize_t done = s->ops->send(s, &msg);
	must(done <= (ssize_t)n);
}

static void
call_recv(struct sock *s, uint8_t arg)
{
	static uint8_t bytes[20000];
	static const uint32_t flags[] = {0, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_OOB, MSG_ERRQUEUE,
		MSG_PEEK | MSG_TRUNC, 0};
	size_t n = (size_t)byte() * ((arg & 1) ? 77 : 1);
	ssize_t done = netstack_recv(s, bytes, n, MSG_DONTWAIT | flags[arg >> 1 & 7]);
	must(done <= (ssize_t)n || (flags[arg >> 1 & 7] & MSG_TRUNC));
}

/* The bytes of SO_ATTACH_FILTER become a program of the kernel's memory: all pass, none do, some do by what is in them. */
static void
attach_filter(struct sock *s, uint8_t which)
{
	static const struct sock_filter_user programs[][3] = {{{0x06, 0, 0, UINT32_MAX}},
		{{0x06, 0, 0, 0}}, {{0x06, 0, 0, 50}},
		{{0x80, 0, 0, 0}, {0x74, 0, 0, 1}, {0x16, 0, 0, 0}}, /* half of it */
		{{0x30, 0, 0, 21}, {0x54, 0, 0, 7}, {0x16, 0, 0, 0}}};
	static const uint16_t lengths[] = {1, 1, 1, 3, 3};
	struct sock_fprog_user prog = {
		.len = lengths[which % 5], .filter = (uint64_t)programs[which % 5]};
	(void)!sock_set_option(s, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static void
call_setsockopt(struct sock *s, uint8_t arg)
{
	static const int levels[] = {
		SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP};
	union {
		int32_t v[4];
		uint8_t bytes[16];
	} value = {0};
	int level = levels[arg % 5], name = byte();
	uint32_t len = byte() % (sizeof(value) + 1);
	for (uint32_t i = 0; i < len; i++)
		value.bytes[i] = byte();
	/* Who waits for ever waits for nobody here. */
	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_RCVTIMEO_NEW))
		return;
	if (level == SOL_SOCKET && name == SO_LINGER)
		value.v[1] &= 63;
	if (level == SOL_SOCKET && name == SO_ATTACH_FILTER)
		attach_filter(s, value.bytes[0]);
	else if (level == SOL_SOCKET)
		(void)!sock_set_option(s, name, value.bytes, len);
	else
		(void)s->ops->setsockopt(s, level, name, value.bytes, len);
}

static void
call_getsockopt(struct sock *s, uint8_t arg)
{
	static const int levels[] = {SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6};
	uint8_t value[256];
	int level = levels[arg & 3], name = byte();
	uint32_t room = byte(), len = room;
	int err = level == SOL_SOCKET ? sock_get_option(s, name, value, &len)
				      : s->ops->getsockopt(s, level, name, value, &len);
	must(err != 0 || len <= room);
}

static void
call_others(struct sock *s, uint8_t arg)
{
	struct sock_addr a;
	switch (arg & 3) {
	case 0:
		(void)s->ops->getname(s, false, &a);
		(void)s->ops->getname(s, true, &a);
		break;
	case 1:
		(void)s->ops->poll(s, NULL);
		break;
	default:
		if (s->type == SOCK_STREAM) {
			struct tcp_info_user info;
			tcp_get_info(s, &info);
		}
		break;
	}
}

static void
call(uint32_t what, uint32_t at, uint8_t arg)
{
	struct sock *s = socks[at];
	struct sock_addr a;
	if (s == NULL) {
		call_socket(at, arg);
		return;
	}
	switch (what) {
	case 0:
		a = some_address(s, arg);
		(void)s->ops->bind(s, &a);
		break;
	case 1:
		if (s->ops->listen != NULL)
			(void)s->ops->listen(s, arg % 4);
		break;
	case 2:
		a = some_address(s, arg);
		(void)s->ops->connect(s, &a, O_NONBLOCK);
		break;
	case 3:
		call_accept(s, arg);
		break;
	case 4:
	case 5:
		call_send(s, arg);
		break;
	case 6:
	case 7:
		call_recv(s, arg);
		break;
	case 8:
		call_setsockopt(s, arg);
		break;
	case 9:
		call_getsockopt(s, arg);
		break;
	case 10:
		(void)s->ops->shutdown(s, arg % 3);
		break;
	case 11:
		socks[at] = NULL;
		netstack_close(s);
		break;
	case 12:
		call_others(s, arg);
		break;
	case 13:
		uni_fail_after = arg; /* until the next call of this kind */
		if (arg >= 128)
			uni_fail_after = UINT64_MAX;
		break;
	default:
		uni_pass((nsec_t)arg * arg * NSEC_PER_MSEC);
		break;
	}
}

/* --- What holds at any time, and in the end --- */

static void
look_at_row(const struct tcp_row *row, void *ctx)
{
	(void)row;
}

static void
check_now(void)
{
	int64_t held = 0;
	for (uint32_t i = 0; i < SOCKETS; i++) {
		if (socks[i] != NULL && socks[i]->type == SOCK_STREAM) {
			must(socks[i]->accounted == socks[i]->rcv_used + socks[i]->snd_used);
			held += socks[i]->accounted;
		}
	}
	must(net_memory_held(net) >= held);
	must(netstack_lost_frames(net) == 0);
	tcp_for_each(net, look_at_row, NULL);
}

static void
check_end(void)
{
	uni_fail_after = UINT64_MAX;
	lose_of = 0;
	for (uint32_t i = 0; i < SOCKETS; i++) {
		struct linger_user none = {0};
		if (socks[i] == NULL)
			continue;
		must(sock_set_option(socks[i], SO_LINGER, &none, sizeof(none)) == 0);
		netstack_close(socks[i]);
		socks[i] = NULL;
	}
	uni_pass(3600 * NSEC_PER_SEC);
	must(netstack_lost_frames(net) == 0);
	must(net_memory_held(net) == 0);
	must(netstack_leak() == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	in = data;
	left = size;
	net = uni_begin();
	honest = net->loopback->ops;
	net->loopback->ops = &lossy;
	lose_of = byte() % 16;
	for (uint32_t i = 0; i < CALLS && left != 0; i++) {
		uint8_t what = byte(), arg = byte();
		call(what & 15, what >> 4 & (SOCKETS - 1), arg);
		check_now();
	}
	check_end();
	return 0;
}
