/* SPDX-License-Identifier: MIT */
#include "dev/net/virtio_net_rss.h"

#include <string.h>

#include "base/reader.h"

/* VIRTIO_NET_HASH_TYPE_*: addresses of IPv4 and IPv6, with ports of TCP and UDP; not those with extension headers. */
#define HASH_TYPES 0x3fu

static uint8_t *
append_le16(uint8_t *at, uint32_t n)
{
	store_le16(at, n);
	return at + 2;
}

uint32_t
vnet_rss_order(uint8_t out[VNET_RSS_ORDER], const uint8_t limits[VNET_RSS_LIMITS], uint32_t pairs,
	const uint8_t key[VNET_RSS_KEY])
{
	uint32_t most = load_le16(limits + 1);
	uint32_t types = limits[3] & HASH_TYPES;
	uint32_t entries = VNET_RSS_TABLE;
	while (entries > most)
		entries /= 2;
	if (limits[0] < VNET_RSS_KEY || types == 0 || entries < pairs)
		return 0;
	uint8_t *at = append_le16(out, types);
	at = append_le16(at, 0);
	at = append_le16(at, entries - 1);
	at = append_le16(at, 0); /* the queue of what is not hashed */
	for (uint32_t i = 0; i < entries; i++)
		at = append_le16(at, i % pairs);
	at = append_le16(at, pairs); /* that we send by */
	*at++ = VNET_RSS_KEY;
	memcpy(at, key, VNET_RSS_KEY);
	return (uint32_t)(at - out) + VNET_RSS_KEY;
}
