/* SPDX-License-Identifier: MIT */
/*
 * Any frames to a host with sockets: a TCP listener, a connection that is established and one that is being asked for, a UDP
 * socket. Input: frames.h. Flags, bits 0-1: 1, 2: the frame is made TCP from the
 * peer to one of them (2: of the established connection, in its window), 3: UDP; then the rest of its header is the
 * input's, and checksums are right. Bits 2-4: time passes afterwards; bit 5: an allocation fails soon; bit 6: somebody
 * reads; bit 7: accepts and closes.
 * Each frame ends in one way, what is charged is held, and in the end nothing is.
 */
#include <stdlib.h>
#include <string.h>

#include "core/panic.h"
#include "core/softirq.h"
#include "net/ip/ip.h"
#include "net/sock/charge.h"
#include "net/tcp/tcp.h"
#include "tests/fuzz/frames.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/uni.h"
#include "wire/checksum.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OURS 0x0a000001u
#define PEER 0x0a000002u

enum { LISTENER, ESTABLISHED, CONNECTING, DATAGRAMS, SOCKS };
static const uint16_t ports[SOCKS] = {80, 81, 82, 53}; /* ours */
#define PEER_PORT 9000u

static struct net_stack *net;
static struct netif *eth;
static struct sock *socks[SOCKS];
static uint32_t snd_nxt, rcv_nxt; /* the peer's, of the established connection */

#define must(what) ((what) ? (void)0 : panic("%s is false", #what))

/* --- The peer's frames --- */

/* IPv4 from the peer around what lies at frame + 34, whose checksum at that offset is made right. */
static void
send_ip4(uint8_t *frame, uint8_t protocol, size_t n, uint32_t checksum_at)
{
	uint8_t *ip = frame + 14, *at = ip + 20;
	memcpy(frame, uni_mac, 6);
	memcpy(frame + 6, (uint8_t[]){2, 0, 0, 0, 0, 2, 8, 0}, 8);
	memcpy(ip,
		(uint8_t[]){
			0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1},
		20);
	ip[2] = (uint8_t)((20 + n) >> 8);
	ip[3] = (uint8_t)(20 + n);
	uint16_t sum = ip4_checksum(ip, 20);
	memcpy(ip + IP4_AT_CHECKSUM, &sum, 2);
	at[checksum_at] = at[checksum_at + 1] = 0;
	uint64_t pseudo = checksum_pseudo(ip + 12, ip + 16, 4, (uint32_t)n, protocol);
	sum = checksum_finish(checksum_add(pseudo, at, n));
	memcpy(at + checksum_at, &sum, 2);
	(void)uni_receive(eth, frame, 34 + n);
}

