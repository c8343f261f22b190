/* SPDX-License-Identifier: MIT */
#include "wire/arp.h"

#include <string.h>

#include "base/reader.h"
#include "wire/ether.h"

#define HARDWARE_ETHER 1
#define AT_OP          6
#define AT_SENDER_MAC  8
#define AT_SENDER      14
#define AT_TARGET_MAC  18
#define AT_TARGET      24

bool
arp_decode(const uint8_t *at, size_t n, struct arp *out)
{
	*out = (struct arp){0};
	if (n < ARP_PACKET || load_be16(at) != HARDWARE_ETHER ||
		load_be16(at + 2) != ETHER_TYPE_IP4 || at[4] != 6 || at[5] != 4)
		return false;
	out->op = load_be16(at + AT_OP);
	memcpy(out->sender_mac, at + AT_SENDER_MAC, 6);
	memcpy(&out->sender, at + AT_SENDER, 4);
	memcpy(out->target_mac, at + AT_TARGET_MAC, 6);
	memcpy(&out->target, at + AT_TARGET, 4);
	return (out->op == ARP_REQUEST || out->op == ARP_REPLY) &&
		ether_is_station(out->sender_mac);
}

void
arp_encode(uint8_t at[ARP_PACKET], const struct arp *a)
{
	static const uint8_t fixed[] = {0, HARDWARE_ETHER, 8, 0, 6, 4, 0};
	memcpy(at, fixed, sizeof(fixed));
	at[AT_OP + 1] = (uint8_t)a->op;
	memcpy(at + AT_SENDER_MAC, a->sender_mac, 6);
	memcpy(at + AT_SENDER, &a->sender, 4);
	memcpy(at + AT_TARGET_MAC, a->target_mac, 6);
	memcpy(at + AT_TARGET, &a->target, 4);
}
