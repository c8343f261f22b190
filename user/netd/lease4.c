/* SPDX-License-Identifier: MIT */
/*
 * DHCPv4 on a link. A packet socket speaks before there is an address; once there is one, a UDP socket keeps the port
 * (so that nobody hears "unreachable") and speaks to the server alone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "netd/filter.h"
#include "netd/netd.h"
#include "rtnl/rtnl.h"
#include "wire/datagram4.h"

#define ETHERTYPE_IPV4 0x0800
#define FRAME_MAX      1600

/* While there is no address: everything goes by a packet socket, and a lease's own port is not needed. */
static bool
speaks_raw(const struct link *l)
{
	return l->applied4.address == 0;
}

/* Whole datagrams for a client's port alone. */
static int
hear_answers(int fd)
{
	enum { FRAGMENT = 6, PROTOCOL = 9, DESTINATION_PORT = 2 };
	static const struct filter_instruction code[] = {
		{FILTER_LOAD_BYTE, 0, 0, PROTOCOL},
		{FILTER_JUMP_EQUAL, 0, 6, IPPROTO_UDP},
		{FILTER_LOAD_HALF, 0, 0, FRAGMENT},
		{FILTER_JUMP_BITS, 4, 0, 0x3fff}, /* more of them, or an offset */
		{FILTER_INDEX_HEADER, 0, 0, 0},
		{FILTER_LOAD_HALF_X, 0, 0, DESTINATION_PORT},
		{FILTER_JUMP_EQUAL, 0, 1, DHCP4_CLIENT_PORT},
		{FILTER_RETURN, 0, 0, UINT32_MAX},
		{FILTER_RETURN, 0, 0, 0},
	};
	return filter_attach(fd, code, ARRAY_SIZE(code));
}

static int
open_packets(const struct link *l)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_IPV4),
		.sll_ifindex = l->index};
	/* Bound last: nothing comes before the filter is there. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && (hear_answers(fd) < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0))
		close_fd(&fd);
	if (fd < 0)
		warn("%s: DHCP: packet socket: %s", l->name, strerror(errno));
	return fd;
}

static int
open_port(const struct link *l)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(DHCP4_CLIENT_PORT)};
	int one = 1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 &&
		(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->name, (socklen_t)strlen(l->name)) <
				0 ||
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
			setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) < 0 ||
			bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0))
		close_fd(&fd);
	if (fd < 0)
		warn("%s: DHCP: port 68: %s", l->name, strerror(errno));
	return fd;
}

/* The sockets that fit the state; both while a lease is asked for again. */
static void
set_sockets(struct link *l)
{
	bool stopped = l->dhcp4.state == DHCP4_STOPPED;
	bool raw = !stopped && (speaks_raw(l) || l->dhcp4.state != DHCP4_BOUND);
	if (raw && l->dhcp4_packets < 0)
		l->dhcp4_packets = open_packets(l);
	else if (!raw)
		close_fd(&l->dhcp4_packets);
	if (!speaks_raw(l) && l->dhcp4_port < 0)
		l->dhcp4_port = open_port(l);
	else if (speaks_raw(l))
		close_fd(&l->dhcp4_port);
}