static void
put_be(uint8_t *at, uint32_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static void
put_ports(uint8_t *at, uint16_t from, uint16_t to)
{
	put_be(at, from, 2);
	put_be(at + 2, to, 2);
}

/* --- The host --- */

/* The last segment that was sent: where the connection stands. */
static uint32_t seen_seq;
static uint8_t seen_flags;

static void
see(const uint8_t *frame, size_t n)
{
	if (n < 54 || frame[12] != 8 || frame[13] != 0 || frame[23] != IPPROTO_TCP)
		return;
	seen_seq = (uint32_t)frame[38] << 24 | (uint32_t)frame[39] << 16 |
		(uint32_t)frame[40] << 8 | frame[41];
	seen_flags = frame[47];
}

static struct sock *
open_socket(uint32_t which, int type)
{
	struct sock *s = netstack_socket(net, AF_INET, type);
	struct sock_addr a = netstack_loopback(AF_INET, ports[which]);
	must(s != NULL);
	put_be(a.bytes + 4, 0, 4);
	must(s->ops->bind(s, &a) == 0);
	return socks[which] = s;
}

static void
tcp_frame(uint16_t to, uint32_t seq, uint32_t ack, uint8_t flags)
{
	uint8_t frame[54] = {0};
	put_ports(frame + 34, PEER_PORT, to);
	put_be(frame + 38, seq, 4);
	put_be(frame + 42, ack, 4);
	frame[46] = 0x50;
	frame[47] = flags;
	put_be(frame + 48, 60000, 2);
	send_ip4(frame, IPPROTO_TCP, 20, 16);
}

static void
connect_to_peer(uint32_t which)
{
	struct sock *s = open_socket(which, SOCK_STREAM);
	struct sock_addr a = netstack_loopback(AF_INET, PEER_PORT);
	put_be(a.bytes + 4, PEER, 4);
	must(s->ops->connect(s, &a, O_NONBLOCK) == -EINPROGRESS);
}

static void
begin(void)
{
	net = uni_begin();
	eth = uni_ethernet(OURS);
	ip_sysctl(net)->unprivileged_port = 0;
	/* The peer asks who we are, and is known. */
	uint8_t arp[42] = {0};
	memset(arp, 0xff, 6);
	memcpy(arp + 6, (uint8_t[]){2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, 16);
	memcpy(arp + 22, (uint8_t[]){2, 0, 0, 0, 0, 2, 10, 0, 0, 2}, 10);
	memcpy(arp + 38, (uint8_t[]){10, 0, 0, 1}, 4);
	must(uni_receive(eth, arp, sizeof(arp)));
	uni_sent = see;
	must(open_socket(LISTENER, SOCK_STREAM)->ops->listen(socks[LISTENER], 2) == 0);
	(void)open_socket(DATAGRAMS, SOCK_DGRAM);
	connect_to_peer(ESTABLISHED);
	must(seen_flags == TCP_SYN);
	snd_nxt = 5000;
	rcv_nxt = seen_seq + 1;
	tcp_frame(ports[ESTABLISHED], snd_nxt++, rcv_nxt, TCP_SYN | TCP_ACK);
	must(seen_flags == TCP_ACK);
	must(netstack_send(socks[ESTABLISHED], "hello", 5, MSG_DONTWAIT) == 5);
	connect_to_peer(CONNECTING);
}

/* --- One record --- */

static void
one_frame(uint8_t *frame, size_t n, uint8_t flags)
{
	uint8_t *at = frame + 34;
	switch (flags & 3) {
	case 0:
		(void)uni_receive(eth, frame, n);
		break;
	case 3:
		if (n < 42)
			break;
		put_ports(at, PEER_PORT, ports[DATAGRAMS]);
		put_be(at + 4, (uint32_t)(n - 34), 2);
		send_ip4(frame, IPPROTO_UDP, n - 34, 6);
		break;
	default:
		if (n < 54)
			break;
		put_ports(at, (uint16_t)(PEER_PORT + ((flags & 3) == 1 ? at[0] & 3 : 0)),
			(flags & 3) == 1 ? ports[at[2] % 3] : ports[ESTABLISHED]);
		if ((flags & 3) == 2) { /* near what is expected */
			put_be(at + 4, snd_nxt + at[6] * 256u + at[7] - 1000, 4);
			put_be(at + 8, rcv_nxt + at[11], 4);
		}
		at[12] = (uint8_t)(((5 + at[12] % 11) << 4) | (at[12] & 1));
		send_ip4(frame, IPPROTO_TCP, n - 34, 16);
		break;
	}
}

static void
use_sockets(uint8_t flags)
{
	static uint8_t bytes[3000];
	struct sock *child;
	if (flags & 64) {
		for (uint32_t i = 0; i < SOCKS; i++)
			(void)netstack_recv(socks[i], bytes, sizeof(bytes), MSG_DONTWAIT);
	}
	if ((flags & 128) && socks[LISTENER]->ops->accept(socks[LISTENER], O_NONBLOCK, &child) == 0)
		netstack_close(child);
}

static void
check_now(void)
{
	int64_t held = 0;
	for (uint32_t i = 0; i < DATAGRAMS; i++) {
		must(socks[i]->accounted == socks[i]->rcv_used + socks[i]->snd_used);
		held += socks[i]->accounted;
	}
	must(net_memory_held(net) >= held + socks[DATAGRAMS]->rcv_used);
	must(netstack_lost_frames(net) == 0);
}

static void
end(void)
{
	uni_fail_after = UINT64_MAX;
	for (uint32_t i = 0; i < SOCKS; i++)
		netstack_close(socks[i]);
	mutex_lock(&net->config_lock);
	must(netif_set_flags(eth, 0, IFF_UP) == 0);
	mutex_unlock(&net->config_lock);
	uni_pass(3600 * NSEC_PER_SEC); /* fragments, TIME_WAIT, who does not answer */
	must(netstack_lost_frames(net) == 0);
	must(net_memory_held(net) == 0);
	must(netstack_leak() == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	begin();
	struct frame f;
	while (frame_next(&data, &size, &f)) {
		if (f.flags & 32)
			uni_fail_after = f.n % 8;
		one_frame(f.bytes, f.n, f.flags);
		uni_fail_after = UINT64_MAX;
		free(f.bytes);
		use_sockets(f.flags);
		if ((f.flags >> 2 & 7) != 0)
			uni_pass((f.flags >> 2 & 7) * 500 * NSEC_PER_MSEC);
		check_now();
	}
	end();
	return 0;
}
