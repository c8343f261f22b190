/* SPDX-License-Identifier: MIT */
/* Ethernet II frames: destination, source, type; addresses. Pure. */
#ifndef WIRE_ETHER_H
#define WIRE_ETHER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ETHER_ADDR   6u
#define ETHER_HEADER 14u

/* Where the fields are. */
#define ETHER_DESTINATION 0u
#define ETHER_SOURCE      6u
#define ETHER_TYPE        12u

/* Types, host byte order. Below ETHER_TYPE_MIN the field is a length (IEEE 802.3). */
#define ETHER_TYPE_MIN  0x0600u
#define ETHER_TYPE_IP4  0x0800u
#define ETHER_TYPE_ARP  0x0806u
#define ETHER_TYPE_VLAN 0x8100u
#define ETHER_TYPE_IP6  0x86ddu

static inline uint16_t
ether_type(const uint8_t header[ETHER_HEADER])
{
	return (uint16_t)(header[ETHER_TYPE] << 8 | header[ETHER_TYPE + 1]);
}

static inline void
ether_write(uint8_t header[ETHER_HEADER], const uint8_t destination[ETHER_ADDR],
	const uint8_t source[ETHER_ADDR], uint16_t type)
{
	memcpy(header + ETHER_DESTINATION, destination, ETHER_ADDR);
	memcpy(header + ETHER_SOURCE, source, ETHER_ADDR);
	header[ETHER_TYPE] = (uint8_t)(type >> 8);
	header[ETHER_TYPE + 1] = (uint8_t)type;
}

static inline bool
ether_equal(const uint8_t a[ETHER_ADDR], const uint8_t b[ETHER_ADDR])
{
	return memcmp(a, b, ETHER_ADDR) == 0;
}

/* To a group, or to all. */
static inline bool
ether_is_multicast(const uint8_t address[ETHER_ADDR])
{
	return (address[0] & 1) != 0;
}

static inline bool
ether_is_broadcast(const uint8_t address[ETHER_ADDR])
{
	return (address[0] & address[1] & address[2] & address[3] & address[4] & address[5]) ==
		0xff;
}

/* What a station may have as its own: neither a group's nor all zeroes. */
static inline bool
ether_is_station(const uint8_t address[ETHER_ADDR])
{
	return !ether_is_multicast(address) &&
		(address[0] | address[1] | address[2] | address[3] | address[4] | address[5]) != 0;
}

#endif