static void
send_raw(const struct link *l, const uint8_t *message, size_t n)
{
	uint8_t frame[FRAME_MAX];
	struct datagram4 d = {.destination = INADDR_BROADCAST,
		.source_port = DHCP4_CLIENT_PORT,
		.destination_port = DHCP4_SERVER_PORT,
		.payload = message,
		.payload_len = n};
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_IPV4),
		.sll_ifindex = l->index,
		.sll_halen = 6,
		.sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	size_t len = datagram4_encode(&d, frame, sizeof(frame));
	if (l->dhcp4_packets >= 0 &&
		sendto(l->dhcp4_packets, frame, len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		warn("%s: DHCP: %s", l->name, strerror(errno));
}

static void
send_port(const struct link *l, uint32_t to_address, const uint8_t *message, size_t n)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(DHCP4_SERVER_PORT),
		.sin_addr.s_addr = to_address != 0 ? to_address : INADDR_BROADCAST};
	if (l->dhcp4_port >= 0 &&
		sendto(l->dhcp4_port, message, n, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		warn("%s: DHCP: %s", l->name, strerror(errno));
}

static struct text_address
address_of(uint32_t v4)
{
	struct text_address a = {.family = 4};
	memcpy(a.bytes, &v4, sizeof(v4));
	return a;
}

/* A lease's routes: those of option 121 where there are any, else the first router's default (RFC 3442). */
static void
apply_routes(struct netd *n, struct link *l, const struct dhcp4_lease *lease, bool add)
{
	struct text_address any = {.family = 4}, on_link = {0};
	for (size_t i = 0; i < lease->nr_routes; i++) {
		struct text_address to = address_of(lease->routes[i].destination);
		struct text_address by = address_of(lease->routes[i].gateway);
		apply_route(n, l, &to, lease->routes[i].prefix,
			lease->routes[i].gateway != 0 ? &by : &on_link, RTPROT_DHCP, add);
	}
	if (lease->nr_routes == 0 && lease->nr_routers > 0) {
		struct text_address by = address_of(lease->routers[0]);
		apply_route(n, l, &any, 0, &by, RTPROT_DHCP, add);
	}
}

static bool
same_routes(const struct dhcp4_lease *a, const struct dhcp4_lease *b)
{
	for (size_t i = 0; i < DHCP4_ROUTES_MAX; i++) /* those that are not there are zero */
		if (a->routes[i].destination != b->routes[i].destination ||
			a->routes[i].gateway != b->routes[i].gateway ||
			a->routes[i].prefix != b->routes[i].prefix)
			return false;
	return a->nr_routes == b->nr_routes && a->nr_routers == b->nr_routers &&
		memcmp(a->routers, b->routers, sizeof(a->routers)) == 0;
}

static void
unapply(struct netd *n, struct link *l)
{
	if (l->applied4.address == 0)
		return;
	struct text_address a = address_of(l->applied4.address);
	apply_routes(n, l, &l->applied4, false);
	apply_no_address(n, l, &a, l->applied4.prefix);
	l->applied4 = (struct dhcp4_lease){0};
	n->changed = true;
}

static void
apply_lease(struct netd *n, struct link *l)
{
	const struct dhcp4_lease *lease = &l->dhcp4.lease;
	struct text_address a = address_of(lease->address);
	bool same_address =
		l->applied4.address == lease->address && l->applied4.prefix == lease->prefix;
	if (!same_address)
		unapply(n, l);
	else if (!same_routes(&l->applied4, lease))
		apply_routes(n, l, &l->applied4, false);
	uint32_t left = dhcp_seconds_until(now_ms(), lease->expire_ms);
	uint32_t valid = max(left, 1u); /* 0 is no lifetime */
	if (l->config.mtu == 0 && lease->mtu >= 576 && lease->mtu != l->applied4.mtu)
		apply_mtu(n, l, lease->mtu);
	apply_address(n, l, &a, lease->prefix, valid, valid);
	apply_routes(n, l, lease, true);
	l->applied4 = *lease;
	n->changed = true;
}

/* The client has a lease: new terms for the address in use, or another address, which is looked for on the link first. */
static void
take_lease(struct netd *n, struct link *l)
{
	uint32_t address = l->dhcp4.lease.address;
	if (l->applied4.address != address) {
		unapply(n, l);
		conflict4_probe(n, l, &l->lease, address);
		return;
	}
	apply_lease(n, l);
	if (l->lease.acd.state == ACD4_IDLE) /* the link is back */
		conflict4_announce(n, l, &l->lease, address);
}

static void
act(struct netd *n, struct link *l, const struct dhcp4_action *a)
{
	uint8_t message[DHCP4_MAX];
	size_t len = a->send ? dhcp4_encode(&a->message, message, sizeof(message)) : 0;
	/* A last word to the server goes out while the address is still ours. */
	bool from_address = a->send && a->message.ciaddr != 0 && !speaks_raw(l);
	if (from_address)
		send_port(l, a->to, message, len);
	if (a->deconfigure) {
		conflict4_stop(&l->lease);
		unapply(n, l);
	}
	if (a->configure)
		take_lease(n, l);
	set_sockets(l);
	if (a->send && !from_address)
		send_raw(l, message, len);
}

void
lease4_start(struct netd *n, struct link *l)
{
	struct dhcp4_action a = dhcp4_start(&l->dhcp4, now_ms(), random_u32());
	act(n, l, &a);
}

void
lease4_claimed(struct netd *n, struct link *l)
{
	apply_lease(n, l);
	set_sockets(l);
}

void
lease4_taken(struct netd *n, struct link *l)
{
	struct text_address a = address_of(l->dhcp4.lease.address);
	char text[TEXT_ADDRESS_MAX];
	text_address_format(&a, text);
	warn("%s: somebody else has %s, which the server gave us", l->name, text);
	struct dhcp4_action action = dhcp4_conflict(&l->dhcp4, now_ms(), random_u32());
	l->answered = false; /* nobody has said anything of use: login need not wait */
	act(n, l, &action);
}

void
lease4_release(struct link *l)
{
	uint8_t message[DHCP4_MAX];
	struct dhcp4_action a = dhcp4_release(&l->dhcp4, random_u32());
	if (a.send && !speaks_raw(l))
		send_port(l, a.to, message, dhcp4_encode(&a.message, message, sizeof(message)));
}

void
lease4_stop(struct netd *n, struct link *l)
{
	(void)n;
	conflict4_stop(&l->lease);
	dhcp4_stop(&l->dhcp4);
	set_sockets(l);
}

void
lease4_timer(struct netd *n, struct link *l)
{
	struct dhcp4_action a = dhcp4_timer(&l->dhcp4, now_ms(), random_u32());
	act(n, l, &a);
}

/* One datagram to port 68. */
static void
take(struct netd *n, struct link *l, const uint8_t *payload, size_t len)
{
	struct dhcp4_message m;
	if (dhcp4_decode(payload, len, &m) < 0)
		return;
	enum dhcp4_state before = l->dhcp4.state;
	struct dhcp4_action a = dhcp4_input(&l->dhcp4, &m, now_ms(), random_u32());
	l->answered |= l->dhcp4.state != before;
	act(n, l, &a);
}

static void
read_packets(struct netd *n, struct link *l)
{
	uint8_t frame[FRAME_MAX];
	struct datagram4 d;
	while (l->dhcp4_packets >= 0) {
		ssize_t got = recv(l->dhcp4_packets, frame, sizeof(frame), 0);
		if (got < 0)
			return;
		/* On a virtual link the sender's kernel leaves UDP's checksum to a device that does not exist. */
		if (datagram4_decode(frame, (size_t)got, true, &d) == 0 &&
			d.destination_port == DHCP4_CLIENT_PORT &&
			d.source_port == DHCP4_SERVER_PORT)
			take(n, l, d.payload, d.payload_len);
	}
}

static void
read_port(struct netd *n, struct link *l)
{
	uint8_t message[FRAME_MAX];
	while (l->dhcp4_port >= 0) {
		ssize_t got = recv(l->dhcp4_port, message, sizeof(message), 0);
		if (got < 0)
			return;
		take(n, l, message, (size_t)got);
	}
}

void
lease4_readable(struct netd *n, struct link *l)
{
	read_port(n, l);
	read_packets(n, l);
}
