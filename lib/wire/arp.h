/* SPDX-License-Identifier: MIT */
/* ARP for IPv4 over Ethernet (RFC 826). Pure. Addresses in network byte order. */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARP_PACKET  28u
#define ARP_REQUEST 1u
#define ARP_REPLY   2u

struct arp {
	uint16_t op; /* ARP_REQUEST or ARP_REPLY */
	uint8_t sender_mac[6], target_mac[6];
	uint32_t sender, target; /* network byte order */
};

/* false: truncated, not Ethernet and IPv4, another operation, or a sender that is no station. */
bool arp_decode(const uint8_t *at, size_t n, struct arp *out);
void arp_encode(uint8_t at[ARP_PACKET], const struct arp *a);

#endif
