/* SPDX-License-Identifier: MIT */
/*
 * Whether an IPv4 address of ours is somebody else's too, by ARP (lib/dhcp/acd4.h). The socket hears of the address alone: what
 * the link says of others does not wake netd.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "netd/filter.h"
#include "netd/netd.h"
#include "wire/arp.h"

#define ETHERTYPE_ARP 0x0806
#define AT_SENDER     14
#define AT_TARGET     24

/* Packets from the address, and probes for it, alone. address: network byte order. */
static int
hear_alone(int fd, uint32_t address)
{
	uint32_t wanted = ntohl(address);
	const struct filter_instruction code[] = {
		{FILTER_LOAD_WORD, 0, 0, AT_SENDER},
		{FILTER_JUMP_EQUAL, 3, 0, wanted},
		{FILTER_JUMP_EQUAL, 0, 3, 0},
		{FILTER_LOAD_WORD, 0, 0, AT_TARGET},
		{FILTER_JUMP_EQUAL, 0, 1, wanted},
		{FILTER_RETURN, 0, 0, UINT32_MAX},
		{FILTER_RETURN, 0, 0, 0},
	};
	return filter_attach(fd, code, ARRAY_SIZE(code));
}

static struct sockaddr_ll
to_everybody(const struct link *l)
{
	return (struct sockaddr_ll){.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_ARP),
		.sll_ifindex = l->index,
		.sll_halen = 6,
		.sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
}

static void
open_arp(const struct link *l, struct claim *c, uint32_t address)
{
	struct sockaddr_ll at = to_everybody(l);
	close_fd(&c->arp);
	/* Bound last: nothing comes before the filter is there. */
	c->arp = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->arp < 0 || hear_alone(c->arp, address) < 0 ||
		bind(c->arp, (struct sockaddr *)&at, sizeof(at)) < 0) {
		warn("%s: nobody looks whether the address is in use: %s", l->name,
			strerror(errno));
		close_fd(&c->arp);
	}
}

static void
send_packet(const struct link *l, const struct claim *c, const struct arp *p)
{
	uint8_t packet[ARP_PACKET];
	struct sockaddr_ll to = to_everybody(l);
	arp_encode(packet, p);
	if (sendto(c->arp, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		warn("%s: ARP: %s", l->name, strerror(errno));
}

static void
act(struct netd *n, struct link *l, struct claim *c, const struct acd4_action *a)
{
	bool leased = c == &l->lease;
	if (a->send && c->arp >= 0)
		send_packet(l, c, &a->packet);
	if (a->claimed && leased)
		lease4_claimed(n, l);
	else if (a->claimed)
		static4_claimed(n, l, c);
	if (a->conflict && leased)
		lease4_taken(n, l);
	else if (a->conflict)
		static4_taken(n, l, c);
	if (a->defended && !leased)
		static4_defended(l, c);
}

void
conflict4_init(const struct link *l, struct claim *c)
{
	acd4_init(&c->acd, l->mac);
	c->arp = -1;
	c->retry_ms = DHCP_NEVER;
}

void
conflict4_probe(struct netd *n, struct link *l, struct claim *c, uint32_t address)
{
	open_arp(l, c, address);
	struct acd4_action a = acd4_probe(&c->acd, address, now_ms());
	act(n, l, c, &a);
}

void
conflict4_announce(struct netd *n, struct link *l, struct claim *c, uint32_t address)
{
	open_arp(l, c, address);
	struct acd4_action a = acd4_announce(&c->acd, address, now_ms());
	act(n, l, c, &a);
}

void
conflict4_stop(struct claim *c)
{
	acd4_stop(&c->acd);
	close_fd(&c->arp);
}

void
conflict4_timer(struct netd *n, struct link *l, struct claim *c)
{
	struct acd4_action a = acd4_timer(&c->acd, now_ms());
	act(n, l, c, &a);
}

void
conflict4_readable(struct netd *n, struct link *l, struct claim *c)
{
	uint8_t packet[64];
	struct arp p;
	while (c->arp >= 0) {
		ssize_t got = recv(c->arp, packet, sizeof(packet), 0);
		if (got < 0)
			return;
		if (!arp_decode(packet, (size_t)got, &p))
			continue;
		struct acd4_action a = acd4_input(&c->acd, &p, now_ms());
		act(n, l, c, &a);
	}
}
