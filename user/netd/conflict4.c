/* SPDX-License-Identifier: MIT */
/*
 * Whether a leased IPv4 address is somebody else's, by ARP (lib/dhcp/acd4.h). The socket hears of the address alone: what
 * the link says of others does not wake netd.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
open_arp(struct link *l, uint32_t address)
{
	struct sockaddr_ll at = to_everybody(l);
	if (l->arp >= 0)
		close(l->arp);
	/* Bound last: nothing comes before the filter is there. */
	l->arp = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->arp < 0 || hear_alone(l->arp, address) < 0 ||
		bind(l->arp, (struct sockaddr *)&at, sizeof(at)) < 0) {
		warn("%s: nobody looks whether the address is in use: %s", l->name,
			strerror(errno));
		if (l->arp >= 0)
			close(l->arp);
		l->arp = -1;
	}
}

static void
act(struct netd *n, struct link *l, const struct acd4_action *a)
{
	if (a->send && l->arp >= 0) {
		uint8_t packet[ARP_PACKET];
		struct sockaddr_ll to = to_everybody(l);
		arp_encode(packet, &a->packet);
		if (sendto(l->arp, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) <
			0)
			warn("%s: ARP: %s", l->name, strerror(errno));
	}
	if (a->claimed)
		lease4_claimed(n, l);
	if (a->conflict)
		lease4_taken(n, l);
}

void
conflict4_probe(struct netd *n, struct link *l, uint32_t address)
{
	open_arp(l, address);
	struct acd4_action a = acd4_probe(&l->acd, address, now_ms());
	act(n, l, &a);
}

void
conflict4_announce(struct netd *n, struct link *l, uint32_t address)
{
	open_arp(l, address);
	struct acd4_action a = acd4_announce(&l->acd, address, now_ms());
	act(n, l, &a);
}

void
conflict4_stop(struct link *l)
{
	acd4_stop(&l->acd);
	if (l->arp >= 0)
		close(l->arp);
	l->arp = -1;
}

void
conflict4_timer(struct netd *n, struct link *l)
{
	struct acd4_action a = acd4_timer(&l->acd, now_ms());
	act(n, l, &a);
}

void
conflict4_readable(struct netd *n, struct link *l)
{
	uint8_t packet[64];
	struct arp p;
	while (l->arp >= 0) {
		ssize_t got = recv(l->arp, packet, sizeof(packet), 0);
		if (got < 0)
			return;
		if (!arp_decode(packet, (size_t)got, &p))
			continue;
		struct acd4_action a = acd4_input(&l->acd, &p, now_ms());
		act(n, l, &a);
	}
}
